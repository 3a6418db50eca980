//! `sync.…`: what is delivered.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Kind, takes};
use crate::config::ByteRate;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sync.status",
        about: "Tells how delivery is: what is recorded, waits, is on its way, was set aside, and when it goes",
        effect: Effect::Reads,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(status(api, arguments)),
    },
    Command {
        name: "sync.check",
        about: "Tries whether the store lets this box do what deliveries need, and says what is missing",
        effect: Effect::Acts,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(check(api, arguments)),
    },
    Command {
        name: "sync.pause",
        about: "Stops delivering until sync.resume, also after a restart",
        effect: Effect::Changes,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(pause(api, arguments, true)),
    },
    Command {
        name: "sync.resume",
        about: "Goes on delivering",
        effect: Effect::Changes,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(pause(api, arguments, false)),
    },
    Command {
        name: "sync.retry",
        about: "Tries everything again now, also what was set aside",
        effect: Effect::Acts,
        arguments: &[],
        carry_out: |api, arguments| Box::pin(retry(api, arguments)),
    },
    Command {
        name: "sync.limit",
        about: "Sets how fast is delivered, also after a restart",
        effect: Effect::Changes,
        arguments: &[takes(
            "rate",
            Kind::Text,
            "at most so much, as in 2 MiB/s; without a limit, if left out",
        )],
        carry_out: |api, arguments| Box::pin(limit(api, arguments)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    let status = api.uploader()?.status().await?;
    Ok(json!(status))
}

async fn check(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    let checked = api.uploader()?.check().await?;
    Ok(json!(checked))
}

async fn pause(api: &Api, arguments: Map<String, Value>, paused: bool) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    api.uploader()?.pause(paused).await?;
    Ok(json!({ "paused": paused }))
}

async fn retry(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Nothing {} = typed(arguments)?;
    api.uploader()?.retry().await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    rate: Option<ByteRate>,
}

async fn limit(api: &Api, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let Limit { rate } = typed(arguments)?;
    let bytes = rate.map(ByteRate::bytes);
    api.uploader()?.limit(bytes).await?;
    Ok(json!({ "max_rate": bytes }))
}
