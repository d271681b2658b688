//! How long a command, a helper or a check may take as a whole where nobody has said it.

use std::time::Duration;

/// One token, and what goes with it (`get`, `api`, `exec`, `refresh`): a script waits, and retries fit in. `--timeout`
/// and the profile's `timeout` go before it.
pub const TOKEN: Duration = Duration::from_secs(30);

/// A helper's answer: callers wait 10 seconds or without end (git); a later one helps nobody.
pub const HELPER: Duration = Duration::from_secs(10);

/// The same for bazel, which ends a helper after 10 seconds and then shows nothing of what it says.
pub const BAZEL: Duration = Duration::from_secs(8);

/// `import`: a person or a provisioning script waits for it.
pub const IMPORT: Duration = Duration::from_secs(30);

/// `logout`: the lock, the store and, within [`REVOCATION`], the server.
pub const LOGOUT: Duration = Duration::from_secs(30);

/// Revocation is a courtesy to the server: it must not keep a person waiting.
pub const REVOCATION: Duration = Duration::from_secs(10);

/// A store that a person may have to unlock (`add`, `secret`, `unlock`): to find the keyring's window and type a
/// password.
pub const UNLOCKING: Duration = Duration::from_secs(120);

/// Each of a login's steps without a person: the store, the server's metadata, saving.
pub const LOGIN_STEP: Duration = Duration::from_secs(60);

/// An authorization code, which most servers let live for a minute.
pub const CODE: Duration = Duration::from_secs(30);

/// A person at the browser, unless `login --timeout` says otherwise.
pub const BROWSER: Duration = Duration::from_secs(180);

/// A second login of the same profile waits for the first, which a person may take to its end.
pub const LOGIN_TURN: Duration = BROWSER.saturating_add(Duration::from_secs(20));

/// Two that write the configuration at once (`add`, `config set`) wait for each other this long.
pub const CONFIG_TURN: Duration = Duration::from_secs(10);

/// `add` asks a server for its metadata, and a person waits for the next question.
pub const ADD_METADATA: Duration = Duration::from_secs(15);

/// `add` tries the new profile, and a person waits for the verdict.
pub const ADD_TRIAL: Duration = Duration::from_secs(20);

/// `status`, for the store of one profile: a keyring answers in milliseconds, or hangs.
pub const STATUS_STORE: Duration = Duration::from_secs(3);

/// `doctor`, for the keyring: one that has not answered by then hangs.
pub const CHECK_KEYRING: Duration = Duration::from_secs(5);

/// `doctor`, for a secret: a program that asks its own agent has answered by then.
pub const CHECK_SECRET: Duration = Duration::from_secs(5);

/// `doctor`, for one endpoint: a server that needs longer is not there for anybody.
pub const CHECK_SERVER: Duration = Duration::from_secs(5);

/// `doctor`, for the two places together where metadata can be.
pub const CHECK_METADATA: Duration = Duration::from_secs(8);

/// `doctor`, for what git says of its configuration, which it reads from files alone.
pub const CHECK_GIT: Duration = Duration::from_secs(3);

/// `doctor`: a token request with everything before it.
pub const CHECK_TOKEN: Duration = Duration::from_secs(15);
