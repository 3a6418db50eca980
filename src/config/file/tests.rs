use std::net::SocketAddr;
use std::path::PathBuf;

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Some((Path::new("box.toml"), text)), [], "box-17")
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn nothing_at_all_is_loopback_with_the_host_name() {
    let config = Config::parse(None, [], "box 17!").unwrap();
    assert_eq!(config.device.id, "box17");
    assert!(
        config
            .rtmp
            .listen
            .iter()
            .all(|address| address.ip().is_loopback())
    );
    assert_eq!(config.ring.memory.bytes(), 32 << 20);
}

#[test]
fn what_it_prints_reads_back_to_the_same() {
    let text = "[rtmp]\nlisten = [\"0.0.0.0:1935\", \"[::1]:0\"]\nallow_anonymous = true\n\
                [storage]\ndir = \"/data/edge reel\"\ndurability = \"500ms\"\n[ring]\nmemory = \"8 MiB\"\n";
    let config = parse(text).unwrap();
    assert_eq!(parse(&config.to_toml()).unwrap(), config);
}

#[test]
fn unknown_keys_name_the_line_and_the_nearest() {
    assert_eq!(
        refusal("[rtmp]\n\nlisten_on = [\"127.0.0.1:1\"]"),
        "box.toml:3: unknown key 'listen_on'; did you mean 'listen'?"
    );
    assert_eq!(
        refusal("[storge]\ndir = \"x\""),
        "box.toml:1: unknown key 'storge'; did you mean 'storage'?"
    );
    assert!(refusal("[ring]\nbananas = 1").contains("known here: pre_roll, memory"));
}

#[test]
fn wrong_values_name_the_line() {
    assert!(refusal("[ring]\nmemory = \"lots\"").starts_with("box.toml:2: 'lots' is not a size"));
    assert!(refusal("[rtmp]\nlisten = \"127.0.0.1:1935\"").starts_with("box.toml:2: "));
    assert!(refusal("[rtmp\n").starts_with("box.toml:1: "));
}

#[test]
fn values_out_of_range_name_the_line_and_the_range() {
    assert_eq!(
        refusal("[storage]\ndir = \"x\"\ndurability = \"0s\""),
        "box.toml:3: storage.durability = 0ms: must be from 100ms to 1min"
    );
    assert!(refusal("[device]\nid = \"a b\"").starts_with("box.toml:2: device.id"));
}

#[test]
fn other_machines_may_push_only_when_told_so() {
    let open = "[rtmp]\nlisten = [\"0.0.0.0:1935\"]\n";
    assert!(refusal(open).starts_with("box.toml:2: rtmp.listen: 0.0.0.0:1935 can be reached"));
    assert!(parse(&format!("{open}allow_anonymous = true")).is_ok());
}

#[test]
fn the_environment_wins_and_is_named_when_wrong() {
    let environment = |name: &str, value: &str| [(name.into(), value.into())];
    let file = Some((Path::new("box.toml"), "[storage]\ndir = \"/a\""));
    let config = Config::parse(file, environment("EDGEREEL__STORAGE__DIR", "/b"), "box").unwrap();
    assert_eq!(config.storage.dir, PathBuf::from("/b"));
    let config = Config::parse(
        file,
        environment("EDGEREEL__RTMP__LISTEN", "[\"127.0.0.1:7\"]"),
        "box",
    )
    .unwrap();
    assert_eq!(config.rtmp.listen.first().map(SocketAddr::port), Some(7));
    let error = Config::parse(file, environment("EDGEREEL__RING__MEMORI", "1 MiB"), "box").unwrap_err();
    assert_eq!(
        error.to_string(),
        "EDGEREEL__RING__MEMORI: unknown key 'memori'; did you mean 'memory'?"
    );
    let error = Config::parse(file, environment("EDGEREEL_STORAGE__DIR", "/b"), "box").unwrap_err();
    assert_eq!(
        error.to_string(),
        "EDGEREEL_STORAGE__DIR: nothing reads this variable; did you mean 'EDGEREEL__STORAGE__DIR', with two underscores?"
    );
    let bytes = |bytes: &[u8]| -> OsString { std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec()) };
    let of_others = [(bytes(b"OTHER"), bytes(b"\xaf")), (bytes(b"\xaf"), bytes(b"x"))];
    assert!(
        Config::parse(file, of_others, "box").is_ok(),
        "other programs' variables may have any bytes"
    );
    let error = Config::parse(file, [("EDGEREEL__STORAGE__DIR".into(), bytes(b"/\xaf"))], "box").unwrap_err();
    assert_eq!(
        error.to_string(),
        "EDGEREEL__STORAGE__DIR: the value is not UTF-8 text"
    );
    let error = Config::parse(file, environment("EDGEREEL__RING__MEMORY", "1 B"), "box").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("EDGEREEL__RING__MEMORY: ring.memory = 1 B"),
        "{error}"
    );
}
