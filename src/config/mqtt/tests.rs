use std::path::{Path, PathBuf};

use super::*;
use crate::config::Config;

fn parse(text: &str) -> Result<Option<Mqtt>, String> {
    let text = format!("[device]\nid = \"box-17\"\n[mqtt]\n{text}");
    let config = Config::parse(Some((Path::new("box.toml"), &text)), [], "box").map_err(|e| e.to_string())?;
    // The printed text brings about the same configuration, and holds no secret.
    let printed = config.to_toml();
    assert!(!printed.contains("s3cret"), "{printed}");
    if !text.contains("password = ") && !text.contains("sign_key = ") {
        let again = Config::parse(Some((Path::new("printed"), &printed)), [], "box").unwrap();
        assert_eq!(again, config, "{printed}");
    }
    Ok(config.mqtt)
}

#[test]
fn there_is_no_broker_unless_it_is_said_where() {
    assert_eq!(parse("").unwrap(), None);
    assert!(parse("user = \"a\"").unwrap_err().contains("mqtt.url is missing"));
}

#[test]
fn what_is_not_said_is_safe_and_usual() {
    let mqtt = parse("url = \"mqtts://broker.example.com\"").unwrap().unwrap();
    assert_eq!(mqtt.url.to_string(), "mqtts://broker.example.com:8883");
    assert_eq!(mqtt.root("box-17"), "edgereel/box-17");
    assert_eq!(mqtt.client_id.as_deref(), Some("edgereel-box-17"));
    assert_eq!(mqtt.dialects, [Dialect::CloudEvents]);
    assert_eq!(mqtt.keep_alive, Span::from_secs(30));
    assert!(mqtt.response_topics.is_empty());
    assert_eq!(mqtt.version, MqttVersion::Auto);
}

#[test]
fn everything_can_be_said() {
    let mqtt = parse(
        "url = \"mqtts://[2001:db8::1]:1\"\nversion = \"3.1.1\"\nprefix = \"acme/schools\"\nclient_id = \"17\"\nuser = \"box\"\n\
         password = \"s3cret\"\nca_file = \"/ca.pem\"\ncert_file = \"/box.pem\"\nkey_file = \"/box.key\"\n\
         keep_alive = \"1min\"\nsession_expiry = \"7d\"\nhealth = \"5min\"\n\
         response_topics = [\"backend/+/answers\", \"a/#\"]\n\
         dialects = [\"tencent\", \"cloudevents\"]\nsign_key = \"s3cret\"",
    );
    let mqtt = mqtt.unwrap().unwrap();
    assert_eq!((mqtt.url.host.as_str(), mqtt.url.port), ("2001:db8::1", 1));
    assert_eq!(mqtt.root("box-17"), "acme/schools/box-17");
    assert_eq!(mqtt.dialects, [Dialect::CloudEvents, Dialect::Tencent]);
    assert_eq!(mqtt.cert_file, Some(PathBuf::from("/box.pem")));
    assert_eq!(mqtt.key_file, Some(PathBuf::from("/box.key")));
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    for (text, word) in [
        ("url = \"http://broker\"", "mqtt.url: expected an address"),
        ("url = \"mqtt://\"", "names no host"),
        ("url = \"mqtt://a:0\"", "the port"),
        ("url = \"mqtt://a:b\"", "the port"),
        ("url = \"mqtt://[::1]x\"", "the port"),
        ("url = \"mqtt://u:p@a\"", "mqtt.password_file"),
        ("url = \"mqtt://a b\"", "names no host"),
        ("url = \"mqtt://a\"\nprefix = \"a/#\"", "mqtt.prefix"),
        ("url = \"mqtt://a\"\nprefix = \"/a\"", "mqtt.prefix"),
        ("url = \"mqtt://a\"\nprefix = \"$SYS\"", "mqtt.prefix"),
        ("url = \"mqtt://a\"\nclient_id = \"\"", "mqtt.client_id"),
        ("url = \"mqtt://a\"\nca_file = \"/a\"", "mqtts:// alone"),
        ("url = \"mqtts://a\"\ncert_file = \"/a\"", "both of them"),
        ("url = \"mqtt://a\"\npassword_file = \"/a\"", "go with mqtt.user"),
        ("url = \"mqtt://a\"\nkeep_alive = \"1s\"", "mqtt.keep_alive"),
        (
            "url = \"mqtt://a\"\nresponse_topics = [\"a/#/b\"]",
            "mqtt.response_topics",
        ),
        (
            "url = \"mqtt://a\"\nresponse_topics = [\"a+\"]",
            "mqtt.response_topics",
        ),
        (
            "url = \"mqtt://a\"\nresponse_topics = [\"\"]",
            "mqtt.response_topics",
        ),
        (
            "url = \"mqtt://a\"\nresponse_topics = [\"$SYS/a\"]",
            "mqtt.response_topics",
        ),
        ("url = \"mqtt://a\"\nversion = \"4\"", "3.1.1"),
        ("url = \"mqtt://a\"\ndialects = []", "mqtt.dialects"),
        ("url = \"mqtt://a\"\ndialects = [\"morse\"]", "morse"),
        (
            "url = \"mqtt://a\"\nuser = \"a\"\npassword = \"b\"\npassword_file = \"/c\"",
            "one of them",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            error.starts_with("box.toml:") && error.contains(word),
            "{text}: {error}"
        );
    }
}
