//! The layouts of the items that pushes send.
//!
//! A layout takes some megabytes of memory for a recording of a day, and a look at the journal for each of its segments. So pushes that
//! send the same item share one, also those of several channels. Each holds the [`Place`] of the item that it sends, and the layout
//! goes with the last of them.
//!
//! | what happened | then |
//! |---|---|
//! | the recording is gone, or not what it was | it is not laid out again: nothing brings back what is lost |
//! | it could not be laid out or read | what is known of it is used, and it is laid out again after a pause, which grows |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::api::NotLaid;
use crate::channel::{ItemKey, ListSum};

/// What could not be read is laid out again after this time, then after twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest such time.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a layout is of: an item, and what its list says.
pub(super) type Key = (ItemKey, ListSum);

/// The layouts that pushes have now.
pub(super) struct Layouts<L>(Mutex<BTreeMap<Key, Weak<Place<L>>>>);

/// The layout of an item.
pub(super) struct Place<L> {
    key: Key,
    state: tokio::sync::Mutex<State<L>>,
}

/// What is known of an item.
struct State<L> {
    laid: Option<Arc<L>>,
    fault: Option<Fault>,
}

/// What is wrong with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// It is not there as it was.
    Lost(String),
    /// It could not be read. `times` counts the pauses before this one; it is laid out again at `again`.
    Unread { why: String, times: u32, again: Instant },
}

impl<L> Default for Layouts<L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<L> Layouts<L> {
    /// The place of an item, which all who send it share.
    pub(super) fn place(&self, key: Key) -> Arc<Place<L>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, place| place.strong_count() > 0);
        if let Some(place) = places.get(&key).and_then(Weak::upgrade) {
            return place;
        }
        let place = Arc::new(Place {
            key,
            state: tokio::sync::Mutex::new(State {
                laid: None,
                fault: None,
            }),
        });
        places.insert(key, Arc::downgrade(&place));
        place
    }
}

impl<L> Place<L> {
    /// What it is the place of.
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// The layout. Where there is none, or it is time to try again, it is what `lay` makes; others wait for that. The error says why
    /// there is none now.
    pub(super) async fn layout(
        &self,
        lay: impl Future<Output = Result<L, NotLaid>>,
    ) -> Result<Arc<L>, String> {
        let mut state = self.state.lock().await;
        match state.known(Instant::now()) {
            Some(known) => known,
            None => {
                let laid = lay.await;
                state.take(laid, Instant::now())
            }
        }
    }

    /// Notes that media could not be read by the layout.
    pub(super) async fn fails(&self, why: &str) {
        self.state.lock().await.fails(why, Instant::now());
    }

    /// Notes that media was read by the layout.
    pub(super) async fn reads(&self) {
        self.state.lock().await.reads();
    }
}

impl<L> State<L> {
    /// What is known without another look. None where it is to be laid out.
    fn known(&self, now: Instant) -> Option<Result<Arc<L>, String>> {
        match (&self.fault, &self.laid) {
            (Some(Fault::Lost(why)), _) => Some(Err(why.clone())),
            (Some(Fault::Unread { again, .. }), _) if now >= *again => None,
            (_, Some(laid)) => Some(Ok(laid.clone())),
            (Some(Fault::Unread { why, .. }), None) => Some(Err(why.clone())),
            (None, None) => None,
        }
    }

    /// Takes over what came of laying it out.
    fn take(&mut self, laid: Result<L, NotLaid>, now: Instant) -> Result<Arc<L>, String> {
        match laid {
            Ok(laid) => {
                let laid = Arc::new(laid);
                self.laid = Some(laid.clone());
                // Whether the fault is over shows when media is read.
                if let Some(Fault::Unread { why, .. }) = self.fault.clone() {
                    self.fails(&why, now);
                }
                Ok(laid)
            }
            Err(NotLaid::Unfit(why)) => {
                self.laid = None;
                self.fault = Some(Fault::Lost(why.clone()));
                Err(why)
            }
            Err(error @ (NotLaid::Unread(_) | NotLaid::Held(_))) => {
                let why = error.to_string();
                self.fails(&why, now);
                self.laid.clone().ok_or(why)
            }
        }
    }

    /// Notes a fault that may pass. During a pause it is the same fault.
    fn fails(&mut self, why: &str, now: Instant) {
        let times = match &self.fault {
            Some(Fault::Lost(_)) => return,
            Some(Fault::Unread { again, .. }) if now < *again => return,
            Some(Fault::Unread { times, .. }) => times.saturating_add(1),
            None => 0,
        };
        self.fault = Some(Fault::Unread {
            why: why.to_owned(),
            times,
            again: now + pause(times),
        });
    }

    /// Notes that media was read: what was wrong is over.
    fn reads(&mut self) {
        if let Some(Fault::Unread { .. }) = self.fault {
            self.fault = None;
        }
    }
}

/// The time until another attempt.
fn pause(times: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << times.min(8)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::channel::{Chunk, Item};
    use crate::format::hls::Variant;
    use crate::format::hls::live::InitName;
    use crate::media::RecordingId;
    use crate::store::StoreError;

    fn key(recording: u8, chunks: usize) -> Key {
        let chunk = Chunk {
            duration_ms: 6_000,
            gap_ms: 0,
            init: 0,
            discontinuity: false,
            independent: true,
        };
        let item = Item {
            recording: RecordingId::from_bytes([recording; 16]),
            stream: "live/cam1".parse().unwrap(),
            also: Vec::new(),
            from: None,
            to: None,
            lead_ms: 0,
            inits: vec![InitName::of(b"init")],
            variant: Variant::default(),
            chunks: vec![chunk; chunks].into(),
        };
        (item.key(), item.list_sum())
    }

    #[tokio::test]
    async fn pushes_that_send_one_item_lay_it_out_once() {
        let (layouts, looks) = (Layouts::<u32>::default(), Cell::new(0));
        let lay = async || {
            let made = looks.get();
            looks.set(made + 1);
            // Another push comes meanwhile.
            tokio::task::yield_now().await;
            Ok(made)
        };
        let (one, other) = (layouts.place(key(1, 3)), layouts.place(key(1, 3)));
        let (first, second) = tokio::join!(one.layout(lay()), other.layout(lay()));
        assert_eq!((*first.unwrap(), *second.unwrap()), (0, 0));
        // What one push has is there for the others until none has it.
        drop(one);
        assert_eq!(layouts.place(key(1, 3)).layout(lay()).await, Ok(Arc::new(0)));
        let longer = layouts.place(key(1, 4));
        assert_eq!(longer.layout(lay()).await, Ok(Arc::new(1)), "another list");
        drop((other, longer));
        assert_eq!(layouts.place(key(1, 3)).layout(lay()).await, Ok(Arc::new(2)));
        layouts.place(key(2, 3));
        assert_eq!(layouts.0.lock().unwrap().len(), 1, "nothing else is kept");
    }

    #[tokio::test]
    async fn what_is_lost_is_not_looked_for_again() {
        let layouts = Layouts::<u32>::default();
        let place = layouts.place(key(1, 3));
        let lost = async { Err(NotLaid::Unfit("it is gone".to_owned())) };
        assert_eq!(place.layout(lost).await, Err("it is gone".to_owned()));
        place.fails("it is gone").await;
        place.reads().await;
        let again = async || -> Result<u32, NotLaid> { panic!("it is laid out again") };
        assert_eq!(place.layout(again()).await, Err("it is gone".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_laid_out_again_with_pauses_that_grow() {
        let zero = Instant::now();
        let at = |seconds: u64| zero + Duration::from_secs(seconds);
        let mut state = State {
            laid: None,
            fault: None,
        };
        let unread = || Err(NotLaid::from(StoreError::Busy));
        // A chunk is wanted each second.
        let looks = |state: &mut State<u32>, laid: &dyn Fn() -> Result<u32, NotLaid>| {
            let mut looks = Vec::new();
            for second in 0..200 {
                let Some(known) = state.known(at(second)) else {
                    looks.push(second);
                    let _ = state.take(laid(), at(second));
                    continue;
                };
                if known.is_ok() {
                    state.fails("I/O error", at(second));
                }
            }
            looks
        };
        assert_eq!(looks(&mut state, &unread), [0, 5, 15, 35, 75, 135, 195]);
        // Where it can be laid out and not be read, it is used meanwhile: other chunks may be good.
        state = State {
            laid: None,
            fault: None,
        };
        assert_eq!(looks(&mut state, &|| Ok(7)), [0, 6, 16, 36, 76, 136, 196]);
        assert_eq!(state.known(at(199)), Some(Ok(Arc::new(7))));
        state.reads();
        state.fails("I/O error", at(300));
        assert_eq!(state.known(at(304)), Some(Ok(Arc::new(7))));
        assert_eq!(
            state.known(at(305)),
            None,
            "it was read, and the pauses are short again"
        );
        assert_eq!(state.take(unread(), at(305)), Ok(Arc::new(7)));
    }
}
