//! Defects of edgereel: a state that cannot be, and is. A defect is logged and counted for `health`, and the code goes on.
//!
//! `defect!("…")` stands where the code around it knows that a state cannot be, in place of a silent `return` or a made-up
//! number. `fitted!(number, "what")` converts a number to the width of a field, where the code around it knows that the number
//! fits. A number that does not fit is a defect, and becomes the largest one. Both macros are known everywhere without a `use`.

use std::fmt::{Arguments, Display};
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of defects that are all logged. Further ones are logged ever more seldom: one may be found with each frame.
const ALL_LOGGED: u64 = 100;

static FOUND: AtomicU64 = AtomicU64::new(0);

/// Logs a defect. In tests it panics, except in tests that [`provoked`] one.
macro_rules! defect {
    ($($words:tt)+) => {
        $crate::defect::found(::std::format_args!($($words)+), ::std::file!(), ::std::line!())
    };
}

/// Converts a number to the type that its place asks for. A number that does not fit is a defect: the code around it bounds it.
macro_rules! fitted {
    ($number:expr, $what:literal) => {
        $crate::defect::fitted($number, $what, ::std::file!(), ::std::line!())
    };
}

/// A type of numbers with a largest one.
pub(crate) trait Largest {
    /// The largest number of the type.
    const LARGEST: Self;
}

macro_rules! largest {
    ($($number:ty),+) => {
        $(impl Largest for $number {
            const LARGEST: Self = Self::MAX;
        })+
    };
}

largest!(u8, u16, u32, u64, usize, i32, i64);

/// The function behind [`fitted!`].
pub(crate) fn fitted<N, T>(number: N, what: &str, file: &str, line: u32) -> T
where
    N: Copy + Display,
    T: Largest + TryFrom<N>,
{
    T::try_from(number).unwrap_or_else(|_| {
        found(format_args!("{number} is too large for {what}"), file, line);
        T::LARGEST
    })
}

/// The number of defects that were found in this process so far.
pub(crate) fn count() -> u64 {
    FOUND.load(Ordering::Relaxed)
}

/// Counts and logs a defect.
pub(crate) fn found(what: Arguments<'_>, file: &str, line: u32) {
    #[cfg(test)]
    assert!(provoked::is_allowed(), "a defect at {file}:{line}: {what}");
    let count = FOUND.fetch_add(1, Ordering::Relaxed) + 1;
    if count <= ALL_LOGGED || count.is_power_of_two() {
        tracing::error!(
            "{what}, which is a defect of edgereel ({file}:{line}); it goes on as well as it can"
        );
    }
}

/// The JSON of a value that can always be written as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        defect!("what is to be sent cannot be written as JSON: {error}");
        String::new()
    })
}

#[cfg(test)]
pub(crate) use provoked::provoked;

#[cfg(test)]
mod provoked {
    use std::cell::Cell;

    thread_local! {
        static ALLOWED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn is_allowed() -> bool {
        ALLOWED.get()
    }

    /// Does work that finds defects on this thread. Gives how many more there are then, with those of other tests.
    pub(crate) fn provoked(work: impl FnOnce()) -> u64 {
        let before = super::count();
        ALLOWED.set(true);
        work();
        ALLOWED.set(false);
        super::count() - before
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_cannot_be_is_counted_and_gone_on_behind() {
        let wrong = BTreeMap::from([((1, 2), 3)]);
        let mut written = "unwritten".to_owned();
        let found = provoked(|| written = json(&wrong));
        assert!(found >= 1);
        assert_eq!(written, "");
        assert_eq!(json(&[1, 2]), "[1,2]");
    }

    #[test]
    fn a_number_that_does_not_fit_is_a_defect_and_the_largest_that_does() {
        let fits: u16 = fitted!(65_535_u64, "a field");
        assert_eq!(fits, u16::MAX);
        let mut narrow = 0_u16;
        let found = provoked(|| narrow = fitted!(65_536_u64, "a field"));
        assert!(found >= 1);
        assert_eq!(narrow, u16::MAX);
    }

    #[test]
    #[should_panic(expected = "a defect at ")]
    fn where_no_test_wants_one_it_is_a_failure() {
        defect!("{} is not {}", 1, 2);
    }
}
