//! The page that the person sees in the browser at the end: plain, and complete in itself.

/// What happened, to which profile, and that the window can be closed.
pub fn done(profile: &str, account: Option<&str>) -> String {
    let who = account.map_or_else(String::new, |account| {
        format!(" as <b>{}</b>", escape(account))
    });
    page(
        "Logged in",
        &format!(
            "<p>The profile <b>{}</b> is logged in{who}, and its tokens are stored.</p>\
             <p>You can close this window and go back to the terminal.</p>",
            escape(profile)
        ),
    )
}

/// Why it did not work.
pub fn failed(profile: &str, why: &str) -> String {
    page(
        "Not logged in",
        &format!(
            "<p>The login of the profile <b>{}</b> did not work:</p><p>{}</p>\
             <p>The terminal says what to do. You can close this window.</p>",
            escape(profile),
            escape(why)
        ),
    )
}

/// For a request that has nothing to do with the login.
pub fn plain(status: &str) -> String {
    page(
        status,
        "<p>tokctl is waiting here for a login that you have started in a terminal.</p>",
    )
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - tokctl</title>\
         <style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem;\
         color:#222;background:#fff}}h1{{font-size:1.6rem;font-weight:600}}\
         @media(prefers-color-scheme:dark){{body{{color:#ddd;background:#181818}}}}</style>\
         <h1>{title}</h1>{body}</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
