//! The publisher outside the box: ffmpeg, as a camera would push, and how much it has sent.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::programs::FFMPEG;
use crate::support::{wait_for, wait_until};

/// A clip of ten seconds: H.264 of 720p at so many kbit/s with a keyframe each second, and AAC. Made once.
pub(crate) fn clip(folder: &Path, kbit: u32) -> PathBuf {
    let path = folder.join(format!("clip-{kbit}.flv"));
    if path.exists() {
        return path;
    }
    let (rate, part) = (format!("{kbit}k"), folder.join("clip.part"));
    let mut command = Command::new(FFMPEG.path());
    command
        .args(["-v", "error", "-nostdin", "-y", "-t", "10", "-f", "lavfi"])
        .args([
            "-i",
            "testsrc2=size=1280x720:rate=25,noise=alls=24:allf=t",
            "-f",
            "lavfi",
        ])
        .args([
            "-i",
            "sine=frequency=440:sample_rate=48000",
            "-pix_fmt",
            "yuv420p",
        ])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-keyint_min",
            "25",
        ])
        .args([
            "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate,
        ])
        .args([
            "-x264-params",
            "nal-hrd=cbr:scenecut=0",
            "-c:a",
            "aac",
            "-b:a",
            "64k",
            "-shortest",
            "-f",
            "flv",
        ])
        .arg(&part);
    assert!(command.status().unwrap().success(), "ffmpeg made no clip");
    std::fs::rename(&part, &path).unwrap();
    path
}

/// A push in real time, until it is stopped.
pub(crate) struct Push {
    pub(crate) stream: String,
    ffmpeg: Child,
    sent: Arc<Mutex<(Duration, Instant)>>,
}

impl Push {
    pub(crate) fn start(clip: &Path, port: u16, stream: &str) -> Self {
        let mut command = Command::new(FFMPEG.path());
        command
            .args(["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"])
            .arg(clip)
            .args([
                "-c",
                "copy",
                "-f",
                "flv",
                "-stats_period",
                "0.1",
                "-progress",
                "pipe:1",
            ])
            .arg(format!("rtmp://127.0.0.1:{port}/{stream}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut ffmpeg = command.spawn().unwrap();
        let sent = Arc::new(Mutex::new((Duration::ZERO, Instant::now())));
        let (told, lines) = (
            Arc::clone(&sent),
            BufReader::new(ffmpeg.stdout.take().unwrap()).lines(),
        );
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let time = line
                    .strip_prefix("out_time_us=")
                    .and_then(|text| text.parse().ok());
                if let Some(time) = time {
                    *told.lock().unwrap() = (Duration::from_micros(time), Instant::now());
                }
            }
        });
        Self {
            stream: stream.to_owned(),
            ffmpeg,
            sent,
        }
    }

    /// The length of the sent media, as the encoder last reported it, plus the time since that report.
    pub(crate) fn sent(&self) -> Duration {
        let (sent, when) = *self.sent.lock().unwrap();
        // The media that was sent since the last report: at most that of one interval between two reports.
        sent + when.elapsed().min(Duration::from_millis(150))
    }

    #[track_caller]
    pub(crate) fn wait_sent(&self, seconds: u64) {
        wait_until(&format!("{seconds} s of {} to be sent", self.stream), || {
            self.sent() >= Duration::from_secs(seconds)
        });
    }

    /// Whether the box still accepts the push.
    pub(crate) fn goes_on(&mut self) -> bool {
        self.ffmpeg.try_wait().unwrap().is_none()
    }

    /// Waits until the box has ended the push. Returns how much was sent by then.
    #[track_caller]
    pub(crate) fn disturbed(mut self) -> Duration {
        wait_for("the push to be disturbed", || self.ffmpeg.try_wait().unwrap());
        self.sent.lock().unwrap().0
    }

    /// Ends the push as a person does (`q`): ffmpeg unpublishes.
    pub(crate) fn stop(mut self) -> Duration {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.ffmpeg.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        wait_for("ffmpeg to end", || self.ffmpeg.try_wait().unwrap());
        self.sent.lock().unwrap().0
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}
