//! Recordings that are made of ranges of others, by command.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Box, a_box, asked};
use crate::api::{Caller, Scope};
use crate::config::{Pattern, StreamSet};
use crate::format::Format;
use crate::media::{PublishId, RecordingId, StreamName};
use crate::model::{Encrypt, ReviewWhen, Rights};
use crate::store::{Command, RecordingSpec, testing};

pub(super) const ZERO: i64 = 1_000_000_000_000;
pub(super) const SECOND: i64 = 1_000_000;

pub(super) fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

/// A recording of six seconds of a stream; open ones have no end.
pub(super) async fn record(the_box: &Box, stream: &str, n: u8, open: bool) {
    record_by(the_box, (stream, n), open, testing_spec()).await;
}

async fn record_by(the_box: &Box, of: (&str, u8), open: bool, spec: Arc<RecordingSpec>) {
    record_at(the_box, of, (open, 0), spec).await;
}

/// The same so long after the start of the box. On the tape, no two recordings are at the same time.
pub(super) async fn record_at(
    the_box: &Box,
    (stream, n): (&str, u8),
    (open, boot_zero): (bool, i64),
    spec: Arc<RecordingSpec>,
) {
    let publish = PublishId::from_bytes([n; 16]);
    let zero = ZERO + i64::from(n) * 60 * SECOND;
    let mut commands = vec![
        Command::PublishStarted {
            tell: None,
            publish,
            stream: StreamName::new("live", stream).unwrap(),
            tape_zero: zero,
            boot_zero,
            about: Default::default(),
        },
        Command::RecordingStarted {
            recording: id(n),
            publish,
            start: zero,
            spec,
        },
    ];
    commands.extend((0..6).map(|second| Command::Append {
        publish,
        fragment: testing::fragment(second, second % 2 == 0),
    }));
    if !open {
        commands.extend([
            Command::RecordingClosed {
                recording: id(n),
                end: zero + 6 * SECOND,
                reason: "stopped".to_owned(),
            },
            Command::PublishEnded {
                publish,
                reason: "unpublished".to_owned(),
                outcome: Default::default(),
            },
        ]);
    }
    for command in commands {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    the_box.api.recorder.flush().await.unwrap();
}

pub(super) fn testing_spec() -> Arc<RecordingSpec> {
    RecordingSpec::built_in().into()
}

/// The spec of a recording of a session that its template wants as one.
fn of_session(session: &str, number: u32) -> Arc<RecordingSpec> {
    let mut spec = RecordingSpec::built_in();
    spec.about.session = session.to_owned();
    spec.about.number = number;
    spec.output.compose = true;
    spec.into()
}

pub(super) async fn two(the_box: &Box) {
    record(the_box, "a", 1, false).await;
    record(the_box, "b", 2, false).await;
}

#[tokio::test]
async fn ranges_become_a_recording_with_their_notes_and_a_source_that_is_deleted_names_it() {
    let the_box = a_box();
    two(&the_box).await;
    let notes = json!({"recording": id(1).to_string(), "notes": [{"at_s": 2, "text": "two"}]});
    assert_eq!(the_box.ask("recording.set", &notes).await["ok"], true);
    let ranges = json!([
        {"recording": id(2).to_string(), "from_s": -2, "note": "end of b"},
        {"recording": id(1).to_string(), "from_s": 1, "to_s": 3},
    ]);
    let body = json!({"id": "once", "ranges": ranges, "title": "Best", "name": "best", "formats": ["mp4"]});
    let made = the_box.ask("recording.compose", &body).await;
    assert_eq!(
        (&made["ok"], &made["result"]["duration_s"]),
        (&json!(true), &json!(4.0)),
        "{made}"
    );
    // The same request makes nothing else.
    assert_eq!(
        the_box.ask("recording.compose", &body).await["result"],
        made["result"]
    );
    let new = made["result"]["recording"].clone();
    let got = the_box.ask("recording.get", &json!({"recording": new})).await["result"].clone();
    assert_eq!(
        (&got["origin"], &got["title"], &got["other_streams"]),
        (&json!("composition"), &json!("Best"), &json!(["live/a"]))
    );
    assert_eq!(got["ranges"][0]["recording"], json!(id(2).to_string()), "{got}");
    let wanted = json!([{"at_s": 0.0, "text": "end of b"}, {"at_s": 3.0, "text": "two"}]);
    assert_eq!((&got["notes"], &got["formats"]), (&wanted, &json!(["mp4"])));
    let deleted = the_box
        .ask("recording.delete", &json!({"recording": id(1).to_string()}))
        .await;
    assert_eq!(deleted["result"]["needed_by"], json!([new]), "{deleted}");
    // Two seconds, and the keyframe that they are decoded with.
    assert!(deleted["result"]["left_s"].as_f64().unwrap() >= 2.0);
    let list = the_box
        .ask("recording.search", &json!({"origin": "composition"}))
        .await;
    assert_eq!(
        list["result"]["recordings"].as_array().unwrap().len(),
        1,
        "{list}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_recording_is_cut_and_split_and_stays() {
    let the_box = a_box();
    record(&the_box, "a", 1, false).await;
    let one = id(1).to_string();
    let cut = json!({"recording": one, "ranges": [{"to_s": 1}, {"from_s": -1.5}]});
    let cut = the_box.ask("recording.cut", &cut).await;
    assert_eq!(cut["result"]["duration_s"], 2.5, "{cut}");
    let split = the_box
        .ask("recording.split", &json!({"recording": one, "at_s": [2, -1]}))
        .await;
    let parts = split["result"]["parts"].as_array().unwrap().clone();
    let lengths: Vec<&Value> = parts.iter().map(|part| &part["duration_s"]).collect();
    assert_eq!(lengths, [2.0, 3.0, 1.0], "{split}");
    // A part of a part, and a composition of both.
    let of = json!({"ranges": [{"recording": cut["result"]["recording"]}, {"recording": parts[1]["recording"], "from_s": 1}]});
    assert_eq!(
        the_box.ask("recording.compose", &of).await["result"]["duration_s"],
        4.5
    );
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 6);
    the_box.done().await;
}

#[tokio::test]
async fn what_cannot_be_composed_is_refused_with_what_and_where_and_makes_nothing() {
    let the_box = a_box();
    two(&the_box).await;
    record(&the_box, "c", 3, true).await;
    let of = |n: u8| json!({"recording": id(n).to_string()});
    let part = |from: f64, to: f64| json!({"recording": id(1).to_string(), "from_s": from, "to_s": to});
    for (range, code, says) in [
        (of(3), "conflict", "is open; stop it first"),
        (of(9), "not_found", "no recording"),
        (part(6.0, 7.0), "bad_request", "from_s is 6 s, and recording"),
        (part(-6.1, 1.0), "bad_request", "plays 6 s"),
        (part(0.0, 7.1), "bad_request", "to_s is 7.1 s"),
        (
            part(3.0, 3.0),
            "bad_request",
            "is empty: it would be from 3 s to 3 s",
        ),
        (part(4.0, -3.0), "bad_request", "from 4 s to 3 s"),
    ] {
        let body = json!({"ranges": [of(1), range]});
        let (found, field, message) = the_box.refused("recording.compose", &body).await;
        assert_eq!((found.as_str(), field.as_str()), (code, "ranges"), "{message}");
        assert!(
            message.starts_with("range 2: ") && message.contains(says),
            "{message}"
        );
    }
    for (body, code, field) in [
        (
            json!({"ranges": [of(1)], "template": "none"}),
            "not_found",
            "template",
        ),
        (
            json!({"ranges": [of(1)], "formats": []}),
            "bad_request",
            "formats",
        ),
        (
            json!({"ranges": [of(1)], "category": "none"}),
            "not_found",
            "category",
        ),
        (
            json!({"ranges": [of(1)], "title": "a\nb"}),
            "bad_request",
            "title",
        ),
    ] {
        let (found, about, message) = the_box.refused("recording.compose", &body).await;
        assert_eq!((found.as_str(), about.as_str()), (code, field), "{message}");
    }
    for at_s in [json!([7]), json!([3, 2])] {
        let body = json!({"recording": id(1).to_string(), "at_s": at_s});
        let (code, field, message) = the_box.refused("recording.split", &body).await;
        assert_eq!(
            (code.as_str(), field.as_str()),
            ("bad_request", "at_s"),
            "{message}"
        );
    }
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 3);
    the_box.done().await;
}

#[tokio::test]
async fn who_may_operate_one_stream_alone_composes_nothing_of_another_and_finds_no_composition_of_both() {
    let the_box = a_box();
    two(&the_box).await;
    let of = |n: u8| json!({"recording": id(n).to_string()});
    let both = json!({"ranges": [of(1), of(2)]});
    let new = the_box.ask("recording.compose", &both).await["result"]["recording"].clone();
    let scoped = |name: &str| {
        let scope = Scope {
            rights: Rights::ALL,
            streams: StreamSet::of([Pattern::try_from("live/a".to_owned()).unwrap()]),
            moderates: StreamSet::All,
        };
        the_box.api.for_caller(Caller::http(name, scope))
    };
    // A caller may change something a few times in a second.
    let (scoped, other) = (scoped("some"), scoped("other"));
    let refused = asked(&scoped, "recording.compose", &both).await;
    assert_eq!(refused["error"]["code"], "not_found", "{refused}");
    for command in [
        "recording.get",
        "recording.delete",
        "recording.set",
        "recording.protect",
    ] {
        let answer = asked(&scoped, command, &json!({"recording": new})).await;
        assert_eq!(answer["error"]["code"], "not_found", "{command}: {answer}");
    }
    for command in ["recording.list", "recording.search"] {
        let list = asked(&scoped, command, &json!({})).await;
        let found = list["result"]["recordings"].as_array().unwrap();
        assert_eq!(
            (found.len(), &found[0]["id"]),
            (1, &json!(id(1).to_string())),
            "{list}"
        );
    }
    let own = asked(&scoped, "recording.compose", &json!({"ranges": [of(1)]})).await;
    assert_eq!(own["ok"], true, "{own}");
    // What the caller may not see is counted.
    let deleted = asked(&other, "recording.delete", &of(1)).await;
    assert_eq!(
        (
            &deleted["result"]["needed_by"],
            &deleted["result"]["needed_by_others"]
        ),
        (&json!([own["result"]["recording"]]), &json!(1)),
        "{deleted}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn the_recordings_of_a_session_become_one_more_when_it_is_over_and_once() {
    let the_box = a_box();
    let ids = async || {
        let list = the_box.ask("recording.list", &json!({})).await;
        let rows = list["result"]["recordings"].as_array().unwrap().clone();
        rows.into_iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
    };
    record_by(&the_box, ("a", 1), false, of_session("s", 1)).await;
    record_by(&the_box, ("a", 2), true, of_session("s", 2)).await;
    // Another session has one recording, which is the whole.
    record_by(&the_box, ("b", 5), false, of_session("t", 1)).await;
    assert!(the_box.api.look_at_sessions().await.unwrap());
    assert_eq!(ids().await.len(), 3);
    for command in [
        Command::RecordingClosed {
            recording: id(2),
            end: ZERO + 126 * SECOND,
            reason: "stopped".to_owned(),
        },
        Command::PublishEnded {
            publish: PublishId::from_bytes([2; 16]),
            reason: "unpublished".to_owned(),
            outcome: Default::default(),
        },
    ] {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    assert!(!the_box.api.look_at_sessions().await.unwrap());
    let search = json!({"origin": "composition"});
    let found = the_box.ask("recording.search", &search).await["result"]["recordings"].clone();
    let whole = &found[0];
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let about = (
        &whole["session"],
        &whole["number"],
        &whole["duration_s"],
        &whole["template"],
    );
    assert_eq!(about, (&json!("s"), &json!(3), &json!(12.0), &json!("default")));
    assert_eq!(whole["gaps"].as_array().unwrap().len(), 0);
    assert!(!the_box.api.look_at_sessions().await.unwrap());
    assert_eq!(ids().await.len(), 4);
    the_box.done().await;
}

#[tokio::test]
async fn a_time_lapse_is_a_recording_of_its_own_with_the_notes_of_its_source() {
    let the_box = a_box();
    two(&the_box).await;
    let one = id(1).to_string();
    let notes = json!({"recording": one, "notes": [{"at_s": 4, "text": "four"}]});
    assert_eq!(the_box.ask("recording.set", &notes).await["ok"], true);
    let body = json!({"id": "once", "recording": one, "speed": 2, "from_s": 2, "title": "Fast"});
    let made = the_box.ask("recording.timelapse", &body).await;
    assert_eq!(made["result"]["duration_s"], 2.0, "{made}");
    assert_eq!(
        the_box.ask("recording.timelapse", &body).await["result"],
        made["result"]
    );
    let film = made["result"]["recording"].clone();
    let got = the_box.ask("recording.get", &json!({"recording": film})).await["result"].clone();
    assert_eq!(
        (&got["form"], &got["formats"], &got["title"]),
        (
            &json!({"lapse": {"speed": 2, "fps": 30}}),
            &json!(["mp4"]),
            &json!("Fast")
        )
    );
    assert_eq!(
        (&got["notes"], &got["url"]),
        (&json!([{"at_s": 1.0, "text": "four"}]), &Value::Null)
    );
    // What it is made of may go. It goes into no other recording, and no channel shows it.
    let deleted = the_box.ask("recording.delete", &json!({"recording": one})).await;
    assert_eq!(deleted["result"]["needed_by"], json!([film]), "{deleted}");
    for (command, body, says) in [
        (
            "recording.timelapse",
            json!({"recording": film, "speed": 2}),
            "is a time lapse, and has no ranges",
        ),
        (
            "recording.cut",
            json!({"recording": film, "ranges": [{}]}),
            "is a time lapse, and has no ranges",
        ),
        (
            "channel.put",
            json!({"name": "again", "items": [film]}),
            "is a time lapse, which is an MP4 alone",
        ),
    ] {
        let (code, _, message) = the_box.refused(command, &body).await;
        assert_eq!(code, "conflict", "{command}: {message}");
        assert!(message.contains(says), "{command}: {message}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn what_no_time_lapse_can_be_made_of_is_refused_with_the_field_and_makes_nothing() {
    let the_box = a_box();
    record(&the_box, "a", 1, false).await;
    record(&the_box, "a", 3, true).await;
    let mut sound = RecordingSpec::built_in();
    sound.output.media = crate::model::Media::Audio;
    record_by(&the_box, ("b", 2), false, sound.into()).await;
    let mut closed = RecordingSpec::built_in();
    closed.output.encrypt = Some(Encrypt::default());
    record_by(&the_box, ("c", 4), false, closed.into()).await;
    for (n, more, code, field, says) in [
        (1, json!({}), "bad_request", "speed", "speed"),
        (1, json!({"speed": 1}), "bad_request", "speed", "from 2 to 3600"),
        (
            1,
            json!({"speed": 3601}),
            "bad_request",
            "speed",
            "from 2 to 3600",
        ),
        (
            1,
            json!({"speed": 1_000_000_000_000_u64}),
            "bad_request",
            "speed",
            "",
        ),
        (1, json!({"speed": 2, "fps": 0}), "bad_request", "fps", "1 to 60"),
        (1, json!({"speed": 2, "fps": 61}), "bad_request", "fps", "1 to 60"),
        (
            1,
            json!({"speed": 2, "formats": ["hls"]}),
            "conflict",
            "formats",
            "cannot be had as hls",
        ),
        (
            1,
            json!({"speed": 2, "from_s": 7}),
            "bad_request",
            "recording",
            "from_s is 7 s",
        ),
        (
            1,
            json!({"speed": 2, "from_s": 3, "to_s": 3}),
            "bad_request",
            "recording",
            "is empty",
        ),
        (
            2,
            json!({"speed": 2}),
            "conflict",
            "recording",
            "there is no picture",
        ),
        (3, json!({"speed": 2}), "conflict", "recording", "stop it first"),
        (
            4,
            json!({"speed": 2}),
            "conflict",
            "recording",
            "give it away in clear",
        ),
        (9, json!({"speed": 2}), "not_found", "recording", "no recording"),
    ] {
        let mut body = more;
        body["recording"] = json!(id(n).to_string());
        let (found, about, message) = the_box.refused("recording.timelapse", &body).await;
        assert_eq!(
            (found.as_str(), about.as_str()),
            (code, field),
            "{body}: {message}"
        );
        assert!(message.contains(says), "{body}: {message}");
    }
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 4);
    the_box.done().await;
}

/// A closed recording of a session whose pieces are not wanted beside the whole.
async fn dropped_piece(the_box: &Box, n: u8, formats: &[Format]) {
    let mut spec = RecordingSpec::clone(&of_session("s", n.into()));
    spec.output.compose_drop = true;
    spec.output.formats = formats.to_vec();
    record_by(the_box, ("a", n), false, spec.into()).await;
}

/// Three of them, with the id of the whole.
async fn dropped_session(the_box: &Box) -> RecordingId {
    for n in 1..=3 {
        dropped_piece(the_box, n, &RecordingSpec::built_in().output.formats).await;
    }
    whole_of(1)
}

/// The id of the whole of a session that begins with this recording.
fn whole_of(n: u8) -> RecordingId {
    let mut bytes = id(n).to_bytes();
    (bytes[14], bytes[15]) = (bytes[14] ^ 0x5c, bytes[15] ^ 0xa7);
    RecordingId::from_bytes(bytes)
}

/// Makes the whole of these pieces, as if the power went behind it.
async fn make_whole(the_box: &Box, pieces: &[u8]) {
    let mut ranges = Vec::new();
    for n in pieces.iter().copied() {
        let cut = the_box.api.read(move |library| library.cut(id(n), (None, None)));
        ranges.extend(cut.await.unwrap().unwrap().ranges);
    }
    let mut spec = RecordingSpec::built_in();
    spec.about.origin = crate::model::Origin::Composition;
    let new = crate::store::NewComposition {
        recording: whole_of(1),
        spec,
        sources: pieces.iter().map(|n| id(*n)).collect(),
        unless: crate::store::Unless::HeldBack,
        form: Default::default(),
        ranges,
        facts: Default::default(),
    };
    the_box.api.recorder.compose(new).await.unwrap();
}

/// The recordings that `recording.failed` names, sorted, with the reasons; none for a session.
async fn told(the_box: &Box) -> Vec<(Value, String)> {
    let posted = the_box.api.read(|library| library.outbox(0, 1_000, 1 << 20));
    let posted = posted.await.unwrap().into_iter();
    let failed = posted.filter(|event| event.kind == "recording.failed");
    let mut told: Vec<(Value, String)> = failed
        .map(|event| {
            let body: Value = serde_json::from_str(&event.body).unwrap();
            (body["recording"].clone(), body["reason"].to_string())
        })
        .collect();
    told.sort_by_key(|(recording, _)| recording.to_string());
    told
}

/// The same set of recordings, in an order of its own.
fn sorted(ids: impl IntoIterator<Item = RecordingId>) -> Vec<RecordingId> {
    let mut ids: Vec<RecordingId> = ids.into_iter().collect();
    ids.sort();
    ids
}

/// Expects that these recordings are there when looks have been made, and that each of these pieces stays, with its reason.
async fn expect(the_box: &Box, there: &[RecordingId], staying: &[(u8, &str)]) {
    let (found, _) = after_looks(the_box).await;
    assert_eq!(sorted(found), sorted(there.to_vec()));
    let told = told(the_box).await;
    assert_eq!(told.len(), staying.len(), "{told:?}");
    for ((recording, reason), (n, why)) in told.iter().zip(staying) {
        assert_eq!(recording, &json!(id(*n).to_string()), "{told:?}");
        assert!(reason.contains(why), "{told:?}");
    }
}

/// The recordings that are there, and what is to be delivered, when sessions have been looked at until nothing is left to do.
async fn after_looks(the_box: &Box) -> (Vec<RecordingId>, Vec<RecordingId>) {
    for _ in 0..5 {
        if !the_box.api.look_at_sessions().await.unwrap() {
            break;
        }
        the_box.api.recorder.flush().await.unwrap();
    }
    the_box.api.recorder.flush().await.unwrap();
    (listed(the_box).await, waiting(the_box).await)
}

async fn listed(the_box: &Box) -> Vec<RecordingId> {
    let list = the_box.ask("recording.list", &json!({})).await;
    let rows = list["result"]["recordings"].as_array().unwrap().clone();
    rows.iter()
        .map(|row| row["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

async fn waiting(the_box: &Box) -> Vec<RecordingId> {
    let order = crate::store::WaitingOrder::OldestFirst;
    let found = the_box
        .api
        .read(move |library| library.to_deliver(order, true, 10))
        .await;
    found.unwrap().into_iter().map(|of| of.recording).collect()
}

#[tokio::test]
async fn the_pieces_of_a_session_go_when_the_whole_is_durable_and_are_not_delivered_before() {
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    assert_eq!(
        (listed(&the_box).await.len(), waiting(&the_box).await),
        (3, vec![])
    );
    assert_eq!(after_looks(&the_box).await, (vec![whole], vec![whole]));
    let row = the_box
        .ask("recording.get", &json!({"recording": whole.to_string()}))
        .await;
    assert_eq!(row["result"]["duration_s"], 18.0, "{row}");
    the_box.done().await;
    // The power went when the whole was there, and when some of the pieces were gone.
    for gone in [0, 1, 2] {
        let the_box = a_box();
        let whole = dropped_session(&the_box).await;
        make_whole(&the_box, &[1, 2, 3]).await;
        for n in (4 - gone)..=3 {
            let body = json!({"recording": id(n).to_string()});
            assert_eq!(the_box.ask("recording.delete", &body).await["ok"], true);
        }
        assert_eq!(after_looks(&the_box).await, (vec![whole], vec![whole]), "{gone}");
        the_box.done().await;
    }
}

#[tokio::test]
async fn pieces_that_somebody_needs_stay_beside_the_whole_and_are_delivered() {
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    let of = |n: u8| json!({"recording": id(n).to_string()});
    assert_eq!(the_box.ask("recording.protect", &of(1)).await["ok"], true);
    let made = the_box
        .ask("recording.compose", &json!({"ranges": [of(2)], "name": "best"}))
        .await;
    let best: RecordingId = made["result"]["recording"].as_str().unwrap().parse().unwrap();
    let title = json!({"recording": id(3).to_string(), "title": "Proof"});
    assert_eq!(the_box.ask("recording.set", &title).await["ok"], true);
    let (mut there, mut waits) = after_looks(&the_box).await;
    let mut all = vec![id(1), id(2), id(3), best, whole];
    there.sort();
    waits.sort();
    all.sort();
    assert_eq!((&there, &waits), (&all, &all));
    the_box.done().await;
    // One recording is the whole, and is delivered when its session is over.
    let the_box = a_box();
    let mut spec = RecordingSpec::clone(&of_session("s", 1));
    spec.output.compose_drop = true;
    record_by(&the_box, ("a", 1), false, spec.into()).await;
    assert_eq!(waiting(&the_box).await, []);
    assert_eq!(after_looks(&the_box).await, (vec![id(1)], vec![id(1)]));
    the_box.done().await;
}

#[tokio::test]
async fn a_piece_that_the_whole_does_not_have_and_pieces_of_a_whole_that_goes_stay() {
    // The third one was committed when the whole of the others was made.
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    make_whole(&the_box, &[1, 2]).await;
    expect(&the_box, &[id(3), whole], &[(3, "does not have it")]).await;
    the_box.done().await;
    // The whole is there, and its deletion is under way.
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    make_whole(&the_box, &[1, 2, 3]).await;
    let journal = the_box._dir.path().join("store/journal.db");
    let journal = rusqlite::Connection::open(journal).unwrap();
    journal
        .execute("INSERT INTO deleted (id) VALUES (?1)", [whole.to_bytes()])
        .unwrap();
    let why = "being deleted";
    expect(
        &the_box,
        &[id(1), id(2), id(3), whole],
        &[(1, why), (2, why), (3, why)],
    )
    .await;
    the_box.done().await;
}

#[tokio::test]
async fn a_piece_whose_note_the_whole_does_not_have_and_one_that_a_channel_shows_stay() {
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    make_whole(&the_box, &[1, 2, 3]).await;
    // The whole has as many notes as its pieces, and one of them only by its number.
    let note = |text: &str| json!([{"at_s": 1, "text": text}]);
    for (of, notes) in [
        (id(1), note("goal")),
        (id(2), note("set since")),
        (
            whole,
            json!([{"at_s": 1, "text": "goal"}, {"at_s": 2, "text": "other"}]),
        ),
    ] {
        let body = json!({"recording": of.to_string(), "notes": notes});
        assert_eq!(the_box.ask("recording.set", &body).await["ok"], true);
    }
    let shown = crate::store::Change::Channel {
        name: "again".to_owned(),
        body: Some("{}".to_owned()),
        shown: vec![id(3)],
        tell: Vec::new(),
    };
    the_box.api.recorder.submit(Command::Change(shown)).await.unwrap();
    let staying = [(2, "lacks one that was set since"), (3, "a channel shows it")];
    expect(&the_box, &[id(2), id(3), whole], &staying).await;
    the_box.done().await;
}

#[tokio::test]
async fn a_session_with_a_piece_that_a_review_holds_back_becomes_no_recording_and_its_pieces_stay() {
    for (status, drops) in [
        ("review", true),
        ("block", true),
        ("review", false),
        ("block", false),
    ] {
        let the_box = a_box();
        for n in 1..=3 {
            if drops {
                dropped_piece(&the_box, n, &RecordingSpec::built_in().output.formats).await;
            } else {
                record_by(&the_box, ("a", n), false, of_session("s", n.into())).await;
            }
        }
        let body = json!({"recording": id(2).to_string(), "status": status});
        assert_eq!(the_box.ask("recording.review", &body).await["ok"], true);
        let (there, waits) = after_looks(&the_box).await;
        assert_eq!(sorted(there), [id(1), id(2), id(3)], "{status}");
        assert_eq!(sorted(waits), [id(1), id(3)], "{status}");
        let told = told(&the_box).await;
        assert_eq!((told.len(), &told[0].0), (1, &Value::Null), "{told:?}");
        assert!(told[0].1.contains(&id(2).to_string()), "{told:?}");
        the_box.done().await;
    }
    // What is blocked when the whole is made holds that back, and its pieces are what viewers have.
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    make_whole(&the_box, &[1, 2, 3]).await;
    let body = json!({"recording": id(2).to_string(), "status": "block"});
    assert_eq!(the_box.ask("recording.review", &body).await["ok"], true);
    let why = "holds that one back";
    expect(
        &the_box,
        &[id(1), id(2), id(3), whole],
        &[(1, why), (2, why), (3, why)],
    )
    .await;
    the_box.done().await;
    // Where the whole is reviewed itself before anybody has it, its pieces wait as it does.
    let the_box = a_box();
    for n in 1..=2 {
        let mut spec = RecordingSpec::clone(&of_session("s", n.into()));
        spec.output.review = ReviewWhen::Before;
        record_by(&the_box, ("a", n), false, spec.into()).await;
    }
    let (there, waits) = after_looks(&the_box).await;
    assert_eq!(
        (sorted(there), waits),
        (sorted([id(1), id(2), whole_of(1)]), vec![])
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_session_has_one_whole_whichever_of_its_pieces_go_and_each_that_stays_is_told_of() {
    let title = async |the_box: &Box, n: u8| {
        let body = json!({"recording": id(n).to_string(), "title": "Proof"});
        assert_eq!(the_box.ask("recording.set", &body).await["ok"], true);
    };
    let why = "set its title";
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    title(&the_box, 2).await;
    title(&the_box, 3).await;
    expect(&the_box, &[id(2), id(3), whole], &[(2, why), (3, why)]).await;
    the_box.done().await;
    // One is left beside the whole.
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    title(&the_box, 3).await;
    expect(&the_box, &[id(3), whole], &[(3, why)]).await;
    the_box.done().await;
    // The whole was noted, and the power went before it was made; then somebody deleted the first one.
    let the_box = a_box();
    let whole = dropped_session(&the_box).await;
    let noted = the_box.api.read(|library| library.to_compose(10));
    let mut noted = noted.await.unwrap().remove(0);
    noted.wholes.insert("hls,mp4".to_owned(), whole);
    noted.wholes.insert("mp4,hls".to_owned(), whole);
    let note = Command::Change(crate::store::Change::session_noted(&noted));
    the_box.api.recorder.submit(note).await.unwrap();
    let body = json!({"recording": id(1).to_string()});
    assert_eq!(the_box.ask("recording.delete", &body).await["ok"], true);
    title(&the_box, 3).await;
    let read = the_box.api.read(|library| library.to_compose(10));
    assert_eq!(read.await.unwrap(), [noted]);
    expect(&the_box, &[id(3), whole], &[(3, why)]).await;
    the_box.done().await;
}

#[tokio::test]
async fn the_pieces_of_two_outputs_go_when_each_has_its_whole() {
    let the_box = a_box();
    // The recordings of both outputs have the same tape.
    for n in 1..=2 {
        let publish = PublishId::from_bytes([n; 16]);
        let start = ZERO + i64::from(n) * 60 * SECOND;
        dropped_output(&the_box, n, (publish, start)).await;
    }
    let wholes = [whole_of(1), whole_of(11)];
    let (there, waits) = after_looks(&the_box).await;
    assert_eq!((sorted(there), sorted(waits)), (sorted(wholes), sorted(wholes)));
    assert_eq!(told(&the_box).await, []);
    the_box.done().await;
}

/// Two closed recordings of a publish, of two outputs of a session.
async fn dropped_output(the_box: &Box, n: u8, (publish, start): (PublishId, i64)) {
    let spec = |format| {
        let mut spec = RecordingSpec::clone(&of_session("s", n.into()));
        spec.output.compose_drop = true;
        spec.output.formats = vec![format];
        Arc::new(spec)
    };
    let mut commands = vec![Command::PublishStarted {
        tell: None,
        publish,
        stream: StreamName::new("live", "a").unwrap(),
        tape_zero: start,
        boot_zero: 0,
        about: Default::default(),
    }];
    let both = [(n, Format::Hls), (n + 10, Format::Mp4)];
    commands.extend(both.map(|(recording, format)| Command::RecordingStarted {
        recording: id(recording),
        publish,
        start,
        spec: spec(format),
    }));
    commands.extend((0..6).map(|second| Command::Append {
        publish,
        fragment: testing::fragment(second, second % 2 == 0),
    }));
    commands.extend(both.map(|(recording, _)| Command::RecordingClosed {
        recording: id(recording),
        end: start + 6 * SECOND,
        reason: "stopped".to_owned(),
    }));
    commands.push(Command::PublishEnded {
        publish,
        reason: "unpublished".to_owned(),
        outcome: Default::default(),
    });
    for command in commands {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    the_box.api.recorder.flush().await.unwrap();
}
