// A stream on the air: its picture, what the box says of it, and what can be done.

import type { Recordings, Stream } from "../answers";
import { ask, box } from "../box";
import { action } from "../command";
import { copyable, dialog, fill, h, say, theirs } from "../dom";
import { timelineLink } from "../places";
import { type Playing, playHls } from "../player";
import { address, rate, streamPath, tracks } from "../show";
import { still } from "../still";
import { t } from "../words";

const STILL_MS = 5_000;
const BACK_S = 30;

/** A tile. */
export class Tile {
  readonly element: HTMLLIElement;
  private last: Stream | null = null;
  private readonly picture;
  private readonly screen = h("div", { class: "screen" });
  private readonly facts = h("dl", { class: "facts" });
  private readonly state = h("p", { class: "state" });
  private readonly faults = h("ul", { class: "faults" });
  private readonly buttons = h("div", { class: "row" });
  private readonly record = h("div", { class: "row" });
  private readonly note = h("p", { class: "note", role: "status" });
  private readonly sight: IntersectionObserver;
  private playing: Playing | null = null;
  private behind = 0;
  private timer = 0;
  private isSeen = true;
  private isOver = false;
  private recordedAs = "";

  /** `changed` is called when the viewer changed something. */
  constructor(readonly name: string, private readonly changed: () => void) {
    this.picture = still(t("picture_of", { name }));
    const title = h("h2", {}, h("a", { href: timelineLink(name) }, theirs(name)));
    const parts = [title, this.screen, this.note, this.buttons, this.state, this.facts, this.faults, this.record];
    this.element = h("li", { class: "tile", "data-stream": name }, ...parts);
    this.showStill();
    this.sight = new IntersectionObserver((entries) => {
      this.isSeen = entries.some((entry) => entry.isIntersecting);
      this.look();
    });
    this.sight.observe(this.element);
  }

  /** Whether it plays. */
  plays(): boolean {
    return this.playing !== null;
  }

  /** Shows what the box says of it. */
  update(stream: Stream): void {
    this.last = stream;
    const { recorded } = stream;
    fill(this.state, h("span", { class: recorded.now ? "chip on" : "chip off" }, recorded.now ? t("recorded") : t("not_recorded")), " ", h("span", { lang: "en" }, theirs(recorded.text)));
    const picture = [tracks(stream.tracks), stream.fps > 0 ? t("fps", { n: Math.round(stream.fps * 10) / 10 }) : ""];
    const rows: [string, string][] = [
      [t("bit_rate"), rate(stream.bits_per_second)],
      [t("tracks"), picture.filter((one) => one !== "").join(", ")],
      [t("publisher"), [stream.peer, stream.encoder].filter((one) => one !== undefined).join(", ")],
      [t("gaps"), stream.gaps > 0 ? String(stream.gaps) : ""],
    ];
    const shown = rows.filter(([, text]) => text !== "");
    fill(this.facts, ...shown.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, theirs(text))]));
    const left = (stream.left_out ?? []).map((track) => t("left_out", { what: `${track.kind} ${track.codec}` }));
    fill(this.faults, ...left.map((text) => h("li", {}, theirs(text))), ...(stream.notes ?? []).map((text) => h("li", { lang: "en" }, theirs(text))));
    if (!this.plays()) say(this.note, "");
    this.refresh();
  }

  /** Shows what this viewer may do now. */
  refresh(): void {
    const stream = this.last;
    if (!stream) return;
    const isManual = (stream.recorded.by ?? []).some((one) => one.origin === "manual");
    const as = !box.rights.has("operate") ? "" : isManual ? "manual" : "none";
    if (as === this.recordedAs) return;
    this.recordedAs = as;
    if (as === "") return fill(this.record);
    const command = isManual ? "recording.stop" : "recording.start";
    fill(this.record, action(isManual ? t("stop_recording") : t("record"), () => [command, { stream: this.name }], this.changed));
  }

  /** The publish has ended. What plays is not taken from under the viewer. */
  ended(): void {
    fill(this.state, h("span", { class: "chip off" }, t("off_the_air")));
    fill(this.record);
    this.recordedAs = "";
  }

  /** Looks whether anybody looks. Nothing is asked for what nobody sees. */
  look(): void {
    if (this.isOver) return;
    const isLooked = this.isSeen && !document.hidden;
    clearTimeout(this.timer);
    if (document.hidden && this.plays()) this.showStill();
    if (isLooked && !this.plays()) void this.renewStill();
  }

  /** The box was away: what it sends is asked for anew. */
  renew(): void {
    if (this.plays()) this.play(this.behind === 0 ? "" : `?delay=${this.behind}`, t("shown_again"));
    else this.look();
  }

  /** Ends everything. */
  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.sight.disconnect();
    this.playing?.stop();
    this.playing = null;
    this.picture.stop();
  }

  private readonly renewStill = async (): Promise<void> => {
    clearTimeout(this.timer);
    const isThere = await this.picture.show(streamPath(this.name) + "/frame.mp4");
    if (this.isOver || this.plays()) return;
    this.screen.classList.toggle("empty", !isThere);
    if (!document.hidden && this.isSeen) this.timer = window.setTimeout(this.renewStill, STILL_MS);
  };

  private showStill(): void {
    this.playing?.stop();
    this.playing = null;
    this.behind = 0;
    fill(this.screen, this.picture.element, h("span", { class: "nothing" }, t("no_picture")));
    fill(this.buttons, this.button(t("play_live"), () => this.live()), this.button(t("address"), () => this.showAddress()));
    say(this.note, "");
    if (!this.isOver) void this.renewStill();
  }

  private live(): void {
    this.behind = 0;
    this.play("", "");
  }

  private play(query: string, when: string): void {
    clearTimeout(this.timer);
    this.playing?.stop();
    const video = h("video", { controls: true, muted: true, playsinline: true, "aria-label": t("picture_of", { name: this.name }) });
    video.muted = true;
    this.screen.classList.remove("empty");
    fill(this.screen, video);
    say(this.note, when === "" ? t("loads") : when);
    this.playing = playHls(video, streamPath(this.name) + "/master.m3u8" + query, {
      failed: (status) => say(this.note, status === 503 ? t("begins_soon") : t("plays_not", { status })),
      plays: () => say(this.note, when),
    });
    fill(
      this.buttons,
      this.button(t("live"), () => this.live()),
      this.button(t("back_30"), () => this.back()),
      this.button(t("from_beginning"), () => void this.fromBeginning()),
      this.button(t("stop_playing"), () => this.showStill()),
    );
  }

  private back(): void {
    this.behind += BACK_S;
    this.play(`?delay=${this.behind}`, t("so_late", { n: this.behind }));
  }

  private async fromBeginning(): Promise<void> {
    try {
      const list: Recordings = await ask("recording.list", { stream: this.name, state: "open", limit: 1 });
      const open = list.recordings[0];
      if (!open) return say(this.note, t("nothing_open"));
      this.behind = 0;
      this.play("?start=" + encodeURIComponent(open.start), t("from_the_beginning"));
    } catch (error) {
      say(this.note, error instanceof Error ? error.message : String(error));
    }
  }

  private showAddress(): void {
    dialog(t("address"), h("p", {}, t("address_about")), copyable("", address(streamPath(this.name) + "/master.m3u8")));
  }

  private button(label: string, press: () => void): HTMLButtonElement {
    return h("button", { type: "button", click: press }, label);
  }
}
