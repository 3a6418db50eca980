//! Work of jobs that needs the media worker: one step at a time, over restarts, each counted once.
//!
//! Its promises: a step is counted, and told of, once; a step that cannot be done is left out, with its reason, and the job goes on; what
//! keeps all steps from being done costs no step, and the job says what it waits for; recording never waits for it. Nothing that can be
//! made again is written to flash.
//!
//! | file | what it is |
//! |---|---|
//! | `planner` | which step is done when: pure |
//! | `run` | the loop around it |
//! | `step` | how a step of each kind of work is done |
//! | `memory` | how much memory is left |
//!
//! ```text
//!                    ┌── Later (no worker, no memory, store away, held back): the job waits, with the reason ──┐
//!                    ▼                                                                                         │
//! journal: job ─► planner: the oldest job that is due ─► step ─► worker ─► object store ─┬─────────────────────┤
//!                    ▲                                                                   ├─ Made: one transaction counts it and tells of it
//!                    └──────── Failed: again after a growing pause, then left out ───────┘
//! ```
//!
//! A kind of work is a variant of [`crate::model::Work`], an arm in `step`, and what came of it in [`crate::store::Worked`].

mod memory;
mod planner;
mod run;
mod step;

pub use run::{Queue, Source, Waits};
