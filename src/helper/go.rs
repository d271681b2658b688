//! Go's GOAUTH command (go help goauth).

use super::{Answer, Core, origin_of};

/// Without a URL: all of the profile's hosts. With one, go has been refused there: the token is
/// renewed only where the status was 401, since go comes back after every 4xx.
pub fn answer(core: &Core<'_>, arguments: &[String], input: &[u8]) -> Answer {
    let url = arguments
        .iter()
        .find(|argument| argument.starts_with("https://"));
    let origins = match url {
        Some(url) => origin_of(url).into_iter().collect::<Vec<String>>(),
        None => match core.named() {
            Ok(profile) => {
                let origins = profile.hosts.origins.iter();
                origins.map(ToString::to_string).collect()
            }
            Err(error) => return core.unfit(None, "", &error),
        },
    };
    let status = String::from_utf8_lossy(input)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let force = url.is_some() && status.split(' ').nth(1) == Some("401");
    let mut stdout = zeroize::Zeroizing::new(String::new());
    for origin in origins
        .iter()
        .filter(|origin| origin.starts_with("https://"))
    {
        match core.for_origin(origin, force) {
            Ok(fit) => {
                // The empty line at the end is not for show: without it go drops everything.
                stdout.push_str(&format!(
                    "{origin}\n\nAuthorization: Bearer {}\n\n",
                    fit.text()
                ));
            }
            Err(answer) => return answer,
        }
    }
    Answer {
        stdout,
        ..Answer::default()
    }
}
