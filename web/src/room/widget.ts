// <afterglow-chat>: the room. This file holds what the page knows and decides what is shown;
// its neighbours each do one thing (log, compose, outbox, live, help, door, look, leave).

import { api, Refused, type Choice, type Message, type Notice, type Post, type State } from "./api";
import { Breath } from "./breath";
import { Compose } from "./compose";
import * as door from "./door";
import { button, h, setText } from "./dom";
import { bakedHelp, closeOnBackdrop, danger, dangerSaid, HelpDialog, usable } from "./help";
import { leave, leaveOnEscape, leaving } from "./leave";
import { Live, type Reach } from "./live";
import { Log } from "./log";
import * as look from "./look";
import { Outbox, type Item } from "./outbox";
import { say } from "./words";

const HUMAN_TYPES_FOR = 6_000;
const MOST_CHOICES = 4;

class AfterglowChat extends HTMLElement {
  // what the page knows
  private clinic = "";
  private help = bakedHelp();
  private state: State | null = null;
  private messages = new Map<string, Message>();
  private more = false;
  private reach: Reach = "live";
  private returning = false;
  private signedOut = false;
  private wantsToWrite = false;
  private humanTypes: number | undefined;
  private chosenAt: string | null = null;
  private drawing = 0;

  // what it is made of
  private readonly where = h("h1", { class: "head__place" });
  private readonly whose = h("p", { class: "head__clinic" });
  private readonly strips = h("div", { class: "strips" });
  private readonly middle = h("main", { class: "middle" });
  private readonly foot = h("section", { class: "foot", "aria-label": say("field_region") });
  private readonly polite = h("div", { class: "unseen", role: "status" });
  private readonly urgent = h("div", { class: "unseen", role: "alert" });
  private readonly choices = h("div", { class: "choices", role: "group", "aria-label": say("answers") });
  private readonly breath = new Breath();
  private readonly writing = h(
    "p",
    { class: "writing" },
    h("span", { class: "writing__dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
    h("span", { class: "writing__text" }),
  );
  private readonly rest = h("div", { class: "rest" });
  private readonly ask = button(say("want_to_write"), "plain ask", () => this.write());
  private readonly stop = button(say("stop"), "plain", () => this.send({ text: say("stop_text") }, say("stop")));
  private readonly helpDialog = new HelpDialog();
  private readonly moreDialog = moreDialog();
  private readonly outbox = new Outbox({
    changed: () => this.draw(),
    stored: (item) => {
      this.returning = false;
      if ("text" in item.body) this.compose.confirmed(item.body.text);
    },
    receipt: (receipt) => this.take([receipt.message, ...receipt.replies]),
    trouble: (item) => this.tellTrouble(item),
    returning: () => {
      this.returning = true;
      this.announce(say("back_online"));
    },
  });
  private readonly compose = new Compose({
    send: (text) => this.sendText(text),
    typing: () => {
      if (this.reach !== "down" && navigator.onLine) void api.typing().catch(() => undefined);
    },
  });
  private readonly log = new Log({
    again: (item) => this.outbox.again(item),
    remove: (item) => this.outbox.remove(item),
    older: () => this.older(),
  });
  private readonly live = new Live({
    message: (message) => this.take([message]),
    state: (state) => this.enter(state),
    typing: (who) => this.typed(who),
    reach: (reach) => {
      if (reach !== this.reach) {
        this.reach = reach;
        this.draw();
      }
    },
    ended: () => this.ended(),
  });

  private seenUpTo = 0;

  connectedCallback(): void {
    this.clinic = this.dataset["clinic"] ?? "";
    leaveOnEscape();
    fitToKeyboard();
    this.build();
    window.addEventListener("online", () => this.draw());
    window.addEventListener("offline", () => this.draw());
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && this.outbox.items.length > 0) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => this.opened());
    void this.start();
  }

  // -- coming in ------------------------------------------------------------------------------

  private async start(): Promise<void> {
    const invitation = new URLSearchParams(window.location.hash.slice(1)).get("i");
    this.door(door.loading(), false);
    try {
      if (invitation) {
        const notice = await api.notice();
        this.door(door.notice(notice, true, (remember) => this.begin(invitation, remember)));
        return;
      }
      const state = await api.state();
      if (state.notice_due) await this.remind(state);
      else this.talk(state);
    } catch (error) {
      this.stuck(error, () => void this.start());
    }
  }

  private async begin(invitation: string, remember: boolean): Promise<boolean> {
    try {
      const state = await api.begin(invitation, remember);
      history.replaceState(null, "", window.location.pathname + window.location.search);
      look.remember(remember);
      this.talk(state);
      return true;
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500 || error.status === 429) return false;
      history.replaceState(null, "", window.location.pathname + window.location.search);
      this.door(door.gone());
      return true;
    }
  }

  private async remind(state: State): Promise<void> {
    const notice: Notice = await api.notice();
    this.door(
      door.notice(notice, false, async () => {
        this.talk(state);
        return true;
      }),
    );
  }

  private stuck(error: unknown, again: () => void): void {
    if (error instanceof Refused) {
      if (error.status < 500 && error.status !== 429) this.door(door.gone());
      else this.door(door.trouble("failed", again));
    } else this.door(door.trouble("unreachable", again));
  }

  private door(page: HTMLElement, focus = true): void {
    this.dataset["view"] = "door";
    setText(this.where, this.clinic);
    this.whose.hidden = true;
    this.middle.replaceChildren(page);
    this.foot.hidden = true;
    this.stop.hidden = true;
    if (focus) page.querySelector("h2")?.focus({ preventScroll: true });
  }

  private talk(state: State): void {
    this.dataset["view"] = "talk";
    this.middle.replaceChildren(this.rest, this.log.element);
    this.foot.hidden = false;
    this.stop.hidden = false;
    this.enter(state);
    this.opened();
    this.live.open();
  }

  private opened(): void {
    if (this.state && !document.hidden && !this.signedOut) {
      void api.opened().catch(() => undefined);
      this.tellSeen(this.inOrder());
    }
  }

  private ended(): void {
    this.live.close();
    this.signedOut = true;
    if (this.outbox.items.length > 0 || this.compose.text.trim()) this.draw();
    else this.door(door.gone());
  }

  // -- what is known --------------------------------------------------------------------------

  private enter(state: State): void {
    const seen = this.state?.alert;
    this.state = { ...state, messages: [] };
    if (usable(state.help)) this.help = state.help;
    const oldest = Math.min(...(state.messages ?? []).map((message) => message.seq));
    const newest = Math.max(-1, ...[...this.messages.values()].map((message) => message.seq));
    if (this.messages.size === 0 || (state.more && oldest > newest + 1)) {
      this.messages.clear();
      this.more = state.more ?? false;
    }
    this.take(state.messages ?? []);
    for (const line of [state.alert?.told, state.alert?.seen]) {
      if (line && line !== seen?.told && line !== seen?.seen) this.announce(line);
    }
  }

  private take(messages: Message[]): void {
    for (const message of messages) {
      this.messages.set(message.id, message);
      if (message.key) this.outbox.arrived(message.key);
      if (message.author === "staff") this.stopTyping();
    }
    this.draw();
  }

  private async older(): Promise<void> {
    const first = this.inOrder()[0];
    if (!first) return;
    const { messages, more } = await api.before(first.seq);
    for (const message of messages) this.messages.set(message.id, message);
    this.more = more;
    this.drawNow();
  }

  private inOrder(): Message[] {
    return [...this.messages.values()].sort((a, b) => a.seq - b.seq);
  }

  private typed(who: string): void {
    if (who === "patient" || who === "bot") return;
    window.clearTimeout(this.humanTypes);
    this.humanTypes = window.setTimeout(() => this.stopTyping(), HUMAN_TYPES_FOR);
    this.draw();
  }

  private stopTyping(): void {
    window.clearTimeout(this.humanTypes);
    this.humanTypes = undefined;
    this.draw();
  }

  // -- what the patient does ------------------------------------------------------------------

  private sendText(text: string): void {
    const same = this.outbox.items.find(
      (item) => "text" in item.body && item.body.text === text && item.state !== "long",
    );
    if (same) {
      // Pressed again while on its way: one message, not two.
      if (same.state !== "sending" && same.state !== "ended") this.outbox.again(same);
    } else this.send({ text }, text);
  }

  private send(body: Post, words: string): void {
    this.log.toEnd();
    this.outbox.add(body, words);
    this.log.toEnd();
  }

  private choose(message: Message, choice: Choice): void {
    this.chosenAt = message.id;
    this.log.scroll.focus({ preventScroll: true });
    this.send({ message: message.id, choice: choice.id }, choice.title);
  }

  private write(): void {
    this.wantsToWrite = true;
    this.drawNow();
    this.compose.focus();
  }

  private tellTrouble(item: Item): void {
    const words = {
      sending: "not_sent",
      again: "not_sent",
      failed: "not_sent",
      offline: "not_sent_offline",
      long: "not_sent_long",
      moved_on: "not_sent_moved_on",
      ended: "not_sent_ended",
    } as const;
    if (item.state === "moved_on") this.chosenAt = null;
    const unsafe = item.state === "failed" || item.state === "offline" || item.state === "ended";
    this.urgent.textContent =
      say(words[item.state]) + (unsafe ? ` ${dangerSaid(this.help)}` : "");
    if (item.state === "ended") this.ended();
  }

  private announce(words: string): void {
    this.polite.textContent = words;
  }

  // -- what is shown --------------------------------------------------------------------------

  private build(): void {
    const head = h(
      "header",
      { class: "head" },
      h("div", { class: "head__where" }, this.where, this.whose),
      button(say("help_now"), "help-now", () => this.helpDialog.open()),
      window.parent !== window &&
        button(say("close"), "plain head__close", () => {
          window.parent.postMessage({ afterglow: "close" }, "*");
        }),
    );
    const always = h(
      "nav",
      { class: "always", "aria-label": say("help_page_title") },
      button(say("leave"), "plain", leave),
      this.stop,
      this.compose.speaking && this.compose.speaking.button,
      button(say("more"), "plain", () => this.moreDialog.showModal()),
    );
    this.log.below.append(this.breath.element, this.choices, this.writing, this.ask);
    this.foot.append(this.compose.element);
    if (this.compose.speaking) this.foot.append(this.compose.speaking.note);
    this.helpDialog.fill(this.help, this.clinic, null);
    this.replaceChildren(
      head,
      this.strips,
      this.middle,
      this.foot,
      always,
      this.polite,
      this.urgent,
      this.helpDialog.element,
      this.moreDialog,
    );
  }

  /** Many things change at once; the page is drawn once. */
  private draw(): void {
    if (this.drawing) return;
    this.drawing = window.setTimeout(() => this.drawNow());
  }

  private drawNow(): void {
    window.clearTimeout(this.drawing);
    this.drawing = 0;
    const { state } = this;
    if (!state || this.dataset["view"] !== "talk") return;

    const human = state.mode === "human" || !!state.human;
    const recovery = state.stage === "recovery" && !human;
    const infusion = state.stage === "infusion" && !human;
    this.dataset["stage"] = infusion ? "infusion" : recovery ? "recovery" : "open";
    look.dimmed(recovery || infusion);

    setText(this.where, state.place || state.clinic.name);
    setText(this.whose, state.clinic.name);
    this.whose.hidden = !state.place;
    this.helpDialog.fill(this.help, state.clinic.name, state.clinic.phone);

    const messages = this.inOrder();
    this.log.show({
      messages,
      items: this.outbox.items,
      more: this.more,
      help: this.help,
      alert: state.alert,
      read: state.read,
      onlyNewest: recovery || infusion,
    });
    this.log.element.hidden = infusion && this.outbox.items.length === 0 && !state.alert;
    this.rest.hidden = !infusion && !(recovery && messages.length === 0);
    this.rest.replaceChildren(
      ...(infusion
        ? [h("h2", {}, say("infusion_title")), h("p", {}, say("infusion_text"))]
        : [h("p", {}, say("recovery_rest"))]),
    );
    this.foot.hidden = infusion || (recovery && !this.wantsToWrite);
    if (this.compose.speaking) this.compose.speaking.button.hidden = this.foot.hidden;
    this.ask.hidden = !recovery || this.wantsToWrite;
    this.stop.hidden = infusion;
    const newest = messages.at(-1);
    this.drawBreath(newest, infusion);
    this.drawChoices(newest, infusion);
    this.drawWriting(messages);
    this.drawStrips(messages);
    this.tellSeen(messages);
  }

  /** A person who writes may know that their words are on this page, while somebody looks at it. */
  private tellSeen(messages: Message[]): void {
    const newest = messages.findLast((message) => message.author === "staff")?.seq ?? 0;
    if (document.hidden || newest <= this.seenUpTo) return;
    this.seenUpTo = newest;
    void api.seen(newest).catch(() => {
      this.seenUpTo = 0;
    });
  }

  /** The pacer belongs to the newest message, until it is answered. */
  private drawBreath(newest: Message | undefined, silent: boolean): void {
    const asked = newest?.breath && newest.id !== this.chosenAt && this.outbox.items.length === 0;
    if (newest && asked && !silent) this.breath.show(newest.id, newest.breath ?? null);
    else this.breath.show(null, null);
  }

  /** Only the newest message's choices are live; at most four, and Skip is never the one dropped. */
  private drawChoices(newest: Message | undefined, silent: boolean): void {
    const offered =
      newest && newest.id !== this.chosenAt && this.outbox.items.length === 0 && !silent
        ? (newest.choices ?? [])
        : [];
    const skip = offered.filter((choice) => choice.id === "skip");
    const others = offered.filter((choice) => choice.id !== "skip");
    const shown = [...others.slice(0, MOST_CHOICES - skip.length), ...skip].slice(0, MOST_CHOICES);
    const now = newest && shown.length > 0 ? `${newest.id} ${shown.map((one) => one.id).join(" ")}` : "";
    this.choices.hidden = shown.length === 0;
    if (this.choices.dataset["now"] === now) return;
    this.choices.dataset["now"] = now;
    this.choices.replaceChildren(
      ...shown.map((choice) =>
        h(
          "button",
          {
            type: "button",
            class: choice.id === "skip" ? "choice choice--skip" : "choice",
            dir: "auto",
            click: () => newest && this.choose(newest, choice),
          },
          choice.title,
        ),
      ),
    );
    if (shown.length > 0) {
      this.announce(say("answers_count", { count: String(shown.length) }));
    }
  }

  private drawWriting(messages: Message[]): void {
    const last = messages.at(-1);
    const bot =
      this.state?.mode === "bot" &&
      this.outbox.items.length === 0 &&
      last?.author === "patient" &&
      last.state === "waiting";
    const person = this.humanTypes !== undefined;
    const name = person ? (this.state?.human?.name ?? "") : say("companion");
    this.writing.hidden = !(bot || (person && name));
    const words = this.writing.hidden ? "" : say("writing", { name });
    const place = this.writing.querySelector(".writing__text");
    if (place && place.textContent !== words) {
      place.textContent = words;
      if (words) this.announce(words);
    }
  }

  private drawStrips(messages: Message[]): void {
    const { state } = this;
    if (!state) return;
    const strips: [string, ...(string | Node)[]][] = [];
    if (this.signedOut) strips.push(["strip--watch", say("ended")]);
    else if (!navigator.onLine) strips.push(["strip--watch", say("offline")]);
    else if (this.reach === "down") strips.push(["strip--watch", say("down"), danger(this.help)]);
    else if (this.returning && this.outbox.items.length > 0) strips.push(["", say("back_online")]);
    if (!state.staffed) strips.push(["strip--urgent", state.unstaffed || say("not_staffed"), danger(this.help, "")]);
    if (state.alert && !messages.some((message) => message.kind === "card")) {
      for (const line of [state.alert.told ?? say("not_told_yet"), state.alert.seen]) {
        if (line) strips.push(["", line]);
      }
    }
    if (state.human) {
      const { name, role } = state.human;
      const words = role ? say("human_here", { name, role }) : say("human_here_no_role", { name });
      strips.push(["strip--human", words]);
    }
    const now = JSON.stringify(strips.map(([kind, words]) => [kind, words]));
    if (this.strips.dataset["now"] === now) return;
    this.strips.dataset["now"] = now;
    this.strips.replaceChildren(
      ...strips.map(([kind, ...words]) => h("div", { class: `strip ${kind}`, role: "status" }, ...words)),
    );
  }
}

/** The patient's own pages, where this one stands by itself: a clinic's page may frame only the chat. */
function ownPages(): HTMLElement | false {
  const pages = ["journal", "days", "plan", "team"].map((name) =>
    h("li", {}, h("a", { class: "line", href: `/${name}` }, h("span", { class: "line__label" }, say(`my_${name}`)))),
  );
  return window.parent === window && h("ul", { class: "help__lines" }, ...pages);
}

function moreDialog(): HTMLDialogElement {
  const options = (["device", "light", "dark"] as const).map((value) => {
    const box = h("input", { type: "radio", name: "theme", id: `theme-${value}`, value });
    box.checked = look.theme() === value;
    box.addEventListener("change", () => look.choose(value));
    return h("div", { class: "tick" }, box, h("label", { for: box.id }, say(`display_${value}`)));
  });
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "more-title" },
    h(
      "div",
      { class: "sheet__in" },
      h(
        "div",
        { class: "sheet__head" },
        h("h2", { id: "more-title" }, say("more_title")),
        button(say("close"), "plain", () => dialog.close()),
      ),
      ownPages(),
      h("fieldset", {}, h("legend", {}, say("display_theme")), ...options),
      h("p", { class: "quiet" }, say("display_size")),
    ),
  );
  closeOnBackdrop(dialog);
  return dialog;
}

/** On a phone the keyboard covers the page's foot; the room then ends where the keyboard begins. */
function fitToKeyboard(): void {
  const view = window.visualViewport;
  if (!view) return;
  const fit = (): void => {
    const covered = window.innerHeight - view.height > 80 && view.scale === 1;
    const root = document.documentElement.style;
    if (covered) root.setProperty("--room-height", `${view.height}px`);
    else root.removeProperty("--room-height");
  };
  view.addEventListener("resize", fit);
}

look.restore();
customElements.define("afterglow-chat", AfterglowChat);
