// A picture of a stream or a recording: one keyframe as an MP4, which the browser decodes. The box says by its ETag whether it
// is the picture that is shown already.

import { h } from "./dom";
import { credentials, heard } from "./box";

/** A picture that can be renewed. */
export interface Still {
  element: HTMLElement;
  /** Shows the picture of a path. False where there is none. The picture before it is shown until the new one is there. */
  show(path: string): Promise<boolean>;
  /** The time of the picture that is shown, as the box says it. */
  time(): string | null;
  stop(): void;
}

/** Makes a place for a picture. */
export function still(label: string): Still {
  const element = h("div", { class: "still", role: "img", "aria-label": label });
  let tag: string | null = null;
  let url: string | null = null;
  let time: string | null = null;
  let asking = new AbortController();
  const stop = () => {
    asking.abort();
    element.replaceChildren();
    if (url) URL.revokeObjectURL(url);
    tag = url = time = null;
  };
  const show = async (path: string): Promise<boolean> => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const began = Date.now();
      const reply = await fetch(path, { signal, cache: "no-cache", credentials: credentials() });
      heard(reply, began);
      const [shownTag, shownTime] = [reply.headers.get("ETag"), reply.headers.get("X-Edgereel-Time")];
      if (!reply.ok) {
        void reply.body?.cancel();
        if (!signal.aborted) stop();
        return false;
      }
      const picture = await reply.blob();
      if (signal.aborted) return true;
      time = shownTime;
      if (shownTag !== null && shownTag === tag) return true;
      await put(URL.createObjectURL(picture), shownTag, signal);
    } catch {
      // The next one may come.
    }
    return true;
  };
  const put = (next: string, nextTag: string | null, signal: AbortSignal): Promise<void> =>
    new Promise((done) => {
      const video = h("video", { muted: true, playsinline: true, preload: "auto", tabindex: -1, disablepictureinpicture: true });
      video.muted = true;
      const end = () => {
        video.onloadeddata = video.onerror = null;
        done();
      };
      video.onloadeddata = () => {
        if (signal.aborted) URL.revokeObjectURL(next);
        else {
          if (url) URL.revokeObjectURL(url);
          [url, tag] = [next, nextTag];
          element.replaceChildren(video);
        }
        end();
      };
      video.onerror = () => {
        URL.revokeObjectURL(next);
        end();
      };
      video.src = next;
    });
  return { element, show, time: () => time, stop };
}
