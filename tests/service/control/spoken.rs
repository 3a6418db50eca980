//! edgereel says that a stream is not recorded, in the places where people look.

use crate::support::rtmp::{Rtmp, number, string};

use crate::support::{Flv, Pusher, Tag, sample, wait_closed};

use super::*;

/// The clip with its sound in G.711, as many cameras send it.
fn camera() -> Flv {
    let of_camera = |tag: &Tag| match (tag.kind, tag.body.as_slice()) {
        (8, [_, 0, ..]) => None,
        (8, body) => Some(Tag {
            body: [&[0x72], &body[2..]].concat(),
            ..tag.clone()
        }),
        _ => Some(tag.clone()),
    };
    Flv {
        tags: sample().before(4_000).tags.iter().filter_map(of_camera).collect(),
    }
}

fn events(data: &Path, kind: &str) -> Vec<Value> {
    let journal = rusqlite::Connection::open_with_flags(
        data.join("journal.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    );
    let journal = journal.unwrap();
    let mut rows = journal
        .prepare("SELECT body FROM outbox WHERE kind = ?1 ORDER BY id")
        .unwrap();
    let bodies = rows.query_map([kind], |row| row.get::<_, String>(0)).unwrap();
    bodies
        .map(|body| serde_json::from_str(&body.unwrap()).unwrap())
        .collect()
}

#[test]
fn a_camera_whose_sound_cannot_be_recorded_has_its_picture_recorded() {
    let home = home();
    let service = Service::start(home.path());
    let push = Pusher::start(service.address(), "live/cam1", &camera(), 1.0);
    let row = wait_for("the stream in the list", || {
        let streams = typed(home.path(), &["stream", "list"])["streams"].clone();
        streams.get(0).filter(|row| row["left_out"].is_array()).cloned()
    });
    assert_eq!(
        row["left_out"],
        json!([{"kind": "audio", "codec": "G.711 A-law"}])
    );
    push.done();
    service.wait_for_log(|log| {
        log.contains("the sound is G.711 A-law, which is not recorded")
            .then_some(())
    });
    let recording = wait_closed(&service.data());
    let out = home.path().join("out.mp4");
    crate::support::export(&service.data(), &recording.id, "mp4", &out).ok();
    let shown = crate::support::mp4_file::parse(&std::fs::read(&out).unwrap());
    shown.same_as(&camera().media(), "the picture", 1.5);
    let told = wait_for("the event", || events(&service.data(), "stream.exception").pop());
    assert_eq!(told["what"], "codec");
    assert!(
        told["detail"].as_str().unwrap().contains("send AAC, MP3 or Opus"),
        "{told}"
    );
}

#[test]
fn who_wants_the_sound_has_the_refusal() {
    let home = home();
    let more = "[[publisher]]\nstream = \"live/*\"\naudio = \"required\"\n";
    let service = Service::start_with(home.path(), more);
    let mut client = Rtmp::publishing(service.address(), "live", "cam1");
    for tag in camera().before(500).tags {
        let _ = client.media(tag.kind, tag.time, &tag.body);
    }
    let said = client.wait_closed();
    assert!(said.contains("G.711 A-law is not recorded here"), "{said}");
}

#[test]
fn who_asks_for_what_cannot_be_is_logged_once() {
    let home = home();
    let service = Service::start(home.path());
    for _ in 0..3 {
        let mut keyless = Rtmp::connected(service.address(), "live");
        let _ = keyless.publish("");
        keyless.wait_text("NetStream.Publish.BadName");
        let mut player = Rtmp::connected(service.address(), "live");
        let play = [string("play"), number(4.0), vec![5], string("cam1")];
        player.command(1, &play).unwrap();
        player.wait_text("NetStream.Play");
        let mut nameless = Rtmp::connected(service.address(), "live");
        let _ = nameless.publish("..");
        nameless.wait_closed();
    }
    for said in [
        "address has one part",
        "nothing can be played over RTMP",
        "a name that no stream can have",
    ] {
        let count = service.wait_for_log(|log| Some(log.matches(said).count()).filter(|count| *count > 0));
        assert_eq!(count, 1, "{said}");
    }
}

#[test]
fn what_a_rule_leaves_out_is_said_by_the_check_at_the_start_and_in_the_answer() {
    let home = home();
    let more = "[[rule]]\napp = \"hall\"\n[[rule]]\nstream = \"cam1\"\nrecord = \"never\"\n";
    let service = Service::start_with(home.path(), more);
    let check = edgereel_of(home.path(), &["check-config"]).ok();
    let said = [
        "the form app = \"hall\" of a rule is deprecated; edgereel reads it as stream 'hall/*'",
        "the form stream = \"cam1\" of a rule is deprecated; edgereel reads it as stream '*/cam1'",
        "streams that no rule fits are not recorded",
    ];
    let (warned, log) = (check.stderr, service.log_with(&said));
    for said in said {
        let line = warned.lines().find(|line| line.contains(said));
        let place = line.and_then(|line| {
            line.strip_prefix("edgereel: warning: ")?
                .split_once(&format!(": {said}"))
        });
        let (file, number) = place
            .and_then(|(place, _)| place.rsplit_once(':'))
            .expect("the line");
        assert!(
            file.ends_with("edgereel.toml") && number.parse::<usize>().is_ok(),
            "{warned}"
        );
        assert!(log.contains(&format!("WARN  {said}")), "{log}");
    }
    let put = typed(home.path(), &["rule", "put", "--app", "live", "--stream", "cam*"]);
    assert_eq!(put["stream"], "live/cam*");
    assert_eq!(put["warnings"].as_array().map(Vec::len), Some(1), "{put}");
    let put = edgereel_of(home.path(), &["rule", "put", "--stream", "live//cam"]).ok();
    assert!(
        put.stderr
            .contains("warning: the rule for stream 'live//cam': no stream"),
        "{}",
        put.stderr
    );
    let put = typed(home.path(), &["rule", "put", "--stream", "live/*"]);
    assert_eq!(put["warnings"], Value::Null, "{put}");
    // The old form removes the rule of the new form, and the other way round.
    typed(home.path(), &["rule", "delete", "--app", "live"]);
    typed(home.path(), &["rule", "delete", "--stream", "live/cam*"]);
    let wrong = refused(
        home.path(),
        &["rule", "put", "--app", "live", "--stream", "live/cam1"],
    );
    assert!(wrong.contains("leave app out"), "{wrong}");
}

#[test]
fn each_publish_says_whether_it_is_recorded_in_the_log_the_list_and_an_event() {
    let home = home();
    let rules = "[[rule]]\nstream = \"live/*\"\n[[rule]]\nstream = \"live/cam2\"\nrecord = \"on-demand\"\n";
    let service = Service::start_with(home.path(), rules);
    let feeds = [CAM, "live/cam2", "hall/cam3"].map(|name| live(&service, name));
    let said = [
        (
            CAM,
            "recorded as hls, mp4 by template 'default' and the rule for stream 'live/*'",
        ),
        (
            "live/cam2",
            "not recorded, because the rule for stream 'live/cam2' says record = \"on-demand\"",
        ),
        (
            "hall/cam3",
            "not recorded, because no rule fits it; add a [[rule]] with stream = \"hall/cam3\"",
        ),
    ];
    let list = edgereel_of(home.path(), &["stream", "list"]).ok();
    let rows = typed(home.path(), &["stream", "list"])["streams"].clone();
    for (name, text) in said {
        let of =
            |line: &str| line.contains(&format!("INFO  {text}")) && line.contains(&format!("stream={name}"));
        let log = service.wait_for_log(|log| log.lines().any(of).then(|| log.to_owned()));
        assert_eq!(log.lines().filter(|line| of(line)).count(), 1, "{log}");
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["stream"] == name)
            .unwrap();
        assert!(
            row["recorded"]["text"].as_str().unwrap().starts_with(text),
            "{row}"
        );
        assert_eq!(row["recorded"]["now"], name == CAM);
        assert_eq!(
            list.stderr.contains(&format!("{name}: {text}")),
            name != CAM,
            "{}",
            list.stderr
        );
        let event = wait_for("the event", || {
            let events = events(&service.data(), "publish.started");
            events.into_iter().find(|event| event["stream"] == name)
        });
        assert_eq!(event["recorded"]["now"], name == CAM, "{event}");
        assert!(
            event["recorded"]["text"].as_str().unwrap().starts_with(text),
            "{event}"
        );
    }
    typed(home.path(), &["recording", "start", "live/cam2"]);
    let rows = typed(home.path(), &["stream", "list"])["streams"].clone();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["stream"] == "live/cam2")
        .unwrap();
    assert!(
        row["recorded"]["text"]
            .as_str()
            .unwrap()
            .ends_with("started by command"),
        "{row}"
    );
    for feed in feeds {
        feed.over();
    }
}

#[test]
fn a_reload_answers_what_was_taken_and_what_needs_a_restart() {
    let home = home();
    let service = Service::start_with(home.path(), "");
    let path = home.path().join("edgereel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let reload = |text: &str| {
        std::fs::write(&path, text).unwrap();
        typed(home.path(), &["config", "reload"])
    };
    let changed = text.replace("id = \"test\"", "id = \"other\"")
        + "\n[ring]\npre_roll = \"5s\"\n[[rule]]\nstream = \"live/*\"\n";
    let answer = reload(&changed);
    assert_eq!(answer["taken"], json!(["ring.pre_roll", "[[rule]]"]));
    assert_eq!(answer["restart"], json!(["device.id"]));
    let warnings = answer["warnings"].to_string();
    assert!(
        warnings.contains("streams that no rule fits are not recorded"),
        "{warnings}"
    );
    service.log_with(&[
        "configuration reloaded; changed: ring.pre_roll, [[rule]]",
        "takes effect at the next restart: device.id",
    ]);
    let again = reload(&changed);
    assert_eq!(
        (&again["taken"], &again["restart"]),
        (&json!([]), &json!(["device.id"]))
    );
    let back = reload(&text);
    assert_eq!(
        (&back["taken"], &back["restart"]),
        (&json!(["ring.pre_roll", "[[rule]]"]), &json!([]))
    );
}

#[test]
fn a_filter_that_would_switch_the_log_off_is_not_taken() {
    let home = home();
    for filter in ["inof", "edgereel=of", "edgerel=debug", "off"] {
        let service = Service::start_among(home.path(), &[("EDGEREEL_LOG", filter)]);
        service.log_with(&[
            "WARN  EDGEREEL_LOG is not taken, so info is logged",
            "INFO  listening on",
        ]);
        service.stop();
    }
    let service = Service::start(home.path());
    let wrong = refused(home.path(), &["log", "level", "edgereel=of"]);
    assert!(wrong.contains("did you mean 'off'?"), "{wrong}");
    service.stop();
}
