// Single hosts: they are searched, ticked, and ordered to.
import { read } from "./forms.js";
import { API, byId, counted, made, when } from "./page.js";
import { suit } from "./versions.js";

const ON_PAGE = 100;
let page = 0;
let found = {};
let searches = 0;
const ticks = new Set();

const searching = () => document.querySelector("form[data-find]");

// Hosts are of the channel in which they were found.
const listed = () => found.channel ?? searching().elements.channel.value;

// A form without a channel of its own is that of hosts.
export const channelOf = (form) => form.elements.channel?.value ?? listed();

// What an order to single hosts says beside its fields.
export function meant() {
  return { channel: listed(), hosts: byId("matching").checked ? found.which : { ids: [...ticks] } };
}

// Nothing is ordered by a search that is not what is shown: another one is looked for, or this one failed.
function disarm() {
  delete found.which;
  byId("matching").checked = false;
  byId("matching").disabled = true;
}

async function find() {
  const mine = searches += 1;
  const shown = page;
  const asked = read(searching(), []);
  const labels = (asked.label ?? []).map((one) => one.split(/=(.*)/s).slice(0, 2));
  const query = new URLSearchParams({ ...asked, page: shown });
  query.delete("label");
  for (const one of asked.label ?? []) query.append("label", one);
  const { channel, search, running, failing } = asked;
  const which = { search, running, failing, labels: Object.fromEntries(labels) };
  if (JSON.stringify([channel, which]) !== JSON.stringify([found.channel, found.which])) disarm();
  const answer = await fetch(`${API}agents?${query}`);
  const said = await answer.json();
  if (mine !== searches) return;
  if (!answer.ok) {
    byId("found").textContent = (said.notes ?? []).map((one) => one.replace(/^\w+: /, "")).join("; ");
    disarm();
    byId("rows").replaceChildren();
    return count();
  }
  if (channel !== found.channel) ticks.clear();
  found = { channel, which };
  suit(document.querySelector("form[data-post='agents/update']"), channel);
  const narrowed = Boolean(search || running || failing || labels.length);
  const pages = Math.max(1, Math.ceil(said.total / ON_PAGE));
  byId("found").replaceChildren(`${counted(said.total)}, page ${shown + 1} of ${pages}: `, made("code", said.line));
  byId("matching").disabled = !narrowed;
  if (!narrowed) byId("matching").checked = false;
  byId("matching-text").textContent = narrowed ? "all that match and are still there, shown or not" : "all that match: narrow the search first";
  byId("after").disabled = (shown + 1) * ON_PAGE >= said.total;
  byId("before").disabled = shown === 0;
  byId("rows").replaceChildren(...said.agents.map(row));
  count();
}

function count() {
  const shown = [...byId("rows").querySelectorAll("input")];
  byId("all").checked = shown.length > 0 && shown.every((one) => one.checked);
  const all = byId("matching").checked;
  byId("ticked").textContent = all ? "" : `${counted(ticks.size)} ${ticks.size === 1 ? "is" : "are"} ticked`;
  byId("clear").hidden = all || !ticks.size;
}

function tick(one) {
  if (one.checked) ticks.add(one.value);
  else ticks.delete(one.value);
}

function row(one) {
  const line = made("tr");
  const box = made("input");
  Object.assign(box, { type: "checkbox", value: one.agent, ariaLabel: one.agent, checked: ticks.has(one.agent) });
  const first = made("td");
  first.append(box);
  const last = made("td");
  if (one.heard) last.append(Object.assign(made("time", when.format(new Date(one.heard))), { dateTime: one.heard }));
  const cells = [one.agent, one.wave, one.running, one.failure || one.rule || one.reason];
  line.append(first, ...cells.map((text) => made("td", text ?? "", "said")), last);
  return line;
}

export function untick() {
  ticks.clear();
  for (const one of byId("rows").querySelectorAll("input")) one.checked = false;
  count();
}

// Another search: its first page, and nothing of it is meant yet.
export function findAnew() {
  page = 0;
  byId("matching").checked = false;
  find();
}

function turn(pages) {
  page += pages;
  find();
}

export function begin() {
  byId("all").addEventListener("change", (event) => {
    for (const one of byId("rows").querySelectorAll("input")) {
      one.checked = event.target.checked;
      tick(one);
    }
    count();
  });
  byId("rows").addEventListener("change", (event) => {
    tick(event.target);
    count();
  });
  byId("clear").addEventListener("click", () => {
    untick();
    byId("search").focus();
  });
  byId("matching").addEventListener("change", count);
  byId("before").addEventListener("click", () => turn(-1));
  byId("after").addEventListener("click", () => turn(1));
  find();
}
