use std::path::Path;

use super::*;
use crate::config::{Config, ConfigError};

const STRONG: &str = "0123456789abcdef0123456789abcdef";
const HASH: &str = "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Some((Path::new("box.toml"), text)), [], "box-17")
}

fn refusal(entry: &str) -> String {
    parse(&format!("[[viewer]]\n{entry}\n")).unwrap_err().to_string()
}

#[test]
fn an_entry_says_who_may_do_what() {
    let text = format!(
        "[[viewer]]\nname = \"staff\"\naddresses = [\"10.0.0.0/8\", \"::1\"]\nstreams = [\"live/*\", \"hall/a\"]\n\
         may = [\"operate\", \"watch\", \"watch\"]\nkey = [\"{STRONG}\"]\nkey_file = \"view-key\"\npassword = \"{HASH}\"\n\
         tencent_key = \"s3cret-t\"\naliyun_key_file = [\"/etc/a\", \"/etc/b\"]\n[[viewer]]\nname = \"all\"\n"
    );
    let config = parse(&text).unwrap();
    let [staff, all] = config.viewers.as_slice() else {
        panic!("two entries");
    };
    let proofs = staff.proofs();
    assert_eq!(proofs.len(), 6);
    assert!(matches!(&proofs[2], ViewerProof::Password(PasswordSource::Given(hash)) if hash.memory == 8_192));
    assert!(matches!(&proofs[5], ViewerProof::Aliyun { valid, .. } if valid.as_millis() == 1_800_000));
    assert_eq!(staff.rights().to_string(), "watch, operate");
    assert_eq!(staff.patterns().count(), 2);
    assert_eq!(all.rights(), Rights::from_iter([Right::Watch]));
    assert!(all.proofs().is_empty() && all.patterns().all(Pattern::is_any));
    // No secret is ever shown, and the mask is no secret.
    for shown in [config.to_toml(), format!("{config:?}")] {
        assert!(
            !shown.contains(STRONG) && !shown.contains("argon2id") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    assert!(parse(&config.to_toml()).unwrap_err().to_string().contains("mask"));
    let plain =
        "[[viewer]]\nname = \"a\"\naddresses = \"fd00::/8\"\npassword_file = \"p\"\nmay = [\"keys\"]\n";
    let config = parse(plain).unwrap();
    assert_eq!(parse(&config.to_toml()).unwrap(), config);
}

#[test]
fn what_is_wrong_names_the_line_and_never_the_secret() {
    for (entry, line, words) in [
        ("key_file = \"k\"", 1, "each viewer has a name of its own"),
        ("name = \"a b\"", 2, "each viewer has a name of its own"),
        ("name = \"a\"\n[[viewer]]\nname = \"a\"", 4, "'a' is there twice"),
        ("name = \"a\"\nkey = \"5309412\"", 3, "openssl rand -hex 16"),
        (
            "name = \"a\"\nkey = \"5309412 is my key, and it is a long one\"",
            3,
            "other characters",
        ),
        ("name = \"a\"\nkey = 5309412", 3, "expected a text"),
        (
            "name = \"a\"\npassword = \"5309412\"",
            3,
            "the hash of a password",
        ),
        ("name = \"a\"\npassword = 5309412", 3, "the hash of a password"),
        (
            "name = \"a\"\npassword = \"$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw\"",
            3,
            "too little or too much memory",
        ),
        ("name = \"a\"\npassword = \"***\"", 3, "mask"),
        ("name = \"a\"\nmay = []", 3, "the list is empty"),
        (
            "name = \"a\"\nmay = [\"wach\"]",
            3,
            "it is one of watch, download",
        ),
        (
            "name = \"a\"\nmay = [\"watch\", \"operate\"]",
            3,
            "\"operate\" needs a key or a password",
        ),
        (
            "name = \"a\"\ntencent_key = \"5309412\"\nmay = [\"keys\"]",
            4,
            "\"keys\" needs a key or a password",
        ),
        ("name = \"a\"\naddresses = \"10.0.0.1/8\"", 3, "bits are set"),
        ("name = \"a\"\nstreams = []", 3, "the list is empty"),
        ("name = \"a\"\naliyun_valid = \"1h\"", 3, "no aliyun_key"),
        ("name = \"a\"\nstream = \"live/*\"", 3, "did you mean 'streams'?"),
    ] {
        let said = refusal(entry);
        assert!(
            said.starts_with(&format!("box.toml:{line}: ")) && said.contains(words),
            "{entry}: {said}"
        );
        assert!(!said.contains("5309412"), "{said}");
    }
    let many: String = (0..=MAX_VIEWERS)
        .map(|n| format!("[[viewer]]\nname = \"v{n}\"\n"))
        .collect();
    assert!(parse(&many).unwrap_err().to_string().contains("at most 1000"));
}

/// The address that a viewer is given has a signature by the key. With the publisher's key it would let the viewer push.
#[test]
fn a_key_of_a_publisher_is_none_of_a_viewer() {
    for (publisher, viewer, line) in [
        (format!("key = \"{STRONG}\""), format!("key = \"{STRONG}\""), 5),
        (
            "tencent_key = \"same-key\"".to_owned(),
            "tencent_key = \"same-key\"".to_owned(),
            5,
        ),
        (
            "tencent_key = \"same-key\"".to_owned(),
            "aliyun_key = \"same-key\"".to_owned(),
            5,
        ),
        (
            "tencent_key_file = \"k\"".to_owned(),
            "tencent_key_file = [\"other\", \"k\"]".to_owned(),
            5,
        ),
    ] {
        let text = format!("[[publisher]]\n{publisher}\n[[viewer]]\nname = \"a\"\n{viewer}\n");
        let said = parse(&text).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("box.toml:{line}: viewer."))
                && said.contains("a key of a [[publisher]], too"),
            "{said}"
        );
        assert!(!said.contains("same-key") && !said.contains(STRONG), "{said}");
    }
}

#[test]
fn a_signature_needs_its_dialect() {
    let text = |dialects: &str, key: &str| {
        format!("[http]\ndialects = {dialects}\n[[viewer]]\nname = \"a\"\n{key} = \"a-long-enough-secret\"\n")
    };
    for (dialects, key, right) in [
        ("[\"tencent\"]", "tencent_key", true),
        ("[\"aliyun\"]", "tencent_key", false),
        ("[]", "aliyun_key", false),
        ("[\"aliyun\", \"tencent\"]", "aliyun_key", true),
    ] {
        assert_eq!(parse(&text(dialects, key)).is_ok(), right, "{dialects} {key}");
    }
}

#[test]
fn a_hash_of_a_password_is_read_as_argon2_writes_it() {
    let hash = PasswordHash::from_file_text(&format!(" {HASH}\n")).unwrap();
    assert_eq!((hash.memory, hash.passes, hash.lanes), (8_192, 2, 1));
    assert_eq!((hash.salt.as_slice(), hash.hash.len()), (&b"saltsalt"[..], 16));
    assert_eq!(hash.expose(), HASH);
    for wrong in [
        "",
        "password",
        "$argon2i$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=16$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=2$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$t=2,m=8192,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=2,p=1,x=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ",
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw$",
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw==",
    ] {
        assert_eq!(
            PasswordHash::from_file_text(wrong),
            Err(PasswordHashError::NotAHash),
            "{wrong}"
        );
    }
    for weak in [
        "$argon2id$v=19$m=8,t=2,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=0,p=1$c2FsdHNhbHQ$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdA$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$AAECAw",
    ] {
        assert_eq!(
            PasswordHash::from_file_text(weak),
            Err(PasswordHashError::Parameters),
            "{weak}"
        );
    }
}
