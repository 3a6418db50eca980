// An address for somebody without a key: it ends by itself.

import type { Token } from "./answers";
import { ask } from "./box";
import { commandButton } from "./command";
import { copyable, dialog, field, fill, h, say } from "./dom";
import { sharedLink } from "./places";
import { moment } from "./show";
import { t } from "./words";

const VALID = ["1h", "24h", "7d", "30d"] as const;

/** What is shared: what the token opens, and the rest of the address behind the token. */
export interface Shared {
  token: Record<string, unknown>;
  path: string;
}

/** Asks how long the address is to be valid, and makes it. */
export function share(title: string, shared: Shared): void {
  const valid = h("select", {}, ...VALID.map((one) => h("option", { value: one, selected: one === "24h" }, t(`valid_${one}`))));
  const mayDownload = h("input", { type: "checkbox" });
  const made = h("div", { role: "status" });
  const button = h("button", {}, t("make_link"));
  const body = () => ({ ...shared.token, valid: valid.value, may: mayDownload.checked ? ["watch", "download"] : ["watch"] });
  const submit = async (event: Event) => {
    event.preventDefault();
    button.disabled = true;
    say(made, t("waits"));
    try {
      const token: Token = await ask("token.create", body());
      const base = baseOf(token);
      const path = `t/${token.token}/${shared.path}`;
      const until = token.expires === null ? "" : t("valid_until", { time: moment(token.expires) });
      const links = [copyable(t("link"), base + sharedLink(path, token.expires)), copyable(t("link_media"), new URL(path, base).href)];
      fill(made, ...links, h("p", {}, until, " ", t("link_secret")));
    } catch (error) {
      say(made, error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
  };
  const check = h("label", { class: "check" }, mayDownload, " ", t("may_download"));
  dialog(title, h("form", { submit }, field(t("valid_for"), valid), check, h("div", { class: "row" }, button, commandButton(() => ["token.create", body()]))), made);
}

// The address by which this page was reached reaches the box. That of the loopback reaches it from here alone: the box may know
// another one then.
function baseOf(token: Token): string {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const known = token.url?.split("/t/")[0];
  return isHere && known !== undefined ? known + "/" : new URL(".", document.baseURI).href;
}
