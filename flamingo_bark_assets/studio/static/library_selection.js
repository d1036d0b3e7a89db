// Which songs are selected: by click, by range, all that match; it outlives pages and filters.

import {get} from "/static/api.js";
import {sayFault} from "/static/say.js";

export class Selection {
  /** @param {() => HTMLElement} results holds the rows that are shown */
  constructor(results) {
    this.results = results;
    this.chosen = new Set();
    this.anchor = null;
    this.bar = document.getElementById("chosen");
  }

  get size() {
    return this.chosen.size;
  }

  has(song) {
    return this.chosen.has(song);
  }

  songs() {
    return [...this.chosen];
  }

  /** Select or unselect a song; with `isRange` all from the last one that was chosen up to it. */
  async choose(song, isChosen, isRange, {keepsAnchor = false} = {}) {
    let songs = [song];
    if (isRange && this.anchor && this.anchor !== song) {
      try {
        songs = await this.between(this.anchor, song);
      } catch (error) {
        sayFault(error);
      }
    } else if (!keepsAnchor || !this.anchor) this.anchor = song;
    for (const each of songs) isChosen ? this.chosen.add(each) : this.chosen.delete(each);
    this.shown();
  }

  async between(one, other) {
    let order = this.rows().map((row) => row.dataset.songId);
    if (!order.includes(one) || !order.includes(other)) order = await this.matching();
    const [from, to] = [order.indexOf(one), order.indexOf(other)].sort((a, b) => a - b);
    return from < 0 ? [other] : order.slice(from, to + 1);
  }

  async chooseAll() {
    for (const song of await this.matching()) this.chosen.add(song);
    this.shown();
  }

  clear() {
    this.chosen.clear();
    this.anchor = null;
    this.shown();
  }

  async matching() {
    const said = new URL(location.href).searchParams;
    said.delete("page");
    return (await get(`/api/library/songs?${said}`)).songs;
  }

  rows() {
    return [...this.results().querySelectorAll("tr[data-song-id]")];
  }

  /** Show in the rows, and in the bar below them, what is selected. */
  shown() {
    let here = 0;
    for (const row of this.rows()) {
      const isChosen = this.chosen.has(row.dataset.songId);
      here += isChosen;
      row.setAttribute("aria-selected", String(isChosen));
      row.querySelector(".choose input").checked = isChosen;
    }
    const count = this.chosen.size;
    const hadFocus = this.bar.contains(document.activeElement);
    this.bar.hidden = count === 0;
    if (count === 0 && hadFocus) document.getElementById("main").focus();
    const elsewhere = count > here ? `, ${count - here} of them not shown here` : "";
    document.getElementById("chosen-count").textContent = count ? `${count.toLocaleString("en")} song${count === 1 ? "" : "s"} selected${elsewhere}` : "";
    const all = document.getElementById("choose-all");
    const total = Number(this.results().dataset.total);
    all.textContent = `Select all ${total.toLocaleString("en")} that match`;
    all.hidden = here === total && count >= total;
  }
}
