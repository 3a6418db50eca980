//! Reads samples from a `moof` that has exactly the form in which [`moof`](super::moof()) writes it.

use super::boxes::{BOX_HEADER, next_box, take, take_u32};
use super::{AUDIO_TRACK, MAX_RUN_SAMPLES, VIDEO_TRACK};
use crate::format::index::{Run, Sample};

/// Reads a whole `moof` whose checksum was right. Returns the runs of video and audio, and the bytes of both.
///
/// `media` is where the first sample's bytes stand in the file. The samples must lie behind each other there, as they are
/// written. So the length of a hostile file bounds what it can claim.
pub(super) fn runs(moof: &[u8], sequence: u32, media: u64) -> Option<(Run, Run, u64)> {
    let mut rest = moof;
    let (_, mut body) = next_box(&mut rest).filter(|(kind, _)| kind == b"moof" && rest.is_empty())?;
    let mut mfhd = expect(&mut body, b"mfhd")?;
    if take_u32(&mut mfhd)? != 0 || take_u32(&mut mfhd)? != sequence {
        return None;
    }
    let first = u64::try_from(moof.len().checked_add(BOX_HEADER)?).ok()?;
    let (mut video, mut audio, mut bytes) = (Run::default(), Run::default(), 0_u64);
    while !body.is_empty() {
        let traf = Traf::read(expect(&mut body, b"traf")?)?;
        let run = match traf.track {
            VIDEO_TRACK if video.samples.is_empty() && audio.samples.is_empty() => &mut video,
            AUDIO_TRACK if audio.samples.is_empty() => &mut audio,
            _ => return None,
        };
        if u64::from(traf.data_offset) != first.checked_add(bytes)? {
            return None;
        }
        *run = Run {
            first_dts: traf.tfdt,
            data_offset: media.checked_add(bytes)?,
            samples: traf.samples,
        };
        bytes = bytes.checked_add(run.bytes())?;
    }
    Some((video, audio, bytes))
}

struct Traf {
    track: u32,
    tfdt: u64,
    data_offset: u32,
    samples: Vec<Sample>,
}

impl Traf {
    fn read(mut body: &[u8]) -> Option<Self> {
        let mut tfhd = expect(&mut body, b"tfhd")?;
        let mut tfdt = expect(&mut body, b"tfdt")?;
        let mut trun = expect(&mut body, b"trun")?;
        if !body.is_empty() {
            return None;
        }
        let given = take_u32(&mut tfhd)?;
        if given & !0x38 != 0x02_0000 {
            return None;
        }
        let track = take_u32(&mut tfhd)?;
        let mut default = |flag: u32| match given & flag {
            0 => Some(None),
            _ => take_u32(&mut tfhd).map(Some),
        };
        let defaults = Defaults {
            duration: default(0x08)?,
            size: default(0x10)?,
            flags: default(0x20)?,
        };
        if take_u32(&mut tfdt)? != 0x0100_0000 {
            return None;
        }
        let tfdt = take(&mut tfdt).map(u64::from_be_bytes)?;
        let (data_offset, samples) = defaults.samples(&mut trun)?;
        Some(Self {
            track,
            tfdt,
            data_offset,
            samples,
        })
    }
}

struct Defaults {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

impl Defaults {
    /// data_offset and samples of a `trun`. Every field must stand exactly once: in `trun` or in `tfhd`.
    fn samples(&self, trun: &mut &[u8]) -> Option<(u32, Vec<Sample>)> {
        let flags = take_u32(trun)?;
        let each = |flag: u32| flags & flag != 0;
        let said_once = each(0x100) == self.duration.is_none()
            && each(0x200) == self.size.is_none()
            && each(0x400) == self.flags.is_none();
        if flags & !0xF04 != 0x0100_0001 || !said_once {
            return None;
        }
        let count = usize::try_from(take_u32(trun)?).ok()?;
        let data_offset = take_u32(trun)?;
        let mut first_flags = if each(0x04) { Some(take_u32(trun)?) } else { None };
        let sample_bytes = 4 * (flags & 0xF00).count_ones() as usize;
        if count == 0 || count > MAX_RUN_SAMPLES || trun.len() != count * sample_bytes {
            return None;
        }
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let duration = self.duration.or_else(|| take_u32(trun))?;
            let size = self.size.or_else(|| take_u32(trun))?;
            let own_flags = self.flags.or_else(|| take_u32(trun))?;
            let cts = if each(0x800) { take_u32(trun)? } else { 0 };
            let sample_flags = first_flags.take().unwrap_or(own_flags);
            samples.push(Sample {
                size,
                duration,
                cts: cts.cast_signed(),
                key: sample_flags & 0x0001_0000 == 0,
            });
        }
        Some((data_offset, samples))
    }
}

/// The body of the next box, which must be of the kind `kind`.
fn expect<'a>(rest: &mut &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    next_box(rest)
        .filter(|(found, _)| found == kind)
        .map(|(_, body)| body)
}
