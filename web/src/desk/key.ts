// Security keys. [data-key-sign] stands in a form: its button fetches what is to be signed, lets the
// key sign it and sends the form. [data-key-make] is a form that makes another key. Without this
// script, or in a browser that knows no keys, the buttons stay hidden and the phone's code is typed.

const FAILED = "The key did not answer, or belongs to another sign-in. Try again, or use the code from your phone.";
const LATE = "This page is too old. Open it again, or use the code from your phone.";

interface Described {
  id: string;
  type: PublicKeyCredentialType;
}

export function securityKeys(): void {
  if (!("credentials" in navigator) || !("PublicKeyCredential" in window)) return;
  for (const part of document.querySelectorAll<HTMLElement>("[data-key-sign]")) {
    const form = part.closest("form");
    if (!form) continue;
    part.hidden = false;
    part.querySelector("button")?.addEventListener("click", () => void sign(form, part));
  }
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-key-make]")) {
    const button = form.querySelector<HTMLButtonElement>("button[hidden]");
    if (!button) continue;
    button.hidden = false;
    say(form, "");
    button.addEventListener("click", () => void make(form));
    button.focus();
  }
}

async function sign(form: HTMLFormElement, part: HTMLElement): Promise<void> {
  say(part, "");
  const csrf = (form.elements.namedItem("csrf") as HTMLInputElement).value;
  try {
    const body = new URLSearchParams({ csrf });
    const answer = await fetch("/console/sign-in/key", { method: "POST", body });
    if (!answer.ok) return say(part, LATE);
    const asked = await answer.json();
    const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: known(asked.allowCredentials) };
    const key = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
    const { clientDataJSON, authenticatorData, signature, userHandle } = key.response as AuthenticatorAssertionResponse;
    send(form, "signed", key, {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    });
  } catch {
    say(part, FAILED);
  }
}

async function make(form: HTMLFormElement): Promise<void> {
  say(form, "");
  try {
    const asked = JSON.parse(form.dataset["keyMake"] ?? "");
    const publicKey = {
      ...asked,
      challenge: bytes(asked.challenge),
      user: { ...asked.user, id: bytes(asked.user.id) },
      excludeCredentials: known(asked.excludeCredentials),
    };
    const key = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
    const { clientDataJSON, attestationObject } = key.response as AuthenticatorAttestationResponse;
    send(form, "made", key, {
      clientDataJSON: text(clientDataJSON),
      attestationObject: text(attestationObject),
    });
  } catch {
    say(form, FAILED);
  }
}

function send(form: HTMLFormElement, field: string, key: PublicKeyCredential, response: object): void {
  const input = form.elements.namedItem(field) as HTMLInputElement;
  input.value = JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, response });
  // Not requestSubmit: the code that nobody typed is no error now.
  form.submit();
  // A download leaves the page where it is; what was signed works once.
  input.value = "";
}

function say(part: HTMLElement, words: string): void {
  const place = part.querySelector("[data-key-says]");
  if (place) place.textContent = words;
}

function known(keys: Described[] | undefined): PublicKeyCredentialDescriptor[] {
  return (keys ?? []).map((key) => ({ ...key, id: bytes(key.id) }));
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const base64 = base64url.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

function text(raw: ArrayBuffer): string {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(raw)));
  return base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
