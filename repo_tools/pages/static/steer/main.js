// The page from which to steer: each form is sent to the API as it stands, and the command that ran is shown.
import { follow, isAtWork } from "./jobs.js";
import { lost } from "./said.js";
import { begin, channelOf, findAnew } from "./search.js";
import { send } from "./send.js";
import { again, some } from "./staged.js";
import { suit } from "./versions.js";

const suitAll = () => { for (const form of document.forms) suit(form, channelOf(form)); };

document.documentElement.classList.add("scripted");  // without it no form stands there that would do nothing
document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if ("find" in form.dataset) findAnew();
  else send(form, event.submitter).catch((error) => lost(form, error));
});
// What was planned is not what the fields say any more.
document.addEventListener("input", (event) => {
  const output = event.target.form?.querySelector("output");
  if (output?.dataset.plan === "shown") output.replaceChildren();
});
document.addEventListener("change", (event) => {
  if ("each" in event.target.dataset) some();
  if (event.target.name === "channel") suitAll();
});
// Others prepare and sign meanwhile: who comes back to the page reads what stands now.
addEventListener("focus", () => {
  const typed = [...document.querySelectorAll("#staged input[type=password]")].some((one) => one.value);
  if (!typed && !isAtWork()) again(true).catch(() => undefined);
});

follow();
suitAll();
begin();
