// What every page has: the list of keys, undo and redo.

import * as keys from "/static/keys.js";
import {redo, undo} from "/static/edits.js";

keys.add({id: "keys", key: "?", says: "list the keys", run: keys.showKeys});
keys.add({id: "undo", key: "u", says: "undo", run: undo});
keys.add({id: "redo", key: "Shift+U", says: "do again", run: redo});
document.getElementById("keys-button").addEventListener("click", keys.showKeys);
