//! `rule.…`: which stream is recorded how, over what the configuration says. A change applies to the next push.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::Failure;
use super::arguments::{Limit, typed};
use super::command::{Command, Effect, Kind, takes};
use super::paged::{Window, paged};
use crate::config::{Advice, Pattern, Rule};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "rule.put",
        about: "Puts a rule in force, from the next push on; over one for the same streams",
        effect: Effect::Changes,
        arguments: &[
            takes(
                "domain",
                Kind::Text,
                "the host that publishers address; any, if left out",
            ),
            takes(
                "stream",
                Kind::Text,
                "the streams, as in live/cam1 or live/*; any, if left out",
            ),
            takes(
                "app",
                Kind::Text,
                "deprecated: the app, before a stream without a slash",
            ),
            takes("template", Kind::Text, "the template; 'default', if left out"),
            takes(
                "record",
                Kind::Text,
                "always, on-demand or never; always, if left out",
            ),
        ],
        carry_out: |api, arguments| Box::pin(put(api, arguments)),
    },
    Command {
        name: "rule.list",
        about: "Lists all rules in the order in which they apply",
        effect: Effect::Reads,
        arguments: &[
            takes(
                "limit",
                Kind::Number,
                "at most so many, 1 to 100; 50, if left out",
            ),
            takes(
                "after",
                Kind::Text,
                "go on where the list before ended: its 'next'",
            ),
        ],
        carry_out: |api, arguments| Box::pin(list(api, arguments)),
    },
    Command {
        name: "rule.delete",
        about: "Takes back a rule that a command put",
        effect: Effect::Ends,
        arguments: &[
            takes("domain", Kind::Text, "as it was put"),
            takes("stream", Kind::Text, "as it was put"),
            takes("app", Kind::Text, "deprecated: as it was put"),
        ],
        carry_out: |api, arguments| Box::pin(delete(api, arguments)),
    },
];

async fn put(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let rule: Rule = typed(arguments)?;
    let advice = api.recorder.put_rule(rule.clone()).await?;
    Ok(warned(shown(&rule, true), &advice))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let List { limit, after } = typed(arguments)?;
    let window = Window::new(limit, after.as_deref())?;
    let rules = api.recorder.rules();
    let (rules, next) = paged(window, &rules, |(rule, put)| shown(rule, *put));
    Ok(json!({ "rules": rules, "next": next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(default)]
    domain: Pattern,
    app: Option<Pattern>,
    stream: Option<Pattern>,
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let About { domain, app, stream } = typed(arguments)?;
    let about = Rule::about(domain, app, stream).map_err(|wrong| Failure::bad(wrong).about("app"))?;
    let advice = api.recorder.delete_rule(&about).await?;
    let about = json!({ "domain": about.domain, "stream": about.stream });
    Ok(warned(about, &advice))
}

fn shown(rule: &Rule, put: bool) -> Value {
    json!({
        "domain": rule.domain,
        "stream": rule.stream,
        "template": rule.template,
        "record": rule.record,
        "from": source(put),
    })
}

/// An answer with what there is to say beside it.
pub(super) fn warned(mut answer: Value, advice: &[Advice]) -> Value {
    if let (Some(object), false) = (answer.as_object_mut(), advice.is_empty()) {
        let warnings: Vec<String> = advice.iter().map(ToString::to_string).collect();
        object.insert("warnings".to_owned(), warnings.into());
    }
    answer
}

/// Where a rule or a template comes from.
pub(super) fn source(put: bool) -> &'static str {
    match put {
        true => "command",
        false => "configuration",
    }
}
