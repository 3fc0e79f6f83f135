// Leaving quickly: clear the page first, then sign out, then go somewhere ordinary. No question
// is asked and no way leads back: history is replaced, and a page restored from memory reloads.

import { api } from "./api";
import { dropAll } from "../paper/drafts";
import { forget } from "./look";

const ELSEWHERE = "https://www.weather.gov/";
const PRESSES = 3;
const WITHIN = 1_500;

export let leaving = false;

export function leave(): void {
  leaving = true;
  document.body.replaceChildren();
  document.title = "Weather";
  forget();
  dropAll();
  api.end();
  try {
    (window.top ?? window).location.replace(ELSEWHERE);
  } catch {
    window.location.replace(ELSEWHERE);
  }
}

export function leaveOnEscape(): void {
  let presses: number[] = [];
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.repeat) {
        if (event.key !== "Escape") presses = [];
        return;
      }
      const now = Date.now();
      presses = [...presses.filter((at) => now - at < WITHIN), now];
      if (presses.length >= PRESSES) leave();
    },
    { capture: true },
  );
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
}
