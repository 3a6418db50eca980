//! Compares the kept media with the sent media: byte for byte, in order, nothing that was not sent, and no more missing than is
//! allowed at its end. Its beginning may have been evicted for space. The service must have reported that, and must have
//! evicted the oldest media first.

use std::path::Path;
use std::sync::Arc;

use super::feed::Sent;
use super::media::{Media, Sample};
use super::programme::{PICTURE, Programme, SOUND};
use super::{Recording, Told, export};

/// A loop of the clip joins two frames of sound whose times do not follow each other exactly.
const SEAM: f64 = 40.0;
/// How far the first frame of sound of a segment may be from its first picture: they share fragments of a second.
const APART: f64 = 1_100.0;

/// The result of one publish.
pub(crate) struct Kept {
    pub(crate) sent: Arc<Sent>,
    /// None if nothing was kept.
    pub(crate) recording: Option<String>,
    /// Whether the publish was kept from its beginning.
    pub(crate) whole: bool,
    /// The end of the part of which both tracks were kept, in milliseconds of the sent media.
    pub(crate) both: f64,
    /// The end of the longer track.
    pub(crate) longest: f64,
}

/// Reads `recordings` and finds the publish of each. Fails if a recording contains media that was not sent. The publishes are
/// given in the order in which they were made.
#[track_caller]
pub(crate) fn kept(data: &Path, recordings: &[Recording], sent: &[Arc<Sent>], out: &Path) -> Vec<Kept> {
    let mut all: Vec<Kept> = sent.iter().map(Kept::nothing).collect();
    let mut recordings: Vec<&Recording> = recordings.iter().collect();
    // Not by their start: a publish that was pushed faster than real time and has lost its beginning may start after its
    // successor.
    recordings.sort_by(|a, b| a.id.cmp(&b.id));
    let mut next = std::collections::HashMap::new();
    for (number, recording) in recordings.into_iter().enumerate() {
        let format = if number % 4 == 0 { "mp4" } else { "fmp4" };
        let got = read(data, &recording.id, format, out);
        let what = format!("{} {} as {format}", recording.stream, recording.id);
        let from = next.entry(recording.stream.clone()).or_insert(0);
        // The publish is that of the first picture, and no earlier one.
        let Some(number) = (*from..all.len()).find(|number| all[*number].may_be(&recording.stream, &got))
        else {
            let first = got.video.first().map(|first| Programme::mark_of(&first.bytes));
            panic!("{what} begins with {first:?}, which was not sent to it after what came before");
        };
        *from = number + 1;
        all[number].compare(got, recording, &what);
    }
    all
}

/// Fails unless the missing media of each stream is what a limit evicts: the oldest, without a gap, and reported. `owed` says
/// until when the media of a publish must be there.
#[track_caller]
pub(crate) fn gone_in_order(kept: &[Kept], told: &Told, owed: impl Fn(&Sent) -> f64, when: &str) {
    let mut streams: Vec<&str> = kept.iter().map(|one| one.sent.stream.as_str()).collect();
    streams.sort_unstable();
    streams.dedup();
    for stream in streams {
        let mut older_is_kept = false;
        for one in kept.iter().filter(|one| one.sent.stream == stream) {
            match &one.recording {
                None => assert!(
                    one.misses(owed(&one.sent)).is_none() || !older_is_kept && told.stream(stream),
                    "{when}: a publish of {stream} is gone; something older is kept: {older_is_kept}"
                ),
                Some(id) => {
                    assert!(
                        one.whole || !older_is_kept && told.recording(id),
                        "{when}: {stream} {id} has lost its beginning; something older is kept: {older_is_kept}"
                    );
                    one.holds(owed(&one.sent), when);
                    older_is_kept = true;
                }
            }
        }
    }
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
            whole: false,
            both: 0.0,
            longest: 0.0,
        }
    }

    fn may_be(&self, stream: &str, got: &Media) -> bool {
        let first = got.video.first();
        self.sent.stream == stream && first.is_some_and(|first| self.sent.programme.has(&first.bytes))
    }

    /// Takes the media that was read for this publish. Fails unless it is the sent media, from some picture on.
    #[track_caller]
    fn compare(&mut self, got: Media, recording: &Recording, what: &str) {
        let mut source = self.sent.programme.media(self.sent.tags());
        let (pictures, sounds) = (
            skip(&mut source.video, &got.video, what),
            skip(&mut source.audio, &got.audio, what),
        );
        self.whole = (pictures, sounds) == (0, 0);
        if let (false, Some(picture), Some(sound)) = (self.whole, source.video.first(), source.audio.first())
        {
            assert!(
                (picture.dts - sound.dts).abs() <= APART,
                "{what} begins with the picture of {} ms and the sound of {} ms",
                picture.dts,
                sound.dts
            );
        }
        got.prefix_of(&source, what, SEAM);
        let end = |count: usize, all: &[Sample], each: f64| {
            count.checked_sub(1).map_or(0.0, |last| all[last].dts + each)
        };
        let pictures = end(got.video.len(), &source.video, PICTURE);
        let sounds = end(got.audio.len(), &source.audio, SOUND);
        self.recording = Some(recording.id.clone());
        self.both = pictures.min(sounds);
        self.longest = pictures.max(sounds);
    }

    /// Fails unless all owed media is there, to its end.
    #[track_caller]
    pub(crate) fn holds(&self, owed: f64, when: &str) {
        if let Some(due) = self.misses(owed) {
            panic!(
                "{when}: {} is there until {:.0} ms of what was sent, and {due:.0} ms are owed",
                self.sent.stream, self.both
            );
        }
    }

    /// Whether no media is there, although some was owed.
    pub(crate) fn is_gone(&self, owed: f64) -> bool {
        self.recording.is_none() && self.misses(owed).is_some()
    }

    /// The end of the owed media, if the media is not there.
    fn misses(&self, owed: f64) -> Option<f64> {
        let due = self.sent.programme.due(self.sent.tags() - 1, owed);
        (self.both < due).then_some(due)
    }
}

/// Removes from the sent media everything before the first kept sample. Returns the number of removed samples.
#[track_caller]
fn skip(sent: &mut Vec<Sample>, got: &[Sample], what: &str) -> usize {
    let Some(first) = got.first() else { return 0 };
    let Some(before) = sent.iter().position(|sample| sample.bytes == first.bytes) else {
        let mark = Programme::mark_of(&first.bytes);
        panic!("{what} begins with {first:?} {mark}, which was not sent then");
    };
    sent.drain(..before);
    before
}
