//! A file as ciphertext, made while it is read.
//!
//! Each block of CBC depends on all blocks before it. A reader that goes forwards costs one pass over the file; one that begins
//! in the middle costs the way from the beginning to there. What was passed once is remembered by one block for each piece, so
//! the file can then be read in any order. Neither the file nor its ciphertext is ever in memory whole.

use aes::Aes128;
use cbc::Encryptor;
use cbc::cipher::{Array, BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _};

use super::Sealed;
use crate::format::{FileError, VirtualFile};

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// Bytes that are encrypted at a time: whole blocks.
pub(super) const PIECE: usize = 16 << 10;

/// A file, encrypted.
pub(in crate::format::hls) struct Encrypted<F> {
    clear: F,
    sealed: Sealed,
    cipher: Aes128,
    /// The block of ciphertext before each piece that was reached. The first one is the IV.
    before: Vec<[u8; BLOCK]>,
    /// The ciphertext of one piece, and its number.
    made: Option<usize>,
    piece: Vec<u8>,
}

/// Bytes of the ciphertext of so many bytes. PKCS #7 adds 1 to 16.
pub fn encrypted_len(clear: u64) -> u64 {
    let block = BLOCK as u64;
    clear.saturating_add(block - clear % block)
}

impl<F: VirtualFile> Encrypted<F> {
    pub(in crate::format::hls) fn new(clear: F, sealed: Sealed) -> Self {
        Self {
            clear,
            cipher: Aes128::new(&Array::from(*sealed.key.expose())),
            before: vec![sealed.iv],
            sealed,
            made: None,
            piece: Vec::new(),
        }
    }

    /// The file in clear.
    pub(in crate::format::hls) fn clear(&self) -> &F {
        &self.clear
    }

    /// What decrypts it.
    pub(in crate::format::hls) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Encrypts a piece. False where the file is shorter than it says.
    fn make(&mut self, number: usize) -> Result<bool, FileError> {
        if self.made == Some(number) {
            return Ok(true);
        }
        self.made = None;
        let reached = self.before.len().saturating_sub(1);
        for at in number.min(reached)..=number {
            if !self.encrypt(at)? {
                return Ok(false);
            }
        }
        self.made = Some(number);
        Ok(true)
    }

    /// Encrypts a piece of which the block before is known.
    fn encrypt(&mut self, number: usize) -> Result<bool, FileError> {
        let Some(before) = self.before.get(number) else {
            defect!("a piece was encrypted before the one before it");
            return Ok(false);
        };
        let start = number as u64 * PIECE as u64;
        let left = self.len().saturating_sub(start);
        let clear =
            usize::try_from(self.clear.len().saturating_sub(start)).map_or(PIECE, |left| left.min(PIECE));
        let len = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        self.piece.clear();
        // Padding says how long it is in each of its bytes.
        self.piece
            .resize(len, u8::try_from(len - clear).unwrap_or_default());
        if !read_all(
            &mut self.clear,
            start,
            self.piece.get_mut(..clear).unwrap_or_default(),
        )? {
            return Ok(false);
        }
        let mut cbc = Encryptor::inner_iv_init(self.cipher.clone(), &Array::from(*before));
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.piece);
        cbc.encrypt_blocks(blocks);
        if let Some(last) = blocks.last()
            && self.before.len() == number + 1
        {
            self.before.push((*last).into());
        }
        Ok(true)
    }
}

impl<F: VirtualFile> VirtualFile for Encrypted<F> {
    fn len(&self) -> u64 {
        encrypted_len(self.clear.len())
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let (mut at, mut done) = (offset, 0);
        while done < buf.len() && at < self.len() {
            let number = usize::try_from(at / PIECE as u64).unwrap_or(usize::MAX);
            if !self.make(number)? {
                break;
            }
            let within = usize::try_from(at % PIECE as u64).unwrap_or(PIECE);
            let rest = self.piece.get(within..).unwrap_or_default();
            let to = buf.get_mut(done..).unwrap_or_default();
            let count = rest.len().min(to.len());
            to.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            done += count;
            at += count as u64;
        }
        Ok(done)
    }
}

/// Fills `buf` from `offset` on. False where there is not so much.
fn read_all(file: &mut impl VirtualFile, offset: u64, buf: &mut [u8]) -> Result<bool, FileError> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest)? {
            0 => return Ok(false),
            count => done += count,
        }
    }
    Ok(true)
}
