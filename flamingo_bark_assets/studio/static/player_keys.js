// The keys of the player; a lane is muted or soloed by M or S and then its number.

import * as keys from "/static/keys.js";
import {say} from "/static/say.js";

const ARMED_MS = 3000;
const LANES = 9;

export function addKeys(player) {
  const when = () => player.element.isConnected;
  const add = (id, key, says, run) => keys.add({id: `player-${id}`, key, says, run, when});
  const step = (kind, direction) => () => {
    player.seek(player.places.step(kind, direction, player.time(), player.engine.isPlaying));
  };
  add("play", "Space", "Play or pause", () => player.toggle());
  add("beat-back", "ArrowLeft", "One beat back", step("beat", -1));
  add("beat-on", "ArrowRight", "One beat on", step("beat", 1));
  add("bar-back", "Shift+ArrowLeft", "One bar back", step("bar", -1));
  add("bar-on", "Shift+ArrowRight", "One bar on", step("bar", 1));
  add("section-back", "[", "The section before", step("section", -1));
  add("section-on", "]", "The next section", step("section", 1));
  add("loop", "l", "Loop: the region, else the section; again: straight on", () => player.toggleLoop());
  add("zoom-in", "+", "Zoom in", () => player.lanes.zoom(2, player.time()));
  add("zoom-out", "-", "Zoom out", () => player.lanes.zoom(0.5));
  add("zoom-bar", "b", "Zoom to the bar", () => player.zoomToBar());
  addLaneKeys(player, add, when);
}

function addLaneKeys(player, add, when) {
  let armed = null;
  let timer = 0;
  const arm = (what, word) => () => {
    armed = what;
    clearTimeout(timer);
    timer = setTimeout(() => (armed = null), ARMED_MS);
    say(`${word} which lane? 0 is the mix, 1 to ${Math.min(LANES, player.rows.length - 1)} are the stems`);
  };
  add("mute", "m", "Mute: then the number of a lane, 0 for the mix", arm("mute", "Mute"));
  add("solo", "s", "Solo: then the number of a lane, 0 for the mix", arm("solo", "Solo"));
  for (let number = 0; number <= LANES; number++) {
    keys.add({
      id: `player-lane-${number}`,
      key: String(number),
      says: number ? `Stem ${number} (after M or S)` : "The mix (after M or S)",
      when: () => when() && armed !== null && number < player.rows.length,
      run: () => {
        const {index} = player.rows[number];
        if (index >= 0) player.engine.setLane(index, {[armed]: !player.engine.lanes[index][armed]});
        armed = null;
      },
    });
  }
}
