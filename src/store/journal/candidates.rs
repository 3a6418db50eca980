//! Finds the tape that may go, and the tape that is given up already.

use std::cell::Cell;

use rusqlite::{Connection, OptionalExtension, params};

use super::read::{between, few, number};
use super::sql::{WHOLE, prepare};
use super::window::BootSpan;
use super::{Journal, Op};
use crate::media::{Micros, RecordingId, SegmentId, StreamName};
use crate::store::StoreError;

/// The classes of tape that may be evicted. Each class comes before the next, the oldest tape of each first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Class {
    /// Every recording that the segment belongs to has expired.
    Expired,
    /// The segment belongs to no recording.
    Nobodys,
    /// Every recording that the segment belongs to was delivered, or has expired.
    Delivered,
    /// All other tape but that of protected recordings: here media is lost that exists nowhere else.
    Undelivered,
}

/// A file whose blocks may become another segment's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Blocks {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) stream: StreamName,
    pub(in crate::store) sequence: u64,
    /// Bytes that the file takes.
    pub(in crate::store) space: u64,
}

pub(super) const BLOCKS: &str = "SELECT s.id, t.name, s.sequence, s.space, s.end
    FROM segments s CROSS JOIN streams t ON t.stream = s.stream";

/// Recordings and ranges `o` that a segment `s` belongs to, or nearly belongs to: the difference is not made here. The index of the lengths has
/// recordings of about the same length beside each other. So a long one does not make others be read that ended long before.
pub(super) const SHARING: &str =
    "(VALUES (0, 60000000), (1, 480000000), (2, 3840000000), (3, 30720000000), (4, 245760000000), (5, 1966080000000),
        (6, 1 << 55)) c CROSS JOIN recordings o INDEXED BY recordings_like ON o.stream = s.stream
    AND ((o.end - o.start > 60000000) + (o.end - o.start > 480000000) + (o.end - o.start > 3840000000)
        + (o.end - o.start > 30720000000) + (o.end - o.start > 245760000000) + (o.end - o.start > 1966080000000)) = c.column1
    AND NOT o.composed AND o.start >= s.start - c.column2 AND o.start < s.end AND o.end > s.start";

/// The deleted fragments of a segment are overwritten before another segment takes over its file.
const NOT_BLANK: &str = "NOT EXISTS (SELECT 1 FROM blanks b WHERE b.segment = s.segment)";

/// Most recordings that expire in one go.
const DUE: usize = 64;

/// Number of recordings read at once.
const PAGE: usize = 64;

impl Journal {
    /// Up to so many segments of a class that may go next, the oldest first.
    pub(in crate::store) fn candidates_of(
        &self,
        class: Class,
        limit: usize,
    ) -> Result<Vec<Blocks>, StoreError> {
        let needed = match class {
            Class::Expired | Class::Nobodys => "(o.state <> 'expired' OR o.protected)",
            Class::Delivered => "(o.state IN ('open', 'closed') OR o.protected)",
            Class::Undelivered => "o.protected",
        };
        self.not_held(needed, limit, |limit| match class {
            Class::Expired => self.candidates_of_state("expired", needed, limit),
            Class::Delivered => self.candidates_of_state("delivered", needed, limit),
            Class::Nobodys => self.nobodys(limit),
            Class::Undelivered => self
                .unneeded("WHERE o.protected", Micros::MIN, limit)
                .map(drop_ends),
        })
    }

    /// Segments of recordings in a state, unless another recording needs them. The oldest recordings come first, and no segment
    /// of a recording ends before the recording begins: so the later recordings need not be read.
    fn candidates_of_state(
        &self,
        state: &str,
        needed: &str,
        limit: usize,
    ) -> Result<Vec<Blocks>, StoreError> {
        let recordings = format!(
            "SELECT start, recording FROM recordings WHERE state = '{state}' AND NOT protected AND NOT composed
                AND (start, recording) > (?1, ?2) ORDER BY start, recording LIMIT ?3"
        );
        let segments = format!(
            "SELECT s.id, t.name, s.sequence, s.space, s.end
             FROM recordings r CROSS JOIN segments s ON {} CROSS JOIN streams t ON t.stream = s.stream
             WHERE r.recording = ?1 AND s.state = 'sealed' AND {NOT_BLANK}
                AND NOT EXISTS (SELECT 1 FROM {SHARING} WHERE {needed})
             ORDER BY s.end LIMIT ?2",
            between("r.stream", "r.start", "r.end")
        );
        let [page, most] = [PAGE, limit].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let mut found: Vec<(Blocks, Micros)> = Vec::new();
        let mut after = (Micros::MIN, 0);
        loop {
            let recordings: Vec<(Micros, i64)> =
                self.all(&recordings, params![after.0, after.1, page], |row| {
                    Ok((self.col(row, 0)?, self.col(row, 1)?))
                })?;
            for &(start, recording) in &recordings {
                let last = limit.checked_sub(1).and_then(|last| found.get(last));
                if last.is_some_and(|(_, end)| *end <= start) {
                    return Ok(drop_ends(found));
                }
                for row in self.all(&segments, params![recording, most], |row| self.blocks_until(row))? {
                    if found.iter().all(|(blocks, _)| blocks.id != row.0.id) {
                        found.push(row);
                    }
                }
                found.sort_by_key(|(_, end)| *end);
                found.truncate(limit);
                after = (start, recording);
            }
            if recordings.len() < PAGE {
                return Ok(drop_ends(found));
            }
        }
    }

    /// Segments of no recording. Where none was found, none is searched for again until something changes there.
    fn nobodys(&self, limit: usize) -> Result<Vec<Blocks>, StoreError> {
        let found = self.unneeded("", self.nobodys.get(), limit)?;
        let newest = "SELECT max(end) FROM segments WHERE state = 'sealed'";
        let from = match found.first() {
            Some((_, end)) => Some(end.saturating_sub(1)),
            None => self.one(newest, [], |row| self.col(row, 0))?.flatten(),
        };
        self.nobodys.set(from.unwrap_or(Micros::MIN));
        Ok(drop_ends(found))
    }

    /// Segments that end after a moment and that no recording of a kind needs.
    fn unneeded(
        &self,
        needed: &str,
        after: Micros,
        limit: usize,
    ) -> Result<Vec<(Blocks, Micros)>, StoreError> {
        let sql = format!(
            "{BLOCKS} WHERE s.state = 'sealed' AND s.end > ?1 AND {NOT_BLANK}
                AND NOT EXISTS (SELECT 1 FROM {SHARING} {needed})
             ORDER BY s.end LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(&sql, params![after, limit], |row| self.blocks_until(row))
    }

    /// Files whose media was given up already; with `wipe`, those that are to be removed for good.
    pub(in crate::store) fn given_up(&self, wipe: bool) -> Result<Vec<Blocks>, StoreError> {
        let sql = format!("{BLOCKS} WHERE {}", few(if wipe { "wipe" } else { "spare" }));
        self.all(&sql, [], |row| self.blocks(row))
    }

    /// Up to so many segments that are removed for good, behind the one with the key `after`; with their keys.
    pub(in crate::store) fn to_wipe(
        &self,
        after: i64,
        most: usize,
    ) -> Result<Vec<(i64, Blocks)>, StoreError> {
        let sql = BLOCKS.replace("s.end", "s.end, s.segment");
        let sql = format!(
            "{sql} WHERE {} AND s.segment > ?1 ORDER BY s.segment LIMIT ?2",
            few("wipe")
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(&sql, params![after, most], |row| {
            Ok((self.col(row, 5)?, self.blocks(row)?))
        })
    }

    /// True for a segment that is removed for good, as long as it has a row.
    pub(in crate::store) fn is_to_wipe(&self, id: SegmentId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM segments WHERE id = ?1 AND state = 'wipe'";
        let found: Option<i64> = self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))?;
        Ok(found.is_some())
    }

    /// Bytes that all files of the tape take.
    pub(in crate::store) fn space(&self) -> Result<u64, StoreError> {
        let sql = format!("{WHOLE}SELECT ifnull(sum(space), 0) FROM segments WHERE state <> 'missing'");
        let space: Option<i64> = self.one(&sql, [], |row| self.col(row, 0))?;
        Ok(number(space.unwrap_or(0)))
    }

    /// Recordings whose `keep` is over. A recording of a boot whose clock was never set is not among them: its age is unknown.
    /// With `delivered`, only those that are delivered.
    pub(in crate::store) fn due(&self, utc: Micros, delivered: bool) -> Result<Vec<RecordingId>, StoreError> {
        // Recordings with the same `keep` and the same boot expire in the order of their ends.
        let states = ["delivered", "closed"];
        let states = states.get(..if delivered { 1 } else { 2 }).unwrap_or(&states);
        let boots = spans(&self.boots()?);
        let mut due = Vec::new();
        for keep in self.keeps()? {
            for (begins, next, zero) in &boots {
                for state in states {
                    let sql = format!(
                        "SELECT r.id, r.end FROM recordings r CROSS JOIN publishes p ON p.publish = ifnull(r.last_publish, r.publish)
                            CROSS JOIN boots b ON b.boot = p.boot
                         WHERE r.keep = ?2 AND r.state = '{state}' AND NOT r.protected AND r.keep IS NOT NULL
                            AND r.end >= ?3 AND r.end < ?4 AND b.synced
                            AND b.utc_offset + p.boot_zero + (r.end - p.tape_zero) + r.keep <= ?1
                         ORDER BY r.end LIMIT ?5"
                    );
                    let until = utc.saturating_sub(keep).saturating_sub(*zero).saturating_add(1);
                    let values = params![utc, keep, begins, until.min(*next), DUE as i64];
                    due.extend(self.all(&sql, values, |row| {
                        Ok((
                            self.col::<Micros>(row, 1)?,
                            RecordingId::from_bytes(self.col(row, 0)?),
                        ))
                    })?);
                }
            }
        }
        due.sort_unstable();
        due.dedup();
        due.truncate(DUE);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    /// The different values of `keep`. Each search finds the next larger one.
    fn keeps(&self) -> Result<Vec<Micros>, StoreError> {
        let sql = "SELECT min(keep) FROM recordings WHERE keep IS NOT NULL AND NOT protected AND keep > ?1";
        let mut keeps: Vec<Micros> = Vec::new();
        loop {
            let last = keeps.last().copied().unwrap_or(Micros::MIN);
            match self.one(sql, params![last], |row| self.col(row, 0))?.flatten() {
                Some(next) => keeps.push(next),
                None => return Ok(keeps),
            }
        }
    }

    fn blocks_until(&self, row: &rusqlite::Row<'_>) -> Result<(Blocks, Micros), StoreError> {
        Ok((self.blocks(row)?, self.col(row, 4)?))
    }

    pub(super) fn blocks(&self, row: &rusqlite::Row<'_>) -> Result<Blocks, StoreError> {
        Ok(Blocks {
            id: SegmentId::from_bytes(self.col(row, 0)?),
            stream: self.stream(row, 1)?,
            sequence: number(self.col(row, 2)?),
            space: number(self.col(row, 3)?),
        })
    }
}

fn drop_ends(found: Vec<(Blocks, Micros)>) -> Vec<Blocks> {
    found.into_iter().map(|(blocks, _)| blocks).collect()
}

/// For each boot: where its tape begins, where the next boot's tape begins, and the smallest UTC less tape time of recordings
/// that end in between. Such a recording may be dated by the boot before, if it waited in vain for its publisher.
fn spans(boots: &[BootSpan]) -> Vec<(Micros, Micros, Micros)> {
    let nexts = boots.iter().skip(1).map(|next| next.begins).chain([Micros::MAX]);
    let before = boots.first().into_iter().chain(boots);
    let all = boots.iter().zip(nexts).zip(before);
    let dated = all.filter(|((boot, _), before)| boot.synced || before.synced);
    let span = |((boot, next), before): ((&BootSpan, Micros), &BootSpan)| {
        let zeros = [boot, before]
            .into_iter()
            .filter(|boot| boot.synced)
            .map(|boot| boot.zero[0]);
        (boot.begins, next, zeros.min().unwrap_or(Micros::MAX))
    };
    dated.map(span).collect()
}

/// Has a search begin where a change may leave tape without a recording. Called before the change is made.
pub(super) fn watch_nobodys(db: &Connection, nobodys: &Cell<Micros>, op: &Op) -> rusqlite::Result<()> {
    let from = match op {
        Op::SealSegment(sealed) | Op::MendSegment(sealed) => sealed.end.saturating_sub(1),
        Op::Missing { .. } | Op::Replay { .. } | Op::Blanked { .. } => Micros::MIN,
        Op::CloseRecording { id, .. }
        | Op::PauseRecording { id, .. }
        | Op::EndRecording { id, .. }
        | Op::StartRecording { id, .. }
        | Op::ContinueRecording { id, .. }
        | Op::ExtendRecording { id, .. }
        | Op::Delete { id }
        | Op::DeleteBeside { id, .. }
        | Op::ForgetRecording { id } => {
            let sql = "SELECT start FROM recordings WHERE id = ?1";
            let start = prepare(db, sql)?
                .query_row(params![id.to_bytes()], |row| row.get(0))
                .optional()?;
            start.unwrap_or(Micros::MAX)
        }
        _ => return Ok(()),
    };
    nobodys.set(nobodys.get().min(from));
    Ok(())
}
