// What happens in runs, told to every page: one stream for all tabs, taken up again by itself, asked for where it fails.
//
// A browser opens six connections to a server, and a stream holds one: the tab that has the lock listens, and tells the
// others. Where there are no locks (another machine without HTTPS), each tab listens for itself.

const CHANNEL = "flamingo-bark-events";
const ASK_MS = 5000;
const songs = new Set();
const runs = new Set();
const resets = new Set();
const lives = new Set();
let begun = false;
let asking = 0;
let version = null;
let channel = null;

/** Call `heard({song_id, step, state})` for each result that was made; returns a function that ends it. */
export const onSong = (heard) => listen(songs, heard);
/** Call `heard({run_id, state})` when a run begins, goes on or ends. */
export const onRun = (heard) => listen(runs, heard);
/** Call `heard(is)` when the stream is taken up, or breaks. */
export const onLive = (heard) => listen(lives, heard);
/** Call `heard()` when events were missed and all that depends on them is to be loaded again. */
export const onReset = (heard) => listen(resets, heard);

function listen(to, heard) {
  to.add(heard);
  begin();
  return () => to.delete(heard);
}

function begin() {
  if (begun) return;
  begun = true;
  if (!navigator.locks || !window.BroadcastChannel) {
    stream(tell);
    return;
  }
  channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({data}) => tell(data.kind, data.told));
  navigator.locks.request(CHANNEL, () => {
    stream((kind, told) => {
      tell(kind, told);
      channel.postMessage({kind, told});
    });
    return new Promise(() => {});
  });
}

function tell(kind, told) {
  const to = {song: songs, run: runs, reset: resets, live: lives}[kind];
  for (const heard of to ?? []) heard(told);
}

function stream(pass, last = null) {
  const source = new EventSource(last ? `/events?last_event_id=${encodeURIComponent(last)}` : "/events");
  const seen = (event) => {
    last = event.lastEventId || last;
    return event.data ? JSON.parse(event.data) : {};
  };
  source.addEventListener("open", () => {
    stopAsking();
    pass("live", true);
  });
  source.addEventListener("start", seen);
  source.addEventListener("message", (event) => pass("song", seen(event)));
  source.addEventListener("run", (event) => pass("run", seen(event)));
  source.addEventListener("reset", (event) => pass("reset", seen(event)));
  source.addEventListener("error", () => {
    // The browser takes it up again by itself, unless it was refused.
    ask(pass);
    pass("live", false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => stream(pass, last), 2 * ASK_MS);
  });
}

function stopAsking() {
  clearInterval(asking);
  asking = 0;
  version = null;
}

/** Ask what has changed while there is no stream. */
function ask(pass) {
  if (asking) return;
  asking = setInterval(async () => {
    try {
      const response = await fetch(`/api/runs/grid?since=${version ?? 0}`, {headers: {Accept: "application/json"}});
      if (!response.ok) return;
      const told = await response.json();
      if (version === null || told.all) pass("reset", {});
      else for (const row of told.rows) pass("song", {song_id: row.song_id, step: null, state: row.state});
      version = told.version;
    } catch {
      // The studio is not there; it is asked again.
    }
  }, ASK_MS);
}
