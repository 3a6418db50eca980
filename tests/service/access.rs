//! Who may push, from outside: keys and signatures at the real service. No secret leaves the service.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::rtmp::Rtmp;
use crate::support::service::write_config;
use crate::support::{Service, edgereel, home, recordings, sample, wait_closed, wait_for};
use nix::sys::signal::Signal;
use rusqlite::{Connection, OpenFlags};

/// Pushes the clip unpaced with this name and query. Fails if the service refuses it.
#[track_caller]
fn push(service: &Service, key: &str) {
    let mut client = Rtmp::publishing(service.address(), "live", key);
    for tag in sample().tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.unpublish(key).unwrap();
}

/// The service's answer to a client that may not push.
#[track_caller]
fn refusal(service: &Service, key: &str) -> String {
    let mut client = Rtmp::connected(service.address(), "live");
    client.publish(key).unwrap();
    let said = client.wait_closed();
    assert!(
        said.contains("NetStream.Publish.Denied"),
        "{key} was not denied: {said}"
    );
    said
}

/// The body of an event `auth.refused`.
#[derive(Debug, serde::Deserialize)]
struct Refused {
    stream: Option<String>,
    peer: Option<String>,
    reason: String,
    count: u64,
}

/// The events in the journal of a service that has stopped. They are never sent, so none of them is removed.
#[track_caller]
fn refusals(data: &Path) -> Vec<Refused> {
    let journal =
        Connection::open_with_flags(data.join("journal.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = journal
        .prepare("SELECT body FROM outbox WHERE kind = 'auth.refused'")
        .unwrap();
    let bodies = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    bodies
        .map(|body| serde_json::from_str(&body.unwrap()).unwrap())
        .collect()
}

#[test]
fn a_key_with_a_slash_that_the_encoder_split_is_understood_and_no_part_of_it_becomes_a_name() {
    let home = home();
    let more = "[[publisher]]\nstream = \"live/*\"\nkey = \"s3cret-one/s3cret-two\"\n";
    let service = Service::start_talkative(home.path(), more, &[]);
    // As ffmpeg splits rtmp://HOST/live/cam1?key=s3cret-one/s3cret-two.
    let connect = |secret: &str| Rtmp::connected(service.address(), &format!("live/cam1?key={secret}"));
    let mut client = connect("s3cret-one");
    assert!(client.may_publish("s3cret-two"));
    for tag in sample().tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.unpublish("s3cret-two").unwrap();
    let mut client = connect("s3cret-other");
    client.publish("s3cret-two").unwrap();
    let said = client.wait_closed();
    assert!(
        said.contains("the key is wrong") && said.contains("%2F"),
        "{said}"
    );
    // An address of one part may be a secret as a whole.
    let mut client = Rtmp::connected(service.address(), "");
    client.publish("s3cret-one").unwrap();
    let said = client.wait_closed();
    assert!(said.contains("rtmp://HOST/APP/NAME"), "{said}");
    let recording = wait_closed(&service.data());
    assert_eq!(recording.stream, "live/cam1");
    let log = service.log_with(&["write it as %2F"]);
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_wrong_key_is_refused_a_right_one_records_and_no_secret_is_told() {
    let home = home();
    std::fs::write(home.path().join("key"), "s3cret-in-file\n").unwrap();
    let more = format!(
        "[[publisher]]\nname = \"school\"\nstream = \"live/room*\"\nkeys = [\"s3cret-one\", \"s3cret-two\"]\n\
         key_file = {:?}\ntencent_key = \"s3cret-three\"\naliyun_key = \"s3cret-four\"\n",
        home.path().join("key")
    );
    let service = Service::start_talkative(home.path(), &more, &[]);
    for key in [
        "room1",
        "room1?key=s3cret-wrong",
        "room1?txSecret=0123456789abcdef0123456789abcdef&txTime=FFFFFFFF",
        "room1?txSecret=s3cret-odd&txTime=s3cret-odd",
        "room1?auth_key=9999999999-0-0-0123456789abcdef0123456789abcdef",
        "room1?auth_key=s3cret-odd",
        "hall?key=s3cret-one",
        &format!("room1?key={}", "s3cret-long".repeat(500)),
    ] {
        let said = refusal(&service, key);
        assert!(
            !said.contains("s3cret") && !said.contains("0123456789abcdef"),
            "{said}"
        );
    }
    for key in [
        "room1?key=s3cret-one",
        "room2?record=mp4&key=s3cret-two",
        "room3?key=s3cret%2Din-file",
    ] {
        push(&service, key);
    }
    let streams = wait_for("three closed recordings", || {
        let all = recordings(&service.data());
        let closed: Vec<String> = all
            .into_iter()
            .filter(|it| it.state == "closed")
            .map(|it| it.stream)
            .collect();
        (closed.len() == 3).then_some(closed)
    });
    assert_eq!(streams, ["live/room1", "live/room2", "live/room3"]);
    let log = service.log();
    assert!(log.contains("the key is wrong"), "{log}");
    assert!(
        !log.contains("s3cret") && !log.contains("0123456789abcdef"),
        "{log}"
    );
    let data = service.data();
    assert!(service.stop().0.success());
    let told = refusals(&data);
    let by_address: u64 = told
        .iter()
        .filter(|it| it.peer.as_deref() == Some("127.0.0.1"))
        .map(|it| it.count)
        .sum();
    assert!(
        by_address >= 5 && told.iter().map(|it| it.count).sum::<u64>() == 8,
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|it| it.stream.as_deref() == Some("live/hall") && it.reason.contains("no [[publisher]]"))
    );
    assert!(!format!("{told:?}").contains("s3cret"), "{told:?}");
    for file in ["journal.db", "journal.db-wal"] {
        let bytes = std::fs::read(data.join(file)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "{file}");
    }
    let shown = edgereel(&[
        "check-config",
        "--config",
        home.path().join("edgereel.toml").to_str().unwrap(),
    ])
    .ok();
    assert!(
        !shown.text().contains("s3cret-") && shown.text().contains("key = [\"***\", \"***\"]"),
        "{}",
        shown.text()
    );
}

#[test]
fn keys_that_everybody_may_read_are_told_of_at_the_start_and_at_a_reload() {
    let home = home();
    let config = home.path().join("edgereel.toml");
    let mode = |mode| std::fs::set_permissions(&config, PermissionsExt::from_mode(mode)).unwrap();
    // The file keeps its mode when it is written.
    std::fs::write(&config, "").unwrap();
    mode(0o644);
    let service = Service::start_with(home.path(), "[[publisher]]\nkey = \"sixteen-letters-\"\n");
    let told = |log: &str| {
        log.matches("every user of this machine can read it: run chmod o-r")
            .count()
    };
    service.wait_for_log(|log| (told(log) == 1).then_some(()));
    for (reload, bits, times) in [(1, 0o640, 1), (2, 0o644, 2), (3, 0o600, 2), (4, 0o600, 2)] {
        mode(bits);
        service.signal(Signal::SIGHUP);
        service.wait_for_log(|log| {
            let reloaded = log.matches("configuration reloaded").count();
            (reloaded == reload && told(log) == times).then_some(())
        });
    }
}

#[test]
fn a_key_is_changed_without_a_restart_and_a_lost_one_changes_nothing() {
    let home = home();
    let file = home.path().join("key");
    std::fs::write(&file, "first").unwrap();
    let service = Service::start_with(home.path(), &format!("[[publisher]]\nkey_file = {file:?}\n"));
    let mut sending = Rtmp::publishing(service.address(), "live", "sending?key=first");
    std::fs::write(&file, "second").unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    refusal(&service, "cam?key=first");
    push(&service, "cam?key=second");
    // The running publish continues.
    sending.unpublish("sending").unwrap();

    std::fs::remove_file(&file).unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("who may push stays as it was").then_some(()));
    refusal(&service, "cam?key=first");
    push(&service, "cam?key=second");
}

#[test]
fn a_service_whose_keys_cannot_be_read_does_not_start() {
    let home = home();
    let config = home.path().join("edgereel.toml");
    std::fs::write(
        &config,
        "[[publisher]]\nname = \"school\"\nkey_file = \"push-key\"\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    edgereel(&["run", "--config", config]).failed(1, &["'school'", "'push-key'", "$CREDENTIALS_DIRECTORY"]);
    // Other users have no use for the key.
    let shown = edgereel(&["check-config", "--config", config]).ok();
    assert!(shown.text().contains("# note: as this user"), "{}", shown.text());
}

#[test]
fn a_key_is_found_among_the_credentials_alone_or_of_the_folder() {
    let home = home();
    let credentials = home.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("edgereel_of-folder"), "first\n").unwrap();
    std::fs::write(credentials.join("alone"), "second\n").unwrap();
    let folder = credentials.to_str().unwrap();
    let variables = [("CREDENTIALS_DIRECTORY", folder)];
    let publisher = "[[publisher]]\nkey_file = [\"of-folder\", \"alone\"]\n";
    let service = Service::start_talkative(home.path(), publisher, &variables);
    push(&service, "cam?key=first");
    push(&service, "cam?key=second");
    refusal(&service, "cam?key=edgereel_of-folder");
}

#[test]
fn limits_hold_come_free_and_can_be_raised() {
    let home = home();
    let limits = "max_publishes = 2\nmax_connections_per_address = 6\n[[publisher]]\nname = \"one\"\n\
                  stream = \"one/*\"\nmax_publishes = 1\n[[publisher]]\nstream = \"live/*\"\n";
    let service = Service::start_with(home.path(), limits);
    let mut first = Rtmp::publishing(service.address(), "one", "a");
    let mut second = Rtmp::connected(service.address(), "one");
    second.publish("b").unwrap();
    let said = second.wait_closed();
    assert!(said.contains("max_publishes of its [[publisher]] = 1"), "{said}");
    let _live = Rtmp::publishing(service.address(), "live", "a");
    assert!(refusal(&service, "b").contains("rtmp.max_publishes = 2"));
    // Two publish, and the service does not accept all of them.
    let crowd: Vec<Rtmp> = (0..8).map(|_| Rtmp::connect(service.address())).collect();
    service.wait_for_log(|log| log.contains("rtmp.max_connections_per_address = 6").then_some(()));

    drop(crowd);
    write_config(
        home.path(),
        &limits
            .replace("max_publishes = 2", "max_publishes = 3")
            .replace("= 6", "= 90"),
    );
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    let _raised = Rtmp::publishing(service.address(), "live", "b");
    first.unpublish("a").unwrap();
    drop(Rtmp::publishing(service.address(), "one", "b"));
    let data = service.data();
    assert!(service.stop().0.success());
    let told = refusals(&data);
    for key in [
        "rtmp.max_publishes = 2",
        "max_publishes of its [[publisher]] = 1",
        "max_connections_per_address = 6",
    ] {
        assert!(told.iter().any(|it| it.reason.contains(key)), "{key}: {told:?}");
    }
}

#[test]
fn a_publish_that_sends_too_much_for_too_long_is_ended_with_the_reason() {
    let home = home();
    let service = Service::start_with(
        home.path(),
        "max_bitrate = \"64 Mbit/s\"\n[[publisher]]\nmax_bitrate = \"64 kbit/s\"\n",
    );
    let mut client = Rtmp::publishing(service.address(), "live", "greedy");
    // The clip has some four times the bytes that are allowed for ten seconds, and is sent at once.
    for tag in sample().tags {
        if client.media(tag.kind, tag.time, &tag.body).is_err() {
            break;
        }
    }
    let said = client.wait_closed();
    assert!(said.contains("max_bitrate = \"64 kbit/s\""), "{said}");
    service.wait_for_log(|log| log.contains("it sends more than max_bitrate").then_some(()));
}
