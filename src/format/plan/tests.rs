//! Plans of files: the same bytes as the files, and a tag for each content.

use std::sync::atomic::Ordering;

use super::*;
use crate::format::testing::{self, Reel, all, steps};

fn plans(view: &View<Reel>) -> Vec<(FileFormat, Plan)> {
    let of = |format| Some((format, Plan::of(format, view.clone()).ok()?));
    FileFormat::ALL.into_iter().filter_map(of).collect()
}

fn bytes(plan: &Plan, view: &View<Reel>) -> Vec<u8> {
    let mut file = plan.open(view.source.clone());
    assert_eq!(file.len(), plan.len());
    all(&mut file)
}

#[test]
fn every_reader_of_a_plan_gets_the_bytes_of_the_file() {
    let view = testing::view(&testing::two_segments());
    let whole = [
        all(&mut Mp4::open(view.clone()).unwrap()),
        all(&mut Fmp4::open(view.clone()).unwrap()),
        all(&mut Flv::open(view.clone()).unwrap()),
        all(&mut Mp4::open_audio(view.clone()).unwrap()),
        all(&mut Adts::open(view.clone()).unwrap()),
    ];
    let plans = plans(&view);
    assert_eq!(plans.len(), FileFormat::ALL.len());
    for ((format, plan), whole) in plans.iter().zip(&whole) {
        assert!(bytes(plan, &view) == *whole, "{format:?}");
        // Readers that jump about do not disturb each other.
        let mut readers = [plan.open(view.source.clone()), plan.open(view.source.clone())];
        for step in 0..40_usize {
            let at = step * 7_919_777 % whole.len();
            let mut buf = vec![0; 4_096.min(whole.len() - at)];
            let read = readers[step % 2].read_at(at as u64, &mut buf).unwrap();
            assert!(buf[..read] == whole[at..at + read] && read > 0, "{format:?} {at}");
        }
    }
}

#[test]
fn a_plan_is_found_out_once_and_reads_no_index_to_be_opened() {
    let step = steps(&testing::view(&testing::two_segments()), true)
        .pop()
        .unwrap();
    let reads = || step.source.reads.load(Ordering::Relaxed);
    let plan = Plan::of(FileFormat::Mp4, step.clone()).unwrap();
    let found_out = reads();
    for _ in 0..10 {
        let mut file = plan.open(step.source.clone());
        // The media at the end needs no table.
        file.read_at(plan.len() - 1_000, &mut [0; 1_000]).unwrap();
    }
    assert_eq!(reads(), found_out);
}

#[test]
fn a_tag_stands_for_the_bytes() {
    let takes = testing::eventful();
    let view = testing::view(&takes[3..]);
    let mut later = view.clone();
    later.segments[0].publish_zero_utc += 1_000_000;
    let views = vec![
        view.clone(),
        // The same again, as after a restart.
        testing::view(&takes[3..]),
        later,
        view.clone().cut(17_345_678, 18_345_678).unwrap(),
        view.clone().cut(17_345_678, 18_345_679).unwrap(),
        view.clone().cut(17_345_678, 18_379_011).unwrap(),
        view.clone().shown_from(17_745_678),
        view.clone().shown_from(17_845_678),
        testing::view_of(&takes[3..], 9),
        testing::view(&testing::two_segments()),
        testing::view(&testing::two_segments()[..1]),
        testing::view(&testing::dropping_out()),
        testing::view(&[testing::ticking(90_000, 3_003, 3, 1)]),
        testing::view(&[testing::ticking(30_000, 1_001, 3, 1)]),
    ];
    let mut all: Vec<(FileFormat, Mark, Vec<u8>)> = Vec::new();
    for view in &views {
        for (format, plan) in plans(view) {
            all.push((format, plan.tag(), bytes(&plan, view)));
        }
    }
    let mut alike = 0;
    for (at, (format, tag, bytes)) in all.iter().enumerate() {
        for (_, other_tag, other) in all[..at].iter().filter(|other| other.0 == *format) {
            assert!(
                tag != other_tag || bytes == other,
                "{format:?}: one tag for two contents"
            );
            alike += usize::from(tag == other_tag);
        }
    }
    // The second view is the first one. The sound alone does not know how pictures are cut.
    assert!(alike >= FileFormat::ALL.len(), "{alike}");
    let tag = |view: &View<Reel>| Plan::of(FileFormat::Mp4, view.clone()).unwrap().tag();
    assert_eq!(tag(&views[0]), tag(&views[1]));
    assert_ne!(tag(&views[0]), tag(&views[2]));
}

#[test]
fn the_tag_of_what_grows_is_another_with_each_fragment() {
    let mut tags = Vec::new();
    for step in steps(&testing::view(&testing::two_segments()), false) {
        for format in [FileFormat::Mp4, FileFormat::Flv] {
            let tag = Plan::of(format, step.clone()).unwrap().tag();
            assert!(!tags.contains(&tag), "{format:?}");
            tags.push(tag);
        }
    }
}

#[test]
fn a_plan_can_be_kept_and_says_what_it_weighs() {
    fn kept<T: Send + Sync + Clone + 'static>(_: &T) {}
    let tracks = testing::both();
    let take = |to| testing::Take {
        shots: testing::shoot(&tracks, 0, to, 0),
        tracks: tracks.clone(),
        publish_zero: 0,
    };
    let weight = |to| {
        let plan = Plan::of(FileFormat::Mp4, testing::view(&[take(to)])).unwrap();
        kept(&plan);
        plan.weight()
    };
    let (short, long) = (weight(60_000), weight(120_000));
    // Some hundred bytes a second, whatever the media.
    assert!((60 * 20..60 * 200).contains(&(long - short)), "{short} {long}");
}

#[test]
fn what_a_format_cannot_carry_has_no_plan() {
    let view = testing::view(&testing::two_segments()).only(crate::media::TrackKind::Video);
    for format in [FileFormat::M4a, FileFormat::Adts] {
        let error = Plan::of(format, view.clone()).err().unwrap().to_string();
        assert!(error.contains("no sound"), "{error}");
    }
}
