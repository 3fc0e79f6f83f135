// htmx as the pages may use it: no eval, no other origin, no style element (strict CSP).
// The SSE extension looks for a global, so this module comes before it.

import htmx from "htmx.org";

htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
htmx.config.includeIndicatorStyles = false;
htmx.config.allowScriptTags = false;
htmx.config.historyCacheSize = 0;
htmx.config.refreshOnHistoryMiss = true;

declare global {
  interface Window {
    htmx: typeof htmx;
  }
}

window.htmx = htmx;
