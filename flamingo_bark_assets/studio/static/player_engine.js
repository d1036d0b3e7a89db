// All lanes of a song on one audio clock: play, seek, loop, speed, mute, solo and gain.
//
// The clock and what is scheduled on it belong here; buttons, keys and pictures stand in player.js and lanes.js.

import {RATE, WINDOW, Timeline, cut, gains, schedule} from "/static/player_schedule.js";
import {Windows} from "/static/player_windows.js";

const AHEAD_S = 12;
const TICK_MS = 150;
const RAMP_S = 0.01;
const LEAD_S = 0.05; // from the decision to play to the first sample
const LONGEST_LEAD_S = 0.8;
const ATTACK_S = 0.003;
const LOG = 400;
export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
const SHORTEST_LOOP = RATE / 4;

export class Engine extends EventTarget {
  /** @param {{lane: string, url: string}[]} lanes that can be played */
  constructor(lanes, duration_s) {
    super();
    this.lanes = lanes.map((lane) => ({
      ...lane, windows: new Windows(lane.url), mute: false, solo: false, gain: 1, node: null,
    }));
    this.given = duration_s === null ? null : Math.round(duration_s * RATE);
    this.position = 0;
    this.speed = 1;
    this.loop = null;
    this.until = null;
    this.state = "paused";
    this.context = null;
    this.run = 0;
    this.lead_s = LEAD_S;
    this.sources = new Set();
    this.stretch = null;
    this.log = [];
  }

  /** Samples of the song: as the longest lane has them, or as measured until one is known. */
  get length() {
    const known = this.lanes.map((lane) => lane.windows.length ?? 0);
    return Math.max(...known, 0) || this.given || 0;
  }

  get isPlaying() {
    return this.state !== "paused";
  }

  /** The sample of the song that is heard now. */
  get now() {
    if (this.state !== "playing") return this.position;
    const heard = this.context.currentTime - (this.context.outputLatency || 0);
    const played = Math.max(0, Math.floor((heard * RATE - this.start) * this.playedSpeed));
    return this.timeline.songAt(played) ?? this.timeline.length;
  }

  /** Bytes that are held of the sound: windows that were fetched, and what is scheduled. */
  get bytes() {
    let bytes = 0;
    for (const lane of this.lanes) bytes += lane.windows.bytes;
    for (const source of this.sources) bytes += source.buffer.length * 4;
    return bytes + (this.stretch ? this.stretch.bytes : 0);
  }

  async play() {
    if (this.isPlaying) return;
    this.open();
    for (const lane of this.lanes) lane.windows.fault = lane.told = null; // what failed may do now
    this.position = this.position >= this.length - 1 && this.length ? 0 : this.position;
    await this.begin(this.position);
  }

  pause() {
    if (!this.isPlaying) return;
    this.position = this.now;
    this.halt();
    this.become("paused");
  }

  /** Play from one sample to another and stop there. */
  async playSpan(from, to) {
    this.open();
    this.until = Math.round(to);
    await this.begin(Math.round(from));
  }

  async seek(sample) {
    this.until = null;
    const to = Math.max(0, Math.min(Math.round(sample), Math.max(0, this.length - 1)));
    if (this.isPlaying) await this.begin(to);
    else {
      this.position = to;
      this.tell("timeupdate");
    }
  }

  /** Go round a region, or, without one, straight on; what is heard goes on where it is. */
  async setLoop(loop) {
    this.until = null;
    this.loop = loop && {from: Math.round(loop.from), to: Math.max(Math.round(loop.to), loop.from + SHORTEST_LOOP)};
    this.tell("loopchange");
    if (this.isPlaying) await this.begin(this.loop && this.now < this.loop.from ? this.loop.from : this.now);
  }

  async setSpeed(speed) {
    if (!SPEEDS.includes(speed) || speed === this.speed) return;
    const at = this.now;
    this.speed = speed;
    this.tell("speedchange");
    if (this.isPlaying) await this.begin(at);
  }

  /** Change mute, solo or gain of a lane; without a click, and without any loss of the clock. */
  setLane(index, change) {
    Object.assign(this.lanes[index], change);
    this.applyGains(RAMP_S);
    this.tell("lanechange");
  }

  open() {
    if (this.context) return;
    this.context = new AudioContext({sampleRate: RATE, latencyHint: "interactive"});
    this.master = this.context.createGain();
    this.master.connect(this.context.destination);
    for (const lane of this.lanes) {
      lane.node = this.context.createGain();
      lane.node.connect(this.master);
    }
    this.applyGains(0);
  }

  applyGains(ramp_s) {
    if (!this.context) return;
    const now = this.context.currentTime;
    gains(this.lanes).forEach((gain, index) => ramp(this.lanes[index].node.gain, gain, now, ramp_s));
  }

  /** Begin to play at a sample of the song; whatever sounds is faded out first. */
  async begin(sample) {
    this.halt();
    const run = this.run;
    this.position = sample;
    this.become("waiting");
    await Promise.all([this.context.resume(), this.ready(sample), this.prepareStretch()]);
    if (run !== this.run) return;
    if (this.lanes.every((lane) => lane.windows.fault)) {
      this.become("paused");
      return;
    }
    const now = this.context.currentTime;
    const end = Math.min(this.length, this.until ?? Infinity);
    this.timeline = new Timeline(sample, end, this.until === null ? this.loop : null);
    this.start = Math.ceil((now + this.lead_s) * RATE);
    this.playedSpeed = this.speed;
    this.piece = this.timeline.next();
    this.master.gain.setValueAtTime(0, this.start / RATE); // what sounded before is faded out by then
    this.master.gain.linearRampToValueAtTime(1, this.start / RATE + ATTACK_S);
    if (this.speed !== 1) this.stretch.begin(this.start, this.speed);
    this.become("playing");
    this.pump(run);
    this.timer = setInterval(() => this.pump(run), TICK_MS);
  }

  /** Wait for the first windows, which also tell how long each lane is. */
  async ready(sample) {
    const first = Math.floor(sample / WINDOW);
    const isShort = (first + 1) * WINDOW - sample < RATE; // the next one would come too late
    await Promise.all([this.windowsOf(first), isShort && this.windowsOf(first + 1)]);
  }

  async windowsOf(window) {
    const found = await Promise.allSettled(this.lanes.map((lane) => lane.windows.get(window)));
    found.forEach((each, index) => {
      if (each.status === "rejected" && !this.lanes[index].told) {
        this.lanes[index].told = true;
        this.lanes[index].windows.fault ??= each.reason;
        this.dispatchEvent(new CustomEvent("fault", {detail: {lane: this.lanes[index], error: each.reason}}));
      }
    });
    return found.map((each) => (each.status === "fulfilled" ? each.value : new Int16Array(0)));
  }

  /** Schedule what begins within the next twelve seconds. */
  async pump(run) {
    if (run !== this.run || this.isPumping === run) return;
    this.isPumping = run;
    try {
      while (this.piece && this.piece.at < this.played() + AHEAD_S * RATE) {
        const piece = this.piece;
        const windows = await this.windowsOf(piece.window);
        if (run !== this.run) return;
        if (!this.put(piece, windows)) {
          this.lead_s = Math.min(LONGEST_LEAD_S, 2 * this.lead_s);
          this.begin(piece.from); // it came too late: wait for it, and go on from there
          return;
        }
        this.piece = this.timeline.next();
        this.letGo(piece.window);
      }
    } finally {
      if (this.isPumping === run) this.isPumping = null;
    }
    this.tell("timeupdate");
    if (!this.piece && this.played() >= this.timeline.at) this.finish();
  }

  played() {
    return (this.context.currentTime * RATE - this.start) * this.playedSpeed;
  }

  /** Put a piece on the clock; false where its time is over. */
  put(piece, windows) {
    const cuts = windows.map((window) => cut(piece, window));
    if (this.playedSpeed !== 1) {
      if (this.played() > piece.at) return false;
      this.stretch.add(cuts, piece.count);
      return true;
    }
    const sample = this.start + piece.at;
    const parts = cuts.map((samples, index) => ({lane: this.lanes[index].lane, destination: this.lanes[index].node, samples}))
      .filter(({samples}) => samples.length);
    const sources = schedule(this.context, parts, sample);
    if (!sources) return false;
    for (const source of sources) {
      source.onended = () => this.sources.delete(source);
      this.sources.add(source);
    }
    for (const {lane, samples} of parts) this.log.push({lane, sample, from: piece.from, count: samples.length});
    this.log.splice(0, this.log.length - LOG);
    return true;
  }

  /** Hold only the window that was scheduled last, and those of a loop that are few. */
  letGo(window) {
    const wanted = new Set([window]);
    if (this.loop && this.loop.to - this.loop.from <= 2 * WINDOW) {
      for (let i = Math.floor(this.loop.from / WINDOW); i * WINDOW < this.loop.to; i++) wanted.add(i);
    }
    for (const lane of this.lanes) lane.windows.keep(wanted);
  }

  /** Stop what is scheduled, faded out in ten milliseconds. */
  halt() {
    this.run += 1;
    clearInterval(this.timer);
    if (!this.context) return;
    const now = this.context.currentTime;
    ramp(this.master.gain, 0, now, RAMP_S);
    for (const source of this.sources) source.stop(now + RAMP_S);
    this.sources.clear();
    this.stretch?.end();
  }

  finish() {
    this.halt();
    this.position = this.until ?? 0;
    this.until = null;
    this.become("paused");
    this.tell("ended");
  }

  async prepareStretch() {
    if (this.speed === 1) return;
    const {Stretch} = await import("/static/player_stretch.js");
    this.stretch ??= await Stretch.open(this.context, this.lanes.map((lane) => lane.node));
  }

  become(state) {
    this.state = state;
    this.tell("statechange");
    this.tell("timeupdate");
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }

  close() {
    this.halt();
    this.context?.close();
    this.context = null;
    this.state = "paused";
  }
}

function ramp(parameter, value, from_s, length_s) {
  parameter.cancelScheduledValues(0);
  parameter.setValueAtTime(parameter.value, from_s);
  if (length_s) parameter.linearRampToValueAtTime(value, from_s + length_s);
  else parameter.setValueAtTime(value, from_s);
}
