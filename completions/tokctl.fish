# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tokctl_global_optspecs
    string join \n config= v/verbose q/quiet h/help V/version
end

function __fish_tokctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tokctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tokctl_using_subcommand
    set -l cmd (__fish_tokctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tokctl -n "__fish_tokctl_needs_command" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_needs_command" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_needs_command" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_needs_command" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_needs_command" -s V -l version -d 'Print version'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "add" -d 'Add a profile to the configuration file: asks on a terminal, takes flags without one'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "get" -d 'Print an access token, renewed or fetched when needed; never asks anything'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "api" -d 'Make a request to a service\'s API with the profile\'s token, as curl would'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "login" -d 'Log in, in a browser or on another device, and store the grant'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "status" -d 'Show the profiles: what is stored where, and for how long it is good; never a token'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "refresh" -d 'Renew now, so that grants which die of disuse do not; for cron'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "import" -d 'Store a token response (JSON) or a bare refresh token from stdin'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "logout" -d 'Revoke a profile\'s grant at the server, and erase what is stored'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "secret" -d 'Keep a profile\'s client secret in its store'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "unlock" -d 'Open the encrypted file for a while: asks for its passphrase and keeps the key in the kernel keyring'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "providers" -d 'Show the built-in presets, or what one of them sets'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "doctor" -d 'Say what works here and what does not, with what to do about it; shows no secret'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "helper" -d 'Speak a program\'s credential protocol: git, kubectl, docker, cargo, bazel, go or terraform'
complete -c tokctl -n "__fish_tokctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l preset -d 'The service\'s preset (tokctl providers) [default: the one that has the profile\'s name]' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l var -d 'A value for {NAME} in the preset\'s addresses; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l issuer -d 'The server\'s issuer, at which its addresses are found' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l token-endpoint -d 'The token endpoint, where there is neither preset nor issuer' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l authorization-endpoint -d 'The authorization endpoint, for a login in a browser' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l device-authorization-endpoint -d 'The device authorization endpoint, for a login on another device' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l revocation-endpoint -d 'The revocation endpoint, for tokctl logout' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l ca-file -d 'Certificate authorities of this server, as PEM' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-id -d 'The client id that the service gave to your application' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-secret-env -d 'The environment variable that will hold the client secret' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-secret-file -d 'The file that holds the client secret' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-secret-credential -d 'The systemd credential that will hold the client secret' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-auth -d 'How the client proves itself: client_secret_basic, client_secret_post, none, ...' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l redirect-uri -d 'The redirect URI as it is registered' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l grant -d 'How the first token comes: authorization_code, device_code, client_credentials, refresh_token' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l scope -d 'Scopes to ask for, separated by spaces; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l audience -d 'The audience to ask for' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l host -d 'A server (https://HOST[:PORT]) that may be given this token by git, docker and others; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l store -d 'Where tokens are kept: auto, keyring, encrypted-file, plaintext or none' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l client-secret-stdin -d 'Take the client secret from stdin, without echo on a terminal, and keep it in the profile\'s store'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l force -d 'Replace a profile of this name'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -l no-try -d 'Write the profile without trying it'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand add" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l token -d 'Which of the grant\'s tokens [default: the profile\'s `token`, else access]' -r -f -a "access\t'The access token'
id\t'OpenID Connect\'s id token'"
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l scope -d 'Scopes instead of the profile\'s, separated by spaces; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l audience -d 'Audience instead of the profile\'s' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l resource -d 'Resource (RFC 8707) instead of the profile\'s; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l format -d 'What to print' -r -f -a "token\t'The token alone'
bearer\t'Bearer TOKEN'
header\t'Authorization: Bearer TOKEN, for curl -H @-'
headers-json\t'{"Authorization":"Bearer TOKEN"}'
curl\t'header = "Authorization: Bearer TOKEN", for curl --config -'
json\t'The token with its type, expiry and scope'"
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l min-ttl -d 'How long the token must still be good [default: the smaller of 5 minutes and a tenth of its life]' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l timeout -d 'The time for everything together: lock, store and network [default: 30s]' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l out -d 'Write to a file (mode 0600, replaced in one step, without a newline) instead of stdout' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l json -d 'Short for --format json; errors are JSON on stderr too'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l force -d 'Renew even if the stored token is good'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l offline -d 'Only what is stored: make no request'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -l no-newline -d 'Print no newline at the end'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s X -l request -l method -d 'The method [default: GET, or POST where there is a body]' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s H -l header -d 'A header; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s d -l data -d 'The body: text, or @FILE without its line ends, or @- for stdin; several are joined by &' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l data-binary -d 'The same with a file as it is' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l input -d 'A file of any size as the body, or - for stdin; JSON unless -H says otherwise' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s o -l output -d 'Write to a file (mode 0600, replaced when the answer is whole) instead of stdout' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l timeout -d 'The time for everything together [default: no limit, but a minute of silence ends it]' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l token -d 'Which of the grant\'s tokens [default: the profile\'s `token`, else access]' -r -f -a "access\t'The access token'
id\t'OpenID Connect\'s id token'"
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l scope -d 'Scopes instead of the profile\'s, separated by spaces; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l audience -d 'Audience instead of the profile\'s' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l resource -d 'Resource (RFC 8707) instead of the profile\'s; may be repeated' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s i -l include -d 'Print the status line and the header too'
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s f -l fail -d 'Print nothing of an answer of 400 or more'
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand api" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -l scope -d 'Scopes instead of the profile\'s; +SCOPE adds to those that are granted and configured' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -l device -d 'Show a code to enter on any device with a browser (RFC 8628)'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -l paste -d 'Show an address to open anywhere, and take the address that the browser ends at from stdin'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -l no-browser -d 'Wait for the browser\'s redirect, but open none'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand login" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand status" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand status" -l json -d 'As JSON'
complete -c tokctl -n "__fish_tokctl_using_subcommand status" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand status" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -l older-than -d 'Only grants that were not renewed for this long' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -l all -d 'Every profile that has a refresh token'
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand refresh" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand import" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand import" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand import" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand import" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -l all -d 'Every profile of the configuration'
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -l no-revoke -d 'Erase only, and leave the grant at the server as it is'
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand logout" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -f -a "set" -d 'Take it from the terminal without echo, or from stdin'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -f -a "rm" -d 'Remove it'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and not __fish_seen_subcommand_from set rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from rm" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "set" -d 'Take it from the terminal without echo, or from stdin'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove it'
complete -c tokctl -n "__fish_tokctl_using_subcommand secret; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tokctl -n "__fish_tokctl_using_subcommand unlock" -l for -d 'How long the key is kept' -r
complete -c tokctl -n "__fish_tokctl_using_subcommand unlock" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand unlock" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand unlock" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand unlock" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand providers" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand providers" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand providers" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand providers" -s h -l help -d 'Print help'
complete -c tokctl -n "__fish_tokctl_using_subcommand doctor" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand doctor" -l json -d 'As JSON'
complete -c tokctl -n "__fish_tokctl_using_subcommand doctor" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand doctor" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tokctl -n "__fish_tokctl_using_subcommand helper" -l token -d 'Which of the grant\'s tokens [default: the profile\'s `token`, else access]' -r -f -a "access\t'The access token'
id\t'OpenID Connect\'s id token'"
complete -c tokctl -n "__fish_tokctl_using_subcommand helper" -l config -d 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]' -r -F
complete -c tokctl -n "__fish_tokctl_using_subcommand helper" -s v -l verbose -d 'Say on stderr what is being done; never a secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand helper" -s q -l quiet -d 'Errors only'
complete -c tokctl -n "__fish_tokctl_using_subcommand helper" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "add" -d 'Add a profile to the configuration file: asks on a terminal, takes flags without one'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "get" -d 'Print an access token, renewed or fetched when needed; never asks anything'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "api" -d 'Make a request to a service\'s API with the profile\'s token, as curl would'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "login" -d 'Log in, in a browser or on another device, and store the grant'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "status" -d 'Show the profiles: what is stored where, and for how long it is good; never a token'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "refresh" -d 'Renew now, so that grants which die of disuse do not; for cron'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "import" -d 'Store a token response (JSON) or a bare refresh token from stdin'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "logout" -d 'Revoke a profile\'s grant at the server, and erase what is stored'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "secret" -d 'Keep a profile\'s client secret in its store'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "unlock" -d 'Open the encrypted file for a while: asks for its passphrase and keeps the key in the kernel keyring'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "providers" -d 'Show the built-in presets, or what one of them sets'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "doctor" -d 'Say what works here and what does not, with what to do about it; shows no secret'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "helper" -d 'Speak a program\'s credential protocol: git, kubectl, docker, cargo, bazel, go or terraform'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and not __fish_seen_subcommand_from add get api login status refresh import logout secret unlock providers doctor helper help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "set" -d 'Take it from the terminal without echo, or from stdin'
complete -c tokctl -n "__fish_tokctl_using_subcommand help; and __fish_seen_subcommand_from secret" -f -a "rm" -d 'Remove it'
