// Which versions and channels can be chosen. What somebody chose stays chosen.
import { made } from "./page.js";

// Versions of another product than the channel's cannot be chosen.
export function suit(form, channel) {
  const select = form.querySelector("select[name=version]");
  if (!select || !channel) return;
  const [product] = channel.split("/");
  for (const one of select.options) {
    one.disabled = one.hidden = "product" in one.dataset && one.dataset.product !== product;
  }
  if (!select.selectedOptions.length || select.selectedOptions[0].disabled) choose(undefined, select);
}

// Options that move select themselves on the way: what was chosen is chosen again, and the first stays the first.
export function offer(select, fresh, channel) {
  if (fresh.options.length === select.options.length) return;
  const chosen = select.value;
  const first = suiting(select)[0]?.selected;
  select.replaceChildren(...fresh.childNodes);
  suit(select.form, channel);
  choose(first ? undefined : suiting(select).find((one) => one.value === chosen), select);
}

function choose(option, select) {
  const chosen = option ?? suiting(select)[0];
  if (chosen) chosen.selected = true;
  else select.selectedIndex = -1;
}

// What was chosen stays chosen; where it is offered no more nothing is, and never another one in its place.
export function rechoose(select, fresh) {
  if (select?.tagName !== "SELECT") return;
  const [offered, chosen] = [select.options.length, select.value];
  select.replaceChildren(...[...fresh.options].map((one) => made("option", one.text)));
  if (offered) select.value = chosen;
}

const suiting = (select) => [...select.options].filter((one) => !one.disabled);
