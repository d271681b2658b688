//! Posts a client-credentials request and prints the reply: minimal URL [CA-FILE]

use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("no URL")?;
    let mut config = ureq::Agent::config_builder().proxy(None);
    if let Some(file) = args.next() {
        let pem = std::fs::read(file)?;
        let roots = RootCerts::new_with_certs(&[Certificate::from_pem(&pem)?]);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    let agent = ureq::Agent::new_with_config(config.build());
    let form = [("grant_type", "client_credentials"), ("client_id", "cc-post"), ("client_secret", "cc-post-secret")];
    println!("{}", agent.post(url).send_form(form)?.body_mut().read_to_string()?);
    Ok(())
}
