// The wheel, the mouse, fingers and keys on a time line. A press plays, a drag selects; on the ruler a drag moves. Two fingers
// zoom and move.

import { type View, moved, placeOf, timeAt, zoomed } from "./scale";

/** What hands can do to a time line. */
export interface Hands {
  view(): View;
  cursor(): number | null;
  selected(): View | null;
  look(view: View): void;
  point(time: number | null): void;
  select(part: View | null): void;
  play(time: number): void;
  stop(): void;
}

const RULER_PX = 28;
const DRAG_PX = 6;
const LEAST_SELECTED_MS = 1_000;
const KEY_SHARE = 0.01;

/** Listens on a canvas. Gives what ends that. */
export function handle(canvas: HTMLCanvasElement, hands: Hands): () => void {
  const down = new Map<number, { x: number; y: number; from: number }>();
  let dragged: "no" | "moves" | "selects" | "pinches" = "no";
  let pinch: { view: View; apart: number; middle: number } | null = null;
  let last = 0;
  const width = () => Math.max(1, canvas.clientWidth);
  const x = (event: MouseEvent) => event.clientX - canvas.getBoundingClientRect().left;
  const time = (at: number) => timeAt(hands.view(), at / width());
  const part = (a: number, b: number): View => ({ from: Math.min(a, b), to: Math.max(a, b) });

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) return hands.look(moved(hands.view(), sideways / width()));
    hands.look(zoomed(hands.view(), Math.exp(event.deltaY / 400), x(event) / width()));
  };
  const press = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const at = x(event);
    down.set(event.pointerId, { x: at, y: event.clientY - canvas.getBoundingClientRect().top, from: time(at) });
    dragged = "no";
    last = at;
    const [one, other] = [...down.values()];
    if (one && other) {
      dragged = "pinches";
      pinch = { view: hands.view(), apart: Math.max(20, Math.abs(one.x - other.x)), middle: (one.x + other.x) / 2 / width() };
    }
  };
  const move = (event: PointerEvent) => {
    const at = x(event);
    const held = down.get(event.pointerId);
    if (!held) return hands.point(time(at));
    if (dragged === "pinches") {
      held.x = at;
      const [one, other] = [...down.values()];
      if (!pinch || !one || !other) return;
      const view = zoomed(pinch.view, pinch.apart / Math.max(20, Math.abs(one.x - other.x)), pinch.middle);
      return hands.look(moved(view, pinch.middle - (one.x + other.x) / 2 / width()));
    }
    if (dragged === "no" && Math.abs(at - held.x) >= DRAG_PX) dragged = held.y < RULER_PX ? "moves" : "selects";
    if (dragged === "moves") hands.look(moved(hands.view(), (last - at) / width()));
    if (dragged === "selects") {
      hands.point(time(at));
      hands.select(part(held.from, time(at)));
    }
    last = at;
  };
  const lift = (event: PointerEvent) => {
    const held = down.get(event.pointerId);
    if (!held || !down.delete(event.pointerId)) return;
    if (event.type === "pointercancel") return;
    if (dragged === "no") hands.play(held.from);
    const selected = hands.selected();
    if (dragged === "selects" && selected && selected.to - selected.from < LEAST_SELECTED_MS) hands.select(null);
  };
  const leave = () => down.size === 0 && hands.point(null);

  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const view = hands.view();
    const before = hands.cursor() ?? timeAt(view, 0.5);
    const goTo = (to: number) => {
      const place = placeOf(view, to);
      if (place < 0 || place > 1) hands.look(moved(view, place < 0 ? place : place - 1));
      if (event.shiftKey) {
        const old = hands.selected();
        const fixed = old ? (Math.abs(old.from - before) < Math.abs(old.to - before) ? old.to : old.from) : before;
        hands.select(part(fixed, to));
      }
      hands.point(to);
    };
    const step = (view.to - view.from) * KEY_SHARE;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => goTo(before - step),
      ArrowRight: () => goTo(before + step),
      PageUp: () => goTo(before - 10 * step),
      PageDown: () => goTo(before + 10 * step),
      Home: () => goTo(view.from),
      End: () => goTo(view.to),
      ArrowUp: () => hands.look(zoomed(view, 0.5, placeOf(view, before))),
      ArrowDown: () => hands.look(zoomed(view, 2, placeOf(view, before))),
      "+": () => hands.look(zoomed(view, 0.5, placeOf(view, before))),
      "-": () => hands.look(zoomed(view, 2, placeOf(view, before))),
      Enter: () => hands.play(before),
      " ": () => hands.play(before),
      Escape: () => (hands.selected() ? hands.select(null) : hands.stop()),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const listeners: [string, (event: never) => void][] = [
    ["wheel", wheel],
    ["pointerdown", press],
    ["pointermove", move],
    ["pointerup", lift],
    ["pointercancel", lift],
    ["pointerleave", leave],
    ["keydown", key],
  ];
  for (const [name, listener] of listeners) canvas.addEventListener(name, listener as unknown as EventListener, { passive: false });
  return () => listeners.forEach(([name, listener]) => canvas.removeEventListener(name, listener as unknown as EventListener));
}
