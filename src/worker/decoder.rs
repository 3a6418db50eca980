//! A run of ffmpeg: an argument list and never a shell, bytes in, bytes out, and limits on all of it. Blocks.

#![expect(
    clippy::disallowed_methods,
    reason = "the time of another process, which no caller can give"
)]

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::jpeg;
use super::protocol::{Outcome, PICTURE, Wanted};

/// The longest run.
const LONGEST: Duration = Duration::from_secs(60);
/// How often is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long is waited for the output of a program that has ended.
const REST: Duration = Duration::from_secs(1);
/// The most bytes of what the program says that are kept.
const SAID: usize = 4 << 10;
/// The most pixels of a picture that is decoded: 8,192 by 8,192.
const PIXELS: &str = "67108864";
/// A picture that every decoder of H.264 can decode: grey, 64 by 64.
const PROBE: &[u8] = include_bytes!("../../assets/probe.mp4");
const PROBED: Wanted = Wanted {
    width: 0,
    height: 0,
    quality: 50,
};

/// The program that decodes.
#[derive(Clone, Debug)]
pub struct Decoder {
    program: OsString,
    longest: Duration,
}

/// Why a run gave no picture.
#[derive(Debug)]
enum Fault {
    /// The program cannot be started.
    Start(io::Error),
    /// It ended, or was ended, and this is why.
    Ended(String),
    Late,
    /// Nobody waits for the picture any more.
    Left,
}

/// What happens while the program runs.
enum Event {
    /// All that it wrote. None where that was more than a picture may have.
    Output(Option<Vec<u8>>),
    /// Whoever asked is gone.
    Left,
}

impl Decoder {
    /// Decodes by this program: ffmpeg, by its name or its path.
    pub fn new(program: OsString) -> Self {
        Self {
            program,
            longest: LONGEST,
        }
    }

    /// The same, with less time for a picture.
    #[cfg(test)]
    pub(super) fn within(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// Tries a picture that is in this program. Says how long it took, or what is missing.
    pub fn check(&self) -> Result<Duration, String> {
        let began = Instant::now();
        match self.run(PROBE.to_vec(), PROBED, None) {
            Ok(_) => Ok(began.elapsed()),
            Err(fault) => Err(self.missing(&fault)),
        }
    }

    /// Makes a JPEG of the first picture of an MP4 file: the outcome, the reason where there is none, and the picture. Ends when the other
    /// end of `asker` closes; then there is nothing.
    pub(super) fn still(
        &self,
        media: Vec<u8>,
        wanted: Wanted,
        asker: &UnixStream,
    ) -> Option<(Outcome, String, Vec<u8>)> {
        let none = |outcome, reason| Some((outcome, reason, Vec::new()));
        match self.run(media, wanted, Some(asker)) {
            Ok(picture) => Some((Outcome::Made, String::new(), picture)),
            Err(Fault::Left) => None,
            Err(Fault::Late) => none(
                Outcome::Late,
                format!("it was not made within {} s", self.longest.as_secs()),
            ),
            Err(fault @ Fault::Start(_)) => none(Outcome::Unavailable, self.missing(&fault)),
            // Either the picture is at fault or the program. One that is known to be right tells.
            Err(Fault::Ended(reason)) => match self.check() {
                Ok(_) => none(Outcome::Undecoded, reason),
                Err(missing) => none(Outcome::Unavailable, missing),
            },
        }
    }

    /// What is wrong with the program, and what there is to do.
    fn missing(&self, fault: &Fault) -> String {
        let program = self.program.display();
        match fault {
            Fault::Start(error) if error.kind() == io::ErrorKind::NotFound => {
                format!("the program {program} is not there: install ffmpeg")
            }
            Fault::Start(error) => format!("the program {program} cannot be started: {error}"),
            Fault::Ended(reason) => {
                format!(
                    "{program} cannot make a JPEG of a small picture in H.264: {reason}; install a whole ffmpeg"
                )
            }
            Fault::Late | Fault::Left => format!("{program} did not make a small picture in time"),
        }
    }

    /// Runs the program once. Whatever it does, neither it nor a child of it in its process group is there afterwards.
    fn run(&self, media: Vec<u8>, wanted: Wanted, asker: Option<&UnixStream>) -> Result<Vec<u8>, Fault> {
        let deadline = Instant::now() + self.longest;
        let mut command = Command::new(&self.program);
        command.args(arguments(wanted)).env_clear().current_dir("/");
        command.envs(
            ["PATH", "LD_LIBRARY_PATH"]
                .into_iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = Running(command.process_group(0).spawn().map_err(Fault::Start)?);
        let (events, happens) = channel();
        let said = watch(&mut running.0, media, &events).map_err(Fault::Start)?;
        let left = asker.map(|asker| leaves(asker, &events)).transpose();
        // Ends the thread that waits for the asker to leave.
        let _left = left.map_err(Fault::Start)?;
        let mut output = None;
        let status = loop {
            match happens.recv_timeout(LOOK) {
                Ok(Event::Output(Some(bytes))) => output = Some(bytes),
                Ok(Event::Output(None)) => {
                    let message = format!("its JPEG has more than {PICTURE} bytes: ask for a smaller width");
                    return Err(Fault::Ended(message));
                }
                Ok(Event::Left) => return Err(Fault::Left),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if let Some(status) = running.ended().map_err(Fault::Start)? {
                break status;
            }
            if Instant::now() >= deadline {
                return Err(Fault::Late);
            }
        };
        let output = output.or_else(|| rest(&happens));
        let ended = |reason: &str| Err(Fault::Ended(told(reason, &said)));
        match (status.code(), output) {
            (Some(0), Some(bytes)) if jpeg::size(&bytes).is_some() => Ok(bytes),
            (Some(0), Some(bytes)) if bytes.is_empty() => ended("the decoder found no picture in it"),
            (Some(0), _) => ended("the decoder wrote what is no JPEG"),
            (Some(code), _) => ended(&format!("the decoder ended with {code}")),
            (None, _) => ended(&format!(
                "the decoder was killed by signal {}, perhaps because its memory is too small for this picture",
                status.signal().unwrap_or_default()
            )),
        }
    }
}

/// The arguments: words of this file, and numbers.
fn arguments(wanted: Wanted) -> Vec<String> {
    // Pixels that are not square become square ones. Then the picture is made to fit, and not enlarged.
    let mut filter = "scale=w=iw*sar:h=ih,setsar=1".to_owned();
    if wanted.width > 0 || wanted.height > 0 {
        let side = |name: &str, most: u16| match most {
            0 => name.to_owned(),
            most => format!("min({name}\\,{most})"),
        };
        let (width, height) = (side("iw", wanted.width), side("ih", wanted.height));
        filter += &format!(",scale=w={width}:h={height}:force_original_aspect_ratio=decrease");
    }
    // ffmpeg counts from 2, the best, to 31.
    let scale = 31 - u32::from(wanted.quality.clamp(1, 100) - 1) * 29 / 99;
    let words = "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe -threads 1 -filter_threads 1 -max_pixels";
    let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    words.push(PIXELS.to_owned());
    words.extend(
        "-f mp4 -i pipe:0 -map 0:v:0 -an -sn -dn -frames:v 1 -vf"
            .split(' ')
            .map(str::to_owned),
    );
    words.push(filter);
    words.extend(
        "-c:v mjpeg -threads 1 -pix_fmt yuvj420p -q:v"
            .split(' ')
            .map(str::to_owned),
    );
    words.push(scale.to_string());
    words.extend("-map_metadata -1 -f mjpeg pipe:1".split(' ').map(str::to_owned));
    words
}

/// A program that is ended, with its process group, when this is dropped.
struct Running(Child);

impl Running {
    /// The status of the program, once it has ended. Its group is killed while its number cannot be another's yet.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(Pid::from_child(&self.0)), how)? {
            Some(_) => {
                let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
                self.0.wait().map(Some)
            }
            None => Ok(None),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `ended`, the child was waited for, and its number may be another's.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Feeds the program and reads what it writes, on threads. They end when its pipes are closed. Gives what it says of errors.
fn watch(child: &mut Child, media: Vec<u8>, events: &Sender<Event>) -> io::Result<Receiver<String>> {
    if let Some(mut input) = child.stdin.take() {
        // A decoder that has its picture reads no more.
        thread(move || drop(input.write_all(&media)))?;
    }
    if let Some(output) = child.stdout.take() {
        let events = events.clone();
        thread(move || {
            let mut bytes = Vec::new();
            let read = output.take(PICTURE as u64 + 1).read_to_end(&mut bytes);
            let fits = read.is_ok() && bytes.len() <= PICTURE;
            let _ = events.send(Event::Output(fits.then_some(bytes)));
        })?;
    }
    let (send, said) = channel();
    if let Some(mut errors) = child.stderr.take() {
        thread(move || {
            let mut first = Vec::new();
            let _ = (&mut errors).take(SAID as u64).read_to_end(&mut first);
            let _ = send.send(String::from_utf8_lossy(&first).into_owned());
            // More than that is read, so that the program goes on, and forgotten.
            let _ = io::copy(&mut errors, &mut io::sink());
        })?;
    }
    Ok(said)
}

fn thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().spawn(work).map(drop)
}

/// The output of a program that has ended.
fn rest(happens: &Receiver<Event>) -> Option<Vec<u8>> {
    loop {
        match happens.recv_timeout(REST) {
            Ok(Event::Output(output)) => return output,
            Ok(Event::Left) => {}
            Err(_) => return None,
        }
    }
}

/// A reason with the last line that the program said.
fn told(reason: &str, said: &Receiver<String>) -> String {
    let said = said.recv_timeout(REST).unwrap_or_default();
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    match line {
        Some(line) => {
            let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
            format!("{reason}: {line}")
        }
        None => reason.to_owned(),
    }
}

/// Waits on a thread until the asker closes the connection. It has sent all that it had to send.
fn leaves(asker: &UnixStream, events: &Sender<Event>) -> io::Result<Leaving> {
    let (events, mut ours) = (events.clone(), asker.try_clone()?);
    ours.set_read_timeout(None)?;
    let leaving = Leaving(asker.try_clone()?);
    thread(move || {
        let _ = ours.read(&mut [0]);
        let _ = events.send(Event::Left);
    })?;
    Ok(leaving)
}

/// Ends the thread that waits for an asker.
struct Leaving(UnixStream);

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Read);
    }
}
