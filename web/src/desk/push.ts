// "Switch on for this browser": subscribes to Web Push and posts the subscription as an address.
// Without script the form stays hidden: there is no push without it. The desk and the patient's
// settings have it, each with a worker of its own; the form names worker, scope and words.

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
  const { worker: script = "/console/worker.js", scope = "/console/" } = form.dataset;
  if ((await Notification.requestPermission()) !== "granted") {
    return say(form, form.dataset["refused"] ?? REFUSED);
  }
  try {
    await navigator.serviceWorker.register(script, { scope });
    const worker = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: bytes(form.dataset.push ?? "") };
    const subscription = await worker.pushManager.subscribe(options);
    const address = form.elements.namedItem("address") as HTMLInputElement;
    address.value = JSON.stringify(subscription);
    form.submit();
  } catch {
    say(form, form.dataset["failed"] ?? FAILED);
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
