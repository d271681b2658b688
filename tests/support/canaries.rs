//! Secrets made for one run, and the search for them in every form that would give one away.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

/// The secrets of a run, each by a name that may be shown.
#[derive(Default)]
pub struct Canaries {
    all: Vec<(&'static str, Vec<String>)>,
}

impl Canaries {
    /// Makes a secret.
    pub fn make(&mut self, name: &'static str) -> String {
        let mut random = [0; 12];
        getrandom::fill(&mut random).expect("randomness");
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.add(name, &secret);
        secret
    }

    /// Adds a secret that somebody else has made.
    pub fn add(&mut self, name: &'static str, secret: &str) {
        assert!(
            secret.len() >= 16,
            "{name} is too short to be told from chance"
        );
        self.all.push((name, forms(secret)));
    }

    /// The names of the secrets that a text holds, in clear or so that everybody can read them.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(bytes);
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        let holds = |form: &String| text.contains(form) || decoded.contains(form);
        let found = self.all.iter().filter(|(_, forms)| forms.iter().any(holds));
        found.map(|(name, _)| *name).collect()
    }
}

/// A secret as it is, in hexadecimal, and in base64 wherever it begins in what is encoded.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex];
    for before in 0..3 {
        let bytes = [&b"xx"[..before], secret.as_bytes()].concat();
        // Without the characters that its neighbours have a part in.
        let inner = |text: String| text[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned();
        forms.push(inner(STANDARD_NO_PAD.encode(&bytes)));
        forms.push(inner(URL_SAFE_NO_PAD.encode(&bytes)));
    }
    forms
}
