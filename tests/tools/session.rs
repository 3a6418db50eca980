//! One push to a service, and every file that is made of it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::programs::{FFMPEG, OPENSSL, Program};
use crate::support::{Recording, Service, export, home, recordings, wait_closed};

/// A service that has one closed recording.
pub(crate) struct Session {
    home: TempDir,
    pub(crate) service: Service,
    pub(crate) recording: Recording,
}

impl Session {
    /// Starts a service, lets `push` push to the URL that it is given, and waits for the recording.
    #[track_caller]
    pub(crate) fn record(push: impl FnOnce(&str)) -> Self {
        Self::record_at(home(), "", |service| push(&service.url("live/cam1")))
    }

    /// The same with more configuration, for tests that need more of the service than an address.
    #[track_caller]
    pub(crate) fn record_with(more: &str, push: impl FnOnce(&Service)) -> Self {
        Self::record_at(home(), more, push)
    }

    /// The same over RTMPS, with a certificate that openssl made.
    #[track_caller]
    pub(crate) fn record_under_tls(push: impl FnOnce(&str)) -> Self {
        let home = home();
        let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        let make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=box.test -keyout";
        let arguments = make
            .split(' ')
            .map(Path::new)
            .chain([&*key, Path::new("-out"), &*cert]);
        OPENSSL.run(arguments).ok();
        let tls = format!("tls = {{ listen = [\"127.0.0.1:0\"], cert = {cert:?}, key = {key:?} }}\n");
        Self::record_at(home, &tls, |service| {
            let at = service.wait_for_log(|text| {
                let (_, after) = text.split_once("listening on rtmps://")?;
                after.split_whitespace().next().map(str::to_owned)
            });
            push(&format!("rtmps://{at}/live/cam1"));
        })
    }

    #[track_caller]
    fn record_at(home: TempDir, more: &str, push: impl FnOnce(&Service)) -> Self {
        let service = Service::start_with(home.path(), more);
        push(&service);
        let recording = wait_closed(&service.data());
        let all = recordings(&service.data());
        assert_eq!(all.len(), 1, "{all:#?}");
        Self {
            home,
            service,
            recording,
        }
    }

    /// Exports a format, if the file is not there yet. Returns the path that a player opens.
    #[track_caller]
    pub(crate) fn rendition(&self, name: &str) -> PathBuf {
        let (format, file) = match name {
            "mp4" => ("mp4", "out.mp4"),
            "fmp4" => ("fmp4", "out-fragmented.mp4"),
            "flv" => ("flv", "out.flv"),
            "hls" => ("hls", "hls"),
            "master" => ("hls", "hls-master"),
            "m4a" => ("aac", "out.m4a"),
            "adts" => ("aac", "out.aac"),
            _ => panic!("no rendition is called {name}"),
        };
        let path = self.home.path().join(file);
        if !path.exists() {
            export(&self.service.data(), &self.recording.id, format, &path).ok();
        }
        match name {
            "hls" => path.join("index.m3u8"),
            "master" => path.join("master.m3u8"),
            _ => path,
        }
    }

    /// Every media file of the session's tape.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        segments(&self.service.data())
    }
}

/// Every media file of a store's tape, in order.
pub(crate) fn segments(data: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![data.join("tape")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|end| end == "mp4") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no segments in {}", data.display());
    found
}

/// A test picture and a tone, encoded with `codecs`, as an FLV file in `folder`.
#[track_caller]
pub(crate) fn source(folder: &Path, encoder: Program, seconds: u32, codecs: &str) -> PathBuf {
    sized_source(folder, encoder, seconds, "320x180", codecs)
}

/// The same in another size.
#[track_caller]
pub(crate) fn sized_source(
    folder: &Path,
    encoder: Program,
    seconds: u32,
    size: &str,
    codecs: &str,
) -> PathBuf {
    let path = folder.join(format!("source-{size}.flv"));
    let picture = format!("testsrc2=size={size}:rate=25:duration={seconds}");
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let mut arguments = vec![
        "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone,
    ];
    arguments.extend(codecs.split_whitespace());
    arguments.extend(["-f", "flv", path.to_str().unwrap()]);
    encoder.run(&arguments).ok();
    path
}

/// A picture that lights up for a frame each second, when a beep of 40 ms begins. [`crate::browser`] measures how far apart
/// they come out.
#[track_caller]
pub(crate) fn flash_and_beep(folder: &Path, seconds: u32) -> PathBuf {
    flash_and_beep_in(folder, seconds, "-c:a aac -b:a 64k")
}

/// The same with the sound in another codec.
#[track_caller]
pub(crate) fn flash_and_beep_in(folder: &Path, seconds: u32, sound: &str) -> PathBuf {
    let codecs = format!("{H264_AAC} {sound}");
    let path = folder.join("flash.flv");
    let picture = format!(
        "color=c=black:s=320x180:r=25:d={seconds},\
         drawbox=t=fill:color=white:enable='lt(mod(t+0.001,1),0.035)',format=yuv420p"
    );
    let beep = format!("aevalsrc='0.7*sin(2*PI*1000*t)*lt(mod(t,1),0.04)':s=48000:d={seconds}");
    let mut arguments = vec![
        "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &beep,
    ];
    arguments.extend(codecs.split_whitespace());
    arguments.extend(["-f", "flv", path.to_str().unwrap()]);
    FFMPEG.run(&arguments).ok();
    path
}

/// H.264 with B-frames, a keyframe every 2 s, and AAC.
pub(crate) const H264_AAC: &str =
    "-c:v libx264 -preset veryfast -bf 2 -g 50 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -b:a 64k";

/// Pushes a file unchanged, unpaced.
#[track_caller]
pub(crate) fn push_copy(pusher: Program, file: &Path, more: &str, url: &str) {
    let mut arguments = vec![
        "-v",
        "error",
        "-i",
        file.to_str().unwrap(),
        "-map",
        "0",
        "-c",
        "copy",
    ];
    arguments.extend(more.split_whitespace());
    arguments.extend(["-f", "flv", url]);
    pusher.run(&arguments).ok();
}

/// A short session of H.264 and AAC, for tests of what happens after it.
#[track_caller]
pub(crate) fn plain_session(seconds: u32) -> Session {
    let folder = home();
    let file = source(folder.path(), FFMPEG, seconds, H264_AAC);
    Session::record(|url| push_copy(FFMPEG, &file, "", url))
}
