//! A store that actions happen to, beside the ledger of the media that was sent to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::action::{Action, Boot, STREAMS, Setup};
use super::events::Events;
use super::ledger::{Fate, Ledger, Recorded};
use super::rise::{Snapshot, Way, refuse, rise};
use crate::format::index::SampleIndex;
use crate::media::{Micros, PublishId, RecordingId, SegmentId};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::{Journal, SegmentState};
use crate::store::tests::facts::set;
use crate::store::tests::moment::JournalFiles;
use crate::store::tests::rig::{Publisher, Rig, stream, tempdir};
use crate::store::{Change, Clock as _, Command, StoreSettings, paths};

/// Four seconds of the smallest media, in whole blocks.
pub(super) const SEGMENT: u64 = 20_480;

/// A segment that becomes larger than expected takes a fragment and 64 KiB more before older segments are given up.
const OVERSHOOT: u64 = (STREAMS as u64) * (88 << 10);

/// A crash after so many operations of the disk.
#[derive(Default)]
struct Trap {
    left: Option<usize>,
    caught: Option<Snapshot>,
}

pub(super) struct World {
    setup: Setup,
    rig: Option<Rig>,
    ledger: Arc<Mutex<Ledger>>,
    live: BTreeMap<usize, Live>,
    /// Recordings that are open.
    open: Vec<RecordingId>,
    /// Open recordings whose end was announced to the store.
    ending: BTreeSet<RecordingId>,
    batch: Vec<Command>,
    trap: Arc<Mutex<Trap>>,
    armed: Option<Way>,
    /// An operation failed since the last start.
    faulty: bool,
    ever_faulty: bool,
    held: Vec<Held>,
    /// Recordings that somebody asked to delete.
    to_delete: BTreeSet<RecordingId>,
    ids: u8,
}

/// A file that a reader has open.
struct Held {
    path: PathBuf,
    node: u64,
    /// The bytes to read: the position of each part, and its content.
    parts: Vec<(usize, Vec<u8>)>,
}

struct Live {
    publisher: Publisher,
    next: i64,
    boot_shift: Micros,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        let clock = Arc::new(TestClock::new(5_000_000));
        if setup.synced {
            clock.set_utc(1_790_000_000_000_000, true);
        } else {
            clock.set_utc(60_000_000, false);
        }
        let rig = Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
            tune(settings, setup)
        });
        let mut world = Self {
            setup,
            rig: Some(rig),
            ledger: Arc::default(),
            live: BTreeMap::new(),
            open: Vec::new(),
            ending: BTreeSet::new(),
            batch: Vec::new(),
            trap: Arc::default(),
            armed: None,
            faulty: false,
            ever_faulty: false,
            held: Vec::new(),
            to_delete: BTreeSet::new(),
            ids: 0,
        };
        world.watch();
        world
    }

    pub(super) fn rig(&mut self) -> &mut Rig {
        self.rig.as_mut().unwrap()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Calls `see` at every moment.
    pub(super) fn on_every_moment(&mut self, mut see: impl FnMut(Snapshot) + Send + 'static) {
        let (dir, ledger) = (self.rig().dir.path().to_owned(), self.ledger.clone());
        self.rig().disk.observe(move |image| {
            see(Snapshot {
                image: image.clone(),
                journal: JournalFiles::read(&dir),
                ledger: ledger.lock().unwrap().clone(),
            });
        });
    }

    /// Ends the writer; its directory stays.
    pub(super) fn end(mut self) -> tempfile::TempDir {
        let Rig { dir, disk, .. } = self.rig.take().unwrap();
        disk.observe(|_| ());
        dir
    }

    fn watch(&mut self) {
        let (trap, ledger) = (self.trap.clone(), self.ledger.clone());
        let dir = self.rig().dir.path().to_owned();
        self.rig().disk.observe(move |image| {
            let mut trap = trap.lock().unwrap();
            match &mut trap.left {
                None => {}
                Some(0) => {
                    trap.left = None;
                    trap.caught = Some(Snapshot {
                        image: image.clone(),
                        journal: JournalFiles::read(&dir),
                        ledger: ledger.lock().unwrap().clone(),
                    });
                }
                Some(left) => *left -= 1,
            }
        });
    }

    pub(super) fn run(&mut self, action: &Action) {
        match action.clone() {
            Action::Write { streams, size, ticks } => {
                let live = (0..STREAMS).filter(|n| streams & (1 << n) != 0);
                live.for_each(|n| self.append(n, size));
                self.flush();
                self.pass(if ticks { 1_000_000 } else { 300_000 });
            }
            Action::End(n) => {
                if let Some(live) = self.live.remove(&n) {
                    self.batch.push(live.publisher.end());
                }
            }
            Action::Record(n) => {
                self.record(n);
            }
            Action::EndRecording(n) => {
                let growing = self.open.iter().filter(|id| !self.ending.contains(id));
                let growing: Vec<RecordingId> = growing.copied().collect();
                if !growing.is_empty() {
                    self.end_recording(growing[n % growing.len()]);
                }
            }
            Action::CloseRecording(n) => {
                if !self.open.is_empty() {
                    let id = self.open.remove(n % self.open.len());
                    self.close_recording(id);
                }
            }
            Action::Deliver(n) => self.ask(n, |recording| Command::Change(Change::Delivered { recording })),
            Action::Protect(n, protected) => self.ask(n, |recording| {
                Command::Change(Change::Protect { recording, protected })
            }),
            Action::Delete(n) => self.ask(n, |recording| Command::Delete { recording }),
            Action::DeleteBeside(n, whole) => {
                let of = |n: usize, ids: &[RecordingId]| ids.get(n % ids.len().max(1)).copied();
                let ids: Vec<RecordingId> = self.ledger().recordings.iter().map(|of| of.id).collect();
                if let Some((recording, whole)) = of(n, &ids).zip(of(whole, &ids)) {
                    self.batch.push(Command::DeleteBeside { recording, whole });
                }
            }
            Action::Title(n, title) => self.title(n, title),
            Action::Flush => self.flush(),
            Action::Pass(seconds) => {
                self.flush();
                self.pass(seconds * 1_000_000);
            }
            Action::Hold(n) => self.hold(n),
            Action::Release => self.release(),
            Action::Fault(fault) => {
                self.faulty = true;
                self.rig().disk.fail_next(fault);
            }
            Action::Limit(blocks) => {
                self.faulty = true;
                let used: usize = self.rig().disk.files().values().map(Vec::len).sum();
                let limit = blocks.map_or(u64::MAX / 2, |blocks| used as u64 + blocks * 4096);
                self.rig().disk.limit(limit);
            }
            Action::ReadOnly(read_only) => {
                self.faulty |= read_only;
                self.rig().disk.read_only(read_only);
            }
            Action::JournalRefuses(refuses) => {
                self.faulty |= refuses;
                refuse(self.rig().dir.path(), refuses);
            }
            Action::StepClock(hours) => {
                let clock = &self.rig().clock;
                clock.set_utc(clock.utc() + hours * 3_600_000_000, clock.synced());
            }
            Action::Synchronise => {
                let clock = &self.rig().clock;
                if !clock.synced() {
                    clock.set_utc(1_790_000_000_000_000 + clock.boot(), true);
                }
            }
            Action::Crash {
                after,
                survives,
                boot,
                again,
                fault,
            } => self.arm(
                after,
                Way::Crash {
                    survives,
                    boot,
                    again,
                    fault,
                },
            ),
            Action::Kill { after } => self.arm(after, Way::Kill),
            Action::Restart => self.restart(),
        }
        self.spring(false);
    }

    /// The end of a case: the power goes, if it has not.
    pub(super) fn finish(&mut self) {
        self.flush();
        self.armed.get_or_insert(Way::Crash {
            survives: Survives::Nothing,
            boot: Boot::Right,
            again: None,
            fault: None,
        });
        self.spring(true);
        // A segment to be removed for good is removed when there is time, and nobody reads it.
        self.release();
        (0..12).for_each(|_| self.pass(30_000_000));
        let rig = self.rig.as_ref().unwrap();
        self.ledger().check_deleted(rig.dir.path(), &rig.disk);
        let durable = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
        self.ledger().check_deleted(rig.dir.path(), &durable);
    }

    /// Prepares a second of a stream.
    pub(super) fn append(&mut self, n: usize, size: u8) {
        self.begin(n);
        let boot = self.rig().clock.boot_id();
        let Some(live) = self.live.get_mut(&n) else { return };
        let publisher = live.publisher.clone();
        let (second, shift) = (live.next, live.boot_shift);
        live.next += 1;
        let fragment = self
            .ledger()
            .send(&publisher.stream, second, size, publisher.zero, (boot, shift));
        self.batch.push(publisher.send(fragment));
    }

    fn begin(&mut self, n: usize) {
        if self.live.contains_key(&n) {
            return;
        }
        let name = stream(&format!("s{n}"));
        let last = self
            .ledger()
            .sent
            .get(&name)
            .and_then(|sent| sent.last())
            .map(|sent| sent.end);
        let boot = self.rig().clock.boot();
        let zero = (self.rig().tape_base + boot).max(last.unwrap_or(0));
        self.ids += 1;
        let publisher = Publisher {
            publish: PublishId::from_bytes([self.ids; 16]),
            stream: name,
            zero,
        };
        self.batch.push(Command::PublishStarted {
            tell: Some(Box::default()),
            publish: publisher.publish,
            stream: publisher.stream.clone(),
            tape_zero: zero,
            boot_zero: boot,
            about: Default::default(),
        });
        let live = Live {
            publisher,
            next: 0,
            boot_shift: boot - zero,
        };
        self.live.insert(n, live);
    }

    /// A recording of a stream begins with its next second.
    pub(super) fn record(&mut self, n: usize) -> RecordingId {
        self.begin(n);
        self.ids += 1;
        let id = RecordingId::from_bytes([self.ids; 16]);
        let live = &self.live[&n];
        self.batch.push(live.publisher.record(id, live.next));
        let recorded = Recorded {
            id,
            stream: live.publisher.stream.clone(),
            start: live.publisher.zero + live.next * 1_000_000,
            end: None,
        };
        self.ledger().recordings.push(recorded);
        self.open.push(id);
        id
    }

    /// Announces the end of a recording to the store, as the recorder does before the rest of it was handed over.
    fn end_recording(&mut self, id: RecordingId) {
        let end = self.set_end(id);
        self.ending.insert(id);
        self.batch.push(Command::RecordingEnds { recording: id, end });
    }

    pub(super) fn close_recording(&mut self, id: RecordingId) {
        self.open.retain(|other| *other != id);
        let told = if self.ending.remove(&id) {
            self.ledger().recording(id).unwrap().end
        } else {
            None
        };
        let end = told.unwrap_or_else(|| self.set_end(id));
        self.batch.push(Command::RecordingClosed {
            recording: id,
            end,
            reason: "closed".to_owned(),
        });
    }

    /// Ends a recording at the present end of its stream; where its publish is over, at the end of that.
    fn set_end(&mut self, id: RecordingId) -> Micros {
        let mut ledger = self.ledger.lock().unwrap();
        let recorded = ledger.recording(id).unwrap();
        let live = self
            .live
            .values()
            .find(|live| live.publisher.stream == recorded.stream);
        let end = live.map(|live| live.publisher.zero + live.next * 1_000_000);
        let stream = recorded.stream.clone();
        let last = ledger
            .sent
            .get(&stream)
            .and_then(|sent| sent.last())
            .map(|sent| sent.end);
        let recorded = ledger.recording(id).unwrap();
        let end = end.or(last).unwrap_or(recorded.start).max(recorded.start);
        recorded.end = Some(end);
        end
    }

    fn ask(&mut self, n: usize, command: impl Fn(RecordingId) -> Command) {
        let ids: Vec<RecordingId> = self
            .ledger()
            .recordings
            .iter()
            .map(|recorded| recorded.id)
            .collect();
        if !ids.is_empty() {
            self.batch.push(command(ids[n % ids.len()]));
        }
    }

    /// Gives a recording a title. What is answered is true; what is not written may still become true.
    fn title(&mut self, n: usize, title: u8) {
        self.flush();
        let ids = self
            .ledger()
            .recordings
            .iter()
            .map(|recorded| recorded.id)
            .collect::<Vec<_>>();
        let Some(id) = ids.get(n % ids.len().max(1)).copied() else {
            return;
        };
        let title = title.to_string();
        let none = || BTreeSet::from([String::new()]);
        self.ledger()
            .titles
            .entry(id)
            .or_insert_with(none)
            .insert(title.clone());
        let answer = set(self.rig(), id, serde_json::json!({ "title": title }));
        if answer.is_ok() {
            self.ledger().titles.insert(id, BTreeSet::from([title]));
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.batch.push(command);
    }

    /// Hands over the waiting commands, and enters them in the ledger.
    pub(super) fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return;
        }
        let before = self.before();
        let written: BTreeMap<_, _> = {
            let streams = &self.rig().writer.progress().streams;
            streams
                .iter()
                .map(|(name, stream)| (name.clone(), stream.bytes_written))
                .collect()
        };
        let sends: BTreeSet<PublishId> = batch
            .iter()
            .filter_map(|command| match command {
                Command::Append { publish, .. } => Some(*publish),
                _ => None,
            })
            .collect();
        for command in &batch {
            if let Command::Delete { recording } = command {
                self.to_delete.insert(*recording);
            }
        }
        self.rig().handle(batch);
        // Each stream sends at most one fragment in a batch, so the counters show whether it was taken.
        let progress = self.rig().writer.progress().clone();
        for live in self
            .live
            .values()
            .filter(|live| sends.contains(&live.publisher.publish))
        {
            let name = &live.publisher.stream;
            let now = &progress.streams[name];
            let taken = now.bytes_written > written.get(name).copied().unwrap_or(0);
            let mut ledger = self.ledger();
            let sent = ledger.sent.get_mut(name).unwrap().last_mut().unwrap();
            if taken {
                sent.segment = now.open_segment;
            } else {
                sent.fate = Fate::Lost;
            }
        }
        self.after(before);
    }

    pub(super) fn pass(&mut self, micros: Micros) {
        let before = self.before();
        self.rig().pass(micros);
        self.after(before);
    }

    fn before(&mut self) -> Before {
        let rig = self.rig.as_ref().unwrap();
        let journal = Journal::open_read(rig.dir.path()).unwrap();
        let boot = rig.clock.boot_id();
        let mut ledger = self.ledger.lock().unwrap();
        ledger.date(boot, rig.clock.utc() - rig.clock.boot());
        if let Some((_, offset, _)) = journal.boot(&boot).unwrap() {
            ledger.date(boot, offset);
        }
        let rows = journal.recordings().unwrap();
        let protected = rows.iter().filter(|row| row.protected);
        let protected = protected.map(|row| {
            let segments = journal.segments_of(row).unwrap();
            let sealed = segments.iter().filter(|row| row.state == SegmentState::Sealed);
            (row.id, sealed.map(|row| row.id).collect())
        });
        let footage = rows
            .iter()
            .map(|row| (row.id, ledger.footage_of(&journal, row.id)))
            .collect();
        Before {
            protected: protected.collect(),
            footage,
        }
    }

    /// Checks the invariants while no command waits.
    fn after(&mut self, before: Before) {
        let rig = self.rig.as_ref().unwrap();
        let dir = rig.dir.path();
        let journal = Journal::open_read(dir).unwrap();
        let progress = rig.writer.progress();
        let mut ledger = self.ledger.lock().unwrap();
        for (name, sent) in &mut ledger.sent {
            let Some(now) = progress.streams.get(name) else {
                continue;
            };
            for sent in sent.iter_mut().filter(|sent| sent.fate == Fate::Pending) {
                if now.durable_until >= Some(sent.end) {
                    sent.fate = Fate::Acked;
                } else if sent.segment.is_none() || sent.segment != now.open_segment {
                    sent.fate = Fate::Lost;
                }
            }
        }
        if progress.bytes_lost == 0 {
            assert!(self.faulty || self.setup.quota.is_some() || progress.failed.is_none());
        }

        let files = rig.disk.files();
        for (_, name, sequence, state) in journal.files().unwrap() {
            let path = paths::segment(dir, &name, sequence);
            assert!(
                state != SegmentState::Sealed || files.contains_key(&path),
                "{} is sealed and has no file",
                path.display()
            );
        }
        if let Some(quota) = self.setup.quota
            && !self.faulty
        {
            let used: usize = files
                .iter()
                .filter(|(path, _)| path.starts_with(paths::tape(dir)))
                .map(|(_, bytes)| bytes.len())
                .sum();
            let quota = quota * SEGMENT / 2;
            let over = (used as u64).saturating_sub(quota);
            assert!(
                over <= OVERSHOOT,
                "{used} bytes, {over} more than the quota of {quota}"
            );
            // After a failed sync, the length of a file is unknown.
            let books = rig.writer.used();
            assert!(
                books == used as u64 || self.ever_faulty,
                "the writer believes in {books} bytes, and there are {used}"
            );
        }
        let rows = journal.recordings().unwrap();
        for row in rows.iter().filter(|row| row.protected) {
            let segments: BTreeSet<SegmentId> = journal
                .segments_of(row)
                .unwrap()
                .iter()
                .map(|row| row.id)
                .collect();
            let lost = before
                .protected
                .get(&row.id)
                .map(|before| before.difference(&segments).count());
            assert_eq!(lost.unwrap_or(0), 0, "{} is protected and lost tape", row.id);
        }
        let deleted: Vec<RecordingId> = before
            .footage
            .keys()
            .filter(|id| rows.iter().all(|row| row.id != **id))
            .copied()
            .collect();
        if !deleted.is_empty() {
            let events = Events::read(&journal);
            for id in deleted.iter().filter(|id| events.deleted(**id)) {
                assert!(
                    self.to_delete.contains(id),
                    "{id} is deleted, and nobody asked for that"
                );
                // Footage that a recording of the same batch shares also stays.
                let footage = ledger.footage_of(&journal, *id);
                ledger.doomed.extend(before.footage[id].intersection(&footage));
            }
        }
        ledger.check_deleted(dir, &rig.disk);
        for Held { path, node, parts } in &self.held {
            let now = rig.disk.held(*node).unwrap();
            assert!(
                parts.iter().all(|(at, bytes)| now[*at..].starts_with(bytes)),
                "{} was read and written over",
                path.display()
            );
        }
    }

    fn release(&mut self) {
        self.held.clear();
        let paths: Vec<PathBuf> = self.rig().disk.files().into_keys().collect();
        paths.iter().for_each(|path| self.rig().disk.hold(path, false));
    }

    fn hold(&mut self, n: usize) {
        let journal = Journal::open_read(self.rig().dir.path()).unwrap();
        let sealed: Vec<_> = journal
            .segments()
            .unwrap()
            .into_iter()
            .filter(|row| row.state == SegmentState::Sealed)
            .collect();
        if sealed.is_empty() {
            return;
        }
        let row = &sealed[n % sealed.len()];
        let path = paths::segment(self.rig().dir.path(), &row.stream, row.sequence);
        let disk = &self.rig().disk;
        disk.hold(&path, true);
        let node = disk.node_of(&path).unwrap();
        let bytes = disk.held(node).unwrap();
        let whole = 0..row.bytes as usize;
        // A reader that opens a file with deleted media reads the rest: the deleted part may be written over by now.
        let parts = match row.cuts {
            0 => vec![whole],
            _ => {
                let index = SampleIndex::decode(&journal.index(row.id).unwrap().unwrap()).unwrap();
                let fragments = index.fragments.iter();
                fragments
                    .map(|fragment| fragment.offset as usize..fragment.end() as usize)
                    .collect()
            }
        };
        let parts = parts.into_iter();
        let parts = parts.map(|part| (part.start, bytes[part].to_vec())).collect();
        self.held.push(Held { path, node, parts });
    }

    fn arm(&mut self, after: u8, way: Way) {
        self.flush();
        self.spring(true);
        self.armed = Some(way);
        self.trap.lock().unwrap().left = Some(usize::from(after));
    }

    /// Lets the planned crash happen, if its moment came.
    fn spring(&mut self, now: bool) {
        let caught = {
            let mut trap = self.trap.lock().unwrap();
            let caught = trap.caught.take();
            if now || caught.is_some() {
                trap.left = None;
            }
            caught
        };
        if caught.is_none() && !now {
            return;
        }
        let Some(way) = self.armed.take() else { return };
        let snapshot = caught.unwrap_or_else(|| self.snapshot());
        self.come_back(snapshot, way);
    }

    fn snapshot(&mut self) -> Snapshot {
        let ledger = self.ledger().clone();
        let rig = self.rig();
        Snapshot {
            image: rig.disk.image().clone(),
            journal: JournalFiles::read(rig.dir.path()),
            ledger,
        }
    }

    fn restart(&mut self) {
        self.flush();
        self.spring(true);
        let whole = self.rig().writer.close().is_ok();
        let faulty = self.faulty;
        // The segments that the writer sealed at its end are acknowledged by that.
        let before = self.before();
        self.after(before);
        let snapshot = self.snapshot();
        self.come_back(snapshot, Way::Kill);
        let report = &self.rig.as_ref().unwrap().report;
        assert!(
            faulty || !whole || report.is_clean(),
            "after a clean end: {report}"
        );
    }

    fn come_back(&mut self, snapshot: Snapshot, way: Way) {
        let Rig {
            dir, clock, writer, ..
        } = self.rig.take().unwrap();
        drop(writer);
        let mut ledger = snapshot.ledger.clone();
        let disk = rise(dir.path(), &snapshot, way, &clock, &mut ledger, self.setup);
        *self.ledger() = ledger;
        self.rig = Some(Rig::with(dir, disk, clock, |settings| tune(settings, self.setup)));
        self.live.clear();
        self.open.clear();
        self.ending.clear();
        self.batch.clear();
        self.held.clear();
        self.ever_faulty |= self.faulty || matches!(way, Way::Crash { fault: Some(_), .. });
        self.faulty = false;
        self.watch();
    }
}

/// The state before an action.
struct Before {
    protected: BTreeMap<RecordingId, BTreeSet<SegmentId>>,
    footage: BTreeMap<RecordingId, BTreeSet<u32>>,
}

fn tune(settings: &mut StoreSettings, setup: Setup) {
    settings.quota = setup.quota.map(|halves| halves * SEGMENT / 2);
    settings.on_full = setup.on_full;
    settings.keep = setup.keep.map(|seconds| seconds * 1_000_000);
}
