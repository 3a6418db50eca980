//! Fingerprints in the journal, and the search in them.

use super::busy::{Busy, UTC};
use super::compositions::{SECOND, id, recorded};
use super::rig::Rig;
use crate::config::{Pattern, StreamSet};
use crate::fingerprint::testing::{Film, again};
use crate::fingerprint::{Chosen, Keyframe, Pdq, Wanted, block};
use crate::media::RecordingId;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::{Journal, Op};
use crate::store::{Change, Clock as _, Command, FingerprintChange, Library, RealClock};

fn written(n: u8, number: u32, keyframes: &[Keyframe]) -> Command {
    Command::Change(Change::Fingerprint(part(id(n), number, keyframes)))
}

fn part(recording: RecordingId, number: u32, keyframes: &[Keyframe]) -> FingerprintChange {
    FingerprintChange::Block {
        recording,
        block: number,
        bytes: block(keyframes),
        keyframes: keyframes.len() as u32,
        reached_ms: keyframes.last().map_or(0, |last| last.at_ms),
        lost: 0,
    }
}

fn asked(n: u8) -> Command {
    Command::Change(Change::Fingerprint(FingerprintChange::Asked(id(n))))
}

fn whole(n: u8) -> Command {
    Command::Change(Change::Fingerprint(FingerprintChange::Whole {
        recording: id(n),
        chosen: chosen(),
    }))
}

fn chosen() -> Chosen {
    Chosen {
        cover_ms: Some(2_000),
        thumbnails_ms: vec![1_000, 2_000],
    }
}

fn dump(rig: &Rig) -> String {
    Journal::open_read(rig.dir.path()).unwrap().dump()
}

fn sql(rig: &Rig, sql: &str) {
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    other.execute_batch(sql).unwrap();
}

fn keyframes(rig: &Rig, n: u8) -> Vec<Keyframe> {
    let mut all = Vec::new();
    rig.library().keyframes(id(n), |one| all.push(*one)).unwrap();
    all
}

#[test]
fn a_fingerprint_goes_on_behind_a_crash_and_goes_with_its_recording() {
    let (mut rig, _) = recorded(None);
    let film = Film::new(1).hour(500);
    // Nobody asked for it.
    rig.handle(vec![written(2, 0, &film[..4])]);
    assert_eq!(rig.library().fingerprint(id(2)).unwrap(), None);
    rig.handle(vec![
        asked(2),
        asked(2),
        written(2, 0, &film[..4]),
        written(2, 1, &film[4..7]),
    ]);
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    let Rig { dir, clock, .. } = rig;
    let mut rig = Rig::on(dir, disk, clock);
    let found = rig.library().fingerprint(id(2)).unwrap().unwrap();
    assert_eq!((found.blocks, found.keyframes, found.reached_ms), (2, 7, 3_000));
    assert_eq!((found.chosen, found.due), (None, true));
    assert_eq!(rig.library().fingerprint_due().unwrap(), Some(id(2)));
    // A block that comes again, or too early, changes nothing.
    rig.handle(vec![written(2, 1, &film[..1]), written(2, 3, &film[..1])]);
    assert_eq!(keyframes(&rig, 2), film[..7]);
    rig.handle(vec![whole(2)]);
    let row = rig.library().recording(id(2)).unwrap().unwrap();
    assert_eq!(row.chosen, Some(chosen()));
    assert_eq!(rig.library().fingerprint_due().unwrap(), None);
    // A new one takes its place.
    rig.handle(vec![
        written(2, 0, &film[..1]),
        asked(2),
        written(2, 0, &film[..1]),
    ]);
    assert_eq!(keyframes(&rig, 2), film[..1]);
    assert_eq!(rig.library().fingerprint(id(2)).unwrap().unwrap().chosen, None);
    rig.handle(vec![Command::Delete { recording: id(2) }]);
    rig.pass(SECOND);
    assert_eq!(rig.library().fingerprint(id(2)).unwrap(), None);
    assert!(!dump(&rig).contains("fingerprint_blocks ["));
    // What is of a recording that is gone is not written.
    rig.handle(vec![asked(2), written(2, 0, &film[..1]), whole(2)]);
    assert!(!dump(&rig).contains("fingerprint_blocks ["));
}

#[test]
fn recordings_are_searched_of_streams_that_are_seen_and_damage_is_told() {
    let (mut rig, _) = recorded(None);
    let film = Film::new(1).hour(500);
    let copy: Vec<Keyframe> = film[..5].iter().map(|one| again(one, 9)).collect();
    rig.handle(vec![
        asked(2),
        asked(1),
        written(2, 0, &film[..5]),
        whole(2),
        written(1, 0, &copy),
        whole(1),
    ]);
    let wanted = Wanted::picture(film[3].pdq);
    let search = |but, within: &StreamSet| {
        let searched = rig
            .library()
            .search_pictures(&wanted, within, (but, None))
            .unwrap();
        assert_eq!(searched.next, None);
        let found = searched
            .found
            .iter()
            .map(|(row, found)| (row.id, found[0].distance));
        (found.collect::<Vec<_>>(), searched.searched_ms, searched.damaged)
    };
    assert_eq!(
        search(None, &StreamSet::All),
        (vec![(id(1), 9), (id(2), 0)], 4_000, 0)
    );
    assert_eq!(search(Some(id(2)), &StreamSet::All), (vec![(id(1), 9)], 2_000, 0));
    let none = StreamSet::of([Pattern::try_from("other/*".to_owned()).unwrap()]);
    assert_eq!(search(None, &none), (vec![], 0, 0));
    sql(
        &rig,
        "UPDATE fingerprint_blocks SET keyframes = x'0100' WHERE recording = (SELECT min(recording) FROM fingerprints)",
    );
    let (found, _, damaged) = search(None, &StreamSet::All);
    assert_eq!((found.len(), damaged), (1, 1));
}

/// 500 hours of which each keyframe is in the journal, two seconds apart: the time of a search for 20 s of them, coded again, and for
/// 20 s that are not there. `MEASURE_HOURS` is the number of hours.
#[test]
#[ignore = "prints the times: cargo test --release --lib search_in_500_hours -- --ignored --nocapture"]
fn search_in_500_hours() {
    let hours: i64 = std::env::var("MEASURE_HOURS").map_or(500, |text| text.parse().unwrap());
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_DIR").unwrap_or("/tmp".into())).unwrap();
    let busy = Busy {
        recordings: hours,
        segments: 1_000,
    };
    busy.fill(dir.path());
    let library = Library::open(dir.path()).unwrap();
    let query = crate::store::Query::new(hours as usize);
    let ids: Vec<RecordingId> = library
        .page(&query)
        .unwrap()
        .iter()
        .map(|(_, row)| row.id)
        .collect();
    let mut journal = Journal::open(dir.path()).unwrap();
    let mut film = Film::new(500);
    let mut clip = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let hour = film.hour(2_000);
        if n == ids.len() / 2 {
            // Its keyframes lie between those of the recording.
            let part = hour.iter().filter(|one| (600_000..620_000).contains(&one.at_ms));
            clip.extend(part.map(|one| Keyframe {
                at_ms: one.at_ms - 599_300,
                ..again(one, 14)
            }));
        }
        let blocks = (0..).zip(hour.chunks(96));
        let asked = std::iter::once(FingerprintChange::Asked(*id));
        let changes = asked.chain(blocks.map(|(block, keyframes)| part(*id, block, keyframes)));
        let ops: Vec<Op> = changes
            .map(|change| Op::Change(Change::Fingerprint(change)))
            .collect();
        journal.commit(&ops, UTC).unwrap();
    }
    drop(journal);
    let other: Vec<Keyframe> = Film::new(7).hour(2_000);
    let one = Wanted::picture(Film::new(8).other().pdq);
    let part = |keyframes: &[Keyframe], s: u32| Wanted::part(keyframes.to_vec(), (0, s * 1_000)).unwrap();
    for (what, wanted) in [
        ("20 s that are there, coded again", part(&clip, 20)),
        ("20 s that are not there", part(&other, 20)),
        ("an hour that is not there", part(&other, 3_600)),
        ("a picture that is not there", one),
    ] {
        let library = Library::open(dir.path()).unwrap();
        let begin = RealClock.boot();
        let (mut after, mut found, mut ms, mut longest) = (None, Vec::new(), 0, 0);
        loop {
            let step = RealClock.boot();
            let searched = library
                .search_pictures(&wanted, &StreamSet::All, (None, after))
                .unwrap();
            longest = longest.max(RealClock.boot() - step);
            found.extend(searched.found.into_iter().flat_map(|(_, found)| found));
            ms += searched.searched_ms;
            after = searched.next;
            if after.is_none() {
                break;
            }
        }
        println!(
            "{what}: {} h in {} ms, the longest step {} ms: {found:?}",
            ms / 3_600_000,
            (RealClock.boot() - begin) / 1_000,
            longest / 1_000
        );
    }
    let luma = std::array::from_fn(|at| (at * at % 253) as u8);
    let begin = RealClock.boot();
    for _ in 0..10_000 {
        std::hint::black_box(Pdq::of(std::hint::black_box(&luma)));
    }
    println!("a hash: {:.1} us", (RealClock.boot() - begin) as f64 / 10_000.0);
}
