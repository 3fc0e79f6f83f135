// <time data-relative datetime="..."> says "4 min ago" and keeps saying the right thing.
// data-relative="short" says "4 min", for rows where every letter counts.

const TICK = 15_000;
const SECOND = 1_000;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function times(): void {
  tick(document);
  window.setInterval(() => tick(document), TICK);
  window.setInterval(() => count(document), SECOND);
  document.addEventListener("htmx:load", (event) => tick(event.target as HTMLElement));
  document.addEventListener("visibilitychange", () => tick(document));
}

/** "in 4:09", "in 1 h 12 min", "now": what is left, by the second in the last hour. */
function count(within: ParentNode): void {
  for (const element of within.querySelectorAll<HTMLTimeElement>("time[data-relative=countdown]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    const left = Math.ceil((at - Date.now()) / SECOND);
    const words =
      left <= 0
        ? "now"
        : left < 3600
          ? `in ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
          : relative(Date.now() - at);
    if (element.textContent !== words) element.textContent = words;
    element.dataset["exact"] ??= exact.format(at);
  }
}

export function tick(within: ParentNode): void {
  count(within);
  const now = Date.now();
  for (const element of within.querySelectorAll<HTMLTimeElement>("time[data-relative]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    if (element.dataset["relative"] === "countdown") continue;
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
