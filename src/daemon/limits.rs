//! Bounds the log lines that any one publisher causes.
//!
//! A publisher causes lines by what it sends: sequence headers that change, publishes that begin and end. Each place in the
//! code that logs may write so many lines a minute about one stream, and so many about one address. The rest are counted, and
//! their number is logged at the end of the minute.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;
use tracing::callsite::Identifier;

/// The most lines of one kind that are written about one stream…
const OF_STREAM: u32 = 30;
/// … and about one address, which may be that of many cameras, …
const OF_ADDRESS: u32 = 120;
/// … in this time.
const WINDOW: Duration = Duration::from_secs(60);
/// The most streams and addresses that are told apart, of all kinds of lines. Others are counted together, by kind.
const KEPT: usize = 1_024;

/// Whom a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whom {
    Stream(String),
    Address(IpAddr),
    /// A stream or an address beyond those that are told apart.
    Others,
}

#[derive(Clone, Debug)]
struct Count {
    began: Instant,
    written: u32,
    /// Lines that were left out since their number was last logged.
    left_out: u64,
    /// The text of the first of them, and its time.
    said: String,
    since: Instant,
}

/// Lines that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) stream: Option<String>,
    pub(super) address: Option<String>,
    /// A sentence with their number.
    pub(super) text: String,
}

/// The counts of lines that were written and of lines that were left out.
#[derive(Debug, Default)]
pub(super) struct Limits {
    counts: HashMap<(Identifier, Whom), Count>,
    /// How many counts have left out lines to log.
    waiting: usize,
}

impl Limits {
    /// Whether a line may be written. A line about no stream and no address always may.
    pub(super) fn may_write(
        &mut self,
        kind: &Identifier,
        stream: Option<&str>,
        peer: Option<&str>,
        said: &str,
        now: Instant,
    ) -> bool {
        let address = peer.and_then(|peer| peer.parse().ok().map(|peer: SocketAddr| peer.ip()));
        let of_stream = stream.map(|stream| (Whom::Stream(stream.to_owned()), OF_STREAM));
        let of_address = address.map(|ip| (Whom::Address(ip.to_canonical()), OF_ADDRESS));
        // A line is left out in one count only: the stream's number says more than the address's.
        of_stream
            .into_iter()
            .chain(of_address)
            .all(|(whom, most)| self.count(kind, whom, most, said, now))
    }

    fn count(&mut self, kind: &Identifier, whom: Whom, most: u32, said: &str, now: Instant) -> bool {
        let mut key = (kind.clone(), whom);
        if !self.counts.contains_key(&key) && self.counts.len() >= KEPT {
            self.counts
                .retain(|_, count| !count.is_over(now) || count.left_out > 0);
            if self.counts.len() >= KEPT {
                key.1 = Whom::Others;
            }
        }
        let count = self.counts.entry(key).or_insert_with(|| Count::new(now));
        if count.is_over(now) {
            (count.began, count.written) = (now, 0);
        }
        if count.written < most {
            count.written += 1;
            return true;
        }
        if count.left_out == 0 {
            self.waiting += 1;
            (count.said, count.since) = (said.to_owned(), now);
        }
        count.left_out = count.left_out.saturating_add(1);
        false
    }

    /// True when lines were left out and their number is not logged yet.
    pub(super) fn waits(&self) -> bool {
        self.waiting > 0
    }

    /// The lines that were left out and whose number is due now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<LeftOut> {
        self.told(|count| now.saturating_duration_since(count.since) >= WINDOW)
    }

    /// All lines that were left out, for when the process ends.
    pub(super) fn rest(&mut self) -> Vec<LeftOut> {
        self.told(|_| true)
    }

    fn told(&mut self, is_due: impl Fn(&Count) -> bool) -> Vec<LeftOut> {
        let mut told = Vec::new();
        for ((_, whom), count) in &mut self.counts {
            if count.left_out == 0 || !is_due(count) {
                continue;
            }
            let text = format!("and {} more of the kind: {}", count.left_out, count.said);
            let (stream, address) = match whom {
                Whom::Stream(stream) => (Some(stream.clone()), None),
                Whom::Address(address) => (None, Some(address.to_string())),
                Whom::Others => (None, None),
            };
            told.push(LeftOut {
                stream,
                address,
                text,
            });
            count.left_out = 0;
        }
        self.waiting = self.waiting.saturating_sub(told.len());
        told
    }
}

impl Count {
    fn new(began: Instant) -> Self {
        Self {
            began,
            written: 0,
            left_out: 0,
            said: String::new(),
            since: began,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= WINDOW
    }
}

#[cfg(test)]
mod tests {
    use tracing::callsite::{Callsite, DefaultCallsite, Identifier};
    use tracing::metadata::Kind;
    use tracing::{Level, Metadata};

    use super::*;

    static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
    static METADATA: Metadata<'static> = Metadata::new(
        "a line",
        "edgereel",
        Level::INFO,
        None,
        None,
        None,
        tracing::field::FieldSet::new(&[], Identifier(&CALLSITE)),
        Kind::EVENT,
    );

    fn kind() -> Identifier {
        Callsite::metadata(&CALLSITE).callsite()
    }

    #[test]
    fn a_stream_that_floods_is_some_lines_a_minute_and_a_number_and_no_other_stream_is_less() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let (mut written, mut told) = (0, Vec::new());
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            for n in 0..100 {
                let said = format!("sequence header {n}");
                let peer = Some("192.0.2.1:4000");
                written += u32::from(limits.may_write(&kind(), Some("live/a"), peer, &said, now));
            }
            let quiet = limits.may_write(&kind(), Some("live/b"), Some("192.0.2.2:1"), "as usual", now);
            assert!(quiet || second % 60 >= 30);
            told.extend(limits.due(now));
        }
        told.extend(limits.rest());
        assert!((300..=310).contains(&written), "{written}");
        let of_a: Vec<_> = told
            .iter()
            .filter(|it| it.stream.as_deref() == Some("live/a"))
            .collect();
        assert!((9..=11).contains(&of_a.len()), "{}", of_a.len());
        let number = |it: &&LeftOut| it.text.split(' ').nth(1).unwrap().parse::<u32>().unwrap();
        assert_eq!(of_a.iter().map(number).sum::<u32>() + written, 60_000);
        assert!(
            of_a[0].text.starts_with("and ") && of_a[0].text.contains("more of the kind: sequence header")
        );
        assert!(!limits.waits());
    }

    #[test]
    fn an_address_does_not_flood_by_taking_another_name_each_time() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let written = (0..100_000)
            .filter(|n| {
                let (stream, peer) = (
                    format!("live/{n}"),
                    format!("[::ffff:192.0.2.1]:{}", n % 60_000 + 1),
                );
                limits.may_write(&kind(), Some(&stream), Some(&peer), "publish begins", start)
            })
            .count();
        assert!(written <= 120, "{written}");
        assert!(limits.counts.len() <= KEPT + 1);
        let rest = limits.rest();
        assert!(
            rest.iter().any(|it| it.address.as_deref() == Some("192.0.2.1")),
            "{rest:?}"
        );
        // A line about nobody is written.
        assert!((0..1_000).all(|_| limits.may_write(&kind(), None, None, "configuration reloaded", start)));
    }
}
