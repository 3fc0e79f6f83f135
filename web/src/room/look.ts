// Light, dark, or as the device: the reader's choice comes first, then the stage (recovery is dark),
// then the device. Kept in memory; kept on the device only for those who asked to be remembered.

export type Theme = "device" | "light" | "dark";

const KEPT = "afterglow.theme";

let chosen: Theme | null = null;
let dim = false;

export function restore(): void {
  const kept = read();
  if (kept) chosen = kept;
  apply();
}

export function theme(): Theme {
  return chosen ?? "device";
}

export function choose(next: Theme): void {
  chosen = next;
  if (read() !== null) write(next);
  apply();
}

/** In recovery the room is dark unless the reader has said otherwise. */
export function dimmed(now: boolean): void {
  dim = now;
  apply();
}

export function remember(yes: boolean): void {
  if (yes) write(theme());
  else forget();
}

/** Whether the reader asked this device to remember them: only then may anything be kept here. */
export function remembered(): boolean {
  return read() !== null;
}

export function forget(): void {
  try {
    localStorage.removeItem(KEPT);
  } catch {
    // Storage is switched off: there is nothing to forget.
  }
}

function apply(): void {
  const now = chosen ?? (dim ? "dark" : "device");
  const root = document.documentElement;
  if (now === "device") delete root.dataset["theme"];
  else root.dataset["theme"] = now;
}

function read(): Theme | null {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "light" || kept === "dark" || kept === "device" ? kept : null;
  } catch {
    return null;
  }
}

function write(next: Theme): void {
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}
