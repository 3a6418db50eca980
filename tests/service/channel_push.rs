//! Channels that are sent to another server.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::Value;

use crate::support::delivered::{HEAVY, events, push};
use crate::support::media::Sample;
use crate::support::proxy::{Link, Proxy};
use crate::support::{
    Flv, Media, Recording, Service, edgereel, edgereel_of, export, home, recordings, typed, wait_closed,
    wait_for, wait_until,
};
use nix::sys::socket::{getsockopt, sockopt};

fn refused(home: &Path, arguments: &[&str]) -> String {
    let done = edgereel_of(home, arguments);
    assert_ne!(done.code, Some(0), "{arguments:?}");
    assert!(!done.stderr.contains("s3cret"), "{}", done.stderr);
    done.stderr
}

/// The pushes of a channel.
fn pushes(home: &Path, name: &str) -> Vec<Value> {
    let listed = typed(home, &["channel", "pushes", "--name", name]);
    assert!(!listed.to_string().contains("s3cret"), "{listed}");
    listed["pushes"].as_array().unwrap().clone()
}

fn state(home: &Path, name: &str) -> String {
    pushes(home, name)[0]["state"].as_str().unwrap().to_owned()
}

/// How many recordings there are of a stream, and how long the last one is.
fn received(service: &Service, stream: &str) -> (usize, f64) {
    let all = recordings(&service.data());
    let of: Vec<_> = all
        .iter()
        .filter(|recording| recording.stream == stream)
        .collect();
    (of.len(), of.last().map_or(0.0, |last| last.duration_s))
}

/// The media of the recordings of a stream, in order.
fn media(service: &Service, stream: &str, out: &Path) -> Vec<Media> {
    let all = recordings(&service.data());
    let of = all.iter().filter(|recording| recording.stream == stream);
    of.map(|recording| {
        let path = out.join(format!("{}.flv", recording.id));
        export(&service.data(), &recording.id, "flv", &path).ok();
        Flv::read(&path).media()
    })
    .collect()
}

/// Fails unless `got` are samples of laps of `lap`, one behind the other, from any on. The last sample of a lap may be any of the last.
#[track_caller]
fn are_laps(got: &[Sample], lap: &[Sample], what: &str) {
    let place = |sample: &Sample| lap.iter().position(|known| known.bytes == sample.bytes);
    let places: Vec<Option<usize>> = got.iter().map(place).collect();
    assert!(
        places.iter().all(Option::is_some),
        "{what}: bytes that nobody recorded"
    );
    for (one, next) in places.iter().flatten().zip(places.iter().flatten().skip(1)) {
        let goes_on = *next == one + 1;
        let begins_again = *next == 0 && lap.len() - one <= 3;
        assert!(
            goes_on || begins_again,
            "{what}: {next} behind {one} of {}",
            lap.len()
        );
    }
    assert!(
        got.iter().zip(&got[1..]).all(|(one, next)| one.dts <= next.dts),
        "{what}: time goes back"
    );
}

/// Bytes of a client's handshake: C0, C1 and C2 (RTMP §5.2).
const HANDSHAKE: usize = 1 + 2 * 1_536;

/// Fails unless so many connections said first what they send, as encoders do, and before any media.
#[track_caller]
fn announces(link: &Proxy, count: usize) {
    let number = |key: &str, value: f64| {
        let length = (key.len() as u16).to_be_bytes();
        [&length[..], key.as_bytes(), &[0], &value.to_be_bytes()].concat()
    };
    let at = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what);
    let heard = link.heard();
    let told = heard.iter().filter(|bytes| {
        // The handshake is random, and may have any bytes.
        let bytes = bytes.get(HANDSHAKE..).unwrap_or_default();
        let begins = at(bytes, b"\x02\0\x0d@setDataFrame\x02\0\x0aonMetaData\x08");
        // Sequence headers of H.264 and AAC.
        let headers = [at(bytes, &[0x17, 0, 0, 0, 0, 1]), at(bytes, &[0xAF, 0])];
        let is_complete = [number("videocodecid", 7.0), number("audiocodecid", 10.0)]
            .iter()
            .all(|field| at(bytes, field) > begins);
        begins.is_some() && is_complete && headers.iter().all(|header| *header > begins)
    });
    assert_eq!(told.count(), count, "of {} connections", heard.len());
}

#[test]
fn a_channel_is_sent_byte_for_byte_and_again_after_a_break_and_a_restart() {
    let (home, far_home, out) = (home(), home(), home());
    let far = Service::start(far_home.path());
    let link = Proxy::start(far.address(), Link::Good);
    let config = format!("[channel]\npush_to = [\"rtmp://{}/live/*\"]\n", link.address());
    let to = |key: &str| format!("rtmp://{}/live/{key}", link.address());
    let service = Service::start_talkative(home.path(), &config, &[]);
    // No two frames of it are alike.
    push(&service, "live/cam1", 8, 0);
    let id = wait_closed(&service.data()).id;
    let part = format!("{id}@0s..4s");
    let source = out.path().join("source.flv");
    export(&service.data(), &id, "flv", &source).ok();
    let lap = Flv::read(&source).media().before(4_000.0);

    // Where the box may connect to is configuration alone.
    typed(home.path(), &["channel", "put", "again", &part, "--play", "loop"]);
    for (url, words) in [
        (
            &*format!("rtmp://{}/other/s3cret", link.address()),
            "channel.push_to",
        ),
        ("rtmp://127.0.0.1:1/live/s3cret", "channel.push_to"),
        ("rtmp://127.0.0.1/s3cret", "rtmp://live.example.com/app/key"),
        ("s3cret", "rtmp://live.example.com/app/key"),
    ] {
        let text = refused(home.path(), &["channel", "push", "again", url]);
        assert!(text.contains(words), "{text}");
    }
    let text = refused(home.path(), &["channel", "push", "none", &to("s3cret")]);
    assert!(text.contains("no channel 'none'"), "{text}");
    assert!(pushes(home.path(), "again").is_empty());

    // Once, from its beginning to its end.
    typed(home.path(), &["channel", "put", "once", &part, "--start", "1s"]);
    let pushed = typed(home.path(), &["channel", "push", "once", &to("once-s3cret")]);
    assert_eq!(
        (&pushed["push"], &pushed["state"]),
        (&1.into(), &"waiting".into()),
        "{pushed}"
    );
    assert_eq!(pushed["url"], format!("rtmp://{}/live/***", link.address()));
    let again = typed(home.path(), &["channel", "push", "once", &to("once-s3cret")]);
    assert_eq!(again["push"], 1, "the same push");
    // Again and again, until the link breaks.
    typed(home.path(), &["channel", "push", "again", &to("again-s3cret")]);
    wait_until("more than a lap", || received(&far, "live/again-s3cret").1 > 6.0);
    wait_until("the end of the other channel", || {
        state(home.path(), "once") == "waiting"
    });
    assert_eq!(state(home.path(), "again"), "sending");
    announces(&link, 2);
    link.set(Link::Breaks(0));
    wait_until("the break to be seen", || {
        state(home.path(), "again") != "sending"
    });
    wait_until("an event", || {
        !events(&service.data(), "channel.push_failed").is_empty()
    });
    link.set(Link::Good);
    wait_until("a second publish", || {
        let (count, lasts) = received(&far, "live/again-s3cret");
        count == 2 && lasts > 1.0
    });
    // The break: one or more connections that sent nothing.
    announces(&link, 3);
    let told = events(&service.data(), "channel.push_failed");
    assert_eq!((told.len(), &told[0]["refused"]), (1, &false.into()), "{told:?}");
    assert_eq!(told[0]["url"], format!("rtmp://{}/live/***", link.address()));

    // The service is started again, and the push goes on.
    let log = service.log();
    assert!(
        log.contains("TRACE") && !log.contains("s3cret"),
        "a key is in the log"
    );
    service.stop();
    let service = Service::start_with(home.path(), &config);
    wait_until("a third publish", || {
        let (count, lasts) = received(&far, "live/again-s3cret");
        count == 3 && lasts > 1.0
    });
    assert_eq!(
        typed(home.path(), &["channel", "unpush", "again"])["pushes"],
        serde_json::json!([1])
    );
    assert!(pushes(home.path(), "again").is_empty());
    let text = refused(home.path(), &["channel", "unpush", "again"]);
    assert!(text.contains("sent nowhere"), "{text}");
    wait_until("the end of all publishes", || {
        recordings(&far.data()).iter().all(Recording::is_closed)
    });

    let once = media(&far, "live/once-s3cret", out.path());
    assert_eq!(once.len(), 1, "it was sent once");
    for one in once.iter().chain(&media(&far, "live/again-s3cret", out.path())) {
        are_laps(&one.video, &lap.video, "pictures");
        are_laps(&one.audio, &lap.audio, "sound");
    }
    assert!(
        once[0].video.len() >= 50 && once[0].video.len() <= lap.video.len(),
        "{}",
        once[0].video.len()
    );

    // Without its entry in the configuration, a push ends.
    typed(home.path(), &["channel", "push", "again", &to("again-s3cret")]);
    crate::support::service::write_config(home.path(), "");
    typed(home.path(), &["config", "reload"]);
    assert_eq!(state(home.path(), "again"), "forbidden");
    assert!(!service.log().contains("s3cret"));
}

#[test]
fn servers_that_are_silent_slow_or_refuse_are_tried_again_with_pauses() {
    let (home, far_home, strict_home) = (home(), home(), home());
    let far = Service::start(far_home.path());
    let strict = Service::start_with(
        strict_home.path(),
        "[[publisher]]\nstream = \"live/*\"\nkey = \"0123456789abcdef\"\n",
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = Proxy::start(far.address(), Link::Slow(20_000));
    let servers = [slow.address(), strict.address(), silent.local_addr().unwrap()];
    let allowed: Vec<String> = servers
        .iter()
        .map(|server| format!("\"rtmp://{server}/*\""))
        .collect();
    let service = Service::start_with(
        home.path(),
        &format!("[channel]\npush_to = [{}]\n", allowed.join(", ")),
    );
    push(&service, "live/cam1", 10, 4 * HEAVY);
    let id = wait_closed(&service.data()).id;
    typed(home.path(), &["channel", "put", "evening", &id, "--play", "loop"]);
    for server in servers {
        let url = format!("rtmp://{server}/live/relay?key=s3cret");
        typed(home.path(), &["channel", "push", "evening", &url]);
    }
    let told = wait_for("all three to fail", || {
        let mut told = events(&service.data(), "channel.push_failed");
        told.sort_by_key(|event| event["push"].as_u64());
        (told.len() >= 3).then_some(told)
    });
    let wanted = [
        (1, false, "more slowly"),
        (2, true, "refused"),
        (3, false, "connecting timed out"),
    ];
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    for (event, (number, refused, why)) in told.iter().zip(wanted) {
        assert_eq!(
            (&event["push"], &event["refused"]),
            (&number.into(), &refused.into()),
            "{event}"
        );
        assert!(event["reason"].as_str().unwrap().contains(why), "{event}");
    }
    let strict = pushes(home.path(), "evening").remove(1);
    assert_eq!(strict["state"], "refused", "{strict}");
    assert!(strict["tries_at"].is_string(), "{strict}");
    assert!(!format!("{told:?}{}", service.log()).contains("s3cret"));
    // What the slow server did not take is not in memory.
    assert!(
        service.peak_of_its_own() < 64 << 20,
        "{} bytes",
        service.peak_of_its_own()
    );
}

#[test]
fn the_key_of_an_address_is_not_among_the_arguments_of_the_command() {
    let home = home();
    let socket = home.path().join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let at = socket.to_str().unwrap().to_owned();
    let command = std::thread::spawn(move || {
        edgereel(&[
            "channel",
            "push",
            "evening",
            "rtmp://127.0.0.1/live/s3cret",
            "--socket",
            &at,
        ])
    });
    let (mut asked, _) = listener.accept().unwrap();
    let pid = getsockopt(&asked, sockopt::PeerCredentials).unwrap().pid();
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let mut request = [0; 4_096];
    let count = asked.read(&mut request).unwrap();
    drop(asked);
    assert_ne!(command.join().unwrap().code, Some(0), "nobody answered");
    let arguments = String::from_utf8(arguments).unwrap();
    assert!(arguments.contains("evening\0-\0"), "{arguments:?}");
    assert!(!arguments.contains("s3cret"), "{arguments:?}");
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    assert!(request.contains("rtmp://127.0.0.1/live/s3cret"), "{request}");
}

#[test]
fn a_channel_is_sent_under_tls_to_a_server_that_proves_itself() {
    let (home, far_home) = (home(), home());
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (far_home.path().join("cert.pem"), far_home.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!("tls = {{ listen = [\"127.0.0.1:0\"], cert = {cert:?}, key = {key:?} }}\n");
    let far = Service::start_with(far_home.path(), &tls);
    let address: std::net::SocketAddr = far.wait_for_log(|text| {
        let (_, after) = text.split_once("listening on rtmps://")?;
        after.split_whitespace().next()?.parse().ok()
    });
    let allowed = format!("[channel]\npush_to = [\"rtmps://{address}/live/*\"]\n");
    let service = Service::start_with(home.path(), &allowed);
    push(&service, "live/cam1", 6, 0);
    let id = wait_closed(&service.data()).id;
    typed(home.path(), &["channel", "put", "evening", &id, "--play", "loop"]);
    let url = format!("rtmps://{address}/live/s3cret");
    typed(home.path(), &["channel", "push", "evening", &url]);
    wait_until("the certificate to be refused", || {
        let told = events(&service.data(), "channel.push_failed");
        told.iter()
            .any(|event| event["reason"].as_str().unwrap().contains("channel.ca_file"))
    });
    // With its certificate in the configuration, the server is trusted at the next attempt.
    crate::support::service::write_config(home.path(), &format!("{allowed}ca_file = {cert:?}\n"));
    typed(home.path(), &["config", "reload"]);
    wait_until("a publish under TLS", || {
        state(home.path(), "evening") == "sending" && received(&far, "live/s3cret").1 > 0.5
    });
    typed(home.path(), &["channel", "unpush", "evening"]);
    assert!(!service.log().contains("s3cret"));
}
