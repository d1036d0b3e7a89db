// The sound of one lane in windows of five seconds, fetched by range and held no longer than they are wanted.

import {patientFetch, refusal} from "/static/player_fetch.js";
import {WINDOW} from "/static/player_schedule.js";

const HEAD_BYTES = 44;

export class LaneFault extends Error {}

export class Windows {
  constructor(url) {
    this.url = url;
    this.length = null; // samples, known after the first answer
    this.fault = null;
    this.held = new Map();
    this.asked = new Map();
    this.version = null;
  }

  get bytes() {
    let bytes = 0;
    for (const window of this.held.values()) bytes += window.byteLength;
    return bytes;
  }

  /** A window's samples; none after the end. Throws LaneFault where the lane cannot be played. */
  async get(index) {
    if (this.fault) throw this.fault;
    if (this.held.has(index)) return this.held.get(index);
    if (this.length !== null && index * WINDOW >= this.length) return new Int16Array(0);
    if (!this.asked.has(index)) {
      this.asked.set(index, this.fetch(index).finally(() => this.asked.delete(index)));
    }
    return this.asked.get(index);
  }

  /** Let go of all windows but these. */
  keep(indexes) {
    for (const index of this.held.keys()) if (!indexes.has(index)) this.held.delete(index);
  }

  async fetch(index) {
    // A lane may end before the window: its head says how long it is.
    if (this.length === null && index > 0) await this.range(0, HEAD_BYTES);
    if (this.length !== null && index * WINDOW >= this.length) return new Int16Array(0);
    const samples = new Int16Array(await this.range(HEAD_BYTES + index * WINDOW * 2, WINDOW * 2));
    this.held.set(index, samples);
    return samples;
  }

  async range(first, count) {
    let response;
    try {
      response = await patientFetch(this.url, {headers: {Range: `bytes=${first}-${first + count - 1}`}});
    } catch {
      throw new LaneFault("the studio cannot be reached; is it still running?");
    }
    if (response.status !== 206) throw this.failed(await refusal(response));
    const version = response.headers.get("ETag");
    if (this.version !== null && version !== this.version) {
      throw this.failed("the file has changed; load the page again");
    }
    this.version = version;
    this.length = (Number(response.headers.get("Content-Range").split("/")[1]) - HEAD_BYTES) / 2;
    return response.arrayBuffer();
  }

  failed(text) {
    this.fault = new LaneFault(text);
    return this.fault;
  }
}
