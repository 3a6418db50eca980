// What somebody shared: it plays for whoever has the link, without a login, until the link ends.

import { boxNow, onBack, send } from "../box";
import { fill, h, say, theirs } from "../dom";
import { type Playing, playFile, playHls } from "../player";
import { moment } from "../show";
import { t } from "../words";

const EVERY_MS = 5_000;
// A page whose clock is a little ahead asks once the token has ended for the box, too.
const AFTER_MS = 500;
const LONGEST_MS = 0x7fffffff;

/** Whether a path is one that a token opens: a link that was changed leads nowhere else. */
export function isShared(path: string): boolean {
  try {
    // Any base does: what counts is where the path leads from there.
    const { href } = new URL(path, "box://here/");
    return path.startsWith("t/") && !path.includes("\\") && /^box:\/\/here\/t\/[\w-]+\/./.test(href);
  } catch {
    return false;
  }
}

/** Shows the screen. Gives what ends it. */
export function sharedScreen(root: HTMLElement, _: string, query: URLSearchParams): () => void {
  const path = query.get("of") ?? "";
  const until = Date.parse(query.get("until") ?? "");
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const over = h("p", { class: "wrong", role: "alert" });
  const again = h("button", { type: "button", hidden: true, click: () => void look() }, t("try_again"));
  const player = h("section", { "aria-label": t("picture") });
  const valid = h("p", { class: "small" }, Number.isNaN(until) ? "" : t("valid_until", { time: moment(until) }));
  fill(root, h("h1", { tabindex: -1 }, t("shared")), player, said, over, valid, again);
  let playing: Playing | null = null;
  let isOver = false;
  let timer = 0;

  const play = () => {
    const video = h("video", { controls: true, playsinline: true, "aria-label": t("picture") });
    fill(player, video);
    fill(over);
    again.hidden = true;
    // What failed may be the link: the box says.
    const failed = (status = 0) => {
      say(said, status === 503 ? t("begins_soon") : t("plays_not_here"));
      void look();
    };
    video.addEventListener("playing", () => say(said, ""));
    playing = /\.mp4(\?|$)/.test(path) ? playFile(video, path, () => failed()) : playHls(video, path, { failed });
  };
  const ends = (...words: (Node | string)[]) => {
    playing?.stop();
    playing = null;
    fill(player);
    say(said, "");
    fill(over, ...words);
    again.hidden = false;
  };
  // The box is asked whether the link still opens it: a browser that has loaded all of it would play on.
  const look = async () => {
    clearTimeout(timer);
    if (isOver) return;
    try {
      const reply = document.hidden ? null : await send(path, { headers: { Range: "bytes=0-0" }, credentials: "omit" });
      if (isOver) return;
      if (reply && reply.status >= 400 && reply.status < 500) return ends(...(await refused(reply, until <= boxNow())));
      void reply?.body?.cancel();
      if (reply?.ok && !playing) play();
      else if (reply && !reply.ok && !playing) say(said, reply.status === 503 ? t("begins_soon") : t("box_answers", { status: reply.status }));
    } catch {
      // The line above says that the box is away.
    }
    if (isOver) return;
    const left = until + AFTER_MS - boxNow();
    clearTimeout(timer);
    timer = window.setTimeout(look, left > 0 ? Math.min(EVERY_MS, left, LONGEST_MS) : EVERY_MS);
  };
  const renew = () => {
    playing?.stop();
    playing = null;
    void look();
  };
  if (isShared(path)) void look();
  else ends(t("link_wrong"));
  const seen = () => !document.hidden && (playing || again.hidden) && isShared(path) && void look();
  document.addEventListener("visibilitychange", seen);
  const back = onBack(() => again.hidden && renew());
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
    back();
    playing?.stop();
  };
}

async function refused(reply: Response, isExpired: boolean): Promise<(Node | string)[]> {
  // What the box says of that is for who signs links.
  if (isExpired) return [t("link_over")];
  const read = (await reply.json().catch(() => ({}))) as { error?: { message?: string } };
  const word = reply.status === 404 || reply.status === 410 ? "not_here_any_more" : "link_over";
  return [t(word), " ", h("span", { lang: "en" }, theirs(read.error?.message ?? ""))];
}
