// What the commands answer, as far as the console shows it: docs/openapi.yaml has all of it.

export interface Track {
  kind: string;
  codec: string;
  width?: number;
  height?: number;
}

export interface Stream {
  stream: string;
  tracks: Track[];
  bits_per_second: number;
  fps: number;
  gaps: number;
  notes?: string[];
  left_out?: { kind: string; codec: string }[];
  peer?: string;
  encoder?: string;
  recorded: { now: boolean; text: string; why_not?: string; by?: { origin: string }[] };
  recordings: string[];
  url?: string;
}

export interface Streams {
  streams: Stream[];
  next: string | null;
}

export interface Note {
  at_s: number;
  text: string;
}

export interface Delivery {
  format: string;
  part: number;
  state: string;
  url: string | null;
  bytes: number;
  error: string | null;
}

export interface Recording {
  id: string;
  stream: string;
  state: string;
  paused: boolean;
  protected: boolean;
  name: string | null;
  origin: string;
  /** Of a composition that has an MP4 alone: a time lapse, or recordings in step. */
  form?: "in_step" | { lapse: object };
  formats: string[];
  title: string | null;
  description: string | null;
  tags: string[];
  category: string | null;
  notes: Note[];
  more_notes?: number;
  start: string;
  end: string;
  duration_s: number;
  cover_s?: number;
  bytes: number;
  tracks: Track[];
  gaps_kept: boolean;
  gaps: { from: string; to: string }[];
  renditions: Delivery[];
  url: string | null;
  encrypted?: boolean;
  /** `pass`, `review` or `block`; null where nobody reviewed it. */
  review: string | null;
  review_reason?: string;
  more_gaps?: number;
  /** The ranges of a composition. */
  ranges?: { recording: string; start: string; end: string }[];
}

export interface Recordings {
  recordings: Recording[];
  next: string | null;
}

export interface Category {
  category: string;
  name: string;
  parent?: string | null;
}

export interface Token {
  token: string;
  url: string | null;
  expires: string | null;
}
