// Plays an address in a video element: a file, or HLS by the browser's own player or by hls.js, which is loaded when it is
// needed for the first time.

import { doubt, send } from "./box";
import { address } from "./show";

const HLS = "application/vnd.apple.mpegurl";
const AGAIN_MS = 3_000;

/** What is used of hls.js. */
interface HlsPlayer {
  loadSource(url: string): void;
  attachMedia(video: HTMLVideoElement): void;
  recoverMediaError(): void;
  destroy(): void;
  on(event: string, listener: (event: string, data: HlsTold) => void): void;
  readonly playingDate: Date | null;
}

interface HlsTold {
  fatal?: boolean;
  type?: string;
  response?: { code?: number };
  details?: { fragments?: { programDateTime: number | null }[] };
}

interface HlsClass {
  new (config: object): HlsPlayer;
  isSupported(): boolean;
}

declare global {
  interface Window {
    Hls?: HlsClass;
  }
}

let loading: Promise<HlsClass> | null = null;

function hlsJs(): Promise<HlsClass> {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "hls.js";
    script.onload = () => (window.Hls ? done(window.Hls) : failed(new Error("hls.js")));
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error("hls.js"));
    };
    document.head.append(script);
  });
  return loading;
}

/** What plays. */
export interface Playing {
  /** The time of the picture that is shown, in milliseconds since 1970, where it is known. */
  date(): number | null;
  stop(): void;
}

export interface Options {
  /** The moment to begin at, in milliseconds since 1970: the playlist begins there or a little before. */
  at?: number;
  /**
   * Whether hls.js is to play it, where it can. It knows the times of pictures, which browsers mostly do not, and goes to any
   * place behind a change of the picture size; Chromium's own player goes to where the size changes.
   */
  byScript?: boolean;
  /** Called when the box says that it does not play, with the status of its answer, or 0. */
  failed?: (status: number) => void;
  /** Called when it plays again after that. */
  plays?: () => void;
}

/** What the box says of a file: the status, the number of files that it is one of, and its words where it refuses. */
export interface Told {
  status: number;
  parts: number;
  why: string;
}

/** Asks the box of a file. */
export async function told(path: string, init: RequestInit = {}): Promise<Told> {
  const reply = await send(path, { headers: { Range: "bytes=0-0" }, ...init });
  const { status } = reply;
  if (reply.ok) {
    void reply.body?.cancel();
    return { status, parts: Number(reply.headers.get("X-Edgereel-Parts") ?? 1), why: "" };
  }
  const read = (await reply.json().catch(() => ({}))) as { error?: { message?: string } };
  return { status, parts: 1, why: read.error?.message ?? "" };
}

/** The master playlist of the recording that a file is of, which has all of its files. */
export const playlistOf = (file: string): string => file.replace(/\.mp4(\?.*)?$/, "/master.m3u8");

/** Plays a file. */
export function playFile(video: HTMLVideoElement, path: string, failed: () => void): Playing {
  let isOver = false;
  const error = () => {
    if (isOver) return;
    // A browser does not tell what the box answered.
    doubt();
    failed();
  };
  video.addEventListener("error", error);
  video.src = address(path);
  video.play().catch(() => {});
  return {
    date: () => null,
    stop: () => {
      isOver = true;
      video.removeEventListener("error", error);
      release(video);
    },
  };
}

/** Plays HLS. */
export function playHls(video: HTMLVideoElement, path: string, options: Options = {}): Playing {
  let playing: Playing | null = null;
  let isOver = false;
  const onPlays = () => options.plays?.();
  video.addEventListener("playing", onPlays);
  const mse = "MediaSource" in window || "ManagedMediaSource" in window;
  const native = video.canPlayType(HLS) !== "" && !(options.byScript && mse);
  const byHlsJs = async () => {
    try {
      const Hls = await hlsJs();
      if (isOver) return;
      if (!Hls.isSupported()) return options.failed?.(0);
      playing = byScript(Hls, video, path, options);
    } catch {
      options.failed?.(0);
      if (!isOver) setTimeout(() => !isOver && void byHlsJs(), AGAIN_MS);
    }
  };
  if (native) {
    // Where the browser's own player fails, hls.js goes on: it says why, and tries again.
    playing = playFile(video, path, () => {
      playing?.stop();
      void byHlsJs();
    });
  } else void byHlsJs();
  return {
    date: () => playing?.date() ?? null,
    stop: () => {
      isOver = true;
      video.removeEventListener("playing", onPlays);
      playing?.stop();
    },
  };
}

function byScript(Hls: HlsClass, video: HTMLVideoElement, path: string, options: Options): Playing {
  // The media is fragmented MP4, which needs no worker. A page that is open all day keeps no more behind it than this.
  const hls = new Hls({ enableWorker: false, backBufferLength: 30, maxBufferLength: 20 });
  let again = 0;
  let isPlaced = options.at === undefined;
  hls.on("hlsLevelLoaded", (_, told) => {
    const begins = told.details?.fragments?.[0]?.programDateTime;
    if (isPlaced || !begins) return;
    isPlaced = true;
    const into = ((options.at ?? begins) - begins) / 1000;
    if (into > 0.05) video.addEventListener("loadeddata", () => (video.currentTime += into), { once: true });
  });
  hls.on("hlsError", (_, told) => {
    if (!told.fatal) return;
    if (told.type === "mediaError") return hls.recoverMediaError();
    const status = told.response?.code ?? 0;
    if (status === 401 || status === 403) doubt();
    options.failed?.(status);
    // The box restarts, or the stream is not on the air yet.
    clearTimeout(again);
    again = window.setTimeout(() => hls.loadSource(address(path)), AGAIN_MS);
  });
  hls.loadSource(address(path));
  hls.attachMedia(video);
  video.play().catch(() => {});
  return {
    date: () => hls.playingDate?.getTime() ?? null,
    stop: () => {
      clearTimeout(again);
      hls.destroy();
      release(video);
    },
  };
}

// A video that is not emptied keeps its connections, of which a browser has six to a server.
function release(video: HTMLVideoElement): void {
  video.pause();
  video.removeAttribute("src");
  video.load();
}
