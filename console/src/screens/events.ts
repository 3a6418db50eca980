// The events of the box since the page was opened.

import { fill, h, say, theirs } from "../dom";
import { type Told, onEvent, recent } from "../events";
import { recordingLink, timelineLink } from "../places";
import { moment } from "../show";
import { t } from "../words";

const MOST_ROWS = 200;
const KINDS = ["publish", "recording", "clip", "stream", "storage", "media", "sync", "task", "channel", "auth", "clock", "device"] as const;

/** Whether an event is one of those that are looked for. */
export function fits(told: Told, kind: string, stream: string): boolean {
  if (told.kind === "reset") return true;
  const of = String(told.event.data?.["stream"] ?? "");
  return (kind === "" || told.kind.startsWith(kind + ".")) && (stream === "" || of.includes(stream));
}

/** Shows the screen. Gives what ends it. */
export function eventsScreen(root: HTMLElement): () => void {
  const kind = h("select", {}, h("option", { value: "" }, t("any")), ...KINDS.map((one) => h("option", { value: one }, one)));
  const stream = h("input", { type: "search" });
  const list = h("ol", { class: "events" });
  const none = h("p", { class: "none" }, t("no_events"));
  const pause = h("button", { type: "button", class: "quiet", "aria-pressed": "false" }, t("pause"));
  let isPaused = false;
  const show = () => {
    const shown = recent().filter((told) => fits(told, kind.value, stream.value.trim())).slice(-MOST_ROWS).reverse();
    fill(list, ...shown.map(row));
    none.hidden = shown.length > 0;
  };
  // What came before stays: a row that is open stays open.
  const add = (told: Told) => {
    if (isPaused || !fits(told, kind.value, stream.value.trim())) return;
    list.prepend(row(told));
    if (list.children.length > MOST_ROWS) list.lastElementChild?.remove();
    none.hidden = true;
  };
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    say(pause, isPaused ? t("resume") : t("pause"));
    if (!isPaused) show();
  });
  kind.addEventListener("change", show);
  stream.addEventListener("input", show);
  const form = h("form", { class: "search", submit: (event) => event.preventDefault() }, h("label", { class: "field" }, h("span", {}, t("kind")), kind), h("label", { class: "field" }, h("span", {}, t("stream")), stream), h("div", { class: "row" }, pause));
  fill(root, h("h1", { tabindex: -1 }, t("events")), h("p", {}, t("events_about")), form, none, list);
  show();
  return onEvent(add);
}

function row(told: Told): HTMLElement {
  if (told.kind === "reset") return h("li", { class: "wrong" }, t("events_missing"));
  const { time, data = {} } = told.event;
  const [stream, recording] = [data["stream"], data["recording"]];
  // What says why, or how it ended.
  const why = ["reason", "error", "state"].map((name) => data[name]).find((value) => typeof value === "string");
  return h(
    "li",
    { "data-kind": told.kind },
    h("span", { class: "small" }, time === undefined ? "" : moment(time)),
    " ",
    h("strong", {}, told.kind),
    " ",
    typeof stream === "string" && h("a", { href: timelineLink(stream) + (time === undefined ? "" : "?at=" + encodeURIComponent(time)) }, theirs(stream)),
    " ",
    typeof recording === "string" && h("a", { href: recordingLink(recording) }, t("recording")),
    " ",
    typeof why === "string" && h("span", { lang: "en" }, theirs(why)),
    h("details", {}, h("summary", {}, t("details")), h("pre", { dir: "ltr" }, JSON.stringify(data, null, 1))),
  );
}
