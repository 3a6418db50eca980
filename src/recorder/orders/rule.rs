//! Rules and templates that commands put; they replace those of the configuration.

use super::{OrderError, RULES, TEMPLATES, to_json};
use crate::config::{Advice, Rule, Template, TemplateSource};
use crate::recorder::core::Core;
use crate::recorder::rulebook::RuleError;
use crate::recorder::tasks::Task;
use crate::store::{Change, Command};

impl Core {
    /// Puts a template in place of the configuration's, from the next push on.
    pub(in crate::recorder) fn put_template(
        &mut self,
        source: TemplateSource,
        out: &mut Vec<Command>,
    ) -> Result<(), OrderError> {
        let body = to_json(&source);
        let id = source.name().to_owned();
        self.rulebook.put_template(source)?;
        out.push(Command::Change(Change::Keep {
            namespace: TEMPLATES,
            id,
            body,
            tell: Vec::new(),
        }));
        Ok(())
    }

    /// Removes a template that a command put.
    pub(in crate::recorder) fn delete_template(
        &mut self,
        name: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), OrderError> {
        let needed = |task: &&Task| task.template.as_deref() == Some(name) && task.state.is_live();
        if let Some(task) = self.tasks.list(None, None, None).find(needed) {
            let by = format!("task {}", task.id);
            let name = name.to_owned();
            return Err(RuleError::Needed { name, by }.into());
        }
        self.rulebook.delete_template(name)?;
        out.push(Command::Change(Change::Keep {
            namespace: TEMPLATES,
            id: name.to_owned(),
            body: None,
            tell: Vec::new(),
        }));
        Ok(())
    }

    /// Puts a rule in place of the configuration's, from the next push on.
    pub(in crate::recorder) fn put_rule(
        &mut self,
        rule: Rule,
        out: &mut Vec<Command>,
    ) -> Result<(), OrderError> {
        let (ids, body) = (rule_ids(&rule), to_json(&rule));
        self.rulebook.put_rule(rule)?;
        out.extend(keep(ids, body));
        Ok(())
    }

    /// Removes a rule that a command put.
    pub(in crate::recorder) fn delete_rule(
        &mut self,
        about: &Rule,
        out: &mut Vec<Command>,
    ) -> Result<(), OrderError> {
        self.rulebook.delete_rule(about)?;
        out.extend(keep(rule_ids(about), None));
        Ok(())
    }

    /// The warnings about templates and rules.
    pub(in crate::recorder) fn advice(&self) -> Vec<Advice> {
        let live = |task: &&Task| task.state.is_live();
        let tasks = || self.tasks.list(None, None, None).filter(live);
        self.rulebook
            .advice(|name| tasks().any(|task| task.template.as_deref() == Some(name)))
    }

    /// Templates, and whether a command put each. Templates that switch recording off are among them.
    pub(in crate::recorder) fn templates(&self) -> Vec<(Template, bool)> {
        self.rulebook
            .templates()
            .map(|(template, put)| (template.clone(), put))
            .collect()
    }

    /// Rules in the order in which they apply, and whether a command put each.
    pub(in crate::recorder) fn rules(&self) -> Vec<(Rule, bool)> {
        self.rulebook
            .rules()
            .map(|(rule, put)| (rule.clone(), put))
            .collect()
    }
}

/// The id of a rule in the journal, and the id that an earlier release may have used.
fn rule_ids(rule: &Rule) -> [String; 2] {
    let (app, name) = rule.parts();
    [
        format!("{}|{app}|{name}", rule.domain),
        format!("{}|*|{}", rule.domain, rule.stream),
    ]
}

/// Stores a rule under the first of these ids, and removes it under the others.
fn keep(ids: [String; 2], body: Option<String>) -> impl Iterator<Item = Command> {
    let [id, old] = ids;
    let other = (old != id).then_some((old, None));
    let all = other.into_iter().chain([(id, body)]);
    all.map(|(id, body)| {
        Command::Change(Change::Keep {
            namespace: RULES,
            id,
            body,
            tell: Vec::new(),
        })
    })
}
