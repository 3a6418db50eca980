//! `[sync]`: where recordings are delivered to, and how.

mod resolve;
mod target;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use target::{Credentials, Encryption, HttpProxy, S3Target, Target, UrlStyle};

use super::{ByteRate, Secret, Span, Weekly, Zone};

/// Where recordings go, and how. Keys that belong together are private, and stand together in a field of their own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// The store of objects: of `url` and all down to `proxy`.
    #[serde(skip)]
    pub target: Target,
    url: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    style: Option<UrlStyle>,
    credentials_file: Option<PathBuf>,
    profile: Option<String>,
    access_key_id: Option<String>,
    #[serde(deserialize_with = "resolve::secret")]
    secret_access_key: Option<Secret>,
    secret_access_key_file: Option<PathBuf>,
    session_token_file: Option<PathBuf>,
    encryption: Option<String>,
    encryption_key: Option<String>,
    storage_class: Option<String>,
    ca_file: Option<PathBuf>,
    proxy: Option<HttpProxy>,
    /// When a recording begins to go there.
    pub when: DeliverWhen,
    /// Which of those that wait goes first.
    pub order: DeliverOrder,
    /// Most files on the way at a time, 1 to 16.
    pub transfers: usize,
    /// Most bytes a second of all of them together.
    pub max_rate: Option<ByteRate>,
    /// The hours in which anything is sent; all, if there are none. Of `window` and `time_zone`.
    #[serde(skip)]
    pub window: Option<Weekly>,
    #[serde(rename = "window")]
    hours: Option<Vec<String>>,
    time_zone: Option<Zone>,
    /// What an object is reached by from outside; its `{key}` is replaced.
    pub public_url: Option<PublicUrl>,
    /// How long names, which have the time in them, wait for the clock to be set.
    pub clock_wait: Span,
    /// A request that does not get on for this long is given up.
    pub timeout: Span,
    /// What was delivered is read again and compared before it counts as delivered.
    pub read_back: bool,
    /// How an object's `storage_time` ends.
    pub lifecycle: Lifecycle,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            // No place: what is taken has another.
            target: Target::Folder(PathBuf::new()),
            url: None,
            endpoint: None,
            region: None,
            style: None,
            credentials_file: None,
            profile: None,
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            session_token_file: None,
            encryption: None,
            encryption_key: None,
            storage_class: None,
            ca_file: None,
            proxy: None,
            when: DeliverWhen::default(),
            order: DeliverOrder::default(),
            transfers: 2,
            max_rate: None,
            window: None,
            hours: None,
            time_zone: None,
            public_url: None,
            clock_wait: Span::from_secs(600),
            timeout: Span::from_secs(60),
            read_back: false,
            lifecycle: Lifecycle::default(),
        }
    }
}

/// When a recording begins to go to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliverWhen {
    /// While it is being recorded, so that it is there when it ends.
    Live,
    /// When it is closed.
    #[default]
    Finished,
}

/// Which of the recordings that wait goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverOrder {
    /// What was recorded last: what people wait for.
    #[default]
    NewestFirst,
    /// What was recorded first: what has to give way first when room is needed.
    OldestFirst,
}

/// How the time of a remote object ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// The box deletes it.
    #[default]
    Delete,
    /// It bears the tag `edgereel-days=N`, and a lifecycle rule of the bucket deletes it.
    Tag,
}

/// An address with a `{key}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a key, which is escaped once more: a `%` of it is one.
    pub fn of(&self, key: &str) -> String {
        self.0.replacen("{key}", &target::url_path(key), 1)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let known = text.starts_with("http://") || text.starts_with("https://");
        let clean = text.len() <= 1_024 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if known && clean && text.matches("{key}").count() == 1 {
            Ok(Self(text))
        } else {
            Err("expected an address with one {key} in it, as in \"https://vod.example.com/{key}\"")
        }
    }
}
