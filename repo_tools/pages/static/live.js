// Times in the reader's zone, and the newest build of the page that is open. Pages are whole without it.
"use strict";
(() => {
  const PAUSE_MS = 30_000;
  const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]];
  const since = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const root = document.documentElement;
  const status = new URL(`${root.dataset.status}status.json`, location.href);
  const here = () => (location.pathname.match(/\/builds\/([0-9a-f]+(?:-full)?)\/([^/]+)$/) ?? []).slice(1);
  let build = here()[0] ?? root.dataset.build;

  function enliven() {
    localTimes();
    searchable();
    age();
    overdue();
  }

  function ago(at) {
    const past = Date.now() - at;
    const [unit, length] = UNITS.find(([, length]) => past >= length) ?? UNITS[2];
    return since.format(-Math.floor(past / length), unit);
  }

  function age() {
    const heard = root.dataset.heard && new Date(root.dataset.heard);
    if (!heard) return;
    document.getElementById("age").textContent = ` (${ago(heard)})`;
    if (Date.now() - heard < UNITS[0][1] || document.getElementById("stale")) return;
    const note = document.createElement("p");
    note.id = "stale";
    note.className = "note soon";
    note.textContent = `No report came since ${zone.format(heard)}. What stands here about hosts is as old as that.`;
    document.getElementById("main").prepend(note);
  }

  function overdue() {  // a standstill is just when nobody builds pages
    const note = document.getElementById("overdue");
    if (note) note.hidden = Date.now() < new Date(note.dataset.from);
  }

  function localTimes() {
    for (const one of document.querySelectorAll("time")) {
      one.title = one.textContent;
      one.textContent = zone.format(new Date(one.dateTime));
    }
    document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  function searchable() {
    for (const list of document.querySelectorAll(".searched")) {
      const rows = [...(list.tBodies?.[0].rows ?? list.children)];
      const field = document.createElement("input");
      const label = document.createElement("label");
      field.type = "search";
      field.addEventListener("input", () => {
        const wanted = field.value.trim().toLowerCase();
        for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      });
      label.className = "search";
      label.append("Search ", field);
      (list.closest(".table") ?? list).before(label);
    }
  }

  async function newest() {
    const answer = await fetch(status, { cache: "no-cache" });
    return answer.ok ? answer.json() : null;
  }

  async function follow() {
    const found = await newest();
    if (!found) return;
    if (found.build !== build && build) {
      const page = new URL(`builds/${found.build}/${here()[1] ?? "fleet.html"}`, status);
      const answer = await fetch(page);
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["nav", "main", "footer p"]) {
        document.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
      }
      root.dataset.heard = fresh.documentElement.dataset.heard ?? "";
      build = found.build;
      history.replaceState(null, "", page);
      enliven();
    }
    age();
    document.getElementById("news").textContent = `Built ${ago(new Date(found.built))}, looked at ${zone.format(new Date())}.`;
  }

  function tick() {
    const wait = () => setTimeout(tick, PAUSE_MS);
    if (document.hidden) return wait();
    return follow().catch(() => undefined).then(overdue).then(wait);
  }

  async function go() {
    const wanted = location.hash.match(/^#([a-z0-9.-]+\.html)$/);
    const found = wanted && !here().length ? await newest().catch(() => null) : null;
    if (found) location.replace(new URL(`builds/${found.build}/${wanted[1]}`, status));
  }

  enliven();
  go();
  addEventListener("hashchange", go);
  if (build && location.protocol !== "file:") tick();  // from disk nothing is fetched, and nothing is new
})();
