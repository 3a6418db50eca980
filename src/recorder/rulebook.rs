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
use crate::model::{About, Encrypt, Media, Origin, Output, Span};

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
        "template '{template}' encrypts, and '{stream}' can be watched in clear, because its rule names a template that does not: let \
         the stream's rule name a template that encrypts"
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
        if template.encrypt().is_some() && self.encrypt(stream).is_none() {
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
        template.outputs.iter().filter_map(of).collect()
    }

    /// An output, as closed as its stream.
    pub(super) fn closed(&self, stream: &StreamName, output: Output) -> Output {
        let said = [output.encrypt, self.encrypt(stream)];
        Output {
            encrypt: said.into_iter().flatten().reduce(Encrypt::and),
            ..output
        }
    }

    /// How the HLS of a stream is encrypted, if a template of its rules says so. What one of them closes is closed: a viewer names no
    /// domain of a publisher.
    pub(super) fn encrypt(&self, stream: &StreamName) -> Option<Encrypt> {
        let said = self.applying(stream).filter_map(Template::encrypt);
        said.reduce(Encrypt::and)
    }

    /// How far back viewers of a stream may go by time shift, if that is limited. A viewer names no domain of a publisher, so where rules
    /// of several domains fit the stream, the shortest of their limits holds.
    pub(super) fn time_shift(&self, stream: &StreamName) -> Option<Span> {
        self.applying(stream)
            .filter_map(|template| template.time_shift)
            .min()
    }

    /// The templates of the rules that may apply to a stream, whichever domain its publisher names.
    fn applying(&self, stream: &StreamName) -> impl Iterator<Item = &Template> {
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
        names.filter_map(|name| self.templates.get(name))
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
mod tests {
    use super::*;

    fn rulebook(text: &str) -> Rulebook {
        let text = format!(
            "[encryption]\nmaster_key = \"0123456789abcdef0123456789abcdef\"\n\
             [[template]]\nname = \"open\"\nformats = [\"hls\", \"mp4\"]\n\
             [[template]]\nname = \"closed\"\nformats = [\"hls\"]\nhls = {{ encrypt = \"aes-128\", key_chunks = 5 }}\n\
             [[template]]\nname = \"both\"\nformats = [\"hls\", \"mp4\"]\nhls = {{ encrypt = \"aes-128\", also_clear = true }}\n{text}"
        );
        let config =
            crate::config::Config::parse(Some((std::path::Path::new("box.toml"), &text)), [], "box").unwrap();
        let mut rulebook = Rulebook::default();
        rulebook.configure(config.templates, config.rules);
        rulebook
    }

    fn stream(text: &str) -> StreamName {
        text.parse().unwrap()
    }

    #[test]
    fn a_stream_is_as_closed_as_the_most_closed_of_its_rules() {
        let rules = rulebook(
            "[[rule]]\nstream = \"live/*\"\ntemplate = \"open\"\n\
             [[rule]]\nstream = \"live/*\"\ndomain = \"a.example.com\"\ntemplate = \"both\"\n\
             [[rule]]\nstream = \"live/a\"\ndomain = \"b.example.com\"\ntemplate = \"closed\"\n\
             [[rule]]\nstream = \"hall/*\"\ntemplate = \"open\"\n",
        );
        let also_clear = |text: &str| rules.encrypt(&stream(text)).map(|encrypt| encrypt.also_clear);
        assert_eq!(also_clear("live/a"), Some(false));
        assert_eq!(also_clear("live/b"), Some(true));
        assert_eq!((also_clear("hall/a"), also_clear("yard/a")), (None, None));
        // Every recording of the stream is closed, whoever wants it.
        let pushed = PushParameters::parse("record=mp4");
        let Verdict::Record { plan, .. } = rules.verdict(&stream("live/a"), None, &pushed) else {
            panic!("a push that asks for it is recorded");
        };
        assert!(plan.outputs.iter().all(|output| output.is_closed()));
        let Verdict::Record { plan, .. } = rules.verdict(&stream("hall/a"), None, &pushed) else {
            panic!("a push that asks for it is recorded");
        };
        assert!(plan.outputs.iter().all(|output| output.encrypt.is_none()));
    }

    #[test]
    fn a_template_that_encrypts_is_no_use_where_the_stream_is_watched_in_clear() {
        let rules =
            rulebook("[[rule]]\nstream = \"live/*\"\ntemplate = \"closed\"\n[[rule]]\ntemplate = \"open\"\n");
        assert!(rules.template(Some("closed"), &stream("live/a")).is_ok());
        assert!(rules.template(Some("open"), &stream("hall/a")).is_ok());
        let error = rules.template(Some("closed"), &stream("hall/a")).unwrap_err();
        assert!(
            error.to_string().contains("'hall/a' can be watched in clear"),
            "{error}"
        );
    }
}
