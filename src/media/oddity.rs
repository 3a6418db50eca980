//! What is wrong with what a publisher sends, and what is made of it.

use std::fmt;

use super::TrackKind;

/// Something in a publisher's media that is mended, left out or lost. A user hears of each once a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A frame came before the sequence header of its track, and is lost.
    BeforeConfig {
        /// Which track.
        kind: TrackKind,
    },
    /// Pictures came and no keyframe before them: they are lost.
    NoKeyframe {
        /// How many so far.
        pictures: u64,
    },
    /// A recording begins at a keyframe of an open GOP: pictures that are shown before it refer to others that are not there.
    LeadingPictures {
        /// They are on the tape, with what they refer to: formats that hide that have them.
        on_tape: bool,
    },
    /// A recording begins at a picture from which on the picture is refreshed bit by bit: the first ones are not whole.
    NotWholeYet {
        /// What they are decoded with is on the tape: formats that hide that show them whole.
        on_tape: bool,
    },
    /// Gaps are to be kept, and there is no silence in the coding of the sound to fill them with.
    GapsClosed {
        /// The coding, as RFC 6381 writes it.
        codec: String,
    },
    /// The flag that says what is a keyframe is not what the picture is. What the picture is counts.
    KeyFlag {
        /// What the flag said.
        flagged: bool,
    },
    /// A track beside the first one of its kind is left out.
    MoreTracks {
        /// Picture or sound.
        kind: TrackKind,
        /// The number that it goes by.
        track: u8,
    },
    /// NAL units without bytes are taken out.
    EmptyUnits,
    /// A NAL unit is longer than its sample.
    CutUnit {
        /// It could be left out: what else is in the sample is whole.
        mended: bool,
    },
    /// NAL units stand behind start codes.
    StartCodes {
        /// They were given lengths.
        mended: bool,
    },
    /// A part of what the publisher says of colours and light (Enhanced RTMP `colorInfo`) has no use.
    ColourInfo {
        /// Which, and why.
        unusable: &'static str,
    },
    /// It says other colours than the parameter sets. Files say what it says.
    ColourDiffers {
        /// Primaries, transfer and matrix by the numbers of ISO/IEC 23091-2, as it says.
        said: [u8; 3],
        /// As the parameter sets say.
        own: [u8; 3],
    },
    /// It says another display or another light in the middle. Files say what it said first.
    LightChanges,
    /// There is no sequence header: what the picture is was taken from parameter sets.
    NoConfig,
    /// Frames of AAC have ADTS headers, which are taken off.
    AdtsHeaders {
        /// There was no sequence header: what the sound is was taken from them.
        configured: bool,
    },
}

impl Oddity {
    /// What it is about, in a word: the `what` of the event.
    pub fn what(&self) -> &'static str {
        match self {
            Oddity::BeforeConfig { .. } => "codec",
            Oddity::NoKeyframe { .. }
            | Oddity::LeadingPictures { .. }
            | Oddity::NotWholeYet { .. }
            | Oddity::KeyFlag { .. } => "keyframe",
            Oddity::MoreTracks { .. } => "track",
            Oddity::EmptyUnits
            | Oddity::CutUnit { .. }
            | Oddity::StartCodes { .. }
            | Oddity::NoConfig
            | Oddity::ColourInfo { .. }
            | Oddity::ColourDiffers { .. }
            | Oddity::LightChanges
            | Oddity::GapsClosed { .. }
            | Oddity::AdtsHeaders { .. } => "form",
        }
    }

    /// Whether a user who heard of one has heard of the other.
    pub fn is_like(&self, other: &Self) -> bool {
        let track = |oddity: &Self| match oddity {
            Oddity::BeforeConfig { kind } | Oddity::MoreTracks { kind, .. } => Some(*kind),
            _ => None,
        };
        let part = |oddity: &Self| match oddity {
            Oddity::ColourInfo { unusable } => Some(*unusable),
            _ => None,
        };
        let on_tape = |oddity: &Self| {
            matches!(
                oddity,
                Oddity::LeadingPictures { on_tape: true } | Oddity::NotWholeYet { on_tape: true }
            )
        };
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && (track(self), part(self), on_tape(self)) == (track(other), part(other), on_tape(other))
    }

    /// A frame is lost each time it is met.
    pub fn loses_a_frame(&self) -> bool {
        matches!(self, Oddity::BeforeConfig { .. })
    }
}

impl fmt::Display for Oddity {
    /// What it is, what is made of it, and what to do, if there is something to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oddity::BeforeConfig { kind } => write!(
                f,
                "{} comes before its sequence header and is not recorded until one comes; start the encoder's stream \
                 anew if it goes on",
                kind.as_str()
            ),
            Oddity::NoKeyframe { pictures } => write!(
                f,
                "no keyframe came in {pictures} pictures: none of them is recorded until one comes; set a keyframe \
                 interval of 2 s in the encoder"
            ),
            Oddity::LeadingPictures { on_tape: false } => f.write_str(
                "a recording begins at a keyframe of an open GOP: the pictures that are shown before it cannot be decoded \
                 there, and are left out; set closed GOPs in the encoder if they matter",
            ),
            Oddity::LeadingPictures { on_tape: true } => f.write_str(
                "a recording begins at a keyframe of an open GOP: MP4 has the pictures that are shown before it, HLS, fMP4 \
                 and FLV leave them out; set closed GOPs in the encoder if they matter there",
            ),
            Oddity::NotWholeYet { on_tape: false } => f.write_str(
                "a recording begins at a recovery point (intra refresh), and nothing from before is there: its first pictures are \
                 not whole until the encoder has refreshed all of the picture; set keyframes (IDR) in the encoder if they matter",
            ),
            Oddity::NotWholeYet { on_tape: true } => f.write_str(
                "a recording begins at a recovery point (intra refresh): MP4 shows whole pictures from its beginning, HLS, fMP4 \
                 and FLV show pictures that are not whole until all of the picture is refreshed; set keyframes (IDR) in the \
                 encoder if they matter there",
            ),
            Oddity::GapsClosed { codec } => write!(
                f,
                "gaps = \"keep\" needs silence in the coding of the sound (AAC LC, HE-AAC, MP3, Opus of up to two channels); there is none in {codec}, so \
                 what follows a gap follows at once",
            ),
            Oddity::KeyFlag { flagged: true } => f.write_str(
                "the encoder marks pictures as keyframes that are none; edgereel looks at the pictures, not at the mark",
            ),
            Oddity::KeyFlag { flagged: false } => f.write_str(
                "the encoder does not mark its keyframes; edgereel looks at the pictures, not at the mark",
            ),
            Oddity::MoreTracks { kind, track } => write!(
                f,
                "the publisher sends more than one {} track: track 0 is recorded, track {track} and others are left out",
                kind.as_str()
            ),
            Oddity::EmptyUnits => {
                f.write_str("the encoder sends NAL units without bytes; they are left out of what is recorded")
            }
            Oddity::CutUnit { mended: true } => f.write_str(
                "the encoder sends NAL units that are longer than their picture; they are left out of what is recorded",
            ),
            Oddity::CutUnit { mended: false } => f.write_str(
                "the encoder sends pictures whose NAL units are cut off; they are recorded as they are, and players may \
                 not show them",
            ),
            Oddity::StartCodes { mended: true } => f.write_str(
                "the encoder sends NAL units behind start codes (Annex B) in place of lengths; they are recorded with \
                 lengths",
            ),
            Oddity::StartCodes { mended: false } => f.write_str(
                "the encoder sends NAL units behind start codes (Annex B) that are too long for the lengths it \
                 announced; they are recorded as they are, and players may not show them",
            ),
            Oddity::ColourInfo { unusable } => write!(
                f,
                "the encoder sends metadata of colours (colorInfo) that is not used as it is: {unusable}; of that, files say \
                 what the pictures themselves say",
            ),
            Oddity::ColourDiffers { said, own } => write!(
                f,
                "the encoder says colours {} in its metadata (colorInfo) and {} in its parameter sets (primaries, transfer, \
                 matrix by ISO/IEC 23091-2): files say what the metadata says; set both alike in the encoder if the \
                 colours are wrong",
                numbers(*said),
                numbers(*own)
            ),
            Oddity::LightChanges => f.write_str(
                "the encoder changes its HDR light or display (colorInfo) while it sends: files go on to say what it said \
                 first, because another value needs another file",
            ),
            Oddity::NoConfig => f.write_str(
                "the encoder sends no sequence header that can be read: the parameter sets that it sends say what the picture is",
            ),
            Oddity::AdtsHeaders { configured: true } => f.write_str(
                "the encoder sends AAC with ADTS headers and no sequence header: the headers say what the sound is, and \
                 are not recorded",
            ),
            Oddity::AdtsHeaders { configured: false } => {
                f.write_str("the encoder sends AAC with ADTS headers; they are not recorded")
            }
        }
    }
}

fn numbers([primaries, transfer, matrix]: [u8; 3]) -> String {
    format!("{primaries}/{transfer}/{matrix}")
}
