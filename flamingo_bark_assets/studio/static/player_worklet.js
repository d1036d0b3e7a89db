// All lanes slower or faster at the same pitch (WSOLA: Verhelst & Roelands, ICASSP 1993), in the thread of the sound.
//
// Segments of 50 ms are added up with half of each over the next. Where the next one is taken from is searched within
// 10 ms by likeness of the sum of all lanes, once for all of them, so that the lanes stay together to the sample.

const HOP = 800; // half a segment: 25 ms at 32 kHz
const REACH = 320;
const COARSE = 4;

class LanesAtSpeed extends AudioWorkletProcessor {
  constructor({processorOptions}) {
    super();
    this.count = processorOptions.lanes;
    this.start = processorOptions.start;
    this.speed = processorOptions.speed;
    this.pieces = []; // {at, lanes}: what was given and is not used up
    this.given = 0;
    this.hop = 0;
    this.ready = 0; // samples of the current hop that are left
    this.taken = 0; // where the segment before was taken from
    this.tails = Array.from({length: this.count}, () => new Float32Array(HOP));
    this.heads = Array.from({length: this.count}, () => new Float32Array(HOP));
    this.natural = new Float32Array(HOP);
    this.around = new Float32Array(HOP + 2 * REACH);
    this.rise = Float32Array.from({length: HOP}, (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / HOP));
    this.isOver = false;
    this.port.onmessage = ({data}) => {
      if (data.end) this.isOver = true;
      else {
        this.pieces.push({at: this.given, lanes: data.lanes});
        this.given += data.lanes[0].length;
      }
    };
  }

  process(_, outputs) {
    const length = outputs[0][0].length;
    for (let i = 0; i < length; i++) {
      if (currentFrame + i < this.start) continue;
      if (!this.ready) this.step();
      const from = HOP - this.ready;
      for (let lane = 0; lane < this.count; lane++) outputs[lane][0][i] = this.heads[lane][from];
      this.ready -= 1;
    }
    return !this.isOver;
  }

  /** Make the next hop: the end of the segment before faded into the begin of the next. */
  step() {
    const wanted = Math.round(this.hop * HOP * this.speed);
    const from = this.hop ? this.likest(wanted) : wanted;
    for (let lane = 0; lane < this.count; lane++) {
      const head = this.heads[lane];
      const tail = this.tails[lane];
      this.read(lane, from, head);
      for (let i = 0; i < HOP; i++) head[i] = head[i] * this.rise[i] + tail[i] * (1 - this.rise[i]);
      this.read(lane, from + HOP, tail);
    }
    if (!this.hop) for (let lane = 0; lane < this.count; lane++) this.read(lane, from, this.heads[lane]);
    this.taken = from;
    this.hop += 1;
    this.ready = HOP;
    this.forget(Math.min(from, wanted) - REACH);
  }

  /** Where near `wanted` the sound is most like what would follow the segment before. */
  likest(wanted) {
    const first = Math.max(0, wanted - REACH);
    this.sum(this.taken + HOP, this.natural);
    this.sum(first, this.around);
    const most = wanted + REACH - first;
    let best = this.search(0, most, COARSE, COARSE);
    best = this.search(Math.max(0, best - COARSE), Math.min(most, best + COARSE), 1, 1);
    return first + best;
  }

  search(low, high, step, stride) {
    let best = low;
    let likeness = -Infinity;
    for (let shift = low; shift <= high; shift += step) {
      let product = 0;
      let energy = 1e-9;
      for (let i = 0; i < HOP; i += stride) {
        const sample = this.around[shift + i];
        product += sample * this.natural[i];
        energy += sample * sample;
      }
      const found = product / Math.sqrt(energy);
      if (found > likeness) {
        likeness = found;
        best = shift;
      }
    }
    return best;
  }

  sum(from, into) {
    into.fill(0);
    for (let lane = 0; lane < this.count; lane++) this.read(lane, from, into, true);
  }

  /** Read samples of a lane; silence where nothing was given. */
  read(lane, from, into, isAdded = false) {
    if (!isAdded) into.fill(0);
    for (const piece of this.pieces) {
      const samples = piece.lanes[lane];
      const first = Math.max(from, piece.at);
      const end = Math.min(from + into.length, piece.at + samples.length);
      for (let i = first; i < end; i++) into[i - from] += samples[i - piece.at] / 32767;
    }
  }

  forget(before) {
    while (this.pieces.length && this.pieces[0].at + this.pieces[0].lanes[0].length <= before) this.pieces.shift();
    if (this.hop % 20 === 0) {
      const bytes = this.pieces.reduce((sum, piece) => sum + piece.lanes[0].byteLength * this.count, 0);
      this.port.postMessage({bytes});
    }
  }
}

registerProcessor("lanes-at-speed", LanesAtSpeed);
