// A file that cannot be upscaled, and why.

import { fromTemplate, partsOf, setText } from "../page/parts.js";

export class RefusedView {
  constructor(page, panel) {
    this.root = fromTemplate("refused");
    this.parts = partsOf(this.root);
    this.parts.choose.addEventListener("click", () => page.chooseFile());
    // Nothing was made from it, so nothing is asked.
    this.parts.remove.addEventListener("click", () => panel.remove());
  }

  update(job) {
    setText(this.parts.reason, job.error);
  }

  close() {}
}
