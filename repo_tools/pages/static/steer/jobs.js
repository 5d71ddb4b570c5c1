// What was asked for here, and how it goes on.
import { API, byId, made } from "./page.js";

const jobs = new Map();
const atWork = new Map();

// One command after the other changes the workspace; a release that is added waits at its end alone.
export function waiting(post) {
  const line = post === "releases" ? undefined : atWork.values().next().value;
  return line ? `It waits until this is done: ${line}` : "…";
}

function told(job) {
  const line = jobs.get(job.id) ?? made("li");
  if (!jobs.has(job.id)) byId("jobs").prepend(line);
  jobs.set(job.id, line);
  if (job.state === "running" && !job.line.startsWith("tidegate release add")) atWork.set(job.id, job.line);
  else atWork.delete(job.id);
  const state = job.state === "done" ? (job.exit_code === 0 ? "done" : `exit ${job.exit_code}`) : job.state;
  line.replaceChildren(made("span", state, `badge ${job.exit_code ? "b-held" : "b-plain"}`), " ", made("code", job.line));
  if (job.progress) {
    const bar = made("progress");
    if (job.progress.total) Object.assign(bar, { max: job.progress.total, value: job.progress.done });
    bar.ariaLabel = job.progress.what;
    line.append(" ", bar);
  }
  for (const note of job.notes) line.append(made("p", note, "hint said"));
}

export const isAtWork = () => atWork.size > 0;

// Each connection begins with all jobs as they stand: one that was cut said nothing of how they went on.
export function follow() {
  const events = new EventSource(`${API}events`);
  events.addEventListener("job", (event) => told(JSON.parse(event.data)));
  events.addEventListener("open", () => { byId("gone").hidden = true; });
  events.addEventListener("error", () => { byId("gone").hidden = false; });
}
