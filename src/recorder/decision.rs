//! Whether a publish is recorded, by which rule, and why not: one answer for the log, events and lists.

use super::session::{Plan, Session};
use crate::config::{Rule, Template};
use crate::event::{Recorded, RecordedBy};
use crate::media::StreamName;
use crate::model::Origin;

/// The decision of rules and push parameters about a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The publish is recorded from its first frame on. `rule` is the rule that says so; `None` for the built-in one, or if the
    /// push asked.
    Record { plan: Plan, rule: Option<String> },
    /// The stream is recorded only by command.
    Not(WhyNot),
}

/// Why nothing of a publish is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WhyNot {
    /// There are rules, and none matches the stream.
    NoRule,
    /// The stream's rule names a template that does not exist.
    NoTemplate { rule: String, template: String },
    /// The template of the stream's rule has no outputs.
    TemplateOff { rule: String, template: String },
    /// The stream's rule records only when somebody asks.
    OnDemand { rule: String },
    /// The stream's rule forbids recording.
    Never { rule: String },
    /// The push leaves no output of the template.
    NothingLeft { template: String },
    /// The recording was ended, and the publish goes on.
    Stopped,
}

impl Verdict {
    /// The plan, if the publish is to be recorded.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match self {
            Verdict::Record { plan, .. } => Some(plan),
            Verdict::Not(_) => None,
        }
    }

    /// The decision now, given the sessions of the stream.
    pub(super) fn now(&self, stream: &StreamName, sessions: &[Session]) -> Recorded {
        let records = |session: &&Session| session.wants_tape() && session.spec.about.origin != Origin::Clip;
        let by: Vec<RecordedBy> = sessions
            .iter()
            .filter(records)
            .map(|session| self.by(session))
            .collect();
        if !by.is_empty() {
            let text: Vec<String> = by.iter().map(sentence).collect();
            return Recorded {
                now: true,
                text: format!("recorded as {}", text.join("; and as ")),
                why_not: None,
                by,
            };
        }
        let why = match self {
            Verdict::Record { .. } => &WhyNot::Stopped,
            Verdict::Not(why) => why,
        };
        Recorded {
            now: false,
            text: format!("not recorded, because {}", why.text(stream)),
            why_not: Some(why.code().to_owned()),
            by,
        }
    }

    fn by(&self, session: &Session) -> RecordedBy {
        let about = &session.spec.about;
        let rule = match (self, about.origin) {
            (Verdict::Record { rule, .. }, Origin::Rule) => rule.clone(),
            _ => None,
        };
        RecordedBy {
            origin: about.origin.as_str().to_owned(),
            template: about.template.clone(),
            formats: session.formats().map(|format| format.to_string()).collect(),
            rule,
            task: about.task.clone(),
        }
    }
}

/// Corrects the decision while the storage takes no media.
pub(super) fn held_up(recorded: &mut Recorded, reason: &str) {
    if recorded.now {
        recorded.now = false;
        recorded.why_not = Some("storage".to_owned());
        let usual = recorded.text.trim_start_matches("recorded ");
        recorded.text = format!(
            "not recorded, because the storage accepts no media now: {reason}; goes on {usual}, as soon as it does"
        );
        recorded.by.clear();
    }
}

fn sentence(by: &RecordedBy) -> String {
    let formats = by.formats.join(", ");
    let template = if by.template.is_empty() {
        String::new()
    } else {
        format!(" by template '{}'", by.template)
    };
    match (by.origin.as_str(), &by.rule, &by.task) {
        ("push", ..) => format!("{formats}, as the push asks"),
        ("manual", ..) => format!("{formats}{template}, started by command"),
        (_, _, Some(task)) => format!("{formats}{template}, for task {task}"),
        (_, Some(rule), _) => format!("{formats}{template} and the rule for {rule}"),
        _ => format!("{formats}{template} and the built-in rule for every stream"),
    }
}

impl WhyNot {
    /// The reason as a code, for programs.
    fn code(&self) -> &'static str {
        match self {
            WhyNot::NoRule => "no_rule",
            WhyNot::NoTemplate { .. } => "no_template",
            WhyNot::TemplateOff { .. } => "template_off",
            WhyNot::OnDemand { .. } => "on_demand",
            WhyNot::Never { .. } => "never",
            WhyNot::NothingLeft { .. } => "nothing_left",
            WhyNot::Stopped => "stopped",
        }
    }

    /// The reason in words, with what the user can do.
    fn text(&self, stream: &StreamName) -> String {
        match self {
            WhyNot::NoRule => format!("no rule fits it; add a [[rule]] with stream = \"{stream}\" or a pattern"),
            WhyNot::NoTemplate { rule, template } => format!(
                "the rule for {rule} names the template '{template}', which is not there; add a [[template]] of that name"
            ),
            WhyNot::TemplateOff { rule, template } => format!(
                "the rule for {rule} names the template '{template}', which has formats = []; name formats in it, or another \
                 template"
            ),
            WhyNot::OnDemand { rule } => format!(
                "the rule for {rule} says record = \"on-demand\"; a command (edgereel recording start), a task or the push has \
                 to ask"
            ),
            WhyNot::Never { rule } => format!(
                "the rule for {rule} says record = \"never\"; only a command (edgereel recording start) or a task can ask"
            ),
            WhyNot::NothingLeft { template } => format!(
                "record_type of the push leaves nothing of what template '{template}' makes; leave it out"
            ),
            WhyNot::Stopped => {
                "its recording was ended by a command; a command (edgereel recording start) or the next publish records it again"
                    .to_owned()
            }
        }
    }
}

/// The reason why the template of a rule has no outputs for a publish.
pub(super) fn nothing(rule: &Rule, template: Option<&Template>) -> WhyNot {
    let (about, name) = (rule.to_string(), rule.template.clone());
    match template {
        None => WhyNot::NoTemplate {
            rule: about,
            template: name,
        },
        Some(template) if template.is_off() => WhyNot::TemplateOff {
            rule: about,
            template: name,
        },
        Some(_) => WhyNot::NothingLeft { template: name },
    }
}
