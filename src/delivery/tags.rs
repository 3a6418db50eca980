//! Tags of delivered files: what a review says of their recording (`sync.on_block = "tag"`), and for how many days they are kept.
//!
//! The journal has the tags that are to be sent. Each is sent again until it has the store's answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cleaner::{keys, report};
use super::context::{Context, End};
use super::remote::{Answer, Fault, ObjectSeen, Request};
use crate::model::ReviewStatus;
use crate::store::{DeliveryChange, Rendition};

/// Most files or folders in one go.
const BATCH: usize = 32;

/// The tag that says what a review says.
const REVIEW: &str = "edgereel-review";

/// The tag that says for how many days an object is kept.
pub(super) fn days_tag(days: i64) -> (String, String) {
    ("edgereel-days".to_owned(), days.to_string())
}

/// What became of the tags of a file or a folder.
enum Tags {
    Sent,
    /// The store refuses them.
    Refused(String),
    /// The store put them in place of the object.
    Spoiled,
}

/// Sends the tags that are due; true if there may be more.
pub(super) async fn send(cx: &Arc<Context>) -> Result<bool, End> {
    let due = cx.read(move |library| Ok(library.to_tag(BATCH)?)).await?;
    let more = due.len() == BATCH;
    for (rendition, status) in due {
        cx.may_go_on()?;
        let (id, key) = (rendition.id, &rendition.key);
        let change = match all_of(cx, &rendition, status).await? {
            Tags::Sent => {
                tracing::info!(recording = %id.recording, %key, "tagged in the store: {REVIEW}={status}");
                DeliveryChange::Tagged(id, status)
            }
            Tags::Refused(reason) => {
                tracing::error!(recording = %id.recording, %key, "the object store does not tag it, so it is as it was there: {reason}");
                report(cx, &rendition, reason.clone())?;
                DeliveryChange::NotTagged(id, status, reason)
            }
            Tags::Spoiled => {
                let reason = format!("{key}: {SPOILED}");
                tracing::error!(recording = %id.recording, "{reason}");
                report(cx, &rendition, reason)?;
                DeliveryChange::Spoiled(id)
            }
        };
        cx.commit(vec![change]).await?;
    }
    Ok(more)
}

/// What is said of a store that replaced an object.
const SPOILED: &str = "the store put the tag in place of the object, so what is there is removed, and delivered again when it is \
                       passed; set sync.on_block = \"delete\" for this store";
/// What is said of the others.
const NO_TAGS: &str = "the store puts tags in place of objects; set sync.on_block = \"delete\" for this store, and block it again";

/// Tags a file, or all files of a folder.
async fn all_of(cx: &Arc<Context>, rendition: &Rendition, status: ReviewStatus) -> Result<Tags, End> {
    if rendition.store != cx.store_name() {
        let store = &rendition.store;
        return Ok(Tags::Refused(format!(
            "it is in {store}, and deliveries go to another store now"
        )));
    }
    if cx.takes_no_tags.load(Ordering::Relaxed) {
        return Ok(Tags::Refused(NO_TAGS.to_owned()));
    }
    for key in keys(rendition, &[]) {
        cx.may_go_on()?;
        let doubted = !cx.takes_tags.load(Ordering::Relaxed);
        let before = if doubted {
            seen(cx, &key).await?
        } else {
            Seen::Unknown
        };
        let days = rendition.days.filter(|_| key == rendition.key);
        let mut tags = vec![(REVIEW.to_owned(), status.to_string())];
        tags.extend(days.map(days_tag));
        let request = Request::Tag {
            key: key.clone(),
            tags,
        };
        match cx.ask(request).await {
            Ok(_) => (),
            Err(End::Fault(fault @ (Fault::Refused(_) | Fault::Unsupported(_) | Fault::Damaged(_)))) => {
                // What is gone needs no tag.
                if seen(cx, &key).await? == Seen::Gone {
                    continue;
                }
                return Ok(Tags::Refused(fault.to_string()));
            }
            Err(other) => return Err(other),
        }
        if matches!(before, Seen::There(_)) {
            if seen(cx, &key).await? != before {
                cx.takes_no_tags.store(true, Ordering::Relaxed);
                return Ok(Tags::Spoiled);
            }
            cx.takes_tags.store(true, Ordering::Relaxed);
        }
    }
    Ok(Tags::Sent)
}

/// An object in the store.
#[derive(PartialEq, Eq)]
enum Seen {
    There(ObjectSeen),
    Gone,
    /// The store does not say.
    Unknown,
}

async fn seen(cx: &Arc<Context>, key: &str) -> Result<Seen, End> {
    let key = key.to_owned();
    match cx.ask(Request::Head { key }).await {
        Ok(Answer::Head(Some(object))) => Ok(Seen::There(object)),
        Ok(Answer::Head(None)) => Ok(Seen::Gone),
        Ok(_) | Err(End::Fault(Fault::Refused(_))) => Ok(Seen::Unknown),
        Err(other) => Err(other),
    }
}
