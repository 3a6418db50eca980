//! Events as they come, for a caller that stays connected.

use super::answer::{Code, Failure};
use super::{Api, JobNow, Scope};
use crate::event::Posted;
use crate::model::Right;
use crate::store::{EventReader, NextEvent, Place};

/// The events that a caller may see, one after the other.
pub struct Events {
    reader: EventReader,
    scope: Option<Scope>,
}

impl Api {
    /// The events behind a place that the caller remembers, or those from now on. The caller needs the right to watch.
    pub fn events(&self, after: Option<Place>) -> Result<Events, Failure> {
        let scope = self.caller.scope.clone();
        if let Some(scope) = scope.as_ref().filter(|scope| !scope.rights.has(Right::Watch)) {
            let text = format!(
                "events need the right '{}', and this caller has {}",
                Right::Watch,
                scope.rights
            );
            return Err(Failure::new(Code::Refused, text));
        }
        Ok(Events {
            reader: EventReader::new(&self.store, self.reader.clone(), after),
            scope,
        })
    }
}

impl Events {
    /// Waits for the next event that the caller may see. A caller may give up waiting at any moment: nothing is lost by that.
    pub async fn next(&mut self) -> Result<NextEvent, Failure> {
        loop {
            match self.reader.next().await? {
                NextEvent::Event { event, .. } if self.is_hidden(&event) => {}
                NextEvent::Event { place, event } => {
                    let event = match &self.scope {
                        Some(scope) => scope.as_told(event),
                        None => event,
                    };
                    return Ok(NextEvent::Event { place, event });
                }
                next => return Ok(next),
            }
        }
    }

    /// The place from which reading goes on. Events that the caller may not see move it, too: a caller that is told of it now
    /// and then does not come back with a place that is gone.
    pub fn place(&self) -> Place {
        self.reader.place()
    }

    /// True when the caller may see a job.
    pub fn sees(&self, now: &JobNow) -> bool {
        let sees = |scope: &Scope| {
            let moderates = !now.is_held_back
                || now
                    .streams
                    .iter()
                    .all(|stream| scope.moderates.has(stream.as_str()));
            moderates && crate::store::Job::are_within(&now.streams, &scope.streams)
        };
        self.scope.as_ref().is_none_or(sees)
    }

    fn is_hidden(&self, event: &Posted) -> bool {
        self.scope.as_ref().is_some_and(|scope| !scope.shows(event))
    }
}
