// Plays two videos in step. Each is decoded by the browser in its own time: a frame waits until its counterpart is
// there, and both are shown together, so that what is shown never is of two frames. Whichever is ahead is slowed.

const KEPT = 8; // frames of one video that wait for those of the other
const AHEAD = 4; // frames: whichever is further ahead pauses
const SLOWER = 0.9; // whichever is ahead, by less
const UNMATCHED = 40; // frames in a row: this browser drops too many
const READY_MS = 15_000;
const LAST_MS = 1000;

export class VideoPlayer {
  #sides;
  #times;
  #events;
  #speed = 1;
  #turn = 0;
  #running = false;
  #shown = -1;
  #unmatched = 0;

  /** sides: {src, shift} of original and result; shift: seconds of it before the first frame. times: seconds of each frame of the result. place: an element for the
   * <video>s. events: put(number, [canvas, canvas]), end(), fail(why). */
  constructor(sides, times, place, events) {
    this.#times = times;
    this.#events = events;
    this.#sides = sides.map(({ src, shift }) => {
      const video = document.createElement("video");
      Object.assign(video, { muted: true, preload: "auto", playsInline: true, src });
      const canvas = document.createElement("canvas");
      return { video, canvas, shift, origin: 0, waiting: new Map(), last: -1 };
    });
    place.replaceChildren(...this.#sides.map(({ video }) => video));
  }

  /** Whether the browser can play both. */
  async ready() {
    if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
      return false;
    }
    const able = await Promise.all(this.#sides.map(firstFrame));
    if (!able.every((one) => one)) {
      return false;
    }
    for (const side of this.#sides) {
      side.canvas.width = side.video.videoWidth;
      side.canvas.height = side.video.videoHeight;
      side.video.addEventListener("ended", () => this.#ended());
      side.video.addEventListener("error", () => this.#running && this.#fail("A video could not be read on"));
      this.#watch(side);
    }
    return true;
  }

  setSpeed(speed) {
    this.#speed = speed;
    this.#balance();
  }

  async start(number, speed) {
    this.stop();
    const turn = this.#turn;
    this.#speed = speed;
    this.#shown = number - 1;
    this.#unmatched = 0;
    const gap = (this.#times[number + 1] ?? this.#times[number]) - this.#times[number];
    // Into the frame, not at its edge, which containers round.
    const time = this.#times[number] + gap / 3;
    await Promise.all(this.#sides.map((side) => seek(side.video, side.origin + time)));
    if (turn !== this.#turn) {
      return;
    }
    this.#running = true;
    for (const side of this.#sides) {
      this.#take(side); // the frame it stands on, which is not told again
      play(side.video);
    }
    this.#balance();
  }

  stop() {
    this.#turn += 1;
    this.#running = false;
    for (const side of this.#sides) {
      side.video.pause();
      side.waiting.forEach((picture) => picture.close());
      side.waiting.clear();
      side.last = -1;
    }
  }

  close() {
    this.stop();
    for (const { video } of this.#sides) {
      video.removeAttribute("src");
      video.load(); // ends its requests
      video.remove();
    }
  }

  #fail(why) {
    this.stop();
    this.#events.fail(why);
  }

  #watch(side) {
    side.video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#running) {
        this.#take(side, mediaTime);
      }
      this.#watch(side);
    });
  }

  /** Keeps the frame that the video shows, until its counterpart is there. */
  async #take(side, mediaTime = side.video.currentTime) {
    const turn = this.#turn;
    const [seconds, picture] = await pictureOf(side.video, mediaTime);
    if (turn !== this.#turn) {
      picture.close();
      return;
    }
    const number = frameAt(this.#times, seconds - side.origin);
    if (number === null) {
      picture.close(); // of the original, beyond the part that was upscaled
      return;
    }
    side.waiting.get(number)?.close();
    side.waiting.set(number, picture);
    side.last = Math.max(side.last, number);
    drop(side.waiting, (_, place) => side.waiting.size - place > KEPT);
    this.#unmatched += 1;
    this.#match(number);
    if (this.#unmatched > UNMATCHED) {
      this.#fail("This browser is too slow to play both videos at once");
    } else {
      this.#balance();
    }
  }

  #match(number) {
    const pictures = this.#sides.map(({ waiting }) => waiting.get(number));
    if (number <= this.#shown || pictures.includes(undefined)) {
      return;
    }
    this.#sides.forEach(({ canvas }, place) => {
      canvas.getContext("2d").drawImage(pictures[place], 0, 0, canvas.width, canvas.height);
      canvas.dataset.frame = number;
    });
    this.#sides.forEach(({ waiting }) => drop(waiting, (other) => other <= number));
    this.#shown = number;
    this.#unmatched = 0;
    this.#events.put(number, this.#sides.map(({ canvas }) => canvas));
    if (number === this.#times.length - 1) {
      this.#finish();
    }
  }

  /** Brings both to the same frame. */
  #balance() {
    if (!this.#running) {
      return;
    }
    const slowest = Math.min(...this.#sides.map(({ last }) => last));
    for (const { video, last } of this.#sides) {
      const ahead = last - slowest;
      video.playbackRate = ahead > 0 ? this.#speed * SLOWER : this.#speed;
      if (ahead > AHEAD) {
        video.pause();
      } else if (ahead === 0 && video.paused && !video.ended) {
        play(video);
      }
    }
  }

  #ended() {
    // Where the last frame was left out: the other side has this long to come to its own end.
    const turn = this.#turn;
    setTimeout(() => turn === this.#turn && this.#running && this.#finish(), LAST_MS);
  }

  #finish() {
    this.stop();
    this.#events.end();
  }
}

/** Resolves to whether the browser shows the video's first frame; notes its time, which need not be 0. */
function firstFrame(side) {
  const { video } = side;
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), READY_MS);
    const settle = (able) => {
      clearTimeout(late);
      resolve(able);
    };
    video.addEventListener("error", () => settle(false), { once: true });
    video.addEventListener("loadeddata", () => video.videoWidth || settle(false), { once: true }); // sound alone
    video.requestVideoFrameCallback((_, { mediaTime }) => {
      side.origin = mediaTime + side.shift;
      settle(true);
    });
  });
}

function seek(video, seconds) {
  return new Promise((resolve) => {
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = seconds;
  });
}

async function play(video) {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "AbortError") {
      throw error; // else it was paused meanwhile
    }
  }
}

/** [seconds, picture] of what the video shows. It may have moved on from `mediaTime`: the frame itself knows. */
async function pictureOf(video, mediaTime) {
  if (!("VideoFrame" in window)) {
    return [mediaTime, await createImageBitmap(video)]; // over plain HTTP from another machine
  }
  const frame = new VideoFrame(video);
  const seconds = frame.timestamp / 1e6;
  const picture = await createImageBitmap(frame);
  frame.close();
  return [seconds, picture];
}

function drop(waiting, which) {
  [...waiting.keys()].filter(which).forEach((number) => {
    waiting.get(number).close();
    waiting.delete(number);
  });
}

/** The number of the frame whose time is closest to `time`; null before the first and behind the last. */
function frameAt(times, time) {
  const last = times.length - 1;
  const half = last > 0 ? times[last] / last / 2 : Infinity;
  if (time < -half || time > times[last] + half) {
    return null;
  }
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] + times[middle + 1]) / 2 < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
