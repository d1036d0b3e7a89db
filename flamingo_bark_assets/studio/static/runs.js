// The page of runs: the grid as it is, kept live; starts, repairs and cancels.

import {get, send} from "/static/api.js";
import {onLive, onReset, onRun, onSong} from "/static/events.js";
import * as keys from "/static/keys.js";
import {say, sayFault} from "/static/say.js";

const PAGE = 100;
const TURN_MS = 5000;
const steps = JSON.parse(document.getElementById("runs-steps").textContent);
const states = JSON.parse(document.getElementById("runs-states").textContent);
const LETTERS = {
  m: ["made", "✓", "made"], d: ["due", "·", "due"], f: ["failed", "✗", "failed"],
  r: ["running", "▶", "in a run, not made yet"], q: ["queued", "…", "queued"],
};
const COLOURS = {failed: "bad", "given up": "bad", unfit: "warn", due: "warn", queued: "warn", made: "good"};
const at = (id) => document.getElementById(id);
const grid = at("runs-grid").tBodies[0];
const shown = new Map();
const cancelling = new Set();
let first = 0;
let version = 0;
let platform = null;
let wanted = 0;
let asked = 0;

const songsOf = (count) => `${count} ${count === 1 ? "song" : "songs"}`;

function text(tag, words, className) {
  const made = document.createElement(tag);
  made.textContent = words;
  if (className) made.className = className;
  return made;
}

function link(href, words, className) {
  const made = text(platform ? "a" : "span", words, className);
  if (platform) {
    made.href = platform + href;
    made.rel = "noreferrer";
  }
  return made;
}

function button(words, run, label) {
  const made = text("button", words);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", run);
  return made;
}

function line(row) {
  const made = document.createElement("tr");
  made.dataset.song = row.song_id;
  made.dataset.state = row.state;
  const name = text("th", "");
  name.scope = "row";
  const song = text("a", row.title || row.song_id);
  song.href = `/songs/${encodeURIComponent(row.song_id)}`;
  name.append(song);
  if (row.title) name.append(text("small", row.song_id));
  const state = text("td", "", "runs-state");
  state.append(text("span", row.state, `tag ${COLOURS[row.state] ?? ""}`));
  if (row.run_id) state.append(" ", link(`/runs/${row.run_id}`, `run ${row.run_id.slice(0, 8)}`));
  if (row.reason && !row.reason.endsWith(` is ${row.state}`)) state.append(text("span", row.reason, "runs-reason"));
  made.append(name, state);
  for (const [index, step] of steps.entries()) {
    const [className, sign, says] = LETTERS[row.steps[index]] ?? LETTERS.d;
    const cell = document.createElement("td");
    const mark = link(`/assets/${step.name}?view=partitions&partition=${encodeURIComponent(row.song_id)}`, "", `step ${className}`);
    const drawn = text("span", sign);
    drawn.setAttribute("aria-hidden", "true");
    mark.append(drawn, text("span", `${step.name}: ${says}`, "for-readers"));
    mark.title = `${step.name}: ${says}`;
    cell.append(mark);
    made.append(cell);
  }
  const last = document.createElement("td");
  if (row.state !== "running" && row.state !== "queued") {
    const again = button("Run", () => start(row), `Run ${row.title || row.song_id}`);
    again.disabled = !platform;
    last.append(again);
  }
  made.append(last);
  return made;
}

/** Runs keep their rows, and a row its button: one that was drawn anew under the pointer would lose the click. */
function drawRuns(told) {
  const all = [...told.backfills, ...told.runs];
  at("runs-none").hidden = all.length > 0;
  at("runs-now").hidden = all.length === 0;
  const body = at("runs-now").tBodies[0];
  const before = new Map([...body.rows].map((row) => [row.dataset.run, row]));
  for (const run of all) {
    const row = before.get(run.run_id) ?? body.appendChild(runLine(run));
    before.delete(run.run_id);
    if (row.cells[1].textContent !== run.state) row.cells[1].textContent = run.state;
    row.querySelector("button").disabled = !platform || run.state === "cancelling" || cancelling.has(run.run_id);
  }
  for (const row of before.values()) row.remove();
}

function runLine(run) {
  const made = document.createElement("tr");
  made.dataset.run = run.run_id;
  const name = document.createElement("td");
  name.append(link(`/runs/${run.job ? "" : "b/"}${run.run_id}`, `${run.job ?? "repair"} ${run.run_id.slice(0, 8)}`));
  const songs = run.song_id ?? (run.songs === null ? "" : songsOf(run.songs));
  const cancel = document.createElement("td");
  cancel.append(button("Cancel", () => cancelled(run), `Cancel ${run.job ?? "repair"} ${run.run_id.slice(0, 8)}`));
  made.append(name, text("td", run.state), text("td", songs), text("td", new Date(run.started_s * 1000).toLocaleTimeString()), cancel);
  return made;
}

function drawShared(told) {
  platform = told.platform;
  at("runs-no-platform").hidden = Boolean(platform);
  at("runs-repair").disabled = !platform;
  at("runs-dagster").hidden = !platform;
  if (platform) at("runs-dagster").href = `${platform}/runs`;
  version = told.version;
  at("runs-counts").textContent = `${songsOf(told.songs)}: ${states.filter((s) => told.counts[s]).map((s) => `${told.counts[s]} ${s}`).join(", ") || "none yet"}`;
  at("runs-problems").replaceChildren(...told.problems.map((problem) => text("p", problem, "notice warn")));
  drawRuns(told);
}

async function load() {
  const turn = ++asked;
  const search = new URLSearchParams({first, count: PAGE, state: at("runs-state").value, search: at("runs-search").value});
  try {
    const told = await get(`/api/runs/grid?${search}`);
    if (turn !== asked) return;
    drawShared(told);
    shown.clear();
    for (const row of told.rows) shown.set(row.song_id, row);
    grid.replaceChildren(...told.rows.map(line));
    at("runs-page").textContent = told.matching ? `${told.first + 1} to ${told.first + told.rows.length} of ${told.matching}` : "no song";
    at("runs-earlier").disabled = first === 0;
    at("runs-later").disabled = first + PAGE >= told.matching;
  } catch (error) {
    sayFault(error);
  }
}

/** Fetch what has changed; a row that comes to stand elsewhere makes the page be loaded again. */
async function renew() {
  try {
    const told = await get(`/api/runs/grid?since=${version}`);
    drawShared(told);
    const isSorted = told.rows.every((row) => shown.get(row.song_id)?.state === row.state);
    if (told.all || !isSorted) await load();
    else for (const row of told.rows) put(row);
  } catch (error) {
    live(false);
  }
}

function put(row) {
  if (JSON.stringify(shown.get(row.song_id)) === JSON.stringify(row)) return;
  shown.set(row.song_id, row);
  const before = grid.querySelector(`tr[data-song="${CSS.escape(row.song_id)}"]`);
  const hadFocus = before?.contains(document.activeElement);
  const after = line(row);
  before?.replaceWith(after);
  if (hadFocus) after.querySelector("button, a")?.focus();
}

function soon() {
  if (!wanted) wanted = setTimeout(() => {
    wanted = 0;
    renew();
  }, 700);
}

function live(is) {
  at("runs-live").dataset.live = is ? "yes" : "no";
  at("runs-live").textContent = is ? "live" : "not live; asked again";
}

async function start(row) {
  try {
    const everything = row.state === "made" || row.state === "unfit";
    await send("POST", "/api/runs/start", {song_id: row.song_id, everything});
    say(`A run of ${row.title || row.song_id} is asked for.`);
    soon();
  } catch (error) {
    sayFault(error);
  }
}

async function cancelled(run) {
  if (cancelling.has(run.run_id)) return;
  cancelling.add(run.run_id);
  soon();
  say("It is asked to end, which it does once its process has begun.");
  try {
    await send("POST", "/api/runs/cancel", {run_id: run.run_id});
    say("It is cancelled; what was made stays made.");
  } catch (error) {
    sayFault(error);
  } finally {
    cancelling.delete(run.run_id);
    soon();
  }
}

async function repair() {
  try {
    const told = await send("POST", "/api/runs/repair", {});
    say(told.songs ? `A repair of ${songsOf(told.songs)} is asked for; it begins within half a minute.` : "Nothing is missing or failed.");
    soon();
  } catch (error) {
    sayFault(error);
  }
}

function turn(to) {
  first = Math.max(0, to);
  load();
}

at("runs-repair").addEventListener("click", repair);
at("runs-earlier").addEventListener("click", () => turn(first - PAGE));
at("runs-later").addEventListener("click", () => turn(first + PAGE));
at("runs-state").addEventListener("change", () => turn(0));
at("runs-search").addEventListener("input", () => turn(0));
keys.add({id: "runs-find", key: "/", says: "find a song", run: () => at("runs-search").focus()});

onSong(({song_id, step, state}) => {
  const row = shown.get(song_id);
  const index = steps.findIndex((each) => each.name === step);
  if (row && index >= 0 && state === "made") put({...row, steps: `${row.steps.slice(0, index)}m${row.steps.slice(index + 1)}`});
  soon();
});
onRun(soon);
onLive(live);
onReset(load);
setInterval(soon, TURN_MS);
await load();
if (!at("runs-live").dataset.live) live(true);
