//! The tables, and the steps from each version to the next.

use rusqlite::{Connection, TransactionBehavior};

/// One step per `user_version`, in order. A step that was released is never changed: a box in the field may
/// be at any of them.
pub(super) const STEPS: &[&str] = &["
    -- One boot of the box: UTC = utc_offset + CLOCK_BOOTTIME, tape time now = tape_base + CLOCK_BOOTTIME.
    CREATE TABLE boots (
        boot       INTEGER PRIMARY KEY,
        boot_id    BLOB    NOT NULL UNIQUE,
        tape_base  INTEGER NOT NULL,
        utc_offset INTEGER NOT NULL,
        synced     INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE streams (
        stream INTEGER PRIMARY KEY,
        name   TEXT    NOT NULL UNIQUE
    ) STRICT;

    -- tape_zero, boot_zero: tape time and CLOCK_BOOTTIME of media time zero.
    CREATE TABLE publishes (
        publish    INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        stream     INTEGER NOT NULL REFERENCES streams,
        boot       INTEGER NOT NULL REFERENCES boots,
        tape_zero  INTEGER NOT NULL,
        boot_zero  INTEGER NOT NULL,
        end_reason TEXT
    ) STRICT;
    CREATE INDEX publishes_open ON publishes (publish) WHERE end_reason IS NULL;

    -- The file is tape/<stream>/<sequence>.mp4. State: open, sealed, missing; evicting and evicted to come.
    -- start, end: tape time. crc: CRC-32C of everything in the file but the media, which its boxes vouch for.
    CREATE TABLE segments (
        segment    INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        stream     INTEGER NOT NULL REFERENCES streams,
        publish    INTEGER NOT NULL REFERENCES publishes,
        sequence   INTEGER NOT NULL,
        state      TEXT    NOT NULL,
        base_video INTEGER NOT NULL,
        base_audio INTEGER NOT NULL,
        start      INTEGER NOT NULL,
        end        INTEGER NOT NULL,
        bytes      INTEGER NOT NULL,
        crc        INTEGER,
        tracks     TEXT    NOT NULL,
        UNIQUE (stream, sequence)
    ) STRICT;
    CREATE INDEX segments_state ON segments (state) WHERE state <> 'sealed';
    CREATE INDEX segments_time ON segments (stream, end);

    -- Beside the segments, so that walking those does not walk these.
    CREATE TABLE indexes (
        segment INTEGER PRIMARY KEY REFERENCES segments ON DELETE CASCADE,
        samples BLOB    NOT NULL
    ) STRICT;

    -- A view on its stream's tape. While it is open, end is that of its last sealed segment.
    CREATE TABLE recordings (
        recording INTEGER PRIMARY KEY,
        id        BLOB    NOT NULL UNIQUE,
        stream    INTEGER NOT NULL REFERENCES streams,
        publish   INTEGER NOT NULL REFERENCES publishes,
        state     TEXT    NOT NULL,
        start     INTEGER NOT NULL,
        end       INTEGER NOT NULL,
        reason    TEXT
    ) STRICT;
    CREATE INDEX recordings_open ON recordings (stream) WHERE state = 'open';

    -- What must be sent, oldest first, until the broker confirmed it. time is UTC.
    CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id       BLOB    NOT NULL UNIQUE,
        kind     TEXT    NOT NULL,
        body     TEXT    NOT NULL,
        time     INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE counters (
        name  TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
", "
    -- space: bytes that the file takes, of which `bytes` are tape.
    -- States more: spare, the media is given up and the blocks wait for another segment; wipe, the media is to be
    -- removed for good, blocks and all.
    ALTER TABLE segments ADD COLUMN space INTEGER NOT NULL DEFAULT 0;
    UPDATE segments SET space = bytes;
    CREATE INDEX segments_end ON segments (end) WHERE state = 'sealed';

    -- The last number given, also when no segment has it any more.
    ALTER TABLE streams ADD COLUMN last_sequence INTEGER NOT NULL DEFAULT 0;
    UPDATE streams SET last_sequence =
        ifnull((SELECT max(sequence) FROM segments WHERE segments.stream = streams.stream), 0);

    -- keep: microseconds after its end that it is kept; none is until its room is needed.
    -- States more: delivered, and expired: its tape may go.
    ALTER TABLE recordings ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE recordings ADD COLUMN keep INTEGER;
    CREATE INDEX recordings_time ON recordings (stream, end);
    CREATE INDEX recordings_state ON recordings (state, start) WHERE state IN ('delivered', 'expired');
    CREATE INDEX recordings_keep ON recordings (recording) WHERE keep IS NOT NULL;
    CREATE INDEX recordings_protected ON recordings (stream, end) WHERE protected;
    CREATE INDEX publishes_boot ON publishes (boot);
    CREATE INDEX segments_publish ON segments (publish);
    CREATE INDEX recordings_publish ON recordings (publish);
", "
    -- spec: what it is of and for, as JSON; empty for what was recorded before there was one, or found again.
    -- exact: it is what lies from start to end; else all of the segments that it has a part in.
    -- paused: its publish is over, and another may go on with it. last_publish: the one that it ends in.
    -- ends: it is open, and where it will end is known.
    ALTER TABLE recordings ADD COLUMN spec TEXT NOT NULL DEFAULT '';
    ALTER TABLE recordings ADD COLUMN exact INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE recordings ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE recordings ADD COLUMN ends INTEGER;
    ALTER TABLE recordings ADD COLUMN last_publish INTEGER REFERENCES publishes;
    CREATE INDEX recordings_last_publish ON recordings (last_publish) WHERE last_publish IS NOT NULL;

    -- What the recorder keeps over restarts: tasks, and rules and templates that commands put.
    CREATE TABLE shelves (
        shelf TEXT NOT NULL,
        id    TEXT NOT NULL,
        body  TEXT NOT NULL,
        PRIMARY KEY (shelf, id)
    ) STRICT, WITHOUT ROWID;
", "
    -- aside: what is left to deliver of it waits for somebody to look at it.
    ALTER TABLE recordings ADD COLUMN aside INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX recordings_deliver ON recordings (end) WHERE state = 'closed' AND NOT aside;

    -- What is, or is to be, in a store of objects. A row may outlive its recording (gone): until remove_at, and so that no
    -- later rendition gets its key. upload: of an upload in parts; '' for one that is about to be begun. layout: bytes of
    -- its parts, 0 where the first comes last. State: waiting, delivered, failed, empty, removing.
    CREATE TABLE renditions (
        rendition INTEGER PRIMARY KEY,
        recording BLOB    NOT NULL,
        format    TEXT    NOT NULL,
        part      INTEGER NOT NULL,
        state     TEXT    NOT NULL,
        store     TEXT    NOT NULL,
        key       TEXT,
        url       TEXT    NOT NULL,
        bytes     INTEGER NOT NULL,
        crc       INTEGER,
        etag      TEXT    NOT NULL,
        upload    TEXT,
        layout    INTEGER,
        inits     INTEGER NOT NULL,
        chunks    INTEGER NOT NULL,
        error     TEXT,
        delivered INTEGER,
        remove_at INTEGER,
        gone      INTEGER NOT NULL DEFAULT 0,
        UNIQUE (recording, format, part)
    ) STRICT;
    CREATE INDEX renditions_key ON renditions (key) WHERE key IS NOT NULL;
    CREATE INDEX renditions_remove ON renditions (remove_at) WHERE state = 'removing' OR state = 'delivered';
    CREATE INDEX renditions_failed ON renditions (rendition) WHERE state = 'failed';

    -- What a store has of a rendition that is on its way: parts of an upload, files of a folder. mark: what it is made of.
    CREATE TABLE pieces (
        rendition INTEGER NOT NULL REFERENCES renditions ON DELETE CASCADE,
        name      TEXT    NOT NULL,
        bytes     INTEGER NOT NULL,
        crc       INTEGER NOT NULL,
        etag      TEXT    NOT NULL,
        mark      TEXT    NOT NULL,
        PRIMARY KEY (rendition, name)
    ) STRICT, WITHOUT ROWID;

    -- Uploads in parts that are to be given up in their store; '' is whatever was begun under the key.
    CREATE TABLE abandoned (
        key    TEXT NOT NULL,
        upload TEXT NOT NULL,
        store  TEXT NOT NULL,
        PRIMARY KEY (key, upload)
    ) STRICT, WITHOUT ROWID;

    -- Whatever removes a recording: what was delivered of it is remembered, what was on its way is not.
    CREATE TRIGGER recordings_gone AFTER DELETE ON recordings BEGIN
        INSERT OR IGNORE INTO abandoned (key, upload, store)
            SELECT key, upload, store FROM renditions
            WHERE recording = old.id AND upload IS NOT NULL AND key IS NOT NULL;
        DELETE FROM renditions WHERE recording = old.id AND state NOT IN ('delivered', 'removing');
        UPDATE renditions SET gone = 1 WHERE recording = old.id;
    END;
", "
    -- Who hears of events, and up to which one it has all.
    CREATE TABLE listeners (
        listener TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Events that a listener did not take, kept here whatever becomes of the outbox. due: UTC when it is offered again;
    -- none when it was offered often enough.
    CREATE TABLE callbacks (
        listener TEXT    NOT NULL,
        sequence INTEGER NOT NULL,
        id       TEXT    NOT NULL,
        kind     TEXT    NOT NULL,
        time     INTEGER NOT NULL,
        body     TEXT    NOT NULL,
        tries    INTEGER NOT NULL,
        due      INTEGER,
        error    TEXT    NOT NULL,
        PRIMARY KEY (listener, sequence)
    ) STRICT, WITHOUT ROWID;

    -- Requests of the last day that changed something. begun: UTC. answer: none while it is being carried out.
    CREATE TABLE answers (
        id      TEXT PRIMARY KEY,
        command TEXT    NOT NULL,
        begun   INTEGER NOT NULL,
        answer  TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX answers_begun ON answers (begun);

    -- Which journal this is: one that is made anew counts its events from 1 on again.
    INSERT INTO counters (name, value) VALUES ('journal', abs(random() / 2));

    -- tags: a JSON list of texts; '' and [] are none.
    ALTER TABLE recordings ADD COLUMN tags TEXT NOT NULL DEFAULT '';
", "
    -- Recordings in the order of their starts: all, of a stream, in a state; and how long the longest is, so that those that
    -- share a moment lie in one range of these.
    DROP INDEX recordings_state;
    CREATE INDEX recordings_start ON recordings (start);
    CREATE INDEX recordings_of ON recordings (stream, start);
    CREATE INDEX recordings_state ON recordings (state, start);
    CREATE INDEX recordings_length ON recordings (end - start);

    -- Renditions whose keys are remembered, and no more.
    CREATE INDEX renditions_gone ON renditions (rendition) WHERE gone AND remove_at IS NULL;
    CREATE INDEX renditions_removing ON renditions (rendition) WHERE state = 'removing';
    CREATE INDEX recordings_aside ON recordings (recording) WHERE aside;

    -- What expires, for each length of time that it is kept.
    DROP INDEX recordings_keep;
    CREATE INDEX recordings_keep ON recordings (keep, state, end) WHERE keep IS NOT NULL AND NOT protected;

    -- Where the tape of a boot begins, and UTC there.
    DROP INDEX publishes_boot;
    CREATE INDEX publishes_boot ON publishes (boot, tape_zero);
    CREATE INDEX publishes_zero ON publishes (boot, boot_zero - tape_zero);
", "
    -- Where the master playlist of HLS can be fetched; none before it is there.
    ALTER TABLE renditions ADD COLUMN master_url TEXT;
", "
    -- cuts: how often footage within it was deleted on request. The checksum is none from then on.
    ALTER TABLE segments ADD COLUMN cuts INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX segments_cut ON segments (segment) WHERE cuts > 0;

    -- Segments of which the file has fragments that the index has not: they were deleted, and are to be written over.
    CREATE TABLE blanks (
        segment INTEGER PRIMARY KEY REFERENCES segments ON DELETE CASCADE
    ) STRICT;

    -- Recordings that were deleted on request. left_us: how much of it others need; none while the deletion waits for a segment
    -- that is being written. parts: what went, until the list beside the tape has it (listed).
    CREATE TABLE deleted (
        deletion INTEGER PRIMARY KEY,
        id       BLOB    NOT NULL UNIQUE,
        left_us  INTEGER,
        parts    BLOB    NOT NULL DEFAULT x'',
        listed   INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX deleted_unlisted ON deleted (deletion) WHERE NOT listed;
", "
    -- Commands of the last 30 days that changed something. time: UTC when it was begun, by the clock of that boot. object: what it
    -- is about, as JSON. recording: the one that it is about, where that is known. outcome: none while it is being carried out.
    CREATE TABLE audit (
        number    INTEGER PRIMARY KEY AUTOINCREMENT,
        id        BLOB    NOT NULL UNIQUE,
        time      INTEGER NOT NULL,
        boot_id   BLOB    NOT NULL,
        door      TEXT    NOT NULL,
        who       TEXT    NOT NULL,
        request   TEXT,
        command   TEXT    NOT NULL,
        object    TEXT    NOT NULL,
        recording BLOB,
        outcome   TEXT
    ) STRICT;
    CREATE INDEX audit_time ON audit (time);
    CREATE INDEX audit_recording ON audit (recording) WHERE recording IS NOT NULL;
", "
    -- What is searched for: streams beside the starts, so that those of others are passed over without a look at their rows; the
    -- template; each tag with the starts of the recordings that have it.
    DROP INDEX recordings_start;
    CREATE INDEX recordings_start ON recordings (start, recording, stream);
    CREATE INDEX recordings_template ON recordings (
        ifnull(iif(json_valid(spec), json_extract(spec, '$.template'), NULL), 'default'), start);
    CREATE TABLE tagged (
        tag    TEXT    NOT NULL,
        begins INTEGER NOT NULL,
        owner  INTEGER NOT NULL,
        PRIMARY KEY (tag, begins, owner)
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO tagged (tag, begins, owner)
        SELECT value, start, recording FROM recordings JOIN json_each(iif(json_valid(tags), tags, '[]')) WHERE type = 'text';
    CREATE TRIGGER recordings_tagged AFTER UPDATE OF tags, start ON recordings WHEN old.tags <> '' OR new.tags <> '' BEGIN
        DELETE FROM tagged WHERE owner = old.recording AND begins = old.start
            AND tag IN (SELECT value FROM json_each(iif(json_valid(old.tags), old.tags, '[]')));
        INSERT OR IGNORE INTO tagged (tag, begins, owner)
            SELECT value, new.start, new.recording FROM json_each(iif(json_valid(new.tags), new.tags, '[]'))
            WHERE type = 'text';
    END;
    CREATE TRIGGER recordings_untagged AFTER DELETE ON recordings WHEN old.tags <> '' BEGIN
        DELETE FROM tagged WHERE owner = old.recording AND begins = old.start
            AND tag IN (SELECT value FROM json_each(iif(json_valid(old.tags), old.tags, '[]')));
    END;
", "
    -- Gaps in the tape of publishes, in tape time, with their reasons. They go with their publish, and beyond 10,000 the oldest go.
    CREATE TABLE gaps (
        gap     INTEGER PRIMARY KEY,
        stream  INTEGER NOT NULL REFERENCES streams,
        publish INTEGER NOT NULL REFERENCES publishes ON DELETE CASCADE,
        start   INTEGER NOT NULL,
        end     INTEGER NOT NULL,
        reason  TEXT    NOT NULL,
        UNIQUE (publish, start)
    ) STRICT;
    CREATE INDEX gaps_of ON gaps (stream, end);
", "
    -- chunk: the number of its first chunk; none in segments of releases that did not number them. chunks: how many it has, once
    -- it is sealed. discontinuity: how many discontinuities the stream had, up to and including its beginning; breaks: it begins
    -- with one. skipped: numbers below `chunk` that no chunk of the tape has. target_s, complete: the target duration of its publish
    -- where it begins, or what is known of it.
    ALTER TABLE segments ADD COLUMN chunk INTEGER;
    ALTER TABLE segments ADD COLUMN chunks INTEGER;
    ALTER TABLE segments ADD COLUMN discontinuity INTEGER;
    ALTER TABLE segments ADD COLUMN breaks INTEGER;
    ALTER TABLE segments ADD COLUMN skipped INTEGER;
    ALTER TABLE segments ADD COLUMN target_s INTEGER;
    ALTER TABLE segments ADD COLUMN complete INTEGER;
    CREATE INDEX segments_chunk ON segments (stream, chunk) WHERE chunk IS NOT NULL;

    -- The next number, and the last values, also when no segment has them any more.
    ALTER TABLE streams ADD COLUMN next_chunk INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE streams ADD COLUMN discontinuity INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE streams ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE streams ADD COLUMN target_s INTEGER NOT NULL DEFAULT 0;
", "
    -- What playlists say of the chunks of a sealed segment; none for segments of releases that did not write it, and where footage
    -- was deleted. Beside the segments, so that walking those does not walk these.
    CREATE TABLE chunk_lists (
        segment INTEGER PRIMARY KEY REFERENCES segments ON DELETE CASCADE,
        chunks  BLOB    NOT NULL
    ) STRICT;
", "
    -- What layouts of chunks ask of the fragments of a sealed segment; none for segments of releases that did not write it, and where
    -- footage was deleted. It is larger than the list of the chunks, which is read far more often.
    CREATE TABLE fragment_lists (
        segment   INTEGER PRIMARY KEY REFERENCES segments ON DELETE CASCADE,
        fragments BLOB    NOT NULL
    ) STRICT;
", "
    -- What people set of a recording; none where nothing is set. custom: a JSON object. sidecar: whether a file beside the tape has
    -- the same: 0 none, 1 it has, 2 it is to be written.
    ALTER TABLE recordings ADD COLUMN title TEXT;
    ALTER TABLE recordings ADD COLUMN description TEXT;
    ALTER TABLE recordings ADD COLUMN category TEXT;
    ALTER TABLE recordings ADD COLUMN custom TEXT;
    ALTER TABLE recordings ADD COLUMN sidecar INTEGER NOT NULL DEFAULT 0;
    UPDATE recordings SET sidecar = 2 WHERE tags NOT IN ('', '[]');
    CREATE INDEX recordings_category ON recordings (category, start) WHERE category IS NOT NULL;
    CREATE INDEX recordings_sidecar ON recordings (recording) WHERE sidecar = 2;

    -- at: microseconds from the beginning of the recording, as its files play it.
    CREATE TABLE notes (
        recording INTEGER NOT NULL REFERENCES recordings ON DELETE CASCADE,
        at        INTEGER NOT NULL,
        text      TEXT    NOT NULL,
        PRIMARY KEY (recording, at, text)
    ) STRICT, WITHOUT ROWID;

    -- The tree that recordings are filed in. parent: none at the top.
    CREATE TABLE categories (
        id     TEXT PRIMARY KEY,
        parent TEXT,
        name   TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX categories_parent ON categories (parent);

    -- Recordings that were removed, and whose files beside the tape are to go.
    CREATE TABLE sidecars_gone (
        id BLOB PRIMARY KEY
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER recordings_sidecar_gone AFTER DELETE ON recordings WHEN old.sidecar > 0 BEGIN
        INSERT OR IGNORE INTO sidecars_gone (id) VALUES (old.id);
    END;
", "
    -- What the tape of a recording adds up to. runs: as a JSON list, '' where it is too long, none until it is added up. length, bytes:
    -- none while the recording is open.
    ALTER TABLE recordings ADD COLUMN runs TEXT;
    ALTER TABLE recordings ADD COLUMN length INTEGER;
    ALTER TABLE recordings ADD COLUMN bytes INTEGER;
    -- folded: the title without a difference of small and capital letters, as a search looks for it.
    ALTER TABLE recordings ADD COLUMN folded TEXT;
    UPDATE recordings SET folded = lower(title) WHERE title IS NOT NULL;
    CREATE INDEX recordings_added_up ON recordings (recording) WHERE runs IS NULL;

    -- All that recordings are searched by, so that a search reads no other rows than those that it finds.
    DROP INDEX recordings_start;
    DROP INDEX recordings_template;
    DROP TRIGGER recordings_tagged;
    DROP TRIGGER recordings_untagged;
    DROP TABLE tagged;
    CREATE INDEX recordings_search ON recordings (start, recording, stream, state, end, length, bytes,
        ifnull(iif(json_valid(spec), json_extract(spec, '$.template'), NULL), 'default'),
        iif(json_valid(spec), json_extract(spec, '$.origin.kind'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.name'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.domain'), NULL), category, tags, folded);

    -- Recordings of a stream of about the same length, each eight times as long as the one before.
    CREATE INDEX recordings_like ON recordings (stream,
        ((end - start > 60000000) + (end - start > 480000000) + (end - start > 3840000000)
            + (end - start > 30720000000) + (end - start > 245760000000) + (end - start > 1966080000000)), start);

    -- What waits for delivery, and how much it is.
    DROP INDEX recordings_deliver;
    CREATE INDEX recordings_deliver ON recordings (end, bytes) WHERE state = 'closed' AND NOT aside;
", "
    -- composed: it is put together of ranges, and has no tape of its own. A range is a row of its own, so that its tape is held, given
    -- up, deleted and added up as that of any recording. whole: the recording that it is a range of; position: which one, from 0 on;
    -- source: the recording that it was taken from.
    ALTER TABLE recordings ADD COLUMN composed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE recordings ADD COLUMN whole INTEGER REFERENCES recordings ON DELETE CASCADE;
    ALTER TABLE recordings ADD COLUMN position INTEGER;
    ALTER TABLE recordings ADD COLUMN source BLOB;
    CREATE INDEX recordings_whole ON recordings (whole, position) WHERE whole IS NOT NULL;

    -- What a recording is now, its ranges are. What its ranges have, it has.
    CREATE TRIGGER ranges_follow AFTER UPDATE OF state, protected ON recordings WHEN new.composed BEGIN
        UPDATE recordings SET state = new.state, protected = new.protected WHERE whole = new.recording;
    END;
    CREATE TRIGGER ranges_change AFTER UPDATE OF runs, length, bytes ON recordings WHEN new.whole IS NOT NULL BEGIN
        UPDATE recordings SET runs = NULL WHERE recording = new.whole;
    END;
    CREATE TRIGGER ranges_go AFTER DELETE ON recordings WHEN old.whole IS NOT NULL BEGIN
        UPDATE recordings SET runs = NULL WHERE recording = old.whole;
    END;

    -- Lists have no ranges, and what has no tape holds none.
    DROP INDEX recordings_search;
    CREATE INDEX recordings_search ON recordings (start, recording, stream, state, end, length, bytes,
        ifnull(iif(json_valid(spec), json_extract(spec, '$.template'), NULL), 'default'),
        iif(json_valid(spec), json_extract(spec, '$.origin.kind'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.name'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.domain'), NULL), category, tags, folded, composed, whole)
        WHERE whole IS NULL;
    DROP INDEX recordings_like;
    CREATE INDEX recordings_like ON recordings (stream,
        ((end - start > 60000000) + (end - start > 480000000) + (end - start > 3840000000)
            + (end - start > 30720000000) + (end - start > 245760000000) + (end - start > 1966080000000)), start) WHERE NOT composed;
    DROP INDEX recordings_deliver;
    CREATE INDEX recordings_deliver ON recordings (end, bytes) WHERE state = 'closed' AND NOT aside AND whole IS NULL;
    -- Recordings are counted without a look at their rows.
    DROP INDEX recordings_state;
    CREATE INDEX recordings_state ON recordings (state, start, whole);
", "
    -- What a review says of a recording: 0 pass, 1 review, 2 block; none where nobody said anything. Only what is passed, and what
    -- nobody said anything of, is delivered.
    ALTER TABLE recordings ADD COLUMN review INTEGER;
    ALTER TABLE recordings ADD COLUMN review_reason TEXT;
    DROP INDEX recordings_deliver;
    CREATE INDEX recordings_deliver ON recordings (end, bytes) WHERE state = 'closed' AND NOT aside AND whole IS NULL
        AND ifnull(review, 0) = 0;
    DROP INDEX recordings_search;
    CREATE INDEX recordings_search ON recordings (start, recording, stream, state, end, length, bytes,
        ifnull(iif(json_valid(spec), json_extract(spec, '$.template'), NULL), 'default'),
        iif(json_valid(spec), json_extract(spec, '$.origin.kind'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.name'), NULL),
        iif(json_valid(spec), json_extract(spec, '$.domain'), NULL), category, tags, folded, composed, whole, review)
        WHERE whole IS NULL;

    -- The tape of recordings that were reviewed or are to be, in tape time; end: 1 << 54 while the recording is open. A composition has
    -- none of its own: where it is blocked, its ranges are. gone: the recording was removed, and others may still need the tape.
    CREATE TABLE reviewed (
        id     BLOB    PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES streams,
        start  INTEGER NOT NULL,
        end    INTEGER NOT NULL,
        review INTEGER NOT NULL,
        gone   INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reviewed_blocked ON reviewed (stream, start, end) WHERE review = 2;
    CREATE INDEX reviewed_gone ON reviewed (id) WHERE gone;
    CREATE TRIGGER recordings_review_begins AFTER INSERT ON recordings WHEN new.review IS NOT NULL BEGIN
        INSERT OR REPLACE INTO reviewed (id, stream, start, end, review)
            VALUES (new.id, new.stream, new.start, iif(new.composed, new.start, iif(new.state = 'open', 1 << 54, new.end)), new.review);
    END;
    CREATE TRIGGER recordings_review_changes AFTER UPDATE OF review, state, start, end ON recordings
        WHEN new.review IS NOT NULL AND (new.review IS NOT old.review OR new.start <> old.start
            OR iif(new.state = 'open', 1 << 54, new.end) <> iif(old.state = 'open', 1 << 54, old.end)) BEGIN
        INSERT OR REPLACE INTO reviewed (id, stream, start, end, review)
            VALUES (new.id, new.stream, new.start, iif(new.composed, new.start, iif(new.state = 'open', 1 << 54, new.end)), new.review);
    END;
    CREATE TRIGGER recordings_review_ends AFTER DELETE ON recordings WHEN old.review IS NOT NULL BEGIN
        UPDATE reviewed SET gone = 1 WHERE id = old.id;
    END;
    CREATE TRIGGER recordings_review_taken_back AFTER UPDATE OF review ON recordings
        WHEN new.review IS NULL AND old.review IS NOT NULL BEGIN
        DELETE FROM reviewed WHERE id = new.id;
    END;
    CREATE TRIGGER ranges_review AFTER UPDATE OF review ON recordings WHEN new.composed AND new.review IS NOT old.review BEGIN
        UPDATE recordings SET review = iif(new.review = 2, 2, NULL) WHERE whole = new.recording;
    END;
", "
    -- How the ranges of a composition are played, as JSON; none where that is one after the other.
    ALTER TABLE recordings ADD COLUMN form TEXT;
", "
    -- tag: the review that a delivered file is to say in its store, by a tag. tag_due: 1 where it is to be sent, 2 where the store
    -- refused it (`error`), 0 where it is there. days: what its tag `edgereel-days` says.
    ALTER TABLE renditions ADD COLUMN tag INTEGER;
    ALTER TABLE renditions ADD COLUMN tag_due INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE renditions ADD COLUMN days INTEGER;
    CREATE INDEX renditions_tag ON renditions (tag_due) WHERE tag_due <> 0;
", "
    -- A step of a deletion that has others to go. recording: the recording of that id, or a range of it; reached: how far its tape was
    -- looked at; left_us, left_until: the footage that other recordings need, up to there; parts: what this step removed.
    CREATE TABLE deleting (
        step       INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL,
        recording  INTEGER NOT NULL,
        reached    INTEGER NOT NULL,
        left_us    INTEGER NOT NULL,
        left_until INTEGER NOT NULL,
        parts      BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX deleting_id ON deleting (id, step);
", "
    -- asks: a template held the recording back, and nobody said anything of it yet.
    ALTER TABLE recordings ADD COLUMN asks INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX recordings_asks ON recordings (asks) WHERE asks;
", "
    -- Work that goes on behind the answer of a command. recording: what it makes, whose delivery ends it; streams: those of this
    -- recording, as JSON. due: it is over, and the transaction that made it so writes the event of that. time, ended: UTC by the clock
    -- of their boots.
    CREATE TABLE jobs (
        job       INTEGER PRIMARY KEY AUTOINCREMENT,
        id        BLOB    NOT NULL UNIQUE,
        kind      TEXT    NOT NULL,
        recording BLOB    NOT NULL,
        streams   TEXT    NOT NULL,
        state     TEXT    NOT NULL DEFAULT 'delivering',
        time      INTEGER NOT NULL,
        boot_id   BLOB    NOT NULL,
        ended     INTEGER,
        ended_boot BLOB,
        reason    TEXT,
        due       INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX jobs_open ON jobs (recording) WHERE state = 'delivering';
    CREATE INDEX jobs_cancelled ON jobs (recording) WHERE state = 'cancelled';
    CREATE INDEX jobs_due ON jobs (job) WHERE due;
    CREATE TRIGGER recordings_job_done AFTER UPDATE OF state ON recordings
        WHEN new.composed AND new.state = 'delivered' AND old.state <> 'delivered' BEGIN
        UPDATE jobs SET state = 'done', due = 1 WHERE recording = new.id AND state = 'delivering';
    END;
    CREATE TRIGGER recordings_job_expired AFTER UPDATE OF state ON recordings WHEN new.composed AND new.state = 'expired' BEGIN
        UPDATE jobs SET state = 'failed', due = 1, reason = 'the time for which its recording is kept was over before it was delivered'
            WHERE recording = new.id AND state = 'delivering';
    END;
    CREATE TRIGGER recordings_job_gone AFTER DELETE ON recordings WHEN old.composed BEGIN
        UPDATE jobs SET state = 'failed', due = 1, reason = 'its recording was deleted or evicted before it was delivered'
            WHERE recording = old.id AND state = 'delivering';
    END;
", "
    -- By what recordings are found again by their pictures. due: it is to be made, or to be gone on with. blocks, keyframes: how many
    -- there are; reached: up to where the recording was looked at, in milliseconds from its beginning; lost: how much of the beginning it
    -- had lost at first; chosen: what represents it, as JSON, and none until all of it was looked at; reason: why it cannot be made.
    CREATE TABLE fingerprints (
        recording INTEGER PRIMARY KEY REFERENCES recordings ON DELETE CASCADE,
        blocks    INTEGER NOT NULL DEFAULT 0,
        keyframes INTEGER NOT NULL DEFAULT 0,
        reached   INTEGER NOT NULL DEFAULT 0,
        lost      INTEGER NOT NULL DEFAULT 0,
        chosen    TEXT,
        due       INTEGER NOT NULL DEFAULT 0,
        reason    TEXT
    ) STRICT;
    CREATE INDEX fingerprints_due ON fingerprints (recording) WHERE due;
    CREATE TRIGGER recordings_fingerprint AFTER UPDATE OF state ON recordings
        WHEN new.state = 'closed' AND old.state = 'open' AND NOT new.composed AND new.whole IS NULL
            AND iif(json_valid(new.spec), json_extract(new.spec, '$.reel.fingerprint'), 0) BEGIN
        INSERT OR IGNORE INTO fingerprints (recording, due) VALUES (new.recording, 1);
    END;
    CREATE TRIGGER recordings_fingerprint_clip AFTER INSERT ON recordings
        WHEN new.state = 'closed' AND NOT new.composed AND new.whole IS NULL
            AND iif(json_valid(new.spec), json_extract(new.spec, '$.reel.fingerprint'), 0) BEGIN
        INSERT OR IGNORE INTO fingerprints (recording, due) VALUES (new.recording, 1);
    END;
    -- keyframes: as `fingerprint::keyframe` draws them. Beside the others, so that a search reads nothing else.
    CREATE TABLE fingerprint_blocks (
        recording INTEGER NOT NULL REFERENCES fingerprints ON DELETE CASCADE,
        block     INTEGER NOT NULL,
        keyframes BLOB    NOT NULL,
        PRIMARY KEY (recording, block)
    ) STRICT, WITHOUT ROWID;
", "
    -- work: what the media worker does on a recording, as JSON; steps: its parts, of which made are done, and given_up came to nothing.
    ALTER TABLE jobs ADD COLUMN work TEXT;
    ALTER TABLE jobs ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX jobs_work ON jobs (recording) WHERE state IN ('waiting', 'running');
    CREATE TRIGGER recordings_work_gone AFTER DELETE ON recordings BEGIN
        UPDATE jobs SET state = 'failed', due = 1, reason = 'its recording was deleted or evicted before the work was done'
            WHERE recording = old.id AND state IN ('waiting', 'running');
    END;
"];

/// The newest version that this edgereel writes and reads.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// The tables that are not read whole at a start: `indexes` holds nine tenths of the bytes. Each of their values has a checksum of its
/// own.
pub(super) const CHECKED_IN_USE: [&str; 4] =
    ["indexes", "chunk_lists", "fragment_lists", "fingerprint_blocks"];

/// The tables that are read whole at every start: all others.
pub(super) const CHECKED: &[&str] = &[
    "boots",
    "streams",
    "publishes",
    "segments",
    "gaps",
    "recordings",
    "notes",
    "categories",
    "sidecars_gone",
    "reviewed",
    "outbox",
    "counters",
    "shelves",
    "renditions",
    "pieces",
    "abandoned",
    "listeners",
    "callbacks",
    "answers",
    "blanks",
    "deleted",
    "deleting",
    "audit",
    "jobs",
    "fingerprints",
];

/// The version that a journal has; 0 is a new one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes a journal to the newest version. Each step is a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    for (done, step) in STEPS.iter().enumerate().skip(from) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", done as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
