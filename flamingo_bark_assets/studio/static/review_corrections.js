// Corrections of measurements by hand: tempo halved, doubled, tapped; the first downbeat where one hears it; sections.

import {say} from "/static/say.js";
import {Saver, editButtons, editable, save} from "/static/review_editing.js";
import {button, clock, el, seconds} from "/static/review_dom.js";

const TAPS = {fewest: 4, kept: 16, pause_s: 3};
const SHORTEST_S = 0.05;

const rounded = (value) => Math.round(value * 1000) / 1000;

/** The buttons of a measured field that can be corrected without typing. */
export function correctionButtons(field, data, player) {
  const spec = {...field, song: data.song_id};
  const set = (value) => save(spec, value, `correct ${field.label} of ${data.song_id}`);
  if (field.name === "tempo_bpm") {
    const scale = (text, factor, says) => button(text, () => set(rounded(field.value * factor)), {
      "aria-label": `${text}: ${says}`, disabled: field.value === null || field.locked,
    });
    return [scale("½", 0.5, "halve the tempo"), scale("×2", 2, "double the tempo"), tapButton(set, player, field.locked)];
  }
  if (field.name === "first_downbeat_s") {
    return [button("Here", () => set(rounded(player()?.time() ?? 0)), {
      "aria-label": "Here: set the first downbeat to where the player is", disabled: field.locked || !player(),
    })];
  }
  return [];
}

/** Tap with the beat: time of the song while it plays, so that another speed does not matter; else of the clock. */
function tapButton(set, player, isLocked) {
  let taps = [];
  const use = button("Use it", () => set(rounded(tempo(taps))), {hidden: true, class: "primary"});
  const tap = button("Tap", () => {
    const now = {clock_s: performance.now() / 1000, song_s: player()?.time() ?? 0};
    const last = taps.at(-1);
    if (last && now.clock_s - last.clock_s > TAPS.pause_s) taps = [];
    taps = [...taps, now].slice(-TAPS.kept);
    const bpm = tempo(taps);
    tap.textContent = bpm === null ? `Tap (${taps.length})` : `Tap: ${bpm.toFixed(1)} BPM`;
    use.hidden = bpm === null;
  }, {"aria-label": "Tap the tempo with the beat", disabled: isLocked, "aria-live": "off"});
  return el("span", {class: "review-buttons"}, tap, use);
}

export function tempo(taps) {
  if (taps.length < TAPS.fewest) return null;
  const isPlaying = taps.every((each, index) => !index || each.song_s > taps[index - 1].song_s);
  const name = isPlaying ? "song_s" : "clock_s";
  const gaps = taps.slice(1).map((each, index) => each[name] - taps[index][name]).sort((a, b) => a - b);
  const middle = (gaps[Math.floor((gaps.length - 1) / 2)] + gaps[Math.ceil((gaps.length - 1) / 2)]) / 2;
  return middle > 0 ? 60 / middle : null;
}

/** The table of sections, whose borders and names can be changed. */
export function sectionsTable(data, player) {
  const {sections} = data;
  const box = el("div");
  const isOwn = Array.isArray(sections.toml);
  const rows = (isOwn ? sections.toml : sections.rows).map((each) => ({start_s: each.start_s, label: each.label, may: each.name ? `${each.name}, ${Math.round(100 * each.name_confidence)} %` : ""}));
  const spec = {...sections, label: "Sections", song: data.song_id, lockedList: data.locked, cell: box};
  const state = el("span", {class: "muted", role: "status"});
  const saver = new Saver(spec, (text) => (state.textContent = text));
  editable(box, spec);
  let shown = [];
  const change = () => {
    rows.sort((a, b) => a.start_s - b.start_s);
    const clash = rows.findIndex((each, index) => index && each.start_s - rows[index - 1].start_s < SHORTEST_S);
    if (clash > 0) {
      say(`Two sections begin at ${clock(rows[clash].start_s)}; move one of them.`, {kind: "fault"});
      return;
    }
    saver.change(rows.length ? rows.map((each) => ({start_s: rounded(each.start_s), label: each.label.trim() || "section"})) : null);
    // Rows that stay where they are stay as they are: the focus is on its way to one of them.
    if (rows.length !== shown.length || rows.some((each, index) => each !== shown[index])) setTimeout(show);
  };
  const here = () => player()?.time() ?? 0;
  const line = (each, index) => el("tr", {},
    el("td", {}, el("input", {
      type: "text", class: "review-time", value: clock(each.start_s), "aria-label": `Start of section ${index + 1}`,
      "data-focus": `section:${index}:start`, disabled: spec.locked,
      on: {change: (event) => {
        const start_s = seconds(event.target.value);
        if (start_s === null) event.target.value = clock(each.start_s);
        else {
          each.start_s = start_s;
          event.target.value = clock(start_s);
          change();
        }
      }},
    })),
    el("td", {}, el("input", {
      type: "text", dir: "auto", value: each.label, maxlength: 50, "aria-label": `Name of section ${index + 1}`,
      "data-focus": `section:${index}:label`, disabled: spec.locked,
      on: {change: (event) => {
        each.label = event.target.value;
        change();
      }},
    }), each.may ? el("span", {class: "muted", text: ` ${each.may}`}) : ""),
    el("td", {}, el("span", {class: "review-buttons"},
      button("▶", () => player()?.playPlace(each.start_s, rows[index + 1]?.start_s ?? each.start_s + 10, {scrolls: false}), {"aria-label": `Play section ${index + 1}`}),
      button("Here", () => {
        each.start_s = here();
        change();
        show();
      }, {"aria-label": `Here: let section ${index + 1} begin where the player is`, disabled: spec.locked}),
      button("✕", () => {
        rows.splice(index, 1);
        change();
      }, {"aria-label": `Remove section ${index + 1}`, disabled: spec.locked, "data-focus": `section:${index}:remove`}))));
  const body = el("tbody");
  const show = () => {
    shown = [...rows];
    const key = document.activeElement?.dataset?.focus;
    body.replaceChildren(...rows.map(line));
    if (key) [...body.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === key)?.focus();
  };
  show();
  const origin = isOwn ? `by hand${sections.measured ? `; measured: ${sections.measured}` : ""}` : rows.length ? "measured" : `unknown: ${sections.reason}`;
  box.append(
    el("p", {class: "muted", text: `From: ${origin}${spec.locked ? " · locked" : ""}`}),
    el("table", {class: "review-sections"},
      el("caption", {class: "for-readers", text: "Sections of the song"}),
      el("thead", {}, el("tr", {}, ...["Begins", "Name", "Actions"].map((text) => el("th", {scope: "col", text})))),
      body),
    el("div", {class: "review-buttons"},
      button("Add one where the player is", () => {
        rows.push({start_s: here(), label: "section"});
        change();
      }, {disabled: spec.locked}),
      sectionButtons(box, spec), state));
  return box;
}

/** Lock and revert as of any field; editing is in the table itself. */
function sectionButtons(box, spec) {
  const buttons = editButtons(box, spec);
  buttons.firstElementChild.remove();
  return buttons;
}
