//! Keeps the tally of each recording in its row (`runs`; and `length` and `bytes` once the recording is over), in the transaction that
//! changes its tape. A segment that comes or goes changes the tally without a look at the others. Where that is not enough, the
//! tally is none until the end of the transaction, and is added up anew there.

use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use super::Journal;
use super::candidates::SHARING;
use super::outbox::{Result, execute};
use super::query::{LIMIT, keys};
use super::ranges;
use super::read::{between, few};
use super::sql::prepare;
use crate::media::{Micros, RecordingId, SegmentId, Tracks};
use crate::store::tally::{Bounds, Extent, Part, Tally};
use crate::store::{RecordingSpec, StoreError};

/// How many tallies are added up in one go.
const SOME: usize = 500;

/// The columns of a recording `r` of which the tape is added up: [`Tallied::of`].
fn tallied() -> String {
    format!(
        "SELECT r.recording, r.stream, r.exact, r.start, {LIMIT}, r.spec, r.runs, r.state, r.composed FROM "
    )
}

/// A recording of which the tape is added up.
struct Tallied {
    recording: i64,
    stream: i64,
    bounds: Bounds,
    tally: Option<Tally>,
    grows: bool,
    /// It has the tape of its ranges.
    composed: bool,
}

impl Tallied {
    fn of(row: &Row<'_>) -> Result<Self> {
        let start: Micros = row.get(3)?;
        let spec: String = row.get(5)?;
        // Only a clip is shown from another moment on.
        let from = spec
            .contains("\"asked\"")
            .then(|| RecordingSpec::read(&spec).shown_from())
            .flatten();
        let runs: Option<String> = row.get(6)?;
        Ok(Self {
            recording: row.get(0)?,
            stream: row.get(1)?,
            bounds: Bounds {
                exact: row.get(2)?,
                start,
                from: from.map_or(start, |from| from.max(start)),
                limit: row.get(4)?,
            },
            tally: runs.and_then(|runs| Tally::read(&runs)),
            grows: row.get::<_, String>(7)? == "open",
            composed: row.get(8)?,
        })
    }
}

fn extent(row: &Row<'_>) -> Result<Extent> {
    Ok(Extent {
        segment: row.get(0)?,
        publish: row.get(1)?,
        start: row.get(2)?,
        end: row.get(3)?,
        bytes: super::read::number(row.get(4)?),
    })
}

const EXTENT: &str = "SELECT s.segment, s.publish, s.start, s.end, s.bytes FROM segments s";

/// Adds a segment that was sealed to the recordings that it belongs to.
pub(super) fn sealed(db: &Connection, id: SegmentId) -> Result {
    let Some(segment) = segment(db, id)? else {
        return Ok(());
    };
    for recording in sharing(db, segment.segment)? {
        let Some(part) = recording.bounds.part(&segment) else {
            continue;
        };
        let tally = recording.tally.clone();
        match tally.filter(|tally| tally.end().is_none_or(|end| end < part.to)) {
            Some(mut tally) => {
                tally.add(&part);
                Rows::new(db)?.write(&recording, &tally)?;
            }
            None => forget(db, recording.recording)?,
        }
    }
    Ok(())
}

/// Takes a segment, which is sealed no more, from the recordings that it belonged to.
pub(super) fn gone(db: &Connection, id: SegmentId) -> Result {
    let Some(segment) = segment(db, id)? else {
        return Ok(());
    };
    for recording in sharing(db, segment.segment)? {
        let Some(part) = recording.bounds.part(&segment) else {
            continue;
        };
        let [before, behind] = [
            "< (?2, ?3) ORDER BY s.end DESC, s.segment DESC",
            "> (?2, ?3) ORDER BY s.end, s.segment",
        ];
        let before = neighbour(db, &recording, &segment, before)?;
        let behind = neighbour(db, &recording, &segment, behind)?;
        let tally = recording.tally.clone();
        let left = tally.and_then(|tally| tally.without(&part, [before.as_ref(), behind.as_ref()]));
        match left {
            Some(tally) => Rows::new(db)?.write(&recording, &tally)?,
            None => forget(db, recording.recording)?,
        }
    }
    Ok(())
}

fn neighbour(db: &Connection, of: &Tallied, to: &Extent, which: &str) -> Result<Option<Part>> {
    let sql =
        format!("{EXTENT} WHERE s.stream = ?1 AND s.state = 'sealed' AND (s.end, s.segment) {which} LIMIT 1");
    let found = prepare(db, &sql)?
        .query_row(params![of.stream, to.end, to.segment], extent)
        .optional()?;
    Ok(found.and_then(|segment| of.bounds.part(&segment)))
}

fn segment(db: &Connection, id: SegmentId) -> Result<Option<Extent>> {
    let sql = format!("{EXTENT} WHERE s.id = ?1");
    prepare(db, &sql)?
        .query_row(params![id.to_bytes()], extent)
        .optional()
}

/// The recordings that a segment belongs to, or nearly belongs to.
fn sharing(db: &Connection, segment: i64) -> Result<Vec<Tallied>> {
    let columns = tallied();
    let over = format!(
        "{columns} segments s CROSS JOIN {SHARING} CROSS JOIN recordings r ON r.recording = o.recording
         WHERE s.segment = ?1 AND o.state <> 'open'"
    );
    let open = format!(
        "{columns} segments s CROSS JOIN recordings r INDEXED BY recordings_open
            ON r.stream = s.stream AND r.state = 'open'
         WHERE s.segment = ?1 AND r.start < s.end"
    );
    let mut all = Vec::new();
    for sql in [over, open] {
        let mut statement = prepare(db, &sql)?;
        let rows = statement.query_map(params![segment], Tallied::of)?;
        all.extend(rows.collect::<Result<Vec<_>>>()?);
    }
    Ok(all)
}

/// Has a recording added up anew.
pub(super) fn forget(db: &Connection, recording: i64) -> Result {
    execute(
        db,
        "UPDATE recordings SET runs = NULL WHERE recording = ?1",
        params![recording],
    )
}

/// Has the recordings added up anew that a segment belongs to, or will belong to.
pub(super) fn forget_with(db: &Connection, id: SegmentId) -> Result {
    match segment(db, id)? {
        Some(segment) => sharing(db, segment.segment)?
            .iter()
            .try_for_each(|recording| forget(db, recording.recording)),
        None => Ok(()),
    }
}

/// Has the expired recordings added up anew that share tape between two moments with a recording: its deletion does not spare them.
pub(super) fn forget_expired(db: &Connection, recording: i64, (from, to): (Micros, Micros)) -> Result {
    let sql = format!(
        "UPDATE recordings SET runs = NULL WHERE recording IN (SELECT o.recording FROM
                (SELECT stream, max(start, ?2) AS start, min(end, ?3) AS end FROM recordings WHERE recording = ?1) s
                CROSS JOIN {SHARING}
            WHERE o.state = 'expired')"
    );
    execute(db, &sql, params![recording, from, to])
}

/// Notes that a recording has another end. Its tally stays, unless some of the tape now lies behind the end.
pub(super) fn bounded(db: &Connection, id: RecordingId) -> Result {
    let sql = format!("{} recordings r WHERE r.id = ?1", tallied());
    let found = prepare(db, &sql)?
        .query_row(params![id.to_bytes()], Tallied::of)
        .optional()?;
    let Some(found) = found else { return Ok(()) };
    let within = |tally: &Tally| tally.end().is_none_or(|end| end <= found.bounds.limit);
    let tally = found.tally.clone();
    match tally.filter(|tally| found.bounds.exact && within(tally)) {
        Some(tally) => Rows::new(db)?.write(&found, &tally),
        None => forget(db, found.recording),
    }
}

/// Adds up the recordings that have no tally, some of them; false where there are none.
pub(super) fn add_up(db: &Connection) -> Result<bool> {
    let sql = format!("{} recordings r WHERE r.runs IS NULL LIMIT {SOME}", tallied());
    let found: Vec<Tallied> = prepare(db, &sql)?
        .query_map([], Tallied::of)?
        .collect::<Result<_>>()?;
    if found.is_empty() {
        return Ok(false);
    }
    let mut rows = Rows::new(db)?;
    // A range that is written has its composition added up again: compositions come behind all ranges.
    let (compositions, with_tape): (Vec<_>, Vec<_>) = found.iter().partition(|of| of.composed);
    for recording in with_tape {
        let tally = rows.added_up(recording)?;
        rows.write(recording, &tally)?;
    }
    for recording in compositions {
        rows.write_composed(recording.recording)?;
    }
    Ok(true)
}

/// The statements with which recordings are added up.
struct Rows<'a> {
    db: &'a Connection,
    sealed: Statement<'a>,
    open: Statement<'a>,
    update: Statement<'a>,
}

impl<'a> Rows<'a> {
    fn new(db: &'a Connection) -> Result<Self> {
        let sealed = format!(
            "{EXTENT} WHERE s.state = 'sealed' AND {} ORDER BY s.end, s.segment",
            between("?1", "?2", "?3")
        );
        let open = format!(
            "{EXTENT} WHERE {} AND +s.stream = ?1 AND s.start < ?2",
            few("open")
        );
        let update = "UPDATE recordings SET runs = ?2, length = ?3, bytes = ?4 WHERE recording = ?1";
        Ok(Self {
            db,
            sealed: prepare(db, &sealed)?,
            open: prepare(db, &open)?,
            update: prepare(db, update)?,
        })
    }

    fn added_up(&mut self, of: &Tallied) -> Result<Tally> {
        let mut rows = self
            .sealed
            .query(params![of.stream, of.bounds.start, of.bounds.limit])?;
        let mut tally = Tally::default();
        while let Some(row) = rows.next()? {
            if let Some(part) = of.bounds.part(&extent(row)?) {
                tally.add(&part);
            }
        }
        Ok(tally)
    }

    /// What a recording has of segments that are being written, as far as they are durable.
    fn open_parts(&mut self, of: &Tallied) -> Result<Vec<Part>> {
        let rows = self.open.query_map(params![of.stream, of.bounds.limit], extent)?;
        let parts = rows.map(|segment| Ok(of.bounds.part(&segment?)));
        parts.filter_map(Result::transpose).collect()
    }

    /// Writes the tally of a composition.
    fn write_composed(&mut self, composition: i64) -> Result {
        let (tally, length, bytes) = ranges::added_up(self.db, composition)?;
        let written = tally.map(|tally| tally.written()).unwrap_or_default();
        self.update
            .execute(params![composition, written, length, bytes])
            .map(drop)
    }

    /// Writes a tally. A recording that grows counts as longer and larger than all others, so its length and bytes stay none. One
    /// that ended within a segment that others need has a part of it before it is sealed.
    fn write(&mut self, of: &Tallied, tally: &Tally) -> Result {
        let mut whole = (!of.grows).then(|| tally.clone());
        if let Some(whole) = &mut whole {
            self.open_parts(of)?.iter().for_each(|part| whole.add(part));
        }
        let bytes = whole.as_ref().map(|whole| super::outbox::whole(whole.bytes));
        let length = whole.as_ref().map(|whole| whole.length);
        let values = params![of.recording, tally.written(), length, bytes];
        self.update.execute(values).map(drop)
    }
}

impl Journal {
    /// Adds up a recording by its segments, a composition range by range.
    pub(in crate::store) fn added_up(&self, recording: i64) -> std::result::Result<Tally, StoreError> {
        let sql = format!(
            "{} recordings r WHERE r.recording = ?1 AND NOT r.composed OR r.whole = ?1 ORDER BY r.position",
            tallied()
        );
        let ranges = self.all(&sql, params![recording], |row| {
            Tallied::of(row).map_err(|error| self.error(error))
        })?;
        let add_up = || -> Result<Tally> {
            let mut rows = Rows::new(&self.connection)?;
            let mut all = Tally::default();
            for range in &ranges {
                all = ranges::joined(all, rows.added_up(range)?);
            }
            Ok(all)
        };
        add_up().map_err(|error| self.error(error))
    }

    /// UTC less tape time for each of these publishes.
    pub(in crate::store) fn zeros(
        &self,
        publishes: &[i64],
        mut each: impl FnMut(i64, Micros),
    ) -> std::result::Result<(), StoreError> {
        let sql = "SELECT p.publish, utc_offset + boot_zero - tape_zero
             FROM json_each(?1) k CROSS JOIN publishes p ON p.publish = k.value CROSS JOIN boots b ON b.boot = p.boot";
        self.each(sql, params![keys(publishes)], |row| {
            each(self.col(row, 0)?, self.col(row, 1)?);
            Ok(())
        })
    }

    /// The tracks of each of these segments.
    pub(in crate::store) fn tracks_of_each(
        &self,
        segments: &[i64],
        mut each: impl FnMut(i64, &Tracks),
    ) -> std::result::Result<(), StoreError> {
        let sql =
            "SELECT s.segment, s.tracks FROM json_each(?1) k CROSS JOIN segments s ON s.segment = k.value";
        let mut decode = super::query::memo();
        self.each(sql, params![keys(segments)], |row| {
            let text: String = self.col(row, 1)?;
            let tracks = decode(&text).ok_or_else(|| self.row_error("segments.tracks"))?;
            each(self.col(row, 0)?, &tracks);
            Ok(())
        })
    }

    /// Recordings of which the tally is not what their segments add up to.
    #[cfg(test)]
    pub(in crate::store) fn wrong_tallies(&self) -> Vec<String> {
        // One that is deleted in steps keeps its tally until it is gone.
        let sql = format!(
            "{} recordings r {} WHERE NOT EXISTS (SELECT 1 FROM deleting d WHERE d.id = r.id)",
            tallied(),
            super::sql::WHOLE
        );
        let all = self.all(&sql, [], |row| Ok(Tallied::of(row).unwrap())).unwrap();
        let keys = "SELECT length, bytes FROM recordings WHERE recording = ?1";
        let mut rows = Rows::new(&self.connection).unwrap();
        let wrong = all.iter().filter_map(|of| {
            let right = if of.composed {
                self.added_up(of.recording).unwrap()
            } else {
                rows.added_up(of).unwrap()
            };
            let found: (Option<i64>, Option<i64>) = self
                .one(keys, params![of.recording], |row| {
                    Ok((self.col(row, 0)?, self.col(row, 1)?))
                })
                .unwrap()?;
            // A segment that is still open may have grown meanwhile.
            let is_sure = of.grows || rows.open_parts(of).unwrap().is_empty();
            let length = if of.composed {
                ranges::added_up(&self.connection, of.recording).unwrap().1
            } else {
                right.length
            };
            let keys = (!of.grows).then_some((length, right.bytes as i64));
            let same = of.tally.as_ref() == Some(&right) && (!is_sure || found.0.zip(found.1) == keys);
            (!same).then(|| format!("{:?}, {found:?}, and not {right:?}, {keys:?}", of.tally))
        });
        wrong.collect()
    }
}
