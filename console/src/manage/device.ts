// The box itself: its health, clock, broker and release, and the last lines of its log.

import { ask, boxNow } from "../box";
import { commandButton } from "../command";
import { field, fill, h, say } from "../dom";
import { bytes, moment, rate } from "../show";
import type { Device, Health, Line, LogTail } from "./answers";
import { facts, lasts, part, renew, repeated, sentence, shortened } from "./parts";
import { m } from "./words";

const EVERY_MS = 5_000;
const LOG_EVERY_MS = 2_000;
const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
/** As many as one answer has. */
const PAGE = 100;
const MOST_LINES = 1_000;

/** Shows the screen. Gives what ends it. */
export function deviceScreen(root: HTMLElement): () => void {
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const [health, clock, broker, about] = [h("div"), h("div"), h("div"), h("div")];
  const log = logPart();
  fill(root, wrong, part(m("health"), health), part(m("clock"), clock), part(m("broker"), broker), part(m("about"), about), log.element);
  const load = async () => {
    const [device, stats] = await Promise.all([ask<Device>("device.info"), ask<Health>("device.stats")]);
    const seconds = Math.floor(stats.uptime_s / 10);
    renew(health, [device.problems, stats.process, stats.storage, stats.streams, stats.outbox, stats.sync, seconds], () => healthOf(device, stats));
    // The clock goes on.
    fill(clock, ...clockOf(device));
    renew(broker, device.broker, brokerOf);
    renew(about, device, aboutOf);
  };
  const look = repeated(EVERY_MS, /^(storage|sync|clock|device|reset)/, load, wrong);
  return () => {
    look.end();
    log.end();
  };
}

function healthOf(device: Device, stats: Health) {
  const { process, storage, outbox, sync, streams } = stats;
  const troubles = [
    ...device.problems.map(sentence),
    storage.reason !== undefined && !device.problems.includes(storage.reason) && sentence(storage.reason),
    sync?.reason !== undefined && sentence(sync.reason),
    sync !== undefined && sync.set_aside > 0 && m("failed_deliveries", { n: sync.set_aside }),
    storage.lost > 0 && m("media_lost", { bytes: bytes(storage.lost) }),
    process.failures > 0 && m("failures", { n: process.failures }),
    process.defects > 0 && m("defects", { n: process.defects }),
    outbox.log_lost > 0 && m("log_lost", { n: outbox.log_lost }),
  ].filter((one): one is HTMLElement | string => one !== false);
  return [
    h("p", { class: "state" }, h("span", { class: troubles.length === 0 ? "chip on" : "chip bad" }, troubles.length === 0 ? m("all_well") : m("not_well"))),
    h("ul", { class: "faults" }, ...troubles.map((one) => h("li", {}, one))),
    facts([
      [m("runs_since"), `${moment(device.started)} (${lasts(stats.uptime_s)})`],
      [m("memory"), device.memory === null ? bytes(process.rss) : m("memory_of", { used: bytes(process.rss), whole: bytes(device.memory) })],
      [m("processor"), m("processor_is", { share: share(process.cpu_s, stats.uptime_s), n: device.processors })],
      [m("on_the_air"), m("on_the_air_is", { live: streams.live, recorded: streams.recording, rate: rate(streams.bits_per_second) })],
      [m("gaps_since"), String(streams.gaps)],
      [m("events_wait"), String(outbox.events)],
    ]),
  ];
}

const share = (cpu: number, uptime: number) => (uptime > 0 ? Math.round((cpu / uptime) * 1000) / 10 : 0) + " %";

function clockOf(device: Device) {
  const { synced, source } = device.clock;
  const why = source === "timesyncd" ? (synced ? "clock_timesyncd" : "clock_timesyncd_not") : synced ? "clock_date" : "clock_date_not";
  return [
    h("p", { class: "state" }, h("span", { class: synced ? "chip on" : "chip bad" }, synced ? m("believed") : m("not_believed")), " ", moment(boxNow())),
    h("p", {}, m(why)),
  ];
}

function brokerOf(broker: Device["broker"]) {
  if (broker === null) return [h("p", {}, m("no_broker"))];
  const since = broker.since === null ? m("never_connected") : m("since", { time: moment(broker.since) });
  return [
    h("p", { class: "state" }, h("span", { class: broker.connected ? "chip on" : "chip bad" }, broker.connected ? m("connected") : m("not_connected")), " ", since),
    facts([
      [m("address"), shortened(broker.url)],
      [m("last_error"), broker.last_error === null ? m("none_since") : sentence(broker.last_error)],
    ]),
  ];
}

function aboutOf(device: Device) {
  const text = (value: string | null) => (value === null ? "" : shortened(value));
  return [
    facts([
      [m("device_id"), shortened(device.device)],
      [m("version"), `${device.version} (${device.arch})`],
      [m("model"), text(device.model)],
      [m("system"), text([device.system, device.kernel].filter((one) => one !== null).join(" ") || null)],
      [m("host_name"), text(device.host_name)],
      [m("viewers_at"), text(device.url)],
      [m("config_hash"), device.config_hash],
    ]),
  ];
}

/** The log's tail. New lines are asked for while it is open. */
function logPart(): { element: HTMLElement; end: () => void } {
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const level = h("select", { name: "level" }, ...LEVELS.map((one) => h("option", { value: one, selected: one === "info" }, one)));
  const text = h("input", { type: "search", name: "text", maxlength: 200 });
  const pause = h("button", { type: "button", class: "quiet", "aria-pressed": "false" }, m("pause_log"));
  const list = h("ol", { class: "log", lang: "en", dir: "ltr", tabindex: 0, "aria-label": m("log") });
  const none = h("p", {}, m("no_lines"));
  let next: string | null = null;
  let isPaused = false;
  let asked = 0;
  const arguments_ = () => ({ level: level.value, ...(text.value !== "" && { text: text.value }), limit: PAGE });

  const load = async () => {
    if (isPaused) return;
    const [number, after] = [asked, next];
    const tail = await ask<LogTail>("log.tail", { ...arguments_(), ...(after !== null && { after }) });
    // Another level or text was asked for meanwhile.
    if (number !== asked) return look.now();
    next = tail.next;
    // Numbers begin again when the service starts.
    const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    if (tail.missed > 0) list.append(h("li", { class: "wrong" }, m("lines_missed", { n: tail.missed })));
    list.append(...tail.lines.map(row));
    while (list.children.length > MOST_LINES) list.firstElementChild?.remove();
    none.hidden = list.children.length > 0;
    if (isAtEnd) list.scrollTop = list.scrollHeight;
    if (after !== null && tail.lines.length === PAGE) look.now();
  };
  const again = () => {
    asked += 1;
    next = null;
    list.replaceChildren();
    none.hidden = false;
    look.now();
  };
  level.addEventListener("change", again);
  text.addEventListener("change", again);
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    say(pause, isPaused ? m("resume_log") : m("pause_log"));
    if (!isPaused) look.now();
  });
  const row1 = h("div", { class: "row" }, pause, commandButton(() => ["log.tail", arguments_()]));
  const submit = (event: Event) => (event.preventDefault(), again());
  const form = h("form", { class: "search", submit }, field(m("level"), level), field(m("text"), text), row1);
  const element = part(m("log"), h("p", {}, m("log_about")), form, wrong, none, list);
  const look = repeated(LOG_EVERY_MS, /^$/, load, wrong);
  return { element, end: look.end };
}

function row(line: Line): HTMLElement {
  return h("li", { "data-level": line.level }, h("span", { class: "small" }, line.time.replace("T", " ").slice(0, 23)), " ", h("strong", {}, line.level), " ", shortened(line.text));
}
