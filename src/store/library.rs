//! The read side for this process and others: recordings, and the tape behind them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, RealDisk, may_read};
use super::journal::{FILE, Journal, RecordingData, SegmentData, SegmentState};
use super::query::{Order, Query};
use super::reader::Reader;
use super::segment::fragment_end;
use super::source::{LibrarySource, SourceFile};
use super::tally::Extent;
use super::thin::LOOK_BACK;
use super::verify::{self, Checked, Finding, Step};
use super::{Asked, RecordingSpec, Rendition, Space, StoreError, TapeSpan, Wear, paths};
use crate::config::{StreamSet, Streams};
use crate::event::{Lack, Short};
use crate::fingerprint::Chosen;
use crate::format::fmp4;
use crate::format::index::SampleIndex;
use crate::format::{FileError, Gaps, JoinSource as _, Kept, SourceError, TapeSource, View, ViewSegment};
use crate::media::{Micros, RecordingId, SegmentId, StreamName, TrackKind};
use crate::model::{Category, Facts, Form, Media, Review};

/// What is recorded so long behind a moment goes on over it, in microseconds. Sound may be longer than the pictures beside it, by less.
const GOES_ON: Micros = 180_000_000;
/// Recordings of one stream at one moment, at most as many as are looked at.
const FEW: usize = 32;
/// A publish whose first segment begins within this time was recorded from its beginning on.
const FIRST_OF_PUBLISH: Micros = 3_000_000;

/// The recordings of one storage directory, read-only.
///
/// Works while the service runs, while it is down, and after a power cut that no start has repaired yet: durable media can be
/// read, and a torn end is left out.
pub struct Library {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    journal: Arc<Mutex<Journal>>,
}

/// The filter of a list of recordings. `Default` lists all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only recordings of these streams.
    pub stream: Option<Streams>,
    /// Only recordings that end after this UTC time.
    pub from: Option<Micros>,
    /// Only recordings that start before this UTC time.
    pub to: Option<Micros>,
}

/// One recording, as `ls` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingRow {
    /// Its id.
    pub id: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// Its state.
    pub state: RecordingState,
    /// It is protected: never given up for space.
    pub protected: bool,
    /// A channel shows it: it is not given up for space either.
    pub shown: bool,
    /// Its publisher is gone, and may come back.
    pub paused: bool,
    /// It is open and its end is known: the rest of it is on its way to the tape.
    pub ending: bool,
    /// The origin and the purpose of the recording.
    pub spec: RecordingSpec,
    /// What people set of the recording.
    pub facts: Facts,
    /// What a review says of it, if there was one.
    pub review: Option<Review>,
    /// Its tape. In lists, that of a composition is left out.
    pub tape: Vec<TapeSpan>,
    /// UTC of its first sample.
    pub start: Micros,
    /// Its beginning is not on the tape: it was given up for space, or never written.
    pub begins_later: bool,
    /// How much of its beginning is not on the tape any more.
    pub lost: Micros,
    /// UTC of the end of its last sample; so far, while it is open.
    pub end: Micros,
    /// Length of its media, gaps not counted.
    pub duration: Micros,
    /// Bytes of its tape.
    pub bytes: u64,
    /// Its segments.
    pub segments: usize,
    /// The tracks of its last segment.
    pub tracks: Vec<TrackRow>,
    /// The parts without tape between its start and end.
    pub gaps: Vec<Gap>,
    /// How much shorter the recording is than asked for, and why.
    pub short: Option<Short>,
    /// The renditions that are delivered or are to be.
    pub renditions: Vec<Rendition>,
    /// It is put together of ranges of tape, which may be of several streams and in any order.
    pub composed: bool,
    /// How its ranges are played.
    pub form: Form,
    /// The other streams that it has tape of.
    pub also: Vec<StreamName>,
    /// What represents it, if it has a fingerprint.
    pub chosen: Option<Chosen>,
}

impl RecordingRow {
    /// The tape that it has, or that a view of a part of it has.
    pub fn ranges_of<S: TapeSource>(
        &self,
        view: &View<S>,
        is_part: bool,
    ) -> Result<Vec<TapeSpan>, SourceError> {
        let mut ranges = self.tape.clone();
        // The parts of a recording of several ranges are not told apart.
        if let ([range], true) = (ranges.as_mut_slice(), is_part)
            && let Some((from, to)) = view.bounds()?
        {
            (range.from, range.to) = (from, to);
        }
        Ok(ranges)
    }

    /// True where a review holds it back.
    pub fn is_held_back(&self) -> bool {
        self.review
            .as_ref()
            .is_some_and(|review| review.status.holds_back())
    }
}

/// The state of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingState {
    /// The recording grows with its stream.
    Open,
    /// The recording is complete.
    Closed,
    /// All its files that were to be delivered are delivered.
    Delivered,
    /// Its `keep` is over; its tape is being removed.
    Expired,
}

impl RecordingRow {
    /// All streams that it has tape of: its own first.
    pub fn streams(&self) -> impl Iterator<Item = &StreamName> {
        std::iter::once(&self.stream).chain(&self.also)
    }
}

impl RecordingState {
    /// The word in `ls --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingState::Open => "open",
            RecordingState::Closed => "closed",
            RecordingState::Delivered => "delivered",
            RecordingState::Expired => "expired",
        }
    }
}

/// A track, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRow {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// The name that ffprobe gives the codec.
    pub codec: &'static str,
    /// Pixels, for video.
    pub width: Option<u16>,
    /// Pixels, for video.
    pub height: Option<u16>,
    /// Hertz, for audio.
    pub sample_rate: Option<u32>,
    /// Number of channels, for audio.
    pub channels: Option<u8>,
}

/// A gap in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// UTC where the tape stops.
    pub from: Micros,
    /// UTC where it goes on.
    pub to: Micros,
    /// True where it goes on in the same publish. Files go on through such a gap, with silence and the last picture.
    pub within: bool,
}

/// The state of a recording's deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The recording is not to be deleted, or its deletion is no longer remembered.
    None,
    /// The recording is deleted when its end is written: it is ending, or the segment of its end is open.
    Waits,
    /// The recording is deleted.
    Done {
        /// The duration of its footage that stays, because other recordings need it.
        left: Micros,
    },
}

/// The bounds of a clip of the tape, as far as there is tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipBounds {
    /// Tape time of its first sample: of a keyframe, or of the first sample there is where there is no keyframe.
    pub start: Micros,
    /// Tape time at which it ends.
    pub end: Micros,
    /// The range that was asked for, as tape time.
    pub asked: Asked,
}

impl Library {
    /// Opens a storage directory for reading.
    pub fn open(dir: &Path) -> Result<Library, StoreError> {
        Self::with_disk(dir, Arc::new(RealDisk))
    }

    /// Opens a storage directory, as [`open`](Self::open) does, with the segments on another disk.
    pub(super) fn with_disk(dir: &Path, disk: Arc<dyn Disk>) -> Result<Library, StoreError> {
        // A directory that this user may not read must not look like one without a tape.
        may_read(&dir.join(FILE))?;
        Ok(Library {
            dir: dir.to_owned(),
            disk,
            journal: Arc::new(Mutex::new(Journal::open_read(dir)?)),
        })
    }

    /// The space of the file system that the tape is on.
    pub fn space(&self) -> Result<Space, StoreError> {
        let failed = StoreError::disk("read the space of", &self.dir);
        self.disk.space(&self.dir).map_err(failed)
    }

    /// What the storage device says of its wear; `None` where it says nothing.
    pub fn wear(&self) -> Option<Wear> {
        Wear::of(&self.dir)
    }

    /// True while the path leads to the journal that was opened.
    pub(super) fn is_in_place(&self) -> bool {
        self.journal().is_in_place()
    }

    /// True while no view reads from this library.
    pub(super) fn is_its_own(&self) -> bool {
        Arc::strong_count(&self.journal) == 1
    }

    /// Recordings, oldest first. For a list that may be long, [`pages`](Self::pages) takes less memory.
    pub fn recordings(&self, filter: &Filter) -> Result<Vec<RecordingRow>, StoreError> {
        let mut rows = Vec::new();
        self.pages(filter, |page| {
            rows.extend(page);
            true
        })?;
        Ok(rows)
    }

    /// True when a recording of a stream that began before a moment (UTC) is open, or goes on for minutes behind it. Of the tape,
    /// nothing is read: the same for a recording of a month as for one of a minute.
    pub fn goes_on(&self, stream: &StreamName, at: Micros) -> Result<bool, StoreError> {
        let behind = at.saturating_add(GOES_ON);
        let query = Query {
            stream: Some(stream.clone().into()),
            from: Some(behind),
            to: Some(behind.saturating_add(1)),
            ..Query::new(FEW)
        };
        let found = self.journal().candidates(&query)?;
        Ok(found
            .iter()
            .any(|recording| !recording.composed && recording.utc_start < at))
    }

    /// The recording with this id, with the only id that begins with the text, or the newest one for `last`.
    pub fn find(&self, text: &str) -> Result<RecordingRow, StoreError> {
        self.find_within(text, &StreamSet::All)
    }

    /// The same for a reader who may see only these streams. For such a reader there are no other recordings.
    pub fn find_within(&self, text: &str, within: &StreamSet) -> Result<RecordingRow, StoreError> {
        let none = || StoreError::NoRecording {
            text: text.to_owned(),
        };
        let lower = text.to_lowercase();
        let range = match lower.as_str() {
            "last" => None,
            lower => Some(RecordingId::range(lower).ok_or_else(none)?),
        };
        let rows = self.rows(Order::default(), |journal| {
            let Some(range) = range else {
                return Ok(journal.newest_recording(within)?.into_iter().collect());
            };
            let found = journal.recordings_between(range, within, 2)?;
            match found.len() {
                0 | 1 => Ok(found),
                _ => Err(StoreError::Ambiguous {
                    text: text.to_owned(),
                    count: journal.count_between(range, within)?,
                }),
            }
        })?;
        rows.into_iter().next().map(|(_, row)| row).ok_or_else(none)
    }

    /// The recording with this id.
    pub fn recording(&self, recording: RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let rows = self.rows(Order::default(), |journal| {
            Ok(journal.recording(recording)?.into_iter().collect())
        })?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// Up to so many other recordings that have tape of a recording, with their reviews.
    pub fn sharing_tape(
        &self,
        recording: RecordingId,
        most: usize,
    ) -> Result<Vec<(RecordingId, Option<Review>)>, StoreError> {
        self.journal().sharing_tape(recording, most)
    }

    /// Up to so many recordings that are over, and of which a service is to say whether viewers may have them, the oldest first. Each
    /// has its place in the list; those behind the place `after` are given.
    pub fn to_ask(&self, after: i64, most: usize) -> Result<Vec<(i64, RecordingId)>, StoreError> {
        self.journal().to_ask(after, most)
    }

    /// How many recordings that list has, counted up to `most`.
    pub fn waiting_to_ask(&self, most: usize) -> Result<usize, StoreError> {
        self.journal().waiting_to_ask(most)
    }

    /// All categories, by id.
    pub fn categories(&self) -> Result<Vec<Category>, StoreError> {
        self.journal().categories()
    }

    /// The state of a recording's deletion.
    pub fn deletion(&self, recording: RecordingId) -> Result<Deletion, StoreError> {
        Ok(match self.journal().deletion(recording)? {
            None => Deletion::None,
            Some(None) => Deletion::Waits,
            Some(Some(left)) => Deletion::Done { left },
        })
    }

    /// A recording's tape, to make virtual files of. The view of an open recording has its present tape.
    pub fn view(&self, recording: RecordingId) -> Result<View<LibrarySource>, StoreError> {
        self.view_with(recording, true)
    }

    /// The same for a caller that asks again and again while the recording grows. Of the open segment, only the part that may
    /// be torn is read to check that it is whole.
    pub fn growing_view(&self, recording: RecordingId) -> Result<View<LibrarySource>, StoreError> {
        self.view_with(recording, false)
    }

    fn view_with(&self, recording: RecordingId, checked: bool) -> Result<View<LibrarySource>, StoreError> {
        let journal = self.journal();
        let (form, ranges) = journal.snapshot(|| match journal.recording(recording)? {
            Some(row) => {
                let ranges = journal.ranges(&row)?.into_iter();
                let with_tape = ranges.map(|range| journal.segments_of(&range).map(|rows| (range, rows)));
                Ok((row.form, with_tape.collect::<Result<Vec<_>, StoreError>>()?))
            }
            None => Err(StoreError::NoRecording {
                text: recording.to_string(),
            }),
        })?;
        drop(journal);
        let view = self.joined(ranges, checked, form)?;
        let made = match form {
            Form::Joined | Form::InStep => Ok(view),
            Form::Lapse(lapse) => view.lapse(lapse),
        };
        made.map_err(|error| match error {
            FileError::Source(error) => StoreError::Source(error),
            FileError::Unsupported { .. } => StoreError::Unplayable {
                recording,
                reason: error.to_string(),
            },
        })
    }

    /// The view of ranges, one after the other or in step.
    fn joined(
        &self,
        ranges: Vec<(RecordingData, Vec<SegmentData>)>,
        checked: bool,
        form: Form,
    ) -> Result<View<LibrarySource>, StoreError> {
        let views = ranges.into_iter().map(|(range, rows)| {
            let name: Arc<str> = range.stream.as_str().into();
            let view = self.view_of_range(range, rows, checked)?;
            Ok(match form {
                Form::InStep => view.in_step(&name),
                Form::Joined | Form::Lapse(_) => view,
            })
        });
        let mut views = views.collect::<Result<Vec<_>, StoreError>>()?.into_iter();
        let first = views.next().unwrap_or_else(|| self.view_of(Vec::new(), checked));
        let others: Vec<_> = views.collect();
        Ok(if others.is_empty() {
            first
        } else {
            first.join(others)
        })
    }

    pub(super) fn view_of_range(
        &self,
        row: RecordingData,
        rows: Vec<SegmentData>,
        checked: bool,
    ) -> Result<View<LibrarySource>, StoreError> {
        let end = row.limit().unwrap_or(Micros::MAX);
        let begins = rows.iter().map(|segment| segment.start).min();
        let ends = rows.iter().map(|segment| match segment.state {
            SegmentState::Open => Micros::MAX,
            _ => segment.end,
        });
        let within = begins >= Some(row.start) && ends.max() <= Some(end);
        let mut view = self.view_of(rows, checked);
        if row.exact && !within {
            view = view.cut(row.start, end)?;
        }
        if let Some(from) = row.spec.shown_from() {
            view = view.shown_from(from).passing(row.start, from);
        }
        if row.spec.output.media != Media::Audio {
            view = self.decodable(view, &row, checked)?;
        }
        view = view.gaps(row.spec.output.gaps);
        if let Some(to) = row.spec.shown_to() {
            view = view.shown_to(to);
        }
        Ok(match row.spec.output.media {
            Media::Both => view,
            Media::Video => view.only(TrackKind::Video),
            Media::Audio => view.only(TrackKind::Audio),
        })
    }

    /// The view, with [what it misses](View::missing) added from the tape before it.
    fn decodable(
        &self,
        view: View<LibrarySource>,
        recording: &RecordingData,
        checked: bool,
    ) -> Result<View<LibrarySource>, StoreError> {
        let Some(missing) = view.missing_of(recording.spec.gradual)? else {
            return Ok(view);
        };
        let since = missing.start_utc.saturating_sub(LOOK_BACK);
        let rows = self
            .journal()
            .segments_between(&recording.stream, since, missing.start_utc)?;
        Ok(match self.view_of(rows, checked).before(&missing)? {
            Some(lead) => {
                let source = lead.source.join(vec![view.source]);
                let segments = view.segments;
                View { segments, source }.behind(lead.segments, &missing)
            }
            None => view,
        })
    }

    /// The tape of a stream between two moments (UTC), with or without recordings: whole segments.
    pub fn tape(
        &self,
        stream: &StreamName,
        from: Micros,
        to: Micros,
    ) -> Result<View<LibrarySource>, StoreError> {
        let rows = self.journal().segments_between(stream, from, to)?;
        Ok(self.view_of(rows, true))
    }

    /// The bounds of a clip of the tape between two moments (UTC). It begins at the last keyframe at or before the first
    /// moment, and ends at the second, as far as there is tape. `None` if there is no tape.
    pub fn clip_bounds(
        &self,
        stream: &StreamName,
        from: Micros,
        to: Micros,
    ) -> Result<Option<ClipBounds>, StoreError> {
        let tape = self.tape(stream, from, to)?;
        let place = |segment: &ViewSegment, utc: Micros| {
            let since = utc.saturating_sub(segment.publish_zero_utc);
            segment.publish_zero.saturating_add(since)
        };
        let (Some(first), Some(last)) = (tape.segments.first(), tape.segments.last()) else {
            return Ok(None);
        };
        let Some((begins, ends)) = tape.bounds()? else {
            return Ok(None);
        };
        let asked = Asked {
            from: place(first, from),
            late: self.why_late(first)?,
            to: (to < Micros::MAX).then(|| place(last, to)),
            early: Lack::Publish,
        };
        let mut entry = tape.entry_before(asked.from)?;
        if entry.is_none() && asked.from > begins {
            // The keyframe for decoding the beginning is in an earlier segment.
            let earlier = self.tape(stream, from.saturating_sub(LOOK_BACK), to)?;
            entry = earlier.entry_before(asked.from)?;
        }
        let start = entry.unwrap_or(begins);
        let end = asked.to.map_or(ends, |to| to.min(ends));
        Ok((start < end && asked.from < end).then_some(ClipBounds { start, end, asked }))
    }

    /// The reason why there is no tape right before a segment, in case there is none.
    fn why_late(&self, first: &ViewSegment) -> Result<Lack, StoreError> {
        let journal = self.journal();
        let Some(first) = journal.segment(first.id)? else {
            return Ok(Lack::Tape);
        };
        let before = journal.segment_before(&first)?;
        let begins_publish = first.start.saturating_sub(first.tape_zero) < FIRST_OF_PUBLISH;
        Ok(match before {
            Some(before) if before.sequence.saturating_add(1) < first.sequence => Lack::Tape,
            Some(before) if before.tape_zero == first.tape_zero => Lack::Gap,
            None if first.sequence > 1 && !begins_publish => Lack::Tape,
            // The stream was published, and nobody recorded it.
            Some(_) | None if !begins_publish => Lack::Ring,
            Some(_) | None => Lack::Publish,
        })
    }

    pub(super) fn view_of(&self, rows: Vec<SegmentData>, checked: bool) -> View<LibrarySource> {
        let mut segments = Vec::with_capacity(rows.len());
        let mut files = HashMap::with_capacity(rows.len());
        for row in rows {
            let path = paths::segment(&self.dir, &row.stream, row.sequence);
            let end = (row.state != SegmentState::Open).then_some(row.end);
            let file = match row.state {
                SegmentState::Open => match self.read_open(&row, checked) {
                    Some(index) => SourceFile {
                        path,
                        bytes: index.end(),
                        index: Some(Arc::new(index)),
                        cuts: row.cuts,
                    },
                    None => continue,
                },
                SegmentState::Spare | SegmentState::Wipe => continue,
                SegmentState::Sealed | SegmentState::Missing => SourceFile {
                    path,
                    bytes: row.bytes,
                    index: None,
                    cuts: row.cuts,
                },
            };
            files.insert(row.id, file);
            segments.push(ViewSegment {
                id: row.id,
                tracks: row.tracks,
                base: row.base,
                publish_zero: row.tape_zero,
                publish_zero_utc: row.utc_zero,
                end,
                kept: Kept::default(),
                range: 0,
                gaps: Gaps::Close,
                silence: None,
                filled: None,
                in_step: None,
            });
        }
        let source = LibrarySource::new(self.disk.clone(), self.journal.clone(), files);
        View {
            segments: segments.into(),
            source,
        }
    }

    pub(super) fn source_of_open(
        &self,
        segment: SegmentId,
        path: PathBuf,
        index: Arc<SampleIndex>,
    ) -> LibrarySource {
        let file = SourceFile {
            path,
            bytes: index.end(),
            index: Some(index),
            cuts: 0,
        };
        LibrarySource::new(
            self.disk.clone(),
            self.journal.clone(),
            HashMap::from([(segment, file)]),
        )
    }

    /// Reads every byte of every segment and compares: rows with files, checksums with media. `progress` gets the bytes that
    /// are done and the bytes in all.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        self.check(&mut |step| match step {
            Step::Progress { done, total } => progress(done, total),
            Step::Found(finding) => findings.push(finding.clone()),
            Step::Done(_) => {}
        })?;
        Ok(findings)
    }

    /// Checks the store and reports each finding at once. While the service runs, segments that it is writing are not judged.
    pub fn check(&self, watch: &mut dyn FnMut(Step<'_>)) -> Result<Checked, StoreError> {
        // The check takes hours, so it has a connection of its own: readers need theirs.
        let journal = Journal::open_read(&self.dir)?;
        verify::check_store(&self.dir, self.disk.as_ref(), &journal, watch)
    }

    /// The durable tape of a segment that is being written. Its publish is not known here.
    pub(super) fn open_extent(&self, segment: &SegmentData) -> Option<Extent> {
        let index = self.read_open(segment, false)?;
        let ends = index
            .fragments
            .iter()
            .map(|fragment| fragment_end(fragment, segment.base, &segment.tracks, segment.tape_zero));
        Some(Extent {
            segment: 0,
            publish: 0,
            start: segment.start,
            end: ends.max()?,
            bytes: index.end(),
        })
    }

    /// The index of a segment that is being written, or that nobody sealed after a power cut. It ends where recovery would end
    /// it. With `checked`, all of its media is read, not only the part that may be torn. The length of the file does not count:
    /// its blocks may be those of an older segment.
    fn read_open(&self, segment: &SegmentData, checked: bool) -> Option<SampleIndex> {
        let path = paths::segment(&self.dir, &segment.stream, segment.sequence);
        let file = self.disk.open_read(&path).ok()?;
        let len = file.size().ok()?;
        let reader = Reader(file.as_ref());
        let scanned = if checked {
            fmp4::scan(&reader, len)
        } else {
            fmp4::scan_open(&reader, len).map(|(scanned, _)| scanned)
        };
        let scanned = scanned
            .ok()
            .filter(|scanned| scanned.identity.segment == segment.id)?;
        let index = scanned.index;
        (!index.fragments.is_empty()).then_some(index)
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
