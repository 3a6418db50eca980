//! Tags of delivered files: what a review says of their recording (`sync.on_block = "tag"`), and for how many days they are kept.
//!
//! The journal has the tags that are to be sent. Each is sent again until it has the store's answer. One that fails comes behind
//! the others the next time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cleaner::{keys, report};
use super::context::{Context, End};
use super::remote::{Answer, Fault, ObjectSeen, Request};
use crate::media::Micros;
use crate::model::ReviewStatus;
use crate::store::{DeliveryChange, Rendition};

/// Most files or folders in one go.
const BATCH: usize = 32;

/// Most files and folders whose state is kept. Where there are more, all of them begin anew.
const MOST_KEPT: usize = 256;

/// So many failures, of one file or of several, and the renditions say why.
const FAILURES_TOLD: u32 = 3;

/// How far the tags of a file or a folder are that did not reach their end.
#[derive(Debug)]
pub(super) struct Tagging {
    status: ReviewStatus,
    /// When it was delivered: what is delivered again has no tags.
    delivered: Option<Micros>,
    /// The number of its objects that have the tag.
    reached: usize,
    /// Failures in a row.
    failures: u32,
    /// The rendition says why.
    told: bool,
}

impl Tagging {
    fn is_of(&self, rendition: &Rendition, status: ReviewStatus) -> bool {
        self.status == status && self.delivered == rendition.delivered
    }

    fn reach(&mut self, index: usize) {
        if index > self.reached {
            (self.reached, self.failures) = (index, 0);
        }
    }
}

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

/// Sends the tags that are due, until one fails; true if there may be more.
pub(super) async fn send(cx: &Arc<Context>) -> Result<bool, End> {
    let due = due(cx).await?;
    let mut more = due.len() == BATCH;
    for (rendition, status) in due {
        cx.may_go_on()?;
        let (id, key) = (rendition.id, &rendition.key);
        let tags = match all_of(cx, &rendition, status).await {
            Err(End::Fault(fault)) => {
                failed(cx, &rendition, status, &fault).await?;
                return Err(End::Fault(fault));
            }
            tags => tags?,
        };
        cx.tagging().remove(&id);
        let change = match tags {
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
                // It is to be removed now.
                more = true;
                DeliveryChange::Spoiled(id)
            }
        };
        cx.commit(vec![change]).await?;
    }
    Ok(more)
}

/// The tags to send: those that failed most often come last.
async fn due(cx: &Arc<Context>) -> Result<Vec<(Rendition, ReviewStatus)>, End> {
    let limit = BATCH + cx.tagging().len();
    let mut due = cx.read(move |library| Ok(library.to_tag(limit)?)).await?;
    let mut tagging = cx.tagging();
    if due.len() < limit {
        tagging.retain(|id, of| {
            due.iter()
                .any(|(one, status)| one.id == *id && of.is_of(one, *status))
        });
    }
    due.sort_by_key(|(one, _)| tagging.get(&one.id).map_or(0, |of| of.failures));
    due.truncate(BATCH);
    Ok(due)
}

/// Notes that tags failed. After some times, the rendition says why; the log says it of the first one alone.
async fn failed(
    cx: &Arc<Context>,
    rendition: &Rendition,
    status: ReviewStatus,
    fault: &Fault,
) -> Result<(), End> {
    with(cx, rendition, status, |of| {
        of.failures = of.failures.saturating_add(1)
    });
    let all = cx
        .tagging()
        .values()
        .fold(0, |all: u32, of| all.saturating_add(of.failures));
    let is_first = !cx.tagging().values().any(|of| of.told);
    let was_told = with(cx, rendition, status, |of| {
        let was_told = of.told;
        of.told |= all >= FAILURES_TOLD;
        was_told
    });
    if was_told || all < FAILURES_TOLD {
        return Ok(());
    }
    let (id, key) = (rendition.id, &rendition.key);
    let reason = format!("its tag {REVIEW}={status} fails again and again, and is tried on: {fault}");
    if is_first {
        tracing::warn!(recording = %id.recording, %key, "{reason}");
    }
    cx.commit(vec![DeliveryChange::TagFails(id, status, reason)])
        .await
}

/// Reads and changes the state of a rendition's tags. One of another review, or of an earlier delivery, begins anew.
fn with<T>(
    cx: &Context,
    rendition: &Rendition,
    status: ReviewStatus,
    change: impl FnOnce(&mut Tagging) -> T,
) -> T {
    let mut tagging = cx.tagging();
    if tagging.len() >= MOST_KEPT && !tagging.contains_key(&rendition.id) {
        tagging.clear();
    }
    let anew = || Tagging {
        status,
        delivered: rendition.delivered,
        reached: 0,
        failures: 0,
        told: false,
    };
    let of = tagging.entry(rendition.id).or_insert_with(anew);
    if !of.is_of(rendition, status) {
        *of = anew();
    }
    change(of)
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
    let reached = with(cx, rendition, status, |of| of.reached);
    for (index, key) in keys(rendition, &[]).enumerate().skip(reached) {
        with(cx, rendition, status, |of| of.reach(index));
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
