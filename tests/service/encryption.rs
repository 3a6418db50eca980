//! Encrypted HLS: what plays with its keys, who gets them, and that nothing gives the media away in clear.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aes::Aes128;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use crate::support::bucket::Bucket;
use crate::support::delivered::{HEAVY, MP4, all_delivered, files, publish, push, send, sync_to};
use crate::support::fragmented;
use crate::support::http::{Reply, ask, get};
use crate::support::programme::Programme;
use crate::support::proxy::{Link, Proxy};
use crate::support::{
    Pusher, Service, edgereel_of, home, record_sample, sample, typed, wait_for, wait_until,
};

const MASTER: &str = "4c1f0c5ae29b4f63886b0e4f9a2c51d74c1f0c5ae29b4f63886b0e4f9a2c51d7";
const STAFF: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const GUEST: &str = "8e1f0c5ae29b4f63886b0e4f9a2c51d8";
const CLOUD: &str = "5d1f0c5ae29b4f63886b0e4f9a2c51d9";
const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";

/// A service that records everything encrypted, and delivers it to a folder.
fn encrypting(home: &Path, more: &str) -> Service {
    let sections = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key = \"{TOKEN_KEY}\"\n\
         [encryption]\nmaster_key = \"{MASTER}\"\nkey_url = \"https://kms.example.com/{{KeyId}}\"\n\
         [sync]\nurl = \"file://{}\"\n\
         [[template]]\nname = \"lesson\"\nformats = [\"hls\"]\nkey = \"{{RecordId}}\"\nhls = {{ encrypt = \"aes-128\"{more} }}\n\
         [[rule]]\ntemplate = \"lesson\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{STAFF}\"\nmay = [\"watch\", \"download\", \"operate\", \"keys\"]\n\
         [[viewer]]\nname = \"guest\"\nkey = \"{GUEST}\"\nmay = [\"watch\", \"download\"]\n\
         [[viewer]]\nname = \"clouds\"\ntencent_key = \"{CLOUD}\"\naliyun_key = \"{CLOUD}\"\nstreams = \"live/*\"\n",
        home.join("delivered").display()
    );
    std::fs::create_dir(home.join("delivered")).unwrap();
    Service::start_talkative(home, &sections, &[])
}

/// The chunks of a playlist, each with the address of its key and its IV.
fn chunks(playlist: &str) -> Vec<(String, String, u128)> {
    let (mut key, mut chunks) = (None, Vec::new());
    for line in playlist.lines() {
        if let Some(rest) = line.strip_prefix("#EXT-X-KEY:METHOD=AES-128,URI=\"") {
            let (uri, iv) = rest.split_once("\",IV=0x").unwrap();
            key = Some((uri.to_owned(), u128::from_str_radix(iv, 16).unwrap()));
        } else if !line.starts_with('#') {
            let (uri, iv) = key.clone().expect("a chunk without a key");
            chunks.push((line.to_owned(), uri, iv));
        }
    }
    chunks
}

fn decrypted(bytes: &[u8], key: &[u8], iv: u128) -> Vec<u8> {
    let key: [u8; 16] = key.try_into().unwrap();
    let decryptor = Decryptor::<Aes128>::new(&Array::from(key), &Array::from(iv.to_be_bytes()));
    decryptor.decrypt_padded_vec::<Pkcs7>(bytes).unwrap()
}

fn command(door: SocketAddr, name: &str, key: &str, arguments: &Value) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    ask(
        door,
        "POST",
        &format!("/api/v1/{name}"),
        &headers,
        arguments.to_string().as_bytes(),
    )
}

/// True when a file below the folder has these bytes in it.
fn is_in(folder: &Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .any(|entry| {
            let path = entry.path();
            if path.is_dir() {
                is_in(&path, wanted)
            } else {
                // A file may go while the service runs.
                std::fs::read(&path).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|part| part == wanted))
            }
        })
}

#[test]
fn an_encrypted_recording_plays_with_its_keys_which_stand_nowhere_else() {
    let home = home();
    let service = encrypting(home.path(), "");
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let token = typed(home.path(), &["token", "create", "--recording", &id]);
    let under = format!("/t/{}", token["token"].as_str().unwrap());
    let playlist = get(door, &format!("{under}/r/{id}/index.m3u8"), &[]);
    let listed = chunks(playlist.text());
    assert!(!listed.is_empty(), "{}", playlist.text());
    let name = listed[0].1.strip_prefix("../../k/").unwrap();
    let key = get(door, &format!("{under}/k/{name}"), &[]);
    assert_eq!((key.status, key.body.len()), (200, 16));
    assert_eq!(key.header("cache-control"), Some("no-store"));
    for (path, status) in [
        (format!("/k/{name}"), 401),
        (format!("{under}x/k/{name}"), 403),
        (
            format!(
                "{under}/k/{}",
                name.replace(&id, "0198f3a2-5b7c-7d00-8000-0123456789ab")
            ),
            404,
        ),
        // Nobody can make a key of another master key.
        (format!("{under}/k/{id}-00000000-0"), 503),
    ] {
        assert_eq!(get(door, &path, &[]).status, status, "{path}");
    }
    for (number, (file, uri, iv)) in listed.iter().enumerate() {
        assert_eq!((uri, *iv), (&listed[0].1, number as u128 + 1));
        let path = format!("{under}/r/{id}/{file}");
        let whole = get(door, &path, &[]);
        assert_eq!(&decrypted(&whole.body, &key.body, *iv)[4..8], b"styp");
        let part = get(door, &path, &[("Range", "bytes=1000-1999")]);
        assert_eq!(
            (part.status, part.body.as_slice()),
            (206, &whole.body[1_000..2_000])
        );
    }

    // What is delivered is the same, and its keys are at the key service.
    let delivered = home.path().join("delivered").join(&id);
    let there = wait_for("the last playlist", || {
        let text = std::fs::read_to_string(delivered.join("index.m3u8")).ok()?;
        text.contains("#EXT-X-ENDLIST").then_some(text)
    });
    for (file, uri, iv) in chunks(&there) {
        assert_eq!(uri, format!("https://kms.example.com/{name}"));
        let bytes = std::fs::read(delivered.join(&file)).unwrap();
        assert_eq!(&decrypted(&bytes, &key.body, iv)[4..8], b"styp");
    }

    // The key service gets the keys, and nobody else does; a repeated request is carried out again.
    let asked = json!({"id": "k1", "recording": id});
    let hex = data_encoding::HEXLOWER.encode(&key.body);
    for _ in 0..2 {
        let keys = command(door, "recording.keys", STAFF, &asked);
        assert_eq!(
            keys.json()["result"],
            json!({"keys": [{"id": name, "key": hex}], "next": null})
        );
    }
    let by_id = typed(home.path(), &["recording", "keys", "--key", name]);
    assert_eq!(by_id["keys"][0]["key"], json!(hex));
    assert_eq!(command(door, "recording.keys", GUEST, &asked).status, 403);
    let bearer = format!("Bearer {STAFF}");
    let read = get(
        door,
        &format!("/api/v1/recording.keys?recording={id}"),
        &[("Authorization", &bearer)],
    );
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));
    let log = service.log_with(&["/k/"]);
    for secret in [hex.as_str(), MASTER] {
        assert!(!log.contains(secret), "{log}");
        assert!(!is_in(&service.data(), secret.as_bytes()), "in the store");
    }
    for folder in [service.data(), delivered] {
        assert!(!is_in(&folder, &key.body), "the key is in {}", folder.display());
    }
}

#[test]
fn nothing_gives_an_encrypted_recording_away_in_clear() {
    let home = home();
    let service = encrypting(home.path(), "");
    let (door, row) = (service.http(), record_sample(&service, "live/cam1"));
    let (id, bearer) = (row.id, format!("Bearer {STAFF}"));
    for path in [
        format!("/r/{id}.mp4"),
        format!("/r/{id}.mp4?download=1"),
        format!("/r/{id}.fmp4"),
        format!("/r/{id}.flv"),
        format!("/r/{id}.m4a"),
        format!("/r/{id}.aac"),
        format!("/r/{id}/frame.mp4"),
        "/live/cam1/frame.mp4".to_owned(),
        format!("/r/{id}/frame.jpg"),
        format!("/r/{id}/sprites.vtt"),
        format!("/r/{id}/sprites.json"),
        format!("/r/{id}/sprite.jpg"),
        "/live/cam1/frame.jpg".to_owned(),
        "/live/cam1/c/0.m4s".to_owned(),
        "/live/cam1/c/0-1.m4s".to_owned(),
    ] {
        let reply = get(door, &path, &[("Authorization", &bearer)]);
        assert_eq!(reply.status, 403, "{path}: {}", reply.text());
        assert!(
            reply.text().contains("also_clear = true"),
            "{path}: {}",
            reply.text()
        );
    }
    let keyframes = get(
        door,
        &format!("/r/{id}/iframes.m3u8"),
        &[("Authorization", &bearer)],
    );
    assert_eq!(keyframes.status, 404);
    for (arguments, why) in [
        (&["channel", "put", "evening", &id][..], "give it away in clear"),
        (
            &["clip", "create", "live/cam1", "--before", "2s"],
            "say formats = hls",
        ),
    ] {
        edgereel_of(home.path(), arguments).failed(1, &[why]);
    }
    let shown = typed(home.path(), &["recording", "get", &id]);
    assert!(shown["mp4_url"].is_null() && shown["url"].is_string(), "{shown}");
}

/// The path of a URI in a playlist of the stream `live/cam1`.
fn path_of(uri: &str) -> String {
    match uri.strip_prefix("../../..") {
        Some(path) => path.to_owned(),
        None => format!("/live/{uri}"),
    }
}

/// The chunks of a playlist of the stream, decrypted, each with the name of its file.
#[track_caller]
fn opened(door: SocketAddr, playlist: &Reply, under: &str, bearer: &str) -> Vec<(String, Vec<u8>)> {
    assert_eq!(playlist.status, 200, "{}", playlist.text());
    let listed = chunks(playlist.text());
    assert!(!listed.is_empty(), "{}", playlist.text());
    let headers = [("Authorization", bearer)];
    let headers = &headers[..usize::from(!bearer.is_empty())];
    let clear = listed.iter().map(|(file, key, iv)| {
        let key = get(door, &format!("{under}{}", path_of(key)), headers);
        assert_eq!((key.status, key.body.len()), (200, 16), "{file}: {key:?}");
        assert_eq!(key.header("cache-control"), Some("no-store"));
        let chunk = get(door, &format!("{under}{}", path_of(file)), headers);
        assert_eq!(chunk.status, 200, "{file}");
        let name = file.rsplit('/').next().unwrap().to_owned();
        (name, decrypted(&chunk.body, &key.body, *iv))
    });
    clear.collect()
}

#[test]
fn an_encrypted_stream_plays_by_its_name_live_and_at_another_time_with_its_own_keys() {
    let home = home();
    let service = encrypting(home.path(), ", key_chunks = 2");
    let (door, bearer) = (service.http(), format!("Bearer {STAFF}"));
    let of = |path: &str| get(door, path, &[("Authorization", &bearer)]);
    typed(
        home.path(),
        &["rule", "put", "--stream", "live/*", "--template", "default"],
    );
    push(&service, "live/cam1", 20, 0);
    let row = wait_for("the recording", || {
        let listed = typed(home.path(), &["recording", "list", "--state", "closed"]);
        listed["recordings"][0]["start"].as_str().map(str::to_owned)
    });
    let (start, end) = (
        &row,
        row.parse::<jiff::Timestamp>().unwrap() + jiff::Span::new().seconds(20),
    );
    let playlist = of("/live/cam1.m3u8");
    let names = playlist.text().lines().filter(|line| line.ends_with(".m4s"));
    let clear: Vec<(String, Vec<u8>)> = names
        .map(|uri| {
            (
                uri.rsplit('/').next().unwrap().to_owned(),
                of(&format!("/live/{uri}")).body,
            )
        })
        .collect();
    assert!(
        clear.len() > 4 && playlist.text().contains("#EXT-X-ENDLIST"),
        "{}",
        playlist.text()
    );

    // Another rule, and what was in clear is had encrypted alone.
    typed(
        home.path(),
        &["rule", "put", "--stream", "live/*", "--template", "lesson"],
    );
    let live = of("/live/cam1.m3u8");
    assert!(opened(door, &live, "", &bearer) == clear, "{}", live.text());
    assert_eq!(of(&format!("/live/cam1/c/{}", clear[0].0)).status, 403);
    let digits = start.parse::<jiff::Timestamp>().unwrap() + jiff::Span::new().hours(8);
    let digits = digits.strftime("%Y%m%d%H%M%S");
    for path in [
        format!("/live/cam1.m3u8?start={start}&end={end}"),
        format!("/timeshift/live/cam1/timeshift.m3u8?starttime={digits}"),
    ] {
        let shifted = opened(door, &of(&path), "", &bearer);
        let bytes: Vec<u8> = shifted.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        assert!(
            bytes
                == clear
                    .iter()
                    .flat_map(|(_, bytes)| bytes.clone())
                    .collect::<Vec<u8>>(),
            "{path}"
        );
    }
    let master = of("/live/cam1/master.m3u8");
    assert_eq!((master.status, master.text().contains("cam1.m3u8")), (200, true));
    let map = live
        .text()
        .split("#EXT-X-MAP:URI=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    assert_eq!(&of(&format!("/live/{}", map.unwrap())).body[4..8], b"ftyp");

    // Ciphertext has ranges, a name and a mark of its own.
    let listed = chunks(live.text());
    let (file, key) = (path_of(&listed[0].0), path_of(&listed[0].1));
    let whole = of(&file);
    let part = get(
        door,
        &file,
        &[("Authorization", &bearer), ("Range", "bytes=1000-1999")],
    );
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &whole.body[1_000..2_000])
    );
    assert_ne!(listed[0].1, listed[2].1, "another key follows after two chunks");
    let (keys, _) = key.split_once("/k/").unwrap();
    let id = listed[0].1.rsplit('/').nth(1).unwrap();
    let master = id.split('-').next().unwrap();
    for (path, status) in [
        (format!("{keys}/k/{master}-2-1000000/key"), 404),
        (format!("{keys}/k/{master}-3-0/key"), 410),
        (format!("{keys}/k/{master}-0-0/key"), 410),
        (format!("{keys}/k/{master}-3-1000000/key"), 410),
        (format!("{keys}/k/00000000-2-0/key"), 503),
        (file.replace("-2-", "-3-"), 410),
    ] {
        let got = of(&path);
        assert_eq!(got.status, status, "{path}");
        assert!(got.body != of(&key).body, "each key has a name of its own");
    }
    // No key of what may be watched later.
    assert_eq!(of(&format!("/live/cam2/c/k/{master}-2-0/key")).status, 404);
    assert_eq!(get(door, &key, &[]).status, 401);
    let hex = data_encoding::HEXLOWER.encode(&of(&key).body);
    assert!(!service.log_with(&["/key"]).contains(&hex));

    // A token with times has the keys of which all chunks lie within them.
    let times = |from: &str| {
        let token = typed(
            home.path(),
            &["token", "create", "--stream", "live/cam1", "--from", from],
        );
        assert!(token["path"].as_str().unwrap().ends_with("/live/cam1.m3u8"));
        format!("/t/{}", token["token"].as_str().unwrap())
    };
    let whole = times(start);
    assert!(
        opened(
            door,
            &get(door, &format!("{whole}/live/cam1.m3u8"), &[]),
            &whole,
            ""
        ) == clear
    );
    let from = start.parse::<jiff::Timestamp>().unwrap() + jiff::Span::new().milliseconds(500);
    let later = times(&from.to_string());
    let playlist = get(door, &format!("{later}/live/cam1.m3u8"), &[]);
    let left = opened(door, &playlist, &later, "");
    assert!(
        left.len() < clear.len() && clear.ends_with(&left),
        "{}",
        playlist.text()
    );
    let refused = get(door, &format!("{later}{key}"), &[]);
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("Use a token without times"),
        "{}",
        refused.text()
    );
}

#[test]
fn over_a_long_way_and_a_narrow_one_an_encrypted_stream_loses_nothing() {
    let home = home();
    let service = encrypting(home.path(), ", key_chunks = 2");
    let door = service.http();
    let far = Proxy::start(door, Link::Far(Duration::from_millis(100)));
    let narrow = Proxy::start(door, Link::Thin(100_000));
    let pusher = Pusher::start(service.address(), "live/cam1", &sample(), 4.0);
    let start = wait_for("the recording", || {
        let listed = typed(home.path(), &["recording", "list"]);
        listed["recordings"][0]["start"].as_str().map(str::to_owned)
    });
    let shifted = format!("/live/cam1.m3u8?start={start}");
    let ways = [
        (far.address(), "/live/cam1.m3u8".to_owned()),
        (narrow.address(), shifted),
    ];
    let viewers = ways.map(|(way, path)| std::thread::spawn(move || watched(way, &path)));
    pusher.done();
    let sent = sample().media().video.len();
    for viewer in viewers {
        let media = fragmented::parse(&viewer.join().expect("a viewer is served"));
        assert_eq!(media.video.len(), sent, "each picture was played");
    }
}

/// What a player gets that reads a playlist until it ends: the init and all chunks, decrypted.
fn watched(way: SocketAddr, path: &str) -> Vec<u8> {
    let bearer = format!("Bearer {GUEST}");
    let of = |path: &str| get(way, path, &[("Authorization", &bearer)]);
    let (mut seen, mut whole) = (Vec::new(), Vec::new());
    loop {
        let playlist = wait_for("the playlist", || Some(of(path)).filter(|got| got.status == 200));
        let text = playlist.text();
        if whole.is_empty() {
            let map = text
                .split("#EXT-X-MAP:URI=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            whole = of(&path_of(map.unwrap())).body;
        }
        for (file, key, iv) in chunks(text) {
            if !seen.contains(&file) {
                let (key, chunk) = (of(&path_of(&key)), of(&path_of(&file)));
                assert_eq!(
                    (key.status, chunk.status, chunk.whole),
                    (200, 200, true),
                    "{file}"
                );
                whole.extend(decrypted(&chunk.body, &key.body, iv));
                seen.push(file);
            }
        }
        if text.contains("#EXT-X-ENDLIST") {
            return whole;
        }
        // The pace of a player, not a wait of the test.
        std::thread::park_timeout(Duration::from_millis(400));
    }
}

#[test]
fn what_may_be_had_in_clear_too_is() {
    let home = home();
    let service = encrypting(home.path(), ", also_clear = true");
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let bearer = format!("Bearer {STAFF}");
    let of = |path: String| get(door, &path, &[("Authorization", &bearer)]);
    assert_eq!(of(format!("/r/{id}.mp4")).status, 200);
    assert_eq!(of("/live/cam1.m3u8".to_owned()).status, 200);
    assert!(!chunks(of(format!("/r/{id}/index.m3u8")).text()).is_empty());
}

#[test]
fn a_signature_of_a_playlist_opens_its_keys_and_a_token_for_a_time_opens_none() {
    let home = home();
    let service = encrypting(home.path(), "");
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let sum = |text: String| -> String {
        Md5::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let aliyun = |path: &str| format!("auth_key={now}-0-0-{}", sum(format!("{path}-{now}-0-0-{CLOUD}")));
    let tencent = format!("txSecret={}&txTime=F0000000", sum(format!("{CLOUD}cam1F0000000")));
    let (index, master) = (format!("/r/{id}/index.m3u8"), format!("/r/{id}/master.m3u8"));
    for query in [aliyun(&index), aliyun(&master), tencent] {
        let playlist = get(door, &format!("{index}?{query}"), &[]);
        let (chunk, key, _) = chunks(playlist.text()).remove(0);
        let key = key.strip_prefix("../..").unwrap();
        assert!(key.ends_with(&query), "{key}");
        assert_eq!(get(door, key, &[]).body.len(), 16, "{key}");
        assert_eq!(get(door, &format!("/r/{id}/{chunk}"), &[]).status, 200);
        let other = key.replace(&id, "0198f3a2-5b7c-7d00-8000-0123456789ab");
        assert_ne!(get(door, &other, &[]).status, 200);
    }

    let start = typed(home.path(), &["recording", "get", &id])["start"].clone();
    let start = start.as_str().unwrap();
    let (seconds, _) = start.split_once('.').unwrap();
    let staff = get(door, &index, &[("Authorization", &format!("Bearer {STAFF}"))]);
    let (chunk, key, _) = chunks(staff.text()).remove(0);
    let key = key.strip_prefix("../..").unwrap();
    for (from, status) in [(start.to_owned(), 200), (format!("{seconds}.999999Z"), 403)] {
        let made = typed(
            home.path(),
            &["token", "create", "--recording", &id, "--from", &from],
        );
        let under = format!("/t/{}", made["token"].as_str().unwrap());
        for path in [&index, &master, &format!("/r/{id}/{chunk}"), key] {
            let got = get(door, &format!("{under}{path}"), &[]);
            assert_eq!(got.status, status, "{from} {path}: {}", got.text());
            assert!(status == 200 || got.text().contains("Use a token without times"));
        }
    }
}

#[test]
fn an_upload_in_clear_is_given_up_when_its_stream_is_closed() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let sections = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n\
         [encryption]\nmaster_key = \"{MASTER}\"\nkey_url = \"https://kms.example.com/{{KeyId}}\"\n\
         [[template]]\nname = \"closed\"\nformats = [\"hls\"]\nhls = {{ encrypt = \"aes-128\" }}\n"
    );
    let service = Service::start_with(
        home.path(),
        &(sections + &sync_to(&bucket, "when = \"live\"") + MP4),
    );
    let programme = Programme::marked("live/cam", 0, HEAVY);
    let (mut client, mut next) = (publish(&service, "live/cam"), 0);
    send(&mut client, &programme, &mut next, 60);
    wait_until("an upload to be under way", || bucket.uploads().len() == 1);
    typed(
        home.path(),
        &["rule", "put", "--stream", "live/*", "--template", "closed"],
    );
    let live = typed(home.path(), &["stream", "list"])["streams"][0].clone();
    let url = live["url"].as_str().unwrap();
    assert!(url.ends_with("/live/cam/master.m3u8"), "{url}");
    client.unpublish("cam").unwrap();
    wait_until("the upload to be given up", || bucket.uploads().is_empty());
    assert!(bucket.objects().is_empty());
}

#[test]
fn what_only_a_lost_journal_knew_to_be_encrypted_stays_closed() {
    let (home, target) = (home(), crate::support::home());
    let sections = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n\
         [encryption]\nmaster_key = \"{MASTER}\"\nkey_url = \"https://kms.example.com/{{KeyId}}\"\n\
         [[viewer]]\nname = \"guest\"\nkey = \"{GUEST}\"\n"
    );
    let service = Service::start_with(home.path(), &sections);
    let id = record_sample(&service, "live/cam1").id;
    let data = service.data();
    service.stop();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("journal.db{suffix}")));
    }
    let sync = format!("[sync]\nurl = \"file://{}\"\n", target.path().display());
    let service = Service::start_with(home.path(), &(sections + &sync));
    let bearer = format!("Bearer {GUEST}");
    let of = |path: &str| get(service.http(), path, &[("Authorization", &bearer)]);
    assert_eq!(of(&format!("/r/{id}.mp4")).status, 403);
    assert!(!chunks(of(&format!("/r/{id}/index.m3u8")).text()).is_empty());
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let sent = files(target.path());
    let is_clear = |key: &&String| key.ends_with(".mp4") && !key.ends_with("/init.mp4");
    assert_eq!(sent.keys().find(is_clear), None);
    let playlist = sent
        .iter()
        .find(|(key, _)| key.ends_with("index.m3u8"))
        .unwrap()
        .1;
    assert!(!chunks(&std::fs::read_to_string(playlist).unwrap()).is_empty());
}

#[test]
fn what_is_delivered_in_clear_too_needs_no_master_key() {
    let (home, target) = (home(), crate::support::home());
    let sections = format!(
        "[encryption]\nmaster_key_file = \"missing\"\nkey_url = \"https://kms.example.com/{{KeyId}}\"\n\
         [sync]\nurl = \"file://{}\"\n\
         [[template]]\nname = \"both\"\nformats = [\"hls\", \"mp4\"]\nresume_window = \"0s\"\n\
         hls = {{ encrypt = \"aes-128\", also_clear = true }}\n[[rule]]\ntemplate = \"both\"\n",
        target.path().display()
    );
    let service = Service::start_with(home.path(), &sections);
    push(&service, "live/cam", 8, 0);
    wait_until("the MP4 to be there", || {
        files(target.path()).keys().any(|key| key.ends_with(".mp4"))
    });
    assert_eq!(files(target.path()).len(), 1, "HLS has no keys");
}
