//! Viewers over links that are not kind, on tape that goes away, and at the end of the service.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::strangers::{heavy, watch};
use crate::support::http::{Reply, get, reply};
use crate::support::proxy::{Link, Proxy};
use crate::support::wait::PATIENCE;
use crate::support::{Pusher, Service, edgereel, home, sample, wait_closed_of, wait_until};

pub(crate) const DOOR: &str = "[http]\nlisten = [\"127.0.0.1:0\"]\nmax_rate = \"off\"\nlive_chunks = 50\n";

/// Pushes a clip as fast as it is taken. Gives the path of its recording.
pub(crate) fn recorded(service: &Service, stream: &str, bytes: usize) -> String {
    Pusher::start(service.address(), stream, &heavy(bytes), 500.0).done();
    format!("/r/{}.mp4", wait_closed_of(&service.data(), stream).id)
}

/// Asks for a file. Its answer has begun then, and is not read yet.
pub(crate) fn ask(door: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // The answer has begun.
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    stream
}

/// Number of responses that are being sent, without the one that says so.
pub(crate) fn open_responses(door: SocketAddr) -> u64 {
    let metrics = get(door, "/metrics", &[]);
    let line = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("edgereel_http_open_responses "));
    line.and_then(|count| count.parse().ok()).expect("the gauge")
}

#[test]
fn over_a_long_way_and_a_narrow_one_a_viewer_gets_what_it_can_and_holds_nobody_up() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let path = recorded(&service, "live/old", 4 << 10);
    let whole = get(door, &path, &[]);
    let far = Proxy::start(door, Link::Far(Duration::from_millis(100)));
    // A fifth of what the stream has.
    let narrow = Proxy::start(door, Link::Thin(150_000));
    let pusher = Pusher::start(service.address(), "live/cam1", &heavy(4 << 10), 4.0);
    let viewers = [door, far.address()].map(|way| std::thread::spawn(move || watch(way, "live/cam1")));

    let behind = narrow.address();
    let mut served = 0;
    let mut parts = Vec::new();
    while pusher.pushes() {
        // A player that is too slow asks for the newest chunk again and again, and skips those between.
        let playlist = get(behind, "/live/cam1.m3u8", &[]);
        assert!([200, 404, 503].contains(&playlist.status), "{}", playlist.status);
        let chunk = playlist.text().lines().rfind(|line| line.ends_with(".m4s"));
        if let Some(chunk) = chunk {
            let chunk = format!("/live/{chunk}");
            let slow = get(behind, &chunk, &[]);
            let direct = get(door, &chunk, &[]);
            assert_eq!((slow.status, slow.whole), (200, true), "{chunk}");
            assert!(slow.body == direct.body, "{chunk} has other bytes");
            served += 1;
        }
        // Meanwhile somebody far away asks for parts of a file, as a player that seeks.
        let start = parts.len() * 100_000 % whole.body.len();
        let end = (start + 50_000).min(whole.body.len());
        let part = get(
            far.address(),
            &path,
            &[("Range", &format!("bytes={start}-{}", end - 1))],
        );
        assert_eq!(part.status, 206);
        assert!(part.body == whole.body[start..end], "bytes {start} to {end}");
        parts.push(start);
    }
    pusher.done();
    assert!(served > 0);
    let sent = sample().media();
    for viewer in viewers {
        let media = viewer.join().expect("a viewer is served");
        assert_eq!(media.video.len(), sent.video.len(), "each picture was played");
    }
    // A file over a narrow link is slow and right.
    let end = whole.body.len().min(100_000);
    let part = get(behind, &path, &[("Range", &format!("bytes=0-{}", end - 1))]);
    assert!(part.whole && part.body == whole.body[..end]);
}

#[test]
fn a_peer_that_breaks_off_in_any_way_leaves_nothing_behind() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let path = recorded(&service, "live/old", 16 << 10);
    let whole = get(door, &path, &[]);
    let mut first = [0; 1_000];
    for _ in 0..8 {
        // It resets the connection in the middle of the answer: there are bytes that it has not read.
        let mut stream = ask(door, &path);
        stream.read_exact(&mut first).unwrap();
        drop(stream);
        // It says that it sends no more, and reads everything.
        let stream = ask(door, &path);
        stream.shutdown(Shutdown::Write).unwrap();
        let got = reply(stream, "GET");
        assert!(got.whole && got.body == whole.body);
        // It sends what is no request behind its request, while the answer comes.
        let mut stream = TcpStream::connect(door).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n\0\x01garbage\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let got = reply(stream, "GET");
        assert!(got.whole && got.body == whole.body);
        // It asks, and is gone both ways.
        ask(door, &path).shutdown(Shutdown::Both).unwrap();
        // It stops between the two lines of an end.
        let mut stream = TcpStream::connect(door).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r")
            .unwrap();
    }
    wait_until("all responses to end", || open_responses(door) <= 1);
    wait_until("all files to be closed", || service.open_files("tape/") == 0);
}

#[test]
fn tape_that_goes_under_a_reader_breaks_the_response_or_ends_it_right() {
    let home = home();
    let storage = "quota = \"64 MiB\"\nmin_free = \"16 MiB\"\non_full = \"overwrite-oldest\"\n";
    let data = home.path().join("data");
    let service = Service::start_on(home.path(), &data, (storage, DOOR), &[]);
    let door = service.http();
    let path = recorded(&service, "live/old", 32 << 10);
    let whole = get(door, &path, &[]);
    assert_eq!((whole.status, whole.whole), (200, true));
    let more = heavy(64 << 10);
    // Readers that stopped in the middle.
    let mut readers = Vec::new();
    for _ in 0..4 {
        let mut stream = ask(door, &path);
        let mut head = [0; 4_096];
        stream.read_exact(&mut head).unwrap();
        readers.push((stream, head.to_vec()));
    }
    let mut pushed = 0;
    wait_until("the recording to be given up", || {
        pushed += 1;
        Pusher::start(service.address(), &format!("live/new{pushed}"), &more, 500.0).done();
        get(door, &path, &[("Range", "bytes=0-0")]).status == 410
    });
    assert!(
        service.open_files("(deleted)") > 0,
        "what a reader holds is not written over"
    );
    for (mut stream, mut got) in readers {
        let mut buffer = [0; 64 << 10];
        // A response that breaks may do so by a reset.
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            got.extend_from_slice(&buffer[..count]);
        }
        let body = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let body = &got[body..];
        assert!(
            whole.body.starts_with(body),
            "{} bytes, and wrong ones",
            body.len()
        );
    }
    assert_eq!(get(door, &path, &[]).json()["error"]["code"], "gone");
    wait_until("the space to be free", || service.open_files("(deleted)") == 0);
}

#[test]
fn running_responses_end_with_the_service() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let path = recorded(&service, "live/old", 16 << 10);
    let whole = get(door, &path, &[]);
    let stalled = ask(door, &path);
    let mut events = ask(door, "/api/v1/events");
    let mut first = [0; 15];
    events.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut half = TcpStream::connect(door).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: lo").unwrap();
    let idle = TcpStream::connect(door).unwrap();
    let reading = ask(door, &path);
    let reading = std::thread::spawn(move || reply(reading, "GET"));
    let (status, _) = service.stop();
    assert!(status.success(), "{status}");
    let check = |got: &Reply| {
        assert_eq!(got.status, 200);
        assert!(whole.body.starts_with(&got.body), "it ends with other bytes");
    };
    check(&reading.join().unwrap());
    // What nobody read in time breaks off.
    check(&reply(stalled, "GET"));
    for mut over in [events, half, idle] {
        let mut rest = Vec::new();
        over.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = over.read_to_end(&mut rest);
        assert!(TcpStream::connect(door).is_err(), "the door is closed");
    }
    let _ = edgereel(&["verify", "--data", data(&home).to_str().unwrap()]).ok();
}

fn data(home: &tempfile::TempDir) -> std::path::PathBuf {
    crate::support::service::data_dir(home.path())
}
