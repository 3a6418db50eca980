//! The actions on a store, and the cases that the test is made of.

use proptest::prelude::*;

use crate::store::OnFull;
use crate::store::crash::{Fault, Survives};

/// Streams that there are.
pub(super) const STREAMS: usize = 3;

/// The settings of a store for a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// The quota, in segments and halves of them.
    pub(super) quota: Option<u64>,
    pub(super) on_full: OnFull,
    /// How long recordings are kept, in seconds.
    pub(super) keep: Option<i64>,
    /// The clock is right from the beginning.
    pub(super) synced: bool,
}

/// One action. Streams and recordings are chosen by a number, modulo how many there are.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Every live stream of the set sends a second; one that is not live begins.
    Write {
        streams: u8,
        size: u8,
        ticks: bool,
    },
    /// The stream's publish ends.
    End(usize),
    Record(usize),
    /// The end of a recording is announced. Media of its stream from here on does not belong to it, until it is closed there.
    EndRecording(usize),
    CloseRecording(usize),
    Deliver(usize),
    Protect(usize, bool),
    Delete(usize),
    /// A recording is to go because another one has its footage, which has none here: it stays, whatever happens.
    DeleteBeside(usize, usize),
    /// Somebody gives a recording a title.
    Title(usize, u8),
    /// The waiting commands go to the store, without media.
    Flush,
    /// So many seconds pass without media.
    Pass(i64),
    /// A reader opens a file.
    Hold(usize),
    Release,
    Fault(Fault),
    /// The card takes so many blocks more than it has now; `None` removes the limit.
    Limit(Option<u64>),
    ReadOnly(bool),
    JournalRefuses(bool),
    /// The clock is stepped by so many hours.
    StepClock(i64),
    Synchronise,
    Crash {
        /// Number of operations of the disk before this happens.
        after: u8,
        survives: Survives,
        boot: Boot,
        again: Option<(u8, Survives)>,
        fault: Option<Fault>,
    },
    /// The process dies; the kernel keeps its data.
    Kill {
        after: u8,
    },
    /// The service stops in good order and starts again.
    Restart,
}

/// The clock after the power came back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Boot {
    Right,
    /// The box has no battery: the clock says 1970.
    Ancient,
}

pub(super) fn setup() -> impl Strategy<Value = Setup> {
    let quota = prop_oneof![1 => Just(None), 4 => (9u64..16).prop_map(Some)];
    let on_full = prop_oneof![3 => Just(OnFull::OverwriteOldest), 1 => Just(OnFull::Stop)];
    let keep = prop_oneof![3 => Just(None), 1 => (5i64..60).prop_map(Some)];
    let synced = prop_oneof![3 => Just(true), 1 => Just(false)];
    (quota, on_full, keep, synced).prop_map(|(quota, on_full, keep, synced)| Setup {
        quota,
        on_full,
        keep,
        synced,
    })
}

/// A case, printed as one line for each action.
#[derive(Clone)]
pub(super) struct Script(pub(super) Vec<Action>);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|action| write!(f, "\n    Action::{action:?},"))
    }
}

pub(super) fn script() -> impl Strategy<Value = Script> {
    prop::collection::vec(action(), 10..120).prop_map(Script)
}

fn action() -> impl Strategy<Value = Action> {
    let write = (1u8..8, 0u8..4, any::<bool>()).prop_map(|(streams, size, ticks)| Action::Write {
        streams,
        size,
        ticks,
    });
    let run = (1u8..8).prop_map(|streams| Action::Write {
        streams,
        size: 0,
        ticks: true,
    });
    let stream = || 0..STREAMS;
    let some = || any::<u8>().prop_map(usize::from);
    let crash = (
        0u8..60,
        survives(),
        prop_oneof![Just(Boot::Right), Just(Boot::Ancient)],
        prop::option::of((0u8..30, survives())),
        prop::option::weighted(0.3, fault()),
    )
        .prop_map(|(after, survives, boot, again, fault)| Action::Crash {
            after,
            survives,
            boot,
            again,
            fault,
        });
    let limit = prop_oneof![Just(None), (0u64..20).prop_map(Some)];
    prop_oneof![
        30 => write,
        40 => run,
        3 => stream().prop_map(Action::End),
        10 => stream().prop_map(Action::Record),
        6 => some().prop_map(Action::EndRecording),
        10 => some().prop_map(Action::CloseRecording),
        3 => some().prop_map(Action::Deliver),
        3 => (some(), any::<bool>()).prop_map(|(n, on)| Action::Protect(n, on)),
        5 => some().prop_map(Action::Delete),
        2 => (some(), some()).prop_map(|(n, whole)| Action::DeleteBeside(n, whole)),
        4 => (some(), any::<u8>()).prop_map(|(n, title)| Action::Title(n, title)),
        3 => Just(Action::Flush),
        3 => (1i64..30).prop_map(Action::Pass),
        2 => some().prop_map(Action::Hold),
        2 => Just(Action::Release),
        4 => fault().prop_map(Action::Fault),
        1 => limit.prop_map(Action::Limit),
        1 => any::<bool>().prop_map(Action::ReadOnly),
        1 => any::<bool>().prop_map(Action::JournalRefuses),
        1 => prop_oneof![Just(-1i64), Just(1)].prop_map(Action::StepClock),
        1 => Just(Action::Synchronise),
        3 => crash,
        1 => (0u8..60).prop_map(|after| Action::Kill { after }),
        1 => Just(Action::Restart),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Create),
        Just(Fault::Write),
        (0usize..6_000).prop_map(Fault::Short),
        Just(Fault::Sync),
        Just(Fault::SyncDir),
        Just(Fault::SetLen),
        Just(Fault::Unlink),
        Just(Fault::Rename),
        Just(Fault::Allocate),
    ]
}

fn survives() -> impl Strategy<Value = Survives> {
    prop_oneof![
        Just(Survives::Nothing),
        Just(Survives::Everything),
        any::<u64>().prop_map(Survives::Some),
        any::<u64>().prop_map(Survives::Zeros),
        any::<u64>().prop_map(Survives::Stale),
    ]
}
