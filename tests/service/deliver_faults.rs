//! Recordings arrive once and complete, in spite of faults of the network, the store and the power.

use crate::support::bucket::{Bucket, Verdict, error};
use crate::support::delivered::{
    ALL, HEAVY, MP4, all_delivered, as_exported, events, publish, push, rows, send, sync, sync_to,
};
use crate::support::programme::Programme;
use crate::support::proxy::{Link, Proxy};
use crate::support::service::data_dir;
use crate::support::{Service, edgereel, home, wait_for, wait_until};

#[test]
fn whatever_the_store_does_wrong_everything_arrives_once() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    // A third of all requests fails, each time in another way, and without a common rhythm with anything.
    let (mut dice, mut wrong) = (1_u32, 0_usize);
    bucket.judge(move |_| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (dice >> 16) % 3 != 0 {
            return Verdict::Pass;
        }
        wrong += 1;
        match wrong % 7 {
            0 => Verdict::Say(503, error("SlowDown", "reduce your request rate")),
            1 => Verdict::Lose,
            2 => Verdict::Falsify,
            3 => Verdict::Say(500, String::new()),
            4 => Verdict::Cut,
            5 => Verdict::Say(403, error("RequestTimeTooSkewed", "what time is it?")),
            _ => Verdict::Say(400, error("BadDigest", "it arrived otherwise")),
        }
    });
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "when = \"live\"") + ALL));
    push(&service, "live/cam", 30, HEAVY);
    wait_for("it to be delivered", || {
        let waits = sync(home.path(), &["retry"]);
        assert!(waits.is_object());
        all_delivered(&service.data(), 1).then_some(())
    });
    bucket.behave();
    as_exported(&service.data(), &bucket);
}

/// Everything that is called delivered is there: each object, and all objects that a playlist names.
fn nothing_is_said_that_is_not(data: &std::path::Path, bucket: &Bucket) {
    for row in rows(data) {
        for rendition in row["renditions"].as_array().unwrap() {
            if rendition["state"] != "delivered" {
                continue;
            }
            let key = rendition["key"].as_str().unwrap();
            let object = bucket.object(key);
            assert!(object.is_some(), "{key} is called delivered");
            let Some(folder) = key.strip_suffix("index.m3u8") else {
                continue;
            };
            let text = String::from_utf8(object.unwrap()).unwrap();
            for name in text.lines().filter(|line| !line.starts_with('#')) {
                assert!(
                    bucket.object(&format!("{folder}{name}")).is_some(),
                    "{key}: {name}"
                );
            }
        }
    }
}

#[test]
fn a_store_that_misbehaves_is_not_believed() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    // The first transfer of each object, and of each part, is lost, stalled in the middle, or answered by half.
    let (mut seen, mut wrong) = (std::collections::BTreeSet::new(), 0_usize);
    bucket.judge(move |asked| {
        let number = asked
            .query
            .split('&')
            .find(|pair| pair.starts_with("partNumber="));
        let name = (asked.path.clone(), number.map(str::to_owned));
        if asked.method != "PUT" || !seen.insert(name) {
            return Verdict::Pass;
        }
        wrong += 1;
        match wrong % 3 {
            0 => Verdict::Stall,
            1 if number.is_none() => Verdict::Forget,
            _ => Verdict::Cut,
        }
    });
    let config = sync_to(&bucket, "when = \"live\"").replace("timeout = \"5s\"", "timeout = \"1s\"");
    let service = Service::start_with(home.path(), &(config + ALL));
    push(&service, "live/cam", 9, HEAVY);
    wait_for("it to be delivered", || {
        sync(home.path(), &["retry"]);
        nothing_is_said_that_is_not(&service.data(), &bucket);
        all_delivered(&service.data(), 1).then_some(())
    });
    bucket.behave();
    nothing_is_said_that_is_not(&service.data(), &bucket);
    as_exported(&service.data(), &bucket);
}

#[test]
fn a_service_that_is_killed_at_any_request_goes_on_where_it_was() {
    let dir = crate::support::home();
    let bucket = Bucket::start_near(dir.path());
    let mut home = crate::support::home();
    let mut kills = 0;
    for request in 1.. {
        let config = sync_to(&bucket, "when = \"finished\"")
            + "\n[[template]]\nname = \"mp4\"\nformats = [\"mp4\", \"hls\"]\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"mp4\"\n";
        // The recording is made first, and the next start delivers it: every request of the delivery is counted.
        if request == 1 {
            let service = Service::start_with(home.path(), "");
            push(&service, "live/cam", 13, 2 * HEAVY);
            service.stop();
        }
        let (reached, wait) = std::sync::mpsc::channel();
        let mut count = 0;
        bucket.judge(move |_| {
            count += 1;
            if count == request {
                let _ = reached.send(());
            }
            // From this request on, the service gets no answer.
            if count >= request {
                Verdict::Hang
            } else {
                Verdict::Pass
            }
        });
        let service = Service::start_with(home.path(), &config);
        let data = service.data();
        wait_until("the request, or the end", || {
            wait.try_recv().is_ok() || all_delivered(&data, 1)
        });
        if all_delivered(&data, 1) {
            service.stop();
            break;
        }
        service.kill();
        kills += 1;
        // Every second time the store is new, so that each request comes first once.
        if kills % 2 == 0 {
            bucket.behave();
            let service = Service::start_with(home.path(), &config);
            wait_until("it to be delivered", || all_delivered(&data_dir(home.path()), 1));
            as_exported(&data_dir(home.path()), &bucket);
            drop(service);
            for path in bucket.objects().values() {
                std::fs::remove_file(path).unwrap();
            }
            home = crate::support::home();
            let service = Service::start_with(home.path(), "");
            push(&service, "live/cam", 13, 2 * HEAVY);
            service.stop();
        }
    }
    bucket.behave();
    let service = Service::start_with(home.path(), &sync_to(&bucket, ""));
    wait_until("what was given up to be gone", || bucket.uploads().is_empty());
    as_exported(&data_dir(home.path()), &bucket);
    drop(service);
    assert!(kills >= 6, "{kills}");
}

#[test]
fn what_is_poisoned_holds_nobody_up_and_waits_for_somebody_to_look() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    bucket.judge(|asked| {
        if asked.path.contains("/poisoned/") && asked.method != "HEAD" {
            Verdict::Say(403, error("AccessDenied", "not this one"))
        } else {
            Verdict::Pass
        }
    });
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "transfers = 1") + MP4));
    push(&service, "live/one", 2, 0);
    push(&service, "live/poisoned", 2, 0);
    push(&service, "live/two", 2, 0);
    let state = |name: &str| {
        let rows = rows(&service.data());
        let row = rows
            .into_iter()
            .find(|row| row["stream"] == format!("live/{name}"))?;
        Some(row["state"].as_str()?.to_owned())
    };
    wait_until("the others to be delivered", || {
        ["one", "two"]
            .iter()
            .all(|name| state(name).as_deref() == Some("delivered"))
    });
    wait_until("it to be set aside", || {
        sync(home.path(), &["status"])["set_aside"] == 1
    });
    let status = sync(home.path(), &["status"]);
    assert!(
        status["failed"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("AccessDenied"),
        "{status}"
    );
    assert_eq!(events(&service.data(), "sync.error").len(), 1);
    assert_eq!(state("poisoned").as_deref(), Some("closed"));
    bucket.behave();
    sync(home.path(), &["retry"]);
    wait_until("it to be delivered", || all_delivered(&service.data(), 3));
    as_exported(&service.data(), &bucket);
}

#[test]
fn a_store_that_is_away_is_waited_for_and_nothing_is_given_up() {
    let (home, dir) = (home(), crate::support::home());
    let mut bucket = Bucket::start(dir.path());
    bucket.pause();
    // The recording is kept for no time at all, but not removed before it is delivered.
    let keep = "\n[[template]]\nname = \"brief\"\nformats = [\"mp4\"]\nresume_window = \"0s\"\nkeep = \"1s\"\n[[rule]]\ntemplate = \"brief\"\n";
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + keep));
    for number in 0..3 {
        push(&service, &format!("live/cam{number}"), 2, 0);
    }
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    let status = sync(home.path(), &["status"]);
    assert_eq!(
        (status["state"].as_str(), status["waiting"].as_u64()),
        (Some("offline"), Some(3)),
        "{status}"
    );
    assert!(status["reason"].as_str().is_some_and(|reason| !reason.is_empty()) && status["next"].is_string());
    bucket.resume();
    sync(home.path(), &["retry"]);
    wait_until("all to be there", || bucket.objects().len() == 3);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.online").is_empty()
    });
    // Then the recordings are removed, with one event for each.
    wait_until("their time to be over", || rows(&service.data()).is_empty());
    assert_eq!(events(&service.data(), "recording.delivered").len(), 3);
}

#[test]
fn what_is_not_there_as_it_was_sent_is_sent_again() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let root = dir.path().join(crate::support::bucket::BUCKET);
    let mut spoilt = 0;
    bucket.judge(move |asked| {
        // The store says that it has all of it, but has other bytes, once.
        let path = asked.path.trim_start_matches("/media/");
        if asked.method == "HEAD" && path.ends_with(".mp4") && spoilt < 1 {
            spoilt += 1;
            let path = root.join(path);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        Verdict::Pass
    });
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "read_back = true") + MP4));
    push(&service, "live/cam", 13, 2 * HEAVY);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    assert!(service.log().contains("is not what was sent"));
}

/// A bucket behind a link.
fn behind(bucket: &Bucket, proxy: &Proxy, more: &str) -> String {
    sync_to(bucket, more).replace(&bucket.endpoint(), &proxy.endpoint())
}

#[test]
fn a_slow_link_is_not_given_up_while_it_gets_on() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let proxy = Proxy::start(bucket.address(), Link::Slow(200_000));
    let config = behind(&bucket, &proxy, "").replace("timeout = \"5s\"", "timeout = \"1s\"") + MP4;
    let service = Service::start_with(home.path(), &config);
    // The transfer takes twice as long as the time that may pass without progress.
    push(&service, "live/cam", 5, 3_000);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    let puts = bucket
        .asked()
        .iter()
        .filter(|asked| asked.method == "PUT")
        .count();
    assert_eq!(puts, 1);
    let whole: u64 = bucket
        .objects()
        .values()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(whole > 300_000, "{whole}");
}

#[test]
fn a_link_that_breaks_or_is_dead_costs_nothing_but_time() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let proxy = Proxy::start(bucket.address(), Link::Breaks(3 << 20));
    let config = behind(&bucket, &proxy, "").replace("timeout = \"5s\"", "timeout = \"1s\"") + MP4;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 13, 2 * HEAVY);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    proxy.set(Link::Dead);
    sync(home.path(), &["retry"]);
    wait_until("nothing to happen", || {
        let reason = sync(home.path(), &["status"])["reason"]
            .as_str()
            .map(str::to_owned);
        reason.is_some_and(|reason| reason.contains("nothing happened for"))
    });
    proxy.set(Link::Good);
    wait_until("it to be delivered", || {
        // The retry skips the waiting time after all these failures.
        sync(home.path(), &["retry"]);
        all_delivered(&service.data(), 1)
    });
    as_exported(&service.data(), &bucket);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let (home, dir) = (home(), crate::support::home());
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let bucket = Bucket::start_tls(dir.path(), tls);
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    push(&service, "live/cam", 2, 0);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    let told = &events(&service.data(), "sync.offline")[0];
    assert!(told["reason"].as_str().unwrap().contains("certificate"), "{told}");
    assert!(bucket.asked().is_empty());
    service.stop();
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let trusted = format!("style = \"path\"\nca_file = \"{}\"", authority.display());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, &trusted) + MP4));
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
}

#[test]
fn keys_that_are_replaced_under_way_are_read_again() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let keys = home.path().join("credentials");
    let write = |secret: &str| {
        let id = crate::support::bucket::KEY_ID;
        let text = format!("[vod]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        std::fs::write(&keys, text).unwrap();
    };
    write("expired");
    let found = format!(
        "credentials_file = {:?}\nprofile = \"vod\"\n",
        keys.to_str().unwrap()
    );
    let config = sync_to(&bucket, "");
    let lines = config.lines().filter(|line| !line.contains("access_key"));
    let config = lines.collect::<Vec<_>>().join("\n") + "\n" + &found + MP4;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 2, 0);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    assert_eq!(sync(home.path(), &["status"])["set_aside"], 0);
    write(crate::support::bucket::SECRET);
    sync(home.path(), &["retry"]);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
}

#[test]
fn a_live_upload_survives_kills_and_sends_little_twice() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let waits = "\n[[template]]\nname = \"waits\"\nformats = [\"mp4\", \"hls\"]\nresume_window = \"60s\"\nresume_after = \"any\"\n\
                 [[rule]]\ntemplate = \"waits\"\n";
    let config = sync_to(&bucket, "when = \"live\"") + waits;
    let mut service = Service::start_with(home.path(), &config);
    for turn in 1..4 {
        let before = bucket.received();
        push(&service, "live/cam", 20, HEAVY);
        wait_until("some of it to be there", || {
            bucket.received() > before + (8 << 20)
        });
        service.kill();
        service = Service::start_with(home.path(), &config);
        assert!(
            rows(&service.data()).iter().any(|row| row["paused"] == true),
            "turn {turn}"
        );
    }
    let socket = home.path().join("control.sock");
    let id = rows(&service.data())[0]["id"].as_str().unwrap().to_owned();
    edgereel(&["recording", "finish", &id, "--socket", socket.to_str().unwrap()]).ok();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    let whole: u64 = bucket
        .objects()
        .values()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    // For each kill a part of the MP4 and a chunk of the HLS that were under way, and one that the bucket had and the journal not
    // yet: on a busy machine both happen.
    let twice = bucket.received().saturating_sub(whole);
    assert!(
        twice < 3 * ((5 << 20) + (5 << 20) + (3 << 20)),
        "{twice} bytes of {whole} were sent twice"
    );
}

#[test]
fn an_upload_that_only_a_lost_journal_knew_of_is_given_up() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "") + MP4;
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "max_rate = \"1 MiB/s\"") + MP4));
    push(&service, "live/cam", 14, HEAVY);
    wait_until("the upload to begin", || bucket.uploads().len() == 1);
    let data = service.data();
    service.kill();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("journal.db{suffix}")));
    }
    let service = Service::start_with(home.path(), &config);
    wait_until("it to be delivered", || {
        rows(&service.data())
            .iter()
            .any(|row| row["state"] == "delivered")
    });
    wait_until("no upload to be left over", || bucket.uploads().is_empty());
}

#[test]
fn a_store_that_goes_away_while_it_is_recorded_gets_all_of_it() {
    let (home, dir) = (home(), crate::support::home());
    let mut bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "when = \"live\"") + ALL));
    let programme = Programme::marked("live/cam", 0, HEAVY);
    let (mut client, mut next) = (publish(&service, "live/cam"), 0);
    send(&mut client, &programme, &mut next, 25);
    wait_until("uploads to have begun", || bucket.uploads().len() == 2);
    bucket.pause();
    send(&mut client, &programme, &mut next, 50);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    bucket.resume();
    send(&mut client, &programme, &mut next, 60);
    client.unpublish("cam").unwrap();
    wait_until("it to be delivered", || {
        sync(home.path(), &["retry"]);
        all_delivered(&service.data(), 1)
    });
    as_exported(&service.data(), &bucket);
}
