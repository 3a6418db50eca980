// What waits for delivery and why, and the space of the tape.

import { Refused, ask, boxNow } from "../box";
import { action } from "../command";
import { fill, h } from "../dom";
import { recordingLink, timelineLink } from "../places";
import { bytes, length, moment, rate } from "../show";
import type { Health, Kept, StoreStatus, SyncStatus } from "./answers";
import { cut, facts, lasts, meter, part, renew, repeated, sentence, shortened, table } from "./parts";
import { type ManageWord, m } from "./words";

const EVERY_MS = 3_000;
// The space changes slowly, and the box reads its journal for it.
const SPACE_EVERY_MS = 15_000;
const DAY_S = 86_400;

const STATES: Record<string, ManageWord> = { online: "online", offline: "offline", paused: "paused", waiting: "waits_for_hours", starting: "starting" };

/** Shows the screen. Gives what ends it. */
export function deliveryScreen(root: HTMLElement): () => void {
  const deliveryWrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const spaceWrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const [now, queue, runs, open, failed] = [h("div"), h("div"), h("div"), h("div"), h("div")];
  const [space, streams] = [h("div"), h("div")];
  const none = h("p", { hidden: true });
  const buttons = h("div", { class: "row" });
  const delivery = h("div", { hidden: true }, now, buttons, queue, runs, open, failed);
  const bar = part(m("delivery"), none, deliveryWrong, delivery);
  fill(root, bar, part(m("storage"), spaceWrong, space, streams));

  const load = async () => {
    let status: SyncStatus;
    try {
      status = await ask<SyncStatus>("sync.status");
    } catch (error) {
      // Nothing is delivered: the box says so, and with which key of the configuration it would.
      if (!(error instanceof Refused) || error.status !== 409) throw error;
      delivery.hidden = true;
      none.hidden = false;
      fill(none, sentence(error.message));
      return;
    }
    delivery.hidden = false;
    none.hidden = true;
    renew(now, [status.state, status.since, status.reason, status.next, status.store, status.rate, status.max_rate, status.sent_bytes, status.problems], () => state(status));
    renew(buttons, status.state === "paused", (isPaused) => [
      action(isPaused ? m("resume_delivery") : m("pause_delivery"), () => [isPaused ? "sync.resume" : "sync.pause", {}], look.now),
      action(m("retry_all"), () => ["sync.retry", {}], look.now),
    ]);
    renew(queue, [status.waiting, status.set_aside, status.waiting_bytes, status.formats, status.lag_s === undefined ? "" : Math.floor(status.lag_s / 10)], () => waiting(status));
    renew(runs, status.transfers, transfers);
    renew(open, status.open, recorded);
    renew(failed, [status.failed, status.set_aside], () => failures(status));
  };
  const loadSpace = async () => {
    const [store, health] = await Promise.all([ask<StoreStatus>("store.status"), ask<Health>("device.stats")]);
    renew(space, [store.own, store.space, health.storage, health.streams.bits_per_second, Math.floor(health.uptime_s / 60)], () => spaceOf(store, health));
    renew(streams, [store.streams, store.more_streams], () => reach(store));
  };
  const look = repeated(EVERY_MS, /^(sync|recording|clip|reset)/, load, deliveryWrong);
  const lookSpace = repeated(SPACE_EVERY_MS, /^(storage|reset)/, loadSpace, spaceWrong);
  return () => {
    look.end();
    lookSpace.end();
  };
}

function state(status: SyncStatus) {
  const word = STATES[status.state];
  const is = status.state === "online" ? "chip on" : status.state === "offline" ? "chip bad" : "chip";
  const limit = status.max_rate === undefined ? m("no_limit") : m("at_most", { rate: rate(status.max_rate * 8) });
  return [
    h("p", { class: "state" }, h("span", { class: is }, word ? m(word) : status.state), " ", m("since", { time: moment(status.since) })),
    status.reason !== undefined && h("p", { class: "wrong" }, sentence(status.reason)),
    status.next !== undefined && h("p", {}, m(status.state === "waiting" ? "begins_at" : "tries_at", { time: moment(status.next) })),
    h("ul", { class: "faults" }, ...status.problems.map((text) => h("li", {}, sentence(text)))),
    facts([
      [m("store"), shortened(status.store)],
      [m("rate"), `${rate(status.rate * 8)} (${limit})`],
      [m("sent"), bytes(status.sent_bytes)],
    ]),
  ];
}

function waiting(status: SyncStatus) {
  // Those with failed deliveries do not wait for their turn: they wait for somebody.
  const waits = Math.max(0, status.waiting - status.set_aside);
  if (waits === 0) return [h("h3", {}, m("queue")), h("p", {}, m("nothing_waits"))];
  const counted = status.waiting > 1000 ? m("of_the_oldest", { n: 1000 }) : "";
  const oldest = status.lag_s === undefined ? "" : m("oldest_waits", { time: moment(boxNow() - status.lag_s * 1000) });
  const rows = status.formats.map((one) => [one.format, String(one.files), bytes(one.bytes)]);
  return [
    h("h3", {}, m("queue")),
    h("p", { class: "waiting" }, m("so_many_wait", { n: waits, bytes: bytes(status.waiting_bytes) }), " ", oldest),
    rows.length > 0 && table(m("queue"), [m("format"), m("files"), m("tape")], rows),
    counted !== "" && h("p", { class: "small" }, counted),
  ];
}

function transfers(all: SyncStatus["transfers"]) {
  if (all.length === 0) return [];
  const rows = all.map((one) => {
    const what = `${bytes(one.sent_bytes)} / ${bytes(one.bytes)}`;
    return [one.format, shortened(one.key), meter(m("being_sent"), one.sent_bytes, one.bytes, what)];
  });
  return [h("h3", {}, m("being_sent")), table(m("being_sent"), [m("format"), m("key"), m("sent")], rows)];
}

function recorded(all: SyncStatus["open"]) {
  if (all.length === 0) return [];
  const rows = all.map((one) => [h("a", { href: recordingLink(one.recording) }, shortened(one.stream)), one.format, sentence(one.goes)]);
  return [h("h3", {}, m("being_recorded")), table(m("being_recorded"), [m("stream_word"), m("format"), m("when")], rows)];
}

function failures(status: SyncStatus) {
  if (status.failed.length === 0) return [];
  const rows = status.failed.map((one) => [h("a", { href: recordingLink(one.recording) }, cut(one.key === "" ? one.recording : one.key)), one.format, sentence(one.reason)]);
  return [
    h("h3", {}, m("failed")),
    h("p", { class: "wrong" }, m("so_many_failed", { n: status.set_aside, shown: status.failed.length })),
    table(m("failed"), [m("file"), m("format"), m("why")], rows),
  ];
}

const KNOWN_AFTER_S = 3_600;
const TB = 1e12;

/**
 * How long the storage device lasts, as far as it can be said. Nobody tells the box how many bytes its maker allows, and a device
 * that tells its wear tells tenths: so it is what each TB lasts, and the reader has the data sheet.
 */
export function daysLeft(lifeUsed: number | null, written: number, uptimeS: number): string {
  if (lifeUsed !== null && lifeUsed > 100) return m("days_over");
  const left = lifeUsed === null ? "" : m("life_left", { n: 100 - lifeUsed }) + " ";
  if (uptimeS < KNOWN_AFTER_S) return left + m("days_not_yet");
  if (written === 0) return left + m("days_nothing");
  return left + m("days_each", { length: lasts((TB / written) * uptimeS) });
}

function spaceOf(store: StoreStatus, health: Health) {
  const { storage, streams, uptime_s } = health;
  const space = store.space;
  const states: Record<string, ManageWord> = { ok: "storage_ok", full: "storage_full", failed: "storage_failed" };
  const word = states[storage.state];
  const perSecond = streams.bits_per_second / 8;
  const written = uptime_s > 0 ? (storage.written / uptime_s) * DAY_S : 0;
  const kept = (of: Kept | null) => (of === null ? "" : m("so_many_kept", { n: of.recordings, more: of.more ? "+" : "", bytes: bytes(of.bytes) }));
  const life = (used: number) => (used > 100 ? m("life_over") : m("life_used", { n: used }));
  return [
    h("p", { class: "state" }, h("span", { class: storage.state === "ok" ? "chip on" : "chip bad" }, word ? m(word) : storage.state)),
    storage.reason !== undefined && h("p", { class: "wrong" }, sentence(storage.reason)),
    !store.own && h("p", { class: "wrong" }, m("not_own")),
    !store.own && action(m("adopt"), () => ["store.adopt", {}], () => {}),
    space?.is_failing === true && h("p", { class: "wrong" }, m("card_fails")),
    h("p", {}, meter(m("used"), storage.used, storage.used + storage.left, m("used_of", { used: bytes(storage.used), whole: bytes(storage.used + storage.left) }))),
    facts([
      [m("left"), bytes(storage.left) + (perSecond > 0 ? " · " + m("lasts_for", { length: lasts(storage.left / perSecond) }) : "")],
      [m("quota"), space?.quota ? bytes(space.quota) : m("no_quota")],
      [m("file_system"), space ? m("free_of", { free: bytes(space.free), total: bytes(space.total) }) : ""],
      [m("protected"), space ? kept(space.protected) : ""],
      [m("in_channels"), space && space.in_channels.recordings > 0 ? kept(space.in_channels) : ""],
      [m("undelivered"), space ? kept(space.undelivered) : ""],
      [m("oldest_tape"), storage.oldest === undefined ? "" : moment(storage.oldest)],
      [m("written"), m("written_is", { bytes: bytes(storage.written), length: lasts(uptime_s), day: bytes(written) })],
      [m("lost"), storage.lost > 0 ? bytes(storage.lost) : ""],
      [m("wear"), space ? (space.life_used === null ? m("wear_unknown") : life(space.life_used)) : ""],
      [m("days_left"), space ? daysLeft(space.life_used, storage.written, uptime_s) : ""],
    ]),
  ];
}

function reach(store: StoreStatus) {
  if (store.streams.length === 0) return [h("p", {}, m("no_tape"))];
  const rows = store.streams.map((one) => {
    const seconds = (boxNow() - Date.parse(one.from)) / 1000;
    return [h("a", { href: timelineLink(one.stream) }, shortened(one.stream)), moment(one.from), seconds > 0 ? lasts(seconds) : length(0)];
  });
  return [
    h("h3", {}, m("reach")),
    table(m("reach"), [m("stream_word"), m("from"), m("how_far")], rows),
    store.more_streams && h("p", { class: "small" }, m("more_streams")),
  ];
}
