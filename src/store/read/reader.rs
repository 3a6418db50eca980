//! The library for callers that must not wait for the storage device.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::store::{Library, StoreError};

/// The longest time that a read waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Libraries that are kept open: each has a cache of its own.
const KEPT: usize = 2;
/// A library without a read for this long is closed, so that a storage device can be taken out.
const IDLE: Duration = Duration::from_secs(2);

/// Reads from a storage directory on threads that may wait for it; clones share these.
///
/// A limited number of reads run at a time. Further reads wait for their turn, for a limited time. The library stays open
/// between reads that follow each other. It is opened anew when the journal at the path is another one, or when a read failed.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    at_once: usize,
    turns: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

/// A read. It keeps what it read, and says whether it could.
type Work = Box<dyn FnOnce(&Library) -> bool + Send>;

/// Open libraries that no read uses now.
struct Kept {
    libraries: Vec<Library>,
    used: Instant,
    /// A task waits for the moment at which it closes the libraries.
    closes: bool,
    /// The reader has ended: no library is kept open.
    over: bool,
    #[cfg(test)]
    opened: u32,
}

impl Reader {
    /// A reader of a storage directory; at most `at_once` reads run at a time.
    pub fn new(dir: impl Into<PathBuf>, at_once: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                dir: dir.into(),
                at_once,
                turns: Arc::new(Semaphore::new(at_once)),
                kept: Mutex::new(Kept {
                    libraries: Vec::new(),
                    used: Instant::now(),
                    closes: false,
                    over: false,
                    #[cfg(test)]
                    opened: 0,
                }),
            }),
        }
    }

    /// The storage directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Runs a read and waits for it. A read that began goes on when its caller is gone, and keeps its turn until it ends.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&Library) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let read = Arc::new(Mutex::new(None));
        let place = Arc::clone(&read);
        let work = Box::new(move |library: &Library| {
            let done = work(library);
            let has_read = done.is_ok();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            has_read
        });
        self.carry_out(work).await?;
        let read = read.lock().unwrap_or_else(PoisonError::into_inner).take();
        read.unwrap_or_else(|| {
            let reason = "the read left nothing".to_owned();
            Err(StoreError::Reading { reason }.into())
        })
    }

    /// Runs a read and waits for it. The code is large, and is the same for all types that reads give: so it is not generic.
    async fn carry_out(&self, work: Work) -> Result<(), StoreError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.shared.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Busy);
        };
        self.close_when_idle();
        let shared = Arc::clone(&self.shared);
        let done = spawn_blocking(move || {
            let _turn = turn;
            shared.read(work)
        });
        done.await.unwrap_or_else(|error| {
            let reason = error.to_string();
            Err(StoreError::Reading { reason })
        })
    }

    /// Closes the open libraries, and keeps none open from now on. The storage thread then has the last connection, and cleans
    /// up.
    pub async fn close(&self) {
        let libraries = {
            let mut kept = self.shared.kept();
            kept.over = true;
            std::mem::take(&mut kept.libraries)
        };
        // The result does not matter: the libraries are dropped in any case.
        let _ = spawn_blocking(move || drop(libraries)).await;
    }

    /// Has a task close the unused libraries, unless one waits for that already.
    fn close_when_idle(&self) {
        if std::mem::replace(&mut self.shared.kept().closes, true) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let idle = loop {
                sleep(IDLE).await;
                if let Some(idle) = shared.idle() {
                    break idle;
                }
            };
            let _ = spawn_blocking(move || drop(idle)).await;
        });
    }
}

impl Shared {
    fn read(&self, work: Work) -> Result<(), StoreError> {
        let library = self.take()?;
        let has_read = work(&library);
        // The library may be the cause of the failure. The journal of a library with a view belongs to the view.
        if has_read && library.is_its_own() {
            self.keep(library);
        }
        Ok(())
    }

    /// An open library of the journal that is there now.
    fn take(&self) -> Result<Library, StoreError> {
        loop {
            let kept = self.kept().libraries.pop();
            match kept {
                Some(library) if library.is_in_place() => return Ok(library),
                Some(_) => {}
                None => break,
            }
        }
        let library = Library::open(&self.dir)?;
        #[cfg(test)]
        {
            self.kept().opened += 1;
        }
        Ok(library)
    }

    fn keep(&self, library: Library) {
        let mut kept = self.kept();
        kept.used = Instant::now();
        if !kept.over && kept.libraries.len() < KEPT {
            kept.libraries.push(library);
        }
    }

    /// All libraries that are kept, if no read used them for a while.
    fn idle(&self) -> Option<Vec<Library>> {
        let mut kept = self.kept();
        let reads = self.turns.available_permits() < self.at_once;
        if reads || kept.used.elapsed() < IDLE {
            return None;
        }
        kept.closes = false;
        Some(std::mem::take(&mut kept.libraries))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::{RealClock, RealDisk, Store, StoreSettings};

    fn store(dir: &Path) -> Store {
        let settings = StoreSettings::new(dir, "test");
        let (store, _) = Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock)).unwrap();
        store
    }

    async fn depth(reader: &Reader) -> Result<u64, StoreError> {
        reader
            .read(|library| Ok::<_, StoreError>(library.outbox_depth()?.newest))
            .await
    }

    fn opened(reader: &Reader) -> u32 {
        reader.shared.kept().opened
    }

    /// Number of files of this directory that this process has open.
    fn held(dir: &Path) -> usize {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let paths = open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        paths.filter(|path| path.starts_with(dir)).count()
    }

    #[tokio::test(start_paused = true)]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test moves the directory as a user would"
    )]
    async fn a_store_that_went_away_and_came_back_is_read_again_and_is_not_held() {
        let home = tempfile::tempdir().unwrap();
        let (dir, elsewhere) = (home.path().join("store"), home.path().join("elsewhere"));
        store(&dir).shutdown().unwrap();
        let reader = Reader::new(&dir, 3);
        for _ in 0..5 {
            depth(&reader).await.unwrap();
        }
        assert_eq!(opened(&reader), 1, "it stays open between reads");

        std::fs::rename(&dir, &elsewhere).unwrap();
        assert!(matches!(depth(&reader).await, Err(StoreError::NoTape { .. })));
        assert_eq!(held(home.path()), 0, "what went away is let go of");
        // Another store takes the place of the first, and then the first comes back.
        store(&dir).shutdown().unwrap();
        depth(&reader).await.unwrap();
        std::fs::rename(&dir, home.path().join("another")).unwrap();
        std::fs::rename(&elsewhere, &dir).unwrap();
        depth(&reader).await.unwrap();
        assert_eq!(opened(&reader), 3);

        assert_ne!(held(home.path()), 0);
        let mut waited = Duration::ZERO;
        while held(home.path()) > 0 {
            assert!(waited < IDLE * 10, "it is held for ever");
            sleep(IDLE).await;
            waited += IDLE;
        }
        depth(&reader).await.unwrap();
        reader.close().await;
        depth(&reader).await.unwrap();
        assert_eq!(held(home.path()), 0, "nothing is kept after the end");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readers_hold_up_no_other_while_there_is_a_turn_and_then_for_a_bounded_time() {
        let home = tempfile::tempdir().unwrap();
        store(home.path()).shutdown().unwrap();
        let reader = Reader::new(home.path(), 3);
        let (mut ends, mut slow) = (Vec::new(), Vec::new());
        let begin_slow = async || {
            let (end, ended) = mpsc::channel::<()>();
            let (begin, begun) = tokio::sync::oneshot::channel();
            let reader = reader.clone();
            let read = tokio::spawn(async move {
                reader
                    .read(move |_| {
                        let _ = begin.send(());
                        let _ = ended.recv();
                        Ok::<_, StoreError>(())
                    })
                    .await
            });
            begun.await.unwrap();
            (end, read)
        };
        for _ in 0..2 {
            let (end, read) = begin_slow().await;
            ends.push(end);
            slow.push(read);
        }
        for _ in 0..10 {
            depth(&reader).await.unwrap();
        }
        let (end, read) = begin_slow().await;
        ends.push(end);
        slow.push(read);
        let fourth = tokio::spawn({
            let reader = reader.clone();
            async move { depth(&reader).await }
        });
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE).await;
        assert!(matches!(fourth.await.unwrap(), Err(StoreError::Busy)));
        // No caller waits for this read any more: its turn is free when it ends, not before.
        slow.pop().unwrap().abort();
        drop(ends);
        for read in slow {
            read.await.unwrap().unwrap();
        }
        depth(&reader).await.unwrap();
    }

    #[tokio::test]
    async fn what_panics_is_said_and_the_next_reads_on() {
        let home = tempfile::tempdir().unwrap();
        store(home.path()).shutdown().unwrap();
        let reader = Reader::new(home.path(), 1);
        let panicked = reader
            .read(|_| -> Result<(), StoreError> { panic!("a test wants it") })
            .await;
        assert!(matches!(panicked, Err(StoreError::Reading { .. })));
        depth(&reader).await.unwrap();
    }
}
