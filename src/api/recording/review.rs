//! `recording.review`: what a review says of a recording, and what is held back from viewers.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row_of;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::config::{OnBlock, StreamSet};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::reply::{
    NotReviewed, RecordingReviewed, RecordingsReviewed, ReviewOf, Reviewed, SharesTape,
};
use crate::model::{Reason, Review, ReviewStatus};
use crate::store::{Held, Library, RecordingRow, StoreError, TapeSpan};

/// The most recordings that an answer names.
const NAMED: usize = 20;

/// The most recordings that are looked at for those that a caller may see.
const LOOKED_AT: usize = 500;

/// The most recordings of a request, as the clouds take them.
const MOST: usize = 20;

/// The most characters of an id that an answer repeats.
const LONGEST: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    recording: Option<String>,
    recordings: Option<Vec<String>>,
    status: ReviewStatus,
    reason: Option<Reason>,
}

pub(super) async fn review(api: &Api, arguments: Map<String, Value>) -> Result<Reviewed, Failure> {
    let asked: Asked = typed(arguments)?;
    let review = Review {
        status: asked.status,
        reason: asked.reason,
        asks: false,
    };
    match (asked.recording, asked.recordings) {
        (Some(one), None) => Ok(Reviewed::One(review_one(api, one, review).await?)),
        (None, Some(several)) => review_each(api, several, review).await.map(Reviewed::Several),
        (None, None) => Err(Failure::bad("'recording' or 'recordings' is needed").about("recording")),
        (Some(_), Some(_)) => {
            Err(Failure::bad("either 'recording' or 'recordings', not both").about("recordings"))
        }
    }
}

/// Reviews recordings one after the other. One that is refused does not keep the others from it.
async fn review_each(api: &Api, several: Vec<String>, review: Review) -> Result<RecordingsReviewed, Failure> {
    if !(1..=MOST).contains(&several.len()) {
        let count = several.len();
        let text = format!("recordings: {count} are named; from 1 to {MOST} are taken");
        return Err(Failure::bad(text).about("recordings"));
    }
    let mut reviews = Vec::with_capacity(several.len());
    for text in several {
        let recording = text.chars().take(LONGEST).collect();
        reviews.push(match review_one(api, text, review.clone()).await {
            Ok(result) => ReviewOf::done(recording, result),
            Err(failure) => ReviewOf::refused(
                recording,
                NotReviewed {
                    code: failure.code.as_str(),
                    message: failure.message,
                },
            ),
        });
    }
    Ok(RecordingsReviewed { reviews })
}

async fn review_one(api: &Api, text: String, review: Review) -> Result<RecordingReviewed, Failure> {
    let recording = row_of(api, text).await?.id;
    api.is_about(recording);
    api.recorder
        .review(recording, review.clone(), api.on_block())
        .await?;
    let seen = api.seen().clone();
    let shares = api.read(move |library| sharing(library, recording, &seen));
    let shares = shares.await?.into_iter().map(|(recording, review)| SharesTape {
        recording: recording.to_string(),
        review: review.map(|review| review.status),
    });
    Ok(RecordingReviewed {
        recording: recording.to_string(),
        status: review.status,
        reason: review.reason,
        shares_tape: shares.collect(),
    })
}

/// Some of the other recordings with tape of a recording: those of which the caller may see all streams.
fn sharing(
    library: &Library,
    recording: RecordingId,
    seen: &StreamSet,
) -> Result<Vec<(RecordingId, Option<Review>)>, StoreError> {
    let most = if seen.is_all() { NAMED } else { LOOKED_AT };
    let mut named = Vec::new();
    for (other, review) in library.sharing_tape(recording, most)? {
        let row = library.recording(other)?;
        let sees = |row: &RecordingRow| row.streams().all(|stream| seen.has(stream.as_str()));
        if named.len() < NAMED && row.as_ref().is_some_and(sees) {
            named.push((other, review));
        }
    }
    Ok(named)
}

impl Api {
    /// What becomes of delivered files of a blocked recording. Where nothing is delivered, there is nothing to remove.
    pub(super) fn on_block(&self) -> OnBlock {
        let uploader = self.uploader();
        uploader.map_or(OnBlock::Keep, |uploader| uploader.on_block())
    }

    /// The streams of which the caller sees what is held back.
    pub(in crate::api) fn moderates(&self) -> StreamSet {
        let scope = self.caller.scope.as_ref();
        scope.map_or(StreamSet::All, |scope| scope.moderates.clone())
    }

    /// What is held back from viewers now.
    pub fn held(&self) -> std::sync::Arc<Held> {
        self.store.held().borrow().clone()
    }

    /// Refuses what somebody wants to make of a recording, where viewers do not get it.
    pub(in crate::api) fn expect_shown(&self, row: &RecordingRow) -> Result<(), Failure> {
        if !self.held().has(row.id, &row.tape) {
            return Ok(());
        }
        let text = format!(
            "recording {} is held back: it is blocked, or to be reviewed, or has tape of a recording that is blocked",
            row.id
        );
        Err(Failure::new(Code::Conflict, text))
    }

    /// True for a recording that the caller does not see, because it is held back.
    pub(in crate::api) fn hides(&self, row: &RecordingRow) -> bool {
        row.is_held_back() && !self.moderates_row(row)
    }

    /// True where the caller sees what is held back of all streams of a recording.
    fn moderates_row(&self, row: &RecordingRow) -> bool {
        let moderates = self.moderates();
        row.streams().all(|stream| moderates.has(stream.as_str()))
    }

    /// Refuses what is of a recording where the caller does not get it, because it is held back.
    pub(in crate::api) fn expect_seen(&self, row: &RecordingRow) -> Result<(), Failure> {
        if self.moderates_row(row) || !self.held().has(row.id, &row.tape) {
            return Ok(());
        }
        let text = format!(
            "recording {} is held back, or has tape that is blocked: only callers with the right 'moderate' get its keys",
            row.id
        );
        Err(Failure::new(Code::Refused, text))
    }

    /// Refuses a clip of a stream's tape where some of it is held back.
    pub(in crate::api) fn expect_open(
        &self,
        stream: &StreamName,
        tape: Option<(Micros, Micros)>,
    ) -> Result<(), Failure> {
        let held = self.held();
        let is_held = match tape {
            Some((from, to)) => held.is_closed(&TapeSpan {
                stream: stream.clone(),
                from,
                to,
            }),
            None => held.is_growing(stream),
        };
        if !is_held {
            return Ok(());
        }
        let text =
            format!("'{stream}' is held back at this time: a recording of it is blocked, or to be reviewed");
        Err(Failure::new(Code::Conflict, text))
    }
}
