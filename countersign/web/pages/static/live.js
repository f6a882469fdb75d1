// Open pages stay live, and say so where they are not.
// htmx's extension connects a stream again that was open once. Here the others are: those that were refused or never
// answered at first, and those that say nothing any more. The server says something at least every 15 seconds.

(() => {
  "use strict";

  const LIVE = "[hx-sse\\:connect]";
  const FIRST_PAUSE = 500; // milliseconds, as htmx's own
  const LONGEST_PAUSE = 1000;
  const SHOWN_AFTER = 1000; // a line that is back at once is nobody's concern
  const LOOKED_AFTER = 5000;
  const LONGEST_SILENCE = 40000;
  const OVER = [401, 403, 404]; // asking again gives the same answer

  const line = document.getElementById("stale");
  const streams = new Map();

  const state = (element) => {
    if (!streams.has(element)) streams.set(element, { lost: 0, tries: 0, over: false, heard: Date.now(), asked: 0, connecting: false, connection: null, timer: 0 });
    return streams.get(element);
  };

  // --- what the reader is told ----------------------------------------------------------------------

  const clock = (moment) =>
    new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: document.documentElement.dataset.zone }).format(moment);

  const show = () => {
    let words = "";
    for (const [element, { lost, over }] of streams) {
      if (!element.isConnected) streams.delete(element);
      else if (lost && (over || Date.now() - lost >= SHOWN_AFTER)) words = (over ? line.dataset.over : line.dataset.lost).replace("{moment}", clock(lost));
    }
    // What is told already is not said again.
    if (line.textContent !== words) line.textContent = words;
  };

  const lost = (element) => {
    const found = state(element);
    if (!found.lost) {
      found.lost = Date.now();
      setTimeout(show, SHOWN_AFTER);
    }
    return found;
  };

  const over = (element) => {
    lost(element).over = true;
    show();
  };

  // --- connecting again -------------------------------------------------------------------------------

  const connect = (element) => {
    const found = state(element);
    if (!element.isConnected || document.hidden || element._htmx?.sse || found.connecting || found.over) return;
    found.connecting = true;
    htmx.ajax("GET", element.getAttribute("hx-sse:connect"), { source: element });
  };

  const again = (element) => {
    const found = lost(element);
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** found.tries++) * (0.7 + 0.6 * Math.random());
    clearTimeout(found.timer);
    found.timer = setTimeout(() => connect(element), pause);
  };

  const on = (name, then) =>
    document.addEventListener(name, (event) => {
      const element = event.detail?.ctx?.sourceElement ?? event.target;
      if (element.matches?.(LIVE)) then(element, event.detail, event);
    });

  // Refused at first, or not answered: nothing of the answer is put on the page.
  on("htmx:before:response", (element, { ctx }, event) => {
    const answer = ctx.response.raw;
    if (answer.headers.get("Content-Type")?.includes("text/event-stream")) return;
    event.preventDefault();
    if (OVER.includes(answer.status)) over(element);
    else again(element);
  });
  on("htmx:error", (element) => {
    if (!element._htmx?.sse) again(element);
  });
  on("htmx:finally:request", (element) => { state(element).connecting = false; });

  // Open once, and not any more.
  on("htmx:before:sse:connection", (element, { connection }, event) => {
    Object.assign(state(element), { connection, asked: Date.now() });
    if (state(element).over) event.preventDefault();
  });
  on("htmx:sse:error", (element, { status }) => {
    if (OVER.includes(status)) over(element);
    else lost(element);
  });
  on("htmx:sse:close", (element, { reason }) => {
    if (reason === "ended" || reason === "cancelled") again(element);
  });

  on("htmx:after:sse:connection", (element) => {
    clearTimeout(state(element).timer);
    Object.assign(state(element), { lost: 0, tries: 0, over: false, heard: Date.now(), asked: 0 });
    show();
  });
  on("htmx:before:sse:message", (element) => { state(element).heard = Date.now(); });

  // A line that was cut without a word (a machine that slept, a network that changed) stays open for its reader.
  setInterval(() => {
    if (document.hidden) return;
    for (const [element, { heard, asked, connection }] of streams) {
      if (asked && Date.now() - asked > LONGEST_SILENCE) connection.abortController?.abort();
      else if (!asked && connection?.reader && Date.now() - heard > LONGEST_SILENCE) {
        lost(element);
        connection.reader.cancel();
      }
    }
  }, LOOKED_AFTER);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const [element, found] of streams) {
      found.heard = Date.now();
      if (found.asked) found.asked = Date.now();
      if (found.lost) connect(element);
    }
  });
})();
