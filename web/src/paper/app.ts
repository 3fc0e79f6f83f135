// "On this device": the worker is there only where somebody asked for it, and goes when they say so.

const SHELF = "afterglow-offline";

export function app(): void {
  const place = document.querySelector<HTMLElement>("[data-app]");
  if (!place || !("serviceWorker" in navigator) || !("caches" in window)) return;
  place.hidden = false;
  const on = place.querySelector<HTMLButtonElement>("[data-app-on]");
  const off = place.querySelector<HTMLButtonElement>("[data-app-off]");
  on?.addEventListener("click", () => void act(place, keep, "on"));
  off?.addEventListener("click", () => void act(place, take, "off"));
  void show(place);
}

async function act(place: HTMLElement, work: () => Promise<void>, what: string): Promise<void> {
  try {
    await work();
    await show(place);
    say(place, what);
  } catch {
    say(place, "failed");
  }
}

async function keep(): Promise<void> {
  await navigator.serviceWorker.register("/worker.js", { scope: "/" });
  await navigator.serviceWorker.ready;
}

async function take(): Promise<void> {
  const found = await navigator.serviceWorker.getRegistration("/");
  await found?.unregister();
  await caches.delete(SHELF);
}

async function show(place: HTMLElement): Promise<void> {
  const there = (await navigator.serviceWorker.getRegistration("/")) !== undefined;
  const on = place.querySelector<HTMLButtonElement>("[data-app-on]");
  const off = place.querySelector<HTMLButtonElement>("[data-app-off]");
  if (on) on.hidden = there;
  if (off) off.hidden = !there;
}

function say(place: HTMLElement, what: string): void {
  const said = place.querySelector<HTMLElement>("[data-app-says]");
  if (said) said.textContent = said.dataset[what] ?? "";
}
