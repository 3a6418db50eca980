// The small pictures of a recording, as its WebVTT track names them. Pure.

/** Where the picture of a time is. Times are seconds. */
export interface Cell {
  from: number;
  to: number;
  /** The address of the sheet, relative to the track. */
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CUE = /^(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})\n(.+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm;

/** Reads a track. What is no cue is left out. */
export function cellsOf(text: string): Cell[] {
  return [...text.matchAll(CUE)].map((cue) => {
    const [h0, m0, s0, h1, m1, s1] = cue.slice(1, 7).map(Number) as [number, number, number, number, number, number];
    const [x, y, width, height] = cue.slice(8, 12).map(Number) as [number, number, number, number];
    return { from: h0 * 3600 + m0 * 60 + s0, to: h1 * 3600 + m1 * 60 + s1, sheet: cue[7] ?? "", x, y, width, height };
  });
}

/** The picture of a time: behind the end, the last one. */
export function cellAt(cells: Cell[], time: number): Cell | undefined {
  return cells.find((cell) => time < cell.to) ?? cells[cells.length - 1];
}
