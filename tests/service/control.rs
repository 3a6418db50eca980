//! Commands to a running service, from the command line and over its socket.

mod spoken;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::contract;
use crate::support::{
    Feed, Plan, Service, edgereel_of, home, recordings, typed, verified, wait_for, wait_until,
};
use serde_json::{Value, json};

/// The service records only what somebody asks for.
pub(super) const ON_DEMAND: &str = "[[rule]]\nrecord = \"on-demand\"\n";
pub(super) const CAM: &str = "live/cam1";
/// An answer comes within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where [`crate::support::service::write_config`] puts it.
fn socket_of(service: &Service) -> std::path::PathBuf {
    let data = service.data();
    data.parent().unwrap().join("control.sock")
}

/// The message of a command that must be refused.
#[track_caller]
pub(super) fn refused(home: &Path, arguments: &[&str]) -> String {
    let done = edgereel_of(home, arguments);
    assert_eq!(
        done.code,
        Some(1),
        "{arguments:?}: {}{}",
        done.text(),
        done.stderr
    );
    assert!(done.stdout.is_empty(), "{arguments:?}: {}", done.text());
    done.stderr
}

/// The stream without end, in real time.
pub(super) fn live(service: &Service, stream: &'static str) -> Feed {
    let plan = Plan {
        stream,
        speed: 1.0,
        length: None,
        weight: 0,
    };
    let feed = Feed::start(service.address(), plan, 0);
    wait_until("the stream to be on the air", || feed.taken() > 500);
    feed
}

/// Whether both are the same moment, except for the microseconds between two looks at the clock.
#[track_caller]
fn assert_near(a: &Value, b: &Value) {
    let at = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_microsecond()
    };
    assert!((at(a) - at(b)).abs() < 1_000, "{a}, {b}");
}

fn first(result: &Value) -> String {
    result["recordings"][0].as_str().expect("a recording").to_owned()
}

/// The recording, after its end.
#[track_caller]
pub(super) fn closed(home: &Path, id: &str) -> Value {
    wait_for("the recording to be over", || {
        let list = typed(home, &["recording", "list"]);
        let row = list["recordings"]
            .as_array()?
            .iter()
            .find(|row| row["id"] == id)?;
        (row["state"] == "closed").then(|| row.clone())
    })
}

/// A connection to the socket, as any program would make one.
pub(super) struct Line(BufReader<UnixStream>);

impl Line {
    pub(super) fn open(service: &Service) -> Self {
        let stream = UnixStream::connect(socket_of(service)).expect("the socket");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    #[track_caller]
    pub(super) fn ask(&mut self, request: &Value) -> Value {
        self.say(format!("{request}\n").as_bytes()).unwrap();
        let answer = self.hear();
        if let Some(command) = request["command"].as_str() {
            contract::check_answer(command, &answer);
        }
        answer
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Whether the service has closed the connection.
    fn is_over(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

#[test]
fn a_stream_is_recorded_by_command_from_start_to_stop_and_no_longer() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    assert!(refused(home, &["recording", "start", CAM]).contains("nobody publishes 'live/cam1'"));
    let stopped = refused(home, &["recording", "stop", CAM]);
    assert!(stopped.contains("nobody publishes it"), "{stopped}");

    let feed = live(&service, CAM);
    assert!(recordings(&service.data()).is_empty());
    let stopped = refused(home, &["recording", "stop", CAM]);
    assert!(
        stopped.contains("on the air, and nothing of it is being recorded"),
        "{stopped}"
    );

    let id = first(&typed(home, &["recording", "start", CAM, "--name", "goal"]));
    let again = refused(home, &["recording", "start", CAM]);
    assert!(again.contains("already") && again.contains(&id), "{again}");
    wait_until("a second of it", || {
        let list = typed(home, &["recording", "list", "--stream", CAM]);
        list["recordings"][0]["duration_s"]
            .as_f64()
            .is_some_and(|seconds| seconds > 1.0)
    });
    let row = typed(home, &["recording", "get", &id]);
    assert_eq!(
        (&row["state"], &row["name"], &row["origin"]),
        (&json!("open"), &json!("goal"), &json!("manual"))
    );
    assert!(refused(home, &["recording", "delete", &id, "--yes"]).contains("open; stop it first"));
    let open = refused(home, &["recording", "finish", CAM]);
    assert!(open.contains(&id), "{open}");

    let next = first(&typed(home, &["recording", "restart", CAM]));
    assert_eq!(next, id, "that is the one which ends");
    closed(home, &id);
    let other = first(&typed(home, &["recording", "stop", CAM]));
    assert_ne!(other, id);
    closed(home, &other);
    let over = refused(home, &["recording", "stop", &id]);
    assert!(over.contains("is closed"), "{over}");
    let unknown = refused(
        home,
        &["recording", "stop", "0190ffff-0000-7000-8000-000000000000"],
    );
    assert!(unknown.contains("no recording '0190ffff"), "{unknown}");
    feed.over();

    typed(home, &["recording", "protect", &id]);
    assert!(refused(home, &["recording", "delete", &id, "--yes"]).contains("protected"));
    typed(home, &["recording", "unprotect", &id]);
    typed(home, &["recording", "delete", &id, "--yes"]);
    assert!(refused(home, &["recording", "get", &id]).contains("no recording"));
    assert_eq!(recordings(&service.data()).len(), 1);
    service.stop();
    verified(&home.join("data"));
}

#[test]
fn a_clip_has_what_was_before_it_though_nothing_was_recorded() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    let feed = live(&service, CAM);
    wait_until("something to look back at", || feed.taken() > 3_000);
    assert!(recordings(&service.data()).is_empty());
    let clip = typed(
        home,
        &[
            "clip", "create", CAM, "--before", "2s", "--after", "1s", "--name", "goal",
        ],
    );
    assert!(clip["state"] == "recording" && clip["due"].is_string(), "{clip}");
    let row = closed(home, clip["recording"].as_str().unwrap());
    // The clip has the requested times, to the microsecond, and not those of the media that had arrived when the command was
    // carried out.
    assert_eq!(row["duration_s"], 3.0, "{row}");
    assert_near(&row["end"], &clip["end"]);
    assert_near(&row["start"], &clip["start"]);
    assert_eq!(
        (&clip["short"], &row["short"]),
        (&Value::Null, &Value::Null),
        "{clip}"
    );
    assert_eq!(
        (&row["origin"], &row["formats"]),
        (&json!("clip"), &json!(["mp4"]))
    );
    feed.over();
    service.stop();
    verified(&home.join("data"));
}

#[test]
fn what_cannot_reach_as_far_back_as_asked_says_so_and_why() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    let feed = live(&service, CAM);
    wait_until("something to look back at", || feed.taken() > 3_000);
    let clip = typed(home, &["clip", "create", CAM, "--before", "60s", "--after", "0s"]);
    // The publish began some seconds ago.
    let short = &clip["short"];
    assert_eq!(
        (&short["reason"], &short["start"]),
        (&json!("publish"), &clip["start"]),
        "{clip}"
    );
    let missing = short["missing_s"].as_f64().unwrap();
    assert!((30.0..57.5).contains(&missing), "{clip}");
    let row = closed(home, clip["recording"].as_str().unwrap());
    assert_eq!(row["short"], *short, "{row}");
    let there = row["duration_s"].as_f64().unwrap();
    assert!((there + missing - 60.0).abs() < 0.001, "{row}");

    let started = typed(home, &["recording", "start", CAM, "--pre-roll", "50s"]);
    assert_eq!(started["short"]["reason"], "publish", "{started}");
    // A recording that continues where the tape ended begins with the next second of it.
    let begun = || edgereel_of(home, &["recording", "get", &first(&started)]).code == Some(0);
    wait_until("the recording to begin", begun);
    typed(home, &["recording", "stop", CAM]);
    let row = closed(home, &first(&started));
    assert_near(&row["short"]["start"], &started["short"]["start"]);
    assert_near(&row["start"], &started["short"]["start"]);

    // The publisher of this clip ends before the clip does.
    let clip = typed(home, &["clip", "create", CAM, "--before", "1s", "--after", "60s"]);
    assert_eq!(
        (&clip["state"], &clip["short"]),
        (&json!("recording"), &Value::Null)
    );
    feed.over();
    let row = closed(home, clip["recording"].as_str().unwrap());
    let missing = row["short"]["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1, "{row}");
    assert_eq!(missing[0]["reason"], "publish", "{row}");
    assert_near(&missing[0]["to"], &clip["end"]);
    service.stop();
    verified(&home.join("data"));
}

#[test]
fn a_clip_of_the_past_is_ready_at_once_with_the_bounds_that_it_has() {
    let home = home();
    let home = home.path();
    let service = Service::start(home);
    let feed = live(&service, CAM);
    // Media older than the last seconds is only on the tape.
    wait_until("some tape", || feed.taken() > 12_000);
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let begin = at(&recordings(&service.data())[0].start);
    let time = |seconds: i64| {
        let time = jiff::Timestamp::from_microsecond(begin + seconds * 1_000_000).unwrap();
        format!("{time:.6}")
    };
    let (from, to) = (time(2), time(5));
    let clip = typed(home, &["clip", "create", CAM, "--from", &from, "--to", &to]);
    assert_eq!(clip["state"], "ready", "{clip}");
    let row = typed(home, &["recording", "get", clip["recording"].as_str().unwrap()]);
    assert_eq!((&row["start"], &row["end"]), (&clip["start"], &clip["end"]));
    assert_eq!(
        (&clip["start"], &clip["end"], &clip["short"]),
        (&json!(from), &json!(to), &Value::Null)
    );
    let early = typed(
        home,
        &["clip", "create", CAM, "--from", &time(-7), "--to", &time(3)],
    );
    let short = &early["short"];
    assert_eq!(
        (&short["reason"], &short["missing_s"]),
        (&json!("publish"), &json!(7.0))
    );
    assert_eq!(short["start"], early["start"]);
    let before = refused(
        home,
        &[
            "clip",
            "create",
            CAM,
            "--from",
            "2001-01-01T00:00:00Z",
            "--to",
            "2001-01-01T00:00:10Z",
        ],
    );
    assert!(before.contains("no tape of 'live/cam1'"), "{before}");
    feed.over();
    service.stop();
    verified(&home.join("data"));
}

#[test]
fn a_pattern_is_taken_where_many_streams_are_meant_and_refused_where_one_is() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    let once: &[&str] = &[
        "task",
        "create",
        CAM,
        "--start",
        "2099-01-01T00:00:00Z",
        "--duration",
        "1h",
    ];
    typed(home, once);
    let listed = |streams: &str| typed(home, &["task", "list", "--stream", streams])["tasks"].clone();
    assert_eq!(listed("live/*").as_array().unwrap().len(), 1);
    assert_eq!(listed("other/*"), json!([]));
    for command in [
        &["task", "create", "live/*", "--duration", "1h"][..],
        &["clip", "create", "live/*", "--before", "5s"],
        &["recording", "start", "live/*"],
        &["recording", "stop", "live/*"],
        &["stream", "kick", "live/*"],
    ] {
        let said = refused(home, command);
        assert!(
            said.contains("'live/*' is a pattern, and one stream is needed here"),
            "{command:?}: {said}"
        );
    }
    service.stop();
}

#[test]
fn rules_templates_and_tasks_are_there_after_a_restart() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    typed(
        home,
        &[
            "template",
            "put",
            "lesson",
            "--formats",
            "hls,mp4",
            "--split",
            "30min",
            "--hls",
            "{\"split\":\"off\"}",
        ],
    );
    typed(
        home,
        &[
            "rule",
            "put",
            "--app",
            "live",
            "--stream",
            "cam*",
            "--template",
            "lesson",
        ],
    );
    let twice = ["lesson"; 2].map(|name| refused(home, &["template", "delete", name]));
    assert!(
        twice.iter().all(|said| said.contains("is needed by the rule")),
        "{twice:?}"
    );
    let ids: Vec<String> = (0..5)
        .map(|n| {
            let start = format!("{}h", n * 30 + 1);
            let task = typed(
                home,
                &["task", "create", CAM, "--start", &start, "--duration", "2h"],
            );
            task["task"].as_str().unwrap().to_owned()
        })
        .collect();
    typed(
        home,
        &[
            "task",
            "create",
            "live/cam2",
            "--weekly",
            "Mon-Fri 08:00-18:00",
            "--time-zone",
            "Asia/Shanghai",
        ],
    );
    typed(home, &["task", "stop", &ids[0]]);
    assert!(refused(home, &["task", "stop", &ids[0]]).contains("is stopped"));
    typed(home, &["task", "delete", &ids[1]]);
    let known = |home: &Path| ["rule", "template", "task"].map(|group| typed(home, &[group, "list"]));
    let before = known(home);
    assert_eq!(before[0]["rules"][0]["template"], "lesson", "{}", before[0]);
    assert_eq!(
        before[1]["templates"][1]["hls"],
        json!({"split": "off"}),
        "{}",
        before[1]
    );
    assert_eq!(before[2]["tasks"].as_array().unwrap().len(), 5, "{}", before[2]);
    assert_eq!(
        before[2]["tasks"][4]["weekly"],
        json!(["Mon,Tue,Wed,Thu,Fri 08:00-18:00"])
    );
    // The service is killed the moment after the answer: the answered change is kept.
    typed(
        home,
        &["task", "create", CAM, "--start", "200h", "--duration", "1h"],
    );
    let before = known(home);
    service.kill();
    let service = Service::start_with(home, ON_DEMAND);
    assert_eq!(known(home), before);

    // Page by page, the list is the same.
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let mut arguments = vec!["task", "list", "--limit", "2"];
        if !after.is_empty() {
            arguments.extend(["--after", &after]);
        }
        let page = typed(home, &arguments);
        pages.extend(page["tasks"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(Value::from(pages), before[2]["tasks"]);

    // The rule of the command is in force: the stream is recorded without a further command.
    let feed = live(&service, CAM);
    let row = wait_for("a recording", || recordings(&service.data()).pop());
    assert_eq!(row.stream, CAM);
    feed.over();
    typed(home, &["rule", "delete", "--app", "live", "--stream", "cam*"]);
    typed(home, &["template", "delete", "lesson"]);
}

#[test]
fn a_publish_is_ended_by_command() {
    let home = home();
    let home = home.path();
    let service = Service::start(home);
    assert!(refused(home, &["stream", "kick", CAM]).contains("nobody publishes"));
    let feed = live(&service, CAM);
    let list = typed(home, &["stream", "list"]);
    assert_eq!(list["streams"][0]["stream"], CAM, "{list}");
    assert_eq!(list["streams"][0]["tracks"][0]["codec"], "h264", "{list}");
    typed(home, &["stream", "kick", CAM]);
    wait_until("the publisher to be cut off", || !feed.goes_on());
    wait_until("the recording to be over", || {
        recordings(&service.data())
            .iter()
            .all(|row| row.state == "closed")
    });
    feed.over();
    assert_eq!(typed(home, &["stream", "list"])["streams"], json!([]));
}

#[test]
fn who_had_what_changed_is_logged_and_listed_and_no_secret_is() {
    let home = home();
    let service = Service::start_with(home.path(), crate::support::delivered::MP4);
    crate::support::delivered::push(&service, CAM, 2, 0);
    let uid = format!("uid {}", std::fs::metadata(home.path()).unwrap().uid());
    let mut line = Line::open(&service);
    let kick = json!({ "command": "stream.kick", "id": "r1", "stream": "live/nobody?key=s3cret" });
    assert_eq!(line.ask(&kick)["ok"], false);
    let key = "a-key-that-nobody-may-read";
    let put = json!({ "name": "s3cret-template", "formats": ["mp4"], "unknown": key });
    let mut put = put.as_object().unwrap().clone();
    put.insert("command".to_owned(), "template.put".into());
    assert_eq!(line.ask(&Value::Object(put))["ok"], false);
    let id = wait_for("a recording that is over", || {
        typed(home.path(), &["recording", "list", "--state", "closed"])["recordings"][0]["id"]
            .as_str()
            .map(str::to_owned)
    });
    typed(home.path(), &["recording", "delete", "last", "--yes"]);
    service.signal(nix::sys::signal::Signal::SIGHUP);
    service.wait_for_log(|log| {
        log.contains("command config.reload, by SIGHUP (signal)")
            .then_some(())
    });
    let entries = wait_for("the reload to be over", || {
        let list = typed(home.path(), &["audit", "list"]);
        let entries = list["entries"].as_array().unwrap().clone();
        (entries[0]["outcome"] == "ok").then_some(entries)
    });
    let told = |entry: &Value| {
        let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        (word("command"), word("door"), word("who"), word("outcome"))
    };
    let is = |command: &str, door: &str, who: &str, outcome: &str| {
        (
            command.to_owned(),
            door.to_owned(),
            who.to_owned(),
            outcome.to_owned(),
        )
    };
    assert_eq!(
        entries.iter().map(told).collect::<Vec<_>>(),
        [
            is("config.reload", "signal", "SIGHUP", "ok"),
            is("recording.delete", "socket", &uid, "ok"),
            is("template.put", "socket", &uid, "bad_request"),
            is("stream.kick", "socket", &uid, "conflict"),
        ]
    );
    assert_eq!(entries[1]["object"]["recording"], id);
    assert_eq!(
        (&entries[3]["request"], &entries[3]["object"]["stream"]),
        (&json!("r1"), &json!("live/nobody"))
    );
    let log = service.log();
    let line = format!("command stream.kick stream=live/nobody, by {uid} (socket), request r1");
    assert!(log.contains(&line), "{log}");
    for text in [log, json!(entries).to_string()] {
        assert!(!text.contains("key=s3cret") && !text.contains(key), "{text}");
    }
    // The list comes a page at a time, and also without the service.
    let page = typed(home.path(), &["audit", "list", "--limit", "1"]);
    let next = page["next"].as_str().unwrap();
    let page = typed(home.path(), &["audit", "list", "--limit", "1", "--after", next]);
    assert_eq!(page["entries"][0], entries[1]);
    service.stop();
    let table = edgereel_of(home.path(), &["audit", "list"]).ok().text();
    assert!(
        table.contains("recording.delete") && table.contains(&uid),
        "{table}"
    );
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let home = home();
    let service = Service::start(home.path());
    let mut line = Line::open(&service);
    let requests: String = (0..200)
        .map(|n| format!("{{\"command\":\"stream.list\",\"id\":\"{n}\"}}\n"))
        .collect();
    line.say(requests.as_bytes()).unwrap();
    for n in 0..200 {
        let answer = line.hear();
        assert_eq!(
            (&answer["id"], &answer["ok"]),
            (&json!(n.to_string()), &json!(true)),
            "{answer}"
        );
    }
    // The request comes in pieces, and without a newline at its end.
    for byte in b"\n\n{\"command\":\"help\",\"about\":\"clip.create\"}" {
        line.say(&[*byte]).unwrap();
    }
    line.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(line.hear()["result"]["command"], "clip.create");
    assert!(line.is_over());
}

#[test]
fn what_is_no_request_is_refused_and_harms_nobody() {
    let home = home();
    let mut service = Service::start(home.path());
    let mut line = Line::open(&service);
    for (said, code) in [
        (&b"fly"[..], "bad_request"),
        (b"[]", "bad_request"),
        (b"{}", "bad_request"),
        (b"{\"command\":7}", "bad_request"),
        (b"{\"command\":\"fly\"}", "not_found"),
        (b"{\"command\":\"stream.list\",\"limt\":1}", "bad_request"),
        (b"\xff\x00\xfe", "bad_request"),
    ] {
        line.say(said).unwrap();
        line.say(b"\n").unwrap();
        let answer = line.hear();
        assert_eq!(answer["error"]["code"], code, "{said:?}: {answer}");
    }
    line.say(b"{\"command\":\"stream.list\",\"limt\":1,\"id\":\"x\"}\n")
        .unwrap();
    let answer = line.hear();
    assert_eq!(
        (&answer["id"], &answer["error"]["field"]),
        (&json!("x"), &json!("limt")),
        "{answer}"
    );

    let mut long = Line::open(&service);
    // The service closes the connection during this write.
    let _ = long.say(&vec![b'x'; 1 << 20]);
    let mut said = String::new();
    let _ = long.0.read_line(&mut said);
    assert!(
        said.is_empty() || said.contains("more than 65536 bytes"),
        "{said}"
    );
    assert!(long.is_over());

    let mut all: Vec<Line> = (0..15).map(|_| Line::open(&service)).collect();
    for one in &mut all {
        one.say(b"{\"command\":\"stream.list\"}\n").unwrap();
        assert_eq!(one.hear()["ok"], true);
    }
    let mut one_more = Line::open(&service);
    assert!(
        one_more.hear()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("16 are connected")
    );
    assert!(one_more.is_over());
    drop(all);
    wait_until("room for another", || {
        let mut another = Line::open(&service);
        another.say(b"{\"command\":\"stream.list\"}\n").is_ok() && another.hear()["ok"] == true
    });
    assert!(service.alive());
}

#[test]
fn a_stranger_is_turned_away() {
    let home = home();
    let service = Service::start(home.path());
    let socket = socket_of(&service);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut command = crate::support::cli::command();
    command.args(["stream", "list", "--socket"]).arg(&socket);
    let is_root = std::fs::metadata(home.path()).unwrap().uid() == 0;
    let done = if is_root {
        // This user got past the modes of the files.
        for path in [home.path(), &service.data()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        let program = home.path().join("edgereel");
        // By another process: a program that one of this process's children has open for writing cannot be run.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_edgereel"))
            .arg(&program)
            .status();
        assert!(copied.unwrap().success());
        let mut stranger = crate::support::cli::program(&program);
        stranger
            .args(["stream", "list", "--socket"])
            .arg(&socket)
            .env_clear()
            .uid(65_534)
            .gid(65_534);
        crate::support::cli::run(stranger)
    } else {
        // The test cannot take the role of another user. A unit test beside the code shows that such a user is refused.
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o0)).unwrap();
        crate::support::cli::run(command)
    };
    assert_eq!(done.code, Some(1), "{}{}", done.text(), done.stderr);
    assert!(done.stderr.contains("root and"), "{}", done.stderr);
    if is_root {
        assert!(done.stderr.contains("user 65534 may not ask"), "{}", done.stderr);
        service.wait_for_log(|log| log.contains("control socket: user 65534").then_some(()));
    }
}

#[test]
fn while_no_service_runs_what_was_recorded_can_be_listed_and_nothing_else() {
    let home = home();
    let home = home.path();
    let service = Service::start(home);
    let feed = live(&service, CAM);
    wait_until("a recording", || !recordings(&service.data()).is_empty());
    feed.over();
    let id = recordings(&service.data())[0].id.clone();
    let socket = socket_of(&service);
    // A second service is refused before it starts.
    let second = edgereel_of(home, &["run"]);
    assert!(
        second.code == Some(1) && second.stderr.contains("another edgereel"),
        "{}",
        second.stderr
    );
    service.stop();
    assert!(!socket.exists(), "it is removed at the end");
    let list = typed(home, &["recording", "list"]);
    assert_eq!(list["recordings"][0]["id"], id.as_str());
    assert_eq!(typed(home, &["recording", "get", &id])["state"], "closed");
    let shown = edgereel_of(home, &["recording", "list"]).ok().text();
    assert!(shown.contains("STREAM") && shown.contains(CAM), "{shown}");
    for command in [
        &["recording", "start", CAM][..],
        &["stream", "list"],
        &["recording", "delete", &id, "--yes"],
    ] {
        let said = refused(home, command);
        assert!(
            said.contains("no service answers at") && said.contains("is `edgereel run` running?"),
            "{said}"
        );
    }
    for wrong in [
        &["recording"][..],
        &["recording", "fly"],
        &["recording", "start"],
        &["rule", "put", "--x"],
    ] {
        assert_eq!(edgereel_of(home, wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_socket_that_a_killed_service_left_is_in_nobodys_way() {
    let home = home();
    let home = home.path();
    let service = Service::start(home);
    let socket = socket_of(&service);
    service.kill();
    assert!(socket.exists());
    let said = refused(home, &["stream", "list"]);
    assert!(said.contains("no service answers"), "{said}");
    let service = Service::start(home);
    assert_eq!(typed(home, &["stream", "list"])["streams"], json!([]));
    // Without its file, no client finds the socket. The service records, and ends normally.
    std::fs::remove_file(&socket).unwrap();
    let feed = live(&service, CAM);
    wait_until("a recording", || !recordings(&service.data()).is_empty());
    feed.over();
    assert!(service.stop().0.success());
}

/// The completions that a shell offers for the last of these words.
fn offered(home: &Path, words: &[&str]) -> String {
    let mut command = crate::support::cli::command();
    command
        .env("EDGEREEL_COMPLETE", "fish")
        .current_dir(home)
        .args(["--", "edgereel"])
        .args(words);
    crate::support::cli::run(command).ok().text()
}

#[test]
fn shells_complete_commands_options_and_values() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = crate::support::edgereel(&["completions", shell]).ok().text();
        assert!(
            script.contains("EDGEREEL_COMPLETE") && script.contains("edgereel"),
            "{shell}: {script}"
        );
    }
    let home = home();
    let service = Service::start(home.path());
    let feed = live(&service, CAM);
    let data = service.data();
    let data = data.to_str().unwrap();
    let recording = crate::support::wait_for("a recording", || recordings(&service.data()).pop());
    let offered = |words: &[&str]| offered(home.path(), words);
    for (words, values) in [
        (&[""][..], &["recording", "export", "run"][..]),
        (&["recording", ""], &["unprotect", "list"]),
        (&["recording", "list", "--st"], &["--state", "--stream"]),
        (&["recording", "list", "--state", "cl"], &["closed"]),
        (&["task", "list", "--state", ""], &["waiting", "running"]),
        (&["export", "--format", "f"], &["fmp4", "flv"]),
        (&["template", "put", "x", "--formats", "hls,m"], &["hls,mp4"]),
        (&["rule", "put", "--record", ""], &["on-demand"]),
        (&["ctl", "recording.l"], &["recording.list"]),
        (&["export", "--data", data, "l"], &["last"]),
        (&["export", "--data", data, ""], &[&recording.id, "live/cam1"]),
        (
            &["recording", "get", "--data", data, &recording.id[..9]],
            &[&recording.id],
        ),
        (&["ls", "--data", data, "--stream", "li"], &["live/cam1"]),
        (
            &["stream", "kick", "--config", "edgereel.toml", ""],
            &["live/cam1"],
        ),
        (
            &[
                "recording",
                "start",
                "live/cam1",
                "--config",
                "edgereel.toml",
                "--template",
                "",
            ],
            &["default"],
        ),
        (&["verify", "--config", "edgereel."], &["edgereel.toml"]),
    ] {
        let said = offered(words);
        for value in values {
            assert!(said.contains(value), "{words:?}: '{value}' is not in: {said}");
        }
    }
    feed.over();
    // Where nothing is known, the shell offers nothing, and no message appears.
    assert_eq!(
        offered(&["stream", "kick", "--data", "/nowhere", ""])
            .matches("live/")
            .count(),
        0
    );
}
