//! A broker of MQTT 5 and MQTT 3.1.1 in this process, with the faults that a broker can have.
//!
//! The codec of the client library reads and writes packets; sessions, routing and faults are here. The broker refuses QoS 2,
//! topic aliases and shared subscriptions, as a broker may.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::disallowed_methods, reason = "the broker's time is not the tape's")]

mod link;
mod session;
mod state;
mod wire;
mod wire4;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{DisconnectReasonCode, PubAckReason, Publish, PublishProperties};
use tokio::sync::{Notify, watch};

use state::State;

use super::port::{self, Port};

/// A broker on a port of its own.
pub(crate) struct Broker {
    hub: Arc<Hub>,
    port: Port,
    running: Option<Running>,
    /// So many of its messages were held against what is published.
    pub(crate) judged: std::sync::atomic::AtomicUsize,
}

/// What a client published, or its will.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// When it arrived.
    pub(crate) at: Instant,
    /// Who sent it; empty for what the test published.
    pub(crate) client: String,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) qos: u8,
    /// The client says that it may have sent it before.
    pub(crate) dup: bool,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
    /// The broker sent it because the client was lost.
    pub(crate) will: bool,
}

impl Message {
    /// The payload as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }

    /// The payload as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.payload).unwrap()
    }
}

/// How the test publishes something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publishing {
    pub(crate) retain: bool,
    pub(crate) qos: u8,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
}

/// What the broker does wrong, or does not allow.
///
/// Limits hold for connections that were told of them: those that begin later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// Connections and bytes are taken, and nothing is answered; what came is dealt with when this is over.
    pub(crate) silent: bool,
    /// What clients publish is received and not acknowledged.
    pub(crate) lose_acks: bool,
    /// A connection is cut after so many PUBLISHes from it; the last of them is received and not acknowledged.
    pub(crate) cut_after: Option<usize>,
    /// Whoever sends a larger packet is disconnected.
    pub(crate) max_packet: Option<u32>,
    /// Whoever has more PUBLISHes unacknowledged is disconnected.
    pub(crate) receive_max: Option<u16>,
    /// QoS 1 PUBLISHes to topics with "/event/" are acknowledged with this, and forgotten.
    pub(crate) refuse: Option<PubAckReason>,
    /// Retained messages are not available: whoever sends one, or has such a will, is turned away.
    pub(crate) no_retain: bool,
    /// It speaks MQTT 3.1.1 alone.
    pub(crate) old: Option<Old>,
}

/// What a broker of MQTT 3.1.1 alone does with a CONNECT of MQTT 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// Says so, in a packet of MQTT 3.1.1, and closes.
    Refuses,
    /// Closes.
    Closes,
}

/// What the test and the connections share.
struct Hub {
    state: Mutex<State>,
    behaviour: watch::Sender<Behaviour>,
    /// A will is there that has to be sent later.
    wills: Arc<Notify>,
    received: AtomicU64,
    sent: AtomicU64,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct Running {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Broker {
    /// Starts one on this machine, at a port that the system chooses.
    pub(crate) fn start() -> Self {
        Self::start_as(None)
    }

    /// The same under TLS, with a certificate.
    pub(crate) fn start_tls(config: rustls::ServerConfig) -> Self {
        Self::start_as(Some(Arc::new(config)))
    }

    fn start_as(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let wills = Arc::new(Notify::new());
        let hub = Hub {
            state: Mutex::new(State::new(wills.clone())),
            behaviour: watch::Sender::new(Behaviour::default()),
            wills,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            tls,
        };
        let mut broker = Self {
            hub: Arc::new(hub),
            port: Port::new(),
            running: None,
            judged: Default::default(),
        };
        broker.resume();
        broker
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.hub.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}", self.port.address())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// All that anybody published since the start, wills too, in order of arrival.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.hub.state().messages.clone()
    }

    /// What is retained: topics and payloads.
    pub(crate) fn retained(&self) -> BTreeMap<String, Vec<u8>> {
        self.hub.state().retained()
    }

    /// Publishes something as some other client would.
    pub(crate) fn publish(&self, topic: &str, payload: &[u8], options: Publishing) {
        let Publishing {
            retain,
            qos,
            response_topic,
            correlation,
        } = options;
        let qos = if qos == 0 {
            QoS::AtMostOnce
        } else {
            QoS::AtLeastOnce
        };
        let properties = PublishProperties {
            response_topic,
            correlation_data: correlation.map(Into::into),
            ..Default::default()
        };
        let mut publish = Publish::new(topic, qos, payload.to_vec(), Some(properties));
        publish.retain = retain;
        self.hub.state().route("", publish, false);
    }

    /// Connections are cut without a word, and nobody listens any more. Nobody's will is sent.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            running.thread.join().unwrap();
            self.hub.state().stopped();
        }
    }

    /// At the same port again, with sessions and retained messages as they were.
    pub(crate) fn resume(&mut self) {
        assert!(self.running.is_none(), "the broker was not stopped");
        let (hub, address) = (self.hub.clone(), self.port.address());
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
                    () = link::serve(listener, hub.clone()) => (),
                    () = link::send_wills(hub) => (),
                    _ = stopped => (),
                }
            });
        });
        bound.recv().unwrap();
        self.running = Some(Running { stop, thread });
    }

    /// While it is stopped: sessions and retained messages are gone.
    pub(crate) fn forget(&mut self) {
        assert!(self.running.is_none(), "the broker runs");
        self.hub.state().forget();
    }

    /// Every connection is closed at once; the broker goes on.
    pub(crate) fn cut(&self) {
        self.hub.state().cut();
    }

    /// Behaves like this from now on.
    pub(crate) fn behave(&self, how: Behaviour) {
        self.hub.behaviour.send_replace(how);
    }

    /// Clients that are connected.
    pub(crate) fn connections(&self) -> usize {
        self.clients().len()
    }

    /// CONNECTs accepted so far.
    pub(crate) fn connects(&self) -> usize {
        self.hub.state().connects
    }

    /// Ids of the clients that are connected, the one that is there longest first.
    pub(crate) fn clients(&self) -> Vec<String> {
        self.hub.state().clients()
    }

    /// Sends a client away as when its twin connects.
    pub(crate) fn takes_over(&self, client_id: &str) {
        let mut state = self.hub.state();
        if let Some(link) = state.link_of(client_id) {
            state.dismiss(link, DisconnectReasonCode::SessionTakenOver);
        }
    }

    /// Bytes that came from clients and went to them so far, without what TLS adds.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hub.received), count(&self.hub.sent))
    }

    /// From now on only this may connect.
    pub(crate) fn login(&self, user: &str, password: &str) {
        self.hub.state().login = Some((user.to_owned(), password.to_owned()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}
