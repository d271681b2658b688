//! TLS before a [`Server`], for programs that give a token to nobody else, and for clients that show a
//! certificate.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::raw::RawServer;
use super::server::{Reply, Request, Server};

/// Good for 127.0.0.1 and localhost, by a CA of its own. Serves until the test's process ends.
pub struct TlsServer {
    pub server: Server,
    front: RawServer,
    certificates: TempDir,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl TlsServer {
    #[track_caller]
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(answer, |certificates| {
            config(certificates, "server", None, false)
        })
    }

    /// Demands a certificate that this one of its own has issued, or that is this one.
    #[track_caller]
    pub fn demanding(
        authority: &str,
        tls12: bool,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::with(answer, |certificates| {
            config(certificates, "server", Some(authority), tls12)
        })
    }

    #[track_caller]
    fn with(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        config: impl Fn(&Path) -> ServerConfig,
    ) -> Self {
        let certificates = tempfile::tempdir().expect("a temporary directory can be made");
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/oidc-provider/gen-certs.sh"
        );
        let mut made = Command::new("sh");
        made.arg(script).arg(certificates.path());
        let made = made.stderr(Stdio::null()).stdout(Stdio::null()).status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "openssl is missing: run tests/run"
        );
        let config = Arc::new(Mutex::new(Arc::new(config(certificates.path()))));
        let shown = Arc::clone(&config);
        let server = Server::start(answer);
        let inner = server.address();
        let front = RawServer::start(move |stream| {
            let end = stream.try_clone();
            let config = Arc::clone(&shown.lock().expect("no panic"));
            drop(relay(stream, config, inner));
            drop(end.and_then(|end| linger(&end)));
        });
        Self {
            server,
            front,
            certificates,
            config,
        }
    }

    /// From now on it shows this one of its certificates: `expired`, `wrongname`, `selfsigned`, `server`.
    pub fn shows(&self, certificate: &str) {
        let config = config(self.certificates.path(), certificate, None, false);
        *self.config.lock().expect("no panic") = Arc::new(config);
    }

    /// How many connections there were, also those that were refused.
    pub fn connections(&self) -> usize {
        self.front.connections()
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.front.port()).into()
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address())
    }

    /// The CA, for clients that are to trust it.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// One of its certificates or keys.
    pub fn file(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }
}

fn config(certificates: &Path, shown: &str, authority: Option<&str>, tls12: bool) -> ServerConfig {
    let read = |name: &str| CertificateDer::from_pem_file(certificates.join(name));
    let key = PrivateKeyDer::from_pem_file(certificates.join(format!("{shown}.key")));
    let builder = if tls12 {
        ServerConfig::builder_with_protocol_versions(&[&TLS12])
    } else {
        ServerConfig::builder_with_protocol_versions(&[&TLS12, &TLS13])
    };
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let added = roots.add(read(authority).expect("a certificate"));
            added.expect("it can be an authority");
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.expect("there is an authority"))
        }
    };
    let chain = vec![read(&format!("{shown}.pem")).expect("a certificate")];
    let config = builder.with_single_cert(chain, key.expect("a key"));
    config.expect("they belong together")
}

/// Reads what still comes: closed with a request unread, the connection would be reset, and an alert
/// before that be lost.
fn linger(stream: &TcpStream) -> io::Result<u64> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    io::copy(&mut &*stream, &mut io::sink())
}

/// One request for a connection: its head up to the empty line, its body by its length.
fn relay(stream: TcpStream, config: Arc<ServerConfig>, inner: SocketAddr) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut outside = BufReader::new(StreamOwned::new(connection, stream));
    let mut inside = TcpStream::connect(inner)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        outside.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.trim().is_empty() {
            break;
        }
        if !lower.starts_with("connection:") {
            inside.write_all(line.as_bytes())?;
        }
    }
    inside.write_all(b"connection: close\r\n\r\n")?;
    let mut body = vec![0; length];
    outside.read_exact(&mut body)?;
    inside.write_all(&body)?;
    let mut reply = Vec::new();
    inside.read_to_end(&mut reply)?;
    // The client is told too that the connection ends.
    let head = reply.iter().position(|byte| *byte == b'\n').unwrap_or(0) + 1;
    let mut outside = outside.into_inner();
    outside.write_all(&reply[..head])?;
    outside.write_all(b"connection: close\r\n")?;
    outside.write_all(&reply[head..])?;
    outside.conn.send_close_notify();
    outside.flush()
}
