// What a person would type for a command: `edgereel ctl`, which asks any box through its broker, and has the same arguments.

import { copyable, dialog, h, say } from "./dom";
import { ask } from "./box";
import { t } from "./words";

/** A word of a shell, in quotes where it needs them. */
export function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'";
}

/** The line to type. */
export function typed(command: string, body: Record<string, unknown>): string {
  const words = Object.entries(body).flatMap(([name, value]) => {
    // A line of hours may have commas of its own.
    if (name === "weekly" && Array.isArray(value)) return value.map((line) => quoted(`weekly=${line}`));
    const plain = Array.isArray(value) && value.every((one) => typeof one === "string");
    const text = plain ? value.join(",") : typeof value === "string" ? value : JSON.stringify(value);
    return quoted(name + "=" + text);
  });
  return ["edgereel ctl", command, ...words].join(" ");
}

/** Shows the command that does the same. */
export function showCommand(command: string, body: Record<string, unknown>): void {
  dialog(t("as_command"), h("p", {}, t("as_command_about")), copyable("", typed(command, body)));
}

/** A small button that shows the command that does the same. */
export function commandButton(of: () => [string, Record<string, unknown>]): HTMLButtonElement {
  const show = () => {
    try {
      showCommand(...of());
    } catch (error) {
      dialog(t("as_command"), h("p", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
    }
  };
  return h("button", { type: "button", class: "quiet command", title: t("as_command"), "aria-label": t("as_command"), click: show }, "›_");
}

/**
 * A button that gives a command, and what the command is. It says that it waits until the box has answered, and then what the
 * box said.
 */
export function action(label: string, of: () => [string, Record<string, unknown>], done: (result: unknown) => void): HTMLElement {
  const said = h("span", { class: "said", role: "status" });
  const button = h("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    say(said, t("waits"));
    try {
      const [command, body] = of();
      const result: unknown = await ask(command, body);
      say(said, t("done"));
      done(result);
    } catch (error) {
      say(said, error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
  });
  return h("span", { class: "action" }, button, commandButton(of), said);
}
