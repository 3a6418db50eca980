//! edgereel beside its peers, on this machine: the same input, alternating runs, medians.
//!
//! `cargo bench --bench peers -- --help` lists the choices. docs/benchmarks.md says what each number means and which numbers
//! were measured. This program asserts no time: it measures and prints.
//!
//! Everything stays on 127.0.0.1 and in a temporary directory under `target/bench`, which is on the same disk as the build:
//! recording to memory would measure something else.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and writes files without the product's seams"
)]

mod arguments;
#[path = "../common/mod.rs"]
mod common;
mod copier;
mod export;
mod load;
mod playable;
mod server;

use anyhow::Context as _;

use arguments::{Arguments, Workload};
use common::medium;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, port, dir] = arguments.as_slice()
        && mode == copier::MODE
    {
        return copier::run(port.parse()?, dir.as_ref());
    }
    let Some(arguments) = Arguments::parse(&arguments)? else {
        return Ok(());
    };

    let dir = medium::scratch()?;
    medium::describe(dir.path())?;
    let servers = server::available(&arguments);
    for workload in &arguments.only {
        let done = match workload {
            Workload::Steady | Workload::Unpaced | Workload::Heavy => {
                load::run(*workload, &arguments, &servers, dir.path())
            }
            Workload::Playable => playable::run(&arguments, &servers, dir.path()),
            Workload::Export => export::run(&arguments, dir.path()),
        };
        done.with_context(|| format!("workload {}", workload.letter()))?;
    }
    Ok(())
}
