//! Three calls of each command, as they stand under its help and in its manual page.

/// Examples, and where the options are that every command has.
macro_rules! examples {
    ($text:literal) => {
        concat!(
            "Examples:\n",
            $text,
            "\n\nWith every command: --config FILE, -v, -q, --color WHEN (see tokctl --help)"
        )
    };
}

pub const ADD: &str = examples!(
    "  tokctl add
  tokctl add corp --issuer https://sso.corp.example --client-id cli --host https://git.corp.example --install git
  tokctl add corp --change --scope 'read write'"
);

pub const GET: &str = examples!(
    "  tokctl get corp
  tokctl get corp --format header | curl -H @- https://api.corp.example/v1/me
  T=$(tokctl get corp --min-ttl 10m) || exit"
);

pub const API: &str = examples!(
    "  tokctl api github user
  tokctl api github /repos/me/x/issues -d '{\"title\":\"it does not start\"}'
  tokctl api corp https://api.corp.example/v1/report -o report.json --fail"
);

pub const EXEC: &str = examples!(
    "  tokctl exec corp -- ./deploy
  tokctl exec github --env GH_TOKEN -- gh pr list
  tokctl exec corp --refresh --env TOKEN_FILE -- ./all-night"
);

pub const LOGIN: &str = examples!(
    "  tokctl login corp
  tokctl login corp --device
  tokctl login corp --scope +git"
);

pub const STATUS: &str = examples!(
    "  tokctl status
  tokctl status corp --json
  tokctl status --check || mail -s 'a login is needed' me"
);

pub const REFRESH: &str = examples!(
    "  tokctl refresh corp
  tokctl refresh --all
  tokctl refresh --all --older-than 7d"
);

pub const IMPORT: &str = examples!(
    "  tokctl import corp < token.json
  pass show corp/refresh-token | tokctl import corp
  ssh laptop 'cat token.json' | tokctl import corp"
);

pub const LOGOUT: &str = examples!(
    "  tokctl logout corp
  tokctl logout corp --no-revoke
  tokctl logout --all"
);

pub const SECRET: &str = examples!(
    "  tokctl secret set corp
  tokctl secret set corp < key.pem
  tokctl secret rm corp"
);

pub const UNLOCK: &str = examples!(
    "  tokctl unlock
  tokctl unlock --for 30m
  tokctl unlock corp"
);

pub const PROVIDERS: &str = examples!(
    "  tokctl providers
  tokctl providers gitlab
  tokctl providers gitlab --toml"
);

pub const DOCTOR: &str = examples!(
    "  tokctl doctor
  tokctl doctor corp
  tokctl doctor corp --offline"
);

pub const HELPER: &str = examples!(
    "  tokctl helper install git
  echo url=https://git.corp.example | tokctl helper git get
  tokctl helper kubectl corp"
);

pub const INSTALL: &str = examples!(
    "  tokctl helper install git
  tokctl helper install docker corp --dry-run
  tokctl helper install git --remove"
);

pub const CONFIG: &str = examples!(
    "  tokctl config check
  tokctl config set corp scope read write
  tokctl config get corp token_endpoint"
);

pub const MAN: &str = examples!(
    "  tokctl man
  tokctl man config.5
  tokctl man --install ~/.local/share/man"
);

pub const COMPLETIONS: &str = examples!(
    "  source <(tokctl completions bash)         in ~/.bashrc
  source <(tokctl completions zsh)          in ~/.zshrc, after compinit
  tokctl completions fish | source          in ~/.config/fish/config.fish
  tokctl completions powershell | Out-String | Invoke-Expression          in $PROFILE"
);
