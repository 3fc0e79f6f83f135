// Live rows that never move under the reader's hand.
//
//   <body data-events="/console/events">
//   <ol data-live="/console/queue/rows" data-live-on="queue"> <li data-row="ID">...</li> </ol>
//   <div class="banner banner--stale" data-stale hidden role="status">...</div>
//
// The event named by data-live-on asks for the rows again (the stream carries no patient text).
// Rows already shown are changed in place; new rows wait behind a button ("2 new"). With
// data-live-mode="append" (a transcript) new rows are added at once while its end is in view.
// When the stream is down the rows are polled; when that fails too, the stale banner says so.

import { said } from "./say";
import { tick } from "./times";
import { signedOut } from "./unsent";

const POLL = 15_000;
const TYPES_FOR = 6_000;
/** Told to a list with all its rows as the server has them, whether they are drawn yet or not. */
export const ROWS = "afterglow:rows";

export function live(): void {
  const source = document.body.dataset["events"];
  const lists = [...document.querySelectorAll<HTMLElement>("[data-live]")].map((list) => new Live(list));
  if (!source || lists.length === 0) return;

  let polling: number | undefined;
  const poll = (): void => {
    polling ??= window.setInterval(() => lists.forEach((list) => void list.refresh()), POLL);
  };
  const stopPolling = (): void => {
    window.clearInterval(polling);
    polling = undefined;
  };

  const connect = (): void => {
    const stream = new EventSource(source);
    stream.addEventListener("open", () => {
      stopPolling();
      lists.forEach((list) => void list.refresh());
    });
    stream.addEventListener("error", () => {
      poll();
      if (stream.readyState === EventSource.CLOSED) window.setTimeout(connect, POLL);
    });
    for (const list of lists) stream.addEventListener(list.on, () => void list.refresh());
    // The server ended it: signed out, or no reason left to read this patient. Asking says which.
    stream.addEventListener("over", () => lists.forEach((list) => void list.refresh()));
    stream.addEventListener("typing", typing);
  };
  connect();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) lists.forEach((list) => void list.refresh());
  });
}

/** This person may read the patient no longer: nothing of theirs stays on the screen, but for what
 * the person was writing, which is theirs to copy. */
function closed(): void {
  const fields = [...document.querySelectorAll<HTMLTextAreaElement>("textarea")];
  const written = fields.map((field) => field.value.trim()).filter((words) => words !== "");
  const main = document.createElement("main");
  main.id = "main";
  main.className = "page page--narrow stack";
  main.tabIndex = -1;
  const news = said("div", "");
  news.setAttribute("role", "alert");
  news.append(said("h1", "You can read this patient no longer"), said("p", CLOSED));
  main.append(news);
  if (written.length > 0) {
    const kept = document.createElement("textarea");
    kept.rows = 8;
    kept.readOnly = true;
    kept.value = written.join("\n\n");
    const label = said("label", "What you had written. Copy it before you go on.");
    label.append(kept);
    main.append(label);
  }
  document.title = "Afterglow";
  document.querySelector(".desk")?.replaceWith(main);
}

const CLOSED =
  "Your relation to them has ended, or your time with them is over. What you sent before is kept. Go on from the bar above.";

/** The patient is writing: said for a moment, then forgotten. */
let typed: number | undefined;
function typing(): void {
  const line = document.querySelector<HTMLElement>("[data-typing]");
  if (!line) return;
  line.textContent = `${line.dataset["typing"] ?? ""} is writing`;
  window.clearTimeout(typed);
  typed = window.setTimeout(() => {
    line.textContent = "";
  }, TYPES_FOR);
}

class Live {
  readonly on: string;
  private readonly url: string;
  private readonly append: boolean;
  private readonly pill = document.createElement("div");
  private readonly press = document.createElement("button");
  private waiting: HTMLElement[] | null = null;
  private running = false;
  private again = false;

  constructor(private readonly list: HTMLElement) {
    this.url = list.dataset["live"] ?? "";
    this.on = list.dataset["liveOn"] ?? "message";
    this.append = list.dataset["liveMode"] === "append";
    this.pill.className = this.append ? "fresh fresh--below" : "fresh";
    this.pill.hidden = true;
    this.pill.setAttribute("role", "status");
    this.press.type = "button";
    this.press.addEventListener("click", () => this.show());
    this.pill.append(this.press);
    if (this.append) list.after(this.pill);
    else list.before(this.pill);
  }

  async refresh(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      const answer = await fetch(this.url, { headers: { "HX-Request": "true" } });
      if (answer.status === 401 || answer.redirected) {
        signedOut();
        return;
      }
      if (answer.status === 404) {
        closed();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      const rows = [...parsed.querySelectorAll<HTMLElement>("[data-row]")];
      this.take(rows);
      this.list.dispatchEvent(new CustomEvent(ROWS, { detail: rows }));
      stale(false);
    } catch {
      stale(true);
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        void this.refresh();
      }
    }
  }

  private take(rows: HTMLElement[]): void {
    const shown = this.shown();
    const fresh = rows.filter((row) => !shown.has(row.dataset["row"] ?? ""));
    for (const row of rows) {
      const old = shown.get(row.dataset["row"] ?? "");
      if (old && !same(old, row) && !old.contains(document.activeElement)) {
        const next = document.importNode(row, true);
        old.replaceWith(next);
        window.htmx.process(next);
      }
    }
    tick(this.list);
    const gone = !this.append && shown.size > rows.length - fresh.length;
    this.waiting = fresh.length > 0 || gone ? rows : null;
    // Nothing can jump in an empty list: its first row shows at once.
    const calm = shown.size === 0 || (this.append && this.atEnd());
    if (calm && fresh.length > 0) this.show();
    else this.say(fresh.length, gone);
  }

  private show(): void {
    if (!this.waiting) return;
    const shown = this.shown();
    const rows = this.waiting.map((row) => {
      const old = shown.get(row.dataset["row"] ?? "");
      return old ?? document.importNode(row, true);
    });
    if (this.append) this.list.append(...rows.filter((row) => !row.isConnected));
    else this.list.replaceChildren(...rows);
    for (const row of rows) window.htmx.process(row);
    this.waiting = null;
    this.say(0, false);
    tick(this.list);
    if (this.append) rows.at(-1)?.scrollIntoView({ block: "end" });
  }

  private say(fresh: number, gone: boolean): void {
    const words = fresh > 0 ? `${fresh} new` : gone ? "List has changed" : "";
    if (this.press.textContent !== words) this.press.textContent = words;
    this.pill.hidden = words === "";
  }

  private shown(): Map<string, HTMLElement> {
    const rows = this.list.querySelectorAll<HTMLElement>("[data-row]");
    return new Map([...rows].map((row) => [row.dataset["row"] ?? "", row]));
  }

  private atEnd(): boolean {
    const end = this.list.lastElementChild?.getBoundingClientRect();
    return !end || end.top < window.innerHeight;
  }
}

/** Equal but for what this script itself wrote (ticking times, key names). */
function same(a: HTMLElement, b: HTMLElement): boolean {
  return bare(a) === bare(b);
}

function bare(row: HTMLElement): string {
  const copy = row.cloneNode(true) as HTMLElement;
  copy.removeAttribute("class");
  for (const time of copy.querySelectorAll("time[data-relative]")) {
    time.textContent = "";
    time.removeAttribute("data-exact");
  }
  for (const keyed of copy.querySelectorAll("[aria-keyshortcuts]")) {
    keyed.removeAttribute("aria-keyshortcuts");
  }
  return copy.innerHTML;
}

let since: number | null = null;

function stale(now: boolean): void {
  since = now ? (since ?? Date.now()) : null;
  for (const banner of document.querySelectorAll<HTMLElement>("[data-stale]")) {
    banner.hidden = !now;
    const when = banner.querySelector("[data-stale-since]");
    if (when && since !== null) {
      when.textContent = new Date(since).toLocaleTimeString(undefined, { timeStyle: "short" });
    }
  }
}
