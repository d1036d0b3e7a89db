// When which samples sound: a song cut into pieces at windows and loop ends, and pieces put on a clock sample by sample.
//
// Nothing here fetches or draws. All positions are whole samples of previews, so that lanes cannot drift apart.

export const RATE = 32000;
export const WINDOW = 5 * RATE;
const MARGIN_S = 0.008; // two blocks of the clock

/** The way through a song from one start on: it ends at the song's end, or goes round a loop. */
export class Timeline {
  /**
   * @param {number} from sample at which it begins
   * @param {number} length samples of the song
   * @param {{from: number, to: number} | null} loop
   */
  constructor(from, length, loop = null) {
    this.length = length;
    this.loop = loop && loop.to > loop.from ? loop : null;
    this.from = this.loop && from >= this.loop.to ? this.loop.from : Math.min(from, length);
    this.at = 0;
  }

  /** The sample of the song that is played `at` samples after the start; null after the end. */
  songAt(at) {
    const straight = this.from + at;
    if (!this.loop) return straight < this.length ? straight : null;
    if (straight < this.loop.to) return straight;
    return this.loop.from + ((straight - this.loop.to) % (this.loop.to - this.loop.from));
  }

  /** The next piece: at which sample after the start, from which of the song, how many, and their window. */
  next() {
    const from = this.songAt(this.at);
    if (from === null) return null;
    const window = Math.floor(from / WINDOW);
    const end = Math.min((window + 1) * WINDOW, this.loop ? this.loop.to : this.length);
    const piece = {at: this.at, from, count: end - from, window};
    this.at += piece.count;
    return piece;
  }
}

/**
 * Put the samples of several lanes on a context's clock, all at the same sample of it.
 *
 * What begins in the past would begin whenever the clock comes by, each lane at another sample: it is refused.
 *
 * @param {BaseAudioContext} context
 * @param {{destination: AudioNode, samples: Int16Array}[]} parts
 * @param {number} sample of the clock, counted at RATE
 * @returns {AudioBufferSourceNode[] | null} their sources; null where it is too late
 */
export function schedule(context, parts, sample) {
  const when = sample / RATE;
  const sources = parts.map(({destination, samples}) => {
    const buffer = context.createBuffer(1, samples.length, RATE);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32767;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(destination);
    return source;
  });
  const isLate = () => context.state === "running" && context.currentTime + MARGIN_S > when;
  if (!isLate()) for (const source of sources) source.start(when);
  if (!isLate()) return sources;
  for (const source of sources) source.disconnect();
  return null;
}

/** The samples of a piece out of its window; fewer where the lane ends before the song. */
export function cut(piece, window) {
  const first = piece.from - piece.window * WINDOW;
  return window.subarray(Math.min(first, window.length), Math.min(first + piece.count, window.length));
}

/** The gain of each lane: soloed ones alone, else all that are not muted. */
export function gains(lanes) {
  const isSolo = lanes.some((lane) => lane.solo);
  return lanes.map((lane) => ((isSolo ? lane.solo : !lane.mute) ? lane.gain : 0));
}
