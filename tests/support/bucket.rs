//! A real S3 server in this process, with the faults that such a server can have.
//!
//! Objects are files of a folder. The server checks signatures and digests. A layer in front of it answers the requests that
//! the server does not know (a list of uploads, tags, the error for an upload that is gone), from the same folder.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::disallowed_methods, reason = "the server's files are not the tape")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;

use super::port::{self, Port};

/// The keys that the server accepts.
pub(crate) const KEY_ID: &str = "AKIATEST";
pub(crate) const SECRET: &str = "s3cret-of-the-bucket";
/// The name of the server's only bucket.
pub(crate) const BUCKET: &str = "media";

/// The key under which the service tests its permissions.
const CHECK: &str = "edgereel-check";

/// The answer time of a bucket on another continent. No code may rely on a bucket in the same room.
const FAR: Duration = Duration::from_millis(300);

type Answer = Response<http_body_util::combinators::BoxBody<Bytes, BoxError>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The server answers.
    Pass,
    /// The test answers in place of the server, which does not see the request.
    Say(u16, String),
    /// The same with headers: of a login page, of a gateway.
    SayAs(u16, Vec<(&'static str, String)>, String),
    /// The answer's clock is so many seconds ahead. The signature is not checked, because the client may have signed by that
    /// clock.
    Dated(i64),
    /// The answer does not say how long it is.
    Endless,
    /// The answer's ETag is written in upper case.
    Upper,
    /// The server carries the request out, and the answer is lost.
    Lose,
    /// The answer has a wrong ETag.
    Falsify,
    /// The answer is cut off in the middle.
    Cut,
    /// There is never an answer.
    Hang,
    /// The server reads the beginning of the body, and then nothing any more.
    Stall,
    /// The server accepts the object, says so, and loses it.
    Forget,
}

/// A request, as far as verdicts depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Asked {
    /// The request belongs to the service's own check of its permissions.
    fn is_check(&self) -> bool {
        self.path.contains(CHECK) || self.query.contains(CHECK)
    }
}

type Judge = Arc<Mutex<dyn FnMut(&Asked) -> Verdict + Send>>;

/// A server with a bucket.
pub(crate) struct Bucket {
    dir: PathBuf,
    state: Arc<State>,
    port: Port,
    running: Option<Running>,
}

struct State {
    root: PathBuf,
    judge: Mutex<Judge>,
    asked: Mutex<Vec<Asked>>,
    tags: Mutex<BTreeMap<String, String>>,
    tls: Option<Arc<rustls::ServerConfig>>,
    /// The time from a request to its answer, in addition to the work. Requests do not wait for each other.
    distance: Duration,
    open: std::sync::atomic::AtomicBool,
    /// Bytes of request bodies that were received.
    received: std::sync::atomic::AtomicU64,
}

struct Running {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Bucket {
    /// Starts a server whose objects are in `dir`. It is far away: each answer takes 300 ms.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_as(dir, None, FAR)
    }

    /// Starts a server in the same room, for tests that make hundreds of requests one after the other.
    pub(crate) fn start_near(dir: &Path) -> Self {
        Self::start_as(dir, None, Duration::ZERO)
    }

    /// Starts a server that is far away, under https, with a certificate.
    pub(crate) fn start_tls(dir: &Path, tls: rustls::ServerConfig) -> Self {
        Self::start_as(dir, Some(Arc::new(tls)), FAR)
    }

    fn start_as(dir: &Path, tls: Option<Arc<rustls::ServerConfig>>, distance: Duration) -> Self {
        std::fs::create_dir_all(dir.join(BUCKET)).unwrap();
        let pass: Judge = Arc::new(Mutex::new(|_: &Asked| Verdict::Pass));
        let state = Arc::new(State {
            root: dir.to_owned(),
            judge: Mutex::new(pass),
            asked: Mutex::default(),
            tags: Mutex::default(),
            tls,
            distance,
            open: Default::default(),
            received: Default::default(),
        });
        let mut bucket = Self {
            dir: dir.to_owned(),
            state,
            port: Port::new(),
            running: None,
        };
        bucket.resume();
        bucket
    }

    /// The server's address, as in `sync.endpoint`.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.state.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.port.address())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// Decides what the server does with requests from now on. The service's own check of the store comes at any time, and is
    /// not judged.
    pub(crate) fn judge(&self, mut judge: impl FnMut(&Asked) -> Verdict + Send + 'static) {
        self.judge_all(move |asked| {
            if asked.is_check() {
                Verdict::Pass
            } else {
                judge(asked)
            }
        });
    }

    /// Applies one verdict to all requests from now on.
    pub(crate) fn judge_all(&self, judge: impl FnMut(&Asked) -> Verdict + Send + 'static) {
        *self.state.judge.lock().unwrap() = Arc::new(Mutex::new(judge));
    }

    /// Lets every client read, as a bucket that serves a website does.
    pub(crate) fn open_to_all(&self) {
        self.state.open.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// The server works correctly from now on.
    pub(crate) fn behave(&self) {
        self.judge(|_| Verdict::Pass);
    }

    /// The requests so far, without those of the service's check of the store.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut asked = self.state.asked.lock().unwrap().clone();
        asked.retain(|asked| !asked.is_check());
        asked
    }

    /// True while the check's object, or its upload, is there.
    pub(crate) fn has_check(&self) -> bool {
        let object = self.dir.join(BUCKET).join("box").join(CHECK);
        let left = std::fs::read_dir(object).is_ok_and(|mut files| files.next().is_some());
        left || self.state.uploads().iter().any(|(key, _)| key.contains(CHECK))
    }

    /// Bytes of request bodies that were received so far.
    pub(crate) fn received(&self) -> u64 {
        self.state.received.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Objects: keys and where their bytes are.
    pub(crate) fn objects(&self) -> BTreeMap<String, PathBuf> {
        let root = self.dir.join(BUCKET);
        let (mut found, mut folders) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() && entry.file_name() != CHECK {
                    folders.push(path);
                } else if path.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
                    let key = path.strip_prefix(&root).unwrap();
                    found.insert(key.to_str().unwrap().to_owned(), path);
                }
            }
        }
        found
    }

    /// Bytes of an object.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.dir.join(BUCKET).join(key)).ok()
    }

    /// Multipart uploads that were begun and neither completed nor aborted: keys and ids.
    pub(crate) fn uploads(&self) -> Vec<(String, String)> {
        let mut uploads = self.state.uploads();
        uploads.retain(|(key, _)| !key.contains(CHECK));
        uploads
    }

    /// An object's tags, as they were sent.
    pub(crate) fn tags(&self, key: &str) -> Option<String> {
        self.state.tags.lock().unwrap().get(key).cloned()
    }

    /// Stops the server: no client gets an answer any more.
    pub(crate) fn pause(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            running.thread.join().unwrap();
        }
    }

    /// Starts the server at the same address again.
    pub(crate) fn resume(&mut self) {
        let (state, address) = (self.state.clone(), self.port.address());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (told, bound) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = port::listener(address);
                told.send(()).unwrap();
                tokio::select! {
                    () = serve(listener, state) => (),
                    _ = stopped => (),
                }
            });
        });
        bound.recv().unwrap();
        self.running = Some(Running { stop, thread });
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.pause();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let files = s3s_fs::FileSystem::new(&state.root).unwrap();
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = service.build();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (state, service) = (state.clone(), service.clone());
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(state.clone(), service.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            match state.tls.clone() {
                None => drop(connection.serve_connection(TokioIo::new(socket), answer).await),
                Some(tls) => {
                    let accepted = tokio_rustls::TlsAcceptor::from(tls).accept(socket).await;
                    if let Ok(socket) = accepted {
                        drop(connection.serve_connection(TokioIo::new(socket), answer).await);
                    }
                }
            }
        });
    }
}

async fn answer(
    state: Arc<State>,
    service: S3Service,
    request: Request<Incoming>,
) -> Result<Answer, BoxError> {
    let asked = Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
    };
    state.asked.lock().unwrap().push(asked.clone());
    let judge = state.judge.lock().unwrap().clone();
    let verdict = (judge.lock().unwrap())(&asked);
    tokio::time::sleep(state.distance).await;
    match verdict {
        Verdict::Hang => std::future::pending::<()>().await,
        Verdict::Stall => {
            let mut body = request.into_body();
            let _ = body.frame().await;
            std::future::pending::<()>().await;
            return Err("nobody waits so long".into());
        }
        Verdict::Say(status, text) => {
            // The body is read, as a server does.
            let _ = request.into_body().collect().await;
            return Ok(said(status, text));
        }
        Verdict::SayAs(status, headers, text) => {
            let _ = request.into_body().collect().await;
            let mut answer = said(status, text);
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            return Ok(answer);
        }
        _ => (),
    }
    let answered = match state.instead(&asked) {
        Some(Instead::Answer(status, text)) => said(status, text),
        Some(Instead::File(bytes)) => Response::new(full(bytes.into())),
        Some(Instead::Tag(key)) => {
            let body = request.into_body().collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            state.tags.lock().unwrap().insert(key, text);
            said(200, String::new())
        }
        None => {
            let (counting, counts) = (state.clone(), !asked.is_check());
            let request = request.map(|body| {
                let body = body.map_frame(move |frame| {
                    let data = frame.data_ref().filter(|_| counts);
                    let len = data.map_or(0, |data| data.len() as u64);
                    counting
                        .received
                        .fetch_add(len, std::sync::atomic::Ordering::Relaxed);
                    frame
                });
                s3s::Body::http_body_unsync(body)
            });
            let answered = match verdict {
                Verdict::Dated(_) => state.for_anybody(request).await,
                _ => service.call(request).await,
            };
            let answered = answered.map_err(|error| format!("{error:?}"))?;
            answered.map(|body| {
                body.map_err(|error| -> BoxError { format!("{error:?}").into() })
                    .boxed()
            })
        }
    };
    Ok(match verdict {
        Verdict::Lose => return Err("the answer is lost".into()),
        Verdict::Forget => {
            let _ = std::fs::remove_file(state.root.join(unescaped(asked.path.trim_start_matches('/'))));
            answered
        }
        Verdict::Falsify => {
            let mut answered = answered;
            let other = hyper::header::HeaderValue::from_static("\"00000000000000000000000000000000\"");
            answered.headers_mut().insert("etag", other);
            answered
        }
        Verdict::Dated(ahead) => {
            let mut answered = answered;
            let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
            answered
                .headers_mut()
                .insert("date", date.unwrap().parse().unwrap());
            answered
        }
        Verdict::Endless => {
            let (mut parts, body) = answered.into_parts();
            let bytes = body.collect().await?.to_bytes();
            parts.headers.remove("content-length");
            Response::from_parts(parts, EndlessBody(Some(bytes)).boxed())
        }
        Verdict::Upper => {
            let mut answered = answered;
            if let Some(etag) = answered.headers().get("etag") {
                let upper = etag.to_str().unwrap().to_uppercase();
                answered.headers_mut().insert("etag", upper.parse().unwrap());
            }
            answered
        }
        Verdict::Cut => {
            let (mut parts, body) = answered.into_parts();
            let bytes = body.collect().await?.to_bytes();
            parts.headers.remove("transfer-encoding");
            parts.headers.insert("content-length", (bytes.len() + 100).into());
            Response::from_parts(parts, CutBody(Some(bytes)).boxed())
        }
        _ => answered,
    })
}

/// A body whose length is not announced.
struct EndlessBody(Option<Bytes>);

impl hyper::body::Body for EndlessBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, BoxError>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }
}

/// Some bytes, and then the connection breaks.
struct CutBody(Option<Bytes>);

impl hyper::body::Body for CutBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, BoxError>>> {
        std::task::Poll::Ready(Some(match self.0.take() {
            Some(bytes) => Ok(hyper::body::Frame::data(bytes)),
            None => Err("cut off".into()),
        }))
    }
}

enum Instead {
    Answer(u16, String),
    File(Vec<u8>),
    Tag(String),
}

impl State {
    /// The same server, without a check of signatures.
    async fn for_anybody(
        &self,
        mut request: Request<s3s::Body>,
    ) -> Result<Response<s3s::Body>, s3s::HttpError> {
        let query = request.uri().query().unwrap_or_default().split('&');
        let unsigned: Vec<&str> = query.filter(|pair| !pair.starts_with("X-Amz-")).collect();
        let address = format!("{}?{}", request.uri().path(), unsigned.join("&"));
        *request.uri_mut() = address.parse().unwrap();
        let open = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&self.root).unwrap()).build();
        open.call(request).await
    }

    /// Requests that the server does not know.
    fn instead(&self, asked: &Asked) -> Option<Instead> {
        let has = |name: &str| {
            asked
                .query
                .split('&')
                .any(|pair| pair.split('=').next() == Some(name))
        };
        let value = |name: &str| {
            let mut pairs = asked.query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| unescaped(value))
        };
        let key = unescaped(asked.path.trim_start_matches('/'))
            .split_once('/')
            .map(|(_, key)| key.to_owned());
        if asked.method == "GET" && has("uploads") {
            let prefix = value("prefix").unwrap_or_default();
            let uploads = self
                .uploads()
                .into_iter()
                .filter(|(key, _)| key.starts_with(&prefix));
            let uploads: String = uploads
                .map(|(key, id)| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>"))
                .collect();
            let text = format!("<ListMultipartUploadsResult>{uploads}</ListMultipartUploadsResult>");
            return Some(Instead::Answer(200, text));
        }
        if asked.method == "PUT" && has("tagging") {
            return Some(Instead::Tag(key.unwrap_or_default()));
        }
        let open = self.open.load(std::sync::atomic::Ordering::Relaxed);
        if open && asked.method == "GET" && !has("X-Amz-Signature") {
            let file = std::fs::read(self.root.join(BUCKET).join(key?));
            return Some(match file {
                Ok(bytes) => Instead::File(bytes),
                Err(_) => Instead::Answer(404, error("NoSuchKey", "There is no such object.")),
            });
        }
        let upload = value("uploadId")?;
        let known = self.root.join(format!(".upload-{upload}.json")).exists();
        (!known).then(|| Instead::Answer(404, error("NoSuchUpload", "The upload is not there.")))
    }

    fn uploads(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.root).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let parts = name
                .strip_prefix(".bucket-")
                .and_then(|rest| rest.split_once(".object-"));
            let Some((_, rest)) = parts else { continue };
            let Some((key, upload)) = rest.split_once(".upload-") else {
                continue;
            };
            let upload = upload.trim_end_matches(".metadata.json").to_owned();
            if self.root.join(format!(".upload-{upload}.json")).exists() {
                found.push((from_base64(key), upload));
            }
        }
        found
    }
}

/// An error in the form of S3.
pub(crate) fn error(code: &str, message: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

fn said(status: u16, text: String) -> Answer {
    let mut answer = Response::new(full(text.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn full(bytes: Bytes) -> http_body_util::combinators::BoxBody<Bytes, BoxError> {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

fn unescaped(text: &str) -> String {
    let (mut out, bytes) = (Vec::new(), text.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
                at += 3;
            }
            other => {
                out.push(other);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}

/// RFC 4648 §5, without padding.
fn from_base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == byte).unwrap();
        bits = bits << 6 | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 255).unwrap());
        }
    }
    String::from_utf8(out).unwrap()
}
