//! What a request's path asks for. Pure: no file is opened, and no length of the path costs memory beyond the path itself.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::page::Asset;
use crate::channel::{ChunkName, Name};
use crate::config::RESERVED_APPS;
use crate::format::FileFormat;
use crate::format::hls::encryption::{KeyId, StreamKeyId};
use crate::format::hls::live::{InitName, KEY, SEALED, chunk_number, joined_numbers};
use crate::media::{RecordingId, StreamName};

/// The longest path with its query, in bytes. Longer requests are refused before they are read.
pub(super) const MAX_TARGET: usize = 8 << 10;

/// The names of routes: those of [`Target::route`], and [`OTHER`].
pub(super) const ROUTES: [&str; 15] = [
    "home", "healthz", "readyz", "metrics", "openapi", "events", "api", "file", "hls", "frame", "live",
    "channel", "timeline", "compat", OTHER,
];
/// The route of paths where nothing can be.
pub(super) const OTHER: &str = "other";

/// A path with its token, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    /// The token of `/t/<token>/…`.
    pub(super) token: Option<&'a str>,
    /// What the rest of the path asks for.
    pub(super) target: Target,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/`
    Home,
    /// `/console.js` and the other files of the console.
    Asset(Asset),
    /// `/healthz`: whether the service works.
    Health,
    /// `/readyz`: whether publishers are let in and media reaches flash.
    Ready,
    /// `/metrics`
    Metrics,
    /// `/openapi.yaml`
    OpenApi,
    /// `/api/v1/events`
    Events,
    /// `/api/v1/session`: logging in and out, and what the viewer may do.
    Session,
    /// `/api/v1/<command>`
    Command(String),
    /// `/r/<recording>.<extension>`
    File(RecordingId, FileFormat),
    /// `/r/<recording>/frame.mp4`, `/r/<recording>/frame.jpg`: the keyframe at a time.
    Frame(RecordingId, Shown),
    /// `/r/<recording>/sprites.vtt` and what it leads to: small pictures of the whole recording.
    Sprites(RecordingId, SpriteFile),
    /// `/r/<recording>/<name>`: a file of the recording's HLS.
    Folder(RecordingId, String),
    /// `/k/<key>`: a key of an encrypted recording.
    Key(KeyId),
    /// `/<app>/<stream>.m3u8` and `/<app>/<stream>/<name>`: a live stream, or the same at another time.
    Stream(StreamName, StreamFile),
    /// `/channel/<name>.m3u8` and `/channel/<name>/<file>`: recordings that are shown again.
    Channel(Name, ChannelFile),
    /// `/timeshift/<app>/<stream>/timeshift.m3u8`: the older address of Tencent for a stream at another time.
    OldTimeShift(StreamName),
    /// `/openapi/timeline/query`: Alibaba's question where there is tape.
    ShiftTimeline,
    /// `/compat/aliyun`, `/compat/tencent`: a cloud's question about recordings.
    Compat(Cloud),
}

/// The cloud whose questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    Aliyun,
    Tencent,
}

/// A file of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChannelFile {
    /// `/channel/<name>.m3u8`: the playlist of what is shown now.
    Playlist,
    /// `/channel/<name>/master.m3u8`: what a player is to know before: codecs, size, rates.
    Master,
    /// `/channel/<name>/<item>-<offset>-<number>.m4s`
    Chunk(ChunkName),
    /// `/channel/<name>/init-<hash>.mp4`
    Init(InitName),
}

/// A file of a live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamFile {
    /// `/<app>/<stream>.m3u8`: the playlist of the last chunks.
    Playlist,
    /// `/<app>/<stream>/master.m3u8`: what a player is to know before: codecs, size, rates.
    Master,
    /// `/<app>/<stream>/c/<number>.m4s`
    Chunk(u64),
    /// `/<app>/<stream>/c/<first>-<last>.m4s`: several chunks, one behind the other.
    Joined(u64, u64),
    /// `/<app>/<stream>/c/init-<hash>.mp4`
    Init(String),
    /// `/<app>/<stream>/c/k/<key>/<file>`: a file that is encrypted with a key of the stream, or the key.
    Sealed(StreamKeyId, Sealed),
    /// `/<app>/<stream>/frame.mp4`, `/<app>/<stream>/frame.jpg`
    Frame(Shown),
}

/// A file of the small pictures of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpriteFile {
    /// `sprites.vtt`: which picture is shown when, as a WebVTT track.
    Track,
    /// `sprites.json`: the sheets, as Tencent says it.
    Facts,
    /// `sprite.jpg`: a sheet.
    Sheet,
}

/// What a keyframe is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A file with one picture, which the viewer decodes.
    Mp4,
    /// A picture, which the media worker has decoded.
    Jpeg,
}

/// A file in the folder of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// `key`
    Key,
    /// `<first>.m4s`, `<first>-<last>.m4s`: a chunk, or several that are one file.
    Chunks(u64, u64),
}

impl Asked<'_> {
    /// Reads the path of a request, without its query. `None` where nothing can be.
    pub(super) fn parse(path: &str) -> Option<Asked<'_>> {
        let path = path.strip_prefix('/')?;
        match path.strip_prefix("t/") {
            Some(rest) => {
                let (token, rest) = rest.split_once('/')?;
                let target = Target::parse(rest)?;
                target.is_media().then_some(Asked {
                    token: Some(token),
                    target,
                })
            }
            None => Some(Asked {
                token: None,
                target: Target::parse(path)?,
            }),
        }
    }
}

impl Target {
    /// True for what a player asks for: a token in the path lets a request have such targets, and no others.
    pub(super) fn is_media(&self) -> bool {
        matches!(
            self,
            Target::File(..)
                | Target::Frame(..)
                | Target::Sprites(..)
                | Target::Folder(..)
                | Target::Key(_)
                | Target::Stream(..)
                | Target::Channel(..)
                | Target::OldTimeShift(_)
                | Target::ShiftTimeline
        )
    }

    /// The route's name, for counters: one of [`ROUTES`].
    pub(super) fn route(&self) -> &'static str {
        match self {
            Target::Home | Target::Asset(_) => "home",
            Target::Health => "healthz",
            Target::Ready => "readyz",
            Target::Metrics => "metrics",
            Target::OpenApi => "openapi",
            Target::Events => "events",

            Target::Session | Target::Command(_) => "api",
            Target::File(..) => "file",
            Target::Folder(..) | Target::Key(_) => "hls",
            Target::Frame(..) | Target::Sprites(..) | Target::Stream(_, StreamFile::Frame(_)) => "frame",
            Target::Stream(..) | Target::OldTimeShift(_) => "live",
            Target::Channel(..) => "channel",
            Target::ShiftTimeline => "timeline",
            Target::Compat(_) => "compat",
        }
    }

    fn parse(path: &str) -> Option<Target> {
        match path {
            "" => return Some(Target::Home),
            "healthz" => return Some(Target::Health),
            "readyz" => return Some(Target::Ready),
            "metrics" => return Some(Target::Metrics),
            "openapi.yaml" => return Some(Target::OpenApi),
            "api/v1/events" => return Some(Target::Events),
            "api/v1/session" => return Some(Target::Session),
            "openapi/timeline/query" => return Some(Target::ShiftTimeline),
            // Their clients ask with a slash behind it.
            "compat/aliyun" | "compat/aliyun/" => return Some(Target::Compat(Cloud::Aliyun)),
            "compat/tencent" | "compat/tencent/" => return Some(Target::Compat(Cloud::Tencent)),
            _ => {}
        }
        // Every other name has a slash: these are in the way of no stream.
        if let Some(asset) = Asset::named(path) {
            return Some(Target::Asset(asset));
        }
        let (first, rest) = path.split_once('/')?;
        match first {
            "api" => {
                let command = rest.strip_prefix("v1/")?;
                (!command.is_empty() && !command.contains('/')).then(|| Target::Command(command.to_owned()))
            }
            "r" => Self::recording(rest),
            "k" => Some(Target::Key(rest.parse().ok()?)),
            "s" => Self::stream(rest),
            "channel" => Self::channel(rest),
            "timeshift" => Some(Target::OldTimeShift(name(rest.strip_suffix("/timeshift.m3u8")?)?)),
            reserved if RESERVED_APPS.contains(&reserved) => None,
            _ => Self::stream(path),
        }
    }

    fn recording(rest: &str) -> Option<Target> {
        match rest.split_once('/') {
            None => {
                let (id, extension) = rest.split_once('.')?;
                let format = FileFormat::of_extension(extension)?;
                Some(Target::File(id.parse().ok()?, format))
            }
            Some((id, "frame.mp4")) => Some(Target::Frame(id.parse().ok()?, Shown::Mp4)),
            Some((id, "frame.jpg")) => Some(Target::Frame(id.parse().ok()?, Shown::Jpeg)),
            Some((id, "sprites.vtt")) => Some(Target::Sprites(id.parse().ok()?, SpriteFile::Track)),
            Some((id, "sprites.json")) => Some(Target::Sprites(id.parse().ok()?, SpriteFile::Facts)),
            Some((id, "sprite.jpg")) => Some(Target::Sprites(id.parse().ok()?, SpriteFile::Sheet)),
            Some((id, name)) => {
                (!name.is_empty() && !name.contains('/')).then_some(())?;
                Some(Target::Folder(id.parse().ok()?, name.to_owned()))
            }
        }
    }

    fn channel(rest: &str) -> Option<Target> {
        let Some((name, file)) = rest.split_once('/') else {
            let name = rest.strip_suffix(".m3u8")?.parse().ok()?;
            return Some(Target::Channel(name, ChannelFile::Playlist));
        };
        let file = match file {
            "master.m3u8" => ChannelFile::Master,
            _ if file.ends_with(".m4s") => ChannelFile::Chunk(file.parse().ok()?),
            _ => ChannelFile::Init(file.parse().ok()?),
        };
        Some(Target::Channel(name.parse().ok()?, file))
    }

    /// The path of a stream. A stream's name may have several parts, and the parts behind it are counted from the end.
    fn stream(path: &str) -> Option<Target> {
        // `/live/master.m3u8` is the playlist of the stream `live/master`: an app alone is no stream.
        if let Some(stream) = path.strip_suffix("/master.m3u8").and_then(name) {
            return Some(Target::Stream(stream, StreamFile::Master));
        }
        for (file, shown) in [("/frame.mp4", Shown::Mp4), ("/frame.jpg", Shown::Jpeg)] {
            if let Some(stream) = path.strip_suffix(file) {
                return Some(Target::Stream(name(stream)?, StreamFile::Frame(shown)));
            }
        }
        if let Some(stream) = path.strip_suffix(".m3u8") {
            return Some(Target::Stream(name(stream)?, StreamFile::Playlist));
        }
        let (folder, file) = path.rsplit_once('/')?;
        // A stream may have a name that looks like these folders, so all of it must fit.
        if let Some((folder, key)) = folder.rsplit_once('/')
            && let Some(folder) = folder.strip_suffix(SEALED)
            && let Some(stream) = folder.strip_suffix("/c/")
            && let Ok(key) = key.parse()
        {
            let sealed = match (file, chunk_number(file)) {
                (KEY, _) => Sealed::Key,
                (_, Some(number)) => Sealed::Chunks(number, number),
                (_, None) => joined_numbers(file).map(|(first, last)| Sealed::Chunks(first, last))?,
            };
            return Some(Target::Stream(name(stream)?, StreamFile::Sealed(key, sealed)));
        }
        let stream = name(folder.strip_suffix("/c")?)?;
        if let Some((first, last)) = joined_numbers(file) {
            return Some(Target::Stream(stream, StreamFile::Joined(first, last)));
        }
        if let Some(number) = file.strip_suffix(".m4s") {
            let is_plain = number.bytes().all(|digit| digit.is_ascii_digit())
                && (number == "0" || !number.starts_with('0'));
            let number = is_plain.then(|| number.parse().ok()).flatten()?;
            return Some(Target::Stream(stream, StreamFile::Chunk(number)));
        }
        (file.starts_with("init-") && file.ends_with(".mp4"))
            .then(|| Target::Stream(stream, StreamFile::Init(file.to_owned())))
    }
}

/// The stream's name in a path, with `%XX` decoded. `%2F` is no slash that separates.
fn name(text: &str) -> Option<StreamName> {
    let has_slash = text.to_ascii_lowercase().contains("%2f");
    let decoded: Cow<'_, str> = percent_decode_str(text).decode_utf8().ok()?;
    (!has_slash).then(|| decoded.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::stream_path;

    const ID: &str = "0198f3a2-5b7c-7d00-8000-0123456789ab";

    fn target(path: &str) -> Option<Target> {
        Asked::parse(path).map(|asked| asked.target)
    }

    fn stream(text: &str) -> StreamName {
        text.parse().unwrap()
    }

    #[test]
    fn each_path_of_the_door_is_read() {
        let id: RecordingId = ID.parse().unwrap();
        for (path, wanted) in [
            ("/", Target::Home),
            ("/console.js", Target::Asset(Asset::Script)),
            ("/shared.js", Target::Asset(Asset::Shared)),
            ("/manage.js", Target::Asset(Asset::Manage)),
            ("/console.css", Target::Asset(Asset::Style)),
            ("/icon.svg", Target::Asset(Asset::Icon)),
            ("/hls.js", Target::Asset(Asset::Player)),
            ("/healthz", Target::Health),
            ("/readyz", Target::Ready),
            ("/metrics", Target::Metrics),
            ("/api/v1/events", Target::Events),
            ("/api/v1/session", Target::Session),
            (
                "/api/v1/recording.list",
                Target::Command("recording.list".to_owned()),
            ),
            (&format!("/r/{ID}.mp4"), Target::File(id, FileFormat::Mp4)),
            (&format!("/r/{ID}.fmp4"), Target::File(id, FileFormat::Fmp4)),
            (&format!("/r/{ID}.aac"), Target::File(id, FileFormat::Adts)),
            (&format!("/r/{ID}/frame.mp4"), Target::Frame(id, Shown::Mp4)),
            (&format!("/r/{ID}/frame.jpg"), Target::Frame(id, Shown::Jpeg)),
            (
                &format!("/r/{ID}/sprites.vtt"),
                Target::Sprites(id, SpriteFile::Track),
            ),
            (
                &format!("/r/{ID}/sprites.json"),
                Target::Sprites(id, SpriteFile::Facts),
            ),
            (
                &format!("/r/{ID}/sprite.jpg"),
                Target::Sprites(id, SpriteFile::Sheet),
            ),
            (
                &format!("/r/{ID}/index.m3u8"),
                Target::Folder(id, "index.m3u8".to_owned()),
            ),
            (
                &format!("/k/{ID}-5f2a90c1-7"),
                Target::Key(format!("{ID}-5f2a90c1-7").parse().unwrap()),
            ),
            (
                "/live/cam1.m3u8",
                Target::Stream(stream("live/cam1"), StreamFile::Playlist),
            ),
            (
                "/live/room1/cam1.m3u8",
                Target::Stream(stream("live/room1/cam1"), StreamFile::Playlist),
            ),
            (
                "/live/cam1/master.m3u8",
                Target::Stream(stream("live/cam1"), StreamFile::Master),
            ),
            (
                "/live/master.m3u8",
                Target::Stream(stream("live/master"), StreamFile::Playlist),
            ),
            (
                "/live/cam1/c/17.m4s",
                Target::Stream(stream("live/cam1"), StreamFile::Chunk(17)),
            ),
            (
                "/live/cam1/c/init-0a1b2c3d.mp4",
                Target::Stream(
                    stream("live/cam1"),
                    StreamFile::Init("init-0a1b2c3d.mp4".to_owned()),
                ),
            ),
            (
                "/live/cam1/c/17-19.m4s",
                Target::Stream(stream("live/cam1"), StreamFile::Joined(17, 19)),
            ),
            (
                "/timeshift/live/k%C3%BCche/timeshift.m3u8",
                Target::OldTimeShift(stream("live/küche")),
            ),
            ("/openapi/timeline/query", Target::ShiftTimeline),
            (
                "/live/room%201/cam1/c/k/5f2a90c1-100-47/key",
                Target::Stream(
                    stream("live/room 1/cam1"),
                    StreamFile::Sealed("5f2a90c1-100-47".parse().unwrap(), Sealed::Key),
                ),
            ),
            (
                "/live/cam1/c/k/5f2a90c1-0-0/17-19.m4s",
                Target::Stream(
                    stream("live/cam1"),
                    StreamFile::Sealed("5f2a90c1-0-0".parse().unwrap(), Sealed::Chunks(17, 19)),
                ),
            ),
            (
                "/live/desk/c/17.m4s",
                Target::Stream(stream("live/desk"), StreamFile::Chunk(17)),
            ),
            (
                "/live/k/c/17-19.m4s",
                Target::Stream(stream("live/k"), StreamFile::Joined(17, 19)),
            ),
            (
                "/live/c/k/c/17.m4s",
                Target::Stream(stream("live/c/k"), StreamFile::Chunk(17)),
            ),
            (
                "/live/desk/c/k/5f2a90c1-0-0/key",
                Target::Stream(
                    stream("live/desk"),
                    StreamFile::Sealed("5f2a90c1-0-0".parse().unwrap(), Sealed::Key),
                ),
            ),
            ("/compat/aliyun", Target::Compat(Cloud::Aliyun)),
            ("/compat/tencent/", Target::Compat(Cloud::Tencent)),
            (
                "/live/k%C3%BCche/frame.mp4",
                Target::Stream(stream("live/küche"), StreamFile::Frame(Shown::Mp4)),
            ),
            (
                "/live/room1/cam1/frame.jpg",
                Target::Stream(stream("live/room1/cam1"), StreamFile::Frame(Shown::Jpeg)),
            ),
            (
                "/channel/evening.m3u8",
                Target::Channel("evening".parse().unwrap(), ChannelFile::Playlist),
            ),
            (
                "/channel/Evening-2/master.m3u8",
                Target::Channel("Evening-2".parse().unwrap(), ChannelFile::Master),
            ),
            (
                "/channel/evening/init-0a1b2c3d.mp4",
                Target::Channel(
                    "evening".parse().unwrap(),
                    ChannelFile::Init("init-0a1b2c3d.mp4".parse().unwrap()),
                ),
            ),
            (
                "/channel/evening/00112233445566aa-604800000-17.m4s",
                Target::Channel(
                    "evening".parse().unwrap(),
                    ChannelFile::Chunk("00112233445566aa-604800000-17.m4s".parse().unwrap()),
                ),
            ),
            (
                "/s/api/cam1.m3u8",
                Target::Stream(stream("api/cam1"), StreamFile::Playlist),
            ),
        ] {
            assert!(ROUTES.contains(&wanted.route()), "{path}");
            assert_eq!(target(path), Some(wanted), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_of_the_door_is_nothing() {
        for path in [
            "",
            "healthz",
            "/r/",
            "/r/nothing.mp4",
            &format!("/r/{ID}.exe"),
            &format!("/r/{ID}/"),
            &format!("/r/{ID}/a/b"),
            "/api/cam1.m3u8",
            "/api/v1/",
            "/api/v1/a/b",
            "/api/v2/health",
            "/t/",
            "/t/token",
            "/t/token/healthz",
            "/t/token/console.js",
            "/live/console.js",
            "/t/token/api/v1/health",
            "/k/",
            &format!("/k/{ID}"),
            &format!("/k/{ID}-5f2a90c1-07"),
            &format!("/k/{ID}-5f2a90c1-7/a"),
            "/live/cam1",
            "/live/../secret.m3u8",
            "/live/%2e%2e/secret.m3u8",
            "/live%2Fcam1/x.m3u8",
            "/live/cam1/c/01.m4s",
            "/live/cam1/c/-1.m4s",
            "/live/cam1/c/99999999999999999999999.m4s",
            "/live/cam1/c/x.mp4",
            "/live/cam1/c/19-17.m4s",
            "/live/cam1/c/17-017.m4s",
            "/timeshift/live/cam1.m3u8",
            "/timeshift/live/timeshift.m3u8",
            "/timeshift/timeshift.m3u8",
            "/openapi/timeline",
            "/live/cam1/c/k/5f2a90c1-0-1/17.m4s",
            "/live/cam1/c/k/5f2a90c1-100-47/017.m4s",
            "/live/cam1/c/k/5f2a90c1-100-47/init-0a1b2c3d.mp4",
            "/live/cam1/k/5f2a90c1-100-47/key",
            "/c/k/5f2a90c1-100-47/key",
            "/compat",
            "/compat/azure",
            "/compat/aliyun/x",
            "/t/token/compat/aliyun",
            "/live/%ff.m3u8",
            "/channel/evening",
            "/channel/.m3u8",
            "/channel/a_b.m3u8",
            "/channel/a%2Db.m3u8",
            "/channel/evening/17.m4s",
            "/channel/evening/init.mp4",
            "/channel/evening/a/master.m3u8",
            "//",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }

    #[test]
    fn a_token_stands_before_what_a_player_asks_for() {
        let asked = Asked::parse("/t/abc/live/cam1.m3u8").unwrap();
        assert_eq!(asked.token, Some("abc"));
        assert!(asked.target.is_media());
    }

    #[test]
    fn the_path_of_a_stream_is_read_back() {
        for text in ["live/cam1", "live/room 1/küche+%", "api/cam1", "r/r"] {
            let path = format!("{}.m3u8", stream_path(&stream(text)));
            assert_eq!(
                target(&path),
                Some(Target::Stream(stream(text), StreamFile::Playlist)),
                "{path}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "\\PC{0,200}") {
            let _ = Asked::parse(&path);
            let _ = Asked::parse(&format!("/{path}"));
        }
    }
}
