// The chosen video: what is shown of it depends on how far it is.

import { ApiError } from "../server/api.js";
import { ask } from "../page/dialogs.js";
import { DoneView } from "./done_view.js";
import { fromTemplate, partsOf, setProblem, setText } from "../page/parts.js";
import { PlanView } from "./plan_view.js";
import { RefusedView } from "./refused_view.js";
import { RunView } from "./run_view.js";
import * as words from "../page/words.js";

/** Which view shows a job. Where another size or model may do ("plan"), they are there to choose. */
function viewOf(job) {
  if (job.state === "refused") {
    return job.refusal === "plan" ? PlanView : RefusedView;
  }
  const views = { queued: RunView, running: RunView, cancelled: RunView, failed: RunView, done: DoneView };
  return views[job.state] ?? PlanView;
}

export class JobPanel {
  #page;
  #view = null;
  #kind = null;

  /** page: the api, jobs, server, announcer and chooseFile of the page; id: of a job that is known. */
  constructor(page, id) {
    this.#page = page;
    this.id = id;
    this.root = fromTemplate("frame");
    this.parts = partsOf(this.root);
    this.parts.delete.addEventListener("click", () => this.#delete());
    this.update();
  }

  get job() {
    return this.#page.jobs.get(this.id);
  }

  update() {
    const { job } = this;
    setText(this.parts.name, job.name);
    setText(this.parts.source, job.source ? words.source(job.source) : "");
    const kind = viewOf(job);
    if (kind !== this.#kind) {
      this.#replaceView(kind);
    }
    this.#view.update(job);
  }

  close() {
    this.#view.close();
  }

  /** Sends a request about the job, shows its answer or its error. The answer, or true without one, where it succeeded. */
  async request(method, path = "", body = undefined) {
    const since = this.#page.jobs.now();
    setProblem(this.parts.problem, null);
    try {
      const answer = await this.#page.api.request(method, `jobs/${encodeURIComponent(this.id)}${path}`, body);
      if (answer?.id === this.id) {
        this.#page.jobs.answered(answer, since);
      }
      return answer ?? true;
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      setProblem(this.parts.problem, error.message);
      return false;
    }
  }

  #replaceView(kind) {
    const focused = this.parts.body.contains(document.activeElement);
    this.#view?.close();
    this.#kind = kind;
    this.#view = new kind(this.#page, this, this.job);
    this.parts.body.replaceChildren(this.#view.root);
    if (focused) {
      this.parts.name.focus(); // what was in focus is gone
    }
  }

  async #delete() {
    const yes = await ask({
      title: `Delete ${this.job.name}?`,
      text: "The video, and all that was made from it, is removed from the server.",
      yes: "Delete",
      no: "Keep it",
    });
    if (yes) {
      await this.remove();
    }
  }

  /** Deletes the job. */
  async remove() {
    if (await this.request("DELETE")) {
      this.#page.jobs.hearDeleted(this.id);
    }
  }
}
