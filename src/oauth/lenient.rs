//! JSON as servers write it: one member that no parser can take costs itself and not the token.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object of which each member is read by itself: one that no parser can take (half a surrogate
/// pair, a number beyond all bounds, a thousand levels) costs itself and not the token.
pub fn object(text: &str) -> Option<Value> {
    let mended;
    let members: BTreeMap<String, &RawValue> = match serde_json::from_str(text) {
        Ok(members) => members,
        Err(_) if text.starts_with('{') => {
            mended = zeroize::Zeroizing::new(mend(text));
            serde_json::from_str(&mended).ok()?
        }
        Err(_) => return None,
    };
    let read = |raw: &RawValue| {
        let number = raw
            .get()
            .starts_with(|c: char| c == '-' || c.is_ascii_digit());
        serde_json::from_str(raw.get()).unwrap_or(if number {
            Value::String(raw.get().to_owned())
        } else {
            Value::Null
        })
    };
    Some(Value::Object(
        members
            .into_iter()
            .map(|(name, raw)| (name, read(raw)))
            .collect(),
    ))
}

/// Puts quotes around `NaN` and `Infinity`, which Python writes and JSON does not have, and replaces
/// escaped surrogates, of which one half may be missing.
fn mend(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        if let (false, Some(word)) = (in_string, word) {
            out.push_str("\"NaN\"");
            rest = &rest[word.len()..];
            continue;
        }
        let surrogate = |hex: &str| matches!(u16::from_str_radix(hex, 16), Ok(0xd800..=0xdfff));
        if escaped && c == 'u' && rest.get(1..5).is_some_and(surrogate) {
            out.push_str("ufffd");
            (rest, escaped) = (&rest[5..], false);
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::object;
    use serde_json::json;

    #[test]
    fn a_member_that_cannot_be_read_costs_only_itself() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for strange in ["1e999", r#""\ud800""#, "NaN", "-Infinity", deep.as_str()] {
            let text = r#"{"access_token":"a\"NaN","x":X,"expires_in":X}"#.replace('X', strange);
            let value = object(&text).unwrap_or_default();
            assert_eq!(value["access_token"], json!("a\"NaN"), "{strange:.20}");
        }
        let name = object(r#"{"\ud800":1,"access_token":"at \ud83d\ude00"}"#).unwrap_or_default();
        assert_eq!(name["access_token"], json!("at \u{fffd}\u{fffd}"));
        assert!(object("[1]").is_none() && object("{\"a\":").is_none());
    }
}
