//! Pictures that cannot be decoded though a keyframe came before them.

use crate::media::{Frame, Micros, RandomAccess, TrackKind, VideoConfig};

/// Pictures after the first keyframe of a recording that refer to missing ones. If that keyframe is one of an open GOP (CRA,
/// recovery point), the pictures that follow it and are shown before it refer to pictures that nobody has. Decoders leave them
/// out, or show them broken.
#[derive(Debug, Default)]
pub(super) struct OpenGop {
    /// PTS of the keyframe, until the next keyframe comes.
    shown: Option<i64>,
}

impl OpenGop {
    /// True for a picture that cannot be decoded. `first` is the configuration of the very first keyframe; `None` for every
    /// other frame.
    pub(super) fn leaves_out(&mut self, frame: &Frame, first: Option<&VideoConfig>) -> bool {
        if frame.kind == TrackKind::Audio {
            return false;
        }
        if frame.key {
            let is_open =
                first.is_some_and(|video| video.random_access(&frame.payload) == RandomAccess::Open);
            self.shown = is_open.then(|| frame.pts());
            return false;
        }
        self.shown.is_some_and(|shown| frame.pts() < shown)
    }
}

/// The last keyframe, if it is one of an open GOP. A recording may begin with it while the tape has the media before: the
/// leading pictures are on the tape, and left out of that recording.
#[derive(Debug, Default)]
pub(super) struct LastKey {
    /// Tape time and PTS of the keyframe.
    open: Option<(Micros, i64)>,
    /// Number of leading pictures that followed it since the last question.
    leading: u64,
    /// Tape time of a keyframe from which on the picture is refreshed bit by bit, until the first question about it.
    gradual: Option<Micros>,
}

impl LastKey {
    /// Takes the next frame, at a tape time; `video` is the configuration of the pictures.
    pub(super) fn see(&mut self, frame: &Frame, at: Micros, video: Option<&VideoConfig>) {
        match (frame.kind, frame.key) {
            (TrackKind::Audio, _) => (),
            (TrackKind::Video, true) => {
                let access = video.map(|video| video.random_access(&frame.payload));
                self.open = (access == Some(RandomAccess::Open)).then(|| (at, frame.pts()));
                self.gradual = (access == Some(RandomAccess::Gradual)).then_some(at);
                self.leading = 0;
            }
            (TrackKind::Video, false) => {
                let leads = self.open.is_some_and(|(_, shown)| frame.pts() < shown);
                self.leading += u64::from(leads);
            }
        }
    }

    /// True where a recording begins with such a keyframe, and so with pictures that are not whole yet.
    pub(super) fn is_not_whole(&mut self, begins: impl FnOnce(Micros) -> bool) -> bool {
        self.gradual.take().is_some_and(begins)
    }

    /// Number of leading pictures, not counted before, that a recording lacks which begins with this keyframe.
    pub(super) fn missing(&mut self, begins: impl FnOnce(Micros) -> bool) -> u64 {
        match self.open {
            Some((at, _)) if self.leading > 0 && begins(at) => std::mem::take(&mut self.leading),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::recorder::testing::{audio, video};

    /// Types of HEVC NAL units.
    const CRA: u8 = 21;
    const IDR: u8 = 19;
    const RASL: u8 = 8;

    fn picture(unit: u8, dts: i64, cts: i32) -> Frame {
        Frame {
            cts,
            payload: Bytes::from(vec![0, 0, 0, 4, unit << 1, 1, 0xAF, 0]),
            ..video(dts, unit > 15, 0)
        }
    }

    /// A recovery point after which 24 more pictures are to come, and one of P slices.
    fn recovery_point(dts: i64) -> Frame {
        let sei = [39 << 1, 1, 6, 2, 0x01, 0x88, 0x80];
        let mut payload = vec![0, 0, 0, 7];
        payload.extend(sei);
        payload.extend(picture(1, dts, 0).payload);
        Frame {
            payload: Bytes::from(payload),
            key: true,
            ..picture(1, dts, 0)
        }
    }

    fn hevc() -> VideoConfig {
        let mut record = vec![0; 23];
        record[21] = 3;
        VideoConfig {
            codec: crate::media::VideoCodec::Hevc,
            record: Bytes::from(record),
            width: 640,
            height: 360,
            timescale: crate::media::MILLISECONDS,
            colour_info: crate::media::ColourInfo::default(),
        }
    }

    fn left_out(first: u8) -> Vec<bool> {
        let mut gop = OpenGop::default();
        let config = hevc();
        // In decoding order: the keyframe, two pictures shown before it, one shown behind it, and the next GOP.
        let pictures = [
            picture(first, 0, 120),
            picture(RASL, 40, 0),
            picture(RASL, 80, 0),
            picture(1, 120, 40),
            picture(CRA, 160, 120),
            picture(RASL, 200, 0),
        ];
        let mut config = Some(&config);
        pictures
            .iter()
            .map(|frame| gop.leaves_out(frame, config.take()))
            .collect()
    }

    #[test]
    fn what_is_shown_before_the_first_keyframe_of_all_is_left_out() {
        assert_eq!(left_out(CRA), [false, true, true, false, false, false]);
        assert_eq!(left_out(IDR), [false; 6]);
    }

    #[test]
    fn a_recording_that_begins_at_an_open_gop_lacks_its_leading_pictures() {
        let missing = |first: u8, begins: Micros| {
            let (mut key, config) = (LastKey::default(), hevc());
            let pictures = [
                picture(first, 160, 120),
                picture(RASL, 200, 0),
                picture(RASL, 240, 0),
                picture(1, 280, 40),
            ];
            let mut counts = Vec::new();
            for (frame, at) in pictures.iter().zip([160, 200, 240, 280]) {
                key.see(frame, at, Some(&config));
                counts.push(key.missing(|at| at == begins));
            }
            counts
        };
        assert_eq!(missing(CRA, 160), [0, 1, 1, 0]);
        assert_eq!(missing(CRA, 120), [0; 4]);
        assert_eq!(missing(IDR, 160), [0; 4]);
    }

    #[test]
    fn a_recording_that_begins_at_a_recovery_point_is_not_whole_at_first() {
        let (mut key, config) = (LastKey::default(), hevc());
        key.see(&picture(IDR, 0, 0), 0, Some(&config));
        assert!(!key.is_not_whole(|_| true));
        // The answer is for one recording, so it is given once.
        for (begins, answer) in [(80, false), (160, true)] {
            key.see(&recovery_point(160), 160, Some(&config));
            assert_eq!(key.is_not_whole(|at| at == begins), answer);
            assert!(!key.is_not_whole(|_| true));
        }
    }

    #[test]
    fn sound_is_none_of_its_business() {
        let (mut gop, config) = (OpenGop::default(), hevc());
        assert!(!gop.leaves_out(&picture(CRA, 1_000, 0), Some(&config)));
        assert!(!gop.leaves_out(&audio(0, 10), None));
    }
}
