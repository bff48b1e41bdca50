// Uploads by the tus protocol: sent in chunks, continued after a broken connection, a closed tab or a restart of
// the server. The browser remembers each unfinished one, but may not keep the file: after a reload the person
// chooses it again.

import { ApiError, address, errorLine } from "../server/api.js";
import { bytesThere, forget, remembered } from "./memory.js";
import { Neighbours } from "./neighbours.js";

const CHUNK_BYTES = 8 * 2 ** 20;
// Between tries while the server is away; counted anew once bytes got through. After the last the person decides.
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000, 60_000];
const TELL_MS = 1000;

export class Uploads extends EventTarget {
  #api;
  #jobs;
  #choice;
  #uploads = new Map();
  #neighbours;

  /** choice: () => the model and size that a new job begins with.
   *
   * Sends "change" (detail: the upload's id) and "finished" (detail: {id, job}).
   * An upload is {id, name, size, sent, state, error, speed}. Its state: waiting, sending, retrying, paused,
   * finishing (its job is being made), failed, interrupted (the file is to be chosen again), elsewhere (another
   * tab sends it). */
  constructor(api, jobs, choice) {
    super();
    this.#api = api;
    this.#jobs = jobs;
    this.#choice = choice;
    this.#neighbours = new Neighbours({
      ours: () => this.all().filter((upload) => upload.sender),
      hear: (upload) => this.#hearOfOther(upload),
      gone: (id) => this.#drop(id),
      left: () => this.find(),
    });
    window.addEventListener("online", () => this.#continueLost());
  }

  all() {
    return [...this.#uploads.values()];
  }

  get(id) {
    return this.#uploads.get(id);
  }

  /** Those that earlier visits left unfinished. */
  async find() {
    // Other tabs that still send will say so again.
    this.all()
      .filter((upload) => upload.state === "elsewhere")
      .forEach((upload) => this.#drop(upload.id));
    for (const { id, name, size, url } of await remembered()) {
      if (this.#uploads.get(id)?.sender) {
        continue;
      }
      const upload = { id, name, size, url, sent: 0, state: "interrupted", error: null, speed: null };
      this.#uploads.set(id, upload);
      this.#change(upload, {});
      await this.#ask(upload);
    }
    this.#neighbours.ask();
  }

  /** Sends the file as soon as those before it are through; where an earlier upload of it stopped, from there. */
  async add(file) {
    const sender = this.#sender(file);
    const id = await sender.options.fingerprint(file, sender.options);
    const known = this.#uploads.get(id);
    if (known && (known.sender || known.state === "elsewhere")) {
      return known;
    }
    const upload = { id, name: file.name, size: file.size, sent: 0, state: "waiting", error: null, speed: null };
    upload.sender = sender;
    this.#uploads.set(id, upload);
    this.#change(upload, {});
    this.#next();
    return upload;
  }

  pause(id) {
    const upload = this.#uploads.get(id);
    upload.sender.abort();
    this.#change(upload, { state: "paused", speed: null });
    this.#next();
  }

  resume(id) {
    this.#change(this.#uploads.get(id), { state: "waiting", error: null });
    this.#next();
  }

  /** Stops it and has the server forget what it got. */
  async discard(id) {
    const upload = this.#uploads.get(id);
    upload.sender?.abort();
    const stored = (await remembered()).filter((one) => one.id === id);
    await this.#end(upload);
    for (const { url } of stored) {
      // What cannot be removed now (the server is away, or has forgotten it) expires there.
      await tus.Upload.terminate(url).catch(() => null);
    }
  }

  /** How far an interrupted upload came. */
  async #ask(upload) {
    try {
      const there = await bytesThere(upload.url);
      if (there === null) {
        await this.#end(upload);
      } else if (there === upload.size) {
        await this.#finish(upload);
      } else {
        this.#change(upload, { sent: there });
      }
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      // The server is away: how far it came shows when it is continued.
    }
  }

  #next() {
    const waiting = this.all().find((upload) => upload.state === "waiting");
    const busy = this.all().some((upload) => upload.sender && /sending|retrying|finishing/.test(upload.state));
    if (waiting && !busy) {
      this.#send(waiting);
    }
  }

  #continueLost() {
    this.all()
      .filter((upload) => upload.sender && upload.state === "failed" && upload.lost)
      .forEach((upload) => this.resume(upload.id));
  }

  async #send(upload) {
    this.#change(upload, { state: "sending", start: null });
    const [previous] = await upload.sender.findPreviousUploads();
    if (previous) {
      upload.sender.resumeFromPreviousUpload(previous);
    }
    if (upload.state === "sending") {
      upload.sender.start();
    }
  }

  #sender(file) {
    const of = () => this.all().find((upload) => upload.sender === sender);
    const sender = new tus.Upload(file, {
      endpoint: address("uploads"),
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MS,
      metadata: { filename: file.name, filetype: file.type },
      onShouldRetry: (error, attempt, options) => {
        const again = tus.defaultOptions.onShouldRetry(error, attempt, options);
        if (again) {
          this.#change(of(), { state: "retrying", speed: null, start: null });
        }
        return again;
      },
      onProgress: (sent) => this.#progress(of(), sent),
      onSuccess: () => this.#finish(of()),
      onError: (error) => this.#fail(of(), error),
    });
    return sender;
  }

  #progress(upload, sent) {
    const now = performance.now();
    upload.start ??= { now, sent };
    const seconds = (now - upload.start.now) / 1000;
    const speed = seconds > 1 ? (sent - upload.start.sent) / seconds : null;
    this.#change(upload, { state: "sending", sent, speed });
  }

  async #fail(upload, error) {
    const answer = error.originalResponse;
    const status = answer?.getStatus() ?? 0;
    if (status === 401) {
      await this.#api.askForToken();
      this.resume(upload.id);
      return;
    }
    const line = answer ? errorLine(answer.getBody(), status) : "The connection to the server was lost.";
    this.#change(upload, { state: "failed", error: line, lost: !answer, speed: null });
    this.#next();
  }

  async #finish(upload) {
    this.#change(upload, { state: "finishing", sent: upload.size, speed: null });
    const url = upload.sender?.url ?? upload.url;
    const job = url.split("/").at(-1); // gets the upload's id
    const since = this.#jobs.now();
    try {
      this.#jobs.answered(await this.#api.post("jobs", { upload: job, ...this.#choice() }), since);
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      // 409: another tab made the job.
      if (error.status !== 409) {
        this.#change(upload, { state: "failed", error: error.message, lost: error.status === 0 });
        this.#next();
        return;
      }
    }
    // First, so that the page goes from the upload to its job, not to nowhere.
    this.dispatchEvent(new CustomEvent("finished", { detail: { id: upload.id, job } }));
    await this.#end(upload);
  }

  #hearOfOther({ id, name, size, sent }) {
    if (!this.#uploads.get(id)?.sender) {
      const upload = { id, name, size, sent, state: "elsewhere", error: null, speed: null };
      this.#uploads.set(id, upload);
      this.#change(upload, {});
    }
  }

  async #end(upload) {
    await forget(upload.id);
    this.#neighbours.tellGone(upload.id);
    this.#drop(upload.id);
    this.#next();
  }

  #drop(id) {
    if (this.#uploads.delete(id)) {
      this.dispatchEvent(new CustomEvent("change", { detail: id }));
    }
  }

  #change(upload, values) {
    Object.assign(upload, values);
    const now = performance.now();
    if (upload.sender && now - (upload.told ?? 0) > TELL_MS) {
      upload.told = now;
      this.#neighbours.tell(upload);
    }
    this.dispatchEvent(new CustomEvent("change", { detail: upload.id }));
  }
}
