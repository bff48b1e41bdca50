// What the server tells: the event stream while the page is seen, a look every few seconds while it is not.
//
// Browsers allow six connections to a server over HTTP/1.1, for all tabs together, and a stream holds one: the
// tabs in the background give theirs back.

import { address, ApiError } from "./api.js";

const HIDDEN_MS = 10_000;
const RETRY_MS = [1000, 2000, 4000, 8000];

export class Stream extends EventTarget {
  #api;
  #jobs;
  #source = null;
  #timer = null;
  #failures = 0;

  /** Sends the event "away" (detail: true or false) when the server stops or starts answering. */
  constructor(api, jobs) {
    super();
    this.#api = api;
    this.#jobs = jobs;
    document.addEventListener("visibilitychange", () => this.#restart());
    window.addEventListener("online", () => this.#restart());
  }

  start() {
    this.#restart();
  }

  #restart() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    if (document.hidden) {
      this.#look().then(() => this.#later(HIDDEN_MS));
    } else {
      this.#listen();
    }
  }

  #later(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), milliseconds);
  }

  #listen() {
    const source = new EventSource(address("events"), { withCredentials: true });
    this.#source = source;
    source.addEventListener("open", () => {
      this.#failures = 0;
      // The stream tells changes only; what changed before it began is asked for once it has begun.
      this.#look();
    });
    source.addEventListener("job", (event) => this.#jobs.hear(JSON.parse(event.data)));
    source.addEventListener("deleted", (event) => this.#jobs.hearDeleted(JSON.parse(event.data).id));
    source.addEventListener("error", async () => {
      source.close();
      // The stream does not say why it ended; a request does, and asks for the token where that is the reason.
      await this.#look();
      if (this.#source === source) {
        this.#later(RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]);
        this.#failures += 1;
      }
    });
  }

  async #look() {
    const since = this.#jobs.now();
    try {
      const { jobs } = await this.#api.get("jobs");
      this.#jobs.answeredAll(jobs, since);
      this.#tellAway(false);
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      this.#tellAway(true);
    }
  }

  #tellAway(away) {
    this.dispatchEvent(new CustomEvent("away", { detail: away }));
  }
}
