// Words that were not saved yet survive a reload, a crash or a lost connection: in this tab only, and
// only on a device that was asked to remember its reader. They are shown with the word that they are
// not saved; nothing is ever sent from here.

import * as look from "../room/look";

const PREFIX = "afterglow.draft:";

export function keep(form: HTMLFormElement): void {
  if (!look.remembered()) return;
  for (const field of fields(form)) {
    if (field.value) write(name(form, field), field.value);
    else remove(name(form, field));
  }
}

/** Puts back what was not saved. Whether there was anything. */
export function restore(form: HTMLFormElement): boolean {
  let found = false;
  for (const field of fields(form)) {
    const kept = read(name(form, field));
    if (kept === null || kept === field.value) continue;
    field.value = kept;
    found = true;
  }
  if (found) say(form);
  return found;
}

export function drop(form: HTMLFormElement): void {
  for (const field of fields(form)) remove(name(form, field));
}

/** Everything kept in this tab, when its reader leaves. */
export function dropAll(): void {
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
    }
  } catch {
    // Storage is switched off: there is nothing to drop.
  }
}

function fields(form: HTMLFormElement): NodeListOf<HTMLTextAreaElement> {
  return form.querySelectorAll<HTMLTextAreaElement>("textarea");
}

function name(form: HTMLFormElement, field: HTMLTextAreaElement): string {
  const about = form.querySelector<HTMLInputElement>("[name=kind],[name=prompt],[name=part]");
  return `${PREFIX}${new URL(form.action).pathname}:${about?.value ?? ""}:${field.name}`;
}

function say(form: HTMLFormElement): void {
  const note = document.createElement("p");
  note.className = "quiet";
  note.setAttribute("role", "status");
  note.textContent = document.body.dataset["draft"] ?? "";
  form.prepend(note);
}

function read(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, words: string): void {
  try {
    sessionStorage.setItem(key, words);
  } catch {
    // Full or switched off: the words are still in the field.
  }
}

function remove(key: string): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Storage is switched off: there is nothing to remove.
  }
}
