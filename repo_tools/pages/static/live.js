// Times in the reader's zone, and the newest build of the page that is open. Pages are whole without it.
"use strict";
(() => {
  const PAUSE_MS = 30_000;
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const root = document.documentElement;
  const status = new URL(`${root.dataset.status}status.json`, location.href);
  const here = () => (location.pathname.match(/\/builds\/([0-9a-f]+)\/([^/]+)$/) ?? []).slice(1);
  let build = here()[0] ?? root.dataset.build;

  function enliven() {
    localTimes();
    searchable();
  }

  function localTimes() {
    for (const one of document.querySelectorAll("time")) {
      one.title = one.textContent;
      one.textContent = zone.format(new Date(one.dateTime));
    }
    document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  function searchable() {
    for (const table of document.querySelectorAll("table.searched")) {
      const rows = [...table.tBodies[0].rows];
      const field = document.createElement("input");
      const label = document.createElement("label");
      field.type = "search";
      field.addEventListener("input", () => {
        const wanted = field.value.trim().toLowerCase();
        for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      });
      label.className = "search";
      label.append("Search ", field);
      table.parentElement.before(label);
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
      build = found.build;
      history.replaceState(null, "", page);
      enliven();
    }
    document.getElementById("news").textContent = `Looked at ${zone.format(new Date())}.`;
  }

  function tick() {
    const wait = () => setTimeout(tick, PAUSE_MS);
    if (document.hidden) return wait();
    return follow().catch(() => undefined).then(wait);
  }

  async function go() {
    const wanted = location.hash.match(/^#([a-z0-9.-]+\.html)$/);
    const found = wanted && !here().length ? await newest().catch(() => null) : null;
    if (found) location.replace(new URL(`builds/${found.build}/${wanted[1]}`, status));
  }

  enliven();
  go();
  addEventListener("hashchange", go);
  if (build) tick();
})();
