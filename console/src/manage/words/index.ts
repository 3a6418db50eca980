// The words of the screens that manage the box.

import { texts } from "../../words";
import { de } from "./de";
import { en, type ManageWord } from "./en";
import { zh } from "./zh";

export type { ManageWord };

/** A text of these screens. */
export const m = texts<ManageWord>({ en, de, zh }, en);
