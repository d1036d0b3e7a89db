// What is drawn over the lanes, as tables: for screen readers, and for whoever would rather read. Filled when opened.

import {DRUMS, chordName, sectionName} from "/static/overlays.js";
import {clock} from "/static/lanes.js";

const ROWS = 300;

/** Each table: its title, why it may be empty, its columns, and its rows as start, end and texts. */
const TABLES = [
  {
    title: "Lanes", columns: ["Lane", "File", "Origin", "Corrected", "Note"], hasNoTimes: true,
    rows: (sound) => sound.lanes.map((each) => [
      each.name, each.file, each.origin, each.corrected ?? "no", each.fault ?? each.note ?? "none",
    ]),
  },
  {
    title: "Sections", missing: "sections", columns: ["Start", "Section", "Bars", "End"],
    rows: (sound) => sound.sections.map((each) => [
      each.start_s, each.end_s, sectionName(sound, each), each.bars, clock(each.end_s, 1),
    ]),
  },
  {
    title: "Chords", missing: "chords", columns: ["Start", "Chord", "Confidence"],
    rows: (sound) => sound.chords.map((each) => [each.start_s, each.end_s, chordName(each.label), percent(each.confidence)]),
  },
  {
    title: "Beats", missing: "beats", columns: ["Time", "Bar", "Beat"],
    rows: (sound) => sound.beats.map(([time_s, bar, beat]) => [time_s, time_s + 2, bar, beat]),
  },
  {
    title: "Drum hits", missing: "hits", columns: ["Time", "Drum", "Strength"],
    rows: (sound) => DRUMS.flatMap(({drum}) => (sound.hits[drum] ?? []).map((hit) => [
      hit[0], hit[0] + 1, drum, percent(hit[1]),
    ])).sort((a, b) => a[0] - b[0]),
  },
  {
    title: "Lyrics", missing: "lyrics", columns: ["Start", "Line", "Times"],
    rows: (sound) => sound.lyrics.map((each) => [each.start_s, each.end_s, each.text, each.times]),
  },
  {
    title: "Clips", missing: "clips", columns: ["Start", "Clip", "End"],
    rows: (sound) => sound.clips.map((each) => [each.start_s, each.end_s, each.clip, clock(each.end_s, 1)]),
  },
  {
    title: "Pieces that are no clips", missing: "rejected_clips", columns: ["Start", "Piece", "Why"],
    rows: (sound) => sound.rejected_clips.map((each) => [
      each.start_s, each.end_s, `${each.source}, ${each.view}`, each.reason,
    ]),
  },
];

/** Return the tables; `play` is called with the start and end of a row that is chosen. */
export function tables(sound, play) {
  const all = document.createElement("div");
  all.className = "player-tables";
  for (const table of TABLES) all.append(details(table, sound, play));
  return all;
}

function details(table, sound, play) {
  const made = document.createElement("details");
  const title = document.createElement("summary");
  title.textContent = table.title;
  made.append(title);
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) fill(made, table, sound, play);
  });
  return made;
}

function fill(place, {title, missing, columns, rows, hasNoTimes}, sound, play) {
  const all = rows(sound);
  if (!all.length) {
    place.append(element("p", sound.missing[missing] ?? "none were found", "muted"));
    return;
  }
  const table = element("table");
  table.append(element("caption", `${title}: ${all.length}`, "for-readers"));
  const head = element("tr");
  for (const column of columns) {
    const cell = element("th", column);
    cell.scope = "col";
    head.append(cell);
  }
  const body = element("tbody");
  table.append(element("thead"), body);
  table.tHead.append(head);
  const more = element("button", "Show more");
  more.type = "button";
  let shown = 0;
  const show = () => {
    for (const values of all.slice(shown, shown + ROWS)) body.append(hasNoTimes ? texts(values) : row(values, play));
    shown += ROWS;
    more.hidden = shown >= all.length;
  };
  more.addEventListener("click", show);
  show();
  const scrolls = element("div", undefined, "scrolls player-table");
  scrolls.tabIndex = 0;
  scrolls.setAttribute("role", "region");
  scrolls.setAttribute("aria-label", title);
  scrolls.append(table, more);
  place.append(scrolls);
}

function row([start_s, end_s, ...said], play) {
  const made = element("tr");
  const first = element("td");
  if (start_s === null) first.textContent = "unknown";
  else {
    const button = element("button", clock(start_s, 2), "quiet");
    button.type = "button";
    button.setAttribute("aria-label", `Play ${clock(start_s, 2)}, ${said[0]}`);
    button.addEventListener("click", () => play(start_s, end_s ?? start_s + 4));
    first.append(button);
  }
  made.append(first, ...said.map((text) => element("td", text ?? "unknown")));
  return made;
}

function texts(values) {
  const made = element("tr");
  made.append(...values.map((text) => element("td", text ?? "unknown")));
  return made;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const percent = (share) => (share === null ? "unknown" : `${Math.round(100 * share)} %`);
