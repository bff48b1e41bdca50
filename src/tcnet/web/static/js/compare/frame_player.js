// Plays pairs of pictures one after the other: slower than videos, and possible for all of them.

const AHEAD = 3; // pairs that are asked for in advance

export class FramePlayer {
  #pairs;
  #times;
  #events;
  #speed = 1;
  #turn = 0;

  /** times: seconds of each frame. events: put(number, pair), end(). */
  constructor(pairs, times, events) {
    this.#pairs = pairs;
    this.#times = times;
    this.#events = events;
  }

  setSpeed(speed) {
    this.#speed = speed;
  }

  async start(number, speed) {
    this.stop();
    this.#speed = speed;
    const turn = this.#turn;
    const times = this.#times;
    let due = performance.now();
    for (let at = number; at < times.length; at += 1) {
      const ahead = Math.min(times.length - 1, at + AHEAD);
      for (let next = at + 1; next <= ahead; next += 1) {
        this.#pairs.get(next).catch(() => null); // said when it is its turn
      }
      const pair = await this.#pairs.get(at).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
      if (turn !== this.#turn) {
        return;
      }
      this.#events.put(at, pair);
      due = Math.max(due, performance.now() - 50) + ((times[at + 1] - times[at]) * 1000) / this.#speed;
    }
    this.#events.end();
  }

  stop() {
    this.#turn += 1;
  }

  close() {
    this.stop();
  }
}
