// The editor of lyrics: lines with their times, which a key sets while the song plays, saved as LRC into song.toml.

import * as keys from "/static/keys.js";
import {say} from "/static/say.js";
import {Saver, editButtons, editable} from "/static/review_editing.js";
import {button, clock, el, percent, seconds} from "/static/review_dom.js";

const NUDGE_S = 0.1;
const SECTION = /^\[[^\]]*\]$/;
let current = null;

/** A line of LRC: "[01:02.50] words". */
const written = (row) => (row.time_s === null ? row.text : `[${stamp(row.time_s)}]${row.text}`);

function stamp(time_s) {
  const cents = Math.round(time_s * 100);
  const part = (value) => String(value).padStart(2, "0");
  return `${part(Math.floor(cents / 6000))}:${part(Math.floor(cents / 100) % 60)}.${part(cents % 100)}`;
}

keys.add({id: "review-time", key: "t", says: "set the time of the lyrics line, and go to the next", run: () => current?.setTime(), when: () => current !== null && !current.spec.locked});

/** Build the editor; `player` gives the player or null. */
export function lyricsEditor(data, player) {
  const editor = new Editor(data, player);
  current = editor;
  return editor.element;
}

class Editor {
  constructor(data, player) {
    const {lyrics} = data;
    this.player = player;
    this.lines = lyrics.lines;
    this.rows = lyrics.rows.map((row) => ({...row}));
    this.at = Math.max(0, this.rows.findIndex((row) => this.isLine(row) && row.time_s === null));
    this.element = el("div");
    this.spec = {...lyrics, label: "Lyrics", song: data.song_id, lockedList: data.locked, cell: this.element};
    editable(this.element, this.spec);
    this.state = el("span", {class: "muted", role: "status"});
    this.saver = new Saver(this.spec, (text) => (this.state.textContent = text));
    this.body = el("tbody");
    this.note = el("p", {class: "warn", role: "status"});
    this.element.append(
      el("p", {class: "muted", dir: "auto", text: this.origin(lyrics)}),
      el("p", {class: "muted"}, "While it plays, ", el("kbd", {"data-key": "review-time", text: keys.shownKey(keys.keyOf("review-time"))}),
        " sets the time of the marked line and goes to the next."),
      this.note,
      el("div", {class: "scrolls review-lines"}, el("table", {class: "review-lyrics"},
        el("caption", {class: "for-readers", text: "Lines of the lyrics with their times"}),
        el("thead", {}, el("tr", {}, ...["Time", "Line", "Actions"].map((text) => el("th", {scope: "col", text})))),
        this.body)),
      el("div", {class: "review-buttons"},
        button("Set the time", () => this.setTime(), {disabled: this.spec.locked}),
        button("Add a line", () => this.add(), {disabled: this.spec.locked}),
        this.buttons(), this.state));
    this.show();
  }

  origin(lyrics) {
    if (!this.rows.length) return `unknown: ${lyrics.reason}`;
    const from = lyrics.toml !== null ? "by hand, in song.toml" : lyrics.model_id ? `transcribed by ${lyrics.model_id}; a change makes them yours` : `from ${lyrics.source ?? "an unknown source"}; a change makes them yours`;
    const times = lyrics.times && lyrics.times !== "none" ? ` · times in the last result: ${lyrics.times}` : "";
    return `${from}${times}${lyrics.times_reason ? ` · ${lyrics.times_reason}` : ""}${this.spec.locked ? " · locked" : ""}`;
  }

  buttons() {
    const made = editButtons(this.element, this.spec);
    made.firstElementChild.remove(); // lines are edited where they stand
    return made;
  }

  isLine(row) {
    return row.text.trim() !== "" && !SECTION.test(row.text.trim());
  }

  change() {
    const text = this.rows.map(written).join("\n").trim();
    this.saver.change(text || null);
    this.show();
  }

  /** Set the time of the marked line to what is heard. */
  setTime() {
    const player = this.player();
    const row = this.rows[this.at];
    if (!player || !row) {
      say(player ? "There is no line to set." : "There is no player.");
      return;
    }
    row.time_s = Math.round(player.time() * 100) / 100;
    const next = this.rows.findIndex((each, index) => index > this.at && this.isLine(each));
    if (next > 0) this.at = next;
    this.change();
    this.body.children[this.at]?.scrollIntoView({block: "nearest"});
  }

  add() {
    this.rows.push({time_s: null, text: ""});
    this.at = this.rows.length - 1;
    this.show();
    this.body.lastElementChild.querySelector('[data-focus$=":text"]').focus();
  }

  show() {
    const timed = this.rows.filter((row) => this.isLine(row) && row.time_s !== null).length;
    const untimed = this.rows.filter((row) => this.isLine(row)).length - timed;
    this.note.textContent = timed && untimed ? `${untimed === 1 ? "One line has" : `${untimed} lines have`} no time yet; as others have one, ${untimed === 1 ? "it is left out until it does" : "they are left out until they do"}.` : "";
    const key = document.activeElement?.dataset?.focus;
    this.body.replaceChildren(...this.rows.map((row, index) => this.row(row, index)));
    if (key) [...this.body.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === key)?.focus();
  }

  row(row, index) {
    const isCurrent = index === this.at;
    const isLocked = this.spec.locked;
    const name = `line ${index + 1}`;
    const stored = this.lines.find((line) => line.text === row.text.trim() && line.confidence !== null);
    const nudge = (text, by, says) => button(text, () => {
      row.time_s = Math.max(0, Math.round((row.time_s + by) * 100) / 100);
      this.change();
    }, {"aria-label": `${text}: ${says} ${name}`, disabled: isLocked || row.time_s === null, "data-focus": `lyrics:${index}:${by}`});
    const mark = () => {
      if (this.at === index) return;
      this.body.children[this.at]?.removeAttribute("aria-current");
      this.at = index;
      this.body.children[index].setAttribute("aria-current", "true");
    };
    return el("tr", {"aria-current": isCurrent ? "true" : null, on: {focusin: mark, pointerdown: mark}},
      el("td", {}, el("input", {
        type: "text", class: "review-time", value: clock(row.time_s), placeholder: "no time", "aria-label": `Time of ${name}`,
        "data-focus": `lyrics:${index}:time`, disabled: isLocked,
        on: {change: (event) => {
          const time_s = event.target.value.trim() ? seconds(event.target.value) : null;
          if (time_s === null && event.target.value.trim()) event.target.value = clock(row.time_s);
          else {
            row.time_s = time_s;
            this.change();
          }
        }},
      })),
      el("td", {class: "review-line"}, el("input", {
        type: "text", dir: "auto", value: row.text, "aria-label": `Words of ${name}`, "data-focus": `lyrics:${index}:text`,
        disabled: isLocked,
        on: {change: (event) => {
          row.text = event.target.value;
          this.change();
        }},
      }), stored ? el("div", {class: "muted review-note", text: `confidence ${percent(stored.confidence)}${stored.for_clips ? "" : ", in no clip"}`}) : null),
      el("td", {}, el("span", {class: "review-buttons"},
        button("▶", () => row.time_s !== null && this.player()?.playPlace(row.time_s, row.time_s + 5, {scrolls: false}), {"aria-label": `Play ${name}`, disabled: row.time_s === null, "data-focus": `lyrics:${index}:play`}),
        nudge("−", -NUDGE_S, "A tenth of a second earlier:"),
        nudge("+", NUDGE_S, "A tenth of a second later:"),
        button("✕", () => {
          this.rows.splice(index, 1);
          this.at = Math.min(this.at, Math.max(0, this.rows.length - 1));
          this.change();
        }, {"aria-label": `Remove ${name}`, disabled: isLocked, "data-focus": `lyrics:${index}:remove`}))));
  }
}
