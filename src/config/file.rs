//! From TOML and the environment to a [`Config`], with errors that name the place.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use super::mistake::explained;
use super::place::{line_of_fault, line_of_key};
use super::raw::{Fault, Raw};
use super::{
    ByteSize, Callback, ChannelSettings, Config, Control, Delivery, Device, EncryptionKeys, Http, Keep,
    MediaSettings, Mqtt, Publisher, ReviewSettings, Ring, Rtmp, Rule, Span, Storage, Task, Template,
    TemplateSource, Viewer, callback, publisher, viewer,
};
use crate::model::nearest;

/// `EDGEREEL__RTMP__LISTEN` sets `rtmp.listen`.
const ENV_PREFIX: &str = "EDGEREEL__";

/// The file where there is none: whoever tries edgereel can play what it records.
const WITHOUT_FILE: &str = "[http]\nlisten = [\"127.0.0.1:8080\"]\n";

/// Bytes of `sun_path` (unix(7)), without the zero at its end.
pub(super) const LONGEST_SOCKET: usize = 107;

/// The error of a configuration that cannot be used, with its place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// `FILE:LINE`, `FILE`, or the environment variable.
    pub place: String,
    /// The key, what is wrong with it, and what would be right.
    pub message: String,
}

impl Config {
    /// Reads a file's text (with its path, for errors) and then the environment. The environment wins. Without a file, viewers on
    /// this machine can connect.
    pub fn parse(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        host_name: &str,
    ) -> Result<Self, ConfigError> {
        let (path, text) = file.unwrap_or((Path::new("environment"), WITHOUT_FILE));
        let place = |line: Option<usize>| match line {
            Some(line) => format!("{}:{line}", path.display()),
            None => path.display().to_string(),
        };
        // The file alone is parsed first, because only then errors know their line.
        let refused = |fault: Fault| ConfigError {
            place: place(line_of_fault(text, &fault)),
            message: explained(text, &fault),
        };
        let document = Raw::document(text).map_err(refused)?;
        let parsed = File::deserialize(document.clone()).map_err(refused)?;
        let (mut overrides, mut misspelt) = (Vec::new(), None);
        for (name, value) in environment {
            // Names of ours are ASCII. A variable of another program may have any bytes.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match name.strip_prefix("EDGEREEL_") {
                Some(rest) if rest.starts_with('_') => match value.into_string() {
                    Ok(value) => overrides.push((name, value)),
                    Err(_) => {
                        return Err(ConfigError {
                            place: name,
                            message: "the value is not UTF-8 text".to_owned(),
                        });
                    }
                },
                // A variable that is no key has no two underscores side by side.
                Some(rest) if rest.contains("__") => {
                    misspelt.get_or_insert((format!("{ENV_PREFIX}{rest}"), name));
                }
                _ => {}
            }
        }
        if let Some((meant, name)) = misspelt {
            return Err(ConfigError {
                place: name,
                message: format!(
                    "nothing reads this variable; did you mean '{meant}', with two underscores?"
                ),
            });
        }
        if overrides.is_empty() {
            return parsed
                .resolve(host_name)
                .map_err(|refused| refused.placed(path, text));
        }
        let mut merged = document;
        for (name, value) in &overrides {
            let variable = |message: String| ConfigError {
                place: name.clone(),
                message,
            };
            set(&mut merged, name, value).map_err(variable)?;
            if let Some(refused) = fault_of(merged.clone()) {
                // The value is parsed as if it stood in a file, because only there errors know which value they mean.
                let alone = as_text(name, value);
                let known = alone
                    .as_deref()
                    .and_then(|text| fault(text).map(|fault| explained(text, &fault)));
                return Err(variable(known.unwrap_or_else(|| explain(refused.message()))));
            }
        }
        let merged = File::deserialize(merged).map_err(|fault| ConfigError {
            place: place(None),
            message: explain(fault.message()),
        })?;
        merged.resolve(host_name).map_err(|refused| {
            let variable = format!("{ENV_PREFIX}{}", refused.key.to_uppercase().replace('.', "__"));
            if overrides.iter().any(|(name, _)| *name == variable) {
                ConfigError {
                    place: variable,
                    message: refused.message,
                }
            } else {
                refused.placed(path, text)
            }
        })
    }
}

/// Why a text is no configuration, if it is none.
pub(super) fn fault(text: &str) -> Option<Fault> {
    Raw::document(text).map_or_else(Some, fault_of)
}

/// Why a document is no configuration, if it is none.
pub(super) fn fault_of(document: Raw) -> Option<Fault> {
    File::deserialize(document).err()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    device: DeviceFile,
    rtmp: Rtmp,
    http: Http,
    storage: Storage,
    ring: Ring,
    control: Control,
    channel: ChannelSettings,
    encryption: EncryptionKeys,
    media: MediaSettings,
    sync: Delivery,
    mqtt: Mqtt,
    review: ReviewSettings,
    callback: Vec<Callback>,
    publisher: Vec<Publisher>,
    viewer: Vec<Viewer>,
    template: Vec<TemplateSource>,
    rule: Vec<Rule>,
    task: Vec<Task>,
}

/// The section as it is written. The machine knows the id where none is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct DeviceFile {
    id: Option<String>,
}

/// A value that is well formed and still not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// `section.key`.
    pub(super) key: Cow<'static, str>,
    /// The number of the entry, where its section may have several.
    pub(super) entry: Option<usize>,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(key: impl Into<Cow<'static, str>>, message: String) -> Self {
        Self {
            key: key.into(),
            entry: None,
            message,
        }
    }

    /// The same error, of the entry with this number.
    pub(super) fn of(self, entry: usize) -> Self {
        Self {
            entry: Some(entry),
            ..self
        }
    }

    fn placed(self, path: &Path, text: &str) -> ConfigError {
        let place = match line_of_key(text, &self.key, self.entry) {
            Some(line) => format!("{}:{line}", path.display()),
            None => path.display().to_string(),
        };
        ConfigError {
            place,
            message: self.message,
        }
    }
}

impl File {
    fn resolve(self, host_name: &str) -> Result<Config, Refused> {
        let id = self.device.id.unwrap_or_else(|| id_of(host_name));
        let publishers = publisher::resolve(self.publisher)?;
        let viewers = viewer::resolve(self.viewer, &self.http, &publishers)?;
        let config = Config {
            mqtt: self.mqtt.resolve(&id)?,
            review: self.review.resolve()?,
            callbacks: callback::resolve(self.callback)?,
            device: Device { id },
            rtmp: self.rtmp,
            http: self.http,
            storage: self.storage,
            ring: self.ring,
            control: self.control,
            channel: self.channel,
            encryption: self.encryption,
            media: self.media,
            sync: self.sync.resolve()?,
            publishers,
            viewers,
            templates: templates(self.template)?,
            rules: self.rule,
            tasks: self.task,
        };
        check(&config)?;
        super::encryption::check(&config)?;
        super::review::check(&config)?;
        super::rule::check(&config.rules, &config.templates)?;
        super::task::check(&config.tasks, &config.templates)?;
        Ok(config)
    }
}

fn templates(sources: Vec<TemplateSource>) -> Result<Vec<Template>, Refused> {
    let mut templates: Vec<Template> = Vec::new();
    for (entry, source) in sources.into_iter().enumerate() {
        let template = Template::try_from(source)
            .map_err(|error| Refused::new(error.path(), error.to_string()).of(entry))?;
        if templates.iter().any(|other| other.name == template.name) {
            let message = format!("template '{}' is there twice", template.name);
            return Err(Refused::new("template.name", message).of(entry));
        }
        templates.push(template);
    }
    Ok(templates)
}

fn check(config: &Config) -> Result<(), Refused> {
    let refuse = |key: &'static str, message: String| Err(Refused::new(key, message));
    let id = &config.device.id;
    if id.is_empty() || id.len() > 64 || !id.chars().all(id_char) {
        return refuse(
            "device.id",
            format!("device.id = {id:?}: 1 to 64 letters, digits, '.', '_' or '-'"),
        );
    }
    if let Some(socket) = &config.control.socket
        && (socket.as_os_str().is_empty() || socket.as_os_str().len() > LONGEST_SOCKET)
    {
        return refuse(
            "control.socket",
            format!("control.socket: a path of 1 to {LONGEST_SOCKET} bytes; the kernel takes no longer one"),
        );
    }
    config.rtmp.check(!config.publishers.is_empty())?;
    config.http.check(!config.viewers.is_empty())?;
    config.channel.check()?;
    config.media.check()?;
    in_range(
        "storage.durability",
        config.storage.durability,
        Span::from_millis(100),
        Span::from_secs(60),
    )?;
    let (least, most) = (ByteSize::new(64 << 20), ByteSize::new(1 << 50));
    if let Some(quota) = config.storage.quota {
        in_range("storage.quota", quota, least, most)?;
    }
    if let Some(min_free) = config.storage.min_free {
        in_range("storage.min_free", min_free, ByteSize::new(0), most)?;
    }
    if let Keep::For(keep) = config.storage.keep {
        let century = Span::from_secs(100 * 365 * 86_400);
        in_range("storage.keep", keep, Span::from_secs(1), century)?;
    }
    in_range(
        "ring.pre_roll",
        config.ring.pre_roll,
        Span::from_millis(0),
        Span::from_secs(600),
    )?;
    in_range(
        "ring.memory",
        config.ring.memory,
        ByteSize::new(1 << 20),
        ByteSize::new(1 << 40),
    )
}

/// Refuses a key. The message says what would be right.
pub(super) fn refuse<T>(key: &'static str, message: &str) -> Result<T, Refused> {
    Err(Refused::new(key, message.to_owned()))
}

pub(super) fn in_range<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), Refused> {
    if value < low || value > high {
        let message = format!("{key} = {value}: must be from {low} to {high}");
        return Err(Refused::new(key, message));
    }
    Ok(())
}

/// The id of a box that is given none.
fn id_of(host_name: &str) -> String {
    let id: String = host_name.chars().filter(|c| id_char(*c)).take(64).collect();
    if id.is_empty() { "edgereel".to_owned() } else { id }
}

fn id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Puts an environment variable's value where its name says. A value is TOML if it reads as TOML. Otherwise it is text.
fn set(document: &mut Raw, name: &str, value: &str) -> Result<(), String> {
    let path: Vec<String> = name
        .trim_start_matches(ENV_PREFIX)
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect();
    let [section, key] = path.as_slice() else {
        return Err(format!(
            "expected {ENV_PREFIX}SECTION__KEY, as in {ENV_PREFIX}STORAGE__DIR"
        ));
    };
    let value = as_toml(value).unwrap_or_else(|| Raw::from(value.to_owned()));
    match document.inner(section) {
        Some(inner) => inner
            .insert(key, value)
            .ok_or_else(|| format!("'{section}' is not a section")),
        None => {
            let _ = document.insert(section, Raw::alone(key, value));
            Ok(())
        }
    }
}

/// A value that reads as TOML.
fn as_toml(value: &str) -> Option<Raw> {
    Raw::document(&format!("v = {value}")).ok()?.take("v")
}

/// The text of a file that has nothing but the variable's value.
fn as_text(name: &str, value: &str) -> Option<String> {
    let path = name.strip_prefix(ENV_PREFIX)?.to_ascii_lowercase();
    let (section, key) = path.split_once("__")?;
    let value = match as_toml(value) {
        Some(_) => value.to_owned(),
        None => toml::Value::String(value.to_owned()).to_string(),
    };
    Some(format!("[{section}]\n{key} = {value}\n"))
}

/// Adds the nearest known key to serde's message about an unknown one.
pub(crate) fn explain(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            let shown = unknown.escape_debug();
            match nearest(unknown, known) {
                Some(candidate) => format!("unknown key '{shown}'; did you mean '{candidate}'?"),
                None => format!("unknown key '{shown}'; known here: {}", known.join(", ")),
            }
        }
        Some((unknown, known)) if message.starts_with("unknown variant") => {
            let near = nearest(unknown, known).map(|near| format!("; did you mean '{near}'?"));
            let shown = unknown.escape_debug();
            format!(
                "'{shown}' is none of {}{}",
                known.join(", "),
                near.unwrap_or_default()
            )
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
