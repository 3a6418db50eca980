//! `callback.…`: the events for web services, and the events that failed.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{Command, Effect, Reach, Right, carries_out};
use crate::event::rfc3339;
use crate::media::Micros;
use crate::model::reply::{Callback, CallbackStatus, Done};
use crate::store::{Change, Command as StoreCommand, OutboxChange};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "callback.status",
        about: "Show the callbacks, and which events they did not accept",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(status -> CallbackStatus),
    },
    Command {
        name: "callback.retry",
        about: "Send again now the events that callbacks did not accept, also those that were given up",
        effect: Effect::Acts,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[],
        carry_out: carries_out!(retry -> Done),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(api: &Api, arguments: Map<String, Value>) -> Result<CallbackStatus, Failure> {
    let Nothing {} = typed(arguments)?;
    let known = api.host()?.callbacks();
    let listeners: Vec<String> = known.iter().map(|callback| callback.listener.clone()).collect();
    let missed = api
        .read(move |library| {
            let missed = listeners
                .iter()
                .map(|listener| library.missed(listener, true, 10_001));
            missed.collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let rows = known.iter().zip(missed).map(|(callback, missed)| {
        let given_up = missed.iter().filter(|missed| missed.due.is_none()).count();
        let next = missed.iter().filter_map(|missed| missed.due).min();
        let last = missed.iter().max_by_key(|missed| missed.event.sequence);
        Callback {
            name: callback.name.clone(),
            url: callback.url.clone(),
            waiting: missed.len() - given_up,
            given_up,
            next: next.map(rfc3339),
            error: last.map(|last| last.error.clone()),
        }
    });
    let hook = api.host()?.review_hook().map(|hook| Callback {
        name: "review.hook".to_owned(),
        url: hook.url,
        waiting: hook.waiting,
        given_up: 0,
        next: hook.next_in.map(|wait| {
            let wait = Micros::try_from(wait.as_micros()).unwrap_or(Micros::MAX);
            rfc3339(api.now().saturating_add(wait))
        }),
        error: hook.error,
    });
    Ok(CallbackStatus {
        callbacks: rows.chain(hook).collect(),
    })
}

async fn retry(api: &Api, arguments: Map<String, Value>) -> Result<Done, Failure> {
    let Nothing {} = typed(arguments)?;
    let host = api.host()?;
    let change = OutboxChange::RetryAll { now: api.now() };
    api.recorder
        .submit(StoreCommand::Change(Change::Outbox(change)))
        .await?;
    host.look_again();
    Ok(Done {})
}
