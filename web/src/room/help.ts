// Help now: numbers that need no server and no connection. They are in the page from the start.

import type { Help, Line } from "./api";
import { button, h } from "./dom";
import { say } from "./words";

/** In a line of text; Help now has them all. */
const MOST_CALLS = 2;

const FALLBACK: Help = {
  text: say("fallback_help_text"),
  lines: [
    { label: say("fallback_988"), note: say("fallback_988_note"), href: "tel:988" },
    { label: say("fallback_911"), note: say("fallback_911_note"), href: "tel:911" },
  ],
};

/** The help written into the page; the two numbers everyone has, if that is missing or broken. */
export function bakedHelp(): Help {
  try {
    const baked = JSON.parse(document.getElementById("help")?.textContent ?? "") as Help;
    if (usable(baked)) return baked;
  } catch {
    // Fall through: the numbers below are always right.
  }
  return FALLBACK;
}

/** Where no number is known there are words and no lines: true, and better than a number of elsewhere. */
export function usable(help: Help | null | undefined): help is Help {
  if (!help?.text || !Array.isArray(help.lines)) return false;
  return help.lines.length === 0 || safe(help.lines).length > 0;
}

/** Only ways to reach a person: a call, a text, a page. */
export function safe(lines: Line[]): Line[] {
  return lines.filter((line) => /^(tel:|sms:|https:\/\/)/i.test(line.href));
}

export function link(line: Line, name: string): HTMLAnchorElement {
  return h(
    "a",
    { class: name, href: line.href },
    h("span", { class: "line__label" }, line.label),
    line.note && h("span", { class: "line__note" }, line.note),
  );
}

/** "If you might be in danger, call now: Call 988, Call 911", for when something was not sent. */
export function danger(help: Help, words = say("danger")): HTMLElement {
  const known = calls(help);
  const says = known.length ? words : help.text;
  return h(
    "span",
    { class: "danger" },
    says && h("span", {}, says),
    ...known.map((line) => h("a", { class: "danger__line", href: line.href }, line.label)),
  );
}

/** The same in one breath, for a screen reader. */
export function dangerSaid(help: Help): string {
  const known = calls(help).map((line) => line.label);
  return known.length ? `${say("danger")} ${known.join(", ")}.` : help.text;
}

function calls(help: Help): Line[] {
  const lines = safe(help.lines).filter((line) => line.href.startsWith("tel:"));
  return lines.slice(0, MOST_CALLS);
}

export class HelpDialog {
  readonly element: HTMLDialogElement;
  private readonly lines = h("ul", { class: "help__lines" });
  private readonly text = h("p", { class: "help__text" });

  constructor() {
    const close = button(say("close"), "plain", () => this.element.close());
    this.element = h(
      "dialog",
      { class: "sheet", "aria-labelledby": "help-title" },
      h(
        "div",
        { class: "sheet__in" },
        h("div", { class: "sheet__head" }, h("h2", { id: "help-title" }, say("help_now")), close),
        this.text,
        this.lines,
        h("h3", {}, say("help_page_title")),
        h("p", { class: "quiet" }, say("help_stop")),
        h("p", { class: "quiet" }, say("help_leave")),
      ),
    );
    closeOnBackdrop(this.element);
  }

  fill(help: Help, clinic: string, phone: string | null | undefined): void {
    const lines = [...safe(help.lines)];
    const href = phone ? `tel:${phone.replace(/[^+\d]/g, "")}` : "";
    if (href && !lines.some((line) => line.href === href)) {
      lines.push({
        label: say("help_clinic", { clinic }),
        note: `${phone}. ${say("help_clinic_note")}`,
        href,
      });
    }
    this.text.textContent = help.text;
    this.lines.replaceChildren(...lines.map((line) => h("li", {}, link(line, "line"))));
  }

  open(): void {
    this.element.showModal();
    this.element.querySelector<HTMLElement>("a")?.focus();
  }
}

export function closeOnBackdrop(dialog: HTMLDialogElement): void {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
