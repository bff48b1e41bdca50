// A finished job: the comparison, and the file.

import { address } from "../server/api.js";
import { Comparison } from "../compare/comparison.js";
import { fromTemplate, partsOf, setLines, setText } from "../page/parts.js";
import { jobAddress } from "../page/sidebar.js";
import * as words from "../page/words.js";

export class DoneView {
  #comparison;

  constructor(page, panel, job) {
    this.root = fromTemplate("done");
    this.parts = partsOf(this.root);
    this.#comparison = new Comparison(page, job);
    this.parts.comparison.replaceWith(this.#comparison.root);
    this.parts.download.href = address(`jobs/${encodeURIComponent(job.id)}/result`);
    this.parts.download.download = job.result.name;
    this.parts.whole.hidden = job.start === null && job.end === null;
    this.parts.whole.addEventListener("click", async () => {
      const whole = await panel.request("POST", "/again", { start: null, end: null });
      if (whole) {
        page.jobs.hear(whole);
        page.go(jobAddress(whole.id));
      }
    });
    page.announcer.say(`${job.name} is done`);
  }

  update({ result }) {
    setText(this.parts.size, words.size(result));
    setText(this.parts.frames, words.count(result.frames));
    setText(this.parts.bytes, words.bytes(result.bytes));
    setText(this.parts.took, words.duration(result.seconds));
    setLines(this.parts.notices, result.notices);
  }

  close() {
    this.#comparison.close();
  }
}
