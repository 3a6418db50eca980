// What somebody shared: it plays for whoever has the link, without a login, until the link ends.

import { boxNow, onBack } from "../box";
import { fill, h, say, theirs } from "../dom";
import { type Playing, type Told, playFile, playHls, playlistOf, told } from "../player";
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

  const play = (parts: number) => {
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
    const isFile = /\.mp4(\?|$)/.test(path);
    playing = isFile && parts === 1 ? playFile(video, path, () => failed()) : playHls(video, isFile ? playlistOf(path) : path, { failed, byScript: isFile });
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
      const now = document.hidden ? null : await told(path, { credentials: "omit" });
      if (isOver) return;
      if (now && now.status >= 400 && now.status < 500) return ends(...refused(now, until <= boxNow()));
      if (now && now.status < 400 && !playing) play(now.parts);
      else if (now && now.status >= 500 && !playing) say(said, now.status === 503 ? t("begins_soon") : t("box_answers", { status: now.status }));
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

function refused({ status, why }: Told, isExpired: boolean): (Node | string)[] {
  // What the box says of that is for who signs links.
  if (isExpired) return [t("link_over")];
  return [t(status === 404 || status === 410 ? "not_here_any_more" : "link_over"), " ", h("span", { lang: "en" }, theirs(why))];
}
