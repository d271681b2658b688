//! A registry's names, as docker and its kin write them. Docker Hub has several.

use crate::http::Origin;

/// The names that docker, podman, skopeo, helm and crane have for Docker Hub. The first is docker's own
/// key, the second podman's and skopeo's.
const HUB: [&str; 4] = [
    "https://index.docker.io/v1/",
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
];

/// Whether an origin is Docker Hub.
pub fn is_hub(origin: &Origin) -> bool {
    origin.scheme() == "https" && HUB.contains(&origin.authority())
}

/// The keys under which a registry can stand in docker's configuration; the first ones are those that
/// programs look for.
pub fn names(origin: &Origin) -> Vec<String> {
    if is_hub(origin) {
        HUB.map(str::to_owned).to_vec()
    } else {
        vec![origin.authority().to_owned()]
    }
}

/// The keys that are written for a registry, so that each program finds one.
pub fn keys(origin: &Origin) -> Vec<String> {
    let mut names = names(origin);
    names.truncate(2);
    names
}

/// Whether a helper's name in docker's configuration is one of our links.
pub fn is_ours(helper: &str) -> bool {
    helper == "tokctl" || helper.starts_with("tokctl-")
}

/// The origins that a server string can mean: with its scheme, else https, else http where a profile
/// says so. Paths such as Docker Hub's `/v1/` do not count.
pub fn origins(server: &str) -> Vec<Origin> {
    let server = server.trim();
    if server.contains("://") {
        return Origin::of_url(server).into_iter().collect();
    }
    let of = |scheme: &str| Origin::of_url(&format!("{scheme}://{server}"));
    ["https", "http"].into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_is_one_registry_by_all_its_names() {
        for name in HUB {
            assert!(origins(name).iter().any(is_hub), "{name}");
            assert!(
                origins(&format!("https://{}", name.trim_start_matches("https://")))
                    .iter()
                    .any(is_hub)
            );
        }
        for other in [
            "http://docker.io",
            "docker.io.evil.example",
            "docker.io:5000",
            "hub.docker.io.x",
            "registry.example",
        ] {
            assert!(!origins(other).first().is_some_and(is_hub), "{other}");
        }
    }

    #[test]
    fn a_server_without_a_scheme_may_be_either() {
        let read = |text: &str| {
            origins(text)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read("Registry.example:443/v2/\n"),
            ["https://registry.example", "http://registry.example:443"]
        );
        assert_eq!(read("http://127.0.0.1:5000"), ["http://127.0.0.1:5000"]);
        for odd in ["", " ", "a b", "a@b", "https://"] {
            assert!(origins(odd).is_empty(), "{odd:?}");
        }
    }
}
