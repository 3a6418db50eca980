//! What a segment without a row holds behind a damaged place.
//!
//! A segment that was being written ends at its first fragment that is not whole: behind that is what nobody
//! acknowledged. Of a file whose row is lost nobody knows whether it was being written, and a flipped bit at its
//! beginning must not cost the rest.

use crate::format::fmp4::{self, FIRST_SEQUENCE, Left, Position, ScanError, Scanned, Stopped};
use crate::store::disk::DiskFile;
use crate::store::reader::Reader;

/// Reads a segment as far as it goes, over fragments whose media is damaged and whose boxes are not.
///
/// One that has a `successor` was synced and sealed before that began: when its boxes lead to its very end, its media is
/// not read. To read all of a full card takes an hour, and nobody records meanwhile.
///
/// Of any other, media that its own boxes call durable is believed. `Damage` when something of it still lies behind: then
/// the file must not be cut.
pub(super) fn salvage(file: &dyn DiskFile, len: u64, successor: bool) -> Result<(Scanned, Left), ScanError> {
    let reader = Reader(file);
    if let Some(scanned) = successor.then(|| by_its_boxes(&reader, len)).flatten() {
        return Ok((scanned, Left::Nothing));
    }
    let (mut scanned, left) = fmp4::scan_open(&reader, len)?;
    if scanned.gone {
        return Ok((scanned, left));
    }
    let segment = scanned.identity.segment;
    let behind = |from: u64| fmp4::find_fragment(&reader, len, segment, from).is_some();
    let first = fmp4::read_header(&reader, len)?.len;
    let (mut index, _, stopped) = fmp4::scan_headers(&reader, len, segment, Position::first(first));
    if left == Left::Nothing && !behind(scanned.valid_len) {
        // A lone fragment whose boxes are whole is something, whatever became of its media.
        let lone = scanned.index.fragments.is_empty() && !index.fragments.is_empty();
        return Ok((scanned, if lone { Left::Damage } else { Left::Nothing }));
    }
    // The end may be torn as any end may be.
    while let Some((last, sequence)) = index.fragments.iter().zip(FIRST_SEQUENCE..).last() {
        let at = Position {
            offset: last.offset,
            sequence,
        };
        if fmp4::check_fragment(&reader, len, segment, at).is_ok() {
            break;
        }
        index.fragments.pop();
    }
    if index.end() > scanned.valid_len {
        scanned.valid_len = index.end();
        scanned.index = index;
        scanned.stopped = stopped;
    }
    let more = scanned.valid_len < len && behind(scanned.valid_len);
    Ok((scanned, if more { Left::Damage } else { Left::Nothing }))
}

fn by_its_boxes(reader: &Reader<'_>, len: u64) -> Option<Scanned> {
    let header = fmp4::read_header(reader, len).ok()?;
    let first = Position::first(header.len);
    let (index, end, stopped) = fmp4::scan_headers(reader, len, header.identity.segment, first);
    let whole = stopped == Stopped::Clean && !index.fragments.is_empty();
    let gone = fmp4::has_gaps(&index, header.len, end.offset);
    whole.then_some(Scanned {
        identity: header.identity,
        tracks: header.tracks,
        index,
        valid_len: end.offset,
        stopped,
        torn: 0,
        // The segment that follows began after this one was sealed.
        durable_len: end.offset,
        gone,
    })
}
