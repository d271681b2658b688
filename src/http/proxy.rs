//! Which proxy a request goes through, by curl's rules.

use super::bad_setting;
use crate::env;
use crate::error::Result;
use std::net::IpAddr;

/// The proxy for a host, if it is reached through one.
pub fn for_host(scheme: &str, host: &str) -> Result<Option<ureq::Proxy>> {
    let (proxy, exceptions) = env::proxy(scheme);
    let Some(proxy) = proxy else { return Ok(None) };
    if exceptions.is_some_and(|list| is_exempt(host, &list)) {
        return Ok(None);
    }
    // The address may hold a password: it is not shown.
    let wrong = |_| bad_setting("the proxy that the environment names is not a proxy's address");
    ureq::Proxy::new(&proxy).map(Some).map_err(wrong)
}

/// Whether a host is in a `no_proxy` list: names match themselves and everything below them,
/// addresses match themselves or their network (`10.0.0.0/8`), `*` matches all.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.split([',', ' '])
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry
                .trim_start_matches('.')
                .trim_end_matches('.')
                .to_ascii_lowercase();
            if entry == "*" || entry == host {
                return true;
            }
            if let Ok(address) = host.parse::<IpAddr>() {
                return entry
                    .split_once('/')
                    .is_some_and(|(net, bits)| in_network(address, net, bits));
            }
            host.strip_suffix(&entry)
                .is_some_and(|rest| rest.ends_with('.'))
        })
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let shift = |ip: std::net::Ipv4Addr| ip.to_bits().checked_shr(32 - bits).unwrap_or(0);
            shift(address) == shift(network)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let shift = |ip: std::net::Ipv6Addr| ip.to_bits().checked_shr(128 - bits).unwrap_or(0);
            shift(address) == shift(network)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_exempt;

    #[test]
    fn no_proxy_matches_as_curl_does() {
        for (host, list, exempt) in [
            ("a.example", "a.example", true),
            ("x.a.example", ".a.example", true),
            ("x.a.example", "a.example", true),
            ("xa.example", "a.example", false),
            ("A.Example", "b, a.example", true),
            ("a.example", "*", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("fd00::1", "fd00::/8", true),
            ("a.example", "", false),
        ] {
            assert_eq!(is_exempt(host, list), exempt, "{host} in {list}");
        }
    }
}
