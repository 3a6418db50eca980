// A download, for who may. A right may hold for other streams alone: the file itself says so, before the browser would store an
// error.

import { box, credentials } from "./box";
import { fill, h, say } from "./dom";
import { address } from "./show";
import { t } from "./words";

const MOST_FILES = 50;

/** A link that stores a file, for who has the right. */
export function downloadLink(path: string, label: string): HTMLElement | null {
  if (!box.rights.has("download")) return null;
  const said = h("span", { class: "said", role: "status" });
  const link = h("a", { class: "button", href: path, download: "" }, label);
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    const reply = await fetch(path, { method: "HEAD", cache: "no-store", credentials: credentials() }).catch(() => null);
    if (!reply) return say(said, t("box_away"));
    if (!reply.ok) return say(said, reply.status === 403 ? t("no_download") : t("box_answers", { status: reply.status }));
    const files = Number(reply.headers.get("X-Edgereel-Parts") ?? 1);
    if (files === 1) {
      say(said, "");
      location.assign(address(path));
      return;
    }
    const number = (at: number) => h("a", { class: "button quiet", href: `${path}&part=${at}`, download: "" }, String(at));
    fill(said, t("so_many_files", { n: files }), " ", ...Array.from({ length: Math.min(files, MOST_FILES) }, (_, at) => number(at + 1)));
  });
  return h("span", { class: "action" }, link, said);
}
