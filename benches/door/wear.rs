//! Bytes at the block device ÷ bytes of media, with viewers beside the publishers and without. `store` measures the same for
//! recording alone, with more to compare with.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use crate::arguments::Arguments;
use crate::common::device::{Device, FileSystem};
use crate::common::push::{Pace, Push};
use crate::common::service::{FULL, Lines, Setup};
use crate::common::source::{self, Source};
use crate::common::table;
use crate::row::{Row, times};
use crate::viewer::{Audience, Watched, programmes};
use crate::viewers::{LEAD, VIEWERS};

const PUBLISHERS: usize = 4;
const BAR: f64 = 1.03;
const FIGURE: &str = "device ÷ media, quota used up, 8 viewers";

/// A full store on a device of its own.
struct FullStore {
    device: Device,
    setup: Setup,
    viewers: usize,
}

/// Bytes at the device, and what viewers got.
struct Outcome {
    device: u64,
    watched: Vec<Watched>,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        let why = "not measured: a loop device with a file system of its own needs root";
        return Ok(vec![Row::said(FIGURE, why)]);
    }
    let source = source::clip(4_000, 20)?;
    let loops: u64 = arguments.pick(2, 6);
    let mut stores = [0, VIEWERS]
        .into_iter()
        .map(|viewers| FullStore::make(arguments, &source, viewers, dir).with_context(|| viewers.to_string()))
        .collect::<anyhow::Result<Vec<FullStore>>>()?;
    // The rows do not change each other's bytes.
    let outcomes: Vec<anyhow::Result<Outcome>> = std::thread::scope(|scope| {
        let source = &source;
        let running: Vec<_> = stores
            .iter_mut()
            .map(|of| scope.spawn(move || of.measure(source, loops)))
            .collect();
        running
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))))
            .collect()
    });
    let media = (source.bytes * loops * PUBLISHERS as u64) as f64;
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for (of, outcome) in stores.iter().zip(outcomes) {
        let outcome = outcome.with_context(|| format!("{} viewers", of.viewers))?;
        let ratio = outcome.device as f64 / media;
        let read: u64 = outcome.watched.iter().map(|viewer| viewer.bytes).sum();
        lines.push(vec![
            format!("{} viewers", of.viewers),
            format!("{:.1}", media / 1e6),
            format!("{:.1}", read as f64 / 1e6),
            format!("{ratio:.3}"),
        ]);
        if of.viewers > 0 {
            rows.push(Row::at_most(FIGURE, ratio, BAR, times));
        }
    }
    let title = format!(
        "wear  4 × 4 Mbit/s, ext4, quota used up, {} s in real time, durable each second",
        loops * u64::from(source.seconds)
    );
    table::print(
        &title,
        &["", "media MB", "read by viewers MB", "device/media"],
        &lines,
    );
    Ok(rows)
}

impl FullStore {
    fn make(arguments: &Arguments, source: &Source, viewers: usize, dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.join(format!("wear-{viewers}"));
        std::fs::create_dir_all(&dir)?;
        let mut device = Device::make(FileSystem::Ext4, &dir, "device")?;
        let store = device.path().join("store");
        let lines = Lines {
            storage: FULL,
            http: Some(""),
            ..Lines::default()
        };
        let setup = Setup::new(&arguments.edgereel, &dir, &store, lines)?;
        setup.fill(source, PUBLISHERS, &store)?;
        device.remount()?;
        Ok(Self {
            device,
            setup,
            viewers,
        })
    }

    /// From the start of the service until it has ended and everything is written.
    fn measure(&mut self, source: &Source, loops: u64) -> anyhow::Result<Outcome> {
        let recordings: Vec<String> = self.setup.recordings()?.into_iter().map(|(id, _)| id).collect();
        self.device.remount()?;
        let before = self.device.written()?;
        let service = self.setup.start()?;
        let pushes = self.setup.publish(source, PUBLISHERS, loops, Pace::RealTime)?;
        std::thread::sleep(LEAD);
        let leave = AtomicBool::new(false);
        let watched = std::thread::scope(|scope| {
            // The oldest tape is evicted meanwhile, so viewers of recordings watch their ends.
            let programmes = programmes(self.viewers, PUBLISHERS, &recordings);
            let audience = Audience::gather(scope, self.setup.http, programmes, &leave);
            let pushed = pushes.into_iter().try_for_each(Push::finish);
            leave.store(true, Ordering::Relaxed);
            let watched = audience.watched();
            pushed.and(watched)
        })?;
        service.stop()?;
        self.device.unmount()?;
        let device = self.device.written()? - before;
        self.device.mount()?;
        Ok(Outcome { device, watched })
    }
}
