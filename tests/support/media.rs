//! The contents of a file, whatever its format: samples with their times.

/// One picture or one frame of sound.
#[derive(Clone, PartialEq)]
pub(crate) struct Sample {
    /// Decoding time, milliseconds.
    pub(crate) dts: f64,
    /// Presentation time, milliseconds.
    pub(crate) pts: f64,
    pub(crate) bytes: Vec<u8>,
}

/// The samples of a recording, in decoding order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Media {
    pub(crate) video: Vec<Sample>,
    pub(crate) audio: Vec<Sample>,
}

// People cannot read the bytes of a sample.
impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}/{:.3}:{}", self.dts, self.pts, self.bytes.len())
    }
}

impl Media {
    /// Fails unless both hold the same bytes at the same times, except for one offset of all times, which is returned.
    /// `tolerance` is for sound, whose times are rounded differently in different formats.
    #[track_caller]
    pub(crate) fn same_as(&self, source: &Media, what: &str, tolerance: f64) -> f64 {
        assert_eq!(self.video.len(), source.video.len(), "{what}: pictures");
        assert_eq!(self.audio.len(), source.audio.len(), "{what}: frames of sound");
        self.prefix_of(source, what, tolerance)
    }

    /// The same, but `source` may continue behind the other.
    #[track_caller]
    pub(crate) fn prefix_of(&self, source: &Media, what: &str, tolerance: f64) -> f64 {
        let first = |media: &Media| {
            media
                .video
                .first()
                .or(media.audio.first())
                .map_or(0.0, |sample| sample.pts)
        };
        let offset = first(self) - first(source);
        compare(
            &self.video,
            &source.video,
            offset,
            0.6,
            &format!("{what}, picture"),
        );
        compare(
            &self.audio,
            &source.audio,
            offset,
            tolerance,
            &format!("{what}, sound"),
        );
        offset
    }

    /// Fails unless both hold the same bytes. Times are not compared.
    #[track_caller]
    pub(crate) fn same_bytes(&self, source: &Media, what: &str) {
        assert_eq!(self.video.len(), source.video.len(), "{what}: pictures");
        assert_eq!(self.audio.len(), source.audio.len(), "{what}: frames of sound");
        compare(
            &self.video,
            &source.video,
            0.0,
            f64::INFINITY,
            &format!("{what}, picture"),
        );
        compare(
            &self.audio,
            &source.audio,
            0.0,
            f64::INFINITY,
            &format!("{what}, sound"),
        );
    }

    /// The samples without the silence that fills the rest between the tracks where a gap is closed: short frames that differ
    /// from the next sent frame.
    pub(crate) fn without_silence(&self, sent: &Media) -> Media {
        let mut next = sent.audio.iter().peekable();
        let mut is_sent = |sample: &&Sample| {
            let same = next.next_if(|sent| sent.bytes == sample.bytes).is_some();
            if !same && sample.bytes.len() > 16 {
                next.next();
            }
            same || sample.bytes.len() > 16
        };
        Media {
            video: self.video.clone(),
            audio: self
                .audio
                .iter()
                .filter(|sample| is_sent(sample))
                .cloned()
                .collect(),
        }
    }

    /// The sound alone.
    pub(crate) fn sound(&self) -> Media {
        Media {
            video: Vec::new(),
            audio: self.audio.clone(),
        }
    }

    /// The samples that decode before `dts` milliseconds.
    pub(crate) fn before(&self, dts: f64) -> Media {
        let cut = |samples: &[Sample]| {
            samples
                .iter()
                .take_while(|sample| sample.dts < dts)
                .cloned()
                .collect()
        };
        Media {
            video: cut(&self.video),
            audio: cut(&self.audio),
        }
    }

    /// Appends later samples.
    pub(crate) fn extend(&mut self, next: Media) {
        self.video.extend(next.video);
        self.audio.extend(next.audio);
    }
}

#[track_caller]
fn compare(got: &[Sample], source: &[Sample], offset: f64, tolerance: f64, what: &str) {
    assert!(
        got.len() <= source.len(),
        "{what}: {} samples where {} were sent",
        got.len(),
        source.len()
    );
    // MP4 cannot show a picture before it is decoded. If one was sent, the whole track is decoded earlier.
    let negative = source.iter().any(|sample| sample.pts < sample.dts);
    let early = match (got.first(), source.first()) {
        (Some(got), Some(sent)) if negative => got.dts - offset - sent.dts,
        _ => 0.0,
    };
    for (number, (got, sent)) in got.iter().zip(source).enumerate() {
        assert!(
            got.bytes == sent.bytes,
            "{what} {number}: {got:?} {} is not what was sent, {sent:?} {}",
            super::programme::Programme::mark_of(&got.bytes),
            super::programme::Programme::mark_of(&sent.bytes)
        );
        let wrong = |got: f64, sent: f64| (got - offset - sent).abs() > tolerance;
        assert!(
            !wrong(got.dts - early, sent.dts) && !wrong(got.pts, sent.pts),
            "{what} {number}: {got:?} came of {sent:?}, offset {offset:.3} ms"
        );
    }
}
