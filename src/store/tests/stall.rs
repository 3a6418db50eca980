//! A card that stalls: memory holds as much as it can, whole GOPs are dropped beyond that, and every gap is marked and
//! reported.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::rig::{Publisher, Rig, check_invariants, expected, settings, stream, tape, tempdir};
use crate::media::{Micros, PublishId, RecordingId};
use crate::store::clock::Clock;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::journal::Journal;
use crate::store::queue::Backlog;
use crate::store::reader::Reader;
use crate::store::testing::{fragment, media};
use crate::store::{Command, Disk, GapCause, Library, Opened, Progress, Store, paths};

/// The bodies of the events of a kind, oldest first.
fn told(dir: &Path, kind: &str) -> Vec<serde_json::Value> {
    let journal = Journal::open_read(dir).unwrap();
    let rows = journal.outbox().unwrap().into_iter();
    rows.filter(|(_, found, _)| found == kind)
        .map(|(_, _, body)| serde_json::from_str(&body).unwrap())
        .collect()
}

/// The gaps in events, in the form of `ls`: from and to.
fn told_gaps(dir: &Path) -> Vec<(Micros, Micros)> {
    let time = |value: &serde_json::Value| {
        let text: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
        text.as_microsecond()
    };
    told(dir, "stream.gap")
        .iter()
        .map(|body| (time(&body["from"]), time(&body["to"])))
        .collect()
}

fn listed_gaps(library: &Library, recording: RecordingId) -> Vec<(Micros, Micros)> {
    let gaps = library.find(&recording.to_string()).unwrap().gaps;
    gaps.iter().map(|gap| (gap.from, gap.to)).collect()
}

fn gap(a: &Publisher, seconds: std::ops::Range<i64>) -> Command {
    Command::Gap {
        publish: a.publish,
        from: seconds.start * 1_000_000,
        to: seconds.end * 1_000_000,
        bytes: expected(seconds).len() as u64,
        reason: "the storage device did not accept the media in time",
    }
}

/// A publish of which seconds 0 to 4 are durable.
fn started(recording: RecordingId) -> (Rig, Publisher) {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(recording, 0)]);
    for n in 0..4 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    (rig, a)
}

#[test]
fn a_gap_lies_between_two_segments_and_is_told_once_the_tape_goes_on() {
    let recording = RecordingId::new(1);
    let (mut rig, a) = started(recording);
    rig.handle(vec![gap(&a, 4..8), a.append(8)]);
    assert_eq!(told_gaps(rig.dir.path()), [], "nothing behind it is durable yet");
    rig.pass(1_000_000);
    let told = told_gaps(rig.dir.path());
    assert_eq!(
        told.iter().map(|(from, to)| to - from).collect::<Vec<_>>(),
        [4_000_000]
    );
    let progress = rig.writer.progress().clone();
    let bytes = expected(4..8).len() as u64;
    assert_eq!(
        (progress.gaps, progress.bytes_dropped, progress.bytes_lost),
        (1, bytes, 0)
    );
    let of_stream = &progress.streams[&stream("a")];
    assert_eq!(
        (of_stream.gaps.of(GapCause::Stalled), of_stream.bytes_lost),
        (1, bytes)
    );
    rig.handle(vec![a.close(recording, 9), a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    assert_eq!(listed_gaps(&rig.library(), recording), told);
    let kept = [expected(0..4), expected(8..9)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

#[test]
fn a_gap_that_nothing_follows_is_told_at_the_end_of_the_publish() {
    let recording = RecordingId::new(1);
    let (mut rig, a) = started(recording);
    rig.handle(vec![gap(&a, 4..6), gap(&a, 6..8), a.close(recording, 8), a.end()]);
    let told = told_gaps(rig.dir.path());
    assert_eq!(
        told.iter().map(|(from, to)| to - from).collect::<Vec<_>>(),
        [4_000_000]
    );
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
}

#[test]
fn a_publish_that_lost_its_beginning_goes_on_from_a_keyframe() {
    let mut rig = Rig::new();
    let recording = RecordingId::new(1);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![
        start,
        a.record(recording, 0),
        gap(&a, 0..2),
        a.append(2),
        a.append(3),
    ]);
    rig.pass(1_000_000);
    let told = told_gaps(rig.dir.path());
    assert_eq!(
        told.iter().map(|(from, to)| to - from).collect::<Vec<_>>(),
        [2_000_000]
    );
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), expected(2..4));
}

#[test]
fn wherever_the_power_goes_a_gap_that_was_told_has_its_other_side() {
    let recording = RecordingId::new(1);
    let (mut rig, a) = started(recording);
    let moments: Arc<Mutex<Vec<(Image, usize)>>> = Arc::default();
    let (seen, dir) = (moments.clone(), rig.dir.path().to_owned());
    rig.disk.observe(move |image| {
        let gaps = told(&dir, "stream.gap").len();
        seen.lock().unwrap().push((image.clone(), gaps));
    });
    rig.handle(vec![gap(&a, 4..6), a.append(6)]);
    rig.pass(500_000);
    rig.handle(vec![a.append(7), gap(&a, 8..12), a.append(12)]);
    rig.pass(1_000_000);
    rig.handle(vec![a.append(13), a.close(recording, 14), a.end()]);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    let mut most = 0;
    for (image, gaps) in &moments {
        let disk = CrashDisk::after_crash(image, Survives::Nothing);
        let files = disk.files();
        // A segment of its own follows each gap; without a durable fragment it has no media.
        let behind = (2..4).filter(|sequence| {
            let path = paths::segment(rig.dir.path(), &a.stream, *sequence);
            let Some(bytes) = files.get(&path).filter(|bytes| !bytes.is_empty()) else {
                return false;
            };
            let file = disk.open_read(&path).unwrap();
            let scanned = crate::format::fmp4::scan(&Reader(file.as_ref()), bytes.len() as u64);
            scanned.is_ok_and(|scanned| !scanned.index.fragments.is_empty())
        });
        assert!(*gaps <= behind.count(), "{gaps} gaps were told too early");
        most = most.max(*gaps);
    }
    assert!(most > 0 && told_gaps(rig.dir.path()).len() == 2);
}

#[test]
fn publishes_that_follow_each_other_in_one_batch_are_all_kept() {
    let mut rig = Rig::new();
    let mut commands = Vec::new();
    let recordings = [RecordingId::new(1), RecordingId::new(2), RecordingId::new(3)];
    for (n, recording) in recordings.into_iter().enumerate() {
        let (a, start) = rig.publish(n as u64, "a");
        commands.extend([start, a.record(recording, 0)]);
        commands.extend((0..8).map(|n| a.append(n)));
        commands.extend([a.close(recording, 8), a.end()]);
        rig.clock.advance(10_000_000);
    }
    rig.handle(commands);
    let durations = recordings.map(|id| rig.library().find(&id.to_string()).unwrap().duration);
    assert_eq!(durations, [8_000_000; 3]);
    assert_eq!(rig.writer.progress().bytes_lost, 0);
    let told: Vec<u64> = told(rig.dir.path(), "recording.closed")
        .iter()
        .map(|body| body["bytes"].as_u64().unwrap())
        .collect();
    assert!(told.iter().all(|bytes| *bytes > 0), "{told:?}");
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    let kept = [expected(0..8), expected(0..8), expected(0..8)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

#[test]
fn what_a_failing_card_loses_is_one_gap_not_one_for_each_fragment() {
    let recording = RecordingId::new(1);
    let (mut rig, a) = started(recording);
    // Segment 2 begins with second 4 and cannot be synced. Second 5 has no keyframe, second 6 cannot begin a segment, second 7
    // has no keyframe.
    rig.disk.fail_next(Fault::Sync);
    rig.handle(vec![a.append(4)]);
    rig.pass(1_000_000);
    rig.handle(vec![a.append(5)]);
    rig.disk.fail_next(Fault::Create);
    for n in 6..10 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    // Half of second 10 is written.
    rig.disk.fail_next(Fault::Write);
    for n in 10..14 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    rig.handle(vec![a.close(recording, 14), a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    let told_now = told_gaps(rig.dir.path());
    assert_eq!(
        told_now.iter().map(|(from, to)| to - from).collect::<Vec<_>>(),
        [4_000_000, 2_000_000]
    );
    assert_eq!(listed_gaps(&rig.library(), recording), told_now);
    let reasons = told(rig.dir.path(), "stream.gap");
    assert!(
        reasons[0]["reason"].as_str().unwrap().contains("cannot sync"),
        "{reasons:?}"
    );
    assert!(
        reasons[1]["reason"].as_str().unwrap().contains("cannot write"),
        "{reasons:?}"
    );
}

fn in_time(what: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), what).await })
        .unwrap();
}

/// A store with its real thread on a card that can stall.
struct Card {
    dir: tempfile::TempDir,
    disk: CrashDisk,
    store: Store,
    zero: Micros,
}

impl Card {
    fn new(queue_hard: usize) -> Self {
        let dir = tempdir();
        let disk = CrashDisk::default();
        let clock = Arc::new(TestClock::new(5_000_000));
        let mut settings = settings(dir.path());
        (settings.queue_soft, settings.queue_hard) = (queue_hard / 8, queue_hard);
        // The clock of this test stands still, so every fragment's tick is due at once.
        settings.durability = Duration::ZERO;
        let opened = Store::open(settings, Arc::new(disk.clone()), clock.clone());
        let (store, Opened { tape_base, .. }) = opened.unwrap();
        let zero = tape_base + clock.boot();
        Self {
            dir,
            disk,
            store,
            zero,
        }
    }

    fn begin(&self, id: u64, name: &str) -> (Publisher, RecordingId) {
        let a = Publisher {
            publish: PublishId::new(id),
            stream: stream(name),
            zero: self.zero,
        };
        let recording = RecordingId::new(id);
        let started = Command::PublishStarted {
            tell: Some(Box::default()),
            publish: a.publish,
            stream: a.stream.clone(),
            tape_zero: self.zero,
            boot_zero: 5_000_000,
            about: Default::default(),
        };
        self.store.submit(started).unwrap();
        self.store.submit(a.record(recording, 0)).unwrap();
        (a, recording)
    }

    fn send(&self, a: &Publisher, seconds: std::ops::Range<i64>) {
        for n in seconds {
            self.store.submit(a.append(n)).unwrap();
        }
    }

    fn wait(&self, what: impl FnMut(&Progress) -> bool) {
        let mut progress = self.store.progress();
        in_time(async { drop(progress.wait_for(what).await.unwrap()) });
    }

    /// Waits until most of the waiting bytes are written.
    fn room(&self) {
        in_time(self.store.room());
    }

    fn library(&self) -> Library {
        Library::with_disk(self.dir.path(), Arc::new(self.disk.clone())).unwrap()
    }
}

#[test]
fn a_stall_within_memory_costs_nothing_even_a_publish_that_ended_meanwhile() {
    let card = Card::new(8 << 20);
    let publishers: Vec<_> = (1..4).map(|id| card.begin(id, &format!("cam{id}"))).collect();
    for (a, _) in &publishers {
        card.send(a, 0..3);
    }
    card.wait(|now| now.streams.len() == 3 && now.streams.values().all(|stream| stream.bytes_durable > 0));
    card.disk.stall();
    card.send(&publishers[0].0, 3..4);
    card.disk.stalled();
    let before = card.store.heartbeat();
    for (a, recording) in &publishers {
        let from = if *recording == publishers[0].1 { 4 } else { 3 };
        card.send(a, from..60);
    }
    let (a, recording) = &publishers[0];
    card.store.submit(a.close(*recording, 60)).unwrap();
    card.store.submit(a.end()).unwrap();
    assert_eq!(
        card.store.heartbeat(),
        before,
        "the thread is stuck, and nobody waited for it"
    );
    assert!(!card.store.has_room() || card.store.backlog_bytes() > 0);
    card.disk.go_on();
    card.store.shutdown().unwrap();
    assert_eq!((card.store.backlog_bytes(), card.store.let_go_bytes()), (0, 0));
    check_invariants(card.dir.path(), &card.disk);
    for (a, _) in &publishers {
        assert_eq!(tape(card.dir.path(), &card.disk, &a.stream), expected(0..60));
    }
    assert_eq!(told_gaps(card.dir.path()), []);
}

#[test]
fn a_longer_stall_costs_whole_gops_of_those_that_hold_most_and_says_so() {
    let seconds = expected(0..1).len() + 1_000;
    let card = Card::new(seconds * 45);
    let publishers: Vec<_> = (1..4).map(|id| card.begin(id, &format!("cam{id}"))).collect();
    for (a, _) in &publishers {
        card.send(a, 0..3);
    }
    card.wait(|now| now.streams.len() == 3 && now.streams.values().all(|stream| stream.bytes_durable > 0));
    card.disk.stall();
    for (a, _) in &publishers {
        card.send(a, 3..4);
    }
    card.disk.stalled();
    // Two publishes send all the time, and one ends after a little media.
    for n in 4..101 {
        for (a, _) in &publishers[..2] {
            card.send(a, n..n + 1);
        }
        assert!(card.store.backlog_bytes() <= seconds * 45);
    }
    card.send(&publishers[2].0, 4..8);
    assert!(card.store.let_go_bytes() > 0);
    card.disk.go_on();
    card.room();
    for (a, recording) in &publishers[..2] {
        card.send(a, 101..110);
        card.store.submit(a.close(*recording, 110)).unwrap();
        card.store.submit(a.end()).unwrap();
    }
    card.store.shutdown().unwrap();
    check_invariants(card.dir.path(), &card.disk);
    let progress = card.store.progress().borrow().clone();
    assert_eq!((progress.gaps, progress.bytes_lost), (2, 0));
    assert_eq!(progress.bytes_dropped, card.store.let_go_bytes());
    assert_eq!(
        tape(card.dir.path(), &card.disk, &publishers[2].0.stream),
        expected(0..8),
        "the one that held little lost nothing"
    );
    let mut listed = Vec::new();
    for (a, recording) in &publishers[..2] {
        let gaps = listed_gaps(&card.library(), *recording);
        let [(from, to)] = gaps[..] else {
            panic!("{gaps:?}")
        };
        let row = card.library().find(&recording.to_string()).unwrap();
        let second = |utc: Micros| (utc - row.start) / 1_000_000;
        // The rest is there byte for byte, and goes on at a keyframe.
        assert_eq!(second(to) % 2, 0);
        let kept = [expected(0..second(from)), expected(second(to)..110)].concat();
        assert_eq!(tape(card.dir.path(), &card.disk, &a.stream), kept);
        listed.push((from, to));
    }
    let mut told = told_gaps(card.dir.path());
    told.sort_unstable();
    listed.sort_unstable();
    assert_eq!(told, listed);
    let lost: usize = listed
        .iter()
        .map(|(from, to)| ((to - from) / 1_000_000) as usize * media(&fragment(0, true)).len())
        .sum();
    assert_eq!(lost as u64, progress.bytes_dropped);
}

/// The actions of publishers, and the bytes that the thread takes at a time.
#[derive(Clone, Debug)]
enum Deed {
    Send { stream: usize },
    Change { stream: usize },
    Take { most: usize },
    Fail(Fault),
    Pass,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        20 => (0..2usize).prop_map(|stream| Deed::Send { stream }),
        2 => (0..2usize).prop_map(|stream| Deed::Change { stream }),
        4 => (1..40_000usize).prop_map(|most| Deed::Take { most }),
        4 => Just(Deed::Pass),
        1 => prop_oneof![Just(Fault::Write), Just(Fault::Sync), Just(Fault::Create)].prop_map(Deed::Fail),
    ]
}

/// One publisher of a script, and its progress.
struct Script {
    a: Publisher,
    recording: RecordingId,
    second: i64,
}

fn take(rig: &mut Rig, backlog: &mut Backlog, most: usize, handed: &mut [Vec<u8>; 2]) -> bool {
    let (commands, cost) = backlog.take(most);
    let any = !commands.is_empty();
    for command in &commands {
        if let Command::Append { publish, fragment } = command {
            handed[usize::from(publish.to_bytes()[15] % 2)].extend(media(fragment));
        }
    }
    rig.handle(commands);
    backlog.done(cost);
    any
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// For any actions of publishers, card and thread in any batches: without a fault all media that was handed over is on the
    /// tape, and with faults no other media is. Every recording is closed, and events report gaps as `ls` shows them.
    #[test]
    fn whatever_the_batches_the_tape_is_what_was_handed_over(deeds in prop::collection::vec(deed(), 1..120)) {
        let mut rig = Rig::new();
        let mut backlog = Backlog::new(40_000);
        let mut handed = [Vec::new(), Vec::new()];
        let (mut faults, mut count) = (false, 0u128);
        let mut scripts: [Option<Script>; 2] = [None, None];
        for deed in deeds {
            match deed {
                Deed::Send { stream } => {
                    let script = scripts[stream].get_or_insert_with(|| {
                        count += 1;
                        let (mut a, _) = rig.publish(0, ["a", "b"][stream]);
                        // The last bit of the id gives the stream.
                        a.publish = PublishId::from_bytes((count * 2 + stream as u128).to_be_bytes());
                        let recording = RecordingId::from_bytes((count * 2 + stream as u128).to_be_bytes());
                        let started = Command::PublishStarted { tell: Some(Box::default()),
                            publish: a.publish,
                            stream: a.stream.clone(),
                            tape_zero: a.zero,
                            boot_zero: rig.clock.boot(),
                            about: Default::default(),
                        };
                        backlog.put(started).unwrap();
                        backlog.put(a.record(recording, 0)).unwrap();
                        Script { a, recording, second: 0 }
                    });
                    backlog.put(script.a.append(script.second)).unwrap();
                    script.second += 1;
                }
                Deed::Change { stream } => {
                    if let Some(Script { a, recording, second }) = scripts[stream].take() {
                        backlog.put(a.close(recording, second)).unwrap();
                        backlog.put(a.end()).unwrap();
                        // The next publish comes after the media of this one.
                        rig.clock.advance(second * 1_000_000);
                    }
                }
                Deed::Take { most } => {
                    take(&mut rig, &mut backlog, most, &mut handed);
                }
                Deed::Fail(fault) => {
                    faults = true;
                    rig.disk.fail_next(fault);
                }
                Deed::Pass => rig.pass(1_000_000),
            }
        }
        for Script { a, recording, second } in scripts.into_iter().flatten() {
            backlog.put(a.close(recording, second)).unwrap();
            backlog.put(a.end()).unwrap();
        }
        while take(&mut rig, &mut backlog, 9_000, &mut handed) {}
        let closed = rig.writer.close();
        prop_assert!(closed.is_ok() || faults);
        if rig.disk.faults_left() == 0 {
            check_invariants(rig.dir.path(), &rig.disk);
        }
        for (name, handed) in ["a", "b"].into_iter().zip(&handed) {
            let tape = tape(rig.dir.path(), &rig.disk, &stream(name));
            prop_assert!(faults || tape == *handed);
            prop_assert!(tape.len() <= handed.len());
        }
        let rows = rig.library().recordings(&Default::default()).unwrap();
        let mut listed: Vec<_> = rows.iter().flat_map(|row| &row.gaps).map(|gap| (gap.from, gap.to)).collect();
        let told = told_gaps(rig.dir.path());
        // A gap at either end of a recording has an event, and does not show between two segments.
        listed.retain(|gap| !told.contains(gap));
        prop_assert!(listed.is_empty(), "{listed:?} were not told: {told:?}");
        prop_assert_eq!(told.len() as u64, rig.writer.progress().gaps);
    }
}
