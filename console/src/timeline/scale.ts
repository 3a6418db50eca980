// The part of the time that a time line shows, and where a moment is on it. Pure.

/** From one moment to another, in milliseconds since 1970. */
export interface View {
  from: number;
  to: number;
}

export const SHORTEST_MS = 60_000;
export const LONGEST_MS = 24 * 3_600_000;

/** The share of the view, from 0 to 1, at which a moment is. */
export const placeOf = (view: View, time: number): number => (time - view.from) / (view.to - view.from);

/** The moment at a share of the view. */
export const timeAt = (view: View, place: number): number => view.from + place * (view.to - view.from);

/** Zooms by a factor; what is at a share of the view stays there. */
export function zoomed(view: View, factor: number, place: number): View {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (view.to - view.from) * factor));
  const from = timeAt(view, place) - place * length;
  return { from, to: from + length };
}

/** Moves by a share of the view. */
export function moved(view: View, share: number): View {
  const by = share * (view.to - view.from);
  return { from: view.from + by, to: view.to + by };
}

/** So long a view with a moment in the middle. */
export const around = (time: number, length: number): View => ({ from: time - length / 2, to: time + length / 2 });

/** The day of a moment, where the browser is: from midnight on, 24 h. */
export function dayOf(time: number): View {
  const from = new Date(time).setHours(0, 0, 0, 0);
  return { from, to: from + LONGEST_MS };
}

const MINUTE = 60_000;
const STEPS = [1_000, 5_000, 10_000, 30_000, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE, 360 * MINUTE];

/** The moments to write on a ruler so many pixels wide, at whole steps of local time. */
export function ticks(view: View, width: number, apart = 90): { times: number[]; step: number } {
  const least = ((view.to - view.from) * apart) / Math.max(width, apart);
  const step = STEPS.find((one) => one >= least) ?? 720 * MINUTE;
  const shift = new Date(view.from).getTimezoneOffset() * MINUTE;
  const times: number[] = [];
  for (let time = Math.ceil((view.from - shift) / step) * step + shift; time <= view.to; time += step) times.push(time);
  return { times, step };
}

/** What is asked of the box for a view: half as much on each side, and spans as fine as can be seen. */
export function wanted(view: View, width: number): View & { resolution_s: number } {
  const more = (view.to - view.from) / 2;
  const resolution_s = Math.max(1, Math.round((view.to - view.from) / Math.max(width, 300) / 1000));
  return { from: view.from - more, to: view.to + more, resolution_s };
}
