// What the commands about the box answer, as far as these screens show it.

export interface SyncStatus {
  store: string;
  state: string;
  since: string;
  reason?: string;
  next?: string;
  waiting: number;
  waiting_bytes: number;
  formats: { format: string; files: number; bytes: number }[];
  lag_s?: number;
  set_aside: number;
  rate: number;
  max_rate?: number;
  sent_bytes: number;
  problems: string[];
  open: { recording: string; stream: string; format: string; goes: string; due?: string; latest?: string }[];
  transfers: { recording: string; format: string; key: string; sent_bytes: number; bytes: number }[];
  failed: { recording: string; format: string; key: string; reason: string }[];
}

export interface Kept {
  recordings: number;
  bytes: number;
  more: boolean;
}

export interface StoreStatus {
  own: boolean;
  space: {
    used: number;
    left: number;
    quota: number | null;
    total: number;
    free: number;
    protected: Kept;
    in_channels: Kept;
    undelivered: Kept | null;
    life_used: number | null;
    is_failing: boolean | null;
  } | null;
  streams: { stream: string; from: string; to: string }[];
  more_streams: boolean;
}

export interface Health {
  time: string;
  uptime_s: number;
  process: { cpu_s: number; rss: number; failures: number; defects: number };
  streams: { live: number; recording: number; bits_per_second: number; gaps: number };
  storage: { state: string; reason?: string; used: number; left: number; written: number; lost: number; oldest?: string };
  clock: { synced: boolean };
  outbox: { events: number; log_lost: number };
  sync?: { reason?: string; set_aside: number };
}

export interface Device {
  device: string;
  version: string;
  arch: string;
  model: string | null;
  system: string | null;
  kernel: string | null;
  host_name: string | null;
  processors: number;
  memory: number | null;
  started: string;
  config_hash: string;
  url: string | null;
  clock: { synced: boolean; source: string };
  broker: { url: string; connected: boolean; since: string | null; last_error: string | null } | null;
  problems: string[];
}

export interface Line {
  number: number;
  time: string;
  level: string;
  text: string;
}

export interface LogTail {
  lines: Line[];
  next: string;
  missed: number;
}

export interface Rule {
  domain: string;
  stream: string;
  template: string;
  record: string;
  from: string;
}

export interface Template {
  name: string;
  formats: string[];
  from: string;
}

export interface Task {
  task: string;
  stream: string;
  state: string;
  template: string | null;
  name: string | null;
  from: string;
  start?: string;
  end?: string;
  weekly?: string[];
  time_zone?: string;
  last_recorded: string | null;
  missed: { start: string; end: string; times: number; detail: string } | null;
}

export interface Channel {
  name: string;
  state: string;
  start: string;
  play: string;
  duration_s: number;
  items: unknown[];
  path: string;
}

export interface Push {
  channel: string;
  push: number;
  url: string;
  state: string;
  reason: string | null;
  sent_bytes: number;
}
