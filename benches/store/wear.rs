//! Bytes at the block device ÷ bytes of media: the real binary on its own file system, and beside it writers that only write.
//!
//! All rows of a workload run at the same time, each on its own device. The bench counts bytes, and no device counts those of
//! another.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::arguments::Arguments;
use crate::common::device::{Device, FileSystem};
use crate::common::push::{Pace, Push};
use crate::common::service::{FULL, Lines, Setup};
use crate::common::source::{self, Source};
use crate::common::table;
use crate::writers::{Load, Way};

struct Workload {
    name: &'static str,
    title: &'static str,
    streams: usize,
    kbit: u32,
    bar: f64,
}

const WORKLOADS: [Workload; 2] = [
    Workload {
        name: "four",
        title: "4 × 4 Mbit/s",
        streams: 4,
        kbit: 4_000,
        bar: 1.03,
    },
    Workload {
        name: "camera",
        title: "one 500 kbit/s camera",
        streams: 1,
        kbit: 500,
        bar: 1.15,
    },
];

/// The program that writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// edgereel on an empty store.
    Fresh,
    /// edgereel when its quota is used up: each new segment evicts an old one.
    Full,
    Bare(Way),
}

/// One line of the table, on its own device.
struct Row<'a> {
    writer: Writer,
    device: Device,
    setup: Option<Setup>,
    source: &'a Source,
    streams: usize,
    loops: u64,
}

/// The results of a row, in bytes.
struct Outcome {
    media: u64,
    tape: Option<u64>,
    device: u64,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
    ensure!(
        std::fs::metadata("/proc/self")?.uid() == 0,
        "wear is measured on a loop device with a file system of its own: that needs root"
    );
    for kind in [FileSystem::Ext4, FileSystem::F2fs] {
        match kind.available() {
            Err(why) => println!("\nwear on {}: left out, {why}", kind.name()),
            Ok(()) => {
                let asked = |workload: &&Workload| arguments.loads.iter().any(|load| load == workload.name);
                for workload in WORKLOADS.iter().filter(asked) {
                    measure(kind, workload, arguments, dir)
                        .with_context(|| format!("{} on {}", workload.title, kind.name()))?;
                }
            }
        }
    }
    Ok(())
}

fn measure(kind: FileSystem, workload: &Workload, arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
    let source = source::clip(workload.kbit, 20)?;
    let loops = u64::from(arguments.seconds.div_ceil(source.seconds));
    let mut writers = vec![Writer::Fresh, Writer::Full];
    writers.extend(Way::ALL.map(Writer::Bare));
    let mut rows = Vec::new();
    for (number, writer) in writers.into_iter().enumerate() {
        let row = Row::prepare(
            writer,
            kind,
            workload,
            &source,
            loops,
            arguments,
            &dir.join(format!("wear-{number}")),
        );
        match row.with_context(|| writer.name())? {
            Ok(row) => rows.push(row),
            Err(why) => println!("\n{}: left out, {why}", writer.name()),
        }
    }
    let outcomes: Vec<anyhow::Result<Outcome>> = std::thread::scope(|scope| {
        let running: Vec<_> = rows.iter_mut().map(|row| scope.spawn(|| row.measure())).collect();
        running
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))))
            .collect()
    });
    let mut lines = Vec::new();
    for (row, outcome) in rows.iter().zip(outcomes) {
        let outcome = outcome.with_context(|| row.writer.name())?;
        let of_media = |bytes: u64| bytes as f64 / outcome.media as f64;
        lines.push(vec![
            row.writer.name().to_owned(),
            format!("{:.1}", outcome.media as f64 / 1e6),
            outcome
                .tape
                .map_or("–".to_owned(), |tape| format!("{:.4}", of_media(tape))),
            format!("{:.3}", of_media(outcome.device)),
            match row.writer {
                Writer::Bare(_) => "–".to_owned(),
                _ => format!("≤ {}", workload.bar),
            },
        ]);
    }
    let title = format!(
        "wear  {}, {}, {} s in real time, durable each second",
        workload.title,
        kind.name(),
        loops * u64::from(source.seconds)
    );
    table::print(
        &title,
        &["", "media MB", "tape/media", "device/media", "bar"],
        &lines,
    );
    Ok(())
}

impl Writer {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "edgereel, fresh store",
            Self::Full => "edgereel, quota used up",
            Self::Bare(way) => way.name(),
        }
    }
}

impl<'a> Row<'a> {
    /// Brings a device into the state in which the measurement begins. The error says why this build has no such state.
    fn prepare(
        writer: Writer,
        kind: FileSystem,
        workload: &Workload,
        source: &'a Source,
        loops: u64,
        arguments: &Arguments,
        dir: &Path,
    ) -> anyhow::Result<Result<Self, String>> {
        std::fs::create_dir_all(dir)?;
        let store = dir.join("device").join("store");
        let setup = |storage| {
            let lines = Lines {
                storage,
                ..Lines::default()
            };
            Setup::new(&arguments.edgereel, dir, &store, lines)
        };
        let setup = match writer {
            Writer::Fresh => Some(setup("")?),
            Writer::Full => {
                let setup = setup(FULL)?;
                if let Some(why) = setup.objection()? {
                    return Ok(Err(format!("this build takes no quota ({why})")));
                }
                Some(setup)
            }
            Writer::Bare(_) => None,
        };
        let device = Device::make(kind, dir, "device")?;
        let mut row = Self {
            writer,
            device,
            setup,
            source,
            streams: workload.streams,
            loops,
        };
        match (writer, &row.setup) {
            (Writer::Bare(way), _) => way.prepare(row.device.path(), row.load())?,
            (Writer::Full, Some(setup)) => setup.fill(source, workload.streams, &store)?,
            _ => {}
        }
        row.device.remount()?;
        Ok(Ok(row))
    }

    fn measure(&mut self) -> anyhow::Result<Outcome> {
        let older = self.recordings()?;
        self.device.remount()?;
        let before = self.device.written()?;
        let media = match (self.writer, &self.setup) {
            (Writer::Bare(way), _) => {
                let load = self.load();
                way.write(self.device.path(), load)?;
                load.streams as u64 * load.bytes_per_second * load.seconds
            }
            (_, Some(setup)) => {
                self.record(setup)?;
                self.source.bytes * self.loops * self.streams as u64
            }
            (_, None) => anyhow::bail!("a service without a configuration"),
        };
        self.device.unmount()?;
        let device = self.device.written()? - before;
        self.device.mount()?;
        let newer = self
            .recordings()?
            .into_iter()
            .filter(|(id, _)| older.iter().all(|(it, _)| it != id));
        let tape = newer.map(|(_, bytes)| bytes).sum();
        Ok(Outcome {
            media,
            tape: self.setup.as_ref().map(|_| tape),
            device,
        })
    }

    /// Records in real time, from the start of the service to its end.
    fn record(&self, setup: &Setup) -> anyhow::Result<()> {
        // Earlier warnings do not belong to this run.
        std::fs::write(&setup.log, "")?;
        let service = setup.start()?;
        let pushes = setup.publish(self.source, self.streams, self.loops, Pace::RealTime)?;
        pushes.into_iter().try_for_each(Push::finish)?;
        service.stop()?;
        for complaint in setup.complaints() {
            eprintln!("{}: {complaint}", self.writer.name());
        }
        Ok(())
    }

    /// The id and the bytes of each recording so far.
    fn recordings(&self) -> anyhow::Result<Vec<(String, u64)>> {
        match (self.writer, &self.setup) {
            // Nothing was recorded, and there is not even the store's directory.
            (Writer::Fresh, _) if !self.device.path().join("store").exists() => Ok(Vec::new()),
            (_, Some(setup)) => setup.recordings(),
            (_, None) => Ok(Vec::new()),
        }
    }

    fn load(&self) -> Load {
        Load {
            streams: self.streams,
            bytes_per_second: self.source.bytes / u64::from(self.source.seconds),
            seconds: self.loops * u64::from(self.source.seconds),
        }
    }
}
