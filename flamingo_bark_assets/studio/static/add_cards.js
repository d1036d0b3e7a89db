// Cards of the songs that were recognised: what a person sees and corrects of each, and what became of it.

const LEAVE_OUT = "leave out";

/** Make an element: tag, properties, children; texts are texts, never markup. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export class Card {
  #guess;
  #fields = {};
  #kinds = new Map();
  #told;

  /**
   * @param {object} guess as the studio recognised it
   * @param {object[]} kinds of stems
   * @param {Function} onChange called when it is chosen or no more
   * @param {Card|undefined} before the card of the same mix before more files came, whose corrections stay
   */
  constructor(guess, kinds, onChange, before) {
    this.#guess = guess;
    this.mix = guess.mix;
    this.state = "open";
    const id = `card-${Card.count++}`;
    this.chosen = make("input", {type: "checkbox", checked: !guess.fault && !guess.duplicate && !guess.same_as, disabled: Boolean(guess.fault)});
    this.chosen.addEventListener("change", onChange);
    const length = guess.duration_s ? ` · ${clock(guess.duration_s)}` : "";
    this.#told = make("div", {role: "status"});
    this.element = make(
      "article", {className: "card panel", "aria-labelledby": id},
      make("h3", {id}, make("label", {}, this.chosen, make("span", {textContent: guess.name}))),
      make("p", {className: "muted", textContent: `${guess.mix}${length} · ${guess.layout}`}),
      this.#warnings(),
      guess.fault ? null : this.#makeFields(),
      guess.stems.length ? this.#makeStems(kinds) : guess.fault ? null : make("p", {className: "muted", textContent: "No stems."}),
      guess.sidecars.length ? make("p", {className: "muted", textContent: `Texts: ${guess.sidecars.join(", ")}`}) : null,
      this.#told,
    );
    if (before) this.#adopt(before);
  }

  static count = 0;

  /** Tell whether this card shows just what was recognised. */
  isOf(guess) {
    return JSON.stringify(guess) === JSON.stringify(this.#guess);
  }

  #adopt(before) {
    const {mix: _, stems, ...texts} = before.wanted();
    for (const [name, text] of Object.entries(texts)) this.#fields[name].value = text;
    for (const [file, kind] of Object.entries(stems)) if (this.#kinds.has(file)) this.#kinds.get(file).select.value = kind;
    if (!this.chosen.disabled) this.chosen.checked = before.chosen.checked || before.chosen.disabled;
  }

  get isChosen() {
    return this.state !== "done" && this.chosen.checked;
  }

  /** Fill fields that a person has not written into. */
  fill(values) {
    for (const [name, value] of Object.entries(values)) if (value) this.#fields[name].value = value;
  }

  /** What is wanted: only what differs from the guess. */
  wanted() {
    const said = {mix: this.mix, stems: {}};
    for (const [name, input] of Object.entries(this.#fields)) {
      const before = this.#guess[name]?.value ?? "";
      if (input.value.trim() !== before) said[name] = input.value.trim();
    }
    for (const [file, {select, kind}] of this.#kinds) {
      if (select.value !== (kind ?? "")) said.stems[file] = select.value;
    }
    return said;
  }

  working() {
    this.#tell("", "Being decoded and added …");
  }

  /** Show what became of it. */
  settle(told) {
    this.element.classList.remove("done", "failed");
    if (told.state === "failed") {
      this.state = "failed";
      this.element.classList.add("failed");
      this.#tell("bad", `Not added: ${told.reason}. To do: ${told.to_do}.`, told.notes);
      return;
    }
    this.state = "done";
    this.element.classList.add("done");
    this.chosen.checked = false;
    for (const input of this.element.querySelectorAll("input, select")) input.disabled = true;
    const link = make("a", {href: `/songs/${encodeURIComponent(told.song_id)}`, textContent: told.song_id});
    this.#tell(told.state === "added" ? "good" : "warn", told.state === "added" ? "Added as " : "In the library already as ", told.notes, link);
  }

  #tell(kind, words, notes = [], link = null) {
    const line = make("p", {className: `notice ${kind}`}, words, link);
    const list = notes.length ? make("ul", {className: "notes"}, ...notes.map((note) => make("li", {textContent: note}))) : "";
    this.#told.replaceChildren(line, list);
  }

  #warnings() {
    const {fault, duplicate, same_as: sameAs, notes} = this.#guess;
    const box = make("div");
    if (fault) box.append(make("p", {className: "notice bad", textContent: `Cannot be used: ${fault}`}));
    if (duplicate) {
      const link = make("a", {href: `/songs/${encodeURIComponent(duplicate)}`, textContent: duplicate});
      box.append(make("p", {className: "notice warn"}, "Duplicate: the library has this mix already as ", link));
    }
    if (sameAs) box.append(make("p", {className: "notice warn", textContent: `Duplicate: the same file as ${sameAs}`}));
    if (notes.length) box.append(make("ul", {className: "notes warn"}, ...notes.map((note) => make("li", {textContent: note}))));
    return box;
  }

  #makeFields() {
    const box = make("div", {className: "fields"});
    for (const [name, words, longest] of [["title", "Title", 500], ["artist", "Artist", 500], ["licence", "Licence", 200], ["attribution", "Attribution", 2000]]) {
      const guess = this.#guess[name];
      const input = make("input", {type: "text", maxLength: longest, value: guess?.value ?? "", autocomplete: "off", name});
      if (name === "licence") input.setAttribute("list", "licences");
      this.#fields[name] = input;
      const from = guess?.said_by ? make("span", {className: "muted said-by", textContent: `from ${guess.said_by}`}) : null;
      box.append(make("label", {}, make("span", {}, words), input, from));
    }
    return box;
  }

  #makeStems(kinds) {
    const rows = this.#guess.stems.map((stem) => {
      const select = make("select", {"aria-label": `Kind of ${stem.name}`});
      if (!stem.kind) select.append(make("option", {value: "", textContent: "unknown, not used"}));
      for (const {kind, noun} of kinds) select.append(make("option", {value: kind, textContent: noun === kind ? kind : `${kind} (${noun})`}));
      select.append(make("option", {value: LEAVE_OUT, textContent: "leave out"}));
      select.value = stem.kind ?? "";
      this.#kinds.set(stem.file, {select, kind: stem.kind});
      const problem = stem.problem ? make("div", {className: "warn", textContent: `${stem.problem.split("; ")[0]}: choose one`}) : null;
      return make("tr", {}, make("td", {}, make("span", {textContent: stem.name}), problem), make("td", {}, select));
    });
    const head = make("tr", {}, make("th", {scope: "col", textContent: "Stem"}), make("th", {scope: "col", textContent: "Kind"}));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  }
}

export function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
