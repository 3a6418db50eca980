// The hours of a week, as a task has them: lines such as `Mon-Fri 08:00-18:00`, and a grid of days and hours.

import { h } from "../dom";
import { language } from "../words";
import { m } from "./words";

const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
const HOURS = 24;
const DAY_MINUTES = 1_440;

/** Minutes of each hour of a week, Monday first. */
export type Week = number[][];

export const emptyWeek = (): Week => NAMES.map(() => Array.from({ length: HOURS }, () => 0));

/** The minutes of each hour that lines name. A line that cannot be read names none. */
export function weekOf(lines: string[]): Week {
  const week = emptyWeek();
  for (const line of lines) {
    const [, days, h1, m1, h2, m2] = /^(\S+)\s+(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(line.trim()) ?? [];
    if (days === undefined) continue;
    const from = Number(h1) * 60 + Number(m1);
    const end = Number(h2) * 60 + Number(m2);
    // An end that is not after the start is on the next day.
    const to = end > from ? end : end + DAY_MINUTES;
    for (const day of daysOf(days)) {
      for (let minute = from; minute < to; ) {
        const until = Math.min(to, (Math.floor(minute / 60) + 1) * 60);
        const of_day = week[(day + Math.floor(minute / DAY_MINUTES)) % 7] as number[];
        const hour = Math.floor((minute % DAY_MINUTES) / 60);
        of_day[hour] = Math.min(60, (of_day[hour] as number) + until - minute);
        minute = until;
      }
    }
  }
  return week;
}

function daysOf(text: string): number[] {
  if (text === "daily") return NAMES.map((_, day) => day);
  const day = (name: string | undefined) => NAMES.findIndex((one) => one.toLowerCase() === name?.toLowerCase());
  return text.split(",").flatMap((part) => {
    const [first, last] = part.split("-");
    const [from, to] = [day(first), last === undefined ? day(first) : day(last)];
    if (from < 0 || to < 0) return [];
    return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, n) => (from + n) % 7);
  });
}

/** The lines that name the chosen hours, which are whole. */
export function linesOf(week: Week): string[] {
  const days = new Map<string, number[]>();
  week.forEach((hours, day) => {
    for (let hour = 0; hour < HOURS; hour++) {
      if (!hours[hour] || (hour > 0 && hours[hour - 1])) continue;
      let end = hour;
      while (end < HOURS && hours[end]) end++;
      const two = (of: number) => String(of % HOURS).padStart(2, "0") + ":00";
      const span = `${two(hour)}-${two(end)}`;
      days.set(span, [...(days.get(span) ?? []), day]);
    }
  });
  return [...days].map(([span, all]) => `${named(all)} ${span}`);
}

function named(days: number[]): string {
  if (days.length === NAMES.length) return "daily";
  const runs: number[][] = [];
  for (const day of days) {
    const last = runs[runs.length - 1];
    if (last && last[last.length - 1] === day - 1) last.push(day);
    else runs.push([day]);
  }
  return runs.map((run) => (run.length > 2 ? `${NAMES[run[0] as number]}-${NAMES[run[run.length - 1] as number]}` : run.map((day) => NAMES[day]).join(","))).join(",");
}

/** The name of a day in the language of the page. */
function dayName(day: number): string {
  // The first day of 2024 is a Monday.
  return new Intl.DateTimeFormat(language(), { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + day));
}

/** The grid of a week. With `changed`, hours are chosen by a press, and with arrows and the space bar. */
export function weekGrid(label: string, week: Week, changed?: () => void): HTMLElement {
  const cell = (day: number, hour: number) => {
    const minutes = () => (week[day] as number[])[hour] as number;
    const name = `${dayName(day)} ${hour}:00`;
    const made = h("td", { tabindex: changed ? (day + hour === 0 ? 0 : -1) : null, role: changed ? "gridcell" : null, "aria-label": changed ? name : null, title: name });
    const show = () => {
      made.className = minutes() === 0 ? "" : minutes() < 60 ? "part-of" : "on";
      if (changed) made.setAttribute("aria-selected", String(minutes() > 0));
    };
    const toggle = () => {
      (week[day] as number[])[hour] = minutes() > 0 ? 0 : 60;
      show();
      changed?.();
    };
    if (changed) made.addEventListener("click", () => (toggle(), focus(day, hour)));
    show();
    return { made, toggle };
  };
  const cells = NAMES.map((_, day) => Array.from({ length: HOURS }, (_, hour) => cell(day, hour)));
  const focus = (day: number, hour: number) => {
    cells.flat().forEach(({ made }) => made.setAttribute("tabindex", "-1"));
    const made = cells[(day + 7) % 7]?.[(hour + HOURS) % HOURS]?.made;
    made?.setAttribute("tabindex", "0");
    made?.focus();
  };
  const heads = h("tr", {}, h("td"), ...[0, 6, 12, 18].map((hour) => h("th", { colspan: 6, scope: "colgroup" }, String(hour))));
  const rows = cells.map((row, day) => h("tr", {}, h("th", { scope: "row" }, dayName(day)), ...row.map(({ made }) => made)));
  const grid = h("table", { class: changed ? "week chooses" : "week", role: changed ? "grid" : null, "aria-label": label }, h("thead", {}, heads), h("tbody", {}, ...rows));
  if (changed) {
    grid.addEventListener("keydown", (event) => {
      const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const at = cells.flat().findIndex(({ made }) => made === event.target);
      if (at < 0) return;
      const [day, hour] = [Math.floor(at / HOURS), at % HOURS];
      const step = steps[event.key];
      if (step) focus(day + step[0], hour + step[1]);
      else if (event.key === " " || event.key === "Enter") cells[day]?.[hour]?.toggle();
      else return;
      event.preventDefault();
    });
  }
  const on = week.flat().reduce((all, minutes) => all + minutes, 0);
  return h("div", { class: "scrolls", tabindex: changed ? null : 0, role: "region", "aria-label": label }, grid, !changed && h("p", { class: "small" }, m("hours_a_week", { n: Math.round(on / 6) / 10 })));
}
