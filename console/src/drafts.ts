// What is typed in a form when the box does not let its viewer in any more: the same viewer finds it in the form again when it
// has logged in. It is in memory alone, and gone with the page.

import { box } from "./box";

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

// The forms that are shown, and what is kept of others: the values of fields that somebody changed.
const shown = new Map<string, { fields: Field[]; before: string[] }>();
const kept = new Map<string, (string | null)[]>();

/** Has what is typed in these fields survive a session. `form` names the form among all of the page. */
export function draft(form: string, fields: Field[]): void {
  // Another viewer who logs in here does not see it.
  const key = box.viewer + " " + form;
  shown.set(key, { fields, before: fields.map((field) => field.value) });
  const values = kept.get(key);
  kept.delete(key);
  // A form that is folded away shows what it got back.
  if (values) queueMicrotask(() => fields[0]?.closest("details")?.setAttribute("open", ""));
  fields.forEach((field, at) => {
    const value = values?.[at] ?? null;
    if (value === null) return;
    field.value = value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind));
  });
}

/** The screen goes. What is typed is kept if a session ended, and not if the viewer went to another screen or logged out. */
export function screenGoes(isSessionOver: boolean): void {
  for (const [key, { fields, before }] of shown) {
    const typed = fields.map((field, at) => (field.isConnected && field.value !== before[at] ? field.value : null));
    if (isSessionOver && typed.some((value) => value !== null)) kept.set(key, typed);
  }
  shown.clear();
}
