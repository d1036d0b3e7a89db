// A small waveform in each row that is in sight, and one player for all of them.

const AT_ONCE = 2;
const AGAIN_MS = 2000;
const MOST_KEPT = 2000;
const NONE = "none";

export class Sound {
  constructor() {
    this.audio = new Audio();
    this.audio.preload = "none";
    this.song = null; // which is played, or was last
    this.peaks = new Map(); // pairs by song; NONE where there are none
    this.inSight = new Set();
    this.asking = new Set();
    this.sight = new IntersectionObserver((seen) => this.seen(seen), {rootMargin: "100px"});
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.show());
    this.audio.addEventListener("timeupdate", () => this.draw(this.row()));
    this.audio.addEventListener("error", () => this.failed());
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.inSight.forEach((row) => this.draw(row)));
    }
    window.addEventListener("resize", () => this.inSight.forEach((row) => this.draw(row)));
  }

  /** Rows that have just come: what is in sight is drawn, and asked for where it is not known. */
  watch(rows) {
    this.sight.disconnect();
    this.inSight.clear();
    for (const row of rows) if (row.querySelector("canvas")) this.sight.observe(row);
    this.show();
  }

  row() {
    return this.song === null ? null : document.getElementById(`song-${this.song}`);
  }

  toggle(row) {
    const song = row.dataset.songId;
    if (!row.querySelector(".play")) return;
    if (this.song === song && !this.audio.paused) {
      this.audio.pause();
      return;
    }
    this.load(song);
    this.audio.play().catch((error) => error.name !== "AbortError" && this.failed());
  }

  /** Play from where the waveform was clicked. */
  seek(row, event) {
    const box = event.target.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    this.load(row.dataset.songId);
    const start = () => {
      if (Number.isFinite(this.audio.duration)) this.audio.currentTime = share * this.audio.duration;
    };
    if (this.audio.readyState >= 1) start();
    else this.audio.addEventListener("loadedmetadata", start, {once: true});
    this.audio.play().catch((error) => error.name !== "AbortError" && this.failed());
  }

  load(song) {
    if (this.song === song && !this.audio.error) return;
    const before = this.row();
    this.song = song;
    this.audio.src = `/sound/${encodeURIComponent(song)}/mix.wav`;
    if (before) this.draw(before);
  }

  failed() {
    const row = this.row();
    if (!row) return;
    this.peaks.set(this.song, NONE);
    this.song = null;
    this.draw(row);
    this.show();
  }

  show() {
    for (const button of document.querySelectorAll("#results .play")) {
      const isPlaying = button.closest("tr").dataset.songId === this.song && !this.audio.paused && !this.audio.ended;
      if (button.getAttribute("aria-pressed") !== String(isPlaying)) button.setAttribute("aria-pressed", String(isPlaying));
    }
    if (this.row()) this.draw(this.row());
  }

  seen(entries) {
    for (const entry of entries) {
      if (!entry.isIntersecting) this.inSight.delete(entry.target);
      else {
        this.inSight.add(entry.target);
        this.draw(entry.target);
      }
    }
    this.ask();
  }

  ask() {
    for (const row of this.inSight) {
      const song = row.dataset.songId;
      if (this.asking.size >= AT_ONCE) return;
      if (!this.peaks.has(song) && !this.asking.has(song)) this.fetch(song);
    }
  }

  async fetch(song) {
    this.asking.add(song);
    try {
      const response = await fetch(`/sound/${encodeURIComponent(song)}/mini.json`);
      if (response.status === 503) await new Promise((done) => setTimeout(done, AGAIN_MS)); // others are being made
      else {
        const told = response.ok ? await response.json() : {};
        this.peaks.set(song, Array.isArray(told.pairs) && told.pairs.length ? told.pairs : NONE);
        if (this.peaks.size > MOST_KEPT) this.peaks.delete(this.peaks.keys().next().value);
      }
    } catch {
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    } finally {
      this.asking.delete(song);
    }
    const row = document.getElementById(`song-${song}`);
    if (row) this.draw(row);
    this.ask();
  }

  draw(row) {
    const canvas = row?.querySelector("canvas");
    if (!canvas) return;
    const pairs = this.peaks.get(row.dataset.songId);
    if (pairs === NONE) {
      const cell = canvas.parentElement;
      const note = document.createElement("span");
      note.className = "muted";
      note.textContent = "no preview";
      cell.replaceChildren(note);
      return;
    }
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    if (!pairs) return;
    const context = canvas.getContext("2d");
    canvas.dataset.drawn = "true";
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const isThis = row.dataset.songId === this.song && this.audio.duration > 0;
    const played = isThis ? (this.audio.currentTime / this.audio.duration) * width : 0;
    const step = width / pairs.length;
    pairs.forEach(([low, high], number) => {
      const left = number * step;
      context.fillStyle = style.getPropertyValue(left < played ? "--accent" : "--muted");
      const top = ((1 - high) / 2) * height;
      context.fillRect(left, top, Math.max(1, step - 0.2), Math.max(1, ((high - low) / 2) * height));
    });
  }
}
