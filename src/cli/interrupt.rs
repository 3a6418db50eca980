//! Ctrl-C in a command that makes files. The command ends by itself, and removes unfinished files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

/// True once the user, or the system, wants the command to end.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, and replaces the default action of the signals.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let asked = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot listen for signals")?;
        let entered = runtime.enter();
        let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        drop(entered);
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                }
            });
            asked.0.store(true, Ordering::Relaxed);
        });
        Ok(interrupt)
    }

    /// Fails once the command is to end.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }
}
