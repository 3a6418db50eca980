//! Which fields of a list a table has, under which heads.

use super::table::{Column, Kind};

/// The columns of `ls` for each recording.
pub(super) const RECORDINGS: &[Column] = &[
    column("id", "ID", Kind::Id, 0),
    column("stream", "STREAM", Kind::Text, 0),
    column("state", "STATE", Kind::Word, 0),
    column("start", "START", Kind::Time, 0),
    column("duration_s", "LENGTH", Kind::Number, 0),
    column("bytes", "SIZE", Kind::Number, 1),
    column("formats", "FORMATS", Kind::Text, 1),
    column("tracks", "TRACKS", Kind::Text, 3),
    column("url", "URL", Kind::Text, 4),
    column("title", "TITLE", Kind::Text, 2),
];

/// The columns of each list that does not show all fields.
pub(super) const COLUMNS: &[(&str, &[Column])] = &[
    (
        "recordings",
        &[
            column("id", "ID", Kind::Id, 0),
            column("stream", "STREAM", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("duration_s", "LENGTH", Kind::Number, 0),
            column("bytes", "SIZE", Kind::Number, 1),
            column("formats", "FORMATS", Kind::Text, 1),
            column("title", "TITLE", Kind::Text, 1),
            column("template", "TEMPLATE", Kind::Text, 2),
            column("name", "NAME", Kind::Text, 2),
        ],
    ),
    (
        "categories",
        &[
            column("category", "CATEGORY", Kind::Text, 0),
            column("path", "PATH", Kind::Text, 0),
        ],
    ),
    (
        "channels",
        &[
            column("name", "NAME", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("play", "PLAY", Kind::Word, 0),
            column("duration_s", "LENGTH", Kind::Number, 0),
            column("expires", "EXPIRES", Kind::Time, 2),
            column("url", "URL", Kind::Text, 1),
        ],
    ),
    (
        "pushes",
        &[
            column("channel", "CHANNEL", Kind::Text, 0),
            column("push", "PUSH", Kind::Number, 0),
            column("state", "STATE", Kind::Word, 0),
            column("since", "SINCE", Kind::Time, 1),
            column("url", "TO", Kind::Text, 0),
            column("sent_bytes", "SENT", Kind::Number, 1),
            column("reason", "WHY", Kind::Text, 0),
        ],
    ),
    (
        "lines",
        &[
            column("time", "TIME", Kind::Time, 0),
            column("level", "LEVEL", Kind::Word, 0),
            column("text", "TEXT", Kind::Text, 0),
        ],
    ),
    (
        "tasks",
        &[
            column("task", "TASK", Kind::Id, 0),
            column("stream", "STREAM", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("end", "END", Kind::Time, 1),
            column("weekly", "WEEKLY", Kind::Text, 1),
            column("template", "TEMPLATE", Kind::Text, 2),
            column("name", "NAME", Kind::Text, 2),
            column("from", "FROM", Kind::Word, 2),
        ],
    ),
    (
        "rules",
        &[
            column("domain", "DOMAIN", Kind::Text, 1),
            column("stream", "STREAM", Kind::Text, 0),
            column("template", "TEMPLATE", Kind::Text, 0),
            column("record", "RECORD", Kind::Text, 0),
            column("from", "FROM", Kind::Text, 2),
        ],
    ),
    (
        "templates",
        &[
            column("name", "NAME", Kind::Text, 0),
            column("formats", "FORMATS", Kind::Text, 0),
            column("split", "SPLIT", Kind::Text, 1),
            column("resume_window", "RESUME", Kind::Text, 2),
            column("keep", "KEEP", Kind::Text, 1),
            column("from", "FROM", Kind::Text, 2),
        ],
    ),
    (
        "streams",
        &[
            column("stream", "STREAM", Kind::Text, 0),
            column("peer", "PEER", Kind::Text, 2),
            column("bits_per_second", "BIT RATE", Kind::Number, 0),
            column("fps", "FPS", Kind::Number, 1),
            column("gop_s", "GOP", Kind::Number, 1),
            column("recorded", "RECORDED", Kind::Text, 0),
            column("recordings", "RECORDINGS", Kind::Text, 1),
        ],
    ),
    (
        "spans",
        &[
            column("from", "FROM", Kind::Time, 0),
            column("to", "TO", Kind::Time, 0),
            column("recordings", "RECORDINGS", Kind::Text, 0),
            column("gap_reason", "THEN NOTHING, BECAUSE", Kind::Text, 0),
        ],
    ),
    (
        "entries",
        &[
            column("time", "TIME", Kind::Time, 0),
            column("command", "COMMAND", Kind::Word, 0),
            column("object", "WHAT", Kind::Text, 0),
            column("door", "DOOR", Kind::Word, 1),
            column("who", "WHO", Kind::Text, 0),
            column("request", "REQUEST", Kind::Text, 2),
            column("outcome", "OUTCOME", Kind::Word, 0),
        ],
    ),
];

const fn column(name: &'static str, head: &'static str, kind: Kind, spare: u8) -> Column {
    Column {
        name,
        head,
        kind,
        spare,
    }
}
