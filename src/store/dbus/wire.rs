//! D-Bus values as bytes: the few types the Secret Service needs, every length checked.
//!
//! The layout is that of the D-Bus specification, section "Marshaling". We write little-endian and
//! read either order.

use zeroize::Zeroizing;

/// Bytes which are wiped when freed.
pub type Buffer = Zeroizing<Vec<u8>>;

/// What the peer sent is not D-Bus, or more of it than we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Makes room for `extra` bytes without leaving a copy behind in freed memory.
pub fn reserve(buffer: &mut Buffer, extra: usize) {
    if buffer.capacity() - buffer.len() < extra {
        let mut larger = Zeroizing::new(Vec::with_capacity(
            (buffer.len() + extra).max(2 * buffer.capacity()),
        ));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
}

/// Appends values to a message that starts at its first byte, so that alignment can be counted from
/// there.
pub struct Writer {
    bytes: Buffer,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(512)),
        }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn into_bytes(self) -> Buffer {
        self.bytes
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        reserve(&mut self.bytes, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub fn align(&mut self, to: usize) {
        let padding = self.bytes.len().next_multiple_of(to) - self.bytes.len();
        self.raw(&[0; 8][..padding]);
    }

    /// Sets the length at `at`, which was written before it was known.
    pub fn patch(&mut self, at: usize, length: usize) {
        // Longer than u32 is longer than a message may be; `encode` refuses it.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub fn bool(&mut self, value: bool) {
        self.u32(u32::from(value));
    }

    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.raw(&value.to_le_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.align(8);
        self.raw(&value.to_le_bytes());
    }

    /// A string or an object path: the same bytes.
    pub fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
        self.raw(&[0]);
    }

    pub fn signature(&mut self, value: &str) {
        // Ours are literals of a few characters.
        self.raw(&[u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        self.raw(value.as_bytes());
        self.raw(&[0]);
    }

    /// An array of bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.align(4);
        let at = self.bytes.len();
        self.raw(&[0; 4]);
        self.patch(at, value.len());
        self.raw(value);
    }

    /// An array whose elements begin at multiples of `alignment`.
    pub fn array(&mut self, alignment: usize, elements: impl FnOnce(&mut Self)) {
        self.u32(0);
        let length_at = self.bytes.len() - 4;
        self.align(alignment);
        let from = self.bytes.len();
        elements(self);
        self.patch(length_at, self.bytes.len() - from);
    }

    /// Object paths.
    pub fn paths(&mut self, paths: &[String]) {
        self.array(4, |a| paths.iter().for_each(|path| a.string(path)));
    }

    /// `a{ss}`
    pub fn dict(&mut self, pairs: &[(&str, &str)]) {
        self.array(8, |a| {
            for (key, value) in pairs {
                a.align(8);
                a.string(key);
                a.string(value);
            }
        });
    }
}

/// Reads values off a message; `bytes` ends where the value read ends, so no element leaves its
/// array.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, the beginning of a message, from `at` on.
    pub fn new(bytes: &'a [u8], at: usize, big_endian: bool) -> Self {
        Self {
            bytes,
            at,
            big_endian,
        }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }

    pub fn align(&mut self, to: usize) -> Result<(), Malformed> {
        let padding = self.at.next_multiple_of(to) - self.at;
        self.take(padding).map(|_| ())
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.align(4)?;
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed)?;
        Ok(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.align(8)?;
        let bytes = self.take(8)?.try_into().map_err(|_| Malformed)?;
        Ok(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    pub fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.u32()? != 0)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, Malformed> {
        let text = str::from_utf8(self.take(length)?).map_err(|_| Malformed)?;
        if self.u8()? == 0 && !text.contains('\0') {
            Ok(text)
        } else {
            Err(Malformed)
        }
    }

    pub fn string(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u32()?;
        self.text(usize::try_from(length).map_err(|_| Malformed)?)
    }

    /// An object path; checked, because we send it back to the bus, which hangs up on a bad one.
    pub fn path(&mut self) -> Result<&'a str, Malformed> {
        let path = self.string()?;
        let element =
            |e: &str| !e.is_empty() && e.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let valid = path == "/"
            || path
                .strip_prefix('/')
                .is_some_and(|rest| rest.split('/').all(element));
        if valid { Ok(path) } else { Err(Malformed) }
    }

    pub fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u8()?;
        self.text(usize::from(length))
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| Malformed)?)
    }

    /// A reader of the elements, which begin at multiples of `alignment`.
    pub fn array(&mut self, alignment: usize) -> Result<Reader<'a>, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        self.align(alignment)?;
        let from = self.at;
        self.take(length)?;
        Ok(Reader {
            bytes: &self.bytes[..self.at],
            at: from,
            big_endian: self.big_endian,
        })
    }

    /// Object paths, into owned strings.
    pub fn paths(&mut self) -> Result<Vec<String>, Malformed> {
        let mut elements = self.array(4)?;
        let mut paths = Vec::new();
        while !elements.is_empty() {
            paths.push(elements.path()?.to_owned());
        }
        Ok(paths)
    }

    /// Enters a variant, which must hold `signature`.
    pub fn variant(&mut self, signature: &str) -> Result<(), Malformed> {
        if self.signature()? == signature {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Passes over a variant that holds a text or an array of bytes; its signature.
    pub fn skip_variant(&mut self) -> Result<&'a str, Malformed> {
        let signature = self.signature()?;
        match signature {
            "s" | "o" => drop(self.string()?),
            "ay" => drop(self.bytes()?),
            _ => return Err(Malformed),
        }
        Ok(signature)
    }
}
