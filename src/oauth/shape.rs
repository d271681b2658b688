//! Where in a reply things are: in their usual places, or where the profile's pointers (RFC 6901) say.

use crate::profile::Pointers;
use serde_json::Value;

/// A reply's members by their usual names.
#[derive(Clone, Copy)]
pub struct Shape<'p>(pub &'p Pointers);

impl Shape<'_> {
    /// The part of the reply that holds a token: the first root that has one.
    pub fn part(self, value: &mut Value) -> Option<&mut Value> {
        let whole = [String::new()];
        let roots = self.0.get("root").map_or(&whole[..], Vec::as_slice);
        let with = |names: &[&str]| {
            roots.iter().find(|root| {
                let part = value.pointer(root).unwrap_or(&Value::Null);
                names.iter().any(|name| !self.find(part, name).is_null())
            })
        };
        // Google gives a service account that asks for one an id token alone.
        let root = with(&["access_token", "refresh_token"]).or_else(|| with(&["id_token"]))?;
        value.pointer_mut(root)
    }

    /// Whether the profile says where a member is.
    pub fn points_at(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member of a part.
    pub fn find<'v>(self, part: &'v Value, name: &str) -> &'v Value {
        let found = match self.0.get(name) {
            Some(pointers) => pointers.iter().find_map(|pointer| part.pointer(pointer)),
            None => part.get(name),
        };
        found.unwrap_or(&Value::Null)
    }

    /// Takes a member out of a part.
    pub fn take(self, part: &mut Value, name: &str) -> Option<Value> {
        let found = match self.0.get(name) {
            Some(pointers) => {
                let there = |pointer: &&String| part.pointer(pointer).is_some();
                let pointer = pointers.iter().find(there)?;
                part.pointer_mut(pointer)
            }
            None => part.get_mut(name),
        };
        found.map(Value::take)
    }

    /// Puts an error that stands elsewhere in its usual place.
    pub fn settle_error(self, value: &mut Value) {
        for name in ["error", "error_description"] {
            if !self.points_at(name) {
                continue;
            }
            let found = self.find(value, name).clone();
            if let (Some(members), false) = (value.as_object_mut(), found.is_null()) {
                members.insert(name.to_owned(), found);
            }
        }
    }

    /// Whether the reply says that it is a refusal: `"ok": false` (Slack), or a status in the body
    /// that is not 0 (Withings).
    pub fn says_no(self, value: &Value) -> bool {
        match self.find(value, "ok") {
            Value::Bool(ok) => !ok,
            Value::Number(status) => self.points_at("ok") && status.as_f64() != Some(0.0),
            _ => false,
        }
    }
}
