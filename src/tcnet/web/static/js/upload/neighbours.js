// Other tabs of the same browser: they share the memory of unfinished uploads, so they tell each other which ones
// are being sent.

export class Neighbours {
  #channel = new BroadcastChannel("tcnet-uploads");

  /** ours: () => uploads this tab sends. hear: called with each upload that another tab sends. gone: with the id of
   *  one that ended there. left: when a tab with uploads was closed. */
  constructor({ ours, hear, gone, left }) {
    this.#channel.addEventListener("message", ({ data }) => {
      if (data.kind === "ask") {
        ours().forEach((upload) => this.tell(upload));
      } else if (data.kind === "sending") {
        hear(data.upload);
      } else if (data.kind === "gone") {
        gone(data.id);
      } else if (data.kind === "left") {
        left();
      }
    });
    window.addEventListener("pagehide", () => {
      if (ours().length) {
        this.#channel.postMessage({ kind: "left" });
      }
    });
  }

  ask() {
    this.#channel.postMessage({ kind: "ask" });
  }

  tell({ id, name, size, sent }) {
    this.#channel.postMessage({ kind: "sending", upload: { id, name, size, sent } });
  }

  tellGone(id) {
    this.#channel.postMessage({ kind: "gone", id });
  }
}
