//! What we send: method calls to bytes.

use super::message::MAX_MESSAGE;
use super::wire::{Buffer, Malformed, Writer};

/// Where a method call goes.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
    pub signature: &'a str,
}

/// One method call as bytes.
pub fn encode(
    call: &Call,
    serial: u32,
    write_body: impl FnOnce(&mut Writer),
) -> Result<Buffer, Malformed> {
    let mut w = Writer::new();
    w.raw(&[b'l', 1, 0, 1]);
    w.u32(0); // body length, patched below
    w.u32(serial);
    w.array(8, |fields| {
        let named = [
            (1, "o", call.path),
            (2, "s", call.interface),
            (3, "s", call.member),
            (6, "s", call.destination),
            (8, "g", call.signature),
        ];
        for (code, kind, value) in named.into_iter().filter(|(.., value)| !value.is_empty()) {
            fields.align(8);
            fields.raw(&[code]);
            fields.signature(kind);
            if kind == "g" {
                fields.signature(value);
            } else {
                fields.string(value);
            }
        }
    });
    w.align(8);
    let body_at = w.len();
    write_body(&mut w);
    let body = w.len() - body_at;
    w.patch(4, body);
    if w.len() > MAX_MESSAGE {
        Err(Malformed)
    } else {
        Ok(w.into_bytes())
    }
}
