//! HLS with fragmented MP4. The reader follows the playlist as a player does.

use std::path::Path;

use super::fragmented;
use super::media::Media;

/// A playlist and the media that it names.
pub(crate) struct Hls {
    pub(crate) playlist: m3u8_rs::MediaPlaylist,
    pub(crate) text: String,
    /// The samples of all segments. Times continue over a discontinuity.
    pub(crate) media: Media,
}

/// Reads `index.m3u8` in a folder and every segment that it names.
#[track_caller]
pub(crate) fn read(folder: &Path) -> Hls {
    let text = std::fs::read_to_string(folder.join("index.m3u8")).expect("index.m3u8");
    let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect("a media playlist");
    let mut media = Media::default();
    for part in parts(folder, &playlist) {
        media.extend(fragmented::parse(&part));
    }
    Hls {
        playlist,
        text,
        media,
    }
}

/// Files that play alone: each header with the segments behind it.
#[track_caller]
pub(crate) fn parts(folder: &Path, playlist: &m3u8_rs::MediaPlaylist) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut offset_after = 0;
    for segment in &playlist.segments {
        if let Some(map) = &segment.map {
            parts.push(piece(
                folder,
                &map.uri,
                map.byte_range.as_ref(),
                &mut offset_after,
            ));
        }
        let bytes = piece(
            folder,
            &segment.uri,
            segment.byte_range.as_ref(),
            &mut offset_after,
        );
        parts.last_mut().expect("a header before media").extend(bytes);
    }
    parts
}

/// A file or a part of one; `next` is where a range without an offset begins.
#[track_caller]
fn piece(folder: &Path, uri: &str, range: Option<&m3u8_rs::ByteRange>, next: &mut u64) -> Vec<u8> {
    assert!(
        !uri.contains("..") && !uri.starts_with('/'),
        "'{uri}' leads out of the folder"
    );
    let bytes = std::fs::read(folder.join(uri)).unwrap_or_else(|error| panic!("{uri}: {error}"));
    let Some(range) = range else { return bytes };
    let start = range.offset.unwrap_or(*next);
    *next = start + range.length;
    bytes
        .get(start as usize..*next as usize)
        .expect("a range inside its file")
        .to_vec()
}
