// The box: its commands, what this viewer may do, whether it is there, and its clock.

import { t } from "./words";

/** Why the box did not do what it was asked. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** No answer of the box came. */
export class Away extends Error {}

export type Right = "watch" | "download" | "operate" | "moderate" | "metrics" | "keys";

const PATIENCE_MS = 15_000;
const WHILE_PEOPLE_TYPE_MS = 300_000;
// A token for a command comes back each 200 ms.
const GIVEN_AGAIN_MS = 250;
const MOST_GIVEN = 20;
const PULSE_MS = 1_000;
const PULSE_PATIENCE_MS = 1_900;
// The header Date has whole seconds.
const CLOCK_APART_MS = 2_000;
// No box that knows the time is older than this program.
const KNOWS_THE_TIME = Date.UTC(2025, 0, 1);

/** What is known of the box. `changed` is called when any of it changes. */
export const box = {
  isThere: true,
  /** Whether the viewer is let in. Null before the box said so. */
  isLetIn: null as boolean | null,
  why: "",
  rights: new Set<Right>(),
  /** The name of the viewer, as the box says it. */
  viewer: "",
  /** The clock of the box minus the browser's, where they are apart. */
  clockApartMs: null as number | null,
  knowsTheTime: true,
};

type Listener = () => void;
const changed = new Set<Listener>();
const back = new Set<Listener>();
let lastAnswer = performance.now();

/** Calls when anything of `box` changed. Gives what ends that. */
export function onChange(listener: Listener): Listener {
  changed.add(listener);
  return () => changed.delete(listener);
}

/** Calls when the box is there again. Gives what ends that. */
export function onBack(listener: Listener): Listener {
  back.add(listener);
  return () => back.delete(listener);
}

const tell = (listeners: Set<Listener>) => [...listeners].forEach((listener) => listener());

/** Whether the box wants to be asked again within a second. */
const soon = (reply: Response) => Number(reply.headers.get("Retry-After") ?? "60") <= 1;

/** The current time of the box, in milliseconds since 1970. */
export function boxNow(): number {
  return Date.now() + (box.clockApartMs ?? 0);
}

/** Gives a command. Its answer, or `Refused`, or `Away`. */
export async function ask<T>(command: string, body: object = {}, patience = PATIENCE_MS): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const give = () => send("api/v1/" + command, { method: "POST", headers, body: JSON.stringify(body) }, patience);
  let reply = await give();
  // The box takes so many commands a second from each viewer. It has done nothing yet, so the command is given again.
  for (let given = 1; reply.status === 429 && given < MOST_GIVEN && soon(reply); given++) {
    await new Promise((done) => setTimeout(done, GIVEN_AGAIN_MS));
    reply = await give();
  }
  // What the viewer may do has changed under the page, or it holds for other streams alone.
  if (reply.status === 403) doubt();
  return (await answer<{ result: T }>(reply)).result;
}

// How the viewer shows who it is. Where nothing is shown, credentials are left out: a browser that may send some asks for them
// with a window of its own, as soon as the box refuses anything.
type Proof = "none" | "session" | "key";
const KEPT = "edgereel-proof";
let proof: Proof = keptProof();

function keptProof(): Proof {
  // A browser that keeps nothing for pages throws.
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "session" || kept === "key" ? kept : "none";
  } catch {
    return "none";
  }
}

function show(next: Proof): void {
  proof = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {}
}

/** Whether the viewer showed who it is. */
export const isKnown = (): boolean => proof !== "none";

/** What a request may send along. */
export const credentials = (): RequestCredentials => (proof === "none" ? "omit" : "same-origin");

/** Logs in. */
export async function logIn(name: string, password: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ name, password });
  const reply = await send("api/v1/session", { method: "POST", credentials: "same-origin", headers, body });
  if (!reply.ok) throw await refusal(reply);
  show("session");
  await meet();
}

/** Has the browser ask for the name of a viewer and its key. */
export async function logInByKey(): Promise<void> {
  show("key");
  await meet(WHILE_PEOPLE_TYPE_MS);
}

/** Logs out. A key that the browser was given, it forgets when it is closed. */
export async function logOut(): Promise<void> {
  await send("api/v1/session", { method: "DELETE", credentials: "same-origin" });
  show("none");
  box.rights.clear();
  await meet();
}

/** Shows the form to log in to whoever is let in without that. */
export function wantLogIn(): void {
  letIn(false, "");
}

/** Finds out whether the viewer is let in, and what it may do. */
export async function meet(patience = PATIENCE_MS): Promise<void> {
  const before = [...box.rights].join();
  try {
    // A browser asks for the key where a command is refused; what the session says, it leaves to the page.
    if (proof === "key") await answer(await send("api/v1/stream.list?limit=1", {}, patience));
    const known = await answer<{ viewer: string; rights: Right[] }>(await send("api/v1/session"));
    box.rights = new Set(known.rights);
    box.viewer = known.viewer;
  } catch (error) {
    // Without an answer nothing is known.
    if (!(error instanceof Refused)) return;
    if (error.status === 401) {
      // What was shown is worth nothing any more, or the browser's window was closed.
      if (proof !== "none") show("none");
    } else if (error.status === 403) letIn(false, error.message);
    return;
  }
  const why = box.rights.has("watch") ? "" : t("no_watch");
  letIn(why === "", why);
  if (before !== [...box.rights].join()) tell(changed);
}

let isAsked = false;

/** Asks once more whether the viewer is let in, and what it may do: the box refused something, or ended its events. */
export function doubt(): void {
  if (box.isLetIn !== true || isAsked) return;
  isAsked = true;
  void meet()
    .catch(() => {})
    .finally(() => (isAsked = false));
}

function letIn(isLetIn: boolean, why: string): void {
  if (box.isLetIn === isLetIn && box.why === why) return;
  box.isLetIn = isLetIn;
  box.why = why;
  tell(changed);
}

async function answer<T>(reply: Response): Promise<T> {
  if (reply.ok) return (await reply.json()) as T;
  const refused = await refusal(reply);
  // A session that ended, or a key that was taken away: the form says so. Who comes for the first time needs no reason, and a
  // reason that is shown stays.
  if (reply.status === 401 && box.isLetIn !== false) letIn(false, proof === "none" ? "" : refused.message);
  throw refused;
}

async function refusal(reply: Response): Promise<Refused> {
  const read = (await reply.json().catch(() => ({}))) as { error?: { message?: string } };
  return new Refused(reply.status, read.error?.message ?? t("box_answers", { status: reply.status }));
}

/** Sends a request, and notes that the box is there, or that it is not. */
export async function send(path: string, init: RequestInit = {}, patience = PATIENCE_MS): Promise<Response> {
  const began = Date.now();
  try {
    const reply = await fetch(path, { cache: "no-store", credentials: credentials(), signal: AbortSignal.timeout(patience), ...init });
    heard(reply, began);
    return reply;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    missed();
    throw new Away(t("box_away"));
  }
}

/** Notes an answer of the box. */
export function heard(reply: Response, began: number): void {
  lastAnswer = performance.now();
  const date = Date.parse(reply.headers.get("Date") ?? "");
  if (!Number.isNaN(date)) clock(date, (began + Date.now()) / 2);
  if (reply.status === 401) doubt();
  if (box.isThere) return;
  box.isThere = true;
  tell(changed);
  tell(back);
}

/** Notes that the box did not answer. */
export function missed(): void {
  if (!box.isThere) return;
  box.isThere = false;
  tell(changed);
}

function clock(ofBox: number, here: number): void {
  const apart = ofBox + 500 - here;
  const isApart = Math.abs(apart) >= CLOCK_APART_MS;
  const known = ofBox >= KNOWS_THE_TIME;
  const told = box.clockApartMs;
  const differs = isApart ? told === null || Math.abs(told - apart) > 1_000 : told !== null;
  if (!differs && known === box.knowsTheTime) return;
  box.clockApartMs = isApart ? apart : null;
  box.knowsTheTime = known;
  tell(changed);
}

/** Looks whether the box is there as long as the page is looked at. */
export function watch(): void {
  const look = async () => {
    if (!document.hidden && (!box.isThere || performance.now() - lastAnswer >= PULSE_MS)) {
      await send("./", { method: "HEAD" }, PULSE_PATIENCE_MS).catch(() => {});
    }
    setTimeout(look, PULSE_MS);
  };
  void look();
}
