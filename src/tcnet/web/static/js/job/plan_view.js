// The plan before the work: how large, how long, how many bytes; and the choices that change it.

import { address } from "../server/api.js";
import { rememberChoice } from "./choice.js";
import { ModelSliders } from "./model_sliders.js";
import { fromTemplate, partsOf, radio, setLines, setProblem, setText } from "../page/parts.js";
import { TrimBar } from "./trim_bar.js";
import * as words from "../page/words.js";

const TYPING_MS = 700;
const LONG_SECONDS = 3600; // from then on it is asked for a second thought, as on the command line
const TRIAL_SECONDS = 3;
const PARTS = { whole: "Whole video", trial: `First ${TRIAL_SECONDS} s`, range: "Range" };

/** What is wrong with the number in a field that has min, max and an even step. */
function whyNotHeight({ value, min, max, validity }) {
  if (validity.valueMissing || validity.badInput) {
    return "Type a height in pixels, such as 1080.";
  }
  if (validity.rangeOverflow) {
    return `${value} is too high: this video can have at most ${max} lines.`;
  }
  if (validity.rangeUnderflow) {
    return `${value} is too low: the least is ${min}.`;
  }
  return `${value} is not even; the nearest are ${2 * Math.floor(value / 2)} and ${2 * Math.ceil(value / 2)}.`;
}

/** The choice of a job, to be compared. */
function choiceOf({ model, detail, denoise, scale, height, start, end, repeated, shrink_first: shrinkFirst }) {
  return JSON.stringify([model, detail, denoise, scale, height, start, end, repeated, shrinkFirst]);
}

function partOf({ start, end }) {
  if (start === null && end === null) {
    return "whole";
  }
  return !start && end === TRIAL_SECONDS ? "trial" : "range";
}

export class PlanView {
  #panel;
  #server;
  #announcer;
  #timer = null;
  #asked = 0; // changes of the plan under way
  #starting = false;
  #sliders;
  #trimBar;
  #told = null; // the plan that was announced
  #chosen = null; // the job's choice, as the form last showed it

  constructor(page, panel, job) {
    this.#panel = panel;
    this.#server = page.server;
    this.#announcer = page.announcer;
    this.root = fromTemplate("plan");
    this.parts = partsOf(this.root);
    this.#build();
    const source = address(`jobs/${encodeURIComponent(job.id)}/source`);
    this.#trimBar = new TrimBar(this.parts, source, () => this.#replan(TYPING_MS));
    this.#trimBar.bound(job.source?.duration ?? null);
    this.#sliders = new ModelSliders(this.parts, this.#server.models);
    this.#setForm(job);
    this.parts.form.addEventListener("submit", (event) => event.preventDefault());
    this.parts.form.addEventListener("change", (event) => this.#changed(event));
    this.parts.height.addEventListener("input", () => this.#replan(TYPING_MS));
    this.parts["start-field"].addEventListener("input", () => this.#replan(TYPING_MS));
    this.parts["end-field"].addEventListener("input", () => this.#replan(TYPING_MS));
    this.parts.start.addEventListener("click", () => this.#start());
    this.parts.trial.addEventListener("click", () => this.#try());
  }

  #build() {
    const { sizes, models } = this.#server;
    const scales = sizes.map((size) => Number(size.slice(1))).sort((a, b) => a - b);
    this.parts.sizes.append(
      ...scales.map((scale) => radio({ name: "size", value: String(scale), label: `× ${scale}` })),
      radio({ name: "size", value: "height", label: "Height" }),
    );
    for (const { name, summary, use } of models) {
      const group = use === "benchmark" ? this.parts.benchmarks : this.parts.models;
      group.append(radio({ name: "model", value: name, label: name, text: summary, time: true }));
    }
    this.parts.more.hidden = !this.parts.benchmarks.hasChildNodes();
    this.parts.parts.append(
      ...Object.entries(PARTS).map(([value, label]) => radio({ name: "part", value, label })),
    );
  }

  /** Which heights there are: the models enlarge by 4 and no more. */
  #boundHeight(source) {
    const { min, max } = this.#server.heights;
    const most = source ? Math.min(max, 4 * source.height) : max;
    Object.assign(this.parts.height, { min, max: most });
    setText(this.parts["height-hint"], `Even, up to ${most}`);
  }

  /** Puts the job's choice into the form, if it is new: it may have been made in another tab. */
  #followChoice(job) {
    const chosen = choiceOf(job);
    const wrong = !this.parts.form.checkValidity() || this.#wrongPart(job) !== null; // still being typed
    if (chosen !== this.#chosen && !this.#changing && !wrong) {
      this.#setForm(job);
    }
  }

  /** Whether the person's choice is not the job's yet. */
  get #changing() {
    return this.#asked > 0 || this.#timer !== null;
  }

  #setForm(job) {
    this.#chosen = choiceOf(job);
    const { elements } = this.parts.form;
    this.#offerScale(job.height ? null : job.scale);
    elements.size.value = job.height ? "height" : String(job.scale ?? 4);
    elements.model.value = job.model;
    this.#sliders.show(job);
    this.parts.more.open ||= this.parts.benchmarks.querySelector(":checked") !== null;
    elements.part.value = partOf(job);
    elements.near.checked = job.repeated === "near";
    elements.shrink.checked = job.shrink_first !== null;
    if (elements.part.value === "range") {
      elements.start.value = job.start ?? 0;
      elements.end.value = job.end ?? job.source?.duration ?? "";
    }
    if (job.height) {
      elements.height.value = job.height;
    }
    this.#showHeight();
  }

  /** Another factor than the usual ones, which a job that was made by a program may have. */
  #offerScale(scale) {
    const offered = [...this.parts.form.elements.size].map(({ value }) => value);
    if (scale && !offered.includes(String(scale))) {
      this.parts.sizes.lastElementChild.before(radio({ name: "size", value: String(scale), label: `× ${scale}` }));
    }
  }

  #showHeight() {
    const off = this.parts.form.elements.size.value !== "height";
    this.parts["height-field"].hidden = off;
    this.parts.height.disabled = off; // or its value would have to be right
    const all = this.parts.form.elements.part.value !== "range";
    this.parts.range.hidden = all;
    this.parts["start-field"].disabled = this.parts["end-field"].disabled = all;
    if (!all) {
      this.#trimBar.open();
    }
  }

  #changed(event) {
    if (event.target.type === "range" && !this.#sliders.has(event.target)) {
      return; // its plan is made already
    }
    if (event.target.name === "model") {
      this.#sliders.follow(event.target.value);
    }
    const { height } = this.parts;
    if (event.target.value === "height" && !height.value) {
      const lines = this.#panel.job.source?.height ?? 0;
      const usual = [720, 1080, 2160, 4320].find((usual) => usual > lines && usual <= height.max);
      height.value = usual ?? height.max;
    }
    if (event.target.value === "range") {
      const { start, end } = this.parts.form.elements;
      start.value ||= 0;
      end.value ||= Math.min(10, Number((this.#panel.job.source?.duration ?? 10).toFixed(2)));
    }
    this.#showHeight();
    if (![height, this.parts["start-field"], this.parts["end-field"]].includes(event.target)) {
      this.#replan(0); // for the height it follows while it is typed
    }
  }

  #choice() {
    const { elements } = this.parts.form;
    const size = elements.size.value;
    return {
      model: elements.model.value,
      ...this.#sliders.choice,
      ...this.#trim(),
      repeated: elements.near.checked ? "near" : "exact",
      shrink_first: elements.shrink.checked ? this.#shrunk() : 0,
      ...(size === "height" ? { height: Number(elements.height.value) } : { scale: Number(size) }),
    };
  }

  #trim() {
    const { part, start, end } = this.parts.form.elements;
    if (part.value === "range") {
      return { start: Number(start.value), end: Number(end.value) };
    }
    return { start: null, end: part.value === "trial" ? TRIAL_SECONDS : null };
  }

  /** The lines that a job made by a program may have, else those that the video holds. */
  #shrunk() {
    return this.#panel.job.shrink_first ?? "auto";
  }

  /** Why there is nothing between the ends of the part; null where there may be something. */
  #wrongPart(job) {
    const { start, end } = this.parts.form.elements;
    if (start.disabled) {
      return null;
    }
    if (!start.checkValidity() || !end.checkValidity()) {
      return "Type seconds, 0 or more, in both.";
    }
    if (Number(end.value) <= Number(start.value)) {
      return "The end must be after the beginning.";
    }
    const duration = job.source?.duration ?? null;
    const late = duration !== null && Number(start.value) >= duration;
    return late ? `The video is over by then: it lasts ${words.seconds(duration)}.` : null;
  }

  /** A few seconds instead of hours. */
  #try() {
    this.parts.form.elements.part.value = "trial";
    this.#showHeight();
    this.#replan(0);
    this.parts.start.focus(); // the warning goes
  }

  #replan(delay) {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.parts.form.checkValidity() && !this.#wrongPart(this.#panel.job)) {
      this.#timer = setTimeout(() => this.#ask(this.#choice()), delay);
    }
    this.update(this.#panel.job);
  }

  async #ask(choice) {
    this.#timer = null;
    this.#asked += 1;
    this.update(this.#panel.job);
    const done = await this.#panel.request("PATCH", "", choice);
    this.#asked -= 1;
    if (done) {
      rememberChoice(choice);
    } else {
      this.#chosen = null; // back to what the job says
    }
    if (this.#panel.job) {
      this.update(this.#panel.job);
    }
  }

  async #start() {
    // Not by disabling the button: that would take the focus away.
    if (!this.#starting) {
      this.#starting = true;
      await this.#panel.request("POST", "/start");
      this.#starting = false;
    }
  }

  update(job) {
    this.#boundHeight(job.source);
    this.#trimBar.bound(job.source?.duration ?? null);
    this.#followChoice(job);
    const wrongHeight = this.#wrongHeight(job);
    const wrongPart = this.#wrongPart(job);
    const wrong = wrongHeight ?? wrongPart;
    const measuring = !wrong && (this.#changing || job.state === "planning");
    const ready = !measuring && job.state === "planned" && !wrong;
    this.parts.summary.setAttribute("aria-busy", String(measuring));
    this.parts.summary.classList.toggle("busy", measuring);
    this.parts.start.disabled = !ready;
    setProblem(this.parts["height-problem"], wrongHeight);
    setProblem(this.parts["part-problem"], wrongPart);
    this.parts.height.setAttribute("aria-invalid", String(Boolean(wrongHeight)));
    this.#warn(ready ? job : null);
    this.#showTimes(job);
    setProblem(this.parts.refusal, measuring || wrong ? null : job.error);
    this.#showPlan(measuring, wrong ? { ...job, plan: null } : job);
    if (ready && this.#told !== job.plan.seconds) {
      this.#told = job.plan.seconds;
      this.#announcer.say(`Plan: ${this.parts.size.textContent}, ${this.parts.time.textContent}`);
    }
  }

  /** What takes hours is said before it is started. job: null where it cannot be. */
  #warn(job) {
    const { warning, start, trial } = this.parts;
    const long = (job?.plan.seconds ?? 0) > LONG_SECONDS;
    warning.hidden = !long;
    start.classList.toggle("primary", !long);
    setText(start, long ? "Start anyway" : "Start");
    trial.hidden = job?.end === TRIAL_SECONDS && !job.start;
    if (long) {
      const advice = trial.hidden ? "A faster model or a shorter part takes less." : "Try a few seconds first.";
      setText(this.parts["warning-text"], `This takes over an hour. ${advice}`);
    }
  }

  /** How long each model takes for this video, where that is known: as measured once, scaled by today's plan. */
  #showTimes({ model, plan, source }) {
    const speed = Object.fromEntries(this.#server.models.map((each) => [each.name, each.seconds_per_pixel]));
    const pixels = source && plan?.frames ? source.width * source.height * plan.frames : null;
    const today = plan?.seconds && pixels && speed[model] ? plan.seconds / (pixels * speed[model]) : 1;
    for (const room of this.parts.form.querySelectorAll("[data-time]")) {
      const { time: name } = room.dataset;
      const other = pixels && speed[name] ? pixels * speed[name] * today : null;
      const seconds = name === model && plan ? plan.seconds : other;
      setText(room, seconds ? `${words.estimate(seconds)} here` : "");
    }
  }

  /** Why there is no plan for the height in the field; null where it may have one. */
  #wrongHeight(job) {
    const { height } = this.parts;
    if (height.disabled) {
      return null;
    }
    if (!height.checkValidity()) {
      return whyNotHeight(height);
    }
    return !this.#changing && job.refusal === "plan" && job.height ? job.error : null;
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
      setText(this.parts["time-note"], "Another choice may be.");
    } else if (plan.seconds === null) {
      setText(this.parts.time, "Time not known");
      setText(this.parts["time-note"], "The file does not say how long it is.");
    } else {
      setText(this.parts.time, words.estimate(plan.seconds));
      setText(this.parts["time-note"], "Measured on this server, with a few frames of this video.");
    }
    const held = plan?.held_height ? { width: plan.held_width, height: plan.held_height } : null;
    if (plan) {
      this.parts["shrink-field"].hidden = !held && job.shrink_first === null;
    }
    if (held) {
      setText(this.parts["shrink-text"], `It holds no more than about ${words.size(held)}: shrink it to that first`);
    }
    if (plan) {
      setText(this.parts.size, words.size(plan));
      setText(this.parts.frames, words.count(plan.frames));
      const estimate = plan.output_bytes_estimate;
      setText(this.parts.bytes, estimate ? `roughly ${words.roughBytes(estimate)}` : "size not known");
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#trimBar.close();
  }
}
