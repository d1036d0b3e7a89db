// Asking for sound with patience: a studio that prepares other sounds says when to come again.

const TRIES = 60;

/** Fetch; while the studio says that it is busy, again after the time it names. */
export async function patientFetch(url, options) {
  for (let tried = 1; ; tried++) {
    const response = await fetch(url, options);
    if (response.status !== 503 || !response.headers.has("Retry-After") || tried === TRIES) return response;
    await new Promise((done) => setTimeout(done, 1000 * Number(response.headers.get("Retry-After"))));
  }
}

/** What the studio said in place of sound, with what to do. */
export async function refusal(response) {
  try {
    const told = await response.json();
    return told.to_do ? `${told.error}; ${told.to_do}` : told.error;
  } catch {
    return `the studio answered ${response.status}`;
  }
}
