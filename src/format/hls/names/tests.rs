use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::format::hls::growing::{next, takes};
use crate::format::hls::{Hls, Served, Start, Update, Uris};
use crate::format::testing::{self, all};
use crate::format::{TapeSource, View};
use crate::media::{Micros, TrackKind};

const TARGET_MS: u32 = 1_500;

/// The names of the files that the playlists of a folder name.
fn named<S: TapeSource + Clone>(hls: &Hls<S>, growing: bool) -> Vec<String> {
    let served = Served {
        start: Start::Beginning,
        update: Update::Whole,
        uris: &Uris::default(),
        later_us: 0,
    };
    let texts = if growing {
        vec![hls.served_live(hls.settled(), &served)]
    } else {
        [Some(hls.served(&served)), hls.keyframes(&served)]
            .into_iter()
            .flatten()
            .collect()
    };
    let mut names = Vec::new();
    for text in texts {
        for line in String::from_utf8(text).unwrap().lines() {
            match line.strip_prefix("#EXT-X-MAP:URI=\"") {
                Some(map) => names.push(map.trim_end_matches('"').to_owned()),
                None if line.starts_with('#') => (),
                None => names.push(line.to_owned()),
            }
        }
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A name that was served once stands for the same bytes, or for nothing: while the recording grows, when it is complete, and
    /// whatever it loses then.
    #[test]
    fn a_name_stands_for_the_same_bytes_whatever_is_lost(
        parts in prop::collection::vec((next(), 1_000_i64..6_000), 2..7),
        first_ms in 0_i64..90,
        lag in prop_oneof![Just(0_i64), 0_i64..3_000],
        losses in prop::collection::vec(prop::collection::vec(any::<bool>(), 7), 1..4),
        lost_first in 1_usize..6,
    ) {
        let takes = takes(&parts, first_ms);
        let came = |kind, ms| if kind == TrackKind::Audio { ms + lag } else { ms };
        let steps = testing::steps(&testing::view_as_it_came(&takes, 0, came), true);
        let mut seen: HashMap<String, Vec<u8>> = HashMap::new();
        let mut check = |view: &View<_>, growing: bool| -> Result<Option<Hls<_>>, TestCaseError> {
            let Ok(hls) = Hls::growing(view.clone(), TARGET_MS) else { return Ok(None) };
            for name in named(&hls, growing) {
                prop_assert!(hls.serves(&name, growing), "{} is listed", name);
                let bytes = all(&mut hls.served_file(&name).unwrap());
                let before = seen.entry(name.clone()).or_insert_with(|| bytes.clone());
                prop_assert!(*before == bytes, "{} has other bytes", name);
            }
            Ok(Some(hls))
        };
        for view in &steps {
            check(view, true)?;
        }
        let Some(whole) = steps.last() else { return Ok(()) };
        let Some(before) = check(whole, false)? else { return Ok(()) };
        for lost in &losses {
            let mut view = whole.clone();
            let mut lost = lost.iter();
            view.segments.retain(|_| lost.next() != Some(&true));
            check(&view, false)?;
        }
        // Without its beginning, no chunk has the name that it had.
        let mut view = whole.clone();
        let lost = lost_first.min(view.segments.len().saturating_sub(1));
        view.segments.drain(..lost);
        if lost > 0 && let Some(after) = check(&view, false)? {
            for name in named(&before, false).iter().filter(|name| name.ends_with(".m4s")) {
                prop_assert!(!after.serves(name, false) && after.served_file(name).is_none(), "{}", name);
                prop_assert!(Hls::<()>::is_of_media(name), "{}", name);
            }
            for name in named(&after, false).iter().filter(|name| name.ends_with(".m4s")) {
                prop_assert!(!before.serves(name, false), "{}", name);
            }
        }
    }

    /// RFC 8216 §6.2.1: a playlist of the type EVENT only grows. Its end cuts the last segment, and maybe nothing of it.
    #[test]
    fn what_is_listed_while_a_recording_grows_is_listed_when_it_has_ended(
        parts in prop::collection::vec((next(), 1_000_i64..6_000), 2..7),
        first_ms in 0_i64..90,
        start_ms in 0_i64..2_000,
    ) {
        let takes = takes(&parts, first_ms);
        let steps = testing::steps(&testing::view(&takes), true);
        let Some(whole) = steps.last().cloned() else { return Ok(()) };
        let from = whole.segments[0].begins() + start_ms * 1_000;
        let ended = Hls::growing(whole.cut(from, Micros::MAX - 1).unwrap(), TARGET_MS);
        let Ok(ended) = ended else { return Ok(()) };
        let names = named(&ended, false);
        for view in steps {
            let Ok(grows) = Hls::growing(view.cut(from, Micros::MAX).unwrap(), TARGET_MS) else { continue };
            for name in named(&grows, true) {
                prop_assert!(names.contains(&name), "{} is not in {:?}", name, names);
            }
        }
    }

    #[test]
    fn no_name_panics(name in "\\PC{0,40}", number in any::<u64>(), mark in any::<u32>()) {
        let hls = Hls::open(testing::view(&testing::two_segments()), 2_000).unwrap();
        for name in [
            name,
            format!("{number:05}-{mark:08x}.m4s"),
            format!("key-{number:05}-{mark:08x}.m4s"),
            format!("init-{mark:08x}.mp4"),
        ] {
            let found = hls.served_file(&name);
            prop_assert_eq!(found.is_some(), hls.serves(&name, false));
        }
    }
}

#[test]
fn each_file_has_one_name() {
    let hls = Hls::open(testing::view(&testing::two_segments()), 2_000).unwrap();
    let names = named(&hls, false);
    assert!(
        names.iter().any(|name| name.starts_with("key-init-")),
        "{names:?}"
    );
    for name in &names {
        assert_eq!(name.parse::<ServedName>().ok().unwrap().to_string(), *name);
        for other in [
            name.to_uppercase(),
            format!("0{name}"),
            format!("{name}/"),
            name.replace("key-", "key-key-"),
            name.replace('-', "-+"),
        ] {
            if other != *name {
                assert!(hls.served_file(&other).is_none(), "{other}");
                assert!(!hls.serves(&other, false), "{other}");
            }
        }
    }
    // Names in a bucket are others.
    for name in [
        "00001.m4s",
        "init.mp4",
        "key-00001.m4s",
        "00000-00000000.m4s",
        "../init.mp4",
    ] {
        assert!(
            !hls.serves(name, false) && hls.served_file(name).is_none(),
            "{name}"
        );
    }
}
