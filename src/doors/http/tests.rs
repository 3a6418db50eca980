//! Requests in which something was changed. `EDGEREEL_TEST_MUTATIONS=1000000 cargo test --release --lib doors::http::tests` reads
//! more of them, from `EDGEREEL_TEST_MUTATIONS_FROM` on.

use super::{fuzz_range, fuzz_target};
use crate::access::viewer::{fuzz_signatures, fuzz_token};

/// Number of mutations if no other number is set.
const USUAL: u64 = 20_000;

/// Targets that something is.
const TARGETS: [&str; 24] = [
    "/r/0198f3a2-5b7c-7d00-8000-0123456789ab.mp4?from=90s&to=2026-11-21T08:00:00Z&part=2&download=1",
    "/r/0198f3a2-5b7c-7d00-8000-0123456789ab/index.m3u8?start=live&_HLS_skip=YES",
    "/r/0198f3a2-5b7c-7d00-8000-0123456789ab/00017.m4s",
    "/r/0198f3a2-5b7c-7d00-8000-0123456789ab/frame.mp4?at=90s",
    "/live/cam1.m3u8?txSecret=0123456789abcdef0123456789abcdef&txTime=6B8E4F00",
    "/live/room%201/k%C3%BCche/c/4711.m4s?auth_key=1780000000-0-0-0123456789abcdef0123456789abcdef",
    "/live/cam1/c/init-0a1b2c3d.mp4",
    "/s/api/cam1/master.m3u8",
    "/channel/evening/master.m3u8",
    "/channel/Evening-2/00112233445566aa-604800000-17.m4s",
    "/t/AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA/live/cam1.m3u8",
    "/t/AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA/r/0198f3a2-5b7c-7d00-8000-0123456789ab.flv",
    "/api/v1/recording.list?stream=live/cam1&from=2h&limit=5",
    "/api/v1/events?last_event_id=1-1",
    "http://user:password@box-17:8080/live/cam1.m3u8?key=0123456789abcdef",
    "/healthz",
    "/live/cam1.m3u8?start=2026-11-21T08:00:00+01:00&end=1795248000&_HLS_skip=YES",
    "/live/cam1/master.m3u8?txTimeshift=on&tsFormat=human_s_8&tsStart=20230202095635&tsEnd=20230202100135",
    "/timeshift/live/cam1/timeshift.m3u8?delay=90",
    "/openapi/timeline/query?aliyunols=on&app=live&stream=cam1&format=ts&lhs_start_unix_s_0=100&lhs_end_unix_s_0=200&auth_key=1-0-0-d41d8cd98f00b204e9800998ecf8427e",
    "/live/cam1/c/4711-4713.m4s",
    "/live/cam1/c/k/5f2a90c1-100-47/4711-4713.m4s",
    "/compat/aliyun?Action=ListLiveRecordVideo&StreamName=cam1&PageNo=2&SortBy=CreationTime:Asc&StartTime=2017-01-11T12:00:00Z&Signature=x%3D",
    "/compat/tencent?interface=Live_Tape_GetFilelist&Param.s.channel_id=cam1&Param.s.start_time=2016-12-10%2000:00:00&sign=0123456789abcdef",
];

/// Headers that something is, as [`fuzz_range`] reads them behind a length.
const HEADERS: [&str; 5] = [
    "bytes=0-1\n\"tag\"\n\n\n203.0.113.9, 10.0.0.7\nbox:8080",
    "bytes=1000-\n\n\"a\", W/\"tag\"\n\n10.0.0.8\n[::1]:80",
    "bytes=-500\n\n*\n\"b\"\nnonsense\nbox.local.",
    "bytes=0-1,5-6\nSun, 29 Nov 2026 12:00:00 GMT\n\n*\n[2001:db8::1]:443\n127.0.0.1",
    "bytes=18446744073709551615-18446744073709551615\n\n\n\n\nevil.example",
];

/// Pieces that parsers stumble over.
const ODD: [&[u8]; 30] = [
    b"%",
    b"%00",
    b"%2e%2e",
    b"%2F",
    b"%252F",
    b"..",
    b"/../",
    b"//",
    b"\\",
    b"/t/",
    b"/s/",
    b"/r/",
    b"?",
    b"&&",
    b"=",
    b"#",
    b"+",
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b",",
    b"-",
    b"18446744073709551616",
    b"-1",
    b"1e9",
    b"\"",
    b"W/\"",
    b"[::ffff:127.0.0.1]",
    b"bytes=",
];

/// A generator (splitmix64), so that a number stands for a request.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    /// One of the texts, with one to six changes.
    fn one_of(&mut self, texts: &[&str]) -> Vec<u8> {
        let text = texts[self.below(texts.len())];
        self.mutate(text.as_bytes())
    }

    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(7) {
                0 => drop(bytes.splice(at..at, ODD[self.below(ODD.len())].iter().copied())),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => bytes[at] = self.roll() as u8,
                3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                4 if at < bytes.len() => {
                    let end = at + self.below(bytes.len() - at);
                    drop(bytes.drain(at..end));
                }
                5 if at < bytes.len() => {
                    let end = at + self.below((bytes.len() - at).min(40));
                    let again = bytes[at..end].repeat(self.below(4));
                    drop(bytes.splice(at..at, again));
                }
                _ => {
                    let other = TARGETS[self.below(TARGETS.len())].as_bytes();
                    let from = self.below(other.len());
                    drop(bytes.splice(at.., other[from..].iter().copied()));
                }
            }
        }
        bytes
    }
}

#[test]
fn no_request_of_a_stranger_panics_or_leads_where_it_does_not_say() {
    let number = |name: &str, or: u64| {
        let set = std::env::var(name).ok().and_then(|text| text.parse().ok());
        set.unwrap_or(or)
    };
    let (from, count) = (
        number("EDGEREEL_TEST_MUTATIONS_FROM", 0),
        number("EDGEREEL_TEST_MUTATIONS", USUAL),
    );
    for seed in from..from + count {
        let mut dice = Dice(seed);
        let target = dice.one_of(&TARGETS);
        let mut headers = dice.roll().to_be_bytes().to_vec();
        // Most files are short, and few have an odd length of 64 bits.
        if dice.below(4) > 0 {
            headers[..6].fill(0);
        }
        headers.extend(dice.one_of(&HEADERS));
        let told = std::panic::catch_unwind(|| {
            fuzz_target(&target);
            fuzz_range(&headers);
            fuzz_token(&target);
            fuzz_signatures(&target);
        });
        assert!(
            told.is_ok(),
            "seed {seed}: {:?}, {:?}",
            String::from_utf8_lossy(&target),
            String::from_utf8_lossy(&headers)
        );
    }
}

#[test]
#[ignore = "writes into the source tree"]
fn write_the_seed_corpus() {
    let seed = |target: &str, number: usize, bytes: &[u8]| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        std::fs::create_dir_all(&folder).unwrap();
        #[expect(clippy::disallowed_methods, reason = "seeds are no recording")]
        std::fs::write(folder.join(format!("{number:02}")), bytes).unwrap();
    };
    for (number, target) in TARGETS.iter().enumerate() {
        seed("http_targets", number, target.as_bytes());
    }
    for (number, headers) in HEADERS.iter().enumerate() {
        for (more, len) in [0_u64, 1_000].into_iter().enumerate() {
            let bytes = [&len.to_be_bytes(), headers.as_bytes()].concat();
            seed("http_ranges", 2 * number + more, &bytes);
        }
    }
}
