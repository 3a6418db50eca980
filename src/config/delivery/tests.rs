use std::path::{Path, PathBuf};

use super::*;
use crate::config::{Config, SecretSource};

fn parse(text: &str) -> Result<Option<Delivery>, String> {
    let text = format!("[sync]\n{text}");
    let config = Config::parse(Some((Path::new("box.toml"), &text)), [], "box").map_err(|e| e.to_string())?;
    // The printed text brings about the same configuration.
    if !text.contains("secret_access_key =") {
        let printed = config.to_toml();
        let again = Config::parse(Some((Path::new("printed"), &printed)), [], "box").unwrap();
        assert_eq!(again, config, "{printed}");
    }
    Ok(config.sync)
}

fn s3(text: &str) -> S3Target {
    match parse(text).unwrap().unwrap().target {
        Target::S3(s3) => *s3,
        Target::Folder(path) => panic!("{}", path.display()),
    }
}

#[test]
fn nothing_is_delivered_unless_it_is_said_where() {
    assert_eq!(parse("").unwrap(), None);
    for key in ["when = \"live\"", "region = \"r\"", "read_back = true"] {
        assert!(parse(key).unwrap_err().contains("sync.url is missing"), "{key}");
    }
}

#[test]
fn a_bucket_has_a_service_a_region_and_a_style() {
    let aws = s3("url = \"s3://media/a/b/\"\nregion = \"eu-central-1\"");
    assert_eq!(
        (
            aws.bucket.as_str(),
            aws.prefix.as_str(),
            aws.endpoint.as_str(),
            aws.style
        ),
        (
            "media",
            "a/b",
            "https://s3.eu-central-1.amazonaws.com",
            UrlStyle::Virtual
        )
    );
    for (endpoint, style) in [
        ("http://127.0.0.1:9000", UrlStyle::Path),
        ("http://minio:9000/", UrlStyle::Path),
        ("http://[::1]:9000", UrlStyle::Path),
        ("https://cos.ap-shanghai.myqcloud.com", UrlStyle::Virtual),
        ("https://x.supabase.co/storage/v1/s3", UrlStyle::Path),
    ] {
        let own = s3(&format!("url = \"s3://m\"\nendpoint = \"{endpoint}\""));
        assert_eq!(
            (own.style, own.region.as_str()),
            (style, "us-east-1"),
            "{endpoint}"
        );
    }
}

#[test]
fn a_proxy_is_named_and_its_password_is_never_printed() {
    let proxy = |text: &str| {
        s3(&format!("url = \"s3://m\"\nproxy = \"{text}\""))
            .proxy
            .unwrap()
    };
    assert_eq!(proxy("environment"), HttpProxy::Environment);
    let plain = proxy("http://proxy:3128/");
    assert_eq!(plain.shown(), "http://proxy:3128");
    assert_eq!(s3("url = \"s3://m\"").proxy, None);
    let text = "[sync]\nurl = \"s3://m\"\nproxy = \"http://box%4017:s3%3Acret@proxy:3128\"\n";
    let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
    let Some(Target::S3(target)) = config.sync.as_ref().map(|sync| sync.target.clone()) else {
        panic!();
    };
    let Some(HttpProxy::At { url, login }) = &target.proxy else {
        panic!();
    };
    let (user, password) = login.clone().unwrap();
    assert_eq!((url.as_str(), user.as_str()), ("http://proxy:3128", "box@17"));
    assert_eq!(password.expose(), b"s3:cret");
    let printed = config.to_toml();
    assert!(printed.contains("http://box%4017:***@proxy:3128"), "{printed}");
    assert!(!printed.contains("cret@") && !format!("{config:?}").contains("s3:cret"));
}

#[test]
fn addresses_of_objects_are_escaped_once_more() {
    let target = parse("url = \"s3://m/p\"\nendpoint = \"http://127.0.0.1:9000\"")
        .unwrap()
        .unwrap()
        .target;
    assert_eq!(target.full_key("a/b%20c.mp4"), "p/a/b%20c.mp4");
    assert_eq!(
        target.object_url("p/a/b%20c.mp4"),
        "http://127.0.0.1:9000/m/p/a/b%2520c.mp4"
    );
    let cloud = parse("url = \"s3://m\"\nendpoint = \"https://oss.example.com\"")
        .unwrap()
        .unwrap()
        .target;
    assert_eq!(cloud.object_url("k.mp4"), "https://m.oss.example.com/k.mp4");
    let behind = parse("url = \"s3://m/p\"\nendpoint = \"https://h.example.com/storage/v1/s3/\"");
    let behind = behind.unwrap().unwrap().target;
    assert_eq!(
        behind.object_url("p/k.mp4"),
        "https://h.example.com/storage/v1/s3/m/p/k.mp4"
    );
    let folder = parse("url = \"file:///media/my%20disk\"")
        .unwrap()
        .unwrap()
        .target;
    assert_eq!(folder, Target::Folder(PathBuf::from("/media/my disk")));
    assert_eq!(folder.object_url("a/b.mp4"), "file:///media/my%20disk/a/b.mp4");
    let url = PublicUrl::try_from("https://vod.example.com/{key}?t=1".to_owned()).unwrap();
    assert_eq!(url.of("a/b%20c.mp4"), "https://vod.example.com/a/b%2520c.mp4?t=1");
}

#[test]
fn keys_are_given_or_found_and_never_printed() {
    let given = "url = \"s3://m\"\naccess_key_id = \"AK\"\nsecret_access_key = \"s3cret\"\n";
    let Credentials::Given { id, secret, .. } = s3(given).credentials else {
        panic!();
    };
    assert_eq!((id.as_str(), secret.file()), ("AK", None));
    let text = format!("[sync]\n{given}");
    let config = Config::parse(Some((Path::new("box.toml"), &text)), [], "box").unwrap();
    assert!(!config.to_toml().contains("s3cret") && !format!("{config:?}").contains("s3cret"));
    let file = s3("url = \"s3://m\"\naccess_key_id = \"AK\"\nsecret_access_key_file = \"/run/key\"\n");
    assert!(matches!(
        file.credentials,
        Credentials::Given {
            secret: SecretSource::File(_),
            ..
        }
    ));
    let found = s3("url = \"s3://m\"\nprofile = \"vod\"\n");
    assert!(matches!(
        found.credentials,
        Credentials::Found {
            file: None,
            profile: Some(_)
        }
    ));
    assert!(
        parse("url = \"s3://m\"\naccess_key_id = \"AK\"\n")
            .unwrap_err()
            .contains("goes with")
    );
}

#[test]
fn everything_is_read_and_printed() {
    let all = parse(
        "url = \"s3://m/x\"\nendpoint = \"https://s3.example.com\"\nstyle = \"path\"\nencryption = \"aws:kms\"\n\
         encryption_key = \"k\"\nstorage_class = \"STANDARD_IA\"\nca_file = \"/ca.pem\"\nwhen = \"live\"\n\
         order = \"oldest-first\"\ntransfers = 3\nmax_rate = \"2 MiB/s\"\nwindow = [\"22:00-06:00\", \"Sat,Sun 10:00-12:00\"]\n\
         time_zone = \"Europe/Berlin\"\npublic_url = \"https://v/{key}\"\nclock_wait = \"5min\"\ntimeout = \"20s\"\n\
         read_back = true\nlifecycle = \"tag\"\n",
    );
    let all = all.unwrap().unwrap();
    assert_eq!(
        (all.when, all.order, all.transfers),
        (DeliverWhen::Live, DeliverOrder::OldestFirst, 3)
    );
    assert_eq!(all.max_rate.unwrap().bytes(), 2 << 20);
    assert_eq!(
        all.window.unwrap().hours(),
        ["daily 22:00-06:00", "Sat,Sun 10:00-12:00"]
    );
    assert!(all.read_back && all.lifecycle == Lifecycle::Tag);
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    for (text, said) in [
        ("url = \"ftp://x\"", "box.toml:2: sync.url: expected"),
        ("url = \"file://media\"", "whole path"),
        ("url = \"s3://\"", "a bucket has"),
        ("url = \"s3://m/../x\"", "a prefix has"),
        (
            "url = \"s3://m\"\nendpoint = \"minio:9000\"",
            "box.toml:3: sync.endpoint",
        ),
        (
            "url = \"s3://m\"\nendpoint = \"https://h/a/../b\"",
            "sync.endpoint",
        ),
        (
            "url = \"s3://m\"\nendpoint = \"https://h/a?b=c\"",
            "sync.endpoint",
        ),
        ("url = \"s3://m\"\nendpoint = \"https://u:p@h\"", "sync.endpoint"),
        ("url = \"s3://m\"\nproxy = \"socks5://h:1\"", "sync.proxy"),
        ("url = \"s3://m\"\nproxy = \"http://user@h:1\"", "sync.proxy"),
        ("proxy = \"http://h:1\"", "sync.url is missing"),
        ("url = \"s3://m\"\ntransfers = 0", "must be from 1 to 16"),
        ("url = \"s3://m\"\nwindow = [\"late\"]", "sync.window"),
        ("url = \"s3://m\"\npublic_url = \"https://v/\"", "one {key}"),
        ("url = \"s3://m\"\nmax_rate = \"2 MiB\"", "is not a rate"),
        ("url = \"s3://m\"\nencryption = \"rot13\"", "sync.encryption"),
        ("url = \"s3://m\"\ntimeout = \"0s\"", "sync.timeout"),
        ("url = \"s3://m\"\nbuckett = 1", "unknown key 'buckett'"),
        (
            "url = \"file:///m\"\non_block = \"tag\"",
            "files of a folder have no tags",
        ),
        ("url = \"s3://m\"\non_block = \"tagg\"", "on_block"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
