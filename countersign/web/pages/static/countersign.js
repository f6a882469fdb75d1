// What pages do beyond links and forms: the reader's zone, keys, copying, and what a screen reader is told.
// Everything here is a convenience: without it each page shows and does the same.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("scripts");

  // Only the browser knows the zone; the server tells every moment in it from the next answer on.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const kept = `countersign_zone=${encodeURIComponent(zone)}`;
  if (zone && root.dataset.zone !== zone && !document.cookie.split("; ").includes(kept)) {
    document.cookie = `${kept}; path=/; max-age=31536000; samesite=lax`;
    if (document.cookie.split("; ").includes(kept)) location.reload();
  }

  const say = (words) => {
    document.getElementById("said").textContent = words;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.opens) document.getElementById(button.dataset.opens).showModal();
    if (button.dataset.copies) {
      const code = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(code.textContent);
        const before = button.textContent;
        button.textContent = button.dataset.done;
        say(button.dataset.done);
        setTimeout(() => { button.textContent = before; }, 2000);
      } catch {
        getSelection().selectAllChildren(code);
      }
    }
  });

  // A row that changes is another element then: who was on it stays on it.
  let row = "";
  document.addEventListener("htmx:before:swap", () => {
    row = document.activeElement?.closest?.(".row")?.id ?? "";
  });
  document.addEventListener("htmx:after:swap", () => {
    if (row && document.activeElement === document.body) document.getElementById(row)?.focus({ preventScroll: true });
    // A list that grows while it is open keeps the newest.
    const queue = document.getElementById("queue");
    while (queue && queue.children.length > 100) queue.lastElementChild.remove();
  });

  // --- keys ---------------------------------------------------------------------------------------

  const places = { n: "/", a: "/approvals", i: "/incidents", b: "/playbooks", k: "/knowledge", p: "/policy", u: "/audit", r: "/reconciliation", s: "/system" };
  let going = 0;

  const typing = (element) => element.matches("input, textarea, select, [contenteditable]");

  const move = (by) => {
    const rows = [...document.querySelectorAll("[data-rows] > .row")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement.closest?.(".row"));
    const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (Date.now() - going < 1500 && places[event.key]) {
      going = 0;
      event.preventDefault();
      location.href = places[event.key];
      return;
    }
    going = event.key === "g" ? Date.now() : 0;
    const done = {
      "?": () => document.getElementById("keys").showModal(),
      "/": () => document.getElementById("find")?.focus(),
      j: () => move(1),
      k: () => move(-1),
      Enter: () => event.target.matches?.(".row") && event.target.querySelector("a")?.click(),
    }[event.key];
    if (done) {
      if (event.key !== "Enter" || event.target.matches?.(".row")) event.preventDefault();
      done();
    }
  });
})();
