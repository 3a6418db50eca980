//! The resources that this process takes of the machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::media::Micros;

/// Resident memory in bytes (`proc(5)`, statm). 0 where the system does not tell it.
pub(super) fn resident_bytes() -> u64 {
    let pages = read("/proc/self/statm").and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten();
    pages.unwrap_or(0) * page.and_then(|page| u64::try_from(page).ok()).unwrap_or(4_096)
}

/// Processor time so far in seconds, all threads together.
pub(super) fn cpu_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return 0.0;
    };
    let millis = usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds();
    millis as f64 / 1e3
}

/// CLOCK_BOOTTIME when the process started (`proc(5)`, stat). `None` where the system does not tell it.
pub(super) fn started() -> Option<Micros> {
    let ticks = start_ticks(&read("/proc/self/stat")?)?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()?;
    let micros = ticks.checked_mul(1_000_000)? / u64::try_from(per_second).ok().filter(|rate| *rate > 0)?;
    Micros::try_from(micros).ok()
}

/// The 22nd field, in clock ticks since the boot. The second field is the program's name in parentheses, which may have spaces
/// and parentheses.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(19)?.parse().ok()
}

/// Open file descriptors. 0 where the system does not tell it.
pub(super) fn open_files() -> u64 {
    let entries = std::fs::read_dir("/proc/self/fd");
    // The look itself has one open.
    entries.map_or(0, |entries| (entries.count() as u64).saturating_sub(1))
}

/// Memory of the machine in bytes.
pub(super) fn machine_bytes() -> Option<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

/// The maker's name of the machine, where there is a device tree or DMI.
pub(super) fn model() -> Option<String> {
    let found = ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"];
    let text = found.iter().find_map(|path| read(path))?;
    let text: String = text.trim_matches(['\0', '\n', ' ']).chars().take(100).collect();
    (!text.is_empty()).then_some(text)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        let stat = format!("4711 (edge) reel (x) {}\n", fields.join(" "));
        assert_eq!(start_ticks(&stat), Some(22));
        assert_eq!(start_ticks("4711 (edgereel) S 1"), None);
        assert_eq!(start_ticks(""), None);
    }

    #[test]
    fn this_process_has_started_and_has_files() {
        assert!(started().is_some_and(|at| at > 0));
        assert!(open_files() > 0);
    }
}
