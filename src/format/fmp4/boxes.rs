//! MP4 boxes: writing one around its body, and reading one without trust.

use bytes::BufMut;

/// Bytes of a box header with a 32-bit size: `size u32, kind [u8; 4]`.
pub(in crate::format) const BOX_HEADER: usize = 8;

/// Writes a box (ISO/IEC 14496-12 §4.2): its header, what `body` writes, and then its size.
pub(in crate::format) fn boxed(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_u32(0);
    out.put_slice(kind);
    body(out);
    let size = u32::try_from(out.len() - start).unwrap_or_else(|_| {
        defect!("a box is longer than 4 GiB");
        u32::MAX
    });
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&size.to_be_bytes());
    }
}

/// Writes a box that has a version and flags (ISO/IEC 14496-12 §4.2.2, `FullBox`).
pub(in crate::format) fn full(
    out: &mut Vec<u8>,
    kind: &[u8; 4],
    version: u8,
    flags: u32,
    body: impl FnOnce(&mut Vec<u8>),
) {
    boxed(out, kind, |out| {
        out.put_u32(u32::from(version) << 24 | flags & 0x00FF_FFFF);
        body(out);
    });
}

/// Takes the next box off `rest` and returns its kind and body. `None` when there is no whole box with a 32-bit size. The boxes
/// of a segment's header and `moof` have no other size.
pub(in crate::format) fn next_box<'a>(rest: &mut &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
    let (size, after) = rest.split_first_chunk::<4>()?;
    let (kind, _) = after.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    let whole = rest.split_off(..size)?;
    Some((*kind, whole.get(BOX_HEADER..)?))
}

/// The body of the first child box of the kind `kind`.
pub(in crate::format) fn child<'a>(mut body: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    while let Some((found, content)) = next_box(&mut body) {
        if found == *kind {
            return Some(content);
        }
    }
    None
}

/// Takes `N` bytes off `rest`.
pub(in crate::format) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// Takes a `u32` off `rest`.
pub(in crate::format) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_knows_its_size() {
        let mut out = Vec::new();
        boxed(&mut out, b"outr", |out| {
            full(out, b"innr", 1, 2, |out| out.put_u8(9))
        });
        assert_eq!(out, b"\0\0\0\x15outr\0\0\0\x0dinnr\x01\0\0\x02\x09");
        let mut rest = out.as_slice();
        let (kind, body) = next_box(&mut rest).unwrap();
        assert_eq!((&kind, rest), (b"outr", &[][..]));
        assert_eq!(child(body, b"innr"), Some(&b"\x01\0\0\x02\x09"[..]));
        assert_eq!(child(body, b"else"), None);
    }

    #[test]
    fn a_box_that_lies_is_none() {
        for bytes in [
            &b""[..],
            b"\0\0\0\x08kin",
            b"\0\0\0\x09kind",
            b"\0\0\0\x07kind",
            b"\0\0\0\0kind",
        ] {
            let mut rest = bytes;
            assert_eq!(next_box(&mut rest), None, "{bytes:?}");
        }
    }
}
