// Playing original and result together: as videos where the browser can, else frame by frame.

import { ApiError, address } from "../server/api.js";
import { FramePlayer } from "./frame_player.js";
import { fromTemplate, partsOf, radio, setText } from "../page/parts.js";
import { VideoPlayer } from "./video_player.js";

const SPEEDS = [
  ["0.25", "¼ speed"],
  ["0.5", "½ speed"],
  ["1", "Full speed"],
];

export class Playback {
  #api;
  #path;
  #pairs;
  #view;
  #shift = 0; // seconds of the original before the part that was upscaled
  #times = null;
  #player = null;
  #playing = false;
  #turn = 0; // a start that was given up does not go on

  /** pairs: the FramePairs of the job. view: {number, put(number, pair), rest()}: the frame that is shown, shows a
   * pair of elements, hears that playing ended. */
  constructor(api, job, pairs, view) {
    this.#api = api;
    this.#path = `jobs/${encodeURIComponent(job.id)}`;
    this.#pairs = pairs;
    this.#view = view;
    this.root = fromTemplate("playback");
    this.parts = partsOf(this.root);
    this.parts.speeds.append(...SPEEDS.map(([value, label]) => radio({ name: "speed", value, label })));
    this.root.querySelector("input[value='1']").checked = true;
    this.parts.speeds.addEventListener("change", () => this.#playing && this.#player?.setSpeed(this.#speed));
    this.parts.play.addEventListener("click", () => this.toggle());
    this.#tell();
  }

  get #speed() {
    return Number(this.root.querySelector("input[name=speed]:checked").value);
  }

  toggle() {
    if (this.#playing) {
      this.stop();
      this.#view.rest();
    } else {
      this.#start();
    }
  }

  /** The frame stays that is shown. */
  stop() {
    this.#turn += 1;
    this.#player?.stop();
    this.#playing = false;
    this.#tell();
  }

  close() {
    this.stop();
    this.#player?.close();
  }

  #tell() {
    const { play, icon } = this.parts;
    play.setAttribute("aria-label", this.#playing ? "Pause" : "Play");
    icon.setAttribute("href", this.#playing ? "#icon-pause" : "#icon-play");
  }

  async #start() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#playing = true;
    this.#tell();
    try {
      if (this.#times === null) {
        const { start, times } = await this.#api.get(`${this.#path}/frames`);
        this.#shift = start;
        this.#times = times;
      }
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      this.stop();
      setText(this.parts.note, error.message);
      return;
    }
    if (this.#player === null) {
      const player = await this.#choosePlayer();
      if (turn !== this.#turn) {
        player.close();
        return;
      }
      this.#player = player;
    }
    if (turn === this.#turn) {
      const { number } = this.#view;
      this.#player.start(number >= this.#times.length - 1 ? 0 : number, this.#speed);
    }
  }

  async #choosePlayer() {
    const sides = [
      { src: address(`${this.#path}/source`), shift: this.#shift },
      { src: address(`${this.#path}/result`), shift: 0 },
    ];
    const player = new VideoPlayer(sides, this.#times, this.parts.videos, {
      put: (number, pair) => this.#view.put(number, pair),
      end: () => this.#ended(),
      fail: (why) => this.#playByFrames(why),
    });
    if (await player.ready()) {
      return player;
    }
    player.close();
    return this.#framePlayer("This browser cannot play the original or the result as a video");
  }

  #framePlayer(why) {
    setText(this.parts.note, `${why}: they are shown frame by frame, as fast as the server sends them.`);
    return new FramePlayer(this.#pairs, this.#times, {
      put: (number, pair) => this.#view.put(number, pair),
      end: () => this.#ended(),
    });
  }

  #playByFrames(why) {
    this.#player.close();
    this.#player = this.#framePlayer(why);
    this.#player.start(this.#view.number, this.#speed);
  }

  #ended() {
    if (this.parts.loop.checked) {
      this.#player.start(0, this.#speed);
    } else {
      this.toggle();
    }
  }
}
