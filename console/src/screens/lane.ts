// One stream of a time line: its tape, its picture, and what plays.

import { h } from "../dom";
import { type Playing, playHls } from "../player";
import { streamPath } from "../show";
import { still } from "../still";
import { draw } from "../timeline/draw";
import { type View, wanted } from "../timeline/scale";
import { type Pace, type Shown } from "../timeline/step";
import { EMPTY, type Tape, carriedGaps, tapeOf } from "../timeline/tape";
import { t } from "../words";

/** So long at one moment, a stream stands still. */
const STALLED_MS = 5_000;

/** What all streams of a time line share. */
export interface Shared {
  view: View;
  now: number;
  cursor: number | null;
  playing: number | null;
  selected: View | null;
}

/** A stream. */
export class Lane {
  readonly canvas;
  readonly video;
  readonly screen;
  tape: Tape = EMPTY;
  private readonly picture = still(t("picture"));
  private playing: Playing | null = null;
  private next: number | null = null;
  private isAsking = false;
  private isOver = false;
  private waits = false;
  private last = { date: null as number | null, at: 0 };

  constructor(readonly stream: string, isAlone: boolean) {
    this.canvas = h("canvas", { class: "timeline", tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-valuemax": 1000, "aria-valuenow": 0, "aria-label": t("timeline_of", { name: stream }), "aria-describedby": "timeline-keys" });
    this.video = h("video", { controls: isAlone, playsinline: true, hidden: true, "aria-label": t("picture_of", { name: stream }) });
    this.video.muted = true;
    this.screen = h("div", { class: "screen timeline-screen" }, this.video, this.picture.element);
  }

  /** Asks for the tape of a view. */
  load(view: View, now: number): Promise<Tape> {
    return tapeOf(this.stream, wanted(view, this.canvas.clientWidth), now);
  }

  /** Has this tape from now on. */
  take(got: Tape): void {
    this.tape = { ...got, gaps: [...carriedGaps(this.tape, got), ...got.gaps] };
  }

  draw(shared: Shared): void {
    if (!this.isOver) draw(this.canvas, { ...shared, tape: this.tape });
  }

  /** Shows the still of a moment: one request at a time, and the newest moment is next. */
  async scrub(time: number): Promise<void> {
    this.next = time;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.next !== null && !this.isOver) {
      const at: number = this.next;
      this.next = null;
      await this.picture.show(`${streamPath(this.stream)}/frame.mp4?at=${encodeURIComponent(new Date(at).toISOString())}`);
    }
    this.isAsking = false;
  }

  play(query: string, at: number | undefined, told: { failed: (status: number) => void; plays: () => void }): void {
    this.playing?.stop();
    this.waits = false;
    this.last = { date: null, at: performance.now() };
    this.video.hidden = false;
    this.video.playbackRate = 1;
    this.picture.element.hidden = true;
    this.playing = playHls(this.video, streamPath(this.stream) + "/master.m3u8" + query, { ...told, ...(at !== undefined && { at }), byScript: true });
  }

  /** The moment that plays. */
  date(): number | null {
    return this.playing?.date() ?? null;
  }

  /** What it shows, for those who play in step. */
  shown(): Shown {
    const [date, at] = [this.date(), performance.now()];
    if (date !== null) this.video.dataset["moment"] = String(Math.round(date));
    if (date !== this.last.date || this.waits) this.last = { date, at };
    return { date, isStalled: at - this.last.at > STALLED_MS, waits: this.waits };
  }

  /** Plays as the others want it. */
  keep({ waits, rate, jump }: Pace): void {
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
    if (jump > 0 && !this.video.ended && this.date() !== null) {
      this.video.currentTime += jump / 1000;
      this.last.at = performance.now();
    }
    if (waits !== this.waits) this.hold(waits);
    this.waits = waits;
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.video.pause();
    else if (this.playing) void this.video.play().catch(() => {});
  }

  stop(): void {
    this.playing?.stop();
    this.playing = null;
    this.video.hidden = true;
    this.picture.element.hidden = false;
  }

  end(): void {
    this.isOver = true;
    this.playing?.stop();
    this.picture.stop();
  }
}
