// What the screens that manage the box are made of.

import { Away, onBack } from "../box";
import { type Child, fill, h, say, theirs } from "../dom";
import { onEvent } from "../events";
import { length } from "../show";
import { m } from "./words";

const LONGEST = 400;

/** A text that somebody wrote, or the box, and that may be of any length. */
export function cut(text: string): string {
  if (text.length <= LONGEST) return text;
  // The first half of a character alone is none.
  return text.slice(0, LONGEST).replace(/[\uD800-\uDBFF]$/, "") + "…";
}

/** The same as an element, in its own direction of writing. */
export const shortened = (text: string): HTMLElement => theirs(cut(text));

/** A sentence of the box, which is in English. */
export const sentence = (text: string): HTMLElement => h("span", { lang: "en" }, shortened(text));

/** A part of a screen. */
export const part = (title: string, ...children: Child[]): HTMLElement => h("section", { class: "part" }, h("h2", {}, title), ...children);

/** A table, which scrolls by itself where it is wider than the page. */
export function table(title: string, head: string[], rows: Child[][]): HTMLElement {
  const heads = h("tr", {}, ...head.map((text) => (text === "" ? h("td") : h("th", { scope: "col" }, text))));
  const body = rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell))));
  // What scrolls must be reached with the keyboard.
  return h("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": title }, h("table", {}, h("thead", {}, heads), h("tbody", {}, ...body)));
}

/** Names beside their values; what has no value is left out. */
export function facts(rows: [string, Child][]): HTMLElement {
  const shown = rows.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return h("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** So much of a whole. */
export function meter(label: string, value: number, whole: number, text: string): HTMLElement {
  const bar = h("progress", { value: Math.min(value, whole), max: Math.max(whole, 1), "aria-label": label });
  return h("span", { class: "meter" }, bar, " ", text);
}

const shown = new WeakMap<Element, string>();

/** Shows a value in an element. What is shown already stays as it is: it may have the focus, or be open. */
export function renew<T>(element: Element, value: T, make: (value: T) => Child[]): void {
  const key = JSON.stringify(value) ?? "";
  if (shown.get(element) === key) return;
  shown.set(element, key);
  fill(element, ...make(value));
}

/** As in 3.5 days, or 1:02:03. */
export function lasts(seconds: number): string {
  return seconds < 48 * 3600 ? length(seconds) : m("days", { n: Math.round(seconds / 8640) / 10 });
}

/** What an error says. */
export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Asks again and again while the page is looked at, when the box is back, and when an event says that something is new. Gives
 * what asks at once, and what ends it all.
 */
export function repeated(everyMs: number, news: RegExp, load: () => Promise<void>, wrong: HTMLElement): { now: () => void; end: () => void } {
  let timer = 0;
  let isOver = false;
  let asks = false;
  let again = false;
  const look = async () => {
    clearTimeout(timer);
    if (asks) return void (again = true);
    if (document.hidden || isOver) return;
    asks = true;
    try {
      await load();
      wrong.hidden = true;
    } catch (error) {
      // That the box is away is said above.
      if (!(error instanceof Away)) {
        say(wrong, words(error));
        wrong.hidden = false;
      }
    }
    asks = false;
    if (isOver) return;
    timer = window.setTimeout(look, again ? 300 : everyMs);
    again = false;
  };
  const now = () => void look();
  const ends = [onEvent((told) => news.test(told.kind) && now()), onBack(now)];
  document.addEventListener("visibilitychange", now);
  now();
  const end = () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", now);
    ends.forEach((end) => end());
  };
  return { now, end };
}
