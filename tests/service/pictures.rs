//! Pictures as JPEG: by a worker whose decoder is a script, over links that are not kind, and without a worker.

use std::time::Duration;

use crate::links::ask;
use crate::support::http::{get, reply};
use crate::support::proxy::{Link, Proxy};
use crate::support::worker::{Worker, decoder};
use crate::support::{Service, edgereel_of, home, record_sample, typed};

#[test]
fn a_jpeg_is_made_once_and_had_by_those_alone_who_may_have_the_still() {
    let home = home();
    let socket = home.path().join("media.sock");
    let more = format!("[http]\nlisten = [\"127.0.0.1:0\"]\n[media]\nsocket = {socket:?}\n");
    let service = Service::start_with(home.path(), &more);
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let path = format!("/r/{id}/frame.jpg?at=5s&width=320");

    let missing = get(door, &path, &[]);
    assert_eq!((missing.status, missing.header("retry-after")), (503, Some("60")));
    assert!(
        missing
            .text()
            .contains("install ffmpeg and start edgereel-media.socket"),
        "{}",
        missing.text()
    );
    service.wait_for_log(|log| log.contains("a viewer asked for a picture").then_some(()));
    let checked = edgereel_of(home.path(), &["check-config"]).ok();
    assert!(
        checked.text().contains("# note: no media worker is at"),
        "{}",
        checked.text()
    );

    let program = decoder(home.path(), &[7; 300_000]);
    let wanted = std::fs::read(program.with_extension("jpg")).unwrap();
    let runs = || {
        std::fs::read_to_string(program.with_extension("runs"))
            .unwrap()
            .lines()
            .count()
    };
    let worker = Worker::start(&socket, &program);
    let made = get(door, &path, &[]);
    assert_eq!(
        (made.status, &made.body),
        (200, &wanted),
        "{}",
        String::from_utf8_lossy(&made.body)
    );
    assert_eq!(made.header("content-type"), Some("image/jpeg"));
    assert_eq!(made.header("cache-control"), Some("private, no-cache"));
    let still = get(door, &format!("/r/{id}/frame.mp4?at=5s"), &[]);
    assert_eq!(made.header("x-edgereel-time"), still.header("x-edgereel-time"));
    let tag = made.header("etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(get(door, &path, &[("If-None-Match", tag)]).status, 304);
    // A weak tag is no reason for a part of it.
    assert_eq!(
        get(door, &path, &[("Range", "bytes=0-1"), ("If-Range", tag)]).status,
        200
    );
    // Those who look at the same picture cost one, over a long way and a narrow one, too.
    for link in [Link::Far(Duration::from_millis(50)), Link::Thin(300_000)] {
        let proxy = Proxy::start(door, link);
        assert_eq!(get(proxy.address(), &path, &[]).body, wanted);
    }
    // Nobody waits for one that takes nothing.
    let stuck = ask(door, &path);
    assert_eq!(get(door, &path, &[]).body, wanted);
    assert_eq!(runs(), 1);
    assert_eq!(get(door, "/live/cam1/frame.jpg", &[]).status, 200);
    assert_eq!(
        get(door, &format!("/r/{id}/frame.jpg?at=5s&height=200"), &[]).status,
        200
    );
    assert_eq!(runs(), 3);
    assert_eq!(reply(stuck, "GET").body, wanted);

    for (query, status) in [
        ("width=7", 400),
        ("height=8193", 400),
        ("quality=0", 400),
        ("width=31", 503),
    ] {
        let refused = get(door, &format!("/r/{id}/frame.jpg?{query}"), &[]);
        assert_eq!(refused.status, status, "{query}: {}", refused.text());
    }
    assert_eq!(get(door, "/live/nothing/frame.jpg", &[]).status, 404);

    // A picture that is kept is held back, too, and one that is known is not told to be the same.
    typed(
        home.path(),
        &["recording", "review", "block", &id, "--reason", "privacy"],
    );
    assert_eq!(get(door, &path, &[]).status, 403);
    assert_eq!(get(door, &path, &[("If-None-Match", tag)]).status, 403);

    drop(worker);
    let gone = get(door, "/live/cam1/frame.jpg?width=64", &[]);
    assert!([403, 503].contains(&gone.status), "{}", gone.text());
}

#[test]
fn sheets_are_named_by_a_track_made_once_and_held_back_with_their_recording() {
    let home = home();
    let socket = home.path().join("media.sock");
    let more = format!("[http]\nlisten = [\"127.0.0.1:0\"]\n[media]\nsocket = {socket:?}\n");
    let service = Service::start_with(home.path(), &more);
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let words = "every=1s&width=16&height=18&columns=2&rows=1";

    // The track needs no worker.
    let track = get(door, &format!("/r/{id}/sprites.vtt?{words}"), &[]);
    assert_eq!(
        (track.status, track.header("content-type")),
        (200, Some("text/vtt"))
    );
    assert_eq!(track.header("cache-control"), Some("private, no-cache"));
    let cues: Vec<&str> = track.text().split("\n\n").skip(1).collect();
    let cue = |number: usize, times: &str, sheet: usize, x: u32| {
        let wanted = format!("{times}\nsprite.jpg?{words}&quality=75&sheet={sheet}#xywh={x},0,16,18");
        assert_eq!(cues[number].trim(), wanted);
    };
    cue(0, "00:00:00.000 --> 00:00:01.000", 1, 0);
    cue(1, "00:00:01.000 --> 00:00:02.000", 1, 16);
    cue(2, "00:00:02.000 --> 00:00:03.000", 2, 0);
    let facts = get(door, &format!("/r/{id}/sprites.json?{words}"), &[]).json();
    assert_eq!((&facts["Width"], &facts["Height"]), (&16.into(), &18.into()));
    assert_eq!(facts["TotalCount"], cues.len());
    assert_eq!(
        facts["ImageUrlSet"].as_array().unwrap().len(),
        cues.len().div_ceil(2)
    );
    let sheet = |number: usize| format!("/r/{id}/sprite.jpg?{words}&quality=75&sheet={number}");
    assert!(
        facts["ImageUrlSet"][1]
            .as_str()
            .is_some_and(|url| sheet(2).ends_with(url))
    );

    let missing = get(door, &sheet(1), &[]);
    assert_eq!((missing.status, missing.header("retry-after")), (503, Some("60")));
    let program = decoder(home.path(), &[7; 100_000]);
    let wanted = std::fs::read(program.with_extension("jpg")).unwrap();
    let runs = || {
        let text = std::fs::read_to_string(program.with_extension("runs"));
        text.unwrap_or_default().lines().count()
    };
    let _worker = Worker::start(&socket, &program);
    let made = get(door, &sheet(1), &[]);
    assert_eq!(
        (made.status, &made.body),
        (200, &wanted),
        "{}",
        String::from_utf8_lossy(&made.body)
    );
    assert_eq!(made.header("content-type"), Some("image/jpeg"));
    assert_eq!(made.header("cache-control"), Some("private, no-cache"));
    let tag = made.header("etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(get(door, &sheet(1), &[("If-None-Match", tag)]).status, 304);
    assert_eq!(get(door, &sheet(1), &[]).body, wanted);
    assert_eq!(runs(), 1);
    // Another sheet is another picture.
    let other = get(door, &sheet(2), &[("If-None-Match", tag)]);
    assert_eq!((other.status, runs()), (200, 2));
    // The program gives one of 32 by 18, and this one has a single cell.
    let wrong = get(
        door,
        &format!("/r/{id}/sprite.jpg?width=16&height=18&columns=1&rows=1"),
        &[],
    );
    assert_eq!(wrong.status, 503, "{}", wrong.text());
    assert!(
        wrong.text().contains("a sheet of 32x18 instead of 16x18"),
        "{}",
        wrong.text()
    );
    for query in [
        "every=0s",
        "every=2h",
        "width=15",
        "height=17",
        "columns=11",
        "rows=0",
        "quality=0",
        "sheet=0",
        "sheet=999",
        "width=512&height=512",
    ] {
        let refused = get(door, &format!("/r/{id}/sprite.jpg?{query}"), &[]);
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
    }
    typed(
        home.path(),
        &["recording", "review", "block", &id, "--reason", "privacy"],
    );
    for path in [
        sheet(1),
        format!("/r/{id}/sprites.vtt?{words}"),
        format!("/r/{id}/sprites.json"),
    ] {
        assert_eq!(get(door, &path, &[]).status, 403, "{path}");
        assert_eq!(get(door, &path, &[("If-None-Match", tag)]).status, 403, "{path}");
    }
}
