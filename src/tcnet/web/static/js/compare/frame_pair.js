// The pictures of one frame, before and after: both are shown at once, when both are there.

import { address } from "../server/api.js";

const KEPT = 12; // pairs; a pair of 4K frames takes 66 MB of the browser's memory once shown

export class FramePairs {
  #id;
  #pairs = new Map(); // number -> Promise of [before, after]

  constructor(id) {
    this.#id = id;
  }

  /** Two <img> of frame `number`, counted from 0. Rejects where the server has none. */
  get(number) {
    const pair = this.#pairs.get(number) ?? this.#load(number);
    this.#pairs.delete(number);
    this.#pairs.set(number, pair); // the newest is last
    pair.catch(() => this.#pairs.delete(number));
    if (this.#pairs.size > KEPT) {
      this.#pairs.delete(this.#pairs.keys().next().value);
    }
    return pair;
  }

  #load(number) {
    return Promise.all(
      ["before", "after"].map(async (side) => {
        const picture = new Image();
        picture.alt = "";
        picture.draggable = false;
        picture.src = address(`jobs/${encodeURIComponent(this.#id)}/frames/${number}/${side}.png`);
        await picture.decode();
        return picture;
      }),
    );
  }
}
