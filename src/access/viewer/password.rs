//! Passwords of viewers, by argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq as _;

use crate::config::PasswordHash;

/// The memory of a new hash, in KiB: what a small box can give away for a moment.
const MEMORY: u32 = 8 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH: usize = 32;

/// The least address space of a computation, in blocks. glibc maps an allocation of more than 32 MiB by itself, and unmaps it when it
/// is freed (`DEFAULT_MMAP_THRESHOLD_MAX` in mallopt(3)). A smaller one comes out of the heap from the second time on, at another
/// place than the one before since it is aligned, and the heap keeps it: after ten logins 72 MiB. What is not used of it takes no
/// memory.
const LEAST_SPACE: usize = (33 << 20) / Block::SIZE;

/// The longest password, in bytes.
pub(super) const MAX_PASSWORD: usize = 512;

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandom;

/// Random bytes of the system, for ids that nobody may guess and for salts.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// A new key for a `[[viewer]]`, or to sign tokens: 128 random bits in hexadecimal.
pub fn new_key() -> Result<String, NoRandom> {
    Ok(HEXLOWER.encode(&random::<16>()?))
}

/// The hash of a password with a new salt, for the configuration. It takes 8 MiB and some hundredths of a second.
pub fn hash_password(password: &[u8]) -> Result<PasswordHash, NoRandom> {
    let empty = PasswordHash {
        memory: MEMORY,
        passes: PASSES,
        lanes: LANES,
        salt: random::<16>()?.to_vec(),
        hash: vec![0; HASH],
    };
    let hash = computed(&empty, password).unwrap_or_else(|| {
        defect!("argon2 does not take the parameters of this file");
        Vec::new()
    });
    Ok(PasswordHash { hash, ..empty })
}

/// True when the password has this hash.
pub(super) fn is_right(known: &PasswordHash, password: &[u8]) -> bool {
    computed(known, password).is_some_and(|hash| bool::from(hash.ct_eq(&known.hash)))
}

/// A hash that no password has, with the costs of any other: whoever logs in with a name that is not known waits as long.
pub(super) fn nobodys() -> PasswordHash {
    PasswordHash {
        memory: MEMORY,
        passes: PASSES,
        lanes: LANES,
        salt: vec![0; 16],
        hash: Vec::new(),
    }
}

fn computed(known: &PasswordHash, password: &[u8]) -> Option<Vec<u8>> {
    let mut hash = vec![0; known.hash.len().max(16)];
    let params = Params::new(known.memory, known.passes, known.lanes, Some(hash.len())).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = blocks(argon2.params().block_count())?;
    argon2
        .hash_password_into_with_memory(password, &known.salt, &mut hash, &mut memory)
        .ok()?;
    Some(hash)
}

/// The memory of a computation, which goes back to the system with it. None where the system has no more.
fn blocks(count: usize) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    // A system that counts address space as memory may have this much less than it has memory.
    let reserved = blocks.try_reserve_exact(count.max(LEAST_SPACE));
    if let Err(error) = reserved.or_else(|_| blocks.try_reserve_exact(count)) {
        // Whoever logs in is told that the password is wrong.
        tracing::error!("a password cannot be checked: {error}");
        return None;
    }
    blocks.resize(count, Block::new());
    Some(blocks)
}
