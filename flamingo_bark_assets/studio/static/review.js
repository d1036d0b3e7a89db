// The page of one song: what is known of it, the keys of reviewing, and the look whether anything was made anew.

import {get} from "/static/api.js";
import {changes, edit, undo} from "/static/edits.js";
import * as keys from "/static/keys.js";
import {say, sayFault} from "/static/say.js";
import {markedText} from "/static/review_claims.js";
import {correctionButtons, sectionsTable} from "/static/review_corrections.js";
import {button, clock, draw, el, longText, percent} from "/static/review_dom.js";
import {editButtons, editable, flushAll, focusedEditable, openEditor, toggleLock} from "/static/review_editing.js";
import {fieldTable, measurementTables, verdictTable} from "/static/review_fields.js";
import {lyricsEditor} from "/static/review_lyrics.js";

const LOOK_MS = 4000;
const SAID = "flamingo-bark-review-said";
const box = document.getElementById("player");
const song = box.dataset.songId;
const api = `/api/songs/${encodeURIComponent(song)}`;
const byId = (id) => document.getElementById(id);
let player = null;
let data = null;
let around = {before: null, behind: null};

const thePlayer = () => player;

async function mount() {
  try {
    const {mountPlayer} = await import("/static/player.js");
    player = await mountPlayer(box, song);
    if (data) show();
  } catch (error) {
    box.replaceChildren(el("p", {class: "notice warn", text: `The sound cannot be played here: ${error.said ?? error.message}`}));
  }
}

function play(place) {
  if (player) Promise.resolve(player.playPlace(place.start_s, place.end_s, {scrolls: false})).catch(sayFault);
  else say(`${clock(place.start_s)} – ${clock(place.end_s)}: ${place.why}; there is no player to play it.`);
}

function context(isDecidable) {
  const corrections = Object.fromEntries(data.measured.filter((field) => field.place).map((field) => [field.place, field.toml]));
  return {song, play, corrections, isDecidable};
}

const SOURCES = {human: "by hand", model: "model", tagged: "model", measured: "measured", file_tags: "tag", none: "unknown"};

function textRow(each, label, from, isDecidable) {
  const cell = el("div", {class: "review-cell"});
  const line = el("article", {class: "review-text-row", "aria-label": label});
  const spec = {...each, value: each.text, kind: "long", label, song, lockedList: data.locked, cell};
  editable(line, spec);
  if (each.text === null) cell.append(el("p", {class: "review-unknown"}, el("em", {text: "unknown"}), `: ${each.reason ?? "nothing is made yet"}`));
  else if (each.claims.length) cell.append(...markedText(each.text, each.claims, context(isDecidable)));
  else cell.append(el("p", {class: "review-marked"}, longText(each.text)));
  const notes = [from];
  if (each.confidence !== undefined && each.confidence !== null) notes.push(`confidence ${percent(each.confidence)}`);
  if (each.licence) notes.push(each.licence);
  if (each.heard_s) notes.push(`heard ${each.heard_s.map(([start, end]) => `${clock(start)} – ${clock(end)}`).join(", ")}`);
  if (each.locked) notes.push("locked");
  const head = el("div", {class: "review-text-head"},
    el("h3", {text: label}), el("span", {class: "muted review-note", text: notes.join(" · ")}), editButtons(line, spec));
  line.append(head, cell);
  if (each.is_pending) line.append(el("p", {class: "warn review-note", text: each.toml === null ? "Your words were taken out; the text is made anew." : "Yours stands in song.toml; the datasets have it after the next run."}));
  if (each.unchecked) line.append(el("p", {class: "muted review-note", text: each.unchecked}));
  if (each.said) {
    line.append(el("details", {"data-id": `said-${each.id}`, open: each.said_claims.some((claim) => claim.verdict === "conflict")},
      el("summary", {text: "What was said before the measurements corrected it"}),
      ...markedText(each.said, each.said_claims, context(isDecidable))));
  }
  return line;
}

const from = (each) => {
  const source = SOURCES[each.source] ?? each.source;
  const who = each.model_id ?? each.captioner;
  return source === who || who === "human" ? source : `${source}: ${who}`;
};

function captions() {
  const parts = [...new Set(data.answers.map((each) => each.part))];
  const nodes = [];
  if (data.captioner?.is_fallback) {
    const skipped = data.captioner.skipped.map((each) => `${each.captioner}: ${each.reason}`).join("; ");
    nodes.push(el("details", {"data-id": "captioner"}, el("summary", {text: "Written from measurements: no captioning model ran"}), el("p", {class: "muted", text: skipped || "none is configured"})));
  }
  if (!parts.length) nodes.push(el("p", {class: "review-unknown", text: `No captions: ${data.why_no_texts ?? "nothing is made yet"}`}));
  for (const part of parts) {
    const rows = data.answers.filter((each) => each.part === part);
    const said = rows.filter((each) => part === "mix" ? ["caption", "description"].includes(each.question) : true);
    const lines = said.map((each) => textRow(each, `${part} ${each.question}`, from(each), true));
    if (part === "mix") nodes.push(...lines);
    else nodes.push(el("details", {"data-id": `part-${part}`}, el("summary", {text: `${part}: ${said.filter((each) => each.text !== null).length} of ${said.length} answers${conflicts(said)}`}), ...lines));
  }
  if (data.given_claims.length) nodes.push(sidecarClaims());
  return nodes;
}

const conflicts = (rows) => {
  const count = rows.flatMap((each) => [...each.claims, ...(each.said_claims ?? [])]).filter((claim) => claim.verdict === "conflict").length;
  return count ? `, ${count} ${count === 1 ? "conflict" : "conflicts"} (!)` : "";
};

function sidecarClaims() {
  return el("details", {"data-id": "given-claims"}, el("summary", {text: `What sidecars and tags claim: ${data.given_claims.length}`}),
    el("div", {class: "scrolls"}, el("table", {},
      el("thead", {}, el("tr", {}, ...["File", "Says", "Verdict", "Measured"].map((text) => el("th", {scope: "col", text})))),
      el("tbody", {}, ...data.given_claims.map((each) => el("tr", {}, el("td", {text: each.file}), el("td", {dir: "auto", text: `${each.field}: ${each.said}`}), el("td", {text: each.verdict}), el("td", {text: [each.measured ?? "nothing", each.unit, each.note].filter(Boolean).join(" ")})))))));
}

function prompts() {
  if (!data.prompts.length) return [el("p", {class: "review-unknown", text: `No prompts: ${data.why_no_prompts ?? "nothing is made yet"}`})];
  const names = [...new Set(data.prompts.map((each) => each.prompt))];
  return names.map((name) => {
    const rows = data.prompts.filter((each) => each.prompt === name);
    return el("details", {"data-id": `prompt-${name}`, open: name === "full_track"},
      el("summary", {text: `${name}, weight ${rows[0].weight}${conflicts(rows)}`}),
      ...rows.map((each) => textRow(each, `${name} ${each.form}`, `${each.source === "human" ? "by hand" : each.captioner} · share ${percent(each.form_weight)}${each.custom_tag ? ` · custom tag ${each.custom_tag}` : ""}`, false)));
  });
}

function downloads() {
  return el("ul", {class: "review-plain"}, ...data.downloads.map((each) => el("li", {}, each.size_bytes === null
    ? el("span", {class: "review-unknown", text: `${each.says}: ${each.reason}`})
    : el("a", {href: each.url, download: each.file, text: `${each.says} (${each.file}, ${Math.ceil(each.size_bytes / 1024)} KiB)`}))));
}

function more() {
  const stems = el("details", {"data-id": "stems"}, el("summary", {text: `Stems: ${data.stems.rows.length}`}),
    data.stems.reason ? el("p", {class: "muted", text: data.stems.reason}) : null,
    el("ul", {}, ...data.stems.rows.map((each) => el("li", {dir: "auto", text: `${each.file}: ${each.kind ?? "no known kind"}, ${each.origin}, ${each.audible ? "sounds" : "silent"}${each.corrected ? `; taken off: ${each.corrected}` : ""}${each.why_not ? `; not used: ${each.why_not}` : ""}`}))));
  const shown = (value) => (value === null ? "nothing" : typeof value === "string" ? value : JSON.stringify(value)).slice(0, 300);
  const history = el("details", {"data-id": "history"}, el("summary", {text: `Changes by hand: ${data.history.steps.length}`}),
    data.history.reason ? el("p", {class: "muted", text: data.history.reason}) : null,
    el("ol", {class: "review-plain"}, ...data.history.steps.map((step) => el("li", {},
      el("span", {class: "muted", text: `${step.at} ${step.by}: ${step.kind === "edit" ? "" : `${step.kind} `}`}), el("bdi", {text: step.label}),
      el("ul", {}, ...step.changes.map((each) => el("li", {dir: "auto", text: `${each.place}: ${shown(each.before)} → ${shown(each.after)}`})))))));
  return [stems, history, ...measurementTables(data)];
}

function faults() {
  const bad = new Set([data.fault, data.song_toml.fault, data.unusable].filter(Boolean));
  const told = new Set([...bad, ...data.song_toml.warnings]);
  return [...told].map((text) => el("p", {class: `notice ${bad.has(text) ? "bad" : "warn"}`, dir: "auto", text}));
}

function showProgress({due, attempt, made_at: madeAt}) {
  const failed = attempt?.error ? `the last run failed: ${attempt.error}` : null;
  const steps = madeAt === null || madeAt === undefined ? "all of it" : due.map((each) => each.step.replaceAll("_", " ")).join(", ");
  const begun = attempt && !attempt.error ? `being made since ${attempt.at}: ${steps || "what was due"}` : null;
  const by = `the platform does it by itself where it runs; else: flamingo-bark run ${song}`;
  const waits = due.length ? (madeAt ? `to be made again: ${steps} (${by})` : `not run yet (${by})`) : null;
  byId("progress").textContent = failed ?? begun ?? waits ?? `all is made as of ${madeAt ?? "never"}`;
  byId("progress").className = failed ? "bad" : due.length || begun ? "warn" : "";
}

function showReview() {
  const {state, by, at, reason} = data.review;
  const said = state === null ? "not reviewed" : `${state}${by ? ` by ${by}` : ""}${at ? `, ${at.replace("T", " ").replace("Z", " UTC")}` : ""}${reason ? `: ${reason}` : ""}`;
  byId("review-state").textContent = state === "accepted" ? `✓ ${said}` : state === "excluded" ? `✗ ${said}` : said;
  byId("review-state").className = `tag ${state === "accepted" ? "good" : state === "excluded" ? "bad" : "muted"}`;
  byId("clear").hidden = state === null;
}

function show() {
  byId("song-title").textContent = data.title ?? song;
  document.title = `${data.title ?? song} · Flamingo-Bark`;
  showReview();
  showProgress(data.progress);
  const common = [data.locked, Boolean(player)];
  const waiting = [
    draw("faults", [data.fault, data.song_toml, data.unusable], faults),
    draw("captions", [data.answers, data.given_claims, data.locked, data.captioner, data.measured], captions),
    draw("prompts", [data.prompts, data.locked], prompts),
    draw("lyrics", [data.lyrics, ...common], () => lyricsEditor(data, thePlayer)),
    draw("given", [data.given, data.locked], () => fieldTable("What is said of the song", data.given, data)),
    draw("measured", [data.measured, ...common], () => fieldTable("What is measured of the song", data.measured, data, (field) => correctionButtons(field, data, thePlayer))),
    draw("sections", [data.sections, ...common], () => sectionsTable(data, thePlayer)),
    draw("verdict", data.verdict, () => verdictTable(data)),
    draw("downloads", data.downloads, downloads),
    draw("more", [data.stems, data.history, data.measurements], more),
  ];
  return waiting.some(Boolean);
}

let asked = 0;

async function refresh() {
  const mine = ++asked;
  try {
    const told = await get(api);
    if (mine !== asked) return;
    const wasDue = data?.progress.due.length;
    const isOther = data && data.progress.version !== told.progress.version;
    data = told;
    show();
    if (isOther) player?.refresh().catch(sayFault);
    if (wasDue && !told.progress.due.length) say("What was due has been made; the page shows it.");
  } catch (error) {
    if (!data) byId("progress").textContent = error.said ?? error.message;
    sayFault(error);
  }
}

async function look() {
  if (!document.hidden && data) {
    try {
      const progress = await get(`${api}/progress`);
      if (progress.version !== data.progress.version || progress.due.length !== data.progress.due.length) await refresh();
      else showProgress(progress);
    } catch (error) {
      byId("progress").textContent = error.said ?? error.message;
    }
  }
  setTimeout(look, LOOK_MS);
}

async function findNeighbours() {
  around = await get(`/api/next?state=any&after=${encodeURIComponent(song)}`);
  for (const id of ["before", "behind"]) {
    if (!around[id]) continue;
    byId(id).href = address(around[id]);
    byId(id).removeAttribute("aria-disabled");
  }
}

const address = (id) => `/songs/${encodeURIComponent(id)}${location.search}`;

async function go(id, missing) {
  if (!id) say(missing);
  else if (await flushAll()) location.href = address(id);
}

async function review(value, label) {
  if (!data || !(await flushAll())) return;
  try {
    const told = await edit(`${label} ${song}`, {[song]: {review: value}}, {[song]: {review: data.review.toml}});
    if (told === null || value === null) return;
    const state = new URLSearchParams(location.search).get("state") ?? "unreviewed";
    const wanted = ["unreviewed", "accepted", "excluded"].includes(state) ? state : "unreviewed";
    const {song_id: next} = await get(`/api/next?state=${wanted}&after=${encodeURIComponent(song)}`);
    if (!next) {
      say("No other song waits for a review.", {undo});
      return;
    }
    sessionStorage.setItem(SAID, `${label} ${song}`);
    location.href = address(next);
  } catch (error) {
    sayFault(error);
  }
}

const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");
const accept = () => data && review({state: "accepted", by: data.you, at: now()}, "accept");

function exclude() {
  if (!data) return;
  const opener = document.activeElement;
  const reason = el("input", {type: "text", id: "exclude-reason", maxlength: 500, dir: "auto", value: data.review.reason ?? ""});
  const dialog = el("dialog", {"aria-labelledby": "exclude-title"},
    el("form", {method: "dialog", on: {submit: () => (dialog.returnValue = "exclude")}},
      el("h2", {id: "exclude-title", text: `Exclude ${song} from training`}),
      el("p", {}, el("label", {for: "exclude-reason", text: "Why? It is kept with the song." })),
      reason,
      el("p", {class: "review-buttons"}, el("button", {type: "submit", value: "exclude", class: "primary", text: "Exclude"}), button("Cancel", () => dialog.close("")))));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
    if (dialog.returnValue !== "exclude") return;
    const value = {state: "excluded", by: data.you, at: now()};
    if (reason.value.trim()) value.reason = reason.value.trim();
    review(value, "exclude");
  });
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}

function bind() {
  byId("accept").addEventListener("click", accept);
  byId("exclude").addEventListener("click", exclude);
  byId("clear").addEventListener("click", () => review(null, "clear the review of"));
  for (const id of ["before", "behind"]) {
    byId(id).addEventListener("click", (event) => {
      event.preventDefault();
      go(around[id], id === "before" ? "This is the first song." : "This is the last song.");
    });
  }
  const on = (id, key, says, run) => keys.add({id: `review-${id}`, key, says, run});
  on("accept", "a", "accept, and go to the next unreviewed song", accept);
  on("exclude", "x", "exclude with a reason", exclude);
  on("edit", "e", "edit what has the focus, or the first text", () => focusedEditable() && openEditor(focusedEditable()));
  on("lock", "k", "lock or unlock what has the focus", () => focusedEditable() && toggleLock(focusedEditable()));
  on("find", "/", "find another song in the library", async () => (await flushAll()) && location.assign("/#q"));
  on("behind", "n", "next song", () => go(around.behind, "This is the last song."));
  on("before", "p", "previous song", () => go(around.before, "This is the first song."));
  changes.addEventListener("changed", refresh);
  document.addEventListener("focusout", () => setTimeout(() => data && show()));
  const said = sessionStorage.getItem(SAID);
  sessionStorage.removeItem(SAID);
  if (said) say(`Done: ${said}`, {undo});
}

bind();
mount();
await refresh();
findNeighbours().catch(sayFault);
setTimeout(look, LOOK_MS);
