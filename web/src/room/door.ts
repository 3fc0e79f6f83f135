// Everything before the conversation: the notice of first use, and the plain pages for a link that
// is no good, a server that cannot be reached, a server that failed.

import type { Notice } from "./api";
import { button, h } from "./dom";
import { say } from "./words";

export function loading(): HTMLElement {
  return h("div", { class: "door", role: "status" }, h("p", { class: "door__wait" }, say("loading")));
}

/** One page for every cause: nobody learns from it whether a link was ever real. */
export function gone(): HTMLElement {
  return h(
    "div",
    { class: "door" },
    h("h2", { tabindex: "-1" }, say("gone_title")),
    h("p", {}, say("gone_text")),
  );
}

export function trouble(kind: "unreachable" | "failed", again: () => void): HTMLElement {
  return h(
    "div",
    { class: "door" },
    h("h2", { tabindex: "-1" }, say(`${kind}_title`)),
    h("p", {}, say(`${kind}_text`)),
    h("p", {}, button(say("try_again"), "action", again)),
  );
}

/** What is read before first use. `begin` returns false when it did not work. */
export function notice(
  shown: Notice,
  first: boolean,
  begin: (remember: boolean) => Promise<boolean>,
): HTMLElement {
  const adult = tick("adult", say("notice_adult"));
  const keep = tick("remember", say("notice_remember"), say("notice_remember_hint"));
  const wrong = h("p", { class: "wrong", id: "adult-wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "action" }, say(first ? "notice_start" : "notice_continue"));

  const form = h(
    "form",
    { class: "door__form" },
    first && adult.element,
    first && keep.element,
    wrong,
    go,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wrong.textContent = "";
    adult.box.removeAttribute("aria-invalid");
    if (first && !adult.box.checked) {
      wrong.textContent = say("notice_adult_missing");
      adult.box.setAttribute("aria-invalid", "true");
      adult.box.setAttribute("aria-describedby", "adult-wrong");
      adult.box.focus();
      return;
    }
    go.disabled = true;
    void begin(keep.box.checked).then((worked) => {
      if (worked) return;
      go.disabled = false;
      wrong.textContent = say("notice_failed");
    });
  });

  return h(
    "div",
    { class: "door" },
    h("h2", { tabindex: "-1" }, say("notice_title")),
    !first && h("p", { class: "quiet" }, say("notice_changed")),
    h("ul", { class: "door__lines" }, ...shown.lines.map((line) => h("li", { dir: "auto" }, line.text))),
    form,
  );
}

function tick(id: string, label: string, hint?: string): { element: HTMLElement; box: HTMLInputElement } {
  const box = h("input", {
    type: "checkbox",
    id,
    "aria-describedby": hint ? `${id}-hint` : undefined,
  });
  const element = h(
    "div",
    { class: "tick" },
    box,
    h("label", { for: id }, label),
    hint ? h("p", { class: "tick__hint", id: `${id}-hint` }, hint) : null,
  );
  return { element, box };
}
