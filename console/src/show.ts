// Lengths, sizes, times and tracks as texts in the language of the page.

import { language } from "./words";
import type { Track } from "./answers";

/** As in 1:02:03. */
export function length(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const hours = whole >= 3600 ? Math.floor(whole / 3600) + ":" : "";
  return hours + two((whole / 60) % 60) + ":" + two(whole % 60);
}

const number = (value: number, most: number) => new Intl.NumberFormat(language(), { maximumFractionDigits: most }).format(value);

/** As in 12.3 MB. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return number(value, value < 100 && unit > 0 ? 1 : 0) + " " + units[unit];
}

/** As in 2.5 Mbit/s. */
export function rate(bitsPerSecond: number): string {
  return bitsPerSecond >= 1e6 ? number(bitsPerSecond / 1e6, 1) + " Mbit/s" : number(bitsPerSecond / 1e3, 0) + " kbit/s";
}

// Making one takes longer than a hundred texts by it.
const dates = new Map<string, Intl.DateTimeFormat>();

const FORMS = {
  moment: { dateStyle: "medium", timeStyle: "long" },
  time: { timeStyle: "long" },
  minute: { timeStyle: "short" },
  second: { timeStyle: "medium" },
  day: { weekday: "short", day: "numeric", month: "short" },
} as const;

/** A time in one of the forms that the page has. */
export function timeAs(form: keyof typeof FORMS, time: string | number): string {
  const key = language() + form;
  const made = dates.get(key) ?? new Intl.DateTimeFormat(language(), FORMS[form]);
  dates.set(key, made);
  return made.format(new Date(time));
}

/** A moment with its zone. */
export const moment = (time: string | number): string => timeAs("moment", time);

/** The time of day with its zone. */
export const timeOfDay = (time: number): string => timeAs("time", time);

/** As in h264 1920×1080, aac. */
export function tracks(all: Track[]): string {
  return all.map((track) => (track.width ? `${track.codec} ${track.width}×${track.height}` : track.codec)).join(", ");
}

/** The path of a stream below `s/`, where every name of a stream can be asked for. */
export function streamPath(name: string): string {
  return "s/" + name.split("/").map(encodeURIComponent).join("/");
}

/** The whole address of a path of the box. */
export function address(path: string): string {
  return new URL(path, document.baseURI).href;
}
