// The buttons of the player and the heads of its lanes: made of elements, told what to show, telling the player.

import {OVERLAYS} from "/static/overlays.js";
import {SPEEDS} from "/static/player_engine.js";

export class Controls {
  constructor(player) {
    this.player = player;
    this.heads = new Map();
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Waveforms of all lanes; the tables below tell what is drawn over them");
    this.play = button("Play", () => player.toggle(), "primary player-play");
    this.time = make("output", "player-time");
    this.bar = make("output");
    this.section = make("output");
    this.position = make("input", "player-position");
    this.position.type = "range";
    this.position.min = 0;
    this.position.step = 0.01;
    this.position.value = 0;
    this.position.setAttribute("aria-label", "Position in the song");
    this.position.addEventListener("input", () => player.seek(Number(this.position.value)));
    this.loop = button("Loop", () => player.toggleLoop());
    this.speed = make("select");
    for (const speed of SPEEDS) this.speed.append(new Option(`${speed}×`, speed, speed === 1, speed === 1));
    this.speed.addEventListener("change", () => player.engine.setSpeed(Number(this.speed.value)));
    this.element = make("div");
    this.element.append(this.bar1(), this.bar2(), this.position, this.lanes());
  }

  bar1() {
    const row = make("div", "player-bar");
    row.append(
      this.play, this.loop, named("Speed", this.speed), told("Time", this.time), told("Bar:beat", this.bar),
      told("Section", this.section),
    );
    return row;
  }

  bar2() {
    const {player} = this;
    const row = make("div", "player-bar");
    row.append(
      button("Zoom in", () => player.lanes.zoom(2, player.time())),
      button("Zoom out", () => player.lanes.zoom(0.5)),
      button("One bar", () => player.zoomToBar()),
      button("Whole song", () => player.lanes.show(0, player.length_s)),
      button("Taller lanes", () => player.nextHeight()),
      button("Stems, not the mix", () => this.swap()),
      this.overlays(),
    );
    return row;
  }

  overlays() {
    const set = make("fieldset", "player-overlays");
    const title = make("legend", "for-readers");
    title.textContent = "Shown over the lanes";
    set.append(title);
    for (const {id, says, on} of OVERLAYS) {
      const box = make("input");
      box.type = "checkbox";
      box.checked = on;
      box.addEventListener("change", () => this.player.lanes.toggle(id, box.checked));
      set.append(named(says, box));
    }
    return set;
  }

  /** Hear all stems that belong to the mix in its place, or the mix again. */
  swap() {
    const {engine, rows} = this.player;
    const mix = rows.find(({lane}) => lane.part === "mix");
    const isMix = mix.index < 0 || !engine.lanes[mix.index].mute;
    for (const {lane, index} of rows) {
      if (index >= 0) engine.setLane(index, {solo: false, mute: lane.part === "mix" ? isMix : !isMix || lane.note !== null});
    }
  }

  lanes() {
    const grid = make("div", "player-lanes");
    const heads = make("div", "player-heads");
    const picture = make("div", "player-picture");
    picture.append(this.canvas);
    this.player.rows.forEach((row, number) => heads.append(this.head(row, number)));
    this.headsTop = heads;
    grid.append(heads, picture);
    return grid;
  }

  head(row, number) {
    const {lane, index} = row;
    const head = make("div", "player-head");
    head.setAttribute("role", "group");
    head.setAttribute("aria-label", lane.name);
    const name = make("span", "player-name");
    const marks = [lane.origin === "separated" && "separated", lane.corrected && "corrected", lane.note && "! not used"];
    name.textContent = [`${number} ${lane.name}`, ...marks.filter(Boolean)].join(", ");
    name.title = [lane.file, lane.corrected, lane.note, lane.fault].filter(Boolean).join("; ");
    head.append(name);
    if (index < 0) return head;
    const {engine} = this.player;
    const flip = (what) => () => engine.setLane(index, {[what]: !engine.lanes[index][what]});
    const mute = button("M", flip("mute"));
    mute.setAttribute("aria-label", `Mute ${lane.name}`);
    const solo = button("S", flip("solo"));
    solo.setAttribute("aria-label", `Solo ${lane.name}`);
    const gain = make("input");
    Object.assign(gain, {type: "range", min: 0, max: 1.5, step: 0.05});
    gain.value = 1;
    gain.setAttribute("aria-label", `Gain of ${lane.name}`);
    gain.addEventListener("input", () => engine.setLane(index, {gain: Number(gain.value)}));
    const row2 = make("div", "player-head-buttons");
    row2.append(mute, solo, gain);
    head.append(row2);
    this.heads.set(row, {mute, solo, gain});
    return head;
  }

  begin() {
    this.showState("paused");
    this.showLoop(null);
    this.showTime(0);
    this.player.showLanes();
  }

  setLength(length_s) {
    this.position.max = length_s;
  }

  /** Let the heads stand beside their lanes. */
  align(top, height) {
    this.headsTop.style.paddingTop = `${top}px`;
    for (const head of this.headsTop.children) head.style.height = `${height}px`;
  }

  showState(state) {
    this.play.textContent = state === "paused" ? "Play" : "Pause";
    this.play.setAttribute("aria-busy", String(state === "waiting"));
  }

  showTime(time_s) {
    const words = this.player.describe(time_s);
    put(this.time, words.time);
    put(this.bar, words.bar);
    put(this.section, words.section);
    if (document.activeElement !== this.position || this.player.engine.isPlaying) this.position.value = time_s;
    this.position.setAttribute("aria-valuetext", `${words.time}, bar and beat ${words.bar}, section ${words.section}`);
  }

  showLoop(loop) {
    this.loop.setAttribute("aria-pressed", String(loop !== null));
  }

  showSpeed(speed) {
    this.speed.value = speed;
  }

  showLane(row, {mute, solo, gain}) {
    const head = this.heads.get(row);
    head.mute.setAttribute("aria-pressed", String(mute));
    head.solo.setAttribute("aria-pressed", String(solo));
    head.gain.value = gain;
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function make(name, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

function button(text, run, className) {
  const made = make("button", className);
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}

function named(text, control) {
  const label = make("label", "player-named");
  const words = make("span");
  words.textContent = text;
  label.append(...(control.type === "checkbox" ? [control, words] : [words, control]));
  return label;
}

/** A value with its name; no live region, as it changes all the time. */
function told(text, output) {
  const label = named(text, output);
  output.setAttribute("aria-live", "off");
  return label;
}
