// The player of a song: its buttons, keys and lanes round the engine that plays them.
//
// Everything that a person can do with the sound is here; the clock stands in player_engine.js, the picture in lanes.js.

import {get} from "/static/api.js";
import {HEIGHTS, Lanes, clock} from "/static/lanes.js";
import {say, sayFault} from "/static/say.js";
import {Controls} from "/static/player_controls.js";
import {Engine} from "/static/player_engine.js";
import {addKeys} from "/static/player_keys.js";
import {Peaks} from "/static/player_peaks.js";
import {Places} from "/static/player_places.js";
import {RATE} from "/static/player_schedule.js";
import {tables} from "/static/player_tables.js";

const PATIENCE_MS = 1500;
const WAITING = "The sound is being prepared, which a long song takes a while for; then it plays by itself.";

/** Put a player into an element; what is asked of it before the song is known is done then. */
export function mountPlayer(element, songId) {
  return new Player(element, songId);
}

export class Player extends EventTarget {
  constructor(element, songId) {
    super();
    this.element = element;
    this.url = `/api/songs/${encodeURIComponent(songId)}/sound`;
    element.classList.add("player");
    element.setAttribute("aria-busy", "true");
    this.ready = this.load().catch((error) => {
      sayFault(error);
      element.textContent = error.said ?? error.message;
      throw error;
    });
    this.ready.catch(() => {});
  }

  async load() {
    const sound = await get(this.url);
    this.sound = sound;
    this.places = new Places(sound);
    const playable = sound.lanes.filter((lane) => !lane.fault);
    this.engine = new Engine(playable, sound.duration_s);
    const rows = sound.lanes.map((lane) => ({
      lane,
      index: playable.indexOf(lane),
      isSilent: false,
      peaks: new Peaks(lane.peaks_url, () => this.peaksArrived()),
    }));
    this.rows = rows;
    this.controls = new Controls(this);
    this.lanes = new Lanes(this.controls.canvas, sound, rows);
    this.element.replaceChildren(this.controls.element, this.newTables());
    this.controls.begin();
    this.listen();
    addKeys(this);
    // The mix alone at first: with its stems it would sound twice.
    rows.forEach(({lane, index}) => index >= 0 && lane.part !== "mix" && this.engine.setLane(index, {mute: true}));
    this.measure();
    this.element.removeAttribute("aria-busy");
    this.dispatchEvent(new Event("ready"));
    this.loadPeaks();
  }

  /** Draw what was measured anew, after a correction or a run; the sound goes on. */
  async refresh() {
    await this.ready;
    const {lanes, ...measured} = await get(this.url);
    Object.assign(this.sound, measured);
    this.places = new Places(this.sound);
    this.tables.replaceWith(this.newTables());
    this.measure();
    this.lanes.renew();
    this.show();
  }

  newTables() {
    this.tables = tables(this.sound, (from_s, to_s) => this.playPlace(from_s, to_s));
    return this.tables;
  }

  async loadPeaks() {
    for (const row of this.rows) {
      if (row.lane.fault) continue;
      await row.peaks.load().catch((error) => (row.peaks.fault = error.message));
      this.lanes.renew();
    }
  }

  peaksArrived() {
    this.measure();
    this.lanes.renew();
  }

  /** Learn the length of the song, which is not known of one that was not measured. */
  measure() {
    const drawn = this.rows.map(({peaks}) => (peaks.overview ? peaks.overview.pairs.length / 2 / peaks.overview.rate : 0));
    const length_s = Math.max(this.sound.duration_s ?? 0, this.engine.length / RATE, ...drawn);
    if (length_s > 0 && length_s !== this.length_s) {
      this.length_s = length_s;
      this.lanes.setLength(length_s);
      this.controls.setLength(length_s);
    }
  }

  listen() {
    const {engine, lanes, controls} = this;
    engine.addEventListener("statechange", () => {
      controls.showState(engine.state);
      this.follow();
      clearTimeout(this.patience);
      if (engine.state === "waiting") this.patience = setTimeout(() => say(WAITING), PATIENCE_MS);
    });
    engine.addEventListener("timeupdate", () => {
      this.show();
      this.dispatchEvent(new CustomEvent("timeupdate", {detail: {time_s: this.time()}}));
    });
    engine.addEventListener("loopchange", () => {
      const loop = engine.loop && {start_s: engine.loop.from / RATE, end_s: engine.loop.to / RATE};
      lanes.setLoop(loop);
      controls.showLoop(loop);
    });
    engine.addEventListener("speedchange", () => controls.showSpeed(engine.speed));
    engine.addEventListener("lanechange", () => this.showLanes());
    engine.addEventListener("fault", ({detail}) => {
      const row = this.rows.find(({lane}) => lane.lane === detail.lane.lane);
      row.peaks.fault = detail.error.message;
      sayFault(detail.error);
      lanes.renew();
    });
    lanes.addEventListener("seek", ({detail}) => this.seek(detail.time_s));
    lanes.addEventListener("region", ({detail}) => this.loop(detail.start_s, detail.end_s));
    lanes.addEventListener("layout", () => controls.align(lanes.top, lanes.height));
  }

  showLanes() {
    const isSolo = this.engine.lanes.some((lane) => lane.solo);
    for (const row of this.rows) {
      const lane = this.engine.lanes[row.index];
      row.isSilent = !lane || (isSolo ? !lane.solo : lane.mute);
      if (lane) this.controls.showLane(row, lane);
    }
    this.lanes.renew();
  }

  show() {
    const time_s = this.time();
    this.lanes.setTime(time_s, this.engine.isPlaying);
    this.controls.showTime(time_s);
  }

  /** Move the playhead with the picture while it plays; where less motion is wanted, with the engine's ticks only. */
  follow() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const step = () => {
      if (!this.element.isConnected || this.engine.state !== "playing") return;
      this.show();
      requestAnimationFrame(step);
    };
    if (this.engine.state === "playing") requestAnimationFrame(step);
  }

  /** The time that is heard, seconds of the song. */
  time() {
    return this.engine ? this.engine.now / RATE : 0;
  }

  async play() {
    await this.ready;
    await this.engine.play();
  }

  async pause() {
    await this.ready;
    this.engine.pause();
  }

  async toggle() {
    await this.ready;
    await (this.engine.isPlaying ? this.pause() : this.play());
  }

  async seek(time_s) {
    await this.ready;
    this.lanes.reveal(time_s);
    await this.engine.seek(time_s * RATE);
  }

  /** Go round a region; without one, straight on. */
  async loop(start_s, end_s) {
    await this.ready;
    const isRegion = Number.isFinite(start_s) && Number.isFinite(end_s);
    if (isRegion) this.lanes.reveal(start_s, end_s);
    await this.engine.setLoop(isRegion ? {from: start_s * RATE, to: end_s * RATE} : null);
  }

  async toggleLoop() {
    await this.ready;
    const place = this.places.around(this.time(), this.length_s);
    await (this.engine.loop ? this.loop() : this.loop(place.start_s, place.end_s));
  }

  /** Show a place and play it to its end; without `scrolls` the page stays where it is. */
  async playPlace(start_s, end_s, {scrolls = true} = {}) {
    await this.ready;
    const box = this.controls.canvas.getBoundingClientRect();
    if (scrolls && (box.bottom < 0 || box.top > innerHeight)) this.element.scrollIntoView({block: "start"});
    this.lanes.reveal(start_s, end_s);
    await this.engine.playSpan(start_s * RATE, end_s * RATE);
  }

  /** Show the bar that is played, and nothing else. */
  async zoomToBar() {
    await this.ready;
    const bar = this.places.bar(this.time(), this.length_s);
    this.lanes.show(bar.start_s, bar.end_s);
  }

  nextHeight() {
    this.lanes.setHeight(HEIGHTS[(HEIGHTS.indexOf(this.lanes.height) + 1) % HEIGHTS.length]);
  }

  /** When pieces of lanes were put on the clock: lane, sample of the clock, first sample of the song, how many. */
  scheduled() {
    return [...this.engine.log];
  }

  /** Bytes that are held of sound and peaks. */
  held() {
    return this.engine.bytes + this.rows.reduce((sum, {peaks}) => sum + peaks.bytes, 0);
  }

  /** What is played now, in words. */
  describe(time_s) {
    const {bar, beat} = this.places.beat(time_s);
    const section = this.places.section(time_s);
    return {
      time: clock(time_s, 1),
      bar: bar === null ? "–" : `${bar}:${beat}`,
      section: section ?? "–",
    };
  }

  close() {
    this.engine?.close();
    this.lanes?.close();
  }
}
