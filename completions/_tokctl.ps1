
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'tokctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'tokctl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'tokctl' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add a profile to the configuration file: asks on a terminal, takes flags without one')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print an access token, renewed or fetched when needed; never asks anything')
            [CompletionResult]::new('api', 'api', [CompletionResultType]::ParameterValue, 'Make a request to a service''s API with the profile''s token, as curl would')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Log in, in a browser or on another device, and store the grant')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the profiles: what is stored where, and for how long it is good; never a token')
            [CompletionResult]::new('refresh', 'refresh', [CompletionResultType]::ParameterValue, 'Renew now, so that grants which die of disuse do not; for cron')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Store a token response (JSON) or a bare refresh token from stdin')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Revoke a profile''s grant at the server, and erase what is stored')
            [CompletionResult]::new('secret', 'secret', [CompletionResultType]::ParameterValue, 'Keep a profile''s client secret in its store')
            [CompletionResult]::new('unlock', 'unlock', [CompletionResultType]::ParameterValue, 'Open the encrypted file for a while: asks for its passphrase and keeps the key in the kernel keyring')
            [CompletionResult]::new('providers', 'providers', [CompletionResultType]::ParameterValue, 'Show the built-in presets, or what one of them sets')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say what works here and what does not, with what to do about it; shows no secret')
            [CompletionResult]::new('helper', 'helper', [CompletionResultType]::ParameterValue, 'Speak a program''s credential protocol: git, kubectl, docker, cargo, bazel, go or terraform')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tokctl;add' {
            [CompletionResult]::new('--preset', '--preset', [CompletionResultType]::ParameterName, 'The service''s preset (tokctl providers) [default: the one that has the profile''s name]')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'A value for {NAME} in the preset''s addresses; may be repeated')
            [CompletionResult]::new('--issuer', '--issuer', [CompletionResultType]::ParameterName, 'The server''s issuer, at which its addresses are found')
            [CompletionResult]::new('--token-endpoint', '--token-endpoint', [CompletionResultType]::ParameterName, 'The token endpoint, where there is neither preset nor issuer')
            [CompletionResult]::new('--authorization-endpoint', '--authorization-endpoint', [CompletionResultType]::ParameterName, 'The authorization endpoint, for a login in a browser')
            [CompletionResult]::new('--device-authorization-endpoint', '--device-authorization-endpoint', [CompletionResultType]::ParameterName, 'The device authorization endpoint, for a login on another device')
            [CompletionResult]::new('--revocation-endpoint', '--revocation-endpoint', [CompletionResultType]::ParameterName, 'The revocation endpoint, for tokctl logout')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Certificate authorities of this server, as PEM')
            [CompletionResult]::new('--client-id', '--client-id', [CompletionResultType]::ParameterName, 'The client id that the service gave to your application')
            [CompletionResult]::new('--client-secret-env', '--client-secret-env', [CompletionResultType]::ParameterName, 'The environment variable that will hold the client secret')
            [CompletionResult]::new('--client-secret-file', '--client-secret-file', [CompletionResultType]::ParameterName, 'The file that holds the client secret')
            [CompletionResult]::new('--client-secret-credential', '--client-secret-credential', [CompletionResultType]::ParameterName, 'The systemd credential that will hold the client secret')
            [CompletionResult]::new('--client-auth', '--client-auth', [CompletionResultType]::ParameterName, 'How the client proves itself: client_secret_basic, client_secret_post, none, ...')
            [CompletionResult]::new('--redirect-uri', '--redirect-uri', [CompletionResultType]::ParameterName, 'The redirect URI as it is registered')
            [CompletionResult]::new('--grant', '--grant', [CompletionResultType]::ParameterName, 'How the first token comes: authorization_code, device_code, client_credentials, refresh_token')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Scopes to ask for, separated by spaces; may be repeated')
            [CompletionResult]::new('--audience', '--audience', [CompletionResultType]::ParameterName, 'The audience to ask for')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'A server (https://HOST[:PORT]) that may be given this token by git, docker and others; may be repeated')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where tokens are kept: auto, keyring, encrypted-file, plaintext or none')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--client-secret-stdin', '--client-secret-stdin', [CompletionResultType]::ParameterName, 'Take the client secret from stdin, without echo on a terminal, and keep it in the profile''s store')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a profile of this name')
            [CompletionResult]::new('--no-try', '--no-try', [CompletionResultType]::ParameterName, 'Write the profile without trying it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;get' {
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Which of the grant''s tokens [default: the profile''s `token`, else access]')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Scopes instead of the profile''s, separated by spaces; may be repeated')
            [CompletionResult]::new('--audience', '--audience', [CompletionResultType]::ParameterName, 'Audience instead of the profile''s')
            [CompletionResult]::new('--resource', '--resource', [CompletionResultType]::ParameterName, 'Resource (RFC 8707) instead of the profile''s; may be repeated')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print')
            [CompletionResult]::new('--min-ttl', '--min-ttl', [CompletionResultType]::ParameterName, 'How long the token must still be good [default: the smaller of 5 minutes and a tenth of its life]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time for everything together: lock, store and network [default: 30s]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write to a file (mode 0600, replaced in one step, without a newline) instead of stdout')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --format json; errors are JSON on stderr too')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Renew even if the stored token is good')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Only what is stored: make no request')
            [CompletionResult]::new('--no-newline', '--no-newline', [CompletionResultType]::ParameterName, 'Print no newline at the end')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tokctl;api' {
            [CompletionResult]::new('-X', '-X ', [CompletionResultType]::ParameterName, 'The method [default: GET, or POST where there is a body]')
            [CompletionResult]::new('--request', '--request', [CompletionResultType]::ParameterName, 'The method [default: GET, or POST where there is a body]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'The method [default: GET, or POST where there is a body]')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'A header; may be repeated')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'A header; may be repeated')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The body: text, or @FILE without its line ends, or @- for stdin; several are joined by &')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'The body: text, or @FILE without its line ends, or @- for stdin; several are joined by &')
            [CompletionResult]::new('--data-binary', '--data-binary', [CompletionResultType]::ParameterName, 'The same with a file as it is')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'A file of any size as the body, or - for stdin; JSON unless -H says otherwise')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to a file (mode 0600, replaced when the answer is whole) instead of stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to a file (mode 0600, replaced when the answer is whole) instead of stdout')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time for everything together [default: no limit, but a minute of silence ends it]')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Which of the grant''s tokens [default: the profile''s `token`, else access]')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Scopes instead of the profile''s, separated by spaces; may be repeated')
            [CompletionResult]::new('--audience', '--audience', [CompletionResultType]::ParameterName, 'Audience instead of the profile''s')
            [CompletionResult]::new('--resource', '--resource', [CompletionResultType]::ParameterName, 'Resource (RFC 8707) instead of the profile''s; may be repeated')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Print the status line and the header too')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Print the status line and the header too')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Print nothing of an answer of 400 or more')
            [CompletionResult]::new('--fail', '--fail', [CompletionResultType]::ParameterName, 'Print nothing of an answer of 400 or more')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tokctl;login' {
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Scopes instead of the profile''s; +SCOPE adds to those that are granted and configured')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--device', '--device', [CompletionResultType]::ParameterName, 'Show a code to enter on any device with a browser (RFC 8628)')
            [CompletionResult]::new('--paste', '--paste', [CompletionResultType]::ParameterName, 'Show an address to open anywhere, and take the address that the browser ends at from stdin')
            [CompletionResult]::new('--no-browser', '--no-browser', [CompletionResultType]::ParameterName, 'Wait for the browser''s redirect, but open none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;status' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;refresh' {
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only grants that were not renewed for this long')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every profile that has a refresh token')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;import' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;logout' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every profile of the configuration')
            [CompletionResult]::new('--no-revoke', '--no-revoke', [CompletionResultType]::ParameterName, 'Erase only, and leave the grant at the server as it is')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;secret' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Take it from the terminal without echo, or from stdin')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tokctl;secret;set' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;secret;rm' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;secret;help' {
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Take it from the terminal without echo, or from stdin')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tokctl;secret;help;set' {
            break
        }
        'tokctl;secret;help;rm' {
            break
        }
        'tokctl;secret;help;help' {
            break
        }
        'tokctl;unlock' {
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'How long the key is kept')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;providers' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'tokctl;doctor' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tokctl;helper' {
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Which of the grant''s tokens [default: the profile''s `token`, else access]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Configuration file [default: $TOKCTL_CONFIG, else tokctl/config.toml in $XDG_CONFIG_HOME or ~/.config]')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done; never a secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Errors only')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tokctl;help' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add a profile to the configuration file: asks on a terminal, takes flags without one')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print an access token, renewed or fetched when needed; never asks anything')
            [CompletionResult]::new('api', 'api', [CompletionResultType]::ParameterValue, 'Make a request to a service''s API with the profile''s token, as curl would')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Log in, in a browser or on another device, and store the grant')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the profiles: what is stored where, and for how long it is good; never a token')
            [CompletionResult]::new('refresh', 'refresh', [CompletionResultType]::ParameterValue, 'Renew now, so that grants which die of disuse do not; for cron')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Store a token response (JSON) or a bare refresh token from stdin')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Revoke a profile''s grant at the server, and erase what is stored')
            [CompletionResult]::new('secret', 'secret', [CompletionResultType]::ParameterValue, 'Keep a profile''s client secret in its store')
            [CompletionResult]::new('unlock', 'unlock', [CompletionResultType]::ParameterValue, 'Open the encrypted file for a while: asks for its passphrase and keeps the key in the kernel keyring')
            [CompletionResult]::new('providers', 'providers', [CompletionResultType]::ParameterValue, 'Show the built-in presets, or what one of them sets')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say what works here and what does not, with what to do about it; shows no secret')
            [CompletionResult]::new('helper', 'helper', [CompletionResultType]::ParameterValue, 'Speak a program''s credential protocol: git, kubectl, docker, cargo, bazel, go or terraform')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tokctl;help;add' {
            break
        }
        'tokctl;help;get' {
            break
        }
        'tokctl;help;api' {
            break
        }
        'tokctl;help;login' {
            break
        }
        'tokctl;help;status' {
            break
        }
        'tokctl;help;refresh' {
            break
        }
        'tokctl;help;import' {
            break
        }
        'tokctl;help;logout' {
            break
        }
        'tokctl;help;secret' {
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Take it from the terminal without echo, or from stdin')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove it')
            break
        }
        'tokctl;help;secret;set' {
            break
        }
        'tokctl;help;secret;rm' {
            break
        }
        'tokctl;help;unlock' {
            break
        }
        'tokctl;help;providers' {
            break
        }
        'tokctl;help;doctor' {
            break
        }
        'tokctl;help;helper' {
            break
        }
        'tokctl;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
