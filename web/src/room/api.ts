// The edge's patient interface (docs/architecture/api.md), and nothing else.

export interface Line {
  label: string;
  note?: string;
  href: string;
}

export interface Help {
  text: string;
  lines: Line[];
}

export interface Choice {
  id: string;
  title: string;
}

/** Seconds in and out, and how often. */
export interface Pace {
  in: number;
  out: number;
  rounds: number;
}

export interface Message {
  id: string;
  seq: number;
  author: "patient" | "bot" | "staff" | "system";
  name?: string | null;
  role?: string | null;
  kind: "say" | "ask" | "card" | "notice";
  text: string;
  at: string;
  choices?: Choice[] | null;
  /** It asks to breathe at this pace. */
  breath?: Pace | null;
  state?: "waiting" | "answered" | "unanswered" | null;
  key?: string | null;
}

export interface State {
  clinic: { name: string; phone?: string | null };
  place: string;
  stage: string;
  mode: string;
  human: { name: string; role?: string | null } | null;
  help: Help;
  alert: { level: string; told: string | null; seen: string | null } | null;
  staffed: boolean;
  /** What to say while nobody may be reading. */
  unstaffed?: string | null;
  notice_due: boolean;
  /** Who has opened the patient's newest words, when somebody has. */
  read?: { seq: number; text: string } | null;
  messages: Message[];
  more: boolean;
}

export interface Notice {
  clinic?: string | { name: string };
  lines: { content: string; version: number; text: string }[];
}

export interface Receipt {
  message: Message;
  replies: Message[];
}

export type Post = { text: string } | { message: string; choice: string };

/** The edge answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    /** The last part of the problem's type: "too-long", "unknown-choice". */
    readonly code: string,
    readonly retryAfter: number | null,
  ) {
    super(`refused: ${status}`);
  }
}

const PATIENCE = 15_000;

async function call<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const cancel = new AbortController();
  const late = window.setTimeout(() => cancel.abort(), PATIENCE);
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: cancel.signal,
    });
    if (!answer.ok) {
      const problem = (await answer.json().catch(() => null)) as { type?: string } | null;
      const code = problem?.type?.split(/[:/]/).at(-1) ?? "";
      throw new Refused(answer.status, code, Number(answer.headers.get("Retry-After")) || null);
    }
    if (answer.status === 204) return undefined as T;
    return (await answer.json()) as T;
  } finally {
    window.clearTimeout(late);
  }
}

export const api = {
  notice: () => call<Notice>("GET", "/api/notice"),
  begin: (invitation: string, remember: boolean) =>
    call<State>("POST", "/api/session", { invitation, adult: true, remember }),
  state: () => call<State>("GET", "/api/state"),
  before: (seq: number) =>
    call<{ messages: Message[]; more: boolean }>("GET", `/api/messages?before=${seq}`),
  post: (body: Post, key: string) => call<Receipt>("POST", "/api/messages", body, key),
  opened: () => call<void>("POST", "/api/opened"),
  typing: () => call<void>("POST", "/api/typing"),
  seen: (seq: number) => call<void>("POST", "/api/seen", { seq }),
  events: () => new EventSource("/api/events"),
  end: () => navigator.sendBeacon("/api/session/end"),
};
