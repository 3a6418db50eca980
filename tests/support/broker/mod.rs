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

/// A broker on its own port.
pub(crate) struct Broker {
    hub: Arc<Hub>,
    port: Port,
    running: Option<Running>,
    /// The number of its messages that were compared with the published schemas.
    pub(crate) judged: std::sync::atomic::AtomicUsize,
}

/// A message that a client published, or its will.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// When it arrived.
    pub(crate) at: Instant,
    /// The client that sent it; empty if the test published it.
    pub(crate) client: String,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) qos: u8,
    /// The DUP flag: the client may have sent it before.
    pub(crate) dup: bool,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
    /// The broker sent it as a will, because the client was lost.
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

/// Faults and limits of the broker.
///
/// A limit applies to connections that begin later, because the broker announces it at their beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// The broker accepts connections and bytes, and answers nothing. It handles the received packets when the fault ends.
    pub(crate) silent: bool,
    /// The broker receives PUBLISHes of clients and does not acknowledge them.
    pub(crate) lose_acks: bool,
    /// The broker cuts a connection after so many PUBLISHes from it. It receives the last of them and does not acknowledge it.
    pub(crate) cut_after: Option<usize>,
    /// The broker disconnects a client that sends a larger packet.
    pub(crate) max_packet: Option<u32>,
    /// The broker disconnects a client that has more unacknowledged PUBLISHes.
    pub(crate) receive_max: Option<u16>,
    /// The broker acknowledges QoS 1 PUBLISHes to topics with "/event/" with this code, and forgets them.
    pub(crate) refuse: Option<PubAckReason>,
    /// Retained messages are not available: the broker refuses a client that sends one, or that has such a will.
    pub(crate) no_retain: bool,
    /// The broker speaks only MQTT 3.1.1.
    pub(crate) old: Option<Old>,
}

/// The reaction of an MQTT 3.1.1 broker to a CONNECT of MQTT 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// The broker refuses it with a packet of MQTT 3.1.1, and closes the connection.
    Refuses,
    /// The broker closes the connection.
    Closes,
}

/// State that the test and the connections share.
struct Hub {
    state: Mutex<State>,
    behaviour: watch::Sender<Behaviour>,
    /// A will must be sent later.
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
    /// Starts a broker on this machine, on a port that the system chooses.
    pub(crate) fn start() -> Self {
        Self::start_as(None)
    }

    /// Starts a broker under TLS, with a certificate.
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

    /// The broker's address.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.hub.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}", self.port.address())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// All messages that anybody published since the start, also wills, in the order of arrival.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.hub.state().messages.clone()
    }

    /// The retained messages: topics and payloads.
    pub(crate) fn retained(&self) -> BTreeMap<String, Vec<u8>> {
        self.hub.state().retained()
    }

    /// Publishes a message as some other client would.
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

    /// Cuts all connections without a packet, and stops listening. No will is sent.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            running.thread.join().unwrap();
            self.hub.state().stopped();
        }
    }

    /// Starts the broker on the same port again, with its sessions and retained messages.
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

    /// Removes sessions and retained messages while the broker is stopped.
    pub(crate) fn forget(&mut self) {
        assert!(self.running.is_none(), "the broker runs");
        self.hub.state().forget();
    }

    /// Closes every connection at once. The broker keeps running.
    pub(crate) fn cut(&self) {
        self.hub.state().cut();
    }

    /// Sets the broker's fault from now on.
    pub(crate) fn behave(&self, how: Behaviour) {
        self.hub.behaviour.send_replace(how);
    }

    /// The number of connected clients.
    pub(crate) fn connections(&self) -> usize {
        self.clients().len()
    }

    /// CONNECTs accepted so far.
    pub(crate) fn connects(&self) -> usize {
        self.hub.state().connects
    }

    /// Ids of the connected clients, the longest connection first.
    pub(crate) fn clients(&self) -> Vec<String> {
        self.hub.state().clients()
    }

    /// Disconnects a client, as when another client connects with its id.
    pub(crate) fn takes_over(&self, client_id: &str) {
        let mut state = self.hub.state();
        if let Some(link) = state.link_of(client_id) {
            state.dismiss(link, DisconnectReasonCode::SessionTakenOver);
        }
    }

    /// Bytes from and to clients so far, without those that TLS adds.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hub.received), count(&self.hub.sent))
    }

    /// Lets only this client connect from now on.
    pub(crate) fn login(&self, user: &str, password: &str) {
        self.hub.state().login = Some((user.to_owned(), password.to_owned()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}
