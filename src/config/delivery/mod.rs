//! `[sync]`: the destination of recordings, and how they are delivered.

mod resolve;
mod target;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use target::{Credentials, Encryption, HttpProxy, S3Target, Target, UrlStyle};

use super::{ByteRate, Secret, Span, Weekly, Zone};
pub use crate::model::OnBlock;

/// Where recordings are delivered to, and how. Keys that belong together are private. One field holds what they mean together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// The store of objects, from `url` and all keys down to `proxy`.
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
    /// When the delivery of a recording begins.
    pub when: DeliverWhen,
    /// Which of the waiting recordings goes first.
    pub order: DeliverOrder,
    /// The most files in transfer at a time, 1 to 16.
    pub transfers: usize,
    /// The most bytes a second of all transfers together.
    pub max_rate: Option<ByteRate>,
    /// The hours in which anything is sent, from `window` and `time_zone`. All hours if there are none.
    #[serde(skip)]
    pub window: Option<Weekly>,
    #[serde(rename = "window")]
    hours: Option<Vec<String>>,
    time_zone: Option<Zone>,
    /// The address at which an object is reached from outside; its `{key}` is replaced.
    pub public_url: Option<PublicUrl>,
    /// How long names wait for the clock to be set, because they contain the time.
    pub clock_wait: Span,
    /// A request that makes no progress for this long is given up.
    pub timeout: Span,
    /// True when a delivered file is read again and compared before it counts as delivered.
    pub read_back: bool,
    /// How an object is deleted when its `storage_time` ends.
    pub lifecycle: Lifecycle,
    /// What becomes of delivered files of a recording that is blocked.
    pub on_block: OnBlock,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            // An accepted configuration always has another target.
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
            on_block: OnBlock::default(),
        }
    }
}

/// When the delivery of a recording begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliverWhen {
    /// While the recording grows, so that it is there when it ends.
    Live,
    /// When the recording is closed.
    #[default]
    Finished,
}

/// Which of the waiting recordings goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverOrder {
    /// The latest recording, which people wait for.
    #[default]
    NewestFirst,
    /// The oldest recording, which is the first to be deleted when space is needed.
    OldestFirst,
}

/// How a remote object is deleted at the end of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// The box deletes it.
    #[default]
    Delete,
    /// The object has the tag `edgereel-days=N`, and a lifecycle rule of the bucket deletes it.
    Tag,
}

/// An address with a `{key}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a key. The key is escaped once more, because a `%` in it is a `%`.
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
