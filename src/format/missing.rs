//! What a view is decoded with and does not have.
//!
//! A recording may begin with a picture that refers to what was before: without a keyframe, or with one of an open GOP, of which
//! pictures that are shown before it follow it, or with one from which on the picture is refreshed bit by bit. What they refer to may
//! be on the tape, as a part of another recording.

use super::bounds::LARGEST;
use super::index::{Placed, Run};
use super::{SourceError, TapeSource, View, ViewSegment};
use crate::media::{Micros, RandomAccess, TrackKind};

/// No decoder puts more pictures in order (`max_dec_frame_buffering`, ISO/IEC 14496-10 §A.3.1).
const REORDERED: usize = 17;

/// A publish that goes on has a picture at least so soon after the end of another.
const GAP: Micros = 500_000;

/// What is wanted of the tape before a view.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Tape time of the first sample of the view.
    pub start: Micros,
    /// UTC of it.
    pub start_utc: Micros,
    /// The first segment of the view.
    first: ViewSegment,
    /// Tape time of the first picture's DTS.
    picture: Micros,
    /// When the first of its pictures is presented.
    shown: Micros,
    /// There is no keyframe: nothing can be shown without what is missing.
    keyless: bool,
    /// It begins with a keyframe from which on the picture is refreshed bit by bit.
    gradual: bool,
}

impl<S: TapeSource> View<S> {
    /// What decodes the first pictures of the view, if it is not in it. It is the same however much tape follows.
    pub fn missing(&self) -> Result<Option<Missing>, SourceError> {
        self.missing_where(|first, picture| self.recovers_after(first, picture).is_some())
    }

    /// The same where it is known whether the first picture is one from which on the picture is refreshed bit by bit: no file is
    /// opened to see that.
    pub fn missing_of(&self, gradual: bool) -> Result<Option<Missing>, SourceError> {
        self.missing_where(|_, _| gradual)
    }

    fn missing_where(
        &self,
        gradual: impl FnOnce(&ViewSegment, &Placed) -> bool,
    ) -> Result<Option<Missing>, SourceError> {
        let Some(first) = self.segments.first().filter(|first| !first.kept.if_hidden) else {
            return Ok(None);
        };
        let index = self.index(first)?;
        let Some(run) = index.runs(TrackKind::Video).next() else {
            return Ok(None);
        };
        let Some(picture) = run.placed().next() else {
            return Ok(None);
        };
        let keyless = !picture.sample.key;
        let gradual = !keyless && gradual(first, &picture);
        if !keyless && !gradual && !self.leads_refer_back(first, run, &picture) {
            return Ok(None);
        }
        let pictures = index.runs(TrackKind::Video).flat_map(Run::placed);
        let shown = pictures.take(REORDERED).map(|placed| first.shown(&placed)).min();
        let at = first.tape(TrackKind::Video, picture.dts);
        let sound = index.runs(TrackKind::Audio).next();
        let sound = sound.map(|run| first.tape(TrackKind::Audio, run.first_dts));
        let start = sound.map_or(at, |sound| sound.min(at));
        Ok(Some(Missing {
            start,
            start_utc: first.utc(start),
            picture: at,
            shown: shown.unwrap_or(start),
            keyless,
            gradual,
            first: first.clone(),
        }))
    }

    /// The first picture is a keyframe, and pictures that follow it and are shown before it refer to what was before.
    fn leads_refer_back(&self, segment: &ViewSegment, run: &Run, picture: &Placed) -> bool {
        let Some(video) = &segment.tracks.video else {
            return false;
        };
        // Of a fragment of one picture it is not known yet whether such pictures follow, and what is sent of a file that
        // grows must stay.
        let leads = run.leads() || run.samples.len() == 1;
        if !leads || picture.sample.size > LARGEST || segment.shown(picture) <= segment.kept.shown_from {
            return false;
        }
        let mut bytes = vec![0; picture.sample.size as usize];
        let read = self.source.read_exact_at(segment.id, picture.offset, &mut bytes);
        // Whoever reads the file is told of what cannot be read.
        read.is_ok_and(|()| video.random_access(&bytes) != RandomAccess::Closed)
    }

    /// Of what is on the tape before a view: what that misses, from the last keyframe on, not shown where a format can hide it.
    /// Where the view begins with a keyframe it is there for such formats only. Nothing if it is not there.
    pub fn before(mut self, missing: &Missing) -> Result<Option<View<S>>, SourceError> {
        let first = &missing.first;
        let is_same = |segment: &ViewSegment| {
            // Pictures of another publish decode nothing of this one.
            segment.publish_zero == first.publish_zero
                && segment.range == first.range
                && segment.tracks.video.is_some()
        };
        self.segments.retain(is_same);
        let before = self.cut(Micros::MIN, missing.start)?;
        let Some(entry) = before.last_entry(|_| Micros::MAX)? else {
            return Ok(None);
        };
        let mut lead = before.cut(entry, Micros::MAX)?;
        if !missing.keyless {
            if !lead.reaches(missing)? {
                return Ok(None);
            }
            lead = lead.only(TrackKind::Video);
        }
        for segment in &mut lead.segments {
            segment.kept.if_hidden = !missing.keyless;
            segment.kept.pass(entry.saturating_add(1), missing.shown);
        }
        Ok(Some(lead.shown_from(missing.shown.max(first.kept.shown_from))))
    }

    /// It decodes with the same as what follows it, which it goes on to without a gap.
    fn reaches(&self, missing: &Missing) -> Result<bool, SourceError> {
        let mut end: Option<Micros> = None;
        for segment in &self.segments {
            let alike = match (&segment.tracks.video, &missing.first.tracks.video) {
                (Some(one), Some(other)) => one.decodes_like(other),
                (one, other) => one.is_none() && other.is_none(),
            };
            if !alike {
                return Ok(false);
            }
            for run in self.index(segment)?.runs(TrackKind::Video) {
                let begins = segment.tape(TrackKind::Video, run.first_dts);
                if end.is_some_and(|end| begins.saturating_sub(end) > GAP) {
                    return Ok(false);
                }
                end = Some(segment.tape(TrackKind::Video, run.end_dts()));
            }
        }
        Ok(end.is_some_and(|end| missing.picture.saturating_sub(end) <= GAP))
    }
}

impl<S> View<S> {
    /// The view with [what it misses](View::before) in front.
    pub fn behind(mut self, lead: Vec<ViewSegment>, missing: &Missing) -> View<S> {
        if missing.gradual {
            let own = self.segments.iter_mut();
            own.for_each(|segment| segment.kept.pass(missing.picture, missing.shown));
        }
        self.segments.splice(..0, lead);
        self
    }

    /// Without what is there only for formats that hide pictures.
    pub(in crate::format) fn without_hidden(mut self) -> View<S> {
        self.segments.retain(|segment| !segment.kept.if_hidden);
        self
    }
}

#[cfg(test)]
mod tests;
