// A page must not take away words that were not sent. When the sign-in ends while somebody writes,
// the patient leaves the screen and the form stays: after signing in in another tab it is sent from
// here, and the server asks once (clinic/console/templates/send_again.html).

import { said } from "./say";

/** Forms that hold words which were typed and not sent. */
export function unsent(): HTMLFormElement[] {
  const fields = [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("form[method=post] textarea, form[method=post] input:not([type=hidden], [type=checkbox], [type=radio], [type=password])")];
  const forms = fields.filter((field) => !field.readOnly && field.value !== field.defaultValue).map((field) => field.form);
  return [...new Set(forms.filter((form) => form !== null))];
}

/** Nobody is signed in any more: ask the server for the page, unless that would lose words. */
export function signedOut(): void {
  if (document.querySelector("[data-signed-out]")) return;
  const forms = unsent();
  if (forms.length === 0) {
    location.reload();
    return;
  }
  const main = document.createElement("main");
  main.id = "main";
  main.className = "page page--narrow stack";
  main.tabIndex = -1;
  main.dataset["signedOut"] = "";
  const news = document.createElement("div");
  news.setAttribute("role", "alert");
  const link = said("a", "Sign in in a new tab");
  link.setAttribute("href", "/console/sign-in");
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener");
  const how = said("p", "");
  how.append(link, ", then come back and send it from here.");
  news.append(said("h1", "You were signed out"), said("p", KEPT), how);
  main.append(news, ...forms);
  document.title = "Signed out · Afterglow";
  document.querySelectorAll("#main, .desk, .bar, #engine").forEach((part) => part.remove());
  document.body.append(main);
}

const KEPT = "Nothing is lost: what you had written and not sent stands below.";

/** The pages' own questions are answered "signed out" too: not a reason to load over the words. */
export function keepUnsent(): void {
  document.body.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    if (xhr.status !== 401) return;
    event.preventDefault();
    signedOut();
  });
}
