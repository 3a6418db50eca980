// Recordings and parts of them that are to become one new recording. The tab keeps them: they are still there when the page is
// loaded again.

import { h, say } from "./dom";
import { t } from "./words";

/** A recording, or a part of it: seconds as it plays. */
export interface Piece {
  recording: string;
  /** What the basket calls it. */
  title: string;
  from_s: number | null;
  to_s: number | null;
  note: string;
}

/** The most that the box puts together at once. */
export const MOST = 500;
const KEPT = "edgereel-basket";

let pieces: Piece[] = kept();

function kept(): Piece[] {
  // A browser that keeps nothing for pages throws.
  try {
    const read: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(read) ? (read as Piece[]) : [];
  } catch {
    return [];
  }
}

/** What is in the basket. */
export const inBasket = (): readonly Piece[] => pieces;

/** Puts other pieces in place of those in the basket. */
export function setBasket(next: Piece[]): void {
  pieces = next;
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(next));
  } catch {}
  document.querySelectorAll("a.basket").forEach((link) => say(link, t("basket_is", { n: next.length })));
}

/** A link to the basket, which says how much is in it. */
export const basketLink = (): HTMLElement => h("a", { class: "button quiet basket", href: "#/basket" }, t("basket_is", { n: pieces.length }));

/** A button that adds pieces to the basket. */
export function basketButton(of: () => Piece[]): HTMLElement {
  const said = h("span", { class: "said", role: "status" });
  const add = () => {
    const next = [...pieces, ...of()];
    if (next.length > MOST) return say(said, t("basket_full", { n: MOST }));
    setBasket(next);
    say(said, t("added_to_basket"));
  };
  return h("span", { class: "action" }, h("button", { type: "button", class: "quiet", click: add }, t("add_to_basket")), said);
}

/** The ranges of pieces, as the box wants them. */
export function rangesOf(of: readonly Piece[]): Record<string, unknown>[] {
  return of.map(({ recording, from_s, to_s, note }) => ({
    recording,
    ...(from_s !== null && { from_s }),
    ...(to_s !== null && { to_s }),
    ...(note.trim() !== "" && { note: note.trim() }),
  }));
}

/** The piece at a place, moved up or down by one. */
export function swapped<T>(of: readonly T[], at: number, by: -1 | 1): T[] {
  const next = [...of];
  const [one, other] = [next[at], next[at + by]];
  if (one === undefined || other === undefined) return next;
  [next[at], next[at + by]] = [other, one];
  return next;
}
