//! How far hls.js, as it is by default, is behind what happens. Each picture contains the time at which it was taken, so the
//! encoder, the box and the player are all in the figure.

mod browser;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::process::Process;
use crate::common::service::{Lines, Setup};
use crate::common::table::{self, Spread};
use crate::row::{Row, milliseconds};
use browser::{Browser, Settings};

/// Keyframe intervals, in seconds.
const GOPS: [u32; 2] = [1, 2];
/// Pictures a second.
const RATE: u32 = 15;
/// The clock in the picture counts 25 times a second, and begins again after 4,096 counts: a block of 16 pixels for each bit.
const CLOCK: &str = "16+219*mod(floor(mod(T*25,4096)/pow(2,floor(X/16))),2)";
/// A player starts this long after the one before. So at most ten play at one time: more of them wait for the processor. It is no
/// multiple of a keyframe interval: else all players would start at the same place of one.
const STAGGER: Duration = Duration::from_millis(6_300);
/// The stream is on the air for so long when the first player starts.
const SETTLED: Duration = Duration::from_secs(15);
/// The longest wait for a playlist, and for the players beyond their time.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a player saw.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    /// From the start to the first picture; none when there was no picture.
    first_ms: Option<f64>,
    /// Behind the clock at the end; none when there was no picture.
    delay_ms: Option<f64>,
    /// How often the player had nothing to show.
    stalls: u32,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let Some(hls_js) = hls_js() else {
        let why = "not measured: Chromium or hls.js is missing (scripts/setup.sh bench)";
        return Ok(vec![Row::said("live delay", why)]);
    };
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let starts = arguments.pick(5, 20);
    let after = arguments.pick(Duration::from_secs(20), Duration::from_secs(60));
    for gop in GOPS {
        let seen = measure(arguments, dir, gop, (starts, after), &hls_js)?;
        let first = seen.iter().filter_map(|one| one.first_ms);
        let mut delays: Vec<f64> = seen.iter().filter_map(|one| one.delay_ms).collect();
        ensure!(delays.len() == starts, "a player showed nothing: {seen:?}");
        delays.sort_by(f64::total_cmp);
        let place = (delays.len() * 95).div_ceil(100).saturating_sub(1);
        let late = delays.get(place).copied().context("no delay")?;
        lines.push(vec![
            format!("GOP of {gop} s"),
            Spread::of(delays.iter().copied()).show(0),
            format!("{late:.0}"),
            Spread::of(first).show(0),
            seen.iter().map(|one| one.stalls).sum::<u32>().to_string(),
        ]);
        let name = format!("live delay of hls.js, GOP of {gop} s, 95th percentile");
        let bar = f64::from(4 * gop + 2) * 1e3;
        rows.push(Row::at_most(&name, late, bar, milliseconds));
    }
    let title = format!(
        "delay  {starts} starts of hls.js, {} s after each, ms, median (min..max)",
        after.as_secs()
    );
    let head = [
        "",
        "delay",
        "95th percentile",
        "until the first picture",
        "stalls",
    ];
    table::print(&title, &head, &lines);
    Ok(rows)
}

/// The delays of so many starts, so long after each.
fn measure(
    arguments: &Arguments,
    dir: &Path,
    gop: u32,
    (starts, after): (usize, Duration),
    hls_js: &Path,
) -> anyhow::Result<Vec<Seen>> {
    let dir = dir.join(format!("delay-{gop}"));
    std::fs::create_dir_all(&dir)?;
    let browser = Browser::listen(hls_js)?;
    let http = format!("cors = [\"{}\"]", browser.origin());
    let lines = Lines {
        http: Some(&http),
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &dir.join("store"), lines)?;
    let service = setup.start()?;
    let url = format!("rtmp://127.0.0.1:{}/live/cam1", setup.port);
    let publisher = Process::start(&mut publisher(gop, &url), &dir.join("ffmpeg.log"))?;
    on_the_air(setup.http)?;
    std::thread::sleep(SETTLED);
    let settings = Settings {
        url: format!("http://127.0.0.1:{}/live/cam1/master.m3u8", setup.http),
        players: starts,
        stagger_ms: STAGGER.as_millis() as u64,
        after_ms: after.as_millis() as u64,
    };
    let longest = STAGGER * starts as u32 + after + PATIENCE;
    let answer = browser.play(&settings, &dir.join("profile"), longest)?;
    drop(publisher);
    service.stop()?;
    std::fs::remove_dir_all(&dir)?;
    serde_json::from_str(&answer).with_context(|| format!("the page said {answer}"))
}

/// ffmpeg, which takes a picture of the clock and sends it at once.
fn publisher(gop: u32, url: &str) -> Command {
    let picture = format!(
        "nullsrc=s=192x48:r={RATE},realtime,settb=1/1000,setpts=RTCTIME/1000,format=yuv420p,\
         geq=lum='{CLOCK}':cb=128:cr=128,settb=1/{RATE},setpts=N"
    );
    let codecs = "-c:v libx264 -preset veryfast -tune zerolatency -sc_threshold 0 -c:a aac -b:a 64k -f flv";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &picture]);
    command.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]);
    command
        .args(codecs.split(' ').take(10))
        .args(["-g", &(gop * RATE).to_string()]);
    command.args(codecs.split(' ').skip(10)).arg(url);
    command
}

/// Waits until the stream has a playlist.
fn on_the_air(port: u16) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut connection = Connection::open(port)?;
        let answer = connection.get("/live/cam1.m3u8", &[])?;
        if answer.status == 200 {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "the stream has no playlist: {}",
            answer.status
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The path where scripts/setup.sh puts hls.js. None without Chromium, too.
fn hls_js() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let tools = program.ancestors().nth(3)?.join("tools");
    let path = tools.join("node_modules/hls.js/dist/hls.min.js");
    let searched = std::env::var_os("PATH")?;
    let has_chromium = std::env::split_paths(&searched).any(|folder| folder.join("chromium").is_file());
    (has_chromium && path.is_file()).then_some(path)
}
