//! From where a request comes: which address, and which page.
//!
//! Both decide who may do how much, so neither believes more than it must: a header counts only if a trusted proxy
//! wrote it, and `Host` only for what it is there for.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::config::Origin;

/// The address of the client: the peer's, unless the peer is in `trusted`. Then `X-Forwarded-For` is read from its end,
/// where the nearest proxy wrote, to the first address that is not trusted. What can't be read ends the walk at the last
/// one that could. IPv4 in IPv6 counts as IPv4.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines: Vec<_> = headers.get_all(header::X_FORWARDED_FOR).collect();
    // Several lines are one list, in their order.
    let hops = lines.into_iter().rev().flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        if !trusted.iter().any(|network| network.contains(&client)) {
            break;
        }
        let Some(address) = address(hop.trim()) else { break };
        client = address;
    }
    client
}

/// Whether a page may use this request: one of the request's own host, or of `allowed`. A request without an `Origin` is
/// no browser's, or of the same origin; as nothing is known by cookie, there is nothing that a foreign page could
/// borrow. `null` is refused: any page can make itself one.
#[must_use]
pub fn origin_is_allowed(headers: &HeaderMap, allowed: &[Origin]) -> bool {
    if !headers.contains_key(header::ORIGIN) {
        return true;
    }
    let Some(origin) = only(headers, header::ORIGIN).and_then(|text| Origin::parse(text).ok()) else { return false };
    // Behind a proxy that ends TLS the page's scheme is https and ours http, so both are the own host's.
    let own = only(headers, header::HOST);
    let is_own = |scheme| own.is_some_and(|host| Origin::of_authority(scheme, host).is_ok_and(|own| own == origin));
    is_own("http") || is_own("https") || allowed.contains(&origin)
}

/// Whether a request asked for this server by a name of the machine itself, or by the host of one of `allowed`; the port
/// may be any, for tunnels have their own. What a proxy says about `Host` is not looked at: one that keeps it is named
/// in `allowed`, one that does not has put our own address there.
#[must_use]
pub fn name_is_ours(headers: &HeaderMap, allowed: &[Origin]) -> bool {
    let Some(host) = only(headers, header::HOST).and_then(|host| Origin::of_authority("http", host).ok()) else {
        return false;
    };
    host.is_loopback() || allowed.iter().any(|origin| origin.host() == host.host())
}

/// The value of a header that is there once; two of them are as good as none.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok().filter(IpAddr::is_ipv6);
    bare().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn is_allowed(host: &str, origin: &str) -> bool {
        let allowed = ["https://app.example.com", "http://dev.example.com:3000", "https://xn--rume-loa.example"];
        let allowed = allowed.map(|text| Origin::parse(text).unwrap());
        origin_is_allowed(&headers(&[(header::HOST, host), (header::ORIGIN, origin)]), &allowed)
    }

    #[test]
    fn a_page_of_the_own_host_or_the_list_may_connect() {
        for (host, origin) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("LocalHost:8080", "http://localhost:8080"),
            ("live.example.com", "https://live.example.com"),
            ("live.example.com", "http://live.example.com"),
            ("live.example.com", "https://LIVE.Example.com"),
            ("live.example.com", "HTTPS://live.example.com"),
            ("live.example.com", "https://live.example.com:443"),
            ("live.example.com:443", "https://live.example.com"),
            ("live.example.com:8443", "https://live.example.com:8443"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
            ("live.example.com", "https://app.example.com"),
            ("live.example.com", "https://APP.example.com"),
            ("live.example.com", "https://app.example.com:443"),
            ("live.example.com", "http://dev.example.com:3000"),
            ("live.example.com", "https://xn--rume-loa.example"),
            ("not a host", "https://app.example.com"),
        ] {
            assert!(is_allowed(host, origin), "{origin} at {host}");
        }
    }

    #[test]
    fn any_other_page_may_not() {
        for origin in [
            "null",
            "NULL",
            "",
            " ",
            "*",
            "file://",
            "http://",
            "https://",
            "://app.example.com",
            "app.example.com",
            "//app.example.com",
            // Another scheme, another port.
            "http://app.example.com",
            "ws://app.example.com",
            "https://app.example.com:80",
            "https://app.example.com:8443",
            "https://app.example.com:",
            "https://app.example.com:+443",
            "https://app.example.com:0443x",
            "https://app.example.com:99999",
            "http://dev.example.com",
            "http://dev.example.com:30000",
            "http://live.example.com:443",
            "https://live.example.com:80",
            // What ends, begins or nearly is like an allowed one.
            "https://evilapp.example.com",
            "https://app.example.com.evil.com",
            "https://app.example.comevil",
            "https://sub.app.example.com",
            "https://example.com",
            "https://app.example.com.",
            "https://app-example.com",
            "https://appXexample.com",
            "https://localhost",
            "http://127.0.0.1",
            // What hides another host.
            "https://app.example.com@evil.com",
            "https://evil.com@app.example.com",
            "https://user:pw@app.example.com",
            "https://evil.com#app.example.com",
            "https://evil.com\\app.example.com",
            "https://evil.com/https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com?x",
            "https://app.example.com ",
            " https://app.example.com",
            "https://app.example.com, https://evil.com",
            "https://app.example.com https://evil.com",
            "https://app%2eexample.com",
            "https://app.example.com%00.evil.com",
            // International names: only the spelling that browsers send.
            "https://räume.example",
            "https://аpp.example.com",
            "https://app。example。com",
            "https://xn--rume-loa.example.evil.com",
            "http://[::1",
            "http://[::1]x",
            "http://[localhost]",
            "http://::1",
        ] {
            assert!(!is_allowed("live.example.com", origin), "{origin}");
        }
        assert!(!is_allowed("a.example, b.example", "http://b.example"));
        assert!(!is_allowed("", "http://"));
        assert!(!is_allowed("user@live.example.com", "http://live.example.com"));
    }

    #[test]
    fn a_name_is_ours_if_it_can_lead_nowhere_else_or_is_listed() {
        let allowed = ["https://app.example.com:8443", "http://[2001:db8::1]"].map(|text| Origin::parse(text).unwrap());
        let is_ours = |host: &str| name_is_ours(&headers(&[(header::HOST, host)]), &allowed);
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST:1",
            "LocalHost",
            "board.localhost",
            "a.b.localhost:8080",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.1.2.3:80",
            "127.255.255.255",
            "[::1]",
            "[::1]:8080",
            "[0:0:0:0:0:0:0:1]:8080",
            "app.example.com",
            "App.Example.COM:80",
            "app.example.com:8443",
            "[2001:DB8:0::1]:9",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            // Names that somebody else can let point here.
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "localhost.evil.example:8080",
            "evil-localhost",
            "evillocalhost",
            "localhost.localdomain",
            "localhos",
            "ocalhost",
            "127.0.0.1.evil.example",
            "127.0.0.1.nip.io:8080",
            "127-0-0-1.evil.example",
            "app.example.com.evil.example",
            "evil.app.example.com",
            "evilapp.example.com",
            "example.com",
            "app-example.com",
            // Spellings that not everybody reads alike.
            "localhost.",
            ".localhost",
            "..localhost",
            "a..localhost",
            "127.0.0.1.",
            "127.1",
            "127.0.0.01",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "128.0.0.1",
            "126.255.255.255",
            "0.0.0.0:8080",
            "192.168.1.2",
            "[::]",
            "[::2]",
            "[::ffff:127.0.0.1]",
            "[::1",
            "::1",
            "[localhost]",
            "[127.0.0.1]",
            // No host at all, or more than one.
            "",
            ":8080",
            "localhost:x",
            "127.0.0.1:",
            "localhost:+80",
            "localhost:99999",
            "localhost@evil.example",
            "evil.example@localhost",
            "localhost/evil.example",
            "evil.example#localhost",
            "localhost, evil.example",
            "localhost evil.example",
            "http://localhost",
            "löcalhost",
            "ｌocalhost",
        ] {
            assert!(!is_ours(host), "{host}");
        }
        let twice = [(header::HOST, "localhost"), (header::HOST, "evil.example")];
        assert!(!name_is_ours(&headers(&twice), &allowed));
        let forwarded = (HeaderName::from_static("x-forwarded-host"), "localhost");
        assert!(!name_is_ours(&headers(&[(header::HOST, "evil.example"), forwarded]), &allowed));
        assert!(!name_is_ours(&headers(&[]), &allowed));
    }

    #[test]
    fn a_request_without_an_origin_is_no_page_and_two_origins_are_none() {
        assert!(origin_is_allowed(&headers(&[(header::HOST, "h")]), &[]));
        let own = (header::ORIGIN, "http://h");
        assert!(origin_is_allowed(&headers(&[(header::HOST, "h"), own.clone()]), &[]));
        assert!(!origin_is_allowed(&headers(&[(header::HOST, "h"), own.clone(), own.clone()]), &[]));
        assert!(!origin_is_allowed(&headers(&[(header::HOST, "h"), (header::HOST, "h"), own.clone()]), &[]));
        assert!(!origin_is_allowed(&headers(std::slice::from_ref(&own)), &[]));
        let forwarded = (HeaderName::from_static("x-forwarded-host"), "h");
        assert!(!origin_is_allowed(&headers(&[(header::HOST, "other"), forwarded, own]), &[]));
    }

    #[test]
    fn the_client_is_the_first_address_from_the_right_that_is_no_proxy() {
        let trusted = ["10.0.0.0/8", "192.168.1.1/32", "fd00::/8"].map(|text| text.parse().unwrap());
        let chain = vec!["10.1.1.1"; 99].join(",");
        for (peer, lines, client) in [
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // Who is no proxy can write what they like.
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("203.0.113.9", &["10.0.0.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1 , 10.9.9.9,192.168.1.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["10.2.2.2, 10.9.9.9"], "10.2.2.2"),
            ("10.0.0.1", &[chain.as_str()], "10.1.1.1"),
            // What can't be read ends the walk.
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, junk, 10.9.9.9"], "10.9.9.9"),
            ("10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1", "ä"], "10.0.0.1"),
            ("10.0.0.1", &["0x7f000001"], "10.0.0.1"),
            ("10.0.0.1", &["2130706433"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4/8"], "10.0.0.1"),
            ("10.0.0.1", &["_hidden, for=1.2.3.4"], "10.0.0.1"),
            // Spellings.
            ("10.0.0.1", &["198.51.100.1:1234"], "198.51.100.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["[1.2.3.4]"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("fd00::1", &["::ffff:198.51.100.1, ::ffff:10.1.1.1"], "198.51.100.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| (header::X_FORWARDED_FOR, *line)).collect();
            let found = client_address(peer.parse().unwrap(), &headers(&lines), &trusted);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
        let others = [("x-real-ip", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("x-client-ip", "1.1.1.1")];
        let others = others.map(|(name, value)| (HeaderName::from_static(name), value));
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(client_address(peer, &headers(&others), &trusted), peer);
        assert_eq!(client_address(peer, &headers(&[(header::X_FORWARDED_FOR, "1.1.1.1")]), &[]), peer);
    }
}
