//! Pictures that are not counted in milliseconds, from the tape through a power cut, a rebuild and a check to every format.

use std::sync::Arc;

use bytes::Bytes;

use super::moment::JournalFiles;
use super::rig::{Rig, check_invariants};
use crate::format::testing::{OnTape, on_tape, rendered, ticking};
use crate::format::{TapeSource, View};
use crate::media::{ChunkStart, Fragment, Frame, MAX_TIMESCALE, RecordingId, TrackKind, Tracks};
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::Journal;
use crate::store::{Command, Filter, Library, LibrarySource};

/// The ticks of a second, and of each picture.
const SCALES: [(u32, i64); 3] = [(90_000, 3_003), (30_000, 1_001), (1_000, 40)];
const SECONDS: i64 = 9;

/// The media of a door with this timescale: fragments of a second, each from a keyframe on.
fn fragments((timescale, step): (u32, i64)) -> Vec<Fragment> {
    let take = ticking(timescale, step, SECONDS, timescale.into());
    let frames = |kind, second: i64| {
        let scale = i64::from(take.tracks.timescale(kind).unwrap());
        let own = take.shots.iter().filter(move |shot| shot.kind == kind);
        let within = own.filter(move |shot| shot.dts.div_euclid(scale) == second);
        within
            .map(|shot| Frame {
                kind,
                dts: shot.dts,
                cts: shot.cts,
                key: shot.key,
                payload: Bytes::from(shot.payload.clone()),
            })
            .collect::<Vec<_>>()
    };
    let seconds = 0..SECONDS;
    let fragments = seconds.map(|second| Fragment {
        tracks: take.tracks.clone(),
        chunk: Some(ChunkStart::default()),
        video: frames(TrackKind::Video, second),
        audio: frames(TrackKind::Audio, second),
        next_video_dts: frames(TrackKind::Video, second + 1)
            .first()
            .map(|frame| frame.dts),
        next_audio_dts: frames(TrackKind::Audio, second + 1)
            .first()
            .map(|frame| frame.dts),
    });
    fragments.collect()
}

/// An open recording for each timescale.
fn recorded() -> (Rig, Vec<RecordingId>) {
    let mut rig = Rig::new();
    let publishers: Vec<_> = (1..).zip(SCALES).collect();
    let (mut started, mut ids) = (Vec::new(), Vec::new());
    for (id, scale) in &publishers {
        let (publisher, start) = rig.publish(*id, &format!("at-{}", scale.0));
        let recording = RecordingId::new(*id);
        rig.handle(vec![start, publisher.record(recording, 0)]);
        ids.push(recording);
        started.push((publisher, fragments(*scale)));
    }
    for second in 0..SECONDS {
        let append = |(publisher, fragments): &(super::rig::Publisher, Vec<Fragment>)| {
            publisher.send(fragments[second as usize].clone())
        };
        rig.handle(started.iter().map(append).collect::<Vec<Command>>());
        rig.pass(1_000_000);
    }
    (rig, ids)
}

/// Every picture: (ticks of its decode time, of its composition offset, bytes).
type Ticks = Vec<(i64, i32, Vec<u8>)>;

fn pictures_of(fragments: &[Fragment]) -> Ticks {
    let frames = fragments.iter().flat_map(|fragment| &fragment.video);
    frames
        .map(|frame| (frame.dts, frame.cts, frame.payload.to_vec()))
        .collect()
}

fn pictures_on(view: &View<LibrarySource>) -> Ticks {
    let mut out = Ticks::new();
    for segment in &view.segments {
        let index = view.index(segment).unwrap();
        for placed in index
            .runs(TrackKind::Video)
            .flat_map(crate::format::index::Run::placed)
        {
            let mut bytes = vec![0; placed.sample.size as usize];
            view.source
                .read_exact_at(segment.id, placed.offset, &mut bytes)
                .unwrap();
            let dts = segment.base.video.saturating_add_unsigned(placed.dts);
            out.push((dts, placed.sample.cts, bytes));
        }
    }
    out
}

/// Checks that each recording has every tick of the sent media, and every format has those of its tape.
fn assert_whole(library: &Library, ids: &[RecordingId]) {
    for (id, scale) in ids.iter().zip(SCALES) {
        let view = library.view(*id).unwrap();
        assert!(view.segments.len() >= 2, "{scale:?}: {}", view.segments.len());
        let said = view
            .segments
            .iter()
            .map(|segment| segment.tracks.timescale(TrackKind::Video));
        assert!(said.into_iter().all(|said| said == Some(scale.0)));
        let sent = fragments(scale);
        assert!(pictures_on(&view) == pictures_of(&sent), "{scale:?}");
        let first = sent[0].video[0].dts;
        let millis = |dts: i64| (dts - first) as f64 * 1_000.0 / f64::from(scale.0);
        for (format, [pictures, _]) in rendered(&view) {
            let sent = sent.iter().flat_map(|fragment| &fragment.video);
            assert_eq!(pictures.len(), sent.clone().count(), "{format}");
            let most = if format == "FLV" { 0.501 } else { 0.000_1 };
            for ((at, bytes), frame) in pictures.iter().zip(sent) {
                assert!(
                    (at - millis(frame.dts)).abs() < most,
                    "{format}: {at} for {}",
                    frame.dts
                );
                assert!(*bytes == frame.payload);
            }
        }
    }
}

#[test]
fn no_tick_is_lost_by_a_power_cut_a_rebuild_or_on_the_way_to_a_file() {
    let (mut rig, ids) = recorded();
    assert_whole(&rig.library(), &ids);
    rig.pass(1_000_000);
    let (image, clock) = (rig.disk.image().clone(), rig.clock.clone());
    let cut_off = JournalFiles::read(rig.dir.path());
    let nothing = JournalFiles {
        db: Vec::new(),
        wal: Vec::new(),
    };
    let Rig { mut dir, writer, .. } = rig;
    drop(writer);
    for survives in [Survives::Nothing, Survives::Some(7), Survives::Stale(3)] {
        // The journal is that of this moment, or there is none: then everything comes from the files.
        for journal in [&cut_off, &nothing] {
            journal.write(dir.path());
            let disk = CrashDisk::after_crash(&image, survives);
            let again = Rig::on(dir, disk, clock.clone());
            let library = again.library();
            assert_whole(&library, &ids);
            assert_eq!(library.verify(&mut |_, _| {}).unwrap(), []);
            if !journal.db.is_empty() {
                // The files do not contain the events.
                check_invariants(again.dir.path(), &again.disk);
            }
            let Rig {
                dir: back, writer, ..
            } = again;
            drop((library, writer));
            dir = back;
        }
    }
}

#[test]
fn parts_of_recordings_in_different_timescales_become_one_file() {
    let (rig, ids) = recorded();
    let library = rig.library();
    let part = |number: usize, from: i64, to: i64| {
        let view = library.view(ids[number]).unwrap();
        let zero = view.segments[0].publish_zero;
        view.cut(zero + from * 1_000, zero + to * 1_000).unwrap()
    };
    let views = [
        part(2, 0, 2_500),
        part(0, 2_100, 5_200),
        part(1, 1_000, 4_000),
        part(2, 4_000, 6_000),
    ];
    let sent: Vec<Vec<OnTape>> = views.iter().map(on_tape).collect();
    let [first, others @ ..] = views;
    let joined = first.join(others.to_vec());
    for (format, [pictures, _]) in rendered(&joined) {
        let most = if format == "FLV" { 1.001 } else { 0.002 };
        let mut rest = pictures.as_slice();
        for samples in &sent {
            let own: Vec<&OnTape> = samples
                .iter()
                .filter(|sample| sample.0 == TrackKind::Video)
                .collect();
            let (found, left) = rest.split_at(own.len());
            let begins = found[0].0;
            for (found, own_sample) in found.iter().zip(&own) {
                assert!(found.1 == own_sample.2, "{format}");
                let since = (own_sample.1 - own[0].1) as f64 / 1_000.0;
                assert!(
                    (found.0 - begins - since).abs() < most,
                    "{format}: {} for {since}",
                    found.0 - begins
                );
            }
            rest = left;
        }
        assert!(rest.is_empty(), "{format}");
    }
}

#[test]
fn ticks_that_the_tape_does_not_count_are_refused() {
    for timescale in [0, MAX_TIMESCALE + 1] {
        let mut rig = Rig::new();
        let (a, start) = rig.publish(1, "a");
        let mut fragment = crate::store::testing::fragment(0, true);
        let mut video = fragment.tracks.video.as_deref().cloned().unwrap();
        video.timescale = timescale;
        fragment.tracks = Tracks {
            video: Some(Arc::new(video)),
            ..fragment.tracks
        };
        rig.handle(vec![
            start,
            a.record(RecordingId::new(1), 0),
            a.send(fragment),
            a.append(1),
            a.append(2),
        ]);
        rig.pass(1_000_000);
        rig.handle(vec![a.close(RecordingId::new(1), 3), a.end()]);
        let journal = Journal::open_read(rig.dir.path()).unwrap();
        assert!(
            journal
                .segments()
                .unwrap()
                .iter()
                .all(|row| row.start >= a.zero + 1_000_000)
        );
        assert_eq!(rig.library().recordings(&Filter::default()).unwrap().len(), 1);
    }
}
