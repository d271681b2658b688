//! What a client proves itself with.

use super::key::Key;
use super::token_exchange::Given;
use crate::error::{Kind, Result};
use crate::http::ClientCertificate;
use crate::profile::{ClientAuth, Profile};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

/// A profile's secrets as text: read when a request is made, and not before.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// The client secret.
    pub secret: Option<Secret>,
    /// The private key, in any of the forms that [`Key`] reads.
    pub key: Option<Secret>,
    /// The certificate of the key, in PEM.
    pub certificate: Option<Secret>,
    /// What a token exchange is given. It is asked for anew, and never by a renewal.
    #[serde(skip)]
    pub given: Option<Given>,
}

impl Credentials {
    /// What is shown to a server that asks for a certificate (RFC 8705).
    pub fn client_certificate(&self, profile: &Profile) -> Result<Option<ClientCertificate<'_>>> {
        let Some(certificate) = &self.certificate else {
            if profile.client.auth == ClientAuth::Tls {
                let hint = "set client_certificate = \"client.pem\" and client_key in the profile";
                return Err(profile
                    .error(Kind::Config, "has no client_certificate to show")
                    .hint(hint));
            }
            return Ok(None);
        };
        // Says what is wrong with the key, if something is.
        self.signing_key(profile)?;
        let key = self.key.as_ref();
        Ok(key.map(|key| ClientCertificate { certificate, key }))
    }

    /// The certificate's SHA-256, by which a server may find the key (RFC 7515 section 4.1.8).
    pub fn thumbprint(&self) -> Option<String> {
        let text = self.certificate.as_ref()?.expose();
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)))
    }

    /// The private key, ready to sign.
    pub fn signing_key(&self, profile: &Profile) -> Result<Key> {
        let text = self.key.as_ref().ok_or_else(|| {
            let what = "has no client_key to sign with";
            let hint = "set client_key = { file = \"key.pem\" } in the profile";
            profile.error(Kind::Config, what).hint(hint)
        })?;
        Key::parse(text).map_err(|why| profile.key_error(&why.what).hint(why.hint))
    }
}
