//! Recordings reach a bucket or a folder, with the real service and a real S3 server.

use std::path::Path;

use crate::support::bucket::{Bucket, Verdict, error};
use crate::support::delivered::{
    ALL, HEAVY, MP4, all_delivered, as_exported, events, expected, files, publish, push, rows, same_files,
    send, sync, sync_to,
};
use crate::support::programme::Programme;
use crate::support::proxy::{Link, Proxy};
use crate::support::service::write_config;
use crate::support::{Service, edgereel, home, typed, wait_for, wait_until};

#[test]
fn everything_reaches_a_folder_under_its_key() {
    let (home, target) = (home(), home());
    let sync = format!(
        "\n[sync]\nurl = \"file://{}\"\npublic_url = \"https://vod.example.com/{{key}}\"\n{ALL}",
        target.path().display()
    );
    let service = Service::start_with(home.path(), &sync);
    push(&service, "live/cam", 14, HEAVY);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let out = crate::support::home();
    let found = files(target.path());
    same_files(&expected(&service.data(), out.path()), &found);
    let told = events(&service.data(), "recording.delivered");
    let row = &rows(&service.data())[0];
    assert_eq!(told.len(), 4);
    for event in &told {
        let key = event["key"].as_str().unwrap();
        assert_eq!(event["url"], format!("https://vod.example.com/{key}"));
        assert_eq!(event["recording"], row["id"]);
        let bytes = std::fs::read(&found[key]).unwrap();
        if event["format"] != "hls" {
            assert_eq!(event["bytes"], bytes.len());
            assert_eq!(
                event["checksum"],
                format!("crc32c:{:08x}", crc32c::crc32c(&bytes))
            );
        }
        assert!(
            key.starts_with("live/cam/") && event["duration_s"].as_f64().unwrap() > 13.0,
            "{event}"
        );
    }
}

#[test]
fn finished_recordings_reach_a_bucket_in_parts_and_whole() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "read_back = true") + ALL));
    push(&service, "live/long", 30, HEAVY);
    push(&service, "live/short", 3, 0);
    wait_until("both to be delivered", || all_delivered(&service.data(), 2));
    as_exported(&service.data(), &bucket);
    let parts = bucket
        .asked()
        .iter()
        .filter(|asked| asked.query.contains("partNumber="))
        .count();
    assert!(parts >= 4, "{parts}");
    let mp4 = events(&service.data(), "recording.delivered");
    assert!(
        mp4.iter()
            .any(|event| event["etag"].as_str().unwrap().contains('-')),
        "{mp4:?}"
    );
}

#[test]
fn a_recording_is_in_the_bucket_while_it_grows_and_complete_when_it_ends() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "when = \"live\"") + ALL));
    let programme = Programme::marked("live/cam", 0, HEAVY);
    let (mut client, mut next) = (publish(&service, "live/cam"), 0);
    send(&mut client, &programme, &mut next, 60);
    // A live playlist and the objects that it names are there, and parts of the files, without the first part.
    let playlist = wait_for("a live playlist of some chunks", || {
        let key = bucket
            .objects()
            .into_keys()
            .find(|key| key.ends_with("index.m3u8"))?;
        let text = String::from_utf8(bucket.object(&key)?).unwrap();
        (text.matches(".m4s").count() >= 3).then_some((key, text))
    });
    let (key, text) = playlist;
    assert!(
        text.contains("EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("ENDLIST"),
        "{text}"
    );
    for name in text.lines().filter(|line| line.ends_with(".m4s")) {
        assert!(
            bucket.object(&key.replace("index.m3u8", name)).is_some(),
            "{name}"
        );
    }
    wait_until("the MP4 and the FLV to be under way", || {
        bucket.uploads().len() == 2
    });
    let numbers = |bucket: &Bucket| -> Vec<String> {
        let asked = bucket.asked().into_iter().map(|asked| asked.query);
        let parts =
            asked.filter_map(|query| Some(query.split("partNumber=").nth(1)?.split('&').next()?.to_owned()));
        parts.collect()
    };
    wait_until("parts to have arrived", || {
        numbers(&bucket).iter().any(|number| number == "3")
    });
    assert!(!numbers(&bucket).contains(&"1".to_owned()));
    send(&mut client, &programme, &mut next, 75);
    let tape = || rows(&service.data())[0]["bytes"].as_u64().unwrap();
    wait_until("most of it to be there", || bucket.received() > 2 * tape());
    let before = bucket.received();
    client.unpublish("cam").unwrap();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    let whole: u64 = bucket
        .objects()
        .values()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(
        bucket.received() - before < whole / 2,
        "most of it was there when it ended"
    );
    assert!(bucket.received() < whole + whole / 20, "nothing was sent twice");
}

/// How many chunks the only live playlist names.
fn listed(bucket: &Bucket) -> usize {
    let mut keys = bucket.objects().into_keys();
    let playlist = keys.find(|key| key.ends_with("index.m3u8"));
    let text = playlist.and_then(|key| bucket.object(&key)).unwrap_or_default();
    String::from_utf8_lossy(&text).matches(".m4s").count()
}

/// Pushes turn by turn, and waits each time until the live playlist contains the pushed media: chunks of 6 s, the last one
/// still open.
fn follow(home: &Path, service: &Service, bucket: &Bucket, weight: usize, turns: u32) {
    let programme = Programme::marked("live/cam", 0, weight);
    let (mut client, mut next) = (publish(service, "live/cam"), 0);
    for turn in 1..=turns {
        send(&mut client, &programme, &mut next, turn * 30);
        let there = turn as usize * 5 - 1;
        wait_until("the playlist to follow", || listed(bucket) >= there);
        if turn == 1 {
            let status = sync(home, &["status"]);
            let open = &status["open"][0];
            assert_eq!(
                (&open["stream"], &open["format"]),
                (&"live/cam".into(), &"hls".into()),
                "{status}"
            );
            assert!(
                open["sent_bytes"].as_u64() > Some(0) && open["goes"].as_str().unwrap().contains("chunk"),
                "{open}"
            );
            wait_until("it to be told when the next chunk is due", || {
                sync(home, &["status"])["open"][0]["due"].is_string()
            });
            // A viewer plays the playlist from here on, so it keeps its type.
            let key = bucket.objects().into_keys().find(|key| key.ends_with(".m3u8"));
            let text = String::from_utf8(bucket.object(&key.unwrap()).unwrap()).unwrap();
            assert!(text.contains("EXT-X-PLAYLIST-TYPE:EVENT"), "{text}");
        }
    }
    client.unpublish("cam").unwrap();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), bucket);
    let key = bucket.objects().into_keys().find(|key| key.ends_with(".m3u8"));
    let text = String::from_utf8(bucket.object(&key.unwrap()).unwrap()).unwrap();
    let same = text.contains("EXT-X-PLAYLIST-TYPE:EVENT") && text.contains("EXT-X-TARGETDURATION:6");
    assert!(same && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    // The store received what was sent, and nothing was sent twice.
    let status = sync(home, &["status"]);
    let sent = status["sent_bytes"].as_u64().unwrap();
    assert!(
        sent > 0 && sent <= bucket.received(),
        "{sent} {}",
        bucket.received()
    );
}

/// A template of HLS alone.
const HLS: &str = "\n[[template]]\nname = \"hls\"\nformats = [\"hls\"]\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"hls\"\n";

#[test]
fn a_live_playlist_follows_over_a_long_way() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "when = \"live\"") + HLS));
    follow(home.path(), &service, &bucket, 0, 4);
}

#[test]
fn a_live_playlist_follows_over_a_link_that_just_carries_it() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    // Each turn takes some seconds over this link.
    let proxy = Proxy::start(bucket.address(), Link::Slow(200_000));
    let config = sync_to(&bucket, "when = \"live\"").replace(&bucket.endpoint(), &proxy.endpoint());
    let service = Service::start_with(home.path(), &(config + HLS));
    follow(home.path(), &service, &bucket, 400, 3);
}

#[test]
fn a_live_playlist_goes_before_a_file_over_a_link_that_is_too_slow_for_both() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    // No rate is configured.
    let proxy = Proxy::start(bucket.address(), Link::Narrow(3_900_000));
    let config = sync_to(&bucket, "when = \"live\"").replace(&bucket.endpoint(), &proxy.endpoint());
    let both = HLS.replace("[\"hls\"]", "[\"hls\", \"mp4\"]");
    let service = Service::start_with(home.path(), &(config + &both));
    let programme = Programme::marked("live/cam", 0, HEAVY);
    let (mut client, mut next) = (publish(&service, "live/cam"), 0);
    for turn in 1..=2 {
        send(&mut client, &programme, &mut next, turn * 13);
        let there = turn as usize * 2 - 1;
        wait_until("the playlist to follow", || listed(&bucket) >= there);
    }
    wait_until("the file to be on its way, too", || !bucket.uploads().is_empty());
    client.unpublish("cam").unwrap();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    let told = events(&service.data(), "recording.delivered");
    let order: Vec<&str> = told.iter().filter_map(|event| event["format"].as_str()).collect();
    assert_eq!(order, ["hls", "mp4"]);
}

#[test]
fn a_store_that_takes_nothing_is_told_of_before_there_is_anything_to_deliver() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    bucket.judge_all(|asked| {
        if asked.path.starts_with("/medai") {
            Verdict::Say(404, error("NoSuchBucket", "There is none."))
        } else {
            Verdict::Pass
        }
    });
    let wrong = sync_to(&bucket, "").replace("s3://media/box", "s3://medai/box");
    let service = Service::start_with(home.path(), &(wrong + MP4));
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    let status = sync(home.path(), &["status"]);
    let told = "NoSuchBucket";
    let remedy = "make the bucket 'medai', or correct sync.url";
    assert_eq!(status["state"], "offline");
    for text in [
        status["reason"].to_string(),
        status["problems"][0].to_string(),
        service.log(),
    ] {
        assert!(text.contains(told) && text.contains(remedy), "{text}");
    }
    // Then the key is corrected, and delivery goes online.
    write_config(home.path(), &(sync_to(&bucket, "") + MP4));
    service.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until("it to be reached", || {
        !events(&service.data(), "sync.online").is_empty()
    });
    wait_until("nothing of the check to be left", || !bucket.has_check());
    assert!(bucket.objects().is_empty() && bucket.asked().is_empty());
}

#[test]
fn a_check_says_which_permission_is_missing() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let _service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    let found = |checked: &serde_json::Value| -> Vec<(String, String)> {
        let steps = checked["steps"].as_array().unwrap().iter();
        let failed = steps.filter(|step| step["ok"] == false);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        failed
            .map(|step| (text(&step["permission"]), text(&step["message"])))
            .collect()
    };
    let checked = sync(home.path(), &["check"]);
    assert_eq!(
        (&checked["ok"], found(&checked)),
        (&true.into(), vec![]),
        "{checked}"
    );
    let steps: Vec<&str> = checked["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "put",
            "read",
            "begin_upload",
            "list_parts",
            "list_uploads",
            "abort_upload",
            "delete",
            "clock"
        ]
    );
    type Case = (
        &'static str,
        fn(&crate::support::bucket::Asked) -> bool,
        bool,
        &'static str,
    );
    let cases: [Case; 4] = [
        (
            "s3:PutObject",
            |asked| asked.method == "PUT",
            false,
            "give the key the permission s3:PutObject for 'media/box/*'",
        ),
        (
            "s3:GetObject",
            |asked| asked.method == "GET" && !asked.query.contains("upload"),
            false,
            "give the key the permission s3:GetObject",
        ),
        (
            "s3:ListBucketMultipartUploads",
            |asked| asked.method == "GET" && asked.query.contains("uploads="),
            true,
            "let a rule of the bucket abort incomplete uploads",
        ),
        (
            "s3:DeleteObject",
            |asked| asked.method == "DELETE" && !asked.query.contains("upload"),
            true,
            "recordings are not removed there",
        ),
    ];
    for (permission, denied, ok, message) in cases {
        bucket.judge_all(move |asked| {
            if denied(asked) {
                Verdict::Say(403, error("AccessDenied", "no"))
            } else {
                Verdict::Pass
            }
        });
        let socket = home.path().join("control.sock");
        let asked = edgereel(&["sync", "check", "--json", "--socket", socket.to_str().unwrap()]);
        // Scripts use the exit code.
        assert_eq!(asked.code == Some(0), ok, "{}", asked.stderr);
        let checked = serde_json::from_slice::<serde_json::Value>(&asked.stdout).unwrap()["result"].clone();
        assert_eq!(checked["ok"], ok, "{checked}");
        let found = found(&checked);
        assert!(
            found.len() == 1 && found[0].0 == permission && found[0].1.contains(message),
            "{found:?}"
        );
        assert_eq!(sync(home.path(), &["status"])["problems"][0], found[0].1);
    }
    // The check also tests folders.
    let other = crate::support::home();
    write_config(
        home.path(),
        &format!("\n[sync]\nurl = \"file://{}\"\n{MP4}", other.path().display()),
    );
    _service.signal(nix::sys::signal::Signal::SIGHUP);
    let folder = wait_for("the folder to be checked", || {
        // While delivery restarts, nobody answers.
        let socket = home.path().join("control.sock");
        let asked = edgereel(&["sync", "check", "--json", "--socket", socket.to_str()?]);
        let checked = serde_json::from_slice::<serde_json::Value>(&asked.stdout).ok()?["result"].clone();
        checked["store"].as_str()?.starts_with("file:").then_some(checked)
    });
    assert_eq!(folder["ok"], true);
    let last = folder["steps"].as_array().unwrap().last().unwrap();
    assert!(
        last["step"] == "space" && last["message"].as_str().unwrap().contains("MiB are free"),
        "{folder}"
    );
}

#[test]
fn delivery_is_paused_and_slowed_by_command_also_over_a_restart() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "");
    let service = Service::start_with(home.path(), &config);
    sync(home.path(), &["pause"]);
    assert_eq!(
        sync(home.path(), &["limit", "--rate", "64 MiB/s"])["max_rate"],
        64 << 20
    );
    push(&service, "live/cam", 2, 0);
    service.stop();
    let service = Service::start_with(home.path(), &config);
    let status = sync(home.path(), &["status"]);
    assert_eq!(
        (status["state"].as_str(), status["max_rate"].as_u64()),
        (Some("paused"), Some(64 << 20))
    );
    assert!(bucket.asked().is_empty());
    sync(home.path(), &["resume"]);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let status = sync(home.path(), &["status"]);
    assert_eq!(
        (status["state"].as_str(), status["waiting"].as_u64()),
        (Some("online"), Some(0)),
        "{status}"
    );
}

#[test]
fn an_objects_time_ends_by_a_tag_or_by_its_removal() {
    for (lifecycle, tagged) in [("delete", false), ("tag", true)] {
        let (home, dir) = (home(), crate::support::home());
        let bucket = Bucket::start(dir.path());
        let brief = "\n[[template]]\nname = \"brief\"\nformats = [\"mp4\", \"hls\"]\nresume_window = \"0s\"\nstorage_time = \"1s\"\n\
                     [[rule]]\ntemplate = \"brief\"\n";
        let config = sync_to(&bucket, &format!("lifecycle = \"{lifecycle}\"")) + brief;
        let service = Service::start_with(home.path(), &config);
        push(&service, "live/cam", 14, 0);
        wait_until("it to be delivered", || all_delivered(&service.data(), 1));
        if tagged {
            let mp4 = bucket
                .objects()
                .into_keys()
                .find(|key| key.ends_with(".mp4"))
                .unwrap();
            assert!(
                bucket
                    .tags(&mp4)
                    .unwrap()
                    .contains("<Key>edgereel-days</Key><Value>1</Value>")
            );
        } else {
            wait_until("everything to be gone", || bucket.objects().is_empty());
        }
    }
}

#[test]
fn a_recording_is_deleted_there_too_when_that_is_asked_for() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &sync_to(&bucket, ""));
    push(&service, "live/cam", 9, 0);
    push(&service, "live/other", 2, 0);
    wait_until("both to be delivered", || all_delivered(&service.data(), 2));
    let rows = rows(&service.data());
    let id = rows.iter().find(|row| row["stream"] == "live/cam").unwrap()["id"]
        .as_str()
        .unwrap();
    let socket = home.path().join("control.sock");
    let socket = socket.to_str().unwrap();
    edgereel(&[
        "recording",
        "delete",
        id,
        "--remote",
        "true",
        "--yes",
        "--socket",
        socket,
    ])
    .ok();
    wait_until("its objects to be gone", || {
        bucket.objects().keys().all(|key| !key.contains(id))
    });
    as_exported(&service.data(), &bucket);
}

#[test]
fn what_is_deleted_on_its_way_is_not_delivered() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "when = \"live\"\nmax_rate = \"4 MiB/s\"") + ALL;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 40, HEAVY);
    wait_until("some of it to be there", || {
        !bucket.uploads().is_empty() && bucket.received() > 6 << 20
    });
    let id = rows(&service.data())[0]["id"].as_str().unwrap().to_owned();
    let socket = home.path().join("control.sock");
    edgereel(&[
        "recording",
        "delete",
        &id,
        "--remote",
        "true",
        "--yes",
        "--socket",
        socket.to_str().unwrap(),
    ])
    .ok();
    wait_until("nothing of it to be left", || {
        bucket.uploads().is_empty() && bucket.objects().is_empty()
    });
    push(&service, "live/other", 2, 0);
    wait_until("another to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
}

#[test]
fn no_secret_is_in_the_log_or_in_an_answer() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    bucket.judge(|asked| match asked.method.as_str() {
        "HEAD" => Verdict::Pass,
        _ => Verdict::Say(403, error("AccessDenied", "no")),
    });
    let service = Service::start_talkative(home.path(), &sync_to(&bucket, ""), &[]);
    push(&service, "live/cam", 2, 0);
    wait_until("it to be tried", || !bucket.asked().is_empty());
    bucket.behave();
    sync(home.path(), &["retry"]);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let status = sync(home.path(), &["status"]).to_string();
    let log = service.log();
    for text in [&log, &status] {
        assert!(!text.contains(crate::support::bucket::SECRET));
        assert!(!text.contains("X-Amz-Signature"), "a signed address");
    }
}

/// `sync.window`: two hours. The first begins so many hours after the current one.
fn in_hours(hours: i64) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let at = |hours: i64| (i64::from(now) + hours).rem_euclid(24);
    format!("window = [\"{:02}:00-{:02}:00\"]", at(hours), at(hours + 2))
}

#[test]
fn the_demo_delivers_to_a_bucket_where_that_is_asked_for() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let keys = [
        ("AWS_ACCESS_KEY_ID", crate::support::bucket::KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", crate::support::bucket::SECRET),
    ];
    let endpoint = bucket.endpoint();
    let arguments = [
        "demo",
        "--seconds",
        "3",
        "--s3",
        "s3://media/shown",
        "--endpoint",
        &endpoint,
    ];
    let said = crate::support::edgereel_in(home.path(), &keys, &arguments)
        .ok()
        .text();
    let url = format!("{endpoint}/media/shown/demo.mp4");
    assert!(said.contains(&url) && said.contains("delivered"), "{said}");
    let keys: Vec<String> = bucket.objects().into_keys().collect();
    assert!(
        keys.contains(&"shown/demo.mp4".to_owned()) && keys.contains(&"shown/demo/index.m3u8".to_owned())
    );
}

#[test]
fn nothing_is_sent_out_of_hours() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, &in_hours(5)) + MP4));
    let mut client = publish(&service, "live/cam");
    send(&mut client, &Programme::marked("live/cam", 0, 0), &mut 0, 2);
    let open = wait_for("it to be recorded", || {
        sync(home.path(), &["status"])["open"].get(0).cloned()
    });
    assert!(
        open["goes"].as_str().unwrap().contains("is closed") && open["latest"].is_string(),
        "{open}"
    );
    client.unpublish("cam").unwrap();
    wait_until("it to wait", || sync(home.path(), &["status"])["waiting"] == 1);
    let status = sync(home.path(), &["status"]);
    assert_eq!(status["state"], "waiting");
    assert!(
        status["next"].is_string() && bucket.asked().is_empty(),
        "{status}"
    );
    service.stop();
    let service = Service::start_with(home.path(), &(sync_to(&bucket, &in_hours(0)) + MP4));
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
}

#[test]
fn two_recordings_with_one_key_are_two_objects() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let named = MP4.replace("resume_window", "key = \"{StreamName}\"\nresume_window");
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + &named));
    for count in 1..4 {
        push(&service, "live/cam", 2, 0);
        wait_until("it to be delivered", || all_delivered(&service.data(), count));
    }
    let keys: Vec<String> = bucket.objects().into_keys().collect();
    assert_eq!(keys, ["box/cam-2.mp4", "box/cam-3.mp4", "box/cam.mp4"]);
    as_exported(&service.data(), &bucket);
}

#[test]
fn what_was_delivered_before_the_journal_was_lost_is_not_sent_again() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let both = MP4.replace("[\"mp4\"]", "[\"mp4\", \"hls\"]");
    let config = sync_to(&bucket, "") + &both;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 14, HEAVY);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let data = service.data();
    // What people write afterwards is in files that are made from now on. The delivered ones stay.
    let notes = "[{\"at_s\":2,\"text\":\"later\"}]";
    typed(
        home.path(),
        &[
            "recording",
            "set",
            "last",
            "--title",
            "Written later",
            "--notes",
            notes,
        ],
    );
    service.stop();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("journal.db{suffix}")));
    }
    let (before, received) = (bucket.objects().len(), bucket.received());
    let service = Service::start_with(home.path(), &config);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    assert_eq!((bucket.objects().len(), bucket.received()), (before, received));
    service.stop();
    // A box that may not look into the store sends the object again, with the same bytes.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("journal.db{suffix}")));
    }
    let mut looks = 0;
    bucket.judge(move |asked| {
        looks += usize::from(asked.method == "HEAD");
        if asked.method == "HEAD" && looks <= 2 {
            Verdict::Say(403, String::new())
        } else {
            Verdict::Pass
        }
    });
    let service = Service::start_with(home.path(), &config);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    assert!(bucket.received() > received);
}
