// The frame of the console: who is logged in, which screen is shown, whether the box is there, and its clock.

import { box, boxNow, isKnown, logIn, logInByKey, logOut, meet, onBack, onChange, wantLogIn, watch } from "./box";
import { field, fill, h, say } from "./dom";
import { screenGoes } from "./drafts";
import { readEvents } from "./events";
import { parsePlace } from "./places";
import { basketScreen } from "./screens/basket";
import { eventsScreen } from "./screens/events";
import { recordingScreen } from "./screens/recording";
import { recordingsScreen } from "./screens/recordings";
import { sharedScreen } from "./screens/shared";
import { streamsScreen } from "./screens/streams";
import { timelineScreen } from "./screens/timeline";
import { moment } from "./show";
import { LANGUAGES, language, setLanguage, t } from "./words";

type End = () => void;
type Screen = (root: HTMLElement, what: string, query: URLSearchParams) => End;

const SCREENS: Record<string, Screen> = {
  streams: streamsScreen,
  recordings: recordingsScreen,
  recording: recordingScreen,
  basket: basketScreen,
  timeline: timelineScreen,
  events: eventsScreen,
};
const LINKS = ["streams", "timeline", "recordings", "events"] as const;
/** Screens for who manages the box. Their script is loaded when one is opened. */
const MANAGED = ["delivery", "device", "rules"] as const;

let end: End | null = null;
let shown = "";
const main = h("main", { id: "main" });
const links = h("nav", {});
const lost = h("p", { class: "banner lost", role: "alert", hidden: true });
const clock = h("p", { class: "banner", role: "status", hidden: true });

/** Shows the screen of the address, or the form to log in. */
function show(): void {
  const { screen, what, query } = parsePlace(location.hash);
  const managed = MANAGED.find((one) => one === screen);
  const name = managed ?? (screen in SCREENS ? screen : "streams");
  // What is shared needs no login: the link opens it.
  const isShared = screen === "shared";
  const wanted = isShared ? location.hash + "|shared" : box.isLetIn === null ? "" : box.isLetIn ? location.hash + "|" : "login|" + box.why;
  links.hidden = box.isLetIn !== true;
  const who = document.querySelector<HTMLElement>("button.who");
  if (who) {
    who.hidden = box.isLetIn !== true;
    say(who, isKnown() ? t("log_out") : t("log_in"));
  }
  for (const link of links.querySelectorAll("a")) {
    const is = link.hash === "#/" + (name === "recording" || name === "basket" ? "recordings" : name);
    if (is) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (link.parentElement && MANAGED.some((one) => link.hash === "#/" + one)) link.parentElement.hidden = !box.rights.has("operate");
  }
  if (wanted === shown || wanted === "") return;
  const isFirst = shown === "";
  shown = wanted;
  screenGoes(!isShared && box.isLetIn === false && box.why !== "");
  end?.();
  end = null;
  if (isShared) end = sharedScreen(main, what, query);
  else if (box.isLetIn) end = managed ? manage(managed) : (SCREENS[name] as Screen)(main, what, query);
  else loginForm();
  document.title = (main.querySelector("h1")?.textContent ?? "") + " – edgereel";
  // Who moves with the keyboard or hears the page begins at the new screen's heading.
  if (!isFirst) main.querySelector("h1")?.focus();
}

function manage(name: (typeof MANAGED)[number]): End {
  const said = h("p", { class: "note", role: "status" }, t("loads"));
  const root = h("div", {}, said);
  fill(main, h("h1", { tabindex: -1 }, t(name)), root);
  let isOver = false;
  let end: End | null = null;
  const load = async () => {
    try {
      const { SCREENS } = await import("./manage");
      stop();
      // It may have been asked for twice: the box went and came back meanwhile.
      if (isOver || end) return;
      end = SCREENS[name](root);
    } catch (error) {
      say(said, box.isThere && error instanceof Error ? error.message : t("box_away"));
    }
  };
  const stop = onBack(() => void load());
  void load();
  return () => {
    isOver = true;
    stop();
    end?.();
  };
}

function loginForm(): void {
  const name = h("input", { autocomplete: "username", required: true, name: "name" });
  const password = h("input", { type: "password", autocomplete: "current-password", required: true, name: "password" });
  const said = h("p", { class: "wrong", role: "alert" }, box.why);
  const button = h("button", {}, t("log_in"));
  const submit = async (event: Event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await logIn(name.value, password.value);
    } catch (error) {
      say(said, error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
  };
  const parts = [field(t("name"), name), field(t("password"), password), button];
  const byKey = h("button", { type: "button", class: "quiet", click: () => void logInByKey().catch(() => {}) }, t("log_in_by_key"));
  const heading = h("h1", { tabindex: -1 }, t("log_in"));
  fill(main, heading, h("p", {}, t("log_in_about")), h("form", { class: "login", submit }, ...parts), said, h("p", {}, t("log_in_by_key_about")), byKey);
}

function showState(): void {
  lost.hidden = box.isThere;
  say(lost, box.isThere ? "" : t("box_away"));
  const apart = box.clockApartMs;
  clock.hidden = apart === null && box.knowsTheTime;
  const of_box = moment(boxNow());
  say(clock, clock.hidden ? "" : box.knowsTheTime ? t("clocks_apart", { box: of_box, here: moment(Date.now()) }) : t("no_time", { box: of_box }));
  document.body.classList.toggle("away", !box.isThere);
}

function frame(): void {
  document.documentElement.lang = language();
  const languages = h("select", { "aria-label": t("language") }, ...LANGUAGES.map(([code, name]) => h("option", { value: code, lang: code, selected: code === language() }, name)));
  languages.addEventListener("change", () => {
    setLanguage(languages.value);
    shown = "";
    end?.();
    end = null;
    frame();
    showState();
    show();
  });
  fill(links, h("ul", {}, ...[...LINKS, ...MANAGED].map((name) => h("li", {}, h("a", { href: "#/" + name }, t(name))))));
  const press = () => (isKnown() ? void logOut().catch(() => {}) : wantLogIn());
  const out = h("button", { type: "button", class: "quiet who", click: press }, t("log_out"));
  const header = h("header", { class: "top" }, h("span", { class: "brand" }, "edgereel"), links, h("span", { class: "end" }, languages, out));
  const skip = h("a", { class: "skip", href: "#main", click: (event) => (event.preventDefault(), main.querySelector("h1")?.focus()) }, t("skip"));
  fill(document.body, skip, header, h("div", { class: "banners" }, lost, clock), main);
}

frame();
onChange(() => {
  showState();
  show();
});
onBack(() => void meet().catch(() => {}));
addEventListener("hashchange", show);
// The times of the banner go on.
setInterval(() => !document.hidden && !clock.hidden && showState(), 1_000);
watch();
readEvents();
meet().catch(() => {});
