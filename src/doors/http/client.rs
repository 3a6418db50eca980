//! Who a request comes from, as far as its connection and its headers say. Pure.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::config::AddressRange;

/// Headers of proxies. A request with one of them has come from somewhere else than its connection.
const FORWARDED: [&str; 14] = [
    "forwarded",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cdn-loop",
    "via",
];

/// The most addresses of `X-Forwarded-For` that are looked at.
const MOST_HOPS: usize = 16;

/// The origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// The address of the viewer.
    pub(super) address: IpAddr,
    /// True when the viewer is a program of this machine: the connection is on loopback, and no proxy stands between.
    pub(super) is_local: bool,
    /// True when the viewer's connection is under TLS, here or at a proxy that is believed.
    pub(super) is_secure: bool,
}

impl Client {
    /// The origin of a request that came over a connection from `peer`. `behind` has the proxies that are believed.
    pub(super) fn of(peer: IpAddr, is_tls: bool, headers: &HeaderMap, behind: &[AddressRange]) -> Client {
        let peer = peer.to_canonical();
        let is_believed = |address: IpAddr| behind.iter().any(|range| range.contains(address));
        let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        if !is_believed(peer) {
            return Client {
                address: peer,
                is_local: peer.is_loopback() && !is_forwarded,
                is_secure: is_tls,
            };
        }
        let hops = values(headers, "x-forwarded-for");
        let hops: Vec<IpAddr> = hops
            .flat_map(|value| value.rsplit(','))
            .take(MOST_HOPS)
            .map_while(|hop| address(hop.trim()))
            .collect();
        // Each proxy adds the address that it was asked from. The last one that is no proxy of ours is the viewer's.
        let viewer = hops.iter().find(|hop| !is_believed(**hop)).or(hops.last());
        let proto = headers
            .get("x-forwarded-proto")
            .and_then(|value| value.to_str().ok());
        Client {
            address: viewer.copied().unwrap_or(peer),
            is_local: false,
            is_secure: is_tls || proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
        }
    }
}

/// The values of a header, the last line first.
fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let name = HeaderName::from_static(name);
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().filter_map(|value| value.to_str().ok())
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|both| both.ip());
    plain.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range_of(text: &str) -> AddressRange {
        text.to_owned().try_into().unwrap()
    }

    fn client(peer: &str, headers: &[(&'static str, &str)], behind: &[&str]) -> Client {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let behind: Vec<AddressRange> = behind.iter().map(|range| range_of(range)).collect();
        Client::of(peer.parse().unwrap(), false, &map, &behind)
    }

    #[test]
    fn only_what_comes_straight_over_loopback_is_local() {
        assert!(client("127.0.0.1", &[], &[]).is_local);
        assert!(client("::1", &[], &[]).is_local);
        assert!(client("::ffff:127.0.0.1", &[], &[]).is_local);
        assert!(!client("192.168.1.2", &[], &[]).is_local);
        for name in FORWARDED {
            assert!(!client("127.0.0.1", &[(name, "x")], &[]).is_local, "{name}");
        }
        // Behind a proxy that is believed nothing is local, though the proxy says nothing.
        assert!(!client("127.0.0.1", &[], &["127.0.0.1"]).is_local);
    }

    #[test]
    fn a_proxy_that_is_believed_tells_the_address() {
        let address = |headers: &[(&'static str, &str)], behind: &[&str]| {
            client("10.0.0.1", headers, behind).address.to_string()
        };
        let behind = ["10.0.0.0/8"];
        let forwarded = |text| [("x-forwarded-for", text)];
        assert_eq!(address(&forwarded("203.0.113.9"), &[]), "10.0.0.1");
        assert_eq!(address(&forwarded("203.0.113.9"), &behind), "203.0.113.9");
        // What the viewer itself wrote in front is not believed.
        assert_eq!(
            address(&forwarded("127.0.0.1, 203.0.113.9, 10.0.0.7"), &behind),
            "203.0.113.9"
        );
        assert_eq!(address(&forwarded("10.0.0.8, 10.0.0.7"), &behind), "10.0.0.8");
        assert_eq!(address(&forwarded("nonsense"), &behind), "10.0.0.1");
        assert_eq!(address(&forwarded("[2001:db8::1]:443"), &behind), "2001:db8::1");
        let lines = [
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-for", "203.0.113.2"),
        ];
        let map: HeaderMap = lines.iter().fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(*name, HeaderValue::from_static(value));
            map
        });
        let range = [range_of("10.0.0.0/8")];
        let client = Client::of("10.0.0.1".parse().unwrap(), false, &map, &range);
        assert_eq!(client.address.to_string(), "203.0.113.2");
        let secure = client_of_https();
        assert!(secure.is_secure);
    }

    fn client_of_https() -> Client {
        client("10.0.0.1", &[("x-forwarded-proto", "https")], &["10.0.0.0/8"])
    }
}
