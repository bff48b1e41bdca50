// An upload under way, or stopped: how far it is, and how it goes on.

import { fromTemplate, partsOf, setBar, setProblem, setText } from "../page/parts.js";
import * as words from "../page/words.js";

const HINTS = {
  waiting: "It begins when the upload before it is through.",
  sending: "Keep this tab open until the upload is complete.",
  retrying: "The connection was lost. It goes on where it stopped as soon as the server answers.",
  paused: "What was sent is kept on the server.",
  finishing: "The server looks at the video.",
  failed: "",
  interrupted: "What was sent is kept on the server. Choose the same file again: the upload goes on where it stopped.",
  elsewhere: "Another tab of this browser sends it.",
};

export class UploadPanel {
  #uploads;
  #announcer;

  constructor(page, id) {
    this.id = id;
    this.#uploads = page.uploads;
    this.#announcer = page.announcer;
    this.root = fromTemplate("frame");
    this.parts = partsOf(this.root);
    const view = fromTemplate("upload");
    this.parts.body.append(view);
    Object.assign(this.parts, partsOf(view));
    setText(this.parts.delete, "Remove");
    this.parts.delete.addEventListener("click", () => this.#uploads.discard(id));
    this.parts.pause.addEventListener("click", () => this.#act("pause", this.parts.resume));
    this.parts.resume.addEventListener("click", () => this.#act("resume", this.parts.pause));
    this.parts.again.addEventListener("click", () => page.chooseFile());
    this.update();
  }

  #act(what, next) {
    this.#uploads[what](this.id);
    this.update();
    if (!next.hidden) {
      next.focus();
    }
  }

  update() {
    const upload = this.#uploads.get(this.id);
    const { state } = upload;
    const share = upload.size ? upload.sent / upload.size : 0;
    setText(this.parts.name, upload.name);
    setText(this.parts.percent, state === "finishing" ? "Uploaded" : words.percent(share));
    setBar(this.parts.bar, share);
    setText(this.parts.facts, facts(upload));
    setText(this.parts.hint, HINTS[state]);
    setProblem(this.parts.problem, upload.error);
    this.parts.pause.hidden = state !== "sending" && state !== "retrying";
    this.parts.resume.hidden = state !== "paused" && state !== "failed";
    setText(this.parts.resume, state === "failed" ? "Try again" : "Continue");
    this.parts.again.hidden = state !== "interrupted";
    this.parts.delete.hidden = state === "elsewhere" || state === "finishing";
    this.#announcer.progress(this.id, share, `Upload: ${words.percent(share)}`);
  }

  close() {}
}

function facts(upload) {
  const line = [`${words.bytes(upload.sent)} of ${words.bytes(upload.size)}`];
  if (upload.speed) {
    line.push(`${words.bytes(upload.speed)}/s`, `${words.duration((upload.size - upload.sent) / upload.speed)} left`);
  }
  return line.join(" · ");
}
