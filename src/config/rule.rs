//! Rules: they decide which template records which stream.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::file::Refused;
use super::{DEFAULT_TEMPLATE, Template};
use crate::media::StreamName;

/// Binds streams to a template. If several rules fit a publish, only the best one applies: the one with the highest
/// [`rank`](Rule::rank).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RuleSource")]
pub struct Rule {
    /// The host that publishers address. Any host if it is left out.
    #[serde(skip_serializing_if = "Pattern::is_any")]
    pub domain: Pattern,
    /// The streams: a pattern on `app/name`, in which `*` stands for slashes, too. Any stream if it is left out.
    #[serde(skip_serializing_if = "Pattern::is_any")]
    pub stream: Pattern,
    /// The template.
    pub template: String,
    /// When the streams are recorded.
    pub record: RecordWhen,
    /// The streams as they were written, where that was in the form of an earlier release.
    #[serde(skip)]
    pub old_form: Option<String>,
}

/// A rule as it is written. In the form of an earlier release, `app` was a key of its own, and `stream` was the name behind the
/// app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSource {
    #[serde(default)]
    domain: Pattern,
    app: Option<Pattern>,
    stream: Option<Pattern>,
    #[serde(default = "default_template")]
    template: String,
    #[serde(default)]
    record: RecordWhen,
}

impl TryFrom<RuleSource> for Rule {
    type Error = String;

    fn try_from(source: RuleSource) -> Result<Self, String> {
        let (stream, old_form) = streams(source.app, source.stream)?;
        Ok(Self {
            domain: source.domain,
            stream,
            template: source.template,
            record: source.record,
            old_form,
        })
    }
}

/// The pattern on `app/name`. For the old form also the text as it was written.
fn streams(app: Option<Pattern>, stream: Option<Pattern>) -> Result<(Pattern, Option<String>), String> {
    let (app, stream) = match (app, stream) {
        (None, None) => return Ok((Pattern::any(), None)),
        (None, Some(stream)) if stream.is_any() || stream.0.contains('/') => return Ok((stream, None)),
        (Some(app), Some(stream)) if stream.0.contains('/') => {
            return Err(format!(
                "app = \"{app}\" and stream = \"{stream}\": a stream is written as app/name; leave app out"
            ));
        }
        (None, Some(stream)) => (Pattern::any(), stream),
        (Some(app), stream) => (app, stream.unwrap_or_default()),
    };
    let written = match (app.is_any(), stream.is_any()) {
        (true, _) => format!("stream = \"{stream}\""),
        (false, true) => format!("app = \"{app}\""),
        (false, false) => format!("app = \"{app}\", stream = \"{stream}\""),
    };
    if app.is_any() && stream.is_any() {
        Ok((stream, Some("app = \"*\"".to_owned())))
    } else {
        Ok((Pattern::try_from(format!("{app}/{stream}"))?, Some(written)))
    }
}

/// When a stream that a rule is about is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RecordWhen {
    /// Whenever somebody publishes.
    #[default]
    Always,
    /// When a command, a clip or a task asks for it; nothing is written to flash before.
    OnDemand,
    /// Only when a command or a task asks for it, whatever the publisher asks for.
    Never,
}

/// A name, or a pattern of names in which `*` stands for any characters. `*` alone fits everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that fits everything.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// True for the pattern that fits everything.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// How specific the pattern is. A longer pattern is more specific. A name is more specific than a pattern that fits it.
    pub fn weight(&self) -> usize {
        weight(&self.0)
    }

    /// True when this pattern fits all that the other fits. The answer true is never wrong.
    pub fn covers(&self, other: &Pattern) -> bool {
        // Every name of a stream has a slash. Only a `*` can fit a `*` of the other pattern.
        self.fits(&other.0) || (other.is_any() && self.fits("*/*"))
    }

    /// True when streams of more than one app may fit. An app is the part before the first slash.
    pub fn leaves_app_open(&self) -> bool {
        let app = self.0.split_once('/').map(|(app, _)| app);
        app.is_none_or(|app| app.contains('*'))
    }

    /// True when a stream can have a name that fits.
    pub fn can_fit_a_stream(&self) -> bool {
        let stands_for = ["", "a", "/a", "a/", "a/a"];
        stands_for
            .iter()
            .any(|text| self.0.replace('*', text).parse::<StreamName>().is_ok())
    }

    /// True when the pattern fits the name.
    pub fn fits(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Self::any()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > 253 || text.chars().any(char::is_control) {
            return Err(
                "a name or a pattern of names has 1 to 253 bytes and no control characters; \
                 \"*\" fits everything"
                    .to_owned(),
            );
        }
        Ok(Self(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.0
    }
}

impl Rule {
    /// The rule that records every stream by the default template.
    pub fn built_in() -> Self {
        Self {
            template: default_template(),
            ..Self::default()
        }
    }

    /// Makes the rule for these streams, as a command names them.
    pub fn about(domain: Pattern, app: Option<Pattern>, stream: Option<Pattern>) -> Result<Self, String> {
        let (stream, old_form) = streams(app, stream)?;
        Ok(Self {
            domain,
            stream,
            old_form,
            ..Self::built_in()
        })
    }

    /// True when the other rule is for the same streams. Then it is a change of this rule, not another rule.
    pub fn is_about_the_same(&self, other: &Rule) -> bool {
        [&self.domain, &self.stream] == [&other.domain, &other.stream]
    }

    /// True when the rule fits a publish.
    pub fn fits(&self, stream: &StreamName, domain: Option<&str>) -> bool {
        self.stream.fits(stream.as_str())
            && (self.domain.is_any() || domain.is_some_and(|domain| self.domain.fits(domain)))
    }

    /// True when the rule fits all publishes that the other fits.
    pub fn covers(&self, other: &Rule) -> bool {
        self.domain.covers(&other.domain) && self.stream.covers(&other.stream)
    }

    /// The rank of the rule; of several rules that fit, the highest applies. A rule with domain, app and name comes before
    /// domain and name, domain and app, domain alone, and then the same without a domain. Among equal ones the more specific
    /// patterns win.
    pub fn rank(&self) -> ([bool; 3], [usize; 3]) {
        let (app, name) = self.parts();
        let weights = [self.domain.weight(), weight(name), weight(app)];
        (weights.map(|weight| weight > 0), weights)
    }

    /// App and name of the rule's streams. Where no app was given, the app's pattern fits all.
    pub fn parts(&self) -> (&str, &str) {
        self.stream.0.rsplit_once('/').unwrap_or(("*", &self.stream.0))
    }
}

/// Writes the rule's streams.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream '{}'", self.stream)?;
        if self.domain.is_any() {
            Ok(())
        } else {
            write!(f, ", domain '{}'", self.domain)
        }
    }
}

fn weight(pattern: &str) -> usize {
    let literal = pattern.len() - pattern.matches('*').count();
    2 * literal + usize::from(!pattern.contains('*'))
}

fn default_template() -> String {
    DEFAULT_TEMPLATE.to_owned()
}

/// Checks the rules as a whole.
pub(super) fn check(rules: &[Rule], templates: &[Template]) -> Result<(), Refused> {
    for (number, rule) in rules.iter().enumerate() {
        let template = &rule.template;
        let about = format!("the rule for {rule}");
        if rules
            .iter()
            .take(number)
            .any(|other| rule.is_about_the_same(other))
        {
            return Err(Refused::new("rule.stream", format!("{about} is there twice")).of(number));
        }
        if template != DEFAULT_TEMPLATE && templates.iter().all(|known| known.name != *template) {
            let known: Vec<&str> = templates.iter().map(|known| known.name.as_str()).collect();
            let message = format!(
                "{about} names the template '{template}', and there is none; there are: {}",
                [known, vec![DEFAULT_TEMPLATE]].concat().join(", ")
            );
            return Err(Refused::new("rule.template", message).of(number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn patterns_fit_what_they_say() {
        for (text, fits, not) in [
            ("*", vec!["", "a", "a/b"], vec![]),
            ("cam1", vec!["cam1"], vec!["cam", "cam12", "xcam1"]),
            ("cam*", vec!["cam", "cam1", "camera"], vec!["ca", "xcam"]),
            ("*cam", vec!["cam", "xcam"], vec!["cam1"]),
            ("a*b*c", vec!["abc", "axbxc", "abbcc"], vec!["ab", "acb", "abcd"]),
            ("aba*aba", vec!["abaaba", "abaxaba"], vec!["aba", "ababa"]),
        ] {
            let pattern = pattern(text);
            assert!(fits.iter().all(|name| pattern.fits(name)), "{text}");
            assert!(!not.iter().any(|name| pattern.fits(name)), "{text}");
        }
        assert!(pattern("cam1").weight() > pattern("cam*").weight());
        assert!(pattern("cam*").weight() > pattern("*").weight());
        assert!(Pattern::try_from("a\nb".to_owned()).is_err());
    }

    fn rule(text: &str) -> Result<Rule, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_of_an_earlier_release_stands_for_one_on_app_and_name() {
        for (text, stream, old) in [
            ("", "*", None),
            ("stream = \"live/cam*\"", "live/cam*", None),
            ("stream = \"*\"", "*", None),
            ("app = \"live\"", "live/*", Some("app = \"live\"")),
            ("stream = \"cam*\"", "*/cam*", Some("stream = \"cam*\"")),
            (
                "app = \"*\"\nstream = \"cam1\"",
                "*/cam1",
                Some("stream = \"cam1\""),
            ),
            (
                "app = \"l*\"\nstream = \"c*\"",
                "l*/c*",
                Some("app = \"l*\", stream = \"c*\""),
            ),
            ("app = \"*\"", "*", Some("app = \"*\"")),
        ] {
            let rule = rule(text).unwrap();
            assert_eq!(
                (rule.stream.as_str(), rule.old_form.as_deref()),
                (stream, old),
                "{text}"
            );
            // The rule is printed in the new form, and that reads back to the same rule.
            let again: Rule = toml::from_str(&toml::to_string(&rule).unwrap()).unwrap();
            assert_eq!(
                again,
                Rule {
                    old_form: None,
                    ..rule
                }
            );
        }
        let both = rule("app = \"live\"\nstream = \"live/cam1\"").unwrap_err();
        assert!(both.contains("leave app out"), "{both}");
        assert!(
            rule("app = \"live\"\nstraem = \"x\"")
                .unwrap_err()
                .contains("unknown field `straem`")
        );
    }

    #[test]
    fn the_rule_that_says_more_applies() {
        let order = [
            "domain = \"b\"\nstream = \"live/cam\"",
            "domain = \"b\"\nstream = \"*/cam\"",
            "domain = \"b\"\nstream = \"live/*\"",
            "domain = \"b\"",
            "stream = \"live/cam\"",
            "stream = \"live/c*\"",
            "stream = \"*/cam\"",
            "stream = \"*/c*\"",
            "stream = \"live/room/*\"",
            "stream = \"live/*\"",
            "stream = \"l*/*\"",
            "",
        ];
        let ranks: Vec<_> = order.iter().map(|text| rule(text).unwrap().rank()).collect();
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:?}");
    }

    #[test]
    fn it_is_known_what_a_pattern_covers_and_what_no_stream_is_called() {
        for (wide, narrow, covers) in [
            ("*", "live/*", true),
            ("*/*", "*", true),
            ("*", "*", true),
            ("live/*", "live/cam*", true),
            ("live/*", "live/cam1", true),
            ("live/cam1", "live/*", false),
            ("live/*", "*", false),
            ("*/cam", "live/c*", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
        for can in [
            "*",
            "live/*",
            "live*",
            "*1",
            "l*1",
            "*/a/b*",
            "live/cam1",
            "a*b*c",
        ] {
            assert!(pattern(can).can_fit_a_stream(), "{can}");
        }
        let long = "x".repeat(90);
        for cannot in ["live", "/live/*", "live//*", "live/../*", "*/", "live/.", &long] {
            assert!(!pattern(cannot).can_fit_a_stream(), "{cannot}");
        }
    }

    #[test]
    fn rules_that_contradict_each_other_or_name_nothing_are_refused() {
        let twice = [Rule::built_in(), Rule::built_in()];
        assert!(check(&twice, &[]).unwrap_err().message.contains("is there twice"));
        let lost = Rule {
            template: "lesson".to_owned(),
            ..Rule::built_in()
        };
        assert!(check(&[lost], &[]).unwrap_err().message.contains("'lesson'"));
        assert_eq!(check(&[Rule::built_in()], &[]), Ok(()));
    }
}
