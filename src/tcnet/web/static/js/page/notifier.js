// Tells somebody who looks elsewhere that a video is done: in the title, and by the browser where it may.

const ENDED = { done: "is done", failed: "has failed" };

/** Whether the browser could tell, and has not been asked yet whether it may. */
export function mayAsk() {
  return "Notification" in window && Notification.permission === "default";
}

export class Notifier extends EventTarget {
  #states = new Map(); // id -> state, as it was last told
  #news = new Set(); // ids of what ended unseen

  /** Sends "change" when the title's mark changes. */
  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  /** What the title begins with: how many have ended unseen. */
  get mark() {
    return this.#news.size ? `(${this.#news.size}) ` : "";
  }

  /** job: as it is now; undefined for a deleted one. open(): shows it. */
  hear(id, job, open) {
    const before = this.#states.get(id);
    this.#states.set(id, job?.state);
    if (document.hidden && (before === "running" || before === "queued") && ENDED[job?.state]) {
      this.#news.add(id);
      this.dispatchEvent(new Event("change"));
      this.#show(job, open);
    }
  }

  #show(job, open) {
    if ("Notification" in window && Notification.permission === "granted") {
      const notification = new Notification(`${job.name} ${ENDED[job.state]}`, { tag: job.id });
      notification.addEventListener("click", () => {
        window.focus();
        open();
        notification.close();
      });
    }
  }

  #seen() {
    if (!document.hidden && this.#news.size) {
      this.#news.clear();
      this.dispatchEvent(new Event("change"));
    }
  }
}
