// The library: what is searched, filtered, sorted and shown lives in the address; rows come as the server renders them.

import {Refused} from "/static/api.js";
import {changes} from "/static/edits.js";
import * as keys from "/static/keys.js";
import {openBulk} from "/static/library_bulk.js";
import {Selection} from "/static/library_selection.js";
import {Sound} from "/static/library_sound.js";
import {sayFault} from "/static/say.js";

const TYPING_MS = 250;
const form = document.getElementById("search");
const selection = new Selection(() => results());
const sound = new Sound();
let asked = null; // the AbortController of the page that is being fetched
let isTyping = false; // whether the last entry of the history came from typing, so that the next letter replaces it
let timer = 0;

const results = () => document.getElementById("results");
const rows = () => [...results().querySelectorAll("tr[data-song-id]")];
const focusedRow = () => document.activeElement?.closest?.("tr[data-song-id]") ?? null;

/** Show what an address asks for, without leaving the page: its sound goes on and the selection stays. */
async function show(url) {
  asked?.abort();
  asked = new AbortController();
  const before = results();
  before.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, {headers: {Accept: "text/html"}, signal: asked.signal});
    if (!response.ok) throw new Refused(response.status, {error: `the studio answered ${response.status}; load the page again`});
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("results");
    if (!fresh) throw new Refused(0, {error: "the studio answered with another page; load the page again"});
    replace(before, document.adoptNode(fresh));
  } catch (error) {
    if (error.name === "AbortError") return;
    before.removeAttribute("aria-busy");
    sayFault(error instanceof Refused ? error : new Refused(0, {error: "the studio cannot be reached; is it still running?"}));
  }
}

function replace(before, fresh) {
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  const row = focused?.closest("tr[data-song-id]")?.id;
  before.replaceWith(fresh);
  entered();
  if (!focused) return;
  const place = document.getElementById(row ?? focused.id);
  if (place) place.focus({preventScroll: !row});
  else (rows()[0] ?? document.getElementById("main")).focus();
}

/** Make rows that have just come ready: one of them takes the focus by Tab, those in sight draw their waveform. */
function entered() {
  rows().forEach((row, number) => reach(row, number === 0));
  selection.shown();
  sound.watch(rows());
}

function reach(row, isReached) {
  row.tabIndex = isReached ? 0 : -1;
  for (const control of row.querySelectorAll("a, button, input")) control.tabIndex = isReached ? 0 : -1;
}

function go(url, {isTyped = false} = {}) {
  if (isTyped && isTyping) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  isTyping = isTyped;
  fillForm();
  return show(url);
}

function fillForm() {
  const said = new URL(location.href).searchParams;
  for (const [name, otherwise] of [["q", ""], ["bpm_from", ""], ["bpm_to", ""], ["sort", "title"], ["order", "asc"], ["show", ""]]) {
    const field = form.elements[name];
    if (field !== document.activeElement) field.value = said.get(name) || otherwise;
  }
}

function addressOfForm() {
  const said = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const text = String(value).trim();
    if (text && !(name === "sort" && text === "title") && !(name === "order" && text === "asc")) said.set(name, text);
  }
  return said.size ? `/?${said}` : "/";
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => go(addressOfForm(), {isTyped: true}), TYPING_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  if (addressOfForm() !== location.pathname + location.search) go(addressOfForm());
});
window.addEventListener("popstate", () => {
  isTyping = false;
  document.activeElement?.closest("#search") && document.activeElement.blur();
  fillForm();
  show(location.href);
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && show(location.href));
changes.addEventListener("changed", () => show(location.href));

document.getElementById("main").addEventListener("click", (event) => {
  const link = event.target.closest("#results a[href^='/?'], #results a[href='/']");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    go(link.getAttribute("href"));
    return;
  }
  const row = event.target.closest("tr[data-song-id]");
  if (!row) return;
  if (event.target.closest(".play")) sound.toggle(row);
  else if (event.target.closest("canvas")) sound.seek(row, event);
  else if (event.target.closest("input")) selection.choose(row.dataset.songId, event.target.checked, event.shiftKey);
  else if (!event.target.closest("a")) selection.choose(row.dataset.songId, !selection.has(row.dataset.songId), event.shiftKey);
});
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && event.target.closest?.("tr[data-song-id]")) event.preventDefault(); // it would mark the text
});
document.addEventListener("dblclick", (event) => {
  const row = event.target.closest?.("tr[data-song-id]");
  if (row && !event.target.closest("a, button, input, canvas")) open(row);
});
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("tr[data-song-id]");
  if (row) for (const each of rows()) reach(each, each === row);
});
const open = (row) => location.assign(row.querySelector("a.title").href);

function move(step, isExtending = false) {
  const all = rows();
  const at = all.indexOf(focusedRow());
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
  if (!next) return;
  if (isExtending && at >= 0) {
    selection.choose(all[at].dataset.songId, true, false, {keepsAnchor: true});
    selection.choose(next.dataset.songId, true, true);
  }
  next.focus();
}

/** Edit what is selected, or else the song of the row. */
function edit() {
  const row = focusedRow();
  openBulk(selection.size || !row ? selection.songs() : [row.dataset.songId], document.getElementById("bulk"));
}

document.getElementById("choose-all").addEventListener("click", () => selection.chooseAll().catch(sayFault));
document.getElementById("choose-none").addEventListener("click", () => selection.clear());
document.getElementById("edit-chosen").addEventListener("click", edit);

const inRow = () => focusedRow() !== null;
const press = (id) => document.getElementById(id)?.click();
keys.add({id: "library.search", key: "/", says: "search", run: () => form.elements.q.select()});
keys.add({id: "library.play", key: "Space", says: "play the song of the row", when: () => rows().length > 0, run: () => sound.toggle(focusedRow() ?? sound.row() ?? rows()[0])});
keys.add({id: "library.down", key: "ArrowDown", says: "next row", when: inRow, run: () => move(1)});
keys.add({id: "library.up", key: "ArrowUp", says: "previous row", when: inRow, run: () => move(-1)});
keys.add({id: "library.next", key: "j", says: "next row, from anywhere", run: () => move(1)});
keys.add({id: "library.previous", key: "k", says: "previous row, from anywhere", run: () => move(-1)});
keys.add({id: "library.extend-down", key: "Shift+ArrowDown", says: "select this row and the next", when: inRow, run: () => move(1, true)});
keys.add({id: "library.extend-up", key: "Shift+ArrowUp", says: "select this row and the one before", when: inRow, run: () => move(-1, true)});
keys.add({id: "library.choose", key: "s", says: "select the row", when: inRow, run: () => selection.choose(focusedRow().dataset.songId, !selection.has(focusedRow().dataset.songId), false)});
keys.add({id: "library.choose-all", key: "Ctrl+a", says: "select all songs that match", when: inRow, run: () => selection.chooseAll().catch(sayFault)});
keys.add({id: "library.choose-none", key: "Escape", says: "clear the selection", when: () => selection.size > 0, run: () => selection.clear()});
keys.add({id: "library.open", key: "Enter", says: "open the song of the row", when: () => document.activeElement?.matches?.("tr[data-song-id]"), run: () => open(focusedRow())});
keys.add({id: "library.edit", key: "e", says: "edit the selected songs, else that of the row", when: () => selection.size > 0 || inRow(), run: edit});
keys.add({id: "library.page-next", key: "n", says: "next page", when: () => document.getElementById("page-next"), run: () => press("page-next")});
keys.add({id: "library.page-previous", key: "p", says: "previous page", when: () => document.getElementById("page-previous"), run: () => press("page-previous")});

if (location.hash === "#q") form.elements.q.select();
entered();
