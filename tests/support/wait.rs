//! Waits for a condition to become true, never for time to pass.

use std::time::{Duration, Instant};

/// Long enough for anything on a busy machine. Only a failure waits for all of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How often a condition is polled when nothing announces it.
const LOOK: Duration = Duration::from_millis(20);

/// The first value that `look` gives. Fails, naming `what`, when there is none for a long time.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
