//! The host that a publisher addressed.

/// The longest name of a host (RFC 1035 §2.3.4), in characters.
const MAX_HOST: usize = 253;

/// The host in a `tcUrl`, in lower case and without its port. None where the text cannot be a host.
pub(super) fn host_of(tc_url: &str) -> Option<String> {
    let (_, rest) = tc_url.split_once("://")?;
    let authority = rest
        .split(['/', '?'])
        .next()
        .filter(|authority| !authority.contains('@'))?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let fits = (1..=MAX_HOST).contains(&host.len()) && host.chars().all(plain);
    fits.then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_what_was_addressed_is_found() {
        for (tc_url, host) in [
            (
                "rtmp://Push.Example.COM:1935/live?key=s3cret",
                Some("push.example.com"),
            ),
            ("rtmps://[FD00::1]:1936/live", Some("fd00::1")),
            ("rtmp://box", Some("box")),
            ("rtmp://user:s3cret@box/live", None),
            ("rtmp:///live", None),
            ("live", None),
            ("rtmp://b\u{e4}d/live", None),
            ("", None),
        ] {
            assert_eq!(host_of(tc_url).as_deref(), host, "{tc_url}");
        }
        assert_eq!(host_of(&format!("rtmp://{}/a", "h".repeat(254))), None);
    }
}
