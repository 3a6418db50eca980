//! Media that a recording needs for decoding and does not contain. A recording may begin without a keyframe, or with the
//! keyframe of an open GOP. Then it needs the pictures from the keyframe before. They are on the tape of the same publish, in
//! other segments.

use rusqlite::{Connection, OptionalExtension, params};

use super::outbox::Result;
use super::read::between;
use super::sql::prepare;
use super::thin::{COLUMNS, NEEDS, Piece, index};
use super::tracks;
use crate::media::Micros;
use crate::store::RecordingSpec;
use crate::store::thin::{Dated, LOOK_BACK, ROUNDING};

/// Tape of a publish from a keyframe to the beginning of a recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeadIn {
    publish: i64,
    pub(super) from: Micros,
    pub(super) to: Micros,
}

impl LeadIn {
    pub(super) fn needs(&self, piece: &Piece) -> bool {
        self.publish == piece.publish && self.from < piece.end && piece.start < self.to
    }

    /// The interval to keep, from behind its keyframe on. Leading pictures of that keyframe are not shown, so the pictures that
    /// they refer to are not needed either.
    pub(super) fn keeps(&self) -> (Micros, Micros) {
        (self.from.saturating_add(ROUNDING), self.to)
    }
}

/// The lead-ins of other recordings: of those that begin after `after`, and not long after the end of this one, or after `until`.
pub(super) fn of_others(
    db: &Connection,
    recording: i64,
    after: Micros,
    until: Micros,
) -> Result<Vec<LeadIn>> {
    let sql = format!(
        "SELECT o.recording FROM recordings r CROSS JOIN recordings o
         WHERE r.recording = ?1 AND o.stream = r.stream AND o.start > ?2 AND o.start < min(r.end, ?3) + {LOOK_BACK}
            AND o.recording <> ?1 AND NOT o.composed AND {NEEDS}"
    );
    let others: Vec<i64> = prepare(db, &sql)?
        .query_map(params![recording, after, until], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut leads = Vec::new();
    for other in others {
        leads.extend(of(db, other)?);
    }
    Ok(leads)
}

/// The lead-in of a recording. A recording has one if it begins without a keyframe, with the keyframe of an open GOP, or with a
/// keyframe that needs the one before. A segment that is still written is not considered.
pub(super) fn of(db: &Connection, recording: i64) -> Result<Option<LeadIn>> {
    let sql = format!(
        "SELECT {COLUMNS}, iif(r.exact, r.start, s.start), r.spec
         FROM recordings r CROSS JOIN segments s ON {} CROSS JOIN publishes p ON p.publish = s.publish
         WHERE r.recording = ?1 AND s.state IN ('sealed', 'missing') ORDER BY s.end LIMIT 1",
        between("r.stream", "r.start", "r.end")
    );
    let first: Option<(Piece, Micros, String)> = prepare(db, &sql)?
        .query_row(params![recording], |row| {
            Ok((Piece::of(row)?, row.get(9)?, row.get(10)?))
        })
        .optional()?;
    let Some((first, begins, spec)) = first else {
        return Ok(None);
    };
    // A recording cannot begin with a keyframe that needs the keyframe before it.
    let own = if RecordingSpec::read(&spec).gradual {
        ROUNDING
    } else {
        0
    };
    let found = dated(db, &first, |dated| {
        let begins = begins.max(dated.first_picture()?);
        let before = begins.saturating_sub(own);
        dated.keyframe_before(before).is_none().then_some(before)
    })?;
    let Some(begins) = found.flatten() else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM segments s CROSS JOIN publishes p ON p.publish = s.publish
         WHERE s.stream = (SELECT stream FROM recordings WHERE recording = ?1) AND s.end > ?2 AND s.end <= ?3
            AND s.publish = ?4 AND s.segment <> ?5 AND s.state IN ('sealed', 'missing') ORDER BY s.end DESC"
    );
    let earlier: Vec<Piece> = prepare(db, &sql)?
        .query_map(
            params![
                recording,
                begins.saturating_sub(LOOK_BACK),
                first.end,
                first.publish,
                first.key
            ],
            Piece::of,
        )?
        .collect::<Result<_>>()?;
    for piece in earlier {
        if let Some(from) = dated(db, &piece, |dated| dated.keyframe_before(begins))?.flatten() {
            return Ok(Some(LeadIn {
                publish: first.publish,
                from,
                to: begins.saturating_add(own),
            }));
        }
    }
    Ok(None)
}

/// The segments that hold a recording's lead-in, the oldest first.
pub(super) fn pieces(db: &Connection, recording: i64, lead: &LeadIn) -> Result<Vec<Piece>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM recordings r CROSS JOIN segments s ON {} CROSS JOIN publishes p ON p.publish = s.publish
         WHERE r.recording = ?1 AND s.publish = ?4 AND s.state IN ('sealed', 'missing') ORDER BY s.end",
        between("r.stream", "?2", "?3")
    );
    prepare(db, &sql)?
        .query_map(params![recording, lead.from, lead.to, lead.publish], Piece::of)?
        .collect()
}

/// Asks a segment's index; `None` if the index cannot be read.
fn dated<T>(db: &Connection, piece: &Piece, ask: impl FnOnce(&Dated<'_>) -> T) -> Result<Option<T>> {
    let tracks = tracks::decode(&piece.tracks).unwrap_or_default();
    Ok(index(db, piece.key)?.map(|index| ask(&piece.dated(&index, &tracks))))
}
