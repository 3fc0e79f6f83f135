// The patient's own pages. Everything works without this script; with it, words that could not be
// saved stay in the field, and the page says so with the numbers to call. Nothing is queued: what
// somebody wrote is sent when they press the button, and not by itself later. On a device that was
// asked to remember its reader, words survive a reload of the page, and it says that they are not
// saved (drafts.ts).

import { push } from "../desk/push";
import { dictation } from "../dictate";
import { app } from "./app";
import * as drafts from "./drafts";
import * as look from "../room/look";

look.restore();
push();
app();

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-keep]")) {
  speaking(form);
  let unsaved = drafts.restore(form);
  form.addEventListener("input", () => {
    unsaved = true;
    drafts.keep(form);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form).then((saved) => {
      if (saved) unsaved = false;
      if (saved) drafts.drop(form);
    });
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved && !form.dataset["left"]) event.preventDefault();
  });
}

/** A button to speak below the words, where the browser can. */
function speaking(form: HTMLFormElement): void {
  const field = form.querySelector("textarea");
  const { speak, speakStop, speakLeaves, speakFailed } = document.body.dataset;
  if (!field || !speak) return;
  const made = dictation(field, {
    start: speak,
    stop: speakStop ?? "",
    leaves: speakLeaves ?? "",
    failed: speakFailed ?? "",
  });
  if (!made) return;
  const row = document.createElement("p");
  row.append(made.button);
  field.after(row, made.note);
}

async function send(form: HTMLFormElement): Promise<boolean> {
  const press = form.querySelector<HTMLButtonElement>("button[type=submit]");
  const label = press?.textContent ?? "";
  if (press) {
    press.disabled = true;
    press.textContent = form.dataset["saving"] ?? label;
  }
  try {
    // As typed in a form, not as a file: the server reads both, and this one is smaller.
    const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    if (answer.ok) {
      form.dataset["left"] = "yes";
      location.assign(answer.url);
      return true;
    }
    failed(form, await reason(answer));
  } catch {
    failed(form, "");
  }
  if (press) {
    press.disabled = false;
    press.textContent = label;
  }
  return false;
}

/** What the server said was wrong, where it said it in words of its own. */
async function reason(answer: Response): Promise<string> {
  if (answer.headers.get("content-type")?.startsWith("text/html")) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector(".page-form__error")?.textContent ?? "";
  }
  const problem = (await answer.json()) as { title?: string };
  return answer.status < 500 ? (problem.title ?? "") : "";
}

function failed(form: HTMLFormElement, said: string): void {
  const old = form.querySelector(".page-form__error");
  const box = old ?? document.createElement("p");
  box.className = "page-form__error";
  box.setAttribute("role", "alert");
  box.replaceChildren(said || (form.dataset["failed"] ?? ""));
  if (!said) {
    box.append(` ${form.dataset["danger"] ?? ""} `);
    for (const line of document.querySelectorAll<HTMLAnchorElement>(".paper__help a[href^='tel:']")) {
      const call = document.createElement("a");
      call.href = line.href;
      call.textContent = line.querySelector(".line__label")?.textContent ?? line.textContent;
      box.append(call);
    }
  }
  if (!old) form.prepend(box);
}
