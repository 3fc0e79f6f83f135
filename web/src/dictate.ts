// Speaking instead of typing, where the browser can. What was heard stands in the field like typed
// words: nobody gets it before the patient sends or saves it. Most browsers have the voice written
// down by their maker's computers. Where that is so, the page says it, and only a second press begins.

interface Heard {
  readonly results: ArrayLike<ArrayLike<{ readonly transcript: string }>>;
}

/** The part of the Web Speech API that is used here (WICG, "Web Speech API"). */
interface Recogniser extends EventTarget {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  processLocally?: boolean;
  start(): void;
  abort(): void;
}

interface Recognition {
  new (): Recogniser;
  available?(asked: { langs: string[]; processLocally: boolean }): Promise<string>;
}

export interface Says {
  start: string;
  stop: string;
  /** That the voice leaves the device, and how to go on. */
  leaves: string;
  failed: string;
}

const api = window as unknown as Record<string, Recognition | undefined>;
const Recognition = api["SpeechRecognition"] ?? api["webkitSpeechRecognition"];
const language = navigator.language || "en-US";

/** A button that writes down what is said into `field`, and the line it speaks in; null where the
 * browser has nothing of the kind. */
export function dictation(
  field: HTMLTextAreaElement,
  says: Says,
): { button: HTMLButtonElement; note: HTMLElement } | null {
  if (!Recognition) return null;
  const recogniser = new Recognition();
  const press = document.createElement("button");
  const note = document.createElement("p");
  let told = false;
  let listening = false;
  let before = "";

  press.type = "button";
  press.className = "plain";
  note.className = "quiet";
  note.setAttribute("role", "status");
  note.hidden = true;
  recogniser.lang = language;
  recogniser.continuous = true;
  recogniser.interimResults = true;
  void staysHere().then((local) => {
    if (!local) return;
    recogniser.processLocally = true;
    told = true;
  });

  const speak = (words: string): void => {
    note.hidden = !words;
    note.textContent = words;
  };
  const show = (on: boolean): void => {
    listening = on;
    press.textContent = on ? says.stop : says.start;
  };
  const stop = (): void => {
    if (!listening) return;
    recogniser.abort();
    show(false);
  };
  const start = (): void => {
    before = field.value && !/\s$/.test(field.value) ? `${field.value} ` : field.value;
    try {
      recogniser.start();
    } catch {
      speak(says.failed);
      return;
    }
    speak("");
    show(true);
  };

  press.addEventListener("click", () => {
    if (listening) stop();
    else if (told) start();
    else {
      told = true;
      speak(says.leaves);
    }
  });
  recogniser.addEventListener("result", (event) => {
    if (!listening) return;
    const { results } = event as unknown as Heard;
    field.value = before + Array.from(results, (one) => one[0]?.transcript ?? "").join("");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  recogniser.addEventListener("error", (event) => {
    const { error } = event as unknown as { error?: string };
    if (error !== "aborted" && error !== "no-speech") speak(says.failed);
  });
  recogniser.addEventListener("end", () => show(false));
  // Who types, sends or looks away has stopped speaking to it.
  field.addEventListener("input", (event) => event.isTrusted && stop());
  field.form?.addEventListener("submit", stop);
  document.addEventListener("visibilitychange", () => document.hidden && stop());
  window.addEventListener("pagehide", stop);
  show(false);
  return { button: press, note };
}

/** Whether the device writes it down by itself. */
async function staysHere(): Promise<boolean> {
  try {
    const asked = { langs: [language], processLocally: true };
    return (await Recognition?.available?.(asked)) === "available";
  } catch {
    return false;
  }
}
