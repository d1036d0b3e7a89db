// The page of datasets: exports are asked for, followed, cancelled and downloaded; what they are stands on the server.

import {get, send} from "/static/api.js";
import {say, sayFault} from "/static/say.js";
import {element, jobCard, standingList} from "/static/datasets_jobs.js";

const BUSY_MS = 700;
const IDLE_MS = 15000;
const form = document.getElementById("export-form");
const jobs = document.getElementById("jobs");
const standing = document.getElementById("standing");
const target = document.getElementById("export-target");
const view = document.getElementById("export-view");
const cards = new Map();
let timer = 0;

function fitViews() {
  const chosen = target.selectedOptions[0];
  view.disabled = !("takesView" in chosen.dataset);
  if (view.disabled) view.value = "";
  view.options[0].textContent = `as the layout asks: ${chosen.dataset.views.split(" ").join(", ")}`;
}

/** Put what the server says into the page; a card that says the same stays as it is, open details and focus with it. */
function show(told) {
  const known = new Set();
  let before = null;
  for (const job of told.jobs) {
    known.add(job.id);
    const text = JSON.stringify(job);
    let card = cards.get(job.id);
    if (!card || card.text !== text) {
      const made = {text, status: job.status, node: jobCard(job, {cancel, findings: () => get(`/api/exports/${job.id}`)})};
      if (card) {
        const hadFocus = card.node.contains(document.activeElement);
        card.node.replaceWith(made.node);
        if (hadFocus) made.node.querySelector("button, a")?.focus();
        if (card.status !== job.status && job.has_ended) announce(job);
      }
      cards.set(job.id, made);
      card = made;
    }
    const wanted = before ? before.nextElementSibling : jobs.firstElementChild;
    if (card.node !== wanted) jobs.insertBefore(card.node, wanted);
    before = card.node;
  }
  for (const [id, card] of cards) {
    if (known.has(id)) continue;
    card.node.remove();
    cards.delete(id);
  }
  standing.replaceChildren(...(told.standing.length ? [element("h3", {}, "Standing exports"), standingList(told.standing)] : []));
  return told.jobs.some((job) => !job.has_ended);
}

function announce(job) {
  const found = job.verification?.found ?? 0;
  if (job.status === "done") say(found ? `${job.folder}: exported, ${found} found in it` : `${job.folder}: exported, nothing found`);
  else say(`${job.folder}: ${job.status}`, {kind: job.status === "cancelled" ? undefined : "fault"});
}

async function look() {
  clearTimeout(timer);
  let isBusy = false;
  try {
    if (!document.hidden) isBusy = show(await get("/api/exports"));
  } catch (error) {
    if (error.status !== 0) sayFault(error);
  }
  timer = setTimeout(look, isBusy ? BUSY_MS : IDLE_MS);
}

async function cancel(job) {
  try {
    await send("DELETE", `/api/exports/${job.id}`);
  } catch (error) {
    sayFault(error);
  }
  look();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = new FormData(form);
  const flag = (name) => said.get(name) !== null;
  try {
    await send("POST", "/api/exports", {
      target: said.get("target"),
      view: said.get("view") || null,
      commercial: flag("commercial"),
      accepted_only: flag("accepted_only"),
      by_artist: flag("by_artist"),
      custom_tag: said.get("custom_tag").trim(),
      overwrite: flag("overwrite"),
    });
  } catch (error) {
    sayFault(error);
  }
  look();
});
for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => {
    target.value = button.dataset.choose;
    fitViews();
    document.getElementById("export").scrollIntoView();
    form.querySelector("button").focus({preventScroll: true});
  });
}
target.addEventListener("change", fitViews);
document.addEventListener("visibilitychange", () => document.hidden || look());
fitViews();
look();
