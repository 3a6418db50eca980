// The time line of a stream, or of several in step: what was recorded, where the gaps are and why, and each moment of it played.

import type { Streams } from "../answers";
import { ask, box, boxNow, onBack, onChange } from "../box";
import { fill, h, say, theirs } from "../dom";
import { onEvent } from "../events";
import { timelineLink, togetherLink } from "../places";
import { length, moment, timeOfDay } from "../show";
import { type Hands, handle } from "../timeline/hands";
import { type View, around, dayOf, moved, placeOf, wanted, zoomed } from "../timeline/scale";
import { inStep } from "../timeline/step";
import { selectionPanel } from "../timeline/selection";
import { foundAt, mayHaveTape } from "../timeline/tape";
import { t } from "../words";
import { Lane } from "./lane";
import { deliveryWord } from "./states";

const HOUR = 3_600_000;
const LATER_MS = 200;
const EVERY_MS = 5_000;
const MOVE_MS = 250;
const NEAR_PX = 5;
const ROWS = 200;
const MOST_STREAMS = 4;
const ZOOMS = [["zoom_day", 24 * HOUR], ["zoom_hour", HOUR], ["zoom_10min", HOUR / 6], ["zoom_minute", HOUR / 60]] as const;

/** Shows the screen. Gives what ends it. */
export function timelineScreen(root: HTMLElement, stream: string, query: URLSearchParams): () => void {
  const names = [...new Set([stream, ...query.getAll("s")])].filter((name) => name !== "").slice(0, MOST_STREAMS);
  const [first] = names;
  if (first === undefined) return choose(root);
  const isAlone = names.length === 1;
  const lanes = names.map((name) => new Lane(name, isAlone));
  const start = Date.parse(query.get("at") ?? "");
  let view: View = Number.isNaN(start) ? { from: boxNow() - 23 * HOUR, to: boxNow() + HOUR } : around(start, HOUR);
  let cursor: number | null = null;
  let selected: View | null = null;
  let clock: number | null = null;
  let isHeld = false;
  // Plays the same again: a page that nobody looks at plays nothing.
  let again: (() => void) | null = null;
  let isOver = false;

  const at = h("p", { class: "at", "aria-live": "off" });
  const said = h("p", { class: "note", role: "status" });
  const date = h("input", { type: "date", "aria-label": t("day") });
  const selection = h("section", { class: "selection", "aria-label": t("selection"), hidden: true });
  const rows = h("tbody", {});
  const holding = h("button", { type: "button", class: "quiet", "aria-pressed": "false", hidden: true, click: () => hold(!isHeld) }, t("hold"));
  const button = (label: string, press: () => void, more: object = {}) => h("button", { type: "button", class: "quiet", click: press, ...more }, label);

  // What has changed is shown once for each picture of the browser: a mouse moves more often than that.
  let isDue = false;
  const changed = { cursor: false, selection: false };
  const redraw = () => {
    if (isDue || isOver) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (isOver) return;
      if (changed.cursor && cursor !== null) tellPoint(cursor);
      if (changed.selection) tellSelection();
      changed.cursor = changed.selection = false;
      lanes.forEach((lane) => lane.draw({ view, now: boxNow(), cursor, playing: isAlone ? lane.date() : clock, selected }));
    });
  };
  const width = () => lanes[0]?.canvas.clientWidth ?? 0;
  const isPlaying = () => again !== null;

  let timer = 0;
  let asked = 0;
  const load = async () => {
    clearTimeout(timer);
    const turn = ++asked;
    const wrong: string[] = [];
    const tapeFor = async (lane: Lane) => {
      try {
        return await lane.load(view, boxNow());
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (!wrong.includes(why)) wrong.push(why);
        return null;
      }
    };
    const tapes = await Promise.all(lanes.map(tapeFor));
    // Another view was asked for meanwhile: its tape alone counts.
    if (isOver || turn !== asked) return;
    // A stream that fails keeps its tape, and the others get theirs.
    lanes.forEach((lane, at) => tapes[at] && lane.take(tapes[at]));
    const none = lanes.every((lane) => lane.tape.spans.length === 0);
    if (wrong.length > 0) say(said, wrong.join(" "));
    else if (none || !isPlaying()) say(said, none ? t("no_tape") : "");
    list();
    redraw();
    // What is recorded now grows at the end.
    if (view.to > boxNow() - HOUR) timer = window.setTimeout(() => (document.hidden ? later() : void load()), EVERY_MS);
  };
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => !document.hidden && void load(), LATER_MS);
  };
  const look = (next: View) => {
    view = next;
    const noon = new Date((view.from + view.to) / 2);
    date.value = `${noon.getFullYear()}-${String(noon.getMonth() + 1).padStart(2, "0")}-${String(noon.getDate()).padStart(2, "0")}`;
    const fine = wanted(view, width()).resolution_s;
    const isKnown = lanes.every(({ tape }) => view.from >= tape.from && view.to <= tape.to && fine * 2 > tape.resolution_s);
    if (!isKnown || view.to > boxNow() - HOUR) later();
    redraw();
  };

  const point = (time: number | null) => {
    cursor = time;
    changed.cursor = true;
    redraw();
  };
  const tellPoint = (time: number) => {
    const near = ((view.to - view.from) * NEAR_PX) / Math.max(1, width());
    const texts = lanes.map((lane) => {
      const { gap, clip, note, delivery } = foundAt(lane.tape, time, near);
      const what = [gap && t("gap_because", { why: gap.text || t("unknown") }), clip && t("clip_is", { name: clip.text }), note?.text, delivery && deliveryWord(delivery)];
      const found = what.filter((one) => one !== undefined);
      lane.canvas.setAttribute("aria-valuenow", String(Math.round(placeOf(view, time) * 1000)));
      lane.canvas.setAttribute("aria-valuetext", [timeOfDay(time), ...found].join(", "));
      if (!gap && mayHaveTape(lane.tape, time) && !isPlaying()) void lane.scrub(time);
      return isAlone || found.length === 0 ? found : [lane.stream + ":", ...found];
    });
    fill(at, moment(time), " ", ...texts.flat().map((one) => h("span", {}, theirs(one), " ")));
  };

  const play = (path: string, from: number | undefined, shown: string) => {
    again = () => play(path, from, shown);
    hold(false);
    say(said, t("loads"));
    for (const lane of lanes) {
      const of = (text: string) => (isAlone ? text : `${lane.stream}: ${text}`);
      lane.play(path, from, {
        failed: (status) => say(said, of(status === 503 ? t("begins_soon") : t("plays_not", { status }))),
        plays: () => say(said, shown),
      });
    }
    redraw();
  };
  const hold = (is: boolean) => {
    isHeld = is;
    holding.hidden = isAlone || !isPlaying();
    holding.setAttribute("aria-pressed", String(is));
    if (!isAlone) lanes.forEach((lane) => lane.hold(is));
  };
  const iso = (time: number) => encodeURIComponent(new Date(time).toISOString());
  const playFrom = (time: number) => play(`?start=${iso(time)}`, time, t("plays_from", { time: moment(time) }));
  const live = () => {
    look(around(boxNow(), view.to - view.from));
    play("", undefined, t("live"));
  };
  const stop = () => {
    again = clock = null;
    lanes.forEach((lane) => lane.stop());
    hold(false);
    say(said, "");
    redraw();
  };
  const select = (part: View | null) => {
    selected = part;
    changed.selection = true;
    redraw();
  };
  const tellSelection = () => {
    const part = selected;
    selection.hidden = part === null;
    if (!part) return;
    const playPart = () => play(`?start=${iso(part.from)}&end=${iso(part.to)}`, part.from, t("plays_from", { time: moment(part.from) }));
    const hands = { play: playPart, clear: () => select(null), made: later };
    fill(selection, ...lanes.flatMap((lane) => [!isAlone && h("h3", {}, theirs(lane.stream)), ...selectionPanel(lane.stream, part, lane.tape, hands)]));
  };

  // The same in words, for whoever does not see the picture, and to go from one to the next.
  const list = () => {
    const within = (part: View) => part.to > view.from && part.from < view.to;
    const parts = lanes.flatMap(({ stream: of, tape }) =>
      [
        ...tape.spans.filter(within).map((one) => ({ ...one, kind: t("recorded_part") })),
        ...tape.gaps.filter(within).map((one) => ({ ...one, kind: t("gap") })),
        ...tape.recordings.filter(within).map((one) => ({ ...one, kind: t("recording"), text: [one.text, one.delivery && deliveryWord(one.delivery)].filter(Boolean).join(", ") })),
        ...tape.clips.filter(within).map((one) => ({ ...one, kind: t("clip") })),
        ...tape.notes.filter((one) => within({ from: one.at, to: one.at })).map((one) => ({ from: one.at, to: one.at, text: one.text, kind: t("a_note") })),
      ].map((one) => ({ ...one, of })),
    );
    parts.sort((a, b) => a.from - b.from);
    const row = (one: (typeof parts)[number]) =>
      h("tr", {}, h("td", {}, one.kind), h("td", {}, button(moment(one.from), () => playFrom(one.from))), h("td", {}, one.to > one.from ? length((one.to - one.from) / 1000) : ""), h("td", {}, theirs(one.text)), !isAlone && h("td", {}, theirs(one.of)));
    if (!rows.contains(document.activeElement)) fill(rows, ...parts.slice(0, ROWS).map(row));
  };

  // What somebody looks at stays: the cursor, what plays, or now.
  const zoom = (factor: number) => {
    const isSeen = (time: number | null | undefined): time is number => typeof time === "number" && time >= view.from && time <= view.to;
    const time = [cursor, clock, boxNow()].find(isSeen);
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
  const releases = lanes.map((lane) => handle(lane.canvas, hands));
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
    holding,
    button(t("stop_playing"), stop),
  );
  const heads = [t("what"), t("begins"), t("length"), t("why_or_name"), ...(isAlone ? [] : [t("stream")])].map((text) => h("th", { scope: "col" }, text));
  fill(
    root,
    h("p", {}, h("a", { href: "#/timeline" }, "← " + t("timeline"))),
    h("h1", { tabindex: -1 }, isAlone ? theirs(first) : t("timeline")),
    h("div", { class: isAlone ? "" : "screens" }, ...lanes.map((lane) => lane.screen)),
    said,
    controls,
    ...lanes.flatMap((lane) => [!isAlone && h("h2", {}, h("a", { href: timelineLink(lane.stream) }, theirs(lane.stream))), lane.canvas]),
    at,
    h("p", { class: "small", id: "timeline-keys" }, t("timeline_keys")),
    selection,
    h("details", {}, h("summary", {}, t("as_table")), h("div", { class: "scrolls" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), rows))),
  );

  const size = new ResizeObserver(() => look(view));
  lanes.forEach((lane) => size.observe(lane.canvas));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", redraw);
  // What plays moves on, and several streams stay in step.
  const step = () => {
    if (document.hidden) return;
    const { clock: now, paces } = inStep(lanes.map((lane) => lane.shown()));
    clock = isPlaying() ? now ?? clock : null;
    if (!isAlone && isPlaying() && !isHeld) lanes.forEach((lane, place) => paces[place] && lane.keep(paces[place]));
    if (isPlaying() || view.to > boxNow()) redraw();
  };
  const moves = setInterval(step, MOVE_MS);
  const ours = (told: { kind: string; event: { data?: Record<string, unknown> } }) => told.kind === "reset" || names.includes(String(told.event.data?.["stream"]));
  const seen = () => {
    if (document.hidden) lanes.forEach((lane) => lane.stop());
    else {
      again?.();
      later();
    }
  };
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
    releases.forEach((release) => release());
    ends.forEach((end) => end());
    lanes.forEach((lane) => lane.end());
  };
}

// Which stream? Those on the air, those with tape of the last day, or any that is typed.
function choose(root: HTMLElement): () => void {
  const list = h("ul", { class: "names" });
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const name = h("input", { required: true, placeholder: "live/cam1" });
  const chosen = new Set<string>();
  const together = h("a", { class: "button", hidden: true }, t("all_of_these"));
  const check = (one: string) => {
    const input = h("input", { type: "checkbox", "aria-label": `${one}: ${t("in_step")}` });
    input.addEventListener("change", () => {
      if (input.checked) chosen.add(one);
      else chosen.delete(one);
      together.hidden = chosen.size < 2 || chosen.size > MOST_STREAMS;
      together.href = togetherLink([...chosen]);
    });
    return input;
  };
  const go = (event: Event) => {
    event.preventDefault();
    location.hash = timelineLink(name.value.trim());
  };
  fill(root, h("h1", { tabindex: -1 }, t("timeline")), said, list, h("p", { class: "small" }, t("choose_streams")), together, h("form", { class: "edit", submit: go }, h("label", { class: "field" }, h("span", {}, t("other_stream")), name), h("button", {}, t("show"))));
  const load = async () => {
    try {
      const [live, taped] = await Promise.all([ask<Streams>("stream.list", { limit: 100 }), ask<{ streams: { stream: string }[] }>("timeshift.streams", { page_size: 100 })]);
      const names = new Set([...live.streams, ...taped.streams].map((one) => one.stream));
      chosen.clear();
      together.hidden = true;
      fill(list, ...[...names].sort().map((one) => h("li", { class: "check" }, check(one), h("a", { href: timelineLink(one) }, theirs(one)))));
      say(said, names.size === 0 ? t("no_tape_today") : "");
    } catch (error) {
      say(said, error instanceof Error ? error.message : box.why);
    }
  };
  void load();
  return onBack(() => void load());
}
