//! A reader of FLV files, for `edgereel publish FILE.flv`. The reader trusts nothing: a tag is at most 16 MiB, and an error
//! says where in the file the tag stands.

use std::io::{self, Read};

use bytes::Bytes;

/// One tag: of sound, picture or script data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlvTag {
    /// [`AUDIO`](super::tag::AUDIO), [`VIDEO`](super::tag::VIDEO) or [`SCRIPT`](super::tag::SCRIPT). Other tags are skipped.
    pub kind: u8,
    /// Decode time in milliseconds.
    pub timestamp_ms: u32,
    /// The bytes after the tag's header: the body of the RTMP message with the same type.
    pub body: Bytes,
    /// Where the tag begins in the file.
    pub offset: u64,
}

/// A file that is no FLV, or that ends too early.
#[derive(Debug, thiserror::Error)]
pub enum FlvError {
    /// The file could not be read.
    #[error("reading at byte {offset}: {source}")]
    Io {
        /// Where in the file.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not begin as an FLV file does.
    #[error("not an FLV file: it does not begin with 'FLV' and a version of 1")]
    Signature,
    /// The header claims to be longer than a header can be.
    #[error("the FLV header claims {0} bytes")]
    Header(u32),
    /// A tag is cut off.
    #[error("the file ends in the middle of a tag that begins at byte {offset}")]
    Truncated {
        /// Where the tag begins.
        offset: u64,
    },
    /// A tag is encrypted (FLV v10.1 annex F).
    #[error("the tag at byte {offset} is encrypted")]
    Encrypted {
        /// Where the tag begins.
        offset: u64,
    },
}

/// Reads one tag after another.
#[derive(Debug)]
pub struct FlvReader<R> {
    input: R,
    offset: u64,
}

impl<R: Read> FlvReader<R> {
    /// Reads the file's header. `input` should be buffered.
    pub fn new(input: R) -> Result<Self, FlvError> {
        let mut reader = Self { input, offset: 0 };
        let mut header = [0; 9];
        if reader.fill(&mut header)? < header.len() {
            return Err(FlvError::Signature);
        }
        let [b'F', b'L', b'V', 1, _flags, size @ ..] = header else {
            return Err(FlvError::Signature);
        };
        let size = u32::from_be_bytes(size);
        if !(9..=1024).contains(&size) {
            return Err(FlvError::Header(size));
        }
        reader.discard(u64::from(size) - 9 + 4)?;
        Ok(reader)
    }

    /// The next tag of sound, picture or script data; `None` at the end of the file.
    pub fn next_tag(&mut self) -> Result<Option<FlvTag>, FlvError> {
        loop {
            let offset = self.offset;
            let mut header = [0; 11];
            match self.fill(&mut header)? {
                0 => return Ok(None),
                11 => (),
                _ => return Err(FlvError::Truncated { offset }),
            }
            let [kind, s1, s2, s3, t1, t2, t3, t0, ..] = header;
            let size = u32::from_be_bytes([0, s1, s2, s3]);
            let body = self.body(size, offset)?;
            // Some writers leave out the size after the last tag.
            self.discard(4)?;
            match kind & 0x1F {
                _ if kind & 0x20 != 0 => return Err(FlvError::Encrypted { offset }),
                kind @ (super::tag::AUDIO | super::tag::VIDEO | super::tag::SCRIPT) => {
                    return Ok(Some(FlvTag {
                        kind,
                        timestamp_ms: u32::from_be_bytes([t0, t1, t2, t3]),
                        body,
                        offset,
                    }));
                }
                _ => (),
            }
        }
    }

    /// Reads a body. Takes memory as bytes arrive, not as the tag claims.
    fn body(&mut self, size: u32, offset: u64) -> Result<Bytes, FlvError> {
        let mut body = Vec::new();
        let read = self.input.by_ref().take(u64::from(size)).read_to_end(&mut body);
        let read = read.map_err(|source| FlvError::Io {
            offset: self.offset,
            source,
        })?;
        self.offset += read as u64;
        if read < size as usize {
            return Err(FlvError::Truncated { offset });
        }
        Ok(body.into())
    }

    fn discard(&mut self, bytes: u64) -> Result<(), FlvError> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink());
        self.offset += skipped.map_err(|source| FlvError::Io {
            offset: self.offset,
            source,
        })?;
        Ok(())
    }

    /// Fills `buf` with as many bytes as there are.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize, FlvError> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..)
            && !rest.is_empty()
        {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(source) => {
                    return Err(FlvError::Io {
                        offset: self.offset,
                        source,
                    });
                }
            }
        }
        self.offset += done as u64;
        Ok(done)
    }
}

impl<R: Read> Iterator for FlvReader<R> {
    type Item = Result<FlvTag, FlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_tag().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

    #[test]
    fn tags_come_out_with_their_extended_time() {
        let file = [EMPTY, b"\x09\0\0\x02\x02\x03\x04\x01\0\0\0ab\0\0\0\x0d"].concat();
        let mut reader = FlvReader::new(&file[..]).unwrap();
        let tag = reader.next_tag().unwrap().unwrap();
        assert_eq!(
            (tag.kind, tag.timestamp_ms, &tag.body[..], tag.offset),
            (9, 0x0102_0304, &b"ab"[..], 13)
        );
        assert_eq!(reader.next_tag().unwrap(), None);
    }

    #[test]
    fn what_is_no_flv_is_said_so() {
        assert!(matches!(FlvReader::new(&b"RIFF"[..]), Err(FlvError::Signature)));
        let endless = b"FLV\x01\x05\xFF\xFF\xFF\xFF\0\0\0\0";
        assert!(matches!(
            FlvReader::new(&endless[..]),
            Err(FlvError::Header(u32::MAX))
        ));
        let cut = [EMPTY, b"\x09\xFF\xFF\xFF\0\0\0\0\0\0\0only this"].concat();
        let error = FlvReader::new(&cut[..]).unwrap().next_tag().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file ends in the middle of a tag that begins at byte 13"
        );
        let encrypted = [EMPTY, b"\x29\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b"].concat();
        let error = FlvReader::new(&encrypted[..]).unwrap().next_tag().unwrap_err();
        assert!(matches!(error, FlvError::Encrypted { offset: 13 }));
    }
}
