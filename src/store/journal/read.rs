//! Reading the journal.

use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::fingerprints::chosen_of;
use super::review::review_of;
use super::sql::{WHOLE, prepare};
use super::window::Window;
use super::{Journal, facts, owner, tracks};
use crate::fingerprint::Chosen;
use crate::format::TrackBase;
use crate::media::{
    ChunkNumbers, ChunkStart, Micros, PublishId, RecordingId, SegmentId, StreamName, TargetDuration, Tracks,
};
use crate::model::{Facts, Form, Review};
use crate::store::tally::{Bounds, SHARED, Tally};
use crate::store::{OpenRecording, RecordingSpec, RecordingState, StoreError};

/// The life of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum SegmentState {
    /// The segment is being written, or was when the power went.
    Open,
    Sealed,
    /// The segment was sealed, and its file is gone.
    Missing,
    /// The segment's media was given up; its blocks wait for another segment.
    Spare,
    /// The segment's media is to be removed for good.
    Wipe,
}

/// A segment's row, with the times of its publish and boot.
#[derive(Clone, Debug)]
pub(in crate::store) struct SegmentData {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) stream: StreamName,
    pub(in crate::store) sequence: u64,
    pub(in crate::store) state: SegmentState,
    pub(in crate::store) base: TrackBase,
    pub(in crate::store) start: Micros,
    pub(in crate::store) end: Micros,
    pub(in crate::store) bytes: u64,
    pub(in crate::store) crc: Option<u32>,
    pub(in crate::store) tracks: Tracks,
    /// Tape time of the publish's media time zero.
    pub(in crate::store) tape_zero: Micros,
    /// UTC of the same moment.
    pub(in crate::store) utc_zero: Micros,
    /// How often footage within it was deleted on request.
    pub(in crate::store) cuts: i64,
    /// The numbers of its chunks; `None` in a segment of a release that did not number them.
    pub(in crate::store) numbers: Option<ChunkNumbers>,
    /// How many chunks it has, once it is sealed.
    pub(in crate::store) chunks: Option<u64>,
}

/// The values with which the next segment of a stream begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct NextSegment {
    pub(in crate::store) sequence: u64,
    /// Bytes of tape in the largest of its last segments.
    pub(in crate::store) bytes: Option<u64>,
    pub(in crate::store) numbered: Numbered,
}

/// How far the chunks of a stream are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Numbered {
    /// The number of the next chunk.
    pub(in crate::store) next: u64,
    /// How many discontinuities there were.
    pub(in crate::store) discontinuity: u64,
    /// How many numbers no chunk of the tape has.
    pub(in crate::store) skipped: u64,
}

impl Numbered {
    /// The numbers of a segment that begins with the chunk `start`. `breaks` is true when it begins with a discontinuity; the
    /// first chunk of a stream never does.
    pub(in crate::store) fn number(&mut self, start: ChunkStart, breaks: bool) -> ChunkNumbers {
        let breaks = breaks && self.next > 0;
        let chunk = start.number.max(self.next);
        self.skipped = self.skipped.saturating_add(chunk - self.next);
        let discontinuity = self.discontinuity.saturating_add(u64::from(breaks));
        self.discontinuity = discontinuity.max(start.discontinuity);
        self.next = chunk;
        ChunkNumbers {
            chunk,
            discontinuity: self.discontinuity,
            breaks,
            skipped: self.skipped,
            target: start.target,
        }
    }
}

/// A recording's row.
#[derive(Clone, Debug)]
pub(in crate::store) struct RecordingData {
    pub(in crate::store) key: i64,
    pub(in crate::store) id: RecordingId,
    pub(in crate::store) stream: StreamName,
    pub(in crate::store) state: RecordingState,
    pub(in crate::store) protected: bool,
    /// A channel shows it.
    pub(in crate::store) shown: bool,
    /// The publish is over, and another may go on with the recording.
    pub(in crate::store) paused: bool,
    /// Tape time at which an open recording will end, if that is known.
    pub(in crate::store) ends: Option<Micros>,
    /// The recording is the tape from start to end, wherever segments begin.
    pub(in crate::store) exact: bool,
    pub(in crate::store) spec: RecordingSpec,
    /// What people set of it, but for the notes.
    pub(in crate::store) facts: Facts,
    pub(in crate::store) start: Micros,
    pub(in crate::store) end: Micros,
    /// UTC of its start.
    pub(in crate::store) utc_start: Micros,
    /// Its sealed tape; `None` where the row does not have it.
    pub(in crate::store) tally: Option<Tally>,
    /// Its length, gaps not counted, and its bytes; `None` while it grows.
    pub(in crate::store) length: Option<Micros>,
    pub(in crate::store) bytes: Option<i64>,
    /// It is put together of ranges, which have the tape.
    pub(in crate::store) composed: bool,
    /// How its ranges are played.
    pub(in crate::store) form: Form,
    /// What a review says of it.
    pub(in crate::store) review: Option<Review>,
    /// What represents it, and how much of its beginning was lost when that was chosen.
    pub(in crate::store) chosen: Option<(Chosen, Micros)>,
}

impl RecordingData {
    /// Tape time at which the recording ends, unless it grows.
    pub(in crate::store) fn limit(&self) -> Option<Micros> {
        match self.state {
            RecordingState::Open if !self.paused => self.ends,
            _ => Some(self.end),
        }
    }

    /// Which tape the recording has.
    pub(in crate::store) fn bounds(&self) -> Bounds {
        Bounds {
            exact: self.exact,
            start: self.start,
            from: self
                .spec
                .shown_from()
                .map_or(self.start, |from| from.max(self.start)),
            limit: self.limit().unwrap_or(Micros::MAX),
        }
    }
}

pub(super) const SEGMENT: &str =
    "s.id, name, sequence, s.state, base_video, base_audio, s.start, s.end, s.bytes, s.crc,
        tracks, tape_zero, utc_offset + boot_zero, s.cuts, s.chunk, s.chunks, s.discontinuity, s.breaks, s.skipped,
        s.target_s, s.complete";

pub(super) const SEGMENTS: &str = "segments s CROSS JOIN publishes p ON p.publish = s.publish
        CROSS JOIN boots b ON b.boot = p.boot CROSS JOIN streams t ON t.stream = s.stream";

/// The columns of recordings. The query reads recordings first; a query for many of them adds the order.
pub(super) const RECORDING: &str =
    "SELECT r.id, name, state, start, end, utc_offset + boot_zero + (start - tape_zero), protected & 1,
        paused, exact, spec, ends, recording, r.title, r.description, r.tags, r.category, r.custom, r.runs, r.length, r.bytes, r.composed,
        r.review, r.review_reason, r.form, protected & 2,
        (SELECT f.chosen FROM fingerprints f WHERE f.recording = r.recording),
        (SELECT f.lost FROM fingerprints f WHERE f.recording = r.recording)
    FROM recordings r CROSS JOIN publishes p ON p.publish = r.publish CROSS JOIN boots b ON b.boot = p.boot
        CROSS JOIN streams t ON t.stream = r.stream";

/// Segments `s` of a stream whose tape lies between two times. A few more may be found, so a caller that needs the exact ones
/// compares. The search uses the index of the ends. Tracks of neighbours overlap, so it does not stop at the first segment that
/// ends behind `to`.
pub(super) fn between(stream: &str, from: &str, to: &str) -> String {
    format!(
        "s.stream = {stream} AND s.end > {from} AND s.start < {to}
            AND s.end <= ifnull((SELECT e.end FROM segments e WHERE e.stream = {stream} AND e.end >= {to}
                ORDER BY e.end LIMIT 1 OFFSET 2), {})",
        Micros::MAX
    )
}

/// Segments `s` in a rare state, found by the index of rare states. A query for one stream writes `+s.stream`, or else SQLite
/// reads all segments of that stream.
pub(super) fn few(state: &str) -> String {
    format!("s.state = '{state}' AND s.state <> 'sealed'")
}

/// A publish, as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Publish {
    pub(in crate::store) stream: StreamName,
    pub(in crate::store) boot: [u8; 16],
    pub(in crate::store) tape_zero: Micros,
    pub(in crate::store) boot_zero: Micros,
}

/// Tape time at which the newest tape with a row ends.
pub(super) const TAPE_END: &str =
    "SELECT max(t) FROM (SELECT max(end) AS t FROM segments UNION ALL SELECT max(start) FROM segments
            UNION ALL SELECT max(start) FROM recordings UNION ALL SELECT max(end) FROM recordings
            UNION ALL SELECT max(tape_zero) FROM publishes)";

const STREAM: &str = "(SELECT stream FROM streams WHERE name = ?1)";

impl Journal {
    /// Where tape time begins in a boot, and UTC less CLOCK_BOOTTIME there, synchronised or not.
    pub(in crate::store) fn boot(
        &self,
        boot: &[u8; 16],
    ) -> Result<Option<(Micros, Micros, bool)>, StoreError> {
        let sql = "SELECT tape_base, utc_offset, synced FROM boots WHERE boot_id = ?1";
        self.one(sql, params![boot], |row| {
            Ok((self.col(row, 0)?, self.col(row, 1)?, self.col(row, 2)?))
        })
    }

    /// The values with which a stream's next segment begins.
    pub(in crate::store) fn next_segment(&self, stream: &StreamName) -> Result<NextSegment, StoreError> {
        let sql =
            "SELECT max(last_sequence, ifnull((SELECT s.sequence FROM segments s WHERE s.stream = t.stream
                ORDER BY s.sequence DESC LIMIT 1), 0)), (SELECT max(bytes) FROM (SELECT bytes FROM segments s
                WHERE s.stream = t.stream AND state = 'sealed' ORDER BY s.end DESC LIMIT 3)),
                next_chunk, discontinuity, skipped
             FROM streams t WHERE name = ?1";
        let next = self.one(sql, params![stream.as_str()], |row| {
            Ok(NextSegment {
                sequence: number(self.col(row, 0)?) + 1,
                bytes: self.col::<Option<i64>>(row, 1)?.map(number),
                numbered: Numbered {
                    next: number(self.col(row, 2)?),
                    discontinuity: number(self.col(row, 3)?),
                    skipped: number(self.col(row, 4)?),
                },
            })
        })?;
        Ok(next.unwrap_or(NextSegment {
            sequence: 1,
            bytes: None,
            numbered: Numbered::default(),
        }))
    }

    /// The name and the state of every segment's file. 10,000 of them take a few milliseconds.
    pub(in crate::store) fn files(
        &self,
    ) -> Result<Vec<(SegmentId, StreamName, u64, SegmentState)>, StoreError> {
        let sql =
            format!("{WHOLE}SELECT id, name, sequence, state FROM segments JOIN streams USING (stream)");
        self.all(&sql, params![], |row| {
            Ok((
                SegmentId::from_bytes(self.col(row, 0)?),
                self.stream(row, 1)?,
                number(self.col(row, 2)?),
                self.state(row, 3)?,
            ))
        })
    }

    /// Tape time at which the newest tape with a row ends.
    pub(in crate::store) fn tape_end(&self) -> Result<Option<Micros>, StoreError> {
        let end = self.one(&format!("{WHOLE}{TAPE_END}"), [], |row| self.col(row, 0))?;
        Ok(end.flatten())
    }

    pub(in crate::store) fn publish(&self, id: PublishId) -> Result<Option<Publish>, StoreError> {
        let sql = "SELECT name, boot_id, tape_zero, boot_zero
             FROM publishes JOIN streams USING (stream) JOIN boots USING (boot) WHERE id = ?1";
        self.one(sql, params![id.to_bytes()], |row| {
            Ok(Publish {
                stream: self.stream(row, 0)?,
                boot: self.col(row, 1)?,
                tape_zero: self.col(row, 2)?,
                boot_zero: self.col(row, 3)?,
            })
        })
    }

    pub(in crate::store) fn segment(&self, id: SegmentId) -> Result<Option<SegmentData>, StoreError> {
        let sql = format!("SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.id = ?1");
        self.one(&sql, params![id.to_bytes()], |row| self.segment_data(row))
    }

    /// The last existing segment of its stream before this one.
    pub(in crate::store) fn segment_before(
        &self,
        of: &SegmentData,
    ) -> Result<Option<SegmentData>, StoreError> {
        let sql = format!(
            "SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.stream = {STREAM} AND sequence < ?2 AND s.state IN ('open', 'sealed')
             ORDER BY sequence DESC LIMIT 1"
        );
        let sequence = i64::try_from(of.sequence).unwrap_or(i64::MAX);
        self.one(&sql, params![of.stream.as_str(), sequence], |row| {
            self.segment_data(row)
        })
    }

    /// Every segment, by stream, in the order of the tape.
    pub(in crate::store) fn segments(&self) -> Result<Vec<SegmentData>, StoreError> {
        let sql = format!(
            "{WHOLE}SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.state NOT IN ('spare', 'wipe') ORDER BY name, sequence"
        );
        self.all(&sql, params![], |row| self.segment_data(row))
    }

    /// The existing segments of a recording, in the order of the tape. The end of an open segment is not known here: such a
    /// segment belongs to all recordings that began before or within it.
    pub(in crate::store) fn segments_of(&self, of: &RecordingData) -> Result<Vec<SegmentData>, StoreError> {
        let mut segments = Vec::new();
        self.sealed_of(&[of.key], |_, segment| segments.push(segment))?;
        segments.extend(
            self.open_of(&[of.key])?
                .into_iter()
                .map(|(_, _, segment)| segment),
        );
        segments.sort_by_key(|segment| segment.sequence);
        Ok(segments)
    }

    /// The existing segments of a stream between two moments (UTC), in the order of the tape.
    pub(in crate::store) fn segments_between(
        &self,
        stream: &StreamName,
        from: Micros,
        to: Micros,
    ) -> Result<Vec<SegmentData>, StoreError> {
        let window = Window::of(&self.boots()?, from, to);
        let utc = |time: &str| format!("b.utc_offset + p.boot_zero + (s.{time} - p.tape_zero)");
        let sealed = format!(
            "SELECT {SEGMENT} FROM {SEGMENTS} WHERE s.state = 'sealed' AND {} AND {} < ?3 AND {} > ?2",
            between(STREAM, "?4", "?5"),
            utc("start"),
            utc("end"),
        );
        let values = params![stream.as_str(), from, to, window.from, window.to];
        let mut segments = self.all(&sealed, values, |row| self.segment_data(row))?;
        let open = format!(
            "SELECT {SEGMENT} FROM {SEGMENTS} WHERE {} AND +s.stream = {STREAM} AND {} < ?2",
            few("open"),
            utc("start")
        );
        segments.extend(self.all(&open, params![stream.as_str(), to], |row| self.segment_data(row))?);
        segments.sort_by_key(|segment| segment.sequence);
        Ok(segments)
    }

    /// The recordings that a segment belongs to, in any state.
    pub(in crate::store) fn recordings_with(&self, of: &SegmentData) -> Result<Vec<RecordingId>, StoreError> {
        // Only `verify` asks this, for damaged segments.
        let sql = "SELECT /* whole table */ ifnull((SELECT w.id FROM recordings w WHERE w.recording = r.whole), r.id)
             FROM recordings r JOIN streams USING (stream) WHERE name = ?1 AND NOT composed
                AND min(?3, iif(state = 'open' AND NOT paused, ifnull(ends, ?5), end)) - max(?2, start)
                    > iif(exact, 0, min(?4, (?3 - ?2) / 2))
             GROUP BY 1 ORDER BY min(recording)";
        let values = params![of.stream.as_str(), of.start, of.end, SHARED, Micros::MAX / 2];
        self.all(sql, values, |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))
    }

    /// A sealed segment's sample index, encoded.
    pub(in crate::store) fn index(&self, id: SegmentId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT samples FROM indexes JOIN segments USING (segment) WHERE id = ?1";
        self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))
    }

    /// A segment's sample index, encoded, and how often footage within the segment was deleted on request. Nothing of a segment that
    /// is gone.
    pub(in crate::store) fn index_and_cuts(
        &self,
        id: SegmentId,
    ) -> Result<(Option<Vec<u8>>, Option<i64>), StoreError> {
        let sql =
            "SELECT samples, cuts FROM segments s LEFT JOIN indexes i ON i.segment = s.segment WHERE id = ?1";
        let row = self.one(sql, params![id.to_bytes()], |row| {
            Ok((self.col(row, 0)?, self.col(row, 1)?))
        })?;
        Ok(row.unwrap_or_default())
    }

    /// Every recording, oldest first.
    #[cfg(test)]
    pub(in crate::store) fn recordings(&self) -> Result<Vec<RecordingData>, StoreError> {
        let sql = format!("{WHOLE}{RECORDING} ORDER BY start, recording");
        self.all(&sql, params![], |row| self.recording_data(row))
    }

    pub(in crate::store) fn recording(&self, id: RecordingId) -> Result<Option<RecordingData>, StoreError> {
        let sql = format!("{RECORDING} WHERE r.id = ?1 AND r.whole IS NULL");
        self.one(&sql, params![id.to_bytes()], |row| self.recording_data(row))
    }

    /// Recordings that are open and do not wait, and whether a later publish may go on with them.
    pub(in crate::store) fn open_recordings(&self) -> Result<Vec<(RecordingId, bool)>, StoreError> {
        let sql =
            "SELECT id, spec, ends FROM recordings WHERE state = 'open' AND NOT paused ORDER BY recording";
        self.all(sql, params![], |row| {
            let spec: String = self.col(row, 1)?;
            let ends: Option<Micros> = self.col(row, 2)?;
            let resumes = ends.is_none() && !spec.is_empty() && RecordingSpec::read(&spec).resumes();
            Ok((RecordingId::from_bytes(self.col(row, 0)?), resumes))
        })
    }

    /// Recordings that wait for a publish to go on with them.
    pub(in crate::store) fn waiting(&self) -> Result<Vec<OpenRecording>, StoreError> {
        // The end is dated by the publish that it lies in: a later publish may have gone on with the recording without any
        // media.
        let sql = "SELECT r.id, name, spec, start, end, utc_offset + boot_zero + (end - tape_zero), synced,
                (SELECT CAST(ifnull(sum(bytes * (min(s.end, r.end) - max(s.start, r.start)) / max(s.end - s.start, 1)), 0)
                    AS INTEGER) FROM segments s
                 WHERE s.stream = r.stream AND s.end > r.start AND s.start < r.end)
             FROM recordings r JOIN streams t ON t.stream = r.stream
                JOIN publishes p ON p.publish = ifnull((SELECT publish FROM publishes q WHERE q.stream = r.stream
                    AND q.tape_zero < r.end ORDER BY q.tape_zero DESC LIMIT 1), r.publish)
                JOIN boots USING (boot)
             WHERE state = 'open' AND paused ORDER BY recording";
        self.all(sql, params![], |row| {
            Ok(OpenRecording {
                recording: RecordingId::from_bytes(self.col(row, 0)?),
                stream: self.stream(row, 1)?,
                spec: RecordingSpec::read(&self.col::<String>(row, 2)?),
                start: self.col(row, 3)?,
                end: self.col(row, 4)?,
                paused_utc: self.col(row, 5)?,
                clock_synced: self.col(row, 6)?,
                bytes: number(self.col(row, 7)?),
            })
        })
    }

    /// The values that the recorder keeps: namespace, id, body.
    pub(in crate::store) fn kept(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        let sql = "SELECT shelf, id, body FROM shelves WHERE shelf <> ?1";
        self.all(sql, params![owner::NAMESPACE], |row| {
            Ok((self.col(row, 0)?, self.col(row, 1)?, self.col(row, 2)?))
        })
    }

    /// Publishes that have not ended.
    pub(in crate::store) fn open_publishes(&self) -> Result<Vec<PublishId>, StoreError> {
        let sql = "SELECT id FROM publishes WHERE end_reason IS NULL ORDER BY publish";
        self.all(sql, params![], |row| Ok(PublishId::from_bytes(self.col(row, 0)?)))
    }

    /// The outbox, oldest first: sequence, kind, body.
    #[cfg(test)]
    pub(in crate::store) fn outbox(&self) -> Result<Vec<(i64, String, String)>, StoreError> {
        let sql = "SELECT sequence, kind, body FROM outbox ORDER BY sequence";
        self.all(sql, params![], |row| {
            Ok((self.col(row, 0)?, self.col(row, 1)?, self.col(row, 2)?))
        })
    }

    pub(super) fn segment_data(&self, row: &Row<'_>) -> Result<SegmentData, StoreError> {
        self.segment_data_at(row, 0, tracks::decode)
    }

    pub(super) fn segment_data_at(
        &self,
        row: &Row<'_>,
        at: usize,
        mut decode: impl FnMut(&str) -> Option<Tracks>,
    ) -> Result<SegmentData, StoreError> {
        let text: String = self.col(row, at + 10)?;
        Ok(SegmentData {
            id: SegmentId::from_bytes(self.col(row, at)?),
            stream: self.stream(row, at + 1)?,
            sequence: number(self.col(row, at + 2)?),
            state: self.state(row, at + 3)?,
            base: TrackBase {
                video: self.col(row, at + 4)?,
                audio: self.col(row, at + 5)?,
            },
            start: self.col(row, at + 6)?,
            end: self.col(row, at + 7)?,
            bytes: number(self.col(row, at + 8)?),
            crc: self.col(row, at + 9)?,
            tracks: decode(&text).ok_or_else(|| self.row_error("segments.tracks"))?,
            tape_zero: self.col(row, at + 11)?,
            utc_zero: self.col(row, at + 12)?,
            cuts: self.col(row, at + 13)?,
            numbers: self.numbers_at(row, at + 14)?,
            chunks: self.col::<Option<i64>>(row, at + 15)?.map(number),
        })
    }

    pub(super) fn numbers_at(&self, row: &Row<'_>, at: usize) -> Result<Option<ChunkNumbers>, StoreError> {
        let Some(chunk) = self.col::<Option<i64>>(row, at)? else {
            return Ok(None);
        };
        Ok(Some(ChunkNumbers {
            chunk: number(chunk),
            discontinuity: number(self.col(row, at + 2)?),
            breaks: self.col(row, at + 3)?,
            skipped: number(self.col(row, at + 4)?),
            target: TargetDuration::from_parts(self.col(row, at + 5)?, self.col(row, at + 6)?)
                .ok_or_else(|| self.row_error("segments.complete"))?,
        }))
    }

    pub(super) fn recording_data(&self, row: &Row<'_>) -> Result<RecordingData, StoreError> {
        Ok(RecordingData {
            key: self.col(row, 11)?,
            id: RecordingId::from_bytes(self.col(row, 0)?),
            stream: self.stream(row, 1)?,
            state: match self.col::<String>(row, 2)?.as_str() {
                "open" => RecordingState::Open,
                "closed" => RecordingState::Closed,
                "delivered" => RecordingState::Delivered,
                "expired" => RecordingState::Expired,
                other => return Err(self.row_error(format!("recordings.state: {other}"))),
            },
            protected: self.col(row, 6)?,
            shown: self.col::<i64>(row, 24)? != 0,
            paused: self.col(row, 7)?,
            exact: self.col(row, 8)?,
            spec: RecordingSpec::read(&self.col::<String>(row, 9)?),
            facts: facts::columns(row, 12).map_err(|error| self.error(error))?,
            ends: self.col(row, 10)?,
            start: self.col(row, 3)?,
            end: self.col(row, 4)?,
            utc_start: self.col(row, 5)?,
            tally: self
                .col::<Option<String>>(row, 17)?
                .and_then(|runs| Tally::read(&runs)),
            length: self.col(row, 18)?,
            bytes: self.col(row, 19)?,
            composed: self.col(row, 20)?,
            review: review_of(self.col(row, 21)?, self.col(row, 22)?),
            form: super::ranges::form_of(self.col(row, 23)?),
            chosen: chosen_of(self.col(row, 25)?).zip(self.col(row, 26)?),
        })
    }

    pub(super) fn stream(&self, row: &Row<'_>, column: usize) -> Result<StreamName, StoreError> {
        let text: String = self.col(row, column)?;
        text.parse()
            .map_err(|error| self.row_error(format!("streams.name: {error}")))
    }

    pub(super) fn state(&self, row: &Row<'_>, column: usize) -> Result<SegmentState, StoreError> {
        match self.col::<String>(row, column)?.as_str() {
            "open" => Ok(SegmentState::Open),
            "sealed" => Ok(SegmentState::Sealed),
            "missing" => Ok(SegmentState::Missing),
            "spare" => Ok(SegmentState::Spare),
            "wipe" => Ok(SegmentState::Wipe),
            other => Err(self.row_error(format!("segments.state: {other}"))),
        }
    }

    pub(super) fn col<T: FromSql>(&self, row: &Row<'_>, column: usize) -> Result<T, StoreError> {
        row.get(column).map_err(|error| self.error(error))
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = prepare(&self.connection, sql).map_err(|error| self.error(error))?;
        let row = statement.query_row(params, |row| Ok(read(row))).optional();
        row.map_err(|error| self.error(error))?.transpose()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut out = Vec::new();
        self.each(sql, params, |row| {
            out.push(read(row)?);
            Ok(())
        })?;
        Ok(out)
    }

    pub(super) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = prepare(&self.connection, sql).map_err(|error| self.error(error))?;
        let mut rows = statement.query(params).map_err(|error| self.error(error))?;
        while let Some(row) = rows.next().map_err(|error| self.error(error))? {
            read(row)?;
        }
        Ok(())
    }
}

/// A number that edgereel only ever writes unsigned.
pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
