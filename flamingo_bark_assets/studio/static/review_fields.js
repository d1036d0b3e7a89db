// The fields of a song as tables: value, where it comes from, how sure it is, and what a person may do with it.

import {editButtons, editable} from "/static/review_editing.js";
import {el, longText, number, percent} from "/static/review_dom.js";

const ORIGINS = {
  human: "by hand", measured: "measured", model: "model", tag: "tag", sidecar: "sidecar", default: "default",
  unknown: "unknown",
};
const PLAIN_NUMBERS = new Set(["repeats"]);

/** The table of fields; `more` gives further buttons of a field. */
export function fieldTable(caption, fields, data, more = () => []) {
  const rows = fields.map((field) => row(field, data, more(field)));
  return el("table", {class: "review-fields"},
    el("caption", {class: "for-readers", text: caption}),
    el("thead", {class: "for-readers"}, el("tr", {}, ...["Field", "Value, and where it is from", "Actions"].map((text) => el("th", {scope: "col", text})))),
    el("tbody", {}, ...rows));
}

function row(field, data, more) {
  const cell = el("div", {class: "review-value"}, shownValue(field));
  const line = el("tr", {}, el("th", {scope: "row", text: field.label}), el("td", {}, cell, from(field)));
  if (!field.place) {
    line.append(el("td"));
    return line;
  }
  const spec = {...field, song: data.song_id, lockedList: data.locked, cell};
  editable(line, spec);
  line.append(el("td", {}, editButtons(line, spec), more.length ? el("span", {class: "review-buttons"}, ...more) : null));
  return line;
}

export function valueText(value, unit) {
  if (Array.isArray(value)) return value.join(", ");
  const text = typeof value === "number" ? number(value) : String(value);
  return unit ? `${text} ${unit}` : text;
}

function shownValue(field) {
  if (field.value === null) {
    return el("span", {class: "review-unknown"}, el("em", {text: "unknown"}), field.reason ? `: ${field.reason}` : "");
  }
  const unit = PLAIN_NUMBERS.has(field.name) ? null : field.unit;
  return longText(valueText(field.value, unit), 300);
}

function from(field) {
  const told = el("div", {class: "review-note"}, el("span", {class: `tag origin-${field.origin}`, text: ORIGINS[field.origin] ?? field.origin}));
  const notes = [];
  if (field.confidence !== null) notes.push(`confidence ${percent(field.confidence)}`);
  if (field.method && field.value !== null) notes.push(field.method);
  if (field.detail) notes.push(field.detail);
  if (field.locked) notes.push("locked");
  if (notes.length) told.append(el("span", {class: "muted", text: ` ${notes.join(" · ")}`}));
  if (field.measured) {
    const {value, confidence} = field.measured;
    const was = value === null ? "nothing" : valueText(value, field.unit);
    told.append(el("div", {class: "muted", text: `measured: ${was}${confidence === null ? "" : `, confidence ${percent(confidence)}`}`}));
  }
  for (const other of field.others) {
    told.append(el("div", {class: "muted", dir: "auto", text: `${other.source} says: ${other.text.slice(0, 200)}`}));
  }
  return told;
}

/** Every measurement, folded. */
export function measurementTables(data) {
  const groups = Map.groupBy ? Map.groupBy(data.measurements, (each) => each.record) : grouped(data.measurements);
  return [...groups].map(([record, rows]) => el("details", {"data-id": `measurements-${record}`},
    el("summary", {text: `${record.replaceAll("_", " ")}: ${rows.length} measurements`}),
    el("div", {class: "scrolls"}, el("table", {},
      el("thead", {}, el("tr", {}, ...["Name", "Value", "Confidence", "Method"].map((text) => el("th", {scope: "col", text})))),
      el("tbody", {}, ...rows.map((each) => el("tr", {},
        el("th", {scope: "row", title: each.doc, text: each.name}),
        el("td", {}, each.value === null
          ? el("span", {class: "review-unknown"}, el("em", {text: "unknown"}), `: ${each.reason}`)
          : valueText(typeof each.value === "boolean" ? (each.value ? "yes" : "no") : each.value, each.unit)),
        el("td", {class: "number", text: each.confidence === null ? "–" : percent(each.confidence)}),
        el("td", {class: "muted", text: each.method}))))))));
}

function grouped(rows) {
  const found = new Map();
  for (const each of rows) found.set(each.record, [...(found.get(each.record) ?? []), each]);
  return found;
}

/** The rules of the verdict with value and limit. */
export function verdictTable(data) {
  const {verdict} = data;
  const said = verdict.suitable === null ? `Not judged: ${verdict.reason}` : verdict.suitable ? "Fit for training." : `Not fit: ${verdict.reason}`;
  const shown = el("p", {class: verdict.suitable ? "good" : verdict.suitable === null ? "muted" : "bad", dir: "auto", text: `${verdict.suitable ? "✓ " : verdict.suitable === null ? "" : "✗ "}${said}`});
  const parts = [shown];
  if (verdict.suitable_stems) parts.push(el("p", {text: `Stems that are fit: ${verdict.suitable_stems}`}));
  if (verdict.advice) parts.push(el("p", {class: "muted", text: verdict.advice}));
  if (verdict.rules.length) {
    const failed = verdict.rules.filter((rule) => !rule.passed).length;
    parts.push(el("details", {"data-id": "rules", open: failed > 0},
      el("summary", {text: `${verdict.rules.length} rules, ${failed} failed`}),
      el("div", {class: "scrolls"}, el("table", {class: "review-rules"},
        el("caption", {class: "for-readers", text: "Rules of the verdict"}),
        el("thead", {}, el("tr", {}, ...["Holds", "Rule", "Of", "Value", "Limit"].map((text) => el("th", {scope: "col", text})))),
        el("tbody", {}, ...verdict.rules.toSorted((a, b) => a.passed - b.passed).map(rule))))));
  }
  return parts;
}

function rule(each) {
  const yesNo = (value) => (value ? "yes" : "no");
  const value = each.value === null ? "unknown" : each.is_yes_or_no ? yesNo(each.value) : valueText(each.value, each.unit);
  const limit = each.is_yes_or_no ? "yes" : `${each.comparison === ">=" ? "≥" : "≤"} ${valueText(each.threshold, each.unit)}`;
  return el("tr", {},
    el("td", {class: each.passed ? "good" : "bad", text: each.passed ? "✓ yes" : "✗ no"}),
    el("th", {scope: "row"}, each.rule.replaceAll("_", " "), el("div", {class: "muted review-note", text: each.reason ?? each.demands ?? ""})),
    el("td", {text: each.subject}),
    el("td", {class: "number", text: value}),
    el("td", {class: "number", text: limit}));
}
