//! The resources that this process takes of the machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

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
