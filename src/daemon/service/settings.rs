//! From the configuration to the settings of the store, the recorder and the RTMP server.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::config::{self, ByteSize, Config};
use crate::doors::rtmp::{self, Listen};
use crate::model::Keep;
use crate::recorder::RecorderSettings;
use crate::store::{OnFull, StoreSettings};

/// The least memory that may wait for the card, in bytes, however small the rings are. Less would not do for an ordinary
/// second.
const LEAST_STALL_MEMORY: usize = 8 << 20;

pub(super) fn store_settings(config: &Config) -> StoreSettings {
    let mut settings = StoreSettings::new(&config.storage.dir, &config.device.id);
    settings.own = own_name(&config.device.id);
    let storage = &config.storage;
    settings.durability = storage.durability.duration();
    settings.quota = storage.quota.map(ByteSize::bytes);
    settings.min_free = storage.min_free.map(ByteSize::bytes);
    settings.on_full = match storage.on_full {
        config::OnFull::OverwriteOldest => OnFull::OverwriteOldest,
        config::OnFull::Stop => OnFull::Stop,
    };
    settings.keep = match storage.keep {
        Keep::Forever => None,
        Keep::For(span) => Some(span.as_micros()),
    };
    settings.queue_hard = stall_memory(config);
    settings.delivers = config.sync.is_some();
    settings
}

/// The bytes that may wait for a card that stalls: all that the rings may hold. The rings give way to it.
pub(super) fn stall_memory(config: &Config) -> usize {
    memory(config).max(LEAST_STALL_MEMORY)
}

fn memory(config: &Config) -> usize {
    usize::try_from(config.ring.memory.bytes()).unwrap_or(usize::MAX)
}

pub(super) fn recorder_settings(config: &Config) -> RecorderSettings {
    RecorderSettings {
        pre_roll: config.ring.pre_roll.as_micros(),
        ring_bytes: memory(config),
        takeover_after: config.rtmp.takeover_after.as_micros(),
        live_window: config.http.live_window.map_or(0, |window| window.as_micros()),
        is_viewed: config.http.is_on(),
        has_master_key: !config.encryption.master_keys().is_empty(),
    }
}

pub(super) fn listen(config: &Config) -> Listen<'_> {
    Listen {
        plain: &config.rtmp.listen,
        tls: config.rtmp.tls.as_ref().map_or(&[], |tls| &tls.listen),
    }
}

pub(super) fn server_settings(config: &Config) -> rtmp::Settings {
    rtmp::Settings {
        handshake_timeout: config.rtmp.handshake_timeout.duration(),
        publish_timeout: config.rtmp.publish_timeout.duration(),
        idle_timeout: config.rtmp.idle_timeout.duration(),
        max_connections: config.rtmp.max_connections,
        ..rtmp::Settings::default()
    }
}

/// A name that tells this box from others and is not on the card. It is a digest of the machine's id, so that nobody can find
/// the id from it. Where there is no such id, it is the device's id.
fn own_name(device: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id"));
    let machine = machine
        .filter(|id| id.trim().len() == 32 && id.trim().bytes().all(|digit| digit.is_ascii_hexdigit()));
    let Some(machine) = machine else {
        return format!("device {device}");
    };
    let digest: [u8; 32] = Sha256::digest(format!("edgereel owns this journal {}", machine.trim())).into();
    format!("machine {}", HEXLOWER.encode(digest.split_at(16).0))
}
