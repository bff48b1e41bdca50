// The plan before the work: how large, how long, how many bytes; and the choices that change it.

import { rememberChoice } from "./choice.js";
import { fromTemplate, partsOf, setLines, setProblem, setText } from "./parts.js";
import { radio } from "./radio.js";
import * as words from "./words.js";

const TYPING_MS = 700;

export class PlanView {
  #panel;
  #server;
  #announcer;
  #timer = null;
  #asked = 0; // changes of the plan under way
  #shown = null; // the plan that was announced

  constructor(page, panel, job) {
    this.#panel = panel;
    this.#server = page.server;
    this.#announcer = page.announcer;
    this.root = fromTemplate("plan");
    this.parts = partsOf(this.root);
    this.#build(job);
    this.parts.form.addEventListener("submit", (event) => event.preventDefault());
    this.parts.form.addEventListener("change", (event) => this.#changed(event));
    this.parts.height.addEventListener("input", () => this.#replan(TYPING_MS));
    this.parts.start.addEventListener("click", () => this.#start());
  }

  #build(job) {
    const { sizes, heights, models } = this.#server;
    const scales = sizes.map((size) => Number(size.slice(1))).sort((a, b) => a - b);
    this.parts.sizes.append(
      ...scales.map((scale) => radio({ name: "size", value: String(scale), label: `× ${scale}` })),
      radio({ name: "size", value: "height", label: "Height" }),
    );
    this.parts.models.append(
      ...models.map(({ name, summary }) => radio({ name: "model", value: name, label: name, text: summary })),
    );
    Object.assign(this.parts.height, { min: heights.min, max: heights.max });
    setText(this.parts["height-hint"], `${heights.min} to ${heights.max}, even`);
    this.#setForm(job);
  }

  /** The form says what the job says, unless the person is changing it. */
  #setForm(job) {
    const { elements } = this.parts.form;
    elements.size.value = job.height ? "height" : String(job.scale ?? 4);
    elements.model.value = job.model;
    if (job.height) {
      elements.height.value = job.height;
    }
    this.#showHeight();
  }

  #showHeight() {
    this.parts["height-field"].hidden = this.parts.form.elements.size.value !== "height";
  }

  #changed(event) {
    this.#showHeight();
    const { elements } = this.parts.form;
    if (event.target.value === "height" && !elements.height.value) {
      const { height } = this.#panel.job.source ?? { height: 0 };
      const { min, max } = this.#server.heights;
      elements.height.value = Math.min(max, Math.max(min, [720, 1080, 2160].find((lines) => lines > height) ?? max));
    }
    this.#replan(event.target === elements.height ? TYPING_MS : 0);
  }

  #choice() {
    const { elements } = this.parts.form;
    const size = elements.size.value;
    return {
      model: elements.model.value,
      ...(size === "height" ? { height: Number(elements.height.value) } : { scale: Number(size) }),
    };
  }

  #replan(delay) {
    clearTimeout(this.#timer);
    if (!this.parts.form.checkValidity()) {
      this.parts.form.reportValidity();
      return;
    }
    this.#timer = setTimeout(async () => {
      const choice = this.#choice();
      this.#asked += 1;
      this.update(this.#panel.job);
      const done = await this.#panel.request("PATCH", "", choice);
      this.#asked -= 1;
      if (done) {
        rememberChoice(choice);
      }
      if (this.#asked === 0 && !done) {
        this.#setForm(this.#panel.job);
      }
      this.update(this.#panel.job);
    }, delay);
  }

  async #start() {
    this.parts.start.disabled = true;
    await this.#panel.request("POST", "/start");
    this.update(this.#panel.job);
  }

  update(job) {
    const measuring = this.#asked > 0 || job.state === "planning" || job.state === "uploaded";
    const ready = !measuring && job.state === "planned";
    this.parts.summary.setAttribute("aria-busy", String(measuring));
    this.parts.summary.classList.toggle("busy", measuring);
    this.parts.start.disabled = !ready;
    setProblem(this.parts.refusal, measuring ? null : job.error);
    this.#showPlan(measuring, job);
    if (ready && this.#shown !== job.plan.seconds) {
      this.#shown = job.plan.seconds;
      this.#announcer.say(`Plan: ${this.parts.size.textContent}, ${this.parts.time.textContent}`);
    }
  }

  #showPlan(measuring, job) {
    const { plan } = job;
    this.parts.facts.hidden = !plan;
    setLines(this.parts.notices, measuring ? [] : (plan?.notices ?? []));
    if (measuring) {
      setText(this.parts.time, "Measuring…");
      setText(this.parts["time-note"], "A few frames are computed to see how long it takes here.");
    } else if (!plan) {
      setText(this.parts.time, "Not possible");
      setText(this.parts["time-note"], "Another size may be.");
    } else if (plan.seconds === null) {
      setText(this.parts.time, "Time not known");
      setText(this.parts["time-note"], "The file does not say how long it is.");
    } else {
      setText(this.parts.time, `About ${words.duration(plan.seconds)}`);
      setText(this.parts["time-note"], "Measured on this server, with a few frames of this video.");
    }
    if (plan) {
      setText(this.parts.size, words.size(plan));
      setText(this.parts.frames, words.count(plan.frames));
      setText(this.parts.bytes, plan.output_bytes_estimate ? `about ${words.bytes(plan.output_bytes_estimate)}` : "size not known");
    }
  }

  close() {
    clearTimeout(this.#timer);
  }
}
