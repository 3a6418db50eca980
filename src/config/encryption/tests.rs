use std::path::Path;

use super::*;

const MASTER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TEMPLATE: &str =
    "[[template]]\nname = \"lesson\"\nformats = [\"hls\"]\nhls = { encrypt = \"aes-128\" }\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Some((Path::new("box.toml"), text)), [], "box").map_err(|error| error.to_string())
}

fn refused(text: &str, wanted: &str) {
    let error = parse(text).unwrap_err();
    assert!(error.contains(wanted), "{text}: {error}");
    assert!(!error.contains(MASTER), "{error}");
}

#[test]
fn a_template_that_encrypts_needs_a_master_key_and_a_key_service_where_it_is_delivered() {
    refused(TEMPLATE, "no master key to encrypt with");
    let keyed = format!("[encryption]\nmaster_key = \"{MASTER}\"\n{TEMPLATE}");
    let config = parse(&keyed).unwrap();
    assert_eq!(
        config.templates[0].encrypt(),
        Some(crate::model::Encrypt::default())
    );
    assert_eq!(config.encryption.master_keys().len(), 1);
    for sync in [
        "[sync]\nurl = \"file:///media\"\n",
        "[sync]\nurl = \"s3://bucket\"\n",
    ] {
        refused(
            &format!("{sync}{keyed}"),
            "playlists there must say where players find keys",
        );
        let whole = keyed.replace(
            "[encryption]\n",
            "[encryption]\nkey_url = \"https://kms/{KeyId}\"\n",
        );
        assert!(parse(&format!("{sync}{whole}")).is_ok());
    }
    // What is shown brings the same about, but for the secret.
    assert!(config.to_toml().contains("[encryption]\nmaster_key = \"***\"\n"));
}

#[test]
fn what_cannot_be_a_key_or_an_address_of_one_is_refused() {
    for (line, wanted) in [
        ("master_key = \"short\"", "fewer than 128 random bits"),
        ("master_key = 12", "expected a text"),
        ("master_keys = \"a\"", "did you mean 'master_key'"),
        ("key_url = \"https://kms/\"", "{KeyId} must stand in it once"),
        ("key_url = \"/k/{KeyId}\"", "it must begin with https://"),
        ("key_url = \"https://kms/{KeyId}\\n\"", "cannot contain"),
    ] {
        refused(&format!("[encryption]\n{line}\n"), wanted);
    }
    let nine = format!(
        "[encryption]\nmaster_key = [{}]\n",
        vec![format!("\"{MASTER}\""); 9].join(", ")
    );
    refused(&nine, "9 keys; at most 8");
    let long = format!(
        "[encryption]\nkey_url = \"https://kms/{}{{KeyId}}\"\n",
        "a".repeat(1_024)
    );
    refused(&long, "longer than 1024 bytes");
}

#[test]
fn what_would_give_the_same_media_away_in_clear_is_refused() {
    let keyed = |template: &str| {
        format!("[encryption]\nmaster_key = \"{MASTER}\"\n[[template]]\nname = \"t\"\n{template}\n")
    };
    for (template, wanted) in [
        (
            "hls = { encrypt = \"aes-128\" }\nformats = [\"hls\", \"mp4\"]",
            "leave mp4 out of formats",
        ),
        (
            "hls = { encrypt = \"aes-128\" }\nformats = [\"aac\", \"hls\"]",
            "leave aac out of formats",
        ),
        (
            "hls = { encrypt = \"aes-128\" }\nformats = [\"hls\"]\npseudo_live = \"+2h\"",
            "leave pseudo_live out",
        ),
        (
            "mp4 = { encrypt = \"aes-128\" }\nformats = [\"mp4\"]",
            "only hls is encrypted",
        ),
        ("hls = { also_clear = true }\nformats = [\"hls\"]", "add encrypt"),
        ("hls = { key_chunks = 10 }\nformats = [\"hls\"]", "add encrypt"),
        ("hls = { encrypt = \"aes-256\" }\nformats = [\"hls\"]", "aes-128"),
        (
            "hls = { encrypt = \"aes-128\", key_chunks = 0 }\nformats = [\"hls\"]",
            "nonzero",
        ),
    ] {
        refused(&keyed(template), wanted);
    }
    let open = keyed(
        "hls = { encrypt = \"aes-128\", key_chunks = 10, also_clear = true }\nformats = [\"hls\", \"mp4\"]",
    );
    let config = parse(&open).unwrap();
    assert!(config.templates[0].encrypt().unwrap().also_clear);
    assert_eq!(config.templates[0].outputs.len(), 2, "mp4 is not encrypted");
    assert_eq!(parse(&config.to_toml().replace("***", MASTER)).unwrap(), config);
}
