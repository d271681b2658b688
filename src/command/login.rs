//! `tokctl login`: a person logs in, and the grant is stored.

use crate::cli::{Global, Login as Args};
use crate::clock::{self, Deadline, budget};
use crate::env;
use crate::error::{Error, Kind, Result, about, shell_word};
use crate::login::{Login, Outcome, browser};
use crate::oauth::authorization_code::Attempt;
use crate::oauth::id_token::{self, IdToken};
use crate::oauth::metadata::Metadata;
use crate::profile::config::Config;
use crate::profile::{EndpointKind, Grant, LoginGrant, Profile, missing_scope, split_scope};
use crate::state::lock::{Lock, Purpose, Taken, Which};
use crate::state::note::Note;
use crate::state::server;
use crate::state::storage::Storage;
use crate::state::unrevoked::Provenance;
use crate::store::{Interaction, pending_login};
use crate::token::credentials;
use crate::token::id_token_check::{self, Judge, Origin};
use crate::token::leave::{self, Grants};
use crate::token::new_grant::{self, Come};
use crate::ui;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;

/// A login that was begun without a terminal can be finished this long, in seconds.
const PENDING_LIFE: i64 = 600;

/// What of a login waits for its end.
#[derive(Serialize, Deserialize)]
struct Pending {
    at: i64,
    attempt: Attempt,
}

/// How the person gives consent.
enum Way {
    Browser {
        open: bool,
    },
    Device,
    /// Chosen here, so that another way is open where the server refuses this one.
    DeviceOrPaste,
    Paste,
}

/// Logs in.
pub fn run(global: &Global, args: &Args) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let profile = Profile::load(&config, &args.profile)?;
    if profile.is_repeatable() {
        let name = shell_word(&profile.name);
        return Err(profile.error(Kind::Config, format!("grant {} needs no login", profile.grant.name())).hint(format!(
            "run: tokctl get {name}; for a login, set grant = \"authorization_code\" in the profile"
        )));
    }
    let state = env::state_dir()?;
    let before = Note::load(&state, &profile.name);
    let waiting = || {
        ui::notice(&about(
            &profile.name,
            "another login is under way; waiting for it",
        ));
    };
    let which = Which {
        state: &state,
        profile: &profile.name,
        purpose: Purpose::Login,
    };
    let patience = args.timeout.unwrap_or(budget::LOGIN_TURN);
    let taken = Lock::take_unless(which, Deadline::after(patience), || None::<()>, waiting)
        .map_err(|cause| Error::io(format!("no lock below {}", state.display()), &cause));
    // Held until the login has ended.
    let turn = taken?;
    if matches!(turn, Taken::TimedOut) {
        let what = "another login is still under way";
        return Err(profile.error(Kind::Temporary, what));
    }
    let after = Note::load(&state, &profile.name);
    let logged_in = after.epoch != before.epoch && (after.has_token || after.refreshable);
    // One that asks for other scopes still has something to ask.
    if logged_in && args.scope.is_empty() {
        ui::notice(&about(&profile.name, "logged in by the other login"));
        return Ok(());
    }
    log_in(args, &profile)
}

fn log_in(args: &Args, profile: &Profile) -> Result<()> {
    let name = &profile.name;
    let terminal = std::io::stderr().is_terminal();
    let interaction = if terminal {
        Interaction::Allowed
    } else {
        Interaction::Never
    };
    // Each step has its own: a person may have been waited for.
    let step = || Deadline::after(budget::LOGIN_STEP);
    let mut storage = Storage::open(profile, step(), interaction)?;
    new_grant::probe(profile, &mut storage)?;
    let server = server::for_login(profile, step())?;
    let credentials = credentials::find(profile, Some(&mut storage), step())?;
    let asking = with_scope(args, profile, &storage.note);
    let has_keys = id_token_check::prepare(&asking, &server, step());
    let login = Login {
        profile: &asking,
        server: &server,
        credentials: &credentials,
        patience: args.timeout.unwrap_or(budget::BROWSER),
    };
    let mut outcome = match way(args, profile, &server) {
        Way::Browser { open } => login.in_browser(open)?,
        Way::Device => login.on_device()?,
        Way::DeviceOrPaste => match login.device() {
            Ok(device) => login.wait_for_device(&device)?,
            // Not every client may do what its server can.
            Err(error) if login.may_go_another_way(&error) => {
                ui::notice(&about(
                    name,
                    "the server gives this client no code for another device",
                ));
                paste(&login, &mut storage, false)?
            }
            Err(error) => return Err(error),
        },
        Way::Paste => paste(&login, &mut storage, args.paste)?,
    };
    let stored = account(&login, has_keys, &mut outcome).and_then(|account| {
        let from = Provenance::of(profile, &server);
        keep(
            args,
            (profile, &asking, from),
            (storage, account),
            &mut outcome,
        )
    });
    match &stored {
        Ok(account) => outcome.show(name, Ok(account.as_deref())),
        Err(error) => outcome.show(name, Err(error)),
    }
    match stored {
        Ok(_) if args.replace => replaced(profile),
        Ok(_) => Ok(()),
        Err(error) => {
            give_back(profile);
            Err(error)
        }
    }
}

/// Ends the grants before this one.
fn replaced(profile: &Profile) -> Result<()> {
    let deadline = Deadline::after(budget::LOGOUT);
    let Some(left) = leave::again(profile, Grants::All, deadline)? else {
        return Ok(());
    };
    let name = &profile.name;
    if let Some(why) = left.by_hand {
        ui::say(&format!(
            "{name}: the grant before this one is not revoked: {why}"
        ));
    } else if left.revoked && left.kept.is_none() {
        ui::notice(&format!(
            "{name}: the grant before this one was revoked at the server"
        ));
    }
    left.kept.map_or(Ok(()), |error| {
        let message = format!(
            "logged in, and the grant before this one is not revoked: {}",
            error.message
        );
        Err(Error { message, ..error }
            .of(name)
            .hint(leave::kept_hint(name)))
    })
}

/// Ends what a login has got and cannot use, where that cannot touch a grant that is in use.
fn give_back(profile: &Profile) {
    let name = &profile.name;
    let deadline = Deadline::after(budget::LOGOUT);
    match leave::again(profile, Grants::Due, deadline) {
        Ok(None) => {
            let note = env::state_dir().map(|state| Note::load(&state, name));
            if note.is_ok_and(|note| note.unrevoked > 0) {
                ui::say(&format!(
                    "{name}: what the server gave now lives on there, beside the grant that is in use; tokctl logout {} \
                     ends both",
                    shell_word(name)
                ));
            }
        }
        Ok(Some(left)) if left.kept.is_none() && left.by_hand.is_none() => {
            ui::notice(&format!("{name}: what the server gave was revoked again"));
        }
        Ok(Some(left)) => {
            let why = left.by_hand.or(left.kept.map(|error| error.message));
            ui::say(&format!(
                "{name}: what the server gave lives on there: {}",
                why.unwrap_or_default()
            ));
        }
        Err(error) => ui::say(&format!("what the server gave may live on there: {error}")),
    }
}

/// Stores what came, and says so. The account, where it is known.
fn keep(
    args: &Args,
    (profile, asking, from): (&Profile, &Profile, Provenance),
    (mut storage, account): (Storage, Option<String>),
    outcome: &mut Outcome,
) -> Result<Option<String>> {
    let name = &profile.name;
    let granted = &mut outcome.granted;
    if granted.access.is_err() && (granted.refresh.is_none() || granted.is_unusable(profile)) {
        let why = granted.access.as_ref().err().cloned().unwrap_or_default();
        return Err(Error::about(
            name,
            Kind::Refused,
            format!("the server's token cannot be used: {why}"),
        ));
    }
    let asked = asking.request.scope.join(" ");
    let missing = missing_scope(&asking.request.scope, granted.scope.as_deref());
    if !missing.is_empty() {
        ui::warn(&format!(
            "the server granted less than was asked for: without {}",
            missing.join(" ")
        ));
    }
    if granted.scope.is_none() && !asked.is_empty() {
        granted.scope = Some(asked);
    }
    let empty = crate::oauth::reply::Granted::none();
    let granted = std::mem::replace(&mut outcome.granted, empty);
    let deadline = Deadline::after(budget::LOGIN_STEP);
    let come = Come {
        granted,
        sent_at: outcome.sent_at,
        account: account.clone(),
        from,
    };
    let stored = new_grant::store(profile, &mut storage, come, deadline)?;
    let who = account
        .as_ref()
        .map_or_else(String::new, |account| format!(" as {account}"));
    ui::notice(&format!(
        "logged in to {name}{who} ({}); use it with: tokctl get {}",
        storage.store.describe(),
        shell_word(name)
    ));
    if stored.outlives && !args.replace {
        ui::say(&new_grant::outlived(profile, &stored.record));
    }
    if stored.record.refresh.is_none() {
        let end = stored.token.and_then(|token| token.expires);
        let until = end.map_or_else(String::new, |end| {
            format!(" {}", clock::from_now(end, clock::now()))
        });
        let what = format!(
            "the server gave no refresh token, so this login ends with its access token{until}"
        );
        ui::warn(&about(name, &format!("{what}; {}", how_to_stay(asking))));
    }
    Ok(account)
}

/// How a login gets a refresh token where none came.
fn how_to_stay(asking: &Profile) -> String {
    let asked = asking.login_scope();
    let asks = |word: &str| asked.split([' ', ',']).any(|scope| scope == word);
    if asks("offline_access") {
        return "offline_access was asked for: the client's settings at the server must allow it refresh tokens"
            .to_owned();
    }
    let of_google = asking
        .server
        .url(EndpointKind::Token)
        .is_some_and(|url| url.contains("googleapis.com"));
    if of_google {
        return "Google gives one for authorization_params = { access_type = \"offline\", prompt = \"consent\" }".to_owned();
    }
    format!(
        "many servers give one for the scope offline_access: tokctl login {} --scope +offline_access",
        shell_word(&asking.name)
    )
}

/// Whose login it is, as the id token says; one that is not good ends the login.
fn account(login: &Login<'_>, has_keys: bool, outcome: &mut Outcome) -> Result<Option<String>> {
    let profile = login.profile;
    let name = &profile.name;
    let judge = Judge {
        profile,
        secret: login.credentials.secret.as_ref(),
        nonce: outcome.nonce.as_ref(),
        before: None,
        origin: Origin::Reply,
    };
    let granted = &mut outcome.granted;
    let deadline = Deadline::after(budget::LOGIN_STEP);
    // Keys that were out of reach before are not waited for again: what has come is to be saved.
    if judge.look(granted, deadline) && has_keys {
        judge.ask(granted, deadline);
    }
    judge.tell(granted);
    match &granted.id_token {
        IdToken::Refused(why) => Err(profile.error(
            Kind::Refused,
            format!("the id token is not good: {why}; nothing is stored"),
        )),
        IdToken::Good(text, _) | IdToken::Waiting { text, .. } => {
            let claims = id_token::claims(text);
            Ok(claims.as_ref().and_then(id_token::account))
        }
        IdToken::None if profile.asks_for_openid() => {
            ui::warn(&about(
                name,
                "the server sent no id token, though the scope openid asks for one",
            ));
            Ok(None)
        }
        IdToken::None | IdToken::Raw(_) | IdToken::LeftOut(_) => Ok(None),
    }
}

/// The way that was asked for, else the one that is open here.
fn way(args: &Args, profile: &Profile, server: &Metadata) -> Way {
    if args.device {
        return Way::Device;
    }
    if args.paste {
        return Way::Paste;
    }
    if args.no_browser {
        return Way::Browser { open: false };
    }
    if profile.grant == Grant::Login(LoginGrant::DeviceCode) {
        return Way::Device;
    }
    let device = server.endpoints.has(EndpointKind::DeviceAuthorization);
    let why = match browser::absent() {
        Some(why) => why,
        None if device && !server.endpoints.has(EndpointKind::Authorization) => {
            "the server has no authorization_endpoint"
        }
        None => return Way::Browser { open: true },
    };
    // A code for another device is waited for, and that needs somebody who reads it.
    let read = std::io::stderr().is_terminal();
    let (way, other) = if device && read {
        (Way::DeviceOrPaste, "another device")
    } else {
        (Way::Paste, "pasting an address")
    };
    ui::notice(&about(
        &profile.name,
        &format!(
            "{why}, so the login goes by {other}; --no-browser waits for a browser's redirect all the same"
        ),
    ));
    way
}

/// The profile with the scopes to ask for. `+scope` adds to what is granted and configured.
fn with_scope(args: &Args, profile: &Profile, note: &Note) -> Profile {
    let mut asking = profile.clone();
    let words = split_scope(&args.scope);
    if words.is_empty() {
        return asking;
    }
    let added: Vec<String> = words
        .iter()
        .filter_map(|word| word.strip_prefix('+'))
        .map(str::to_owned)
        .collect();
    let plain: Vec<String> = words
        .iter()
        .filter(|word| !word.starts_with('+'))
        .cloned()
        .collect();
    let granted = split_scope(&note.scope.iter().cloned().collect::<Vec<_>>());
    let mut scope = if plain.is_empty() {
        asking.request.scope.clone()
    } else {
        plain
    };
    let news = added
        .iter()
        .filter(|word| !granted.contains(word) && !scope.contains(word));
    let news: Vec<&str> = news.map(String::as_str).collect();
    if !added.is_empty() {
        let had = if granted.is_empty() {
            "nothing so far".to_owned()
        } else {
            granted.join(" ")
        };
        let what = if news.is_empty() {
            "nothing new".to_owned()
        } else {
            format!("in addition: {}", news.join(" "))
        };
        ui::notice(&about(
            &profile.name,
            &format!("granted: {had}; asking {what}"),
        ));
        scope.extend(granted);
    }
    scope.extend(added);
    let mut seen = std::collections::BTreeSet::new();
    scope.retain(|word| seen.insert(word.clone()));
    asking.request.scope = scope;
    asking
}

/// Takes the address from stdin. Where none comes, what has been begun is kept for the next call.
fn paste(login: &Login<'_>, storage: &mut Storage, read: bool) -> Result<Outcome> {
    let account = pending_login(&login.profile.name);
    let pending = pending(storage, &account)?;
    let attempt = login.new_attempt();
    let result = login.by_pasting(pending.as_ref(), &attempt, read);
    match &result {
        Ok(_) => drop(storage.store.erase(&account)?),
        // An earlier one stays good where no new address was shown.
        Err(error) if error.kind == Kind::LoginRequired && (pending.is_none() || !read) => {
            let pending = Pending {
                at: clock::now(),
                attempt,
            };
            let text = serde_json::to_vec(&pending).expect("strings and numbers always serialize");
            storage
                .store
                .save(&account, &zeroize::Zeroizing::new(text))?;
        }
        Err(_) => {}
    }
    result
}

/// A login that was begun without a terminal and is still good.
fn pending(storage: &mut Storage, account: &str) -> Result<Option<Attempt>> {
    let Some(text) = storage.store.load(account)? else {
        return Ok(None);
    };
    let pending: Option<Pending> = serde_json::from_slice(&text).ok();
    let pending =
        pending.filter(|pending| (0..PENDING_LIFE).contains(&(clock::now() - pending.at)));
    Ok(pending.map(|pending| pending.attempt))
}
