// "Switch on for this browser": subscribes to Web Push and posts the subscription as an address.
// Without script the form stays hidden: there is no push without it.

const REFUSED = "This browser does not allow notifications for the console. Allow them in its settings and try again.";
const FAILED = "This browser could not be reached by its push service. Try again, or use another way.";

export function push(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-push]");
  if (!form || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void switchOn(form);
  });
}

async function switchOn(form: HTMLFormElement): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") return say(form, REFUSED);
  try {
    await navigator.serviceWorker.register("/console/worker.js", { scope: "/console/" });
    const worker = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: bytes(form.dataset.push ?? "") };
    const subscription = await worker.pushManager.subscribe(options);
    const address = form.elements.namedItem("address") as HTMLInputElement;
    address.value = JSON.stringify(subscription);
    form.submit();
  } catch {
    say(form, FAILED);
  }
}

function say(form: HTMLFormElement, text: string): void {
  const place = form.querySelector<HTMLElement>("[data-push-says]");
  if (!place) return;
  place.textContent = text;
  place.hidden = false;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}
