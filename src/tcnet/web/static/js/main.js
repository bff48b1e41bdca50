// The page: what is chosen is in the address (#/job/ID), so that a reload and the back button keep it.

import { Announcer } from "./page/announcer.js";
import { AWAY, Api, ApiError, signIn } from "./server/api.js";
import { recallChoice } from "./job/choice.js";
import { askForToken } from "./page/dialogs.js";
import { acceptDrops } from "./upload/drop.js";
import { Jobs, isRefusedFile } from "./server/jobs.js";
import { Notifier } from "./page/notifier.js";
import { JobPanel } from "./job/panel.js";
import { setProblem, setText } from "./page/parts.js";
import { Sidebar, jobAddress, uploadAddress } from "./page/sidebar.js";
import { Stream } from "./server/stream.js";
import { UploadPanel } from "./upload/upload_view.js";
import { Uploads } from "./upload/uploads.js";
import { Welcome } from "./page/welcome.js";
import * as words from "./page/words.js";

const GONE = {
  job: "The video of this address is not here any more: it was deleted, or its time was up.",
  upload: "The upload of this address is not here any more: it is complete, or was removed.",
};

class Page {
  constructor(api, server) {
    this.api = api;
    this.server = server;
    this.jobs = new Jobs();
    this.announcer = new Announcer();
    this.notifier = new Notifier();
    this.uploads = new Uploads(api, this.jobs, () => recallChoice(server));
    this.sidebar = new Sidebar(this.jobs, this.uploads);
    this.stream = new Stream(api, this.jobs);
    this.panel = null;
    this.loaded = false;
  }

  start() {
    const file = document.getElementById("file");
    file.addEventListener("change", () => {
      this.take([...file.files]);
      file.value = ""; // so that the same file can be chosen again
    });
    document.getElementById("add").addEventListener("click", () => this.chooseFile());
    document.getElementById("clear").addEventListener("click", () => this.#clearRefused());
    acceptDrops((files) => this.take(files));
    window.addEventListener("hashchange", () => {
      this.tell("");
      this.show({ focus: true });
    });
    this.jobs.addEventListener("change", ({ detail: id }) => {
      this.notifier.hear(id, this.jobs.get(id), () => this.go(jobAddress(id)));
      this.#changed(id, "job");
    });
    this.notifier.addEventListener("change", () => this.#setTitle());
    this.uploads.addEventListener("change", (event) => this.#changed(event.detail, "upload"));
    this.uploads.addEventListener("finished", ({ detail }) => {
      if (location.hash === uploadAddress(detail.id)) {
        this.go(jobAddress(detail.job), { replace: true });
      }
    });
    this.stream.addEventListener("away", (event) => this.#away(event.detail));
    this.stream.start();
    this.uploads.find();
    this.show({ focus: false });
  }

  chooseFile() {
    document.getElementById("file").click();
  }

  /** Uploads the files that can be taken; shows the first. */
  async take(files) {
    const most = this.server.limits.upload_bytes;
    const limit = `this server takes files of at most ${words.bytes(most)}.`;
    const problems = files
      .filter((file) => file.size === 0 || file.size > most)
      .map(({ name, size }) => (size ? `${name} has ${words.bytes(size)}; ${limit}` : `${name} is empty.`));
    this.tell(problems.join(" "));
    const uploads = [];
    for (const file of files.filter(({ size }) => size > 0 && size <= most)) {
      uploads.push(await this.uploads.add(file));
    }
    if (uploads.length) {
      this.go(uploadAddress(uploads[0].id));
    }
  }

  /** A line above everything; "" takes it away. */
  tell(text) {
    setProblem(document.getElementById("message"), text);
  }

  go(address, { replace = false } = {}) {
    if (location.hash !== address) {
      history[replace ? "replaceState" : "pushState"](null, "", address);
      this.show({ focus: true });
    }
  }

  /** Shows what the address names. gone: it was deleted while it was shown. */
  show({ focus, gone = false }) {
    const [, kind, encoded] = location.hash.match(/^#\/(job|upload)\/(.+)$/) ?? [];
    const id = encoded && decodeURIComponent(encoded);
    const known = kind && this[`${kind}s`].get(id);
    this.panel?.close();
    if (known) {
      this.panel = kind === "job" ? new JobPanel(this, id) : new UploadPanel(this, id);
    } else {
      this.panel = new Welcome(this);
      if (kind && this.loaded) {
        history.replaceState(null, "", "#/");
        if (!gone) {
          this.tell(GONE[kind]);
        }
      }
    }
    this.panel.kind = known ? kind : null;
    document.body.classList.toggle("with-job", Boolean(known));
    document.getElementById("panel").replaceChildren(this.panel.root);
    this.sidebar.mark(location.hash);
    this.#setTitle();
    if (focus) {
      this.panel.root.querySelector("h1").focus();
    }
  }

  #changed(id, kind) {
    const address = kind === "job" ? jobAddress(id) : uploadAddress(id);
    const shown = this.panel?.kind === kind && this.panel.id === id;
    const known = this[`${kind}s`].get(id);
    if (shown && known) {
      this.panel.update();
      this.#setTitle();
    } else if (shown || (known && location.hash === address)) {
      this.show({ focus: shown, gone: shown }); // it is gone, or known at last
    }
  }

  async #clearRefused() {
    for (const { id } of this.jobs.all().filter(isRefusedFile)) {
      try {
        await this.api.delete(`jobs/${encodeURIComponent(id)}`);
      } catch (error) {
        if (!(error instanceof ApiError)) {
          throw error;
        }
        if (error.status !== 404) {
          this.tell(error.message); // else another tab was first
          return;
        }
      }
      this.jobs.hearDeleted(id);
    }
  }

  #setTitle() {
    const job = this.panel?.kind === "job" ? this.jobs.get(this.panel.id) : null;
    const title = job ? `${words.state(job)} – ${job.name}` : "tcnet";
    setText(document.querySelector("title"), `${this.notifier.mark}${title}`);
  }

  #away(away) {
    const banner = document.getElementById("banner");
    setText(banner, away ? `${AWAY} Trying again…` : "");
    banner.hidden = !away;
    if (!away && !this.loaded) {
      this.loaded = true;
      if (location.hash.length > 2 && !this.panel.kind) {
        this.show({ focus: false }); // it names nothing that there is
      }
    }
  }
}

/** The server prints its address with #token=, which goes no further than here. */
async function signInByAddress() {
  const [, token] = location.hash.match(/^#token=(.+)$/) ?? [];
  if (token) {
    await signIn(decodeURIComponent(token));
    history.replaceState(null, "", "#/");
  }
}

async function start() {
  const api = new Api(askForToken);
  const banner = document.getElementById("banner");
  for (;;) {
    try {
      await signInByAddress();
      const server = await api.get("server");
      setText(document.getElementById("version"), `version ${server.version}`);
      banner.hidden = true;
      new Page(api, server).start();
      return;
    } catch (error) {
      setText(banner, `${error.message} Trying again…`);
      banner.hidden = false;
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  }
}

start();
