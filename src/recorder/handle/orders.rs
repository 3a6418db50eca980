//! Orders: carried out by `core`, answered when the store has them.

use tokio::sync::oneshot;

use super::Recorder;
use crate::config::{Advice, Rule, StreamSet, Streams, Template, TemplateSource};
use crate::event::Short;
use crate::media::{RecordingId, StreamName};
use crate::model::{Encrypt, Facts, FactsChange, OnBlock, Review, Span};
use crate::recorder::core::Core;
use crate::recorder::live::Moment;
use crate::recorder::orders::{ClipCourse, ClipOrder, OrderError, StartOrder, Started, Which};
use crate::recorder::tasks::{Task, TaskState};
use crate::store::{
    CategoryChange, ClipBounds, Command, ComposeError, FactsCommand, FactsError, NewComposition,
    RecordingSpec,
};

/// The reason why an order was not carried out, or may not survive a power cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The recorder refused the order.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// The store did not commit the order. Its effect goes on in memory, and the next commit tries again.
    #[error("not written yet: {0}")]
    Unwritten(String),
}

impl Recorder {
    /// Records a stream from now on.
    pub async fn start(&self, order: &StartOrder) -> Result<Started, AskError> {
        self.order(|core, now, out| core.start(order, now, out)).await
    }

    /// Ends recordings now; gives the recordings that were ended.
    pub async fn stop_recording(&self, which: &Which) -> Result<Vec<RecordingId>, AskError> {
        self.order(|core, now, out| core.stop(which, now, out)).await
    }

    /// Ends recordings at the next keyframe, and begins others there; gives the recordings that end.
    pub async fn restart(&self, which: &Which) -> Result<Vec<RecordingId>, AskError> {
        self.order(|core, _, _| core.restart(which)).await
    }

    /// Closes recordings that wait for their publishers, and returns them.
    pub async fn finish(&self, which: &Which) -> Result<Vec<RecordingId>, AskError> {
        self.order(|core, now, out| core.finish(which, now, out)).await
    }

    /// Decides how a clip is made. Nothing is made yet.
    pub async fn clip_course(&self, order: &ClipOrder) -> Result<ClipCourse, AskError> {
        self.order(|core, now, _| core.course(order, now)).await
    }

    /// Makes a clip that ends with live media. `entry` says where the clip begins, if that is on the tape already. Gives what
    /// the clip will lack, as far as that is known before it has begun.
    pub async fn clip(
        &self,
        order: &ClipOrder,
        entry: Option<ClipBounds>,
    ) -> Result<Option<Short>, AskError> {
        self.order(|core, now, out| core.clip(order, entry, now, out))
            .await
    }

    /// Takes a new task.
    pub async fn create_task(&self, task: Task) -> Result<Task, AskError> {
        self.order(|core, now, out| core.create_task(task, now, out))
            .await
    }

    /// Takes over the tasks of the configuration, in place of its former ones. Comes after [`restore`](Self::restore). Gives
    /// the reasons why some are left out.
    pub fn configure_tasks(&self, tasks: &[crate::config::Task]) -> Vec<String> {
        let mut commands = Vec::new();
        let now = self.shared.now();
        let refused = self.shared.core().configure_tasks(tasks, now, &mut commands);
        self.shared.submit_all(&mut commands);
        refused
    }

    /// Ends a task for good, and its recordings.
    pub async fn stop_task(&self, id: &str) -> Result<Task, AskError> {
        self.order(|core, now, out| core.stop_task(id, now, out)).await
    }

    /// Forgets a task; its present recordings go on.
    pub async fn delete_task(&self, id: &str) -> Result<Task, AskError> {
        self.order(|core, _, out| core.delete_task(id, out)).await
    }

    /// Up to `limit` tasks behind the one called `after`, of streams that the caller may see. Tasks that were made first come
    /// first.
    pub fn tasks(
        &self,
        stream: Option<&Streams>,
        state: Option<TaskState>,
        within: &StreamSet,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Task> {
        let core = self.shared.core();
        core.tasks
            .list(stream, state, after)
            .filter(|task| within.has(task.stream.as_str()))
            .take(limit)
            .cloned()
            .collect()
    }

    /// Puts a template in place of the configuration's; gives the warnings about that.
    pub async fn put_template(&self, source: TemplateSource) -> Result<Vec<Advice>, AskError> {
        self.arrange(None, |core, out| core.put_template(source, out))
            .await
    }

    /// Removes a template that a command put.
    pub async fn delete_template(&self, name: &str) -> Result<Vec<Advice>, AskError> {
        self.arrange(None, |core, out| core.delete_template(name, out))
            .await
    }

    /// Puts a rule in place of the configuration's; gives the warnings about that.
    pub async fn put_rule(&self, rule: Rule) -> Result<Vec<Advice>, AskError> {
        let put = rule.clone();
        self.arrange(Some(&put), |core, out| core.put_rule(rule, out))
            .await
    }

    /// Removes a rule that a command put; `about` is a rule for the same streams.
    pub async fn delete_rule(&self, about: &Rule) -> Result<Vec<Advice>, AskError> {
        self.arrange(None, |core, out| core.delete_rule(about, out)).await
    }

    /// The warnings about templates and rules.
    pub fn advice(&self) -> Vec<Advice> {
        self.shared.core().advice()
    }

    /// Changes templates or rules. Gives the warnings that are new, or are about the rule that was put.
    async fn arrange(
        &self,
        put: Option<&Rule>,
        carry_out: impl FnOnce(&mut Core, &mut Vec<Command>) -> Result<(), OrderError>,
    ) -> Result<Vec<Advice>, AskError> {
        self.order(|core, _, out| {
            let before = core.advice();
            carry_out(core, out)?;
            let mut new = core.advice();
            new.retain(|advice| !before.contains(advice) || put.is_some_and(|put| advice.is_about(put)));
            Ok(new)
        })
        .await
    }

    /// Every template, and whether a command put it.
    pub fn templates(&self) -> Vec<(Template, bool)> {
        self.shared.core().templates()
    }

    /// How far back viewers of a stream may go by time shift, if the template of its rule limits that.
    pub fn time_shift(&self, stream: &StreamName) -> Option<Span> {
        self.shared.core().rulebook.time_shift(stream)
    }

    /// How the HLS of a recording is encrypted, if it is; without one, that of all recordings of the stream.
    pub fn encrypt(&self, stream: &StreamName, recorded: Option<&RecordingSpec>) -> Option<Encrypt> {
        let core = self.shared.core();
        match recorded {
            Some(spec) => core.rulebook.encrypt_recorded(stream, spec),
            None => core.rulebook.encrypt(stream),
        }
    }

    /// Every rule in the order in which they apply, and whether a command put it.
    pub fn rules(&self) -> Vec<(Rule, bool)> {
        self.shared.core().rules()
    }

    /// Changes the facts of a recording, and waits until they are durable. Gives all of them.
    pub async fn set_facts(&self, recording: RecordingId, change: FactsChange) -> Result<Facts, FactsError> {
        let change = Box::new(change);
        self.change_facts(|done| FactsCommand::Set {
            recording,
            change,
            done,
        })
        .await
    }

    /// True while a session may record more.
    pub fn has_session(&self, session: &str) -> bool {
        self.shared.core().has_session(session)
    }

    /// Makes a composition, and waits until it is durable.
    pub async fn compose(&self, new: NewComposition) -> Result<(), ComposeError> {
        let (done, answer) = oneshot::channel();
        let new = Box::new(new);
        let unwritten = |why: String| ComposeError::Facts(FactsError::Unwritten(why));
        self.shared
            .store
            .submit(Command::Compose { new, done })
            .map_err(|refused| unwritten(refused.to_string()))?;
        let stopped = || unwritten("the store stopped".to_owned());
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Notes what a review says of a recording, and waits until it is durable. `on_block` says what becomes of files that
    /// were delivered, where it is blocked.
    pub async fn review(
        &self,
        recording: RecordingId,
        review: Review,
        on_block: OnBlock,
    ) -> Result<(), FactsError> {
        self.note_review(recording, review, on_block, false).await
    }

    /// Notes what a service says of a recording that it was asked about, as [`review`](Self::review) does. Where somebody reviewed the
    /// recording meanwhile, the answer does not count.
    pub async fn review_asked(
        &self,
        recording: RecordingId,
        review: Review,
        on_block: OnBlock,
    ) -> Result<(), FactsError> {
        self.note_review(recording, review, on_block, true).await
    }

    async fn note_review(
        &self,
        recording: RecordingId,
        review: Review,
        on_block: OnBlock,
        asked: bool,
    ) -> Result<(), FactsError> {
        self.change_facts(|done| FactsCommand::Review {
            recording,
            review,
            on_block,
            asked,
            done,
        })
        .await
    }

    /// Changes the tree of categories, and waits until that is durable.
    pub async fn change_categories(&self, change: CategoryChange) -> Result<(), FactsError> {
        self.change_facts(|done| FactsCommand::Categories { change, done })
            .await
    }

    async fn change_facts<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, FactsError>>) -> FactsCommand,
    ) -> Result<T, FactsError> {
        let (done, answer) = oneshot::channel();
        let refused = |error: crate::store::Refused| FactsError::Unwritten(error.to_string());
        self.shared
            .store
            .submit(Command::Facts(command(done)))
            .map_err(refused)?;
        let stopped = || FactsError::Unwritten("the store stopped".to_owned());
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Waits until everything that was handed to the store by now is committed.
    pub async fn flush(&self) -> Result<(), AskError> {
        let (done, flushed) = oneshot::channel();
        let unwritten = |reason: String| AskError::Unwritten(reason);
        let refused = |error: crate::store::Refused| unwritten(error.to_string());
        self.shared
            .store
            .submit(Command::Fence { done })
            .map_err(refused)?;
        match flushed.await {
            Ok(result) => result.map_err(unwritten),
            Err(_) => Err(unwritten("the store stopped".to_owned())),
        }
    }

    /// Hands a command to the store, and does not wait for it.
    pub fn hand_over(&self, command: Command) -> Result<(), AskError> {
        let refused = |error: crate::store::Refused| AskError::Unwritten(error.to_string());
        self.shared.store.submit(command).map_err(refused)
    }

    /// Hands a door's command to the store, and waits for its commit: protection, deletion, clips of tape.
    pub async fn submit(&self, command: Command) -> Result<(), AskError> {
        let refused = |error: crate::store::Refused| AskError::Unwritten(error.to_string());
        self.shared.store.submit(command).map_err(refused)?;
        self.flush().await
    }

    async fn order<T>(
        &self,
        carry_out: impl FnOnce(&mut Core, Moment, &mut Vec<Command>) -> Result<T, OrderError>,
    ) -> Result<T, AskError> {
        let mut commands = Vec::new();
        let now = self.shared.now();
        let result = carry_out(&mut self.shared.core(), now, &mut commands);
        let written = !commands.is_empty();
        self.shared.submit_all(&mut commands);
        let done = result?;
        if written {
            self.flush().await?;
        }
        Ok(done)
    }
}
