//! The text of a media playlist (RFC 8216 §4.3), written line by line.
//!
//! Recordings, live streams and keyframes all have their playlists written here. So a playlist that is delivered and one that a
//! door serves have the same text, except for URIs and for the lines that only a door writes.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::served::{Start, Uris};
use crate::media::Micros;

/// Version 6 is the first with `EXT-X-MAP` in a playlist that is not of I-frames. The authoring specification asks for 7 with
/// fragmented MP4.
pub(super) const VERSION: u32 = 7;

/// The first version with `EXT-X-SKIP`.
const VERSION_WITH_SKIP: u32 = 9;

/// How many target durations of the end a delta update has at least (rfc8216bis §4.4.3.8, `CAN-SKIP-UNTIL`).
const KEPT_BY_DELTA: u64 = 6;

/// How many target durations before the end a player begins to play what is live (RFC 8216 §4.3.5.2: not less than three).
const BEHIND_LIVE: u64 = 3;

/// `EXT-X-PLAYLIST-TYPE` (RFC 8216 §4.3.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing changes any more.
    Vod,
    /// The playlist only gets longer.
    Event,
    /// The playlist gets longer, and loses its first chunks.
    Sliding,
}

/// The lines before the first chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub(super) target_s: u64,
    pub(super) kind: Kind,
    /// True when decoding can begin with every chunk.
    pub(super) independent: bool,
    /// True for a playlist of keyframes.
    pub(super) keyframes: bool,
    /// `EXT-X-MEDIA-SEQUENCE`.
    pub(super) sequence: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`.
    pub(super) discontinuities: u64,
    /// Where a player begins. Only a door says that.
    pub(super) start: Option<Start>,
    /// True when a door makes delta updates of the playlist.
    pub(super) can_skip: bool,
}

/// The lines of a chunk.
#[derive(Clone, Debug)]
pub(super) struct Entry<Name> {
    pub(super) discontinuity: bool,
    /// The name of the init, where the chunk before has another one.
    pub(super) init: Option<Name>,
    /// UTC at the chunk's beginning, where it is said.
    pub(super) date: Option<Micros>,
    /// How long the chunk lasts, in microseconds.
    pub(super) duration_us: u64,
    pub(super) name: Name,
}

/// A playlist in the making.
#[derive(Debug)]
pub(super) struct Text<'a> {
    out: String,
    uris: &'a Uris,
}

impl Head {
    /// A playlist without the lines that only a door writes, whose first chunk has the number 0.
    pub(super) fn new(kind: Kind, target_s: u64) -> Self {
        Self {
            target_s,
            kind,
            independent: false,
            keyframes: false,
            sequence: 0,
            discontinuities: 0,
            start: None,
            can_skip: false,
        }
    }

    /// How many chunks a delta update leaves out: those that end further from the end of the playlist than the skip boundary.
    pub(super) fn skipped(
        &self,
        durations_us: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator,
    ) -> usize {
        let boundary_us = self.skip_until_s().saturating_mul(1_000_000);
        let (chunks, mut behind_us, mut kept) = (durations_us.len(), 0_u64, 0);
        for duration_us in durations_us.rev() {
            if behind_us >= boundary_us {
                break;
            }
            behind_us = behind_us.saturating_add(duration_us);
            kept += 1;
        }
        chunks.saturating_sub(kept)
    }

    fn skip_until_s(&self) -> u64 {
        self.target_s.saturating_mul(KEPT_BY_DELTA)
    }
}

impl<'a> Text<'a> {
    /// Begins a playlist. `skipped` chunks are left out because the player has them from an earlier playlist.
    pub(super) fn begin(head: &Head, uris: &'a Uris, skipped: usize) -> Self {
        let mut text = Self {
            out: String::with_capacity(256),
            uris,
        };
        let version = if skipped > 0 { VERSION_WITH_SKIP } else { VERSION };
        text.line(format_args!("#EXTM3U"));
        text.line(format_args!("#EXT-X-VERSION:{version}"));
        if head.independent {
            text.line(format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
        }
        text.line(format_args!("#EXT-X-TARGETDURATION:{}", head.target_s));
        // Without the tag the first number is 0 (RFC 8216 §4.3.3.2). Chromium reads a playlist again only if the tag is there.
        if head.sequence > 0 || head.kind == Kind::Sliding {
            text.line(format_args!("#EXT-X-MEDIA-SEQUENCE:{}", head.sequence));
        }
        if head.discontinuities > 0 {
            text.line(format_args!(
                "#EXT-X-DISCONTINUITY-SEQUENCE:{}",
                head.discontinuities
            ));
        }
        match head.kind {
            Kind::Vod => text.line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD")),
            Kind::Event => text.line(format_args!("#EXT-X-PLAYLIST-TYPE:EVENT")),
            Kind::Sliding => (),
        }
        if head.keyframes {
            text.line(format_args!("#EXT-X-I-FRAMES-ONLY"));
        }
        if head.can_skip {
            let until = head.skip_until_s();
            text.line(format_args!("#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL={until}"));
        }
        match head.start {
            Some(Start::Beginning) => text.line(format_args!("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES")),
            Some(Start::LiveEdge) => {
                let behind = head.target_s.saturating_mul(BEHIND_LIVE);
                text.line(format_args!("#EXT-X-START:TIME-OFFSET=-{behind}"));
            }
            Some(Start::BeforeEnd(us)) => {
                let (s, ms) = (us / 1_000_000, us % 1_000_000 / 1_000);
                text.line(format_args!("#EXT-X-START:TIME-OFFSET=-{s}.{ms:03}"));
            }
            None => (),
        }
        if skipped > 0 {
            text.line(format_args!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"));
        }
        text
    }

    /// Adds a chunk. MAP comes after DISCONTINUITY: some players would else give the MAP to the chunk before.
    pub(super) fn chunk<Name: std::fmt::Display>(&mut self, entry: &Entry<Name>) {
        self.map(entry);
        self.media(entry);
    }

    /// Adds an encrypted chunk, with the URI of its key and its IV. A KEY holds for all that follows it, also for a MAP (RFC 8216 §4.3.2.4), and inits
    /// are in clear. So no key is in force at a MAP, and the chunk's own key is named behind it.
    pub(super) fn encrypted<Name: std::fmt::Display>(
        &mut self,
        entry: &Entry<Name>,
        uri: &str,
        iv: &[u8; 16],
    ) {
        if entry.init.is_some() {
            self.line(format_args!("#EXT-X-KEY:METHOD=NONE"));
        }
        self.map(entry);
        let (iv, suffix) = (HEXLOWER.encode(iv), &self.uris.suffix);
        self.line(format_args!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}{suffix}\",IV=0x{iv}"
        ));
        self.media(entry);
    }

    fn map<Name: std::fmt::Display>(&mut self, entry: &Entry<Name>) {
        let Uris { prefix, suffix } = self.uris;
        if entry.discontinuity {
            self.line(format_args!("#EXT-X-DISCONTINUITY"));
        }
        if let Some(init) = &entry.init {
            self.line(format_args!("#EXT-X-MAP:URI=\"{prefix}{init}{suffix}\""));
        }
    }

    fn media<Name: std::fmt::Display>(&mut self, entry: &Entry<Name>) {
        let Uris { prefix, suffix } = self.uris;
        if let Some(date) = entry.date.and_then(|utc| Timestamp::from_microsecond(utc).ok()) {
            self.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{date:.3}"));
        }
        let (s, us) = (entry.duration_us / 1_000_000, entry.duration_us % 1_000_000);
        match us % 1_000 {
            0 => self.line(format_args!("#EXTINF:{s}.{:03},", us / 1_000)),
            _ => self.line(format_args!("#EXTINF:{s}.{us:06},")),
        }
        self.line(format_args!("{prefix}{}{suffix}", entry.name));
    }

    /// Says when the programme began, in seconds since 1970. Players of Tencent read the number up to the next `#`.
    pub(super) fn began(&mut self, utc_s: i64) {
        self.line(format_args!("#EXT-TX-TS-START-TIME:{utc_s}"));
    }

    /// Ends the playlist. After `ended` no chunk follows in any later version of it.
    pub(super) fn finish(mut self, ended: bool) -> Vec<u8> {
        if ended {
            self.line(format_args!("#EXT-X-ENDLIST"));
        }
        self.out.into_bytes()
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(line);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests;
