//! Faults in a publisher's media, and how edgereel handles them.

use std::fmt;

use super::TrackKind;

/// A fault in a publisher's media. edgereel repairs the media, leaves it out or loses it, and reports each fault once a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A frame came before the sequence header of its track, and is lost.
    BeforeConfig {
        /// The track.
        kind: TrackKind,
    },
    /// Pictures came without a keyframe before them, and are lost.
    NoKeyframe {
        /// How many were lost so far.
        pictures: u64,
    },
    /// A recording begins at a keyframe of an open GOP. Its leading pictures refer to pictures that are not in the recording.
    LeadingPictures {
        /// True when the leading pictures and their references are on the tape. Formats that can hide the references contain
        /// them.
        on_tape: bool,
    },
    /// A recording begins at a recovery point, from which the picture is refreshed part by part: the first pictures are not
    /// whole.
    NotWholeYet {
        /// True when the earlier pictures that they need are on the tape. Formats that can hide those show whole pictures.
        on_tape: bool,
    },
    /// Gaps are to be kept, and the codec of the sound has no silent frames to fill them.
    GapsClosed {
        /// The codec, as RFC 6381 writes it.
        codec: String,
    },
    /// The keyframe flag contradicts the picture. edgereel uses the picture.
    KeyFlag {
        /// The value of the flag.
        flagged: bool,
    },
    /// A second track of a kind is left out.
    MoreTracks {
        /// Picture or sound.
        kind: TrackKind,
        /// The number of the track.
        track: u8,
    },
    /// NAL units without bytes are removed.
    EmptyUnits,
    /// A NAL unit is longer than its sample.
    CutUnit {
        /// True when the unit was left out and the other units of the sample are whole.
        mended: bool,
    },
    /// NAL units stand behind start codes.
    StartCodes {
        /// True when lengths replaced the start codes.
        mended: bool,
    },
    /// A part of the publisher's colour and light metadata (Enhanced RTMP `colorInfo`) cannot be used.
    ColourInfo {
        /// The part, and the reason.
        unusable: &'static str,
    },
    /// `colorInfo` gives other colours than the parameter sets. Files have the colours of `colorInfo`.
    ColourDiffers {
        /// Primaries, transfer and matrix by the numbers of ISO/IEC 23091-2, from `colorInfo`.
        said: [u8; 3],
        /// Primaries, transfer and matrix from the parameter sets.
        own: [u8; 3],
    },
    /// `colorInfo` changes the display or the light during the publish. Files keep the first values.
    LightChanges,
    /// There is no sequence header: the codec configuration was made from parameter sets.
    NoConfig,
    /// AAC frames have ADTS headers, which are removed.
    AdtsHeaders {
        /// True when there was no sequence header and the codec configuration was made from the ADTS headers.
        configured: bool,
    },
}

impl Oddity {
    /// The kind of fault in a word: the `what` of the event.
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

    /// True when a report of one fault makes a report of the other unnecessary.
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

    /// True when each occurrence loses a frame.
    pub fn loses_a_frame(&self) -> bool {
        matches!(self, Oddity::BeforeConfig { .. })
    }
}

impl fmt::Display for Oddity {
    /// The fault, how edgereel handles it, and what the user can do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oddity::BeforeConfig { kind } => write!(
                f,
                "{} comes before its sequence header, and is not recorded until the header comes; if this continues, start the encoder's \
                 stream again",
                kind.as_str()
            ),
            Oddity::NoKeyframe { pictures } => write!(
                f,
                "the encoder sent {pictures} pictures without a keyframe: pictures are not recorded until a keyframe comes; set a keyframe \
                 interval of 2 s in the encoder"
            ),
            Oddity::LeadingPictures { on_tape: false } => f.write_str(
                "a recording begins at a keyframe of an open GOP: its leading pictures (shown before the keyframe) cannot be decoded, and \
                 are left out; if they matter, set closed GOPs in the encoder",
            ),
            Oddity::LeadingPictures { on_tape: true } => f.write_str(
                "a recording begins at a keyframe of an open GOP: MP4 contains its leading pictures (shown before the keyframe), HLS, fMP4 \
                 and FLV leave them out; if they matter there, set closed GOPs in the encoder",
            ),
            Oddity::NotWholeYet { on_tape: false } => f.write_str(
                "a recording begins at a recovery point (intra refresh), and has no pictures from before it: its first pictures are not \
                 whole until the encoder has refreshed all of the picture; if they matter, set keyframes (IDR) in the encoder",
            ),
            Oddity::NotWholeYet { on_tape: true } => f.write_str(
                "a recording begins at a recovery point (intra refresh): MP4 shows whole pictures from its beginning, HLS, fMP4 \
                 and FLV show pictures that are not whole until all of the picture is refreshed; if they matter there, set \
                 keyframes (IDR) in the encoder",
            ),
            Oddity::GapsClosed { codec } => write!(
                f,
                "gaps = \"keep\" needs silent frames, which edgereel can make for AAC LC, HE-AAC, MP3 and Opus of up to two channels, but not \
                 for {codec}: the gaps of the recording are closed",
            ),
            Oddity::KeyFlag { flagged: true } => f.write_str(
                "the encoder marks pictures as keyframes that are not keyframes; edgereel uses the pictures, not the mark",
            ),
            Oddity::KeyFlag { flagged: false } => f.write_str(
                "the encoder does not mark its keyframes; edgereel uses the pictures, not the mark",
            ),
            Oddity::MoreTracks { kind, track } => write!(
                f,
                "the publisher sends more than one {} track: edgereel records track 0, and leaves out track {track} and other tracks",
                kind.as_str()
            ),
            Oddity::EmptyUnits => {
                f.write_str("the encoder sends NAL units without bytes; edgereel leaves them out of the recording")
            }
            Oddity::CutUnit { mended: true } => f.write_str(
                "the encoder sends NAL units that are longer than their picture; edgereel leaves them out of the recording",
            ),
            Oddity::CutUnit { mended: false } => f.write_str(
                "the encoder sends pictures whose NAL units are cut off; edgereel records them unchanged, and players may not show them",
            ),
            Oddity::StartCodes { mended: true } => f.write_str(
                "the encoder sends NAL units with start codes (Annex B) instead of lengths; edgereel records them with lengths",
            ),
            Oddity::StartCodes { mended: false } => f.write_str(
                "the encoder sends NAL units with start codes (Annex B) that are too long for the lengths it announced; edgereel \
                 records them unchanged, and players may not show them",
            ),
            Oddity::ColourInfo { unusable } => write!(
                f,
                "the encoder sends colour metadata (colorInfo) of which a part cannot be used: {unusable}; for this part, files have the \
                 values of the pictures",
            ),
            Oddity::ColourDiffers { said, own } => write!(
                f,
                "the encoder sends colours {} in its metadata (colorInfo) and {} in its parameter sets (primaries, transfer, \
                 matrix by ISO/IEC 23091-2): files have the colours of the metadata; if they are wrong, set both alike in the \
                 encoder",
                numbers(*said),
                numbers(*own)
            ),
            Oddity::LightChanges => f.write_str(
                "the encoder changes its HDR light or display (colorInfo) during the publish: files keep the first values, because \
                 other values need another file",
            ),
            Oddity::NoConfig => f.write_str(
                "the encoder sends no sequence header that can be read: edgereel makes one from the parameter sets in the pictures",
            ),
            Oddity::AdtsHeaders { configured: true } => f.write_str(
                "the encoder sends AAC with ADTS headers and no sequence header: edgereel makes one from the ADTS headers, and does not \
                 record them",
            ),
            Oddity::AdtsHeaders { configured: false } => {
                f.write_str("the encoder sends AAC with ADTS headers; edgereel does not record them")
            }
        }
    }
}

fn numbers([primaries, transfer, matrix]: [u8; 3]) -> String {
    format!("{primaries}/{transfer}/{matrix}")
}
