//! The requests of players that do not run on this machine, as docs/players.md lists them: AVPlayer, AirPlay, Chromecast,
//! ExoPlayer. Each request has the headers of its engine, and none that the engine cannot send: no key and no cookie.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use crate::support::http::{Reply, ask, get, reply};
use crate::support::wait::PATIENCE;
use crate::support::{Service, home, record_sample, typed};

const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";
const VIEW_KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const IDENTITY: (&str, &str) = ("Accept-Encoding", "identity");
const AVPLAYER_SESSION: (&str, &str) = ("X-Playback-Session-Id", "6A1B2C3D-0000-4000-8000-0123456789AB");
const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

/// A service that wants a key or a token of everybody. It has one recording of the sample, and the stream's playlist has ended.
struct Served {
    service: Service,
    door: SocketAddr,
    id: String,
    /// `/t/TOKEN`
    token: String,
    _home: tempfile::TempDir,
}

impl Served {
    fn start() -> Self {
        let home = home();
        let service = Service::start_with(
            home.path(),
            &format!(
                "[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key = \"{TOKEN_KEY}\"\n\
                 [[viewer]]\nname = \"staff\"\nkey = \"{VIEW_KEY}\"\n"
            ),
        );
        let id = record_sample(&service, "live/cam1").id;
        let token = typed(
            home.path(),
            &["token", "create", "--stream", "live/*", "--valid", "1h"],
        );
        let token = token["token"].as_str().unwrap();
        Self {
            door: service.http(),
            id,
            token: format!("/t/{token}"),
            service,
            _home: home,
        }
    }

    fn file(&self) -> String {
        format!("{}/r/{}.mp4", self.token, self.id)
    }
}

/// A connection that an engine keeps for its next request.
struct Kept(TcpStream);

impl Kept {
    fn open(door: SocketAddr) -> Self {
        let stream = TcpStream::connect(door).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, path: &str, headers: &[(&str, &str)]) {
        let mut text = format!("GET {path} HTTP/1.1\r\nHost: 192.168.1.17:8080\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.0.write_all(text.as_bytes()).unwrap();
    }

    fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(path, headers);
        reply(self.0.try_clone().unwrap(), "GET")
    }
}

/// What every engine needs of an answer with media.
#[track_caller]
fn assert_plays(reply: &Reply, what: &str) {
    assert!(matches!(reply.status, 200 | 206), "{what}: {}", reply.status);
    assert!(reply.whole, "{what}: cut off");
    for missing in ["location", "set-cookie", "content-encoding", "transfer-encoding"] {
        assert_eq!(reply.header(missing), None, "{what}");
    }
    assert_eq!(
        reply.header("content-length"),
        Some(reply.body.len().to_string().as_str()),
        "{what}"
    );
}

#[test]
fn files_are_read_as_each_engine_reads_them() {
    let one = Served::start();
    let (door, path) = (one.door, one.file());
    let whole = get(door, &path, &[]);
    assert_plays(&whole, "the whole file");
    let len = whole.body.len();
    avplayer_reads(door, &path, &whole);
    exoplayer_reads(door, &path, &whole);
    // VLC asks for what is behind the end, and goes on.
    let mut vlc = Kept::open(door);
    let beyond = vlc.get(&path, &[("Range", &format!("bytes={len}-"))]);
    assert_eq!(beyond.status, 416);
    assert_eq!(
        beyond.header("content-range"),
        Some(format!("bytes */{len}").as_str())
    );
    let first = vlc.get(&path, &[("Range", "bytes=0-")]);
    assert_eq!((first.status, first.body.len()), (206, len));
    // Chromium seeks on other connections, with the tag of the first answer.
    let etag = whole.header("etag").unwrap();
    let half = format!("bytes={}-", len / 2);
    let sought = get(door, &path, &[IDENTITY, ("If-Range", etag), ("Range", &half)]);
    assert_eq!(
        (sought.status, sought.body.as_slice()),
        (206, &whole.body[len / 2..])
    );
    let log = one.service.log();
    assert!(!log.contains(&one.token), "{log}");
}

/// Two bytes first. Then all of it on the same connection, which is given up, and ranges on several connections at a time.
#[track_caller]
fn avplayer_reads(door: SocketAddr, path: &str, whole: &Reply) {
    let len = whole.body.len();
    fn headers(range: &str) -> [(&str, &str); 5] {
        let agent = "AppleCoreMedia/1.0.0.22A3354 (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)";
        [
            AVPLAYER_SESSION,
            ("User-Agent", agent),
            IDENTITY,
            ("Accept", "*/*"),
            ("Range", range),
        ]
    }
    let mut first = Kept::open(door);
    let probed = first.get(path, &headers("bytes=0-1"));
    assert_plays(&probed, "AVPlayer's first two bytes");
    assert_eq!((probed.status, probed.body.as_slice()), (206, &whole.body[..2]));
    assert_eq!(
        probed.header("content-range"),
        Some(format!("bytes 0-1/{len}").as_str())
    );
    assert_eq!(probed.header("content-type"), Some("video/mp4"));
    assert_eq!(probed.header("accept-ranges"), Some("bytes"));
    first.send(path, &headers("bytes=0-"));
    drop(first);
    let piece = len.div_ceil(4);
    let pieces = std::thread::scope(|scope| {
        let asked = (0..4).map(|number| {
            let range = format!("bytes={}-{}", number * piece, (number + 1) * piece - 1);
            scope.spawn(move || Kept::open(door).get(path, &headers(&range)))
        });
        // All of them run before the first is waited for.
        let asked: Vec<_> = asked.collect();
        let replies = asked.into_iter().map(|thread| thread.join().unwrap());
        replies.collect::<Vec<Reply>>()
    });
    for reply in &pieces {
        assert_plays(reply, "a range of AVPlayer");
        assert_eq!((reply.status, reply.header("etag")), (206, whole.header("etag")));
    }
    assert!(pieces.iter().flat_map(|reply| &reply.body).eq(&whole.body));
}

/// No range at first. For a seek, open-ended ranges on new connections.
#[track_caller]
fn exoplayer_reads(door: SocketAddr, path: &str, whole: &Reply) {
    let len = whole.body.len();
    let agent = ("User-Agent", "AndroidXMedia3/1.4.1 (Linux;Android 14)");
    let opened = get(door, path, &[agent, IDENTITY]);
    assert_plays(&opened, "ExoPlayer");
    assert_eq!((opened.status, opened.body.len()), (200, len));
    for from in [len - 1, len / 2, 1] {
        let range = format!("bytes={from}-");
        let sought = get(door, path, &[agent, IDENTITY, ("Range", &range)]);
        assert_plays(&sought, &range);
        assert_eq!(
            (sought.status, sought.body.as_slice()),
            (206, &whole.body[from..]),
            "{range}"
        );
        assert_eq!(
            sought.header("content-range"),
            Some(format!("bytes {from}-{}/{len}", len - 1).as_str())
        );
    }
}

/// How an engine asks for HLS.
struct Engine {
    name: &'static str,
    playlists: &'static [(&'static str, &'static str)],
    media: &'static [(&'static str, &'static str)],
}

const ENGINES: [Engine; 4] = [
    Engine {
        name: "AVPlayer and AirPlay",
        playlists: &[GZIP, AVPLAYER_SESSION],
        media: &[IDENTITY, AVPLAYER_SESSION],
    },
    Engine {
        name: "ExoPlayer",
        playlists: &[GZIP],
        media: &[IDENTITY],
    },
    Engine {
        name: "Chromecast",
        playlists: &[
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Origin", "https://www.gstatic.com"),
            ("Referer", "https://www.gstatic.com/"),
        ],
        media: &[
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Origin", "https://www.gstatic.com"),
            ("Referer", "https://www.gstatic.com/"),
        ],
    },
    Engine {
        name: "a television's page that is a file",
        playlists: &[("Origin", "null")],
        media: &[("Origin", "null"), ("Range", "bytes=0-")],
    },
];

#[test]
fn hls_is_read_as_each_engine_reads_it() {
    let one = Served::start();
    for engine in &ENGINES {
        for master in [
            format!("{}/r/{}/master.m3u8", one.token, one.id),
            format!("{}/live/cam1/master.m3u8", one.token),
        ] {
            let chunks = walk(&one, engine, &master);
            assert_eq!(chunks, CHUNKS, "{}: {master}", engine.name);
        }
    }
    what_a_television_lacks(&one);
    delta_updates(&one);
}

/// How many chunks of a playlist an engine asks for.
const CHUNKS: usize = 3;

/// Follows a master playlist to its media playlist, its inits and its first chunks. Returns the number of chunks.
#[track_caller]
fn walk(one: &Served, engine: &Engine, master: &str) -> usize {
    let mut kept = Kept::open(one.door);
    let mut playlist = |path: &str| {
        let got = kept.get(path, engine.playlists);
        assert_eq!(got.status, 200, "{}: {path}: {}", engine.name, got.text());
        assert_eq!(got.header("content-type"), Some("application/vnd.apple.mpegurl"));
        assert_shared(&got, engine.playlists, engine.name);
        assert_eq!(got.header("content-encoding"), None, "short playlists are plain");
        got.text().to_owned()
    };
    let text = playlist(master);
    let variant = text
        .lines()
        .find(|line| !line.starts_with('#'))
        .expect("a variant");
    let index = resolved(master, variant);
    let text = playlist(&index);
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let inits = text.lines().filter(|line| line.starts_with("#EXT-X-MAP:"));
    let chunks = text.lines().filter(|line| !line.starts_with('#')).take(CHUNKS);
    let mut count = 0;
    for uri in inits.filter_map(quoted).chain(chunks.map(str::to_owned)) {
        let path = resolved(&index, &uri);
        let got = kept.get(&path, engine.media);
        assert_plays(&got, &format!("{}: {uri}", engine.name));
        assert_eq!(got.header("content-type"), Some("video/mp4"), "{uri}");
        assert_shared(&got, engine.media, engine.name);
        count += usize::from(uri.ends_with(".m4s"));
    }
    count
}

/// Fails unless a page may read the answer, without credentials. An answer to no page says so as well, for caches.
#[track_caller]
fn assert_shared(reply: &Reply, asked: &[(&str, &str)], name: &str) {
    let allowed = reply.header("access-control-allow-origin");
    assert_eq!(allowed, Some("*"), "{name}: {asked:?}");
    assert_eq!(
        reply.header("access-control-allow-credentials"),
        None,
        "{name}: {asked:?}"
    );
}

/// The path of a URI in the playlist at `base`.
fn resolved(base: &str, uri: &str) -> String {
    let (folder, _) = base.rsplit_once('/').unwrap();
    match uri.strip_prefix("../") {
        Some(rest) => format!("{}/{rest}", folder.rsplit_once('/').unwrap().0),
        None => format!("{folder}/{uri}"),
    }
}

/// A television that fetches by itself has no key. Its page asks beforehand whether it may, also without one.
#[track_caller]
fn what_a_television_lacks(one: &Served) {
    let bare = one.file().replace(&one.token, "");
    let origin = ("Origin", "https://www.gstatic.com");
    let refused = get(one.door, &bare, &[origin, ("Range", "bytes=0-1")]);
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    for origin in [origin, ("Origin", "null")] {
        let asked = [
            origin,
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "range"),
        ];
        let allowed = ask(one.door, "OPTIONS", &one.file(), &asked, b"");
        assert_eq!((allowed.status, allowed.body.len()), (204, 0));
        assert_shared(&allowed, &asked, "OPTIONS");
        let headers = allowed.header("access-control-allow-headers").unwrap();
        assert!(headers.to_ascii_lowercase().contains("range"), "{headers}");
    }
}

/// A player that has a playlist asks for what is new of it, and puts that behind what it has.
#[track_caller]
fn delta_updates(one: &Served) {
    let path = format!("{}/live/cam1.m3u8", one.token);
    let whole = get(one.door, &path, &[GZIP]);
    let delta = get(one.door, &format!("{path}?_HLS_skip=YES"), &[GZIP]);
    let chunks = |reply: &Reply| {
        let names = reply.text().lines().filter(|line| line.ends_with(".m4s"));
        names.map(str::to_owned).collect::<Vec<String>>()
    };
    let skipped = delta
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS="));
    let skipped: usize = skipped.expect("a delta update").parse().unwrap();
    assert!(skipped > 0, "{}", delta.text());
    // A player keeps its version of the chunks that are left out. A directive is no part of a chunk's address.
    assert_eq!(chunks(&whole)[skipped..], chunks(&delta));
    assert!(delta.body.len() < whole.body.len());
}
