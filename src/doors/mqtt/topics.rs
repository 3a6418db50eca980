//! The topics of a box.
//!
//! ```text
//! <root>/status                 out, retained, and the last will
//! <root>/health                 out, retained
//! <root>/stream/<app>/<name>    out, retained until the stream is forgotten
//! <root>/job/<id>               out, while the job goes on
//! <root>/event/<kind>           out
//! <root>/tencent/<event type>   out, where asked for
//! <root>/aliyun/<event>         out, where asked for
//! <root>/request/<command>      in
//! <root>/response/<command>     out, unless a request names another topic below `response/`, or one that is allowed
//! ```

use crate::event::Dialect;
use crate::media::StreamName;

/// The most bytes of a topic (MQTT 5, 1.5.4).
const LONGEST: usize = 65_535;

/// The topics of this box.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    root: String,
    /// Filters of topics beyond this box's own, to which answers may go.
    answers: Vec<String>,
}

impl Topics {
    pub(super) fn new(root: String, answers: Vec<String>) -> Self {
        Self { root, answers }
    }

    pub(super) fn status(&self) -> String {
        format!("{}/status", self.root)
    }

    pub(super) fn health(&self) -> String {
        format!("{}/health", self.root)
    }

    /// The topic of a stream. Characters that mean something in a topic are escaped, so no two streams have the same topic.
    pub(super) fn stream(&self, stream: &StreamName) -> String {
        let mut topic = format!("{}/stream/", self.root);
        for c in stream.as_str().chars() {
            match c {
                '+' | '#' | '%' => topic.push_str(&format!("%{:02X}", u32::from(c))),
                c => topic.push(c),
            }
        }
        topic
    }

    /// The topic of a job.
    pub(super) fn job(&self, job: &str) -> String {
        format!("{}/job/{job}", self.root)
    }

    /// The filter of all streams' topics.
    pub(super) fn streams(&self) -> String {
        format!("{}/stream/#", self.root)
    }

    pub(super) fn is_stream(&self, topic: &str) -> bool {
        self.below("stream", topic).is_some()
    }

    /// The topic of a message in a dialect.
    pub(super) fn event(&self, dialect: Dialect, name: &str) -> String {
        let level = match dialect {
            Dialect::CloudEvents => "event",
            Dialect::Tencent | Dialect::Aliyun => dialect.as_str(),
        };
        format!("{}/{level}/{name}", self.root)
    }

    /// The filter of all requests' topics.
    pub(super) fn requests(&self) -> String {
        format!("{}/request/#", self.root)
    }

    /// The command that is asked for under a topic.
    pub(super) fn command<'a>(&self, topic: &'a str) -> Option<&'a str> {
        self.below("request", topic)
    }

    /// The topic of an answer when the request names no other.
    pub(super) fn response(&self, command: &str) -> String {
        format!("{}/response/{command}", self.root)
    }

    /// True when an answer may go to a topic: to one below `response/`, or to another one that the configuration allows. A
    /// client that may ask the box must not publish anywhere with the box's rights.
    pub(super) fn may_answer(&self, topic: &str) -> bool {
        let plain = !topic.is_empty()
            && topic.len() <= LONGEST
            && !topic.starts_with('$')
            && !topic.contains(['+', '#', '\0']);
        let own = topic
            .strip_prefix(&self.root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let allowed = || self.answers.iter().any(|filter| covers(filter, topic));
        plain && (self.below("response", topic).is_some() || (!own && allowed()))
    }

    fn below<'a>(&self, level: &str, topic: &'a str) -> Option<&'a str> {
        let rest = topic.strip_prefix(&self.root)?.strip_prefix('/')?;
        rest.strip_prefix(level)?
            .strip_prefix('/')
            .filter(|rest| !rest.is_empty())
    }
}

/// True when a filter covers a topic (MQTT 5, 4.7).
fn covers(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        Topics::new("edgereel/box-17".to_owned(), Vec::new())
    }

    #[test]
    fn names_of_streams_cannot_be_wildcards() {
        let topic = |name: &str| topics().stream(&name.parse().unwrap());
        assert_eq!(topic("live/cam1"), "edgereel/box-17/stream/live/cam1");
        assert_eq!(topic("live/a+b#c%d"), "edgereel/box-17/stream/live/a%2Bb%23c%25d");
        assert_ne!(topic("live/a+b"), topic("live/a%2Bb"));
    }

    #[test]
    fn a_command_is_what_is_behind_request() {
        let topics = topics();
        assert_eq!(
            topics.command("edgereel/box-17/request/sync.status"),
            Some("sync.status")
        );
        for other in [
            "edgereel/box-17/request/",
            "edgereel/box-17/request",
            "edgereel/box-1/request/a",
            "edgereel/box-17/response/a",
            "",
        ] {
            assert_eq!(topics.command(other), None, "{other}");
        }
    }

    #[test]
    fn answers_go_below_response_and_where_the_configuration_allows() {
        let allowed = |filters: &[&str]| {
            let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
            Topics::new("edgereel/box-17".to_owned(), filters)
        };
        assert!(topics().may_answer("edgereel/box-17/response/x/y"));
        for elsewhere in ["reply/1", "edgereel/box-170/request/a", "edgereel/box-17x"] {
            assert!(!topics().may_answer(elsewhere), "{elsewhere}");
        }
        let some = allowed(&["reply/+", "backend/#"]);
        for (topic, good) in [
            ("reply/1", true),
            ("reply/1/2", false),
            ("reply", false),
            ("backend", true),
            ("backend/a/b", true),
            ("backends", false),
            ("edgereel/box-170/request/a", false),
        ] {
            assert_eq!(some.may_answer(topic), good, "{topic}");
        }
        // Whatever the configuration allows: no answer may go to another topic of this box.
        let topics = allowed(&["#"]);
        assert!(topics.may_answer("reply/1"));
        for bad in [
            "",
            "a/+",
            "a/#",
            "$SYS/a",
            "edgereel/box-17",
            "edgereel/box-17/request/sync.status",
            "edgereel/box-17/status",
            "edgereel/box-17/response/",
        ] {
            assert!(!topics.may_answer(bad), "{bad}");
        }
    }
}
