// One disputed claim as a card: its text with the claim marked, what was measured against it, and what can be done.

import * as keys from "/static/keys.js";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function button(text, key, label, run) {
  const made = element("button", {type: "button", "aria-label": label}, text, " ");
  made.append(element("kbd", {"data-key": key}, keys.shownKey(keys.keyOf(key))));
  made.addEventListener("click", run);
  return made;
}

function pair(name, ...said) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...said));
}

export function conflictCard(each, act) {
  const name = each.title || each.song_id;
  const card = element("li", {class: "conflict", tabindex: "-1", "data-song": each.song_id, "data-kind": each.kind, "data-place": each.place});
  const heading = element(
    "h2", {},
    element("a", {href: `/songs/${encodeURIComponent(each.song_id)}`}, name),
    element("span", {class: "tag"}, each.kind.replaceAll("_", " ")),
    element("span", {class: "muted"}, `${each.question} of the ${each.part}`),
  );
  const text = element("blockquote", {}, ...each.segments.map(([piece, isClaim]) => (isClaim ? element("mark", {}, piece) : piece)));
  const sure = each.confidence;
  const facts = element(
    "dl", {class: "against"},
    pair("claimed", element("strong", {}, each.claimed)),
    pair("measured", element("strong", {}, each.measured ?? "not known"), each.method ? element("span", {class: "muted"}, ` by ${each.method}`) : null),
    pair("how sure", sure === null ? "not told" : element("meter", {min: "0", max: "1", value: String(sure), "aria-label": "confidence of the measurement"}), sure === null ? null : ` ${Math.round(100 * sure)} %`),
    pair("who says it", each.captioner, each.model_id ? element("span", {class: "muted"}, ` ${each.model_id}`) : null),
  );
  const actions = element(
    "div", {class: "actions"},
    button("Keep", "conflicts.keep", `Keep “${each.said}”`, act.keep),
    button("Drop", "conflicts.drop", `Drop “${each.said}”`, act.drop),
    each.corrects ? button("Correct the measurement", "conflicts.correct", `Correct the measurement of ${name}`, act.correct) : null,
    button("Play", "conflicts.play", `Play ${each.lane} of ${name} from ${each.start_s.toFixed(1)} s`, act.play),
  );
  card.append(heading, text, facts, actions);
  card.addEventListener("focusin", act.choose);
  card.addEventListener("pointerdown", act.choose);
  return card;
}
