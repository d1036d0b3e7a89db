// The queue of disputed claims: heard, kept, dropped, or settled by correcting the measurement, one key each.

import {get} from "/static/api.js";
import {changes, edit, undo} from "/static/edits.js";
import * as keys from "/static/keys.js";
import {say, sayFault} from "/static/say.js";
import {conflictCard} from "/static/conflicts_card.js";
import {askCorrection} from "/static/conflicts_correct.js";

const list = document.getElementById("queue");
const sound = document.getElementById("place");
const filters = document.getElementById("filters");
const empty = document.getElementById("empty");
let shown = [];
let current = 0;
let pages = 1;
let songKeys = [];
let isBusy = false;

const address = () => new URLSearchParams(location.search);

/** Go to other filters or another page, which the address keeps. */
function go(changed, {replace = false} = {}) {
  const asked = address();
  for (const [name, value] of Object.entries(changed)) value ? asked.set(name, value) : asked.delete(name);
  const url = asked.size ? `?${asked}` : location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  return load();
}

async function load() {
  let told;
  try {
    told = await get(`/api/conflicts?${address()}`);
  } catch (error) {
    sayFault(error);
    return;
  }
  shown = told.conflicts;
  pages = told.pages;
  songKeys = told.keys ?? [];
  current = Math.min(current, Math.max(0, shown.length - 1));
  document.getElementById("total").textContent = told.total;
  list.replaceChildren(...shown.map((each, index) => conflictCard(each, {
    keep: () => decide(each, "keep"), drop: () => decide(each, "drop"), correct: () => correct(each),
    play: () => play(each), choose: () => choose(index),
  })));
  mark();
  fillFilter("kind", told.kinds);
  fillFilter("captioner", told.captioners);
  filters.elements.song.value = address().get("song") ?? "";
  showPages(told);
  empty.classList.toggle("hidden", shown.length > 0);
  empty.textContent = !told.is_published ? "Nothing is published yet: songs have to be run first."
    : address().size ? "No disputed claim fits these filters." : "No claim is disputed: nothing is left to decide.";
}

function fillFilter(name, counted) {
  const select = filters.elements[name];
  const chosen = address().get(name) ?? "";
  const rows = counted.some(([value]) => value === chosen) || !chosen ? counted : [...counted, [chosen, 0]];
  const options = [["", "all"], ...rows.map(([value, count]) => [value, `${value.replaceAll("_", " ")} (${count})`])];
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function showPages(told) {
  const place = document.getElementById("pages");
  if (told.pages < 2) return place.replaceChildren();
  const button = (text, page) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.disabled = page < 1 || page > told.pages;
    made.addEventListener("click", () => turn(page));
    return made;
  };
  const where = document.createElement("span");
  where.textContent = `page ${told.page} of ${told.pages}`;
  return place.replaceChildren(button("Previous page", told.page - 1), where, button("Next page", told.page + 1));
}

function turn(page, at = 0) {
  current = at;
  return go({page: page > 1 ? page : ""});
}

function mark({focus = false} = {}) {
  [...list.children].forEach((card, index) => {
    if (index === current) card.setAttribute("aria-current", "true");
    else card.removeAttribute("aria-current");
  });
  if (!focus || !list.children[current]) return;
  list.children[current].focus({preventScroll: true});
  list.children[current].scrollIntoView({block: "nearest"});
}

function choose(index) {
  current = index;
  mark();
}

function step(by) {
  const page = Number(address().get("page") || 1);
  if (current + by >= 0 && current + by < shown.length) {
    current += by;
    mark({focus: true});
  } else if (by > 0 && page < pages) turn(page + 1).then(() => mark({focus: true}));
  else if (by < 0 && page > 1) turn(page - 1, Number.MAX_SAFE_INTEGER).then(() => mark({focus: true}));
}

/** Write a change; the queue comes anew, as one decision may settle several claims. */
async function write(label, song_id, values, expected) {
  if (isBusy) return;
  isBusy = true;
  try {
    const told = await edit(label, {[song_id]: values}, {[song_id]: expected});
    if (told?.entry) say(label, {undo});
  } catch (error) {
    sayFault(error);
  } finally {
    isBusy = false;
  }
}

function decide(each, word) {
  const done = {keep: "kept", drop: "dropped"}[word];
  return write(`${done}: “${each.said}” of ${each.title || each.song_id}`, each.song_id, {[each.place]: word}, {[each.place]: null});
}

async function correct(each) {
  if (!each.corrects) {
    say("What was measured of this cannot be corrected by hand; keep or drop the claim.");
    return;
  }
  const values = await askCorrection(each, songKeys);
  if (!values) return;
  const what = Object.entries(values).map(([place, value]) => `${place === "corrections.tempo_bpm" ? `tempo ${value} BPM` : `${place.replace("corrections.", "")} ${value}`}`).join(", ");
  await write(`corrected: ${what} of ${each.title || each.song_id}`, each.song_id, values, {});
}

function play(each) {
  const url = new URL(each.sound, location.href).href;
  if (sound.src === url && !sound.paused) return sound.pause();
  sound.classList.remove("hidden");
  if (sound.src !== url || sound.currentTime >= each.end_s - 0.05) sound.src = url;
  return sound.play().catch((error) => error.name === "AbortError" || say(`${each.lane} of ${each.song_id} cannot be played just now; try again in a moment.`, {kind: "fault"}));
}

changes.addEventListener("changed", () => load().then(() => mark({focus: true})));
addEventListener("popstate", () => {
  current = 0;
  load();
});
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("change", (event) => {
  current = 0;
  go({[event.target.name]: event.target.value.trim(), page: ""});
});

const chosen = () => shown[current];
const when = () => Boolean(chosen());
keys.add({id: "conflicts.keep", key: "y", says: "keep the claim", run: () => decide(chosen(), "keep"), when});
keys.add({id: "conflicts.drop", key: "d", says: "drop the claim", run: () => decide(chosen(), "drop"), when});
keys.add({id: "conflicts.correct", key: "c", says: "correct the measurement", run: () => correct(chosen()), when});
keys.add({id: "conflicts.next", key: "n", says: "next claim", run: () => step(1), when});
keys.add({id: "conflicts.previous", key: "p", says: "previous claim", run: () => step(-1), when});
keys.add({id: "conflicts.play", key: "Space", says: "play the place", run: () => play(chosen()), when});
keys.add({id: "conflicts.filter", key: "/", says: "filter", run: () => filters.elements.song.focus()});
load();
