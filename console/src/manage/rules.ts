// What is recorded: templates, rules, tasks, channels, and where channels are sent to.

import { ask } from "../box";
import { action, commandButton } from "../command";
import { type Child, dialog, field, fill, h } from "../dom";
import { draft } from "../drafts";
import { timelineLink } from "../places";
import { address, bytes, moment } from "../show";
import type { Channel, Push, Rule, Task, Template } from "./answers";
import { cut, lasts, part, renew, repeated, sentence, shortened, table, words } from "./parts";
import { emptyWeek, linesOf, weekGrid, weekOf } from "./week";
import { type ManageWord, m } from "./words";

const EVERY_MS = 10_000;
const MOST = 100;
const STATES: Record<string, ManageWord> = { waiting: "task_waiting", running: "task_running", over: "task_over", stopped: "task_stopped" };
const RECORD: Record<string, ManageWord> = { always: "record_always", "on-demand": "record_on_demand", never: "record_never" };

type Body = Record<string, unknown>;

/** Shows the screen. Gives what ends it. */
export function rulesScreen(root: HTMLElement): () => void {
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const [rules, templates, tasks, channels, pushes] = [h("div"), h("div"), h("div"), h("div"), h("div")];
  const names = h("datalist", { id: "template-names" });
  const now = () => look.now();
  fill(
    root,
    wrong,
    h("p", {}, m("file_about")),
    doing(m("reload"), () => ["config.reload", {}], now),
    names,
    part(m("rules"), h("p", {}, m("rules_about")), rules, form(m("put_rule"), ruleForm(now))),
    part(m("tasks"), tasks, form(m("create_task"), taskForm(now))),
    part(m("templates"), templates, form(m("put_template"), jsonForm("template.put", { name: "", formats: ["hls", "mp4"] }, now))),
    part(m("channels"), channels, form(m("put_channel"), jsonForm("channel.put", { name: "", items: [{ recording: "" }] }, now))),
    part(m("pushes"), pushes, form(m("begin_push"), jsonForm("channel.push", { name: "", url: "rtmp://" }, now))),
  );
  const load = async () => {
    const body = { limit: MOST };
    const [allRules, allTemplates, allTasks, allChannels, allPushes] = await Promise.all([
      ask<{ rules: Rule[]; next: string | null }>("rule.list", body),
      ask<{ templates: Template[]; next: string | null }>("template.list", body),
      ask<{ tasks: Task[]; next: string | null }>("task.list", body),
      ask<{ channels: Channel[]; next: string | null }>("channel.list", body),
      ask<{ pushes: Push[]; next: string | null }>("channel.pushes", body),
    ]);
    renew(rules, allRules, (all) => listed(all.rules, all.next, (rows) => ruleRows(rows, now)));
    renew(templates, allTemplates, (all) => listed(all.templates, all.next, (rows) => templateRows(rows, now)));
    renew(names, allTemplates.templates.map((one) => one.name), (all) => all.map((name) => h("option", { value: name })));
    renew(tasks, allTasks, (all) => listed(all.tasks, all.next, (rows) => taskRows(rows, now)));
    renew(channels, allChannels, (all) => listed(all.channels, all.next, (rows) => channelRows(rows, now)));
    renew(pushes, allPushes, (all) => listed(all.pushes, all.next, (rows) => pushRows(rows, now)));
  };
  const look = repeated(EVERY_MS, /^(task|channel|recording|reset)/, load, wrong);
  return look.end;
}

/** Rows of a list, or that there are none, and that there are more. */
function listed<T>(rows: T[], next: string | null, make: (rows: T[]) => Child[]): Child[] {
  if (rows.length === 0) return [h("p", { class: "none" }, m("none_there"))];
  return [...make(rows), next !== null && h("p", { class: "small" }, m("only_the_first", { n: rows.length }))];
}

/** A button that gives a command, and shows what the box warns of. `over` is called where it warns of nothing. */
function doing(label: string, command: () => [string, Body], done: () => void, over = () => {}): HTMLElement {
  const warned = h("ul", { class: "faults" });
  const answered = (result: unknown) => {
    const { warnings = [], restart = [] } = (result ?? {}) as { warnings?: string[]; restart?: string[] };
    fill(warned, ...warnings.map((text) => h("li", {}, sentence(text))), restart.length > 0 && h("li", {}, m("needs_restart", { keys: restart.join(", ") })));
    done();
    if (warnings.length + restart.length === 0) over();
  };
  return h("div", {}, action(label, command, answered), warned);
}

/** A button that asks before it gives a command: what is deleted does not come back by itself. */
function asked(label: string, about: string, command: () => [string, Body], done: () => void): HTMLElement {
  const press = () => {
    const shown = dialog(label, h("p", {}, shortened(about)), doing(label, command, done, () => shown.close()));
  };
  return h("button", { type: "button", class: "quiet", click: press }, label);
}

/** Where it comes from: what the file says is changed in the file. */
const from = (origin: string) => h("span", { class: "chip" }, origin === "command" ? m("by_command") : m("by_file"));

const form = (title: string, content: HTMLElement) => h("details", {}, h("summary", {}, title), content);

const pattern = (text: string) => (text === "*" ? m("any_pattern") : shortened(text));

function ruleRows(all: Rule[], done: () => void): Child[] {
  const rows = all.map((rule) => {
    const key = { ...(rule.domain !== "*" && { domain: rule.domain }), ...(rule.stream !== "*" && { stream: rule.stream }) };
    const word = RECORD[rule.record];
    const remove = rule.from === "command" && asked(m("delete"), `${rule.domain} ${rule.stream}`, () => ["rule.delete", key], done);
    return [pattern(rule.stream), pattern(rule.domain), shortened(rule.template), word ? m(word) : rule.record, from(rule.from), remove];
  });
  return [table(m("rules"), [m("streams_word"), m("domain"), m("template"), m("recorded_when"), m("comes_from"), ""], rows)];
}

function templateRows(all: Template[], done: () => void): Child[] {
  const rows = all.map((one) => {
    const { name, from: origin, formats, ...rest } = one;
    const more = h("details", {}, h("summary", {}, m("all_of_it")), h("pre", { dir: "ltr" }, cutJson(rest)));
    const remove = origin === "command" && asked(m("delete"), name, () => ["template.delete", { name }], done);
    return [shortened(name), formats.join(", "), more, from(origin), remove];
  });
  return [table(m("templates"), [m("name_word"), m("formats"), m("details_word"), m("comes_from"), ""], rows)];
}

function cutJson(value: unknown): string {
  const text = JSON.stringify(value, null, 1);
  return text.length > 4_000 ? text.slice(0, 4_000) + "…" : text;
}

function taskRows(all: Task[], done: () => void): Child[] {
  return all.map((task) => {
    const word = STATES[task.state];
    const is = task.state === "running" ? "chip on" : "chip";
    const about = [task.name, task.stream].filter((one) => one !== null).join(" – ");
    const isOurs = task.from === "command";
    const lives = task.state === "waiting" || task.state === "running";
    return h(
      "article",
      { class: "task", "data-task": task.task },
      h("h3", {}, task.name !== null && shortened(task.name), task.name !== null && " ", h("a", { href: timelineLink(task.stream) }, shortened(task.stream))),
      h("p", { class: "state" }, h("span", { class: is }, word ? m(word) : task.state), " ", from(task.from === "config" ? "configuration" : "command"), " ", task.template !== null && m("by_template", { name: cut(task.template) })),
      task.start !== undefined && h("p", {}, m("from_to", { from: moment(task.start), to: task.end === undefined ? "" : moment(task.end) })),
      task.weekly && weekGrid(`${m("week")}: ${cut(about)}`, weekOf(task.weekly)),
      task.weekly && h("p", { class: "small", lang: "en", dir: "ltr" }, cut(task.weekly.join("; ")), " ", shortened(task.time_zone ?? "UTC")),
      task.last_recorded !== null && h("p", { class: "small" }, m("last_recorded", { time: moment(task.last_recorded) })),
      task.missed !== null && h("p", { class: "wrong" }, m("missed", { time: moment(task.missed.start), n: task.missed.times }), " ", sentence(task.missed.detail)),
      isOurs &&
        h(
          "div",
          { class: "row" },
          lives && asked(m("end_task"), about, () => ["task.stop", { task: task.task }], done),
          asked(m("delete"), about, () => ["task.delete", { task: task.task }], done),
        ),
    );
  });
}

function channelRows(all: Channel[], done: () => void): Child[] {
  const rows = all.map(({ name, state, start, play, duration_s, items, path }) => {
    const isOff = state === "disabled";
    const toggle = asked(isOff ? m("enable") : m("disable"), name, () => [isOff ? "channel.enable" : "channel.disable", { name }], done);
    const remove = asked(m("delete"), name, () => ["channel.delete", { name }], done);
    const where = h("a", { href: address(path.replace(/^\//, "")) }, shortened(name));
    return [where, state, moment(start), `${items.length} · ${lasts(duration_s)} · ${play}`, h("span", { class: "row" }, toggle, remove)];
  });
  return [table(m("channels"), [m("name_word"), m("state_word"), m("begins_word"), m("items"), ""], rows)];
}

function pushRows(all: Push[], done: () => void): Child[] {
  const rows = all.map((one) => {
    const why = one.reason === null ? "" : sentence(one.reason);
    const end = asked(m("end_push"), `${one.channel} → ${one.url}`, () => ["channel.unpush", { name: one.channel, push: one.push }], done);
    return [shortened(one.channel), shortened(one.url), one.state, why, bytes(one.sent_bytes), end];
  });
  return [table(m("pushes"), [m("channel"), m("goes_to"), m("state_word"), m("why"), m("sent"), ""], rows)];
}

const filled = (inputs: Record<string, HTMLInputElement | HTMLSelectElement>): Body =>
  Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value !== ""));

const quiet = (event: Event) => event.preventDefault();

function ruleForm(done: () => void): HTMLElement {
  const inputs = {
    stream: h("input", { name: "stream", placeholder: "live/*", maxlength: 500 }),
    template: h("input", { name: "template", list: "template-names", maxlength: 64 }),
    record: h("select", { name: "record" }, ...Object.entries(RECORD).map(([value, word]) => h("option", { value }, m(word)))),
    domain: h("input", { name: "domain", maxlength: 253 }),
  };
  draft("rule", Object.values(inputs));
  const put = doing(m("put_rule"), () => ["rule.put", filled(inputs)], done);
  return h(
    "form",
    { class: "edit", "data-form": "rule", submit: quiet },
    field(m("stream_pattern"), inputs.stream),
    field(m("template"), inputs.template),
    field(m("recorded_when"), inputs.record),
    field(m("domain_about"), inputs.domain),
    put,
  );
}

function taskForm(done: () => void): HTMLElement {
  const stream = h("input", { name: "stream", placeholder: "live/cam1", maxlength: 500 });
  const name = h("input", { name: "name", maxlength: 128 });
  const template = h("input", { name: "template", list: "template-names", maxlength: 64 });
  const kind = h("select", { name: "kind" }, h("option", { value: "once" }, m("once")), h("option", { value: "weekly" }, m("every_week")));
  const [start, end] = [h("input", { type: "datetime-local", name: "start" }), h("input", { type: "datetime-local", name: "end" })];
  const week = emptyWeek();
  const lines = h("p", { class: "small lines", lang: "en", role: "status" });
  const zone = h("input", { name: "time_zone", value: Intl.DateTimeFormat().resolvedOptions().timeZone, maxlength: 64 });
  const grid = weekGrid(m("choose_hours"), week, () => fill(lines, linesOf(week).join("; ")));
  const once = h("div", { class: "fields" }, field(m("starts_here"), start), field(m("ends_here"), end));
  const weekly = h("div", { class: "fields", hidden: true }, h("p", {}, m("choose_hours_about")), grid, lines, field(m("time_zone"), zone));
  kind.addEventListener("change", () => {
    once.hidden = kind.value !== "once";
    weekly.hidden = kind.value !== "weekly";
  });
  draft("task", [stream, name, template, kind, start, end, zone]);
  const body = (): [string, Body] => {
    const found = filled({ stream, template, name });
    if (kind.value === "weekly") {
      if (linesOf(week).length === 0) throw new Error(m("no_hours"));
      return ["task.create", { ...found, weekly: linesOf(week), time_zone: zone.value.trim() }];
    }
    // What the browser's field gives is the time of where the browser is.
    for (const [at, input] of [["start", start], ["end", end]] as const) {
      const time = new Date(input.value);
      if (!Number.isNaN(time.getTime())) found[at] = time.toISOString();
    }
    return ["task.create", found];
  };
  return h(
    "form",
    { class: "edit", "data-form": "task", submit: quiet },
    field(m("stream_word"), stream),
    field(m("name_word"), name),
    field(m("template"), template),
    field(m("when"), kind),
    once,
    weekly,
    doing(m("create_task"), body, done),
  );
}

/** A command whose arguments are written as JSON: `docs/mqtt.md` and the help of the command name them. */
function jsonForm(command: string, example: Body, done: () => void): HTMLElement {
  const text = h("textarea", { rows: 6, name: "json", spellcheck: "false", dir: "ltr", maxlength: 60_000 }, JSON.stringify(example, null, 1));
  draft(command, [text]);
  const body = (): [string, Body] => {
    let read: unknown;
    try {
      read = JSON.parse(text.value);
    } catch (error) {
      throw new Error(m("not_json", { why: words(error) }));
    }
    if (typeof read !== "object" || read === null || Array.isArray(read)) throw new Error(m("not_json", { why: "{ … }" }));
    return [command, read as Body];
  };
  const help = h("p", { class: "small" }, m("json_about"), " ", commandButton(() => ["help", { about: command }]));
  return h("form", { class: "edit", "data-form": command, submit: quiet }, help, field("JSON", text), doing(m("send"), body, done));
}
