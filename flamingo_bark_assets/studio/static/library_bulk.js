// The same words into many songs at once: one change, one step to undo.

import {send} from "/static/api.js";
import {edit, undo} from "/static/edits.js";
import {say, sayFault} from "/static/say.js";

const WORDS = {"genres": "genre", "edits.mix.mood": "mood", "licence": "licence", "attribution": "attribution", "custom_tag": "custom tag", "repeats": "repeats", "review": "review"};
const songsOf = (count) => `${count.toLocaleString("en")} song${count === 1 ? "" : "s"}`;
const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** Ask what to change of these songs, and change it. */
export async function openBulk(songs, dialog) {
  if (!songs.length) return;
  let said;
  try {
    said = await send("POST", "/api/library/said", {songs});
  } catch (error) {
    sayFault(error);
    return;
  }
  for (const fault of said.faults.slice(0, 3)) say(fault, {kind: "fault"});
  new Bulk(Object.keys(said.songs), said, dialog).open();
}

class Bulk {
  constructor(songs, said, dialog) {
    this.songs = songs;
    this.said = said;
    this.dialog = dialog;
    this.fields = [...dialog.querySelectorAll(".field")];
    this.before = {};
    this.listening = new AbortController();
  }

  open() {
    const {dialog} = this;
    const {signal} = this.listening;
    dialog.querySelector("h2").textContent = `Edit ${songsOf(this.songs.length)}`;
    this.fields.forEach((field) => this.fill(field));
    const form = dialog.querySelector("form");
    form.addEventListener("input", () => this.preview(), {signal});
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    }, {signal});
    document.getElementById("bulk-cancel").addEventListener("click", () => dialog.close(), {signal});
    dialog.addEventListener("close", () => this.listening.abort(), {signal});
    this.busy(false);
    this.preview();
    dialog.showModal();
    form.querySelector("input").focus();
  }

  /** Show what stands there in all songs, or that it differs. */
  fill(field) {
    const place = field.dataset.place;
    const counts = new Map();
    let locked = 0;
    for (const song of this.songs) {
      const value = shown(place, this.said.songs[song][place]);
      counts.set(value, (counts.get(value) ?? 0) + 1);
      locked += this.isLocked(song, place);
    }
    const [[common]] = counts;
    const isCommon = counts.size === 1;
    let now = isCommon ? (common === "" ? "nothing is set by hand" : `now: ${common}`) : `several values: ${counts.size - counts.has("")} different`;
    if (!isCommon && counts.has("")) now += `, ${counts.get("")} without`;
    if (locked) now += `; locked in ${songsOf(locked)}, which keep it`;
    field.querySelector(".now").textContent = now;
    const clear = field.querySelector(".clear input");
    if (clear) clear.checked = false;
    const input = field.querySelector("select, input:not([type=checkbox])");
    input.value = place !== "review" && isCommon ? common : "";
    if (place !== "review") input.placeholder = isCommon ? "" : "several values";
    else field.querySelector("input.reason").value = "";
    this.before[place] = input.value;
  }

  isLocked(song, place) {
    return this.said.locked[song]?.includes(place) ?? false;
  }

  /** What each place is to hold, as {place: value or null}; null takes it out. */
  wanted() {
    const wanted = {};
    for (const field of this.fields) {
      const place = field.dataset.place;
      const input = field.querySelector("select, input:not([type=checkbox])");
      const text = input.value.trim();
      if (place === "review") {
        const reason = field.querySelector("input.reason");
        for (const each of field.querySelectorAll(".reason")) each.classList.toggle("hidden", text !== "excluded");
        reason.required = text === "excluded";
        if (text === "clear") wanted.review = null;
        else if (text) wanted.review = {state: text, by: this.dialog.dataset.by, at: new Date().toISOString().replace(/\.\d+/, ""), ...(text === "excluded" ? {reason: reason.value.trim()} : {})};
      } else if (field.querySelector(".clear input").checked) wanted[place] = null;
      else if (text && text !== this.before[place]) wanted[place] = parsed(place, text);
      const isCleared = field.querySelector(".clear input")?.checked ?? false;
      if (place !== "review") input.disabled = isCleared;
      field.classList.toggle("changes", place in wanted);
    }
    return wanted;
  }

  /** The change itself: per song only what differs and is not locked. */
  planned(wanted) {
    const songs = {};
    const expected = {};
    let locked = 0;
    for (const song of this.songs) {
      for (const [place, value] of Object.entries(wanted)) {
        const now = this.said.songs[song][place] ?? null;
        if (same(now, value) || (place === "review" && isSameReview(now, value))) continue;
        if (this.isLocked(song, place)) {
          locked += 1;
          continue;
        }
        (songs[song] ??= {})[place] = value;
        (expected[song] ??= {})[place] = now;
      }
    }
    return {songs, expected, locked};
  }

  preview() {
    const wanted = this.wanted();
    const {songs, locked} = this.planned(wanted);
    const count = Object.keys(songs).length;
    let text = Object.keys(wanted).length ? `${count.toLocaleString("en")} of ${songsOf(this.songs.length)} change.` : "Nothing changes yet.";
    if (locked) text += ` ${locked} locked place${locked === 1 ? " stays as it is" : "s stay as they are"}.`;
    document.getElementById("bulk-preview").textContent = text;
    document.getElementById("bulk-save").disabled = count === 0;
  }

  busy(isBusy) {
    const save = document.getElementById("bulk-save");
    save.disabled = isBusy;
    const bar = document.getElementById("bulk-progress");
    bar.hidden = !isBusy;
    bar.removeAttribute("value");
    save.textContent = isBusy ? "Saving …" : "Save";
    this.dialog.setAttribute("aria-busy", String(isBusy));
  }

  progress({stage, done, of}) {
    const bar = document.getElementById("bulk-progress");
    bar.max = of;
    bar.value = done;
    document.getElementById("bulk-preview").textContent = `${stage === "reading" ? "Looked at" : "Saved"} ${done.toLocaleString("en")} of ${songsOf(of)} …`;
  }

  async save() {
    const wanted = this.wanted();
    const {songs, expected, locked} = this.planned(wanted);
    const count = Object.keys(songs).length;
    if (!count) return;
    const places = new Set(Object.values(songs).flatMap((values) => Object.keys(values)));
    const label = `${Object.keys(WORDS).filter((place) => places.has(place)).map((place) => WORDS[place]).join(", ")} of ${songsOf(count)}`;
    this.busy(true);
    try {
      const told = await edit(label, songs, expected, (far) => this.progress(far));
      this.dialog.close();
      if (told?.entry) say(`${songsOf(told.entry.songs)} changed${leftOut(locked + (told.locked?.length ?? 0))}`, {undo});
    } catch (error) {
      this.busy(false);
      this.preview();
      sayFault(error);
    }
  }
}

const leftOut = (locked) => (locked ? `; ${locked} locked place${locked === 1 ? "" : "s"} left alone` : "");

/** A value of song.toml as its field shows it; empty where nothing stands. */
function shown(place, value) {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (place === "review") return value.state === "excluded" ? `excluded, ${value.reason || "no reason given"}` : String(value.state ?? "");
  return String(value);
}

function parsed(place, text) {
  if (place === "genres") return text.split(",").map((each) => each.trim()).filter(Boolean);
  return place === "repeats" ? Number(text) : text;
}

const isSameReview = (one, other) => one !== null && other !== null && one.state === other.state && (one.reason || "") === (other.reason || "");
