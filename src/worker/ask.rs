//! The recorder's side: hands a file over, and takes a picture back. One request at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::jpeg;
use super::protocol::{ANSWER, LUMA, MOST_LUMA, Outcome, Sheet, Wanted, Work, read_answer, request};

/// The most requests that wait for the one that is worked on.
const WAITING: usize = 8;
/// The longest wait for those before.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time of a request: what the worker gives a picture, and the way there and back.
const LONGEST: Duration = Duration::from_secs(65);
/// Bytes of the media that are in memory at a time.
const PIECE: usize = 64 << 10;

/// Where nobody serves, what there is to do.
const INSTALL: &str = "install ffmpeg and start edgereel-media.socket (docs/pictures.md)";

/// Reads bytes of the media at an offset: all that the buffer has room for. May block.
pub type Read = Arc<dyn Fn(u64, &mut [u8]) -> Result<(), String> + Send + Sync>;

/// A media worker that may be there.
#[derive(Debug)]
pub struct MediaWorker {
    socket: PathBuf,
    /// For the request that is worked on.
    turn: Semaphore,
    /// For that one and those that wait.
    places: Semaphore,
}

/// The right to the next request. Nobody else asks while it is there.
#[derive(Debug)]
pub struct Turn<'a> {
    socket: &'a Path,
    _turn: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    /// Nobody serves, or whoever serves can decode nothing. The text says what there is to do.
    #[error("there is no picture without a media worker: {0}")]
    NoWorker(String),
    /// Too many ask.
    #[error("the media worker makes one picture at a time, and others wait for theirs")]
    Busy,
    /// It takes too long.
    #[error("the media worker took too long for this picture")]
    Late,
    /// The worker ended, or wrote what is no answer.
    #[error("the media worker failed: {0}")]
    Failed(String),
    /// This picture cannot be decoded.
    #[error("this picture cannot be decoded: {0}")]
    Undecoded(String),
    /// The media could not be read.
    #[error("the picture could not be read: {0}")]
    Unread(String),
}

impl MediaWorker {
    /// The worker that serves at this socket, if one does.
    pub fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            turn: Semaphore::new(1),
            places: Semaphore::new(WAITING + 1),
        }
    }

    /// Waits for the requests before, if not too many wait already.
    pub async fn turn(&self) -> Result<Turn<'_>, NoPicture> {
        let place = self.places.try_acquire().map_err(|_| NoPicture::Busy)?;
        let turn = timeout(PATIENCE, self.turn.acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(NoPicture::Busy)?;
        Ok(Turn {
            socket: &self.socket,
            _turn: turn,
            _place: place,
        })
    }
}

impl Turn<'_> {
    /// Has a JPEG made of the first picture of an MP4 file. Who drops this ends the work.
    pub async fn still(&self, media: (u64, Read), wanted: Wanted) -> Result<Vec<u8>, NoPicture> {
        let picture = self.ask(media, Work::Still(wanted)).await?;
        match jpeg::size(&picture) {
            None => Err(NoPicture::Failed("it gave what is no JPEG".to_owned())),
            Some((width, height)) if fits(width, wanted.width) && fits(height, wanted.height) => Ok(picture),
            Some((width, height)) => Err(NoPicture::Failed(format!(
                "it gave a picture of {width}x{height}, which is larger than was asked for"
            ))),
        }
    }

    /// Has a JPEG made of many pictures: of an MP4 file of keyframes alone, the one that is shown in the n-th second is in the n-th cell.
    /// Of a keyframe that is damaged, the cell has what could be decoded, or the picture before it. Who drops this ends the work.
    pub async fn sprite(&self, media: (u64, Read), sheet: Sheet) -> Result<Vec<u8>, NoPicture> {
        if !sheet.is_possible() {
            return Err(NoPicture::Undecoded(
                "a sheet of this size cannot be made".to_owned(),
            ));
        }
        let picture = self.ask(media, Work::Sheet(sheet)).await?;
        let (width, height) = sheet.size();
        match jpeg::size(&picture) {
            Some((has_width, has_height)) if (has_width.into(), has_height.into()) == (width, height) => {
                Ok(picture)
            }
            Some((has_width, has_height)) => Err(NoPicture::Failed(format!(
                "it gave a sheet of {has_width}x{has_height} instead of {width}x{height}"
            ))),
            None => Err(NoPicture::Failed("it gave what is no JPEG".to_owned())),
        }
    }

    /// Has luma made of an MP4 file of keyframes alone: [`LUMA`] bytes, 64 rows of 64 from 0 to 255, for the picture that is shown in each
    /// second, for at most so many seconds ([`MOST_LUMA`]). A keyframe that cannot be decoded has the bytes of the one before it; where
    /// that was one of the last, there are fewer pictures. Who drops this ends the work.
    pub async fn luma(&self, media: (u64, Read), pictures: u16) -> Result<Vec<[u8; LUMA]>, NoPicture> {
        let pictures = pictures.clamp(1, MOST_LUMA);
        let bytes = self.ask(media, Work::Luma(pictures)).await?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    /// Has this work done. The length of the result is one that it may have.
    async fn ask(&self, (len, read): (u64, Read), work: Work) -> Result<Vec<u8>, NoPicture> {
        let most = work.most_media();
        if len == 0 || len > most {
            let message = format!("its file has {len} bytes, and at most {most} are decoded");
            return Err(NoPicture::Undecoded(message));
        }
        let asked = async {
            let mut stream = connect(self.socket).await?;
            send(&mut stream, (len, read), work).await?;
            receive(&mut stream, work).await
        };
        timeout(LONGEST, asked).await.map_err(|_| NoPicture::Late)?
    }
}

fn fits(side: u16, most: u16) -> bool {
    most == 0 || side <= most
}

/// Connects. Root and this user are believed: systemd listens as root.
async fn connect(socket: &Path) -> Result<UnixStream, NoPicture> {
    let told = |reason: String| NoPicture::NoWorker(format!("{}: {reason}", socket.display()));
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => told(format!("nobody serves here; {INSTALL}")),
            io::ErrorKind::ConnectionRefused => told(format!("nobody serves here now; {INSTALL}")),
            io::ErrorKind::PermissionDenied => told(
                "this service may not connect: the socket must let its group in (SocketGroup=)".to_owned(),
            ),
            _ => told(error.to_string()),
        })?;
    let peer = stream.peer_cred().map_err(|error| told(error.to_string()))?;
    let own = nix::unistd::geteuid().as_raw();
    if peer.uid() != 0 && peer.uid() != own {
        return Err(told(format!(
            "user {} serves here, and only root (systemd) and user {own} are believed",
            peer.uid()
        )));
    }
    Ok(stream)
}

async fn send(stream: &mut UnixStream, (len, read): (u64, Read), work: Work) -> Result<(), NoPicture> {
    let mut written = stream.write_all(&request(work, len)).await;
    let mut at = 0;
    while at < len && written.is_ok() {
        let count = usize::try_from(len - at).unwrap_or(PIECE).min(PIECE);
        let read = Arc::clone(&read);
        let piece = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; count];
            read(at, &mut piece).map(|()| piece)
        });
        let piece = piece.await.unwrap_or_else(|error| Err(error.to_string()));
        let piece = piece.map_err(NoPicture::Unread)?;
        written = stream.write_all(&piece).await;
        at += count as u64;
    }
    // A worker that takes no more may have said why.
    Ok(())
}

async fn receive(stream: &mut UnixStream, work: Work) -> Result<Vec<u8>, NoPicture> {
    let broken = |error: io::Error| {
        NoPicture::Failed(match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "it ended before its answer was whole; its log says why: journalctl -u 'edgereel-media@*'"
                    .to_owned()
            }
            _ => error.to_string(),
        })
    };
    let mut head = [0; ANSWER];
    stream.read_exact(&mut head).await.map_err(broken)?;
    let answer = read_answer(&head, work).map_err(|wrong| NoPicture::Failed(wrong.to_string()))?;
    let mut reason = vec![0; answer.reason];
    stream.read_exact(&mut reason).await.map_err(broken)?;
    let reason = String::from_utf8_lossy(&reason).replace(char::is_control, " ");
    // Memory is taken as the bytes come.
    let mut result = Vec::new();
    let mut rest = stream.take(answer.result as u64);
    rest.read_to_end(&mut result).await.map_err(broken)?;
    match answer.outcome {
        Outcome::Made if result.len() == answer.result => Ok(result),
        Outcome::Made => Err(broken(io::ErrorKind::UnexpectedEof.into())),
        Outcome::Undecoded => Err(NoPicture::Undecoded(reason)),
        Outcome::Late => Err(NoPicture::Late),
        Outcome::Unavailable => Err(NoPicture::NoWorker(reason)),
        Outcome::Refused => Err(NoPicture::Failed(format!("it refused the request: {reason}"))),
    }
}
