// The field to write in. Words stay in it until the clinic has confirmed them.

import { dictation } from "../dictate";
import { h } from "./dom";
import { say } from "./words";

const TYPING_EVERY = 4_000;

export class Compose {
  readonly element: HTMLFormElement;
  /** Speaking instead of typing; null where the browser cannot. */
  readonly speaking: ReturnType<typeof dictation>;
  private readonly field: HTMLTextAreaElement;
  private lastTyping = 0;

  constructor(private readonly acts: { send: (text: string) => void; typing: () => void }) {
    this.field = h("textarea", {
      id: "words",
      class: "compose__field",
      rows: "1",
      dir: "auto",
      placeholder: say("field_hint"),
      autocomplete: "off",
      enterkeyhint: touch() ? "enter" : "send",
    });
    this.element = h(
      "form",
      { class: "compose" },
      h("label", { class: "unseen", for: "words" }, say("field_label")),
      this.field,
      h("button", { type: "submit", class: "action" }, say("send")),
    );
    this.speaking = dictation(this.field, {
      start: say("speak"),
      stop: say("speak_stop"),
      leaves: say("speak_leaves"),
      failed: say("speak_failed"),
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch()) return;
      event.preventDefault();
      this.send();
    });
    this.field.addEventListener("input", () => {
      this.grow();
      const now = Date.now();
      if (this.field.value.trim() && now - this.lastTyping > TYPING_EVERY) {
        this.lastTyping = now;
        acts.typing();
      }
    });
  }

  get text(): string {
    return this.field.value;
  }

  focus(): void {
    this.field.focus();
  }

  /** The clinic has these words: take them out, and leave whatever was written since. */
  confirmed(words: string): void {
    const now = this.field.value;
    if (now.trim() === words) this.field.value = "";
    else if (now.trimStart().startsWith(words)) {
      this.field.value = now.trimStart().slice(words.length).trimStart();
    }
    this.grow();
  }

  private send(): void {
    const text = this.field.value.trim();
    if (text) this.acts.send(text);
    else this.field.focus();
  }

  private grow(): void {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight + 2}px`;
  }
}

/** On a touch screen Enter makes a new line; there is a button to send. */
function touch(): boolean {
  return window.matchMedia("(hover: none) and (pointer: coarse)").matches;
}
