// The small dialog in which a person corrects tempo, key or metre of a song.

const METRES = ["2/4", "3/4", "4/4", "5/4", "7/4", "5/8", "7/8", "6/8", "9/8", "12/8"];
const LOWEST_BPM = 20;
const HIGHEST_BPM = 400;

/** Ask for a correction, of the key to one of `keys`; resolve to {place: value}, or null where nothing is to be changed. */
export function askCorrection(each, keys) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.className = "correct";
    dialog.setAttribute("aria-labelledby", "correct-title");
    const title = document.createElement("h2");
    title.id = "correct-title";
    title.textContent = `What is right of ${each.title || each.song_id}?`;
    const form = document.createElement("form");
    form.method = "dialog";
    const fields = {tempo_bpm: tempoField(each), key: keyField(each, keys), metre: metreField(each)};
    for (const field of Object.values(fields)) form.append(field.box);
    let values = null;
    const save = button("Save", () => {
      if (!form.reportValidity()) return;
      values = {};
      for (const [name, field] of Object.entries(fields)) {
        const value = field.value();
        if (value !== null) values[`corrections.${name}`] = value;
      }
      dialog.close();
    });
    save.className = "primary";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      save.click();
    });
    form.append(save, " ", button("Cancel", () => dialog.close()));
    dialog.append(title, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(values && Object.keys(values).length ? values : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    fields[each.corrects].focus();
  });
}

function button(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}

function boxed(legend, ...children) {
  const box = document.createElement("fieldset");
  const head = document.createElement("legend");
  head.textContent = legend;
  const row = document.createElement("div");
  row.className = "row";
  row.append(...children);
  box.append(head, row);
  return box;
}

const rounded = (bpm) => Math.round(bpm * 100) / 100;

function tempoField(each) {
  const input = document.createElement("input");
  input.type = "number";
  input.min = LOWEST_BPM;
  input.max = HIGHEST_BPM;
  input.step = "any";
  input.setAttribute("aria-label", "Tempo, BPM");
  const before = each.tempo_bpm === null ? "" : String(rounded(each.tempo_bpm));
  input.value = before;
  const scale = (text, factor) => {
    const made = button(text, () => {
      if (input.value) input.value = String(rounded(Number(input.value) * factor));
    });
    made.disabled = each.tempo_bpm === null;
    return made;
  };
  return {
    box: boxed("Tempo, BPM", input, scale("Halve", 0.5), scale("Double", 2)),
    value: () => (input.value === before || input.value === "" ? null : Number(input.value)),
    focus: () => input.select(),
  };
}

function chooser(label, values, chosen) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", label);
  for (const value of values) select.append(new Option(value || "not known", value, false, value === chosen));
  return select;
}

function keyField(each, keys) {
  const before = each.key ?? "";
  const select = chooser("Key", keys.includes(before) ? keys : [before, ...keys], before);
  return {box: boxed("Key", select), value: () => (select.value === before ? null : select.value), focus: () => select.focus()};
}

function metreField(each) {
  const before = each.metre ?? "";
  const select = chooser("Metre", before ? METRES : ["", ...METRES], before);
  return {box: boxed("Metre", select), value: () => (select.value === before ? null : select.value), focus: () => select.focus()};
}
