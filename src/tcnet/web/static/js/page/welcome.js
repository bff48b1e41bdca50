// What is shown while no video is chosen.

import { fromTemplate, partsOf, setText } from "./parts.js";
import * as words from "./words.js";

export class Welcome {
  constructor(page) {
    this.root = fromTemplate("welcome");
    const parts = partsOf(this.root);
    parts.choose.addEventListener("click", () => page.chooseFile());
    const { upload_bytes: bytes, duration_seconds: seconds } = page.server.limits;
    setText(parts.limits, `Up to ${words.bytes(bytes)} and ${words.duration(seconds)}. It goes to this server only.`);
  }

  update() {}

  close() {}
}
