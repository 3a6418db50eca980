//! How a connection ends, and what its peer is told.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::{BUFFER, Connection};
use crate::access::Reason;
use crate::doors::rtmp::IngestError;
use crate::doors::rtmp::wire::Tried;
use crate::media::StreamName;
use crate::recorder::EndReason;

/// How long a peer that is cut off may take to read why.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a connection ends.
pub(in crate::doors::rtmp) enum End {
    /// The peer sent what it may not.
    Error(IngestError),
    /// The peer closed the connection.
    Closed,
    /// The network failed.
    Io(std::io::Error),
    /// A deadline passed.
    Silent(&'static str),
    /// The peer asked for what is not possible; that was logged.
    Declined,
    /// The connection had to make room for another.
    GaveWay(Reason),
    /// The recorder refused the publish.
    Refused(String),
    /// The publisher may not publish, or a limit is reached.
    Denied { stream: StreamName, reason: Reason },
    /// The recorder ended the publish.
    Ended(EndReason),
}

impl From<IngestError> for End {
    fn from(error: IngestError) -> Self {
        End::Error(error)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        End::Io(error)
    }
}

impl Connection {
    /// Ends the publish and logs why. True when the peer has to be told.
    pub(super) fn close(&mut self, end: End) -> bool {
        let dropped_frames = self.session.dropped_frames();
        let (reason, why, tell) = match end {
            // Many encoders close right after their goodbye, with answers unread. That looks like a reset here.
            End::Closed | End::Io(_) if self.on_air.is_none() => {
                debug!("connection closed");
                return false;
            }
            End::Closed => {
                let why = "the encoder closed the connection without a word".to_owned();
                (EndReason::Broken(why.clone()), why, false)
            }
            End::Io(error) => (EndReason::Broken(error.to_string()), error.to_string(), false),
            End::Error(error) => (EndReason::Broken(error.to_string()), error.to_string(), true),
            End::Declined => {
                debug!("connection closed: declined");
                return true;
            }
            End::GaveWay(reason) => {
                self.shared.refused(None, self.peer, &reason);
                let reason = self.shared.admission.told(&reason);
                let why = format!("it publishes nothing, and made room for another connection: {reason}");
                (EndReason::Broken(why.clone()), why, false)
            }
            End::Silent(why) => (EndReason::Broken(why.to_owned()), why.to_owned(), true),
            End::Refused(why) => (EndReason::Broken(why.clone()), why, true),
            End::Denied { stream, reason } => {
                self.delay = self.shared.refused(Some(&stream), self.peer, &reason);
                let why = self.shared.admission.told(&reason);
                (EndReason::Broken(why.clone()), why, true)
            }
            End::Ended(reason) => {
                let why = match &reason {
                    EndReason::TakenOver => "another publisher took over this stream".to_owned(),
                    EndReason::Kicked => "the publish was ended by command".to_owned(),
                    EndReason::Shutdown => "edgereel is stopping".to_owned(),
                    EndReason::Broken(why) => why.clone(),
                    EndReason::Unpublished => "the publish was ended".to_owned(),
                };
                (reason, why, true)
            }
        };
        match self.on_air.take() {
            Some(on_air) => {
                warn!(why, dropped_frames, "publish ended");
                self.session.end(&why);
                on_air.publishing.end(reason);
            }
            None if reason == EndReason::Shutdown => debug!("connection closed: stopping"),
            None => self.shared.stranger_left(&why),
        }
        tell
    }

    /// Sends the last answers and waits a moment. Closing a socket with unread input would send a reset that overtakes them.
    pub(super) async fn farewell(&mut self, mut stream: TcpStream) {
        if let Some(delay) = self.delay.take() {
            tokio::select! {
                biased;
                _ = self.stop.changed() => {}
                _ = self.permit.gives_way() => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
        let leave = async {
            self.send_all(&stream).await?;
            self.wire.close();
            self.send_all(&stream).await?;
            stream.shutdown().await.map_err(End::Io)?;
            loop {
                stream.readable().await.map_err(End::Io)?;
                match BUFFER.with_borrow_mut(|buffer| stream.try_read(buffer)) {
                    Ok(0) => return Result::<(), End>::Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(End::Io(error)),
                }
            }
        };
        // Whether the peer read the answers makes no difference any more.
        let _ = timeout(FAREWELL, leave).await;
    }

    async fn send_all(&mut self, stream: &TcpStream) -> Result<(), End> {
        while self.has_output() {
            stream.writable().await?;
            self.write(&mut Tried(stream))?;
        }
        Ok(())
    }
}
