// The picture of a song: one canvas with a ruler, the strips of overlays, and the waveform of each lane.
//
// What stands still is drawn once into a picture of its own; of each frame only the playhead is new.

import {OVERLAYS, drawBeats, drawHits, drawPitch, drawStrip, stripHeight} from "/static/overlays.js";

export const HEIGHTS = [68, 112, 180];
const RULER = 22;
const FINE_PX_A_SECOND = 25;
const SHORTEST_VIEW_S = 0.25;
const DRAG_PX = 5;
const SILENT_ALPHA = 0.4;

export class Lanes extends EventTarget {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {object} sound what the studio tells of the song
   * @param {{lane: object, peaks: object}[]} lanes
   */
  constructor(canvas, sound, lanes) {
    super();
    this.canvas = canvas;
    this.sound = sound;
    this.lanes = lanes;
    this.still = document.createElement("canvas");
    this.shown = new Set(OVERLAYS.filter((each) => each.on).map((each) => each.id));
    this.height = HEIGHTS[0];
    this.length_s = 1;
    this.from_s = 0;
    this.to_s = 1;
    this.time_s = 0;
    this.loop = null;
    this.isOld = true;
    this.resized = new ResizeObserver(() => this.renew());
    this.resized.observe(canvas.parentElement);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onDark = () => this.renew();
    this.dark.addEventListener("change", this.onDark);
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), {passive: false});
  }

  /** Height of ruler and strips, under which the lanes begin. */
  get top() {
    return RULER + this.strips.reduce((sum, {height}) => sum + height, 0);
  }

  get strips() {
    const shown = OVERLAYS.filter(({id}) => this.shown.has(id));
    return shown.map((each) => ({id: each.id, height: stripHeight(each, this.sound)})).filter(({height}) => height);
  }

  setLength(length_s) {
    const wasWhole = this.to_s - this.from_s >= this.length_s;
    this.length_s = Math.max(length_s, 0.001);
    if (wasWhole) this.show(0, this.length_s);
    else this.show(this.from_s, this.to_s);
  }

  /** Show a span of the song. */
  show(from_s, to_s) {
    const span = Math.min(Math.max(to_s - from_s, SHORTEST_VIEW_S), this.length_s);
    this.from_s = Math.min(Math.max(0, from_s), this.length_s - span);
    this.to_s = this.from_s + span;
    this.renew();
    this.dispatchEvent(new Event("viewchange"));
  }

  /** Show a longer or shorter span round a time. */
  zoom(factor, at_s = (this.from_s + this.to_s) / 2) {
    const share = (at_s - this.from_s) / (this.to_s - this.from_s);
    const span = (this.to_s - this.from_s) / factor;
    this.show(at_s - share * span, at_s + (1 - share) * span);
  }

  /** Turn to the page on which a span lies, unless it is in view. */
  reveal(start_s, end_s = start_s) {
    if (start_s >= this.from_s && end_s <= this.to_s) return;
    const span = Math.max(this.to_s - this.from_s, end_s - start_s);
    this.show(start_s - 0.1 * span, start_s + 0.9 * span);
  }

  toggle(id, isShown) {
    if (isShown) this.shown.add(id);
    else this.shown.delete(id);
    this.renew();
  }

  setHeight(height) {
    this.height = height;
    this.renew();
  }

  setTime(time_s, isPlaying) {
    this.time_s = time_s;
    if (isPlaying && !this.isPressed && (time_s > this.to_s || time_s < this.from_s)) this.reveal(time_s);
    this.draw();
  }

  setLoop(loop) {
    this.loop = loop;
    this.draw();
  }

  renew() {
    this.isOld = true;
    this.draw();
  }

  draw() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.paint();
    });
  }

  paint() {
    const width = this.canvas.parentElement.clientWidth;
    if (!width) return;
    if (this.isOld) {
      this.isOld = false;
      this.paintStill(width);
    }
    const scale = devicePixelRatio || 1;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.still, 0, 0);
    pen.scale(scale, scale);
    const view = this.view(width);
    const bottom = this.canvas.height / scale;
    if (this.loop) {
      pen.globalAlpha = 0.18;
      pen.fillStyle = this.colours.focus;
      pen.fillRect(view.x(this.loop.start_s), 0, view.x(this.loop.end_s) - view.x(this.loop.start_s), bottom);
      pen.globalAlpha = 1;
      for (const edge of [this.loop.start_s, this.loop.end_s]) pen.fillRect(view.x(edge) - 1, 0, 2, bottom);
    }
    const x = view.x(this.time_s);
    if (x >= -2 && x <= width + 2) {
      pen.fillStyle = this.colours.bad;
      pen.fillRect(x - 1, 0, 2, bottom);
      pen.beginPath();
      pen.moveTo(x - 6, 0);
      pen.lineTo(x + 6, 0);
      pen.lineTo(x, 9);
      pen.fill();
    }
  }

  view(width) {
    const {from_s, to_s} = this;
    return {from_s, to_s, width, x: (time_s) => ((time_s - from_s) / (to_s - from_s)) * width};
  }

  paintStill(width) {
    const scale = devicePixelRatio || 1;
    const height = this.top + this.lanes.length * this.height;
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.colours = colours(this.canvas);
    const pen = this.still.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillStyle = this.colours.surface;
    pen.fillRect(0, 0, width, height);
    const view = this.view(width);
    this.paintRuler(pen, view);
    let top = RULER;
    for (const {id, height: strip} of this.strips) {
      drawStrip(id, pen, this.sound, view, top, strip, this.colours);
      top += strip;
    }
    this.lanes.forEach((lane, index) => this.paintLane(pen, view, lane, top + index * this.height));
    if (this.shown.has("beats")) drawBeats(pen, this.sound, view, top, height, this.colours);
    this.lanes.forEach((lane, index) => this.paintMarks(pen, view, lane, top + index * this.height));
    this.dispatchEvent(new Event("layout"));
  }

  paintRuler(pen, view) {
    const steps = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
    const step = steps.find((each) => (each / (view.to_s - view.from_s)) * view.width > 70) ?? 7200;
    pen.fillStyle = this.colours.muted;
    for (let i = Math.ceil(view.from_s / step); i * step <= view.to_s; i++) {
      pen.fillRect(view.x(i * step), RULER - 6, 1, 6);
      pen.fillText(clock(i * step, step < 1 ? 2 : 0), view.x(i * step) + 3, RULER / 2);
    }
  }

  paintLane(pen, view, {lane, peaks, isSilent}, top) {
    pen.fillStyle = this.colours.line;
    pen.fillRect(0, top, view.width, 1);
    const middle = top + this.height / 2;
    const a_pixel = (view.to_s - view.from_s) / view.width;
    const isFine = 1 / a_pixel > FINE_PX_A_SECOND;
    pen.fillStyle = this.colours.wave;
    pen.globalAlpha = isSilent ? SILENT_ALPHA : 1;
    for (let x = 0; x < view.width; x++) {
      const from_s = view.from_s + x * a_pixel;
      const found = peaks.between(from_s, from_s + a_pixel, isFine);
      if (!found) continue;
      const [low, high] = found;
      const half = this.height / 2 - 2;
      pen.fillRect(x, middle - high * half, 1, Math.max(1, (high - low) * half));
    }
    pen.globalAlpha = 1;
    if (lane.fault || peaks.fault) {
      pen.fillStyle = this.colours.bad;
      pen.fillText(`! ${lane.fault || peaks.fault}`, 8, middle);
    }
  }

  paintMarks(pen, view, {lane}, top) {
    if (this.shown.has("hits") && lane.part === "drums") {
      drawHits(pen, this.sound, view, top, this.height, this.colours);
    }
    const pitches = this.sound.f0[lane.part];
    if (this.shown.has("f0") && pitches?.length) {
      drawPitch(pen, lane.part, pitches, view, top + 2, this.height - 4, this.colours);
    }
  }

  timeAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(this.length_s, Math.max(0, this.from_s + share * (this.to_s - this.from_s)));
  }

  /** A click seeks; a drag chooses a region. */
  press(event) {
    if (event.button !== 0) return;
    const started = {x: event.clientX, time_s: this.timeAt(event)};
    this.isPressed = true;
    this.canvas.setPointerCapture(event.pointerId);
    const region = (last) => {
      const [start_s, end_s] = [started.time_s, this.timeAt(last)].sort((a, b) => a - b);
      return Math.abs(last.clientX - started.x) < DRAG_PX ? null : {start_s, end_s};
    };
    const move = (moved) => {
      if (region(moved)) this.setLoop(region(moved));
    };
    const up = (last) => {
      this.isPressed = false;
      this.canvas.removeEventListener("pointermove", move);
      const chosen = region(last);
      this.dispatchEvent(new CustomEvent(chosen ? "region" : "seek", {detail: chosen ?? started}));
    };
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", up, {once: true});
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.timeAt(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const moved = ((event.deltaX || event.deltaY) / 800) * (this.to_s - this.from_s);
      this.show(this.from_s + moved, this.to_s + moved);
    }
  }

  close() {
    this.resized.disconnect();
    this.dark.removeEventListener("change", this.onDark);
  }
}

function colours(element) {
  const style = getComputedStyle(element);
  const named = (name) => style.getPropertyValue(`--${name}`).trim() || "gray";
  return {
    surface: named("surface"), raised: named("raised"), text: named("text"), muted: named("muted"),
    line: named("line"), accent: named("accent"), bad: named("bad"), focus: named("focus"), wave: named("wave"),
  };
}

/** Minutes and seconds. */
export function clock(time_s, digits = 0) {
  const minutes = Math.floor(time_s / 60);
  const rest = (time_s - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}
