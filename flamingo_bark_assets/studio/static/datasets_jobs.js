// One export as the page tells it: how far it is, what was written, found and changed. Every text is set as text.

const WORDS = {
  queued: "waits", running: "runs", done: "done", failed: "failed", cancelled: "cancelled", interrupted: "interrupted",
};
const SPLITS = ["train", "validation", "test"];

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const countOf = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const sum = (bySplit) => SPLITS.reduce((total, split) => total + (bySplit[split] ?? 0), 0);

function table(head, rows) {
  const cell = (value, isHead) => element(isHead ? "th" : "td", isHead ? {scope: "col"} : {class: typeof value === "number" ? "number" : null}, String(value));
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((value) => cell(value, false)))));
  const made = element("table", {}, element("thead", {}, element("tr", {}, ...head.map((value) => cell(value, true)))), body);
  return element("div", {class: "scrolls"}, made);
}

/** A job; `act` says how to cancel or forget it, and how to get its findings. */
export function jobCard(job, act) {
  const found = job.verification?.found ?? 0;
  const card = element("article", {class: `job ${job.status}${job.status === "done" && found ? " found" : ""}`, "data-job": job.id, "data-status": job.status});
  card.append(head(job, act));
  if (!job.has_ended) card.append(...progress(job));
  if (job.error) card.append(element("p", {class: "bad"}, job.to_do ? `${job.error}. ${job.to_do}` : job.error));
  if (job.status === "cancelled" && job.report) card.append(element("p", {}, "It was written before, and stands unverified."));
  if (job.report) card.append(...report(job));
  if (job.verification) card.append(...verification(job, act));
  if (job.report && job.status === "done") card.append(...difference(job));
  if (job.status === "done") card.append(downloads(job.folder));
  return card;
}

function head(job, act) {
  const choice = job.choice;
  const options = [
    choice.view && `view ${choice.view}`, choice.commercial && "commercial use", choice.accepted_only && "accepted only",
    choice.by_artist && "by artist", choice.custom_tag && `“${choice.custom_tag}”`,
  ].filter(Boolean);
  const button = element("button", {type: "button"}, job.has_ended ? "Forget" : "Cancel");
  button.setAttribute("aria-label", `${job.has_ended ? "Forget" : "Cancel"} ${job.folder}`);
  button.addEventListener("click", () => {
    button.disabled = true;
    act.cancel(job);
  });
  const at = job.ended_at ?? job.began_at ?? job.asked_at;
  return element(
    "header", {},
    element("h4", {}, job.title, options.length ? ` (${options.join(", ")})` : ""),
    element("span", {class: "muted"}, element("strong", {class: "status"}, WORDS[job.status]), " ", element("time", {datetime: at}, new Date(at).toLocaleString())),
    button,
  );
}

function progress(job) {
  if (job.status === "queued") {
    const before = job.before_it;
    return [element("p", {}, before ? `${countOf(before, "export")} before it` : "its turn is next")];
  }
  const bar = element("progress", {"aria-label": `${job.folder}: ${job.stage}`, max: job.of || null, value: job.of ? job.done : null});
  return [element("p", {class: "stage"}, job.of ? `${job.stage}: ${job.done} of ${job.of}` : job.stage), bar];
}

function report(job) {
  const {songs, clips, hours, written, kept, notes, missing, use, command} = job.report;
  const made = [element("p", {}, `${countOf(sum(songs), "song")}, ${countOf(sum(clips), "clip")}, ${sum(hours).toFixed(2)} h; ${written} made, ${kept} taken over`)];
  made.push(...missing.map((each) => element("p", {class: "warn"}, `! ${each}`)));
  const rows = SPLITS.map((split) => [split, songs[split] ?? 0, clips[split] ?? 0, (hours[split] ?? 0).toFixed(2)]);
  const noted = Object.entries(notes);
  made.push(element(
    "details", {}, element("summary", {}, "Splits, notes and use"),
    table(["split", "songs", "clips", "hours"], rows),
    noted.length ? element("p", {}, `Noted: ${noted.map(([rule, count]) => `${rule} ${count}`).join(", ")} (each in provenance/notes.jsonl)`) : null,
    element("p", {}, use), command ? element("pre", {tabindex: "0"}, command) : null,
  ));
  return made;
}

function verification(job, act) {
  const {clean, rows, rules, found, seconds} = job.verification;
  if (clean) return [element("p", {class: "good verified"}, `✓ Verified: nothing found in ${countOf(rows, "row")}, read as the trainer reads them (${seconds.toFixed(1)} s)`)];
  const fails = rules.some((rule) => rule.severity === "fails");
  const heading = element("p", {class: `${fails ? "bad" : "warn"} verified`}, `${fails ? "✗" : "!"} Verified: ${found} found in ${countOf(rows, "row")}`);
  const list = element("ul", {}, ...rules.map((rule) => element("li", {}, `${rule.meaning}: ${rule.count} (${rule.severity === "fails" ? "the trainer stops" : "it trains badly, in silence"})`)));
  const details = element("details", {class: "findings"}, element("summary", {}, "Findings by file and row"));
  details.addEventListener("toggle", async () => {
    if (details.childElementCount > 1) return;
    const whole = await act.findings();
    const told = whole.verification.findings;
    details.append(table(["file", "row", "rule", "what"], told.map((each) => [each.file, each.row ?? "", each.rule, each.message])));
    if (told.length < found) details.append(element("p", {class: "muted"}, `and ${found - told.length} more: flamingo-bark verify --json tells all`));
  });
  return [heading, list, details];
}

function difference(job) {
  if (!job.difference) return [element("p", {class: "muted difference"}, "The first export of its kind: there is nothing to compare it with.")];
  const {songs, rows} = job.difference;
  if (!songs.added && !songs.removed && !songs.changed) return [element("p", {class: "difference"}, "The same as the last export.")];
  const line = (name, each) => `${name}: ${each.added} added, ${each.removed} removed, ${each.changed} changed, ${each.same} as before`;
  const named = ["added", "removed", "changed"].filter((what) => songs[`${what}_names`].length).map((what) => {
    const names = songs[`${what}_names`];
    const more = songs[what] > names.length ? ` and ${songs[what] - names.length} more` : "";
    return element("p", {}, `${what}: ${names.join(", ")}${more}`);
  });
  return [element("details", {class: "difference"}, element("summary", {}, `Since the last export: ${songs.added} songs added, ${songs.removed} removed, ${songs.changed} changed`),
    element("p", {}, line("songs", songs)), element("p", {}, line("rows", rows)), ...named)];
}

function downloads(folder) {
  return element("p", {class: "actions"}, ...["zip", "tar"].map((form) => element("a", {class: "button", href: `/exports/${encodeURIComponent(folder)}/download?form=${form}`, download: true}, `Download ${form}`)));
}

export function standingList(standing) {
  return element("ul", {class: "standing-list"}, ...standing.map((each) => element(
    "li", {"data-folder": each.folder},
    element("strong", {}, each.folder),
    element("span", {class: "muted"}, `${countOf(sum(each.songs), "song")}, ${countOf(sum(each.clips), "clip")}, ${sum(each.hours).toFixed(2)} h, ${new Date(each.made_at * 1000).toLocaleString()}`),
    each.busy ? element("span", {class: "warn"}, "is being made anew") : downloads(each.folder),
  )));
}
