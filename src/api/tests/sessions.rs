//! Sessions that become one recording when they are over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::composing::{SECOND, ZERO, id, record, record_by};
use super::{Box, a_box};
use crate::format::{Format, MAX_RANGES};
use crate::media::{PublishId, RecordingId, StreamName, VideoConfig};
use crate::model::ReviewWhen;
use crate::store::{Clock as _, Command, RealClock, RecordingSpec, ToCompose, testing};

/// The spec of a recording of a session that its template wants as one.
fn of_session(session: &str, number: u32) -> Arc<RecordingSpec> {
    let mut spec = RecordingSpec::built_in();
    spec.about.session = session.to_owned();
    spec.about.number = number;
    spec.output.compose = true;
    spec.into()
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
    assert!(
        the_box
            .api
            .look_at_sessions(&mut Default::default())
            .await
            .unwrap()
    );
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
    assert!(
        !the_box
            .api
            .look_at_sessions(&mut Default::default())
            .await
            .unwrap()
    );
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
    assert!(
        !the_box
            .api
            .look_at_sessions(&mut Default::default())
            .await
            .unwrap()
    );
    assert_eq!(ids().await.len(), 4);
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
        job: None,
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
        if !the_box
            .api
            .look_at_sessions(&mut Default::default())
            .await
            .unwrap()
        {
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
    let note = Command::Change(crate::store::Change::session_noted(&noted, Vec::new()));
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

/// The journal of a box, for rows that no command makes.
fn journal(the_box: &Box) -> rusqlite::Connection {
    rusqlite::Connection::open(the_box._dir.path().join("store/journal.db")).unwrap()
}

/// Many more closed recordings like one, each a millisecond later.
fn many_like(the_box: &Box, n: u8, count: usize) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO recordings (id, stream, publish, state, start, end, spec, exact)
         SELECT randomblob(16), stream, publish, 'closed', start + i * 1000, end + i * 1000, spec, exact
            FROM recordings CROSS JOIN n WHERE id = ?1";
    let made = journal(the_box).execute(sql, rusqlite::params![id(n).to_bytes(), count as i64]);
    assert_eq!(made.unwrap(), count);
}

async fn noted(the_box: &Box) -> Vec<ToCompose> {
    let noted = the_box.api.read(|library| library.to_compose(10));
    noted.await.unwrap()
}

#[tokio::test]
async fn a_session_that_goes_on_is_given_up_by_the_piece_that_is_too_many_and_told_of_once() {
    for too_many in [false, true] {
        let the_box = a_box();
        let formats = RecordingSpec::built_in().output.formats;
        dropped_piece(&the_box, 1, &formats).await;
        many_like(&the_box, 1, MAX_RANGES - 2 + usize::from(too_many));
        // The last one is open.
        let number = MAX_RANGES as u32 + u32::from(too_many);
        let mut spec = RecordingSpec::clone(&of_session("s", number));
        spec.output.compose_drop = true;
        record_by(&the_box, ("a", 2), true, spec.into()).await;
        for _ in 0..2 {
            let session = noted(&the_box).await.remove(0);
            the_box.api.look_at_length(session).await.unwrap();
        }
        let of = noted(&the_box).await.remove(0);
        let told = told(&the_box).await;
        assert_eq!(told.len(), usize::from(too_many), "{told:?}");
        assert_eq!(of.given_up.len(), usize::from(too_many), "{of:?}");
        // Its recordings are delivered while it goes on, and so is the next one.
        assert_eq!(waiting(&the_box).await.len(), if too_many { 11 } else { 0 });
        if too_many {
            assert!(told[0].1.contains("more than 500 recordings"), "{told:?}");
            dropped_piece(&the_box, 3, &formats).await;
            assert!(noted(&the_box).await == [of]);
        }
        the_box.done().await;
    }
}

#[tokio::test]
async fn an_output_with_too_many_pieces_has_no_whole_and_the_other_one_has() {
    for more in [MAX_RANGES - 1, 6_000] {
        let the_box = a_box();
        for n in 1..=2 {
            let publish = PublishId::from_bytes([n; 16]);
            dropped_output(&the_box, n, (publish, ZERO + i64::from(n) * 60 * SECOND)).await;
        }
        many_like(&the_box, 1, more);
        let (_, waits) = after_looks(&the_box).await;
        // All of them are delivered.
        assert_eq!(waits.len(), 10);
        let told = told(&the_box).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].1.contains("not composed as hls: it has more than 500"),
            "{told:?}"
        );
        for (of, is_there) in [
            (whole_of(1), false),
            (whole_of(11), true),
            (id(1), true),
            (id(11), false),
        ] {
            let row = the_box.api.read(move |library| library.recording(of)).await;
            assert_eq!(row.unwrap().is_some(), is_there, "{of}");
        }
        assert_eq!(noted(&the_box).await, []);
        the_box.done().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_composed_when_no_template_says_so_any_more() {
    let the_box = a_box();
    let looks = tokio::spawn(the_box.api.clone().compose_sessions());
    // The first looks find nothing.
    tokio::time::sleep(Duration::from_secs(11)).await;
    // Its recordings are there when it is noted: nobody looks in between.
    for n in 1..=2 {
        record_by(&the_box, ("a", n), false, of_session("s", u32::from(n) + 1)).await;
    }
    let note = ToCompose {
        session: "s".to_owned(),
        stream: StreamName::new("live", "a").unwrap(),
        start: ZERO,
        wholes: Default::default(),
        given_up: Default::default(),
    };
    let note = Command::Change(crate::store::Change::session_noted(&note, Vec::new()));
    the_box.api.recorder.submit(note).await.unwrap();
    let late = RealClock.boot() + 60 * SECOND;
    while listed(&the_box).await.len() < 3 {
        assert!(RealClock.boot() < late, "{:?}", listed(&the_box).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    looks.abort();
    the_box.done().await;
}

/// A closed recording of a session in a segment that is still written for another one.
async fn unsealed_piece(the_box: &Box, stream: &str, n: u8, spec: Arc<RecordingSpec>) {
    record(the_box, stream, n + 100, true).await;
    let begun = Command::RecordingStarted {
        recording: id(n),
        publish: PublishId::from_bytes([n + 100; 16]),
        start: ZERO + i64::from(n + 100) * 60 * SECOND,
        spec,
    };
    let ended = Command::RecordingClosed {
        recording: id(n),
        end: ZERO + (i64::from(n + 100) * 60 + 4) * SECOND,
        reason: "stopped".to_owned(),
    };
    for command in [begun, ended] {
        the_box.api.recorder.submit(command).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_whose_segment_is_still_written_keeps_no_other_waiting_and_is_looked_at_later() {
    let the_box = a_box();
    record_by(&the_box, ("a", 1), false, of_session("s", 1)).await;
    unsealed_piece(&the_box, "a", 2, of_session("s", 2)).await;
    // Of the same session, another output is sealed, and so is another session.
    let one_format = |session: &str, number| {
        let mut spec = RecordingSpec::clone(&of_session(session, number));
        spec.output.formats = vec![Format::Mp4];
        Arc::new(spec)
    };
    record_by(&the_box, ("a", 11), false, one_format("s", 1)).await;
    record_by(&the_box, ("a", 12), false, one_format("s", 2)).await;
    record_by(&the_box, ("b", 21), false, of_session("t", 1)).await;
    record_by(&the_box, ("b", 22), false, of_session("t", 2)).await;
    let begun = RealClock.boot();
    let mut looks = Default::default();
    assert!(the_box.api.look_at_sessions(&mut looks).await.unwrap());
    // It did not wait for the segment.
    assert!(RealClock.boot() < begun + 10 * SECOND);
    let has = async |of| listed(&the_box).await.contains(&of);
    assert!(has(whole_of(11)).await && has(whole_of(21)).await && !has(whole_of(1)).await);
    let ended = Command::PublishEnded {
        publish: PublishId::from_bytes([102; 16]),
        reason: "unpublished".to_owned(),
        outcome: Default::default(),
    };
    the_box.api.recorder.submit(ended).await.unwrap();
    // It was tried a moment ago.
    assert!(the_box.api.look_at_sessions(&mut looks).await.unwrap());
    assert!(!has(whole_of(1)).await);
    assert!(
        !the_box
            .api
            .look_at_sessions(&mut Default::default())
            .await
            .unwrap()
    );
    assert!(has(whole_of(1)).await);
    the_box.done().await;
}

#[tokio::test]
async fn a_recording_that_goes_while_the_whole_is_made_is_known_to_be_gone() {
    let the_box = a_box();
    for n in 1..=3 {
        record(&the_box, "a", n, false).await;
    }
    let gone = async |ids: &[u8]| {
        let ids = ids.iter().map(|n| id(*n)).collect();
        the_box.api.is_one_gone(ids).await.unwrap()
    };
    assert!(!gone(&[1, 2, 3]).await && gone(&[1, 9]).await);
    journal(&the_box)
        .execute("INSERT INTO deleted (id) VALUES (?1)", [id(1).to_bytes()])
        .unwrap();
    journal(&the_box)
        .execute(
            "UPDATE recordings SET state = 'expired' WHERE id = ?1",
            [id(2).to_bytes()],
        )
        .unwrap();
    assert!(gone(&[1]).await && gone(&[2]).await && !gone(&[3]).await);
    the_box.done().await;
}

/// A closed recording of a session, of 640×480.
async fn large_piece(the_box: &Box, n: u8, spec: Arc<RecordingSpec>) {
    let publish = PublishId::from_bytes([n; 16]);
    let zero = ZERO + i64::from(n) * 60 * SECOND;
    let large = |second| {
        let mut fragment = testing::fragment(second, second % 2 == 0);
        let video = fragment.tracks.video.as_deref().cloned().unwrap();
        fragment.tracks.video = Some(Arc::new(VideoConfig {
            width: 640,
            height: 480,
            ..video
        }));
        fragment
    };
    let mut commands = vec![
        Command::PublishStarted {
            tell: None,
            publish,
            stream: StreamName::new("live", "a").unwrap(),
            tape_zero: zero,
            boot_zero: 0,
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
        fragment: large(second),
    }));
    commands.push(Command::RecordingClosed {
        recording: id(n),
        end: zero + 6 * SECOND,
        reason: "stopped".to_owned(),
    });
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

#[tokio::test]
async fn a_session_whose_size_changes_is_composed_as_hls_alone_and_its_pieces_stay() {
    // Its formats, those of its whole, and whether the power goes before that is told.
    for (formats, whole, crashes) in [
        (vec![Format::Hls, Format::Mp4], Some(vec![Format::Hls]), false),
        (vec![Format::Hls, Format::Mp4], Some(vec![Format::Hls]), true),
        (vec![Format::Hls], Some(vec![Format::Hls]), false),
        (vec![Format::Mp4], None, false),
    ] {
        let the_box = a_box();
        dropped_piece(&the_box, 1, &formats).await;
        let mut spec = RecordingSpec::clone(&of_session("s", 2));
        spec.output.compose_drop = true;
        spec.output.formats = formats.clone();
        large_piece(&the_box, 2, spec.into()).await;
        if crashes {
            let note = noted(&the_box).await.remove(0);
            the_box
                .api
                .look_at_sessions(&mut Default::default())
                .await
                .unwrap();
            let note = Command::Change(crate::store::Change::session_noted(&note, Vec::new()));
            the_box.api.recorder.submit(note).await.unwrap();
        }
        let (there, _) = after_looks(&the_box).await;
        let pieces_go = formats == [Format::Hls];
        assert_eq!(there.contains(&id(1)), !pieces_go, "{formats:?}");
        let row = the_box
            .api
            .read(move |library| library.recording(whole_of(1)))
            .await
            .unwrap();
        assert_eq!(row.map(|row| row.spec.output.formats), whole, "{formats:?}");
        let told = told(&the_box).await;
        assert_eq!(
            told.len(),
            usize::from(!pieces_go) + usize::from(crashes),
            "{told:?}"
        );
        if formats.len() > 1 {
            assert!(told[0].1.contains("as hls alone, and not as mp4"), "{told:?}");
        }
        assert_eq!(noted(&the_box).await, []);
        the_box.done().await;
    }
}

#[tokio::test]
async fn only_the_first_recording_of_a_session_notes_it() {
    let the_box = a_box();
    // The journal was lost while the session went on.
    record_by(&the_box, ("a", 4), false, of_session("s", 4)).await;
    assert_eq!(noted(&the_box).await, []);
    record_by(&the_box, ("a", 5), false, of_session("t", 1)).await;
    assert_eq!(noted(&the_box).await.len(), 1);
    the_box.done().await;
}
