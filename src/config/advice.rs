//! Warnings about settings that are allowed but probably not meant. `check-config` prints them, the service logs them, and the
//! answer to a command that causes one contains it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::listen::reachable;
use super::publisher::is_open;
use super::secret::MASK;
use super::{
    Config, DEFAULT_TEMPLATE, Keep, Pattern, Proof, Publisher, RESERVED_APPS, Rule, SecretSource, Target,
    Viewer, ViewerProof,
};

/// A setting that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// A rule is written in the form of an earlier release.
    OldForm {
        /// The rule as it is written in the file.
        written: String,
        /// The rule in the form of this release.
        rule: String,
    },
    /// No stream can have a name that fits the pattern.
    NoSuchStream {
        /// The entry with the pattern.
        of: String,
    },
    /// Another rule applies to all of its streams.
    Shadowed {
        /// The rule.
        rule: String,
        /// The rule before it.
        by: String,
    },
    /// A rule names a template that does not exist.
    NoTemplate {
        /// The rule.
        rule: String,
        /// The template.
        template: String,
    },
    /// No rule names a template.
    Unnamed {
        /// The template.
        template: String,
    },
    /// There are rules, but some streams match none of them.
    Uncovered,
    /// A command replaced an entry of the file.
    Overridden {
        /// The entry of the file.
        what: String,
        /// The command that removes the replacement.
        undo: String,
    },
    /// Delivered files are to be deleted after a time, but nothing is delivered.
    NothingDelivered {
        /// The template.
        template: String,
    },
    /// A task of the file will never record any more.
    TaskOver {
        /// The name of the task.
        task: String,
    },
    /// `rtmp.allow_anonymous` is set beside a `[[publisher]]`.
    NobodyIsAnonymous,
    /// A key is so short that an attacker can find it by trying.
    ShortKey {
        /// The entry that has the key.
        of: String,
    },
    /// Everybody on the machine may read a configuration file with keys in it.
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// An address of another machine uses plain HTTP.
    OpenAddress {
        /// The service at that address.
        of: String,
    },
    /// The broker on another machine is reached without encryption.
    OpenBroker {
        /// The broker.
        url: String,
    },
    /// A signature does not cover the app, and the pattern of its entry leaves the app open.
    OpenApp {
        /// The entry.
        of: String,
        /// The pattern of the entry.
        stream: String,
    },
    /// Viewers on other machines connect without encryption.
    PlainHttp {
        /// The address that they connect to.
        address: SocketAddr,
    },
    /// The app of streams is a word that has another meaning in addresses of the HTTP server.
    ReservedApp {
        /// The entry with the streams.
        of: String,
        /// The first part of the app.
        app: String,
    },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Advice::OldForm { written, rule } => write!(
                f,
                "the form {written} of a rule is deprecated; edgereel reads it as {rule}: write stream as app/name"
            ),
            Advice::NoSuchStream { of } => write!(
                f,
                "{of}: no stream can have this name; write a stream as app/name, as in \"live/cam1\" or \"live/*\""
            ),
            Advice::Shadowed { rule, by } => {
                write!(f, "the rule for {rule} never applies: the rule for {by} comes before it and fits all of its streams")
            }
            Advice::NoTemplate { rule, template } => write!(
                f,
                "the rule for {rule} names the template '{template}', which does not exist: its streams are not recorded"
            ),
            Advice::Unnamed { template } => write!(
                f,
                "no rule names the template '{template}': only commands and tasks that name it record by it; add a [[rule]] \
                 with template = \"{template}\""
            ),
            Advice::Uncovered => f.write_str(
                "streams that no rule fits are not recorded; without any rule, all streams are. Add a rule for stream \"*\", \
                 with record = \"on-demand\" if the other streams are not to be recorded",
            ),
            Advice::Overridden { what, undo } => {
                write!(f, "{what} of the configuration file is not in force, because a command replaced it; {undo} removes the replacement")
            }
            Advice::NothingDelivered { template } => write!(
                f,
                "template '{template}' has a storage_time, but nothing is delivered: [sync] has no url"
            ),
            Advice::TaskOver { task } => write!(
                f,
                "task '{task}' has ended and will not record any more: change its start and end, or remove its [[task]]"
            ),
            Advice::ShortKey { of } => write!(
                f,
                "{of} has a key of fewer than 16 characters, which an attacker can find by trying: make a new one with 'openssl rand -hex 16'"
            ),
            Advice::Readable { path } => write!(
                f,
                "{0} contains keys, and every user of this machine can read it: run chmod o-r {0}, or put the keys into files of their own",
                path.display()
            ),
            Advice::OpenAddress { of } => write!(
                f,
                "{of} is asked over http://: everybody on the way can read the requests, and can answer in its place; use https://"
            ),
            Advice::OpenBroker { url } => write!(
                f,
                "{url} is not encrypted: everybody on the way can read the messages and the passwords, and can send commands in its name; use \
                 mqtts://"
            ),
            Advice::OpenApp { of, stream } => write!(
                f,
                "{of}: a signature with its tencent_key does not cover the app, and stream = \"{stream}\" leaves \
                 it open: a signature for one stream is valid for this name in every app; name the app, as in \"live/*\""
            ),
            Advice::PlainHttp { address } => write!(
                f,
                "http.listen: {address} is not encrypted: everybody on the way can read the media, and the keys and passwords of viewers; \
                 use http.tls, or name in http.behind the proxy that encrypts"
            ),
            Advice::ReservedApp { of, app } => write!(
                f,
                "{of}: streams whose app begins with '{app}' are played under /s/{app}/…, because /{app}/ has another meaning in \
                 addresses of the HTTP server; give them another app, if you can"
            ),
            Advice::NobodyIsAnonymous => f.write_str(
                "rtmp.allow_anonymous = true has no effect beside a [[publisher]]: a publisher that matches no entry is refused",
            ),
        }
    }
}

impl Advice {
    /// True when the advice is about this rule.
    pub fn is_about(&self, about: &Rule) -> bool {
        let about = about.to_string();
        match self {
            Advice::OldForm { rule, .. }
            | Advice::Shadowed { rule, .. }
            | Advice::NoTemplate { rule, .. } => *rule == about,
            Advice::NoSuchStream { of } => *of == of_rule(&about),
            _ => false,
        }
    }
}

/// The advice on rules, those that apply before others first, and on the templates of these names. `used` names the templates
/// that something else uses.
pub fn of_rules<'a>(
    templates: &[&str],
    rules: impl IntoIterator<Item = &'a Rule>,
    used: impl Fn(&str) -> bool,
) -> Vec<Advice> {
    let rules: Vec<&Rule> = rules.into_iter().collect();
    let mut all = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let about = rule.to_string();
        if let Some(written) = rule.old_form.clone() {
            let rule = about.clone();
            all.push(Advice::OldForm { written, rule });
        }
        if !rule.stream.can_fit_a_stream() {
            all.push(Advice::NoSuchStream { of: of_rule(&about) });
        }
        if let Some(by) = rules.iter().take(place).find(|other| other.covers(rule)) {
            let by = by.to_string();
            all.push(Advice::Shadowed {
                rule: about.clone(),
                by,
            });
        }
        if !templates.contains(&rule.template.as_str()) {
            let template = rule.template.clone();
            all.push(Advice::NoTemplate {
                rule: about,
                template,
            });
        }
    }
    let named =
        |name: &str| name == DEFAULT_TEMPLATE || used(name) || rules.iter().any(|rule| rule.template == name);
    let unnamed = templates.iter().filter(|name| !named(name));
    all.extend(unnamed.map(|name| Advice::Unnamed {
        template: (*name).to_owned(),
    }));
    let every = Rule::built_in();
    if !rules.is_empty() && !rules.iter().any(|rule| rule.covers(&every)) {
        all.push(Advice::Uncovered);
    }
    all
}

fn of_rule(about: &str) -> String {
    format!("the rule for {about}")
}

impl Config {
    /// All advice that the file alone allows.
    pub fn advice(&self) -> Vec<Advice> {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
        let names = self.templates.iter().map(|template| template.name.as_str());
        let names: Vec<&str> = names.chain([DEFAULT_TEMPLATE]).collect();
        let used = |name: &str| {
            self.tasks
                .iter()
                .any(|task| task.template.as_deref() == Some(name))
        };
        let mut all = of_rules(&names, rules, used);
        all.extend(self.advice_beside_rules());
        all
    }

    /// Advice on tasks that have ended by this UTC time, in microseconds.
    pub fn advice_of_tasks(&self, utc: i64) -> Vec<Advice> {
        let over = self.tasks.iter().filter(|task| task.is_over(utc));
        over.map(|task| Advice::TaskOver {
            task: task.name.clone(),
        })
        .collect()
    }

    /// All advice except that on rules and templates, which commands may have replaced.
    pub fn advice_beside_rules(&self) -> Vec<Advice> {
        let nameless = self
            .publishers
            .iter()
            .filter(|publisher| !publisher.stream.can_fit_a_stream());
        let mut all: Vec<Advice> = nameless
            .map(|publisher| Advice::NoSuchStream {
                of: format!("[[publisher]] with stream '{}'", publisher.stream),
            })
            .collect();
        if self.rtmp.allow_anonymous && !self.publishers.is_empty() {
            all.push(Advice::NobodyIsAnonymous);
        }
        all.extend(self.open_apps());
        all.extend(self.short_keys());
        all.extend(self.of_viewers());
        all.extend(self.open_addresses());
        let stored = |keep: Option<Keep>| keep.is_some_and(|keep| keep != Keep::Forever);
        let expires = self
            .templates
            .iter()
            .filter(|template| template.outputs.iter().any(|output| stored(output.storage_time)));
        if self.sync.is_none() {
            all.extend(expires.map(|template| Advice::NothingDelivered {
                template: template.name.clone(),
            }));
        }
        all
    }
}

impl Config {
    /// True when keys or passwords of any kind stand in the configuration.
    pub fn has_keys(&self) -> bool {
        // The printed text has the mask in place of each.
        self.to_toml().contains(MASK)
    }

    fn open_apps(&self) -> impl Iterator<Item = Advice> {
        let signs = |proof: &Proof| matches!(proof, Proof::Tencent(_));
        let publishers = self.publishers.iter();
        let publishers = publishers
            .filter(move |publisher| publisher.proofs().iter().any(signs))
            .map(|publisher| (publisher.shown(), &publisher.stream));
        let signs = |proof: &ViewerProof| matches!(proof, ViewerProof::Tencent(_));
        let viewers = self.viewers.iter();
        let viewers = viewers
            .filter(move |viewer| viewer.proofs().iter().any(signs))
            .flat_map(|viewer| viewer.patterns().map(|stream| (viewer.shown(), stream)));
        let open = publishers
            .chain(viewers)
            .filter(|(_, stream)| stream.leaves_app_open());
        open.map(|(of, stream)| Advice::OpenApp {
            of,
            stream: stream.to_string(),
        })
    }

    /// Advice on the HTTP server, on its viewers and on names that its addresses cannot have.
    fn of_viewers(&self) -> Vec<Advice> {
        let nameless = |viewer: &&Viewer| viewer.streams.iter().any(|stream| !stream.can_fit_a_stream());
        let nameless = self.viewers.iter().filter(nameless);
        let mut all: Vec<Advice> = nameless
            .map(|viewer| Advice::NoSuchStream { of: viewer.shown() })
            .collect();
        let secret = |proof: &ViewerProof| matches!(proof, ViewerProof::Key(_) | ViewerProof::Password(_));
        let shows = |viewer: &Viewer| viewer.proofs().iter().any(secret);
        if let Some(address) = reachable(&self.http.listen)
            && self.http.behind.is_empty()
            && self.viewers.iter().any(shows)
        {
            all.push(Advice::PlainHttp { address: *address });
        }
        if self.http.is_on() {
            let rules = self.rules.iter();
            let rules = rules.map(|rule| (of_rule(&rule.to_string()), &rule.stream));
            let publishers = self.publishers.iter();
            let publishers = publishers.map(|publisher| (publisher.shown(), &publisher.stream));
            let reserved = rules
                .chain(publishers)
                .filter_map(|(of, stream)| Some((of, reserved(stream)?)));
            all.extend(reserved.map(|(of, app)| Advice::ReservedApp {
                of,
                app: app.to_owned(),
            }));
        }
        all
    }

    /// Short keys that stand in the configuration. Keys in files are checked where the files are read.
    fn short_keys(&self) -> impl Iterator<Item = Advice> {
        let publishers = self.publishers.iter();
        let publishers = publishers.filter(|publisher| publisher.has_short_key());
        let publishers = publishers.map(Publisher::shown);
        let viewers = self.viewers.iter().filter(|viewer| viewer.short_key().is_some());
        let viewers = viewers.map(Viewer::shown);
        let callbacks = self.callbacks.iter();
        let callbacks = callbacks.filter(move |callback| callback.key().as_ref().is_some_and(is_short));
        let callbacks = callbacks.map(|callback| format!("[[callback]] '{}'", callback.name()));
        publishers
            .chain(viewers)
            .chain(callbacks)
            .map(|of| Advice::ShortKey { of })
    }

    fn open_addresses(&self) -> impl Iterator<Item = Advice> {
        let hooks = self.publishers.iter();
        let hooks = hooks.filter(|publisher| publisher.has_open_hook());
        let hooks = hooks.map(|publisher| format!("the hook of [[publisher]] '{}'", publisher.name()));
        let callbacks = self.callbacks.iter().filter(|callback| callback.url.is_open());
        let callbacks = callbacks.map(|callback| format!("[[callback]] '{}'", callback.name()));
        let store = self.sync.as_ref().and_then(|sync| match &sync.target {
            Target::S3(s3) if is_open(&s3.endpoint) => Some("sync.endpoint".to_owned()),
            _ => None,
        });
        hooks
            .chain(callbacks)
            .chain(store)
            .map(|of| Advice::OpenAddress { of })
            .chain(self.open_broker())
    }

    fn open_broker(&self) -> Option<Advice> {
        let url = &self.mqtt.as_ref()?.url;
        let open = !url.tls && !url.is_loopback();
        open.then(|| Advice::OpenBroker { url: url.to_string() })
    }
}

fn is_short(source: &SecretSource) -> bool {
    matches!(source, SecretSource::Given(key) if key.is_short())
}

/// The first part of the app of all streams that fit, if it is a reserved word.
fn reserved(stream: &Pattern) -> Option<&str> {
    let (first, _) = stream.as_str().split_once('/')?;
    RESERVED_APPS.contains(&first).then_some(first)
}

impl Publisher {
    /// The entry, for a message.
    pub(super) fn shown(&self) -> String {
        format!("[[publisher]] '{}'", self.name())
    }

    pub(super) fn has_short_key(&self) -> bool {
        let proves = |proof: &Proof| match proof {
            Proof::Key(key) | Proof::Tencent(key) | Proof::Aliyun { key, .. } => is_short(key),
            Proof::Hook(_) => false,
        };
        self.proofs().iter().any(proves)
    }

    pub(super) fn has_open_hook(&self) -> bool {
        let asks = |proof: &Proof| matches!(proof, Proof::Hook(hook) if hook.url.is_open());
        self.proofs().iter().any(asks)
    }
}

impl Viewer {
    /// The entry, for a message.
    pub(super) fn shown(&self) -> String {
        format!("[[viewer]] '{}'", self.name)
    }

    /// The name of the entry's key that is short, if one is. A key in a header is never short.
    pub(super) fn short_key(&self) -> Option<&'static str> {
        self.proofs().iter().find_map(|proof| match proof {
            ViewerProof::Tencent(key) if is_short(key) => Some("viewer.tencent_key"),
            ViewerProof::Aliyun { key, .. } if is_short(key) => Some("viewer.aliyun_key"),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

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
}
