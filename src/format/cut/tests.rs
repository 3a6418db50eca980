//! Cuts share no sample and lose none, and play.

use std::collections::HashSet;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::format::Fmp4;
use crate::format::adts::Adts;
use crate::format::flv::{Flv, read::FlvReader, tag};
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, OnTape, Reel, Take, all, assert_same_in_pieces, on_tape, shot_between};
use crate::media::{SegmentId, rescale};

fn cut(takes: &[Take], start: Micros, end: Micros) -> View<Reel> {
    testing::view(takes).cut(start, end).unwrap()
}

/// Interesting times for a cut: those around the samples of `takes` that are picked.
fn moments(takes: &[Take], picks: &[(usize, i64)]) -> Vec<Micros> {
    let mut samples = on_tape(&testing::view(takes));
    samples.sort_by_key(|sample| sample.1);
    let moment = |(pick, by): &(usize, i64)| samples[pick % samples.len()].1 + by;
    let mut moments: Vec<_> = picks.iter().map(moment).collect();
    moments.sort_unstable();
    moments
}

/// One track of a cut as it must be in a file: time in ticks from its first sample, and bytes.
fn wanted(takes: &[Take], kind: TrackKind, start: Micros, end: Micros) -> Vec<(i64, Vec<u8>)> {
    let shots = shot_between(takes, start, end).into_iter().map(|(_, shot)| shot);
    let shots: Vec<_> = shots.filter(|shot| shot.kind == kind).collect();
    let first = shots.first().map_or(0, |shot| shot.dts);
    shots
        .into_iter()
        .map(|shot| (shot.dts - first, shot.payload))
        .collect()
}

fn of_track(samples: Vec<(u32, u64, Vec<u8>)>, track: u32) -> Vec<(i64, Vec<u8>)> {
    let samples: Vec<_> = samples.into_iter().filter(|sample| sample.0 == track).collect();
    let first = samples.first().map_or(0, |sample| sample.1);
    let placed = samples.into_iter();
    placed
        .map(|(_, dts, bytes)| ((dts - first) as i64, bytes))
        .collect()
}

/// Every format of a cut of footage without breaks has its samples, at their times.
fn assert_plays(takes: &[Take], start: Micros, end: Micros) {
    let view = || cut(takes, start, end);
    let want = |kind| wanted(takes, kind, start, end);
    let (pictures, sound) = (want(TrackKind::Video), want(TrackKind::Audio));

    let mut mp4 = Mp4::open(view()).unwrap();
    let bytes = all(&mut mp4);
    assert_same_in_pieces(&mut mp4, &bytes, &[1_000, 77_777]);
    for (track, wanted) in [(1, &pictures), (2, &sound)] {
        if !wanted.is_empty() {
            let found = crate::format::mp4::tests::found(&bytes, track).into_iter();
            let found: Vec<_> = found.map(|sample| (sample.0 as i64, sample.3)).collect();
            assert!(found == *wanted, "MP4, track {track}, {start}..{end}");
        }
    }

    let mut fmp4 = Fmp4::open(view()).unwrap();
    let bytes = all(&mut fmp4);
    assert_same_in_pieces(&mut fmp4, &bytes, &[1_000, 77_777]);
    let found = crate::format::fragmented::tests::samples(&bytes);
    assert!(
        of_track(found.clone(), 1) == pictures && of_track(found, 2) == sound,
        "fMP4, {start}..{end}"
    );

    let hls = Hls::open(view(), 1_000).unwrap();
    let chunks = (0..hls.count()).map_while(|number| hls.file(number));
    let chunks = chunks.filter(|file| file.name().ends_with(".m4s"));
    let bytes: Vec<u8> = chunks.flat_map(|mut chunk| all(&mut chunk)).collect();
    let found = crate::format::fragmented::tests::samples(&bytes);
    assert!(
        of_track(found.clone(), 1) == pictures && of_track(found, 2) == sound,
        "HLS, {start}..{end}"
    );

    let bytes = all(&mut Flv::open(view()).unwrap());
    let tags = FlvReader::new(bytes.as_slice()).unwrap().map(Result::unwrap);
    let tags: Vec<_> = tags
        .filter(|tag| tag.kind != tag::SCRIPT && tag.body[1] == 1)
        .collect();
    for (kind, wanted, header, rate) in [(tag::VIDEO, &pictures, 5, 1_000), (tag::AUDIO, &sound, 2, 44_100)] {
        let found: Vec<_> = tags.iter().filter(|tag| tag.kind == kind).collect();
        assert_eq!(found.len(), wanted.len());
        for (tag, (ticks, payload)) in found.iter().zip(wanted) {
            assert!(tag.body[header..] == payload[..]);
            let ms = rescale(*ticks, rate, 1_000);
            let found = i64::from(tag.timestamp_ms - found[0].timestamp_ms);
            assert!((found - ms).abs() <= 1, "{found} {ms}");
        }
    }

    if !sound.is_empty() {
        let bytes = all(&mut Adts::open(view()).unwrap());
        let media: usize = sound.iter().map(|(_, payload)| payload.len() + 7).sum();
        assert_eq!(bytes.len(), media);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cuts_that_follow_each_other_are_the_whole(
        picks in prop::collection::vec((any::<usize>(), -1_i64..2), 0..6),
        eventful: bool,
    ) {
        let takes = if eventful { testing::eventful() } else { testing::two_segments() };
        let mut bounds = moments(&takes, &picks);
        bounds.insert(0, Micros::MIN);
        bounds.push(Micros::MAX);
        let mut joined: [Vec<OnTape>; 2] = Default::default();
        for bounds in bounds.windows(2) {
            let piece = on_tape(&cut(&takes, bounds[0], bounds[1]));
            let shot = shot_between(&takes, bounds[0], bounds[1]);
            prop_assert!(piece.iter().eq(shot.iter().map(|(sample, _)| sample)), "{bounds:?}");
            let (pictures, sound) = piece.into_iter().partition(|sample| sample.0 == TrackKind::Video);
            joined[0].extend::<Vec<_>>(pictures);
            joined[1].extend::<Vec<_>>(sound);
        }
        prop_assert!(joined.concat() == on_tape(&testing::view(&takes)));
    }

    #[test]
    fn a_cut_from_a_keyframe_plays_in_every_format(key in 0_i64..5, end in any::<usize>(), by in -1_i64..2) {
        let takes = testing::two_segments();
        let (start, end) = (key * 1_000_000, moments(&takes, &[(end, by)])[0]);
        if cut(&takes, start, end).segments.is_empty() {
            prop_assert!(end <= start);
        } else {
            assert_plays(&takes, start, end);
        }
    }
}

#[test]
fn a_cut_of_a_cut_is_what_both_have_in_common() {
    let takes = testing::two_segments();
    let twice = cut(&takes, 300_000, 3_100_000).cut(1_200_000, 4_000_000).unwrap();
    assert_eq!(on_tape(&twice), on_tape(&cut(&takes, 1_200_000, 3_100_000)));
    let none = cut(&takes, 300_000, 700_000).cut(700_000, 900_000).unwrap();
    assert!(none.segments.is_empty());
}

#[test]
fn one_track_alone_is_all_of_it_and_none_of_the_other() {
    let takes = testing::eventful();
    let whole = on_tape(&testing::view(&takes));
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let only = || testing::view(&takes).only(kind);
        let wanted: Vec<_> = whole.iter().filter(|sample| sample.0 == kind).cloned().collect();
        assert_eq!(on_tape(&only()), wanted);
        let hls = Hls::open(only(), 1_000).unwrap();
        let bytes: Vec<u8> = (0..hls.count())
            .filter_map(|number| hls.file(number))
            .filter(|file| file.name().ends_with(".m4s"))
            .flat_map(|mut chunk| all(&mut chunk))
            .collect();
        let found = crate::format::fragmented::tests::samples(&bytes);
        let track = if kind == TrackKind::Video { 1 } else { 2 };
        assert!(found.iter().all(|sample| sample.0 == track));
        assert_eq!(found.len(), wanted.len());
        let mp4 = all(&mut Mp4::open(only()).unwrap());
        let reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(&mp4), mp4.len() as u64).unwrap();
        assert_eq!(reader.tracks().len(), 1);
        assert_eq!(crate::format::mp4::tests::found(&mp4, track).len(), wanted.len());
        let flv = all(&mut Flv::open(only()).unwrap());
        let mut tags = FlvReader::new(flv.as_slice()).unwrap().map(Result::unwrap);
        let number = if kind == TrackKind::Video {
            tag::VIDEO
        } else {
            tag::AUDIO
        };
        assert!(tags.all(|tag| tag.kind == number || tag.kind == tag::SCRIPT));
    }
    // Sound alone is cut into chunks by time, because there are no keyframes of a picture.
    let sound = testing::view(&testing::two_segments()).only(TrackKind::Audio);
    assert!(Hls::open(sound, 1_000).unwrap().count() > 4);
    let neither = testing::view(&takes)
        .only(TrackKind::Audio)
        .only(TrackKind::Video);
    assert!(neither.segments.is_empty());
}

/// A tape that notes which indexes are read.
struct Noting(Reel, Mutex<HashSet<SegmentId>>);

impl TapeSource for Noting {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        self.1.lock().unwrap().insert(segment);
        self.0.index(segment)
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_exact_at(segment, offset, buf)
    }
}

#[test]
fn only_segments_that_lie_across_a_bound_are_looked_into() {
    let tracks = testing::both();
    let take = |second: i64| Take {
        shots: testing::shoot(&tracks, second * 1_000, second * 1_000 + 1_000, 0),
        tracks: tracks.clone(),
        publish_zero: 0,
    };
    let takes: Vec<_> = (0..12).map(take).collect();
    let mut view = testing::view(&takes);
    for (segment, second) in view.segments.iter_mut().zip(1_i64..) {
        segment.end = Some(second * 1_000_000 + 30_000);
    }
    let ids: Vec<_> = view.segments.iter().map(|segment| segment.id).collect();
    let View { segments, source } = view;
    let source = Noting(source, Mutex::default());
    let cut = View { segments, source }.cut(2_500_000, 8_500_000).unwrap();
    let asked = cut.source.1.lock().unwrap();
    assert_eq!(*asked, HashSet::from([ids[2], ids[8]]));
    assert_eq!(cut.segments.len(), 7);
}
