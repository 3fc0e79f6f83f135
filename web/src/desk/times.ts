// <time data-relative datetime="..."> says "4 min ago" and keeps saying the right thing.
// data-relative="short" says "4 min", for rows where every letter counts.

const TICK = 15_000;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function times(): void {
  tick(document);
  window.setInterval(() => tick(document), TICK);
  document.addEventListener("htmx:load", (event) => tick(event.target as HTMLElement));
  document.addEventListener("visibilitychange", () => tick(document));
}

export function tick(within: ParentNode): void {
  const now = Date.now();
  for (const element of within.querySelectorAll<HTMLTimeElement>("time[data-relative]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    const long = relative(now - at);
    const words = element.dataset["relative"] === "short" ? short(long) : long;
    if (element.textContent !== words) element.textContent = words;
    element.dataset["exact"] ??= exact.format(at);
  }
}

/** "just now", "4 min ago", "in 2 h", "3 days ago". */
export function relative(ms: number): string {
  const size = Math.abs(ms);
  const minutes = Math.floor(size / 60_000);
  if (minutes < 1) return ms < 0 ? "in a moment" : "just now";
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const amount =
    minutes < 60
      ? `${minutes} min`
      : hours < 24
        ? hours < 6 && minutes % 60
          ? `${hours} h ${minutes % 60} min`
          : `${hours} h`
        : `${days} ${days === 1 ? "day" : "days"}`;
  return ms < 0 ? `in ${amount}` : `${amount} ago`;
}

function short(words: string): string {
  return words.replace(/ ago$/, "").replace("just now", "now").replace(/ h \d+ min$/, " h");
}
