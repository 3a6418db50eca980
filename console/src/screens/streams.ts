// The streams that are on the air: a tile for each, with a picture that renews itself, or live.

import type { Stream, Streams } from "../answers";
import { Away, ask, onBack, onChange } from "../box";
import { fill, h, say } from "../dom";
import { onEvent } from "../events";
import { t } from "../words";
import { Tile } from "./tile";

const EVERY_MS = 3_000;
const MOST_PAGES = 10;

/** Shows the screen. Gives what ends it. */
export function streamsScreen(root: HTMLElement): () => void {
  const tiles = new Map<string, Tile>();
  const grid = h("ul", { class: "tiles" });
  const none = h("p", { class: "none", hidden: true }, t("no_streams"));
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  fill(root, h("h1", { tabindex: -1 }, t("streams")), wrong, none, grid);
  let timer = 0;
  let isOver = false;
  let asks = false;
  let again = false;

  const update = async () => {
    if (asks) return void (again = true);
    asks = true;
    clearTimeout(timer);
    try {
      if (!document.hidden) show(await all());
      wrong.hidden = true;
    } catch (error) {
      if (!(error instanceof Away)) {
        say(wrong, error instanceof Error ? error.message : String(error));
        wrong.hidden = false;
      }
    }
    asks = false;
    if (isOver) return;
    timer = window.setTimeout(update, again ? 300 : EVERY_MS);
    again = false;
  };
  const show = (streams: Stream[]) => {
    if (isOver) return;
    const names = new Set(streams.map((one) => one.stream));
    for (const [name, tile] of tiles) {
      if (names.has(name)) continue;
      // What plays on is not taken from under the viewer: the end of a publish plays out.
      if (tile.plays()) {
        tile.ended();
        continue;
      }
      tile.stop();
      tiles.delete(name);
    }
    streams.forEach((one) => {
      const tile = tiles.get(one.stream) ?? new Tile(one.stream, update);
      tiles.set(one.stream, tile);
      tile.update(one);
    });
    const shown = [...tiles.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map((tile) => tile.element);
    // Elements that move lose the focus, and their video stops.
    if (shown.length !== grid.children.length || shown.some((one, at) => grid.children[at] !== one)) {
      shown.forEach((one, at) => grid.children[at] !== one && grid.insertBefore(one, grid.children[at] ?? null));
      while (grid.children.length > shown.length) grid.lastElementChild?.remove();
    }
    none.hidden = shown.length > 0;
  };
  const ends = [
    onEvent((event) => /^(publish|recording|stream|storage|reset)/.test(event.kind) && void update()),
    onBack(() => {
      tiles.forEach((tile) => tile.renew());
      void update();
    }),
    onChange(() => tiles.forEach((tile) => tile.refresh())),
  ];
  const seen = () => {
    tiles.forEach((tile) => tile.look());
    if (!document.hidden) void update();
  };
  document.addEventListener("visibilitychange", seen);
  void update();
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
    ends.forEach((end) => end());
    tiles.forEach((tile) => tile.stop());
  };
}

async function all(): Promise<Stream[]> {
  const streams: Stream[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const list: Streams = await ask("stream.list", { limit: 100, ...(after !== null && { after }) });
    streams.push(...list.streams);
    after = list.next;
    if (after === null) break;
  }
  return streams;
}
