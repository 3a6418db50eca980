//! Strangers at the door for viewers: requests that are none, that never end, that nobody may send, and viewers that read nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::http::{Recorded, recorded_with};
use crate::support::flv::VIDEO;
use crate::support::http::{connect_from, get};
use crate::support::random::Random;
use crate::support::wait::PATIENCE;
use crate::support::{Flv, Pusher, Service, edgereel, home, sample, wait_all_closed, wait_closed, wait_for};

const KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const STAFF: (&str, &str) = ("Authorization", "Bearer 7d1f0c5ae29b4f63886b0e4f9a2c51d7");
/// More than the service may ever use for what strangers send.
const MEMORY: u64 = 96 << 20;
/// Number of mutated requests if no other number is set.
const USUAL: u64 = 300;

fn guarded(more: &str) -> Recorded {
    recorded_with(&format!(
        "{more}[[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\nmay = [\"watch\", \"operate\"]\n"
    ))
}

/// The sample with so many bytes more in each picture, which no decoder looks at (filler data, ITU-T H.264 section 7.3.2.7). A recording
/// of it does not fit into the buffers of a connection.
pub(crate) fn heavy(bytes: usize) -> Flv {
    let mut flv = sample();
    for tag in &mut flv.tags {
        if tag.kind == VIDEO && tag.body.get(1) == Some(&1) {
            let filler = [&[12], vec![0xff; bytes].as_slice(), &[0x80]].concat();
            tag.body.extend((filler.len() as u32).to_be_bytes());
            tag.body.extend(filler);
        }
    }
    flv
}

/// All that the door answers to these bytes, until it closes the connection.
fn answers(door: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The door may close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut all = Vec::new();
    let mut buffer = [0; 16 << 10];
    // A connection that is reset has said what it had to say.
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

/// The statuses of answers that follow each other on a connection.
fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let lines = text.match_indices("HTTP/1.1 ");
    lines
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok())
        .collect()
}

#[test]
fn a_request_is_one_request_whatever_is_written_in_it() {
    let recorded = guarded("");
    let host = "Host: localhost\r\n";
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let session = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let long = "x".repeat(100_000);
    let many = "X-Line: 1\r\n".repeat(80);
    for (request, wanted) in [
        (
            format!("GET /healthz HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n"),
            vec![400],
        ),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), vec![400]),
        (
            format!("GET http://evil.example/ HTTP/1.1\r\n{host}\r\n"),
            vec![421],
        ),
        (
            format!("GET http://localhost@evil.example/ HTTP/1.1\r\n{host}\r\n"),
            vec![421],
        ),
        // A body is no second request, whether somebody reads it or not.
        (
            format!(
                "GET /healthz HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
            vec![200],
        ),
        (
            format!("{session}Content-Length: {}\r\n\r\n{hidden}", hidden.len()),
            vec![400],
        ),
        (
            format!("{session}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello{hidden}"),
            vec![400],
        ),
        (
            format!("{session}Content-Length: +5\r\n\r\nhello{hidden}"),
            vec![400],
        ),
        (
            format!("{session}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{hidden}"),
            vec![400],
        ),
        (
            format!("{session}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
            vec![400],
        ),
        (
            format!("GET /healthz HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n"),
            vec![400],
        ),
        (
            format!("GET /healthz HTTP/1.1\r\n{host}X: a\0b\r\n\r\n"),
            vec![400],
        ),
        (format!("GET /\u{7f} HTTP/1.1\r\n{host}\r\n"), vec![400]),
        (
            format!("GET /healthz HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
            vec![431],
        ),
        (format!("GET /healthz HTTP/1.1\r\n{host}{many}\r\n"), vec![431]),
        (format!("CONNECT localhost:80 HTTP/1.1\r\n{host}\r\n"), vec![404]),
        (format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), vec![204]),
        // Two requests are two.
        (
            format!("GET /healthz HTTP/1.1\r\n{host}\r\nGET /healthz HTTP/1.1\r\n{host}\r\n"),
            vec![200, 200],
        ),
        // An answer says nothing that a browser would run.
        (
            format!(
                "GET /api/v1/%3Cscript%3Ealert(1) HTTP/1.1\r\n{host}Authorization: {}\r\n\r\n",
                STAFF.1
            ),
            vec![404],
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), vec![]),
    ] {
        let got = answers(recorded.door, request.as_bytes());
        let shown: String = request.chars().take(200).collect();
        let text = String::from_utf8_lossy(&got);
        let mut got = statuses(text.as_bytes());
        if wanted.is_empty() {
            got.retain(|status| *status < 400);
        }
        assert_eq!(got, wanted, "{shown:?}: {text}");
        assert!(!text.contains("text/html"), "{text}");
    }
    // What is answered to one of them is nobody's secret: a page of another site may not read it.
    let got = get(recorded.door, "/nothing", &[("Origin", "https://evil.example")]);
    assert_eq!(got.header("access-control-allow-origin"), None);
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn who_shows_nothing_keeps_no_place_of_a_viewer() {
    let recorded = guarded("max_connections = 16\n");
    let path = format!("/r/{}.mp4", recorded.id);
    // They begin to log in, or to send a command, and never end.
    let log_in = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                  Content-Length: 100\r\n\r\n{";
    let mut crowd = Vec::new();
    for n in 0..48 {
        let mut stream = connect_from([127, 0, 0, 2 + n % 3], recorded.door);
        let _ = stream.write_all(log_in.as_bytes());
        crowd.push(stream);
        let got = get(recorded.door, &path, &[STAFF, ("Range", "bytes=0-99")]);
        assert_eq!((got.status, got.whole), (206, true), "beside {n} strangers");
    }
}

/// The bytes of a request with some changes.
fn mutated(random: &mut Random, seeds: &[String]) -> Vec<u8> {
    let odd: [&[u8]; 12] = [
        b"\r\n",
        b"\0",
        b"%00",
        b"%2e%2e/",
        b"Content-Length: 7\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: evil\r\n",
        b"\xff",
        b"Range: bytes=",
        b" HTTP/1.0",
        b"Expect: 100-continue\r\n",
        b"99999999999999999999",
    ];
    let pick = |random: &mut Random, bound: usize| random.between(0, bound.max(1) as u64) as usize;
    let mut bytes = seeds[pick(random, seeds.len())].clone().into_bytes();
    for _ in 0..=random.between(0, 4) {
        let at = pick(random, bytes.len());
        match random.between(0, 5) {
            0 => drop(bytes.splice(at..at, odd[pick(random, odd.len())].iter().copied())),
            1 => bytes[at] = random.any() as u8,
            2 => bytes.truncate(at + 1),
            3 => {
                let end = at + pick(random, (bytes.len() - at).min(60));
                let again = bytes[at..end].repeat(pick(random, 20));
                drop(bytes.splice(at..at, again));
            }
            _ => drop(bytes.drain(at..at + pick(random, (bytes.len() - at).min(30)))),
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes
}

/// `EDGEREEL_TEST_MUTATIONS=20000` sends more of them.
#[test]
fn mutated_requests_are_answered_or_refused_and_cost_no_memory() {
    let recorded = guarded("max_connections_per_address = 128\n");
    let (id, key) = (&recorded.id, STAFF.1);
    let seeds = [
        format!(
            "GET /r/{id}.mp4?from=1s&to=9s HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nRange: bytes=0-1\r\n\r\n"
        ),
        format!(
            "GET /r/{id}/index.m3u8?_HLS_skip=YES HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nAccept-Encoding: gzip\r\n\r\n"
        ),
        format!(
            "HEAD /live/cam1/frame.mp4?at=5s HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nIf-None-Match: \"a\"\r\n\r\n"
        ),
        format!(
            "GET /t/AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA/r/{id}/00001-5f2a90c1.m4s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ),
        format!(
            "GET /api/v1/recording.list?from=2h&limit=5 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n\r\n"
        ),
        format!(
            "POST /api/v1/recording.get HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n\
             Content-Length: 49\r\n\r\n{{\"recording\":\"{id}\"}}"
        ),
        format!(
            "POST /api/v1/recording.get HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n31\r\n{{\"recording\":\"{id}\"}}\r\n0\r\n\r\n"
        ),
    ];
    let count = std::env::var("EDGEREEL_TEST_MUTATIONS").ok();
    let count = count.and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    let mut random = Random::new();
    let mut met = std::collections::BTreeMap::<u16, u64>::new();
    for _ in 0..count {
        let request = mutated(&mut random, &seeds);
        let got = answers(recorded.door, &request);
        for status in statuses(&got) {
            *met.entry(status).or_default() += 1;
            assert!(
                status < 500,
                "{:?}: {}",
                String::from_utf8_lossy(&request),
                String::from_utf8_lossy(&got)
            );
        }
    }
    eprintln!("{count} mutated requests: {met:?}");
    assert!(met.contains_key(&400) && met.len() >= 3, "{met:?}");
    let peak = recorded.service.peak();
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    let log = recorded.service.log();
    assert!(!log.contains("panicked") && !log.contains(KEY), "{log}");
}

#[test]
fn slow_readers_and_half_requests_disturb_neither_publishers_nor_viewers() {
    let home = home();
    let config =
        "[http]\nlisten = [\"127.0.0.1:0\"]\nmax_connections = 256\nmax_rate = \"off\"\nlive_chunks = 50\n";
    let service = Service::start_with(home.path(), config);
    let door = service.http();
    let path = {
        Pusher::start(service.address(), "live/old", &heavy(16 << 10), 200.0).done();
        let old = wait_closed(&service.data());
        format!("/r/{}.mp4", old.id)
    };
    let whole = get(door, &path, &[]).body;
    let names: Vec<String> = (1..=4).map(|n| format!("live/cam{n}")).collect();
    let publishers: Vec<Pusher> = names
        .iter()
        .map(|name| Pusher::start(service.address(), name, &sample(), 4.0))
        .collect();
    // Ten clients of twenty addresses read nothing of what they asked for, and as many stop in the middle of a request.
    let mut crowd = Vec::new();
    for n in 0..200_u8 {
        let source = [127, 0, 1 + n % 20, 1];
        let mut slow = connect_from(source, door);
        let _ = slow.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let mut half = connect_from(source, door);
        let _ = half.write_all(b"GET /live/cam1.m3u8 HTTP/1.1\r\nHost: lo");
        crowd.extend([slow, half]);
    }
    // Four viewers play live, each until the end of its stream, and then the recording.
    let viewers: Vec<_> = names
        .iter()
        .map(|name| {
            let name = name.clone();
            std::thread::spawn(move || watch(door, &name))
        })
        .collect();
    publishers.into_iter().for_each(Pusher::done);
    let sent = sample().media();
    for viewer in viewers {
        let media = viewer.join().expect("a viewer is served");
        assert_eq!(media.video.len(), sent.video.len(), "each picture was played");
    }
    let got = get(door, &path, &[]);
    assert!(got.whole && got.body == whole, "a download has other bytes");
    wait_all_closed(&service.data(), 5);
    let listed = edgereel(&["ls", "--json", "--data", service.data().to_str().unwrap()]).ok();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    for row in listed["recordings"].as_array().unwrap() {
        assert_eq!(row["gaps"].as_array().map_or(0, Vec::len), 0, "{row}");
    }
    drop(crowd);
}

/// Plays a stream live, from its first chunk to its end.
pub(crate) fn watch(door: SocketAddr, stream: &str) -> crate::support::Media {
    watch_at(door, &format!("/{stream}.m3u8"))
}

/// Plays a playlist of an app `live`, from its first chunk to its end.
pub(crate) fn watch_at(door: SocketAddr, path: &str) -> crate::support::Media {
    let mut whole: Vec<u8> = Vec::new();
    let mut next = None;
    loop {
        let playlist = wait_for("the live playlist", || {
            Some(get(door, path, &[])).filter(|got| got.status == 200)
        });
        let text = playlist.text();
        let map = text
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""));
        let map = map.and_then(|rest| rest.split('"').next());
        if let (Some(map), true) = (map, whole.is_empty()) {
            whole = get(door, &format!("/live/{map}"), &[]).body;
        }
        for path in text.lines().filter(|line| line.ends_with(".m4s")) {
            let name = path.rsplit('/').next().unwrap_or_default();
            let number: u64 = name.trim_end_matches(".m4s").parse().expect("a number");
            if next.is_some_and(|next| number < next) {
                continue;
            }
            assert!(
                next.is_none_or(|next| number == next),
                "{number} comes behind {next:?}"
            );
            let chunk = get(door, &format!("/live/{path}"), &[]);
            assert_eq!((chunk.status, chunk.whole), (200, true), "{path}");
            whole.extend(chunk.body);
            next = Some(number + 1);
        }
        if text.contains("#EXT-X-ENDLIST") {
            return crate::support::fragmented::parse(&whole);
        }
        // The pace of a player, not a wait of the test.
        std::thread::park_timeout(std::time::Duration::from_millis(400));
    }
}
