#!/bin/sh
# gen-certs.sh DIRECTORY: makes there a test CA, a good server certificate, an expired one, one for another name,
# a self-signed one, and client certificates: two good ones, an expired one, a self-signed one, and one of an
# intermediate CA with that in its file; each as NAME.pem with NAME.key.
set -eu
umask 077
mkdir -p "$1"
cd "$1"

key() { # name
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

request() { # name subject
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
}

extensions() { # name subjectAltName extendedKeyUsage
  cat >"$1.ext" <<EOF
basicConstraints=CA:FALSE
subjectAltName=$2
extendedKeyUsage=$3
keyUsage=digitalSignature
EOF
}

sign() { # name authority
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 3650 -extfile "$1.ext" \
    -out "$1.pem" 2>/dev/null
}

leaf() { # name subject subjectAltName extendedKeyUsage [authority]
  request "$1" "$2"
  extensions "$1" "$3" "$4"
  sign "$1" "${5:-ca}"
}

# `openssl x509 -req` cannot date a certificate back (before OpenSSL 3.4), `openssl ca` can.
expired_leaf() { # name subject subjectAltName extendedKeyUsage
  request "$1" "$2"
  extensions "$1" "$3" "$4"
  : >index.txt
  echo 1000 >serial
  cat >ca.cnf <<EOF
[ca]
default_ca=tests
[tests]
database=index.txt
new_certs_dir=.
serial=serial
default_md=sha256
policy=any
unique_subject=no
[any]
commonName=supplied
EOF
  openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in "$1.csr" -extfile "$1.ext" \
    -startdate 20200101000000Z -enddate 20200201000000Z -out "$1.pem" -notext 2>/dev/null
}

key ca
openssl req -x509 -new -key ca.key -subj "/CN=tokctl tests CA" -days 3650 -out ca.pem \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
leaf server "/CN=127.0.0.1" "IP:127.0.0.1,IP:::1,DNS:localhost" serverAuth
leaf wrongname "/CN=other.invalid" "DNS:other.invalid" serverAuth
leaf client "/CN=tls-client" "DNS:tls-client.rig.test" clientAuth
leaf client2 "/CN=tls-client-2" "DNS:tls-client-2.rig.test" clientAuth
expired_leaf expired "/CN=127.0.0.1" "IP:127.0.0.1,DNS:localhost" serverAuth
expired_leaf oldclient "/CN=tls-client" "DNS:tls-client.rig.test" clientAuth
request intermediate "/CN=tokctl tests intermediate CA"
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' >intermediate.ext
sign intermediate ca
leaf chained "/CN=tls-client" "DNS:tls-client.rig.test" clientAuth intermediate
cat intermediate.pem >>chained.pem
# By itself, as an authority cannot be.
request ownclient "/CN=tls-client"
extensions ownclient "DNS:tls-client.rig.test" clientAuth
openssl x509 -req -in ownclient.csr -signkey ownclient.key -days 3650 -extfile ownclient.ext -out ownclient.pem 2>/dev/null
key selfsigned
openssl req -x509 -new -key selfsigned.key -subj "/CN=127.0.0.1" -days 3650 -out selfsigned.pem \
  -addext "subjectAltName=IP:127.0.0.1,DNS:localhost"
rm -f ./*.csr ./*.ext ./*.srl index.txt* serial* ca.cnf 1000.pem
