// The console's forms: each is sent to the API as it stands, and the command that ran is shown.
"use strict";
(() => {
  const API = new URL("api/v1/", location).pathname;
  const ON_PAGE = 100;
  const CONFLICT = 15;
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const UNITS = [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]];
  document.documentElement.classList.add("scripted");  // without it no form stands there that would do nothing
  const byId = (id) => document.getElementById(id);
  const made = (name, text = "", kind = "") => {
    const node = document.createElement(name);
    node.textContent = text;
    if (kind) node.className = kind;
    return node;
  };

  function read(form, drop) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || drop.includes(field.name)) continue;
      let value = field.value;
      if ("each" in field.dataset) value = field.checked ? [...(body[field.name] ?? []), value] : body[field.name] ?? [];
      else if (field.type === "checkbox") value = field.checked;
      else if (field.type === "number") value = Number(value);
      else if ("list" in field.dataset) value = value.split(/[\s,]+/).filter(Boolean);
      if (value === "" || value === false || (Array.isArray(value) && !value.length)) continue;
      body[field.name] = value;
    }
    if (form.dataset.post === "agents/update") Object.assign(body, { channel: found.channel ?? searched(), hosts: hosts() });
    return body;
  }

  function show(output, job) {
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

  function sized(bytes) {
    const [unit, size] = UNITS.find(([, size]) => bytes >= size) ?? ["B", 1];
    return `${(bytes / size).toLocaleString(undefined, { maximumFractionDigits: 1 })} ${unit}`;
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

  // By section: what is being done, so that a second click does not do it again, and what was asked for last.
  const doing = new Set();
  const newest = new Map();

  async function posted(place, body) {
    const answer = await fetch(API + place, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.json();
  }

  async function send(form, button) {
    const section = form.closest("section").id;
    if (doing.has(section)) return;
    const output = () => byId(section).querySelector("output");  // a page that is read anew has another one
    const drop = (button.dataset.drop ?? "").split(" ");
    const asked = read(form, drop);
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
    if (isPlan && JSON.stringify(read(form, drop)) !== JSON.stringify(asked)) return output().replaceChildren();
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

  function lost(form, error) {
    const output = form.querySelector("output");
    const text = error instanceof TypeError ? "No answer came. Whether it was done stands in tidegate status." : String(error);
    output.replaceChildren(made("p", text));
    output.className = "said bad";
  }

  const EACH = "#staged input[data-each]";

  // A brake goes out by itself, whatever else waits for its signers.
  function alone() {
    for (const box of document.querySelectorAll(EACH)) box.checked = box.value.endsWith(".brake");
    some();
  }

  function some() {
    const any = document.querySelector(`${EACH}:checked`) !== null;
    for (const button of document.querySelectorAll("#staged button[data-ticked]")) {
      button.dataset.all ??= button.textContent;
      button.textContent = any ? button.dataset.ticked : button.dataset.all;
    }
  }

  const AFTER = {
    brake: "Nothing is braked until it is signed and published.",
    "brake/lift": "Nothing is lifted until it is signed and published.",
    sign: "Signed. Hosts see it once it is published.",
    publish: "Published.",
    unstage: "Taken back: what was prepared is gone.",
  };

  // What came of an action, and what comes next.
  function after(output, post, job) {
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
  function forget(output) {
    for (const other of document.querySelectorAll("output")) if (other !== output) other.replaceChildren();
  }

  // A reason that was signed once is not signed again by mistake.
  function cleared(form) {
    if (form.id === "alone") return;  // what is ticked there is signed, and then published
    const channel = form.elements.channel?.value;
    form.reset();
    if (channel) form.elements.channel.value = channel;
    suit(form);
    if (form.contains(byId("rows"))) {
      ticks.clear();
      count();
    }
  }

  async function again(keep) {
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
    for (const select of fresh.querySelectorAll("select[name=version]")) offer(byId(select.id), select);
    if (!said) return;
    byId("staged").querySelector("output")?.remove();
    (byId("staged").querySelector("form") ?? byId("staged")).append(said);
  }

  // What was chosen stays chosen; where it is offered no more nothing is, and never another one in its place.
  function rechoose(select, fresh) {
    if (select?.tagName !== "SELECT") return;
    const [offered, chosen] = [select.options.length, select.value];
    select.replaceChildren(...[...fresh.options].map((one) => made("option", one.text)));
    if (offered) select.value = chosen;
  }

  // Options that move select themselves on the way: what was chosen is chosen again, and the first stays the first.
  function offer(select, fresh) {
    if (fresh.options.length === select.options.length) return;
    const chosen = select.value;
    const first = suiting(select)[0]?.selected;
    select.replaceChildren(...fresh.childNodes);
    suit(select.form);
    choose(first ? undefined : suiting(select).find((one) => one.value === chosen), select);
  }

  function choose(option, select) {
    const chosen = option ?? suiting(select)[0];
    if (chosen) chosen.selected = true;
    else select.selectedIndex = -1;
  }

  const searched = () => document.querySelector("form[data-find]").elements.channel.value;

  const suiting = (select) => [...select.options].filter((one) => !one.disabled);

  // Versions of another product than the channel's cannot be chosen; hosts are of the channel in which they were found.
  function suit(form) {
    const select = form.querySelector("select[name=version]");
    const channel = form.elements.channel?.value ?? found.channel ?? searched();
    if (!select || !channel) return;
    const [product] = channel.split("/");
    for (const one of select.options) {
      one.disabled = one.hidden = "product" in one.dataset && one.dataset.product !== product;
    }
    if (!select.selectedOptions.length || select.selectedOptions[0].disabled) choose(undefined, select);
  }

  let page = 0;
  let found = {};
  const ticks = new Set();

  function hosts() {
    return byId("matching").checked ? found.which : { ids: [...ticks] };
  }

  let searches = 0;

  // Nothing is ordered by a search that is not what is shown: another one is looked for, or this one failed.
  function disarm() {
    delete found.which;
    byId("matching").checked = false;
    byId("matching").disabled = true;
  }

  async function find() {
    const mine = searches += 1;
    const shown = page;
    const asked = read(document.querySelector("form[data-find]"), []);
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
    suit(document.querySelector("form[data-post='agents/update']"));
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

  const counted = (number) => `${number.toLocaleString()} host${number === 1 ? "" : "s"}`;

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

  const jobs = new Map();
  const atWork = new Map();

  // One command after the other changes the workspace; a release that is added waits at its end alone.
  function waiting(post) {
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

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    if ("find" in form.dataset) {
      page = 0;
      byId("matching").checked = false;
      find();
    } else send(form, event.submitter).catch((error) => lost(form, error));
  });
  // What was planned is not what the fields say any more.
  document.addEventListener("input", (event) => {
    const output = event.target.form?.querySelector("output");
    if (output?.dataset.plan === "shown") output.replaceChildren();
  });
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
    ticks.clear();
    for (const one of byId("rows").querySelectorAll("input")) one.checked = false;
    count();
    byId("search").focus();
  });
  byId("matching").addEventListener("change", count);
  document.addEventListener("change", (event) => {
    if ("each" in event.target.dataset) some();
    if (event.target.name === "channel") for (const form of document.forms) suit(form);
  });
  byId("before").addEventListener("click", () => { page -= 1; find(); });
  byId("after").addEventListener("click", () => { page += 1; find(); });

  // Others prepare and sign meanwhile: who comes back to the page reads what stands now.
  addEventListener("focus", () => {
    const typed = [...document.querySelectorAll("#staged input[type=password]")].some((one) => one.value);
    if (!typed && !atWork.size) again(true).catch(() => undefined);
  });

  // Each connection begins with all jobs as they stand: one that was cut said nothing of how they went on.
  const events = new EventSource(`${API}events`);
  events.addEventListener("job", (event) => told(JSON.parse(event.data)));
  events.addEventListener("open", () => { byId("gone").hidden = true; });
  events.addEventListener("error", () => { byId("gone").hidden = false; });
  for (const form of document.forms) suit(form);
  find();
})();
