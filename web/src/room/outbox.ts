// What the patient has sent and the clinic has not yet confirmed. In memory only: on a shared
// computer nothing may stay behind. One message at a time, in order, each under its own key, so
// that sending again can never store it twice.

import { api, Refused, type Post, type Receipt } from "./api";

export type Trouble = "failed" | "offline" | "long" | "moved_on" | "ended";

export interface Item {
  readonly key: string;
  readonly body: Post;
  readonly words: string;
  readonly at: Date;
  state: "sending" | "again" | Trouble;
  attempts: number;
}

const ATTEMPTS = 5;
const FIRST_WAIT = 800;
const LONGEST_WAIT = 10_000;
/** After this long, words are sent again only when their writer says so. */
const STILL_MEANT = 10 * 60_000;

export class Outbox {
  items: Item[] = [];
  private busy = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly told: {
      changed: () => void;
      stored: (item: Item) => void;
      receipt: (receipt: Receipt) => void;
      trouble: (item: Item) => void;
      returning: () => void;
    },
  ) {
    window.addEventListener("online", () => this.online());
  }

  add(body: Post, words: string): Item {
    const item: Item = {
      key: newKey(),
      body,
      words,
      at: new Date(),
      state: "sending",
      attempts: 0,
    };
    this.items.push(item);
    if (navigator.onLine) void this.pump();
    else this.fail(item, "offline");
    this.told.changed();
    return item;
  }

  again(item: Item): void {
    if (!navigator.onLine) {
      this.fail(item, "offline");
    } else {
      item.state = item.attempts > 0 ? "again" : "sending";
      item.attempts = 0;
      this.wake?.();
      void this.pump();
    }
    this.told.changed();
  }

  remove(item: Item): void {
    this.items = this.items.filter((other) => other !== item);
    this.wake?.();
    this.told.changed();
  }

  /** The message came back by the stream: stored, even if its receipt was lost on the way. */
  arrived(key: string): void {
    const item = this.items.find((other) => other.key === key);
    if (!item) return;
    this.remove(item);
    this.told.stored(item);
  }

  private async pump(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (;;) {
        const item = this.items.find((one) => one.state === "sending" || one.state === "again");
        if (!item) return;
        await this.attempt(item);
      }
    } finally {
      this.busy = false;
    }
  }

  private async attempt(item: Item): Promise<void> {
    item.attempts += 1;
    try {
      const receipt = await api.post(item.body, item.key);
      if (this.items.includes(item)) {
        this.remove(item);
        this.told.stored(item);
      }
      this.told.receipt(receipt);
    } catch (error) {
      if (!this.items.includes(item)) return;
      const refused = error instanceof Refused ? error : null;
      const final = refused && verdict(refused);
      if (final) this.fail(item, final);
      else if (!navigator.onLine) this.fail(item, "offline");
      else if (item.attempts >= ATTEMPTS) this.fail(item, "failed");
      else {
        item.state = "again";
        this.told.changed();
        await this.pause(item.attempts, refused?.retryAfter ?? null);
      }
    }
  }

  private fail(item: Item, trouble: Trouble): void {
    item.state = trouble;
    this.told.changed();
    this.told.trouble(item);
  }

  private online(): void {
    this.wake?.();
    const waiting = this.items.filter((item) => item.state === "offline");
    const meant = waiting.filter((item) => Date.now() - item.at.getTime() < STILL_MEANT);
    if (meant.length === 0) return;
    this.told.returning();
    for (const item of meant) {
      item.state = "again";
      item.attempts = 0;
    }
    this.told.changed();
    void this.pump();
  }

  /** Doubling waits, each shortened by chance, so that many phones do not come back at once. */
  private pause(attempts: number, retryAfter: number | null): Promise<void> {
    const longest = Math.min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT);
    const wait = retryAfter ? retryAfter * 1000 : longest * (0.5 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = window.setTimeout(done, Math.min(wait, 60_000));
      function done(): void {
        window.clearTimeout(timer);
        resolve();
      }
      this.wake = done;
    });
  }
}

/** What no further attempt would change; null where one might. */
function verdict({ status, code }: Refused): Trouble | null {
  if (status === 401) return "ended";
  if (status === 413 || code === "too-long") return "long";
  if (code === "moved-on" || code === "unknown-choice") return "moved_on";
  if (status === 408 || status === 425 || status === 429 || status >= 500) return null;
  return "failed";
}

/** randomUUID needs a secure context; a clinic trying this on its own network may not have one. */
function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
