//! A writer on a crash disk that a test drives, and the invariants of all that it leaves.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::format::chunks::ChunkList;
use crate::format::index::SampleIndex;
use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};
use crate::store::clock::Clock;
use crate::store::clock::tests::TestClock;
use crate::store::crash::CrashDisk;
use crate::store::journal::{Journal, List, SegmentData, SegmentState};
use crate::store::reader::Reader;
use crate::store::recover::recover;
use crate::store::testing::{self, media};
use crate::store::writer::Writer;
use crate::store::{Command, Disk, Library, ListedSegment, RecoveryReport, StoreSettings, paths};

/// The place where tests keep SQLite: in memory if the machine can.
pub(super) fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(super) fn settings(dir: &Path) -> StoreSettings {
    StoreSettings {
        durability: Duration::from_secs(1),
        segment_duration: Duration::from_secs(3),
        min_free: Some(0),
        journal_reserve: 0,
        ..StoreSettings::new(dir, "box-1")
    }
}

pub(super) fn stream(name: &str) -> StreamName {
    StreamName::new("live", name).unwrap()
}

/// Tape time up to which the writer has called each stream durable.
pub(super) type Acked = Arc<Mutex<BTreeMap<StreamName, Micros>>>;

/// A writer and its surroundings.
pub(super) struct Rig {
    pub(super) dir: tempfile::TempDir,
    pub(super) disk: CrashDisk,
    pub(super) clock: Arc<TestClock>,
    pub(super) writer: Writer,
    pub(super) tape_base: Micros,
    pub(super) acked: Acked,
    pub(super) report: RecoveryReport,
}

/// A publish of the rig.
#[derive(Clone)]
pub(super) struct Publisher {
    pub(super) publish: PublishId,
    pub(super) stream: StreamName,
    pub(super) zero: Micros,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::on(
            tempdir(),
            CrashDisk::default(),
            Arc::new(TestClock::new(5_000_000)),
        )
    }

    /// Starts on the existing files, as the service does.
    pub(super) fn on(dir: tempfile::TempDir, disk: CrashDisk, clock: Arc<TestClock>) -> Self {
        Self::with(dir, disk, clock, |_| ())
    }

    /// The same, with other settings.
    pub(super) fn with(
        dir: tempfile::TempDir,
        disk: CrashDisk,
        clock: Arc<TestClock>,
        tune: impl FnOnce(&mut StoreSettings),
    ) -> Self {
        let journal = Journal::open(dir.path()).unwrap();
        Self::with_journal(dir, disk, clock, journal, tune)
    }

    /// The same, with a journal that was opened elsewhere.
    pub(super) fn with_journal(
        dir: tempfile::TempDir,
        disk: CrashDisk,
        clock: Arc<TestClock>,
        mut journal: Journal,
        tune: impl FnOnce(&mut StoreSettings),
    ) -> Self {
        let mut settings = settings(dir.path());
        tune(&mut settings);
        let report = recover(dir.path(), &disk, clock.as_ref(), &mut journal).unwrap();
        let tape_base = journal.boot(&clock.boot_id()).unwrap().unwrap().0;
        let writer = Writer::new(settings, Arc::new(disk.clone()), clock.clone(), journal).unwrap();
        Self {
            dir,
            disk,
            clock,
            writer,
            tape_base,
            acked: Acked::default(),
            report,
        }
    }

    pub(super) fn handle(&mut self, commands: Vec<Command>) {
        self.writer.handle(commands);
        self.ack();
    }

    /// Lets time pass; ticks when that is due.
    pub(super) fn pass(&mut self, micros: Micros) {
        self.clock.advance(micros);
        if self.writer.next_tick() <= self.clock.boot() {
            self.writer.tick();
            self.ack();
        }
    }

    fn ack(&self) {
        let mut acked = self.acked.lock().unwrap();
        for (stream, progress) in &self.writer.progress().streams {
            if let Some(until) = progress.durable_until {
                acked.insert(stream.clone(), until);
            }
        }
    }

    pub(super) fn publish(&self, id: u64, name: &str) -> (Publisher, Command) {
        let boot_zero = self.clock.boot();
        let publisher = Publisher {
            publish: PublishId::new(id),
            stream: stream(name),
            zero: self.tape_base + boot_zero,
        };
        let command = Command::PublishStarted {
            tell: Some(Box::default()),
            publish: publisher.publish,
            stream: publisher.stream.clone(),
            tape_zero: publisher.zero,
            boot_zero,
            about: Default::default(),
        };
        (publisher, command)
    }

    pub(super) fn library(&self) -> Library {
        Library::with_disk(self.dir.path(), Arc::new(self.disk.clone())).unwrap()
    }
}

impl Publisher {
    pub(super) fn record(&self, id: RecordingId, second: i64) -> Command {
        Command::RecordingStarted {
            recording: id,
            publish: self.publish,
            start: self.zero + second * 1_000_000,
            spec: crate::store::testing::spec(),
        }
    }

    pub(super) fn close(&self, id: RecordingId, second: i64) -> Command {
        Command::RecordingClosed {
            recording: id,
            end: self.zero + second * 1_000_000,
            reason: "closed".to_owned(),
        }
    }

    /// The command with the `n`th second, with a keyframe in every other one.
    pub(super) fn append(&self, n: i64) -> Command {
        self.send(testing::fragment(n, n % 2 == 0))
    }

    pub(super) fn send(&self, fragment: Fragment) -> Command {
        Command::Append {
            publish: self.publish,
            fragment,
        }
    }

    pub(super) fn end(&self) -> Command {
        Command::PublishEnded {
            publish: self.publish,
            reason: "unpublished".into(),
            outcome: Default::default(),
        }
    }
}

/// Every byte of media on a stream's sealed tape, in order.
pub(super) fn tape(dir: &Path, disk: &CrashDisk, stream: &StreamName) -> Vec<u8> {
    fragments(dir, disk, stream).concat()
}

/// The media of each fragment on a stream's sealed tape, in order.
pub(super) fn fragments(dir: &Path, disk: &CrashDisk, stream: &StreamName) -> Vec<Vec<u8>> {
    let journal = Journal::open_read(dir).unwrap();
    let mut out = Vec::new();
    for segment in journal
        .segments()
        .unwrap()
        .into_iter()
        .filter(|row| row.stream == *stream)
    {
        assert_eq!(segment.state, SegmentState::Sealed);
        let file = disk
            .open_read(&paths::segment(dir, stream, segment.sequence))
            .unwrap();
        let index = match segment.cuts {
            0 => {
                let scanned = crate::format::fmp4::scan(&Reader(file.as_ref()), segment.bytes);
                scanned.unwrap().index
            }
            // The file may still contain deleted media.
            _ => SampleIndex::decode(&journal.index(segment.id).unwrap().unwrap()).unwrap(),
        };
        for fragment in &index.fragments {
            let len = fragment.video.bytes() + fragment.audio.bytes();
            let mut bytes = vec![0; len as usize];
            assert_eq!(
                file.read_at(fragment.end() - len, &mut bytes).unwrap(),
                bytes.len()
            );
            out.push(bytes);
        }
    }
    out
}

/// The media of `seconds` of a stream.
pub(super) fn expected(seconds: std::ops::Range<i64>) -> Vec<u8> {
    seconds
        .flat_map(|n| media(&testing::fragment(n, n % 2 == 0)))
        .collect()
}

/// Checks the invariants after every recovery: each file has one row, each row its file, nothing is open, and all values agree.
pub(super) fn check_invariants(dir: &Path, disk: &CrashDisk) {
    let journal = Journal::open_read(dir).unwrap();
    let mut files = disk.files();
    files.retain(|path, _| path.starts_with(paths::tape(dir)));
    for segment in journal.segments().unwrap() {
        assert_eq!(segment.state, SegmentState::Sealed, "{segment:?}");
        let path = paths::segment(dir, &segment.stream, segment.sequence);
        let bytes = files
            .remove(&path)
            .unwrap_or_else(|| panic!("{} has a row and no file", path.display()));
        assert!(bytes.len() as u64 >= segment.bytes, "{}", path.display());
    }
    let given_up = [false, true].map(|wipe| journal.given_up(wipe).unwrap());
    for blocks in given_up.iter().flatten() {
        let path = paths::segment(dir, &blocks.stream, blocks.sequence);
        assert!(
            files.remove(&path).is_some(),
            "{} has a row and no file",
            path.display()
        );
    }
    assert!(files.is_empty(), "files without a row: {:?}", files.keys());
    assert!(journal.open_publishes().unwrap().is_empty());
    assert!(journal.open_recordings().unwrap().is_empty());
    // Every event of a beginning has an event of the end.
    let outbox = journal.outbox().unwrap();
    let count = |kind: &str| outbox.iter().filter(|(_, found, _)| found == kind).count();
    assert_eq!(count("recording.started"), count("recording.closed"));
    assert_eq!(count("publish.started"), count("publish.ended"));
    let numbers: Vec<i64> = outbox.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(
        numbers,
        (1..=outbox.len() as i64).collect::<Vec<_>>(),
        "gaps in the outbox"
    );
    let library = Library::with_disk(dir, Arc::new(disk.clone())).unwrap();
    assert_eq!(library.verify(&mut |_, _| {}).unwrap(), []);
    check_numbers(dir, disk);
}

/// Checks the numbers of all chunks: those of a stream follow each other but for numbers that its segments call skipped, the rows
/// say what the files say, and the count of each row is that of its index.
pub(super) fn check_numbers(dir: &Path, disk: &CrashDisk) {
    let journal = Journal::open_read(dir).unwrap();
    let mut last: Option<SegmentData> = None;
    for segment in journal.segments().unwrap() {
        let numbers = segment.numbers.unwrap();
        let chunks = segment.chunks.unwrap();
        assert!(chunks > 0, "{segment:?}");
        let file = disk
            .open_read(&paths::segment(dir, &segment.stream, segment.sequence))
            .unwrap();
        let header = crate::format::fmp4::read_header(&Reader(file.as_ref()), segment.bytes).unwrap();
        assert_eq!(header.identity.chunks, Some(numbers), "{segment:?}");
        if segment.cuts == 0 {
            let index = SampleIndex::decode(&journal.index(segment.id).unwrap().unwrap()).unwrap();
            let (counted, _) =
                crate::format::chunks::count(&index, segment.base, &segment.tracks, numbers.target);
            assert_eq!(chunks, counted, "{segment:?}");
        }
        if let Some(before) = last.filter(|before| before.stream == segment.stream) {
            let then = before.numbers.unwrap();
            let behind = then.chunk + before.chunks.unwrap();
            assert!(numbers.chunk >= behind, "{segment:?} behind {before:?}");
            let skipped = numbers.skipped - then.skipped;
            assert!(numbers.chunk - behind >= skipped, "{segment:?} behind {before:?}");
            assert!(
                numbers.discontinuity >= then.discontinuity + u64::from(numbers.breaks),
                "{segment:?}"
            );
        }
        let next = journal.next_segment(&segment.stream).unwrap().numbered;
        assert!(next.next >= numbers.chunk + chunks, "{next:?} behind {segment:?}");
        assert!(next.discontinuity >= numbers.discontinuity && next.skipped >= numbers.skipped);
        last = Some(segment);
    }
    check_lists(dir, disk);
}

/// Checks that the journal has the list of the chunks of each segment that can be played, and no other, and that each list says what
/// the sample index says.
fn check_lists(dir: &Path, disk: &CrashDisk) {
    let journal = Journal::open_read(dir).unwrap();
    let mut by_index: BTreeMap<StreamName, Vec<ListedSegment>> = BTreeMap::new();
    for segment in journal.segments().unwrap() {
        let listed = by_index.entry(segment.stream.clone()).or_default();
        if segment.state == SegmentState::Sealed && segment.cuts == 0 {
            let index = SampleIndex::decode(&journal.index(segment.id).unwrap().unwrap()).unwrap();
            let list = ChunkList::of(&index, segment.base, &segment.tracks, &segment.numbers.unwrap());
            listed.push(ListedSegment::new(
                (segment.id, segment.numbers.unwrap()),
                Arc::new(segment.tracks),
                (segment.tape_zero, segment.utc_zero),
                list,
            ));
        }
    }
    let library = Library::with_disk(dir, Arc::new(disk.clone())).unwrap();
    let lists: usize = by_index.values().map(Vec::len).sum();
    assert_eq!(journal.count_lists(), lists as i64);
    for (stream, by_index) in by_index {
        let mut listed = Vec::new();
        library
            .listed(&stream, (Micros::MIN, Micros::MAX), None, |segment| {
                listed.push(segment);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(listed, by_index);
        for row in journal.last_listed(&stream, u64::MAX, |_, _| true).unwrap() {
            let is_listed = row.state == SegmentState::Sealed && row.cuts == 0;
            assert_eq!(matches!(row.list, List::Known(_)), is_listed, "{row:?}");
        }
    }
}

/// The media of the first fragment of each chunk on the tape.
pub(super) fn numbered(dir: &Path, disk: &CrashDisk) -> BTreeMap<(StreamName, u64), Vec<u8>> {
    let journal = Journal::open_read(dir).unwrap();
    let mut all = BTreeMap::new();
    for segment in journal
        .segments()
        .unwrap()
        .into_iter()
        .filter(|row| row.cuts == 0)
    {
        let Some(numbers) = segment.numbers else { continue };
        let index = SampleIndex::decode(&journal.index(segment.id).unwrap().unwrap()).unwrap();
        let file = disk
            .open_read(&paths::segment(dir, &segment.stream, segment.sequence))
            .unwrap();
        for chunk in crate::format::chunks::chunks(&index, segment.base, &segment.tracks, &numbers) {
            let fragment = &index.fragments[chunk.fragments.start];
            let len = fragment.video.bytes() + fragment.audio.bytes();
            let mut bytes = vec![0; len as usize];
            assert_eq!(
                file.read_at(fragment.end() - len, &mut bytes).unwrap(),
                bytes.len()
            );
            let twice = all.insert((segment.stream.clone(), chunk.number), bytes);
            assert!(
                twice.is_none(),
                "two chunks of {} have the number {}",
                segment.stream,
                chunk.number
            );
        }
    }
    all
}

/// The state that a second recovery must leave unchanged.
pub(super) fn state(dir: &Path, disk: &CrashDisk) -> (String, BTreeMap<std::path::PathBuf, Vec<u8>>) {
    let journal = Journal::open_read(dir).unwrap();
    let rows = format!(
        "{:#?} {:#?}",
        journal.segments().unwrap(),
        journal.recordings().unwrap()
    );
    (rows, disk.files())
}

/// Fails with the first difference between two of these states.
pub(super) fn assert_same(
    what: &str,
    (rows, files): &(String, BTreeMap<std::path::PathBuf, Vec<u8>>),
    (other_rows, other_files): &(String, BTreeMap<std::path::PathBuf, Vec<u8>>),
) {
    let lines = rows.lines().zip(other_rows.lines());
    if let Some((before, after)) = lines.into_iter().find(|(before, after)| before != after) {
        panic!("{what}: a row was {before} and is {after}");
    }
    assert_eq!(rows.len(), other_rows.len(), "{what}: other rows");
    let paths = files.keys().chain(other_files.keys());
    for path in paths {
        let (before, after) = (files.get(path), other_files.get(path));
        let at = before.zip(after).map(|(before, after)| {
            let same = before
                .iter()
                .zip(after)
                .take_while(|(before, after)| before == after);
            same.count()
        });
        assert!(
            before == after,
            "{what}: {} had {:?} bytes and has {:?}; they differ at {at:?}",
            path.display(),
            before.map(Vec::len),
            after.map(Vec::len)
        );
    }
}
