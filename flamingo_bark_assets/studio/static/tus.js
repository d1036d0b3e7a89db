// One file to the studio by tus 1.0: pieces, retries with growing pauses, pause and resume, and going on after a reload.

import {formToken} from "/static/api.js";

const VERSION = "1.0.0";
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30000;
const KEPT = "flamingo-bark.upload.";

/** What tells a file from others, also after a reload. */
export function keyOf(path, file) {
  return `${path}|${file.size}|${file.lastModified}`;
}

/** Uploads that were begun, kept in this browser: key -> {url, batch}. Without storage nothing is kept. */
export const kept = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(KEPT + key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(KEPT + key, JSON.stringify(value));
    } catch { /* full or forbidden: a reload begins anew */ }
  },
  remove(key) {
    try {
      localStorage.removeItem(KEPT + key);
    } catch { /* nothing was kept */ }
  },
  /** Return the path that a file has in a batch: it may have been dropped with its folder before, and alone now. */
  pathOf(path, file, batch) {
    try {
      const own = this.get(keyOf(path, file));
      if (own && own.batch !== batch) this.remove(keyOf(path, file));
      if (own) return path;
      const end = `/${keyOf(file.name, file)}`;
      const same = Object.keys(localStorage)
        .filter((name) => name.startsWith(KEPT) && name.endsWith(end))
        .map((name) => name.slice(KEPT.length))
        .filter((key) => this.get(key)?.batch === batch);
      return path === file.name && same.length === 1 ? same[0].slice(0, same[0].length - end.length + 1) + file.name : path;
    } catch {
      return path;
    }
  },
  /** Forget what was kept of a batch. */
  removeBatch(batch) {
    try {
      for (const name of Object.keys(localStorage).filter((each) => each.startsWith(KEPT))) {
        if (this.get(name.slice(KEPT.length))?.batch === batch) localStorage.removeItem(name);
      }
    } catch { /* nothing was kept */ }
  },
};

/** States: waiting, sending, retrying, paused, done, refused, removed. Events: "change". */
export class Upload extends EventTarget {
  #file;
  #place;
  #piece;
  #request = null;
  #timer = null;
  #failures = 0;

  constructor(file, path, batch, {place, piece_bytes: piece}) {
    super();
    this.#file = file;
    this.#place = place;
    this.#piece = piece;
    this.path = path;
    this.batch = batch;
    this.key = keyOf(path, file);
    this.url = null;
    this.size = file.size;
    this.sent = 0;
    this.state = "waiting";
    this.why = "";
  }

  start() {
    if (!["waiting", "retrying", "paused", "refused"].includes(this.state)) return;
    clearTimeout(this.#timer);
    this.#set("sending");
    this.#go();
  }

  pause() {
    if (!["waiting", "sending", "retrying"].includes(this.state)) return;
    this.#stop();
    this.#set("paused");
  }

  /** Let one that was paused wait for its turn. */
  wait() {
    if (["paused", "refused"].includes(this.state)) this.#set("waiting");
  }

  async remove() {
    this.#stop();
    this.#set("removed");
    kept.remove(this.key);
    if (this.url) await this.#ask("DELETE", this.url).catch(() => {});
  }

  #stop() {
    clearTimeout(this.#timer);
    const request = this.#request;
    this.#request = null;
    request?.abort();
  }

  #set(state, why = "") {
    this.state = state;
    this.why = why;
    this.dispatchEvent(new Event("change"));
  }

  async #go() {
    try {
      if (this.url === null) this.url = kept.get(this.key)?.url ?? null;
      if (this.url !== null && !(await this.#find())) this.url = null;
      if (this.url === null) await this.#create();
      while (this.state === "sending" && this.sent < this.size) await this.#sendPiece();
      if (this.state === "sending") this.#set("done");
    } catch (fault) {
      if (this.state === "sending") this.#failed(fault);
    }
  }

  /** Ask how much is there; false where the upload is not there any more. */
  async #find() {
    const answer = await this.#ask("HEAD", this.url);
    if (answer.status === 404 || answer.status === 410) return false;
    this.#refuseUnless(answer, answer.status === 200);
    if (Number(answer.getResponseHeader("Upload-Length")) !== this.size) return false;
    this.#moved(Number(answer.getResponseHeader("Upload-Offset")));
    return true;
  }

  async #create() {
    const said = {relativePath: this.path, filename: this.#file.name, batch: this.batch};
    const metadata = Object.entries(said).map(([key, text]) => `${key} ${base64(text)}`).join(",");
    const answer = await this.#ask("POST", this.#place, {"Upload-Length": this.size, "Upload-Metadata": metadata});
    this.#refuseUnless(answer, answer.status === 201);
    this.url = answer.getResponseHeader("Location");
    kept.set(this.key, {url: this.url, batch: this.batch});
    this.#moved(0);
  }

  async #sendPiece() {
    const begin = this.sent;
    const piece = this.#file.slice(begin, begin + this.#piece);
    const headers = {"Upload-Offset": begin, "Content-Type": "application/offset+octet-stream"};
    const answer = await this.#ask("PATCH", this.url, headers, piece, (n) => this.#moved(begin + n));
    if (answer.status === 409) {
      if (!(await this.#find())) throw new Fault("the upload is gone", true);
      return;
    }
    this.#refuseUnless(answer, answer.status === 204);
    this.#moved(Number(answer.getResponseHeader("Upload-Offset")));
    this.#failures = 0;
  }

  #moved(sent) {
    this.sent = Math.min(sent, this.size);
    this.dispatchEvent(new Event("change"));
  }

  #refuseUnless(answer, isGood) {
    if (isGood) return;
    let told = {};
    try {
      told = JSON.parse(answer.responseText);
    } catch { /* not one of the studio's own answers */ }
    const words = [told.error || answer.responseText.trim().slice(0, 200) || `status ${answer.status}`, told.to_do];
    // What another moment may mend is tried again: a server that starts anew, another piece that is still written.
    const again = answer.status >= 500 && answer.status !== 507 || [404, 408, 423].includes(answer.status);
    throw new Fault(words.filter(Boolean).join(". "), again);
  }

  #failed(fault) {
    this.#request = null;
    if (!fault.again) {
      this.#set("refused", fault.message);
      return;
    }
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.start(), pause);
    this.#set("retrying", fault.message);
  }

  #ask(method, url, headers = {}, body = null, progress = null) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open(method, url);
      request.setRequestHeader("Tus-Resumable", VERSION);
      request.setRequestHeader("X-Form-Token", formToken());
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (progress) request.upload.addEventListener("progress", (event) => progress(event.loaded));
      request.addEventListener("load", () => resolve(request));
      request.addEventListener("error", () => reject(new Fault("the connection was cut", true)));
      request.addEventListener("abort", () => reject(new Fault("stopped", true)));
      request.send(body);
    });
  }
}

/** Delete an upload that was begun before this page was loaded. */
export async function forgetUpload(url) {
  const headers = {"Tus-Resumable": VERSION, "X-Form-Token": formToken()};
  const answer = await fetch(url, {method: "DELETE", headers});
  if (!answer.ok && answer.status !== 404) throw new Error((await answer.text()).slice(0, 200));
}

class Fault extends Error {
  constructor(message, again) {
    super(message);
    this.again = again;
  }
}

function base64(text) {
  const bytes = new TextEncoder().encode(text);
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}
