// Making elements of a page from data, which is text and never markup, and drawing them anew without losing one's place.

/** Make an element: `props` are attributes, `class`, `text`, `on` ({event: run}); children are elements or texts. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name === "on") for (const [event, run] of Object.entries(value)) made.addEventListener(event, run);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function button(text, run, props = {}) {
  return el("button", {type: "button", ...props, text, on: {click: run}});
}

export const clock = (s) => {
  if (s === null || s === undefined) return "";
  const cents = Math.round(s * 100);
  const minutes = Math.floor(cents / 6000);
  const rest = (cents - minutes * 6000) / 100;
  return `${minutes}:${rest.toFixed(2).padStart(5, "0")}`;
};

/** Seconds of a text such as "1:02.5" or "62.5"; null where it is none. */
export function seconds(text) {
  const found = /^\s*(?:(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)\s*$/.exec(text);
  return found ? 60 * Number(found[1] ?? 0) + Number(found[2]) : null;
}

export function number(value) {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** A text in full, or its begin and the rest behind a button where it is very long. */
export function longText(text, most = 1500) {
  const shown = el("span", {dir: "auto", class: "review-text", text});
  if (text.length <= most) return shown;
  shown.textContent = `${text.slice(0, most)} …`;
  const more = button(`Show all ${text.length} characters`, () => {
    shown.textContent = text;
    more.remove();
  }, {class: "quiet"});
  return el("span", {}, shown, more);
}

const drawn = new Map();

/**
 * Draw a part of the page, unless it shows the same already or somebody writes in it; the focus and what is unfolded
 * stay. Returns whether it was left as it was because somebody writes.
 */
export function draw(id, data, build) {
  const box = document.getElementById(id);
  const text = JSON.stringify(data);
  if (drawn.get(id) === text) return false;
  const active = document.activeElement;
  const isTyped = box.contains(active) && (active.tagName === "TEXTAREA" || (active.tagName === "INPUT" && active.type === "text"));
  if (isTyped || box.querySelector(".is-editing")) return true;
  const focused = box.contains(active) ? active.closest("[data-focus]") : null;
  const key = focused?.dataset.focus;
  const open = [...box.querySelectorAll("details[open][data-id]")].map((each) => each.dataset.id);
  box.replaceChildren(...[build(data)].flat().filter(Boolean));
  drawn.set(id, text);
  for (const each of box.querySelectorAll("details[data-id]")) if (open.includes(each.dataset.id)) each.open = true;
  if (key) [...box.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === key)?.focus();
  return false;
}
