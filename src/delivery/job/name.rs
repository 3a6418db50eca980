//! The key of a rendition in the object store.

use super::{End, Transfer};
use crate::delivery::source::NoMaterial;
use crate::format::Format;
use crate::format::hls::{MASTER, PLAYLIST};
use crate::model::{KeyFacts, KeyPattern, Zone, distinct};
use crate::store::{DeliveryChange, Rendition};

impl Transfer<'_> {
    /// Follows a configuration that changed since the rendition was named. Progress in another store does not count: the whole
    /// rendition is sent anew. Where only the public address changed, events from now on have the new one.
    pub(super) async fn follow_configuration(&mut self) -> Result<(), End> {
        let (id, store) = (self.rendition.id, self.cx.store_name());
        if !self.rendition.store.is_empty() && self.rendition.store != store {
            tracing::warn!(
                recording = %id.recording, format = %id.format, key = %self.rendition.key,
                "deliveries go to {store} now: what {} has of this recording stays there as it is, and nothing is added to it; \
                 all of it is sent to {store}",
                self.rendition.store
            );
            self.cx.commit(vec![DeliveryChange::Forget(id)]).await?;
            self.rendition = Rendition::new(id);
        }
        if self.rendition.key.is_empty() {
            return Ok(());
        }
        let url = self.url_of(&self.rendition.key);
        if self.rendition.url == url {
            return Ok(());
        }
        self.rendition.url = url;
        if self.rendition.master_url.is_some() {
            self.rendition.master_url = Some(self.url_of(&self.key_of(MASTER)));
        }
        self.write_down().await
    }

    /// Gives the rendition a key, if it has none; false if the key cannot be made yet.
    pub(super) async fn name(&mut self) -> Result<bool, End> {
        if !self.rendition.key.is_empty() {
            return Ok(true);
        }
        let store = self.cx.store_name();
        if !self.may_be_named() {
            return Ok(false);
        }
        let _choosing = self.cx.naming.lock().await;
        let (base, id, target) = (
            self.base_key(),
            self.rendition.id,
            self.cx.delivery.target.clone(),
        );
        let key = self.cx.read(move |library| {
            let full = |base: &str| target.full_key(&with_extension(base, id.format, id.part));
            let failed = std::cell::Cell::new(None);
            let chosen = distinct(&base, |base| {
                library.key_is_taken(&full(base), id).unwrap_or_else(|error| {
                    failed.set(Some(error));
                    false
                })
            });
            match failed.into_inner() {
                Some(error) => Err(NoMaterial::Store(error)),
                None => Ok(full(&chosen)),
            }
        });
        let key = key.await?;
        self.rendition.url = self.url_of(&key);
        self.rendition.store = store;
        self.rendition.key = key;
        self.write_down().await?;
        Ok(true)
    }

    /// The public address of an object.
    pub(super) fn url_of(&self, key: &str) -> String {
        self.cx.url_of(key)
    }

    /// The key of a file of the folder whose playlist has the rendition's key.
    pub(super) fn key_of(&self, name: &str) -> String {
        let folder = self.rendition.key.strip_suffix(PLAYLIST).unwrap_or_default();
        format!("{folder}{name}")
    }

    /// True when the name cannot be made before the recording has ended.
    pub(super) fn is_named_late(&self) -> bool {
        let key = &self.material.row.spec.output.key;
        key.as_ref().is_some_and(KeyPattern::needs_end)
    }

    fn may_be_named(&self) -> bool {
        let cx = self.cx;
        let waited = cx.clock.boot().saturating_sub(cx.started);
        let dated = cx.clock.synced() || waited >= cx.delivery.clock_wait.as_micros();
        dated && (self.material.closed || !self.is_named_late())
    }

    fn base_key(&self) -> String {
        let row = &self.material.row;
        let spec = &row.spec;
        let utc = Zone::utc_zone();
        let pattern = spec.output.key.clone().unwrap_or_default();
        pattern.key(&KeyFacts {
            device: &self.cx.device,
            about: &spec.about,
            app: row.stream.app(),
            stream: row.stream.name(),
            recording: &row.id.to_string(),
            start: row.start,
            end: row.end,
            format: self.job.format.as_str(),
            zone: spec.output.time_zone.as_ref().unwrap_or(&utc),
        })
    }
}

fn with_extension(base: &str, format: Format, part: u32) -> String {
    let part = match part {
        1 => String::new(),
        part => format!("-{part}"),
    };
    match format {
        Format::Hls => format!("{base}{part}/{PLAYLIST}"),
        other => format!("{base}{part}.{}", other.extension()),
    }
}
