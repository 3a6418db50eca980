//! The lists of sealed segments, of their chunks and of their fragments: what playlists are made of without a look at any sample
//! index.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::op::Sealed;
use super::outbox::execute;
use super::read::SegmentState;
use super::read::{between, number};
use super::sql::prepare;
use super::window::Window;
use super::{Journal, tracks};
use crate::format::chunks::ChunkList;
use crate::media::{ChunkNumbers, Micros, SegmentId, StreamName, Tracks};
use crate::store::StoreError;

/// A numbered segment with what is known of its chunks.
#[derive(Clone, Debug)]
pub(in crate::store) struct ListedRow {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) state: SegmentState,
    /// How often footage within it was deleted on request.
    pub(in crate::store) cuts: i64,
    /// Rows with equal tracks that follow each other share them.
    pub(in crate::store) tracks: Arc<Tracks>,
    /// Tape time of the publish's media time zero, and UTC of that moment.
    pub(in crate::store) zero: (Micros, Micros),
    pub(in crate::store) numbers: ChunkNumbers,
    /// How many chunks it has.
    pub(in crate::store) chunks: u64,
    pub(in crate::store) list: List,
}

/// What the journal has of a segment's chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum List {
    Known(ChunkList),
    /// The segment is of a release that wrote none, or is open.
    None,
    /// Bytes that are no list of this segment.
    Bad,
}

/// A segment and its list, encoded, if it has one.
pub(in crate::store) type EncodedList = (SegmentId, Option<Vec<u8>>);

/// A place between two segments of a stream: behind the one with this end and this row.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct After(Micros, i64);

impl After {
    /// Before all segments.
    pub(in crate::store) const NOTHING: Self = Self(Micros::MIN, i64::MIN);
}

/// How a list of chunks is found.
const LIST: &str = "(SELECT l.chunks FROM chunk_lists l WHERE l.segment = s.segment)";

/// Rows with their lists.
fn listed(list: &str) -> String {
    format!(
        "SELECT s.segment, s.id, s.state, s.cuts, s.end, tracks, tape_zero, utc_offset + boot_zero, {list},
            s.chunk, s.chunks, s.discontinuity, s.breaks, s.skipped, s.target_s, s.complete
         FROM segments s CROSS JOIN publishes p ON p.publish = s.publish CROSS JOIN boots b ON b.boot = p.boot"
    )
}

/// Reads rows with their lists; where a page of the lists is damaged, without: the sample indexes say the same.
fn with_lists<T>(read: impl Fn(&str) -> Result<T, StoreError>) -> Result<T, StoreError> {
    read(&listed(LIST)).or_else(|_| read(&listed("x''")))
}

const STREAM: &str = "(SELECT stream FROM streams WHERE name = ?1)";

/// Writes the lists of a sealed segment that has all its footage; that of its chunks, if they have numbers.
pub(super) fn put(db: &Connection, sealed: &Sealed) -> rusqlite::Result<()> {
    execute(
        db,
        "INSERT OR REPLACE INTO fragment_lists (segment, fragments) SELECT segment, ?2 FROM segments
         WHERE id = ?1 AND state = 'sealed' AND cuts = 0",
        params![sealed.id.to_bytes(), sealed.fragments],
    )?;
    execute(
        db,
        "INSERT OR REPLACE INTO chunk_lists (segment, chunks) SELECT segment, ?2 FROM segments
         WHERE id = ?1 AND state = 'sealed' AND chunk IS NOT NULL AND cuts = 0",
        params![sealed.id.to_bytes(), sealed.list],
    )
}

/// Removes the lists of a segment that has not all its footage any more.
pub(super) fn remove(db: &Connection, segment: i64) -> rusqlite::Result<()> {
    execute(
        db,
        "DELETE FROM fragment_lists WHERE segment = ?1",
        params![segment],
    )?;
    execute(db, "DELETE FROM chunk_lists WHERE segment = ?1", params![segment])
}

impl Journal {
    /// The last segments of a stream that have numbers, newest first, at most `most` of them, and as long as `takes` gives true.
    pub(in crate::store) fn last_listed(
        &self,
        stream: &StreamName,
        most: u64,
        takes: impl Fn(&[ListedRow], &ListedRow) -> bool,
    ) -> Result<Vec<ListedRow>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        with_lists(|listed| {
            let sql = format!(
                "{listed} WHERE s.stream = {STREAM} AND s.chunk IS NOT NULL
                 ORDER BY s.chunk DESC, s.sequence DESC LIMIT ?2"
            );
            let (mut shared, mut all) = (Shared::default(), Vec::new());
            let mut statement = prepare(&self.connection, &sql).map_err(|error| self.error(error))?;
            let rows = statement.query(params![stream.as_str(), most]);
            let mut rows = rows.map_err(|error| self.error(error))?;
            while let Some(row) = rows.next().map_err(|error| self.error(error))? {
                let row = self.listed_row(row, &mut shared)?;
                if !takes(&all, &row) {
                    break;
                }
                all.push(row);
            }
            Ok(all)
        })
    }

    /// The next sealed segments of a stream that have numbers and lie between two moments (UTC), in the order of the tape, at most
    /// `most` of them; and where the next ones follow.
    pub(in crate::store) fn listed_between(
        &self,
        stream: &StreamName,
        (from, to): (Micros, Micros),
        within: Window,
        (after, most): (After, usize),
    ) -> Result<(Vec<ListedRow>, After), StoreError> {
        let utc = |time: &str| format!("b.utc_offset + p.boot_zero + (s.{time} - p.tape_zero)");
        // Rows that end together with the last one may follow.
        let begins = within.from.max(after.0.saturating_sub(1));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        with_lists(|listed| {
            let sql = format!(
                "{listed} WHERE s.state = 'sealed' AND s.cuts = 0 AND +s.chunk IS NOT NULL
                    AND {} AND {} < ?3 AND {} > ?2 AND (s.end, s.segment) > (?6, ?7)
                 ORDER BY s.end, s.segment LIMIT ?8",
                between(STREAM, "?4", "?5"),
                utc("start"),
                utc("end"),
            );
            let values = params![
                stream.as_str(),
                from,
                to,
                begins,
                within.to,
                after.0,
                after.1,
                most
            ];
            let (mut shared, mut last) = (Shared::default(), after);
            let rows = self.all(&sql, values, |row| {
                last = After(self.col(row, 4)?, self.col(row, 0)?);
                self.listed_row(row, &mut shared)
            })?;
            Ok((rows, last))
        })
    }

    /// The state of a segment; `None` where it is gone.
    pub(in crate::store) fn state_of(&self, id: SegmentId) -> Result<Option<SegmentState>, StoreError> {
        let sql = "SELECT state FROM segments WHERE id = ?1";
        self.one(sql, params![id.to_bytes()], |row| self.state(row, 0))
    }

    /// The list of the fragments of a sealed segment, encoded.
    pub(in crate::store) fn fragment_list(&self, id: SegmentId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT fragments FROM segments s JOIN fragment_lists f ON f.segment = s.segment
             WHERE id = ?1 AND state = 'sealed' AND cuts = 0";
        self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))
    }

    /// The lists of the fragments of a segment and of so many segments before and behind it, encoded. Nothing for a segment that
    /// has none.
    pub(in crate::store) fn fragment_lists(
        &self,
        id: SegmentId,
        around: u32,
    ) -> Result<Vec<EncodedList>, StoreError> {
        let sql = "SELECT n.id, iif(n.state = 'sealed' AND n.cuts = 0, f.fragments, NULL)
             FROM segments s CROSS JOIN segments n
                ON n.stream = s.stream AND n.sequence BETWEEN s.sequence - ?2 AND s.sequence + ?2
             LEFT JOIN fragment_lists f ON f.segment = n.segment WHERE s.id = ?1";
        self.all(sql, params![id.to_bytes(), around], |row| {
            Ok((SegmentId::from_bytes(self.col(row, 0)?), self.col(row, 1)?))
        })
    }

    /// The list of the chunks of a sealed segment, encoded.
    pub(in crate::store) fn chunk_list(&self, id: SegmentId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT l.chunks FROM segments s JOIN chunk_lists l ON l.segment = s.segment
             WHERE id = ?1 AND state = 'sealed' AND cuts = 0";
        self.one(sql, params![id.to_bytes()], |row| self.col(row, 0))
    }

    /// How many lists of chunks there are.
    #[cfg(test)]
    pub(in crate::store) fn count_lists(&self) -> i64 {
        let sql = "SELECT /* whole table */ count(*) FROM chunk_lists";
        self.one(sql, [], |row| self.col(row, 0)).unwrap().unwrap()
    }

    fn listed_row(&self, row: &Row<'_>, shared: &mut Shared) -> Result<ListedRow, StoreError> {
        let text = row.get_ref(5).map_err(|error| self.error(error))?;
        let text = text.as_str().map_err(|_| self.row_error("segments.tracks"))?;
        let tracks = shared.of(text).ok_or_else(|| self.row_error("segments.tracks"))?;
        let chunks = self.col::<Option<i64>>(row, 10)?.map_or(0, number);
        let list = match row.get_ref(8).map_err(|error| self.error(error))? {
            ValueRef::Blob(blob) => match ChunkList::decode(blob) {
                Some(list) if list.chunks.len() as u64 == chunks => List::Known(list),
                Some(_) | None => List::Bad,
            },
            _ => List::None,
        };
        Ok(ListedRow {
            id: SegmentId::from_bytes(self.col(row, 1)?),
            state: self.state(row, 2)?,
            cuts: self.col(row, 3)?,
            tracks,
            zero: (self.col(row, 6)?, self.col(row, 7)?),
            numbers: self
                .numbers_at(row, 9)?
                .ok_or_else(|| self.row_error("segments.chunk"))?,
            chunks,
            list,
        })
    }
}

/// The tracks of the row before.
#[derive(Default)]
struct Shared {
    text: String,
    tracks: Option<Arc<Tracks>>,
}

impl Shared {
    fn of(&mut self, text: &str) -> Option<Arc<Tracks>> {
        if self.tracks.is_none() || self.text != text {
            self.tracks = Some(Arc::new(tracks::decode(text)?));
            text.clone_into(&mut self.text);
        }
        self.tracks.clone()
    }
}
