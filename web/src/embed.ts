// One line on a clinic's own page:
//
//   <script src="https://afterglow.clinic.example/embed.js" data-label="Talk to Afterglow" defer></script>
//
// A button at the foot of the page opens the chat in a panel beside it: an iframe of the clinic's own
// server, so the page around it never sees a word. Styles live in a shadow root; nothing is inline.
// An invitation in this page's address (#i=TOKEN) is handed on, and taken out of the address.

const script = document.currentScript as HTMLScriptElement | null;
const origin = new URL(script?.src ?? window.location.href).origin;
const label = script?.dataset["label"] ?? "Talk to Afterglow";

const STYLE = `
:host { all: initial; }
button, section { font: 600 16px/1.3 system-ui, sans-serif; box-sizing: border-box; }
button {
  position: fixed; right: max(16px, env(safe-area-inset-right)); bottom: max(16px, env(safe-area-inset-bottom));
  z-index: 2147483000; min-height: 52px; padding: 0 24px; border: 1px solid #ffffff; border-radius: 26px;
  background: #2f6b5e; color: #ffffff; cursor: pointer; box-shadow: 0 1px 6px rgb(31 42 46 / .2);
}
button:hover { background: #24564b; }
button:focus-visible { outline: 3px solid #3d4e85; outline-offset: 3px; }
section {
  position: fixed; right: 16px; bottom: 16px; z-index: 2147483001; overflow: hidden;
  width: min(420px, calc(100vw - 32px)); height: min(720px, calc(100vh - 32px));
  border: 1px solid #7b888d; border-radius: 16px; background: #fbf9f6; box-shadow: 0 4px 24px rgb(31 42 46 / .18);
}
section[hidden], button[hidden] { display: none; }
iframe { display: block; width: 100%; height: 100%; border: 0; }
@media (max-width: 480px), (max-height: 480px) {
  section { inset: 0; width: 100%; height: 100%; border: 0; border-radius: 0; }
}
@media (prefers-color-scheme: dark) { section { background: #12181c; } }
@media (forced-colors: active) { button { border-color: ButtonText; } }
`;

function start(): void {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  dress(root);

  const launcher = document.createElement("button");
  launcher.type = "button";
  launcher.textContent = label;
  launcher.setAttribute("aria-haspopup", "dialog");
  launcher.setAttribute("aria-expanded", "false");

  const panel = document.createElement("section");
  panel.hidden = true;
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", label);

  let frame: HTMLIFrameElement | null = null;

  const open = (invitation = ""): void => {
    if (!frame) {
      frame = document.createElement("iframe");
      frame.title = label;
      frame.referrerPolicy = "no-referrer";
      // For speaking instead of typing; the browser still asks.
      frame.allow = "microphone";
      frame.src = `${origin}/chat${invitation}`;
      panel.append(frame);
    }
    panel.hidden = false;
    launcher.hidden = true;
    launcher.setAttribute("aria-expanded", "true");
    frame.focus();
  };
  const close = (): void => {
    panel.hidden = true;
    launcher.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
  };

  launcher.addEventListener("click", () => open());
  root.addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key === "Escape") close();
  });
  window.addEventListener("message", (event) => {
    if (event.origin !== origin || event.source !== frame?.contentWindow) return;
    if ((event.data as { afterglow?: string } | null)?.afterglow === "close") close();
  });

  root.append(launcher, panel);
  document.body.append(host);

  if (/^#i=/.test(window.location.hash)) {
    const invitation = window.location.hash;
    history.replaceState(null, "", window.location.pathname + window.location.search);
    open(invitation);
  }
}

/** A constructed sheet passes a strict CSP; a style element serves browsers that have none. */
function dress(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style");
    style.textContent = STYLE;
    root.append(style);
  }
}

if (document.body) start();
else document.addEventListener("DOMContentLoaded", start);

export {};
