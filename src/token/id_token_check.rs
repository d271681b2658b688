//! An id token on its way in: what it says, whom it is about and who has signed it is settled before anything of its
//! reply is handed out.

use super::ask::Ask;
use super::credentials;
use crate::clock::{self, Deadline};
use crate::error::{Error, Kind, Result};
use crate::http::Endpoint;
use crate::oauth::Credentials;
use crate::oauth::id_token::{self, Form, IdToken, Identity, Jws, Measure};
use crate::oauth::jwks::{self, Verdict};
use crate::oauth::metadata::Metadata;
use crate::oauth::reply::Granted;
use crate::profile::{Profile, TokenKind};
use crate::secret::Secret;
use crate::state::record::Record;
use crate::state::storage::Storage;
use crate::state::{keys, server};
use crate::ui;

/// What a login, a renewal or an import knows of the id token that must come.
pub struct Judge<'a> {
    pub profile: &'a Profile,
    /// Needed where the client's own secret signs.
    pub secret: Option<&'a Secret>,
    pub nonce: Option<&'a Secret>,
    /// Whom the grant is about.
    pub before: Option<&'a Identity>,
    pub origin: Origin,
}

/// Where an id token comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Straight from the server: one that is bad costs all that came with it.
    Reply,
    /// From a file of somebody's, perhaps long ago: it costs only itself.
    Saved,
}

/// What may be done to come by the server's keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// Nothing: what is remembered must do.
    AsKnown,
    /// The server is asked where that is not enough.
    Ask,
}

/// Why an id token is not good.
enum Bad {
    /// For good.
    Refused(String),
    /// Not before the server's keys are there.
    NoKeys(String),
}

impl<'a> Judge<'a> {
    /// Of a renewal: the record says whom the grant is about.
    pub fn of_renewal(
        profile: &'a Profile,
        credentials: &'a Credentials,
        record: Option<&'a Record>,
    ) -> Self {
        let record = record.filter(|record| record.binding == profile.binding());
        Self {
            profile,
            secret: credentials.secret.as_ref(),
            nonce: None,
            before: record.and_then(|record| record.identity.as_ref()),
            origin: Origin::Reply,
        }
    }

    /// Looks at the id token without asking anybody for keys. Whether keys are needed that are not there.
    pub fn look(&self, granted: &mut Granted, deadline: Deadline) -> bool {
        let IdToken::Raw(text) = std::mem::take(&mut granted.id_token) else {
            return false;
        };
        granted.id_token = self.judged(text, deadline, Effort::AsKnown);
        matches!(granted.id_token, IdToken::Waiting { .. })
    }

    /// Asks for the keys that an id token waits for.
    pub fn ask(&self, granted: &mut Granted, deadline: Deadline) {
        if let IdToken::Waiting { text, .. } = std::mem::take(&mut granted.id_token) {
            granted.id_token = self.judged(text, deadline, Effort::Ask);
        }
    }

    /// Both, for who has nothing to save before.
    pub fn settle(&self, granted: &mut Granted, deadline: Deadline) {
        if self.look(granted, deadline) {
            self.ask(granted, deadline);
        }
    }

    /// Says that an id token has to wait, to who has not asked for it.
    pub fn tell(&self, granted: &Granted) {
        if let IdToken::Waiting { why, .. } = &granted.id_token
            && self.profile.request.kind == TokenKind::Access
        {
            let error = withheld(self.profile, why);
            ui::warn(&format!(
                "{error}; it is kept, and not handed out until then"
            ));
        }
    }

    fn judged(&self, text: Secret, deadline: Deadline, effort: Effort) -> IdToken {
        let jws = match Jws::read(&text) {
            Ok(jws) => jws,
            Err(Form::Encrypted) => {
                return IdToken::LeftOut(
                    "it is encrypted, and tokctl has no key for it (id_token_encrypted_response_alg at the server)"
                        .to_owned(),
                );
            }
            Err(Form::Other) if self.is_asked_for() => return self.bad("it is no JWT".to_owned()),
            Err(Form::Other) => return IdToken::LeftOut("it is no JWT".to_owned()),
        };
        let identity = Identity::of(&jws.claims);
        match self.check(&jws, &identity, (deadline, effort)) {
            Ok(()) => IdToken::Good(text, identity),
            Err(Bad::Refused(why)) => self.bad(why),
            Err(Bad::NoKeys(why)) => IdToken::Waiting { text, why },
        }
    }

    fn bad(&self, why: String) -> IdToken {
        if self.profile.is_repeatable() || self.origin == Origin::Saved {
            IdToken::LeftOut(why)
        } else {
            IdToken::Refused(why)
        }
    }

    /// Whether there must be one: other servers put anything there.
    fn is_asked_for(&self) -> bool {
        self.before.is_some() || self.profile.asks_for_openid()
    }

    fn check(
        &self,
        jws: &Jws<'_>,
        identity: &Identity,
        (deadline, effort): (Deadline, Effort),
    ) -> Result<(), Bad> {
        let measure = Measure {
            issuer: self.profile.server.issuer(),
            nonce: self.nonce,
            now: clock::now(),
        };
        id_token::check(&jws.claims, self.profile, measure).map_err(Bad::Refused)?;
        if let Some(what) = self.before.and_then(|before| before.differs(identity)) {
            let what = format!("its {what} is not that of the login");
            return Err(Bad::Refused(what));
        }
        self.check_algorithm(jws).map_err(Bad::Refused)?;
        if !self.profile.id_tokens.check_signature || jws.algorithm() == "none" {
            return Ok(());
        }
        self.check_signature(jws, deadline, effort)
    }

    fn check_algorithm(&self, jws: &Jws<'_>) -> Result<(), String> {
        let algorithm = crate::text::clean(jws.algorithm(), 32, &[]);
        // Extensions that must be understood (RFC 7515 section 4.1.11): none is.
        if !jws.header["crit"].is_null() {
            return Err("its header demands what tokctl does not know (crit)".to_owned());
        }
        let is_edwards = |name: &str| matches!(name, "EdDSA" | "Ed25519");
        match self.profile.id_tokens.algorithm.as_deref() {
            Some(only) if only == algorithm || is_edwards(only) && is_edwards(&algorithm) => Ok(()),
            Some(only) => Err(format!(
                "it is signed with {algorithm:?}, and not with {only} (id_token_signed_response_alg)"
            )),
            None if matches!(algorithm.as_str(), "none" | "") => {
                Err("it is not signed (alg \"none\")".to_owned())
            }
            None => Ok(()),
        }
    }

    fn check_signature(
        &self,
        jws: &Jws<'_>,
        deadline: Deadline,
        effort: Effort,
    ) -> Result<(), Bad> {
        let algorithm = crate::text::clean(jws.algorithm(), 32, &[]);
        if self.origin == Origin::Saved {
            return self.put_off(&algorithm);
        }
        let server = self.server(deadline, effort)?;
        let taken = server.id_token_signing_alg_values_supported.as_deref();
        let is_announced = |all: &[String]| all.is_empty() || all.contains(&algorithm);
        if self.profile.id_tokens.algorithm.is_none() && !taken.is_none_or(is_announced) {
            return Err(Bad::Refused(format!(
                "it is signed with {algorithm:?}, which the server does not announce \
                 (id_token_signed_response_alg in the profile allows it)"
            )));
        }
        if algorithm.starts_with("HS") {
            return self.check_own_signature(jws, &algorithm);
        }
        let by_hand = self.profile.id_tokens.jwks_uri.as_ref();
        let Some(url) = by_hand
            .map(|url| url.as_str().to_owned())
            .or(server.jwks_uri)
        else {
            // In its place the TLS connection stands for the signature (Core 3.1.3.7, item 6).
            return Ok(());
        };
        if !jwks::is_known(&algorithm) {
            return Err(Bad::Refused(format!(
                "it is signed with {algorithm:?}, which tokctl cannot check"
            )));
        }
        if keys::known(&url).is_some_and(|keys| keys.verify(jws) == Verdict::Good) {
            return Ok(());
        }
        if effort == Effort::AsKnown {
            return Err(Bad::NoKeys("the server's keys are needed".to_owned()));
        }
        self.ask_for_keys(jws, &url, deadline)
    }

    /// With the keys as they are now: they may have been changed since, or just before it was signed.
    fn ask_for_keys(&self, jws: &Jws<'_>, url: &str, deadline: Deadline) -> Result<(), Bad> {
        let asked = keys::fetch(self.profile, url, deadline);
        let verdict = match &asked {
            Ok(keys) => keys.verify(jws),
            Err(error) => match keys::old(url).map(|keys| keys.verify(jws)) {
                Some(Verdict::Good) => Verdict::Good,
                _ => return Err(Bad::NoKeys(error.message.clone())),
            },
        };
        match verdict {
            Verdict::Good => Ok(()),
            Verdict::Bad => Err(Bad::Refused("its signature is not the server's".to_owned())),
            Verdict::NoKey => Err(Bad::Refused(
                "the server publishes no key that it could be signed with".to_owned(),
            )),
        }
    }

    fn check_own_signature(&self, jws: &Jws<'_>, algorithm: &str) -> Result<(), Bad> {
        let good = match self.secret {
            Some(secret) => jws.is_by(secret),
            None => None,
        };
        match good {
            Some(true) => Ok(()),
            Some(false) => Err(Bad::Refused(
                "its signature is not made with the client secret".to_owned(),
            )),
            None => Err(Bad::Refused(format!(
                "it is signed with {algorithm:?}, which needs a client secret"
            ))),
        }
    }

    /// An import asks nobody: where there are keys to check with, that is for who wants the id token.
    fn put_off(&self, algorithm: &str) -> Result<(), Bad> {
        let by_hand = self.profile.id_tokens.jwks_uri.is_some();
        if by_hand || self.profile.server.issuer.is_some() || algorithm.starts_with("HS") {
            return Err(Bad::NoKeys("it has not been tried".to_owned()));
        }
        Ok(())
    }

    fn server(&self, deadline: Deadline, effort: Effort) -> Result<Metadata, Bad> {
        if effort == Effort::AsKnown {
            let known = server::known_for_id_token(self.profile);
            return known.ok_or_else(|| Bad::NoKeys("the server's metadata is needed".to_owned()));
        }
        match server::for_id_token(self.profile, deadline) {
            Ok(server) => Ok(server),
            Err(error) if error.kind == Kind::Temporary => Err(Bad::NoKeys(error.message)),
            // A server that describes itself nowhere publishes no keys.
            Err(_) => Ok(Metadata::default()),
        }
    }
}

/// That an id token is there, and cannot be handed out before the server's keys can be read.
pub fn withheld(profile: &Profile, why: &str) -> Error {
    let what = format!("the id token's signature cannot be checked now: {why}");
    let error = profile.error(Kind::Temporary, what);
    error.hint("try again; the id token is kept until then")
}

/// The stored id token whose signature waits for the server's keys, once they are there: `None` where there is
/// none to hand out. In the caller's hands the profile's lock.
pub fn settle_stored(
    ask: &Ask<'_>,
    storage: &mut Storage,
    record: Option<&Record>,
) -> Result<Option<crate::state::record::Token>> {
    let profile = ask.profile;
    if profile.request.kind != TokenKind::Id || ask.force {
        return Ok(None);
    }
    let variant = profile.variant();
    let record = record.filter(|record| record.binding == profile.binding());
    let waiting = record.and_then(|record| Some((record, record.unchecked.get(&variant)?)));
    let Some((record, token)) = waiting.filter(|(_, token)| ask.is_fresh(token, clock::now()))
    else {
        return Ok(None);
    };
    let credentials = credentials::find(profile, Some(storage), ask.deadline)?;
    let judge = Judge::of_renewal(profile, &credentials, Some(record));
    let judged = judge.judged(token.text.clone(), ask.deadline, Effort::Ask);
    let mut record = record.clone();
    let token = token.clone();
    record.unchecked.remove(&variant);
    record.generation += 1;
    let (identity, result) = match judged {
        IdToken::Waiting { why, .. } => return Err(withheld(profile, &why)),
        IdToken::Good(_, identity) => (Some(identity), Ok(Some(token.clone()))),
        IdToken::Refused(why) | IdToken::LeftOut(why) => {
            let what = format!("the id token is not good: {why}");
            (None, Err(profile.error(Kind::Refused, what)))
        }
        IdToken::None | IdToken::Raw(_) => return Ok(None),
    };
    if let Some(identity) = identity {
        record.identity.get_or_insert(identity);
        record.put(&variant, token, clock::now());
    }
    storage.save(profile, &record)?;
    storage.note_written(profile, &record, record.tokens.get(&variant));
    if let Some(token) = record.tokens.get(&variant) {
        storage.cache(profile).put(token, clock::now());
    }
    result
}

/// Reads the server's keys before a person is sent to it, so that what comes back can be judged at once. Whether
/// they can be read, where they are needed.
pub fn prepare(profile: &Profile, server: &Metadata, deadline: Deadline) -> bool {
    let rules = &profile.id_tokens;
    if !rules.check_signature || !profile.asks_for_openid() {
        return true;
    }
    let by_hand = rules.jwks_uri.as_ref().map(Endpoint::as_str);
    let Some(url) = by_hand.or(server.jwks_uri.as_deref()) else {
        return true;
    };
    if keys::known(url).is_some() {
        return true;
    }
    let asked = keys::fetch(profile, url, deadline);
    if let Err(error) = &asked {
        ui::step(&error.to_string());
    }
    asked.is_ok()
}
