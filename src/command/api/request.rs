//! A request as the command line describes it: method, headers and a body that may be sent twice.

use crate::bounded;
use crate::cli;
use crate::error::{Error, Result};
use crate::http::{Payload, is_own_header};
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A body from stdin up to this size is kept, so that it can be sent a second time.
const KEPT: u64 = 1024 * 1024;

/// What a form is put together of is in memory.
const MAX_PART: u64 = 64 * 1024 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// What is asked for, beside the URL.
pub struct Request {
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// Set to nothing by the command line: they are left out.
    without: Vec<String>,
    body: Body,
}

enum Body {
    Nothing,
    Bytes(Rc<Vec<u8>>),
    File(PathBuf),
    /// A long stdin, until it is sent.
    Stream(Option<Box<dyn Read>>),
}

impl Request {
    /// From the arguments; reads what is small, and opens what is not.
    pub fn read(api: &cli::Api) -> Result<Self> {
        let mut headers = Vec::new();
        let mut without = Vec::new();
        for line in &api.header {
            match header(line)? {
                (name, value) if value.is_empty() => without.push(name),
                header => headers.push(header),
            }
        }
        let (body, content_type) = body(api)?;
        let method = match (&api.request, &body) {
            (Some(method), _) => method.clone(),
            (None, Body::Nothing) => "GET".to_owned(),
            (None, _) => "POST".to_owned(),
        };
        if method.is_empty()
            || !method
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return Err(Error::usage("--request: not a method's name"));
        }
        let mut request = Self {
            method,
            headers,
            without,
            body,
        };
        if let Some(content_type) = content_type
            && !request.has_header("content-type")
        {
            let header = ("Content-Type".to_owned(), content_type.to_owned());
            request.headers.push(header);
        }
        Ok(request)
    }

    /// Whether the command line sets a header, be it to nothing.
    pub fn has_header(&self, name: &str) -> bool {
        let set = self.headers.iter().map(|(own, _)| own);
        set.chain(&self.without)
            .any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The same once more, where its body can be sent twice.
    pub fn again(&self) -> Option<Self> {
        let body = match &self.body {
            Body::Nothing => Body::Nothing,
            Body::Bytes(bytes) => Body::Bytes(Rc::clone(bytes)),
            Body::File(path) => Body::File(path.clone()),
            Body::Stream(_) => return None,
        };
        Some(Self {
            method: self.method.clone(),
            headers: self.headers.clone(),
            without: self.without.clone(),
            body,
        })
    }

    /// Whether the body was sent, and cannot be sent again.
    pub fn is_spent(&self) -> bool {
        matches!(self.body, Body::Stream(None))
    }

    /// Whether there is a body at all.
    pub fn has_body(&self) -> bool {
        !matches!(self.body, Body::Nothing)
    }

    /// The same after a redirect that makes it a GET (RFC 9110 section 15.4.4).
    pub fn become_get(&mut self) {
        "GET".clone_into(&mut self.method);
        self.body = Body::Nothing;
        self.headers
            .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }

    /// The body for one sending.
    pub fn payload(&mut self) -> Result<Payload<'_>> {
        // Servers want a length of 0 where they expect a body (RFC 9110 section 8.6).
        let expects_body = ["POST", "PUT", "PATCH"].contains(&self.method.as_str());
        match &mut self.body {
            Body::Nothing if expects_body => Ok(Payload::Bytes(&[])),
            Body::Nothing => Ok(Payload::Nothing),
            Body::Bytes(bytes) => Ok(Payload::Bytes(bytes)),
            Body::File(path) => open(path).map(Payload::File),
            Body::Stream(stream) => {
                let stream = stream.take().expect("a spent body is not sent again");
                Ok(Payload::Stream(stream))
            }
        }
    }
}

/// A header as `Name: value`.
fn header(line: &str) -> Result<(String, String)> {
    let wrong = |what: &str| Error::usage(format!("--header: {what}"));
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| wrong("must be \"Name: value\""))?;
    let value = value.trim();
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(wrong("that is no header's name"));
    }
    if is_own_header(name) && !name.eq_ignore_ascii_case("content-type") {
        return Err(wrong(&format!("{name} is set by the request itself")));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') || !value.is_ascii() {
        return Err(wrong(&format!(
            "{name} has characters that a header cannot have"
        )));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// The body, and what it is where the command line does not say it.
fn body(api: &cli::Api) -> Result<(Body, Option<&'static str>)> {
    if let Some(input) = &api.input {
        let body = if input == Path::new("-") {
            from_stdin()?
        } else {
            open(input)?;
            Body::File(input.clone())
        };
        return Ok((body, Some(JSON)));
    }
    let (texts, binary) = (&api.data, &api.data_binary);
    if texts.is_empty() && binary.is_empty() {
        return Ok((Body::Nothing, None));
    }
    if let ([], [one]) = (texts.as_slice(), binary.as_slice())
        && let Some(file) = one.strip_prefix('@')
    {
        let body = if file == "-" {
            from_stdin()?
        } else {
            open(Path::new(file))?;
            Body::File(PathBuf::from(file))
        };
        return Ok((body, Some(FORM)));
    }
    let mut parts = Vec::new();
    for text in texts {
        let mut part = data(text)?;
        if text.starts_with('@') {
            // As curl reads a file for --data.
            part.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        }
        parts.push(part);
    }
    for text in binary {
        parts.push(data(text)?);
    }
    let bytes = parts.join(&b'&');
    let content_type = if is_json(&bytes) { JSON } else { FORM };
    Ok((Body::Bytes(Rc::new(bytes)), Some(content_type)))
}

/// What stands after `--data`: text, `@FILE`, or `@-` for stdin.
fn data(text: &str) -> Result<Vec<u8>> {
    let Some(file) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    let from: Box<dyn Read> = if file == "-" {
        Box::new(crate::ui::input())
    } else {
        Box::new(open(Path::new(file))?)
    };
    let mut bytes = Vec::new();
    bounded::read(from, MAX_PART, &mut bytes).map_err(|cause| {
        let error = Error::io(format!("reading {file}"), &cause);
        match cause.kind() {
            ErrorKind::FileTooLarge => {
                error.hint("a single --data-binary or --input may be of any size")
            }
            _ => error,
        }
    })?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File> {
    if path.as_os_str().is_empty() {
        return Err(Error::usage("no file is named behind the @"));
    }
    let failed = |cause| Error::io(path.display(), &cause);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Error::usage(format!("{} is a directory", path.display())));
    }
    Ok(file)
}

/// What stdin holds: kept where it is short, so that it can be sent twice.
fn from_stdin() -> Result<Body> {
    let mut start = Vec::new();
    crate::ui::input()
        .take(KEPT)
        .read_to_end(&mut start)
        .map_err(|cause| Error::io("reading stdin", &cause))?;
    if (start.len() as u64) < KEPT {
        return Ok(Body::Bytes(Rc::new(start)));
    }
    let whole = Cursor::new(start).chain(crate::ui::input());
    Ok(Body::Stream(Some(Box::new(whole))))
}

/// Whether a body is a JSON object or array, which no form is.
fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
