// What is said of a command below its form.
import { byId, made, sized, when } from "./page.js";

export function show(output, job) {
  const told = job.result?.changes ?? job.result?.staged ?? [];
  const lines = [...(job.notes ?? []), ...(Array.isArray(told) ? told : [])];
  const needed = (job.result?.signatures ?? []).map((one) => `${one.role}: ${one.threshold} of ${one.keys.join(", ")}`);
  output.replaceChildren(made("code", job.line ?? ""));
  const list = made("ul", "", "plain");
  list.append(...lines.map((line) => made("li", line)));
  list.append(...needed.map((line) => made("li", `must be signed by: ${line}`)));
  if (!lines.length && !needed.length) list.append(made("li", job.exit_code === 0 ? "done" : "failed"));
  output.append(list, ...forecast(job.result?.forecast));
  output.className = `said ${job.exit_code === 0 ? "" : "bad"}`;
}

// Who takes a release, when, and what that downloads: the table of `rollout plan`.
function forecast(told) {
  if (!told) return [];
  if (!told.known) return [made("p", `${told.why}: ${told.hint}`, "hint")];
  const table = made("table");
  const head = made("tr");
  head.append(...["Wave", "Hosts", "Take it", "Run it", "Held", "First starts", "Last starts", "Download", "In an hour"].map((text) => made("th", text)));
  table.append(made("thead"), made("tbody"));
  table.tHead.append(head);
  for (const one of told.waves) {
    const line = made("tr");
    const counts = [one.hosts, one.takes, one.runs, one.held].map((number) => made("td", number.toLocaleString(), "n"));
    const times = [one.since ? when.format(new Date(one.since)) : told.later, one.until ? when.format(new Date(one.until)) : "-"];
    const bytes = [one.download_bytes, one.hourly_bytes].map((number) => made("td", sized(number), "n"));
    line.append(made("th", one.wave), ...counts, ...times.map((text) => made("td", text)), ...bytes);
    table.tBodies[0].append(line);
  }
  for (const cell of table.querySelectorAll("th")) cell.scope = cell.closest("thead") ? "col" : "row";
  const frame = made("div", "", "table");
  Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: "What it would bring" });
  frame.append(table);
  const notes = [`At most ${sized(told.peak_hourly_bytes)} in an hour.`, ...told.notes];
  return [frame, ...notes.map((text) => made("p", text, "hint"))];
}

export function lost(form, error) {
  const output = form.querySelector("output");
  const text = error instanceof TypeError ? "No answer came. Whether it was done stands in tidegate status." : String(error);
  output.replaceChildren(made("p", text));
  output.className = "said bad";
}

const AFTER = {
  brake: "Nothing is braked until it is signed and published.",
  "brake/lift": "Nothing is lifted until it is signed and published.",
  sign: "Signed. Hosts see it once it is published.",
  publish: "Published.",
  unstage: "Taken back: what was prepared is gone.",
};

// What came of an action, and what comes next.
export function after(output, post, job) {
  const isNothing = post === "sign" && !job.result?.signed?.length;
  const line = made("p", isNothing ? "Nothing was signed: no key that is here may sign it." : AFTER[post] ?? "", "hint");
  if (output.closest("section").id !== "staged" && byId("staged").querySelector("form")) {
    const link = made("a", "sign and publish it");
    link.href = "#staged";
    line.prepend("Prepared: ", link, ". ");
  }
  output.append(line);
}

// What other forms said of what was prepared is over once it is published.
export function forget(output) {
  for (const other of document.querySelectorAll("output")) if (other !== output) other.replaceChildren();
}
