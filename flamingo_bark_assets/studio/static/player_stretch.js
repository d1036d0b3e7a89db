// Another speed at the same pitch: feeds the worklet that plays all lanes then, each at an output of its own.

const WORKLET = "/static/player_worklet.js";

export class Stretch {
  static async open(context, destinations) {
    await context.audioWorklet.addModule(WORKLET);
    return new Stretch(context, destinations);
  }

  constructor(context, destinations) {
    this.context = context;
    this.destinations = destinations;
    this.node = null;
    this.bytes = 0;
  }

  /** Begin a new way through the song; its first sample sounds at a sample of the clock. */
  begin(sample, speed) {
    this.end();
    const count = this.destinations.length;
    this.node = new AudioWorkletNode(this.context, "lanes-at-speed", {
      numberOfInputs: 0,
      numberOfOutputs: count,
      outputChannelCount: Array(count).fill(1),
      processorOptions: {lanes: count, start: sample, speed},
    });
    this.destinations.forEach((destination, index) => this.node.connect(destination, index));
    this.node.port.onmessage = ({data}) => (this.bytes = data.bytes);
  }

  /** Give the next samples of each lane; one that has ended is silent. */
  add(parts, count) {
    const lanes = parts.map((part) => {
      const whole = new Int16Array(count);
      whole.set(part);
      return whole;
    });
    this.bytes += lanes.length * count * 2;
    this.node.port.postMessage({lanes}, lanes.map((lane) => lane.buffer));
  }

  end() {
    if (!this.node) return;
    const node = this.node;
    node.port.postMessage({end: true});
    // What is faded out still sounds for a moment.
    setTimeout(() => node.disconnect(), 50);
    this.node = null;
    this.bytes = 0;
  }
}
