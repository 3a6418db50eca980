//! The clip as an encoder would send it without end, beginning at any of its keyframes. Each picture and each frame of sound
//! contains the name of its stream, the publish and its own number. So no two of them are alike, and data that is read in a
//! wrong place names its origin.

use super::flv::{AUDIO, Flv, VIDEO};
use super::media::Media;
use super::{Tag, sample};

/// The length of one turn of the clip, in milliseconds.
const TURN: u32 = 20_000;
/// The length of a picture of the clip, and of a frame of its sound.
pub(crate) const PICTURE: f64 = 40.0;
pub(crate) const SOUND: f64 = 1024.0 / 44.1;

/// The media that one publish sends.
pub(crate) struct Programme {
    headers: Vec<Tag>,
    turn: Vec<Tag>,
    /// The name of the stream and the number of the publish, which each sample contains.
    mark: String,
    /// Bytes that each picture is larger than that of the clip.
    weight: usize,
}

impl Programme {
    /// The clip from one of its keyframes on, again and again. Pictures are larger by `weight` bytes. No two publishes of a
    /// stream have the same `serial`.
    pub(crate) fn marked(stream: &str, serial: usize, weight: usize) -> Self {
        let clip = sample();
        let media = |tag: &&Tag| matches!(tag.kind, AUDIO | VIDEO) && tag.body.get(1) == Some(&1);
        let keys: Vec<u32> = clip
            .tags
            .iter()
            .filter(|tag| media(tag) && tag.is_key())
            .map(|tag| tag.time)
            .collect();
        let zero = keys[serial % keys.len()];
        let mut turn: Vec<Tag> = clip.tags.iter().filter(media).cloned().collect();
        for tag in &mut turn {
            tag.time = (tag.time + TURN - zero) % TURN;
        }
        turn.sort_by_key(|tag| (tag.time, tag.kind != VIDEO));
        let headers = clip.tags.iter().filter(|tag| tag.is_header()).map(|tag| Tag {
            time: 0,
            ..tag.clone()
        });
        Self {
            headers: headers.collect(),
            turn,
            mark: format!("<{stream} {serial} "),
            weight,
        }
    }

    /// The `number`th tag.
    pub(crate) fn tag(&self, number: usize) -> Tag {
        let (tag, time) = self.plain(number);
        let mut tag = Tag { time, ..tag.clone() };
        if !tag.is_header() {
            let mark = format!("{}{number}>", self.mark);
            if tag.kind == VIDEO {
                // A NAL unit of filler data: players ignore it.
                let filler = mark.repeat(1 + self.weight / mark.len());
                let length = u32::try_from(1 + filler.len()).expect("a length");
                tag.body.extend(length.to_be_bytes());
                tag.body.push(12);
                tag.body.extend(filler.bytes());
            } else {
                tag.body.extend(mark.bytes());
            }
        }
        tag
    }

    /// Whether these are the bytes of a picture or a frame of this programme.
    pub(crate) fn has(&self, sample: &[u8]) -> bool {
        let mark = self.mark.as_bytes();
        sample.windows(mark.len()).any(|part| part == mark)
    }

    /// The origin that a sample contains.
    pub(crate) fn mark_of(sample: &[u8]) -> String {
        let text = String::from_utf8_lossy(sample);
        let mark = text
            .rsplit_once('<')
            .map(|(_, mark)| mark.chars().take(40).collect());
        mark.unwrap_or_else(|| "without a mark".to_owned())
    }

    /// The media of the first so many tags.
    pub(crate) fn media(&self, tags: usize) -> Media {
        Flv {
            tags: (0..tags).map(|number| self.tag(number)).collect(),
        }
        .media()
    }

    /// The time until which both tracks of the first so many tags are there, in milliseconds, without what decodes after `dts`.
    pub(crate) fn due(&self, tags: usize, dts: f64) -> f64 {
        let (mut pictures, mut sounds) = (0.0, 0.0);
        for number in self.headers.len()..tags {
            let (tag, time) = self.plain(number);
            let time = f64::from(time);
            if time < dts && tag.kind == VIDEO {
                pictures = time + PICTURE;
            } else if time < dts {
                sounds = time + SOUND;
            }
        }
        f64::min(pictures, sounds)
    }

    /// The tag of the clip from which the `number`th is made, and its time.
    fn plain(&self, number: usize) -> (&Tag, u32) {
        let Some(number) = number.checked_sub(self.headers.len()) else {
            return (&self.headers[number], 0);
        };
        let tag = &self.turn[number % self.turn.len()];
        (tag, tag.time + (number / self.turn.len()) as u32 * TURN)
    }
}
