//! How a publish goes onto the tape and off it: media of the ring first, then what comes, in fragments.

use super::{Fed, Live, Stage, WAIT_BYTES, WORTH_KEEPING};
use crate::media::{ChunkStart, Fragment, Micros, Oddity, RandomAccess, TrackKind, Tracks};
use crate::recorder::cutter::Cutter;
use crate::recorder::open_gop::OpenGop;
use crate::recorder::ring::Ring;

/// How long the first segment waits for a track that was announced before it begins without it.
const WAIT_FOR_TRACKS: Micros = 2_000_000;

impl Live {
    /// Puts the publish on the tape from here on: the ring's media from tape time `from` on, and the media to come.
    pub(in crate::recorder) fn want(&mut self, ring: &Ring, from: Micros, fed: &mut Vec<Fed>) {
        if self.is_wanted() {
            return;
        }
        self.first_recorded = Some(self.chunks.open());
        let (next, mut stretch) = self.fed.unwrap_or((0, Micros::MAX));
        // The tape begins with a chunk. Chunks that may have been played stay as they are; others begin anew with the tape.
        let entry = if self.chunks.are_fixed() {
            ring.entry(from)
        } else {
            ring.since(from).next()
        };
        let entry = entry.map(|gop| (gop.first, gop.start));
        // If the frame that was fed last and all later ones are in the ring, nothing is missing in between.
        let goes_on = ring.first().is_some_and(|first| first <= next)
            && entry.is_some_and(|(first, _)| first <= next && stretch < Micros::MAX);
        let first = match (goes_on, entry) {
            (true, _) => next,
            (false, Some((first, start))) => {
                stretch = start;
                first
            }
            (false, None) => {
                // Nothing can be decoded before the next keyframe.
                self.seen_key = false;
                self.chunks.break_off(&self.tracks);
                stretch = self.tape_zero.saturating_add(self.ends.last());
                self.placed
            }
        };
        self.stage = Stage::Waiting {
            fragments: Vec::new(),
            bytes: 0,
            since: goes_on.then_some(stretch),
            before: self.fed,
        };
        if !goes_on {
            // Where it does not go on, it begins with a keyframe.
            self.cutter = Cutter::default();
        }
        self.fed = Some((first, stretch));
        let mut open_gop = OpenGop::default();
        let mut is_first = !goes_on;
        let mut begins = !goes_on;
        let begins_anew = !goes_on && !self.chunks.are_fixed();
        let mut before = None;
        let (mut left_out, mut is_whole) = (0, true);
        for gop in ring.since(from.min(stretch)) {
            let wanted = gop
                .frames
                .iter()
                .zip(gop.first..)
                .filter(|(_, number)| *number >= first);
            for (n, (frame, number)) in wanted.enumerate() {
                if n == 0 {
                    if begins_anew {
                        self.decode_with(before.replace(&gop.tracks), &gop.tracks);
                    }
                    self.set_tracks(gop.tracks.clone(), fed);
                }
                let first = gop.tracks.video.as_deref();
                let first = first.filter(|_| std::mem::take(&mut is_first));
                if gop.tracks.timescale(frame.kind).is_none() {
                    continue;
                }
                is_whole &=
                    first.is_none_or(|video| video.random_access(&frame.payload) != RandomAccess::Gradual);
                if open_gop.leaves_out(frame, first) {
                    left_out += 1;
                    continue;
                }
                let place = usize::try_from(number.saturating_sub(gop.first)).unwrap_or(usize::MAX);
                let chunk = if begins_anew {
                    self.chunks.take(frame, gop.tracks.micros(frame.kind, frame.dts))
                } else {
                    let known = gop.chunk_at(place).map(|(start, _)| start);
                    // Where the tape begins, its time line breaks: what came before is not on it.
                    let breaks = std::mem::take(&mut begins);
                    known.map(|start| ChunkStart {
                        breaks: start.breaks || breaks,
                        ..start
                    })
                };
                self.feed(frame.clone(), chunk, fed);
            }
        }
        // A missing picture from before the wanted time is not missed.
        let is_missed = ring.shows_from().is_some_and(|shows| shows > from);
        if left_out > 0 && is_missed {
            self.undecodable += left_out;
            self.untold = self.notice(Oddity::LeadingPictures { on_tape: false }).oddity;
        }
        if !is_whole && is_missed {
            self.untold = self.notice(Oddity::NotWholeYet { on_tape: false }).oddity;
        }
        if let Some(before) = before.filter(|before| **before != self.tracks) {
            self.decode_with(Some(before), &self.tracks.clone());
        }
        self.set_tracks(self.tracks.clone(), fed);
        self.fed = Some((self.placed, stretch));
        self.begin_if_worth_it(fed, false);
    }

    /// Has chunks that begin anew go on with frames of the ring that other tracks decode. Without tracks before, they begin here.
    fn decode_with(&mut self, before: Option<&Tracks>, tracks: &Tracks) {
        match before {
            None => self.chunks.break_off(tracks),
            Some(before) if before == tracks => {}
            Some(before) => self.chunks.switch(before, tracks, true),
        }
    }

    /// Takes the publish off the tape, from the first frame on that is not handed over yet.
    pub(in crate::recorder) fn let_be(&mut self, fed: &mut Vec<Fed>) {
        if let Stage::Waiting { before, .. } = &self.stage {
            (self.cutter, self.fed) = (Cutter::default(), *before);
            self.stage = Stage::Idle;
            return;
        }
        self.join_late_audio(fed);
        // The waiting frames are later than any session needs. The ring has them, in case somebody asks.
        let left = self.cutter.forget();
        if let Some((number, _)) = &mut self.fed {
            *number = self.placed.saturating_sub(left);
        }
        self.stage = Stage::Idle;
    }

    /// Hands over the frames that wait for their fragment to be full. Frames of an earlier time that still come are left out:
    /// the tape counts as complete up to here.
    pub(in crate::recorder) fn draw_line(&mut self, fed: &mut Vec<Fed>) {
        self.line = self.line.max(Some(self.ends.last()));
        if self.is_writing()
            && let Some(fragment) = self.cutter.flush()
        {
            self.keep(fragment, fed);
        }
    }

    /// Hands over all waiting frames, though they would wait longer: there is no memory for them.
    pub(in crate::recorder) fn hurry(&mut self, fed: &mut Vec<Fed>) {
        self.join_late_audio(fed);
        if let Some(fragment) = self.cutter.flush() {
            self.keep(fragment, fed);
        }
        self.begin(fed);
    }

    /// Hands over all waiting frames at the end of the publish. A push that was too short leaves nothing.
    pub(in crate::recorder) fn end(&mut self, fed: &mut Vec<Fed>) {
        if self.is_wanted() {
            self.join_late_audio(fed);
            if let Some(fragment) = self.cutter.flush() {
                self.keep(fragment, fed);
            }
            self.begin_if_worth_it(fed, true);
        }
    }

    pub(super) fn set_tracks(&mut self, tracks: Tracks, fed: &mut Vec<Fed>) {
        let before = self.cutter.tracks().clone();
        if let Some(fragment) = self.cutter.set_tracks(tracks.clone()) {
            self.keep(fragment, fed);
        } else if let Stage::Waiting { fragments, .. } = &mut self.stage {
            // Nothing is on flash yet: the waiting fragments become part of a segment that has the new track, too.
            fragments
                .iter_mut()
                .filter(|f| f.tracks == before)
                .for_each(|f| f.tracks = tracks.clone());
        }
    }

    pub(super) fn keep(&mut self, fragment: Fragment, fed: &mut Vec<Fed>) {
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Writing => fed.push(Fed::Fragment(fragment)),
            Stage::Waiting { fragments, bytes, .. } => {
                *bytes += fragment.cost();
                fragments.push(fragment);
                self.begin_if_worth_it(fed, false);
            }
        }
    }

    fn begin_if_worth_it(&mut self, fed: &mut Vec<Fed>, ending: bool) {
        let Stage::Waiting { fragments, bytes, .. } = &self.stage else {
            return;
        };
        let first = self.ends.first.unwrap_or(0);
        let span = self.ends.last() - first;
        let comes = |kind| self.left_out.iter().all(|track| track.kind != kind);
        let missing = (self.announced.has_audio && self.tracks.audio.is_none() && comes(TrackKind::Audio))
            || (self.announced.has_video && self.tracks.video.is_none() && comes(TrackKind::Video));
        let waits = span < WORTH_KEEPING || (missing && span < WAIT_FOR_TRACKS && !ending);
        // So many bytes do not wait in memory until their timestamps make up a second, however short the media is.
        if !fragments.is_empty() && (!waits || *bytes >= WAIT_BYTES) {
            self.begin(fed);
        }
    }

    fn begin(&mut self, fed: &mut Vec<Fed>) {
        let Stage::Waiting { fragments, since, .. } = &mut self.stage else {
            return;
        };
        if fragments.is_empty() {
            return;
        }
        let first = self.ends.first.unwrap_or(0);
        let first = fragments
            .iter()
            .map(|fragment| fragment.span().0)
            .min()
            .unwrap_or(first);
        let start = since.unwrap_or(self.tape_zero.saturating_add(first));
        if let Some((_, from)) = &mut self.fed {
            *from = start;
        }
        fed.push(Fed::Begins { start });
        fed.extend(fragments.drain(..).map(Fed::Fragment));
        self.stage = Stage::Writing;
    }
}
