// Keys: each page registers its actions; all are listed by "?", can be given other keys, and never fire in text.

const STORE = "flamingo-bark-keys";
const TYPED = new Set(["text", "search", "number", "email", "url", "tel", "password", "date", "time", ""]);
const HOW = "Choose a key to give the action another one. Letters do nothing while you write.";
const SHOWN = {ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓"};
const actions = new Map();

/** An action: id, key (such as "Space", "a", "Shift+U", "ArrowLeft"), says (a few words), run, when (optional). */
export function add(action) {
  actions.set(action.id, action);
  showNamed();
}

export function keyOf(id) {
  return chosen()[id] ?? actions.get(id)?.key;
}

function chosen() {
  try {
    const said = JSON.parse(localStorage.getItem(STORE) || "{}");
    return said && typeof said === "object" ? said : {};
  } catch {
    return {};
  }
}

function named(event) {
  const key = event.key === " " ? "Space" : event.key;
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  const shift = event.shiftKey && (isLetter || key.length > 1);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (shift) parts.push("Shift");
  parts.push(isLetter ? (shift ? key.toUpperCase() : key.toLowerCase()) : key);
  return parts.join("+");
}

function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA") return true;
  return target.tagName === "INPUT" && TYPED.has(target.getAttribute("type") || "");
}

/** Space and arrows belong to controls that use them themselves; Space plays all the same unless it would type. */
function ownsKey(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  const tag = target.tagName;
  if (tag === "SELECT") return key !== "Space";
  if (tag === "INPUT" && target.type === "range") return key.includes("Arrow") || key === "Home" || key === "End";
  if (tag === "INPUT" && target.type === "radio") return key.includes("Arrow");
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  const key = named(event);
  if (isTyping(event.target) || ownsKey(event.target, key)) return;
  const remapped = chosen();
  for (const action of actions.values()) {
    if ((remapped[action.id] ?? action.key) !== key || (action.when && !action.when())) continue;
    event.preventDefault();
    // A button with the focus would take the end of Space for a click.
    if (key === "Space" && event.target instanceof HTMLElement) stopClick(event.target);
    action.run(event);
    return;
  }
});

function stopClick(target, key = " ") {
  target.addEventListener("keyup", (event) => event.key === key && event.preventDefault(), {once: true});
}

/** A key as it is written for a person: letters as they stand on it, arrows as arrows. */
export const shownKey = (key) =>
  key.length === 1 ? key.toUpperCase() : key.replace(/Arrow(?:Left|Right|Up|Down)$/, (arrow) => SHOWN[arrow]);

function remap(id, key) {
  const said = chosen();
  if (key === actions.get(id).key) delete said[id];
  else said[id] = key;
  localStorage.setItem(STORE, JSON.stringify(said));
  showNamed();
}

/** Write the present key into every element of the page that names an action's (`data-key`). */
function showNamed() {
  for (const each of document.querySelectorAll("[data-key]")) {
    if (actions.has(each.dataset.key)) each.textContent = shownKey(keyOf(each.dataset.key));
  }
}

/** Show all keys; a click on one waits for another. */
export function showKeys() {
  document.getElementById("keys-dialog")?.remove();
  const dialog = document.createElement("dialog");
  dialog.id = "keys-dialog";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Keys";
  const note = document.createElement("p");
  note.className = "muted";
  note.setAttribute("role", "status");
  note.textContent = HOW;
  const table = document.createElement("table");
  for (const action of actions.values()) table.append(row(action, note));
  const close = button("Close", () => dialog.close());
  const reset = button("All as at first", () => {
    localStorage.removeItem(STORE);
    showNamed();
    dialog.close();
    showKeys();
  });
  dialog.append(title, note, table, close, reset);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function row(action, note) {
  const line = document.createElement("tr");
  const says = document.createElement("th");
  says.scope = "row";
  says.textContent = action.says.charAt(0).toUpperCase() + action.says.slice(1);
  const cell = document.createElement("td");
  const choose = button("", () => {
    choose.textContent = "press a key …";
    note.textContent = `Press the key for “${action.says}”; Escape leaves it as it is.`;
    choose.addEventListener("keydown", press);
    choose.addEventListener("blur", stop);
  });
  const show = () => {
    choose.textContent = shownKey(keyOf(action.id));
    choose.setAttribute("aria-label", `Key of ${action.says}: ${choose.textContent}`);
  };
  const stop = () => {
    choose.removeEventListener("keydown", press);
    choose.removeEventListener("blur", stop);
    show();
  };
  const press = (event) => {
    // A key that is only held, such as Shift, is a part of the one that is waited for.
    if (["Shift", "Control", "Alt", "AltGraph", "Meta", "Tab", "CapsLock"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    stopClick(choose, event.key);
    const key = named(event);
    const other = [...actions.values()].find((each) => each.id !== action.id && keyOf(each.id) === key);
    if (key === "Escape") note.textContent = HOW;
    else if (other) note.textContent = `${shownKey(key)} is the key of “${other.says}” already.`;
    else {
      remap(action.id, key);
      note.textContent = `${shownKey(key)} is the key of “${action.says}” now.`;
    }
    stop();
  };
  show();
  cell.append(choose);
  line.append(says, cell);
  return line;
}

function button(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}
