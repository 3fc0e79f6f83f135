// What happens elsewhere, as it happens: the event stream, and polling while it is down.
// The browser resumes a broken stream itself (Last-Event-ID); a closed one is opened anew, and the
// state is read again so that nothing in between is missed.

import { api, Refused, type Message, type State } from "./api";

const POLL = 5_000;
const QUIET = 3_000;
const LONGEST = 60_000;

export type Reach = "live" | "polling" | "down";

export class Live {
  private stream: EventSource | null = null;
  private polling: number | undefined;
  private doubt: number | undefined;
  private reopen: number | undefined;
  private wait = POLL;
  private readAt = Date.now();
  private stopped = false;

  constructor(
    private readonly told: {
      message: (message: Message) => void;
      state: (state: State) => void;
      typing: (who: string) => void;
      reach: (reach: Reach) => void;
      ended: () => void;
    },
  ) {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.stopped) void this.read();
    });
    window.addEventListener("online", () => {
      if (this.stopped) return;
      void this.read();
      if (!this.stream || this.stream.readyState === EventSource.CLOSED) this.open();
    });
  }

  open(): void {
    this.stream?.close();
    window.clearTimeout(this.reopen);
    const stream = api.events();
    this.stream = stream;
    stream.addEventListener("open", () => {
      this.wait = POLL;
      this.stopPolling();
      this.told.reach("live");
      if (Date.now() - this.readAt > 2_000) void this.read();
    });
    stream.addEventListener("error", () => this.broken(stream));
    stream.addEventListener("message", (event) => this.told.message(JSON.parse(event.data)));
    stream.addEventListener("state", (event) => this.told.state(JSON.parse(event.data)));
    stream.addEventListener("typing", (event) => this.told.typing(JSON.parse(event.data).who));
  }

  close(): void {
    this.stopped = true;
    this.stream?.close();
    window.clearTimeout(this.reopen);
    this.stopPolling();
  }

  private broken(stream: EventSource): void {
    if (this.stopped || stream !== this.stream) return;
    this.doubt ??= window.setTimeout(() => this.poll(), QUIET);
    if (stream.readyState === EventSource.CLOSED) {
      window.clearTimeout(this.reopen);
      this.reopen = window.setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, LONGEST);
    }
  }

  private poll(): void {
    if (this.stopped || this.polling !== undefined) return;
    this.polling = window.setInterval(() => void this.read(), POLL);
    void this.read();
  }

  private stopPolling(): void {
    window.clearTimeout(this.doubt);
    window.clearInterval(this.polling);
    this.doubt = undefined;
    this.polling = undefined;
  }

  private async read(): Promise<void> {
    try {
      const state = await api.state();
      this.readAt = Date.now();
      if (this.stopped) return;
      this.told.state(state);
      this.told.reach(this.polling === undefined ? "live" : "polling");
    } catch (error) {
      if (this.stopped) return;
      if (error instanceof Refused && error.status === 401) this.told.ended();
      else if (this.polling !== undefined) this.told.reach("down");
    }
  }
}
