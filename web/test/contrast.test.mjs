// Every pair of colours the two surfaces use, in both themes: WCAG 2.2, 1.4.3 and 1.4.11.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { colours, spellOutThemes } from "../themes.mjs";

const css = await readFile(new URL("../src/tokens.css", import.meta.url), "utf8");
const palette = colours(css);

const grounds = ["--paper", "--raised", "--horizon"];
const washes = ["--moss-wash", "--dusk-wash", "--clay-wash", "--signal-wash", "--amber-wash"];

/** [text, ground, least ratio] */
const pairs = [
  ...[...grounds, ...washes].flatMap((ground) => [
    ["--ink", ground, 4.5],
    ["--quiet", ground, 4.5],
    ["--focus", ground, 3],
  ]),
  ...grounds.flatMap((ground) => [
    ["--moss", ground, 4.5],
    ["--moss-deep", ground, 4.5],
    ["--dusk", ground, 4.5],
    ["--clay", ground, 4.5],
    ["--signal", ground, 4.5],
    ["--amber", ground, 4.5],
    ["--edge", ground, 3],
  ]),
  // A level in the open row of the queue.
  ...["--signal", "--clay", "--amber"].map((level) => [level, "--moss-wash", 4.5]),
  ["--moss", "--moss-wash", 4.5],
  ["--moss-deep", "--moss-wash", 4.5],
  ["--dusk", "--dusk-wash", 4.5],
  ["--clay", "--clay-wash", 4.5],
  ["--signal", "--signal-wash", 4.5],
  ["--amber", "--amber-wash", 4.5],
  ["--on-moss", "--moss", 4.5],
  ["--on-moss", "--moss-deep", 4.5],
  ["--on-signal", "--signal", 4.5],
];

for (const theme of ["light", "dark"]) {
  for (const [text, ground, least] of pairs) {
    test(`${theme}: ${text} on ${ground} is at least ${least}`, () => {
      const ratio = contrast(palette.get(text)[theme], palette.get(ground)[theme]);
      assert.ok(ratio >= least, `${ratio.toFixed(2)}`);
    });
  }
}

test("a colour used by a sheet has a name in tokens.css", async () => {
  for (const name of ["room", "desk"]) {
    const sheet = await readFile(new URL(`../src/${name}.css`, import.meta.url), "utf8");
    for (const [, used] of sheet.matchAll(/var\((--[a-z0-9-]+)\)/g)) {
      assert.ok(css.includes(`${used}:`) || sheet.includes(`${used}:`), `${name}.css: ${used}`);
    }
    assert.deepEqual(sheet.match(/#[0-9a-f]{3,8}\b|rgba?\(/gi), null, `${name}.css has a bare colour`);
  }
});

test("both themes define the same names, and nothing is left for the browser to know", () => {
  const plain = spellOutThemes(css);
  assert.ok(!/:\s*light-dark\(/.test(plain.replace(/\/\*[\s\S]*?\*\//g, "")));
  for (const name of palette.keys()) {
    assert.equal(plain.split(`${name}: `).length - 1 >= 3, true, name);
  }
});

function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
