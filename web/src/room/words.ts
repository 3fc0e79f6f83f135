// The page's own words come with it, from the content registry (data/content/en/page.yml): one file
// for an approver to read, and nothing to fetch when the network is gone.

const words = JSON.parse(document.getElementById("page-words")?.textContent ?? "{}") as Record<
  string,
  string
>;

/** The sentence called `page.NAME`, with its places filled in. A test holds every name used here. */
export function say(name: string, values: Record<string, string> = {}): string {
  return (words[name] ?? "").replace(/\{([a-z]+)\}/g, (_, key: string) => values[key] ?? "");
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
