//! The memory that clients may hold together.
//!
//! A client takes all the memory that it needs at once, or nothing. So a client that got it can finish its message. No owner
//! can take all: one owner gets no more than what is left for the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Grant, counted_as};

/// The owner that memory is counted for: an address that has proved nothing, or an account. Clones are cheap.
pub type Owner = Arc<str>;

/// The owner of a client's memory. `grant` is what the client was granted if it was let in.
pub fn owner(peer: IpAddr, grant: Option<&Grant>) -> Owner {
    match grant.and_then(|grant| grant.account.as_deref()) {
        Some(account) => account.into(),
        None => counted_as(peer).to_string().into(),
    }
}

/// Bytes that clones share and that cannot pass their limit.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_owner: HashMap<Owner, usize>,
}

impl Budget {
    /// A budget of `limit` bytes, none of them used.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                taken: Mutex::default(),
            }),
        }
    }

    /// Bytes taken at this moment.
    pub fn used(&self) -> usize {
        self.taken().all
    }

    /// Takes `bytes`, or takes nothing and gives false. No owner gets more than what is left for the others.
    pub fn take(&self, owner: &Owner, bytes: usize) -> bool {
        let mut taken = self.taken();
        let free = self.shared.limit.saturating_sub(taken.all);
        let own = taken.by_owner.get(owner).copied().unwrap_or(0);
        if bytes == 0 || own.saturating_add(bytes) > free {
            return bytes == 0;
        }
        taken.all += bytes;
        taken.by_owner.insert(Arc::clone(owner), own + bytes);
        true
    }

    /// Gives back `bytes` that `owner` took.
    pub fn give(&self, owner: &Owner, bytes: usize) {
        let mut taken = self.taken();
        taken.all = taken.all.saturating_sub(bytes);
        if let Some(own) = taken.by_owner.get_mut(owner) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                taken.by_owner.remove(owner);
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_owner_takes_more_than_is_left_for_the_others() {
        let budget = Budget::new(16);
        let (one, other): (Owner, Owner) = (Arc::from("one"), Arc::from("other"));
        // The first owner may have all that it asks for, if it is one message.
        assert!(budget.take(&one, 16) && !budget.take(&other, 1));
        budget.give(&one, 16);
        assert!(budget.take(&one, 8));
        assert!(!budget.take(&one, 1), "what is left is for others");
        assert!(budget.take(&other, 4) && !budget.take(&other, 4));
        budget.give(&one, 8);
        assert!(budget.take(&other, 4));
        budget.give(&other, 8);
        assert_eq!((budget.used(), budget.taken().by_owner.len()), (0, 0));
    }
}
