//! The model that the store is compared with: the sent media, and what the store said about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::events::{Events, Loss};
use crate::media::{Fragment, Micros, RecordingId, StreamName};
use crate::store::crash::CrashDisk;
use crate::store::journal::{Blocks, Journal, SegmentData, SegmentState};
use crate::store::tests::rig::{fragments, numbered};
use crate::store::{RecordingState, paths, testing};

/// The bytes at the beginning of every frame, before the fragment's number.
const MARK: [u8; 4] = [0xed, 0x9e, 0x5e, 0x71];

/// The longest GOP, and one fragment of it.
const GOP: Micros = 3_000_000;

/// Everything that was sent to a store.
#[derive(Clone, Default)]
pub(super) struct Ledger {
    pub(super) sent: BTreeMap<StreamName, Vec<Sent>>,
    pub(super) recordings: Vec<Recorded>,
    /// UTC less CLOCK_BOOTTIME: all values that were ever believed in a boot.
    dates: BTreeMap<[u8; 16], BTreeSet<Micros>>,
    /// Fragments that are to be gone for good, by a deletion.
    pub(super) doomed: BTreeSet<u32>,
    /// The first fragment of each chunk that was on the tape after a start.
    chunks: BTreeMap<(StreamName, u64), Vec<u8>>,
    /// The titles that a recording may have: the one that was answered last, and those that may have become true since. The empty
    /// one stands for none.
    pub(super) titles: BTreeMap<RecordingId, BTreeSet<String>>,
    count: u32,
}

/// A fragment.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) number: u32,
    /// Tape time.
    pub(super) start: Micros,
    pub(super) end: Micros,
    /// CLOCK_BOOTTIME less tape time.
    pub(super) boot_shift: Micros,
    pub(super) boot: [u8; 16],
    pub(super) media: Arc<[u8]>,
    pub(super) fate: Fate,
    /// The segment that it went to.
    pub(super) segment: Option<u64>,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            number, start, end, ..
        } = self;
        write!(
            f,
            "fragment {number} at {start}..{end}, segment {:?}",
            self.segment
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The store promised nothing about the fragment.
    Pending,
    /// The store called the fragment durable.
    Acked,
    /// The store called the fragment lost.
    Lost,
    /// The fragment was durable, and was given up.
    Gone,
}

/// A recording that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) id: RecordingId,
    pub(super) stream: StreamName,
    pub(super) start: Micros,
    pub(super) end: Option<Micros>,
}

impl Ledger {
    /// Enters the `n`th second of a publish and makes its media, which no other fragment has.
    pub(super) fn send(
        &mut self,
        stream: &StreamName,
        n: i64,
        size: u8,
        zero: Micros,
        (boot, boot_shift): ([u8; 16], Micros),
    ) -> Fragment {
        self.count += 1;
        let mut fragment = testing::fragment(n, n % 2 == 0);
        let frames = fragment.video.iter_mut().chain(&mut fragment.audio);
        for (frame, at) in frames.zip(0u32..) {
            let unit = [&MARK[..], &self.count.to_be_bytes(), &at.to_be_bytes()].concat();
            let len = frame.payload.len() * (usize::from(size) + 1);
            frame.payload = Bytes::from(unit.repeat(len / unit.len() + 1));
        }
        let sent = Sent {
            number: self.count,
            start: zero + n * 1_000_000,
            end: zero + (n + 1) * 1_000_000,
            boot_shift,
            boot,
            media: testing::media(&fragment).into(),
            fate: Fate::Pending,
            segment: None,
        };
        self.sent.entry(stream.clone()).or_default().push(sent);
        fragment
    }

    /// Notes an offset that may date the recordings of this boot in events.
    pub(super) fn date(&mut self, boot: [u8; 16], utc_offset: Micros) {
        self.dates.entry(boot).or_default().insert(utc_offset);
    }

    pub(super) fn recording(&mut self, id: RecordingId) -> Option<&mut Recorded> {
        self.recordings.iter_mut().find(|recording| recording.id == id)
    }

    /// The fragments that must vanish when a recording is deleted: those on the tape that no other recording needs, but for a
    /// GOP at either end.
    pub(super) fn footage_of(&self, journal: &Journal, id: RecordingId) -> BTreeSet<u32> {
        let Some(recording) = self.recordings.iter().find(|other| other.id == id) else {
            return BTreeSet::new();
        };
        let rows = journal.recordings().unwrap();
        let live = |id: RecordingId| {
            let row = rows.iter().find(|row| row.id == id);
            row.filter(|row| row.state != RecordingState::Expired || row.protected)
        };
        let others = self
            .recordings
            .iter()
            .filter(|other| other.stream == recording.stream);
        let others: Vec<(&Recorded, bool)> = others
            .filter(|other| other.id != id)
            .filter_map(|other| Some((other, live(other.id)?.exact)))
            .collect();
        let sent = self.sent.get(&recording.stream).map_or(&[][..], Vec::as_slice);
        let there = sent
            .iter()
            .filter(|sent| matches!(sent.fate, Fate::Acked | Fate::Pending));
        // Media that was given up before is not counted: its blocks may be another segment's.
        let segments = journal.segments().unwrap().into_iter();
        let tape: BTreeMap<u64, SegmentData> = segments
            .filter(|row| row.stream == recording.stream)
            .map(|row| (row.sequence, row))
            .collect();
        // The row of an open segment does not say how far it goes.
        let extent = |segment: Option<u64>| {
            let row = segment.and_then(|segment| tape.get(&segment));
            let sealed = row.filter(|row| row.state == SegmentState::Sealed);
            let of = sent
                .iter()
                .filter(|other| other.segment == segment && other.fate != Fate::Lost);
            let ends = of.map(|other| (other.start, other.end));
            let sealed = sealed.map(|row| (row.start, row.end));
            sealed.or_else(|| ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))))
        };
        there
            .filter(|sent| recording.contains(sent) && sent.segment.is_some_and(|at| tape.contains_key(&at)))
            .filter(|sent| {
                let Some((start, end)) = extent(sent.segment) else {
                    return false;
                };
                // A recording that was found again needs the whole segment. Any other also needs the media that it is decoded
                // with.
                others.iter().all(|(other, exact)| {
                    let (start, end) = match exact {
                        true => (sent.start - GOP, sent.end + GOP),
                        false => (start, end),
                    };
                    end <= other.start || other.end.is_some_and(|last| last <= start)
                })
            })
            .map(|sent| sent.number)
            .collect()
    }

    /// Compares a recovered tape with the sent media. Media that is there counts as acknowledged from now on.
    /// Checks that every recording has a title that it may have. From here on it has that one.
    pub(super) fn check_titles(&mut self, dir: &Path) {
        let journal = Journal::open_read(dir).unwrap();
        for (id, may) in &mut self.titles {
            let Some((facts, _)) = journal.facts(*id).unwrap() else {
                continue;
            };
            let title = facts.title.map(String::from).unwrap_or_default();
            assert!(
                may.contains(&title),
                "{id} is called '{title}' and should be one of {may:?}"
            );
            *may = BTreeSet::from([title]);
        }
    }

    pub(super) fn compare(&mut self, dir: &Path, disk: &CrashDisk) {
        for (chunk, media) in numbered(dir, disk) {
            let known = self.chunks.entry(chunk.clone()).or_insert_with(|| media.clone());
            assert!(*known == media, "{chunk:?} has other media than before");
        }
        let journal = Journal::open_read(dir).unwrap();
        let events = Events::read(&journal);
        let rows = journal.recordings().unwrap();
        let losses = events.losses();
        for recording in &mut self.recordings {
            let row = rows.iter().find(|row| row.id == recording.id);
            let told = events.closed(recording.id);
            let lossy = losses.iter().any(|loss| loss.names(recording.id));
            match row {
                Some(row) => {
                    let bytes: u64 = journal
                        .segments_of(row)
                        .unwrap()
                        .iter()
                        .map(|segment| segment.bytes)
                        .sum();
                    let whole = row.state == RecordingState::Closed && !lossy;
                    assert!(
                        !whole || bytes >= told.unwrap(),
                        "{} was told to have {told:?} bytes and has {bytes}",
                        row.id
                    );
                    recording.start = row.start;
                    recording.end = Some(row.end);
                }
                None if events.started(recording.id) => assert!(
                    events.expired(recording.id) || told == Some(0),
                    "{} is gone and nobody was told",
                    recording.id
                ),
                None => {}
            }
            let last = self.sent.get(&recording.stream).and_then(|sent| sent.last());
            let last = last.map_or(recording.start, |sent| sent.end);
            recording.end.get_or_insert(last.max(recording.start));
            if events.expired(recording.id) {
                assert!(
                    row.is_none_or(|row| row.state == RecordingState::Expired),
                    "{} is there and was told to be gone",
                    recording.id
                );
            }
        }
        let mut sent = std::mem::take(&mut self.sent);
        for (stream, sent) in &mut sent {
            let mut next = 0;
            let mut there = BTreeSet::new();
            for media in fragments(dir, disk, stream) {
                let at = sent.iter().position(|sent| *sent.media == media);
                let at = at.unwrap_or_else(|| panic!("{stream}: media on the tape that was never sent"));
                assert!(at >= next, "{stream}: fragment {at} comes after {next}");
                next = at + 1;
                there.insert(at);
            }
            // Media that an encoder sent ahead of real time has the same dates as the media of the next publish.
            let gone: Vec<(Micros, Vec<(Micros, Micros)>)> = sent
                .iter()
                .enumerate()
                .filter(|(at, _)| !there.contains(at))
                .map(|(_, sent)| (sent.boot_shift, self.dates_of(sent)))
                .collect();
            for (at, sent) in sent.iter_mut().enumerate() {
                let before = sent.fate;
                sent.fate = match (before, there.contains(&at)) {
                    (Fate::Gone, true) => panic!("{stream}: {} was given up and is back", sent.number),
                    (Fate::Gone | Fate::Acked, false) => Fate::Gone,
                    (Fate::Pending | Fate::Lost, false) => Fate::Lost,
                    (_, true) => Fate::Acked,
                };
                let of = self
                    .recordings
                    .iter()
                    .filter(|recording| recording.stream == *stream && recording.contains(sent));
                let of: Vec<&Recorded> = of.filter(|recording| events.started(recording.id)).collect();
                let dates = self.dates_of(sent);
                for recording in &of {
                    let told = losses
                        .iter()
                        .any(|loss| loss.names(recording.id) && loss.covers(stream, &dates));
                    let over = rows.iter().find(|row| row.id == recording.id).is_some_and(|row| {
                        matches!(row.state, RecordingState::Delivered | RecordingState::Expired)
                    });
                    if before == Fate::Acked && sent.fate == Fate::Gone {
                        assert!(
                            told || over || events.expired(recording.id),
                            "{stream}: {sent:?} was acknowledged and is gone, and {recording:?} was not told: {losses:#?}",
                        );
                    }
                    let of_another = |loss: &&Loss| {
                        gone.iter()
                            .any(|(shift, dates)| *shift != sent.boot_shift && loss.covers(stream, dates))
                    };
                    let wrong = losses
                        .iter()
                        .filter(|loss| loss.names(recording.id) && loss.covers(stream, &dates))
                        .find(|loss| !of_another(loss));
                    assert!(
                        wrong.is_none() || dates.len() > 1 || sent.fate != Fate::Acked,
                        "{stream}: {} was told to be gone and is there: {wrong:?}",
                        sent.number
                    );
                }
            }
        }
        self.sent = sent;
    }

    /// The times of a fragment, in UTC as events may have given them.
    fn dates_of(&self, sent: &Sent) -> Vec<(Micros, Micros)> {
        let offsets = self.dates.get(&sent.boot).into_iter().flatten();
        let date = |tape: Micros, offset: &Micros| tape + sent.boot_shift + offset;
        offsets
            .map(|offset| (date(sent.start, offset), date(sent.end, offset)))
            .collect()
    }

    /// Checks that deleted media is nowhere, once its deletion was carried out.
    pub(super) fn check_deleted(&self, dir: &Path, disk: &CrashDisk) {
        if self.doomed.is_empty() {
            return;
        }
        let journal = Journal::open_read(dir).unwrap();
        let files = disk.files();
        let path = |blocks: &Blocks| paths::segment(dir, &blocks.stream, blocks.sequence);
        if journal
            .given_up(true)
            .unwrap()
            .iter()
            .any(|blocks| files.contains_key(&path(blocks)))
            || !journal.blanks().unwrap().is_empty()
        {
            return;
        }
        for (path, bytes) in files {
            let left: Vec<u32> = marks(&bytes).intersection(&self.doomed).copied().collect();
            assert!(
                left.is_empty(),
                "{left:?} were deleted and are in {}",
                path.display()
            );
        }
    }
}

impl Recorded {
    fn contains(&self, sent: &Sent) -> bool {
        self.start <= sent.start && self.end.is_none_or(|end| sent.end <= end)
    }
}

/// The numbers of the fragments of which any frame is in `bytes`.
fn marks(bytes: &[u8]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == MARK[0]) {
        at += next + 1;
        if bytes[at - 1..].starts_with(&MARK)
            && let Some(number) = bytes[at + 3..].first_chunk::<4>()
        {
            found.insert(u32::from_be_bytes(*number));
        }
    }
    found
}
