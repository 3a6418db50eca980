//! Prometheus reads the metrics of a running service, its `promtool` finds nothing to complain of, and the alerts and the
//! dashboard that are shipped work in it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::programs::{BASH, PROMETHEUS, PROMTOOL};
use crate::support::http::get;
use crate::support::port::Port;
use crate::support::{Feed, Plan, Service, home, wait_for, wait_until};

/// The `Accept` of Prometheus for OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// A box with a door for viewers, a broker that is away, a folder for deliveries, a stream that is recorded, and one whose rule
/// nobody follows.
fn box_on_the_air(home: &Path) -> (Service, Feed) {
    let folder = home.join("delivered");
    std::fs::create_dir(&folder).unwrap();
    let service = Service::start_with(
        home,
        &format!(
            "[http]\nlisten = [\"127.0.0.1:0\"]\n[sync]\nurl = \"file://{}\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n\
             [[callback]]\nurl = \"http://127.0.0.1:9/\"\n[[rule]]\nstream = \"*\"\n[[rule]]\nstream = \"live/lobby\"\n",
            folder.display()
        ),
    );
    let plan = Plan {
        stream: "live/cam1",
        speed: 1.0,
        length: None,
        weight: 0,
    };
    let feed = Feed::start(service.address(), plan, 0);
    wait_until("metrics of the stream", || {
        let text = get(service.http(), "/metrics", &[]).text().to_owned();
        text.contains("edgereel_stream_up{stream=\"live/cam1\"} 1\n")
            && text.contains("edgereel_storage_sync_seconds_count ")
    });
    (service, feed)
}

#[test]
fn promtool_finds_nothing_to_complain_of_in_either_format() {
    let home = home();
    let (service, _feed) = box_on_the_air(home.path());
    let text = get(service.http(), "/metrics", &[]);
    let path = home.path().join("metrics.txt");
    std::fs::write(&path, &text.body).unwrap();
    let promtool = PROMTOOL.path();
    let check = format!("exec {} check metrics < {}", promtool.display(), path.display());
    let done = BASH.run(["-c", &check]).ok();
    assert_eq!((done.text(), done.stderr), (String::new(), String::new()));

    let open = get(service.http(), "/metrics", &[("Accept", OPEN_METRICS)]);
    let content_type = open.header("content-type").unwrap();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    // promtool checks names in the text format alone. It reads OpenMetrics where samples have times.
    let dated: String = open
        .text()
        .lines()
        .map(|line| format!("{line}{}\n", time_of(line)))
        .collect();
    let path = home.path().join("metrics.om");
    std::fs::write(&path, dated).unwrap();
    let blocks = home.path().join("blocks");
    let read = ["tsdb", "create-blocks-from", "openmetrics"].map(Path::new);
    PROMTOOL
        .run(read.into_iter().chain([path.as_path(), &blocks]))
        .ok();
}

/// A time for a sample.
fn time_of(line: &str) -> &'static str {
    if line.starts_with('#') { "" } else { " 1800000000" }
}

#[test]
fn each_alert_fires_for_its_reason_and_none_on_a_healthy_box() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    PROMTOOL
        .run([
            Path::new("check"),
            Path::new("rules"),
            &root.join("packaging/grafana/alerts.yaml"),
        ])
        .ok();
    PROMTOOL
        .run([
            Path::new("test"),
            Path::new("rules"),
            &root.join("tests/tools/alerts.yaml"),
        ])
        .ok();
}

/// A Prometheus with a folder and a port of its own. It ends with the test.
struct Prometheus {
    port: u16,
    _held: Port,
    child: Child,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(home: &Path, target: &str) -> Self {
        let held = Port::new();
        let config = format!(
            "global: {{ scrape_interval: 5s, scrape_timeout: 5s }}\nscrape_configs:\n- job_name: edgereel\n  static_configs:\n  \
             - targets: ['{target}']\nrule_files: ['{}/packaging/grafana/alerts.yaml']\n",
            env!("CARGO_MANIFEST_DIR")
        );
        let path = home.join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let child = Command::new(PROMETHEUS.path())
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("tsdb").display()))
            .arg(format!("--web.listen-address={}", held.address()))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            port: held.address().port(),
            _held: held,
            child,
        };
        wait_until("Prometheus to listen", || {
            std::net::TcpStream::connect(("127.0.0.1", prometheus.port)).is_ok()
        });
        prometheus
    }

    /// The result of a query; `None` while there is none.
    fn query(&self, query: &str) -> Option<Vec<Value>> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let reply = get(
            ([127, 0, 0, 1], self.port).into(),
            &format!("/api/v1/query?query={escaped}"),
            &[],
        );
        if reply.status == 503 {
            return None;
        }
        let answer = reply.json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let found = answer["data"]["result"].as_array()?.clone();
        (!found.is_empty()).then_some(found)
    }
}

/// The queries of the dashboard, with what Grafana fills in.
fn dashboard(instance: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/grafana/edgereel.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = targets.map(|target| {
        let query = target["expr"].as_str().unwrap().to_owned();
        query
            .replace("$__rate_interval", "1m")
            .replace("$job", "edgereel")
            .replace("$instance", instance)
    });
    filled.collect()
}

#[test]
fn prometheus_scrapes_a_box_and_the_dashboard_shows_it() {
    let home = home();
    let (service, _feed) = box_on_the_air(home.path());
    let target = service.http().to_string();
    let prometheus = Prometheus::start(home.path(), &target);
    wait_for("a scrape", || {
        let up = prometheus.query("up{job=\"edgereel\"} == 1")?;
        (up[0]["metric"]["instance"] == target).then_some(())
    });
    // What only shows when something happens, or is there only where something is delivered, has no result here.
    let may_be_empty = ["> 0", "edgereel_delivery_up", "histogram_quantile", " and on "];
    for query in dashboard(&target) {
        if may_be_empty.iter().any(|part| query.contains(part)) {
            prometheus.query(&query);
        } else {
            wait_for(&format!("a result of {query}"), || prometheus.query(&query));
        }
    }
    // The box is healthy, but for its broker, about which there is no alert.
    assert_eq!(prometheus.query("ALERTS{alertstate=\"firing\"}"), None);
}
