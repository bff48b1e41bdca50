// A file that cannot be upscaled, and why.

import { fromTemplate, partsOf, setText } from "./parts.js";

export class RefusedView {
  constructor(page) {
    this.root = fromTemplate("refused");
    this.parts = partsOf(this.root);
    this.parts.choose.addEventListener("click", () => page.chooseFile());
  }

  update(job) {
    setText(this.parts.reason, job.error);
  }

  close() {}
}
