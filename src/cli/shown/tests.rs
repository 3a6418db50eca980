//! The text for people fits, names the meaning of each number, and has no JSON in it.

use serde_json::json;

use super::*;

fn terminal(width: usize) -> Page {
    Page {
        width: Some(width),
        zone: Some(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()),
    }
}

fn rows() -> Vec<Value> {
    let row = |id: &str, stream: &str, state: &str, paused: bool| {
        json!({
            "id": id, "stream": stream, "state": state, "paused": paused, "formats": ["hls", "mp4"],
            "start": "2026-11-29T02:03:49.744285Z", "duration_s": 3723.5, "bytes": 342_501,
            "template": "default", "name": null,
            "tracks": [
                { "kind": "video", "codec": "h264", "width": 320, "height": 180 },
                { "kind": "audio", "codec": "aac", "sample_rate": 44_100, "channels": 2 },
            ],
        })
    };
    vec![
        row("01a2250b-56b6-7aa7-bb2f-e43b9b812828", "live/cam1", "open", true),
        row(
            "01a2250b-5756-762a-8af0-869339b6b92c",
            "live/cam2",
            "delivered",
            false,
        ),
    ]
}

fn text(lines: Vec<String>) -> String {
    lines.join("\n") + "\n"
}

#[test]
fn a_list_is_whole_in_a_pipe() {
    assert_eq!(
        text(recordings(&Page::default()).lines(&rows())),
        "\
ID                                    STREAM     STATE      START                  LENGTH      SIZE  FORMATS  TRACKS                      URL  TITLE
01a2250b-56b6-7aa7-bb2f-e43b9b812828  live/cam1  paused     2026-11-29T02:03:49Z  1:02:03  342.5 kB  hls,mp4  h264 320x180, aac 44100 Hz
01a2250b-5756-762a-8af0-869339b6b92c  live/cam2  delivered  2026-11-29T02:03:49Z  1:02:03  342.5 kB  hls,mp4  h264 320x180, aac 44100 Hz
"
    );
    assert!(recordings(&Page::default()).lines(&[]).is_empty());
    let mut played = rows();
    played[0]["url"] = "http://box-17:8080/r/01a2250b/master.m3u8".into();
    let listed = text(recordings(&Page::default()).lines(&played));
    assert!(
        listed.contains("44100 Hz  http://box-17:8080/r/01a2250b/master.m3u8\n"),
        "{listed}"
    );
}

#[test]
fn the_columns_of_a_long_list_stay_where_they_are() {
    let page = terminal(80);
    let mut first = rows();
    first[0]["stream"] = "classrooms/building-7/room-204".into();
    let mut second = rows();
    second[0]["stream"] = "classrooms/building-7/room-204-camera-left".into();
    second[1]["duration_s"] = 5.into();
    let mut list = recordings(&page);
    let above = list.lines(&first);
    let below = list.lines(&second);
    let state = above[0].find("STATE").unwrap();
    for (line, state_said) in above[1..]
        .iter()
        .chain(&below)
        .zip(["paused", "delivered"].iter().cycle())
    {
        let from_state: String = line.chars().skip(state).collect();
        assert!(from_state.starts_with(state_said), "{above:#?}{below:#?}");
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!((above.len(), below.len()), (3, 2));
    assert!(list.lines(&[]).is_empty());
    // Rows that do not fit, or whose offset from UTC differs from that of the heading, begin a table with a heading.
    let mut third = rows();
    third[0]["duration_s"] = 360_000_000.into();
    assert!(list.lines(&third)[0].starts_with("ID "), "a longer number");
    let berlin = Page {
        zone: Some(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()),
        ..terminal(80)
    };
    let mut list = recordings(&berlin);
    assert!(list.lines(&rows())[0].contains("(+01:00)"));
    let mut summer = rows();
    for row in &mut summer {
        row["start"] = "2027-06-01T00:00:00Z".into();
    }
    assert!(list.lines(&summer)[0].contains("(+02:00)"));
    // A pipe has one heading.
    let pipe = Page::default();
    let mut list = recordings(&pipe);
    list.lines(&rows());
    assert_eq!(list.lines(&third).len(), 2);
}

#[test]
fn a_list_is_as_wide_as_the_terminal_and_in_the_time_of_the_place() {
    assert_eq!(
        text(recordings(&terminal(80)).lines(&rows())),
        "\
ID            STREAM    STATE     START (+08:00)    LENGTH     SIZE FORMATS
01a2250b-56b6 live/cam1 paused    2026-11-29 10:03 1:02:03 342.5 kB hls,mp4
01a2250b-5756 live/cam2 delivered 2026-11-29 10:03 1:02:03 342.5 kB hls,mp4
"
    );
    let wide = recordings(&terminal(200)).lines(&rows());
    assert!(
        wide[1].contains("e43b9b812828") && wide[1].ends_with("aac 44100 Hz"),
        "{wide:?}"
    );
    for width in [40, 60, 79, 80, 100, 130] {
        let mut rows = rows();
        rows[0]["stream"] = "classrooms/building-7/room-204-camera-left".into();
        for line in recordings(&terminal(width)).lines(&rows) {
            assert!(line.chars().count() <= width, "{width}: {line}");
            assert!(!line.contains("pause…"), "{line}");
        }
    }
    assert_eq!(recordings(&terminal(80)).lines(&[]), ["no recordings"]);
}

#[test]
fn one_thing_has_its_names_beside_its_values() {
    let mut row = rows().remove(0);
    row["gaps"] = json!([{ "from": "2026-11-29T02:04:00.5Z", "to": "2026-11-29T02:04:10Z" }]);
    row["renditions"] = json!([{
        "format": "mp4", "part": 1, "state": "delivered", "bytes": 338_400, "error": null,
        "url": "https://media.s3.example.com/box-17/live/cam1/20261129/020349-01a2250b-56b6-7aa7.mp4",
    }]);
    assert_eq!(
        text(lines(&Page::default(), "recording.get", &row)),
        "\
id        01a2250b-56b6-7aa7-bb2f-e43b9b812828
stream    live/cam1
state     open
paused    yes
start     2026-11-29T02:03:49Z
length    1:02:03
size      342.5 kB
formats   hls,mp4
template  default
gaps
  - from 2026-11-29T02:04:00Z, to 2026-11-29T02:04:10Z
renditions
  - format  mp4
    state   delivered
    size    338.4 kB
    part    1
    url     https://media.s3.example.com/box-17/live/cam1/20261129/020349-01a2250b-56b6-7aa7.mp4
tracks
  - kind video, codec h264, height 180, width 320
  - kind audio, channels 2, codec aac, sample rate 44100 Hz
"
    );
}

#[test]
fn what_is_in_another_thing_is_further_in_and_never_json() {
    let stats = json!({
        "time": "2026-11-29T02:12:40.871220Z", "uptime_s": 531,
        "sync": { "state": "offline", "reason": "away", "waiting_bytes": 2_500_000, "max_rate": 1_000_000, "backoff_s": 4.5 },
        "streams": { "bits_per_second": 2_400_000, "live": 1 },
        "clock": {},
    });
    assert_eq!(
        text(lines(&terminal(80), "device.stats", &stats)),
        "\
time    2026-11-29T10:12:40+08:00
uptime  08:51
streams
  bit rate  2.4 Mbit/s
  live      1
sync
  state          offline
  reason         away
  backoff        4.5 s
  max rate       1.0 MB/s
  waiting bytes  2.5 MB
"
    );
    let nested = json!({ "tasks": [{ "task": "a", "stream": "live/a", "weekly": ["Mon 08:00-09:00"], "on": { "x": true } }] });
    for command in ["task.list", "task.get"] {
        let told = text(lines(&terminal(80), command, &nested));
        assert!(!told.contains(['{', '"', '[']), "{told}");
    }
}

#[test]
fn a_list_of_names_is_for_a_shell_to_go_on_with() {
    let told = lines(
        &Page::default(),
        "recording.start",
        &json!({ "recordings": ["a", "b"] }),
    );
    assert_eq!(told, ["a", "b"]);
    assert!(lines(&Page::default(), "callback.status", &json!({ "callbacks": [] })).is_empty());
    assert_eq!(
        lines(&terminal(80), "callback.status", &json!({ "callbacks": [] })),
        ["no callbacks"]
    );
}

#[test]
fn names_cannot_tell_a_terminal_what_to_do() {
    let told = lines(
        &terminal(80),
        "recording.get",
        &json!({ "name": "a\u{1b}[2Jb\u{202e}", "text": "one\ntw\u{7}o" }),
    );
    assert_eq!(told, ["name  a[2Jb", "text", "  one", "  two"]);
}

#[test]
fn what_is_wrong_with_a_stream_stands_beside_the_list() {
    let row = json!({ "stream": "live/cam1", "notes": ["the encoder\u{1b}[2J is odd"], "dropped_frames": 3 });
    let result = json!({ "streams": [row, { "stream": "live/cam2", "dropped_frames": 0 }] });
    assert_eq!(
        notes::all(&result),
        [
            "live/cam1: the encoder[2J is odd",
            "live/cam1: 3 frames were not recorded: nothing can decode them"
        ]
    );
    assert!(notes::all(&json!({ "recordings": [] })).is_empty());
}

#[test]
fn every_column_is_a_field_of_the_rows_of_its_list() {
    let lists = api::commands().filter(|command| command.is_list());
    let schemas: Vec<Value> = lists
        .map(|command| command.reply(schemars::SchemaGenerator::default()).to_value())
        .collect();
    for (list, columns) in COLUMNS.iter().copied().chain([("recordings", RECORDINGS)]) {
        let row = schemas.iter().find_map(|schema| {
            let of = schema.pointer(&format!("/properties/{list}/items/$ref"))?;
            schema.pointer(of.as_str()?.strip_prefix('#')?)
        });
        let row = row.unwrap_or_else(|| panic!("no command lists {list}"));
        for column in columns {
            let field = format!("/properties/{}", column.name);
            assert!(
                row.pointer(&field).is_some(),
                "{list} have no {}: {row}",
                column.name
            );
        }
    }
}
