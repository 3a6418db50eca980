// Recordings: the search of the box, page by page.

import type { Category, Recording, Recordings } from "../answers";
import { basketButton, basketLink } from "../basket";
import { Away, ask, box, onBack, onChange } from "../box";
import { field, fill, h, say, theirs } from "../dom";
import { onEvent } from "../events";
import { recordingLink } from "../places";
import { bytes, length, moment, tracks } from "../show";
import { still } from "../still";
import { type Word, t } from "../words";
import { deliveryState, marks, nameOf, stateChip } from "./states";

const PAGE = 24;
const TEXTS = ["text", "prefix", "stream"] as const;
const STATES = ["open", "closed", "delivered", "expired"] as const;
const REVIEWS = ["none", "pass", "review", "block"] as const;
const SORTS = ["start", "end", "length", "bytes"] as const;

/** The arguments of a search, as the address has them. */
export function searchOf(query: URLSearchParams): Record<string, unknown> {
  const found: Record<string, unknown> = { limit: PAGE, descending: query.get("order") !== "up", sort: query.get("sort") ?? "start" };
  for (const name of [...TEXTS, "category", "state", "review"]) {
    const value = query.get(name)?.trim();
    if (value) found[name] = value;
  }
  const tags = (query.get("tags") ?? "").split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  if (tags.length > 0) found["tags"] = tags;
  for (const name of ["from", "to"]) {
    // What the browser's field gives is the time of where the browser is.
    const time = new Date(query.get(name) ?? "");
    if (!Number.isNaN(time.getTime())) found[name] = time.toISOString();
  }
  return found;
}

/** Shows the screen. Gives what ends it. */
export function recordingsScreen(root: HTMLElement, _: string, query: URLSearchParams): () => void {
  const list = h("ul", { class: "recordings" });
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const more = h("button", { type: "button", hidden: true }, t("next_page"));
  const first = h("button", { type: "button", hidden: true }, t("first_page"));
  const basket = h("p", {}, basketLink());
  const news = h("button", { type: "button", class: "news", hidden: true }, t("changed_show"));
  fill(root, h("h1", { tabindex: -1 }, t("recordings")), form(query), basket, said, news, list, h("div", { class: "row pages" }, first, more));
  const mayCompose = () => {
    basket.hidden = !box.rights.has("operate");
    root.querySelectorAll<HTMLElement>("li .action").forEach((one) => (one.hidden = basket.hidden));
  };
  let next: string | null = null;
  let stops: (() => void)[] = [];
  let isOver = false;

  const load = async (after: string | null) => {
    more.disabled = first.disabled = true;
    try {
      const found: Recordings = await ask("recording.search", { ...searchOf(query), ...(after !== null && { after }) });
      if (isOver) return;
      stops.forEach((stop) => stop());
      stops = [];
      fill(list, ...found.recordings.map((one) => row(one, stops)));
      mayCompose();
      next = found.next;
      more.hidden = next === null;
      first.hidden = after === null;
      news.hidden = true;
      say(said, found.recordings.length === 0 ? t("no_recordings") : t("so_many", { n: found.recordings.length }));
    } catch (error) {
      if (!isOver) say(said, error instanceof Away ? t("box_away") : error instanceof Error ? error.message : String(error));
    }
    more.disabled = first.disabled = false;
  };
  const begin = () => void load(null);
  more.addEventListener("click", () => void load(next).then(() => root.querySelector("h1")?.focus()));
  first.addEventListener("click", begin);
  news.addEventListener("click", begin);
  const ends = [
    // A list that is read does not move by itself.
    onEvent((told) => {
      if (/^(recording|clip|reset)/.test(told.kind)) news.hidden = false;
    }),
    onBack(begin),
    onChange(mayCompose),
  ];
  mayCompose();
  begin();
  return () => {
    isOver = true;
    ends.forEach((end) => end());
    stops.forEach((stop) => stop());
  };
}

function form(query: URLSearchParams): HTMLElement {
  const text = (name: string, label: Word, more: object = {}) => {
    const input = h("input", { name, value: query.get(name) ?? "", ...more });
    return field(t(label), input);
  };
  const choice = (name: string, label: Word, options: [string, string][]) => {
    const chosen = query.get(name) ?? options[0]?.[0];
    return field(t(label), h("select", { name }, ...options.map(([value, shown]) => h("option", { value, selected: value === chosen }, shown))));
  };
  const categories = h("select", { name: "category" }, h("option", { value: "" }, t("any")));
  const chosen = query.get("category") ?? "";
  // The one that is chosen is there before the list of all is.
  if (chosen !== "") categories.append(h("option", { value: chosen, selected: true }, chosen));
  void fillCategories(categories, chosen);
  const submit = (event: Event) => {
    event.preventDefault();
    const entries = [...new FormData(made)].filter(([, value]) => value !== "") as [string, string][];
    const wanted = new URLSearchParams(entries).toString();
    location.hash = "#/recordings" + (wanted === "" ? "" : "?" + wanted);
  };
  const made = h(
    "form",
    { class: "search", role: "search", submit },
    text("text", "in_title", { type: "search", maxlength: 64 }),
    text("prefix", "begins_with", { maxlength: 255 }),
    text("stream", "stream", { placeholder: "live/*" }),
    text("tags", "tags_all"),
    field(t("category"), categories),
    choice("state", "state", [["", t("any")], ...STATES.map((state): [string, string] => [state, t(`state_${state}`)])]),
    choice("review", "review", [["", t("any")], ...REVIEWS.map((status): [string, string] => [status, t(`reviewed_${status}`)])]),
    text("from", "ends_after", { type: "datetime-local" }),
    text("to", "begins_before", { type: "datetime-local" }),
    choice("sort", "sort", SORTS.map((sort) => [sort, t(`sort_${sort}`)])),
    choice("order", "order", [["down", t("order_down")], ["up", t("order_up")]]),
    h("div", { class: "row" }, h("button", {}, t("search")), h("a", { class: "button quiet", href: "#/recordings" }, t("all_recordings"))),
  );
  return h("details", { class: "searching", open: query.toString() !== "" }, h("summary", {}, t("search")), made);
}

async function fillCategories(select: HTMLSelectElement, chosen: string): Promise<void> {
  const list = await ask<{ categories: Category[] }>("category.list", { limit: 100 }).catch(() => ({ categories: [] }));
  const others = list.categories.filter((one) => one.category !== chosen);
  select.append(...others.map((one) => h("option", { value: one.category }, one.name || one.category)));
}

function row(one: Recording, stops: (() => void)[]): HTMLElement {
  const picture = still("");
  picture.element.setAttribute("aria-hidden", "true");
  // A time lapse has no stills.
  const hasPicture = one.state !== "expired" && one.encrypted !== true && typeof one.form !== "object" && one.tracks.some((track) => track.kind === "video");
  if (hasPicture) {
    // A still for what is looked at, and for nothing else.
    const sight = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      sight.disconnect();
      const at = one.cover_s === undefined ? `${Math.floor(one.duration_s / 2)}s` : `${Math.round(one.cover_s * 1000)}ms`;
      void picture.show(`r/${one.id}/frame.mp4` + (one.duration_s < 2 ? "" : `?at=${at}`));
    });
    sight.observe(picture.element);
    stops.push(() => sight.disconnect(), () => picture.stop());
  }
  const details = [moment(one.start), length(one.duration_s), bytes(one.bytes), tracks(one.tracks)];
  return h(
    "li",
    { "data-recording": one.id },
    picture.element,
    h(
      "div",
      { class: "about" },
      h("h2", {}, h("a", { href: recordingLink(one.id) }, theirs(nameOf(one)))),
      h("p", { class: "small" }, theirs(one.stream), " · ", details.filter((text) => text !== "").join(" · ")),
      one.description !== null && h("p", { class: "clamped" }, theirs(one.description)),
      h("p", { class: "chips" }, stateChip(one), deliveryState(one), ...marks(one), ...one.tags.map((tag) => h("span", { class: "chip tag" }, theirs(tag)))),
      one.state !== "expired" && !one.form && basketButton(() => [{ recording: one.id, title: nameOf(one), from_s: null, to_s: null, note: "" }]),
    ),
  );
}
