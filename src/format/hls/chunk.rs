//! Where the chunks begin.
//!
//! A chunk begins at a keyframe once the one before is as long as the target. Where no keyframe or no picture comes in time, it
//! begins at the fragment that would make the one before too long. The samples decide whether a track is there: an announced
//! track may never come.

use std::ops::Range;
use std::sync::Arc;

use crate::format::fragmented::{End, Origin};
pub(super) use crate::format::index::Pace;
use crate::format::index::{FragmentFacts, FragmentList, RunFacts};
use crate::format::line::{Config, Line, Placement, Stretch, Tape};
use crate::format::{FileError, TapeSource, ViewSegment};
use crate::media::{Micros, Tracks, VideoConfig};

/// A keyframe is taken up to this much before the target: a GOP of "two seconds" is often a millisecond short of it.
pub(super) const EARLY_MS: i64 = 100;

/// After a break that is no longer than this, time goes on: no player notices it.
const GOES_ON_MS: i64 = 200;

/// Some consecutive fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    first: u32,
    count: u32,
    /// When the chunk begins on the line, in milliseconds.
    pub(super) start_ms: i64,
    /// When the next chunk begins, or this one's own end when nothing follows at once, in milliseconds.
    pub(super) end_ms: i64,
    /// The number of the init that decodes the chunk.
    pub(super) init: u32,
    /// True when time does not go on from the chunk before, or when another configuration decodes this chunk.
    pub(super) discontinuity: bool,
    /// True when time does not go on from the chunk before. This is known when the chunk begins.
    apart: bool,
    /// UTC at the chunk's beginning.
    pub(super) utc: Micros,
    /// True when decoding can begin at the first picture, and all pictures of the chunk are then shown.
    pub(super) independent: bool,
    /// True when decoding can begin at the first picture. In an open GOP the leading pictures are then not shown.
    keyed: bool,
    pictures: bool,
}

/// Whether the recording is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The whole recording is there.
    Whole,
    /// More may follow. What is decided about a chunk stays, and nothing is decided by what comes after the next chunk.
    Growing,
}

/// All chunks, and the tracks of each `init`. A copy goes on as the original would.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) chunks: Vec<Chunk>,
    pub(super) tracks: Vec<Tracks>,
    /// Number of chunks that stay as they are when the tape grows. The last chunk gets longer. While it could still become a
    /// part of the chunk before, that chunk does not stay either.
    pub(super) settled: usize,
    /// `EXT-X-TARGETDURATION` of a growing recording, in seconds: the length of the first chunk, and at least the target. It
    /// never changes (RFC 8216 §6.2.1), so the chunks that follow keep to it.
    pub(super) limit_s: Option<u64>,
    /// The rate at which the pictures of each configuration come.
    pub(super) paces: Vec<(Arc<VideoConfig>, Pace)>,
    /// The origin of a growing recording. Its first chunk alone decides, so that nothing moves when more comes.
    pub(super) origin: Origin,
    rule: Rule,
    pub(super) target_ms: i64,
    /// True when some chunk will have pictures.
    pictures: bool,
    /// The tracks that decode the samples of each chunk.
    has: Vec<Tracks>,
}

/// The facts of a fragment that decide about chunks, in milliseconds on the line.
struct Facts {
    start_ms: i64,
    end_ms: i64,
    /// The fragment's first picture, if it has one.
    picture: Option<Picture>,
    has: Tracks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Picture {
    /// Decoding can begin at this picture.
    Key,
    /// Decoding can begin at this picture, but its leading pictures need pictures before it.
    OpenKey,
    Other,
}

impl Chunk {
    pub(super) fn parts(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.count as usize
    }

    pub(super) fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms).max(1).unsigned_abs()
    }

    fn is_crumb(&self, target_ms: i64) -> bool {
        self.end_ms.saturating_sub(self.start_ms) < target_ms / 4
    }

    fn take(&mut self, part: u32, facts: &Facts) {
        self.count = part + 1 - self.first;
        self.end_ms = self.end_ms.max(facts.end_ms);
        if !self.pictures && facts.picture.is_some() {
            self.pictures = true;
            self.independent = facts.picture == Some(Picture::Key);
            self.keyed = facts.picture != Some(Picture::Other);
        }
    }

    /// True when a fragment begins the next chunk. `awaits` is true in the first chunk while its picture has yet to come.
    fn ends_before(&self, next: &Facts, awaits: bool, target_ms: i64, limit_ms: i64) -> bool {
        let so_long = next.start_ms.saturating_sub(self.start_ms);
        let is_long = so_long.saturating_add(EARLY_MS) >= target_ms;
        let too_long = next.end_ms.saturating_sub(self.start_ms) > limit_ms;
        match next.picture {
            // Browsers need sound and picture to begin, if the first chunk has both.
            _ if awaits => too_long,
            Some(Picture::Key | Picture::OpenKey) if self.pictures => is_long || too_long || !self.keyed,
            // The picture is back. Sound that begins a moment before it makes no chunk.
            Some(Picture::Key | Picture::OpenKey) => so_long >= target_ms / 4,
            Some(Picture::Other) => too_long,
            None => too_long || is_long && !self.pictures,
        }
    }
}

/// Goes over all fragments once.
pub(super) fn cut<S: TapeSource>(
    line: &Line,
    tape: &mut Tape<S>,
    target_ms: i64,
    rule: Rule,
) -> Result<Cut, FileError> {
    let mut cut = Cut::new(rule == Rule::Whole && line.video.is_some(), target_ms, rule);
    let segments = tape.segments().to_vec();
    for ((number, segment), stretch) in segments.iter().enumerate().zip(&line.stretches) {
        let list = tape.fragments(number)?;
        cut.segment(stretch, segment, &list);
    }
    Ok(cut.finish(line))
}

impl Cut {
    /// A cut without a chunk. `pictures` is true when some chunk will have pictures.
    pub(super) fn new(pictures: bool, target_ms: i64, rule: Rule) -> Self {
        Self {
            pictures,
            origin: Origin::default(),
            chunks: Vec::new(),
            tracks: Vec::new(),
            settled: 0,
            limit_s: None,
            paces: Vec::new(),
            rule,
            target_ms,
            has: Vec::new(),
        }
    }

    /// Adds the fragments of the next segment of the line.
    pub(super) fn segment(&mut self, stretch: &Stretch, segment: &ViewSegment, list: &FragmentList) {
        let (mut breaks, pace) = (stretch.breaks, self.pace_of(segment));
        if let Some((_, pace)) = pace.and_then(|pace| self.paces.get_mut(pace)) {
            pace.add(list.pace);
        }
        let first_part: u32 = fitted!(stretch.first_part, "the number of a fragment");
        for (part, fragment) in (first_part..).zip(&list.fragments) {
            let Some(facts) = facts(stretch, segment, fragment) else {
                continue;
            };
            let since = facts.start_ms.saturating_sub(stretch.zero_ms);
            let utc = since.saturating_mul(1_000);
            self.add(part, facts, breaks, segment.publish_zero_utc.saturating_add(utc));
            breaks = false;
            if self.chunks.len() == 1 {
                self.origin.see(&fragment.video, stretch.video.placement);
                self.origin.see(&fragment.audio, stretch.audio.placement);
            }
        }
    }

    /// Index of the pace of a segment's pictures.
    fn pace_of(&mut self, segment: &ViewSegment) -> Option<usize> {
        let video = segment.tracks.video.as_ref()?;
        let known = self.paces.iter().position(|(config, _)| config == video);
        Some(known.unwrap_or_else(|| {
            self.paces.push((Arc::clone(video), Pace::default()));
            self.paces.len() - 1
        }))
    }

    /// Ends the cut: nothing follows for now.
    pub(super) fn finish(mut self, line: &Line) -> Self {
        self.decide_limit();
        self.name_tracks(match self.rule {
            // A player that got a track's configuration at the beginning accepts samples that come later. It does not accept a
            // track that comes later.
            Rule::Whole => first_of(line),
            Rule::Growing => Tracks::default(),
        });
        self.join_crumb();
        self
    }

    /// Number of chunks that the [added](Self::segment) fragments alone decide on. The end of the last two chunks may still
    /// change.
    pub(super) fn decided(&self) -> usize {
        self.chunks.len().saturating_sub(2)
    }

    /// Number of fragments of the decided chunks.
    pub(super) fn decided_parts(&self) -> usize {
        let last = self
            .decided()
            .checked_sub(1)
            .and_then(|last| self.chunks.get(last));
        last.map_or(0, |last| last.parts().end)
    }

    /// Puts a fragment into the last chunk or begins another chunk.
    fn add(&mut self, part: u32, facts: Facts, breaks: bool, utc: Micros) {
        let (target_ms, limit_ms, rule) = (self.target_ms, self.limit_ms(), self.rule);
        let awaits = self.pictures && self.chunks.len() == 1;
        let mut goes_on = true;
        if let (Some(chunk), Some(has)) = (self.chunks.last_mut(), self.has.last_mut()) {
            let awaits = awaits && !chunk.pictures;
            let ends =
                breaks || differ(has, &facts.has) || chunk.ends_before(&facts, awaits, target_ms, limit_ms);
            if !ends {
                chunk.take(part, &facts);
                overlay(has, &facts.has);
                return;
            }
            goes_on = match (breaks, rule) {
                (true, _) => facts.start_ms.saturating_sub(chunk.end_ms).abs() <= GOES_ON_MS,
                // Nothing came for a long time, and the promised target duration has no room for the pause.
                (false, Rule::Growing) => facts.start_ms.saturating_sub(chunk.start_ms) <= limit_ms,
                (false, Rule::Whole) => true,
            };
            if goes_on {
                chunk.end_ms = facts.start_ms;
            }
            self.decide_limit();
        }
        self.chunks.push(Chunk {
            first: part,
            count: 1,
            start_ms: facts.start_ms,
            end_ms: facts.end_ms,
            init: 0,
            discontinuity: !goes_on,
            apart: !goes_on,
            utc,
            independent: matches!(facts.picture, None | Some(Picture::Key)),
            keyed: facts.picture != Some(Picture::Other),
            pictures: facts.picture.is_some(),
        });
        self.has.push(facts.has);
    }

    /// The longest that a chunk may last, in milliseconds. An EXTINF is rounded before it is compared (RFC 8216 §4.3.3.1).
    fn limit_ms(&self) -> i64 {
        match self.limit_s {
            Some(seconds) => i64::try_from(seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000)
                .saturating_add(499),
            None => self.target_ms.saturating_mul(2),
        }
    }

    fn decide_limit(&mut self) {
        if let (Rule::Growing, None, Some(first)) = (self.rule, self.limit_s, self.chunks.first()) {
            let longest = first.end_ms.saturating_sub(first.start_ms).max(self.target_ms);
            let seconds = longest.saturating_add(500).div_euclid(1_000).max(1);
            self.limit_s = Some(seconds.unsigned_abs());
        }
    }

    /// Gives each chunk its tracks: those of the chunk before, replaced by those of its own samples.
    fn name_tracks(&mut self, mut current: Tracks) {
        let mut before = None;
        for (chunk, has) in self.chunks.iter_mut().zip(&self.has) {
            overlay(&mut current, has);
            let known = self.tracks.iter().position(|known| *known == current);
            let init = known.unwrap_or_else(|| {
                self.tracks.push(current.clone());
                self.tracks.len() - 1
            });
            chunk.init = fitted!(init, "the number of a header");
            chunk.discontinuity |= before.is_some_and(|before| before != chunk.init);
            before = Some(chunk.init);
        }
    }

    /// Joins a short last chunk to the one before. The few frames after the last keyframe do not deserve a file of their own.
    fn join_crumb(&mut self) {
        self.settled = self.chunks.len().saturating_sub(1);
        let limit_ms = self.limit_ms();
        let [.., before, last] = self.chunks.as_mut_slice() else {
            return;
        };
        let lasts = last.end_ms.saturating_sub(before.start_ms);
        let fits = self.rule == Rule::Whole || lasts <= limit_ms;
        if last.discontinuity || !last.is_crumb(self.target_ms) || !fits {
            return;
        }
        before.count += last.count;
        before.end_ms = last.end_ms;
        if !before.pictures {
            before.independent = last.independent;
        }
        before.pictures |= last.pictures;
        self.chunks.pop();
        self.settled -= 1;
    }
}

/// Where the reach of each fragment ends. No reach crosses a discontinuity. In a growing recording no reach goes beyond the
/// fragment after its chunk, because the tracks of a later chunk are not known by then.
pub(super) fn ends(chunks: &[Chunk], rule: Rule) -> Vec<End> {
    let fragments = chunks.last().map_or(0, |chunk| chunk.parts().end);
    let mut ends = vec![End::NONE; fragments];
    let mut end = End::NONE;
    let mut next: Option<&Chunk> = None;
    for chunk in chunks.iter().rev() {
        end = match (next, rule) {
            (Some(next), _) if next.apart || rule == Rule::Whole && next.discontinuity => End {
                part: next.parts().start,
                held_ms: Some(chunk.end_ms),
            },
            (Some(next), Rule::Growing) => End {
                part: next.parts().start + 1,
                held_ms: Some(next.start_ms),
            },
            (Some(_), Rule::Whole) => end,
            (None, _) => End {
                part: usize::MAX,
                held_ms: Some(chunk.end_ms),
            },
        };
        if let Some(own) = ends.get_mut(chunk.parts()) {
            own.fill(end);
        }
        next = Some(chunk);
    }
    ends
}

/// The first configuration of each track that has samples.
fn first_of(line: &Line) -> Tracks {
    let mut tracks = Tracks::default();
    for track in [line.video.as_ref(), line.audio.as_ref()].into_iter().flatten() {
        match track.configs.first() {
            Some(Config::Video(config)) => tracks.video = Some(Arc::clone(config)),
            Some(Config::Audio(config)) => tracks.audio = Some(Arc::clone(config)),
            None => (),
        }
    }
    tracks
}

/// True when a track is in both, with configurations that decode differently.
fn differ(one: &Tracks, other: &Tracks) -> bool {
    let video = one.video.is_some() && other.video.is_some() && one.video != other.video;
    let audio = one.audio.is_some() && other.audio.is_some() && one.audio != other.audio;
    video || audio
}

fn overlay(tracks: &mut Tracks, with: &Tracks) {
    if with.video.is_some() {
        tracks.video.clone_from(&with.video);
    }
    if with.audio.is_some() {
        tracks.audio.clone_from(&with.audio);
    }
}

/// The facts of a fragment. The picture decides where there is one. `None` for a fragment without samples.
fn facts(stretch: &Stretch, segment: &ViewSegment, fragment: &FragmentFacts) -> Option<Facts> {
    let video = span(&fragment.video, stretch.video.placement);
    let audio = span(&fragment.audio, stretch.audio.placement);
    let (start_ms, _) = video.or(audio)?;
    let ends = [video, audio].into_iter().flatten().map(|(_, end)| end);
    Some(Facts {
        start_ms,
        end_ms: ends.max().unwrap_or(start_ms),
        picture: picture(&fragment.video),
        has: Tracks {
            video: segment.tracks.video.clone().filter(|_| video.is_some()),
            audio: segment.tracks.audio.clone().filter(|_| audio.is_some()),
        },
    })
}

fn picture(run: &RunFacts) -> Option<Picture> {
    (!run.is_empty()).then_some(())?;
    Some(match (run.shape.key, run.shape.leads) {
        (false, _) => Picture::Other,
        (true, false) => Picture::Key,
        (true, true) => Picture::OpenKey,
    })
}

/// When the earliest sample is presented, and when the last one ends.
fn span(run: &RunFacts, placement: Placement) -> Option<(i64, i64)> {
    (!run.is_empty()).then_some(())?;
    let to_ms = |ticks: i64| {
        let scale = i128::from(placement.own.max(1));
        let nearest = (i128::from(ticks) * 1_000 + scale / 2).div_euclid(scale);
        i64::try_from(nearest).unwrap_or(0)
    };
    let begins = placement.place_own(run.first_dts);
    Some((
        to_ms(begins.saturating_add(run.shown)),
        to_ms(begins.saturating_add(run.ends)),
    ))
}
