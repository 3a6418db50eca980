//! What strangers cost who read nothing of what they asked for, or stop in the middle of a request: memory, and gaps.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use crate::archive::Archive;
use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::push::{Pace, Push};
use crate::common::service::Setup;
use crate::common::table::Spread;
use crate::row::{Row, mebibytes};
use crate::viewer::{Audience, programmes};
use crate::viewers::{LEAD, gaps};

const PUBLISHERS: usize = 4;
const VIEWERS: usize = 4;
/// Of each kind of stranger.
const STRANGERS: u8 = 200;
/// The addresses that they come from.
const ADDRESSES: u8 = 20;
const TIME: Duration = Duration::from_secs(20);
/// The bar: MiB more of memory.
const MORE: f64 = 8.0;

/// One service, with strangers or without.
struct Run {
    memory: f64,
    gaps: f64,
    stalls: f64,
}

pub(crate) fn run(arguments: &Arguments, archive: &Archive) -> anyhow::Result<Vec<Row>> {
    let setup = archive.setup("max_connections = 512\nmax_rate = \"off\"\n")?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 1..=arguments.runs {
        for (strangers, runs) in [(0, &mut without), (STRANGERS, &mut with)] {
            let run = once(&setup, archive, strangers)?;
            eprintln!(
                "crowd run {number}: {strangers} strangers of each kind, {:.1} MiB, {} gaps, {} stalls",
                run.memory, run.gaps, run.stalls
            );
            runs.push(run);
        }
    }
    let median = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.memory)).median;
    let sum = |of: fn(&Run) -> f64| with.iter().map(of).sum::<f64>();
    let count = |value: f64| format!("{value:.0}");
    Ok(vec![
        Row::at_most(
            "memory more with 200 slow readers and 200 half requests",
            median(&with) - median(&without),
            MORE,
            mebibytes,
        ),
        Row::at_most("gaps beside them", sum(|run| run.gaps), 0.0, count),
        Row::at_most(
            "stalls of 4 viewers beside them",
            sum(|run| run.stalls),
            0.0,
            count,
        ),
    ])
}

fn once(setup: &Setup, archive: &Archive, strangers: u8) -> anyhow::Result<Run> {
    let service = setup.start()?;
    let loops = (LEAD + TIME).as_secs().div_ceil(archive.source.seconds.into());
    let pushes = setup.publish(&archive.source, PUBLISHERS, loops, Pace::RealTime)?;
    std::thread::sleep(LEAD);
    let leave = AtomicBool::new(false);
    let watched = std::thread::scope(|scope| {
        let programmes = programmes(VIEWERS, PUBLISHERS, std::slice::from_ref(&archive.id));
        let audience = Audience::gather(scope, setup.http, programmes, &leave);
        let crowd = crowd(setup.http, &archive.path(), strangers);
        std::thread::sleep(TIME);
        leave.store(true, Ordering::Relaxed);
        let watched = audience.watched();
        drop(crowd?);
        watched
    });
    let memory = service.usage().memory as f64 / f64::from(1 << 20);
    let watched = watched.with_context(|| setup.complaints().join("\n"))?;
    let gaps = gaps(&Connection::open(setup.http)?.text("/metrics")?);
    pushes.into_iter().try_for_each(Push::finish)?;
    service.stop()?;
    Ok(Run {
        memory,
        gaps,
        stalls: watched.iter().map(|viewer| f64::from(viewer.stalls)).sum(),
    })
}

/// Connections of so many strangers of each kind, from several addresses.
fn crowd(port: u16, path: &str, strangers: u8) -> anyhow::Result<Vec<TcpStream>> {
    let slow = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let half = "GET /live/bench0.m3u8 HTTP/1.1\r\nHost: lo";
    let mut crowd = Vec::new();
    for number in 0..strangers {
        for request in [slow.as_str(), half] {
            let mut stranger = connect_from([127, 0, 1 + number % ADDRESSES, 1], port)?;
            stranger.write_all(request.as_bytes())?;
            crowd.push(stranger);
        }
    }
    Ok(crowd)
}

/// A connection from this address, with room for few bytes.
fn connect_from(source: [u8; 4], port: u16) -> anyhow::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let stranger = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind((source, 0).into())?;
        socket.connect(([127, 0, 0, 1], port).into()).await?.into_std()
    })?;
    stranger.set_nonblocking(false)?;
    Ok(stranger)
}
