// The page's own words. They are data, like the companion's: an approver reads one file.

import english from "./words.en.json";

type Name = Exclude<keyof typeof english, "version">;

export function say(name: Name, values: Record<string, string> = {}): string {
  return english[name].replace(/\{([a-z]+)\}/g, (_, key: string) => values[key] ?? "");
}

const locale = document.documentElement.lang || "en";
const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { weekday: "long", month: "long", day: "numeric" });

/** "9:04 pm" */
export function timeOf(at: Date): string {
  return clock.format(at).replace(/[AP]M/, (half) => half.toLowerCase());
}

/** "Today", "Yesterday", "Thursday, November 19" */
export function dayOf(at: Date, now: Date): string {
  const nights = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (nights === 0) return say("today");
  if (nights === 1) return say("yesterday");
  return day.format(at);
}

function midnight(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}
