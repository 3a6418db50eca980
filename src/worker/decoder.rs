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

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, prlimit, waitid,
};

use super::jpeg;
use super::protocol::{LARGEST_SIDE, Outcome, PICTURE, Sheet, Type, Wanted, Work};

/// The longest run.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest run of the picture that is known to be right, and the shortest that it is given.
const PROBING: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_secs(1);
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
const PROBED: Work = Work::Still(Wanted {
    width: 0,
    height: 0,
    quality: 50,
});
/// Bytes of the media that are in memory at a time.
const PIECE: usize = 64 << 10;

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

/// Where the program gets its media from.
#[derive(Clone, Copy)]
enum Media<'a> {
    Known(&'static [u8]),
    /// So many bytes of a connection, as they come.
    Asked(&'a UnixStream, u64),
}

/// What happens while the program runs.
enum Event {
    /// All that it wrote. None where that was more than a result may have.
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
        match self.run(PROBED, Media::Known(PROBE)) {
            Ok(_) => Ok(began.elapsed()),
            Err(fault) => Err(self.missing(&fault)),
        }
    }

    /// Does some work with so many bytes that come from `asker`: the outcome, the reason where nothing is made, and the result. Ends when
    /// the other end of `asker` closes; then there is nothing.
    pub(super) fn make(
        &self,
        work: Work,
        (asker, len): (&UnixStream, u64),
    ) -> Option<(Outcome, String, Vec<u8>)> {
        let none = |outcome, reason| Some((outcome, reason, Vec::new()));
        let began = Instant::now();
        match self.run(work, Media::Asked(asker, len)) {
            Ok(result) => Some((Outcome::Made, String::new(), result)),
            Err(Fault::Left) => None,
            Err(Fault::Late) => none(
                Outcome::Late,
                format!("it was not made within {} s", self.longest.as_secs()),
            ),
            Err(fault @ Fault::Start(_)) => none(Outcome::Unavailable, self.missing(&fault)),
            // Either the picture is at fault or the program. One that is known to be right tells.
            Err(Fault::Ended(reason)) => {
                // The asker waits no longer for both than for one.
                let left = self.longest.saturating_sub(began.elapsed());
                let probe = Self {
                    program: self.program.clone(),
                    longest: left.clamp(SHORTEST, PROBING),
                };
                match probe.check() {
                    Ok(_) => none(Outcome::Undecoded, reason),
                    Err(missing) => none(Outcome::Unavailable, missing),
                }
            }
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
    fn run(&self, work: Work, media: Media<'_>) -> Result<Vec<u8>, Fault> {
        let deadline = Instant::now() + self.longest;
        let mut command = Command::new(&self.program);
        command.args(arguments(work)).env_clear().current_dir("/");
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
        // It ends by itself where this worker is killed. systemd forbids the call, and ends what is left of a worker.
        let most = Some(self.longest.as_secs().max(1));
        let most = Rlimit {
            current: most,
            maximum: most,
        };
        let _ = prlimit(Some(Pid::from_child(&running.0)), Resource::Cpu, most);
        let (events, happens) = channel();
        let said = watch(&mut running.0, &events).map_err(Fault::Start)?;
        // Ends the thread that feeds the program.
        let _feeding = feed(&mut running.0, media, &events).map_err(Fault::Start)?;
        let mut output = None;
        let status = loop {
            match happens.recv_timeout(LOOK) {
                Ok(Event::Output(Some(bytes))) => output = Some(bytes),
                Ok(Event::Output(None)) => {
                    let message = match work.makes() {
                        Type::Jpeg => {
                            format!("its JPEG has more than {PICTURE} bytes: ask for a smaller width")
                        }
                        Type::Luma => format!("it gave more than {PICTURE} bytes of luma"),
                    };
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
            (Some(0), Some(bytes)) if is_result(&bytes, work) => Ok(bytes),
            (Some(0), Some(bytes)) if bytes.is_empty() => ended("the decoder found no picture in it"),
            (Some(0), _) => ended(match work.makes() {
                Type::Jpeg => "the decoder wrote what is no JPEG",
                Type::Luma => "the decoder wrote what is not the luma of as many pictures",
            }),
            (Some(code), _) => ended(&format!("the decoder ended with {code}")),
            (None, _) => ended(&format!(
                "the decoder was killed by signal {}, perhaps because its memory is too small for this picture",
                status.signal().unwrap_or_default()
            )),
        }
    }
}

/// Whether these bytes are what the work is to make.
fn is_result(bytes: &[u8], work: Work) -> bool {
    work.may_have(bytes.len()) && (work.makes() != Type::Jpeg || jpeg::size(bytes).is_some())
}

/// The arguments: words of this file, and numbers.
fn arguments(work: Work) -> Vec<String> {
    // Where many pictures are decoded, one that is damaged does not end the rest, and blocks may be seen that are smaller than a pixel.
    let many = match work {
        Work::Still(_) => "",
        Work::Sheet(_) => "-max_error_rate 1 -skip_loop_filter all ",
        Work::Luma(_) => "-max_error_rate 1 ",
    };
    let pictures = match work {
        Work::Still(_) => "-frames:v 1".to_owned(),
        Work::Sheet(_) => "-fps_mode passthrough -frames:v 1".to_owned(),
        Work::Luma(pictures) => format!("-fps_mode passthrough -frames:v {pictures}"),
    };
    let written = match work {
        Work::Still(Wanted { quality, .. }) | Work::Sheet(Sheet { quality, .. }) => {
            // ffmpeg counts from 2, the best, to 31.
            let scale = 31 - u32::from(quality.clamp(1, 100) - 1) * 29 / 99;
            format!("-c:v mjpeg -threads 1 -pix_fmt yuvj420p -q:v {scale} -map_metadata -1 -f mjpeg")
        }
        Work::Luma(_) => "-c:v rawvideo -pix_fmt gray -f rawvideo".to_owned(),
    };
    let filter = filter(work);
    let words = format!(
        "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe {many}-threads 1 -filter_threads 1 -max_pixels {PIXELS} -f mp4 \
         -i pipe:0 -map 0:v:0 -an -sn -dn {pictures} -vf {filter} {written} pipe:1"
    );
    words.split(' ').map(str::to_owned).collect()
}

/// What is done to the pictures: one word.
fn filter(work: Work) -> String {
    // A picture for each second, whichever could be decoded.
    let each = "fps=1:start_time=0";
    match work {
        Work::Still(wanted) => fitted((wanted.width, wanted.height), ""),
        Work::Sheet(sheet) => {
            let (width, height) = (sheet.width, sheet.height);
            let fitted = fitted((width, height), ":flags=area");
            format!(
                "{fitted},format=yuv420p,pad=w={width}:h={height}:x=-1:y=-1,{each},tile=layout={}x{}",
                sheet.columns, sheet.rows
            )
        }
        Work::Luma(_) => format!("scale=w=64:h=64:flags=area,format=gray,{each}"),
    }
}

/// Makes a picture fit into so many pixels, 0 is the most there are, and does not enlarge it. Pixels that are not square become square
/// ones in the same step: whatever a publisher says of their shape, no picture is larger in between.
fn fitted((width, height): (u16, u16), how: &str) -> String {
    let most = |side: u16| if side == 0 { LARGEST_SIDE } else { side };
    let by = format!("min(1\\,min({}/(iw*sar)\\,{}/ih))", most(width), most(height));
    format!("scale=w=max(1\\,round(iw*sar*{by})):h=max(1\\,round(ih*{by})){how},setsar=1")
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

/// Reads what the program writes, on threads. They end when its pipes are closed. Gives what it says of errors.
fn watch(child: &mut Child, events: &Sender<Event>) -> io::Result<Receiver<String>> {
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

/// Feeds the program on a thread, which then waits until the asker closes the connection. A program that has what it needs reads no more.
fn feed(child: &mut Child, media: Media<'_>, events: &Sender<Event>) -> io::Result<Option<Feeding>> {
    let mut input = child.stdin.take();
    let (asker, len) = match media {
        Media::Known(bytes) => {
            thread(move || drop(input.map(|mut input| input.write_all(bytes))))?;
            return Ok(None);
        }
        Media::Asked(asker, len) => (asker, len),
    };
    let (events, mut ours) = (events.clone(), asker.try_clone()?);
    let feeding = Feeding(asker.try_clone()?);
    thread(move || {
        let mut left = len;
        let mut piece = vec![0; usize::try_from(len).unwrap_or(PIECE).min(PIECE)];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let read = match ours.read(piece.get_mut(..most).unwrap_or_default()) {
                Ok(read) if read > 0 => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(_) | Err(_) => {
                    let _ = events.send(Event::Left);
                    return;
                }
            };
            left = left.saturating_sub(read as u64);
            let written = input
                .as_mut()
                .map(|input| input.write_all(piece.get(..read).unwrap_or_default()));
            if let Some(Err(_)) = written {
                input = None;
            }
        }
        drop(input);
        let _ = ours.set_read_timeout(None);
        let _ = ours.read(&mut [0]);
        let _ = events.send(Event::Left);
    })?;
    Ok(Some(feeding))
}

/// Ends the thread that feeds the program.
struct Feeding(UnixStream);

impl Drop for Feeding {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Read);
    }
}
