//! Finds the differences of two configurations, and when each takes effect.

use super::{Config, Tls};

/// A key, and whether a reload changes it at once.
struct Key {
    name: &'static str,
    reloads: bool,
    differs: fn(&Config, &Config) -> bool,
}

/// The changes of a reload: keys by their names in the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys that changed and are in force.
    pub taken: Vec<&'static str>,
    /// Keys that changed and take effect at the next start.
    pub restart: Vec<&'static str>,
}

macro_rules! key {
    ($name:literal, $reloads:literal, $($field:ident).+) => {
        Key { name: $name, reloads: $reloads, differs: |old, new| old.$($field).+ != new.$($field).+ }
    };
}

/// All keys. A table that may come several times is one key.
const KEYS: &[Key] = &[
    key!("device.id", false, device.id),
    key!("rtmp.listen", false, rtmp.listen),
    Key {
        name: "rtmp.tls (where it listens)",
        reloads: false,
        differs: |old, new| listens(&old.rtmp.tls) != listens(&new.rtmp.tls),
    },
    Key {
        name: "rtmp.tls (cert and key)",
        reloads: true,
        differs: |old, new| proves_otherwise(&old.rtmp.tls, &new.rtmp.tls),
    },
    key!("rtmp.allow_anonymous", true, rtmp.allow_anonymous),
    key!("rtmp.max_connections", false, rtmp.max_connections),
    key!(
        "rtmp.max_connections_per_address",
        true,
        rtmp.max_connections_per_address
    ),
    key!("rtmp.max_publishes", true, rtmp.max_publishes),
    key!(
        "rtmp.max_publishes_per_address",
        true,
        rtmp.max_publishes_per_address
    ),
    key!("rtmp.max_bitrate", true, rtmp.max_bitrate),
    key!("rtmp.handshake_timeout", false, rtmp.handshake_timeout),
    key!("rtmp.publish_timeout", false, rtmp.publish_timeout),
    key!("rtmp.idle_timeout", false, rtmp.idle_timeout),
    key!("rtmp.takeover_after", true, rtmp.takeover_after),
    key!("http.listen", false, http.listen),
    Key {
        name: "http.tls (where it listens)",
        reloads: false,
        differs: |old, new| listens(&old.http.tls) != listens(&new.http.tls),
    },
    Key {
        name: "http.tls (cert and key)",
        reloads: true,
        differs: |old, new| proves_otherwise(&old.http.tls, &new.http.tls),
    },
    key!("http.max_connections", true, http.max_connections),
    key!(
        "http.max_connections_per_address",
        true,
        http.max_connections_per_address
    ),
    key!("http.max_rate", true, http.max_rate),
    key!("http.memory", false, http.memory),
    key!("http.cors", true, http.cors),
    key!("http.behind", true, http.behind),
    key!("http.public_url", true, http.public_url),
    key!("http.public", true, http.public),
    key!("http.names", true, http.names),
    key!("http.live_window", true, http.live_window),
    key!("http.live_chunks", true, http.live_chunks),
    key!("http.dialects", true, http.dialects),
    key!("http.compat", true, http.compat),
    Key {
        name: "http.token_key",
        reloads: true,
        differs: |old, new| old.http.token_keys() != new.http.token_keys(),
    },
    key!("http.tokens_without_clock", true, http.tokens_without_clock),
    key!("storage.dir", false, storage.dir),
    key!("storage.durability", false, storage.durability),
    key!("storage.quota", false, storage.quota),
    key!("storage.min_free", false, storage.min_free),
    key!("storage.on_full", false, storage.on_full),
    key!("storage.keep", false, storage.keep),
    key!("ring.pre_roll", true, ring.pre_roll),
    key!("ring.memory", true, ring.memory),
    key!("control.socket", false, control.socket),
    key!("channel.push_to", true, channel.push_to),
    key!("channel.ca_file", true, channel.ca_file),
    Key {
        name: "encryption.master_key",
        reloads: true,
        differs: |old, new| old.encryption.master_keys() != new.encryption.master_keys(),
    },
    key!("encryption.key_url", true, encryption.key_url),
    Key {
        name: "media.socket",
        reloads: false,
        differs: |old, new| old.media.socket() != new.media.socket(),
    },
    Key {
        name: "[sync] (that there is one, or none)",
        reloads: false,
        differs: |old, new| old.sync.is_some() != new.sync.is_some(),
    },
    Key {
        name: "[sync]",
        reloads: true,
        differs: |old, new| old.sync.is_some() && new.sync.is_some() && old.sync != new.sync,
    },
    key!("[mqtt]", true, mqtt),
    key!("[review]", true, review),
    key!("[[callback]]", true, callbacks),
    key!("[[publisher]]", true, publishers),
    key!("[[viewer]]", true, viewers),
    key!("[[template]]", true, templates),
    key!("[[rule]]", true, rules),
    key!("[[task]]", true, tasks),
];

fn listens(tls: &Option<Tls>) -> Option<&[std::net::SocketAddr]> {
    tls.as_ref().map(|tls| tls.listen.as_slice())
}

/// True when a server's certificate or key is in another file. Without TLS before or after the reload, no listener is there to
/// take the change over.
fn proves_otherwise(old: &Option<Tls>, new: &Option<Tls>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => (&old.cert, &old.key) != (&new.cert, &new.key),
        _ => false,
    }
}

/// The TLS in force after a reload: where the server listened before, with the new certificate.
pub(super) fn tls_in_force(old: &Option<Tls>, new: Option<Tls>) -> Option<Tls> {
    match (old, new) {
        (Some(old), Some(new)) => Some(Tls {
            listen: old.listen.clone(),
            ..new
        }),
        (old, _) => old.clone(),
    }
}

impl Changes {
    /// The changes from the configuration that is in force to a new one.
    pub fn between(old: &Config, new: &Config) -> Self {
        let of = |reloads: bool| {
            let keys = KEYS.iter().filter(move |key| key.reloads == reloads);
            keys.filter(|key| (key.differs)(old, new))
                .map(|key| key.name)
                .collect()
        };
        Self {
            taken: of(true),
            restart: of(false),
        }
    }

    /// The configuration in force after a reload: the new one, with the old values of keys that only a start changes.
    pub fn in_force(old: &Config, new: Config) -> Config {
        Config {
            device: old.device.clone(),
            storage: old.storage.clone(),
            control: old.control.clone(),
            media: old.media.clone(),
            sync: match (&old.sync, new.sync) {
                (Some(_), Some(new)) => Some(new),
                (old, _) => old.clone(),
            },
            rtmp: super::Rtmp {
                listen: old.rtmp.listen.clone(),
                tls: tls_in_force(&old.rtmp.tls, new.rtmp.tls),
                max_connections: old.rtmp.max_connections,
                handshake_timeout: old.rtmp.handshake_timeout,
                publish_timeout: old.rtmp.publish_timeout,
                idle_timeout: old.rtmp.idle_timeout,
                ..new.rtmp
            },
            http: new.http.with_listeners_of(&old.http),
            ..new
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Config {
        Config::parse(Some((Path::new("box.toml"), text)), [], "box").unwrap()
    }

    #[test]
    fn the_documents_say_of_each_key_when_it_takes_effect() {
        let page = include_str!("../../docs/configuration.md");
        let mut seen = 0;
        for line in page
            .lines()
            .filter(|line| line.starts_with("| `") && line.contains('.'))
        {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`');
            let of_key: Vec<&Key> = KEYS
                .iter()
                .filter(|key| key.name.split(' ').next() == Some(name))
                .collect();
            if of_key.is_empty() {
                continue;
            }
            let said = cells[5].contains("**yes**");
            assert_eq!(of_key.iter().any(|key| key.reloads), said, "{line}");
            seen += of_key.len();
        }
        let scalar = KEYS.iter().filter(|key| !key.name.starts_with('[')).count();
        assert_eq!(seen, scalar, "each key has a row in docs/configuration.md");
    }

    #[test]
    fn the_sockets_of_viewers_stay_and_all_else_about_viewers_is_taken() {
        let old = parse(
            "[http]\nlisten = [\"127.0.0.1:80\"]\ntls = { listen = [\"[::1]:443\"], cert = \"a\", key = \"b\" }\n",
        );
        let new = parse(
            "[http]\ntls = { listen = [\"[::1]:444\"], cert = \"c\", key = \"b\" }\ntoken_key_file = \"t\"\npublic = true\n\
             [[viewer]]\nname = \"a\"\nkey_file = \"k\"\n",
        );
        let changes = Changes::between(&old, &new);
        assert_eq!(
            changes.taken,
            [
                "http.tls (cert and key)",
                "http.public",
                "http.token_key",
                "[[viewer]]"
            ]
        );
        assert_eq!(changes.restart, ["http.listen", "http.tls (where it listens)"]);
        let now = Changes::in_force(&old, new.clone());
        assert_eq!(now.http.listen, old.http.listen);
        let again = Changes::between(&now, &new);
        assert_eq!((again.taken.len(), again.restart), (0, changes.restart));
    }

    #[test]
    fn a_change_is_taken_or_waits_for_a_start() {
        let old = parse("[sync]\nurl = \"file:///a\"\n");
        let text = "[device]\nid = \"b\"\n[storage]\nquota = \"1 GiB\"\n[ring]\npre_roll = \"5s\"\n[rtmp]\n\
                    takeover_after = \"1s\"\nidle_timeout = \"1min\"\n[[rule]]\n";
        let new = parse(text);
        let changes = Changes::between(&old, &new);
        assert_eq!(
            changes.taken,
            ["rtmp.takeover_after", "ring.pre_roll", "[[rule]]"]
        );
        let restart = [
            "device.id",
            "rtmp.idle_timeout",
            "storage.quota",
            "[sync] (that there is one, or none)",
        ];
        assert_eq!(changes.restart, restart);
        // A change that waits goes on waiting. A change that was taken is not reported again.
        let now = Changes::in_force(&old, new.clone());
        let again = Changes::between(&now, &new);
        assert_eq!((again.taken.len(), again.restart), (0, restart.to_vec()));
        assert_eq!(Changes::between(&new, &new), Changes::default());
    }
}
