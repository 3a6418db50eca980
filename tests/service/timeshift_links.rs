//! Time shift and channels over links that are not kind, and for peers that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::links::{DOOR, ask, open_responses, recorded};
use crate::strangers::{heavy, watch_at};
use crate::support::fragmented;
use crate::support::http::get;
use crate::support::proxy::{Link, Proxy};
use crate::support::{Media, Pusher, Service, home, sample, typed, wait_for, wait_until};

/// More than the service may take for what nobody asked for before.
const MEMORY: u64 = 32 << 20;
/// Different ranges that a peer asks for.
const RANGES: usize = 200;

/// The names of the init and the chunks of a playlist, as paths.
fn files(playlist: &str, folder: &str) -> Vec<String> {
    let map = playlist.split("#EXT-X-MAP:URI=\"").nth(1);
    let map = map.and_then(|rest| rest.split('"').next()).expect("an init");
    let chunks = playlist.lines().filter(|line| line.contains(".m4s"));
    let all = std::iter::once(map).chain(chunks);
    all.map(|name| format!("/{folder}/{name}")).collect()
}

#[track_caller]
fn text(door: SocketAddr, path: &str) -> String {
    let got = get(door, path, &[]);
    assert_eq!(got.status, 200, "{path}: {}", got.text());
    got.text().to_owned()
}

#[track_caller]
fn bytes(way: SocketAddr, path: &str) -> Vec<u8> {
    let got = get(way, path, &[]);
    assert_eq!((got.status, got.whole), (200, true), "{path}");
    got.body
}

fn pictures(media: &Media) -> usize {
    media.video.len()
}

#[test]
fn over_a_long_way_and_a_narrow_one_time_shift_and_channels_lose_nothing() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    let old = recorded(&service, "live/old", 1 << 10);
    let id = old.trim_start_matches("/r/").trim_end_matches(".mp4");
    typed(home.path(), &["channel", "put", "again", id, "--play", "loop"]);
    let far = Proxy::start(door, Link::Far(Duration::from_millis(100)));
    // A fifth of what the stream has.
    let narrow = Proxy::start(door, Link::Thin(100_000));
    let pusher = Pusher::start(service.address(), "live/cam1", &heavy(4 << 10), 4.0);
    let late = "/live/cam1.m3u8?delay=2s";
    let ways = [door, far.address()];
    let viewers = ways.map(|way| std::thread::spawn(move || watch_at(way, late)));

    // Somebody who came at the beginning falls back over the narrow link, and gets further when it is wider.
    let start = wait_for("the recording", || {
        let got = get(door, "/api/v1/recording.list?stream=live/cam1&state=open", &[]).json();
        let start = got["result"]["recordings"][0]["start"].as_str()?.to_owned();
        let path = format!("/live/cam1.m3u8?start={start}");
        (get(door, &path, &[]).status == 200).then_some(path)
    });
    let mut begun = Vec::new();
    while begun.len() < 3 {
        let listed = files(&text(narrow.address(), &start), "live");
        if let Some(path) = listed.get(begun.len()) {
            let got = bytes(narrow.address(), path);
            assert!(got == bytes(door, path), "{path} has other bytes");
            begun.push(got);
        }
    }
    narrow.set(Link::Good);
    pusher.done();
    let whole = wait_for("the end of the list", || {
        let text = text(narrow.address(), &start);
        text.contains("#EXT-X-ENDLIST").then_some(text)
    });
    for path in &files(&whole, "live")[begun.len()..] {
        begun.push(bytes(narrow.address(), path));
    }
    let sent = pictures(&sample().media());
    assert_eq!(pictures(&fragmented::parse(&begun.concat())), sent);
    for viewer in viewers {
        let media = viewer.join().expect("a viewer is served");
        assert_eq!(pictures(&media), sent, "each picture was played late");
    }

    // A channel has the same bytes at each end, also for a viewer whose list is old.
    let thin = Proxy::start(door, Link::Thin(400_000));
    for way in [far.address(), thin.address()] {
        let listed = files(&text(way, "/channel/again.m3u8"), "channel");
        assert!(listed.len() > 2, "{listed:?}");
        for path in &listed[..3] {
            assert!(bytes(way, path) == bytes(door, path), "{path} has other bytes");
        }
    }
}

#[test]
fn a_peer_that_misbehaves_with_time_shift_leaves_nothing_behind_and_holds_nobody_up() {
    let home = home();
    let service = Service::start_with(home.path(), DOOR);
    let door = service.http();
    recorded(&service, "live/old", 16 << 10);
    let list = text(door, "/live/old.m3u8");
    let first = files(&list, "live")[1].clone();
    let number: u64 = {
        let name = first.rsplit('/').next().unwrap();
        name.trim_end_matches(".m4s").parse().unwrap()
    };
    let joined = format!("/live/old/c/{number}-{}.m4s", number + 1);
    let whole = bytes(door, &joined);
    let mut half = vec![0; whole.len() / 2];
    let mut stopped = Vec::new();
    for path in [&first, &joined].into_iter().cycle().take(8) {
        // It reads a part, and resets the connection.
        let mut stream = ask(door, path);
        stream.read_exact(&mut half[..1_000]).unwrap();
        drop(stream);
        // It asks, and is gone both ways.
        ask(door, path).shutdown(Shutdown::Both).unwrap();
        // It reads half of a chunk and stops.
        let mut stream = ask(door, path);
        stream.read_exact(&mut half[..500]).unwrap();
        stopped.push(stream);
        // Its request is not whole.
        let mut stream = TcpStream::connect(door).unwrap();
        stream
            .write_all(b"GET /live/old.m3u8?start=1 HTTP/1.1\r\nHost: lo")
            .unwrap();
    }

    // It asks for chunks before they are there, alone and joined: 404, and that is not kept.
    let pusher = Pusher::start(service.address(), "live/cam1", &heavy(1 << 10), 1.0);
    let live = wait_for("a live playlist", || {
        let got = get(door, "/live/cam1.m3u8", &[]);
        (got.status == 200).then(|| files(got.text(), "live"))
    });
    let newest = live.last().unwrap().rsplit('/').next().unwrap();
    let next: u64 = newest.trim_end_matches(".m4s").parse::<u64>().unwrap() + 1;
    for path in [
        format!("/live/cam1/c/{next}.m4s"),
        format!("/live/cam1/c/{next}-{}.m4s", next + 1),
    ] {
        let early = get(door, &path, &[]);
        if early.status != 200 {
            assert_eq!(early.status, 404, "{path}: {}", early.text());
            let kept = early.header("cache-control").unwrap_or_default();
            assert!(!kept.contains("max-age") && !kept.contains("immutable"), "{kept}");
        }
        // Chunks of two segments are not joined.
        let is_alone = !path.contains('-');
        wait_until("the chunk, or the one behind it", || {
            let status = get(door, &path, &[]).status;
            status == 200
                || !is_alone && get(door, &format!("/live/cam1/c/{}.m4s", next + 1), &[]).status == 200
        });
    }

    // It asks for many ranges that nobody asked for before.
    let before = service.own_memory();
    let now = jiff::Timestamp::now().as_second();
    for number in 0..RANGES {
        let (from, to) = (now - 3_600 - number as i64, now + 60 + number as i64);
        let path = format!("/live/old.m3u8?start={from}.{number}&end={to}");
        assert!(text(door, &path).contains("#EXTINF"), "{path}");
    }
    let more = service.own_memory().saturating_sub(before);
    assert!(more < MEMORY, "{more} bytes more");
    // The publisher was not held up, and everything is given back.
    pusher.done();
    drop(stopped);
    wait_until("all responses to end", || open_responses(door) <= 1);
    wait_until("all files to be closed", || service.open_files("tape/") == 0);
}
