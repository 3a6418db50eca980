//! Rules: which stream is recorded by which template.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DEFAULT_TEMPLATE, Template};

/// Binds streams to a template. Of all rules that fit a publish only the best one applies: domain, app and stream
/// before domain and stream, before domain and app, before domain; then the same without a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The host that publishers address; any, if it is left out.
    #[serde(default, skip_serializing_if = "Pattern::is_any")]
    pub domain: Pattern,
    /// The app; any, if it is left out.
    #[serde(default, skip_serializing_if = "Pattern::is_any")]
    pub app: Pattern,
    /// The stream's name within the app; any, if it is left out.
    #[serde(default, skip_serializing_if = "Pattern::is_any")]
    pub stream: Pattern,
    /// The template.
    #[serde(default = "default_template")]
    pub template: String,
    /// When it is recorded.
    #[serde(default)]
    pub record: RecordWhen,
}

/// When a stream that a rule is about is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// The one that fits everything.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// True for the one that fits everything.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// How much it says: nothing, some of the name, all of it.
    pub fn weight(&self) -> usize {
        match self.0.contains('*') {
            true => self.0.len() - 1,
            false => usize::MAX,
        }
    }

    /// True when it fits the name.
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

    /// As it was written.
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
    /// Every stream, by the default template.
    pub fn built_in() -> Self {
        Self {
            template: default_template(),
            ..Self::default()
        }
    }

    /// True when the other is about the same streams: a change of it, not another rule.
    pub fn is_about_the_same(&self, other: &Rule) -> bool {
        [&self.domain, &self.app, &self.stream] == [&other.domain, &other.app, &other.stream]
    }
}

fn default_template() -> String {
    DEFAULT_TEMPLATE.to_owned()
}

/// What is wrong with rules as a whole.
pub(super) fn check(rules: &[Rule], templates: &[Template]) -> Result<(), String> {
    for (number, rule) in rules.iter().enumerate() {
        let Rule {
            domain,
            app,
            stream,
            template,
            ..
        } = rule;
        let about = format!("the rule for domain '{domain}', app '{app}', stream '{stream}'");
        if rules
            .iter()
            .take(number)
            .any(|other| rule.is_about_the_same(other))
        {
            return Err(format!("{about} is there twice"));
        }
        if template != DEFAULT_TEMPLATE && templates.iter().all(|known| known.name != *template) {
            let known: Vec<&str> = templates.iter().map(|known| known.name.as_str()).collect();
            return Err(format!(
                "{about} names the template '{template}', and there is none; there are: {}",
                [known, vec![DEFAULT_TEMPLATE]].concat().join(", ")
            ));
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

    #[test]
    fn rules_that_contradict_each_other_or_name_nothing_are_refused() {
        let twice = [Rule::built_in(), Rule::built_in()];
        assert!(check(&twice, &[]).unwrap_err().contains("is there twice"));
        let lost = Rule {
            template: "lesson".to_owned(),
            ..Rule::built_in()
        };
        assert!(check(&[lost], &[]).unwrap_err().contains("'lesson'"));
        assert_eq!(check(&[Rule::built_in()], &[]), Ok(()));
    }
}
