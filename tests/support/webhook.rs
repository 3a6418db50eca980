//! A web service that receives callbacks.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One received call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The header's names are in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// The number of earlier calls on the same connection.
    pub(crate) place: usize,
}

impl Call {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The service closes the connection in place of an answer.
pub(crate) const HANG_UP: u16 = 0;

/// The answer to a call: a status, [`HANG_UP`], or no answer.
type Answer = dyn FnMut(&Call) -> Option<u16> + Send;

/// Writes the answer to a call itself, and says so; or leaves it to the others.
type TakeOver = dyn FnMut(&Call, &TcpStream) -> bool + Send;

/// A web service. It lives as long as the test.
pub(crate) struct Webhook {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Answers,
}

#[derive(Clone)]
struct Answers {
    simple: Arc<Mutex<Box<Answer>>>,
    own: Arc<Mutex<Box<TakeOver>>>,
}

impl Webhook {
    /// Starts a service that accepts every call.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            answers: Answers {
                simple: Arc::new(Mutex::new(Box::new(|_| Some(200)))),
                own: Arc::new(Mutex::new(Box::new(|_, _| false))),
            },
        };
        let (calls, answers) = (webhook.calls.clone(), webhook.answers.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (calls, answers) = (calls.clone(), answers.clone());
                std::thread::spawn(move || {
                    let mut place = 0;
                    while serve(&client, place, &calls, &answers).is_some() {
                        place += 1;
                    }
                });
            }
        });
        webhook
    }

    /// The service's address with a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The service's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Sets the answer to calls from now on.
    pub(crate) fn answer(&self, answer: impl FnMut(&Call) -> Option<u16> + Send + 'static) {
        *self.answers.simple.lock().unwrap() = Box::new(answer);
    }

    /// Answers calls with bytes of the test's own, from now on, where it says that it does.
    pub(crate) fn take_over(&self, own: impl FnMut(&Call, &TcpStream) -> bool + Send + 'static) {
        *self.answers.own.lock().unwrap() = Box::new(own);
    }
}

/// Reads one call; none when no further call comes, or when the call gets no answer.
fn serve(client: &TcpStream, place: usize, calls: &Mutex<Vec<Call>>, answers: &Answers) -> Option<()> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let call = Call {
        method,
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
        place,
    };
    calls.lock().unwrap().push(call.clone());
    if (answers.own.lock().unwrap())(&call, client) {
        return Some(());
    }
    let status = (answers.simple.lock().unwrap())(&call);
    if status == Some(HANG_UP) {
        let _ = client.shutdown(std::net::Shutdown::Both);
        return None;
    }
    let Some(status) = status else {
        // The thread waits until the other side closes the connection.
        let _ = (&*client).read(&mut [0]);
        return None;
    };
    let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
    (&*client).write_all(text.as_bytes()).ok()
}
