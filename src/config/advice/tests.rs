use std::path::Path;

use crate::config::Config;

fn advice(text: &str) -> Vec<String> {
    let config = Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap();
    config.advice().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_meant_is_not_warned_of() {
    for text in [
        "",
        "[[template]]\nname = \"default\"\nkeep = \"7d\"\n",
        "[[template]]\nname = \"a\"\n[[rule]]\ntemplate = \"a\"\n",
        "[[rule]]\nstream = \"live/*\"\n[[rule]]\nstream = \"live/cam1\"\nrecord = \"never\"\n\
         [[rule]]\nrecord = \"on-demand\"\n",
        "[[publisher]]\nstream = \"live*\"\n",
        "[[publisher]]\nkey = \"sixteen-letters!\"\nhook = \"https://auth.example.com/t0ken\"\n",
        "[[callback]]\nurl = \"http://127.0.0.1:80/a\"\n[[callback]]\nname = \"b\"\nurl = \"http://[::1]/b\"\n[[callback]]\nname = \"c\"\nurl = \
         \"http://localhost:80/c\"\n",
        "[[publisher]]\nstream = \"live/*\"\ntencent_key = \"a-long-enough-secret\"\n",
        "[mqtt]\nurl = \"mqtt://127.0.0.1\"\n",
        "[mqtt]\nurl = \"mqtts://broker.example.com\"\n",
        "[http]\nlisten = [\"0.0.0.0:8080\"]\n[[viewer]]\nname = \"all\"\n",
        "[http]\nlisten = [\"0.0.0.0:8080\"]\nbehind = [\"10.0.0.0/8\"]\n[[viewer]]\nname = \"a\"\nkey_file = \"k\"\n",
        "[[rule]]\nstream = \"api/*\"\n[[rule]]\nrecord = \"on-demand\"\n",
    ] {
        assert_eq!(advice(text), [""; 0], "{text}");
    }
}

#[test]
fn what_can_record_nothing_is_warned_of() {
    for (text, said) in [
        (
            "[[rule]]\nstream = \"live/*\"",
            "streams that no rule fits are not recorded",
        ),
        (
            "[[rule]]\napp = \"live\"\nstream = \"cam*\"\n[[rule]]",
            "edgereel reads it as stream 'live/cam*'",
        ),
        (
            "[[rule]]\nstream = \"live//cam\"\n[[rule]]",
            "the rule for stream 'live//cam': no stream",
        ),
        (
            "[[rule]]\nstream = \"*/cam*\"\n[[rule]]\nstream = \"live/cam/*\"\n[[rule]]",
            "the rule for stream 'live/cam/*' never applies: the rule for stream '*/cam*'",
        ),
        (
            "[[template]]\nname = \"lesson\"",
            "no rule names the template 'lesson'",
        ),
        (
            "[[publisher]]\nstream = \"cam1\"",
            "[[publisher]] with stream 'cam1': no stream",
        ),
        (
            "[[template]]\nname = \"default\"\nstorage_time = \"7d\"",
            "template 'default' has a storage_time, but nothing is delivered",
        ),
        (
            "[[publisher]]\nkey = \"a-long-enough-secret\"\n[rtmp]\nallow_anonymous = true",
            "rtmp.allow_anonymous = true has no effect",
        ),
        (
            "[[publisher]]\nkey = \"fifteen-letters\"",
            "fewer than 16 characters",
        ),
        (
            "[[publisher]]\nhook = \"http://auth.example.com/t0ken\"",
            "the hook of [[publisher]] '*' is asked over http://",
        ),
        (
            "[[callback]]\nname = \"crm\"\nurl = \"http://10.0.0.1:80/t0ken\"",
            "[[callback]] 'crm' is asked over http://",
        ),
        (
            "[mqtt]\nurl = \"mqtt://10.0.0.1\"",
            "mqtt://10.0.0.1:1883 is not encrypted",
        ),
        (
            "[[publisher]]\ntencent_key = \"a-long-enough-secret\"",
            "does not cover the app, and stream = \"*\" leaves it open",
        ),
        (
            "[[publisher]]\nstream = \"live*\"\ntencent_key_file = \"k\"",
            "stream = \"live*\" leaves it open",
        ),
        (
            "[[viewer]]\nname = \"a\"\ntencent_key_file = \"k\"",
            "[[viewer]] 'a': a signature with its tencent_key does not cover the app",
        ),
        (
            "[[viewer]]\nname = \"a\"\nstreams = [\"live/a\", \"cam1\"]",
            "[[viewer]] 'a': no stream can have this name",
        ),
        (
            "[[viewer]]\nname = \"a\"\naliyun_key = \"short\"",
            "[[viewer]] 'a' has a key of fewer than 16",
        ),
        (
            "[http]\nlisten = [\"0.0.0.0:8080\"]\n[[viewer]]\nname = \"a\"\nkey_file = \"k\"",
            "0.0.0.0:8080 is not encrypted",
        ),
        (
            "[http]\nlisten = [\"127.0.0.1:8080\"]\n[[rule]]\nstream = \"t/room/*\"\n[[rule]]\nrecord = \"on-demand\"",
            "the rule for stream 't/room/*': streams whose app begins with 't' are played under /s/t/…",
        ),
        (
            "[http]\nlisten = [\"127.0.0.1:8080\"]\n[[publisher]]\nstream = \"api/*\"",
            "[[publisher]] 'api/*': streams whose app begins with 'api'",
        ),
    ] {
        let all = advice(text);
        assert!(
            matches!(all.as_slice(), [one] if one.contains(said)),
            "{text}: {all:?}"
        );
    }
}
