//! Warnings about settings that are allowed but probably not meant. `check-config` prints them, the service logs them, and the
//! answer to a command that causes one contains it.

mod checks;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use checks::of_rules;

use super::Rule;

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
    /// There is a service to ask about recordings that a template holds back, and no template does so.
    NobodyAsked,
    /// Viewers see a stream live out of memory, though its template wants reviews before.
    LiveUnreviewed {
        /// The rule of the streams.
        rule: String,
        /// The template.
        template: String,
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
            Advice::NobodyAsked => f.write_str(
                "review.hook is asked about nothing: no template of this file has review = \"before\"",
            ),
            Advice::LiveUnreviewed { rule, template } => write!(
                f,
                "the rule for {rule} does not record its streams by itself: while nobody records one, http.live_window shows it live, though the \
                 template '{template}' says review = \"before\"; record them always, or leave http.live_window out"
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
            | Advice::LiveUnreviewed { rule, .. }
            | Advice::NoTemplate { rule, .. } => *rule == about,
            Advice::NoSuchStream { of } => *of == of_rule(&about),
            _ => false,
        }
    }
}

fn of_rule(about: &str) -> String {
    format!("the rule for {about}")
}
