//! What was kept against what was sent: byte for byte, in order, nothing that was not sent, no more missing than
//! is allowed.

use std::path::Path;
use std::sync::Arc;

use super::feed::Sent;
use super::media::Media;
use super::programme::{PICTURE, SOUND};
use super::{Recording, export};

/// A loop of the clip joins two frames of sound that are not quite one after the other.
const SEAM: f64 = 40.0;

/// What became of one publish.
pub(crate) struct Kept {
    pub(crate) sent: Arc<Sent>,
    /// None where nothing was kept.
    pub(crate) recording: Option<String>,
    /// Milliseconds of media, both tracks.
    pub(crate) both: f64,
    /// The same of the longer one.
    pub(crate) longest: f64,
}

/// Reads what `recordings` hold and finds the publish that each came of. Fails where one holds what was not sent.
/// Publishes are given, and were made, in order, and those of a stream that follow each other begin differently.
#[track_caller]
pub(crate) fn kept(data: &Path, recordings: &[Recording], sent: &[Arc<Sent>], out: &Path) -> Vec<Kept> {
    let mut all: Vec<Kept> = sent.iter().map(Kept::nothing).collect();
    let mut recordings: Vec<&Recording> = recordings.iter().collect();
    recordings.sort_by(|a, b| a.start.cmp(&b.start));
    let mut next = std::collections::HashMap::new();
    for (number, recording) in recordings.into_iter().enumerate() {
        let format = if number % 4 == 0 { "mp4" } else { "fmp4" };
        let got = read(data, &recording.id, format, out);
        let what = format!("{} {} as {format}", recording.stream, recording.id);
        let from = next.entry(recording.stream.clone()).or_insert(0);
        // It is that publish, and no earlier one, whose first picture this is.
        let Some(number) = (*from..all.len()).find(|number| all[*number].may_be(&recording.stream, &got))
        else {
            panic!("{what} begins with nothing that was sent to it: {got:?}");
        };
        *from = number + 1;
        let found = &mut all[number];
        let source = found.sent.programme.media(found.sent.tags());
        got.prefix_of(&source, &what, SEAM);
        let end = |count: usize, all: &[super::Sample], each: f64| {
            count.checked_sub(1).map_or(0.0, |last| all[last].dts + each)
        };
        let pictures = end(got.video.len(), &source.video, PICTURE);
        let sounds = end(got.audio.len(), &source.audio, SOUND);
        found.recording = Some(recording.id.clone());
        found.both = pictures.min(sounds);
        found.longest = pictures.max(sounds);
    }
    all
}

#[track_caller]
fn read(data: &Path, id: &str, format: &str, out: &Path) -> Media {
    let path = out.join(format!("{id}-{format}.mp4"));
    export(data, id, format, &path).ok();
    let bytes = std::fs::read(&path).expect("what was exported");
    std::fs::remove_file(&path).expect("what was exported");
    if format == "mp4" {
        super::mp4_file::parse(&bytes)
    } else {
        super::fragmented::parse(&bytes)
    }
}

impl Kept {
    fn nothing(sent: &Arc<Sent>) -> Self {
        Self {
            sent: Arc::clone(sent),
            recording: None,
            both: 0.0,
            longest: 0.0,
        }
    }

    fn may_be(&self, stream: &str, got: &Media) -> bool {
        let first = |media: &Media| media.video.first().map(|sample| sample.bytes.clone());
        self.sent.stream == stream && first(&self.sent.programme.media(8)) == first(got)
    }

    /// Fails unless all that is owed is there.
    #[track_caller]
    pub(crate) fn holds(&self, owed: f64, when: &str) {
        let whole = self.sent.programme.media(self.sent.tags() - 1);
        let least = whole.before(owed);
        let last = |samples: &[super::Sample], each: f64| samples.last().map_or(0.0, |last| last.dts + each);
        let due = last(&least.video, PICTURE).min(last(&least.audio, SOUND));
        assert!(
            self.both >= due,
            "{when}: {} has {:.0} ms of what was sent, and {due:.0} ms are owed",
            self.sent.stream,
            self.both
        );
    }
}
