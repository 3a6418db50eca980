//! The commands: one file each.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. `run` also has 78, wrong configuration. Answers go to standard output,
//! everything else to standard error. Long work shows its progress on a terminal and is silent in a pipe.

mod check_config;
mod complete;
mod completions;
mod control;
mod ctl;
mod demo;
mod denied;
mod examples;
mod export;
mod hash_password;
mod hidden;
mod interrupt;
mod ls;
mod media_worker;
mod offline;
mod open;
mod output;
#[cfg(test)]
mod packaged;
mod publish;
mod run;
mod service;
mod shown;
mod source;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::daemon::{LogTarget, flush_log, init_log};

/// The recorder for edge boxes: RTMP in, crash-safe tape on flash, MP4, HLS, FLV and AAC out.
#[derive(Parser)]
#[command(name = "edgereel", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Run(run::Run),
    /// Show on this machine how it works: a service, a publisher, and a recording that you can play.
    Demo(demo::Demo),
    /// Check the configuration and print what is in force.
    CheckConfig(check_config::CheckConfig),
    /// List recordings.
    Ls(ls::Ls),
    /// Export a recording to a file.
    Export(export::Export),
    /// Verify every byte of the tape; with --repair, repair what can be repaired.
    Verify(verify::Verify),
    /// Send an FLV or MP4 file over RTMP.
    Publish(publish::Publish),
    HashPassword(hash_password::HashPassword),
    MediaWorker(media_worker::MediaWorker),
    Ctl(ctl::Ctl),
    Completions(completions::Completions),
}

impl Arguments {
    fn run(self) -> anyhow::Result<()> {
        init_log(if matches!(self.command, Command::Run(_)) {
            LogTarget::Service
        } else {
            LogTarget::Quiet
        });
        match self.command {
            Command::Run(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::CheckConfig(command) => command.run(),
            Command::Ls(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Publish(command) => command.run(),
            Command::HashPassword(command) => command.run(),
            Command::MediaWorker(command) => command.run(),
            Command::Ctl(command) => command.run(),
            Command::Completions(command) => command.run(),
        }
    }
}

/// All commands, those of the table included.
fn whole() -> clap::Command {
    examples::added(Arguments::command().subcommands(control::groups()))
}

/// The process, from its arguments to its exit code.
pub fn main() -> ExitCode {
    complete::answer(whole);
    // clap itself exits with 2 for wrong usage.
    let matches = whole().get_matches();
    let result = match control::run(&matches) {
        Some(result) => result,
        None => Arguments::from_arg_matches(&matches)
            .unwrap_or_else(|error| error.exit())
            .run(),
    };
    flush_log();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edgereel: {}{}", output::told(&error), denied::hint(&error));
            failure(&error)
        }
    }
}

/// EX_CONFIG of sysexits.h. systemd/edgereel.service does not restart a service that ends with it.
const WRONG_CONFIGURATION: u8 = 78;

fn failure(error: &anyhow::Error) -> ExitCode {
    if error.is::<run::WrongConfiguration>() {
        ExitCode::from(WRONG_CONFIGURATION)
    } else {
        ExitCode::FAILURE
    }
}
