// The patient's worker, on devices where they asked for it. It shows that something waits, never
// what, and when there is no connection it gives one page: whom to call. Only that page and its
// style sheets are ever kept here; nothing that anybody wrote or was told passes through it.

interface Push extends Event {
  data: { json(): { title?: string; body?: string } } | null;
  waitUntil(work: Promise<unknown>): void;
}

interface Tap extends Event {
  notification: Notification;
  waitUntil(work: Promise<unknown>): void;
}

interface Ask extends Event {
  request: Request;
  respondWith(answer: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

interface Live extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Page {
  url: string;
  focus(): Promise<unknown>;
}

const worker = self as unknown as {
  registration: { showNotification(title: string, options: object): Promise<void> };
  clients: {
    matchAll(options: object): Promise<Page[]>;
    openWindow(path: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener<E extends Event>(kind: string, act: (event: E) => void): void;
};

const SHELF = "afterglow-offline";
const SHELL = "/offline";
const KEPT = [SHELL, "/static/tokens.css", "/static/room.css", "/static/paper.css"];

worker.addEventListener<Live>("install", (event) => {
  event.waitUntil(stock().then(() => worker.skipWaiting()));
});

worker.addEventListener<Live>("activate", (event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener<Ask>("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  // The desk and the browser's own requests pass by: only a page that cannot be had is replaced.
  if (request.method !== "GET" || path.startsWith("/console")) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => kept(SHELL)));
  else if (KEPT.includes(path)) event.respondWith(fetch(request).catch(() => kept(path)));
});

worker.addEventListener<Push>("push", (event) => {
  event.waitUntil(Promise.all([show(event), stock().catch(() => undefined)]));
});

worker.addEventListener<Tap>("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

/** The newest numbers to call, asked for without anybody's name. */
async function stock(): Promise<void> {
  const shelf = await caches.open(SHELF);
  await shelf.addAll(KEPT.map((path) => new Request(path, { credentials: "omit", cache: "reload" })));
}

async function kept(path: string): Promise<Response> {
  return (await caches.match(path)) ?? Response.error();
}

function show(event: Push): Promise<void> {
  let body = "";
  try {
    body = event.data?.json().body ?? "";
  } catch {
    // Unreadable is still a sign that something waits.
  }
  const options = { body, tag: "afterglow", icon: "/static/icons/afterglow-192.png" };
  return worker.registration.showNotification("Afterglow", options);
}

async function open(): Promise<unknown> {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const room = pages.find((page) => !new URL(page.url).pathname.startsWith("/console"));
  return room ? room.focus() : worker.clients.openWindow("/chat");
}

// A module of its own, so that its names are.
export {};
