//! One download as fast as it goes, beside nginx that sends a file of the same bytes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;

use crate::archive::Archive;
use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::service::Service;
use crate::common::table::{self, Spread};
use crate::nginx::Nginx;
use crate::row::{Row, times};

/// The bars: throughput and processor time, each ÷ that of nginx.
const RATE: f64 = 0.7;
const CPU: f64 = 2.0;

/// Of each run: MB a second, and seconds of processor time for each GB.
#[derive(Default)]
struct Seen {
    rate: Vec<f64>,
    cpu: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments, archive: &Archive, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("download");
    std::fs::create_dir_all(&dir)?;
    let setup = archive.setup("max_rate = \"off\"\n")?;
    let service = setup.start()?;
    let wanted: u64 = arguments.pick(256 << 20, 1 << 30);
    let seconds = archive.minutes * 60 * wanted / archive.length;
    let path = format!("{}?to={seconds}s", archive.path());
    let bytes = keep(setup.http, &path, &dir.join("same.mp4"))?;
    let nginx = Nginx::start(&dir)?;
    // Both read out of the page cache.
    fetch(nginx.port, "/same.mp4")?;

    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..arguments.runs {
        ours.add(bytes, || fetch(setup.http, &path), || cpu(&service))?;
        theirs.add(bytes, || fetch(nginx.port, "/same.mp4"), || nginx.cpu())?;
    }
    drop(nginx);
    service.stop()?;
    std::fs::remove_dir_all(&dir)?;

    let shown = |seen: &Seen| {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        (spread(&seen.rate), spread(&seen.cpu))
    };
    let ((rate, cpu), (of_nginx, cpu_of_nginx)) = (shown(&ours), shown(&theirs));
    let line = |name: &str, rate: Spread, cpu: Spread| vec![name.to_owned(), rate.show(0), cpu.show(3)];
    let title = format!(
        "download  an MP4 of {} MiB over loopback, out of the page cache, max_rate off; {} run(s), median (min..max)",
        bytes >> 20,
        arguments.runs
    );
    let lines = [
        line("edgereel", rate, cpu),
        line("nginx, sendfile", of_nginx, cpu_of_nginx),
    ];
    table::print(&title, &["", "MB/s", "CPU s/GB"], &lines);
    let name = format!("download of {} MiB", bytes >> 20);
    Ok(vec![
        Row::at_least(
            &format!("{name}, throughput ÷ nginx"),
            rate.median / of_nginx.median,
            RATE,
            times,
        ),
        Row::at_most(
            &format!("{name}, CPU ÷ nginx"),
            cpu.median / cpu_of_nginx.median,
            CPU,
            times,
        ),
    ])
}

impl Seen {
    fn add(
        &mut self,
        bytes: u64,
        fetch: impl Fn() -> anyhow::Result<u64>,
        cpu: impl Fn() -> f64,
    ) -> anyhow::Result<()> {
        let before = cpu();
        let begun = Instant::now();
        let fetched = fetch()?;
        let took = begun.elapsed().as_secs_f64();
        ensure!(fetched == bytes, "{fetched} bytes in place of {bytes}");
        self.rate.push(bytes as f64 / 1e6 / took);
        self.cpu.push((cpu() - before) / (bytes as f64 / 1e9));
        Ok(())
    }
}

fn cpu(service: &Service) -> f64 {
    service.usage().cpu
}

/// Fetches a file and keeps it. Returns its length.
fn keep(port: u16, path: &str, to: &Path) -> anyhow::Result<u64> {
    let mut connection = Connection::open(port)?;
    let answer = connection.get(path, &[])?.succeeded()?;
    let mut file = File::create(to)?;
    let mut written = Ok(());
    connection.read(&answer, |piece| {
        if written.is_ok() {
            written = file.write_all(piece);
        }
    })?;
    written?;
    Ok(answer.length)
}

/// Fetches a file. Returns its length.
fn fetch(port: u16, path: &str) -> anyhow::Result<u64> {
    let mut connection = Connection::open(port)?;
    let answer = connection.get(path, &[])?.succeeded()?;
    connection.read(&answer, |_| ())?;
    Ok(answer.length)
}
