//! Writes and reads the state of deliveries in the journal.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::outbox::{Result, execute, post, whole};
use super::ranges::FOUND_AGAIN;
use super::read::number;
use super::review::{UNBLOCKED, is_held_back};
use super::sql::{WHOLE, formats_of, prepare};
use super::{Journal, facts, tags, tracks};
use crate::event::{Event, RecordingDelivered, rfc3339};
use crate::format::Format;
use crate::media::{Micros, RecordingId, Tracks};
use crate::model::Media;
use crate::store::delivery::{
    Backlog, DeliveryChange, Layout, Piece, Rendition, RenditionId, RenditionState, ToDeliver, Upload,
    WaitingOrder,
};
use crate::store::{RecordingSpec, StoreError};

/// Most keys that are remembered of renditions whose recordings are gone. A remembered key is given to no later rendition.
const REMEMBERED: i64 = 20_000;

/// The condition that a recording is not held back, and that nothing is to be removed because it was: what its transfers said is still
/// true. Else it is delivered again when it is passed and its former files are removed.
const SETTLED: &str = "(review IS NULL OR (review = 0
    AND NOT EXISTS (SELECT 1 FROM renditions d WHERE d.recording = recordings.id AND d.state = 'removing' AND NOT d.gone)))";

/// The condition that a recording `r` is no piece of a session that becomes one recording in its place: such a piece is delivered when
/// the session is over and it stayed.
/// Where no whole will be made of its output, it is delivered at once.
const NO_PIECE: &str = concat!(
    "NOT (iif(json_valid(r.spec), ifnull(json_extract(r.spec, '$.reel.compose_drop'), 0), 0)
    AND EXISTS (SELECT 1 FROM shelves h WHERE h.shelf = 'compose' AND h.id = json_extract(r.spec, '$.session')
        AND NOT EXISTS (SELECT 1 FROM json_each(iif(json_valid(h.body), h.body, '{}'), '$.given_up') g WHERE g.value = ",
    formats_of!(),
    ")))"
);

/// Notes that all files of a recording are at their destination.
pub(super) fn delivered(db: &Connection, recording: RecordingId) -> Result {
    let sql =
        format!("UPDATE recordings SET state = 'delivered' WHERE id = ?1 AND state = 'closed' AND {SETTLED}");
    execute(db, &sql, params![recording.to_bytes()])
}

pub(super) fn change(db: &Connection, change: &DeliveryChange, utc: Micros) -> Result {
    match change {
        DeliveryChange::Put(rendition) => put(db, rendition, utc),
        DeliveryChange::Piece(id, piece) => execute(
            db,
            "INSERT OR REPLACE INTO pieces (rendition, name, bytes, crc, etag, mark)
             SELECT rendition, ?4, ?5, ?6, ?7, ?8 FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3",
            params![
                id.recording.to_bytes(),
                id.format.as_str(),
                id.part,
                piece.name,
                whole(piece.bytes),
                piece.crc,
                piece.etag,
                piece.mark
            ],
        ),
        DeliveryChange::Restart(id) => restart(db, *id),
        DeliveryChange::Forget(id) => {
            restart(db, *id)?;
            execute(
                db,
                "DELETE FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3",
                params![id.recording.to_bytes(), id.format.as_str(), id.part],
            )
        }
        DeliveryChange::Abandoned { key, upload } => execute(
            db,
            "DELETE FROM abandoned WHERE key = ?1 AND upload = ?2",
            params![key, upload],
        ),
        DeliveryChange::Failed(recording, aside) => {
            let sql = format!("UPDATE recordings SET aside = ?2 WHERE id = ?1 AND (NOT ?2 OR {SETTLED})");
            execute(db, &sql, params![recording.to_bytes(), aside])
        }
        DeliveryChange::RetryAll => {
            execute(
                db,
                "UPDATE renditions SET state = 'waiting' WHERE state = 'failed'",
                [],
            )?;
            retry_removals(db)?;
            execute(db, "UPDATE recordings SET aside = 0 WHERE aside", [])
        }
        DeliveryChange::RetryRemovals => retry_removals(db),
        DeliveryChange::Tagged(id, status) => tags::said(db, *id, *status),
        DeliveryChange::NotTagged(id, status, reason) => tags::refused(db, *id, *status, reason),
        DeliveryChange::TagFails(id, status, reason) => tags::fails(db, *id, *status, reason),
        DeliveryChange::TagAgain(id) => tags::say_again(db, *id),
        DeliveryChange::Spoiled(id) => tags::spoiled(db, *id),
        DeliveryChange::Remove(recording) => execute(
            db,
            "UPDATE renditions SET state = 'removing', error = NULL WHERE recording = ?1 AND key IS NOT NULL",
            params![recording.to_bytes()],
        ),
        DeliveryChange::NotRemoved(id, reason) => execute(
            db,
            "UPDATE renditions SET state = 'removing', error = ?4 WHERE recording = ?1 AND format = ?2 AND part = ?3",
            params![id.recording.to_bytes(), id.format.as_str(), id.part, reason],
        ),
    }
}

fn retry_removals(db: &Connection) -> Result {
    execute(
        db,
        "UPDATE renditions SET error = NULL WHERE state = 'removing' AND error IS NOT NULL",
        [],
    )?;
    tags::retry(db)
}

fn put(db: &Connection, rendition: &Rendition, utc: Micros) -> Result {
    let id = rendition.id;
    let (recording, format) = (id.recording.to_bytes(), id.format.as_str());
    let known: Option<String> = prepare(
        db,
        "SELECT state FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3",
    )?
    .query_row(params![recording, format, id.part], |row| row.get(0))
    .optional()?;
    // A rendition that is to be removed stays in this state.
    let upload = rendition.upload.as_ref();
    if known.as_deref() == Some("removing") {
        // An upload that was begun meanwhile goes with it.
        return upload.map_or(Ok(()), |upload| abandon(db, rendition, upload));
    }
    if known.as_deref() != Some("delivered") && is_held_back(db, id.recording)? {
        // It was held back meanwhile: what was begun is given up, and a file that arrived is to be removed.
        return match (rendition.state, upload) {
            (RenditionState::Delivered, _) => enter_removal(db, rendition),
            (_, Some(upload)) => abandon(db, rendition, upload),
            (_, None) => Ok(()),
        };
    }
    if known.is_none() && !is_here(db, id.recording)? {
        // The recording was deleted meanwhile: an upload that was begun is to be given up, and a file that arrived is to be
        // removed.
        let arrived = rendition.state == RenditionState::Delivered;
        return match upload {
            Some(upload) => abandon(db, rendition, upload),
            None if arrived && was_deleted(db, id.recording)? => remove_late(db, rendition),
            None => Ok(()),
        };
    }
    execute(
        db,
        "INSERT INTO renditions (recording, format, part, state, store, key, url, bytes, crc, etag, upload, layout,
            inits, chunks, error, delivered, remove_at, master_url, days)
         VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, ''), ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT (recording, format, part) DO UPDATE SET state = excluded.state, store = excluded.store,
            key = excluded.key, url = excluded.url, bytes = excluded.bytes, crc = excluded.crc, etag = excluded.etag,
            upload = excluded.upload, layout = excluded.layout, inits = excluded.inits, chunks = excluded.chunks,
            error = excluded.error, delivered = excluded.delivered,
            remove_at = excluded.remove_at, master_url = excluded.master_url, days = excluded.days",
        params![
            recording,
            format,
            id.part,
            rendition.state.as_str(),
            rendition.store,
            rendition.key,
            rendition.url,
            whole(rendition.bytes),
            rendition.crc,
            rendition.etag,
            upload.map(|upload| upload.id.as_deref().unwrap_or_default()),
            upload.map(|upload| whole(upload.layout.written())),
            rendition.inits,
            rendition.chunks,
            rendition.error,
            rendition.delivered,
            rendition.remove_at,
            rendition.master_url,
            rendition.days,
        ],
    )?;
    if rendition.state != RenditionState::Delivered {
        return Ok(());
    }
    execute(
        db,
        "DELETE FROM pieces WHERE rendition IN
            (SELECT rendition FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3)",
        params![recording, format, id.part],
    )?;
    execute(
        db,
        "DELETE FROM renditions WHERE gone AND remove_at IS NULL AND rendition <=
            (SELECT rendition FROM renditions WHERE gone AND remove_at IS NULL ORDER BY rendition DESC LIMIT 1 OFFSET ?1)",
        params![REMEMBERED],
    )?;
    match known.as_deref() {
        Some("delivered") => Ok(()),
        _ => tell(db, rendition, utc),
    }
}

fn is_here(db: &Connection, recording: RecordingId) -> Result<bool> {
    prepare(db, "SELECT EXISTS (SELECT 1 FROM recordings WHERE id = ?1)")?
        .query_row(params![recording.to_bytes()], |row| row.get(0))
}

/// True of a recording that somebody asked to delete. A recording that was given up for space is not deleted: its delivered
/// files are all that is left of it.
fn was_deleted(db: &Connection, recording: RecordingId) -> Result<bool> {
    prepare(db, "SELECT EXISTS (SELECT 1 FROM deleted WHERE id = ?1)")?
        .query_row(params![recording.to_bytes()], |row| row.get(0))
}

/// Enters the removal of a delivered file whose recording is gone: no other row names that file.
fn remove_late(db: &Connection, rendition: &Rendition) -> Result {
    let id = rendition.id;
    execute(
        db,
        "INSERT OR REPLACE INTO renditions (recording, format, part, state, store, key, url, bytes, etag, inits, chunks, gone)
         VALUES (?1, ?2, ?3, 'removing', ?4, nullif(?5, ''), ?6, ?7, ?8, ?9, ?10, 1)",
        params![
            id.recording.to_bytes(),
            id.format.as_str(),
            id.part,
            rendition.store,
            rendition.key,
            rendition.url,
            whole(rendition.bytes),
            rendition.etag,
            rendition.inits,
            rendition.chunks,
        ],
    )
}

/// Enters the removal of a file of a recording that is there.
fn enter_removal(db: &Connection, rendition: &Rendition) -> Result {
    remove_late(db, rendition)?;
    let id = rendition.id;
    execute(
        db,
        "UPDATE renditions SET gone = 0 WHERE recording = ?1 AND format = ?2 AND part = ?3",
        params![id.recording.to_bytes(), id.format.as_str(), id.part],
    )
}

fn abandon(db: &Connection, rendition: &Rendition, upload: &Upload) -> Result {
    execute(
        db,
        "INSERT OR IGNORE INTO abandoned (key, upload, store) VALUES (?1, ?2, ?3)",
        params![
            rendition.key,
            upload.id.as_deref().unwrap_or_default(),
            rendition.store
        ],
    )
}

fn tell(db: &Connection, rendition: &Rendition, utc: Micros) -> Result {
    let sql = "WITH zero AS (SELECT utc_offset + boot_zero - tape_zero AS zero, p.publish AS of
            FROM publishes p JOIN boots USING (boot))
         SELECT name, spec, a.zero + start, ifnull(z.zero, a.zero) + end,
            iif(r.composed, ifnull(r.length, (SELECT sum(ifnull(x.length, x.end - x.start)) FROM recordings x WHERE x.whole = r.recording)), NULL)
         FROM recordings r
            JOIN streams t ON t.stream = r.stream JOIN zero a ON a.of = r.publish LEFT JOIN zero z ON z.of = r.last_publish
         WHERE r.id = ?1";
    let found = prepare(db, sql)?
        .query_row(params![rendition.id.recording.to_bytes()], |row| {
            Ok((
                row.get::<_, String>(0)?,
                RecordingSpec::read(&row.get::<_, String>(1)?),
                row.get::<_, Micros>(2)?,
                row.get::<_, Micros>(3)?,
                row.get::<_, Option<Micros>>(4)?,
            ))
        })
        .optional()?;
    let Some((stream, spec, start, end, length)) = found else {
        return Ok(());
    };
    let tracks = tracks_of(db, rendition.id.recording)?.unwrap_or_default();
    let (picture, sound) = match (rendition.id.format, spec.output.media) {
        (Format::Aac, _) | (_, Media::Audio) => (false, true),
        (_, Media::Video) => (true, false),
        (_, Media::Both) => (true, true),
    };
    let video = tracks.video.as_deref().filter(|_| picture);
    let audio = tracks.audio.as_deref().filter(|_| sound);
    let event = Event::RecordingDelivered(Box::new(RecordingDelivered {
        stream,
        recording: rendition.id.recording.to_string(),
        format: rendition.id.format.to_string(),
        part: rendition.id.part,
        url: rendition.url.clone(),
        master_url: rendition.master_url.clone(),
        key: rendition.key.clone(),
        bytes: rendition.bytes,
        checksum: rendition.crc.map(|crc| format!("crc32c:{crc:08x}")),
        etag: rendition.etag.clone(),
        start: rfc3339(start),
        end: rfc3339(end),
        // The ranges of a composition may be years apart.
        duration_s: length.unwrap_or_else(|| end.saturating_sub(start)) as f64 / 1e6,
        video_codec: video.map(|video| video.codec.as_str().to_owned()),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        audio_codec: audio.map(|audio| audio.codec.as_str().to_owned()),
        label: facts::label(db, rendition.id.recording)?,
        about: spec.about,
    }));
    post(db, &event, utc)
}

/// The tracks of a recording's first tape, while that tape is there.
fn tracks_of(db: &Connection, recording: RecordingId) -> Result<Option<Tracks>> {
    let sql = "SELECT tracks FROM recordings w CROSS JOIN recordings r ON r.recording =
            iif(w.composed, (SELECT x.recording FROM recordings x WHERE x.whole = w.recording ORDER BY x.position LIMIT 1), w.recording)
            CROSS JOIN segments s ON s.stream = r.stream
         WHERE w.id = ?1 AND s.end > r.start AND s.start < r.end AND s.state NOT IN ('spare', 'wipe')
         ORDER BY s.end LIMIT 1";
    let found: Option<String> = prepare(db, sql)?
        .query_row(params![recording.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|text| tracks::decode(&text)))
}

fn restart(db: &Connection, id: RenditionId) -> Result {
    let params = params![id.recording.to_bytes(), id.format.as_str(), id.part];
    execute(
        db,
        "INSERT OR IGNORE INTO abandoned (key, upload, store) SELECT key, upload, store FROM renditions
         WHERE recording = ?1 AND format = ?2 AND part = ?3 AND upload IS NOT NULL AND key IS NOT NULL",
        params,
    )?;
    execute(
        db,
        "DELETE FROM pieces WHERE rendition IN
            (SELECT rendition FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3)",
        params,
    )?;
    execute(
        db,
        "UPDATE renditions SET upload = NULL, layout = NULL, inits = 0, chunks = 0, bytes = 0
         WHERE recording = ?1 AND format = ?2 AND part = ?3",
        params,
    )
}

pub(super) const RENDITION: &str =
    "d.recording, format, part, d.state, store, d.key, url, d.bytes, crc, etag, upload, layout, inits,
        chunks, error, delivered, remove_at, master_url, days";

impl Journal {
    /// Recordings that are to be delivered: the open ones first, then the closed ones.
    pub(in crate::store) fn to_deliver(
        &self,
        order: WaitingOrder,
        open: bool,
        limit: usize,
    ) -> std::result::Result<Vec<ToDeliver>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |open: bool| {
            move |row: &Row<'_>| {
                Ok(ToDeliver {
                    recording: RecordingId::from_bytes(self.col(row, 0)?),
                    open,
                    formats: RecordingSpec::read(&self.col::<String>(row, 1)?).output.formats,
                })
            }
        };
        let mut found = Vec::new();
        if open {
            let sql = format!(
                "SELECT id, spec FROM recordings r INDEXED BY recordings_open
                 WHERE state = 'open' AND ifnull(review, 0) = 0 AND {UNBLOCKED} AND {NO_PIECE} ORDER BY recording LIMIT ?1"
            );
            found = self.all(&sql, params![limit], read(true))?;
        }
        let direction = match order {
            WaitingOrder::NewestFirst => "DESC",
            WaitingOrder::OldestFirst => "ASC",
        };
        let sql = format!(
            "SELECT id, spec FROM recordings r INDEXED BY recordings_deliver
             WHERE state = 'closed' AND NOT aside AND whole IS NULL AND ifnull(review, 0) = 0 AND end > {} AND {UNBLOCKED} AND {NO_PIECE}
             ORDER BY end {direction} LIMIT ?1",
            Micros::MIN
        );
        found.extend(self.all(&sql, params![limit], read(false))?);
        Ok(found)
    }

    /// The renditions of a recording.
    pub(in crate::store) fn renditions(
        &self,
        recording: RecordingId,
    ) -> std::result::Result<Vec<Rendition>, StoreError> {
        let sql = format!("SELECT {RENDITION} FROM renditions d WHERE recording = ?1 ORDER BY format, part");
        self.all(&sql, params![recording.to_bytes()], |row| self.rendition(row))
    }

    /// The pieces of a rendition in delivery that the object store has.
    pub(in crate::store) fn pieces(&self, id: RenditionId) -> std::result::Result<Vec<Piece>, StoreError> {
        let sql = "SELECT name, bytes, crc, etag, mark FROM pieces WHERE rendition =
            (SELECT rendition FROM renditions WHERE recording = ?1 AND format = ?2 AND part = ?3)";
        let params = params![id.recording.to_bytes(), id.format.as_str(), id.part];
        self.all(sql, params, |row| {
            Ok(Piece {
                name: self.col(row, 0)?,
                bytes: number(self.col(row, 1)?),
                crc: self.col(row, 2)?,
                etag: self.col(row, 3)?,
                mark: self.col(row, 4)?,
            })
        })
    }

    /// Bytes of the pieces of a recording's renditions in delivery, by format.
    pub(in crate::store) fn sent_pieces(
        &self,
        recording: RecordingId,
    ) -> std::result::Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT r.format, sum(p.bytes) FROM renditions r JOIN pieces p ON p.rendition = r.rendition
            WHERE r.recording = ?1 AND r.state = 'waiting' GROUP BY r.format";
        self.all(sql, params![recording.to_bytes()], |row| {
            Ok((self.col(row, 0)?, number(self.col(row, 1)?)))
        })
    }

    /// True when another rendition has, or had, this key or one within it.
    pub(in crate::store) fn key_is_taken(
        &self,
        key: &str,
        by_other_than: RenditionId,
    ) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM renditions WHERE key = ?1
            AND NOT (recording = ?2 AND format = ?3 AND part = ?4))";
        let id = by_other_than;
        let params = params![key, id.recording.to_bytes(), id.format.as_str(), id.part];
        Ok(self.one(sql, params, |row| self.col(row, 0))?.unwrap_or(false))
    }

    /// Uploads that are to be given up: store, key, and the upload's name. Without a name, every upload that was begun under
    /// the key.
    pub(in crate::store) fn abandoned(
        &self,
        limit: usize,
    ) -> std::result::Result<Vec<(String, String, String)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(
            "SELECT store, key, upload FROM abandoned LIMIT ?1",
            params![limit],
            |row| Ok((self.col(row, 0)?, self.col(row, 1)?, self.col(row, 2)?)),
        )
    }

    /// Renditions that are due to be removed from their store.
    pub(in crate::store) fn to_remove(
        &self,
        utc: Micros,
        limit: usize,
    ) -> std::result::Result<Vec<Rendition>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let removing = format!(
            "SELECT {RENDITION} FROM renditions d WHERE state = 'removing' AND error IS NULL LIMIT ?1"
        );
        let mut found = self.all(&removing, params![limit], |row| self.rendition(row))?;
        let due = format!(
            "SELECT {RENDITION} FROM renditions d
             WHERE (state = 'removing' OR state = 'delivered') AND remove_at <= ?1 AND +state = 'delivered'
             ORDER BY remove_at LIMIT ?2"
        );
        found.extend(self.all(&due, params![utc, limit], |row| self.rendition(row))?);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The number and the size of the deliveries that wait.
    pub(in crate::store) fn backlog(&self) -> std::result::Result<Backlog, StoreError> {
        let sql = format!(
            "SELECT {WHOLE} a.count + b.count, b.count, a.bytes + b.bytes
             FROM (SELECT count(*) AS count, ifnull(sum(bytes), 0) AS bytes FROM recordings INDEXED BY recordings_deliver
                    WHERE state = 'closed' AND NOT aside AND whole IS NULL AND ifnull(review, 0) = 0) a,
                (SELECT count(*) AS count, ifnull(sum(bytes), 0) AS bytes FROM recordings INDEXED BY recordings_aside
                    WHERE state = 'closed' AND aside) b"
        );
        let backlog = self.one(&sql, [], |row| {
            Ok(Backlog {
                recordings: number(self.col(row, 0)?),
                aside: number(self.col(row, 1)?),
                bytes: number(self.col(row, 2)?),
            })
        })?;
        Ok(backlog.unwrap_or_default())
    }

    /// Renditions whose delivery failed, or whose removal or tag the store refuses or cannot carry out, the newest first.
    pub(in crate::store) fn set_aside(
        &self,
        limit: usize,
    ) -> std::result::Result<Vec<Rendition>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for which in [
            "state = 'failed'",
            "state = 'removing' AND error IS NOT NULL",
            "tag_due <> 0 AND tag_due = 2",
            "tag_due <> 0 AND tag_due = 1 AND state = 'delivered' AND error IS NOT NULL",
        ] {
            let sql = format!(
                "SELECT {RENDITION} FROM renditions d WHERE {which} ORDER BY rendition DESC LIMIT ?1"
            );
            found.extend(self.all(&sql, params![limit], |row| self.rendition(row))?);
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// True of a recording that was found again by its files alone: its former deliveries are not known.
    pub(in crate::store) fn is_found_again(
        &self,
        recording: RecordingId,
    ) -> std::result::Result<bool, StoreError> {
        let sql = "SELECT spec = '' OR (composed AND reason = ?2) FROM recordings WHERE id = ?1";
        let found = self.one(sql, params![recording.to_bytes(), FOUND_AGAIN], |row| {
            self.col(row, 0)
        })?;
        Ok(found.unwrap_or(false))
    }

    fn rendition(&self, row: &Row<'_>) -> std::result::Result<Rendition, StoreError> {
        self.rendition_at(row, 0)
    }

    pub(super) fn rendition_at(
        &self,
        row: &Row<'_>,
        at: usize,
    ) -> std::result::Result<Rendition, StoreError> {
        let format: String = self.col(row, at + 1)?;
        let state: String = self.col(row, at + 3)?;
        let format: Format = format
            .parse()
            .map_err(|error| self.row_error(format!("renditions.format: {error}")))?;
        let state = RenditionState::read(&state)
            .ok_or_else(|| self.row_error(format!("renditions.state: {state}")))?;
        let upload: Option<String> = self.col(row, at + 10)?;
        let layout: Option<i64> = self.col(row, at + 11)?;
        Ok(Rendition {
            id: RenditionId {
                recording: RecordingId::from_bytes(self.col(row, at)?),
                format,
                part: self.col(row, at + 2)?,
            },
            state,
            store: self.col(row, at + 4)?,
            key: self.col::<Option<String>>(row, at + 5)?.unwrap_or_default(),
            url: self.col(row, at + 6)?,
            bytes: number(self.col(row, at + 7)?),
            crc: self.col(row, at + 8)?,
            etag: self.col(row, at + 9)?,
            upload: upload.map(|id| Upload {
                id: Some(id).filter(|id| !id.is_empty()),
                layout: Layout::read(number(layout.unwrap_or(0))),
            }),
            inits: self.col(row, at + 12)?,
            chunks: self.col(row, at + 13)?,
            error: self.col(row, at + 14)?,
            delivered: self.col(row, at + 15)?,
            remove_at: self.col(row, at + 16)?,
            master_url: self.col(row, at + 17)?,
            days: self.col(row, at + 18)?,
        })
    }
}
