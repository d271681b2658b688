//! What a person types for a key, as it stands in the file: plain words for what is a string there, TOML for tables.

use super::keys::Key;
use super::shape::Shape;
use toml_edit::{Array, Value};

/// The value of a key, or of a member of its table if `member`. The error says what is wanted.
pub fn value(key: &Key, member: bool, words: &[String]) -> Result<Value, String> {
    let one = match words {
        [one] => one.as_str(),
        _ if many(key.shape) && !member => {
            return Ok(Value::Array(words.iter().collect::<Array>()));
        }
        _ => return Err("takes one value".to_owned()),
    };
    match key.shape {
        _ if member && is_table(key.shape) => Ok(scalar_or_text(one)),
        _ if member => Err("has no members".to_owned()),
        Shape::Texts | Shape::Hosts | Shape::Members if one.starts_with('[') => written(one),
        Shape::Flag => match one {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("must be true or false".to_owned()),
        },
        Shape::Duration | Shape::Life => Ok(match one.parse::<i64>() {
            Ok(seconds) => seconds.into(),
            Err(_) => one.into(),
        }),
        Shape::Params | Shape::Claims | Shape::Pointers => table(one),
        Shape::Secret | Shape::Token => table(one).map_err(|_| {
            "is not typed on a command line, which others can read; name where it is, as in '{ env = \"NAME\" }'"
                .to_owned()
        }),
        Shape::Text
        | Shape::AnyText
        | Shape::Preset
        | Shape::Path
        | Shape::Endpoint
        | Shape::Texts
        | Shape::Header
        | Shape::Choice(_)
        | Shape::TokenType
        | Shape::Hosts
        | Shape::Members => Ok(one.into()),
    }
}

fn many(shape: Shape) -> bool {
    matches!(shape, Shape::Texts | Shape::Hosts | Shape::Members)
}

/// Whether the key's value has members.
pub fn is_table(shape: Shape) -> bool {
    matches!(shape, Shape::Params | Shape::Claims | Shape::Pointers)
}

/// A value as TOML writes it.
fn written(text: &str) -> Result<Value, String> {
    text.parse()
        .map_err(|cause: toml_edit::TomlError| cause.message().trim().to_owned())
}

fn table(text: &str) -> Result<Value, String> {
    match written(text)? {
        table @ Value::InlineTable(_) => Ok(table),
        _ => Err("must be a table, as in '{ name = \"value\" }'".to_owned()),
    }
}

/// A number, a flag, an array or a table where it is written as one, else the text itself.
fn scalar_or_text(text: &str) -> Value {
    match written(text) {
        Ok(
            value @ (Value::Boolean(_)
            | Value::Integer(_)
            | Value::Array(_)
            | Value::InlineTable(_)),
        ) => value,
        Ok(Value::String(quoted)) if text.starts_with(['"', '\'']) => Value::String(quoted),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::find_key;

    #[test]
    fn words_become_what_the_key_holds() {
        for (key, words, wanted) in [
            ("client_id", &["007"][..], "\"007\""),
            ("scope", &["a"], "\"a\""),
            ("scope", &["a", "b"], "[\"a\", \"b\"]"),
            ("scope", &["[\"a b\"]"], "[\"a b\"]"),
            ("pkce", &["false"], "false"),
            ("pkce", &["no"], "must be true or false"),
            ("min_ttl", &["60"], "60"),
            ("min_ttl", &["5m"], "\"5m\""),
            ("vars.tenant", &["corp"], "\"corp\""),
            ("vars.tenant", &["7"], "7"),
            ("vars.tenant", &["\"7\""], "\"7\""),
            (
                "vars",
                &["7"],
                "must be a table, as in '{ name = \"value\" }'",
            ),
            (
                "client_secret",
                &["{ keyring = true }"],
                "{ keyring = true }",
            ),
            ("client_id", &["a", "b"], "takes one value"),
            ("client_id.x", &["a"], "has no members"),
        ] {
            let (name, member) = key
                .split_once('.')
                .map_or((key, false), |(key, _)| (key, true));
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let known = find_key(name).expect("a key");
            let made = value(known, member, &words).map(|value| value.to_string());
            assert_eq!(made.unwrap_or_else(|why| why), wanted, "{key} {words:?}");
        }
        let secret = value(
            find_key("client_secret").expect("a key"),
            false,
            &["s3cret".to_owned()],
        );
        assert!(secret.is_err_and(|why| !why.contains("s3cret")));
    }
}
