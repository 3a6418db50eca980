//! ADTS, ISO/IEC 14496-3 §1.A.2.2: the header of AAC frames that come without another configuration.

use bytes::Bytes;

/// A payload holds at most this many frames. Further bytes are left in the last one.
const MOST_FRAMES: usize = 32;

/// Frames of AAC, each with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adts {
    /// The `AudioSpecificConfig` that the first header stands for.
    pub record: [u8; 2],
    /// Sample rate in hertz.
    pub sample_rate: u32,
    /// The frames, without their headers. Frames without bytes are left out.
    pub frames: Vec<Bytes>,
}

struct Header {
    record: [u8; 2],
    sample_rate: u32,
    /// Bytes of the header.
    length: usize,
    /// Bytes of header and frame together.
    whole: usize,
}

impl Adts {
    /// Takes the headers off. `None` where there are none. No raw frame looks like a header: it would begin with its end.
    pub fn parse(payload: &Bytes) -> Option<Self> {
        let Header {
            record, sample_rate, ..
        } = Header::parse(payload)?;
        let (mut rest, mut frames) = (payload.clone(), Vec::new());
        while let Some(header) = Header::parse(&rest).filter(|_| frames.len() < MOST_FRAMES) {
            // A frame with a wrong length is not lost.
            let fits = header.whole > header.length && header.whole <= rest.len();
            let end = if fits && Header::parse(rest.get(header.whole..)?).is_some() {
                header.whole
            } else {
                rest.len()
            };
            let frame = rest.slice(header.length.min(end)..end);
            if !frame.is_empty() {
                frames.push(frame);
            }
            rest = rest.slice(end..);
        }
        Some(Self {
            record,
            sample_rate,
            frames,
        })
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[sync, head, format, channels, length, rest, _] = bytes.first_chunk::<7>()?;
        // Sync word and layer.
        if sync != 0xff || head & 0xf6 != 0xf0 {
            return None;
        }
        let rate = format >> 2 & 0xf;
        let sample_rate = *super::aac::RATES.get(usize::from(rate))?;
        let object = (format >> 6) + 1;
        let channels = (format & 1) << 2 | channels >> 6;
        let whole = usize::from(bytes.get(3)? & 3) << 11 | usize::from(length) << 3 | usize::from(rest >> 5);
        Some(Self {
            record: [object << 3 | rate >> 1, (rate & 1) << 7 | channels << 3],
            sample_rate,
            length: if head & 1 == 0 { 9 } else { 7 },
            whole,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adts(raw: &[u8]) -> Vec<u8> {
        let n = raw.len() + 7;
        let header = [
            0xff,
            0xf1,
            1 << 6 | 4 << 2,
            2 << 6 | (n >> 11) as u8,
            (n >> 3) as u8,
            ((n & 7) << 5) as u8 | 31,
            0xfc,
        ];
        [&header[..], raw].concat()
    }

    #[test]
    fn headers_are_taken_off_and_say_what_the_frames_are() {
        let one = Adts::parse(&adts(b"\x21raw").into()).unwrap();
        assert_eq!((one.record, one.sample_rate), ([0x12, 0x10], 44_100));
        assert_eq!(one.frames, [Bytes::from_static(b"\x21raw")]);
        let two = [adts(b"\x21one"), adts(b"\x21two")].concat();
        let two = Adts::parse(&two.into()).unwrap().frames;
        assert_eq!(
            two,
            [Bytes::from_static(b"\x21one"), Bytes::from_static(b"\x21two")]
        );
        // The first frame has a checksum, the other a wrong length.
        let mut odd = adts(b"\xAA\xBB\x21raw");
        odd[1] = 0xf0;
        odd[4] = 0;
        assert_eq!(
            Adts::parse(&odd.into()).unwrap().frames,
            [Bytes::from_static(b"\x21raw")]
        );
    }

    #[test]
    fn raw_frames_have_none() {
        for raw in [
            &b""[..],
            b"\x21\x10\x04",
            b"\xff\xf1",
            b"\xff\xfb\x90\x44\0\0\0",
            b"\xff\xf1\x7c\0\0\0\0",
        ] {
            assert_eq!(Adts::parse(&Bytes::copy_from_slice(raw)), None, "{raw:?}");
        }
        let empty = Adts::parse(&adts(b"").into()).unwrap();
        assert_eq!(empty.frames, [] as [Bytes; 0]);
        for end in 0..20 {
            let cut = [adts(b"\x21one"), adts(b"\x21two")].concat();
            let _ = Adts::parse(&Bytes::copy_from_slice(&cut[..end]));
        }
    }
}
