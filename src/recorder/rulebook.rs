//! How each stream is recorded: the templates and rules of the configuration, and those of commands, which replace them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decision::{Verdict, WhyNot, nothing};
use super::push::PushParameters;
use super::session::Plan;
use crate::config::{
    Advice, DEFAULT_TEMPLATE, RecordWhen, Rule, Template, TemplateError, TemplateSource, of_rules,
};
use crate::format::Format;
use crate::media::StreamName;
use crate::model::{About, Encrypt, Media, Origin, Output, ReviewWhen, Span};
use crate::store::RecordingSpec;

/// Most rules that commands may put, so that a list fits where lists are shown and a publish is not held up.
const MOST_RULES: usize = 10_000;
const MOST_TEMPLATES: usize = 1_000;

/// Templates and rules. Those that a command put replace the configuration's for the same streams or under the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rulebook {
    configured: RuleSet,
    commanded: RuleSet,
    /// The rules by rank: the first rule that fits applies.
    order: Vec<Rule>,
    templates: BTreeMap<String, Template>,
    /// There is a master key: what nobody knows how to treat any more is closed.
    has_master_key: bool,
}

#[derive(Clone, Debug, Default)]
struct RuleSet {
    templates: Vec<Template>,
    rules: Vec<Rule>,
}

/// Why a template or a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The template is not valid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no template of this name.
    #[error("there is no template '{0}'")]
    NoTemplate(String),
    /// No command put such a rule.
    #[error("no command put a rule for {0}")]
    NoRule(String),
    /// The template encrypts, and viewers would see the stream in clear.
    #[error(
        "template '{template}' encrypts, and '{stream}' can be watched in clear, because its rule names a template that does not \
         encrypt, or that has also_clear = true: let the stream's rule name a template that encrypts as this one does"
    )]
    InClear {
        /// The template.
        template: String,
        /// The stream.
        stream: StreamName,
    },
    /// Rules or tasks need the template.
    #[error("template '{name}' is needed by {by}")]
    Needed {
        /// The template.
        name: String,
        /// The rules or tasks that need it.
        by: String,
    },
    /// The template or rule comes from the configuration file.
    #[error("{0} is in the configuration file; change it there, or put another over it")]
    Configured(String),
    /// There are as many as are allowed.
    #[error("there are {0} already, and no more are taken")]
    TooMany(usize),
}

impl Rulebook {
    /// Sets the configuration's templates and rules. Those that commands put stay.
    pub(super) fn configure(&mut self, templates: Vec<Template>, rules: Vec<Rule>) {
        self.configured = RuleSet { templates, rules };
        self.arrange();
    }

    /// Says whether there is a master key.
    pub(super) fn set_master_key(&mut self, is_there: bool) {
        self.has_master_key = is_there;
    }

    /// The plan of a publish from its first frame on, or the reason why it is not recorded.
    pub(super) fn verdict(
        &self,
        stream: &StreamName,
        domain: Option<&str>,
        asked: &PushParameters,
    ) -> Verdict {
        let rule = self.rule(stream, domain);
        let ruled = rule.and_then(|rule| self.templates.get(&rule.template));
        // A rule that forbids recording a stream holds, whatever a publisher asks for.
        let off =
            rule.is_some_and(|rule| rule.record == RecordWhen::Never) || ruled.is_some_and(Template::is_off);
        let pushed = asked.template().filter(|_| !off);
        let plan = |origin, template: &Template| {
            let outputs = self.outputs(stream, template, asked.media);
            (!outputs.is_empty()).then(|| Plan {
                about: About {
                    origin,
                    template: template.name.clone(),
                    domain: domain.map(str::to_owned),
                    ..About::default()
                },
                until: None,
                outputs,
            })
        };
        if let Some(template) = pushed {
            return match plan(Origin::Push, &template) {
                Some(plan) => Verdict::Record { plan, rule: None },
                None => Verdict::Not(WhyNot::NothingLeft {
                    template: template.name,
                }),
            };
        }
        let Some(rule) = rule else {
            return Verdict::Not(WhyNot::NoRule);
        };
        let about = || rule.to_string();
        match rule.record {
            RecordWhen::OnDemand => Verdict::Not(WhyNot::OnDemand { rule: about() }),
            RecordWhen::Never => Verdict::Not(WhyNot::Never { rule: about() }),
            RecordWhen::Always => match ruled.and_then(|template| plan(Origin::Rule, template)) {
                Some(plan) => {
                    let rule = (!self.is_built_in()).then(about);
                    Verdict::Record { plan, rule }
                }
                None => Verdict::Not(nothing(rule, ruled)),
            },
        }
    }

    /// True while there is no rule but the built-in one.
    fn is_built_in(&self) -> bool {
        self.commanded.rules.is_empty() && self.configured.rules.is_empty()
    }

    /// The rule that applies to a stream.
    pub(super) fn rule(&self, stream: &StreamName, domain: Option<&str>) -> Option<&Rule> {
        self.order.iter().find(|rule| rule.fits(stream, domain))
    }

    /// A template by its name; without a name, the one of the stream's rule.
    pub(super) fn template(&self, name: Option<&str>, stream: &StreamName) -> Result<&Template, RuleError> {
        let ruled = || self.rule(stream, None).map(|rule| rule.template.as_str());
        let name = name.or_else(ruled).unwrap_or(DEFAULT_TEMPLATE);
        let template = self.templates.get(name).filter(|template| !template.is_off());
        let template = template.ok_or_else(|| RuleError::NoTemplate(name.to_owned()))?;
        let closes = |encrypt: Option<Encrypt>| encrypt.map(|encrypt| !encrypt.also_clear);
        // What the template closes more than the stream is would be watched in clear beside its recordings.
        if closes(template.encrypt()) > closes(self.encrypt(stream)) {
            return Err(RuleError::InClear {
                template: name.to_owned(),
                stream: stream.clone(),
            });
        }
        Ok(template)
    }

    /// A template's outputs for a stream, limited to some tracks if the rule or the push says so.
    pub(super) fn outputs(
        &self,
        stream: &StreamName,
        template: &Template,
        media: Option<Media>,
    ) -> Vec<Arc<Output>> {
        let of = |output: &Output| {
            let mut output = output.clone();
            output.media = media.unwrap_or(output.media);
            if output.media == Media::Video {
                output.formats.retain(|format| *format != Format::Aac);
            }
            (!output.formats.is_empty()).then(|| Arc::new(self.closed(stream, output)))
        };
        let mut outputs: Vec<Arc<Output>> = Vec::new();
        for output in template.outputs.iter().filter_map(of) {
            // Of a closed stream, several formats may have become HLS.
            if !outputs.contains(&output) {
                outputs.push(output);
            }
        }
        outputs
    }

    /// An output, as closed as its stream. What is closed is HLS: no other format of it could be had or delivered.
    pub(super) fn closed(&self, stream: &StreamName, mut output: Output) -> Output {
        let said = [output.encrypt, self.encrypt(stream)];
        output.encrypt = said.into_iter().flatten().reduce(Encrypt::and);
        output.review = output.review.and(self.review(stream));
        if output.is_closed() && output.formats != [Format::Hls] {
            let formats: Vec<&str> = output.formats.iter().map(|format| format.as_str()).collect();
            tracing::warn!(
                %stream,
                "recorded as hls instead of {}: the stream is encrypted, and other formats would give it away in clear",
                formats.join(", ")
            );
            output.formats = vec![Format::Hls];
        }
        output
    }

    /// How the HLS of a stream is encrypted, if a template of its rules says so. What one of them closes is closed: a viewer names no
    /// domain of a publisher. Where a template is gone, nobody knows what it said.
    pub(super) fn encrypt(&self, stream: &StreamName) -> Option<Encrypt> {
        let lost = || self.has_master_key.then(Encrypt::default);
        let said = self
            .applying(stream)
            .filter_map(|template| template.map_or_else(lost, Template::encrypt));
        said.reduce(Encrypt::and)
    }

    /// How the HLS of a recording is encrypted, if it is: as it was decided when it began, or as the rules of its stream say now. Of a
    /// recording that was found again it is not known what was decided: it is closed, unless a rule says something about its stream.
    pub(super) fn encrypt_recorded(&self, stream: &StreamName, spec: &RecordingSpec) -> Option<Encrypt> {
        let is_unknown = self.has_master_key && !spec.is_known() && !self.says_something(stream);
        let lost = is_unknown.then(Encrypt::default);
        let said = [spec.output.encrypt, self.encrypt(stream), lost];
        said.into_iter().flatten().reduce(Encrypt::and)
    }

    /// When recordings of a stream are reviewed. What one of its rules holds back is held back.
    pub(super) fn review(&self, stream: &StreamName) -> ReviewWhen {
        let said = self.applying(stream).flatten().map(Template::review);
        said.reduce(ReviewWhen::and).unwrap_or_default()
    }

    /// True when a rule that somebody wrote holds for a stream, whichever domain its publisher names.
    fn says_something(&self, stream: &StreamName) -> bool {
        let fits = |rule: &Rule| rule.domain.is_any() && rule.stream.fits(stream.as_str());
        !self.is_built_in() && self.order.iter().any(fits)
    }

    /// How far back viewers of a stream may go by time shift, if that is limited. A viewer names no domain of a publisher, so where rules
    /// of several domains fit the stream, the shortest of their limits holds.
    pub(super) fn time_shift(&self, stream: &StreamName) -> Option<Span> {
        self.applying(stream)
            .flatten()
            .filter_map(|template| template.time_shift)
            .min()
    }

    /// The templates of the rules that may apply to a stream, whichever domain its publisher names. None for one that is not there.
    fn applying(&self, stream: &StreamName) -> impl Iterator<Item = Option<&Template>> {
        let mut fitting = self.order.iter().filter(|rule| rule.stream.fits(stream.as_str()));
        // Rules of domains stand before those of any domain. Of the rules of a domain, and of those of any, the first one applies.
        let mut applying: Vec<&Rule> = Vec::new();
        let of_any = loop {
            match fitting.next() {
                Some(rule) if rule.domain.is_any() => break Some(rule),
                Some(rule) if applying.iter().any(|first| first.domain == rule.domain) => {}
                Some(rule) => applying.push(rule),
                None => break None,
            }
        };
        // A rule that records nothing now does not open what was recorded before.
        let of_any = of_any.map_or(DEFAULT_TEMPLATE, |rule| &rule.template);
        let of_domains = applying.into_iter().map(|rule| rule.template.as_str());
        let names = of_domains.chain([of_any]);
        names.map(|name| self.templates.get(name))
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = (&Template, bool)> {
        let commanded = |name: &str| {
            self.commanded
                .templates
                .iter()
                .any(|template| template.name == name)
        };
        self.templates
            .values()
            .map(move |template| (template, commanded(&template.name)))
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = (&Rule, bool)> {
        let commanded = |rule: &Rule| {
            self.commanded
                .rules
                .iter()
                .any(|other| other.is_about_the_same(rule))
        };
        self.order.iter().map(move |rule| (rule, commanded(rule)))
    }

    /// The streams that rules name without a pattern.
    pub(super) fn named(&self) -> impl Iterator<Item = StreamName> {
        let names = self.order.iter().map(|rule| rule.stream.as_str());
        names
            .filter(|name| !name.contains('*'))
            .filter_map(|name| name.parse().ok())
    }

    pub(super) fn put_template(&mut self, source: TemplateSource) -> Result<(), RuleError> {
        let template = Template::try_from(source)?;
        let rows = &mut self.commanded.templates;
        rows.retain(|other| other.name != template.name);
        if rows.len() >= MOST_TEMPLATES {
            return Err(RuleError::TooMany(MOST_TEMPLATES));
        }
        rows.push(template);
        self.arrange();
        Ok(())
    }

    pub(super) fn delete_template(&mut self, name: &str) -> Result<(), RuleError> {
        if self
            .commanded
            .templates
            .iter()
            .all(|template| template.name != name)
        {
            return Err(if self.templates.contains_key(name) {
                RuleError::Configured(format!("template '{name}'"))
            } else {
                RuleError::NoTemplate(name.to_owned())
            });
        }
        let falls_back =
            name == DEFAULT_TEMPLATE || self.configured.templates.iter().any(|other| other.name == name);
        if let Some(rule) = self
            .order
            .iter()
            .find(|rule| rule.template == name && !falls_back)
        {
            let by = format!("the rule for {rule}");
            return Err(RuleError::Needed {
                name: name.to_owned(),
                by,
            });
        }
        self.commanded.templates.retain(|template| template.name != name);
        self.arrange();
        Ok(())
    }

    pub(super) fn put_rule(&mut self, rule: Rule) -> Result<(), RuleError> {
        if !self.templates.contains_key(&rule.template) {
            return Err(RuleError::NoTemplate(rule.template));
        }
        let rows = &mut self.commanded.rules;
        rows.retain(|other| !other.is_about_the_same(&rule));
        if rows.len() >= MOST_RULES {
            return Err(RuleError::TooMany(MOST_RULES));
        }
        rows.push(rule);
        self.arrange();
        Ok(())
    }

    /// Removes a rule that a command put; `about` is a rule for the same streams.
    pub(super) fn delete_rule(&mut self, about: &Rule) -> Result<(), RuleError> {
        let before = self.commanded.rules.len();
        self.commanded.rules.retain(|rule| !rule.is_about_the_same(about));
        if self.commanded.rules.len() == before {
            let configured = self
                .configured
                .rules
                .iter()
                .any(|rule| rule.is_about_the_same(about));
            return Err(if configured {
                RuleError::Configured(format!("the rule for {about}"))
            } else {
                RuleError::NoRule(about.to_string())
            });
        }
        self.arrange();
        Ok(())
    }

    /// The warnings about templates and rules. `used` tells whether something else needs a template.
    pub(super) fn advice(&self, used: impl Fn(&str) -> bool) -> Vec<Advice> {
        let names: Vec<&str> = self.templates.keys().map(String::as_str).collect();
        let mut all = if self.is_built_in() {
            of_rules(&names, [&Rule::built_in()], used)
        } else {
            of_rules(&names, &self.order, used)
        };
        let puts = |rule: &&Rule| self.commanded.rules.iter().any(|put| put.is_about_the_same(rule));
        all.extend(
            self.configured
                .rules
                .iter()
                .filter(puts)
                .map(|rule| Advice::Overridden {
                    what: format!("the rule for {rule}"),
                    undo: "'edgereel rule delete'".to_owned(),
                }),
        );
        let put = |name: &str| {
            self.commanded
                .templates
                .iter()
                .any(|template| template.name == name)
        };
        let over = self
            .configured
            .templates
            .iter()
            .filter(|template| put(&template.name));
        all.extend(over.map(|template| Advice::Overridden {
            what: format!("template '{}'", template.name),
            undo: "'edgereel template delete'".to_owned(),
        }));
        all
    }

    fn arrange(&mut self) {
        self.templates = [Template::built_in()]
            .iter()
            .chain(&self.configured.templates)
            .chain(&self.commanded.templates)
            .map(|template| (template.name.clone(), template.clone()))
            .collect();
        let over = |rule: &&Rule| {
            !self
                .commanded
                .rules
                .iter()
                .any(|other| other.is_about_the_same(rule))
        };
        let configured = self.configured.rules.iter().filter(over);
        let mut order: Vec<Rule> = self.commanded.rules.iter().chain(configured).cloned().collect();
        if order.is_empty() {
            order.push(Rule::built_in());
        }
        // The sort is stable: of two rules with the same rank, a rule that a command put applies, or the one that stands first.
        order.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
        self.order = order;
    }
}

#[cfg(test)]
mod tests;
