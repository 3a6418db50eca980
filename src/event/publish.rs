//! What is told of a publish.

use serde::Serialize;

/// Who publishes, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PublishAbout {
    /// The address it comes from, without the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The host that it addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The name and version that the publisher gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// The parameters after the stream's name, without possible secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

/// Whether a publish is recorded now, and by what, or why not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recorded {
    /// True when it is.
    pub now: bool,
    /// In a sentence: `recorded as …`, or `not recorded, because …` with what to do.
    pub text: String,
    /// Why not, for programs: `no_rule`, `no_template`, `template_off`, `on_demand`, `never`, `nothing_left`, `stopped` or
    /// `storage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What records the stream; clips are not counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<RecordedBy>,
}

/// What records a publish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordedBy {
    /// What began the recording: `rule`, `push`, `manual` or `task`.
    pub origin: String,
    /// The template; empty if none is used.
    pub template: String,
    /// The formats.
    pub formats: Vec<String>,
    /// The streams of the rule; absent for the built-in rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// What came of a publish. Nothing of it is known of one that the end of a run cut off.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PublishOutcome {
    /// From its first moment to the end of its media, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Bytes of media that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Width of the picture in the end, pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Its height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Who it was.
    #[serde(flatten)]
    pub about: PublishAbout,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn what_is_not_known_is_left_out() {
        let about = PublishAbout {
            peer: Some("192.0.2.7".into()),
            ..PublishAbout::default()
        };
        let event = Event::PublishStarted {
            stream: "live/a".into(),
            publish: "p".into(),
            recorded: Recorded::default(),
            about: about.clone(),
        };
        assert_eq!(
            event.body(),
            r#"{"stream":"live/a","publish":"p","recorded":{"now":false,"text":""},"peer":"192.0.2.7"}"#
        );
        let outcome = PublishOutcome {
            duration_s: Some(1.5),
            bytes: Some(7),
            about,
            ..PublishOutcome::default()
        };
        let event = Event::PublishEnded {
            stream: "live/a".into(),
            publish: "p".into(),
            reason: "unpublished".into(),
            outcome,
        };
        assert_eq!(
            event.body(),
            r#"{"stream":"live/a","publish":"p","reason":"unpublished","duration_s":1.5,"bytes":7,"peer":"192.0.2.7"}"#
        );
    }
}
