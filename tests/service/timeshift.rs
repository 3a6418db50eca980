//! Streams at another time than now, over HTTP, in each dialect.

use std::net::SocketAddr;

use md5::{Digest as _, Md5};

use crate::support::http::{Reply, get};
use crate::support::{Pusher, Service, home, only_recording, record_sample, sample, typed, wait_for};

const KEY: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";
const SECOND: i64 = 1_000_000;

/// A chunk of a playlist.
#[derive(Clone, Debug, PartialEq)]
struct Chunk {
    /// UTC of its beginning, microseconds.
    date: i64,
    /// Its length, microseconds.
    length: i64,
    /// Its address in the playlist.
    path: String,
}

impl Chunk {
    fn number(&self) -> u64 {
        let name = self.path.rsplit('/').next().unwrap();
        name.split(['-', '.']).next().unwrap().parse().unwrap()
    }
}

fn chunks(playlist: &str) -> Vec<Chunk> {
    let (mut date, mut length, mut chunks) = (0, 0, Vec::new());
    for line in playlist.lines() {
        if let Some(text) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        } else if let Some(text) = line.strip_prefix("#EXTINF:") {
            let seconds: f64 = text.trim_end_matches(',').parse().unwrap();
            length = (seconds * 1e6).round() as i64;
        } else if line.contains(".m4s") {
            let path = line.to_owned();
            chunks.push(Chunk { date, length, path });
        }
    }
    chunks
}

fn numbers(playlist: &str) -> Vec<u64> {
    chunks(playlist).iter().map(Chunk::number).collect()
}

#[track_caller]
fn playlist(door: SocketAddr, path: &str) -> String {
    let got = get(door, path, &[]);
    assert_eq!(got.status, 200, "{path}: {}", got.text());
    assert_eq!(got.header("content-type"), Some("application/vnd.apple.mpegurl"));
    got.text().to_owned()
}

fn iso(utc: i64) -> String {
    jiff::Timestamp::from_microsecond(utc).unwrap().to_string()
}

/// A time as fourteen digits, in a zone of so many hours.
fn digits(utc: i64, hours: i64) -> String {
    let local = jiff::Timestamp::from_microsecond(utc + hours * 3_600 * SECOND).unwrap();
    local.strftime("%Y%m%d%H%M%S").to_string()
}

fn error(got: &Reply) -> (u16, String, String) {
    let error = &got.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (got.status, text("field"), text("message"))
}

#[test]
fn a_stream_of_the_past_plays_in_each_dialect_with_the_chunks_of_its_tape() {
    let home = home();
    let config = "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_chunks = 100\n[[template]]\nname = \"default\"\ntime_shift = \"1h\"\n";
    let mut service = Service::start_with(home.path(), config);
    let mut door = service.http();
    record_sample(&service, "live/cam1");

    // What is live lists all of it, for its ten minutes.
    let live = playlist(door, "/live/cam1.m3u8");
    let all = chunks(&live);
    assert!(all.len() >= 8 && live.contains("#EXT-X-ENDLIST"), "{live}");
    let end = all.last().map(|last| last.date + last.length).unwrap();
    // Seconds that are within chunks, so that dialects of seconds and of less mean the same chunks.
    let from = (all[2].date + 500_000).div_euclid(SECOND) * SECOND + SECOND;
    let to = from + 6 * SECOND;
    let is_within = |chunk: &&Chunk| chunk.date < to && chunk.date + chunk.length > from;
    let wanted: Vec<u64> = all.iter().filter(is_within).map(Chunk::number).collect();
    let (f, t) = (from / SECOND, to / SECOND);
    let dialects = [
        format!("start={f}&end={t}"),
        format!("start={}&end={}", iso(from), iso(to).replace('Z', "%2B00:00")),
        format!("txTimeshift=on&tsStart={f}&tsEnd={t}&tsFormat=unix_s"),
        format!(
            "txTimeshift=on&tsFormat=human_s_8&tsStart={}&tsEnd={}",
            digits(from, 8),
            digits(to, 8)
        ),
        format!("aliyunols=on&lhs_start_unix_s_0={f}&lhs_end_unix_ms_0={t}000"),
        format!(
            "lhs_start=1&lhs_start_human_s_8={}&lhs_vodend_unix_s_0={t}",
            digits(from, 8)
        ),
    ];
    let at_once = dialects.last().unwrap();
    for query in &dialects {
        let text = playlist(door, &format!("/live/cam1.m3u8?{query}"));
        assert_eq!(numbers(&text), wanted, "{query}\n{text}");
        assert!(text.contains("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES"), "{text}");
        // The clip was sent faster than it lasts, so the end of the range may still be to come.
        let closed = text.contains("#EXT-X-PLAYLIST-TYPE:VOD") && text.ends_with("#EXT-X-ENDLIST\n");
        let grows = text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("#EXT-X-ENDLIST");
        assert!(closed || (grows && query != at_once), "{query}\n{text}");
        let master = playlist(door, &format!("/live/cam1/master.m3u8?{query}"));
        let next = master
            .lines()
            .find(|line| line.starts_with("../cam1.m3u8?"))
            .unwrap();
        assert_eq!(next, format!("../cam1.m3u8?{query}"));
        assert!(master.contains("CODECS=\"avc1."), "{master}");
    }

    // From a moment on, to the end of the programme; and its chunks are the stream's.
    // Dates in playlists are whole milliseconds.
    let second = all[1].date + 1_000;
    for (path, back) in [
        (format!("/live/cam1.m3u8?start={}", iso(second)), "/live/"),
        (
            format!("/live/cam1.m3u8?aliyunols=on&lhs_start_unix_us_0={second}"),
            "/live/",
        ),
        (
            format!(
                "/timeshift/live/cam1/timeshift.m3u8?starttime={}",
                digits(all[1].date + SECOND, 8)
            ),
            "../../../",
        ),
    ] {
        let text = playlist(door, &path);
        assert_eq!(
            numbers(&text),
            all[1..].iter().map(Chunk::number).collect::<Vec<_>>(),
            "{path}"
        );
        assert!(
            text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && text.ends_with("#EXT-X-ENDLIST\n"),
            "{text}"
        );
        let began = text
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-TX-TS-START-TIME:"));
        assert_eq!(began.is_some(), path.starts_with("/timeshift/"), "{text}");
        if let Some(began) = began {
            let began: i64 = began.parse().unwrap();
            assert!(
                (began - all[0].date / SECOND).abs() <= 1,
                "{began} {}",
                all[0].date
            );
        }
        let map = text
            .split("#EXT-X-MAP:URI=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        for name in [map, &chunks(&text)[0].path] {
            let path = match back {
                "/live/" => format!("/live/{name}"),
                back => format!("/{}", name.strip_prefix(back).unwrap()),
            };
            assert_eq!(get(door, &path, &[]).status, 200, "{path}");
        }
    }

    // Joined chunks are the chunks, one behind the other.
    let bytes = |number: u64| get(door, &format!("/live/cam1/c/{number}.m4s"), &[]).body;
    let first = wanted[0];
    let both = [bytes(first), bytes(first + 1)].concat();
    let path = format!("/live/cam1/c/{first}-{}.m4s", first + 1);
    let joined = get(door, &path, &[]);
    assert!(joined.status == 200 && joined.body == both, "{}", joined.status);
    let etag = joined.header("etag").unwrap();
    assert_eq!(get(door, &path, &[("If-None-Match", etag)]).status, 304);
    let middle = bytes(first).len();
    let part = get(
        door,
        &path,
        &[("Range", &format!("bytes={}-{}", middle - 5, middle + 4))],
    );
    assert!(part.status == 206 && part.body == both[middle - 5..middle + 5]);
    for none in [
        "/live/cam1/c/0-99.m4s",
        "/live/cam1/c/5-9999999999.m4s",
        "/live/cam1/c/7000-7001.m4s",
    ] {
        assert!([404, 410].contains(&get(door, none, &[]).status), "{none}");
    }

    // Where there is tape.
    let now = (end / SECOND).max(jiff::Timestamp::now().as_second()) + 1;
    let asked = format!(
        "/openapi/timeline/query?aliyunols=on&app=live&stream=cam1&format=ts&lhs_start_unix_s_0={}&lhs_end_unix_s_0={now}",
        now - 3_000
    );
    let line = get(door, &asked, &[]).json();
    assert_eq!(
        (&line["retCode"], &line["description"]),
        (&0.into(), &"success".into())
    );
    let spans = line["content"]["timeline"].as_array().unwrap();
    assert_eq!(spans.len(), 1, "{line}");
    assert!(
        (spans[0]["start"].as_i64().unwrap() - all[0].date / SECOND).abs() <= 1,
        "{line}"
    );
    assert!(line["content"]["current"].is_i64());
    let command = |text: &str| get(door, &format!("/api/v1/{text}"), &[]).json()["result"].clone();
    let later = iso(now * SECOND);
    let streams = command(&format!("timeshift.streams?to={later}"));
    assert_eq!(
        (&streams["total"], &streams["streams"][0]["stream"]),
        (&1.into(), &"live/cam1".into())
    );
    assert_eq!(
        command(&format!("timeshift.streams?to={later}&page=2"))["streams"],
        serde_json::json!([])
    );
    assert_eq!(
        command(&format!("timeshift.streams?to={later}&page_size=0"))["total"],
        1
    );
    assert_eq!(
        command(&format!("timeshift.streams?to={later}&stream=hall/*"))["total"],
        0
    );
    let ranges = command(&format!("timeshift.ranges?stream=live/cam1&to={later}"));
    let range = &ranges["ranges"][0];
    let url = range["url"].as_str().unwrap();
    let text = playlist(
        door,
        &url[url.find("/live/").unwrap()..].replace("/cam1/master.m3u8", "/cam1.m3u8"),
    );
    assert_eq!(chunks(&text).len(), all.len(), "{ranges}");

    // What is not there, and what cannot be asked for.
    let hour = 3_600;
    for (path, status, field, words) in [
        (
            "/live/cam1.m3u8?start=1970-01-01T00:00:00Z&end=60".to_owned(),
            404,
            "",
            "longer ago than viewers",
        ),
        (
            "/live/cam1.m3u8?start=4102444800&end=4102444860".to_owned(),
            404,
            "",
            "still to come",
        ),
        (
            format!("/live/cam1.m3u8?start={}&end={}", f - 3 * hour, f - 2 * hour),
            404,
            "",
            "time_shift of its template is 1h",
        ),
        (
            "/live/cam1.m3u8?delay=2h".to_owned(),
            404,
            "",
            "time_shift of its template is 1h",
        ),
        (
            format!("/live/cam1/frame.mp4?at={}", iso((f - 3 * hour) * SECOND)),
            404,
            "",
            "time_shift of its template is 1h",
        ),
        (
            format!("/live/cam1.m3u8?start={}&end={}", f - 600, f - 500),
            404,
            "",
            "nothing of live/cam1",
        ),
        (
            "/live/cam1.m3u8?delay=50min".to_owned(),
            404,
            "",
            "nothing of live/cam1 was on the air then",
        ),
        (
            format!("/live/never.m3u8?start={}&end={}", f - 600, t - 600),
            404,
            "",
            "nothing of live/never",
        ),
        (
            format!("/live/k%C3%BC%20che%25.m3u8?start={}", f - 600),
            404,
            "",
            "nothing of live/kü che%",
        ),
        (
            format!("/live/cam1.m3u8?start={t}&end={f}"),
            400,
            "end",
            "later than start",
        ),
        (
            format!("/live/cam1.m3u8?start={f}&end={f}"),
            400,
            "end",
            "at least 1 s later",
        ),
        (
            "/live/cam1.m3u8?start=tomorrow".to_owned(),
            400,
            "start",
            "is not a time",
        ),
        (
            "/live/cam1/master.m3u8?delay=soon".to_owned(),
            400,
            "delay",
            "as in 90s",
        ),
        (
            format!("/live/cam1.m3u8?start={f}&precise=1"),
            400,
            "precise",
            "/r/ID.mp4",
        ),
        (
            format!(
                "/live/cam1.m3u8?txTimeshift=on&tsStart={f}&tsEnd={}",
                f + 7 * hour
            ),
            400,
            "tsEnd",
            "at most 6 h",
        ),
        (
            "/live/cam1.m3u8?txTimeshift=on&tsDelay=60&tsCodecname=hd".to_owned(),
            404,
            "",
            "does not transcode",
        ),
        (
            "/live/cam1.m3u8?aliyunols=on&lhs_start_unix_s_12=5".to_owned(),
            400,
            "lhs_start",
            "the zone is from 0 to 9",
        ),
        (
            "/timeshift/live/cam1/timeshift.m3u8".to_owned(),
            400,
            "delay",
            "needs delay or starttime",
        ),
        (
            "/openapi/timeline/query?app=live&stream=cam1".to_owned(),
            400,
            "lhs_start",
            "is missing",
        ),
    ] {
        let got = get(door, &path, &[]);
        let (was, named, message) = error(&got);
        assert_eq!((was, named.as_str()), (status, field), "{path}: {message}");
        assert!(message.contains(words), "{path}: {message}");
    }
    // After a kill, a playlist of the past has the same text.
    let path = format!("/live/cam1.m3u8?{at_once}");
    let before = playlist(door, &path);
    service.kill();
    service = Service::start_with(home.path(), config);
    door = service.http();
    assert_eq!(playlist(door, &path), before);
    assert_eq!(only_recording(&service.data()).stream, "live/cam1");
}

#[test]
fn a_stream_on_the_air_plays_late_and_from_its_beginning_and_both_end_after_it() {
    let home = home();
    let service = Service::start_with(
        home.path(),
        "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_chunks = 3\n",
    );
    let door = service.http();
    let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 1.0);
    let answered = |path: &str| get(door, path, &[]);
    let first = wait_for("a delayed playlist", || {
        let got = answered("/live/cam1.m3u8?delay=3s");
        // Nothing is on the tape yet, or too little.
        assert!([200, 404, 503].contains(&got.status), "{}", got.text());
        Some(got.text().to_owned()).filter(|_| got.status == 200)
    });
    let now = jiff::Timestamp::now().as_microsecond();
    let late = chunks(&first)
        .last()
        .map(|last| now - last.date - last.length)
        .unwrap();
    assert!(late >= 3 * SECOND, "{late}: {first}");
    assert!(
        !first.contains("PLAYLIST-TYPE") && !first.contains("ENDLIST"),
        "{first}"
    );
    let beginning = chunks(&first)[0].date - 5 * SECOND;
    let from = format!("/live/cam1.m3u8?start={}", iso(beginning));
    let until = format!("{from}&end={}", iso(now + 3_600 * SECOND));
    let mut seen: Vec<Chunk> = Vec::new();
    for path in [&from, &until] {
        let text = playlist(door, path);
        assert!(
            text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("ENDLIST"),
            "{text}"
        );
        assert!(text.contains("#EXT-X-TARGETDURATION:6\n"), "{text}");
        let now = chunks(&text);
        assert!(now.starts_with(&seen), "{text}");
        seen = now;
    }
    let begins = seen[0].number();
    pusher.stop();
    let ended = |path: &str| {
        wait_for("the end of a playlist", || {
            let text = playlist(door, path);
            text.contains("#EXT-X-ENDLIST").then_some(text)
        })
    };
    let whole = ended(&from);
    assert!(chunks(&whole).starts_with(&seen), "{whole}");
    // The delayed one plays out.
    let last = ended("/live/cam1.m3u8?txTimeshift=on&tsDelay=3");
    let listed = numbers(&whole);
    assert!(listed.ends_with(&numbers(&last)), "{last}");
    assert_eq!(listed[0], begins);
    let next = format!("#EXT-X-MEDIA-SEQUENCE:{}\n", numbers(&last)[0]);
    assert!(last.contains(&next), "{last}");
    // A range that ends later does not say that the stream is over.
    assert!(!playlist(door, &until).contains("ENDLIST"));
    let old = playlist(door, "/timeshift/live/cam1/timeshift.m3u8?delay=3");
    assert!(old.contains("#EXT-TX-TS-START-TIME:"), "{old}");
}

#[test]
fn rights_and_signatures_hold_for_the_past_as_for_what_is_live() {
    let home = home();
    let sections = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\nlive_chunks = 100\ntoken_key = \"{TOKEN_KEY}\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{KEY}\"\nstreams = \"live/*\"\n\
         [[viewer]]\nname = \"cloud\"\naliyun_key = \"s3cret-of-aliyun\"\nstreams = \"live/*\"\n"
    );
    let service = Service::start_with(home.path(), &sections);
    let door = service.http();
    record_sample(&service, "live/cam1");
    let bearer = format!("Bearer {KEY}");
    let live = get(door, "/live/cam1.m3u8", &[("Authorization", &bearer)]);
    let all = chunks(live.text());
    let query = format!("start={}", iso(all[0].date));
    assert_eq!(get(door, &format!("/live/cam1.m3u8?{query}"), &[]).status, 401);
    let other = get(
        door,
        &format!("/hall/cam1.m3u8?{query}"),
        &[("Authorization", &bearer)],
    );
    assert_eq!(other.status, 404);

    // A token of a part of the time plays that part alone.
    let (from, to) = (all[3].date + SECOND / 2, all[5].date + SECOND / 2);
    let (of, until) = (iso(from), iso(to));
    let arguments = ["--from", &of, "--to", &until, "--valid", "2h"];
    let made = typed(
        home.path(),
        &[&["token", "create", "--stream", "live/cam1"], &arguments[..]].concat(),
    );
    let token = format!("/t/{}", made["token"].as_str().unwrap());
    let text = playlist(door, &format!("{token}/live/cam1.m3u8?{query}"));
    assert_eq!(
        numbers(&text),
        all[3..=5].iter().map(Chunk::number).collect::<Vec<_>>(),
        "{text}"
    );
    let chunk = |number: u64| get(door, &format!("{token}/live/cam1/c/{number}.m4s"), &[]).status;
    assert_eq!(
        [1, 3, 5, 7].map(|at| chunk(all[at].number())),
        [404, 200, 200, 404]
    );
    let joined = |at: usize| {
        let first = all[at].number();
        get(
            door,
            &format!("{token}/live/cam1/c/{first}-{}.m4s", first + 1),
            &[],
        )
        .status
    };
    assert_eq!([joined(0), joined(2), joined(6)], [404, 200, 404]);
    // More than a playlist joins would show much of what the token is not for.
    let mut lasts = 0;
    let far = all[2..].iter().find(|chunk| {
        lasts += chunk.length;
        lasts > 7 * SECOND
    });
    let far = format!(
        "{token}/live/cam1/c/{}-{}.m4s",
        all[2].number(),
        far.unwrap().number()
    );
    assert_eq!(get(door, &far, &[]).status, 404);
    let before = format!(
        "{token}/live/cam1.m3u8?start={}&end={}",
        iso(from - 9 * SECOND),
        iso(from - 5 * SECOND)
    );
    assert_eq!(get(door, &before, &[]).status, 404);

    // A signature of the playlist's path holds for its chunks.
    let now = jiff::Timestamp::now().as_second();
    let sum = |path: &str| {
        let sum = Md5::digest(format!("{path}-{now}-0-0-s3cret-of-aliyun"));
        sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let own = sum("/live/cam1.m3u8");
    let signed = format!(
        "aliyunols=on&lhs_start_unix_us_0={}&auth_key={now}-0-0-{own}",
        all[0].date
    );
    let text = playlist(door, &format!("/live/cam1.m3u8?{signed}"));
    let path = &chunks(&text)[0].path;
    assert!(
        path.ends_with(&format!(".m4s?auth_key={now}-0-0-{own}")),
        "{path}"
    );
    assert_eq!(get(door, &format!("/live/{path}"), &[]).status, 200);
    let wrong = signed.replace("-0-0-", "-0-1-");
    assert_eq!(get(door, &format!("/live/cam1.m3u8?{wrong}"), &[]).status, 403);

    // Where there is tape is told to those who may see it.
    record_sample(&service, "hall/cam2");
    let timeline = "/openapi/timeline/query";
    let of = |app: &str, name: &str| {
        format!(
            "{timeline}?aliyunols=on&app={app}&stream={name}&lhs_start_unix_s_0={}&lhs_end_unix_s_0={}",
            now - 3_600,
            now + 3_600
        )
    };
    let staff = |path: &str| get(door, path, &[("Authorization", &bearer)]);
    let commands = ["timeshift.ranges?stream=live/cam1", "timeshift.streams?page=1"];
    for path in commands.map(|command| format!("/api/v1/{command}")) {
        assert_eq!(
            (get(door, &path, &[]).status, staff(&path).status),
            (401, 200),
            "{path}"
        );
    }
    // As for a stream that never was.
    for (command, stream) in [
        ("ranges", "hall/cam2"),
        ("ranges", "hall/never"),
        ("streams", "hall/cam2"),
    ] {
        let got = staff(&format!("/api/v1/timeshift.{command}?stream={stream}"));
        assert_eq!(
            (got.status, error(&got).1.as_str()),
            (403, "stream"),
            "{command} {stream}"
        );
    }
    let later = iso((now + 60) * SECOND);
    let streams = staff(&format!("/api/v1/timeshift.streams?to={later}")).json();
    assert_eq!(
        (
            &streams["result"]["total"],
            &streams["result"]["streams"][0]["stream"]
        ),
        (&1.into(), &"live/cam1".into()),
        "{streams}"
    );
    let (cam1, cam2) = (of("live", "cam1"), of("hall", "cam2"));
    assert_eq!([get(door, &cam1, &[]).status, staff(&cam1).status], [401, 200]);
    assert_eq!(staff(&cam2).status, 404);
    let signed =
        |asked: &str, path: &str| get(door, &format!("{asked}&auth_key={now}-0-0-{}", sum(path)), &[]);
    let line = signed(&cam1, timeline).json();
    assert_eq!(line["content"]["timeline"].as_array().unwrap().len(), 1, "{line}");
    assert_eq!(signed(&cam1, "/live/cam2.m3u8").status, 403);
    assert_eq!(signed(&cam2, timeline).status, 401);
}
