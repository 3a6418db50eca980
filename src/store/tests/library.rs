//! The readers' view: dates, gaps, tracks, and a tape that no start has repaired yet.

use std::sync::Arc;

use super::rig::{Rig, expected, stream};
use crate::format::TapeSource;
use crate::media::RecordingId;
use crate::store::clock::Clock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::{Filter, Library, RecordingState, StoreError};

const UTC: i64 = 1_780_000_000_000_000;

fn one_recording(rig: &mut Rig) -> (super::rig::Publisher, RecordingId) {
    let (a, start) = rig.publish(1, "a");
    let id = RecordingId::new(1);
    rig.handle(vec![start, a.record(id, 0)]);
    for n in 0..6 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    (a, id)
}

#[test]
fn a_recording_is_dated_and_described() {
    let mut rig = Rig::new();
    let (a, id) = one_recording(&mut rig);
    let open = rig.library().find(&id.to_string()).unwrap();
    assert_eq!(
        (open.state, open.start, open.end),
        (RecordingState::Open, UTC, UTC + 6_000_000)
    );
    rig.handle(vec![a.close(id, 6), a.end()]);
    let library = rig.library();
    let closed = library.find("LAST").unwrap();
    assert_eq!(
        (closed.state, closed.segments, closed.gaps.len()),
        (RecordingState::Closed, 2, 0)
    );
    assert_eq!(
        (closed.start, closed.end, closed.duration),
        (UTC, UTC + 6_000_000, 6_000_000)
    );
    assert_eq!(closed.bytes, open.bytes);
    let names: Vec<_> = closed
        .tracks
        .iter()
        .map(|track| (track.kind, track.codec))
        .collect();
    assert_eq!(names, [("video", "h264"), ("audio", "aac")]);
    assert_eq!(
        (closed.tracks[0].width, closed.tracks[1].sample_rate),
        (Some(320), Some(48_000))
    );

    let count = |filter: Filter| library.recordings(&filter).unwrap().len();
    let of = |name| Filter {
        stream: Some(stream(name).into()),
        ..Filter::default()
    };
    assert_eq!((count(of("a")), count(of("b"))), (1, 0));
    let between = |from, to| Filter {
        from: Some(from),
        to: Some(to),
        ..Filter::default()
    };
    assert_eq!(count(between(UTC - 9, UTC)), 0);
    assert_eq!(count(between(UTC + 5_999_999, UTC + 9_000_000)), 1);
    assert_eq!(count(between(UTC + 6_000_000, UTC + 9_000_000)), 0);
}

#[test]
fn ids_may_be_cut_short_but_not_too_short() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    let ids = [RecordingId::new(1_000), RecordingId::new(2_000)];
    rig.handle(vec![
        start,
        a.record(ids[0], 0),
        a.record(ids[1], 0),
        a.append(0),
        a.end(),
    ]);
    let library = rig.library();
    assert_eq!(library.find(&ids[1].to_string()[..13]).unwrap().id, ids[1]);
    assert!(matches!(
        library.find("0000").unwrap_err(),
        StoreError::Ambiguous { count: 2, .. }
    ));
    for unknown in ["", "ffff", "%"] {
        assert!(matches!(
            library.find(unknown).unwrap_err(),
            StoreError::NoRecording { .. }
        ));
    }
    assert!(library.view(RecordingId::new(3)).is_err());
}

#[test]
fn two_recordings_share_a_tape_and_split_it_at_a_keyframe() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    let ids = [RecordingId::new(1), RecordingId::new(2), RecordingId::new(3)];
    rig.handle(vec![
        start,
        a.record(ids[0], 0),
        a.record(ids[1], 0),
        a.append(0),
        a.append(1),
    ]);
    rig.handle(vec![
        a.close(ids[1], 2),
        a.record(ids[2], 2),
        a.append(2),
        a.append(3),
    ]);
    rig.handle(vec![a.close(ids[0], 4), a.close(ids[2], 4), a.end()]);
    let library = rig.library();
    let durations = ids.map(|id| library.find(&id.to_string()).unwrap().duration / 1_000_000);
    assert_eq!(durations, [4, 2, 2]);
    let bases: Vec<i64> = library
        .view(ids[0])
        .unwrap()
        .segments
        .iter()
        .map(|segment| segment.base.video)
        .collect();
    assert_eq!(bases, [0, 2_000]);
}

#[test]
fn a_tape_that_nobody_repaired_is_read_up_to_its_torn_end() {
    let mut rig = Rig::new();
    let (a, id) = one_recording(&mut rig);
    rig.handle(vec![a.append(6)]);
    for seed in 0..20 {
        let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Some(seed));
        let library = Library::with_disk(rig.dir.path(), Arc::new(disk)).unwrap();
        let view = library.view(id).unwrap();
        let mut bytes = 0;
        for segment in &view.segments {
            for fragment in &view.source.index(segment.id).unwrap().fragments {
                let mut media = vec![0; (fragment.video.bytes() + fragment.audio.bytes()) as usize];
                let at = fragment.end() - media.len() as u64;
                view.source.read_exact_at(segment.id, at, &mut media).unwrap();
                assert!(expected(0..7)[bytes..].starts_with(&media), "seed {seed}");
                bytes += media.len();
            }
        }
        assert!(bytes >= expected(0..6).len(), "seed {seed}: {bytes}");
        let last = view.segments.last().unwrap().id;
        assert!(view.source.read_exact_at(last, 1 << 40, &mut [0]).is_err());
    }
}

#[test]
fn what_is_let_go_is_read_no_more_and_what_others_read_stays() {
    let mut rig = Rig::new();
    let (_, id) = one_recording(&mut rig);
    let view = rig.library().view(id).unwrap();
    let (one, other) = (view.source.renewed(), view.source.renewed());
    let segment = view.segments[0].id;
    let at = one.index(segment).unwrap().fragments[0].end() - 1;
    let mut byte = [0];
    one.read_exact_at(segment, at, &mut byte).unwrap();
    assert_eq!(one.held(), [], "its file has a name");
    one.let_go();
    let refused = one.read_exact_at(segment, at, &mut byte).unwrap_err();
    assert!(refused.to_string().contains("its space is needed"), "{refused}");
    other.read_exact_at(segment, at, &mut byte).unwrap();
}

#[test]
fn a_fragment_whose_media_is_torn_is_not_listed() {
    let mut rig = Rig::new();
    let (a, id) = one_recording(&mut rig);
    rig.handle(vec![a.append(6)]);
    let library = rig.library();
    let listed = || library.recordings(&Filter::default()).unwrap().remove(0);
    let before = listed();
    let view = library.view(id).unwrap();
    let last = view.segments.last().unwrap().id;
    let end = view.source.index(last).unwrap().end();
    // The file is longer than its media: an interrupted write leaves the former content of its blocks.
    let files = view.segments.len() as u64;
    let path = crate::store::paths::segment(rig.dir.path(), &a.stream, files);
    let file = crate::store::Disk::open(&rig.disk, &path).unwrap();
    file.write_at(end - 1, &mut [std::io::IoSlice::new(&[0xEE])])
        .unwrap();
    let after = listed();
    assert!(after.bytes < before.bytes, "{after:?}");
    assert_eq!(before.duration - after.duration, 1_000_000, "{after:?}");
    let last = library.view(id).unwrap().source.index(last).unwrap();
    assert!(last.end() < end, "it would not be played either");
}

#[test]
fn a_segment_that_is_gone_is_named() {
    let mut rig = Rig::new();
    let (a, id) = one_recording(&mut rig);
    rig.handle(vec![a.close(id, 6), a.end()]);
    let view = rig.library().view(id).unwrap();
    crate::store::Disk::unlink(
        &rig.disk,
        &crate::store::paths::segment(rig.dir.path(), &a.stream, 1),
    )
    .unwrap();
    let error = view
        .source
        .read_exact_at(view.segments[0].id, 0, &mut [0; 8])
        .unwrap_err();
    assert!(error.to_string().contains("live+a/00000001.mp4"), "{error}");
}

#[test]
fn tape_time_never_goes_back() {
    let mut rig = Rig::new();
    let mut end = 0;
    for boot in 0..4 {
        let now = rig.tape_base + rig.clock.boot();
        assert!(now > end, "boot {boot}: {now} after {end}");
        let (a, start) = rig.publish(10 + boot, "a");
        rig.handle(vec![start, a.record(RecordingId::new(10 + boot), 0)]);
        // The publisher is unpaced: its media runs ahead of the clock.
        rig.handle((0..8).map(|n| a.append(n)).collect());
        rig.handle(vec![a.end()]);
        end = a.zero + 8_000_000;
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        if boot % 2 == 0 {
            clock.reboot(3);
        }
        rig = Rig::on(dir, disk, clock);
    }
    assert_eq!(rig.library().recordings(&Filter::default()).unwrap().len(), 4);
}

#[test]
fn a_directory_without_a_tape_says_so() {
    let dir = super::rig::tempdir();
    let error = Library::open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::NoTape { .. }));
    assert!(error.to_string().contains(&dir.path().display().to_string()));
}
