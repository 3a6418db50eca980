//! The door for viewers: recordings as files, over HTTP.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::support::http::{Reply, ask, get, reply};
use crate::support::{Pusher, Service, edgereel, home, record_sample, sample, typed, wait_for};

/// A service with the door on loopback, and one recording of the sample.
pub(crate) struct Recorded {
    pub(crate) home: tempfile::TempDir,
    pub(crate) service: Service,
    pub(crate) door: SocketAddr,
    pub(crate) id: String,
}

pub(crate) fn recorded_with(more: &str) -> Recorded {
    let home = home();
    let service = Service::start_with(
        home.path(),
        &format!("[http]\nlisten = [\"127.0.0.1:0\"]\n{more}"),
    );
    let door = service.http();
    let id = record_sample(&service, "live/cam1").id;
    Recorded {
        home,
        service,
        door,
        id,
    }
}

fn recorded() -> Recorded {
    recorded_with("")
}

fn exported(recorded: &Recorded, format: &str, name: &str, more: &[&str]) -> Vec<u8> {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join(name);
    let data = recorded.service.data();
    let arguments = ["export", &recorded.id, "--format", format, "--data"];
    let rest = [data.to_str().unwrap(), "-o", path.to_str().unwrap()];
    edgereel(&[&arguments[..], &rest[..], more].concat()).ok();
    std::fs::read(path).unwrap()
}

fn range(recorded: &Recorded, path: &str, range: &str) -> Reply {
    get(recorded.door, path, &[("Range", range)])
}

#[test]
fn a_file_has_the_bytes_of_an_export_in_every_format() {
    let recorded = recorded();
    for (extension, format, name, mime) in [
        ("mp4", "mp4", "a.mp4", "video/mp4"),
        ("fmp4", "fmp4", "a.mp4", "video/mp4"),
        ("flv", "flv", "a.flv", "video/x-flv"),
        ("m4a", "aac", "a.m4a", "audio/mp4"),
        ("aac", "aac", "a.aac", "audio/aac"),
    ] {
        let wanted = exported(&recorded, format, name, &[]);
        let path = format!("/r/{}.{extension}", recorded.id);
        let got = get(recorded.door, &path, &[]);
        assert_eq!(
            got.status,
            200,
            "{extension}: {}",
            String::from_utf8_lossy(&got.body)
        );
        assert!(got.whole && got.body == wanted, "{extension}: other bytes");
        assert_eq!(got.header("content-type"), Some(mime));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
        let etag = got.header("etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");

        let head = ask(recorded.door, "HEAD", &path, &[], b"");
        assert_eq!(head.status, 200);
        assert_eq!(
            head.header("content-length"),
            Some(wanted.len().to_string().as_str())
        );
        assert_eq!(head.header("etag"), Some(etag));
        assert!(head.body.is_empty());
    }
    let some = exported(&recorded, "mp4", "a.mp4", &["--from", "4s", "--to", "9s"]);
    let got = get(
        recorded.door,
        &format!("/r/{}.mp4?from=4s&to=9s", recorded.id),
        &[],
    );
    assert!(got.body == some, "a part has the bytes of its export");
}

#[test]
fn an_mp4_has_a_track_of_times_where_somebody_asks_or_the_template_says_so() {
    let recorded = recorded_with(
        "[[template]]\nname = \"default\"\nformats = [\"mp4\"]\ntime_zone = \"Asia/Kolkata\"\n",
    );
    let path = |more: &str| format!("/r/{}.mp4{more}", recorded.id);
    let of = |more: &str| get(recorded.door, &path(more), &[]);
    let (without, with) = (of(""), of("?times=1"));
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has(&with.body, "tx3g") && has(&with.body, " +05:30") && !has(&without.body, "tx3g"));
    assert_ne!(with.header("etag"), without.header("etag"));
    assert!(of("?times=0").body == without.body);
    assert!(exported(&recorded, "mp4", "a.mp4", &["--times"]) == with.body);
    // Any range is that of the whole, also within the texts.
    let at = with.body.windows(6).position(|part| part == b"+05:30").unwrap();
    let (from, to) = (at - 100, at + 3_000);
    let part = range(&recorded, &path("?times=1"), &format!("bytes={from}-{to}"));
    assert!(part.status == 206 && part.body == with.body[from..=to]);
    let part = of("?times=1&from=2s&to=5s");
    assert!(has(&part.body, "tx3g") && part.body.len() < with.body.len());
    let refused = get(recorded.door, &format!("/r/{}.m4a?times=1", recorded.id), &[]);
    assert_eq!(
        (refused.status, &refused.json()["error"]["field"]),
        (400, &"times".into())
    );

    let by_template = recorded_with("[[template]]\nname = \"default\"\nformats = [\"mp4\"]\ntimes = true\n");
    let file = get(by_template.door, &format!("/r/{}.mp4", by_template.id), &[]);
    assert!(has(&file.body, "tx3g") && has(&file.body, " +00:00"));
    assert!(exported(&by_template, "mp4", "a.mp4", &[]) == file.body);
}

#[test]
fn what_people_write_is_in_the_head_of_files_and_no_download_mixes_two_heads() {
    let recorded = recorded();
    let path = format!("/r/{}.mp4", recorded.id);
    let before = get(recorded.door, &path, &[]);
    let etag = before.header("etag").unwrap().to_owned();
    let notes =
        r#"[{"at_s":0.5,"text":"Begin"},{"at_s":1,"text":"a \"b\""},{"at_s":99999,"text":"behind the end"}]"#;
    let title = "Algebra 課 \"7\"";
    let set = [
        "recording",
        "set",
        "last",
        "--title",
        title,
        "--notes",
        notes,
        "--description",
        "Groups",
    ];
    assert_eq!(typed(recorded.home.path(), &set)["title"], title);
    let after = get(recorded.door, &path, &[]);
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    for text in [title, "Groups", "Begin", "a \"b\""] {
        assert!(has(&after.body, text) && !has(&before.body, text), "{text}");
    }
    // A chapter behind the end of the file would make it longer for some players.
    assert!(!has(&after.body, "behind the end"));
    assert!(
        after.body == exported(&recorded, "mp4", "a.mp4", &[]),
        "other bytes than an export"
    );
    // The media is the same, further behind. Whoever goes on with the file of before gets all of the new one.
    let tail = before.body.len() / 2;
    assert!(after.body.ends_with(&before.body[tail..]) && after.body.len() > before.body.len());
    let new = after.header("etag").unwrap();
    assert_ne!(new, etag);
    let goes_on = |etag: &str| {
        get(
            recorded.door,
            &path,
            &[("Range", "bytes=1000-"), ("If-Range", etag)],
        )
    };
    let whole = goes_on(&etag);
    assert!(whole.status == 200 && whole.body == after.body);
    assert_eq!(goes_on(new).status, 206);
    // A part has the chapters of the part, from its own beginning on.
    let part = get(recorded.door, &format!("{path}?from=900ms"), &[]);
    assert!(has(&part.body, title) && has(&part.body, "a \"b\"") && !has(&part.body, "Begin"));
    for other in ["flv", "fmp4", "aac"] {
        let file = get(recorded.door, &format!("/r/{}.{other}", recorded.id), &[]);
        assert!(!has(&file.body, title), "{other}");
    }
    let playlist = get(recorded.door, &format!("/r/{}/index.m3u8", recorded.id), &[]);
    let lines: Vec<&str> = playlist
        .text()
        .lines()
        .filter(|line| line.contains("DATERANGE"))
        .collect();
    assert!(
        lines.len() == 2 && lines[0].ends_with("X-TEXT=\"Begin\""),
        "{lines:?}"
    );
    assert!(lines[1].ends_with("X-TEXT=\"a 'b'\""), "{lines:?}");
    let exported = exported_folder(&recorded);
    assert!(!exported.contains("DATERANGE"), "{exported}");
}

/// The playlist of an exported folder, which is the delivered one.
fn exported_folder(recorded: &Recorded) -> String {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("hls");
    crate::support::export(&recorded.service.data(), &recorded.id, "hls", &folder).ok();
    std::fs::read_to_string(folder.join("index.m3u8")).unwrap()
}

#[test]
fn single_ranges_conditions_and_names_are_answered_as_players_need_it() {
    let recorded = recorded();
    let path = format!("/r/{}.mp4", recorded.id);
    let whole = get(recorded.door, &path, &[]);
    let (len, etag) = (whole.body.len(), whole.header("etag").unwrap());
    // What engines ask: Safari first asks for two bytes, Chromium for all from zero on.
    for (asked, start, end) in [
        ("bytes=0-1", 0, 2),
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, len),
        ("bytes=-1", len - 1, len),
        ("bytes=1000-70000", 1_000, 70_001),
        (&format!("bytes={}-99999999999", len - 5), len - 5, len),
    ] {
        let got = range(&recorded, &path, asked);
        assert_eq!(got.status, 206, "{asked}");
        assert_eq!(got.body, &whole.body[start..end], "{asked}");
        let content_range = format!("bytes {start}-{}/{len}", end - 1);
        assert_eq!(
            got.header("content-range"),
            Some(content_range.as_str()),
            "{asked}"
        );
        assert_eq!(
            got.header("content-length"),
            Some((end - start).to_string().as_str())
        );
    }
    let outside = range(&recorded, &path, &format!("bytes={len}-"));
    assert_eq!(outside.status, 416);
    assert_eq!(
        outside.header("content-range"),
        Some(format!("bytes */{len}").as_str())
    );
    assert_eq!(outside.json()["error"]["code"], "bad_range");
    // Several ranges get the whole file, as RFC 9110 allows.
    let several = range(&recorded, &path, "bytes=0-1,5-6");
    assert_eq!((several.status, several.body.len()), (200, len));

    assert_eq!(get(recorded.door, &path, &[("If-None-Match", etag)]).status, 304);
    let fresh = [("If-Range", etag), ("Range", "bytes=0-1")];
    assert_eq!(get(recorded.door, &path, &fresh).status, 206);
    let stale = [("If-Range", "\"another\""), ("Range", "bytes=0-1")];
    let got = get(recorded.door, &path, &stale);
    assert_eq!((got.status, got.body.len()), (200, len));

    let got = get(
        recorded.door,
        &format!("{path}?download=1"),
        &[("Range", "bytes=0-0")],
    );
    let name = got.header("content-disposition").unwrap();
    assert!(name.starts_with("attachment; filename=\"live_cam1_20"), "{name}");
    assert!(name.ends_with(".mp4\""), "{name}");
}

#[test]
fn what_is_not_there_is_said_in_a_sentence() {
    let recorded = recorded();
    let door = recorded.door;
    for (path, status, code, words) in [
        ("/nothing", 404, "not_found", "nothing at this address"),
        (
            "/r/0198f3a2-5b7c-7d00-8000-0123456789ab.mp4",
            404,
            "not_found",
            "there is no recording",
        ),
        (
            &format!("/r/{}.mp4?from=yesterday", recorded.id),
            400,
            "bad_request",
            "from: 'yesterday' is not a time",
        ),
        (
            &format!("/r/{}.mp4?part=2", recorded.id),
            400,
            "bad_request",
            "there is no file 2; there are 1",
        ),
        (
            &format!("/r/{}.mp4?from=2h", recorded.id),
            404,
            "not_found",
            "nothing between these times",
        ),
        (
            &format!("/r/{}.mp4?{}", recorded.id, "a".repeat(9_000)),
            414,
            "bad_request",
            "at most 8192",
        ),
    ] {
        let got = get(door, path, &[]);
        assert_eq!(got.status, status, "{path}");
        let error = &got.json()["error"];
        assert_eq!(error["code"], code, "{path}");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{path}: {error}"
        );
    }
    assert_eq!(
        ask(door, "POST", &format!("/r/{}.mp4", recorded.id), &[], b"x").status,
        405
    );

    let path = format!("/r/{}.mp4", recorded.id);
    typed(
        recorded.home.path(),
        &["recording", "delete", &recorded.id, "--yes"],
    );
    let gone = wait_for("the recording is gone", || {
        Some(get(door, &path, &[])).filter(|got| got.status == 410)
    });
    assert_eq!(gone.json()["error"]["code"], "gone");
}

#[test]
fn a_name_that_does_not_lead_to_the_box_is_refused() {
    let recorded = recorded_with("names = [\"box-17.example\"]\n");
    let path = format!("/r/{}.mp4", recorded.id);
    let status = |host: &str| get(recorded.door, &path, &[("Host", host), ("Range", "bytes=0-0")]).status;
    assert_eq!(status("box-17.example:8080"), 206);
    assert_eq!(status("localhost"), 206);
    assert_eq!(status("[::1]:80"), 206);
    // DNS rebinding: the browser believes that it speaks to the web site.
    let got = get(recorded.door, &path, &[("Host", "evil.example")]);
    assert_eq!(got.status, 421);
    assert!(
        got.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("http.names")
    );
    // A proxy on the same machine makes nobody local.
    let got = get(recorded.door, &path, &[("X-Forwarded-For", "203.0.113.9")]);
    assert_eq!(got.status, 403);
}

#[test]
fn a_player_that_leaves_and_half_a_request_cost_nothing() {
    let recorded = recorded();
    let path = format!("/r/{}.mp4", recorded.id);
    let mut half = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(recorded.door).unwrap();
        stream.write_all(b"GET /r/x HTTP/1.1\r\nHost: lo").unwrap();
        half.push(stream);
        let mut stream = TcpStream::connect(recorded.door).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // It goes without having read a byte.
    }
    assert_eq!(get(recorded.door, &path, &[("Range", "bytes=0-0")]).status, 206);
    drop(half);
    let mut stream = TcpStream::connect(recorded.door).unwrap();
    stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").unwrap();
    assert_eq!(reply(stream, "GET").status, 400);
}

#[test]
fn a_picture_is_had_without_a_decoder() {
    let recorded = recorded();
    let list = get(recorded.door, "/api/v1/recording.list", &[]).json();
    let start = list["result"]["recordings"][0]["start"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        format!("/r/{}/frame.mp4?at=5s", recorded.id),
        format!("/r/{}/frame.mp4", recorded.id),
        "/live/cam1/frame.mp4".to_owned(),
    ] {
        let got = get(recorded.door, &path, &[]);
        assert_eq!(got.status, 200, "{path}: {}", String::from_utf8_lossy(&got.body));
        let media = crate::support::mp4_file::parse(&got.body);
        assert_eq!((media.video.len(), media.audio.len()), (1, 0), "{path}");
        let time = got.header("x-edgereel-time").unwrap();
        assert!(time > start.as_str(), "{time} is behind {start}");
    }
    let early = get(
        recorded.door,
        &format!("/r/{}/frame.mp4?at=1970-01-01T00:00:00Z", recorded.id),
        &[],
    );
    assert_eq!(early.status, 404);
    assert_eq!(get(recorded.door, "/live/nothing/frame.mp4", &[]).status, 404);
}

#[test]
fn a_recording_is_played_as_hls_and_its_chunks_are_the_delivered_ones() {
    let recorded = recorded();
    let folder = format!("/r/{}", recorded.id);
    let playlist = get(recorded.door, &format!("{folder}/index.m3u8"), &[]);
    assert_eq!(
        playlist.header("content-type"),
        Some("application/vnd.apple.mpegurl")
    );
    let text = playlist.text();
    assert!(
        text.contains("#EXT-X-ENDLIST") && text.contains("#EXT-X-START:TIME-OFFSET=0"),
        "{text}"
    );
    let names: Vec<&str> = text.lines().filter(|line| line.ends_with(".m4s")).collect();
    assert!(names.len() >= 3, "{text}");
    let init = map(text).expect("an init");
    let mut whole = get(recorded.door, &format!("{folder}/{init}"), &[]).body;
    for name in names {
        let chunk = get(recorded.door, &format!("{folder}/{name}"), &[]);
        assert_eq!((chunk.status, chunk.whole), (200, true), "{name}");
        whole.extend(chunk.body);
    }
    let media = crate::support::fragmented::parse(&whole);
    let sent = crate::support::sample().media();
    assert_eq!(media.video.len(), sent.video.len());
    // Names in a bucket are others: they do not say which media they are of.
    for name in ["99999.m4s", "00001.m4s", "init.mp4", "../x"] {
        assert_eq!(
            get(recorded.door, &format!("{folder}/{name}"), &[]).status,
            404,
            "{name}"
        );
    }

    let master = get(recorded.door, &format!("{folder}/master.m3u8"), &[]);
    assert!(master.text().contains("CODECS=\"avc1."), "{}", master.text());
    assert!(
        master.text().contains("EXT-X-I-FRAME-STREAM-INF"),
        "{}",
        master.text()
    );
    let keyframes = get(recorded.door, &format!("{folder}/iframes.m3u8"), &[]);
    let first = keyframes
        .text()
        .lines()
        .find(|line| line.ends_with(".m4s"))
        .unwrap();
    assert_eq!(get(recorded.door, &format!("{folder}/{first}"), &[]).status, 200);
}

#[test]
fn commands_are_the_same_as_at_other_doors_and_need_a_right() {
    let (key, other) = (
        "7d1f0c5ae29b4f63886b0e4f9a2c51d7",
        "b94e2f07c1a8436d9f50e7732bd6481c",
    );
    let recorded = recorded_with(&format!(
        "[[viewer]]\nname = \"staff\"\nkey = \"{key}\"\nmay = [\"watch\", \"operate\"]\n\
         [[viewer]]\nname = \"hall\"\nkey = \"{}\"\nstreams = \"other/*\"\n",
        other
    ));
    let staff = format!("Bearer {key}");
    let staff = ("Authorization", staff.as_str());
    let hall = format!("Bearer {other}");
    let hall = ("Authorization", hall.as_str());
    let door = recorded.door;
    let list = "/api/v1/recording.list?stream=live/cam1&from=1h&limit=5";
    let none = get(door, list, &[]);
    assert_eq!(none.status, 401);
    assert!(
        none.headers
            .iter()
            .any(|(name, value)| name == "www-authenticate" && value.starts_with("Basic"))
    );
    assert_eq!(get(door, list, &[("Authorization", "Bearer wrong")]).status, 401);
    let rows = get(door, list, &[staff]).json();
    assert_eq!(rows["result"]["recordings"][0]["id"], recorded.id.as_str());
    // A viewer of other streams does not learn of this one.
    let other = get(door, "/api/v1/recording.list", &[hall]).json();
    assert_eq!(other["result"]["recordings"], serde_json::json!([]));
    assert_eq!(get(door, &format!("/r/{}.mp4", recorded.id), &[hall]).status, 404);

    let json = ("Content-Type", "application/json");
    let body = b"{\"id\":\"one\",\"stream\":\"live/cam2\"}";
    let start = "/api/v1/recording.start";
    assert_eq!(ask(door, "POST", start, &[hall, json], body).status, 403);
    assert_eq!(
        ask(door, "POST", start, &[staff], body).status,
        415,
        "a form of another site"
    );
    let page = ("Origin", "https://evil.example");
    assert_eq!(ask(door, "POST", start, &[staff, json, page], body).status, 403);
    let wrong = ask(door, "GET", start, &[staff], b"");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    let own = format!("http://{door}");
    let answer = ask(door, "POST", start, &[staff, json, ("Origin", &own)], body);
    assert_eq!(answer.json()["id"], "one", "{}", answer.text());
    // Once for each id, whatever the door.
    let again = ask(door, "POST", start, &[staff, json], body);
    assert_eq!(again.json(), answer.json());
    assert_eq!(
        ask(door, "POST", "/api/v1/nothing", &[staff, json], b"{}").status,
        404
    );
    let long = vec![b' '; 70_000];
    assert_eq!(ask(door, "POST", start, &[staff, json], &long).status, 413);
}

/// The lines of events from a door, as they come.
struct EventLines(std::io::Lines<std::io::BufReader<TcpStream>>);

impl EventLines {
    fn open(door: SocketAddr, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n"));
        Self::open_with(door, &last.unwrap_or_default())
    }

    /// The same with these lines of headers.
    fn open_with(door: SocketAddr, headers: &str) -> Self {
        let mut stream = TcpStream::connect(door).unwrap();
        stream
            .set_read_timeout(Some(crate::support::wait::PATIENCE))
            .unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self(std::io::BufRead::lines(std::io::BufReader::new(stream)))
    }

    /// The next line that begins like this, without its beginning.
    fn next(&mut self, prefix: &str) -> String {
        for line in &mut self.0 {
            if let Some(rest) = line.expect("the door still sends").strip_prefix(prefix) {
                return rest.to_owned();
            }
        }
        panic!("the door sent no line that begins with {prefix}");
    }
}

#[test]
fn events_come_as_they_happen_and_go_on_where_a_reader_was() {
    let recorded = recorded();
    let mut events = EventLines::open(recorded.door, None);
    let before = events.next("id: ");
    record_sample(&recorded.service, "live/cam2");
    while events.next("event: ") != "recording.closed" {}
    let closed: serde_json::Value = serde_json::from_str(&events.next("data: ")).unwrap();
    assert_eq!(closed["type"], "recording.closed", "{closed}");
    assert_eq!(closed["data"]["stream"], "live/cam2", "{closed}");

    let mut again = EventLines::open(recorded.door, Some(&before));
    while again.next("event: ") != "recording.closed" {}
    let same: serde_json::Value = serde_json::from_str(&again.next("data: ")).unwrap();
    assert_eq!(same["id"], closed["id"]);
    // An id of another journal: what the reader knows may be old.
    let mut lost = EventLines::open(recorded.door, Some("1-1"));
    assert_eq!(lost.next("event: "), "reset");
}

#[test]
fn pages_of_other_origins_are_asked_about_beforehand() {
    let recorded = recorded_with("cors = [\"https://app.example\"]\n");
    let path = format!("/r/{}.mp4", recorded.id);
    let asked = |origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "range"),
        ];
        ask(recorded.door, "OPTIONS", &path, &headers, b"")
    };
    let allowed = asked("https://app.example");
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert!(
        allowed
            .header("access-control-allow-headers")
            .unwrap()
            .contains("Range")
    );
    assert_eq!(
        asked("https://evil.example").header("access-control-allow-origin"),
        None
    );
    let got = get(
        recorded.door,
        &path,
        &[("Origin", "https://app.example"), ("Range", "bytes=0-0")],
    );
    assert!(
        got.header("access-control-expose-headers")
            .unwrap()
            .contains("Content-Range")
    );
    assert_eq!(got.header("referrer-policy"), Some("no-referrer"));
}

/// The chunks of a playlist: their numbers and paths.
fn listed(playlist: &str) -> Vec<(u64, String)> {
    let paths = playlist.lines().filter(|line| line.ends_with(".m4s"));
    let number = |path: &str| {
        let name = path.rsplit('/').next().unwrap();
        name.trim_end_matches(".m4s").parse().unwrap()
    };
    paths
        .map(|path| (number(path), format!("/live/{path}")))
        .collect()
}

pub(crate) fn tag<'a>(playlist: &'a str, name: &str) -> Option<&'a str> {
    playlist
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// The name of the first init of a playlist.
pub(crate) fn map(playlist: &str) -> Option<&str> {
    let uri = tag(playlist, "#EXT-X-MAP")?.strip_prefix("URI=")?;
    Some(uri.trim_matches('"'))
}

/// Waits for a playlist with so many chunks.
#[track_caller]
fn live(door: SocketAddr, chunks: usize) -> String {
    wait_for("a live playlist", || {
        let got = get(door, "/live/cam1.m3u8", &[]);
        assert!([200, 404, 503].contains(&got.status), "{}", got.status);
        Some(got.text().to_owned()).filter(|_| got.status == 200 && listed(got.text()).len() >= chunks)
    })
}

/// The dates of the chunks of a playlist, in microseconds, by their numbers.
fn dates(playlist: &str) -> BTreeMap<u64, i64> {
    let dates = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    let dates = dates.map(|date| date.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let numbers = listed(playlist).into_iter().map(|(number, _)| number);
    numbers.zip(dates).collect()
}

/// The dates that the journal keeps for the playlist of a stream.
fn kept_dates(service: &Service) -> Option<String> {
    let path = service.data().join("journal.db");
    let journal = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let sql = "SELECT body FROM shelves WHERE shelf = 'live' AND id = 'live/cam1'";
    journal.ok()?.query_row(sql, [], |row| row.get(0)).ok()
}

const HOUR: i64 = 3_600_000_000;

/// Has the journal keep other dates, an hour later.
fn move_kept_dates(data: &std::path::Path, body: &str) {
    let publishes: Vec<(i64, i64)> = serde_json::from_str(body).unwrap();
    let later: Vec<_> = publishes.iter().map(|(zero, date)| (zero, date + HOUR)).collect();
    let journal = rusqlite::Connection::open(data.join("journal.db")).unwrap();
    let body = serde_json::to_string(&later).unwrap();
    let sql = "UPDATE shelves SET body = ?1 WHERE shelf = 'live'";
    assert_eq!(journal.execute(sql, [body]).unwrap(), 1);
}

#[test]
fn a_stream_plays_live_and_its_chunks_never_change() {
    let home = home();
    let config = "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_chunks = 5\n";
    let mut service = Service::start_with(home.path(), config);
    let mut door = service.http();
    assert_eq!(get(door, "/live/cam1.m3u8", &[]).status, 404);
    let mut kept: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    // A kill, and then the end of a publish: numbers go on, and no number comes again with other bytes.
    for turn in 0..2 {
        let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 4.0);
        // Of the second publish, one chunk at least: the first one has left four.
        let playlist = live(door, [3, 5][turn]);
        assert_eq!(tag(&playlist, "#EXT-X-TARGETDURATION"), Some("2"), "{playlist}");
        assert!(tag(&playlist, "#EXT-X-PROGRAM-DATE-TIME").is_some() && !playlist.contains("ENDLIST"));
        let chunks = listed(&playlist);
        let first = tag(&playlist, "#EXT-X-MEDIA-SEQUENCE").expect("the first number, also where it is 0");
        assert_eq!(first, chunks[0].0.to_string(), "{playlist}");
        assert!(
            chunks.windows(2).all(|two| two[0].0 + 1 == two[1].0),
            "{playlist}"
        );
        let init = tag(&playlist, "#EXT-X-MAP").unwrap();
        let init = init.trim_start_matches("URI=\"").trim_end_matches('"');
        let init = get(door, &format!("/live/{init}"), &[]).body;
        for (number, path) in chunks {
            let chunk = get(door, &path, &[]);
            assert_eq!((chunk.status, chunk.whole), (200, true), "{path}");
            let media = crate::support::fragmented::parse(&[init.as_slice(), &chunk.body].concat());
            // A kill may have left the last chunk of its publish shorter.
            assert!(!media.video.is_empty(), "{path} has no picture");
            let before = kept.insert(number, chunk.body.clone());
            assert!(
                before.is_none_or(|before| before == chunk.body),
                "{path} has other bytes"
            );
        }
        let master = get(door, "/live/cam1/master.m3u8", &[]);
        assert!(master.text().contains("CODECS=\"avc1.") && master.text().contains("../cam1.m3u8"));
        assert_eq!(get(door, "/live/cam1/c/99999.m4s", &[]).status, 404);
        if turn == 0 {
            let body = wait_for("the dates to be kept", || kept_dates(&service));
            let before = live(door, 3);
            let data = service.data();
            service.kill();
            pusher.over();
            // The playlist says what was kept, and not what the clock says now.
            move_kept_dates(&data, &body);
            service = Service::start_with(home.path(), config);
            door = service.http();
            let after = live(door, 3);
            assert_eq!(tag(&after, "#EXT-X-TARGETDURATION"), Some("2"), "{after}");
            let (before, after) = (dates(&before), dates(&after));
            let same = after
                .iter()
                .filter_map(|(number, date)| Some((before.get(number)?, date)));
            let moved: Vec<i64> = same.map(|(before, after)| after - before).collect();
            assert!(moved.iter().all(|moved| *moved == HOUR), "{moved:?}");
            let last = before.values().max().unwrap();
            assert!(
                after.values().all(|date| date - last > HOUR / 2),
                "{before:?} {after:?}"
            );
        } else {
            pusher.stop();
            let ended = wait_for("the end of the playlist", || {
                let got = get(door, "/live/cam1.m3u8", &[]);
                Some(got.text().to_owned()).filter(|text| text.contains("#EXT-X-ENDLIST"))
            });
            assert_eq!(listed(&ended).len(), 5, "{ended}");
        }
    }
    // All of it is still on the tape, with the same bytes.
    for (number, bytes) in &kept {
        let again = get(door, &format!("/live/cam1/c/{number}.m4s"), &[]);
        assert!(again.body == *bytes, "chunk {number} has other bytes");
    }
    let numbers: Vec<u64> = kept.keys().copied().collect();
    assert_eq!(numbers[0], 0);
}

#[test]
fn a_stream_that_nobody_records_plays_out_of_memory_and_goes_on_when_it_is_recorded() {
    let home = home();
    let config = "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_window = \"20s\"\n[[viewer]]\nname = \"here\"\n\
                  may = [\"watch\", \"operate\"]\nkey = \"7d1f0c5ae29b4f63886b0e4f9a2c51d7\"\n[[rule]]\nstream = \"*\"\nrecord = \"on-demand\"\n\
                  [[viewer]]\nname = \"all\"\n";
    let service = Service::start_with(home.path(), config);
    let door = service.http();
    let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 2.0);
    let playlist = live(door, 3);
    let mut kept = Vec::new();
    for (number, path) in listed(&playlist) {
        let chunk = get(door, &path, &[]);
        assert_eq!(chunk.status, 200, "{path}");
        kept.push((number, path, chunk.body));
    }
    let key = ("Authorization", "Bearer 7d1f0c5ae29b4f63886b0e4f9a2c51d7");
    let json = ("Content-Type", "application/json");
    let started = ask(
        door,
        "POST",
        "/api/v1/recording.start",
        &[key, json],
        b"{\"stream\":\"live/cam1\"}",
    );
    assert_eq!(started.status, 200, "{}", started.text());
    let last = kept.last().unwrap().0;
    let later = wait_for("chunks of the recording", || {
        let got = get(door, "/live/cam1.m3u8", &[]);
        assert_eq!(got.status, 200);
        let chunks = listed(got.text());
        chunks
            .iter()
            .any(|(number, _)| *number >= last + 2)
            .then_some(chunks)
    });
    assert!(later.windows(2).all(|two| two[0].0 + 1 == two[1].0), "{later:?}");
    for (_, path, bytes) in &kept {
        let again = get(door, path, &[]);
        assert!(
            again.status == 200 && again.body == *bytes,
            "{path} has other bytes"
        );
    }
    pusher.stop();
    // The next publish is not recorded. Its chunks come behind those of the tape.
    let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 4.0);
    let last = later.last().unwrap().0;
    let behind = wait_for("chunks of the next publish", || {
        let got = get(door, "/live/cam1.m3u8", &[]);
        assert_eq!(got.status, 200);
        let chunks = listed(got.text());
        let breaks = got.text().matches("#EXT-X-DISCONTINUITY\n").count();
        let newest = chunks.last().map(|(number, _)| *number);
        (newest > Some(last) && breaks > 0).then_some(chunks)
    });
    assert!(
        behind.windows(2).all(|two| two[0].0 + 1 == two[1].0),
        "{behind:?}"
    );
    pusher.stop();
}

#[test]
fn a_password_opens_a_session_and_a_page_of_another_site_cannot_use_it() {
    let hashed = crate::support::cli::command()
        .arg("hash-password")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            child.stdin.take().unwrap().write_all(b"a long password\n")?;
            child.wait_with_output()
        });
    let hashed = String::from_utf8(hashed.unwrap().stdout).unwrap();
    let recorded = recorded_with(&format!(
        "[[viewer]]\nname = \"ann\"\npassword = \"{}\"\nmay = [\"watch\", \"operate\"]\n",
        hashed.trim()
    ));
    let (door, json) = (recorded.door, ("Content-Type", "application/json"));
    let log_in = |password: &str, more: &[(&str, &str)]| {
        let body = format!("{{\"name\":\"ann\",\"password\":\"{password}\"}}");
        let headers = [&[json], more].concat();
        ask(door, "POST", "/api/v1/session", &headers, body.as_bytes())
    };
    let path = format!("/r/{}.mp4", recorded.id);
    assert_eq!(get(door, &path, &[]).status, 401);
    assert_eq!(log_in("another password", &[]).status, 401);
    let site = ("Origin", "https://evil.example");
    assert_eq!(log_in("a long password", &[site]).status, 403);
    let opened = log_in("a long password", &[]);
    assert_eq!(opened.status, 204, "{}", String::from_utf8_lossy(&opened.body));
    let cookie = opened.header("set-cookie").unwrap().to_owned();
    for part in ["edgereel=", "HttpOnly", "SameSite=Strict", "Max-Age=", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = ("Cookie", cookie.split(';').next().unwrap());
    assert_eq!(get(door, &path, &[cookie, ("Range", "bytes=0-0")]).status, 206);
    let known = |headers: &[(&str, &str)]| get(door, "/api/v1/session", headers);
    assert_eq!(known(&[]).status, 401);
    let told = String::from_utf8(known(&[cookie]).body).unwrap();
    assert_eq!(told, "{\"viewer\":\"ann\",\"rights\":[\"watch\",\"operate\"]}");
    // Long answers are compressed for who takes that.
    let help = |more| get(door, "/api/v1/help", &[cookie, ("Accept-Encoding", more)]);
    let (plain, packed) = (help("identity"), help("gzip"));
    assert_eq!(
        (
            plain.header("content-encoding"),
            packed.header("content-encoding")
        ),
        (None, Some("gzip"))
    );
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    let unpacked = String::from_utf8(unpacked).unwrap();
    assert!(unpacked.contains("recording.compose") && packed.body.len() * 2 < unpacked.len());
    let stop = |headers: &[(&str, &str)]| {
        let body = b"{\"stream\":\"live/cam1\"}";
        ask(
            door,
            "POST",
            "/api/v1/recording.stop",
            &[&[cookie, json], headers].concat(),
            body,
        )
        .status
    };
    assert_eq!(stop(&[site]), 403);
    assert_ne!(stop(&[]), 403);
    let mut events = EventLines::open_with(door, &format!("Cookie: {}\r\n", cookie.1));
    events.next("id: ");
    let closed = ask(door, "DELETE", "/api/v1/session", &[cookie], b"");
    assert!(closed.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(get(door, &path, &[cookie]).status, 401);
    // What happens behind the log-out is not told to the page that is still open.
    record_sample(&recorded.service, "live/cam2");
    let told: Vec<String> = events.0.map_while(Result::ok).collect();
    assert!(!told.iter().any(|line| line.starts_with("event: ")), "{told:?}");
}
