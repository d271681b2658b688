//! The page that the person sees in the browser at the end: plain, complete in itself, and without any script.

use crate::error::Error;

/// What a page tells, apart by its picture and its line as well as by its words.
#[derive(Clone, Copy)]
enum Mood {
    Done,
    Failed,
    Waiting,
}

/// What happened, to which profile, and what comes next.
pub fn done(profile: &str, account: Option<&str>) -> String {
    let who = account.map_or_else(String::new, |account| {
        format!(" as <b>{}</b>", escape(account))
    });
    page(
        Mood::Done,
        "Logged in",
        &format!(
            "<p>The profile <b>{name}</b> is logged in{who}, and its tokens are stored.</p>\
             <h2>What next</h2><p>Close this window and go back to the terminal. A token is printed by \
             <code>tokctl get {name}</code>.</p>",
            name = escape(profile)
        ),
    )
}

/// Why it did not work, and what to do about it.
pub fn failed(profile: &str, error: &Error) -> String {
    let hint = error.hint.as_deref();
    let next = hint.map_or_else(String::new, |hint| format!("<p>{}</p>", commands(hint)));
    page(
        Mood::Failed,
        "Not logged in",
        &format!(
            "<p>The login of the profile <b>{name}</b> did not work. Nothing that was stored before has changed.</p>\
             <h2>What happened</h2><p>{what}</p>\
             <h2>What next</h2>{next}<p>Close this window and go back to the terminal, which says the same. To try again: \
             <code>tokctl login {name}</code>.</p>",
            name = escape(profile),
            what = escape(&error.message),
        ),
    )
}

/// For a request that has nothing to do with the login.
pub fn plain(status: &str) -> String {
    page(
        Mood::Waiting,
        status,
        "<p>tokctl is waiting here for a login that was started in a terminal; this page is no part of it. Go back to the \
         page of the server, or start the login again.</p>",
    )
}

/// A hint, with the command in it told apart.
fn commands(hint: &str) -> String {
    let Some(command) = crate::error::command(hint) else {
        return escape(hint);
    };
    let (before, after) = hint.split_once(command).unwrap_or((hint, ""));
    format!(
        "{}<code>{}</code>{}",
        escape(before),
        escape(command),
        escape(after)
    )
}

/// The mark of the program, in the colour of what happened.
fn picture(mood: Mood) -> (&'static str, &'static str, &'static str) {
    match mood {
        Mood::Done => ("done", "%23177245", "M14 25l7 7 13-15"),
        Mood::Failed => ("failed", "%23b3261e", "M16 16l16 16M32 16L16 32"),
        Mood::Waiting => ("waiting", "%23565656", "M24 14v11l7 4"),
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1b1a;--soft:#565656;--paper:#fff;--code:#f1f0ee;--done:#177245;--failed:#b3261e;--waiting:#565656}\
@media(prefers-color-scheme:dark){:root{--ink:#e8e6e3;--soft:#b4b0aa;--paper:#191817;--code:#2b2927;--done:#6fd39b;--failed:#ffb4ab;--waiting:#b4b0aa}}\
*{box-sizing:border-box}\
body{margin:0;font:1.0625rem/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
main{max-width:36rem;margin:0 auto;padding:12vh 1.5rem 3rem}\
main>p,main h1,main h2{overflow-wrap:anywhere}\
.name{margin:0 0 1.5rem;font-weight:600;color:var(--soft);letter-spacing:.02em}\
header{display:flex;gap:1rem;align-items:center;border-left:.4rem solid;padding-left:1rem}\
header svg{flex:none;width:3rem;height:3rem;fill:none;stroke:currentColor;stroke-width:4;stroke-linecap:round;stroke-linejoin:round}\
h1{margin:0;font-size:1.75rem;line-height:1.25;font-weight:650;color:var(--ink)}\
h2{margin:1.75rem 0 .25rem;font-size:1rem;font-weight:650}\
p{margin:.75rem 0}\
code{font:.95em ui-monospace,monospace;background:var(--code);padding:.1em .35em;border-radius:.25em;overflow-wrap:anywhere}\
.done{color:var(--done)}.failed{color:var(--failed)}.waiting{color:var(--waiting)}";

fn page(mood: Mood, title: &str, body: &str) -> String {
    let (class, color, path) = picture(mood);
    let icon = format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48' fill='none' stroke='{color}' \
         stroke-width='5' stroke-linecap='round' stroke-linejoin='round'%3E%3Ccircle cx='24' cy='24' r='20'/%3E%3Cpath \
         d='{path}'/%3E%3C/svg%3E"
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} - tokctl</title><link rel=\"icon\" href=\"{icon}\"><style>{STYLE}</style></head>\
         <body><main><p class=\"name\">tokctl</p><header class=\"{class}\">\
         <svg viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"20\"/><path d=\"{path}\"/></svg>\
         <h1>{title}</h1></header>{body}</main></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_stranger_s_words_are_no_markup_and_a_command_is_told_apart() {
        let error = Error::new(Kind::Refused, "<script>alert(1)</script>")
            .hint("say \"no\"; run: tokctl login 'a&b'; or not");
        let page = failed("a&b", &error);
        for part in [
            "<b>a&amp;b</b>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "say &quot;no&quot;; run: <code>tokctl login 'a&amp;b'</code>; or not",
            "class=\"failed\"",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script"));
        let page = done("p", Some("ann"));
        assert!(
            page.contains("<b>p</b> is logged in as <b>ann</b>") && page.contains("class=\"done\"")
        );
        assert!(plain("404 Not Found").contains("<title>404 Not Found - tokctl</title>"));
    }
}
