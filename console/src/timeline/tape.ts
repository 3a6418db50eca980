// What the box says of a stream's tape: spans, gaps, recordings, clips and notes. The decisions are pure.

import type { Recording, Recordings } from "../answers";
import { ask } from "../box";
import type { View } from "./scale";

interface Answer {
  resolution_s: number;
  spans: { from: string; to: string; gap_reason?: string }[];
  clips: { from: string; to: string; recording: string; name?: string }[];
}

/** A part of the time. */
export interface Part {
  from: number;
  to: number;
  text: string;
}

export interface Bar extends Part {
  recording: string;
  /** The recording itself, but of a clip. */
  row?: Recording;
  /** What became of its deliveries: what failed comes first. */
  delivery?: string;
}

/** A moment that somebody wrote something about. */
export interface Mark {
  at: number;
  text: string;
}

/** What there is in a part of the time. */
export interface Tape extends View {
  resolution_s: number;
  spans: Part[];
  /** Between two spans, with the reason. The last one may go on to the end. */
  gaps: Part[];
  recordings: Bar[];
  clips: Bar[];
  notes: Mark[];
}

export const EMPTY: Tape = { from: 0, to: 0, resolution_s: 1, spans: [], gaps: [], recordings: [], clips: [], notes: [] };

const MOST_NOTED = 20;
const time = (text: string): number => Date.parse(text);

/** Asks for the tape of a stream in a part of the time. */
export async function tapeOf(stream: string, asked: View & { resolution_s: number }, now: number): Promise<Tape> {
  const [from, to] = [new Date(asked.from).toISOString(), new Date(asked.to).toISOString()];
  const [line, list]: [Answer, Recordings] = await Promise.all([
    ask<Answer>("timeline", { stream, from, to, resolution: `${asked.resolution_s}s` }),
    ask<Recordings>("recording.search", { stream, from, to, limit: 100, descending: true }),
  ]);
  const noted = list.recordings.filter((one) => (one.more_notes ?? 0) > 0).slice(0, MOST_NOTED);
  const whole = await Promise.all(noted.map((one) => ask<Recording>("recording.get", { recording: one.id }).catch(() => one)));
  // The ranges of a composition may be of any times, in any order.
  const isShown = (one: Recording) => one.state !== "expired" && one.origin !== "clip" && one.origin !== "composition";
  return {
    from: asked.from,
    to: asked.to,
    resolution_s: line.resolution_s,
    spans: line.spans.map((span) => ({ from: time(span.from), to: time(span.to), text: "" })),
    gaps: gapsOf(line.spans, Math.min(asked.to, now)),
    recordings: list.recordings.filter(isShown).map((one) => ({ from: time(one.start), to: time(one.end), text: one.title ?? one.name ?? "", recording: one.id, row: one, ...delivered(one) })),
    clips: line.clips.map((clip) => ({ from: time(clip.from), to: time(clip.to), text: clip.name ?? "", recording: clip.recording })),
    notes: whole.flatMap((one) => one.notes.map((note) => ({ at: noteTime(one, note.at_s), text: note.text }))),
  };
}

const ORDER = ["failed", "removing", "waiting", "delivered"];

function delivered(one: Recording): { delivery?: string } {
  const state = ORDER.find((state) => one.renditions.some((delivery) => delivery.state === state));
  return state === undefined ? {} : { delivery: state };
}

/** The gaps behind spans. The time until the end is a gap where the last span says why it stops. */
export function gapsOf(spans: Answer["spans"], end: number): Part[] {
  return spans.flatMap((span, at) => {
    const next = spans[at + 1];
    const [from, to] = [time(span.to), next ? time(next.from) : end];
    const isGap = to - from > 1_000 && (next !== undefined || span.gap_reason !== undefined);
    return isGap ? [{ from, to, text: span.gap_reason ?? "" }] : [];
  });
}

/** Gaps that begin before a part of the time: the box tells a gap behind its span, which only a longer part has. */
export function carriedGaps(before: Tape, now: Tape): Part[] {
  const first = now.spans[0]?.from ?? Infinity;
  const isOver = (gap: Part) => gap.from < now.from && gap.to > now.from && first > now.from;
  return before.gaps.filter(isOver).map((gap) => ({ ...gap, to: Math.min(first, gap.to) }));
}

/** The moment of a note, which has the seconds of the recording's files: they close gaps, unless they are kept. */
export function noteTime(one: Pick<Recording, "start" | "gaps" | "gaps_kept">, at_s: number): number {
  let at = time(one.start) + at_s * 1000;
  if (one.gaps_kept) return at;
  for (const gap of one.gaps) {
    if (time(gap.from) <= at) at += time(gap.to) - time(gap.from);
  }
  return at;
}

/** The seconds of a recording's files at which a moment plays; one within a gap plays where the gap ends. */
export function playedAt(one: Pick<Recording, "start" | "gaps" | "gaps_kept">, at: number): number {
  const begins = time(one.start);
  let left = at - begins;
  for (const gap of one.gaps_kept ? [] : one.gaps) left -= Math.max(0, Math.min(at, time(gap.to)) - Math.max(begins, time(gap.from)));
  return Math.max(0, Math.round(left) / 1000);
}

/** Recordings that have a part of the time between them, one after the other: of those of the same time, the one that goes on longest. */
export function covering(all: Bar[], part: View): (Part & { row: Recording })[] {
  const found: (Part & { row: Recording })[] = [];
  for (let at = part.from; at < part.to; ) {
    const later = all.filter((one) => one.to > at && one.from < part.to && one.row);
    const begins = Math.max(at, Math.min(...later.map((one) => one.from)));
    const best = later.filter((one) => one.from <= begins).sort((a, b) => b.to - a.to)[0];
    if (!best?.row) break;
    const to = Math.min(part.to, best.to);
    found.push({ from: begins, to, text: best.text, row: best.row });
    at = to;
  }
  return found;
}

/** The part of the media that is within a part of the time, in milliseconds. */
export function mediaWithin(tape: Tape, view: View): number {
  const within = tape.spans.map((span) => Math.min(span.to, view.to) - Math.max(span.from, view.from));
  return within.filter((length) => length > 0).reduce((sum, length) => sum + length, 0);
}

/** What the box recorded since it was asked last. */
const SINCE_MS = 10_000;

/** True where there may be tape at a moment, so a still of it is worth a question. */
export const mayHaveTape = (tape: Tape, at: number): boolean => tape.spans.some((span, index) => span.from <= at && at < span.to + (index === tape.spans.length - 1 ? SINCE_MS : 0));

/** What there is at a moment, in words: the gap or the clip that it is in, the note that it is at. */
export function foundAt(tape: Tape, at: number, near: number): { gap: Part | undefined; clip: Bar | undefined; note: Mark | undefined; delivery: string | undefined } {
  const holds = (part: Part) => part.from <= at && at < part.to;
  const delivery = tape.recordings.find((one) => holds(one) && one.delivery !== undefined)?.delivery;
  return { delivery, gap: tape.gaps.find(holds), clip: tape.clips.find(holds), note: tape.notes.find((note) => Math.abs(note.at - at) <= near) };
}
