// Keys are declared where they act: [data-key="a"] is pressed by "a" and shows <kbd>A</kbd> itself.
// j and k walk the queue, or on a page that has any what is marked [data-walk]. A single key can be turned off (WCAG 2.1.4): [data-keys-switch], a checkbox.

const OFF = "afterglow.keys";

export function keys(): void {
  name(document);
  document.addEventListener("htmx:load", (event) => name(event.target as HTMLElement));
  document.addEventListener("keydown", (event) => {
    if (!listening(event)) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") {
      walk(key === "j" ? 1 : -1);
      return;
    }
    const row = rowButton(key);
    if (row) {
      event.preventDefault();
      row.click();
      return;
    }
    const scope: ParentNode = document.querySelector("dialog[open]") ?? document;
    const target = scope.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    if (!target || target.matches(":disabled, [aria-disabled='true']")) return;
    if (target.closest("[hidden]")) return;
    event.preventDefault();
    if (target.matches("input:not([type='checkbox'], [type='radio']), textarea, select")) {
      target.focus();
    } else {
      target.click();
    }
  });

  const choice = document.querySelector<HTMLInputElement>("[data-keys-switch]");
  if (choice) {
    choice.checked = on();
    choice.addEventListener("change", () => {
      if (choice.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "off");
    });
  }
}

/** In the queue a key acts on the row in focus, else on the first row that has it. On one patient's
 *  page only a row in focus counts: a second press must not take another patient's alert unread. */
function rowButton(key: string): HTMLElement | null {
  const button = `[data-row-key="${CSS.escape(key)}"]`;
  const focused = document.activeElement?.closest("[data-row]")?.querySelector<HTMLElement>(button);
  if (focused) return focused;
  if (document.querySelector(".transcript")) return null;
  return document.querySelector<HTMLElement>(button);
}

function on(): boolean {
  return localStorage.getItem(OFF) !== "off";
}

function listening(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) {
    return false;
  }
  const target = event.target as HTMLElement;
  const writing = target.matches("input:not([type='checkbox'], [type='radio']), textarea, select");
  return !writing && !target.isContentEditable && on();
}

function name(within: ParentNode): void {
  for (const element of within.querySelectorAll<HTMLElement>("[data-key]")) {
    element.setAttribute("aria-keyshortcuts", element.dataset["key"] ?? "");
  }
}

function walk(step: 1 | -1): void {
  const marked = [...document.querySelectorAll<HTMLElement>("[data-walk]")];
  const rows =
    marked.length > 0 ? marked : [...document.querySelectorAll<HTMLElement>(".queue-row")];
  if (rows.length === 0) return;
  const here = rows.findIndex((row) => row === document.activeElement);
  const current = here >= 0 ? here : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = current < 0 ? 0 : Math.min(Math.max(current + step, 0), rows.length - 1);
  rows[next]?.focus();
}
