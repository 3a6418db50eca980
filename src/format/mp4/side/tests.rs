//! Files of recordings in step: every sample is there, and what happened together is presented together.

use std::io::Cursor;
use std::sync::Arc;

use crate::format::hls::Hls;
use crate::format::mp4::tests::{edits, found};
use crate::format::mp4::{Labels, Mp4};
use crate::format::testing::{
    self, Listed, Reel, SOME_DAY, Shot, Take, all, assert_same_in_pieces, both, eventful, is_silence,
    other_video, shoot, ticking, two_segments,
};
use crate::format::{FileError, FileFormat, Plan, TapeSource, View, VirtualFile as _};
use crate::media::{Micros, TrackKind, Tracks, rescale};

/// Views in step, each with its name.
fn in_step(views: Vec<(&str, View<Reel>)>) -> View<Reel> {
    let mut views = views
        .into_iter()
        .map(|(name, view)| view.in_step(&Arc::from(name)));
    let first = views.next().unwrap();
    first.join(views.collect())
}

/// The same takes, so much later on the wall.
fn later(takes: &[Take], by: Micros, reel: u8) -> View<Reel> {
    let mut view = testing::view_of(takes, reel);
    for segment in &mut view.segments {
        segment.publish_zero_utc += by;
        segment.end = Some(segment.publish_zero + 60_000_000);
    }
    view
}

/// Two segments of another camera: larger pictures, the sound in another phase, each frame with other bytes.
fn another() -> Vec<Take> {
    let tracks = Tracks {
        video: Some(Arc::new(other_video())),
        ..both()
    };
    let takes = [(0, 1_500), (1_500, 5_000)].map(|(from, to)| Take {
        shots: shoot(&tracks, from, to, 137),
        tracks: tracks.clone(),
        publish_zero: 7_000_000,
    });
    let mut takes = takes.to_vec();
    for shot in takes.iter_mut().flat_map(|take| &mut take.shots) {
        shot.payload.push(0xA5);
    }
    takes
}

fn movie(bytes: &[u8]) -> mp4::Mp4Reader<Cursor<&[u8]>> {
    mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).unwrap()
}

/// When each sample of a track is presented, in microseconds of the movie, with its bytes. Silence is left out.
fn presented(bytes: &[u8], track: u32) -> Vec<(i64, Vec<u8>)> {
    let reader = movie(bytes);
    let (scale, own) = (reader.timescale(), reader.tracks()[&track].timescale());
    let (mut begins, mut media) = (0, 0);
    for (length, from) in edits(bytes, track) {
        match from {
            -1 => begins += i64::try_from(length).unwrap(),
            from => media = from,
        }
    }
    let begins = rescale(begins, scale, 1_000_000);
    let samples = found(bytes, track).into_iter();
    let samples = samples.filter(|(.., payload)| !is_silence(payload));
    let shown = samples.map(|(start, cts, _, payload)| {
        let at = start as i64 + i64::from(cts) - media;
        (begins + rescale(at, own, 1_000_000), payload)
    });
    shown.collect()
}

/// When each frame of the takes was to be presented, by the wall.
fn filmed(takes: &[Take], kind: TrackKind, later: Micros) -> Vec<(Micros, Vec<u8>)> {
    let of = |take: &Take, shot: &Shot| {
        let scale = take.tracks.timescale(kind).unwrap();
        let shown = rescale(shot.dts + i64::from(shot.cts), scale, 1_000_000);
        (take.publish_zero + shown + later, shot.payload.clone())
    };
    let frames = takes.iter().flat_map(|take| {
        let shots = take.shots.iter().filter(move |shot| shot.kind == kind);
        shots.map(move |shot| of(take, shot))
    });
    frames.collect()
}

/// Compares all four tracks of a file with what was filmed: the earliest frame of all is at zero, and every other one so much later.
fn assert_in_step(bytes: &[u8], sides: [(&[Take], Micros); 2], off_by: Micros) {
    let kinds = [TrackKind::Video, TrackKind::Audio];
    let all = |of: (&[Take], Micros)| kinds.map(|kind| filmed(of.0, kind, of.1));
    let filmed: Vec<_> = sides.into_iter().flat_map(all).collect();
    let first = filmed.iter().flatten().map(|(at, _)| *at).min().unwrap();
    for (track, frames) in (1..).zip(&filmed) {
        let found = presented(bytes, track);
        assert_eq!(found.len(), frames.len(), "track {track}");
        for ((at, payload), (wall, shot)) in found.iter().zip(frames) {
            assert!(payload == shot, "track {track} at {at}");
            assert!(
                (at - (wall - first)).abs() <= off_by,
                "track {track}: {at}, not {}",
                wall - first
            );
        }
    }
}

#[test]
fn what_happened_together_is_presented_together() {
    for later_by in [0, 1, 700_000, 4_000_007, -2_345_678] {
        let (one, other) = (two_segments(), another());
        // The tape of the other camera begins seven seconds later, the wall says when.
        let wall = later_by - 7_000_000;
        let view = in_step(vec![
            ("live/front", later(&one, 0, 1)),
            ("live/back", later(&other, wall, 2)),
        ]);
        let mut file = Mp4::open(view).unwrap();
        let bytes = all(&mut file);
        assert_in_step(&bytes, [(&one, 0), (&other, wall)], 50);
        assert_same_in_pieces(&mut file, &bytes, &[1, 9_999, 70_000, 3]);
    }
}

#[test]
fn tracks_say_what_they_are_and_the_first_ones_play() {
    let view = in_step(vec![
        ("live/front", later(&two_segments(), 0, 1)),
        ("課/back", later(&another(), -7_000_000, 2)),
        ("live/sound", later(&two_segments(), 0, 3).only(TrackKind::Audio)),
        (
            "live/tick",
            later(&[ticking(90_000, 3_003, 3, 9)], -450_000_000, 4),
        ),
    ]);
    let bytes = all(&mut Mp4::open(view).unwrap());
    let reader = movie(&bytes);
    let tracks = reader.tracks();
    let all: Vec<_> = [1, 2, 3, 4, 6, 7, 8].into_iter().collect();
    let mut ids: Vec<u32> = tracks.keys().copied().collect();
    ids.sort_unstable();
    assert_eq!(ids, all);
    assert_eq!(reader.moov.mvhd.next_track_id, 9);
    let named = [
        (1, "live/front", 1, 3),
        (2, "live/front", 2, 3),
        (3, "課/back", 1, 2),
        (4, "課/back", 2, 2),
        (6, "live/sound", 2, 2),
        (7, "live/tick", 1, 2),
        (8, "live/tick", 2, 2),
    ];
    for (id, name, group, flags) in named {
        let trak = &tracks[&id].trak;
        assert_eq!(trak.mdia.hdlr.name.trim_end_matches('\0'), name);
        assert_eq!(
            (trak.tkhd.alternate_group, trak.tkhd.flags),
            (group, flags),
            "{id}"
        );
        let boxed = [b"name", name.as_bytes()].concat();
        assert!(bytes.windows(boxed.len()).any(|found| found == boxed));
    }
    assert_eq!((tracks[&1].width(), tracks[&3].width()), (320, 640));
}

#[test]
fn fragments_stand_in_the_order_in_which_they_are_played() {
    let view = in_step(vec![
        ("a", later(&two_segments(), 0, 1)),
        ("b", later(&another(), -6_500_000, 2)),
    ]);
    let bytes = all(&mut Mp4::open(view).unwrap());
    let reader = movie(&bytes);
    let mut chunks = Vec::new();
    for (track, first) in [(1, 0), (3, 500)] {
        let offsets = &reader.tracks()[&track]
            .trak
            .mdia
            .minf
            .stbl
            .stco
            .as_ref()
            .unwrap()
            .entries;
        // A fragment is a second long, but at the end of a segment.
        chunks.extend(
            offsets
                .iter()
                .zip(0..)
                .map(|(at, number)| (*at, first + number * 1_000, track)),
        );
    }
    chunks.sort_unstable();
    let tracks: Vec<u32> = chunks.iter().map(|(.., track)| *track).collect();
    assert!(tracks.starts_with(&[1, 3, 1, 3]), "{tracks:?}");
}

#[test]
fn a_gap_stays_where_it_was() {
    // The last publish begins seven seconds behind the end of the one before.
    let gone = &eventful()[2..];
    let (mut steady, tracks) = (Vec::new(), both());
    steady.push(Take {
        shots: shoot(&tracks, 0, 15_000, 0),
        tracks,
        publish_zero: 6_000_000,
    });
    let view = in_step(vec![
        ("gone", later(gone, 0, 1)),
        ("steady", later(&steady, 0, 2)),
    ]);
    let bytes = all(&mut Mp4::open(view).unwrap());
    // A publish behind a gap is placed to the millisecond.
    assert_in_step(&bytes, [(gone, 0), (&steady, 0)], 1_000);
}

#[test]
fn a_gap_that_no_clock_knows_is_found() {
    const HOUR: Micros = 3_600_000_000;
    // The last publish comes seven seconds behind the one before, or as a clock of another boot says.
    let gap = |by: Micros| {
        let mut view = later(&eventful()[2..], 0, 1);
        view.segments[0].end = Some(view.segments[0].publish_zero + 5_500_000);
        view.segments[1].publish_zero_utc += by;
        view.doubtful_gap()
            .unwrap()
            .map(|at| at - view.segments[1].publish_zero_utc)
    };
    for by in [0, 1, HOUR, 23 * HOUR, -6_000_000] {
        assert_eq!(gap(by), None, "{by}");
    }
    for by in [-7_000_000, -HOUR, 24 * HOUR] {
        assert_eq!(gap(by), Some(0), "{by}");
    }
}

#[test]
fn a_recording_that_is_shown_from_within_a_gop_is_in_step() {
    let takes = two_segments();
    for from in [1_500_000, 2_700_000] {
        let part = later(&takes, 0, 1)
            .cut(1_000_000, Micros::MAX)
            .unwrap()
            .shown_from(from);
        let view = in_step(vec![("part", part), ("whole", later(&another(), -7_000_000, 2))]);
        let bytes = all(&mut Mp4::open(view).unwrap());
        let reader = movie(&bytes);
        let entries = edits(&bytes, 1);
        // The other recording begins with sound at 137 ticks, and this one with the picture that is shown at `from` or before.
        let begins = rescale(entries[0].0 as i64, reader.timescale(), 1_000_000);
        assert_eq!(entries[0].1, -1);
        let begins = begins + 137 * 1_000_000 / 44_100;
        assert!((begins - from).abs() < 40_000, "{begins} for {from}");
    }
}

#[test]
fn what_is_left_of_recordings_in_step_is_still_one_file() {
    let mut view = in_step(vec![
        ("a", later(&two_segments(), 0, 1)),
        ("b", later(&another(), -7_000_000, 2)),
    ]);
    // The first recording is evicted, then the beginning of the other one.
    view.segments.retain(|segment| segment.range == 1);
    for left in [2, 1] {
        view.segments.drain(..2 - left);
        let bytes = all(&mut Mp4::open(view.clone()).unwrap());
        let ids: Vec<u32> = movie(&bytes).tracks().keys().copied().collect();
        assert_eq!(ids.len(), 2);
        assert!(ids.contains(&1) && !presented(&bytes, 1).is_empty());
        assert!(edits(&bytes, 2)[0].0 > 0);
    }
    view.segments.clear();
    assert!(Mp4::open(view).is_err());
}

#[test]
fn no_other_format_has_recordings_beside_each_other() {
    let view = in_step(vec![
        ("a", later(&two_segments(), 0, 1)),
        ("b", later(&another(), -7_000_000, 2)),
    ]);
    let refused = |error: FileError| {
        let text = error.to_string();
        assert!(
            text.contains("beside each other") && text.contains("MP4"),
            "{text}"
        );
    };
    for format in FileFormat::ALL
        .into_iter()
        .filter(|format| *format != FileFormat::Mp4)
    {
        refused(Plan::of(format, view.clone()).map(|_| ()).unwrap_err());
    }
    refused(Hls::open(view.clone(), 6_000).map(|_| ()).unwrap_err());
    refused(
        Mp4::open_audio(view.clone().only(TrackKind::Audio))
            .map(|_| ())
            .unwrap_err(),
    );
    // It is one file, whatever its recordings have, and its picture is one of the first recording.
    assert!(view.changes().is_empty());
    assert_eq!(view.clone().parts().len(), 1);
    let still = view.still(SOME_DAY + 1_500_000).unwrap().unwrap();
    assert_eq!(still.utc(), SOME_DAY + 1_033_000);
}

#[test]
fn a_plan_of_recordings_in_step_has_a_tag_of_all_of_them() {
    let of = |name: &str, later_by| {
        in_step(vec![
            ("a", later(&two_segments(), 0, 1)),
            (name, later(&another(), later_by, 2)),
        ])
    };
    let plan = |view: View<Reel>| Plan::labelled(FileFormat::Mp4, view, &Labels::default()).unwrap();
    let view = of("b", 0);
    let planned = plan(view.clone());
    let whole = all(&mut Mp4::open(view.clone()).unwrap());
    assert!(all(&mut planned.open(view.source.clone())) == whole);
    assert_eq!(planned.tag(), plan(of("b", 0)).tag());
    for other in [of("c", 0), of("b", 40_000)] {
        assert_ne!(planned.tag(), plan(other).tag());
    }
    // The lists of fragments say the same as the indexes.
    let listed = Listed::of(view);
    assert!(all(&mut Mp4::open(listed).unwrap()) == whole);
}

#[test]
fn a_large_file_of_recordings_in_step_has_offsets_of_64_bits() {
    // Two seconds of large pictures.
    let mut view = in_step(vec![
        ("a", later(&two_segments(), 0, 1)),
        ("b", later(&another(), -7_000_000, 2)),
    ]);
    let large = view.segments[0].id;
    let mut index = view.source.index(large).unwrap().as_ref().clone();
    for sample in index
        .fragments
        .iter_mut()
        .flat_map(|fragment| &mut fragment.video.samples)
    {
        sample.size = 72_000_000;
    }
    view.source = crate::format::JoinSource::with_indexes(view.source, [(large, Arc::new(index))].into());
    let mut file = Mp4::open(view).unwrap();
    assert!(file.len() > u64::from(u32::MAX));
    let mut front = vec![0; 100_000];
    file.read_at(0, &mut front).unwrap();
    let count = |kind: &[u8]| front.windows(4).filter(|found| *found == kind).count();
    assert_eq!((count(b"co64"), count(b"stco"), count(b"trak")), (4, 0, 4));
}
