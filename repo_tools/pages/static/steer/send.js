// A form is sent as it stands, and what came of it is shown.
import { read } from "./forms.js";
import { waiting } from "./jobs.js";
import { API, byId, made } from "./page.js";
import { after, forget, show } from "./said.js";
import { channelOf, meant, untick } from "./search.js";
import { again, alone } from "./staged.js";
import { suit } from "./versions.js";

const CONFLICT = 15;

// By section: what is being done, so that a second click does not do it again, and what was asked for last.
const doing = new Set();
const newest = new Map();

const isOfHosts = (form) => form.contains(byId("rows"));

const said = (form, drop) => ({ ...read(form, drop), ...(isOfHosts(form) ? meant() : {}) });

async function posted(place, body) {
  const answer = await fetch(API + place, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

export async function send(form, button) {
  const section = form.closest("section").id;
  if (doing.has(section)) return;
  const output = () => byId(section).querySelector("output");  // a page that is read anew has another one
  const drop = (button.dataset.drop ?? "").split(" ");
  const asked = said(form, drop);
  const isPlan = button.value === "plan";
  const body = isPlan ? { ...asked, dry_run: true } : asked;
  const post = button.dataset.post ?? form.dataset.post;
  output().replaceChildren(made("p", waiting(post)));
  output().dataset.plan = isPlan ? "shown" : "";
  newest.set(section, asked);
  if (!isPlan) doing.add(section);
  const job = await posted(post, body).finally(() => isPlan || doing.delete(section));
  for (const secret of form.querySelectorAll("input[type=password]")) secret.value = "";
  if (isPlan && newest.get(section) !== asked) return;  // a plan delays nothing that is done meanwhile
  if (isPlan && JSON.stringify(said(form, drop)) !== JSON.stringify(asked)) return output().replaceChildren();
  show(output(), job);
  const staged = section === "staged";
  const overtaken = staged && job.exit_code === CONFLICT;
  if (isPlan || (job.exit_code !== 0 && !overtaken)) return;
  cleared(form);
  if (staged && !overtaken) {
    if (post === "publish") forget(output());
    after(output(), post, job);
  }
  await again(staged);
  if (post.startsWith("brake")) alone();
  if (!staged) after(output(), post, job);
}

// A reason that was signed once is not signed again by mistake.
function cleared(form) {
  if (form.id === "alone") return;  // what is ticked there is signed, and then published
  const channel = form.elements.channel?.value;
  form.reset();
  if (channel) form.elements.channel.value = channel;
  suit(form, channelOf(form));
  if (isOfHosts(form)) untick();
}
