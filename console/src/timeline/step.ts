// Streams that play in step: all show the moment of the one that is furthest behind. Pure.

/** What one stream shows. */
export interface Shown {
  /** The moment of its picture, where it is known. */
  date: number | null;
  /** Whether it has stood still for long, and not because it waits. */
  isStalled: boolean;
  /** Whether it waits for the others. */
  waits: boolean;
}

/** What it is to do. */
export interface Pace {
  waits: boolean;
  rate: number;
  /** How far it jumps ahead, in milliseconds. */
  jump: number;
}

/** So far ahead of the others, a stream waits for them, until it is hardly ahead any more. */
const WAITS_MS = 400;
const GOES_ON_MS = 60;
/** So far behind the others, a stream that stood still jumps. */
const JUMPS_MS = 3_000;

/** The moment that all show, and what each is to do. Nobody waits for a stream that stands still, as where it has no more tape. */
export function inStep(all: Shown[]): { clock: number | null; paces: Pace[] } {
  const dates = all.flatMap((one) => (one.date === null || one.isStalled ? [] : [one.date]));
  const clock = dates.length === 0 ? null : Math.min(...dates);
  const paces = all.map((one) => {
    const ahead = clock === null || one.date === null ? 0 : one.date - clock;
    const waits = ahead > (one.waits ? GOES_ON_MS : WAITS_MS);
    return { waits, rate: !waits && ahead > GOES_ON_MS ? 0.9 : 1, jump: ahead < -JUMPS_MS ? -ahead : 0 };
  });
  return { clock, paces };
}
