//! The configuration names another store, or another address of the store, while a delivery is running.

use nix::sys::signal::Signal;

use crate::support::bucket::Bucket;
use crate::support::delivered::{
    HEAVY, MP4, all_delivered, events, expected, files, publish, push, rows, same_files, send, sync_to,
};
use crate::support::programme::Programme;
use crate::support::proxy::{Link, Proxy};
use crate::support::service::write_config;
use crate::support::{Service, edgereel, home, wait_for, wait_until};

#[test]
fn another_store_is_delivered_to_after_a_reload() {
    let (home, dir, other) = (home(), crate::support::home(), crate::support::home());
    let (bucket, folder) = (Bucket::start(dir.path()), other.path().display());
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + MP4));
    push(&service, "live/one", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    write_config(
        home.path(),
        &(format!("\n[sync]\nurl = \"file://{folder}\"\n") + MP4),
    );
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    push(&service, "live/two", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 2));
    assert_eq!((bucket.objects().len(), files(other.path()).len()), (1, 1));
}

/// Reloads the service with another configuration.
fn reload(home: &std::path::Path, service: &Service, config: &str, times: usize) {
    write_config(home, config);
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| (log.matches("configuration reloaded").count() >= times).then_some(()));
}

#[test]
fn a_live_recording_goes_whole_to_the_place_that_a_reload_names() {
    moves(None);
}

/// Requests are under way when the place changes, and get their answers after that.
#[test]
fn a_live_recording_goes_whole_to_another_place_over_a_long_way_too() {
    moves(Some(Link::Far(std::time::Duration::from_millis(150))));
}

fn moves(link: Option<Link>) {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let proxy = link.map(|link| Proxy::start(bucket.address(), link));
    let endpoint = proxy.as_ref().map_or(bucket.endpoint(), Proxy::endpoint);
    let template = MP4.replace("[\"mp4\"]", "[\"hls\", \"mp4\"]");
    let config = |place: &str, public: &str| {
        let more = format!("when = \"live\"\npublic_url = \"https://{public}.example.com/{{key}}\"");
        let sync = sync_to(&bucket, &more).replace(&bucket.endpoint(), &endpoint);
        sync.replace("s3://media/box", place) + &template
    };
    let service = Service::start_with(home.path(), &config("s3://media/box", "one"));
    let programme = Programme::marked("live/cam", 0, HEAVY);
    let (mut client, mut next) = (publish(&service, "live/cam"), 0);
    send(&mut client, &programme, &mut next, 40);
    let playlist = |place: &str| {
        let mut keys = bucket.objects().into_keys();
        let key = keys.find(|key| key.starts_with(place) && key.ends_with("index.m3u8"))?;
        Some(String::from_utf8(bucket.object(&key)?).unwrap())
    };
    let chunks = |text: &str| text.lines().filter(|line| line.ends_with(".m4s")).count();
    let many = |place: &str, least: usize| playlist(place).filter(|text| chunks(text) >= least);
    wait_for("a live playlist", || many("box/", 3));
    wait_until("the MP4 to be under way, too", || bucket.uploads().len() == 1);

    reload(home.path(), &service, &config("s3://media/other", "one"), 1);
    let before = playlist("box/").unwrap();
    send(&mut client, &programme, &mut next, 60);
    let now = wait_for("all of it elsewhere", || many("other/", chunks(&before) + 1));
    assert!(now.contains("EVENT") && now.contains("\n00001.m4s\n"), "{now}");
    // A folder's playlists name their files without an address.
    assert!(!now.contains("://") && !now.contains("box"), "{now}");
    // Nobody adds to the old folder any more, or calls it complete.
    assert_eq!(playlist("box/").unwrap(), before);
    assert!(!before.contains("ENDLIST"), "{before}");
    service.wait_for_log(|log| log.contains("stays there as it is").then_some(()));

    // The same place, read at another address: events have the new address, and nothing is sent again.
    let put = || {
        bucket
            .asked()
            .iter()
            .filter(|asked| asked.path.ends_with("/00001.m4s") && asked.method == "PUT")
            .count()
    };
    assert_eq!(put(), 2);
    reload(home.path(), &service, &config("s3://media/other", "two"), 2);
    client.unpublish("cam").unwrap();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    assert_eq!(put(), 2);
    let last = playlist("other/").unwrap();
    assert!(
        last.contains("ENDLIST") && chunks(&last) >= chunks(&now),
        "{last}"
    );
    let out = crate::support::home();
    let found = bucket
        .objects()
        .into_iter()
        .filter(|(key, _)| key.starts_with("other/"));
    same_files(&expected(&service.data(), out.path()), &found.collect());
    let told = events(&service.data(), "recording.delivered");
    let row = rows(&service.data());
    let urls = told.iter().chain(row[0]["renditions"].as_array().unwrap());
    let urls: Vec<&str> = urls.filter_map(|told| told["url"].as_str()).collect();
    assert_eq!(urls.len(), 4, "{urls:?}");
    assert!(
        urls.iter()
            .all(|url| url.starts_with("https://two.example.com/other/")),
        "{urls:?}"
    );
    let hls = told.iter().find(|told| told["format"] == "hls").unwrap();
    let (url, master) = (hls["url"].as_str().unwrap(), hls["master_url"].as_str().unwrap());
    assert_eq!(master, url.replace("index.m3u8", "master.m3u8"));
}

#[test]
fn a_card_from_another_box_has_nothing_removed_until_somebody_says_that_it_belongs_here() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "") + MP4;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 2, 0);
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let data = service.data();
    let id = rows(&data)[0]["id"].as_str().unwrap().to_owned();
    service.stop();
    let journal = rusqlite::Connection::open(data.join("journal.db")).unwrap();
    let moved = "UPDATE shelves SET body = 'machine 0' WHERE shelf = 'box' AND id = 'owner'";
    assert_eq!(journal.execute(moved, []).unwrap(), 1);
    drop(journal);

    let service = Service::start_with(home.path(), &config);
    service.wait_for_log(|log| log.contains("NOTHING IS REMOVED").then_some(()));
    let socket = home.path().join("control.sock");
    let command = |words: &[&str]| {
        let done = edgereel(&[words, &["--socket", socket.to_str().unwrap()]].concat()).ok();
        String::from_utf8(done.stdout).unwrap()
    };
    command(&["recording", "delete", &id, "--remote", "true", "--yes"]);
    push(&service, "live/more", 2, 0);
    wait_until("another to be delivered", || all_delivered(&data, 1));
    wait_until("the status to say so", || {
        command(&["sync", "status", "--json"]).contains("edgereel store adopt")
    });
    let there = || bucket.objects().keys().any(|key| key.contains(&id));
    assert!(there(), "it was removed");
    assert_eq!(events(&data, "storage.moved").len(), 1);
    command(&["store", "adopt"]);
    wait_until("its object to be gone", || !there());
    assert!(!command(&["sync", "status", "--json"]).contains("edgereel store adopt"));
}
