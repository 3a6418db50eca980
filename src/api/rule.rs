//! `rule.…`: which stream is recorded how. Rules of commands replace those of the configuration. A change applies to the next
//! push.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, PAGE, Reach, Right, Values, carries_out, takes};
use super::paged::{Window, paged};
use crate::config::{Advice, Pattern, Rule};
use crate::model::reply::{self, Origin, RuleDeleted, RuleList, RulePut};

pub(super) const COMMANDS: &[Command] =
    &[
        Command {
            name: "rule.put",
            about: "Add a rule, or replace the rule for the same streams; it applies from the next push on",
            effect: Effect::Changes,
            right: Right::Operate,
            reach: Reach::Box,
            arguments: &[
                takes(
                    "domain",
                    Kind::Text,
                    "the host that publishers address; default any",
                ),
                takes(
                    "stream",
                    Kind::Text,
                    "the streams, as in live/cam1 or live/*; default all",
                )
                .of(Values::Streams),
                takes(
                    "app",
                    Kind::Text,
                    "deprecated: the app, when 'stream' has no slash",
                ),
                takes("template", Kind::Text, "the template; default 'default'").of(Values::Templates),
                takes("record", Kind::Text, "always, on-demand or never; default always")
                    .of(Values::Words(&["always", "on-demand", "never"])),
            ],
            carry_out: carries_out!(put -> RulePut),
        },
        Command {
            name: "rule.list",
            about: "List all rules in the order in which they apply",
            effect: Effect::Reads,
            right: Right::Operate,
            reach: Reach::Box,
            arguments: PAGE,
            carry_out: carries_out!(list -> RuleList),
        },
        Command {
            name: "rule.delete",
            about: "Remove a rule that a command added",
            effect: Effect::Ends,
            right: Right::Operate,
            reach: Reach::Box,
            arguments: &[
                takes("domain", Kind::Text, "as in the rule"),
                takes("stream", Kind::Text, "as in the rule").of(Values::Streams),
                takes("app", Kind::Text, "deprecated: as in the rule"),
            ],
            carry_out: carries_out!(delete -> RuleDeleted),
        },
    ];

async fn put(api: &Api, arguments: Map<String, Value>) -> Result<RulePut, Failure> {
    let rule: Rule = typed(arguments)?;
    let advice = api.recorder.put_rule(rule.clone()).await?;
    Ok(RulePut {
        rule: shown(&rule, true),
        warnings: warnings(&advice),
    })
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<RuleList, Failure> {
    let window = Window::of(arguments)?;
    let rules = api.recorder.rules();
    let (rules, next) = paged(window, &rules, |(rule, put)| shown(rule, *put));
    Ok(RuleList { rules, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(default)]
    domain: Pattern,
    app: Option<Pattern>,
    stream: Option<Pattern>,
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<RuleDeleted, Failure> {
    let About { domain, app, stream } = typed(arguments)?;
    let about = Rule::about(domain, app, stream).map_err(|wrong| Failure::bad(wrong).about("app"))?;
    let advice = api.recorder.delete_rule(&about).await?;
    Ok(RuleDeleted {
        domain: about.domain,
        stream: about.stream,
        warnings: warnings(&advice),
    })
}

fn shown(rule: &Rule, put: bool) -> reply::Rule {
    reply::Rule {
        domain: rule.domain.clone(),
        stream: rule.stream.clone(),
        template: rule.template.clone(),
        record: rule.record,
        from: origin(put),
    }
}

/// The warnings beside an answer.
pub(super) fn warnings(advice: &[Advice]) -> Vec<String> {
    advice.iter().map(ToString::to_string).collect()
}

/// The origin of a rule or a template.
pub(super) fn origin(put: bool) -> Origin {
    if put {
        Origin::Command
    } else {
        Origin::Configuration
    }
}
