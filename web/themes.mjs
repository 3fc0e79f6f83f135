// light-dark(LIGHT, DARK) in tokens.css, read and spelled out.

const PAIR = /^\s*(--[a-z-]+):\s*light-dark\((.+)\);\s*$/gm;

/** Every colour of tokens.css: name -> { light, dark }. */
export function colours(css) {
  const found = new Map();
  for (const [, name, inside] of css.matchAll(PAIR)) {
    const [light, dark] = split(inside);
    found.set(name, { light, dark });
  }
  return found;
}

/** The same sheet for browsers without light-dark(): the device's wish, then the reader's own. */
export function spellOutThemes(css) {
  const pairs = colours(css);
  if (pairs.size === 0) return css;
  const say = (theme) =>
    [...pairs].map(([name, value]) => `${name}: ${value[theme]};`).join(" ") +
    ` color-scheme: ${theme};`;
  const plain = css.replace(PAIR, "");
  return [
    `:root { ${say("light")} }`,
    `@media screen and (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { ${say("dark")} } }`,
    `@media screen { :root[data-theme="dark"] { ${say("dark")} } }`,
    plain,
  ].join("\n");
}

function split(inside) {
  let depth = 0;
  for (let i = 0; i < inside.length; i += 1) {
    if (inside[i] === "(") depth += 1;
    if (inside[i] === ")") depth -= 1;
    if (inside[i] === "," && depth === 0) {
      return [inside.slice(0, i).trim(), inside.slice(i + 1).trim()];
    }
  }
  throw new Error(`light-dark() needs two colours: ${inside}`);
}
