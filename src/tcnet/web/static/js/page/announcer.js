// Says to screen readers what others see move: each tenth of the way, not more often than they can read.

const QUIET_MS = 10_000;

export class Announcer {
  #element = document.getElementById("announcer");
  #tenths = new Map(); // of each subject
  #last = 0;

  say(text) {
    this.#element.textContent = text;
    this.#last = performance.now();
  }

  /** share: 0 to 1 of the subject's way. */
  progress(subject, share, text) {
    const tenth = Math.floor(share * 10);
    const before = this.#tenths.get(subject);
    if (before === undefined) {
      this.#tenths.set(subject, tenth);
    } else if (tenth !== before && performance.now() - this.#last > QUIET_MS) {
      this.#tenths.set(subject, tenth);
      this.say(text);
    }
  }
}
