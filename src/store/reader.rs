//! Reads a file of the disk, for the scanner and for checksums.

use std::io;

use super::disk::DiskFile;
use crate::format::fmp4::{self, ReadAt};

/// A file as the scanner reads it.
pub(super) struct Reader<'a>(pub(super) &'a dyn DiskFile);

impl ReadAt for Reader<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(offset, buf)
    }
}

/// Reads so many bytes, or says that they are not there. The length in an index is limited before it is believed.
pub(super) fn read_exact(file: &dyn DiskFile, at: u64, len: usize) -> io::Result<Vec<u8>> {
    if len > (fmp4::MAX_HEADER + fmp4::MAX_MOOF) as usize + 4096 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    match file.read_at(at, &mut bytes)? {
        n if n == len => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
