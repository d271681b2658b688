//! A value of the configuration's text as it stands there.

use super::fault::Fault;
use toml::Spanned;
use toml::de::DeValue;

/// A string; an empty one says nothing and is refused.
pub fn text(value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    match value.get_ref().as_str() {
        Some("") => Err(Fault::new(value.span(), "must not be empty")),
        Some(text) if text.contains(char::is_control) => {
            Err(Fault::new(value.span(), "must not hold control characters"))
        }
        Some(text) => Ok(text.to_owned()),
        None => Err(Fault::new(
            value.span(),
            format!("must be a string, not {}", kind(value.get_ref())),
        )),
    }
}

/// A value's type in words.
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
