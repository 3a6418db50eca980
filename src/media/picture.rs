//! Whether decoding can begin at a coded picture, by the types of its NAL units or OBUs.
//!
//! The flag of a container is not reliable: some encoders set it on every picture, others never. Only headers are looked at, so
//! that the cost does not grow with the picture.

use super::codec::Bits;
use super::units::{CutShort, Layout, Units, is_annex_b};
use super::{VideoCodec, VideoConfig};

/// Whether decoding can begin at a picture, and which pictures after it are then whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RandomAccess {
    /// An IDR or BLA picture (H.264, HEVC) or a key frame (AV1). No picture after it refers to a picture before it.
    Closed,
    /// A CRA picture, or a recovery point without pictures to wait for. The picture itself is whole. Its leading pictures may
    /// refer to pictures before it (an open GOP).
    Open,
    /// A recovery point of a stream that is refreshed bit by bit. The picture is whole some pictures later.
    Gradual,
    /// A picture that refers to no other picture, and promises nothing about those after it.
    Intra,
    /// A picture that refers to pictures before it.
    Dependent,
    /// A picture that cannot be read.
    Unknown,
}

/// What the headers of a sample tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether decoding can begin at the sample.
    pub access: RandomAccess,
    /// Whether its units are laid out correctly. Always sound for AV1.
    pub layout: Layout,
}

impl VideoConfig {
    /// Whether decoding can begin at a sample of this track.
    pub fn random_access(&self, sample: &[u8]) -> RandomAccess {
        self.look(sample).access
    }

    /// The number of pictures from a [`Gradual`](RandomAccess::Gradual) one to the first whole picture. The beginning of a
    /// sample is enough as input: a unit that is cut off is not looked at.
    pub fn recovers_after(&self, sample: &[u8]) -> Option<u32> {
        let mut seen = Seen::default();
        let units = Units::new(sample, self.nal_length_size()?);
        for unit in units.map_while(Result::ok) {
            seen.see(self.codec, unit);
        }
        let is_gradual = !seen.closed && !seen.open;
        seen.recovery.filter(|pictures| is_gradual && *pictures > 0)
    }

    /// Looks at the headers of a sample of this track.
    pub fn look(&self, sample: &[u8]) -> Look {
        match self.nal_length_size() {
            Some(length_size) => look_at_units(self.codec, sample, length_size),
            None => Look {
                access: look_at_obus(sample).unwrap_or(RandomAccess::Unknown),
                layout: Layout::Sound,
            },
        }
    }
}

/// What was seen of a picture's units.
#[derive(Debug, Default)]
struct Seen {
    slices: bool,
    closed: bool,
    open: bool,
    /// True when there was a slice that is not known to be intra.
    inter: bool,
    /// Pictures after a recovery point until they are whole.
    recovery: Option<u32>,
}

fn look_at_units(codec: VideoCodec, sample: &[u8], length_size: u8) -> Look {
    let mut seen = Seen::default();
    let (mut empty, mut cut, mut coded) = (false, false, false);
    for unit in Units::new(sample, length_size) {
        match unit {
            Ok([]) => empty = true,
            Ok(unit) => {
                coded |= is_annex_b(unit);
                seen.see(codec, unit);
            }
            Err(CutShort) => cut = true,
        }
    }
    let layout = match (cut, empty) {
        _ if coded || (cut && is_annex_b(sample)) => Layout::StartCodes,
        (true, _) => Layout::Cut,
        (false, true) => Layout::EmptyUnits,
        (false, false) => Layout::Sound,
    };
    let access = match seen.slices {
        true => seen.access(),
        false if cut => RandomAccess::Unknown,
        false => RandomAccess::Dependent,
    };
    Look { access, layout }
}

impl Seen {
    fn access(&self) -> RandomAccess {
        match self.recovery {
            _ if self.closed => RandomAccess::Closed,
            _ if self.open => RandomAccess::Open,
            Some(0) => RandomAccess::Open,
            Some(1..) => RandomAccess::Gradual,
            None if self.inter => RandomAccess::Dependent,
            None => RandomAccess::Intra,
        }
    }

    fn see(&mut self, codec: VideoCodec, unit: &[u8]) {
        match codec {
            VideoCodec::Avc => self.avc(unit),
            VideoCodec::Hevc | VideoCodec::Av1 => self.hevc(unit),
        }
    }

    /// Takes note of a unit, by its type in ISO/IEC 14496-10 table 7-1.
    fn avc(&mut self, unit: &[u8]) {
        match unit.first().map(|header| header & 0x1f) {
            Some(5) => (self.slices, self.closed) = (true, true),
            Some(1 | 2) => {
                self.slices = true;
                self.inter = self.inter || !is_intra_slice(unit);
            }
            Some(6) => self.recovery = self.recovery.or_else(|| recovery_point(VideoCodec::Avc, unit, 1)),
            _ => {}
        }
    }

    /// Takes note of a unit, by its type in ISO/IEC 23008-2 table 7-1. Whether a slice of another picture is intra cannot be
    /// known without its parameter set.
    fn hevc(&mut self, unit: &[u8]) {
        match unit.first().map(|header| header >> 1 & 0x3f) {
            Some(16..=20) => (self.slices, self.closed) = (true, true),
            Some(21..=23) => (self.slices, self.open) = (true, true),
            Some(0..=15) => (self.slices, self.inter) = (true, true),
            Some(39) => {
                self.recovery = self
                    .recovery
                    .or_else(|| recovery_point(VideoCodec::Hevc, unit, 2))
            }
            _ => {}
        }
    }
}

/// `slice_header()`, ISO/IEC 14496-10 §7.3.3: true for I or SI. False when the type cannot be read.
fn is_intra_slice(unit: &[u8]) -> bool {
    const HEAD: usize = 16;
    let head = unit.get(1..unit.len().min(HEAD)).unwrap_or_default();
    let mut bits = Bits::new(head);
    let slice_type = bits.ue().and_then(|_first_mb| bits.ue());
    slice_type.is_some_and(|kind| matches!(kind % 5, 2 | 4) && kind < 10)
}

/// A recovery point SEI in a unit (ISO/IEC 14496-10 §D.1.8, ISO/IEC 23008-2 §D.2.8): the number of pictures until they are
/// whole, 0 for the picture itself.
fn recovery_point(codec: VideoCodec, unit: &[u8], header: usize) -> Option<u32> {
    const RECOVERY_POINT: usize = 6;
    /// No encoder puts more messages into a unit.
    const MESSAGES: usize = 32;
    /// `MaxFrameNum` and half of `MaxPicOrderCntLsb` are less.
    const LONGEST: u32 = 1 << 16;
    const HEAD: usize = 12;
    let mut rest = unit.get(header..)?;
    for _ in 0..MESSAGES {
        // The rest is the trailing bit.
        if rest.len() < 3 {
            return None;
        }
        let kind = sei_number(&mut rest)?;
        let size = sei_number(&mut rest)?;
        if kind == RECOVERY_POINT {
            let head = super::codec::unescape(rest.get(..rest.len().min(HEAD))?);
            let mut bits = Bits::new(&head);
            let pictures = match codec {
                VideoCodec::Avc => bits.ue(),
                VideoCodec::Hevc | VideoCodec::Av1 => bits.se().map(i32::unsigned_abs),
            };
            // The message is a recovery point, even if its number cannot be read.
            return Some(pictures.unwrap_or(LONGEST).min(LONGEST));
        }
        rest = after_payload(rest, size)?;
    }
    None
}

/// A number of an SEI message: its `ff_byte`s and last byte, added up.
fn sei_number(rest: &mut &[u8]) -> Option<usize> {
    let mut sum = 0usize;
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        sum = sum.checked_add(usize::from(*byte))?;
        if *byte != 0xff {
            return Some(sum);
        }
    }
}

/// The bytes behind `size` bytes of payload. Emulation prevention bytes (§7.4.1) do not count.
fn after_payload(rest: &[u8], size: usize) -> Option<&[u8]> {
    let (mut zeros, mut left) = (0, size);
    for (at, byte) in rest.iter().enumerate() {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        if left == 0 {
            return rest.get(at..);
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        left -= 1;
    }
    None
}

/// `temporal_unit()`: the kind of its first frame (AV1 spec §5.9.2).
fn look_at_obus(sample: &[u8]) -> Option<RandomAccess> {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut rest = sample;
    while !rest.is_empty() {
        let (kind, body) = super::codec::next_obu(&mut rest)?;
        if matches!(kind, FRAME_HEADER | FRAME) {
            let mut bits = Bits::new(body);
            let (shows_existing, frame_type, is_shown) = (bits.flag()?, bits.take(2)?, bits.flag()?);
            return Some(match (shows_existing, frame_type, is_shown) {
                (false, 0, true) => RandomAccess::Closed,
                (false, 2, true) => RandomAccess::Intra,
                _ => RandomAccess::Dependent,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests;
