// What is done with a recording: protect it, review it, delete it, and make recordings of its parts.

import type { Recording } from "../answers";
import { basketButton, basketLink } from "../basket";
import { box } from "../box";
import { action } from "../command";
import { type Child, dialog, field, fill, h } from "../dom";
import { draft } from "../drafts";
import { length } from "../show";
import { t } from "../words";
import { links, made, nameOf } from "./states";

interface Deleted {
  left_s?: number;
  needed_by?: string[];
  needed_by_others?: number;
  waits?: boolean;
  given_up?: number;
  still_delivered?: number;
}

const STATUSES = ["pass", "review", "block"] as const;

/** The parts of the screen. */
export interface Acts {
  element: HTMLElement;
  /** Shows what this viewer may do with the recording as it is now. */
  show(one: Recording): void;
}

/** Makes them. `changed` is called when the box has done something. */
export function acts(video: () => HTMLVideoElement | null, changed: () => void): Acts {
  const [parts, moderate] = [h("section", {}), h("section", {})];
  const said = h("div", { class: "note", role: "status" });
  let shown = "";
  const show = (one: Recording) => {
    const rights = [...box.rights].join();
    const is = [one.state, one.protected, one.review, rights].join();
    // What was typed and said stays as long as nothing is different.
    if (is === shown) return;
    shown = is;
    const isThere = one.state !== "expired";
    // Of a time lapse, and of recordings in step, there are no parts.
    fill(parts, ...(isThere && !one.form && box.rights.has("operate") ? partsOf(one, video, said) : []));
    fill(moderate, ...(isThere && box.rights.has("moderate") ? moderation(one, said, changed) : []));
  };
  return { element: h("div", {}, parts, moderate, said), show };
}

function partsOf(one: Recording, video: () => HTMLVideoElement | null, said: Element): Child[] {
  const [from, to] = [h("input", { type: "number", step: "any" }), h("input", { type: "number", step: "any" })];
  const note = h("input", { maxlength: 128 });
  draft(`part ${one.id}`, [from, to, note]);
  const now = () => Math.round((video()?.currentTime ?? 0) * 1000) / 1000;
  const number = (input: HTMLInputElement) => (Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber);
  const set = (input: HTMLInputElement, label: string) => h("button", { type: "button", class: "quiet", click: () => (input.valueAsNumber = now()) }, label);
  const piece = () => ({ recording: one.id, title: nameOf(one), from_s: number(from), to_s: number(to), note: note.value });
  const range = () => {
    const { from_s, to_s } = piece();
    return { ...(from_s !== null && { from_s }), ...(to_s !== null && { to_s }), ...(note.value.trim() !== "" && { note: note.value.trim() }) };
  };
  const cut = action(t("cut_out"), () => ["recording.cut", { recording: one.id, ranges: [range()] }], (result) => fill(said, ...made([(result as { recording: string }).recording])));
  const split = action(t("split_here"), () => ["recording.split", { recording: one.id, at_s: [now()] }], (result) => {
    fill(said, ...made((result as { parts: { recording: string }[] }).parts.map((part) => part.recording)));
  });
  return [
    h("h2", {}, t("a_part_of_it")),
    h("div", { class: "row" }, field(t("from_s"), from), set(from, t("from_here")), field(t("to_s"), to), set(to, t("to_here")), field(t("a_note"), note)),
    h("div", { class: "row" }, basketButton(() => [piece()]), basketLink(), cut, split),
  ];
}

function moderation(one: Recording, said: Element, changed: () => void): Child[] {
  const reason = h("input", { maxlength: 128 });
  draft(`review ${one.id}`, [reason]);
  const status = (to: (typeof STATUSES)[number]) => {
    const of = (): [string, Record<string, unknown>] => ["recording.review", { recording: one.id, status: to, ...(reason.value.trim() !== "" && { reason: reason.value.trim() }) }];
    return action(t(`review_${to}`), of, (result) => {
      const shares = (result as { shares_tape: { recording: string }[] }).shares_tape;
      fill(said, ...(shares.length > 0 ? [t("shares_tape"), " ", ...links(shares.map((other) => other.recording))] : []));
      changed();
    });
  };
  const protect = action(one.protected ? t("unprotect") : t("protect"), () => ["recording.protect", { recording: one.id, protected: !one.protected }], changed);
  return [
    h("h2", {}, t("review")),
    h("div", { class: "row" }, field(t("reason"), reason), ...STATUSES.map(status)),
    h("div", { class: "row" }, protect, h("button", { type: "button", class: "quiet", click: () => askDelete(one, changed) }, t("delete"))),
  ];
}

function askDelete(one: Recording, changed: () => void): void {
  const remote = h("input", { type: "checkbox" });
  const said = h("div", { role: "status" });
  const row = h("div", { class: "row" });
  const done = (result: unknown) => {
    fill(said, ...told(result as Deleted));
    changed();
  };
  fill(row, action(t("delete_for_good"), () => ["recording.delete", { recording: one.id, ...(remote.checked && { remote: true }) }], done));
  const check = one.renditions.length > 0 && h("label", { class: "check" }, remote, " ", t("delete_remote"));
  dialog(t("delete"), h("p", {}, t("delete_about")), check, row, said);
}

// What became of a deleted recording, as the box says it.
function told({ left_s = 0, needed_by = [], needed_by_others = 0, waits, given_up = 0, still_delivered = 0 }: Deleted): Child[] {
  const needed = needed_by.length + needed_by_others > 0;
  const others = needed_by_others > 0 && t("needed_by_others", { n: needed_by_others });
  return [
    waits === true && h("p", {}, t("deleted_waits")),
    left_s > 0 && h("p", {}, t("deleted_left", { length: length(left_s) })),
    needed && h("p", {}, t("needed_by"), " ", ...links(needed_by), others),
    given_up > 0 && h("p", {}, t("deleted_given_up", { n: given_up })),
    still_delivered > 0 && h("p", {}, t("deleted_still", { n: still_delivered })),
  ];
}
