// The list of videos: uploads under way first, then the jobs, newest first.

import { isRefusedFile } from "../server/jobs.js";
import { fromTemplate, partsOf, setBar, setText } from "./parts.js";
import * as words from "./words.js";

const UPLOAD_STATES = {
  waiting: () => "Waiting to upload",
  sending: (upload) => `Uploading · ${words.percent(upload.sent / upload.size)}`,
  retrying: () => "Connection lost, trying again",
  paused: (upload) => `Paused · ${words.percent(upload.sent / upload.size)}`,
  finishing: () => "Uploaded",
  failed: () => "Upload failed",
  interrupted: () => "Upload interrupted",
  elsewhere: () => "Uploading in another tab",
};

export class Sidebar {
  #jobs;
  #uploads;
  #list = document.getElementById("list");
  #title = document.getElementById("list-title");
  #clear = document.getElementById("clear");
  #items = new Map(); // address -> {item, parts}
  #current = null;

  constructor(jobs, uploads) {
    this.#jobs = jobs;
    this.#uploads = uploads;
    jobs.addEventListener("change", () => this.#show());
    uploads.addEventListener("change", () => this.#show());
  }

  /** Marks the item of this address as the one that is shown. */
  mark(address) {
    this.#current = address;
    this.#show();
  }

  #show() {
    const rows = [...this.#uploads.all().map(uploadRow), ...this.#jobs.all().map(jobRow)];
    const addresses = new Set(rows.map((row) => row.address));
    for (const [address, { item }] of this.#items) {
      if (!addresses.has(address)) {
        item.remove();
        this.#items.delete(address);
      }
    }
    rows.forEach((row, place) => this.#fill(row, place));
    this.#title.hidden = rows.length === 0;
    const refused = this.#jobs.all().filter(isRefusedFile).length;
    this.#clear.hidden = refused === 0;
    setText(this.#clear, refused === 1 ? "Remove the refused file" : `Remove ${refused} refused files`);
  }

  #fill(row, place) {
    if (!this.#items.has(row.address)) {
      const item = fromTemplate("item");
      item.firstElementChild.href = row.address;
      this.#items.set(row.address, { item, parts: partsOf(item) });
    }
    const { item, parts } = this.#items.get(row.address);
    setText(parts.name, row.name);
    setText(parts.state, row.words);
    parts.state.dataset.state = row.state;
    parts.bar.hidden = row.share === undefined;
    if (row.share !== undefined) {
      setBar(parts.bar, row.share);
    }
    if (row.address === this.#current) {
      item.firstElementChild.setAttribute("aria-current", "page");
    } else {
      item.firstElementChild.removeAttribute("aria-current");
    }
    // Moved only where it must be: moving takes the focus away.
    if (this.#list.children[place] !== item) {
      this.#list.insertBefore(item, this.#list.children[place] ?? null);
    }
  }
}

export function jobAddress(id) {
  return `#/job/${encodeURIComponent(id)}`;
}

export function uploadAddress(id) {
  return `#/upload/${encodeURIComponent(id)}`;
}

function jobRow(job) {
  const row = { address: jobAddress(job.id), name: job.name, state: job.state, words: words.state(job) };
  if (job.state === "running") {
    row.share = words.share(job.progress);
  }
  return row;
}

function uploadRow(upload) {
  const row = { address: uploadAddress(upload.id), name: upload.name, state: upload.state };
  row.words = UPLOAD_STATES[upload.state](upload);
  if (/sending|retrying|elsewhere/.test(upload.state)) {
    row.share = upload.sent / upload.size;
  }
  return row;
}
