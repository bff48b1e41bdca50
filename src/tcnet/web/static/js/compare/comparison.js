// Original and result on the same frame, with a divider between them; zoom, and one frame after the other.
//
// The divider is img-comparison-slider. Its keyboard is switched off and replaced: it moves by how long a key is
// held, so that a single step (of a screen reader, say) moves nothing.

import { FramePairs } from "./frame_pair.js";
import { fromTemplate, partsOf, radio, setText } from "../page/parts.js";
import { place } from "./placement.js";
import { Playback } from "./playback.js";
import * as words from "../page/words.js";

const ZOOMS = ["fit", "1", "2", "4"];
const ZOOM_LABELS = { fit: "Fit", 1: "1×", 2: "2×", 4: "4×" };
// In percent of the width.
const DIVIDER_KEYS = {
  ArrowLeft: -2,
  ArrowRight: 2,
  ArrowDown: -2,
  ArrowUp: 2,
  PageDown: -10,
  PageUp: 10,
  Home: -100,
  End: 100,
};
const MOVE_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LATE_MS = 200;
const MOVE_SHARE = 0.1; // of the stage, per key

export class Comparison {
  #announcer;
  #pairs;
  #picture; // size of a frame
  #count;
  #number = 0;
  #zoom = "fit";
  #centre;
  #pair = [];
  #playback;
  #sized = new ResizeObserver(() => this.#place());
  #end = new AbortController();

  constructor(page, job) {
    const { announcer, api } = page;
    this.#announcer = announcer;
    this.#pairs = new FramePairs(job.id);
    this.#picture = { width: job.result.width, height: job.result.height };
    this.#centre = { x: this.#picture.width / 2, y: this.#picture.height / 2 };
    this.#count = job.result.frames;
    this.root = fromTemplate("comparison");
    this.parts = partsOf(this.root);
    this.#playback = new Playback(api, job, this.#pairs, this);
    this.parts.playback.replaceWith(this.#playback.root);
    this.#build();
    this.#listen();
    this.#show(Math.floor(this.#count / 2)); // first frames are often black
  }

  #build() {
    const { parts } = this;
    parts.stage.style.setProperty("--ratio", this.#picture.width / this.#picture.height);
    setText(parts.count, `of ${words.count(this.#count)}`);
    parts.number.max = this.#count;
    parts.scrub.max = this.#count;
    parts.zooms.append(...ZOOMS.map((value) => radio({ name: "zoom", value, label: ZOOM_LABELS[value] })));
    this.#setZoom("fit");
    this.#tellDivider();
  }

  #listen() {
    const { parts } = this;
    const { signal } = this.#end;
    parts.previous.addEventListener("click", () => this.#step(-1));
    parts.next.addEventListener("click", () => this.#step(1));
    parts.scrub.addEventListener("input", () => this.#go(parts.scrub.valueAsNumber - 1));
    parts.number.addEventListener("change", () => {
      if (parts.number.checkValidity() && parts.number.value) {
        this.#go(parts.number.valueAsNumber - 1);
      } else {
        parts.number.value = this.#number + 1;
      }
    });
    parts.zooms.addEventListener("change", (event) => this.#setZoom(event.target.value));
    parts.slider.addEventListener("slide", () => this.#tellDivider());
    parts.slider.addEventListener("keydown", (event) => this.#dividerKey(event));
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    parts.stage.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#sized.observe(parts.stage);
  }

  close() {
    this.#playback.close();
    this.#end.abort();
    this.#sized.disconnect();
  }

  /** Counted from 0. */
  get number() {
    return this.#number;
  }

  /** Shows a pair of elements as that of frame `number`; null: it could not be read. */
  put(number, pair) {
    this.#countAt(number);
    const { parts } = this;
    parts.text.hidden = pair !== null;
    setText(parts.text, pair ? "" : `Frame ${number + 1} cannot be shown.`);
    if (pair) {
      this.#pair = pair;
      [parts.before, parts.after].forEach((view, place) => {
        if (view.firstChild !== pair[place]) {
          view.replaceChildren(pair[place]);
        }
      });
      this.#place();
    }
  }

  /** Playing has ended: the picture is the server's again. */
  rest() {
    this.#show(this.#number);
  }

  #step(by) {
    this.#go(this.#number + by);
  }

  #go(number) {
    this.#playback.stop();
    this.#show(number);
  }

  #countAt(number) {
    const { parts } = this;
    this.#number = Math.min(this.#count - 1, Math.max(0, number));
    parts.number.value = this.#number + 1;
    parts.scrub.value = this.#number + 1;
    parts.previous.disabled = this.#number === 0;
    parts.next.disabled = this.#number === this.#count - 1;
  }

  async #show(number) {
    this.#countAt(number);
    const wanted = this.#number;
    const { parts } = this;
    const late = setTimeout(() => {
      this.root.classList.add("late");
      setText(parts.text, "The frame is being read.");
      parts.text.hidden = this.#pair.length > 0; // an earlier one stays until then
    }, LATE_MS);
    let pair = null;
    try {
      pair = await this.#pairs.get(wanted);
    } catch {
      // Said below: the pictures' errors say nothing more.
    }
    clearTimeout(late);
    if (wanted !== this.#number) {
      return; // another frame was asked for since
    }
    this.root.classList.remove("late");
    this.put(wanted, pair);
    if (pair && wanted + 1 < this.#count) {
      this.#pairs.get(wanted + 1).catch(() => null); // so that the next step is quick; told when it is shown
    }
  }

  #setZoom(zoom) {
    this.#zoom = zoom;
    this.root.querySelector(`input[value="${zoom}"]`).checked = true;
    this.#place();
  }

  #place() {
    const { stage, slider } = this.parts;
    const zoom = this.#zoom === "fit" ? "fit" : Number(this.#zoom);
    const box = stage.getBoundingClientRect(); // not rounded, as clientWidth is
    const { scale, left, top, centre } = place(box, this.#picture, zoom, this.#centre, devicePixelRatio);
    this.#centre = centre;
    // A picture larger than the stage is moved by dragging it, so that the divider is dragged by its handle only.
    const movable = this.#picture.width * scale > box.width + 1 || this.#picture.height * scale > box.height + 1;
    slider.handle = movable;
    stage.classList.toggle("movable", movable);
    for (const picture of this.#pair) {
      picture.style.width = `${this.#picture.width * scale}px`;
      picture.style.height = `${this.#picture.height * scale}px`;
      picture.style.transform = `translate(${left}px, ${top}px)`;
      picture.classList.toggle("pixels", scale * devicePixelRatio > 1.5);
    }
  }

  /** x and y: in pixels of the page. */
  #move(x, y) {
    const shown = this.#pair[0]?.getBoundingClientRect();
    if (shown?.width) {
      const scale = shown.width / this.#picture.width;
      this.#centre = { x: this.#centre.x + x / scale, y: this.#centre.y + y / scale };
      this.#place();
    }
  }

  #drag(start) {
    const { stage, handle } = this.parts;
    const { left, right, top, bottom } = handle.getBoundingClientRect();
    const { clientX: x, clientY: y } = start;
    const onHandle = x >= left && x <= right && y >= top && y <= bottom;
    if (!stage.classList.contains("movable") || onHandle || start.button !== 0) {
      return;
    }
    stage.setPointerCapture(start.pointerId);
    let last = start;
    const move = (event) => {
      this.#move(last.clientX - event.clientX, last.clientY - event.clientY);
      last = event;
    };
    stage.addEventListener("pointermove", move);
    const stop = () => stage.removeEventListener("pointermove", move);
    stage.addEventListener("lostpointercapture", stop, { once: true });
  }

  #tellDivider() {
    const { slider } = this.parts;
    const value = Math.round(slider.value ?? 50);
    slider.setAttribute("aria-valuenow", value);
    slider.setAttribute("aria-valuetext", `${value} % original, ${100 - value} % result`);
  }

  #dividerKey(event) {
    const by = DIVIDER_KEYS[event.key];
    if (by === undefined || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.parts.slider.value = Math.min(100, Math.max(0, this.parts.slider.value + by));
    this.#tellDivider();
  }

  #key(event) {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) {
      return;
    }
    if (event.shiftKey && MOVE_KEYS[event.key]) {
      const { stage } = this.parts;
      const [x, y] = MOVE_KEYS[event.key];
      this.#move(x * MOVE_SHARE * stage.clientWidth, y * MOVE_SHARE * stage.clientHeight);
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.#step(event.key === "ArrowLeft" ? -1 : 1);
      this.#announcer.say(`Frame ${this.#number + 1}`);
    } else if (event.key === "+" || event.key === "-") {
      const place = ZOOMS.indexOf(this.#zoom) + (event.key === "+" ? 1 : -1);
      this.#setZoom(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, place))]);
      this.#announcer.say(`Zoom ${ZOOM_LABELS[this.#zoom]}`);
    } else if (event.key === " " && !event.target.closest("button, a")) {
      this.#playback.toggle();
    } else {
      return;
    }
    event.preventDefault();
  }
}
