//! Which proxy, if any, stands before an API server. kube's own rule matches NO_PROXY against the proxy, not the server.

/// The proxy for a server: the kubeconfig's own; else HTTPS_PROXY unless NO_PROXY or loopback, as client-go.
pub fn proxy_of(own: Option<&str>, server: &str, env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| env(name).filter(|v| !v.is_empty());
    if let Some(own) = own.filter(|p| !p.is_empty()) {
        return Some(own.to_owned());
    }
    let uri: http::Uri = server.parse().ok()?;
    let scheme_proxy = if uri.scheme_str() == Some("http") {
        "HTTP_PROXY"
    } else {
        "HTTPS_PROXY"
    };
    let proxy = set(scheme_proxy).or_else(|| set(&scheme_proxy.to_lowercase()))?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let address: Option<std::net::IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|a| a.is_loopback()) {
        return None;
    }
    let exempt = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    let spared = exempt.split(',').map(str::trim).filter(|e| !e.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((net, bits)) = entry.split_once('/') {
            return match (net.parse(), bits.parse(), address) {
                (Ok(net), Ok(bits), Some(address)) => in_net(address, net, bits),
                _ => false,
            };
        }
        let entry = entry.split_once(':').map_or(
            entry,
            |(name, port)| {
                if port.parse::<u16>().is_ok() { name } else { entry }
            },
        );
        let bare = entry.trim_start_matches("*.").trim_start_matches('.');
        host.eq_ignore_ascii_case(bare)
            || host
                .to_ascii_lowercase()
                .strip_suffix(&bare.to_ascii_lowercase())
                .is_some_and(|rest| rest.ends_with('.'))
    });
    if spared {
        return None;
    }
    // `HTTPS_PROXY=proxy:3128` is common.
    Some(if proxy.contains("://") {
        proxy
    } else {
        format!("http://{proxy}")
    })
}

fn in_net(address: std::net::IpAddr, net: std::net::IpAddr, bits: u32) -> bool {
    use std::net::IpAddr::{V4, V6};
    let same = |a: u128, b: u128, width: u32| bits <= width && (a ^ b).checked_shr(width - bits).unwrap_or(0) == 0;
    match (address, net) {
        (V4(a), V4(n)) => same(u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (V6(a), V6(n)) => same(a.to_bits(), n.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_chosen_as_client_go_chooses() {
        let env = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy:3128".to_owned()),
            "NO_PROXY" => Some("10.0.0.0/8, .corp.example,exact.example:443".to_owned()),
            _ => None,
        };
        let of = |server: &str| proxy_of(None, server, env);
        assert_eq!(of("https://k8s.example:6443").as_deref(), Some("http://proxy:3128"));
        for spared in [
            "https://10.1.2.3",
            "https://a.corp.example",
            "https://exact.example",
            "https://127.0.0.1:1",
        ] {
            assert_eq!(of(spared), None, "{spared}");
        }
        assert_eq!(
            proxy_of(Some("socks5://p"), "https://10.1.2.3", env).as_deref(),
            Some("socks5://p")
        );
    }
}
