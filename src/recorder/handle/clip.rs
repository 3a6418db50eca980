//! Clips of media that is on tape already: the store makes them without the recorder.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AskError, Recorder};
use crate::media::RecordingId;
use crate::model::{About, Origin, ReviewWhen};
use crate::recorder::ended::EndedBy;
use crate::recorder::orders::{ClipOrder, clip_output};
use crate::store::{ClipBounds, Command, RecordingSpec};

impl Recorder {
    /// Makes a clip of the tape, once its bounds are found. It is complete when this returns.
    pub async fn clip_tape(&self, order: &ClipOrder, found: ClipBounds) -> Result<RecordingId, AskError> {
        let recording = order.id;
        let mut output = self
            .shared
            .core()
            .rulebook
            .closed(&order.stream, clip_output(order));
        // Of tape that is held back no clip is made, and the rest was passed.
        output.review = ReviewWhen::After;
        let spec = RecordingSpec {
            about: About {
                origin: Origin::Clip,
                formats: output.formats.clone(),
                session: recording.to_string(),
                number: 1,
                name: order.name.clone(),
                encrypted: output.is_closed(),
                ..About::default()
            },
            output,
            until: None,
            asked: Some(found.asked),
            // The clip goes back as far as its first picture needs.
            gradual: false,
        };
        let command = Command::Clip {
            recording,
            stream: order.stream.clone(),
            start: found.start,
            end: found.end,
            spec: Arc::new(spec),
        };
        self.submit(command).await?;
        let ended = BTreeMap::from([(EndedBy::Clip, 1)]);
        self.shared.core().counts.end(ended);
        Ok(recording)
    }
}
