// Draws a time line. Nothing is decided here.

import { timeAs } from "../show";
import { type View, placeOf, ticks } from "./scale";
import type { Bar, Mark, Tape } from "./tape";

export interface Drawn {
  view: View;
  tape: Tape;
  now: number;
  /** The moment under the pointer, or of the keyboard. */
  cursor: number | null;
  /** The moment that plays. */
  playing: number | null;
  selected: View | null;
}

export const HEIGHT = 168;
const RULER = 26;
const TAPE = { top: 34, height: 44 };
const RECORDINGS = { top: 84, height: 22 };
const CLIPS = { top: 110, height: 22 };
const NOTE_ROOM = 160;
const NOTES = { top: 138, height: 24 };

type Colours = Record<"text" | "soft" | "line" | "accent" | "good" | "bad" | "warn" | "card", string>;

/** Draws everything. The canvas is as wide as it is shown. */
export function draw(canvas: HTMLCanvasElement, drawn: Drawn): void {
  const context = canvas.getContext("2d");
  const width = canvas.clientWidth;
  if (!context || width === 0) return;
  const dense = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(HEIGHT * dense)) {
    [canvas.width, canvas.height] = [Math.round(width * dense), Math.round(HEIGHT * dense)];
  }
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, HEIGHT);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue("--" + name).trim();
  const colours = { text: colour("text"), soft: colour("soft"), line: colour("line"), accent: colour("accent"), good: colour("good"), bad: colour("bad"), warn: colour("warn"), card: colour("card") };
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const x = (time: number) => placeOf(drawn.view, time) * width;
  ruler(context, drawn.view, width, x, colours);
  tape(context, drawn, width, x, colours);
  bars(context, drawn.tape.recordings, RECORDINGS, x, width, colours.accent, colours.card);
  deliveries(context, drawn.tape.recordings, x, width, colours);
  bars(context, drawn.tape.clips, CLIPS, x, width, colours.warn, colours.card);
  notes(context, drawn.tape.notes, x, width, colours);
  if (drawn.selected) {
    const [from, to] = [x(drawn.selected.from), x(drawn.selected.to)];
    context.globalAlpha = 0.25;
    context.fillStyle = colours.accent;
    context.fillRect(from, RULER, to - from, HEIGHT - RULER);
    context.globalAlpha = 1;
    line(context, from, colours.accent, 2);
    line(context, to, colours.accent, 2);
  }
  line(context, x(drawn.now), colours.good, 2);
  if (drawn.playing !== null) line(context, x(drawn.playing), colours.bad, 3);
  if (drawn.cursor !== null) line(context, x(drawn.cursor), colours.text, 1);
}

function ruler(context: CanvasRenderingContext2D, view: View, width: number, x: (time: number) => number, colours: Colours): void {
  const { times, step } = ticks(view, width);
  const clock = step < 60_000 ? "second" : "minute";
  for (const time of times) {
    const midnight = new Date(time).setHours(0, 0, 0, 0) === time;
    context.fillStyle = colours.line;
    context.fillRect(x(time), 0, 1, HEIGHT);
    label(context, timeAs(midnight ? "day" : clock, time), x(time) + 4, RULER / 2, Math.min(86, width - x(time) - 6), midnight ? colours.text : colours.soft);
  }
}

function tape(context: CanvasRenderingContext2D, { view, tape }: Drawn, width: number, x: (time: number) => number, colours: Colours): void {
  const { top, height } = TAPE;
  context.strokeStyle = colours.line;
  context.strokeRect(0.5, top + 0.5, width - 1, height - 1);
  for (const gap of tape.gaps) {
    if (gap.to < view.from || gap.from > view.to) continue;
    const [from, to] = [Math.max(0, x(gap.from)), Math.min(width, x(gap.to))];
    context.save();
    context.beginPath();
    context.rect(from, top, Math.max(2, to - from), height);
    context.clip();
    context.strokeStyle = colours.bad;
    context.beginPath();
    for (let at = from - height; at < to; at += 9) {
      context.moveTo(at, top + height);
      context.lineTo(at + height, top);
    }
    context.stroke();
    context.restore();
    if (to - from > 60 && gap.text !== "") {
      context.fillStyle = colours.card;
      context.fillRect(from + 4, top + 12, Math.min(to - from - 8, context.measureText(gap.text).width + 8), 20);
      label(context, gap.text, from + 8, top + height / 2, to - from - 16, colours.bad);
    }
  }
  context.fillStyle = colours.good;
  for (const span of tape.spans) {
    if (span.to < view.from || span.from > view.to) continue;
    const from = Math.max(0, x(span.from));
    context.fillRect(from, top, Math.max(1, Math.min(width, x(span.to)) - from), height);
  }
}

function bars(context: CanvasRenderingContext2D, all: Bar[], { top, height }: { top: number; height: number }, x: (time: number) => number, width: number, fill: string, text: string): void {
  for (const bar of all) {
    const [from, to] = [Math.max(0, x(bar.from)), Math.min(width, x(bar.to))];
    if (to < 0 || from > width || to < from) continue;
    context.fillStyle = fill;
    context.fillRect(from, top, Math.max(2, to - from - 1), height - 2);
    if (to - from > 40) label(context, bar.text, from + 5, top + height / 2 - 1, to - from - 10, text);
  }
}

// What became of the deliveries of recordings: a strip under each, with a sign, so that colours do not say it alone.
function deliveries(context: CanvasRenderingContext2D, all: Bar[], x: (time: number) => number, width: number, colours: Colours): void {
  const shown: Record<string, [string, string]> = { delivered: [colours.good, "✓"], waiting: [colours.warn, "…"], removing: [colours.warn, "…"], failed: [colours.bad, "✗"] };
  for (const bar of all) {
    const [from, to] = [Math.max(0, x(bar.from)), Math.min(width, x(bar.to))];
    const [colour, sign] = shown[bar.delivery ?? ""] ?? [];
    if (!colour || !sign || to < 0 || from > width || to < from) continue;
    context.fillStyle = colour;
    context.fillRect(from, RECORDINGS.top + RECORDINGS.height - 4, Math.max(2, to - from - 1), 4);
    if (to - from > 24) {
      context.fillStyle = colours.card;
      context.fillRect(to - 17, RECORDINGS.top + 2, 14, 14);
      label(context, sign, to - 15, RECORDINGS.top + 9, 14, colour);
    }
  }
}

// Notes are beside their moments: on the left where the right has no room, and never over the next one.
function notes(context: CanvasRenderingContext2D, all: Mark[], x: (time: number) => number, width: number, colours: Colours): void {
  const sorted = [...all].sort((a, b) => a.at - b.at).map((note) => ({ text: note.text, at: x(note.at) }));
  let taken = 0;
  sorted.forEach(({ text, at }, place) => {
    if (at < -NOTE_ROOM || at > width) return;
    context.fillStyle = colours.warn;
    context.fillRect(at - 1, TAPE.top, 2, NOTES.top + NOTES.height - TAPE.top);
    const right = Math.min(NOTE_ROOM, Math.min(width, sorted[place + 1]?.at ?? width) - at - 8);
    const left = Math.min(NOTE_ROOM, at - taken - 8);
    const isLeft = right < 40 && left > right && place === sorted.length - 1;
    const room = isLeft ? left : right;
    const wide = Math.min(room, context.measureText(text.slice(0, 120)).width);
    const begins = isLeft ? at - 4 - wide : at + 4;
    label(context, text, begins, NOTES.top + NOTES.height / 2, room, colours.text);
    taken = isLeft ? at : begins + Math.max(0, wide);
  });
}

function line(context: CanvasRenderingContext2D, at: number, colour: string, wide: number): void {
  context.fillStyle = colour;
  context.fillRect(at - wide / 2, 0, wide, HEIGHT);
}

// A text that fits, or its beginning. However long it is, little of it is measured.
function label(context: CanvasRenderingContext2D, whole: string, at: number, middle: number, room: number, colour: string): void {
  let text = whole.slice(0, 120);
  if (text === "" || room < 12) return;
  if (context.measureText(text).width > room) {
    while (text.length > 1 && context.measureText(text + "…").width > room) text = text.slice(0, Math.ceil(text.length * 0.8) - 1);
    text += "…";
  }
  context.fillStyle = colour;
  context.fillText(text, at, middle);
}
