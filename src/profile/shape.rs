//! What a key of the configuration may hold.

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text,
    /// A string that may be empty.
    AnyText,
    /// The name of a built-in preset.
    Preset,
    /// A file; relative to the configuration file's directory.
    Path,
    /// An https URL, or http on loopback.
    Endpoint,
    /// One string, or an array of them.
    Texts,
    /// The name of a header.
    Header,
    Flag,
    /// In the words of humantime ("5m"), or whole seconds.
    Duration,
    /// A duration, or `none`.
    Life,
    Choice(&'static [&'static str]),
    /// A table of strings, numbers and flags; below it, where asked for, such tables by grant.
    Params,
    Secret,
    /// What kind of token it is: a word, or a URI.
    TokenType,
    /// A secret's source, or another profile's token.
    Token,
    /// A table of claims of a JWT.
    Claims,
    /// `scheme://host[:port]` each.
    Hosts,
    /// Members of a reply, by name or by JSON pointer.
    Members,
    /// A table of JSON pointers, or of arrays of them that are tried in order.
    Pointers,
}
