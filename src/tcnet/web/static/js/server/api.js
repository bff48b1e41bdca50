// Requests to the server. Relative to the page's address, so that it works below any path of a proxy.

const ROOT = new URL("api/", document.baseURI);

export const AWAY = "The server does not answer. Is it running, and is the network up?";

export class ApiError extends Error {
  /** status: of the answer; 0 where there was none. */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function address(path) {
  return new URL(path, ROOT).href;
}

/** The readable line in an answer's text, if it holds one. */
export function errorLine(text, status) {
  try {
    const { error } = JSON.parse(text);
    if (typeof error === "string") {
      return error;
    }
  } catch {
    // Not JSON: an answer of something between here and the server.
  }
  return `The server answered with status ${status}.`;
}

export class Api {
  /** askForToken: () => Promise, settled when the browser has the cookie; called when an answer is 401. */
  constructor(askForToken) {
    this.askForToken = askForToken;
  }

  get(path) {
    return this.request("GET", path);
  }

  post(path, body) {
    return this.request("POST", path, body);
  }

  patch(path, body) {
    return this.request("PATCH", path, body);
  }

  delete(path) {
    return this.request("DELETE", path);
  }

  /** The answer's JSON, or null where it has none. Throws ApiError. */
  async request(method, path, body) {
    let answer = await send(method, path, body);
    while (answer.status === 401) {
      await this.askForToken();
      answer = await send(method, path, body);
    }
    const text = await answer.text();
    if (!answer.ok) {
      throw new ApiError(errorLine(text, answer.status), answer.status);
    }
    return text ? JSON.parse(text) : null;
  }
}

async function send(method, path, body) {
  const options = { method, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  try {
    return await fetch(address(path), options);
  } catch {
    throw new ApiError(AWAY, 0);
  }
}

/** True if the server takes the token; the browser then has its cookie. */
export async function signIn(token) {
  const answer = await send("POST", "session", { token });
  return answer.ok;
}
