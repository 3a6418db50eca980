//! The two clocks of a box: one that only goes forward, and the one that people read.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::media::Micros;

/// UTC of 2025-01-01: a clock with an earlier time was never set.
const PLAUSIBLE: Micros = 1_735_689_600_000_000;

/// The folder that systemd-timesyncd has while it runs.
const TIMESYNCD: &str = "/run/systemd/timesync";

/// UTC that moves by more than this against CLOCK_BOOTTIME was stepped. Leap seconds and the small corrections of NTP daemons
/// stay below. To move the dates of a whole boot for them would be worse than an error of that size.
const STEP: Micros = 2_000_000;

/// Readings of two clocks count as one moment when no more than this passed between them.
const ONE_MOMENT: Micros = 50_000;
/// Most attempts to read both clocks at one moment, on a busy box.
const TRIES: usize = 5;

/// The source of the time. Tests use a clock that jumps.
pub trait Clock: Send + Sync {
    /// CLOCK_BOOTTIME: never goes back within a boot, counts through suspend.
    fn boot(&self) -> Micros;

    /// UTC, right or wrong.
    fn utc(&self) -> Micros;

    /// True when [`utc`](Clock::utc) can be believed.
    fn synced(&self) -> bool;

    /// What [`synced`](Clock::synced) goes by: `timesyncd`, or `date` where any plausible date is believed.
    fn source(&self) -> &'static str {
        "date"
    }

    /// The kernel's random id of this boot, or an id of this process where the kernel gives none.
    fn boot_id(&self) -> [u8; 16];

    /// UTC less CLOCK_BOOTTIME, both read at one moment: not before and after the box was suspended.
    fn utc_offset(&self) -> Micros {
        let read = || {
            let before = self.boot();
            let utc = self.utc();
            (utc.saturating_sub(before), self.boot().saturating_sub(before))
        };
        let mut nearest = read();
        for _ in 1..TRIES {
            if nearest.1 <= ONE_MOMENT {
                break;
            }
            nearest = [nearest, read()]
                .into_iter()
                .min_by_key(|(_, apart)| *apart)
                .unwrap_or(nearest);
        }
        nearest.0
    }
}

/// True when UTC was stepped between two readings of [`Clock::utc_offset`].
pub(crate) fn is_step(before: Micros, after: Micros) -> bool {
    after.abs_diff(before) > STEP.unsigned_abs()
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    #[allow(
        clippy::useless_conversion,
        reason = "the width of these fields differs between 32- and 64-bit targets"
    )]
    fn boot(&self) -> Micros {
        // The number has 32 bits at least, which are enough for seconds since the boot.
        match clock_gettime(ClockId::CLOCK_BOOTTIME) {
            Ok(time) => micros(i64::from(time.tv_sec()), i64::from(time.tv_nsec())),
            // This clock exists on every kernel that runs edgereel; zero means "never set" to the caller.
            Err(_) => 0,
        }
    }

    /// Reads UTC through the standard library, whose seconds have 64 bits on 32-bit processors, too. The system call's would
    /// end in 2038.
    #[allow(clippy::disallowed_methods, reason = "this is the seam")]
    fn utc(&self) -> Micros {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            // Before 1970: a clock that was never set.
            Err(_) => 0,
        }
    }

    /// Where systemd-timesyncd runs, the file counts that it leaves behind at the first synchronisation of a boot. Elsewhere
    /// (chrony, ntpd, a hand-set clock) any plausible date is believed. The kernel's answer (`adjtimex`) needs `unsafe`, and is
    /// "unsynchronised" on boxes whose clock was set by a modem.
    fn synced(&self) -> bool {
        let vouched = !Path::new(TIMESYNCD).is_dir() || Path::new(TIMESYNCD).join("synchronized").exists();
        vouched && self.utc() >= PLAUSIBLE
    }

    fn source(&self) -> &'static str {
        if Path::new(TIMESYNCD).is_dir() {
            "timesyncd"
        } else {
            "date"
        }
    }

    fn boot_id(&self) -> [u8; 16] {
        static NAME: OnceLock<[u8; 16]> = OnceLock::new();
        *NAME.get_or_init(|| {
            let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
            boot_name(told.ok().as_deref(), self.boot())
        })
    }
}

/// The id that the kernel gave. Where it gives none, or only zeros, an id is made up: every start of the service then counts as
/// a boot of its own. One id for all boots would date them by one clock.
fn boot_name(told: Option<&str>, boot: Micros) -> [u8; 16] {
    let told = told.and_then(|text| uuid::Uuid::try_parse(text.trim()).ok());
    let named = told.filter(|id| !id.is_nil()).unwrap_or_else(|| {
        let seconds = u64::try_from(boot / 1_000_000).unwrap_or(0);
        uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0))
    });
    *named.as_bytes()
}

fn micros(seconds: i64, nanoseconds: i64) -> Micros {
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(nanoseconds / 1_000)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that a test moves.
    pub(crate) struct TestClock {
        state: Mutex<(Micros, Micros, bool, [u8; 16])>,
    }

    impl TestClock {
        /// At boot time `boot`, in 2026, synchronised.
        pub(crate) fn new(boot: Micros) -> Self {
            Self {
                state: Mutex::new((boot, 1_780_000_000_000_000, true, [7; 16])),
            }
        }

        pub(crate) fn advance(&self, by: Micros) {
            let mut state = self.state.lock().unwrap();
            state.0 += by;
            state.1 += by;
        }

        /// Steps UTC, as NTP does.
        pub(crate) fn set_utc(&self, utc: Micros, synced: bool) {
            let mut state = self.state.lock().unwrap();
            state.1 = utc;
            state.2 = synced;
        }

        /// A new boot: the boot clock starts anew under another id.
        pub(crate) fn reboot(&self, boot: Micros) {
            let mut state = self.state.lock().unwrap();
            state.0 = boot;
            state.3[0] = state.3[0].wrapping_add(1);
        }
    }

    impl Clock for TestClock {
        fn boot(&self) -> Micros {
            self.state.lock().unwrap().0
        }
        fn utc(&self) -> Micros {
            self.state.lock().unwrap().1
        }
        fn synced(&self) -> bool {
            self.state.lock().unwrap().2
        }
        fn boot_id(&self) -> [u8; 16] {
            self.state.lock().unwrap().3
        }
    }

    #[test]
    fn a_kernel_that_does_not_name_its_boot_gets_a_name_for_each_start() {
        let told = "0b9a3c51-6d0e-4a4f-8f0e-6f3b9f0c7a11\n";
        assert_eq!(boot_name(Some(told), 1), boot_name(Some(told), 2));
        for silent in [None, Some(""), Some("00000000-0000-0000-0000-000000000000")] {
            let (one, other) = (boot_name(silent, 1), boot_name(silent, 1));
            assert_ne!(one, [0; 16]);
            assert_ne!(one, other);
        }
        assert_eq!(RealClock.boot_id(), RealClock.boot_id());
    }

    /// A clock of a box that is suspended for hours exactly between two readings, once.
    struct Suspended(Mutex<usize>);

    impl Clock for Suspended {
        fn boot(&self) -> Micros {
            let mut readings = self.0.lock().unwrap();
            *readings += 1;
            if *readings > 1 { 10_000_000_000 } else { 5_000_000 }
        }
        fn utc(&self) -> Micros {
            let now = if *self.0.lock().unwrap() > 0 {
                10_000_000_000
            } else {
                5_000_000
            };
            now + 1_000
        }
        fn synced(&self) -> bool {
            true
        }
        fn boot_id(&self) -> [u8; 16] {
            [1; 16]
        }
    }

    #[test]
    fn a_box_suspended_between_two_readings_was_not_stepped() {
        assert_eq!(Suspended(Mutex::new(0)).utc_offset(), 1_000);
        assert!(is_step(0, 2_000_001) && is_step(0, -3_600_000_000));
        assert!(!is_step(0, 1_000_000) && !is_step(0, -2_000_000));
    }

    #[test]
    fn the_real_clocks_go_forward_and_the_boot_has_a_name() {
        let clock = RealClock;
        let first = clock.boot();
        assert!(first > 0 && clock.boot() >= first);
        assert!(clock.utc() > PLAUSIBLE);
        assert_ne!(clock.boot_id(), [0; 16]);
    }
}
