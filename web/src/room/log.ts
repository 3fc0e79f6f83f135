// The conversation: one list, each entry made once and then only adjusted, so that a screen reader
// hears a message once and the reader's place never jumps.

import type { Help, Message, State } from "./api";
import { button, h, setText } from "./dom";
import { danger, link, safe } from "./help";
import type { Item } from "./outbox";
import { dayOf, say, timeOf } from "./words";

const TOGETHER = 10 * 60_000;
const NEAR_END = 64;
const AT_END = 8;

type Entry =
  | { key: string; at: Date; own: boolean; message: Message; item: null }
  | { key: string; at: Date; own: true; message: null; item: Item };

export interface Shown {
  messages: Message[];
  items: Item[];
  more: boolean;
  help: Help;
  alert: State["alert"];
  /** Who has opened the newest own words, in the server's own sentence. */
  read: State["read"];
  /** Recovery: only the newest thing. */
  onlyNewest: boolean;
}

export class Log {
  readonly element: HTMLElement;
  readonly scroll: HTMLElement;
  /** What follows the newest message: quick replies, "is writing". */
  readonly below = h("div", { class: "below" });
  private readonly list = h("ol", { class: "log__list" });
  private readonly log: HTMLElement;
  private readonly older: HTMLButtonElement;
  private readonly fresh: HTMLButtonElement;
  private readonly made = new Map<string, HTMLLIElement>();
  private pinned = true;
  private top = 0;
  /** The crisis card of this moment: its number stays in view until the reader moves past it. */
  private card: Element | null = null;
  private readonly passed = new WeakSet<Element>();
  private first = true;
  private loading = false;

  constructor(
    private readonly acts: {
      again: (item: Item) => void;
      remove: (item: Item) => void;
      older: () => Promise<void>;
    },
  ) {
    this.older = button(say("earlier"), "plain older", () => void this.loadOlder());
    this.fresh = button(say("new_message"), "fresh", () => {
      if (this.card) this.passed.add(this.card);
      this.toEnd();
      this.scroll.focus({ preventScroll: true });
    });
    this.fresh.hidden = true;
    this.log = h(
      "div",
      { class: "log", role: "log", "aria-label": say("messages"), "aria-relevant": "additions" },
      this.list,
    );
    this.scroll = h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": say("conversation") },
      h("div", { class: "column" }, this.older, this.log, this.below),
    );
    this.element = h("div", { class: "talk" }, this.scroll, this.fresh);

    this.scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    document.addEventListener("scroll", () => this.scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.pinned && this.toEnd());
    sizes.observe(this.scroll);
    sizes.observe(this.scroll.firstElementChild as Element);
  }

  show(shown: Shown): void {
    const entries = entriesOf(shown);
    const wanted: HTMLLIElement[] = [];
    const kept = new Set<string>();
    const from = shown.onlyNewest ? newest(entries) : 0;
    let before: Entry | null = null;
    let added = 0;

    const lastOwn = entries.findLast((entry) => entry.own);
    const lastCard = entries.findLast((entry) => entry.message?.kind === "card");

    entries.forEach((entry, at) => {
      const day = dayOf(entry.at, new Date());
      if (!before || dayOf(before.at, new Date()) !== day) {
        const key = `d-${entry.at.toDateString()}`;
        const item = this.made.get(key) ?? h("li", { class: "day" }, h("span", {}, day));
        setText(item.firstElementChild as Element, day);
        item.hidden = shown.onlyNewest;
        this.made.set(key, item);
        kept.add(key);
        wanted.push(item);
        before = null;
      }
      let element = this.made.get(entry.key);
      if (!element) {
        element = this.make(entry, shown);
        this.made.set(entry.key, element);
        if (!this.first && !this.loading) element.classList.add("is-new");
        if (!entry.own) added += 1;
      }
      this.adjust(element, entry, before, shown, {
        newestOwn: entry === lastOwn,
        newestCard: entry === lastCard,
      });
      element.hidden = at < from;
      kept.add(entry.key);
      wanted.push(element);
      before = entry;
    });

    for (const [key, element] of this.made) {
      if (kept.has(key)) continue;
      element.remove();
      this.made.delete(key);
    }
    let place = this.list.firstElementChild;
    for (const element of wanted) {
      if (element === place) place = place.nextElementSibling;
      else this.list.insertBefore(element, place);
    }

    const now = lastCard && entries.indexOf(lastCard) > (lastOwn ? entries.indexOf(lastOwn) : -1);
    this.card = now ? (this.made.get(lastCard.key) ?? null) : null;
    this.older.hidden = !shown.more || shown.onlyNewest;
    if (this.first) {
      this.first = false;
      this.toEnd();
      // A live region that starts empty would read the whole history aloud.
      window.setTimeout(() => this.log.setAttribute("aria-live", "polite"), 400);
    } else if (this.pinned) this.toEnd();
    else if (added > 0 && !this.loading) this.fresh.hidden = false;
  }

  toEnd(): void {
    this.pinned = true;
    this.fresh.hidden = true;
    const box = this.box();
    if (box === this.scroll) box.scrollTop = box.scrollHeight;
    else box.scrollTop += this.element.getBoundingClientRect().bottom - window.innerHeight * 0.75;
    const above = this.cardAbove();
    if (above < 0) {
      box.scrollTop += above;
      this.fresh.hidden = box.scrollHeight - box.scrollTop - box.clientHeight < AT_END;
    }
  }

  /** What scrolls: the conversation; in a window too low for that, the page. */
  private box(): Element {
    const inner = getComputedStyle(this.scroll).overflowY !== "visible";
    return inner ? this.scroll : (document.scrollingElement ?? document.documentElement);
  }

  /** How far the card's beginning is above what can be seen; 0 when it is in view or passed. */
  private cardAbove(): number {
    if (!this.card || this.passed.has(this.card)) return 0;
    const top = Math.max(this.scroll.getBoundingClientRect().top, 0);
    return Math.min(this.card.getBoundingClientRect().top - top, 0);
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.box();
    if (this.card && scrollTop > this.top && this.cardAbove() < -NEAR_END) this.passed.add(this.card);
    // Only the reader's own scrolling up unpins; a page that grew meanwhile does not.
    const near = this.box() === this.scroll ? NEAR_END : clientHeight;
    if (scrollHeight - scrollTop - clientHeight < near) this.pinned = true;
    else if (scrollTop < this.top) this.pinned = false;
    this.top = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < AT_END) this.fresh.hidden = true;
    if (scrollTop < 40 && !this.pinned && !this.older.hidden) void this.loadOlder();
  }

  private async loadOlder(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.older.setAttribute("aria-disabled", "true");
    this.log.setAttribute("aria-live", "off");
    this.pinned = false;
    const box = this.box();
    const fromEnd = box.scrollHeight - box.scrollTop;
    try {
      await this.acts.older();
      box.scrollTop = box.scrollHeight - fromEnd;
    } finally {
      this.loading = false;
      this.older.removeAttribute("aria-disabled");
      window.setTimeout(() => this.log.setAttribute("aria-live", "polite"), 400);
    }
  }

  private make(entry: Entry, shown: Shown): HTMLLIElement {
    const { message } = entry;
    const element = h("li", {});
    const time = h("time", { class: "msg__time", datetime: entry.at.toISOString() }, timeOf(entry.at));
    const text = message?.text ?? entry.item?.words ?? "";
    if (message?.kind === "card") {
      element.append(card(message, shown.help), time);
    } else {
      element.append(
        h("p", { class: "msg__who" }),
        h("div", { class: "msg__line" }, h("div", { class: "bubble", dir: "auto" }, text), time),
      );
      if (entry.own) element.append(h("div", { class: "msg__state" }));
    }
    return element;
  }

  private adjust(
    element: HTMLLIElement,
    entry: Entry,
    before: Entry | null,
    shown: Shown,
    is: { newestOwn: boolean; newestCard: boolean },
  ): void {
    const author = entry.message?.author ?? "patient";
    const kind = entry.message?.kind ?? "say";
    const opens = !before || voice(before) !== voice(entry) || kind === "card" ||
      before.message?.kind === "card" || entry.at.getTime() - before.at.getTime() > TOGETHER;
    const fresh = element.classList.contains("is-new") ? " is-new" : "";
    const name = `msg msg--${author} msg--${kind}${opens ? " is-first" : ""}${fresh}`;
    if (element.className !== name) element.className = name;

    if (kind === "card") {
      receipts(element, is.newestCard ? shown.alert : null);
      return;
    }
    const who = element.querySelector(".msg__who");
    if (who) {
      setText(who, nameOf(entry));
      who.classList.toggle("unseen", !opens || author === "patient" || author === "system");
    }
    const bubble = element.querySelector(".bubble");
    if (bubble) setText(bubble, entry.message?.text ?? entry.item?.words ?? "");
    if (entry.own) this.state(element, entry, shown, is.newestOwn);
  }

  private state(element: HTMLLIElement, entry: Entry, shown: Shown, newestOwn: boolean): void {
    const place = element.querySelector<HTMLElement>(".msg__state");
    if (!place) return;
    const state = entry.item?.state ?? entry.message?.state ?? "answered";
    const read = newestOwn && entry.message?.seq === shown.read?.seq ? (shown.read?.text ?? "") : "";
    const now = `${state} ${newestOwn} ${(entry.item?.attempts ?? 0) > 1} ${read}`;
    if (place.dataset["now"] === now) return;
    place.dataset["now"] = now;
    place.classList.toggle("msg__state--trouble", !!entry.item && state !== "sending");
    element.querySelector(".bubble")?.classList.toggle("bubble--unsent", !!entry.item);
    if (entry.item) place.replaceChildren(...this.unsent(entry.item, shown.help));
    else if (read) place.replaceChildren(read);
    else if (state === "unanswered") place.replaceChildren(say("unanswered"));
    else if (newestOwn && state === "waiting") place.replaceChildren(say("saved"));
    else place.replaceChildren();
  }

  private unsent(item: Item, help: Help): Node[] {
    switch (item.state) {
      case "sending":
        return [h("span", {}, say("sending"))];
      case "again":
        return [
          h("span", {}, say("sending_again")),
          ...(item.attempts > 1 ? [danger(help)] : []),
        ];
      case "moved_on":
      case "long":
        return [
          h("span", {}, say(`not_sent_${item.state}`)),
          button(say("remove"), "plain", () => this.acts.remove(item)),
        ];
      default: {
        const words = item.state === "failed" ? "not_sent" : (`not_sent_${item.state}` as const);
        return [
          h("span", {}, say(words)),
          danger(help),
          h(
            "span",
            { class: "msg__acts" },
            item.state !== "ended" &&
              button(say("try_again"), "plain", () => this.acts.again(item)),
            button(say("remove"), "plain", () => this.acts.remove(item)),
          ),
        ];
      }
    }
  }
}

function entriesOf(shown: Shown): Entry[] {
  const stored: Entry[] = shown.messages.map((message) => ({
    key: message.key ? `k-${message.key}` : `m-${message.id}`,
    at: new Date(message.at),
    own: message.author === "patient",
    message,
    item: null,
  }));
  const unsent: Entry[] = shown.items.map((item) => ({
    key: `k-${item.key}`,
    at: item.at,
    own: true,
    message: null,
    item,
  }));
  return [...stored, ...unsent];
}

/** Where "the newest thing" starts: what was just said in one go, or the patient's own last words. */
function newest(entries: Entry[]): number {
  const last = entries.at(-1);
  if (!last || last.own) return Math.max(entries.length - 1, 0);
  const before = entries.findLastIndex(
    (entry) => entry.own || last.at.getTime() - entry.at.getTime() > TOGETHER / 2,
  );
  return before + 1;
}

function voice(entry: Entry): string {
  return entry.message ? `${entry.message.author} ${entry.message.name ?? ""}` : "patient ";
}

function nameOf({ message }: Entry): string {
  if (!message || message.author === "patient") return say("you");
  if (message.author === "bot") return say("companion_label");
  if (message.author === "system") return say("companion");
  return [message.name, message.role].filter(Boolean).join(", ");
}

/** The crisis card: one sentence, the number as the largest thing, who knows, the next step. */
function card(message: Message, help: Help): HTMLElement {
  const [sentence = "", ...rest] = message.text.split(/\n\s*\n/);
  const lines = safe(help.lines);
  const calls = lines.filter((line) => line.href.startsWith("tel:"));
  const digits = (href: string) => href.replace(/\D/g, "");
  const named = calls
    .map((line) => ({ line, at: message.text.indexOf(digits(line.href)) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at);
  const main = named[0]?.line ?? calls[0] ?? lines[0];
  return h(
    "div",
    { class: "card" },
    h("p", { class: "card__says", dir: "auto" }, sentence),
    main && link(main, "card__number"),
    h(
      "ul",
      { class: "card__lines" },
      ...lines
        .filter((line) => line !== main)
        .map((line) => h("li", {}, link({ label: line.label, href: line.href }, "line"))),
    ),
    h("div", { class: "card__told" }),
    ...rest.map((step) => h("p", { dir: "auto" }, step)),
  );
}

/** Who has been told and when: the server's own sentences, from rows it has committed. */
function receipts(element: HTMLElement, alert: State["alert"]): void {
  const place = element.querySelector(".card__told");
  if (!place) return;
  const lines = alert ? [alert.told ?? say("not_told_yet"), alert.seen] : [];
  const said = lines.filter((line): line is string => !!line);
  if (said.join("\n") === [...place.children].map((child) => child.textContent).join("\n")) return;
  place.replaceChildren(...said.map((line) => h("p", {}, line)));
}
