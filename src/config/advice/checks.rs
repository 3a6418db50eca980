//! Where advice is due.

use super::{Advice, of_rule};
use crate::config::listen::reachable;
use crate::config::publisher::is_open;
use crate::config::secret::MASK;
use crate::config::{
    Config, DEFAULT_TEMPLATE, Keep, Pattern, Proof, Publisher, RESERVED_APPS, RecordWhen, ReviewSettings,
    Rule, SecretSource, Target, Template, Viewer, ViewerProof,
};

/// The advice on rules, those that apply before others first, and on the templates of these names. `used` names the templates
/// that something else uses.
pub fn of_rules<'a>(
    templates: &[&str],
    rules: impl IntoIterator<Item = &'a Rule>,
    used: impl Fn(&str) -> bool,
) -> Vec<Advice> {
    let rules: Vec<&Rule> = rules.into_iter().collect();
    let mut all = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let about = rule.to_string();
        if let Some(written) = rule.old_form.clone() {
            let rule = about.clone();
            all.push(Advice::OldForm { written, rule });
        }
        if !rule.stream.can_fit_a_stream() {
            all.push(Advice::NoSuchStream { of: of_rule(&about) });
        }
        if let Some(by) = rules.iter().take(place).find(|other| other.covers(rule)) {
            let by = by.to_string();
            all.push(Advice::Shadowed {
                rule: about.clone(),
                by,
            });
        }
        if !templates.contains(&rule.template.as_str()) {
            let template = rule.template.clone();
            all.push(Advice::NoTemplate {
                rule: about,
                template,
            });
        }
    }
    let named =
        |name: &str| name == DEFAULT_TEMPLATE || used(name) || rules.iter().any(|rule| rule.template == name);
    let unnamed = templates.iter().filter(|name| !named(name));
    all.extend(unnamed.map(|name| Advice::Unnamed {
        template: (*name).to_owned(),
    }));
    let every = Rule::built_in();
    if !rules.is_empty() && !rules.iter().any(|rule| rule.covers(&every)) {
        all.push(Advice::Uncovered);
    }
    all
}

impl Config {
    /// All advice that the file alone allows.
    pub fn advice(&self) -> Vec<Advice> {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
        let names = self.templates.iter().map(|template| template.name.as_str());
        let names: Vec<&str> = names.chain([DEFAULT_TEMPLATE]).collect();
        let used = |name: &str| {
            self.tasks
                .iter()
                .any(|task| task.template.as_deref() == Some(name))
        };
        let mut all = of_rules(&names, rules, used);
        all.extend(self.advice_beside_rules());
        if self.review.is_some() && !self.templates.iter().any(holds_back) {
            all.push(Advice::NobodyAsked);
        }
        all.extend(self.live_unreviewed());
        all
    }

    /// Advice on tasks that have ended by this UTC time, in microseconds.
    pub fn advice_of_tasks(&self, utc: i64) -> Vec<Advice> {
        let over = self.tasks.iter().filter(|task| task.is_over(utc));
        over.map(|task| Advice::TaskOver {
            task: task.name.clone(),
        })
        .collect()
    }

    /// All advice except that on rules and templates, which commands may have replaced.
    pub fn advice_beside_rules(&self) -> Vec<Advice> {
        let nameless = self
            .publishers
            .iter()
            .filter(|publisher| !publisher.stream.can_fit_a_stream());
        let mut all: Vec<Advice> = nameless
            .map(|publisher| Advice::NoSuchStream {
                of: format!("[[publisher]] with stream '{}'", publisher.stream),
            })
            .collect();
        if self.rtmp.allow_anonymous && !self.publishers.is_empty() {
            all.push(Advice::NobodyIsAnonymous);
        }
        all.extend(self.open_apps());
        all.extend(self.short_keys());
        all.extend(self.of_viewers());
        all.extend(self.open_addresses());
        let stored = |keep: Option<Keep>| keep.is_some_and(|keep| keep != Keep::Forever);
        let expires = self
            .templates
            .iter()
            .filter(|template| template.outputs.iter().any(|output| stored(output.storage_time)));
        if self.sync.is_none() {
            all.extend(expires.map(|template| Advice::NothingDelivered {
                template: template.name.clone(),
            }));
        }
        all
    }
}

impl Config {
    /// True when keys or passwords of any kind stand in the configuration.
    pub fn has_keys(&self) -> bool {
        // The printed text has the mask in place of each.
        self.to_toml().contains(MASK)
    }

    fn live_unreviewed(&self) -> impl Iterator<Item = Advice> {
        let rules = self.rules.iter().filter(|_| self.http.live_window.is_some());
        let held_back = rules.filter(|rule| {
            let mut templates = self.templates.iter();
            let template = templates.find(|template| template.name == rule.template);
            rule.record != RecordWhen::Always && template.is_some_and(holds_back)
        });
        held_back.map(|rule| Advice::LiveUnreviewed {
            rule: rule.to_string(),
            template: rule.template.clone(),
        })
    }

    fn open_apps(&self) -> impl Iterator<Item = Advice> {
        let signs = |proof: &Proof| matches!(proof, Proof::Tencent(_));
        let publishers = self.publishers.iter();
        let publishers = publishers
            .filter(move |publisher| publisher.proofs().iter().any(signs))
            .map(|publisher| (publisher.shown(), &publisher.stream));
        let signs = |proof: &ViewerProof| matches!(proof, ViewerProof::Tencent(_));
        let viewers = self.viewers.iter();
        let viewers = viewers
            .filter(move |viewer| viewer.proofs().iter().any(signs))
            .flat_map(|viewer| viewer.patterns().map(|stream| (viewer.shown(), stream)));
        let open = publishers
            .chain(viewers)
            .filter(|(_, stream)| stream.leaves_app_open());
        open.map(|(of, stream)| Advice::OpenApp {
            of,
            stream: stream.to_string(),
        })
    }

    /// Advice on the HTTP server, on its viewers and on names that its addresses cannot have.
    fn of_viewers(&self) -> Vec<Advice> {
        let nameless = |viewer: &&Viewer| viewer.streams.iter().any(|stream| !stream.can_fit_a_stream());
        let nameless = self.viewers.iter().filter(nameless);
        let mut all: Vec<Advice> = nameless
            .map(|viewer| Advice::NoSuchStream { of: viewer.shown() })
            .collect();
        let secret = |proof: &ViewerProof| matches!(proof, ViewerProof::Key(_) | ViewerProof::Password(_));
        let shows = |viewer: &Viewer| viewer.proofs().iter().any(secret);
        if let Some(address) = reachable(&self.http.listen)
            && self.http.behind.is_empty()
            && self.viewers.iter().any(shows)
        {
            all.push(Advice::PlainHttp { address: *address });
        }
        if self.http.is_on() {
            let rules = self.rules.iter();
            let rules = rules.map(|rule| (of_rule(&rule.to_string()), &rule.stream));
            let publishers = self.publishers.iter();
            let publishers = publishers.map(|publisher| (publisher.shown(), &publisher.stream));
            let reserved = rules
                .chain(publishers)
                .filter_map(|(of, stream)| Some((of, reserved(stream)?)));
            all.extend(reserved.map(|(of, app)| Advice::ReservedApp {
                of,
                app: app.to_owned(),
            }));
        }
        all
    }

    /// Short keys that stand in the configuration. Keys in files are checked where the files are read.
    fn short_keys(&self) -> impl Iterator<Item = Advice> {
        let publishers = self.publishers.iter();
        let publishers = publishers.filter(|publisher| publisher.has_short_key());
        let publishers = publishers.map(Publisher::shown);
        let viewers = self.viewers.iter().filter(|viewer| viewer.short_key().is_some());
        let viewers = viewers.map(Viewer::shown);
        let callbacks = self.callbacks.iter();
        let callbacks = callbacks.filter(move |callback| callback.key().as_ref().is_some_and(is_short));
        let callbacks = callbacks.map(|callback| format!("[[callback]] '{}'", callback.name()));
        let review = self.review.iter();
        let review = review.filter(|review| review.key().as_ref().is_some_and(is_short));
        let review = review.map(|_| REVIEW_HOOK.to_owned());
        publishers
            .chain(viewers)
            .chain(callbacks)
            .chain(review)
            .map(|of| Advice::ShortKey { of })
    }

    fn open_addresses(&self) -> impl Iterator<Item = Advice> {
        let hooks = self.publishers.iter();
        let hooks = hooks.filter(|publisher| publisher.has_open_hook());
        let hooks = hooks.map(|publisher| format!("the hook of [[publisher]] '{}'", publisher.name()));
        let callbacks = self.callbacks.iter().filter(|callback| callback.url.is_open());
        let callbacks = callbacks.map(|callback| format!("[[callback]] '{}'", callback.name()));
        let store = self.sync.as_ref().and_then(|sync| match &sync.target {
            Target::S3(s3) if is_open(&s3.endpoint) => Some("sync.endpoint".to_owned()),
            _ => None,
        });
        let hook = self.review.as_ref().and_then(ReviewSettings::hook);
        let hook = hook.filter(|url| url.is_open()).map(|_| REVIEW_HOOK.to_owned());
        hooks
            .chain(callbacks)
            .chain(store)
            .chain(hook)
            .map(|of| Advice::OpenAddress { of })
            .chain(self.open_broker())
    }

    fn open_broker(&self) -> Option<Advice> {
        let url = &self.mqtt.as_ref()?.url;
        let open = !url.tls && !url.is_loopback();
        open.then(|| Advice::OpenBroker { url: url.to_string() })
    }
}

/// True for a template whose recordings viewers get when somebody has passed them.
fn holds_back(template: &Template) -> bool {
    let mut outputs = template.outputs.iter();
    outputs.any(|output| !output.review.is_after())
}

/// The hook of `[review]`, for a message.
const REVIEW_HOOK: &str = "review.hook";

fn is_short(source: &SecretSource) -> bool {
    matches!(source, SecretSource::Given(key) if key.is_short())
}

/// The first part of the app of all streams that fit, if it is a reserved word.
fn reserved(stream: &Pattern) -> Option<&str> {
    let (first, _) = stream.as_str().split_once('/')?;
    RESERVED_APPS.contains(&first).then_some(first)
}

impl Publisher {
    /// The entry, for a message.
    pub(in crate::config) fn shown(&self) -> String {
        format!("[[publisher]] '{}'", self.name())
    }

    pub(in crate::config) fn has_short_key(&self) -> bool {
        let proves = |proof: &Proof| match proof {
            Proof::Key(key) | Proof::Tencent(key) | Proof::Aliyun { key, .. } => is_short(key),
            Proof::Hook(_) => false,
        };
        self.proofs().iter().any(proves)
    }

    pub(in crate::config) fn has_open_hook(&self) -> bool {
        let asks = |proof: &Proof| matches!(proof, Proof::Hook(hook) if hook.url.is_open());
        self.proofs().iter().any(asks)
    }
}

impl Viewer {
    /// The entry, for a message.
    pub(in crate::config) fn shown(&self) -> String {
        format!("[[viewer]] '{}'", self.name)
    }

    /// The name of the entry's key that is short, if one is. A key in a header is never short.
    pub(in crate::config) fn short_key(&self) -> Option<&'static str> {
        self.proofs().iter().find_map(|proof| match proof {
            ViewerProof::Tencent(key) if is_short(key) => Some("viewer.tencent_key"),
            ViewerProof::Aliyun { key, .. } if is_short(key) => Some("viewer.aliyun_key"),
            _ => None,
        })
    }
}
