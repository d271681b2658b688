//! TLS before a [`Server`], for programs that give a token to nobody else.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::server::{Reply, Request, Server};

/// Good for 127.0.0.1 and localhost, by a CA of its own. Serves until the test's process ends.
pub struct TlsServer {
    pub server: Server,
    address: SocketAddr,
    certificates: TempDir,
}

impl TlsServer {
    #[track_caller]
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
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
        let certificate = CertificateDer::from_pem_file(certificates.path().join("server.pem"));
        let key = PrivateKeyDer::from_pem_file(certificates.path().join("server.key"));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("a certificate")],
                key.expect("a key"),
            );
        let config = Arc::new(config.expect("they belong together"));
        let server = Server::start(answer);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let inner = server.address();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || relay(stream, config, inner));
            }
        });
        Self {
            server,
            address,
            certificates,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The CA, for clients that are to trust it.
    pub fn ca_file(&self) -> PathBuf {
        self.certificates.path().join("ca.pem")
    }
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
