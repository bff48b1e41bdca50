// The part of a video between two handles on a bar, beside the two fields that say it in seconds; above it, where the
// browser can decode the upload, the frame at the handle that was moved last.

import { setText } from "../page/parts.js";
import * as words from "../page/words.js";

const BEFORE_END = 0.02; // seconds: what begins at the end is left out, so the frame before it is shown

/** Seconds that an arrow key moves a handle. */
function stepFor(duration) {
  return duration > 600 ? 1 : duration > 10 ? 0.1 : 0.01;
}

export class TrimBar {
  #parts;
  #src;
  #onMove;
  #origin = 0; // seconds of the video's first frame, which need not be 0
  #last; // the handle that was moved last

  /** parts: those of the plan. src: of the uploaded video. onMove: called when a handle has changed the fields. */
  constructor(parts, src, onMove) {
    this.#parts = parts;
    this.#src = src;
    this.#onMove = onMove;
    parts["trim-start"].addEventListener("input", () => this.#moved(parts["trim-start"]));
    parts["trim-end"].addEventListener("input", () => this.#moved(parts["trim-end"]));
    this.#last = parts["trim-start"];
    const video = parts["trim-video"];
    video.addEventListener("loadeddata", () => {
      video.hidden = video.videoWidth === 0; // sound alone
    });
    video.requestVideoFrameCallback?.((_, { mediaTime }) => {
      this.#origin = mediaTime;
      this.#seek(this.#last);
    });
    for (const field of [parts["start-field"], parts["end-field"]]) {
      field.addEventListener("input", () => this.follow(field));
    }
  }

  /** duration: seconds of the video; null where it is not known: the fields have to do. */
  bound(duration) {
    const { trim, "trim-start": start, "trim-end": end } = this.#parts;
    trim.hidden = !duration;
    if (duration && Number(end.dataset.duration) !== duration) {
      const step = stepFor(duration);
      // So that the end can be reached in whole steps.
      const max = Number((Math.ceil(duration / step) * step).toFixed(2));
      Object.assign(start, { step, max });
      Object.assign(end, { step, max });
      end.dataset.duration = duration;
      this.follow();
    }
  }

  /** The video is loaded when a part is asked for. */
  open() {
    const video = this.#parts["trim-video"];
    if (!video.hasAttribute("src")) {
      video.src = this.#src;
    }
    this.follow();
  }

  close() {
    const video = this.#parts["trim-video"];
    video.removeAttribute("src");
    video.load(); // ends its requests
  }

  /** Puts the handles where the fields say. field: the one that changed, whose frame is shown. */
  follow(field = null) {
    const { "start-field": first, "end-field": last, "trim-start": start, "trim-end": end } = this.#parts;
    start.value = first.value || 0;
    end.value = last.value || end.max;
    this.#show();
    if (field !== null) {
      this.#seek(field === first ? start : end);
    }
  }

  #moved(handle) {
    const { "start-field": first, "end-field": last, "trim-start": start, "trim-end": end } = this.#parts;
    const step = Number(start.step);
    if (handle === start) {
      start.value = Math.min(start.value, end.value - step);
      first.value = Number(start.value);
    } else {
      end.value = Math.max(end.value, Number(start.value) + step);
      last.value = Number(end.value);
    }
    this.#show();
    this.#seek(handle);
    this.#onMove();
  }

  #show() {
    const { "trim-bar": bar, "trim-start": start, "trim-end": end, "trim-length": length } = this.#parts;
    bar.style.setProperty("--from", start.value / start.max);
    bar.style.setProperty("--to", end.value / end.max);
    bar.classList.toggle("late", start.value > start.max / 2); // the beginning lies above the end there
    for (const handle of [start, end]) {
      handle.setAttribute("aria-valuetext", words.seconds(Number(handle.value)));
    }
    const part = Math.max(0, end.value - start.value);
    setText(length, `${words.seconds(part)} of ${words.seconds(Number(end.max))}`);
  }

  #seek(handle) {
    const { "trim-video": video, "trim-start": start } = this.#parts;
    const time = Number(handle.value) - (handle === start ? 0 : BEFORE_END);
    video.currentTime = this.#origin + Math.max(0, time);
    this.#last = handle;
  }
}
