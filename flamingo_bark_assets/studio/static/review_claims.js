// Texts with their claims marked: solid for what agrees, wavy and "!" for a conflict, dotted and "?" for what is open.

import {edit} from "/static/edits.js";
import {sayFault} from "/static/say.js";
import {button, clock, el, number, percent} from "/static/review_dom.js";

const RANK = ["kept by hand", "agree", "unverifiable", "conflict"];
const CLASSES = {"kept by hand": "kept", agree: "agree", unverifiable: "unverifiable", conflict: "conflict"};
const SAYS = {
  "kept by hand": "kept by hand",
  agree: "agrees with the measurement",
  unverifiable: "cannot be checked",
  conflict: "conflicts with the measurement",
};
const CORRECTED = {tempo: "corrections.tempo_bpm", key: "corrections.key", metre: "corrections.metre"};

/** A text whose claims can be opened; `context`: song, play(place), corrections ({place: toml}). */
export function markedText(text, claims, context) {
  const points = [...text]; // offsets count characters, not the halves of them that JavaScript counts
  const line = el("p", {class: "review-marked", dir: "auto"});
  const box = el("div", {class: "review-claim-box"});
  let behind = 0;
  for (const group of grouped(claims)) {
    line.append(points.slice(behind, group.start).join(""));
    line.append(mark(points.slice(group.start, group.end).join(""), group.claims, box, context));
    behind = group.end;
  }
  line.append(points.slice(behind).join(""));
  return [line, box];
}

/** Claims whose words overlap share one mark. */
function grouped(claims) {
  const groups = [];
  for (const claim of [...claims].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = groups.at(-1);
    if (last && claim.start < last.end) {
      last.end = Math.max(last.end, claim.end);
      last.claims.push(claim);
    } else groups.push({start: claim.start, end: claim.end, claims: [claim]});
  }
  return groups;
}

const worst = (claims) => claims.reduce((a, b) => (RANK.indexOf(b.verdict) > RANK.indexOf(a.verdict) ? b : a));

export function measuredText(claim) {
  if (claim.measured === null) return "nothing measured";
  const hasNumber = claim.number !== null && claim.number !== undefined;
  if (hasNumber && claim.unit && !/^[\d.,\s]+$/.test(claim.measured)) return `${claim.measured} (${number(claim.number)} ${claim.unit})`;
  return [claim.measured, claim.unit].filter(Boolean).join(" ");
}

const claimedText = (claim) => (claim.kind === "tempo" ? `${claim.claimed} BPM` : claim.claimed);

function mark(text, claims, box, context) {
  const verdict = worst(claims).verdict;
  const open = () => {
    const wasOpen = made.getAttribute("aria-expanded") === "true";
    for (const other of box.parentElement.querySelectorAll('.claim[aria-expanded="true"]')) other.setAttribute("aria-expanded", "false");
    for (const other of box.parentElement.querySelectorAll(".review-claim-box")) other.replaceChildren();
    if (wasOpen) return;
    made.setAttribute("aria-expanded", "true");
    box.replaceChildren(details(claims, context, () => {
      made.setAttribute("aria-expanded", "false");
      box.replaceChildren();
      made.focus();
    }));
    const place = claims.find((claim) => claim.place)?.place;
    if (place) context.play(place);
  };
  const made = el("span", {
    class: `claim ${CLASSES[verdict] ?? "unverifiable"}`,
    role: "button",
    tabindex: "0",
    "aria-expanded": "false",
    "aria-label": `${text}: ${claims.map((each) => `${SAYS[each.verdict] ?? each.verdict}, ${measuredText(each)}`).join("; ")}`,
    text,
    on: {
      click: open,
      keydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        open();
      },
    },
  });
  return made;
}

function details(claims, context, close) {
  return el("div", {class: "review-claim", role: "group", "aria-label": "What was measured", on: {
    keydown: (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      close();
    },
  }}, ...claims.map((claim) => one(claim, context)), button("Close", close, {class: "quiet"}));
}

function one(claim, context) {
  const rows = [
    ["Claim", `“${claim.said}”: ${claim.kind.replaceAll("_", " ")} ${claimedText(claim)}`],
    ["Verdict", SAYS[claim.verdict] ?? claim.verdict],
    ["Measured", measuredText(claim)],
    ["Confidence", claim.confidence === null ? "the method gives none" : percent(claim.confidence)],
    ["Method", claim.method ?? "none"],
  ];
  if (claim.note) rows.push(["Note", claim.note]);
  const told = el("dl", {}, ...rows.flatMap(([name, text]) => [el("dt", {text: name}), el("dd", {text, dir: "auto"})]));
  const place = claim.place
    ? button(`▶ ${clock(claim.place.start_s)} – ${clock(claim.place.end_s)}: ${claim.place.why}`, () => context.play(claim.place))
    : el("p", {class: "muted", text: "No place to play: nothing is known of the song's course."});
  return el("div", {}, told, el("div", {class: "review-buttons"}, place, ...decisions(claim, context), correction(claim, context)));
}

function decisions(claim, context) {
  if (!context.isDecidable) return [];
  const {place, toml} = claim.decision;
  const decide = (text, value) => button(text, () => write(`${value ?? "decide anew on"} “${claim.said}” in ${context.song}`, context, place, toml, value), {
    "aria-pressed": String(toml === value),
  });
  if (claim.verdict === "agree" && toml === null) return [];
  return [decide("Keep it", "keep"), decide("Drop it", "drop"), toml === null ? null : decide("As measured", null)];
}

/** Where the claim is right and the measurement wrong, the measurement is corrected. */
function correction(claim, context) {
  const place = CORRECTED[claim.kind];
  const value = claim.kind === "tempo" ? Number(claim.claimed) : claim.claimed;
  const isValue = claim.kind === "tempo" ? value >= 20 && value <= 400 : claim.kind === "key" ? /^[A-G][#b]? (major|minor)$/.test(value) : /^([2-57]\/4|[5-79]\/8|12\/8)$/.test(value);
  if (claim.verdict !== "conflict" || !place || !isValue) return null;
  return button(`Correct the measurement to ${claimedText(claim)}`, () =>
    write(`correct ${claim.kind} of ${context.song}`, context, place, context.corrections[place] ?? null, value));
}

async function write(label, context, place, seen, value) {
  try {
    await edit(label, {[context.song]: {[place]: value}}, {[context.song]: {[place]: seen}});
  } catch (error) {
    sayFault(error);
  }
}
