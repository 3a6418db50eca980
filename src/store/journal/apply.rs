//! Applies one change within a transaction. Every change can come twice: the second time the change has no effect and writes no
//! event.

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, params};

use super::op::{BootClock, NewSegment, Op, Sealed, Tell};
use super::outbox::{Result, execute, post, whole};
use super::read::TAPE_END;
use super::sql::{WHOLE, prepare};
use super::{
    audit, delivery, evict, facts, fingerprints, jobs, listeners, lists, owner, ranges, recordings, redate,
    review, shown, tallies, thin, tracks,
};
use crate::event::{DeviceStarted, Event, PublishAbout, PublishOutcome, Recorded, Recovered, rfc3339};
use crate::media::{Micros, PublishId, StreamName};
use crate::store::clock::is_step;
use crate::store::{CHANNELS, Change};

pub(super) fn apply(db: &Connection, op: &Op, utc: Micros) -> Result {
    match op {
        Op::EnterBoot { clock } => enter_boot(db, clock, utc),
        Op::Start {
            clock,
            boot_now,
            recovered,
        } => start(db, clock, *boot_now, recovered, utc),
        Op::SyncClock { clock } => sync_clock(db, clock, utc),
        Op::AdoptBoot { clock } => adopt_boot(db, clock),
        Op::StartPublish {
            id,
            stream,
            boot,
            tape_zero,
            boot_zero,
            about,
            tell,
        } => {
            let new = start_publish(
                db,
                *id,
                stream,
                boot,
                [*tape_zero, *boot_zero],
                *tell == Tell::Found,
            )?;
            let event = |recorded: &Recorded| Event::PublishStarted {
                stream: stream.to_string(),
                publish: id.to_string(),
                recorded: recorded.clone(),
                about: PublishAbout::clone(about),
            };
            match tell {
                Tell::Aloud(recorded) if new => post(db, &event(recorded), utc),
                _ => Ok(()),
            }
        }
        Op::ResumePublish { id } => execute(
            db,
            "UPDATE publishes SET end_reason = NULL WHERE id = ?1",
            params![id.to_bytes()],
        ),
        Op::ResumeRecording { id } => execute(
            db,
            "UPDATE recordings SET state = 'open', reason = NULL, runs = NULL WHERE id = ?1 AND state = 'closed'",
            params![id.to_bytes()],
        ),
        Op::EndPublish { id, reason, outcome } => end_publish(db, *id, reason, outcome, utc),
        Op::StartRecording {
            id,
            publish,
            start,
            keep,
            spec,
            tell,
        } => recordings::start(
            db,
            *id,
            *publish,
            [Some(*start), *keep],
            spec.as_deref(),
            tell.then_some(utc),
        ),
        Op::PauseRecording { id, end, reason } => recordings::pause(db, *id, *end, reason, utc),
        Op::EndRecording { id, end } => {
            execute(
                db,
                "UPDATE recordings SET ends = ?2, end = min(end, ?2) WHERE id = ?1 AND state = 'open'",
                params![id.to_bytes(), end],
            )?;
            tallies::bounded(db, *id)
        }
        Op::ContinueRecording { id, publish, start } => recordings::resume(db, *id, *publish, *start, utc),
        Op::Clip {
            id,
            stream,
            start,
            end,
            keep,
            spec,
        } => recordings::clip(db, *id, stream, [*start, *end], *keep, spec, utc),
        Op::Compose { id, of, facts, tell } => ranges::compose(db, *id, of, facts, tell.then_some(utc)),
        Op::CloseRecording { id, end, reason } => recordings::close(db, *id, *end, reason, utc),
        Op::ExtendRecording { id, start, end } => execute(
            db,
            "UPDATE recordings SET start = min(start, ?2), end = max(end, ?3), runs = NULL WHERE id = ?1 AND NOT exact",
            params![id.to_bytes(), start, end],
        ),
        Op::OpenSegment(segment) => open_segment(db, segment),
        Op::GrowSegment { id, end, bytes } => execute(
            db,
            "UPDATE segments SET end = ?2, bytes = ?3 WHERE id = ?1 AND state = 'open'",
            params![id.to_bytes(), end, whole(*bytes)],
        ),
        Op::SealSegment(sealed) => seal_segment(db, sealed),
        Op::DropSegment { id } => execute(
            db,
            "DELETE FROM segments WHERE id = ?1 AND state = 'open'",
            params![id.to_bytes()],
        ),
        Op::Expire { id } => evict::expire(db, *id, "kept long enough", utc),
        Op::Delete { id } => evict::delete(db, *id, utc),
        Op::DeleteBeside { id, whole } => evict::delete_beside(db, *id, *whole, utc),
        Op::Doom { id } => thin::doom(db, *id),
        Op::Listed { id } => thin::listed(db, *id),
        Op::Replay { id, parts } => thin::replay(db, *id, parts),
        Op::Blank { id } => thin::blank_again(db, *id),
        Op::Blanked { id } => thin::blanked(db, *id),
        Op::Evict { id } => evict::evict(db, *id, utc),
        Op::Evicted { id } => {
            evict::evicted(db, *id)?;
            review::forget_without_tape(db)
        }
        Op::Missing { id, missing } => {
            tallies::forget_with(db, *id)?;
            execute(
                db,
                "UPDATE segments SET state = ?2 WHERE id = ?1 AND state IN ('sealed', 'missing')",
                params![id.to_bytes(), if *missing { "missing" } else { "sealed" }],
            )
        }
        Op::Gap {
            publish,
            from,
            to,
            reason,
        } => gap(db, *publish, [*from, *to], reason, utc),
        Op::MendSegment(sealed) => mend_segment(db, sealed),
        Op::ForgetSegment { id } => {
            tallies::forget_with(db, *id)?;
            execute(
                db,
                "DELETE FROM segments WHERE id = ?1 AND state IN ('sealed', 'missing')",
                params![id.to_bytes()],
            )
        }
        Op::ForgetRecording { id } => execute(
            db,
            "DELETE FROM recordings WHERE id = ?1 AND state = 'closed'",
            params![id.to_bytes()],
        ),
        Op::Describe { id, facts } => facts::describe(db, *id, facts),
        Op::Review {
            id,
            review,
            on_block,
            tell,
        } => review::review(db, *id, review, *on_block, tell.then_some(utc)),
        Op::Categorize { all } => facts::categorize(db, all),
        Op::SidecarWritten { id } => facts::written(db, *id),
        Op::SidecarGone { id } => facts::gone(db, *id),
        Op::SidecarsRead => facts::read(db),
        Op::SidecarsUnread => facts::unread(db),
        Op::Change(change) => changed(db, change, utc),
        Op::Bind { own } => owner::bind(db, own, utc),
        Op::Adopt { own } => owner::adopt(db, own, utc),
        Op::Report { event } => post(db, event, utc),
    }
}

/// Applies a change that does not concern the tape.
fn changed(db: &Connection, change: &Change, utc: Micros) -> Result {
    match change {
        Change::Keep {
            namespace,
            id,
            body,
            tell,
        } => {
            keep(db, namespace, id, body.as_deref())?;
            tell.iter().try_for_each(|event| post(db, event, utc))
        }
        // A recording of which a part is deleted already goes.
        Change::Protect { recording, protected } => execute(
            db,
            "UPDATE recordings SET protected = protected & ?3 | ?2
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deleting WHERE id = ?1)",
            params![
                recording.to_bytes(),
                if *protected { shown::BY_SOMEBODY } else { 0 },
                shown::BY_CHANNEL
            ],
        ),
        Change::Channel {
            name,
            body,
            shown,
            tell,
        } => {
            keep(db, CHANNELS, name, body.as_deref())?;
            shown::note(db, shown)?;
            tell.iter().try_for_each(|event| post(db, event, utc))
        }
        Change::Delivered { recording } => delivery::delivered(db, *recording),
        Change::Deliver(changes) => changes
            .iter()
            .try_for_each(|change| delivery::change(db, change, utc)),
        Change::Outbox(change) => listeners::change(db, change),
        Change::Remember(request) => listeners::remember(db, request),
        Change::Audit(change) => audit::change(db, change),
        Change::Job(change) => jobs::change(db, change, utc),
        Change::Fingerprint(change) => fingerprints::change(db, change),
    }
}

/// Keeps a value over restarts, or removes it.
fn keep(db: &Connection, namespace: &str, id: &str, body: Option<&str>) -> Result {
    match body {
        Some(body) => execute(
            db,
            "INSERT OR REPLACE INTO shelves (shelf, id, body) VALUES (?1, ?2, ?3)",
            params![namespace, id, body],
        ),
        None => execute(
            db,
            "DELETE FROM shelves WHERE shelf = ?1 AND id = ?2",
            params![namespace, id],
        ),
    }
}

/// Enters the boot, or dates it anew if its clock was set while the service was down.
fn enter_boot(db: &Connection, clock: &BootClock, utc: Micros) -> Result {
    let new = prepare(
        db,
        "INSERT OR IGNORE INTO boots (boot_id, tape_base, utc_offset, synced) VALUES (?1, 0, ?2, ?3)",
    )?
    .execute(params![clock.boot, clock.utc_offset, clock.synced])?;
    if new > 0 {
        return redate::begin_boot(db);
    }
    let (before, synced): (Micros, bool) =
        prepare(db, "SELECT utc_offset, synced FROM boots WHERE boot_id = ?1")?
            .query_row(params![clock.boot], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if (clock.synced && !synced) || (clock.synced >= synced && is_step(before, clock.utc_offset)) {
        sync_clock(db, clock, utc)?;
    }
    Ok(())
}

/// Enters where the boot's tape time begins: past everything on any tape. A start in a boot that the journal knows keeps that
/// boot's line, unless media ran ahead of the clock.
fn start(db: &Connection, clock: &BootClock, boot_now: Micros, recovered: &Recovered, utc: Micros) -> Result {
    let sql = format!("{WHOLE}{TAPE_END}");
    let last: Option<Micros> = prepare(db, &sql)?.query_row([], |row| row.get(0))?;
    let least = last.map_or(0, |last| last.saturating_add(1).saturating_sub(boot_now));
    execute(
        db,
        "UPDATE boots SET tape_base = max(tape_base, ?2) WHERE boot_id = ?1",
        params![clock.boot, least],
    )?;
    execute(
        db,
        "DELETE FROM boots WHERE boot_id <> ?1 AND NOT EXISTS (SELECT 1 FROM publishes p WHERE p.boot = boots.boot)",
        params![clock.boot],
    )?;
    review::forget_without_tape(db)?;
    // Chunks that were played out of memory are on no tape: the next ones get numbers that none of them had.
    execute(
        db,
        "INSERT OR REPLACE INTO counters (name, value) SELECT 'starts',
            1 + max(ifnull((SELECT value FROM counters WHERE name = 'starts'), 0),
                ifnull((SELECT max(next_chunk) FROM streams), 0) >> 32)",
        params![],
    )?;
    let event = Event::DeviceStarted(DeviceStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: HEXLOWER.encode(&clock.boot),
        recovered: recovered.clone(),
    });
    post(db, &event, utc)
}

fn sync_clock(db: &Connection, clock: &BootClock, utc: Micros) -> Result {
    let known: Option<(Micros, bool)> =
        prepare(db, "SELECT utc_offset, synced FROM boots WHERE boot_id = ?1")?
            .query_row(params![clock.boot], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
    let Some((before, synced)) = known else {
        return Ok(());
    };
    let moved = clock.utc_offset.saturating_sub(before);
    if moved == 0 && synced >= clock.synced {
        return Ok(());
    }
    execute(
        db,
        "UPDATE boots SET utc_offset = ?2, synced = max(synced, ?3) WHERE boot_id = ?1",
        params![clock.boot, clock.utc_offset, clock.synced],
    )?;
    redate::redate(db, &clock.boot, moved)?;
    audit::redate(db, &clock.boot, moved)?;
    jobs::redate(db, &clock.boot, moved)?;
    if !clock.synced {
        return Ok(());
    }
    let moved_s = moved as f64 / 1e6;
    post(db, &Event::ClockSynced { moved_s }, utc)
}

/// Enters a boot that a file tells of. Of two files of a boot the later one knows the clock better, unless the clock was
/// synchronised only in the earlier one.
fn adopt_boot(db: &Connection, clock: &BootClock) -> Result {
    execute(
        db,
        "INSERT INTO boots (boot_id, tape_base, utc_offset, synced) VALUES (?1, 0, ?2, ?3)
         ON CONFLICT (boot_id) DO UPDATE SET utc_offset = excluded.utc_offset, synced = excluded.synced
            WHERE excluded.synced >= synced",
        params![clock.boot, clock.utc_offset, clock.synced],
    )
}

fn start_publish(
    db: &Connection,
    id: PublishId,
    stream: &StreamName,
    boot: &[u8; 16],
    [tape_zero, boot_zero]: [Micros; 2],
    over: bool,
) -> Result<bool> {
    execute(
        db,
        "INSERT OR IGNORE INTO streams (name) VALUES (?1)",
        params![stream.as_str()],
    )?;
    let new = prepare(db,
            "INSERT OR IGNORE INTO publishes (id, stream, boot, tape_zero, boot_zero, end_reason)
             SELECT ?1, stream, boot, ?4, ?5, iif(?6, 'found again', NULL) FROM streams, boots WHERE name = ?2 AND boot_id = ?3",
        )?
        .execute(params![id.to_bytes(), stream.as_str(), boot, tape_zero, boot_zero, over])?;
    Ok(new > 0)
}

fn end_publish(
    db: &Connection,
    id: PublishId,
    reason: &str,
    outcome: &PublishOutcome,
    utc: Micros,
) -> Result {
    let stream: Option<String> = prepare(
        db,
        "SELECT name FROM publishes JOIN streams USING (stream) WHERE id = ?1 AND end_reason IS NULL",
    )?
    .query_row(params![id.to_bytes()], |row| row.get(0))
    .optional()?;
    let Some(stream) = stream else { return Ok(()) };
    execute(
        db,
        "UPDATE publishes SET end_reason = ?2 WHERE id = ?1",
        params![id.to_bytes(), reason],
    )?;
    let event = Event::PublishEnded {
        stream,
        publish: id.to_string(),
        reason: reason.to_owned(),
        outcome: outcome.clone(),
    };
    post(db, &event, utc)
}

/// Most gaps that are remembered. The oldest are forgotten first.
const MOST_GAPS: i64 = 10_000;

fn gap(db: &Connection, publish: PublishId, [from, to]: [Micros; 2], reason: &str, utc: Micros) -> Result {
    let new = prepare(
        db,
        "INSERT OR IGNORE INTO gaps (stream, publish, start, end, reason)
             SELECT stream, publish, ?2, ?3, ?4 FROM publishes WHERE id = ?1",
    )?
    .execute(params![publish.to_bytes(), from, to, reason])?;
    if new == 0 {
        return Ok(());
    }
    let last = db.last_insert_rowid();
    execute(
        db,
        "DELETE FROM gaps WHERE gap <= ?1",
        params![last.saturating_sub(MOST_GAPS)],
    )?;
    let (stream, zero): (String, Micros) = prepare(
        db,
        "SELECT name, utc_offset + boot_zero - tape_zero
             FROM publishes JOIN streams USING (stream) JOIN boots USING (boot) WHERE id = ?1",
    )?
    .query_row(params![publish.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let event = Event::StreamGap {
        stream,
        from: rfc3339(zero.saturating_add(from)),
        to: rfc3339(zero.saturating_add(to)),
        reason: reason.to_owned(),
    };
    post(db, &event, utc)
}

fn open_segment(db: &Connection, new: &NewSegment) -> Result {
    let numbers = new.chunks.as_ref();
    let target = numbers.map(|numbers| numbers.target.to_parts());
    execute(
        db,
        "INSERT OR IGNORE INTO segments
            (id, stream, publish, sequence, state, base_video, base_audio, start, end, bytes, space, tracks,
             chunk, discontinuity, breaks, skipped, target_s, complete)
         SELECT ?1, stream, publish, ?3, 'open', ?4, ?5, ?6, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
         FROM publishes WHERE id = ?2",
        params![
            new.id.to_bytes(),
            new.publish.to_bytes(),
            whole(new.sequence),
            new.base.video,
            new.base.audio,
            new.start,
            whole(new.space),
            tracks::encode(&new.tracks),
            numbers.map(|numbers| whole(numbers.chunk)),
            numbers.map(|numbers| whole(numbers.discontinuity)),
            numbers.map(|numbers| numbers.breaks),
            numbers.map(|numbers| whole(numbers.skipped)),
            target.map(|(seconds, _)| seconds),
            target.map(|(_, complete)| complete),
        ],
    )?;
    if let Some(numbers) = numbers {
        execute(
            db,
            "UPDATE streams SET next_chunk = max(next_chunk, ?2), discontinuity = max(discontinuity, ?3),
                skipped = max(skipped, ?4)
             WHERE stream = (SELECT stream FROM publishes WHERE id = ?1)",
            params![
                new.publish.to_bytes(),
                whole(numbers.chunk),
                whole(numbers.discontinuity),
                whole(numbers.skipped)
            ],
        )?;
    }
    execute(
        db,
        "UPDATE streams SET last_sequence = max(last_sequence, ?2)
         WHERE stream = (SELECT stream FROM publishes WHERE id = ?1)",
        params![new.publish.to_bytes(), whole(new.sequence)],
    )
}

fn seal_segment(db: &Connection, sealed: &Sealed) -> Result {
    let changed = prepare(
        db,
        "UPDATE segments SET state = 'sealed', end = ?2, bytes = ?3, space = ?4, crc = ?5, chunks = ?6
             WHERE id = ?1 AND state = 'open'",
    )?
    .execute(params![
        sealed.id.to_bytes(),
        sealed.end,
        whole(sealed.bytes),
        whole(sealed.space),
        sealed.crc,
        whole(sealed.chunks)
    ])?;
    if changed == 0 {
        return Ok(());
    }
    execute(
        db,
        "UPDATE streams SET next_chunk = max(next_chunk, ifnull(of.chunk + of.chunks + ?3, 0)),
            skipped = streams.skipped + iif(next_chunk < ifnull(of.chunk + of.chunks + ?3, 0), ?3, 0),
            target_s = iif(next_chunk <= of.chunk + of.chunks, ifnull(?2, 0), streams.target_s)
         FROM segments of WHERE of.id = ?1 AND streams.stream = of.stream",
        params![sealed.id.to_bytes(), sealed.target_s, whole(sealed.lost)],
    )?;
    execute(
        db,
        "INSERT OR REPLACE INTO indexes (segment, samples) SELECT segment, ?2 FROM segments WHERE id = ?1",
        params![sealed.id.to_bytes(), sealed.samples],
    )?;
    lists::put(db, sealed)?;
    execute(
        db,
        "UPDATE recordings SET end = min(max(end, ?2), ifnull(ends, ?2))
         WHERE state = 'open' AND NOT paused AND start < ?2 AND stream = (SELECT stream FROM segments WHERE id = ?1)",
        params![sealed.id.to_bytes(), sealed.end],
    )?;
    tallies::sealed(db, sealed.id)
}

fn mend_segment(db: &Connection, sealed: &Sealed) -> Result {
    tallies::forget_with(db, sealed.id)?;
    execute(
        db,
        "UPDATE segments SET end = ?2, bytes = ?3, space = ?4, crc = ?5, chunks = ?6
         WHERE id = ?1 AND state = 'sealed'",
        params![
            sealed.id.to_bytes(),
            sealed.end,
            whole(sealed.bytes),
            whole(sealed.space),
            sealed.crc,
            whole(sealed.chunks)
        ],
    )?;
    execute(
        db,
        "INSERT OR REPLACE INTO indexes (segment, samples)
         SELECT segment, ?2 FROM segments WHERE id = ?1 AND state = 'sealed'",
        params![sealed.id.to_bytes(), sealed.samples],
    )?;
    lists::put(db, sealed)
}
