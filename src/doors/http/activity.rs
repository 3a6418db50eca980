//! How many requests of a connection are answered now, so that a connection that is idle makes room for others, and one that
//! sends does not.

use tokio::sync::watch;

/// Counts the requests of one connection. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    count: watch::Sender<usize>,
}

/// A request that is answered, until the last byte of its response.
#[derive(Debug)]
pub(super) struct Busy {
    count: watch::Sender<usize>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            count: watch::Sender::new(0),
        }
    }

    /// Counts a request for as long as the value lives.
    pub(super) fn begin(&self) -> Busy {
        self.count.send_modify(|count| *count += 1);
        Busy {
            count: self.count.clone(),
        }
    }

    /// The number of requests, now and at each change.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_busy_while_one_of_its_requests_is_answered() {
        let activity = Activity::new();
        let count = activity.watch();
        let one = activity.begin();
        let two = activity.clone().begin();
        assert_eq!(*count.borrow(), 2);
        drop(one);
        assert_eq!(*count.borrow(), 1);
        drop(two);
        assert_eq!(*count.borrow(), 0);
    }
}
