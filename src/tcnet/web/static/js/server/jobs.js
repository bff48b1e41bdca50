// The jobs as the server last told them.

/** Whether no choice could make the job possible. */
export function isRefusedFile(job) {
  return job.state === "refused" && job.refusal !== "plan";
}

export class Jobs extends EventTarget {
  #jobs = new Map();
  #heard = new Map(); // id -> tick of the last event about it; of deleted jobs too
  #tick = 0;

  /** Newest first. */
  all() {
    return [...this.#jobs.values()].sort((a, b) => b.created - a.created);
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** To be noted when a request is sent: what the event stream tells after it is newer than the answer. */
  now() {
    return this.#tick;
  }

  /** From the event stream. */
  hear(job) {
    this.#note(job.id);
    this.#put(job);
  }

  hearDeleted(id) {
    this.#note(id);
    this.#remove(id);
  }

  /** The answer to a request that was sent at `since`. */
  answered(job, since) {
    if (!this.#newsSince(job.id, since)) {
      this.#put(job);
    }
  }

  /** All the jobs there were when the answer to a request sent at `since` was made; others are gone. */
  answeredAll(jobs, since) {
    const ids = new Set(jobs.map((job) => job.id));
    for (const id of [...this.#jobs.keys()]) {
      if (!ids.has(id) && !this.#newsSince(id, since)) {
        this.#remove(id);
      }
    }
    jobs.forEach((job) => this.answered(job, since));
  }

  #note(id) {
    this.#tick += 1;
    this.#heard.set(id, this.#tick);
  }

  #newsSince(id, since) {
    return (this.#heard.get(id) ?? 0) > since;
  }

  #put(job) {
    this.#jobs.set(job.id, job);
    this.#tell(job.id);
  }

  #remove(id) {
    if (this.#jobs.delete(id)) {
      this.#tell(id);
    }
  }

  #tell(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }
}
