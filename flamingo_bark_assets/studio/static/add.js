// The page `/add`: files that are dropped go up, songs that are recognised among them become cards, cards become songs.

import {get, send} from "/static/api.js";
import {say, sayFault} from "/static/say.js";
import {Card, make} from "/static/add_cards.js";
import {isNobodys, ofDrop, ofInput} from "/static/add_files.js";
import {Upload, forgetUpload, kept, keyOf} from "/static/tus.js";

const AT_A_TIME = 3;
const ADDED_AT_A_TIME = 4;
const MOST_ROWS = 300;
const TOLD_EACH_MS = 5000;
const BATCH = "flamingo-bark.batch";
const WORDS = {
  waiting: "waiting", sending: "sending", retrying: "trying again", paused: "paused", done: "arrived", refused: "refused",
};

const told = JSON.parse(document.getElementById("add-told").textContent);
const $ = (id) => document.getElementById(id);
const uploads = new Map();
const rows = new Map();
let batch = rememberedBatch();
let alone = [];
let cards = [];
let hidden = 0;
let isDrawn = true;
let toldAt = 0;
let looked = "";
let looks = 0;

function rememberedBatch() {
  try {
    return localStorage.getItem(BATCH);
  } catch {
    return null;
  }
}

function rememberBatch(id) {
  batch = id;
  try {
    if (id) localStorage.setItem(BATCH, id);
    else localStorage.removeItem(BATCH);
  } catch { /* a reload forgets it then */ }
}

function newBatch() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Files

function take(found) {
  const files = found.filter(({path}) => !isNobodys(path));
  if (files.length === 0) {
    say("There was no file in that.");
    return;
  }
  // Files of a batch that this browser began and this page forgot go on in that one.
  if (!batch) rememberBatch(files.map(({file, path}) => kept.get(keyOf(path, file))?.batch).find(Boolean) ?? newBatch());
  let isKnown = 0;
  for (const {file, path: dropped} of files) {
    const path = kept.pathOf(dropped, file, batch);
    const before = uploads.get(keyOf(path, file));
    if (before) {
      isKnown += 1;
      before.wait();
      continue;
    }
    const upload = new Upload(file, path, batch, told);
    uploads.set(upload.key, upload);
    upload.addEventListener("change", () => changed(upload));
    addRow(upload);
  }
  if (isKnown) say(`${isKnown} of these files were here already.`);
  $("uploads").classList.remove("hidden");
  next();
  draw();
}

function next() {
  let running = 0;
  for (const upload of uploads.values()) if (["sending", "retrying"].includes(upload.state)) running += 1;
  for (const upload of uploads.values()) {
    if (running >= AT_A_TIME) return;
    if (upload.state === "waiting") {
      running += 1;
      upload.start();
    }
  }
}

function changed(upload) {
  const row = rows.get(upload);
  if (upload.state === "removed") {
    uploads.delete(upload.key);
    rows.delete(upload);
    row?.element.remove();
  } else if (row) {
    row.isStale = true;
  } else if (upload.state === "refused") {
    addRow(upload, true);
  }
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    draw();
    next();
  });
}

function addRow(upload, isNeeded = false) {
  if (rows.size >= MOST_ROWS && !isNeeded) {
    hidden += 1;
    return;
  }
  if (isNeeded) hidden -= 1;
  const bar = make("progress", {max: Math.max(1, upload.size), value: 0, "aria-label": upload.path});
  const words = make("span");
  const why = make("span", {className: "why warn"});
  const toggle = make("button", {type: "button"});
  const remove = make("button", {type: "button", textContent: "Remove", "aria-label": `Remove ${upload.path}`});
  toggle.addEventListener("click", () => {
    if (["paused", "refused"].includes(upload.state)) upload.wait();
    else upload.pause();
  });
  remove.addEventListener("click", async () => {
    await upload.remove();
    await look();
  });
  const name = make("span", {textContent: upload.path});
  const element = make("li", {}, name, bar, words, make("span", {className: "buttons"}, toggle, remove), why);
  rows.set(upload, {element, bar, words, why, toggle, isStale: true});
  $("upload-list").append(element);
}

function draw() {
  for (const [upload, row] of rows) {
    if (!row.isStale) continue;
    row.isStale = false;
    row.bar.value = upload.size ? upload.sent : upload.state === "done" ? 1 : 0;
    row.words.textContent = `${WORDS[upload.state]}, ${percent(upload.sent, upload.size, upload.state === "done")} of ${bytesOf(upload.size)}`;
    row.words.className = {done: "good", refused: "bad", retrying: "warn"}[upload.state] || "";
    row.why.textContent = upload.why;
    const isStopped = ["paused", "refused"].includes(upload.state);
    row.toggle.textContent = upload.state === "refused" ? "Try again" : isStopped ? "Resume" : "Pause";
    row.toggle.setAttribute("aria-label", `${row.toggle.textContent}: ${upload.path}`);
    row.toggle.hidden = upload.state === "done";
  }
  drawSum();
}

function drawSum() {
  const all = [...uploads.values()];
  const total = all.reduce((sum, one) => sum + one.size, 0);
  const sent = all.reduce((sum, one) => sum + one.sent, 0);
  const count = (state) => all.filter((one) => one.state === state).length;
  const parts = [`${count("done")} of ${all.length} files arrived`, `${percent(sent, total, count("done") === all.length)} of ${bytesOf(total)}`];
  for (const state of ["retrying", "paused", "refused"]) if (count(state)) parts.push(`${count(state)} ${WORDS[state]}`);
  const words = parts.join(", ");
  $("sum-bar").max = Math.max(1, total);
  $("sum-bar").value = total ? sent : all.length ? 1 : 0;
  $("sum-words").textContent = words;
  $("upload-more").textContent = hidden ? `and ${hidden} more files` : "";
  const isGoing = all.some((one) => ["waiting", "sending", "retrying"].includes(one.state));
  $("pause-all").hidden = !isGoing;
  $("resume-all").hidden = !count("paused");
  const now = Date.now();
  if (now - toldAt >= TOLD_EACH_MS || !isGoing) {
    toldAt = now;
    if ($("sum-said").textContent !== words) $("sum-said").textContent = words;
  }
  drawAdd();
  const arrived = all.filter((one) => one.state === "done").map((one) => one.url).join();
  if (!isGoing && arrived && arrived !== looked) {
    looked = arrived;
    look();
  }
}

function percent(sent, total, isDone) {
  return total ? `${Math.floor(100 * sent / total)} %` : isDone ? "100 %" : "0 %";
}

function bytesOf(n) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let at = 0;
  while (n >= 1024 && at < 3) {
    n /= 1024;
    at += 1;
  }
  return `${at ? n.toFixed(1) : n} ${units[at]}`;
}

// Songs

async function look() {
  if (!batch) return;
  const mine = ++looks;
  const query = alone.map((each) => `alone=${encodeURIComponent(each)}`).join("&");
  let found;
  if (uploads.size) $("looking").textContent = "Looking which songs these are …";
  try {
    found = await get(`/api/batches/${batch}?${query}`);
  } catch (error) {
    sayFault(error);
    return;
  } finally {
    if (mine === looks) $("looking").textContent = "";
  }
  if (mine !== looks) return;  // A later look has begun.
  if (!found.is_there && uploads.size === 0) rememberBatch(null);
  show(found);
}

function show(found) {
  showUnfinished(found.open);
  const settled = cards.filter((card) => card.state === "done");
  const before = new Map(cards.filter((card) => card.state !== "done").map((card) => [card.mix, card]));
  const waiting = found.songs.map((song) => {
    const known = before.get(song.mix);
    return known?.isOf(song) ? known : new Card(song, told.kinds, drawAdd, known);
  });
  cards = [...settled, ...waiting];
  $("cards").replaceChildren(...cards.map((card) => card.element));
  const isEmpty = cards.length === 0 && found.left_out.length === 0 && found.n_unused === 0;
  $("found").classList.toggle("hidden", isEmpty);
  const open = found.songs.length;
  $("found-words").textContent = open === 0 ? "No song is waiting to be added." : open === 1 ? "One song was recognised." : `${open} songs were recognised.`;
  if (!isEmpty) say($("found-words").textContent);
  showLeftOut(found);
  drawAdd();
}

function showUnfinished(open) {
  const here = new Set([...uploads.values()].map((one) => one.url));
  const missing = open.filter((one) => !here.has(one.url));
  $("unfinished").classList.toggle("hidden", missing.length === 0);
  $("unfinished-list").replaceChildren(...missing.slice(0, MOST_ROWS).map((one) => {
    const remove = make("button", {type: "button", textContent: "Remove", "aria-label": `Remove ${one.given}`});
    const row = make(
      "li", {}, make("span", {textContent: one.given}),
      make("progress", {max: Math.max(1, one.length), value: one.offset, "aria-label": one.given}),
      make("span", {textContent: `stopped at ${percent(one.offset, one.length, false)} of ${bytesOf(one.length)}`}),
      make("span", {className: "buttons"}, remove),
    );
    remove.addEventListener("click", async () => {
      try {
        await forgetUpload(one.url);
        row.remove();
        await look();
      } catch (error) {
        sayFault(error);
      }
    });
    return row;
  }));
}

function showLeftOut(found) {
  const lines = found.left_out.map((one) => {
    const item = make("li", {}, make("strong", {textContent: one.files.join(", ")}), make("span", {textContent: `: ${one.reason}`}));
    for (const sound of one.sounds) {
      const button = make("button", {type: "button", textContent: `Take ${sound} as a song of its own`});
      button.addEventListener("click", () => {
        alone.push(sound);
        look();
      });
      item.append(make("div", {}, button));
    }
    return item;
  });
  if (found.n_unused) {
    const more = found.n_unused > found.unused.length ? ` and ${found.n_unused - found.unused.length} more` : "";
    const why = ": no sound that is read, and no text that belongs to one of the songs";
    lines.push(make("li", {}, make("strong", {textContent: found.unused.join(", ") + more}), make("span", {textContent: why})));
  }
  $("left-out").classList.toggle("hidden", lines.length === 0);
  $("left-out-list").replaceChildren(...lines);
}

function drawAdd() {
  const chosen = cards.filter((card) => card.isChosen).length;
  const going = [...uploads.values()].filter((one) => ["waiting", "sending", "retrying"].includes(one.state)).length;
  const button = $("add-songs");
  if (button.dataset.working) return;
  button.disabled = chosen === 0 || going > 0;
  button.textContent = going > 0 && cards.length ? `Add songs (${going} files are still to come)` : chosen === 0 ? "Add songs" : chosen === 1 ? "Add 1 song" : `Add ${chosen} songs`;
  $("for-all").classList.toggle("hidden", cards.filter((card) => card.state !== "done").length < 2);
}

async function addSongs() {
  const button = $("add-songs");
  const chosen = cards.filter((card) => card.isChosen);
  button.dataset.working = "yes";
  button.disabled = true;
  let isDone = false;
  const counts = {};
  try {
    for (let at = 0; at < chosen.length; at += ADDED_AT_A_TIME) {
      const some = chosen.slice(at, at + ADDED_AT_A_TIME);
      button.textContent = `Adding ${at + 1} to ${at + some.length} of ${chosen.length}`;
      some.forEach((card) => card.working());
      const body = {songs: some.map((card) => card.wanted()), alone};
      const answer = await send("POST", `/api/batches/${batch}/songs`, body);
      answer.songs.forEach((one, index) => {
        some[index].settle(one);
        counts[one.state] = (counts[one.state] || 0) + 1;
      });
      isDone = answer.is_done;
    }
  } catch (error) {
    chosen.filter((card) => card.state === "open").forEach((card) => card.settle({state: "failed", reason: error.message, to_do: "try again", notes: []}));
    sayFault(error);
  }
  delete button.dataset.working;
  const words = Object.entries(counts).map(([state, count]) => `${count} ${state}`).join(", ");
  if (words) say(`Songs: ${words}.`);
  if (isDone) endBatch();
  drawAdd();
}

/** All of a batch is in the library, or discarded: what is dropped next is another. */
function endBatch() {
  if (batch) kept.removeBatch(batch);
  rememberBatch(null);
  alone = [];
  looked = "";
  hidden = 0;
  uploads.clear();
  rows.clear();
  $("upload-list").replaceChildren();
  $("uploads").classList.add("hidden");
  $("unfinished").classList.add("hidden");
  $("left-out").classList.add("hidden");
}

async function forget() {
  for (const upload of uploads.values()) upload.pause();
  try {
    if (batch) await send("DELETE", `/api/batches/${batch}`);
  } catch (error) {
    if (error.status !== 404) {
      sayFault(error);
      return;
    }
  }
  endBatch();
  cards = [];
  $("cards").replaceChildren();
  $("found").classList.add("hidden");
  say("Discarded.");
}

// What a person does

const drop = $("drop");
for (const kind of ["dragover", "dragenter"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const found = await ofDrop(event.dataTransfer);
  if (found.unread.length) say(`${found.unread.length} could not be read: ${found.unread.slice(0, 3).join(", ")}`);
  take(found.files);
});
for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => {
    const found = ofInput($(input));
    $(input).value = "";
    if (found.length) take(found);
  });
}
$("pause-all").addEventListener("click", () => uploads.forEach((upload) => upload.pause()));
$("resume-all").addEventListener("click", () => {
  uploads.forEach((upload) => upload.state === "paused" && upload.wait());
  next();
});
$("all-fill").addEventListener("click", () => {
  const values = {artist: $("all-artist").value, licence: $("all-licence").value, attribution: $("all-attribution").value};
  const chosen = cards.filter((card) => card.isChosen);
  chosen.forEach((card) => card.fill(values));
  say(`Filled in on ${chosen.length} songs.`);
});
$("add-songs").addEventListener("click", addSongs);
$("forget").addEventListener("click", () => $("sure").showModal());
$("sure").addEventListener("close", () => $("sure").returnValue === "yes" && forget());
window.addEventListener("online", () => uploads.forEach((upload) => upload.state === "retrying" && upload.start()));

look();
