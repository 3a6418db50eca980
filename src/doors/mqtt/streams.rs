//! What is published about streams, and when. A change that somebody would act upon is published at once. Otherwise a stream on
//! the air is published once in a while. A stream that went off the air is published once more, and forgotten after a while.

use std::collections::BTreeMap;

use crate::api::stream_row;
use crate::event::{Recorded, rfc3339};
use crate::media::{Micros, PublishId, RecordingId, StreamName, Tracks};
use crate::recorder::StreamStatus;

use super::message::StreamState;

/// Streams that are known to the broker.
#[derive(Debug, Default)]
pub(super) struct Streams {
    known: BTreeMap<StreamName, Known>,
}

#[derive(Debug)]
struct Known {
    publish: PublishId,
    tracks: Tracks,
    recordings: Vec<RecordingId>,
    /// CLOCK_BOOTTIME in microseconds when the stream was last published.
    told: Micros,
    live: bool,
    last: StreamStatus,
}

/// What is to be published about a stream.
#[derive(Debug)]
pub(super) enum News {
    /// The stream's state.
    State(StreamName, Box<StreamState>),
    /// Nothing any more: its retained message is taken back.
    Forget(StreamName),
}

impl Streams {
    /// The news, given the streams on the air now. `every` is how long nothing may be published about a stream, in
    /// microseconds.
    pub(super) fn look(
        &mut self,
        live: &[StreamStatus],
        now: Micros,
        utc: Micros,
        every: Micros,
        address: Option<&str>,
    ) -> Vec<News> {
        let mut news = Vec::new();
        for status in live {
            let known = self.known.get(&status.stream);
            let due = known.is_none_or(|known| {
                !known.live
                    || known.publish != status.publish
                    || known.tracks != status.tracks
                    || known.last.recorded != status.recorded
                    || known.last.left_out != status.left_out
                    || known.recordings != status.recordings
                    || known.last.oddities != status.oddities
                    || now.saturating_sub(known.told) >= every
            });
            if due {
                news.push(state(status, true, utc, address));
                self.known.insert(status.stream.clone(), Known::new(status, now));
            }
        }
        let on_air = |name: &StreamName| live.iter().any(|status| status.stream == *name);
        let mut gone = Vec::new();
        for (name, known) in self.known.iter_mut().filter(|(name, _)| !on_air(name)) {
            if std::mem::replace(&mut known.live, false) {
                known.told = now;
                known.last.bits_per_second = 0;
                known.last.recordings.clear();
                known.last.recorded = Recorded {
                    text: "nobody publishes it".to_owned(),
                    why_not: Some("off_air".to_owned()),
                    ..Recorded::default()
                };
                news.push(state(&known.last, false, utc, None));
            } else if now.saturating_sub(known.told) >= every {
                gone.push(name.clone());
            }
        }
        for name in gone {
            self.known.remove(&name);
            news.push(News::Forget(name));
        }
        news
    }

    /// Has all known streams published again: the broker may have forgotten them.
    pub(super) fn again(&mut self) {
        for known in self.known.values_mut() {
            known.told = Micros::MIN;
        }
    }

    pub(super) fn knows(&self, name: impl Fn(&StreamName) -> bool) -> bool {
        self.known.keys().any(name)
    }
}

impl Known {
    fn new(status: &StreamStatus, now: Micros) -> Self {
        Self {
            publish: status.publish,
            tracks: status.tracks.clone(),
            recordings: status.recordings.clone(),
            told: now,
            live: true,
            last: status.clone(),
        }
    }
}

fn state(status: &StreamStatus, live: bool, utc: Micros, address: Option<&str>) -> News {
    let state = StreamState {
        time: rfc3339(utc),
        live,
        row: stream_row(status, address),
    };
    News::State(status.stream.clone(), Box::new(state))
}
