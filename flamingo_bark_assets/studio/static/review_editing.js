// Places of song.toml on the page: edited where they stand, locked, taken back; and lists that are saved as they change.

import {edit} from "/static/edits.js";
import {say, sayFault} from "/static/say.js";
import {button, el} from "/static/review_dom.js";

const specs = new WeakMap();
const SAVE_AFTER_MS = 900;

/**
 * Make an element one that E, K and revert work on. `spec`: song, place, label, toml (what stands there), locked,
 * lockedList, value (what is shown), kind (text, long, list, number, whole, key, metre), choices, cell (where to write).
 */
export function editable(element, spec) {
  specs.set(element, spec);
  element.dataset.editable = spec.place;
  element.dataset.focus = `edit:${spec.place}`;
  element.tabIndex = -1;
  return element;
}

/** The element that has the focus or holds it, or else the first that can be edited. */
export function focusedEditable() {
  return document.activeElement?.closest("[data-editable]") ?? document.querySelector("[data-editable]");
}

/** Save a place; tells faults. Returns whether it stands. */
export async function save(spec, value, label = `${spec.label} of ${spec.song}`) {
  if (spec.locked) {
    say(`${spec.label} is locked; unlock it first.`, {kind: "fault"});
    return false;
  }
  try {
    const told = await edit(label, {[spec.song]: {[spec.place]: value}}, {[spec.song]: {[spec.place]: spec.toml}});
    return told !== null;
  } catch (error) {
    sayFault(error);
    return false;
  }
}

/** Take a hand edit out, so that what is measured or made stands there again. */
export async function revert(element) {
  const spec = specs.get(element);
  if (spec.toml === null) say(`${spec.label} was not changed by hand.`);
  else await save(spec, null, `revert ${spec.label} of ${spec.song}`);
}

/** Lock a place, or unlock it. */
export async function toggleLock(element) {
  const spec = specs.get(element);
  const locked = spec.lockedList ?? [];
  const isOwn = locked.includes(spec.place);
  if (spec.locked && !isOwn) {
    say(`${spec.label} is locked with what stands round it: ${locked.join(", ")}.`, {kind: "fault"});
    return;
  }
  const after = isOwn ? locked.filter((each) => each !== spec.place) : [...locked, spec.place];
  const label = `${isOwn ? "unlock" : "lock"} ${spec.label} of ${spec.song}`;
  try {
    await edit(label, {[spec.song]: {locked: after.length ? after : null}}, {[spec.song]: {locked: spec.lockedList}});
  } catch (error) {
    sayFault(error);
  }
}

/** Open the editor of an element. */
export function openEditor(element) {
  const spec = specs.get(element);
  if (!spec || element.classList.contains("is-editing")) return;
  if (spec.locked) {
    say(`${spec.label} is locked; K unlocks it.`, {kind: "fault"});
    return;
  }
  const opener = document.activeElement;
  const cell = spec.cell;
  const shown = [...cell.childNodes];
  const field = inputOf(spec);
  const begun = field.value;
  let isOpen = true;
  const close = () => {
    isOpen = false;
    element.classList.remove("is-editing");
    cell.replaceChildren(...shown);
    (opener?.isConnected && opener !== document.body ? opener : element).focus();
  };
  const commit = async () => {
    if (!isOpen) return;
    const value = readInput(spec, field);
    if (value === undefined) {
      field.setCustomValidity("This is no number.");
      field.reportValidity();
      return;
    }
    const isSame = field.value === begun;
    close();
    if (!isSame) await save(spec, value);
  };
  const form = el("form", {class: "review-editor", on: {submit: (event) => {
    event.preventDefault();
    commit();
  }}}, field, el("div", {class: "review-editor-buttons"},
    el("button", {type: "submit", class: "primary", text: "Save"}), button("Cancel", close)));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || spec.kind !== "long") && event.target === field) {
      event.preventDefault();
      commit();
    }
  });
  // Who goes on elsewhere on the page has said what they wanted; another window is no elsewhere.
  form.addEventListener("focusout", (event) => {
    if (document.hasFocus() && !form.contains(event.relatedTarget)) setTimeout(() => isOpen && commit());
  });
  element.classList.add("is-editing");
  cell.replaceChildren(form);
  field.focus();
  if (field.select) field.select();
}

function inputOf(spec) {
  const props = {"aria-label": spec.label, dir: "auto"};
  const value = spec.value ?? "";
  if (spec.choices?.length) {
    const chosen = el("select", props, ...spec.choices.map((each) => el("option", {value: each, text: each})));
    chosen.value = spec.value ?? spec.choices[0];
    return chosen;
  }
  if (spec.kind === "long") return el("textarea", {...props, rows: Math.min(12, 3 + Math.floor(value.length / 70)), value});
  if (spec.kind === "list") return el("input", {...props, type: "text", value: Array.isArray(value) ? value.join(", ") : value, placeholder: "parted by commas"});
  if (spec.kind === "number" || spec.kind === "whole") return el("input", {...props, type: "text", inputmode: "decimal", value: String(value)});
  return el("input", {...props, type: "text", value, placeholder: spec.hint ?? ""});
}

/** What was written, as song.toml has it: null for nothing, undefined for what is none. */
function readInput(spec, field) {
  const text = field.value.trim().replace(/\s*\n\s*/g, " ");
  if (!text) return null;
  if (spec.kind === "list") return text.split(",").map((each) => each.trim()).filter(Boolean);
  if (spec.kind === "whole") return /^\d+$/.test(text) ? Number(text) : undefined;
  if (spec.kind === "number") return /^\d+(?:[.,]\d+)?$/.test(text) ? Number(text.replace(",", ".")) : undefined;
  return text;
}

/** The buttons that every editable element has. */
export function editButtons(element, spec) {
  const name = spec.label;
  return el("span", {class: "review-buttons"},
    button("Edit", () => openEditor(element), {"aria-label": `Edit ${name}`, disabled: spec.locked}),
    button(spec.locked ? "Unlock" : "Lock", () => toggleLock(element), {
      "aria-label": `${spec.locked ? "Unlock" : "Lock"} ${name}`, "aria-pressed": String(Boolean(spec.locked)),
    }),
    spec.toml === null ? null : button("Revert", () => revert(element), {
      "aria-label": `Revert ${name} to what is measured or made`, disabled: spec.locked,
    }),
  );
}

/** Saves a value that changes often: a while after the last change, one at a time, and before the page is left. */
export class Saver {
  constructor(spec, told) {
    this.spec = spec;
    this.key = JSON.stringify([spec.song, spec.place]);
    // The page is drawn anew after each change: what was told of saving outlasts that, and is told where it is drawn now,
    // but not of what stands there no more: that was undone, or changed elsewhere.
    tellers.set(this.key, told);
    const last = lastTold.get(this.key);
    if (last?.of === asText(spec.toml)) told(last.text);
    else lastTold.delete(this.key);
    this.waiting = null;
    this.value = undefined;
    this.done = Promise.resolve(true);
    savers.add(this);
  }

  told(text) {
    lastTold.set(this.key, {text, of: asText(this.spec.toml)});
    tellers.get(this.key)(text);
  }

  change(value) {
    this.value = value;
    this.told("not saved yet");
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.flush(), SAVE_AFTER_MS);
  }

  get isDirty() {
    return this.value !== undefined;
  }

  flush() {
    clearTimeout(this.waiting);
    if (!this.isDirty) return this.done;
    const value = this.value;
    this.value = undefined;
    this.done = this.done.then(async () => {
      const isSaved = await save(this.spec, value);
      if (isSaved) this.spec.toml = value;
      this.told(this.isDirty ? "not saved yet" : isSaved ? "saved" : "not saved");
      return isSaved;
    });
    return this.done;
  }
}

const savers = new Set();
const tellers = new Map();
const lastTold = new Map();
const asText = (value) => JSON.stringify(value ?? null);

/** Save all that waits; resolves to whether all of it stands. */
export async function flushAll() {
  const done = await Promise.all([...savers].map((each) => each.flush()));
  return done.every(Boolean);
}

addEventListener("beforeunload", (event) => {
  if ([...savers].some((each) => each.isDirty)) event.preventDefault();
});
