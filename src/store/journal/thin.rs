//! Deletion on request: whole segments, and fragments of segments that other recordings share. First the journal forgets them,
//! then their bytes are removed.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::candidates::{BLOCKS, SHARING};
use super::lead_in::{self, LeadIn};
use super::outbox::{Result, execute};
use super::read::{between, number};
use super::sql::prepare;
use super::{Blocks, Journal, lists, tallies, tracks};
use crate::format::TrackBase;
use crate::format::index::SampleIndex;
use crate::media::{Micros, RecordingId, SegmentId, Tracks};
use crate::store::StoreError;
use crate::store::deleted::Part;
use crate::store::thin::{Dated, LOOK_BACK, Left};

/// Most deletions that are remembered: as many as the list beside the tape names.
const REMEMBERED: i64 = crate::store::deleted::MOST as i64;

/// True of a recording `o` that needs its tape: not of one that has expired, nor of one of which a part is deleted already, or whose
/// composition is such a one. Where two deletions go on at once, neither spares what only the other one has.
pub(super) const NEEDS: &str =
    "(o.state <> 'expired' OR o.protected) AND NOT EXISTS (SELECT 1 FROM deleting d
    WHERE d.id IN (o.id, (SELECT w.id FROM recordings w WHERE w.recording = o.whole)))";

/// The columns of a segment `s` and its publish `p`.
pub(super) const COLUMNS: &str =
    "s.segment, s.id, s.publish, base_video, base_audio, tape_zero, s.start, s.end, tracks";

/// A segment that a recording has, or is decoded with.
pub(super) struct Piece {
    pub(super) key: i64,
    id: SegmentId,
    pub(super) publish: i64,
    base: TrackBase,
    tape_zero: Micros,
    pub(super) start: Micros,
    pub(super) end: Micros,
    pub(super) tracks: String,
}

impl Piece {
    /// Reads a row that begins with [`COLUMNS`].
    pub(super) fn of(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            id: SegmentId::from_bytes(row.get(1)?),
            publish: row.get(2)?,
            base: TrackBase {
                video: row.get(3)?,
                audio: row.get(4)?,
            },
            tape_zero: row.get(5)?,
            start: row.get(6)?,
            end: row.get(7)?,
            tracks: row.get(8)?,
        })
    }

    pub(super) fn dated<'a>(&self, index: &'a SampleIndex, tracks: &'a Tracks) -> Dated<'a> {
        Dated {
            index,
            base: self.base,
            tracks,
            tape_zero: self.tape_zero,
        }
    }
}

/// Most segments that one step of a deletion looks at. The storage thread writes nothing in the meantime, and a recording may have
/// hundreds of thousands.
const STEP: usize = if cfg!(test) { 8 } else { 256 };

/// A deletion, in steps: how far the steps before came, and what this one removes.
pub(super) struct Deletion {
    id: RecordingId,
    /// The recording, or the range of a composition, of which a part is removed; and the end of the last segment that was looked at.
    reached: Option<(i64, Micros)>,
    /// How much of the footage other recordings need, and where that sum ends on the tape.
    pub(super) left: Micros,
    left_until: Micros,
    /// Segments that this step may still look at.
    most: usize,
    parts: Vec<Part>,
}

/// The segments of a recording that a step looks at: those that end behind `from`, and not behind `to`.
struct Window {
    from: Micros,
    to: Micros,
    /// Where the first of them begins.
    begins: Micros,
    is_first: bool,
    is_last: bool,
}

impl Window {
    /// The first moment at which none of its segments ends.
    fn behind(&self) -> Micros {
        self.to.saturating_add(1)
    }
}

impl Deletion {
    /// Goes on with a deletion, or begins it.
    pub(super) fn of(db: &Connection, id: RecordingId) -> Result<Self> {
        let sql = "SELECT recording, reached, left_us, left_until FROM deleting WHERE id = ?1 ORDER BY step DESC LIMIT 1";
        let before: Option<(i64, Micros, Micros, Micros)> = prepare(db, sql)?
            .query_row(params![id.to_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let (reached, left, left_until) = match before {
            Some((recording, reached, left, until)) => (Some((recording, reached)), left, until),
            None => (None, 0, Micros::MIN),
        };
        Ok(Self {
            id,
            reached,
            left,
            left_until,
            most: STEP,
            parts: Vec::new(),
        })
    }

    /// Notes the step, which is not the last one. From here on the recording is to be deleted, whatever happens.
    pub(super) fn pause(&self, db: &Connection) -> Result {
        doom(db, self.id)?;
        // It is not delivered any more.
        execute(
            db,
            "UPDATE recordings SET aside = 1 WHERE id = ?1 AND state = 'closed'",
            params![self.id.to_bytes()],
        )?;
        let (recording, reached) = self.reached.unwrap_or((0, Micros::MIN));
        execute(
            db,
            "INSERT INTO deleting (id, recording, reached, left_us, left_until, parts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                self.id.to_bytes(),
                recording,
                reached,
                self.left,
                self.left_until,
                Part::encode(&self.parts)
            ],
        )
    }

    /// The next segments of a recording, as many as this step may still look at; `None` where it may look at no more.
    fn window(&mut self, db: &Connection, recording: i64) -> Result<Option<Window>> {
        if self.most == 0 {
            return Ok(None);
        }
        let before = self.reached.filter(|(of, _)| *of == recording);
        let from = before.map_or(Micros::MIN, |(_, reached)| reached);
        let sql = format!(
            "SELECT count(*), ifnull(min(start), ?2), ifnull(max(end), ?2) FROM (SELECT s.start, s.end
                FROM recordings r CROSS JOIN segments s ON {} WHERE r.recording = ?1 ORDER BY s.end LIMIT ?3)",
            between("r.stream", "max(r.start, ?2)", "r.end")
        );
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        let (count, begins, to): (i64, Micros, Micros) = prepare(db, &sql)?
            .query_row(params![recording, from, most], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let is_last = count < most;
        self.most = self
            .most
            .saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        // Parts of another range are counted by themselves.
        if before.is_none() {
            self.left_until = Micros::MIN;
        }
        Ok(Some(Window {
            from,
            to: if is_last { Micros::MAX } else { to },
            begins,
            is_first: before.is_none(),
            is_last,
        }))
    }
}

/// Removes the media that no other recording needs: segments that this recording alone has, fragments of segments that it
/// shares, and media that it alone was decoded with. True when all of it is removed; else this step of the deletion is over.
pub(super) fn remove(
    db: &Connection,
    recording: i64,
    span: (Micros, Micros),
    deletion: &mut Deletion,
) -> Result<bool> {
    let Some(window) = deletion.window(db, recording)? else {
        return Ok(false);
    };
    let (own, after) = if window.is_first {
        let own = lead_in::of(db, recording)?;
        (own, own.map_or(span.0, |own| own.from))
    } else {
        (None, window.begins.saturating_sub(LOOK_BACK))
    };
    let leads = lead_in::of_others(db, recording, after, window.to)?;
    tallies::forget_expired(db, recording, (window.begins, window.behind()))?;
    let mut parts = wipe(db, recording, &window, &leads)?;
    let mut left = Left::new(span);
    left.go_on(deletion.left_until, deletion.left);
    let mut pieces = shared(db, recording, &window)?;
    if let Some(own) = own {
        let mut before = lead_in::pieces(db, recording, &own)?;
        before.retain(|piece| pieces.iter().all(|shared| shared.key != piece.key));
        pieces.splice(..0, before);
    }
    for piece in pieces {
        let mut keeps = keeps(db, piece.key, recording)?;
        let decodes = leads.iter().filter(|lead| lead.needs(&piece));
        keeps.extend(decodes.map(LeadIn::keeps));
        if keeps
            .iter()
            .any(|(from, to)| *from <= piece.start && piece.end <= *to)
        {
            left.add((piece.start, piece.end));
            continue;
        }
        let tracks = tracks::decode(&piece.tracks).unwrap_or_default();
        // An index that cannot be read stays as it is: `verify` reports it.
        let Some(index) = index(db, piece.key)? else {
            left.add((piece.start, piece.end));
            continue;
        };
        let dated = piece.dated(&index, &tracks);
        let needed = dated.needed(&keeps);
        dated.left(&needed, &mut left);
        let mut needed = needed.into_iter();
        parts.extend(cut(db, piece.key, piece.id, index, |_| {
            needed.next().unwrap_or(true)
        })?);
    }
    deletion.parts.extend(parts);
    (deletion.left_until, deletion.left) = (left.until(), left.sum());
    if !window.is_last {
        deletion.reached = Some((recording, window.to));
    }
    Ok(window.is_last)
}

/// Removes whole segments that no other recording shares or is decoded with. Media that was given up before is needed by no
/// recording.
fn wipe(db: &Connection, recording: i64, window: &Window, leads: &[LeadIn]) -> Result<Vec<Part>> {
    let sql = format!(
        "SELECT {COLUMNS}, s.state = 'spare'
         FROM recordings r CROSS JOIN segments s ON {} CROSS JOIN publishes p ON p.publish = s.publish
         WHERE r.recording = ?1 AND s.end < ?3 AND (s.state = 'spare' OR s.state IN ('sealed', 'missing')
            AND NOT EXISTS (SELECT 1 FROM {SHARING} WHERE o.recording <> ?1 AND {NEEDS}))",
        between("r.stream", "max(r.start, ?2)", "min(r.end, ?3)")
    );
    let alone: Vec<(Piece, bool)> = prepare(db, &sql)?
        .query_map(params![recording, window.from, window.behind()], |row| {
            Ok((Piece::of(row)?, row.get(9)?))
        })?
        .collect::<Result<_>>()?;
    let mut parts = Vec::new();
    for (piece, is_spare) in alone {
        if is_spare || !leads.iter().any(|lead| lead.needs(&piece)) {
            parts.push(wiped(db, piece.key, piece.id)?);
        }
    }
    Ok(parts)
}

/// Marks a whole segment to be written over.
fn wiped(db: &Connection, key: i64, id: SegmentId) -> Result<Part> {
    execute(
        db,
        "UPDATE segments SET state = 'wipe' WHERE segment = ?1",
        params![key],
    )?;
    execute(db, "DELETE FROM indexes WHERE segment = ?1", params![key])?;
    lists::remove(db, key)?;
    Ok(Part::whole(id))
}

/// Takes fragments out of a segment's index, and has their bytes written over. Returns the removed parts.
fn cut(
    db: &Connection,
    key: i64,
    id: SegmentId,
    mut index: SampleIndex,
    mut stays: impl FnMut(&crate::format::index::FragmentIndex) -> bool,
) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    index.fragments.retain(|fragment| {
        let stays = stays(fragment);
        if !stays {
            match parts.last_mut().filter(|last| last.to == fragment.offset) {
                Some(last) => last.to = fragment.end(),
                None => parts.push(Part {
                    segment: id,
                    from: fragment.offset,
                    to: fragment.end(),
                }),
            }
        }
        stays
    });
    if parts.is_empty() {
        return Ok(parts);
    }
    if index.fragments.is_empty() {
        // Other recordings share a moment with the segment, and no sample.
        tallies::forget_with(db, id)?;
        return Ok(vec![wiped(db, key, id)?]);
    }
    execute(
        db,
        "UPDATE indexes SET samples = ?2 WHERE segment = ?1",
        params![key, index.encode()],
    )?;
    blank(db, key)?;
    Ok(parts)
}

/// Has the bytes written over that the segment's index no longer has. The segment's checksum covered them, so it goes; each
/// fragment has its own.
fn blank(db: &Connection, key: i64) -> Result {
    execute(
        db,
        "UPDATE segments SET crc = NULL, cuts = cuts + 1 WHERE segment = ?1",
        params![key],
    )?;
    // Its chunks are not played any more.
    lists::remove(db, key)?;
    execute(
        db,
        "INSERT OR IGNORE INTO blanks (segment) VALUES (?1)",
        params![key],
    )
}

/// Has a segment written over again whose file still contains deleted fragments.
pub(super) fn blank_again(db: &Connection, id: SegmentId) -> Result {
    match sealed(db, id)? {
        Some(key) => blank(db, key),
        None => Ok(()),
    }
}

/// Notes the deletion of a recording that is carried out: the parts that went, and how much of its footage is left.
pub(super) fn note(db: &Connection, deletion: &Deletion) -> Result {
    let id = deletion.id.to_bytes();
    let mut parts: Vec<u8> = prepare(db, "SELECT parts FROM deleting WHERE id = ?1 ORDER BY step")?
        .query_map(params![id], |row| row.get::<_, Vec<u8>>(0))?
        .collect::<Result<Vec<_>>>()?
        .concat();
    parts.extend(Part::encode(&deletion.parts));
    execute(
        db,
        "INSERT INTO deleted (id, left_us, parts, listed) VALUES (?1, ?2, ?3, 0)
         ON CONFLICT (id) DO UPDATE SET left_us = excluded.left_us, parts = excluded.parts, listed = 0",
        params![id, deletion.left, parts],
    )?;
    execute(db, "DELETE FROM deleting WHERE id = ?1", params![id])?;
    execute(
        db,
        "DELETE FROM deleted WHERE listed AND deletion <= (SELECT max(deletion) FROM deleted) - ?1",
        params![REMEMBERED],
    )
}

/// Notes that a recording is to be deleted as soon as its open segments are sealed.
pub(super) fn doom(db: &Connection, id: RecordingId) -> Result {
    execute(
        db,
        "INSERT OR IGNORE INTO deleted (id) VALUES (?1)",
        params![id.to_bytes()],
    )
}

/// Takes back that a recording is to be deleted.
pub(super) fn spare(db: &Connection, id: RecordingId) -> Result {
    execute(db, "DELETE FROM deleting WHERE id = ?1", params![id.to_bytes()])?;
    execute(
        db,
        "DELETE FROM deleted WHERE id = ?1 AND left_us IS NULL",
        params![id.to_bytes()],
    )
}

/// Notes that the list beside the tape names the deletion.
pub(super) fn listed(db: &Connection, id: RecordingId) -> Result {
    execute(
        db,
        "UPDATE deleted SET listed = 1, parts = x'' WHERE id = ?1",
        params![id.to_bytes()],
    )
}

/// Repeats a deletion in a journal that does not know it: one that was made again, or that was put back.
pub(super) fn replay(db: &Connection, id: RecordingId, parts: &[Part]) -> Result {
    let mut segments = HashSet::new();
    for part in parts.iter().filter(|part| segments.insert(part.segment)) {
        let of: Vec<&Part> = parts
            .iter()
            .filter(|other| other.segment == part.segment)
            .collect();
        if of.iter().any(|part| part.is_whole()) {
            tallies::forget_with(db, part.segment)?;
            execute(
                db,
                "UPDATE segments SET state = 'wipe' WHERE id = ?1 AND state IN ('sealed', 'spare', 'missing')",
                params![part.segment.to_bytes()],
            )?;
        } else if let Some(key) = sealed(db, part.segment)?
            && let Some(index) = index(db, key)?
        {
            cut(db, key, part.segment, index, |fragment| {
                of.iter().all(|part| !part.covers(fragment))
            })?;
        }
    }
    execute(db, "DELETE FROM recordings WHERE id = ?1", params![id.to_bytes()])?;
    execute(
        db,
        "INSERT INTO deleted (id, left_us, listed) VALUES (?1, 0, 1)
         ON CONFLICT (id) DO UPDATE SET left_us = ifnull(left_us, 0), listed = 1",
        params![id.to_bytes()],
    )
}

pub(super) fn blanked(db: &Connection, id: SegmentId) -> Result {
    execute(
        db,
        "DELETE FROM blanks WHERE segment = (SELECT segment FROM segments WHERE id = ?1)",
        params![id.to_bytes()],
    )
}

fn sealed(db: &Connection, id: SegmentId) -> Result<Option<i64>> {
    let sql = "SELECT segment FROM segments WHERE id = ?1 AND state IN ('sealed', 'missing')";
    prepare(db, sql)?
        .query_row(params![id.to_bytes()], |row| row.get(0))
        .optional()
}

pub(super) fn index(db: &Connection, segment: i64) -> Result<Option<SampleIndex>> {
    let samples: Option<Vec<u8>> = prepare(db, "SELECT samples FROM indexes WHERE segment = ?1")?
        .query_row(params![segment], |row| row.get(0))
        .optional()?;
    Ok(samples.and_then(|samples| SampleIndex::decode(&samples).ok()))
}

fn shared(db: &Connection, recording: i64, window: &Window) -> Result<Vec<Piece>> {
    let sql = format!(
        "SELECT {COLUMNS}
         FROM recordings r CROSS JOIN segments s ON {} CROSS JOIN publishes p ON p.publish = s.publish
         WHERE r.recording = ?1 AND s.end < ?3 AND s.state IN ('sealed', 'missing') ORDER BY s.end",
        between("r.stream", "max(r.start, ?2)", "min(r.end, ?3)")
    );
    prepare(db, &sql)?
        .query_map(params![recording, window.from, window.behind()], Piece::of)?
        .collect()
}

/// The parts of a segment that other recordings need. A recording without an interval needs the whole segment.
fn keeps(db: &Connection, segment: i64, but: i64) -> Result<Vec<(Micros, Micros)>> {
    let sql = format!(
        "SELECT iif(o.exact, o.start, {}),
            iif(NOT o.exact, {}, iif(o.state = 'open' AND NOT o.paused, ifnull(o.ends, {}), o.end))
         FROM segments s CROSS JOIN {SHARING}
         WHERE s.segment = ?1 AND o.recording <> ?2 AND {NEEDS}",
        Micros::MIN,
        Micros::MAX,
        Micros::MAX
    );
    prepare(db, &sql)?
        .query_map(params![segment, but], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// A segment of which fragments are to be written over.
#[derive(Clone, Debug)]
pub(in crate::store) struct Blank {
    pub(in crate::store) blocks: Blocks,
    /// Bytes of tape.
    pub(in crate::store) bytes: u64,
    /// How often footage within it was deleted.
    pub(in crate::store) cuts: i64,
}

impl Journal {
    /// Segments of which fragments are to be written over.
    pub(in crate::store) fn blanks(&self) -> std::result::Result<Vec<Blank>, StoreError> {
        let sql = BLOCKS.replace("s.end", "s.bytes, s.cuts").replace(
            "FROM segments s CROSS JOIN",
            "FROM blanks b CROSS JOIN segments s ON s.segment = b.segment CROSS JOIN",
        );
        self.all(&format!("{sql} WHERE +s.state = 'sealed'"), [], |row| {
            self.blank(row)
        })
    }

    /// Segments of which fragments were deleted and are written over, as far as this journal knows.
    pub(in crate::store) fn cut_segments(&self) -> std::result::Result<Vec<Blank>, StoreError> {
        let sql = BLOCKS.replace("s.end", "s.bytes, s.cuts").replace(
            "FROM segments s CROSS JOIN",
            "FROM segments s INDEXED BY segments_cut CROSS JOIN",
        );
        let sql = format!(
            "{sql} WHERE s.cuts > 0 AND +s.state = 'sealed' AND NOT EXISTS (SELECT 1 FROM blanks b WHERE b.segment = s.segment)"
        );
        self.all(&sql, [], |row| self.blank(row))
    }

    fn blank(&self, row: &rusqlite::Row<'_>) -> std::result::Result<Blank, StoreError> {
        Ok(Blank {
            blocks: self.blocks(row)?,
            bytes: number(self.col(row, 4)?),
            cuts: self.col(row, 5)?,
        })
    }

    /// Deletions that the list beside the tape does not name yet, with their removed parts.
    pub(in crate::store) fn unlisted(&self) -> std::result::Result<Vec<(RecordingId, Vec<u8>)>, StoreError> {
        let sql = "SELECT id, parts FROM deleted WHERE NOT listed AND left_us IS NOT NULL ORDER BY deletion";
        self.all(sql, [], |row| {
            Ok((RecordingId::from_bytes(self.col(row, 0)?), self.col(row, 1)?))
        })
    }

    /// Recordings that are still to be deleted.
    pub(in crate::store) fn doomed(&self) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = "SELECT id FROM deleted WHERE NOT listed AND left_us IS NULL ORDER BY deletion";
        self.all(sql, [], |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))
    }

    /// The recordings of which steps of the deletion are carried out, and others are not; the first to be deleted comes first.
    pub(in crate::store) fn half_deleted(&self) -> std::result::Result<Vec<RecordingId>, StoreError> {
        let sql = "SELECT id FROM deleting GROUP BY id ORDER BY min(step)";
        self.all(sql, [], |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))
    }

    /// What the last step of a deletion that has others to go removed, and the bytes of what the steps before removed.
    pub(in crate::store) fn last_step(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<(u64, Vec<u8>)>, StoreError> {
        let sql = "SELECT d.parts, (SELECT ifnull(sum(length(b.parts)), 0) FROM deleting b WHERE b.id = d.id AND b.step < d.step)
            FROM deleting d WHERE d.id = ?1 ORDER BY d.step DESC LIMIT 1";
        self.one(sql, params![id.to_bytes()], |row| {
            Ok((number(self.col(row, 1)?), self.col(row, 0)?))
        })
    }

    /// What all steps so far removed.
    pub(in crate::store) fn removed_so_far(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Vec<u8>, StoreError> {
        let sql = "SELECT parts FROM deleting WHERE id = ?1 ORDER BY step";
        let parts: Vec<Vec<u8>> = self.all(sql, params![id.to_bytes()], |row| self.col(row, 0))?;
        Ok(parts.concat())
    }

    /// True while the deletion of a recording has steps to go.
    pub(in crate::store) fn is_half_deleted(&self, id: RecordingId) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT 1 FROM deleting WHERE id = ?1 LIMIT 1";
        let found: Option<i64> = self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))?;
        Ok(found.is_some())
    }

    /// Recordings that were deleted, as far as this journal knows.
    pub(in crate::store) fn deleted(&self) -> std::result::Result<HashSet<RecordingId>, StoreError> {
        let sql = "SELECT id FROM deleted WHERE left_us IS NOT NULL";
        let ids = self.all(sql, [], |row| Ok(RecordingId::from_bytes(self.col(row, 0)?)))?;
        Ok(ids.into_iter().collect())
    }

    /// The state of a recording's deletion: how much of its footage is left, once the deletion is carried out.
    pub(in crate::store) fn deletion(
        &self,
        id: RecordingId,
    ) -> std::result::Result<Option<Option<Micros>>, StoreError> {
        let sql = "SELECT left_us FROM deleted WHERE id = ?1";
        self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))
    }
}
