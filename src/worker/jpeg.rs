//! Whether bytes are a JPEG, as far as its markers say (ITU-T T.81, annex B). Pure.

/// The width and the height of a JPEG that is whole: it begins with SOI, has one frame of one or three components before its first
/// scan, and ends with EOI. None for anything else. The picture itself is not decoded.
pub fn size(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?.strip_suffix(&[0xff, 0xd9])?;
    let mut size = None;
    loop {
        let (marker, behind) = rest.split_first_chunk::<2>()?;
        let [0xff, marker] = *marker else { return None };
        let length = usize::from(u16::from_be_bytes(*behind.first_chunk::<2>()?));
        let segment = behind.get(2..length)?;
        match (marker, size) {
            (0xc0..=0xc2, None) => {
                let [8, y1, y0, x1, x0, 1 | 3, ..] = *segment else {
                    return None;
                };
                let (height, width) = (u16::from_be_bytes([y1, y0]), u16::from_be_bytes([x1, x0]));
                size = Some((width, height)).filter(|_| width > 0 && height > 0);
                size?;
            }
            // The scan, up to the end of the picture.
            (0xda, found) => return found,
            // Tables, comments and the like.
            (0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe, _) => {}
            _ => return None,
        }
        rest = behind.get(length..)?;
    }
}
