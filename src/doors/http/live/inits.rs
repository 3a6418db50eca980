//! The inits that playlists named last. A player asks for one next, and the tape of long ago need not be searched for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::format::hls::live::{Init, InitName};
use crate::media::{StreamName, Tracks};

/// The most inits that are kept. One has about a thousand bytes.
const MOST: usize = 64;

/// The inits that were named, the one named last behind.
#[derive(Default)]
pub(in crate::doors::http) struct Inits(Mutex<VecDeque<(StreamName, Init)>>);

/// Names the inits of a playlist of a stream. To name an init is to make it.
pub(in crate::doors::http) struct Names<'a> {
    inits: &'a Inits,
    stream: &'a StreamName,
    last: Option<(Arc<Tracks>, InitName)>,
}

impl Inits {
    /// An init that was named lately.
    pub(super) fn find(&self, stream: &StreamName, name: InitName) -> Option<Init> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = kept.iter().filter(|(of, _)| of == stream);
        own.find(|(_, init)| init.name == name)
            .map(|(_, init)| init.clone())
    }

    /// Names inits of a stream, and keeps them.
    pub(in crate::doors::http) fn names<'a>(&'a self, stream: &'a StreamName) -> Names<'a> {
        let (inits, last) = (self, None);
        Names { inits, stream, last }
    }

    fn keep(&self, stream: &StreamName, init: Init) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, known)| of != stream || known.name != init.name);
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((stream.clone(), init));
    }
}

impl Names<'_> {
    pub(in crate::doors::http) fn of(&mut self, tracks: &Arc<Tracks>) -> InitName {
        match &self.last {
            Some((known, name)) if Arc::ptr_eq(known, tracks) || known == tracks => *name,
            _ => {
                let init = Init::of(tracks);
                let name = init.name;
                self.inits.keep(self.stream, init);
                self.last = Some((Arc::clone(tracks), name));
                name
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inits_that_were_named_last_are_kept_for_their_stream() {
        let inits = Inits::default();
        let streams: Vec<StreamName> = (0..MOST + 1)
            .map(|number| format!("live/cam{number}").parse().unwrap())
            .collect();
        let tracks = Arc::new(Tracks::default());
        let name = inits.names(&streams[0]).of(&tracks);
        assert_eq!(inits.find(&streams[0], name).unwrap().name, name);
        assert!(inits.find(&streams[1], name).is_none(), "it is of another stream");
        for stream in &streams[1..MOST] {
            inits.names(stream).of(&tracks);
        }
        // Named again, it is not the first to go.
        inits.names(&streams[0]).of(&tracks);
        inits.names(&streams[MOST]).of(&tracks);
        assert!(inits.find(&streams[0], name).is_some());
        assert!(inits.find(&streams[1], name).is_none());
        assert_eq!(inits.0.lock().unwrap().len(), MOST);
    }
}
