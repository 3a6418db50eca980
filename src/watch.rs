//! Watches over tasks that go on for ever. A panic in one is a defect of edgereel. It is logged, counted for `health`, and
//! survived. A task that can begin anew does so. A task that recording depends on ends the service instead, and the service
//! manager starts the service again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

/// A failed task begins anew after this pause, so that a task that fails at once does not take the processor.
const PAUSE: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(2)
};

static FAILURES: AtomicU64 = AtomicU64::new(0);

/// The number of tasks of this process that failed so far.
pub(crate) fn failures() -> u64 {
    FAILURES.load(Ordering::Relaxed)
}

/// Counts and logs a task that failed. `then` says what happens next.
pub(crate) fn failed(task: &str, how: &str, then: &str) {
    FAILURES.fetch_add(1, Ordering::Relaxed);
    tracing::error!("{task} failed, which is a defect of edgereel; {then}: {how}");
}

/// Does some work. The error is the text of its panic. The values that the work held are dropped then, and a lock of the
/// standard library among them is released.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(words(panic.as_ref()))),
        }
    })
    .await
}

/// True when the work of a task failed, and has to begin anew now. False when it ended as it was told to.
pub(crate) async fn has_failed(task: &str, work: impl Future<Output = ()>) -> bool {
    match caught(work).await {
        Ok(()) => false,
        Err(how) => {
            failed(task, &how, "it begins anew");
            tokio::time::sleep(PAUSE).await;
            true
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

/// A place where a test may have a task fail. It does nothing outside tests.
#[cfg(not(test))]
pub(crate) fn may_fail(_task: &str) {}

#[cfg(test)]
pub(crate) use provoked::{is_to_fail, may_fail, provoke};

#[cfg(test)]
mod provoked {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    static TASKS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

    /// Has this task fail the next `times` times that it comes to its [`may_fail`].
    pub(crate) fn provoke(task: &str, times: u32) {
        TASKS.lock().unwrap().insert(task.to_owned(), times);
    }

    /// True while a task has not yet failed so often.
    pub(crate) fn is_to_fail(task: &str) -> bool {
        TASKS.lock().unwrap().get(task).is_some_and(|times| *times > 0)
    }

    pub(crate) fn may_fail(task: &str) {
        let fails = {
            let mut tasks = TASKS.lock().unwrap();
            let times = tasks.get_mut(task).filter(|times| **times > 0);
            times.map(|times| *times -= 1).is_some()
        };
        assert!(!fails, "a test wants it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_begins_anew_and_one_that_ends_does_not() {
        let before = failures();
        let mut left = 3;
        while has_failed("a task of a test", async {
            tokio::task::yield_now().await;
            left -= 1;
            assert!(left == 0, "not yet: {left}");
        })
        .await
        {}
        assert_eq!(left, 0);
        assert!(failures() >= before + 2);
        let panicked = caught(async { panic!("these {}", "words") });
        assert_eq!(panicked.await, Err::<(), _>("these words".to_owned()));
    }
}
