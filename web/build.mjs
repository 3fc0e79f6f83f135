// Bundles the scripts and style sheets into ../clinic/static, with fonts and icons.
// The same sources give the same bytes: no hashes, dates or paths in the output.

import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { spellOutThemes } from "./themes.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "clinic", "static");
const fonts = join(here, "node_modules/@fontsource-variable/atkinson-hyperlegible-next/files");

// Phones get old before their owners do; these are some five years back.
const target = ["chrome97", "firefox98", "safari15.4"];

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "fonts"), { recursive: true });
await mkdir(join(out, "icons"), { recursive: true });

await build({
  absWorkingDir: here,
  entryPoints: {
    widget: "src/room/widget.ts",
    pages: "src/paper/pages.ts",
    embed: "src/embed.ts",
    console: "src/desk/console.ts",
    worker: "src/desk/worker.ts",
    visitor: "src/room/visitor.ts",
  },
  outdir: out,
  bundle: true,
  format: "iife",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target,
});

for (const name of ["tokens", "room", "paper", "desk", "review"]) {
  const source = await readFile(join(here, "src", `${name}.css`), "utf8");
  const { code } = await transform(spellOutThemes(source), {
    loader: "css",
    minify: true,
    charset: "utf8",
    target,
  });
  await writeFile(join(out, `${name}.css`), code);
}

for (const subset of ["latin", "latin-ext"]) {
  await copyFile(
    join(fonts, `atkinson-hyperlegible-next-${subset}-wght-normal.woff2`),
    join(out, "fonts", `atkinson-hyperlegible-next-${subset}.woff2`),
  );
}
await copyFile(join(fonts, "..", "LICENSE"), join(out, "fonts", "LICENSE.txt"));

// The alphabets of what is printed (clinic/exports/typeset.py); no page asks for them.
const print = join(out, "print");
await mkdir(print);
for (const script of ["", "arabic", "hebrew", "thai", "sc", "kr", "emoji"]) {
  const name = script === "emoji" ? "noto-emoji" : ["noto-sans", script].filter(Boolean).join("-");
  const from = join(here, "node_modules/@expo-google-fonts", name);
  const [file] = (await readdir(join(from, "400Regular"))).filter((one) => one.endsWith(".ttf"));
  await copyFile(join(from, "400Regular", file), join(print, `${name}.ttf`));
  await copyFile(join(from, "LICENSE_FONT"), join(print, `${name}.LICENSE.txt`));
}

for (const icon of (await readdir(join(here, "src/icons"))).sort()) {
  await copyFile(join(here, "src/icons", icon), join(out, "icons", icon));
}
