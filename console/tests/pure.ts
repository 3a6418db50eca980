// What needs no browser: commands as they are typed, notes as they are written, events as they come, and addresses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { box } from "../src/box";
import { quoted, typed } from "../src/command";
import { draft, screenGoes } from "../src/drafts";
import { parse } from "../src/events";
import { parsePlace, sharedLink } from "../src/places";
import { fits } from "../src/screens/events";
import { searchOf } from "../src/screens/recordings";
import { notesOf } from "../src/screens/recording";
import { isShared } from "../src/screens/shared";
import { bytes, length, streamPath } from "../src/show";
import { cellAt, cellsOf } from "../src/timeline/cells";
import { LONGEST_MS, SHORTEST_MS, ticks, timeAt, zoomed } from "../src/timeline/scale";
import { shared } from "../src/timeline/selection";
import { daysLeft } from "../src/manage/delivery";
import { cut, lasts } from "../src/manage/parts";
import { emptyWeek, linesOf, weekOf } from "../src/manage/week";
import { de as manageDe } from "../src/manage/words/de";
import { en as manageEn } from "../src/manage/words/en";
import { zh as manageZh } from "../src/manage/words/zh";
import { inStep } from "../src/timeline/step";
import { type Bar, EMPTY, carriedGaps, covering, gapsOf, mayHaveTape, mediaWithin, noteTime, playedAt } from "../src/timeline/tape";
import { de } from "../src/words/de";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

test("a command is one line of a shell, whatever it contains", () => {
  assert.equal(quoted("stream=live/cam1"), "stream=live/cam1");
  assert.equal(quoted("title=it's $(me) `x`"), `'title=it'\\''s $(me) \`x\`'`);
  assert.equal(typed("recording.set", { recording: "1", tags: ["a", "b"], notes: [{ at_s: 1, text: "x" }] }), `edgereel ctl recording.set recording=1 tags=a,b 'notes=[{"at_s":1,"text":"x"}]'`);
});

test("hours of a week are read as the box writes them, and written as it reads them", () => {
  const minutes = (lines: string[]) => weekOf(lines).flat().reduce((all, one) => all + one, 0);
  assert.equal(minutes(["Mon-Fri 08:00-18:00", "Sat,Sun 10:00-12:30"]), 5 * 600 + 2 * 150);
  assert.equal(minutes(["daily 22:00-06:00"]), 7 * 480);
  assert.equal(minutes(["Fri-Mon 00:00-00:00", "nonsense", "Xyz 08:00-09:00", ""]), 4 * 1440);
  assert.deepEqual(weekOf(["Sun 23:30-00:30"]).map((hours) => hours.reduce((all, one) => all + one, 0)), [30, 0, 0, 0, 0, 0, 30]);
  for (const lines of [["Mon-Fri 08:00-18:00"], ["Mon,Tue 07:00-09:00", "Sun 22:00-00:00"], ["daily 00:00-00:00"], ["Mon-Wed,Fri 10:00-11:00"]]) {
    assert.deepEqual(linesOf(weekOf(lines)), lines);
  }
  assert.deepEqual(linesOf(emptyWeek()), []);
  assert.equal(typed("task.create", { stream: "live/a", weekly: ["Sat,Sun 10:00-12:00", "Mon 08:00-09:00"] }), "edgereel ctl task.create stream=live/a 'weekly=Sat,Sun 10:00-12:00' 'weekly=Mon 08:00-09:00'");
});

test("a link that was changed leads to nothing but what a token opens", () => {
  for (const path of ["t/AQx_-9/r/1.mp4", "t/AQ/s/live/a%20b/master.m3u8?start=1", "t/AQ/live/cam1.m3u8"]) assert.ok(isShared(path), path);
  const others = ["", "t/", "t/AQ", "t/AQ/", "r/1.mp4", "/t/AQ/r/1.mp4", "//a.test/t/AQ/r/1", "http://a.test/t/AQ/r/1", "javascript:1", "t/../api/v1/session", "t/AQ/../../api/v1/session", "t/%2e%2e/api/v1", "t/AQ/..\\..\\api"];
  for (const path of others) assert.ok(!isShared(path), path);
  assert.deepEqual(parsePlace(sharedLink("t/AQ/r/1.mp4?from=1&to=2", "2026-01-01T00:00:00Z")).query.get("of"), "t/AQ/r/1.mp4?from=1&to=2");
});

test("what is typed when a session ends is there again for the same viewer, and what was not touched is what the box says", () => {
  const field = (value: string) => ({ value, isConnected: true, closest: () => null, dispatchEvent: () => true }) as unknown as HTMLInputElement;
  const type = (viewer: string, isSessionOver: boolean) => {
    box.viewer = viewer;
    const [title, tags] = [field("old"), field("a")];
    draft("recording 1", [title, tags]);
    title.value = "half a ti";
    screenGoes(isSessionOver);
  };
  const found = (viewer: string) => {
    box.viewer = viewer;
    const fields = [field("old"), field("b")];
    draft("recording 1", fields);
    screenGoes(false);
    return fields.map((one) => one.value).join();
  };
  type("ann", false);
  assert.equal(found("ann"), "old,b");
  type("ann", true);
  assert.equal(found("bob"), "old,b");
  assert.equal(found("ann"), "half a ti,b");
  assert.equal(found("ann"), "old,b");
});

test("days that are left are said as far as they are known", () => {
  const day = 86_400;
  assert.match(daysLeft(null, 0.5e12, day), /^Each TB .* lasts 48:00:00|^Each TB .* lasts 2 days/);
  assert.match(daysLeft(20, 1e12, 10 * day), /^At least 80 % of its life are left\. Each TB .* lasts 10 days at this rate/);
  assert.match(daysLeft(100, 1e12, 60), /^At least 0 % .* after an hour\.$/);
  assert.match(daysLeft(101, 1e12, day), /replace it soon/);
  assert.equal(daysLeft(null, 0, day), "Nothing is written.");
  for (const odd of [daysLeft(null, 1, 3_600), daysLeft(0, 1e18, 1e9)]) assert.doesNotMatch(odd, /NaN|Infinity|\{/);
});

test("notes have their seconds in front", () => {
  assert.deepEqual(notesOf("12.5 goal\n\n 3,5 s  corner 2\n"), [{ at_s: 12.5, text: "goal" }, { at_s: 3.5, text: "corner 2" }]);
  assert.throws(() => notesOf("goal"));
});

test("events are read as the standard says", () => {
  assert.deepEqual(parse(": edgereel\nretry: 2000\nid: 7-1"), { id: "7-1", event: null });
  assert.deepEqual(parse('id: 7-2\nevent: a.b\ndata: {"data":{"x":": y"}}'), { id: "7-2", event: { kind: "a.b", event: { data: { x: ": y" } } } });
  assert.equal(parse("event: x\ndata: {").event, null);
});

test("events are filtered by their group and their stream, and a loss is always shown", () => {
  const told = { kind: "recording.closed", event: { data: { stream: "live/cam1" } } };
  assert.ok(fits(told, "recording", "cam") && fits(told, "", ""));
  assert.ok(!fits(told, "rec", "") && !fits(told, "recording", "cam2"));
  assert.ok(fits({ kind: "reset", event: {} }, "publish", "x"));
});

test("an address names a screen and what it shows", () => {
  const place = parsePlace("#/recording/a%2Fb?x=1&y=%26");
  assert.deepEqual([place.screen, place.what, place.query.get("y")], ["recording", "a/b", "&"]);
  assert.equal(parsePlace("#/recording/%zz").what, "%zz");
  assert.equal(parsePlace("").screen, "");
});

test("a stream of any name has a path", () => {
  assert.equal(streamPath("live/a b%/küche?#"), "s/live/a%20b%25/k%C3%BCche%3F%23");
});

test("a search has what was filled in, and nothing else", () => {
  const found = searchOf(new URLSearchParams("text=&tags=a,%20b,&state=open&from=2026-11-30T08:00&to=nonsense&order=up"));
  assert.deepEqual({ ...found, from: undefined }, { limit: 24, descending: false, sort: "start", state: "open", tags: ["a", "b"], from: undefined });
  assert.match(String(found["from"]), /^2026-11-30T|^2026-11-29T/);
});

test("a view zooms around a moment, from a day to a minute", () => {
  const day = { from: 0, to: LONGEST_MS };
  assert.deepEqual(zoomed(day, 2, 0.3), day);
  const hour = zoomed(day, 1 / 24, 0.25);
  assert.equal(hour.to - hour.from, 3_600_000);
  assert.equal(timeAt(hour, 0.25), LONGEST_MS / 4);
  const minute = zoomed(hour, 1e-9, 1);
  assert.deepEqual([minute.to - minute.from, minute.to], [SHORTEST_MS, hour.to]);
  const { times, step } = ticks({ from: 1_000, to: 61_000 }, 900);
  assert.deepEqual([times[0], step], [10_000, 10_000]);
});

test("a gap has the reason of the span before it, also when only its end is shown", () => {
  const iso = (second: number) => new Date(second * 1000).toISOString();
  const gaps = gapsOf([{ from: iso(0), to: iso(10), gap_reason: "why" }, { from: iso(20), to: iso(30) }], 60_000);
  assert.deepEqual(gaps, [{ from: 10_000, to: 20_000, text: "why" }]);
  assert.equal(gapsOf([{ from: iso(0), to: iso(10), gap_reason: "over" }], 60_000)[0]?.to, 60_000);
  const shorter = { ...EMPTY, from: 15_000, to: 60_000, spans: [{ from: 20_000, to: 30_000, text: "" }] };
  assert.deepEqual(carriedGaps({ ...EMPTY, gaps }, shorter), gaps);
  assert.equal(mediaWithin(shorter, { from: 0, to: 25_000 }), 5_000);
});

test("a note has its moment behind the gaps that its recording closes", () => {
  const iso = (second: number) => new Date(second * 1000).toISOString();
  const one = { start: iso(100), gaps_kept: false, gaps: [{ from: iso(110), to: iso(150) }] };
  assert.equal(noteTime(one, 5), 105_000);
  assert.equal(noteTime(one, 12), 152_000);
  assert.equal(noteTime({ ...one, gaps_kept: true }, 12), 112_000);
  // And a moment the other way round.
  for (const seconds of [0, 5, 12]) assert.equal(playedAt(one, noteTime(one, seconds)), seconds);
  assert.deepEqual([playedAt(one, 130_000), playedAt(one, 0), playedAt({ ...one, gaps_kept: true }, 112_000)], [10, 0, 12]);
});

test("a part of the time is put together of the recordings that have it, none of it twice", () => {
  const bar = (from: number, to: number, id: string) => ({ from, to, text: "", recording: id, row: { id } }) as unknown as Bar;
  const all = [bar(0, 100, "a"), bar(0, 60, "b"), bar(90, 200, "c"), bar(300, 400, "d")];
  assert.deepEqual(covering(all, { from: 50, to: 350 }).map((one) => [one.row.id, one.from, one.to]), [["a", 50, 100], ["c", 100, 200], ["d", 300, 350]]);
  assert.deepEqual(covering(all, { from: 210, to: 290 }), []);
});

test("streams in step wait for the last one, but for none that stands still", () => {
  const shown = (date: number | null, more = {}) => ({ date, isStalled: false, waits: false, ...more });
  const { clock, paces } = inStep([shown(10_000), shown(10_100), shown(11_000), shown(null)]);
  assert.equal(clock, 10_000);
  assert.deepEqual(paces.map((one) => [one.waits, one.rate]), [[false, 1], [false, 0.9], [true, 1], [false, 1]]);
  assert.ok(inStep([shown(0), shown(200, { waits: true })]).paces[1]?.waits && !inStep([shown(0), shown(50, { waits: true })]).paces[1]?.waits);
  const still = inStep([shown(0, { isStalled: true }), shown(9_000)]);
  assert.deepEqual([still.clock, still.paces[1]?.waits, still.paces[0]?.jump], [9_000, false, 9_000]);
});

test("a part of the time is shared as the file of the recording that has all of it, or as its stream", () => {
  const bar = (from: number, to: number) => ({ from, to, text: "", recording: "id" });
  const part = { from: 10_000, to: 20_000 };
  assert.match(shared("live/a", part, [bar(0, 15_000), bar(5_000, 30_000)]).path, /^r\/id\.mp4\?from=1970-01-01T00%3A00%3A10/);
  assert.match(shared("live/a b", part, [bar(0, 15_000)]).path, /^s\/live\/a%20b\/master\.m3u8\?start=/);
});

test("lengths and sizes", () => {
  assert.equal(length(3661.4), "1:01:01");
  assert.equal(length(59.6), "01:00");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_234_567), "1.2 MB");
});

test("a text of any length is cut between characters, and a long time is told in days", () => {
  assert.equal(cut("short"), "short");
  const long = cut("x".repeat(399) + "🎥".repeat(9));
  assert.ok(long.length <= 401 && long.endsWith("x…"), long.slice(-4));
  assert.equal(lasts(3600), "1:00:00");
  assert.equal(lasts(3.5 * 86400), "3.5 days");
});

test("each language says all words, with the same parts that are filled in", () => {
  const parts = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  const same = (english: Record<string, string>, table: Record<string, string>) => {
    for (const [word, text] of Object.entries(english)) {
      const other = table[word];
      assert.ok(other && other.trim() !== "", word);
      assert.equal(parts(other), parts(text), word);
    }
  };
  for (const table of [de, zh]) same(en, table);
  for (const table of [manageDe, manageZh]) same(manageEn, table);
});

test("stills are asked for where there may be tape, and not beside it", () => {
  const spans = [{ from: 1_000, to: 2_000, text: "" }, { from: 5_000, to: 6_000, text: "" }];
  const asks = (at: number) => mayHaveTape({ ...EMPTY, spans }, at);
  assert.deepEqual([0, 1_000, 1_999, 2_000, 4_999, 5_500, 15_999, 16_000].map(asks), [false, true, true, false, false, true, true, false]);
  assert.ok(!mayHaveTape(EMPTY, 0));
});

test("a track of small pictures says where the picture of a time is", () => {
  const cue = (from: string, to: string, place: string) => `\n${from} --> ${to}\nsprite.jpg?every=10s&sheet=1#xywh=${place}\n`;
  const cells = cellsOf("WEBVTT\n" + cue("00:00:00.000", "00:00:10.000", "0,0,160,90") + cue("00:00:10.000", "01:00:12.500", "160,90,160,90"));
  assert.deepEqual(cells[1], { from: 10, to: 3612.5, sheet: "sprite.jpg?every=10s&sheet=1", x: 160, y: 90, width: 160, height: 90 });
  const places = [0, 9.99, 10, 3_612, 9_999].map((time) => cellAt(cells, time)?.x);
  assert.deepEqual(places, [0, 0, 160, 160, 160]);
  assert.equal(cellAt(cellsOf("<html>"), 1), undefined);
});
