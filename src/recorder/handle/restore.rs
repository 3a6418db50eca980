//! Restores the recorder's state from the journal after a restart of the service.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::Recorder;
use crate::config::{Raw, Rule, TemplateSource};
use crate::recorder::orders::{RULES, TASKS, TEMPLATES};
use crate::store::Opened;

impl Recorder {
    /// Takes over the findings of [`Store::open`](crate::store::Store::open): templates, rules and tasks that commands made,
    /// recordings that wait for their publishers, and where the numbers of chunks begin. Comes before the first publish.
    pub fn restore(&self, opened: &Opened) {
        let Opened {
            open, kept, chunks, ..
        } = opened;
        let shared = &self.shared;
        let (now, synced) = (shared.now(), shared.clock.synced());
        let mut commands = Vec::new();
        {
            let mut core = shared.core();
            for source in read_kept::<TemplateSource>(kept, TEMPLATES) {
                let name = source.name().to_owned();
                if let Err(error) = core.rulebook.put_template(source) {
                    tracing::error!("template '{name}' that a command put is left out: {error}");
                }
            }
            for rule in read_kept::<Rule>(kept, RULES) {
                // The sender of the command has an answer already. The next change writes the value again.
                let rule = Rule {
                    old_form: None,
                    ..rule
                };
                if let Err(error) = core.rulebook.put_rule(rule) {
                    tracing::error!("a rule that a command put is left out: {error}");
                }
            }
            for task in read_kept(kept, TASKS) {
                core.tasks.found(task, now);
            }
            core.count_from(chunks.from);
            let targets = chunks.targets.iter();
            core.inherit(targets.map(|(stream, target_s, end)| (stream.clone(), (*target_s, *end))));
            core.restore(open, now, synced, &mut commands);
        }
        shared.submit_all(&mut commands);
    }
}

/// The values of a namespace, as far as they can be read.
fn read_kept<T: DeserializeOwned>(
    kept: &BTreeMap<String, Vec<(String, String)>>,
    namespace: &str,
) -> impl Iterator<Item = T> {
    let rows = kept.get(namespace).into_iter().flatten();
    rows.filter_map(move |(id, body)| {
        let read = serde_json::from_str::<serde_json::Value>(body).map_err(|error| error.to_string());
        let kept = read.and_then(|read| T::deserialize(Raw::from(read)).map_err(|fault| fault.to_string()));
        kept.inspect_err(|error| {
            tracing::error!("{namespace} '{id}' cannot be read and is left out: {error}");
        })
        .ok()
    })
}
