// What is prepared, and what is read anew when that changed.
import { byId, made, when } from "./page.js";
import { channelOf } from "./search.js";
import { offer, rechoose } from "./versions.js";

const EACH = "#staged input[data-each]";

// A brake goes out by itself, whatever else waits for its signers.
export function alone() {
  for (const box of document.querySelectorAll(EACH)) box.checked = box.value.endsWith(".brake");
  some();
}

export function some() {
  const any = document.querySelector(`${EACH}:checked`) !== null;
  for (const button of document.querySelectorAll("#staged button[data-ticked]")) {
    button.dataset.all ??= button.textContent;
    button.textContent = any ? button.dataset.ticked : button.dataset.all;
  }
}

export async function again(keep) {
  const answer = await fetch(location.pathname);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const ticked = new Set([...document.querySelectorAll(`${EACH}:checked`)].map((one) => one.value));
  const said = keep ? byId("staged").querySelector("output")?.cloneNode(true) : null;
  for (const one of fresh.querySelectorAll("time")) one.textContent = when.format(new Date(one.dateTime));
  for (const id of ["braked", "staged", "going-title", "under-way"]) byId(id).replaceChildren(...fresh.getElementById(id).childNodes);
  rechoose(byId("going-channel"), fresh.getElementById("going-channel"));
  for (const box of document.querySelectorAll(EACH)) box.checked = ticked.has(box.value);
  some();
  byId("widen").hidden = fresh.getElementById("widen").hidden;
  byId("promote").className = fresh.getElementById("promote").className;
  for (const select of fresh.querySelectorAll("select[name=version]")) {
    const here = byId(select.id);
    offer(here, select, channelOf(here.form));
  }
  if (!said) return;
  byId("staged").querySelector("output")?.remove();
  (byId("staged").querySelector("form") ?? byId("staged")).append(said);
}
