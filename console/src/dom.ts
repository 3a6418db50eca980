// Elements. Every text that comes from the box becomes a text node: nothing is ever read as markup.

import { t } from "./words";

export type Child = Node | string | false | null | undefined;

type Attributes = Record<string, string | boolean | number | null | undefined | ((event: Event) => void)>;

/** Makes an element. An attribute that is a function listens to the event of its name. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/** Puts these in place of all that an element has. */
export function fill(element: Element, ...children: Child[]): void {
  const shown = children.filter((child): child is Node | string => child !== false && child !== null && child !== undefined);
  element.replaceChildren(...shown);
}

/** Shows a text in an element, and leaves the element alone where it shows it already. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A text that somebody wrote, in its own direction of writing. */
export function theirs(text: string): HTMLElement {
  return h("bdi", {}, text);
}

/** A field with its label above it. */
export function field(label: string, input: HTMLElement): HTMLElement {
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** A dialog over the page. `close` of the element ends it; the element that had the focus gets it again. */
export function dialog(title: string, ...children: Child[]): HTMLDialogElement {
  const close = h("button", { type: "button", class: "quiet", click: () => made.close() }, t("close"));
  const made = h("dialog", { "aria-label": title }, h("header", {}, h("h2", {}, title), close), ...children);
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}

/** Copies a text. Browsers have no clipboard for pages without TLS: there, the older way is taken. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const hidden = h("textarea", { readonly: true, class: "offscreen", "aria-hidden": "true" });
    hidden.value = text;
    const dialogs = document.querySelectorAll("dialog");
    (dialogs[dialogs.length - 1] ?? document.body).append(hidden);
    hidden.select();
    const done = document.execCommand("copy");
    hidden.remove();
    return done;
  }
}

/** A text to copy: shown whole, with a button. */
export function copyable(label: string, text: string): HTMLElement {
  const button = h("button", { type: "button", class: "quiet" }, t("copy"));
  button.addEventListener("click", async () => {
    say(button, (await copy(text)) ? t("copied") : t("select_and_copy"));
    setTimeout(() => say(button, t("copy")), 3000);
  });
  return h("div", { class: "copyable" }, h("span", {}, label), h("code", { dir: "ltr" }, text), button);
}
