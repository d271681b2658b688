//! Keys in PEM: PKCS#8 (RFC 5958), and the older forms for RSA (PKCS#1) and EC (SEC1, RFC 5915).

use super::{CONVERT, Pair, Unusable, rsa_words, unknown_kind, words};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::{Zeroize, Zeroizing};

/// Reads the first private key of a text.
pub fn read(text: &str) -> Result<Pair, Unusable> {
    // In a variable or a keyring a PEM is often one line, with its line ends written out.
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let Ok(mut key) = PrivateKeyDer::from_pem_slice(text.as_bytes()) else {
        return Err(not_a_key(&text));
    };
    let pair = from_der(&key);
    key.zeroize();
    pair
}

fn not_a_key(text: &str) -> Unusable {
    let has = |label: &str| text.contains(label);
    match () {
        () if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") => Unusable::new(
            "it is encrypted with a passphrase",
            "to write it without one, run: openssl pkey -in KEY -out NEW",
        ),
        () if has("BEGIN OPENSSH PRIVATE KEY") => Unusable::new(
            "it is in OpenSSH's own form",
            "to turn it into PKCS#8, run: ssh-keygen -p -m PKCS8 -f KEY",
        ),
        () if has("BEGIN PUBLIC KEY") || has("BEGIN CERTIFICATE") => Unusable::new(
            "it holds a public key or a certificate, and no private key",
            "name the file of the private key that belongs to it",
        ),
        () => Unusable::new("it is no private key in PEM form and no JWK", CONVERT),
    }
}

/// Object identifiers as they stand in a key's DER form.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

fn from_der(key: &PrivateKeyDer<'_>) -> Result<Pair, Unusable> {
    let der = key.secret_der();
    let has = |identifier: &[u8]| der.windows(identifier.len()).any(|part| part == identifier);
    match key {
        PrivateKeyDer::Pkcs1(_) => KeyPair::from_der(der).map(Pair::Rsa).map_err(rsa_words),
        PrivateKeyDer::Sec1(_) if has(P256) => ec(P256, &in_pkcs8(P256, der)?),
        PrivateKeyDer::Sec1(_) if has(P384) => ec(P384, &in_pkcs8(P384, der)?),
        PrivateKeyDer::Pkcs8(_) if has(RSA) => {
            KeyPair::from_pkcs8(der).map(Pair::Rsa).map_err(rsa_words)
        }
        PrivateKeyDer::Pkcs8(_) if has(P256) => ec(P256, der),
        PrivateKeyDer::Pkcs8(_) if has(P384) => ec(P384, der),
        PrivateKeyDer::Pkcs8(_) if has(ED25519) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Pair::Ed25519)
            .map_err(words),
        _ => Err(unknown_kind()),
    }
}

fn ec(curve: &[u8], der: &[u8]) -> Result<Pair, Unusable> {
    let random = SystemRandom::new();
    if curve == P256 {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der, &random);
        pair.map(Pair::P256).map_err(words)
    } else {
        let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der, &random);
        pair.map(Pair::P384).map_err(words)
    }
}

/// An EC key in the form that "BEGIN EC PRIVATE KEY" has (RFC 5915), put into the one that is read
/// (RFC 5958): version, algorithm, key.
fn in_pkcs8(curve: &[u8], key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let kind = tagged(0x06, &[EC_PUBLIC_KEY])?;
    let curve = tagged(0x06, &[curve])?;
    let algorithm = tagged(0x30, &[&kind, &curve])?;
    let version = tagged(0x02, &[&[0]])?;
    let key = tagged(0x04, &[key])?;
    tagged(0x30, &[&version, &algorithm, &key])
}

/// A DER value of at most 255 bytes, which that of every EC key is.
fn tagged(tag: u8, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let short = u8::try_from(length).map_err(words)?;
    let mut all = Zeroizing::new(Vec::with_capacity(length + 3));
    all.push(tag);
    if short >= 0x80 {
        all.push(0x81);
    }
    all.push(short);
    for part in parts {
        all.extend_from_slice(part);
    }
    Ok(all)
}
