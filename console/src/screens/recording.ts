// A recording: play it, change what is written about it, download it, share it, and see whether it is delivered.

import type { Note, Recording } from "../answers";
import { Refused, ask, box, onBack, onChange } from "../box";
import { commandButton } from "../command";
import { type Child, copyable, field, fill, h, say, theirs } from "../dom";
import { downloadLink } from "../download";
import { draft } from "../drafts";
import { onEvent } from "../events";
import { timelineLink } from "../places";
import { type Playing, playFile, playHls, playlistOf, told } from "../player";
import { address, bytes, length, moment, tracks } from "../show";
import { type Scrubber, scrubber } from "../scrub";
import { share } from "../share";
import { t } from "../words";
import { acts } from "./acts";
import { deliveryWord, links, marks, nameOf, stateChip } from "./states";

const NO_FORM = { facts: "", isDirty: () => false };

/** Shows the screen. Gives what ends it. */
export function recordingScreen(root: HTMLElement, id: string): () => void {
  const heading = h("h1", { tabindex: -1 }, t("recording"));
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const parts = { player: h("section", { "aria-label": t("picture") }), about: h("section", {}), edit: h("section", {}) };
  const can = acts(() => parts.player.querySelector("video"), () => void load());
  fill(root, h("p", {}, h("a", { href: "#/recordings" }, "← " + t("recordings"))), heading, said, parts.player, parts.about, can.element, parts.edit);
  let one: Recording | null = null;
  let playing: Playing | null = null;
  let bar: Scrubber | null = null;
  let rights = [...box.rights].join();
  let form = NO_FORM;
  let [isOver, isGone, asked] = [false, false, 0];

  const renewForm = (one: Recording) => {
    const may = box.rights.has("moderate");
    const facts = JSON.stringify([may, one.title, one.description, one.tags, one.category, one.notes]);
    // What is being written in the form stays.
    if (facts === form.facts || (may && (form.isDirty() || parts.edit.contains(document.activeElement)))) return;
    form = { facts, isDirty: edit(parts.edit, one, () => void load()) };
  };
  const load = async () => {
    const turn = ++asked;
    try {
      const got: Recording = await ask("recording.get", { recording: id });
      // An answer of before it went may come late.
      if (isOver || (isGone && turn !== asked)) return;
      isGone = can.element.hidden = false;
      const before = one;
      one = got;
      fill(heading, theirs(nameOf(got)));
      document.title = (heading.textContent ?? "") + " – edgereel";
      if (before === null || (before.state === "open") !== (got.state === "open") || got.state === "expired") play();
      about(parts.about, got);
      can.show(got);
      renewForm(got);
    } catch (error) {
      // Of what is gone nothing else is said: an event about its end asks for it once more.
      if (isOver || isGone) return;
      if (error instanceof Refused && error.status === 404 && one) gone();
      else say(said, error instanceof Error ? error.message : String(error));
    }
  };
  // It was deleted, or is held back from this viewer now.
  const gone = () => {
    playing?.stop();
    bar?.end();
    playing = bar = one = null;
    form = NO_FORM;
    isGone = can.element.hidden = true;
    Object.values(parts).forEach((part) => fill(part));
    say(said, t("not_here_any_more"));
  };
  const play = () => {
    if (!one) return;
    playing?.stop();
    bar?.end();
    playing = bar = null;
    if (one.state === "expired") {
      fill(parts.player);
      return say(said, t("not_here_any_more"));
    }
    say(said, "");
    const video = h("video", { controls: true, playsinline: true, "aria-label": t("picture") });
    // What grows is longer by now, and of what is encrypted or has no other form than MP4 there are no pictures.
    if (one.state !== "open" && !one.encrypted && !one.form) bar = scrubber(one.id, video);
    fill(parts.player, video, bar?.element, h("div", { class: "row" }, ...(one.notes ?? []).map((note) => noteButton(note, video))));
    const file = `r/${one.id}.mp4`;
    const isShown = () => !isOver && video.isConnected;
    const refused = (why: string) => fill(said, t("plays_not_here"), " ", h("span", { lang: "en" }, theirs(why)));
    // A browser does not tell why a file does not play: the box may.
    const failed = () => {
      refused("");
      told(file).then(({ why }) => isShown() && refused(why), () => {});
    };
    const byHls = (byScript = false) => playHls(video, playlistOf(file), { byScript, failed: () => say(said, t("plays_not_here")), plays: () => say(said, "") });
    // What is open grows in HLS, and what is encrypted has no other form.
    if (one.state === "open" || one.encrypted) {
      playing = byHls();
      return;
    }
    const begin = async () => {
      const { parts: files, why } = await told(file);
      if (!isShown()) return;
      // A file has one coding and one size. The first one would end where the next begins.
      if (why !== "") refused(why);
      else playing = files > 1 ? byHls(true) : playFile(video, file, failed);
    };
    // When the box is back, it is asked again.
    begin().catch(() => {});
  };
  const ends = [
    onBack(() => {
      void load();
      play();
    }),
    onChange(() => {
      if (!one) return;
      if (rights !== [...box.rights].join()) about(parts.about, one);
      rights = [...box.rights].join();
      can.show(one);
      renewForm(one);
    }),
    onEvent((told) => (told.kind === "reset" || told.event.data?.["recording"] === id) && void load()),
  ];
  void load();
  return () => {
    isOver = true;
    ends.forEach((end) => end());
    playing?.stop();
    bar?.end();
  };
}

function noteButton(note: Note, video: HTMLVideoElement): HTMLElement {
  const go = () => {
    video.currentTime = note.at_s;
    void video.play().catch(() => {});
  };
  return h("button", { type: "button", class: "quiet", click: go }, length(note.at_s), " ", theirs(note.text));
}

function about(root: HTMLElement, one: Recording): void {
  const rows: [string, Node | string][] = [
    [t("stream"), h("a", { href: `${timelineLink(one.stream)}?at=${encodeURIComponent(one.start)}` }, theirs(one.stream))],
    [t("state"), h("span", { class: "chips" }, stateChip(one), ...marks(one))],
    [t("reason"), one.review_reason === undefined ? "" : theirs(one.review_reason)],
    [t("begins"), moment(one.start)],
    [t("ends"), one.state === "open" ? "" : moment(one.end)],
    [t("length"), length(one.duration_s)],
    [t("size"), bytes(one.bytes)],
    [t("tracks"), tracks(one.tracks)],
    [t("gaps"), one.gaps.length > 0 ? String(one.gaps.length) : ""],
    [t("description"), one.description === null ? "" : theirs(one.description)],
    [t("category"), one.category === null ? "" : theirs(one.category)],
    [t("made_of"), one.ranges ? h("span", {}, ...links([...new Set(one.ranges.map((range) => range.recording))])) : ""],
    ["id", h("code", {}, one.id)],
  ];
  const shown = rows.filter(([, value]) => value !== "");
  const buttons: Child[] = [];
  if (one.state !== "expired") {
    const file = `r/${one.id}.mp4?download=1` + (one.state === "open" ? "&to=" + encodeURIComponent(one.end) : "");
    // Encrypted recordings have no other form than HLS.
    if (!one.encrypted) buttons.push(downloadLink(file, t("download")));
    const path = one.encrypted || one.state === "open" ? `r/${one.id}/master.m3u8` : `r/${one.id}.mp4`;
    if (box.rights.has("keys")) {
      const open = () => share(t("share"), { token: { recording: one.id }, path });
      buttons.push(h("button", { type: "button", click: open }, t("share")));
    }
    buttons.push(copyable(t("address"), address(one.form ? `r/${one.id}.mp4` : `r/${one.id}/master.m3u8`)));
  }
  const deliveries = one.renditions.map((delivery) => {
    const state = h("span", { class: delivery.state === "failed" ? "chip bad" : "chip" }, deliveryWord(delivery.state));
    const where = delivery.url === null ? null : h("code", { dir: "ltr" }, delivery.url);
    return h("li", {}, `${delivery.format} ${delivery.part} `, state, ` ${bytes(delivery.bytes)} `, where, delivery.error !== null && h("span", { class: "wrong", lang: "en" }, theirs(delivery.error)));
  });
  fill(
    root,
    h("div", { class: "row" }, ...buttons),
    h("dl", { class: "facts wide" }, ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("h2", {}, t("deliveries")),
    deliveries.length === 0 ? h("p", {}, t("no_deliveries")) : h("ul", { class: "deliveries" }, ...deliveries),
  );
}

/** Shows the form of what is written about a recording. Gives whether something was typed that is not saved. */
function edit(root: HTMLElement, one: Recording, saved: () => void): () => boolean {
  if (!box.rights.has("moderate")) {
    fill(root);
    return NO_FORM.isDirty;
  }
  const title = h("input", { maxlength: 64, value: one.title ?? "" });
  const description = h("input", { maxlength: 512, value: one.description ?? "" });
  const tags = h("input", { value: one.tags.join(", ") });
  const category = h("input", { value: one.category ?? "" });
  const notes = h("textarea", { rows: Math.min(10, one.notes.length + 2), placeholder: "12.5 " + t("note") });
  notes.value = one.notes.map((note) => `${note.at_s} ${note.text}`).join("\n");
  const written = [title, description, tags, category, notes];
  const typed = () => JSON.stringify(written.map((one) => one.value));
  let kept = typed();
  draft(`recording ${one.id}`, written);
  const said = h("p", { class: "said", role: "status" });
  const button = h("button", {}, t("save"));
  const body = () => ({
    recording: one.id,
    title: title.value,
    description: description.value,
    tags: tags.value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== ""),
    category: category.value.trim(),
    notes: notesOf(notes.value),
  });
  const submit = async (event: Event) => {
    event.preventDefault();
    button.disabled = true;
    say(said, t("waits"));
    const sent = typed();
    try {
      await ask("recording.set", body());
      kept = sent;
      say(said, t("saved"));
      (document.activeElement as HTMLElement | null)?.blur();
      saved();
    } catch (error) {
      say(said, error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
  };
  const fields = [field(t("title"), title), field(t("description"), description), field(t("tags"), tags), field(t("category"), category), field(t("notes_about"), notes)];
  fill(root, h("h2", {}, t("edit")), h("form", { class: "edit", submit }, ...fields, h("div", { class: "row" }, button, commandButton(() => ["recording.set", body()])), said));
  return () => typed() !== kept;
}

/** Notes as they are written: a line for each, its seconds in front. */
export function notesOf(text: string): Note[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [, seconds, words] = /^\s*([\d.,]+)\s*(?:s\s)?\s*(.*)$/.exec(line) ?? [];
    const at_s = Number((seconds ?? "").replace(",", "."));
    if (seconds === undefined || Number.isNaN(at_s)) throw new Error(t("note_without_time", { line }));
    return { at_s, text: (words ?? "").trim() };
  });
}
