// What is drawn over the lanes: beats, chords, sections, drum hits, pitch, lyrics and clips, each to be switched.
//
// Strips stand above the lanes; lines and marks stand on them. Colour never tells anything alone: every kind has a
// letter, a height or a text of its own.

export const OVERLAYS = [
  {id: "beats", says: "Beats", on: true},
  {id: "sections", says: "Sections", on: true, strip: 22},
  {id: "chords", says: "Chords", on: true, strip: 20},
  {id: "lyrics", says: "Lyrics", on: true, strip: 20},
  {id: "hits", says: "Drum hits", on: true},
  {id: "f0", says: "Pitch", on: true},
  {id: "clips", says: "Clips", on: false, strip: 34},
];

export const DRUMS = [
  {drum: "cymbal", letter: "c"},
  {drum: "hihat", letter: "h"},
  {drum: "tom", letter: "t"},
  {drum: "snare", letter: "s"},
  {drum: "kick", letter: "k"},
];
const LOWEST_HZ = {bass: 30, vocals: 65};
const OCTAVES = {bass: 4, vocals: 4.5};
const GAP_S = 0.025; // pitches further apart are not joined
const LEAST_BEAT_PX = 5;
const LEAST_HIT_PX = 9;

/** Height of an overlay's strip; none where it has nothing to show. */
export function stripHeight({id, strip}, sound) {
  const rows = {sections: sound.sections, chords: sound.chords, lyrics: sound.lyrics, clips: sound.clips}[id];
  return strip && rows.length ? strip : 0;
}

// As `SURE_NAME` in features/structure.py.
const SURE_NAME = 0.8;

/** What a span of a song is called, with the section's tag where one is known, or else the name it may have. */
export function sectionName(sound, section) {
  const tag = sound.section_tags.find((each) => each.tag && Math.abs(each.start_s - section.start_s) < 0.01);
  if (tag) return `${section.label} ${tag.tag}`;
  if (!section.name || section.name === section.label.toLowerCase()) return section.label;
  return `${section.label} ${section.name}${section.name_confidence < SURE_NAME ? "?" : ""}`;
}

const QUALITIES = {maj: "", min: "m", min7: "m7"};

/** A chord as a lead sheet writes it: "F#m7" of "F#:min7". */
export function chordName(label) {
  if (label === "N") return "none";
  const [root, quality = "maj"] = label.split(":");
  return root + (QUALITIES[quality] ?? quality);
}

/** Draw the strip of an overlay; `view` maps seconds to pixels. */
export function drawStrip(id, pen, sound, view, top, height, colours) {
  if (id === "sections") {
    for (const each of sound.sections) {
      block(pen, view, each, top, height, sectionName(sound, each), colours, each.label.charCodeAt(0) % 2);
    }
  }
  if (id === "chords") {
    for (const each of sound.chords) if (each.label !== "N") label(pen, view, each, top, height, chordName(each.label), colours);
  }
  if (id === "lyrics") {
    for (const each of sound.lyrics) if (each.start_s !== null) label(pen, view, each, top, height, each.text, colours);
  }
  if (id === "clips") {
    mixClips(sound).forEach((each, index) => {
      block(pen, view, each, top + (index % 2) * (height / 2), height / 2, each.clip, colours, index % 2);
    });
  }
}

/** The clips of the mix of one view: the first that has any. */
export function mixClips(sound) {
  const ofMix = sound.clips.filter((clip) => clip.source === "mix");
  const view = ofMix.find((clip) => clip.view !== "full")?.view ?? ofMix[0]?.view;
  return ofMix.filter((clip) => clip.view === view);
}

function visible(view, each) {
  return each.end_s > view.from_s && each.start_s < view.to_s;
}

function block(pen, view, each, top, height, text, colours, isShaded) {
  if (!visible(view, each)) return;
  const left = view.x(each.start_s);
  const width = Math.max(1, view.x(each.end_s) - left - 1);
  pen.fillStyle = isShaded ? colours.raised : colours.surface;
  pen.fillRect(left, top, width, height);
  pen.strokeStyle = colours.line;
  pen.strokeRect(left + 0.5, top + 0.5, width, height - 1);
  write(pen, text, left, width, top, height, colours.text);
}

function label(pen, view, each, top, height, text, colours) {
  if (!visible(view, each)) return;
  const left = view.x(each.start_s);
  const width = view.x(each.end_s ?? each.start_s + 4) - left;
  pen.fillStyle = colours.line;
  pen.fillRect(left, top, 1, height);
  write(pen, text, left, width, top, height, colours.text);
}

/** Write a text into a box as far as it finds room; where the box begins before the view, at the view's edge. */
function write(pen, text, left, width, top, height, colour) {
  const from = Math.max(0, left) + 4;
  const room = left + width - from - 2;
  if (room < 8) return;
  let shown = text;
  if (pen.measureText(shown).width > room) {
    const share = room / pen.measureText(shown).width;
    shown = `${text.slice(0, Math.max(0, Math.floor(text.length * share) - 1))}…`;
    if (shown.length < 2) return;
  }
  pen.fillStyle = colour;
  pen.fillText(shown, from, top + height / 2);
}

/** Draw lines of beats over all lanes; beats only where there is room between them. */
export function drawBeats(pen, sound, view, top, bottom, colours) {
  const beats = sound.beats;
  if (beats.length < 2) return;
  const apart = (view.width / (view.to_s - view.from_s)) * ((beats.at(-1)[0] - beats[0][0]) / (beats.length - 1));
  const perBar = Math.max(...beats.slice(0, 64).map((beat) => beat[2]));
  for (const [time_s, , position] of beats) {
    const isDownbeat = position === 1;
    if (time_s < view.from_s || time_s > view.to_s) continue;
    if (apart * (isDownbeat ? perBar : 1) < LEAST_BEAT_PX) continue;
    pen.fillStyle = isDownbeat ? colours.muted : colours.line;
    pen.globalAlpha = isDownbeat ? 0.6 : 1;
    pen.fillRect(Math.round(view.x(time_s)), isDownbeat ? top : top + 6, isDownbeat ? 1.5 : 1, bottom - top);
  }
  pen.globalAlpha = 1;
}

/** Draw the hits of each drum at a height of its own, as its letter where there is room, else as a tick. */
export function drawHits(pen, sound, view, top, height, colours) {
  const isWide = view.width / (view.to_s - view.from_s) > LEAST_HIT_PX * 6;
  DRUMS.forEach(({drum, letter}, row) => {
    const middle = top + (height * (row + 0.5)) / DRUMS.length;
    for (const [time_s, strength] of sound.hits[drum] ?? []) {
      if (time_s < view.from_s || time_s > view.to_s) continue;
      const x = view.x(time_s);
      pen.globalAlpha = 0.45 + 0.55 * Math.min(1, strength);
      pen.fillStyle = colours.accent;
      if (isWide) pen.fillText(letter, x, middle);
      else pen.fillRect(x, middle - 2, 2, 4);
    }
  });
  pen.globalAlpha = 1;
}

/** Draw the pitch of voice or bass on a scale of octaves. */
export function drawPitch(pen, part, pitches, view, top, height, colours) {
  const low = LOWEST_HZ[part];
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 1.5;
  pen.beginPath();
  let before = -1;
  for (let i = firstAfter(pitches, view.from_s); i < pitches.length && pitches[i][0] <= view.to_s; i++) {
    const [time_s, f0_hz] = pitches[i];
    const share = Math.min(1, Math.max(0, Math.log2(f0_hz / low) / OCTAVES[part]));
    const y = top + height * (1 - share);
    if (time_s - before > GAP_S) pen.moveTo(view.x(time_s), y);
    pen.lineTo(view.x(time_s) + 0.5, y);
    before = time_s;
  }
  pen.stroke();
  pen.lineWidth = 1;
}

/** Index of the first row of ascending times that is not before a time. */
export function firstAfter(rows, time_s) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < time_s) low = middle + 1;
    else high = middle;
  }
  return low;
}
