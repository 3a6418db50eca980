use std::path::Path;

use super::*;
use crate::config::{Config, ConfigError};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Some((Path::new("box.toml"), text)), [], "box")
}

fn http(text: &str) -> Http {
    parse(&format!("[http]\n{text}\n")).unwrap().http
}

fn refusal(text: &str) -> String {
    parse(&format!("[http]\n{text}\n")).unwrap_err().to_string()
}

const STRONG: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn there_is_no_server_unless_the_file_says_so_or_there_is_no_file() {
    assert!(!parse("").unwrap().http.is_on());
    let config = Config::parse(None, [], "box").unwrap();
    assert_eq!(config.http.addresses("box"), ["http://127.0.0.1:8080/"]);
    let off = ("EDGEREEL__HTTP__LISTEN".into(), "[]".into());
    assert!(!Config::parse(None, [off], "box").unwrap().http.is_on());
    // A file without the section that is changed by the environment.
    let on = ("EDGEREEL__HTTP__LISTEN".into(), "[\"0.0.0.0:1\"]".into());
    let said = Config::parse(None, [on], "box").unwrap_err().to_string();
    assert!(
        said.starts_with("EDGEREEL__HTTP__LISTEN: http.listen: 0.0.0.0:1 can be reached"),
        "{said}"
    );
}

#[test]
fn other_machines_may_connect_only_where_it_is_said_who_may_watch() {
    for open in [
        "listen = [\"0.0.0.0:8080\"]",
        "listen = [\"127.0.0.1:1\", \"[::]:8080\"]",
        "tls = { listen = [\"0.0.0.0:8443\"], cert = \"c\", key = \"k\" }",
    ] {
        let said = refusal(open);
        assert!(
            said.starts_with("box.toml:2: http.") && said.contains("[[viewer]]"),
            "{said}"
        );
        assert!(parse(&format!("[http]\n{open}\n[[viewer]]\nname = \"a\"\n")).is_ok());
    }
    for closed in [
        "listen = [\"127.0.0.1:8080\", \"[::1]:8080\", \"[::ffff:127.0.0.1]:8080\"]",
        "tls = { listen = [\"127.0.0.1:8443\"], cert = \"c\", key = \"k\" }",
    ] {
        assert!(http(closed).is_on());
    }
}

#[test]
fn what_is_wrong_names_the_line_and_what_is_right() {
    let many = format!("names = [{}]", "\"a\", ".repeat(65));
    for (text, words) in [
        ("max_connections = 0", "must be from 1 to 10000"),
        ("max_connections_per_address = 0", "must be from 1 to 10000"),
        ("max_rate = \"fast\"", "\"8 Mbit/s\", or \"off\""),
        ("max_rate = 8", "write max_rate = \"8 MiB/s\""),
        ("memory = \"1 KiB\"", "must be from 1 MiB to 1 GiB"),
        ("live_window = \"1s\"", "must be from 3s to 10min"),
        ("live_chunks = 2", "must be from 3 to 1000"),
        ("cors = [\"app.example.com\"]", "begins with http:// or https://"),
        ("cors = [\"https://app.example.com/\"]", "not even a slash"),
        ("cors = [\"https://u@h\"]", "no host name has"),
        ("behind = [\"proxy\"]", "no range of addresses"),
        (
            "public_url = \"video.example.com\"",
            "begins with http:// or https://",
        ),
        ("public_url = \"https://h/?a=1\"", "it has a query"),
        ("public_url = \"https://h:123456\"", "its port is none"),
        ("public_url = \"https://[::1\"", "names no host"),
        ("names = [\"box:8080\"]", "write it without a port"),
        ("names = [\"a b\"]", "is no host name"),
        (&many, "at most 64"),
        ("dialects = [\"cloudevents\"]", "a dialect of events"),
        (
            "dialects = [\"azure\"]",
            "it is one of cloudevents, tencent, aliyun",
        ),
        ("token_key = \"short\"", "fewer than 128 random bits"),
        (
            "token_key = [\"0123456789abcdef0123456789abcdef\", \"a\", \"b\"]",
            "at most 2",
        ),
        ("token_key = 5309412", "expected a text"),
        ("tokens_without_clock = \"maybe\"", "it is one of refuse, accept"),
        (
            "tls = { listen = [], cert = \"c\", key = \"k\" }",
            "listen has 1 to 16",
        ),
    ] {
        let said = refusal(text);
        assert!(
            said.starts_with("box.toml:2: ") && said.contains(words),
            "{text}: {said}"
        );
        assert!(!said.contains("5309412"), "{said}");
    }
}

#[test]
fn keys_of_tokens_are_masked_and_come_from_the_file_or_from_files() {
    let section = http(&format!("token_key = \"{STRONG}\"\ntoken_key_file = \"t\""));
    assert!(matches!(
        &section.token_keys()[..],
        [SecretSource::Given(_), SecretSource::File(_)]
    ));
    let config = parse(&format!("[http]\ntoken_key = \"{STRONG}\"\n")).unwrap();
    assert!(!config.to_toml().contains(STRONG) && config.has_keys());
}

#[test]
fn a_host_is_known_by_address_by_the_machines_name_and_by_those_that_are_named() {
    let section = http("names = [\"Cam.example.com\"]\npublic_url = \"https://Video.example.com:444/box/\"");
    for known in [
        "127.0.0.1",
        "192.0.2.7:8080",
        "[2001:db8::1]",
        "[::1]:8080",
        "localhost:8080",
        "LOCALHOST",
        "box-17",
        "Box-17:8080",
        "box-17.local",
        "box-17.",
        "cam.example.com",
        "cam.example.com.:80",
        "video.example.com",
    ] {
        assert!(section.knows_host(known, "box-17"), "{known}");
    }
    for unknown in [
        "",
        ":8080",
        "evil.example.com",
        "127.0.0.1.evil.example.com",
        "box-17.evil.example.com",
        "localhost.evil.example.com",
        "cam.example.com:8080:1",
        "cam.example.com:http",
        "[::1",
        "[evil]",
        "[::1]evil",
        "user@localhost",
        "2130706433",
    ] {
        assert!(!section.knows_host(unknown, "box-17"), "{unknown}");
    }
    assert!(!section.knows_host("", "") && !section.knows_host(".local", ""));
    let url = section.public_url.unwrap();
    assert_eq!(
        (url.as_str(), url.host(), url.origin()),
        (
            "https://video.example.com:444/box",
            "video.example.com",
            "https://video.example.com:444"
        )
    );
}

#[test]
fn origins_are_compared_as_a_whole_and_a_star_names_nobody() {
    let section = http("cors = [\"https://App.example.com\", \"*\"]");
    assert!(
        section.allows_origin("https://evil.example.com") && section.names_origin("https://app.example.com")
    );
    assert!(!section.names_origin("https://evil.example.com") && !section.names_origin("*"));
    let section = http("cors = [\"https://app.example.com\"]");
    for other in [
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com.evil.com",
        "null",
        "*",
        "",
    ] {
        assert!(!section.allows_origin(other), "{other}");
    }
}

#[test]
fn the_addresses_to_open_begin_with_the_public_one() {
    let text = "[http]\nlisten = [\"0.0.0.0:8080\", \"[::]:8080\", \"127.0.0.1:0\"]\npublic_url = \"https://video.example.com/box\"\n\
                tls = { listen = [\"[::1]:8443\"], cert = \"c\", key = \"k\" }\n[[viewer]]\nname = \"a\"\n";
    assert_eq!(
        parse(text).unwrap().http.addresses("box-17"),
        [
            "https://video.example.com/box/",
            "https://[::1]:8443/",
            "http://box-17:8080/"
        ]
    );
}
