// Places in a song: which bar, beat and section a time lies in, and where the next ones begin.

import {firstAfter, sectionName} from "/static/overlays.js";

const STEP_S = {beat: 1, bar: 4};
const BEHIND_S = 0.25; // who goes back while it plays means the one before, not the one just passed
const JUST_S = 0.02;

export class Places {
  constructor(sound) {
    this.sound = sound;
    this.downbeats = sound.beats.filter((beat) => beat[2] === 1);
  }

  /** Bar and beat of a time; null before the first beat. */
  beat(time_s) {
    const found = this.sound.beats[firstAfter(this.sound.beats, time_s + JUST_S) - 1];
    return found ? {bar: found[1], beat: found[2]} : {bar: null, beat: null};
  }

  section(time_s) {
    const found = this.sectionAt(time_s);
    return found ? sectionName(this.sound, found) : null;
  }

  sectionAt(time_s) {
    return this.sound.sections.find((each) => time_s + JUST_S >= each.start_s && time_s + JUST_S < each.end_s) ?? null;
  }

  /** The bar round a time; four seconds where no bars are known. */
  bar(time_s, length_s) {
    const index = firstAfter(this.downbeats, time_s + JUST_S);
    const start_s = this.downbeats[index - 1]?.[0] ?? 0;
    const end_s = this.downbeats[index]?.[0] ?? length_s;
    if (this.downbeats.length > 1 && end_s > start_s) return {start_s, end_s};
    return {start_s: time_s, end_s: Math.min(length_s, time_s + STEP_S.bar)};
  }

  /** What a loop goes round by itself: the section, else the bar. */
  around(time_s, length_s) {
    return this.sectionAt(time_s) ?? this.bar(time_s, length_s);
  }

  /** Where the next beat, bar or section begins, or the one before. */
  step(kind, direction, time_s, isPlaying) {
    const starts = {
      beat: () => this.sound.beats.map((beat) => beat[0]),
      bar: () => this.downbeats.map((beat) => beat[0]),
      section: () => this.sound.sections.map((section) => section.start_s),
    }[kind]();
    if (!starts.length) return time_s + direction * (STEP_S[kind] ?? STEP_S.bar);
    const from_s = direction < 0 && isPlaying ? time_s - BEHIND_S : time_s;
    if (direction > 0) return starts.find((start_s) => start_s > from_s + JUST_S) ?? time_s;
    return starts.findLast((start_s) => start_s < from_s - JUST_S) ?? 0;
  }
}
