// What a recording shows at other moments: a bar under its player, to move over. Where the box has a media worker, it shows the cells of
// its sheets; elsewhere stills, which need none.

import { credentials } from "./box";
import { h, say } from "./dom";
import { length } from "./show";
import { still } from "./still";
import { type Cell, cellAt, cellsOf } from "./timeline/cells";
import { t } from "./words";

/** So long no sheet is asked for after the box had none. */
const AGAIN_MS = 60_000;
/** About so many pictures are enough for a bar. */
const PICTURES = 200;
/** The most sheets that are kept: one has a megapixel and more. */
const SHEETS = 3;
const WIDTH_PX = 160;

let sleepsUntil = 0;

/** A bar under the player of a recording. `end` stops what it asks for. */
export interface Scrubber {
  element: HTMLElement;
  end(): void;
}

/** Makes the bar of a recording. A press plays from there. */
export function scrubber(recording: string, video: HTMLVideoElement): Scrubber {
  const canvas = h("canvas", {});
  const picture = still(t("picture"));
  const at = h("span", {});
  const shown = h("div", { class: "scrub-shown", hidden: true }, canvas, picture.element, at);
  // The player has a bar for keys and readers of the screen.
  const bar = h("div", { class: "scrub", "aria-hidden": "true" }, shown);
  const sheets = new Map<string, ImageBitmap>();
  let cells: Cell[] | null = null;
  let [next, isAsking, isOver] = [null as number | null, false, false];

  const timeOf = (event: MouseEvent): number | null => {
    const box = bar.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / Math.max(1, box.width)));
    if (!Number.isFinite(video.duration)) return null;
    shown.style.left = `${Math.min(box.width - WIDTH_PX / 2, Math.max(WIDTH_PX / 2, part * box.width))}px`;
    return part * video.duration;
  };
  const get = async (path: string): Promise<Response> => {
    const reply = await fetch(path, { cache: "no-cache", credentials: credentials() });
    if (!reply.ok) {
      void reply.body?.cancel();
      throw new Error(String(reply.status));
    }
    return reply;
  };
  const cell = async (time: number): Promise<boolean> => {
    if (Date.now() < sleepsUntil) return false;
    try {
      const every = Math.max(1, Math.ceil(video.duration / PICTURES));
      cells ??= cellsOf(await (await get(`r/${recording}/sprites.vtt?every=${every}s&width=${WIDTH_PX}`)).text());
      const found = cellAt(cells, time);
      if (!found) return false;
      let sheet = sheets.get(found.sheet);
      if (!sheet) {
        sheet = await createImageBitmap(await (await get(`r/${recording}/${found.sheet}`)).blob());
        sheets.set(found.sheet, sheet);
        for (const [name, old] of [...sheets].slice(0, -SHEETS)) {
          old.close();
          sheets.delete(name);
        }
      }
      [canvas.width, canvas.height] = [found.width, found.height];
      canvas.getContext("2d")?.drawImage(sheet, found.x, found.y, found.width, found.height, 0, 0, found.width, found.height);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message === "503") sleepsUntil = Date.now() + AGAIN_MS;
      // What this recording does not have now, it does not have a moment later.
      else cells = [];
      return false;
    }
  };
  const show = async (time: number): Promise<void> => {
    next = time;
    if (isAsking) return;
    isAsking = true;
    // One at a time, and the newest moment is next.
    while (next !== null && !isOver) {
      const now: number = next;
      next = null;
      const isCell = await cell(now);
      [canvas.hidden, picture.element.hidden] = [!isCell, isCell];
      if (!isCell) await picture.show(`r/${recording}/frame.mp4?at=${Math.floor(now * 1000)}ms`);
    }
    isAsking = false;
  };
  bar.addEventListener("pointermove", (event) => {
    const time = timeOf(event);
    if (time === null) return;
    shown.hidden = false;
    say(at, length(time));
    void show(time);
  });
  bar.addEventListener("pointerleave", () => (shown.hidden = true));
  bar.addEventListener("click", (event) => {
    const time = timeOf(event);
    if (time !== null) video.currentTime = time;
  });
  const end = () => {
    isOver = true;
    picture.stop();
    sheets.forEach((sheet) => sheet.close());
  };
  return { element: bar, end };
}
