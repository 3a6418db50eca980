//! The store's figures: the bytes that reach the block device for each byte of media, and the time of a start with 10,000
//! segments after a dirty shutdown.
//!
//! `cargo bench --bench store -- --help` lists the choices. docs/benchmarks.md says what each number means and which numbers
//! were measured. This program asserts no figure: it measures and prints.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and writes files without the product's seams"
)]

mod arguments;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod startup;
mod wear;
mod writers;

use anyhow::Context as _;

use arguments::{Arguments, Figure};
use common::medium;

fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let Some(arguments) = Arguments::parse(&given)? else {
        return Ok(());
    };
    let dir = medium::scratch()?;
    medium::describe(dir.path())?;
    for figure in &arguments.only {
        match figure {
            Figure::Startup => startup::run(&arguments, dir.path()).context("startup")?,
            Figure::Wear => wear::run(&arguments, dir.path()).context("wear")?,
        }
    }
    Ok(())
}
