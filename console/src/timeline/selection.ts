// What can be done with a part of the time: play it, keep it as a clip, download it, share it.

import { basketButton, basketLink } from "../basket";
import { box } from "../box";
import { action } from "../command";
import { type Child, field, h } from "../dom";
import { downloadLink } from "../download";
import { share } from "../share";
import { length, moment, streamPath } from "../show";
import { t } from "../words";
import type { View } from "./scale";
import { type Bar, type Tape, covering, mediaWithin, playedAt } from "./tape";

const MOST_DOWNLOADS = 6;

/** The parts of the panel. */
export function selectionPanel(stream: string, part: View, tape: Tape, hands: { play: () => void; clear: () => void; made: () => void }): Child[] {
  const [from, to] = [new Date(part.from).toISOString(), new Date(part.to).toISOString()];
  const name = h("input", { maxlength: 64 });
  const clip = () => ["clip.create", { stream, from, to, ...(name.value.trim() !== "" && { name: name.value.trim() }) }] as [string, Record<string, unknown>];
  const missing = (part.to - part.from - mediaWithin(tape, part)) / 1000;
  const within = tape.recordings.filter((one) => one.from < part.to && one.to > part.from);
  const downloads = within.slice(0, MOST_DOWNLOADS).map((one) => downloadLink(file(one, from, to), within.length === 1 ? t("download") : t("download_of", { time: moment(Math.max(one.from, part.from)) })));
  // The very beginning and end of a recording are left out: they may still move.
  const pieces = () =>
    covering(tape.recordings, part).map(({ row, from, to }) => ({
      recording: row.id,
      title: row.title ?? row.name ?? row.stream,
      from_s: from > Date.parse(row.start) ? playedAt(row, from) : null,
      to_s: to < Date.parse(row.end) ? playedAt(row, to) : null,
      note: "",
    }));
  const open = () => share(t("share"), shared(stream, part, within));
  const button = (label: string, press: () => void, quiet = false) => h("button", { type: "button", ...(quiet && { class: "quiet" }), click: press }, label);
  return [
    h("h2", {}, t("selection")),
    h("p", {}, `${moment(part.from)} – ${moment(part.to)}, ${length((part.to - part.from) / 1000)}. `, missing > 1 && t("missing_of_it", { length: length(missing) })),
    h("div", { class: "row" }, button(t("play_selection"), hands.play), box.rights.has("keys") && button(t("share"), open), ...downloads, button(t("clear"), hands.clear, true)),
    box.rights.has("operate") && h("div", { class: "row" }, field(t("clip_name"), name), action(t("make_clip"), clip, hands.made)),
    box.rights.has("operate") && within.length > 0 && h("div", { class: "row" }, basketButton(pieces), basketLink()),
  ];
}

const range = (from: string, to: string) => `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;

// A part of a recording, exact to the picture.
const file = (one: Bar, from: string, to: string) => `r/${one.recording}.mp4?${range(from, to)}&download=1`;

/**
 * The part as others get it: as an MP4 of the recording that has all of it, which every browser plays; else as HLS of the
 * stream's time. The token opens this part of the time alone.
 */
export function shared(stream: string, part: View, recordings: Bar[]): { token: Record<string, unknown>; path: string } {
  const [from, to] = [new Date(part.from).toISOString(), new Date(part.to).toISOString()];
  const whole = recordings.find((one) => one.from <= part.from && one.to >= part.to);
  if (whole) return { token: { recording: whole.recording, from, to }, path: `r/${whole.recording}.mp4?${range(from, to)}` };
  const path = `${streamPath(stream)}/master.m3u8?start=${encodeURIComponent(from)}&end=${encodeURIComponent(to)}`;
  return { token: { stream, from, to }, path };
}
