// The states of recordings and of their deliveries, in words.

import type { Recording } from "../answers";
import { type Child, h } from "../dom";
import { recordingLink } from "../places";
import { type Word, t } from "../words";

const STATES: Record<string, Word> = { open: "state_open", closed: "state_closed", delivered: "state_delivered", expired: "state_expired" };
const REVIEWS: Record<string, Word> = { pass: "reviewed_pass", review: "reviewed_review", block: "reviewed_block" };
const DELIVERIES: Record<string, Word> = {
  waiting: "delivery_waiting",
  delivered: "delivery_delivered",
  failed: "delivery_failed",
  empty: "delivery_empty",
  removing: "delivery_removing",
};

const word = (table: Record<string, Word>, state: string) => (table[state] ? t(table[state]) : state);

/** The state of a recording. */
export function stateChip(one: Recording): HTMLElement {
  const state = one.state === "open" && one.paused ? t("state_paused") : word(STATES, one.state);
  return h("span", { class: one.state === "open" ? "chip on" : "chip" }, state);
}

/** What people call a recording. */
export const nameOf = (one: Recording): string => one.title ?? one.name ?? one.stream;

/** What tells two recordings of one push apart, and what people decided about a recording. */
export function marks(one: Recording): Child[] {
  const review = one.review === null ? null : h("span", { class: one.review === "pass" ? "chip on" : "chip bad" }, word(REVIEWS, one.review));
  return [...one.formats.map((format) => h("span", { class: "chip" }, format)), one.protected && h("span", { class: "chip" }, t("protected")), review];
}

/** Links to recordings by their ids. */
export const links = (ids: string[]): Child[] => ids.flatMap((id) => [h("a", { href: recordingLink(id) }, h("code", {}, id)), " "]);

/** What was made of recordings. */
export const made = (ids: string[]): Child[] => [t("made_of_it"), " ", ...links(ids)];

/** The state of a delivery. */
export const deliveryWord = (state: string): string => word(DELIVERIES, state);

/** What is to be known of its deliveries, in a word: what failed comes first. */
export function deliveryState(one: Recording): HTMLElement | null {
  const has = (state: string) => one.renditions.some((delivery) => delivery.state === state);
  const worst = ["failed", "waiting", "removing"].find(has);
  return worst === undefined ? null : h("span", { class: worst === "failed" ? "chip bad" : "chip" }, deliveryWord(worst));
}
