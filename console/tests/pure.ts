// What needs no browser: commands as they are typed, notes as they are written, events as they come, and addresses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { quoted, typed } from "../src/command";
import { parse } from "../src/events";
import { parsePlace } from "../src/places";
import { searchOf } from "../src/screens/recordings";
import { notesOf } from "../src/screens/recording";
import { bytes, length, streamPath } from "../src/show";
import { de } from "../src/words/de";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

test("a command is one line of a shell, whatever it contains", () => {
  assert.equal(quoted("stream=live/cam1"), "stream=live/cam1");
  assert.equal(quoted("title=it's $(me) `x`"), `'title=it'\\''s $(me) \`x\`'`);
  assert.equal(typed("recording.set", { recording: "1", tags: ["a", "b"], notes: [{ at_s: 1, text: "x" }] }), `edgereel ctl recording.set recording=1 tags=a,b 'notes=[{"at_s":1,"text":"x"}]'`);
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

test("lengths and sizes", () => {
  assert.equal(length(3661.4), "1:01:01");
  assert.equal(length(59.6), "01:00");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_234_567), "1.2 MB");
});

test("each language says all words, with the same parts that are filled in", () => {
  const parts = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const table of [de, zh]) {
    for (const [word, text] of Object.entries(en)) {
      const other = table[word as keyof typeof en];
      assert.ok(other && other.trim() !== "", word);
      assert.equal(parts(other), parts(text), word);
    }
  }
});
