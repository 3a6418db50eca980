// The language of the page: that of the browser, or the one that the viewer chose.

import { de } from "./de";
import { en, type Word, type Words } from "./en";
import { zh } from "./zh";

export type { Word };

const TABLES: Record<string, Words> = { en, de, zh };

/** The languages, and what each is called by who speaks it. */
export const LANGUAGES: readonly [string, string][] = [["en", "English"], ["zh", "中文"], ["de", "Deutsch"]];

const KEPT = "edgereel-language";
let current = chosen();

function chosen(): string {
  // A browser that keeps nothing for pages throws.
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {}
  const wanted = [kept ?? "", ...navigator.languages].map((one) => one.slice(0, 2).toLowerCase());
  return wanted.find((one) => one in TABLES) ?? "en";
}

/** The current language. */
export const language = (): string => current;

/** Chooses a language, also for the next time. */
export function setLanguage(code: string): void {
  current = code in TABLES ? code : "en";
  try {
    localStorage.setItem(KEPT, current);
  } catch {}
}

/** Makes what gives a text in the current language; `{name}` stands for what is given by that name. */
export function texts<W extends string>(tables: Record<string, Record<W, string>>, fallback: Record<W, string>) {
  return (word: W, given: Record<string, string | number> = {}): string => {
    const text = (tables[current] ?? fallback)[word];
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(given[name] ?? whole));
  };
}

/** A text of the page. */
export const t = texts<Word>(TABLES, en);
