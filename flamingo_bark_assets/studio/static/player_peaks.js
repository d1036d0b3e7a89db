// The peaks of one lane: the overview as a whole, the fine ones in spans of a minute as they are looked at.

import {patientFetch, refusal} from "/static/player_fetch.js";

const HEAD_BYTES = 16;
const FINE_HZ = 200;
const SPAN = 60 * FINE_HZ;
const MOST_SPANS = 6;

export class Peaks {
  /** @param {() => void} arrived is called when there is more to draw */
  constructor(url, arrived) {
    this.url = url;
    this.arrived = arrived;
    this.overview = null; // {rate, pairs: Int16Array of lowest and highest in turn}
    this.spans = new Map();
    this.asked = new Set();
    this.fault = null;
  }

  get bytes() {
    let bytes = this.overview ? this.overview.pairs.byteLength : 0;
    for (const span of this.spans.values()) bytes += span.byteLength;
    return bytes;
  }

  /** Fetch the overview; throws what the studio said where there is none. */
  async load() {
    const response = await patientFetch(this.url);
    if (!response.ok) throw new Error(await refusal(response));
    const data = await response.arrayBuffer();
    this.overview = {rate: new DataView(data).getUint32(4, true), pairs: new Int16Array(data, HEAD_BYTES)};
    this.arrived();
  }

  /** Lowest and highest between two times, full scale 1; null where nothing is known. */
  between(from_s, to_s, isFine) {
    const fine = isFine ? this.fine(from_s, to_s) : null;
    if (fine) return fine;
    if (!this.overview) return null;
    return extremes(this.overview.pairs, from_s * this.overview.rate, to_s * this.overview.rate);
  }

  fine(from_s, to_s) {
    const index = Math.floor((from_s * FINE_HZ) / SPAN);
    const span = this.spans.get(index);
    if (span) return extremes(span, from_s * FINE_HZ - index * SPAN, to_s * FINE_HZ - index * SPAN);
    this.fetchSpan(index);
    return null;
  }

  async fetchSpan(index) {
    const length_s = this.overview ? this.overview.pairs.length / 2 / this.overview.rate : 0;
    if (this.asked.has(index) || index < 0 || (index * SPAN) / FINE_HZ >= length_s) return;
    this.asked.add(index);
    const first = HEAD_BYTES + index * SPAN * 4;
    const response = await fetch(`${this.url}?rate=${FINE_HZ}`, {
      headers: {Range: `bytes=${first}-${first + SPAN * 4 - 1}`},
    }).catch(() => null);
    if (response?.status !== 206) return; // the overview has to do
    this.spans.set(index, new Int16Array(await response.arrayBuffer()));
    while (this.spans.size > MOST_SPANS) this.forget(this.spans.keys().next().value);
    this.arrived();
  }

  forget(index) {
    this.spans.delete(index);
    this.asked.delete(index);
  }
}

function extremes(pairs, from, to) {
  const first = Math.max(0, Math.floor(from));
  const end = Math.min(pairs.length / 2, Math.max(first + 1, Math.ceil(to)));
  if (first >= end) return null;
  let low = 32767;
  let high = -32768;
  for (let i = first; i < end; i++) {
    if (pairs[2 * i] < low) low = pairs[2 * i];
    if (pairs[2 * i + 1] > high) high = pairs[2 * i + 1];
  }
  return [low / 32767, high / 32767];
}
