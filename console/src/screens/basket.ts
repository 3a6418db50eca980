// The basket: recordings and parts of them in an order, and the button that makes one recording of them.

import { type Piece, inBasket, rangesOf, setBasket, swapped } from "../basket";
import { box, onChange } from "../box";
import { action } from "../command";
import { type Child, field, fill, h, theirs } from "../dom";
import { draft } from "../drafts";
import { recordingLink } from "../places";
import { length } from "../show";
import { t } from "../words";
import { made } from "./states";

interface Composed {
  recording: string;
  duration_s: number;
  notes_left_out?: number;
}

/** Shows the screen. Gives what ends it. */
export function basketScreen(root: HTMLElement): () => void {
  const list = h("ol", { class: "basket" });
  const none = h("p", { class: "none" }, t("basket_empty"));
  const title = h("input", { maxlength: 64 });
  draft("basket", [title]);
  const said = h("div", { role: "status" });
  const form = h("div", { class: "edit" });
  const show = () => {
    fill(list, ...inBasket().map(row));
    none.hidden = inBasket().length > 0;
    form.hidden = inBasket().length === 0 || !box.rights.has("operate");
  };
  const change = (at: number, more: Partial<Piece>) => setBasket(inBasket().map((piece, place) => (place === at ? { ...piece, ...more } : piece)));
  const seconds = (at: number, name: "from_s" | "to_s", value: number | null) => {
    const input = h("input", { type: "number", step: "any", value: value ?? "" });
    input.addEventListener("change", () => change(at, { [name]: Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber }));
    return field(t(name), input);
  };
  const row = (piece: Piece, at: number) => {
    const note = h("input", { maxlength: 128, value: piece.note });
    note.addEventListener("change", () => change(at, { note: note.value }));
    const button = (label: string, sign: string, next: () => Piece[], focus: number, isOff = false) => {
      const press = () => {
        setBasket(next());
        show();
        // Who moves a piece with the keyboard goes on with it.
        const same = list.children[focus]?.querySelector<HTMLButtonElement>(`button[aria-label="${label}"]`);
        (same && !same.disabled ? same : root.querySelector("h1"))?.focus();
      };
      return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, disabled: isOff, click: press }, sign);
    };
    const buttons = [
      button(t("move_up"), "↑", () => swapped(inBasket(), at, -1), at - 1, at === 0),
      button(t("move_down"), "↓", () => swapped(inBasket(), at, 1), at + 1, at === inBasket().length - 1),
      button(t("remove"), "×", () => inBasket().filter((_, place) => place !== at), at),
    ];
    const fields = [seconds(at, "from_s", piece.from_s), seconds(at, "to_s", piece.to_s), field(t("a_note"), note)];
    return h("li", {}, h("a", { href: recordingLink(piece.recording) }, theirs(piece.title)), h("div", { class: "row" }, ...fields, ...buttons));
  };
  const of = (): [string, Record<string, unknown>] => ["recording.compose", { ranges: rangesOf(inBasket()), ...(title.value.trim() !== "" && { title: title.value.trim() }) }];
  const done = (result: unknown) => {
    const { recording, duration_s, notes_left_out = 0 } = result as Composed;
    const left: Child = notes_left_out > 0 && h("p", {}, t("notes_left_out", { n: notes_left_out }));
    fill(said, ...made([recording]), ` ${length(duration_s)}`, left);
  };
  const empty = () => {
    setBasket([]);
    show();
  };
  fill(form, field(t("title"), title), h("div", { class: "row" }, action(t("make_recording"), of, done), h("button", { type: "button", class: "quiet", click: empty }, t("empty_basket"))));
  const heading = h("h1", { tabindex: -1 }, t("basket"));
  fill(root, h("p", {}, h("a", { href: "#/recordings" }, "← " + t("recordings"))), heading, h("p", {}, t("basket_about")), none, list, form, said);
  show();
  return onChange(() => (form.hidden = inBasket().length === 0 || !box.rights.has("operate")));
}
