// One line that a person and a screen reader are told, for a while.

const LONGEST_MS = 8000;

/** Say something; `undo` is a function that a button beside it calls. */
export function say(text, {undo, kind} = {}) {
  const line = document.createElement("p");
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words);
  if (kind) line.classList.add(kind);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      line.remove();
      undo();
    });
    line.append(button);
  }
  const place = document.getElementById("said");
  while (place.childElementCount > 3) place.firstElementChild.remove();
  place.append(line);
  setTimeout(() => line.remove(), LONGEST_MS);
}

/** Say a fault, with what to do. */
export function sayFault(error) {
  if (error.name !== "AbortError") say(error.said || error.message || String(error), {kind: "fault"});
}
