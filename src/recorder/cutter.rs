//! Decides which frames go to flash together.

use crate::media::{ChunkStart, Fragment, Frame, Micros, TrackKind, Tracks};

/// A fragment holds at most this much media: half of what a power cut may cost.
const SPAN: Micros = 1_000_000;
/// Where video has stalled, audio alone may end a fragment, this much later: a video frame that is only a
/// little late still ends it, and gives its predecessor an exact duration.
const SPAN_AUDIO: Micros = 1_100_000;
/// A keyframe begins a fragment unless the present one began with a keyframe less than this ago. Players and playlists enter at
/// keyframes, and a stream of keyframes only must not make a fragment of each.
const MIN_BETWEEN_KEYS: Micros = 500_000;
/// A fragment is cut beyond this size, so that the memory of waiting frames is limited at any bit rate.
const MAX_BYTES: usize = 1 << 20;

/// Gathers frames into [`Fragment`]s.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    tracks: Tracks,
    video: Vec<Frame>,
    audio: Vec<Frame>,
    cost: usize,
    start: Option<Micros>,
    /// The chunk that begins with the waiting frames, if one does.
    chunk: Option<ChunkStart>,
}

impl Cutter {
    /// Takes a frame, with the chunk that it begins; gives the fragment that it ended, if it ended one. The frame itself always
    /// waits.
    pub(super) fn push(&mut self, frame: Frame, chunk: Option<ChunkStart>) -> Option<Fragment> {
        let at = self.micros(&frame);
        let done = if chunk.is_some() || self.ends_before(&frame, at) {
            self.cut(Some(&frame))
        } else {
            None
        };
        self.chunk = self.chunk.or(chunk);
        self.start = Some(self.start.map_or(at, |start| start.min(at)));
        self.cost += frame.cost();
        match frame.kind {
            TrackKind::Video => self.video.push(frame),
            TrackKind::Audio => self.audio.push(frame),
        }
        done
    }

    /// Sets the tracks that decode the next frames. The waiting frames decode with the old ones and are given back, unless the
    /// new ones decode them as well.
    pub(super) fn set_tracks(&mut self, tracks: Tracks) -> Option<Fragment> {
        let done = if tracks.replace(&self.tracks) {
            self.cut(None)
        } else {
            None
        };
        self.tracks = tracks;
        done
    }

    /// The tracks that decode the frames that come.
    pub(super) fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// Decode time, in microseconds of media time, of the first waiting frame of a track.
    pub(super) fn first(&self, kind: TrackKind) -> Option<Micros> {
        let frames = match kind {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        };
        frames.first().map(|frame| self.micros(frame))
    }

    /// Drops the waiting frames; gives their number.
    pub(super) fn forget(&mut self) -> u64 {
        let count = self.video.len() + self.audio.len();
        self.video.clear();
        self.audio.clear();
        (self.cost, self.start, self.chunk) = (0, None, None);
        count as u64
    }

    /// Memory of the frames that wait.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Ends the fragment that is being collected.
    pub(super) fn flush(&mut self) -> Option<Fragment> {
        self.cut(None)
    }

    fn ends_before(&self, frame: &Frame, at: Micros) -> bool {
        let Some(start) = self.start else { return false };
        let age = at - start;
        let longest = match frame.kind {
            TrackKind::Video => SPAN,
            TrackKind::Audio if self.video.is_empty() => SPAN,
            TrackKind::Audio => SPAN_AUDIO,
        };
        let entry = frame.kind == TrackKind::Video
            && frame.key
            && self
                .video
                .first()
                .is_some_and(|first| !first.key || age >= MIN_BETWEEN_KEYS);
        // Where no picture came for long, sound began a chunk. A reader finds that chunk by a fragment without pictures.
        let returns = frame.kind == TrackKind::Video
            && self.video.is_empty()
            && self.chunk.is_some_and(|chunk| !chunk.breaks);
        age >= longest || entry || returns || self.cost.saturating_add(frame.cost()) > MAX_BYTES
    }

    fn cut(&mut self, next: Option<&Frame>) -> Option<Fragment> {
        if self.video.is_empty() && self.audio.is_empty() {
            return None;
        }
        let next_dts = |kind| next.filter(|frame| frame.kind == kind).map(|frame| frame.dts);
        self.cost = 0;
        self.start = None;
        // The next fragment is much like this one: memory for its frames is taken once.
        let (video, audio) = (
            Vec::with_capacity(self.video.len()),
            Vec::with_capacity(self.audio.len()),
        );
        Some(Fragment {
            tracks: self.tracks.clone(),
            next_video_dts: next_dts(TrackKind::Video),
            next_audio_dts: next_dts(TrackKind::Audio),
            video: std::mem::replace(&mut self.video, video),
            audio: std::mem::replace(&mut self.audio, audio),
            chunk: self.chunk.take(),
        })
    }

    fn micros(&self, frame: &Frame) -> Micros {
        self.tracks.micros(frame.kind, frame.dts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::testing::{audio, tracks, video};

    fn cutter() -> Cutter {
        let mut cutter = Cutter::default();
        assert_eq!(cutter.set_tracks(tracks()), None);
        cutter
    }

    fn spans(fragments: &[Fragment]) -> Vec<(i64, usize, bool)> {
        fragments
            .iter()
            .map(|f| {
                (
                    f.video.first().map_or(-1, |x| x.dts),
                    f.video.len(),
                    f.starts_with_key(),
                )
            })
            .collect()
    }

    #[test]
    fn a_second_is_one_in_every_timescale() {
        let mut at_90k = tracks();
        at_90k.video = at_90k.video.map(|video| {
            std::sync::Arc::new(crate::media::VideoConfig {
                timescale: 90_000,
                ..(*video).clone()
            })
        });
        let mut cutter = Cutter::default();
        assert_eq!(cutter.set_tracks(at_90k), None);
        let frames = (0..200).filter_map(|n| cutter.push(video(n * 3_003, n == 0, 100), None));
        let got: Vec<Fragment> = frames.collect();
        let begins: Vec<_> = got.iter().map(|fragment| fragment.video[0].dts / 3_003).collect();
        assert_eq!(begins, [0, 30, 60, 90, 120, 150]);
        assert_eq!(got[0].span(), (0, 1_001_000));
        // The same pictures in another timescale decode with another header.
        assert!(cutter.set_tracks(tracks()).is_some());
    }

    /// Pushes 25 fps video with a keyframe every `gop` frames.
    fn run(frames: i64, gop: i64) -> Vec<Fragment> {
        let mut cutter = cutter();
        let mut out: Vec<Fragment> = (0..frames)
            .filter_map(|n| cutter.push(video(n * 40, n % gop == 0, 100), None))
            .collect();
        out.extend(cutter.flush());
        out
    }

    #[test]
    fn a_second_at_a_time() {
        assert_eq!(
            spans(&run(60, 1000)),
            [(0, 25, true), (1000, 25, false), (2000, 10, false)]
        );
    }

    #[test]
    fn every_keyframe_begins_a_fragment() {
        let got = spans(&run(75, 30));
        assert_eq!(
            got,
            [
                (0, 25, true),
                (1000, 5, false),
                (1200, 25, true),
                (2200, 5, false),
                (2400, 15, true)
            ]
        );
    }

    #[test]
    fn a_stream_of_keyframes_makes_no_fragment_of_each() {
        assert_eq!(spans(&run(50, 1)).len(), 4);
    }

    #[test]
    fn a_chunk_always_begins_a_fragment() {
        let mut cutter = cutter();
        let begins = |n: i64| (n % 8 == 0).then(ChunkStart::default);
        let frames = (0..50).filter_map(|n| cutter.push(video(n * 40, n % 2 == 0, 100), begins(n)));
        let got: Vec<Fragment> = frames.collect();
        assert!(got.iter().all(|fragment| fragment.chunk.is_some()));
        assert_eq!(got.len(), 6);
    }

    #[test]
    fn the_last_frame_learns_its_duration_from_the_next() {
        let got = run(30, 1000);
        assert_eq!(got.first().unwrap().next_video_dts, Some(1000));
        assert_eq!(got.last().unwrap().next_video_dts, None);
    }

    #[test]
    fn audio_goes_on_when_video_stalls() {
        let mut cutter = cutter();
        assert!(cutter.push(video(0, true, 10), None).is_none());
        let cut: Vec<_> = (0..120)
            .filter_map(|n| cutter.push(audio(n * 1024, 10), None))
            .collect();
        assert_eq!(cut.first().map(|f| (f.video.len(), f.audio.len())), Some((1, 52)));
        assert_eq!(cut.get(1).map(|f| (f.video.len(), f.audio.len())), Some((0, 47)));
    }

    #[test]
    fn size_is_bounded_at_any_bit_rate() {
        let mut cutter = cutter();
        let cut: Vec<_> = (0..40)
            .filter_map(|n| cutter.push(video(n, n == 0, 100_000), None))
            .collect();
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|f| f.payload_bytes() <= MAX_BYTES));
    }

    #[test]
    fn a_new_configuration_begins_a_fragment_and_a_second_track_does_not() {
        let mut cutter = Cutter::default();
        let both = tracks();
        cutter.set_tracks(Tracks {
            audio: None,
            ..both.clone()
        });
        cutter.push(video(0, true, 10), None);
        assert_eq!(cutter.set_tracks(both.clone()), None);
        cutter.push(audio(0, 10), None);
        let changed = Tracks {
            video: crate::recorder::testing::other_video(),
            ..both.clone()
        };
        let cut = cutter.set_tracks(changed).unwrap();
        assert_eq!((cut.tracks, cut.video.len(), cut.audio.len()), (both, 1, 1));
    }
}
