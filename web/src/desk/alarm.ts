// An alert nobody has makes itself known: the title flashes, and a sound if one is chosen. Both can be
// switched off; the choice stays on this computer.

import { ROWS } from "./live";

const KEY = "afterglow.alarm.";
const FLASH = 1_500;
const AGAIN = 30_000;

let before = new Set<string>();
let flashing: number | undefined;
let sounding: number | undefined;
let own = "";

export function alarm(): void {
  own = document.title;
  const list = document.querySelector<HTMLElement>(".queue-list[data-live-on='queue']");
  let open = list ? calling([...list.querySelectorAll<HTMLElement>("[data-row]")]) : new Set<string>();
  for (const box of document.querySelectorAll<HTMLInputElement>("[data-alarm]")) {
    const name = box.dataset["alarm"] ?? "";
    box.checked = chosen(name);
    box.addEventListener("change", () => {
      localStorage.setItem(KEY + name, box.checked ? "on" : "off");
      before = new Set();
      sound(open);
    });
  }
  document.querySelector("[data-alarm-try]")?.addEventListener("click", () => void ring());
  sound(open);
  // What the server says, not what is drawn: a row that waits to be pressed calls too.
  list?.addEventListener(ROWS, (event) => {
    open = calling((event as CustomEvent<HTMLElement[]>).detail);
    if (open.size !== before.size || [...open].some((id) => !before.has(id))) sound(open);
  });
}

/** The alerts nobody has: those that offer to be acknowledged. */
function calling(rows: HTMLElement[]): Set<string> {
  const open = rows.filter((row) => row.querySelector("[data-row-key='a']"));
  return new Set(open.map((row) => row.dataset["row"] ?? ""));
}

function sound(open: Set<string>): void {
  window.clearInterval(flashing);
  document.title = own;
  if (open.size > 0 && chosen("title")) {
    flashing = window.setInterval(() => {
      document.title = document.title === own ? `(${open.size}) Alert open` : own;
    }, FLASH);
  }
  window.clearInterval(sounding);
  if (open.size > 0 && chosen("sound")) {
    if ([...open].some((id) => !before.has(id))) void ring();
    sounding = window.setInterval(() => void ring(), AGAIN);
  }
  before = open;
}

/** The title flashes unless it is switched off; the sound is off unless it is chosen. */
function chosen(name: string): boolean {
  const kept = localStorage.getItem(KEY + name);
  return name === "sound" ? kept === "on" : kept !== "off";
}

/** Two soft tones, made here: no file to fetch, nothing to load late. */
async function ring(): Promise<void> {
  const audio = new AudioContext();
  // Without a press on the page first, browsers keep it silent; the title flashes all the same.
  await audio.resume().catch(() => undefined);
  [660, 880].forEach((pitch, n) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + n * 0.25;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.2, start + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.22);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.25);
  });
  window.setTimeout(() => void audio.close(), 1_000);
}
