//! Login pages, proxies and gateways between a box and its store, stores that differ from S3, and wrong clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::bucket::{Asked, BUCKET, Bucket, Verdict, error};
use crate::support::delivered::{
    ALL, HEAVY, MP4, all_delivered, as_exported, events, push, rows, sync, sync_to,
};
use crate::support::proxy::{Link, Proxy};
use crate::support::{Service, edgereel, home, wait_until};

const PAGE: &str = "<!DOCTYPE html><html><body>Welcome, please log in</body></html>";

fn page(status: u16) -> Verdict {
    let html = ("content-type", "text/html; charset=utf-8".to_owned());
    Verdict::SayAs(status, vec![html], PAGE.to_owned())
}

/// Answers of login pages, one after the other.
fn portal(turn: usize) -> Verdict {
    let headers = |name, value: &str| vec![(name, value.to_owned())];
    match turn % 7 {
        0 => page(200),
        1 => Verdict::Say(200, PAGE.to_owned()),
        2 => page(403),
        3 => page(404),
        4 => Verdict::SayAs(
            200,
            headers("content-type", "application/json"),
            "{\"login\":true}".to_owned(),
        ),
        5 => Verdict::SayAs(302, headers("location", "http://login.example/"), String::new()),
        _ => Verdict::SayAs(200, headers("etag", "\"5f3e-1a2\""), "please log in".to_owned()),
    }
}

/// A template that keeps its objects for so long.
fn kept(time: &str, formats: &str) -> String {
    format!(
        "\n[[template]]\nname = \"kept\"\nformats = [{formats}]\nresume_window = \"0s\"\nstorage_time = \"{time}\"\n\
         [[rule]]\ntemplate = \"kept\"\n"
    )
}

fn delete_there_too(home: &std::path::Path, service: &Service) {
    let id = rows(&service.data())[0]["id"].as_str().unwrap().to_owned();
    let socket = home.join("control.sock");
    let socket = socket.to_str().unwrap();
    edgereel(&[
        "recording",
        "delete",
        &id,
        "--remote",
        "true",
        "--yes",
        "--socket",
        socket,
    ])
    .ok();
}

fn deletes(bucket: &Bucket) -> usize {
    let asked = bucket.asked();
    asked.iter().filter(|asked| asked.method == "DELETE").count()
}

#[test]
fn a_login_page_is_no_store_and_what_it_refused_goes_by_itself() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "") + MP4;
    // One upload is under way when the login page comes.
    let reached = Arc::new(AtomicBool::new(false));
    let (told, turns) = (reached.clone(), AtomicUsize::new(0));
    bucket.judge_all(move |asked| {
        if asked.query.contains("partNumber=2") {
            told.store(true, Ordering::Relaxed);
        }
        if told.load(Ordering::Relaxed) {
            portal(turns.fetch_add(1, Ordering::Relaxed))
        } else {
            Verdict::Pass
        }
    });
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 13, 2 * HEAVY);
    push(&service, "live/small", 2, 0);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.offline").is_empty()
    });
    assert!(reached.load(Ordering::Relaxed));
    let status = sync(home.path(), &["status"]);
    assert_eq!(
        (status["state"].as_str(), status["set_aside"].as_u64()),
        (Some("offline"), Some(0)),
        "{status}"
    );
    bucket.behave();
    wait_until("all to be delivered", || all_delivered(&service.data(), 2));
    assert!(events(&service.data(), "sync.error").is_empty());
    as_exported(&service.data(), &bucket);
    // The upload continued at its position.
    let again = |asked: &Asked| asked.method == "POST" && asked.query.contains("uploads=");
    assert_eq!(bucket.asked().iter().filter(|asked| again(asked)).count(), 1);
}

#[test]
fn a_login_page_removes_nothing() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    push(&service, "live/cam", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    bucket.judge_all(|_| page(200));
    delete_there_too(home.path(), &service);
    wait_until("it to be asked for", || deletes(&bucket) > 0);
    assert_eq!(bucket.objects().len(), 1);
    bucket.behave();
    wait_until("it to be gone", || bucket.objects().is_empty());
    assert!(events(&service.data(), "sync.error").is_empty());
}

#[test]
fn what_the_store_refuses_to_remove_is_told_of_and_kept_in_mind() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    push(&service, "live/cam", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    bucket.judge(|asked| match asked.method.as_str() {
        "DELETE" => Verdict::Say(403, error("AccessDenied", "protected by object lock")),
        _ => Verdict::Pass,
    });
    delete_there_too(home.path(), &service);
    wait_until("it to be told", || {
        !events(&service.data(), "sync.error").is_empty()
    });
    let told = &events(&service.data(), "sync.error")[0];
    assert!(told["reason"].as_str().unwrap().contains("object lock"), "{told}");
    let failed = |home: &std::path::Path| sync(home, &["status"])["failed"].as_array().unwrap().clone();
    assert_eq!(failed(home.path()).len(), 1);
    assert!(!service.log().contains("removed from the store"));
    // Delivery does not ask again before somebody tells it to, also not after a restart.
    service.stop();
    let asked = deletes(&bucket);
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    assert_eq!(failed(home.path()).len(), 1);
    assert_eq!(deletes(&bucket), asked);
    bucket.behave();
    sync(home.path(), &["retry"]);
    wait_until("it to be gone", || bucket.objects().is_empty());
    wait_until("it to be forgotten", || failed(home.path()).is_empty());
    assert_eq!(events(&service.data(), "sync.error").len(), 1);
}

#[test]
fn a_store_without_tags_gets_its_objects_removed_from_here() {
    for (status, code) in [
        (400, "InvalidArgument"),
        (403, "AccessDenied"),
        (400, "InvalidRequest"),
    ] {
        let (home, dir) = (home(), crate::support::home());
        let bucket = Bucket::start_near(dir.path());
        bucket.judge(move |asked| {
            if asked.query.contains("tagging") {
                Verdict::Say(status, error(code, "unsupported"))
            } else {
                Verdict::Pass
            }
        });
        let config = sync_to(&bucket, "lifecycle = \"tag\"") + &kept("1s", "\"mp4\"");
        let service = Service::start_with(home.path(), &config);
        push(&service, "live/cam", 2, 0);
        wait_until("it to be delivered", || all_delivered(&service.data(), 1));
        wait_until("it to be gone", || bucket.objects().is_empty());
    }
}

#[test]
fn a_tag_that_takes_the_place_of_its_object_is_noticed() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let root = dir.path().join(BUCKET);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    bucket.judge(move |asked| {
        if !asked.query.contains("tagging") {
            return Verdict::Pass;
        }
        count.fetch_add(1, Ordering::Relaxed);
        std::fs::write(root.join(asked.path.trim_start_matches("/media/")), "<Tagging/>").unwrap();
        Verdict::SayAs(200, vec![("etag", "\"another\"".to_owned())], String::new())
    });
    let config = sync_to(&bucket, "lifecycle = \"tag\"") + &kept("30d", "\"hls\", \"mp4\"");
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 13, 2 * HEAVY);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
    assert!((1..=2).contains(&taken.load(Ordering::Relaxed)));
}

#[test]
fn a_wrong_signature_of_one_key_is_about_that_one() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    bucket.judge(|asked| {
        if asked.path.contains("/odd/") && asked.method != "HEAD" {
            Verdict::Say(
                403,
                error("SignatureDoesNotMatch", "not the one that was calculated"),
            )
        } else {
            Verdict::Pass
        }
    });
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    push(&service, "live/one", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    push(&service, "live/odd", 2, 0);
    wait_until("it to be set aside", || {
        sync(home.path(), &["status"])["set_aside"] == 1
    });
    push(&service, "live/two", 2, 0);
    wait_until("the others to be delivered", || bucket.objects().len() == 2);
    assert_eq!(events(&service.data(), "sync.error").len(), 1);
    assert!(events(&service.data(), "sync.offline").is_empty());
    bucket.behave();
    sync(home.path(), &["retry"]);
    wait_until("all to be delivered", || all_delivered(&service.data(), 3));
    as_exported(&service.data(), &bucket);
}

#[test]
fn a_gateway_that_leaves_out_half_of_what_s3_says_gets_all_of_it_over_a_slow_link() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let proxy = Proxy::start(bucket.address(), Link::Slow(4_000_000));
    bucket.judge(|asked| {
        let listing = asked.method == "GET" && asked.query.contains("uploads");
        match asked.method.as_str() {
            // The gateway takes the question for another one.
            _ if listing => Verdict::Say(
                200,
                "<ListBucketResult><Name>media</Name></ListBucketResult>".to_owned(),
            ),
            "HEAD" => Verdict::Endless,
            _ => Verdict::Upper,
        }
    });
    let config = sync_to(&bucket, "").replace(&bucket.endpoint(), &proxy.endpoint()) + ALL;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 13, 2 * HEAVY);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    as_exported(&service.data(), &bucket);
}

#[test]
fn nothing_is_removed_by_a_clock_that_the_stores_does_not_agree_with() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + &kept("5s", "\"mp4\"")));
    push(&service, "live/cam", 2, 0);
    wait_until("it to be there", || bucket.objects().len() == 1);
    // For the box, this is the same as if its own clock were ahead.
    bucket.judge_all(|_| Verdict::Dated(-3 * 86_400));
    wait_until("it to be said", || {
        let _ = edgereel(&[
            "sync",
            "check",
            "--socket",
            home.path().join("control.sock").to_str().unwrap(),
        ]);
        let problems = sync(home.path(), &["status"])["problems"].to_string();
        problems.contains("storage_time")
    });
    assert_eq!((bucket.objects().len(), deletes(&bucket)), (1, 0));
    bucket.behave();
    let _ = edgereel(&[
        "sync",
        "check",
        "--socket",
        home.path().join("control.sock").to_str().unwrap(),
    ]);
    wait_until("it to be gone", || bucket.objects().is_empty());
    drop(service);
}
