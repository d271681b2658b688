//! What a profile's tokens are found by: the name of its file, its binding and its variant, as the first version made
//! them. One that changes loses the login of everybody who has one.

use crate::support::Sandbox;
use serde_json::json;

/// A profile as it is written, and what its stored record has been named since the first version.
struct Kept {
    profile: &'static str,
    keys: &'static str,
    /// Further words of `tokctl get`.
    args: &'static [&'static str],
    file: &'static str,
    binding: &'static str,
    variant: &'static str,
}

#[test]
fn a_record_of_the_first_version_is_found_and_read_whatever_the_profile_says() {
    let sandbox = Sandbox::new();
    let profiles = KEPT.iter().map(|kept| {
        let (name, keys) = (kept.profile, kept.keys);
        format!("[profile.\"{name}\"]\n{keys}\nstore = \"plaintext\"\naccess_cache = \"none\"\n\n")
    });
    sandbox.config(&profiles.collect::<String>());
    for kept in KEPT {
        let token = format!("at-{}", kept.profile);
        let record = json!({
            "version": 1,
            "generation": 7,
            "binding": kept.binding,
            "refresh": "rt",
            "tokens": { kept.variant: {
                "access": token,
                "type": "Bearer",
                "scope": "read",
                "obtained": 1_700_000_000,
                "expires": 4_102_444_800_i64,
            } },
            "spool_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        });
        let path = format!("state/tokctl/plaintext/{}.json", kept.file);
        sandbox.write(path, record.to_string());
        let args = [&["get", kept.profile][..], kept.args].concat();
        sandbox.run(args).ok(&format!("{token}\n"));
    }
}

const KEPT: &[Kept] = &[
    Kept {
        profile: "plain",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci""#,
        args: &[],
        file: "93d957d5ef124a33a56d0f30ce8c6b20",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "corp.example-1",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci""#,
        args: &[],
        file: "707a2aceaabf0220f4c6257ca5a903fb",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "scopes",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
scope = ["write", "read", "read"]"#,
        args: &[],
        file: "a9920da88cfdab1faaba76f06a200b37",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "c9dca480f2b0fa52d9267239ea51775a",
    },
    Kept {
        profile: "scope-text",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
scope = "write read"
scope_separator = ",""#,
        args: &[],
        file: "77dea1fce4d6c66a8e64ff8abd7ffe62",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "c9dca480f2b0fa52d9267239ea51775a",
    },
    Kept {
        profile: "audience",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
audience = "https://api.example""#,
        args: &[],
        file: "909ad50eb78a46d2ad88488f60a1088d",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "a393be7f93c8d646476ffc4b9bdcc3ab",
    },
    Kept {
        profile: "resources",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
resource = ["https://b.example", "https://a.example"]"#,
        args: &[],
        file: "79c7a59195edea99b3bbdb98e6e94e28",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "79e1bf269ee0038f6e7ff53ce7e4c577",
    },
    Kept {
        profile: "params",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
token_params = { tenant = "t1", depth = 2, all = true }"#,
        args: &[],
        file: "7744f2883953252608938349999f85bc",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "86be0d768837c3b270546b57f608711b",
    },
    Kept {
        profile: "params-by-grant",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
token_params = { x = "1", client_credentials = { y = "2" } }"#,
        args: &[],
        file: "a5f644758c29c405ae897286cbc852bb",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "a7a3c51760453fe82f1518bfa213d5aa",
    },
    Kept {
        profile: "asked-scope",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
scope = "read""#,
        args: &["--scope", "b"],
        file: "9279555039ad7018d671f9f7cfcd4c1b",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "c102f5f7760aebb36b5bb61a5950fb36",
    },
    Kept {
        profile: "asked-audience",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci""#,
        args: &["--audience", "https://other.example"],
        file: "0af7db26e0035a5faf8940c3384d97b6",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "61028bf08b8285af1e17631f5b3769f1",
    },
    Kept {
        profile: "asked-resource",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci""#,
        args: &["--resource", "https://r.example"],
        file: "83dd6cefe616cde810c9e4e3d819a2bb",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "9117b7fe3f02e2338467896d3e6270b4",
    },
    Kept {
        profile: "asked-id-token",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "refresh_token""#,
        args: &["--token", "id"],
        file: "9517d9f613aa53b6b99c9fc825823b2b",
        binding: "e5f724f1ef3f6dd3552f2348d808afa6",
        variant: "97058c7648784fae74a687f61ea8fce3",
    },
    Kept {
        profile: "id-token",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "refresh_token"
token = "id""#,
        args: &[],
        file: "9e99b058ed3f552559b00a4aad8fdb56",
        binding: "e5f724f1ef3f6dd3552f2348d808afa6",
        variant: "97058c7648784fae74a687f61ea8fce3",
    },
    Kept {
        profile: "refresh-token",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "refresh_token""#,
        args: &[],
        file: "7c32b47800793f45d307bc02e75f5c32",
        binding: "e5f724f1ef3f6dd3552f2348d808afa6",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "device",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "device_code"
device_authorization_endpoint = "https://sso.example/device""#,
        args: &[],
        file: "ed16572a62b1237b7b8443defa886e9c",
        binding: "8296fadbca6f1fa13e277aaf07449eec",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "browser",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "authorization_code"
authorization_endpoint = "https://sso.example/auth""#,
        args: &[],
        file: "00426456ae6cf01c907c20beaec4a07b",
        binding: "067692cfd477ef932a33e619e59f7373",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "issuer",
        keys: r#"issuer = "https://sso.example/realms/main"
client_id = "ci""#,
        args: &[],
        file: "d9fcaf6f6792e2c4460357e7df8e529a",
        binding: "3ea98c07261c04e072d523c2c25d3186",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "issuer-and-endpoint",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
issuer = "https://sso.example/realms/main"
grant = "client_credentials""#,
        args: &[],
        file: "3e8cdb0ad3f721dcea36b90bbd7a1805",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "refresh-endpoint",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "refresh_token"
refresh_endpoint = "https://sso.example/refresh""#,
        args: &[],
        file: "b9216fa97e4a6a7a57ca0fe53703ebab",
        binding: "918a6f2d9484a6e871d371d9b0abe44a",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "certificate",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
client_auth = "tls_client_auth"
client_certificate = "/etc/corp/client.pem"
client_key = { file = "/etc/corp/client.key" }"#,
        args: &[],
        file: "12469d3cb873d191fde4acaeda8291f6",
        binding: "aab57e0e31ae3f5bf57b6571afad500c",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "private-key",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
client_auth = "private_key_jwt"
client_key = { env = "KEY" }"#,
        args: &[],
        file: "2b5a5928ea927ed6f7c406b4f5395074",
        binding: "f5d5ed9f5cba684b78d101db8500082d",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-env",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { env = "KEY" }"#,
        args: &[],
        file: "a573e197c58a4cbf0b1811d4b4659a9c",
        binding: "2dff0dcea9bb8dcf3dca74655ecb78c5",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-file",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { file = "/etc/corp/key.pem" }"#,
        args: &[],
        file: "744a07f5747ee795402027afdfa7367a",
        binding: "fede31e9f2414f981df3f9a05cdf3afe",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-env-file",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { env_file = "/etc/corp/env" }"#,
        args: &[],
        file: "5752fddb1584e818b55708747eaafe48",
        binding: "2478f601bfc733b2d32d430e3638b5b4",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-named-env-file",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { env_file = "/etc/corp/env", env = "KEY" }"#,
        args: &[],
        file: "ffdc37924b4869ce3ccbe2a7f44bc880",
        binding: "b8d320b827abef0f32d5ea6a0f1f9799",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-command",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { command = ["pass", "show", "corp"] }"#,
        args: &[],
        file: "cf4b16dc1d9f0c20c5f514729de9d68f",
        binding: "73f464fc264c9d310b251135acdf304b",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-systemd",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { systemd_credential = "corp" }"#,
        args: &[],
        file: "f55256cb59d26dbc6fdddf4eef5fe241",
        binding: "744358e67bfb97d462a18cafb5251171",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-store",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { keyring = true }"#,
        args: &[],
        file: "0b7079506718a4d40fa6bf0c2d99268a",
        binding: "285c592de032ef7b8663b7edbe76006e",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "assertion-claims",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "jwt_bearer"
client_auth = "none"
client_key = { env = "KEY" }
assertion = { sub = "me", aud = ["a", "b"], deep = { n = 1, yes = true } }"#,
        args: &[],
        file: "b3af9610c7900b0556e34f39455f9d23",
        binding: "41e6960a9bc7ec50d128875e68ef6a99",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "exchange-env",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "token_exchange"
client_auth = "none"
subject_token = { env = "SUBJECT" }"#,
        args: &[],
        file: "d7f68156f4f209310f53ca0c099a0fe4",
        binding: "638b64b5660d3a41b162fb8bf5054974",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "exchange-file",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "token_exchange"
client_auth = "none"
subject_token = { file = "/run/subject" }
subject_token_type = "jwt""#,
        args: &[],
        file: "0855a1c1e30d17b0ae8f64fab164f5bd",
        binding: "ea9635a61f36a5c82562fbc491db43d0",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "exchange-command",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "token_exchange"
client_auth = "none"
subject_token = { command = ["/usr/bin/subject"] }"#,
        args: &[],
        file: "876e73ccfee881552fc3602846d73a91",
        binding: "22b09fa980b13e44f6b173f75652fc01",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "exchange-profile",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "token_exchange"
client_auth = "none"
subject_token = { profile = "plain" }"#,
        args: &[],
        file: "2cae9a88ebd2eb1168f480060e9059d7",
        binding: "074345ad8aaef85411ce28d2e25469d7",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "exchange-whole",
        keys: r#"token_endpoint = "https://sso.example/token"
client_id = "ci"
grant = "token_exchange"
client_auth = "none"
subject_token = { profile = "plain" }
subject_token_type = "urn:x:y"
actor_token = { systemd_credential = "actor" }
actor_token_type = "id_token"
requested_token_type = "saml2"
audience = "b""#,
        args: &[],
        file: "1850c841deab780f379ee7525abbcb10",
        binding: "0afef173b469f5bdb787b5d05b0de37c",
        variant: "6416737c79ed9e662ab811d7187cc53f",
    },
    Kept {
        profile: "exchange-no-client",
        keys: r#"token_endpoint = "https://sso.example/token"
grant = "token_exchange"
client_auth = "none"
subject_token = { env = "SUBJECT" }"#,
        args: &[],
        file: "beafcea3adc8434ca18e1fc022c1ac5b",
        binding: "ec4aad84f02e3b5aaa2140e50c0efcfd",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "spotify",
        keys: r#"client_id = "ci"
client_secret = { env = "S" }"#,
        args: &[],
        file: "8d0aa60e7304c32e446aadde8d6b6062",
        binding: "44bd7b006f15a391a65c49bcdc2845ea",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "github",
        keys: r#"client_id = "ci"
client_secret = { env = "S" }
scope = "repo""#,
        args: &[],
        file: "592ab5abf1ee173136a1753d14544e3a",
        binding: "6cc9ca13b8c1678f7fc7e76c259c9a4c",
        variant: "837a4bf543248fad7c1714c154c5452a",
    },
    Kept {
        profile: "work",
        keys: r#"preset = "microsoft"
vars = { tenant = "t.example" }
client_id = "ci"
client_auth = "none""#,
        args: &[],
        file: "2795c232aee1d91a4096ba92bf6badc0",
        binding: "e9da89c207e5838d24ffcf9e017cef8b",
        variant: "27504a008c0e488258257fa922a50187",
    },
    Kept {
        profile: "google",
        keys: r#"client_id = "ci"
client_secret = { env = "S" }"#,
        args: &[],
        file: "fde3c0e66f0043e3004486247020db52",
        binding: "d74e7d7a2a613354b41e5db6c5c877fd",
        variant: "27504a008c0e488258257fa922a50187",
    },
];
