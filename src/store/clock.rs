//! The two clocks of a box: the one that only goes forward, and the one people read.

use nix::time::{ClockId, clock_gettime};

use crate::media::Micros;

/// UTC of 2025-01-01: a clock that says less was never set.
const PLAUSIBLE: Micros = 1_735_689_600_000_000;

/// Where time comes from. Tests put a clock here that jumps.
pub trait Clock: Send + Sync {
    /// CLOCK_BOOTTIME: never goes back within a boot, counts through suspend.
    fn boot(&self) -> Micros;

    /// UTC, right or wrong.
    fn utc(&self) -> Micros;

    /// True when [`utc`](Clock::utc) is believed.
    fn synced(&self) -> bool;

    /// The kernel's random id of this boot.
    fn boot_id(&self) -> [u8; 16];
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn boot(&self) -> Micros {
        now(ClockId::CLOCK_BOOTTIME)
    }

    fn utc(&self) -> Micros {
        now(ClockId::CLOCK_REALTIME)
    }

    /// Where systemd-timesyncd runs, its word counts: it leaves a file behind at the first synchronisation
    /// of a boot. Elsewhere (chrony, ntpd, a hand-set clock) a plausible date is believed: asking the kernel
    /// (`adjtimex`) needs `unsafe`, and it answers "unsynchronised" on boxes whose clock was set by a modem.
    fn synced(&self) -> bool {
        let timesyncd = std::path::Path::new("/run/systemd/timesync");
        if timesyncd.is_dir() {
            return timesyncd.join("synchronized").exists();
        }
        self.utc() >= PLAUSIBLE
    }

    /// All zero on a kernel that does not say: every start then counts as the same boot, which
    /// costs UTC precision and nothing else.
    fn boot_id(&self) -> [u8; 16] {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| uuid::Uuid::try_parse(text.trim()).ok())
            .map(|id| *id.as_bytes())
            .unwrap_or_default()
    }
}

#[allow(
    clippy::useless_conversion,
    reason = "the width of these fields differs between 32- and 64-bit targets"
)]
fn now(clock: ClockId) -> Micros {
    match clock_gettime(clock) {
        Ok(time) => i64::from(time.tv_sec())
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(time.tv_nsec()) / 1_000),
        // Both clocks exist on every kernel that runs this; zero is "never set" for the reader.
        Err(_) => 0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that goes when it is told to.
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
    fn the_real_clocks_go_forward_and_the_boot_has_a_name() {
        let clock = RealClock;
        let first = clock.boot();
        assert!(first > 0 && clock.boot() >= first);
        assert!(clock.utc() > PLAUSIBLE);
        assert_ne!(clock.boot_id(), [0; 16]);
    }
}
