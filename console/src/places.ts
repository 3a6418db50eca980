// The addresses of the screens, behind the `#`.

/** The address of a recording. */
export const recordingLink = (id: string): string => "#/recording/" + encodeURIComponent(id);

/** The address of the time line of a stream. */
export const timelineLink = (stream: string): string => "#/timeline/" + encodeURIComponent(stream);

/** The address of the time lines of several streams in step. */
export const togetherLink = (streams: string[]): string => "#/timeline?" + streams.map((one) => "s=" + encodeURIComponent(one)).join("&");

/** The address of the page that plays what a token opens, for whoever has it. */
export const sharedLink = (path: string, until: string | null): string =>
  "#/shared?of=" + encodeURIComponent(path) + (until === null ? "" : "&until=" + encodeURIComponent(until));

/** The words of an address: the screen, and what it shows. */
export function parsePlace(hash: string): { screen: string; what: string; query: URLSearchParams } {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const slash = path.indexOf("/");
  const screen = slash < 0 ? path : path.slice(0, slash);
  let what = slash < 0 ? "" : path.slice(slash + 1);
  try {
    what = decodeURIComponent(what);
  } catch {
    // It was typed by hand. What it names will not be found.
  }
  return { screen, what, query: new URLSearchParams(query) };
}
