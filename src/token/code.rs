//! An authorization code is used, once, in a process that outlives its caller: a login that is killed while the server
//! answers leaves no grant that nobody knows of.

use super::job::{Code, Job, Work};
use super::{background, leave, request};
use crate::clock::{Deadline, Epoch, budget};
use crate::env;
use crate::error::{Result, about};
use crate::oauth::reply::Granted;
use crate::oauth::{Client, Credentials, TokenRequest};
use crate::profile::Profile;
use crate::ui;
use std::time::Duration;

/// Uses the code. What comes for it is remembered in the profile's record by then, as a grant that is not used.
pub fn exchange(
    profile: &Profile,
    credentials: &Credentials,
    code: Code,
) -> Result<(Granted, Epoch)> {
    let deadline = Deadline::after(budget::CODE);
    let job = Job {
        profile: profile.clone(),
        credentials: credentials.clone(),
        budget: budget::CODE,
        lent: env::lend(profile.secret_variables()),
        work: Work::UseCode(Box::new(code)),
    };
    let _waiting = ui::waiting(about(&profile.name, "asking for a token"));
    background::run(&job, None, deadline)?.granted(profile)
}

/// The same in the process in which that happens.
pub fn run(job: &Job, code: &Code) -> Result<(Granted, Epoch)> {
    let client = Client::new(&job.profile, &job.credentials);
    let request = TokenRequest::AuthorizationCode {
        code: &code.text,
        verifier: &code.verifier,
        redirect_uri: &code.redirect_uri,
    };
    let deadline = Deadline::after(job.budget);
    let (granted, sent_at) = request::send(client, request, deadline, Duration::ZERO)
        .map_err(|refused| refused.error)?;
    leave::remember(&job.profile, (&granted, sent_at), &code.from);
    Ok((granted, sent_at))
}
