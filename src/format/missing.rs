//! What a view needs to be decoded and does not have.
//!
//! A recording may begin with a picture that refers to earlier pictures. There are three cases: the recording begins without a
//! keyframe, with the keyframe of an open GOP that has leading pictures, or with a picture from which on the picture is
//! refreshed bit by bit. The earlier pictures may be on the tape, as a part of another recording.

use super::bounds::LARGEST;
use super::index::{Placed, Run};
use super::{Segments, SourceError, TapeSource, View, ViewSegment};
use crate::media::{Micros, RandomAccess, TrackKind};

/// No decoder puts more pictures in order (`max_dec_frame_buffering`, ISO/IEC 14496-10 §A.3.1).
const REORDERED: usize = 17;

/// In a publish that continues, the next picture begins at most this long after the end of the one before.
const GAP: Micros = 500_000;

/// What a view wants of the tape before it.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Tape time of the first sample of the view.
    pub start: Micros,
    /// UTC of the first sample of the view.
    pub start_utc: Micros,
    /// The first segment of the view.
    first: ViewSegment,
    /// Tape time of the first picture's DTS.
    picture: Micros,
    /// Tape time at which the first of the view's pictures is presented.
    shown: Micros,
    /// True when the view has no keyframe: nothing can be shown without the missing pictures.
    keyless: bool,
    /// True when the view begins with a keyframe from which on the picture is refreshed bit by bit.
    gradual: bool,
}

impl<S: TapeSource> View<S> {
    /// What decodes the first pictures of the view, if the view does not have it. The answer stays the same however much tape
    /// follows.
    pub fn missing(&self) -> Result<Option<Missing>, SourceError> {
        self.missing_where(|first, picture| self.recovers_after(first, picture).is_some())
    }

    /// The same as [`missing`](Self::missing), for a caller that knows whether the first picture begins a gradual refresh. No
    /// file is opened to find out.
    pub fn missing_of(&self, gradual: bool) -> Result<Option<Missing>, SourceError> {
        self.missing_where(|_, _| gradual)
    }

    fn missing_where(
        &self,
        gradual: impl Fn(&ViewSegment, &Placed) -> bool,
    ) -> Result<Option<Missing>, SourceError> {
        let Some(first) = self.segments.first().filter(|first| !first.kept.if_hidden) else {
            return Ok(None);
        };
        if self.listed(first).is_some_and(|list| match list.first_picture() {
            // A fragment of one picture does not say yet whether leading pictures follow.
            Some((picture, run)) => {
                let is_closed = picture.sample.key && !run.shape.leads && run.samples > 1;
                is_closed && !gradual(first, &picture)
            }
            None => true,
        }) {
            return Ok(None);
        }
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

    /// True when the first picture is a keyframe and its leading pictures refer to pictures before it.
    fn leads_refer_back(&self, segment: &ViewSegment, run: &Run, picture: &Placed) -> bool {
        let Some(video) = &segment.tracks.video else {
            return false;
        };
        // A fragment of one picture does not say yet whether leading pictures follow. Bytes that were sent of a growing file
        // must stay.
        let leads = run.leads() || run.samples.len() == 1;
        if !leads || picture.sample.size > LARGEST || segment.shown(picture) <= segment.kept.shown_from {
            return false;
        }
        let mut bytes = vec![0; picture.sample.size as usize];
        let read = self.source.read_exact_at(segment.id, picture.offset, &mut bytes);
        // A failed read is not reported here: the reader of the file will report it.
        read.is_ok_and(|()| video.random_access(&bytes) != RandomAccess::Closed)
    }

    /// Takes from the tape before a view what the view misses, from the last keyframe on. It is not shown where a format can
    /// hide it. Where the view begins with a keyframe, it is there for such formats only. Nothing if the tape does not have it.
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

    /// True when the pictures decode with the configuration of what follows them, and lead to it without a gap.
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
    pub fn behind(mut self, lead: Segments, missing: &Missing) -> View<S> {
        if missing.gradual {
            let own = self.segments.iter_mut();
            own.for_each(|segment| segment.kept.pass(missing.picture, missing.shown));
        }
        self.segments.splice(..0, lead);
        self
    }

    /// The view without the segments that are only for formats that hide pictures.
    pub(in crate::format) fn without_hidden(mut self) -> View<S> {
        self.segments.retain(|segment| !segment.kept.if_hidden);
        self
    }
}

#[cfg(test)]
mod tests;
