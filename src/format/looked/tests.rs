//! A look that goes on from the one before has the same result as a look from the beginning, and reads only what is new.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use crate::format::flv::Flv;
use crate::format::hls::growing::{Growing as Tape, Next, long, next, steps, takes};
use crate::format::mp4::{Labels, Mp4};
use crate::format::testing::all;
use crate::format::{FileError, Fmp4, Growing, Looked, View};

type Open = fn(View<Tape>, Looked) -> Result<(Box<dyn Growing>, Looked), FileError>;

const FORMATS: [(&str, Open); 4] = [
    ("mp4", |view, looked| {
        boxed(Mp4::resume(view, &Labels::default(), looked)?)
    }),
    ("m4a", |view, looked| {
        boxed(Mp4::resume_audio(view, &Labels::default(), looked)?)
    }),
    ("flv", |view, looked| boxed(Flv::resume(view, looked)?)),
    ("fmp4", |view, looked| boxed(Fmp4::resume(view, looked)?)),
];

fn boxed<G: Growing + 'static>((file, looked): (G, Looked)) -> Result<(Box<dyn Growing>, Looked), FileError> {
    Ok((Box::new(file), looked))
}

fn told(file: &dyn Growing) -> (u64, u64, u64, String) {
    let (settled, front) = (file.settled(), file.front());
    (front, settled, file.len(), file.mark(settled).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// The result is the same whatever comes, and whether or not the kept values were lost in between.
    #[test]
    fn a_look_at_a_file_goes_on_to_the_same_as_one_from_the_beginning(
        parts in prop::collection::vec((next(), 1_000_i64..6_000), 1..6),
        first_ms in 0_i64..90,
        sealed in any::<bool>(),
        crashes in prop::collection::vec(prop::bool::weighted(0.1), 1..16),
    ) {
        let takes = takes(&parts, first_ms);
        for (name, open) in FORMATS {
            let (mut looked, mut last) = (Looked::default(), None);
            for (view, crash) in steps(&takes, sealed).into_iter().zip(crashes.iter().cycle()) {
                if *crash {
                    looked = Looked::default();
                }
                let whole = open(view.clone(), Looked::default());
                let found = open(view, std::mem::take(&mut looked));
                prop_assert_eq!(found.is_ok(), whole.is_ok(), "{}", name);
                if let (Ok((found, next)), Ok((whole, _))) = (found, whole) {
                    looked = next;
                    prop_assert_eq!(told(&*found), told(&*whole), "{}", name);
                    last = Some((found, whole));
                }
            }
            if let Some((mut found, mut whole)) = last {
                prop_assert!(all(&mut *found) == all(&mut *whole), "{}", name);
            }
        }
    }
}

#[test]
fn a_look_at_a_file_reads_as_many_indexes_after_a_day_as_after_a_minute() {
    for (name, open) in FORMATS {
        let (mut looked, mut looks, mut whole) = (Looked::default(), Vec::new(), 0);
        for view in steps(&long(30), false) {
            let (reads, segments) = (view.source.reads.clone(), view.segments.len());
            let (_, next) = open(view.clone(), looked).unwrap();
            looked = next;
            looks.push((segments, reads.swap(0, Ordering::Relaxed)));
            open(view, Looked::default()).unwrap();
            whole = reads.load(Ordering::Relaxed);
        }
        let most = |range: std::ops::Range<usize>| {
            let looks = looks.iter().filter(|(segments, _)| range.contains(segments));
            looks.map(|(_, reads)| *reads).max().unwrap()
        };
        let (early, late) = (most(4..8), most(20..31));
        assert_eq!(early, late, "{name}");
        assert!(late <= 12 && whole >= 30, "{name}: {late} of {whole}");
    }
}

#[test]
fn what_begins_otherwise_is_laid_out_from_its_beginning() {
    let (one, other) = (
        long(4),
        takes(&[(Next::GoesOn, 3_000), (Next::Publish(900), 3_000)], 40),
    );
    for (name, open) in FORMATS {
        let (_, looked) = open(steps(&one, true).pop().unwrap(), Looked::default()).unwrap();
        let view = steps(&other, true).pop().unwrap();
        let (found, _) = open(view.clone(), looked).unwrap();
        let (whole, _) = open(view, Looked::default()).unwrap();
        assert_eq!(told(&*found), told(&*whole), "{name}");
    }
}
