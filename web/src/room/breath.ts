// The breath pacer: a circle that grows for the breath in and shrinks for the breath out, at the pace
// the message asks for. Without motion it counts. Nothing moves until it is pressed, and the same
// button stops it. A screen reader hears "In" and "Out", not the seconds.

import type { Pace } from "./api";
import { button, h, setText } from "./dom";
import { say } from "./words";

const SECOND = 1_000;
const SMALL = "scale(0.4)";
const LARGE = "scale(1)";

export class Breath {
  private readonly circle = h("span", { class: "breath__circle" });
  private readonly word = h("span", { class: "breath__word", role: "status" });
  private readonly count = h("span", { class: "breath__count", "aria-hidden": "true" });
  private readonly round = h("p", { class: "breath__round", "aria-hidden": "true" });
  private readonly press = button("", "choice", () => (this.timer ? this.stop() : this.start()));
  readonly element = h(
    "div",
    { class: "breath", role: "group", "aria-label": say("breath") },
    h(
      "div",
      { class: "breath__stage" },
      this.circle,
      h("p", { class: "breath__said" }, this.word, this.count),
    ),
    this.round,
    this.press,
  );
  private pace: Pace | null = null;
  private of: string | null | undefined;
  private timer: number | undefined;

  constructor() {
    this.show(null, null);
  }

  /** The pace of the message `id`; null: none is asked for, and one that runs stops. */
  show(id: string | null, pace: Pace | null): void {
    this.element.hidden = !pace;
    if (id === this.of) return;
    this.of = id;
    this.pace = pace;
    this.stop();
  }

  private start(): void {
    setText(this.press, say("breath_stop"));
    this.round.hidden = false;
    this.breathe(0, 0);
  }

  private stop(said = ""): void {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    for (const moving of this.circle.getAnimations()) moving.cancel();
    setText(this.press, say("breath_start"));
    setText(this.word, said);
    setText(this.count, "");
    this.circle.hidden = this.round.hidden = true;
  }

  /** One second of it: `at` seconds into the breath number `round`. */
  private breathe(round: number, at: number): void {
    const pace = this.pace;
    if (!pace) return;
    if (round === pace.rounds) {
      this.stop(say("breath_done"));
      return;
    }
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const inward = at < pace.in;
    this.circle.hidden = still;
    setText(this.word, say(inward ? "breath_in" : "breath_out"));
    setText(this.count, still ? String(inward ? at + 1 : at - pace.in + 1) : "");
    setText(
      this.round,
      say("breath_round", { round: String(round + 1), rounds: String(pace.rounds) }),
    );
    if (!still && at === 0) this.move(SMALL, LARGE, pace.in);
    if (!still && at === pace.in) this.move(LARGE, SMALL, pace.out);
    const last = at + 1 === pace.in + pace.out;
    this.timer = window.setTimeout(
      () => this.breathe(last ? round + 1 : round, last ? 0 : at + 1),
      SECOND,
    );
  }

  private move(from: string, to: string, seconds: number): void {
    for (const before of this.circle.getAnimations()) before.cancel();
    this.circle.animate([{ transform: from }, { transform: to }], {
      duration: seconds * SECOND,
      easing: "ease-in-out",
      fill: "forwards",
    });
  }
}
