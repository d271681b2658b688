//! The key file of a Google service account.

use super::{Key, Unusable, pem};
use serde_json::Value;

/// Whose key it is.
pub struct Account {
    pub email: String,
    /// The audience of what is signed with the key.
    pub token_uri: Option<String>,
}

/// Whether this JSON is one of Google's files with credentials.
pub fn is_google(value: &Value) -> bool {
    value["type"].is_string() || value["installed"].is_object() || value["web"].is_object()
}

/// Takes the key, its id and its owner out of the file.
pub fn read(value: &Value) -> Result<Key, Unusable> {
    let hint = "create a key of the type JSON for the service account, and name its file";
    if value["type"] != "service_account" {
        return Err(Unusable::new(
            "it is a file of Google's, but not a service account's key",
            hint,
        ));
    }
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
    let (Some(email), Some(key)) = (text("client_email"), text("private_key")) else {
        return Err(Unusable::new(
            "it is a service account's file without client_email or private_key",
            hint,
        ));
    };
    Ok(Key {
        pair: pem::read(key)?,
        id: text("private_key_id").map(str::to_owned),
        algorithm: None,
        account: Some(Account {
            email: email.to_owned(),
            token_uri: text("token_uri").map(str::to_owned),
        }),
    })
}
