// Asking the studio: JSON in and out, the form token with every change, faults as one kind of error.

export class Refused extends Error {
  /** @param {number} status of HTTP, 0 where the studio was not reached; @param {object} told what it answered */
  constructor(status, told) {
    super(told.error || `the studio answered ${status}`);
    this.status = status;
    this.told = told;
    this.said = told.to_do ? `${this.message} ${told.to_do}` : this.message;
  }
}

export function formToken() {
  return document.querySelector('meta[name="form-token"]').content;
}

/** Ask for JSON, or send a change. Throws Refused. */
export async function send(method, url, body, {signal} = {}) {
  const headers = {Accept: "application/json"};
  if (method !== "GET") headers["X-Form-Token"] = formToken();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body)});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, {error: "the studio cannot be reached; is it still running?"});
  }
  const text = await response.text();
  let told;
  try {
    told = text ? JSON.parse(text) : {};
  } catch {
    told = {error: text.trim() || `the studio answered ${response.status}`};
  }
  if (!response.ok) throw new Refused(response.status, told);
  return told;
}

export const get = (url, options) => send("GET", url, undefined, options);
