// Shows what Web Push brings, and opens the console on a tap. It keeps and fetches nothing.

interface Push extends Event {
  data: { json(): { title?: string; body?: string; tag?: string } } | null;
  waitUntil(work: Promise<unknown>): void;
}

interface Tap extends Event {
  notification: Notification;
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
  };
  addEventListener<E extends Event>(kind: string, act: (event: E) => void): void;
};

worker.addEventListener<Push>("push", (event) => {
  event.waitUntil(show(event));
});

worker.addEventListener<Tap>("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

function show(event: Push): Promise<void> {
  let told: { title?: string; body?: string; tag?: string } = {};
  try {
    told = event.data?.json() ?? {};
  } catch {
    // Unreadable is still a call: the console knows more.
  }
  return worker.registration.showNotification(told.title ?? "Afterglow", {
    body: told.body ?? "Open the console.",
    tag: told.tag ?? "afterglow",
    // A repeated call sounds again, and stays until somebody looks.
    renotify: true,
    requireInteraction: true,
    icon: "/static/icons/afterglow.svg",
  });
}

async function open(): Promise<unknown> {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const desk = pages.find((page) => new URL(page.url).pathname.startsWith("/console"));
  return desk ? desk.focus() : worker.clients.openWindow("/console");
}
