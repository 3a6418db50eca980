//! What `review.hook` is asked about a recording, and what becomes of its answer.

use serde::Serialize;

use crate::access::viewer::{Claims, TokenScope};
use crate::api::answer::{Code, Failure};
use crate::api::{Api, Caller, Door};
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId};
use crate::model::{About, Review, ReviewStatus, Right, Rights, Title, recording_path};
use crate::store::RecordingRow;

/// Most recordings that are looked at in one go.
const PAGE: usize = 100;
/// Recordings that wait are counted up to this number.
const COUNTED: usize = 1_000;
/// Most frames that a question names.
const FRAMES: u32 = 10;
/// How long the token of a question is valid, in microseconds.
const VALID: Micros = 600_000_000;
const SECOND: Micros = 1_000_000;

/// The name of the hook in the audit.
const WHO: &str = "review.hook";

/// The body of a question.
#[derive(Serialize)]
struct Question<'a> {
    action: &'static str,
    device: String,
    recording: String,
    stream: &'a str,
    start: String,
    end: String,
    duration_s: f64,
    #[serde(flatten)]
    about: &'a About,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a Title>,
    /// Keyframes, spread over the recording; none of one that is had encrypted alone.
    frames: Vec<Frame>,
    /// Until when they can be fetched.
    frames_until: String,
}

#[derive(Serialize)]
struct Frame {
    at: String,
    url: String,
}

/// Some of the recordings that are over, and of which the hook is to say whether viewers may have them.
pub struct ToAsk {
    /// The oldest first, each with its place.
    pub page: Vec<(i64, RecordingId)>,
    /// No more are behind these.
    pub is_last: bool,
    /// How many there are in all, counted up to 1,000.
    pub waiting: usize,
}

impl Api {
    /// Recordings that the hook is to be asked about, behind a place; all are behind 0.
    pub async fn to_ask(&self, after: i64) -> Result<ToAsk, Failure> {
        self.read(move |library| {
            let page = library.to_ask(after, PAGE)?;
            Ok(ToAsk {
                is_last: page.len() < PAGE,
                waiting: library.waiting_to_ask(COUNTED)?,
                page,
            })
        })
        .await
    }

    /// The question about a recording, with a token for its stills that is new. None where there is nothing to ask any more.
    pub async fn question(&self, id: RecordingId) -> Result<Option<String>, Failure> {
        let found = self.read(move |library| {
            let Some(row) = library.recording(id)? else {
                return Ok(None);
            };
            let ranges = if row.composed {
                library.composed_of(id)?
            } else {
                Vec::new()
            };
            let spans = ranges.iter().map(|range| (range.start, range.end)).collect();
            Ok(Some((row, spans)))
        });
        let Some((row, ranges)): Option<(RecordingRow, Vec<_>)> = found.await? else {
            return Ok(None);
        };
        if row.review.as_ref().map(|review| review.status) != Some(ReviewStatus::Review) {
            return Ok(None);
        }
        let spans = if ranges.is_empty() {
            vec![(row.start, row.end)]
        } else {
            ranges
        };
        let until = self.now().saturating_add(VALID);
        let base = self.frames(id, until)?;
        let moments = if self.is_row_closed(&row) {
            Vec::new()
        } else {
            spread(&spans)
        };
        let frames = moments.into_iter().map(|at| {
            let at = rfc3339(at);
            Frame {
                url: format!("{base}?at={at}"),
                at,
            }
        });
        let question = Question {
            action: "review",
            device: self.host()?.device(),
            recording: id.to_string(),
            stream: row.stream.as_str(),
            start: rfc3339(row.start),
            end: rfc3339(row.end),
            duration_s: row.duration as f64 / 1e6,
            about: &row.spec.about,
            title: row.facts.title.as_ref(),
            frames: frames.collect(),
            frames_until: rfc3339(until),
        };
        Ok(Some(crate::defect::json(&question)))
    }

    /// The address of the stills of a recording, with a token for nothing else.
    fn frames(&self, id: RecordingId, until: Micros) -> Result<String, Failure> {
        let unavailable = |why: &str| Failure::new(Code::Unavailable, why);
        if !self.clock.synced() {
            return Err(unavailable(
                "the box does not know the time yet, so it cannot say when a token expires",
            ));
        }
        let host = self.host()?;
        let address = host
            .address()
            .ok_or_else(|| unavailable("viewers cannot connect: the log says why"))?;
        let claims = Claims {
            rights: Rights::from_iter([Right::Watch]),
            scope: TokenScope::Frames(id),
            from: None,
            to: None,
            expires: Some(until),
        };
        let token = host.token(&claims).map_err(|why| unavailable(&why))?;
        let path = recording_path(id);
        Ok(format!("{address}/t/{token}{path}/frame.mp4"))
    }

    /// Notes what the hook says of a recording: a review, or (None) that somebody says it later. Where somebody reviewed the recording
    /// meanwhile, or it is gone, the answer does not count.
    pub async fn hook_says(&self, id: RecordingId, said: Option<Review>) -> Result<(), Failure> {
        let inside = Api {
            caller: Caller {
                door: Door::Inside,
                who: WHO.to_owned(),
                scope: None,
            },
            ..self.clone()
        };
        let entry = said.is_some().then(|| inside.begin_about("recording.review", id));
        let review = said.unwrap_or_else(|| Review::of(ReviewStatus::Review));
        let noted = self.recorder.review_asked(id, review, self.on_block()).await;
        let result = noted.map_err(Failure::from);
        if let Some(entry) = entry {
            entry.end(&result.clone().map(|()| serde_json::Value::Null));
        }
        match result {
            Err(failure) if matches!(failure.code, Code::Conflict | Code::NotFound) => {
                tracing::info!("the answer of the hook does not count: {}", failure.message);
                Ok(())
            }
            other => other,
        }
    }
}

/// Moments that are spread over these spans of time: at least a second apart, one for a span that is shorter.
fn spread(spans: &[(Micros, Micros)]) -> Vec<Micros> {
    let length = |(from, to): &(Micros, Micros)| to.saturating_sub(*from).max(1);
    let total = spans.iter().map(length).fold(0, Micros::saturating_add);
    let count = (total / SECOND).clamp(1, Micros::from(FRAMES));
    let mut moments = Vec::new();
    for number in 0..count {
        // The middle of each of so many parts.
        let mut at = i64::try_from(i128::from(total) * i128::from(2 * number + 1) / i128::from(2 * count));
        for span in spans {
            match at {
                Ok(left) if left < length(span) => {
                    moments.push(span.0.saturating_add(left));
                    break;
                }
                Ok(left) => at = Ok(left - length(span)),
                Err(_) => break,
            }
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_over_all_that_there_is_of_a_recording() {
        let s = |spans: &[(i64, i64)]| -> Vec<i64> {
            let spans: Vec<_> = spans.iter().map(|(a, b)| (a * SECOND, b * SECOND)).collect();
            spread(&spans).into_iter().map(|at| at / SECOND).collect()
        };
        assert_eq!(
            s(&[(100, 200)]),
            [105, 115, 125, 135, 145, 155, 165, 175, 185, 195]
        );
        assert_eq!(s(&[(100, 103)]), [100, 101, 102]);
        assert_eq!(s(&[(100, 100)]), [100]);
        assert_eq!(s(&[]), [] as [i64; 0]);
        // Ranges of a composition, in their order.
        assert_eq!(s(&[(900, 902), (100, 102)]), [900, 901, 100, 101]);
        assert_eq!(spread(&[(i64::MIN, i64::MAX)]).len(), 10);
        assert_eq!(spread(&[(5, 3)]), [5]);
    }
}
