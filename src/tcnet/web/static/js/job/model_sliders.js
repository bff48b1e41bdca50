// The two sliders from 0 to 1 that belong to the model: its detail, where it has one to choose, and denoise.

import { setText } from "../page/parts.js";

export class ModelSliders {
  #parts;
  #models;
  #moved = false; // denoise, by the person: it then stays where it is with other models

  constructor(parts, models) {
    this.#parts = parts;
    this.#models = models;
    parts.detail.addEventListener("input", () => this.#showValue("detail"));
    parts.denoise.addEventListener("input", () => {
      this.#moved = true;
      this.#showValue("denoise");
    });
  }

  has(element) {
    return element === this.#parts.detail || element === this.#parts.denoise;
  }

  /** Puts a choice into the sliders. null stands for the model's default. */
  show({ model, detail, denoise }) {
    const usual = this.#models.find(({ name }) => name === model) ?? { detail: null, denoise: 0 };
    this.#parts["detail-field"].hidden = usual.detail === null;
    this.#parts.detail.disabled = usual.detail === null;
    this.#parts.detail.value = detail ?? usual.detail ?? 0;
    this.#showValue("detail");
    this.#moved = denoise !== null;
    this.#parts.denoise.value = denoise ?? usual.denoise;
    this.#showValue("denoise");
  }

  /** Another model was chosen: its defaults are shown, but for what the person chose that it has too. */
  follow(model) {
    this.show({ model, detail: null, denoise: this.#moved ? Number(this.#parts.denoise.value) : null });
  }

  /** What is to be asked for; nothing where the model's default is. */
  get choice() {
    const { detail, denoise } = this.#parts;
    return {
      ...(detail.disabled ? {} : { detail: Number(detail.value) }),
      ...(this.#moved ? { denoise: Number(denoise.value) } : {}),
    };
  }

  #showValue(name) {
    setText(this.#parts[`${name}-value`], this.#parts[name].value);
  }
}
