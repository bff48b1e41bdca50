// A job at work, or waiting, or stopped: how far it is, and the newest frame.

import { address } from "../server/api.js";
import { mayAsk } from "../page/notifier.js";
import { fromTemplate, partsOf, setBar, setProblem, setText } from "../page/parts.js";
import * as words from "../page/words.js";

const PICTURE_MS = 1000;

export class RunView {
  #announcer;
  #picture = null; // <img> that is shown
  #shown = null; // number of its frame
  #loading = false;
  #timer = null;
  #job = null;
  #acting = false;

  constructor(page, panel, job) {
    this.#announcer = page.announcer;
    this.root = fromTemplate("run");
    this.parts = partsOf(this.root);
    const { width, height } = job.plan;
    this.parts.screen.style.aspectRatio = `${width} / ${height}`;
    this.parts.screen.classList.toggle("tall", height > width);
    this.parts.cancel.addEventListener("click", () => this.#act(panel, this.parts.cancel, "/cancel"));
    this.parts.resume.addEventListener("click", () => this.#act(panel, this.parts.resume, "/resume"));
    this.parts.notify.addEventListener("click", async () => {
      await Notification.requestPermission();
      this.update(this.#job);
      this.parts.cancel.focus();
    });
  }

  async #act(panel, button, path) {
    // Not by disabling the button: that would take the focus away.
    if (this.#acting) {
      return;
    }
    this.#acting = true;
    await panel.request("POST", path);
    this.#acting = false;
    if (button.hidden) {
      (this.parts.cancel.hidden ? this.parts.resume : this.parts.cancel).focus();
    }
  }

  update(job) {
    const before = this.#job?.state;
    this.#job = job;
    const share = words.share(job.progress);
    const stopped = job.state === "cancelled" || job.state === "failed";
    setText(this.parts.headline, headline(job, share));
    this.parts.bar.hidden = job.state === "queued" && share === null;
    setBar(this.parts.bar, share ?? (stopped ? 0 : null));
    this.#showFacts(job);
    setProblem(this.parts.reason, job.state === "failed" ? job.error : null);
    this.parts.cancel.hidden = stopped;
    this.parts.resume.hidden = !stopped;
    this.parts.notify.hidden = stopped || !mayAsk();
    setText(this.parts.resume, job.state === "failed" ? "Try again" : "Resume");
    if (before && before !== job.state) {
      this.#announcer.say(this.parts.headline.textContent);
    } else if (job.state === "running" && share !== null) {
      this.#announcer.progress(job.id, share, `${words.percent(share)}, ${this.parts.left.textContent} left`);
    }
    this.#showPicture(job);
  }

  #showFacts(job) {
    const { progress } = job;
    const total = progress?.frames_total ?? job.plan.frames;
    const done = words.count(progress?.frames_done ?? 0);
    setText(this.parts.frames, total === null ? done : `${done} of ${words.count(total)}`);
    setText(this.parts.speed, progress?.fps && job.state === "running" ? words.speed(progress.fps) : "–");
    setText(this.parts.left, left(job));
    setText(this.parts.size, words.size(job.plan));
  }

  #showPicture(job) {
    const words = { queued: "The newest frame will show here.", running: "The first frames are being computed." };
    setText(this.parts["screen-text"], this.#picture ? "" : (words[job.state] ?? "No frame is ready yet."));
    if (job.preview === null || job.preview === this.#shown || this.#loading) {
      return;
    }
    this.#loading = true;
    const picture = new Image();
    const number = job.preview;
    picture.alt = "The newest frame";
    picture.addEventListener("load", () => {
      this.#shown = number;
      (this.#picture ?? this.parts["screen-text"]).replaceWith(picture);
      this.#picture = picture;
      this.#rest();
    });
    // It may be gone by now (the job is done or deleted); the next change brings another.
    picture.addEventListener("error", () => this.#rest());
    picture.src = address(`jobs/${encodeURIComponent(job.id)}/preview.png?v=${number}`);
  }

  /** The next picture comes after a while, if there is a newer one. */
  #rest() {
    this.#timer = setTimeout(() => {
      this.#loading = false;
      this.#showPicture(this.#job);
    }, PICTURE_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#loading = true;
  }
}

function headline(job, share) {
  const soFar = share === null ? "" : ` at ${words.percent(share)}`;
  switch (job.state) {
    case "queued":
      return words.queuePlace(job.queue_position);
    case "cancelled":
      return `Cancelled${soFar}`;
    case "failed":
      return `Failed${soFar}`;
    default:
      return share === null ? "Starting…" : words.percent(share);
  }
}

function left(job) {
  const seconds = job.progress?.eta_seconds ?? null;
  if (job.state === "running" && seconds !== null) {
    return words.duration(seconds);
  }
  return job.state === "queued" && job.plan.seconds !== null ? words.duration(job.plan.seconds) : "–";
}
