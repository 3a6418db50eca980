// The time line of a stream: what was recorded, where the gaps are and why, and each moment of it played.

import type { Streams } from "../answers";
import { ask, box, boxNow, onBack, onChange } from "../box";
import { fill, h, say, theirs } from "../dom";
import { onEvent } from "../events";
import { timelineLink } from "../places";
import { type Playing, playHls } from "../player";
import { length, moment, streamPath, timeOfDay } from "../show";
import { still } from "../still";
import { draw } from "../timeline/draw";
import { type Hands, handle } from "../timeline/hands";
import { type View, around, dayOf, moved, placeOf, wanted, zoomed } from "../timeline/scale";
import { selectionPanel } from "../timeline/selection";
import { EMPTY, type Tape, carriedGaps, foundAt, tapeOf } from "../timeline/tape";
import { t } from "../words";

const HOUR = 3_600_000;
const LATER_MS = 200;
const EVERY_MS = 5_000;
const MOVE_MS = 250;
const NEAR_PX = 5;
const ROWS = 200;
const ZOOMS = [["zoom_day", 24 * HOUR], ["zoom_hour", HOUR], ["zoom_10min", HOUR / 6], ["zoom_minute", HOUR / 60]] as const;

/** Shows the screen. Gives what ends it. */
export function timelineScreen(root: HTMLElement, stream: string, query: URLSearchParams): () => void {
  if (stream === "") return choose(root);
  const start = Date.parse(query.get("at") ?? "");
  let view: View = Number.isNaN(start) ? { from: boxNow() - 23 * HOUR, to: boxNow() + HOUR } : around(start, HOUR);
  let tape: Tape = EMPTY;
  let cursor: number | null = null;
  let selected: View | null = null;
  let playing: Playing | null = null;
  let isOver = false;

  const canvas = h("canvas", { class: "timeline", tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-valuemax": 1000, "aria-valuenow": 0, "aria-label": t("timeline_of", { name: stream }), "aria-describedby": "timeline-keys" });
  const video = h("video", { controls: true, playsinline: true, hidden: true, "aria-label": t("picture_of", { name: stream }) });
  video.muted = true;
  const picture = still(t("picture"));
  const screen = h("div", { class: "screen timeline-screen" }, video, picture.element);
  const at = h("p", { class: "at", "aria-live": "off" });
  const said = h("p", { class: "note", role: "status" });
  const date = h("input", { type: "date", "aria-label": t("day") });
  const selection = h("section", { class: "selection", "aria-label": t("selection"), hidden: true });
  const rows = h("tbody", {});
  const button = (label: string, press: () => void, more: object = {}) => h("button", { type: "button", class: "quiet", click: press, ...more }, label);

  // Pictures of the time line are drawn when something has changed, once for each picture of the browser.
  let isDue = false;
  const redraw = () => {
    if (isDue || isOver) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (!isOver) draw(canvas, { view, tape, now: boxNow(), cursor, playing: playing?.date() ?? null, selected });
    });
  };

  let timer = 0;
  let asked = 0;
  const load = async () => {
    clearTimeout(timer);
    const turn = ++asked;
    try {
      const got = await tapeOf(stream, wanted(view, canvas.clientWidth), boxNow());
      if (isOver || turn !== asked) return;
      tape = { ...got, gaps: [...carriedGaps(tape, got), ...got.gaps] };
      say(said, got.spans.length === 0 ? t("no_tape") : "");
      list();
      redraw();
    } catch (error) {
      if (!isOver && turn === asked) say(said, error instanceof Error ? error.message : String(error));
    }
    // What is recorded now grows at the end.
    if (!isOver && turn === asked && view.to > boxNow() - HOUR) timer = window.setTimeout(() => (document.hidden ? later() : void load()), EVERY_MS);
  };
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => !document.hidden && void load(), LATER_MS);
  };
  const look = (next: View) => {
    view = next;
    const noon = new Date((view.from + view.to) / 2);
    date.value = `${noon.getFullYear()}-${String(noon.getMonth() + 1).padStart(2, "0")}-${String(noon.getDate()).padStart(2, "0")}`;
    const fine = wanted(view, canvas.clientWidth).resolution_s;
    const isKnown = view.from >= tape.from && view.to <= tape.to && fine * 2 > tape.resolution_s;
    if (!isKnown || view.to > boxNow() - HOUR) later();
    redraw();
  };

  // Stills while somebody looks for a place: one request at a time, the newest place is next.
  let next: number | null = null;
  let isAsking = false;
  const scrub = async (time: number) => {
    next = time;
    if (isAsking) return;
    isAsking = true;
    while (next !== null && !isOver) {
      const wantedAt: number = next;
      next = null;
      await picture.show(`${streamPath(stream)}/frame.mp4?at=${encodeURIComponent(new Date(wantedAt).toISOString())}`);
    }
    isAsking = false;
  };
  const point = (time: number | null) => {
    cursor = time;
    if (time !== null) {
      const near = ((view.to - view.from) * NEAR_PX) / Math.max(1, canvas.clientWidth);
      const { gap, clip, note } = foundAt(tape, time, near);
      const what = [gap && t("gap_because", { why: gap.text || t("unknown") }), clip && t("clip_is", { name: clip.text }), note?.text];
      fill(at, moment(time), " ", ...what.filter((one) => one !== undefined).map((one) => h("span", {}, theirs(one), " ")));
      canvas.setAttribute("aria-valuenow", String(Math.round(placeOf(view, time) * 1000)));
      canvas.setAttribute("aria-valuetext", [timeOfDay(time), ...what].filter((one) => one !== undefined).join(", "));
      if (!gap && !playing) void scrub(time);
    }
    redraw();
  };

  const play = (path: string, more: { at?: number }, shown: string) => {
    playing?.stop();
    video.hidden = false;
    picture.element.hidden = true;
    say(said, t("loads"));
    playing = playHls(video, streamPath(stream) + "/master.m3u8" + path, {
      ...more,
      dated: true,
      failed: (status) => say(said, status === 503 ? t("begins_soon") : t("plays_not", { status })),
      plays: () => say(said, shown),
    });
    redraw();
  };
  const iso = (time: number) => encodeURIComponent(new Date(time).toISOString());
  const playFrom = (time: number) => play(`?start=${iso(time)}`, { at: time }, t("plays_from", { time: moment(time) }));
  const live = () => {
    look(around(boxNow(), view.to - view.from));
    play("", {}, t("live"));
  };
  const stop = () => {
    playing?.stop();
    playing = null;
    video.hidden = true;
    picture.element.hidden = false;
    say(said, "");
    redraw();
  };
  const select = (part: View | null) => {
    selected = part;
    selection.hidden = part === null;
    if (part) {
      const playPart = () => play(`?start=${iso(part.from)}&end=${iso(part.to)}`, { at: part.from }, t("plays_from", { time: moment(part.from) }));
      fill(selection, ...selectionPanel(stream, part, tape, { play: playPart, clear: () => select(null), made: later }));
    }
    redraw();
  };

  // The same in words, for whoever does not see the picture, and to go from one to the next.
  const list = () => {
    const within = (part: View) => part.to > view.from && part.from < view.to;
    const parts = [
      ...tape.spans.filter(within).map((one) => ({ ...one, kind: t("recorded_part") })),
      ...tape.gaps.filter(within).map((one) => ({ ...one, kind: t("gap") })),
      ...tape.clips.filter(within).map((one) => ({ ...one, kind: t("clip") })),
      ...tape.notes.filter((one) => within({ from: one.at, to: one.at })).map((one) => ({ from: one.at, to: one.at, text: one.text, kind: t("a_note") })),
    ];
    parts.sort((a, b) => a.from - b.from);
    const row = (one: (typeof parts)[number]) =>
      h("tr", {}, h("td", {}, one.kind), h("td", {}, button(moment(one.from), () => playFrom(one.from))), h("td", {}, one.to > one.from ? length((one.to - one.from) / 1000) : ""), h("td", {}, theirs(one.text)));
    if (!rows.contains(document.activeElement)) fill(rows, ...parts.slice(0, ROWS).map(row));
  };

  // What somebody looks at stays: the cursor, what plays, or now.
  const zoom = (factor: number) => {
    const isSeen = (time: number | null | undefined): time is number => typeof time === "number" && time >= view.from && time <= view.to;
    const time = [cursor, playing?.date(), boxNow()].find(isSeen);
    look(zoomed(view, factor, time === undefined ? 0.5 : placeOf(view, time)));
  };
  const hands: Hands = {
    view: () => view,
    cursor: () => cursor,
    selected: () => selected,
    look,
    point,
    select,
    play: playFrom,
    stop,
  };
  const release = handle(canvas, hands);
  date.addEventListener("change", () => {
    const [year, month, day] = date.value.split("-").map(Number);
    if (year && month && day) look(dayOf(new Date(year, month - 1, day).getTime()));
  });
  const controls = h(
    "div",
    { class: "row" },
    date,
    button("◀", () => look(moved(view, -0.5)), { "aria-label": t("earlier") }),
    button("▶", () => look(moved(view, 0.5)), { "aria-label": t("later") }),
    button("+", () => zoom(0.5), { "aria-label": t("zoom_in") }),
    button("−", () => zoom(2), { "aria-label": t("zoom_out") }),
    ...ZOOMS.map(([word, long]) => button(t(word), () => zoom(long / (view.to - view.from)))),
    h("button", { type: "button", click: live }, t("live")),
    button(t("stop_playing"), stop),
  );
  const heads = [t("what"), t("begins"), t("length"), t("why_or_name")].map((text) => h("th", { scope: "col" }, text));
  fill(
    root,
    h("p", {}, h("a", { href: "#/timeline" }, "← " + t("timeline"))),
    h("h1", { tabindex: -1 }, theirs(stream)),
    screen,
    said,
    controls,
    canvas,
    at,
    h("p", { class: "small", id: "timeline-keys" }, t("timeline_keys")),
    selection,
    h("details", {}, h("summary", {}, t("as_table")), h("div", { class: "scrolls" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), rows))),
  );

  const size = new ResizeObserver(() => look(view));
  size.observe(canvas);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", redraw);
  // What plays moves on.
  const moves = setInterval(() => !document.hidden && (playing || view.to > boxNow()) && redraw(), MOVE_MS);
  const ours = (told: { kind: string; event: { data?: Record<string, unknown> } }) => told.kind === "reset" || told.event.data?.["stream"] === stream;
  const seen = () => !document.hidden && later();
  document.addEventListener("visibilitychange", seen);
  const ends = [
    onEvent((told) => ours(told) && later()),
    onBack(later),
    onChange(() => selected && !selection.contains(document.activeElement) && select(selected)),
  ];
  look(view);
  void load();
  if (!Number.isNaN(start)) playFrom(start);
  return () => {
    isOver = true;
    clearTimeout(timer);
    clearInterval(moves);
    size.disconnect();
    scheme.removeEventListener("change", redraw);
    document.removeEventListener("visibilitychange", seen);
    release();
    ends.forEach((end) => end());
    playing?.stop();
    picture.stop();
  };
}

// Which stream? Those on the air, those with tape of the last day, or any that is typed.
function choose(root: HTMLElement): () => void {
  const list = h("ul", { class: "names" });
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const name = h("input", { required: true, placeholder: "live/cam1" });
  const go = (event: Event) => {
    event.preventDefault();
    location.hash = timelineLink(name.value.trim());
  };
  fill(root, h("h1", { tabindex: -1 }, t("timeline")), said, list, h("form", { class: "edit", submit: go }, h("label", { class: "field" }, h("span", {}, t("other_stream")), name), h("button", {}, t("show"))));
  const load = async () => {
    try {
      const [live, taped] = await Promise.all([ask<Streams>("stream.list", { limit: 100 }), ask<{ streams: { stream: string }[] }>("timeshift.streams", { page_size: 100 })]);
      const names = new Set([...live.streams, ...taped.streams].map((one) => one.stream));
      fill(list, ...[...names].sort().map((one) => h("li", {}, h("a", { href: timelineLink(one) }, theirs(one)))));
      say(said, names.size === 0 ? t("no_tape_today") : "");
    } catch (error) {
      say(said, error instanceof Error ? error.message : box.why);
    }
  };
  void load();
  return onBack(() => void load());
}
