// The events of the box: one connection for the whole page, only while somebody looks at it. Events of the time in between are
// asked for by the id of the last one.

import { box, credentials, doubt, heard, missed, onBack, onChange } from "./box";

/** An event. */
export interface Told {
  kind: string;
  /** The event as a CloudEvent; empty for `reset`. */
  event: { time?: string; data?: Record<string, unknown> };
}

type Listener = (told: Told) => void;
const listeners = new Set<Listener>();
const AGAIN_MS = 2_000;
// The box sends something every 15 s.
const QUIET_MS = 40_000;

// What the screen of events shows when it is opened.
const MOST_KEPT = 500;
const kept: Told[] = [];

/** The last events, the oldest first. */
export const recent = (): readonly Told[] => kept;

let place: string | null = null;
let open: AbortController | null = null;
let timer = 0;

/** Calls with each event. Gives what ends that. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Reads events as long as the page is looked at and its viewer is let in. */
export function readEvents(): void {
  const look = () => {
    const wanted = !document.hidden && box.isLetIn === true && box.isThere;
    if (wanted && !open) void read();
    if (!wanted && open) open.abort();
  };
  document.addEventListener("visibilitychange", look);
  onChange(look);
  onBack(look);
  look();
}

async function read(): Promise<void> {
  const ours = new AbortController();
  open = ours;
  clearTimeout(timer);
  try {
    const began = Date.now();
    const headers: Record<string, string> = place === null ? {} : { "Last-Event-ID": place };
    const reply = await fetch("api/v1/events", { headers, cache: "no-store", credentials: credentials(), signal: ours.signal });
    heard(reply, began);
    if (reply.ok && reply.body) {
      await pieces(reply.body.getReader(), ours);
    }
    // It ended by itself: the box stops, or takes the viewer's right away.
    doubt();
  } catch {
    if (!ours.signal.aborted) missed();
  }
  if (open === ours) open = null;
  if (document.hidden || box.isLetIn !== true) return;
  timer = window.setTimeout(() => !open && !document.hidden && box.isLetIn === true && void read(), AGAIN_MS);
}

async function pieces(reader: ReadableStreamDefaultReader<Uint8Array>, ours: AbortController): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  let quiet = 0;
  for (;;) {
    clearTimeout(quiet);
    quiet = window.setTimeout(() => ours.abort(), QUIET_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(quiet));
    if (done) return;
    const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const told = parse(block);
      if (told.id !== null) place = told.id;
      const { event } = told;
      if (!event) continue;
      kept.push(event);
      if (kept.length > MOST_KEPT) kept.shift();
      listeners.forEach((listener) => listener(event));
    }
  }
}

/** Reads one event as the HTML standard says (section 9.2.6). */
export function parse(block: string): { id: string | null; event: Told | null } {
  let [id, kind, data]: [string | null, string, string] = [null, "", ""];
  for (const line of block.split("\n")) {
    const [name, value] = line.split(/: ?(.*)/s);
    if (name === "id") id = value ?? "";
    if (name === "event") kind = value ?? "";
    if (name === "data") data += value ?? "";
  }
  if (kind === "") return { id, event: null };
  try {
    return { id, event: { kind, event: JSON.parse(data) as Told["event"] } };
  } catch {
    return { id, event: null };
  }
}
