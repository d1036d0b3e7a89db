// Changes by hand: saved at once, undone and done again; where somebody was faster, a difference to choose from.

import {Refused, get, send} from "/static/api.js";
import {say, sayFault} from "/static/say.js";

/** Told after every change, undo and redo, with the songs that it was about. */
export const changes = new EventTarget();

const LOOK_MS = 400;

const leftAlone = (count, noun) =>
  count === 1 ? `One ${noun} was changed by somebody else and left alone.` : `${count} ${noun}s were changed by somebody else and left alone.`;

function tell(told) {
  const songs = new Set((told.entry?.changes ?? []).map((each) => each.song_id));
  changes.dispatchEvent(new CustomEvent("changed", {detail: {songs, entry: told.entry}}));
}

/**
 * Save a change: `songs` is {song: {place: value or null}}, `expected` what stood there when the person saw it.
 * Returns what was told; where all of it was stale asks which text is to stand. Throws Refused for other faults.
 * `progress({stage, done, of})` is called while it is under way, if given.
 */
export async function edit(label, songs, expected = {}, progress = null) {
  try {
    const told = progress ? await watched({label, songs, expected}, progress) : await send("POST", "/api/edits", {label, songs, expected});
    tell(told);
    for (const fault of told.faults) say(fault, {kind: "fault"});
    if (told.stale.length) say(leftAlone(new Set(told.stale.map((each) => each.song_id)).size, "song"));
    return told;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409 || !error.told.stale?.length) throw error;
    const keepMine = await choose(error.told.stale, songs);
    if (!keepMine) {
      tell({entry: null});
      return null;
    }
    const seen = {};
    for (const each of error.told.stale) (seen[each.song_id] ??= {})[each.place] = each.now;
    return edit(label, songs, seen, progress);
  }
}

/** Send a change, and ask how far it is until it is answered. */
async function watched(change, progress) {
  const job = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let isOver = false;
  const looking = setInterval(async () => {
    const told = await get(`/api/edits/${job}`).catch(() => null); // it is asked again
    if (told && !isOver) progress(told);
  }, LOOK_MS);
  try {
    return await send("POST", "/api/edits", {...change, job});
  } finally {
    isOver = true;
    clearInterval(looking);
  }
}

/** Show what stands there now beside what was written; resolve to whether the person's own goes in. */
function choose(stale, songs) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "stale-title");
    const title = document.createElement("h2");
    title.id = "stale-title";
    title.textContent = "Somebody has changed this meanwhile";
    const table = document.createElement("table");
    const head = document.createElement("tr");
    for (const text of ["", "there now", "yours"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      head.append(cell);
    }
    table.append(head);
    for (const each of stale.slice(0, 20)) {
      const line = document.createElement("tr");
      for (const value of [`${each.song_id}: ${each.place}`, each.now, songs[each.song_id]?.[each.place]]) {
        const cell = document.createElement("td");
        cell.textContent = value === null || value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
        line.append(cell);
      }
      table.append(line);
    }
    let mine = false;
    const buttons = [["Keep what is there", false], ["Write mine", true]].map(([text, value]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => {
        mine = value;
        dialog.close();
      });
      return button;
    });
    dialog.append(title, table, ...buttons);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(mine);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

async function step(url, word) {
  try {
    const told = await send("POST", url);
    say(`${word}: ${told.entry.label}`);
    for (const fault of told.faults) say(fault, {kind: "fault"});
    if (told.stale.length) say(leftAlone(told.stale.length, "place"));
    tell(told);
  } catch (error) {
    sayFault(error);
  }
}

export const undo = () => step("/api/undo", "undone");
export const redo = () => step("/api/redo", "done again");
