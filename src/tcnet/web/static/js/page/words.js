// Numbers and states in words.

const NUMBER = new Intl.NumberFormat("en");
const UNKNOWN = "not known";
const CODECS = { h264: "H.264", hevc: "HEVC", av1: "AV1", vp9: "VP9", mpeg4: "MPEG-4", ffv1: "FFV1", prores: "ProRes" };

// [below so many seconds, rounded to]
const ESTIMATE_STEPS = [[10, 1], [60, 5], [1200, 60], [10_800, 300], [43_200, 1800], [Infinity, 3600]];

export function count(number) {
  return number === null ? UNKNOWN : NUMBER.format(number);
}

export function size(of) {
  return `${of.width} × ${of.height}`;
}

export function bytes(number) {
  if (number === null) {
    return UNKNOWN;
  }
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1023.5 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  const digits = unit > 1 && number < 99.95 && number % 1 ? 1 : 0;
  return `${number.toFixed(digits)} ${units[unit]}`;
}

/** A size that is a guess: one digit of it. */
export function roughBytes(number) {
  const power = Math.max(0, Math.floor(Math.log2(number) / 10));
  const digit = 10 ** Math.floor(Math.log10(number / 1024 ** power));
  const rounded = Math.max(1, Math.round(number / 1024 ** power / digit) * digit);
  return bytes(rounded < 1000 ? rounded * 1024 ** power : 1024 ** (power + 1));
}

/** How long something takes, as exact as it helps; the same words as in tcnet/durations.py. */
export function duration(seconds) {
  if (seconds < 1) {
    return "less than a second";
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (whole < 600) {
    return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  }
  if (minutes < 60) {
    return `${minutes} min`;
  }
  if (minutes < 48 * 60) {
    const hours = Math.floor(minutes / 60);
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  }
  const hours = Math.round(seconds / 3600);
  return hours % 24 ? `${Math.floor(hours / 24)} days ${hours % 24} h` : `${hours / 24} days`;
}

/** A duration that is not known exactly, rounded as the command line does: About 40 min. */
export function estimate(seconds) {
  const [, step] = ESTIMATE_STEPS.find(([limit]) => seconds < limit);
  return `About ${duration(Math.max(1, Math.round(seconds / step) * step))}`;
}

/** A point of a video: 2.5 s */
export function seconds(number) {
  return `${Number(number.toFixed(3))} s`;
}

/** The length of a video: 0:10, 1:02:03. */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

export function percent(share) {
  return `${Math.floor(share * 100)} %`; // never 100 before the end
}

export function speed(framesPerSecond) {
  const digits = framesPerSecond < 9.95 ? 2 - Number(framesPerSecond >= 0.995) : 0;
  return `${framesPerSecond.toFixed(digits)} frames/s`;
}

export function share(progress) {
  return progress?.frames_total ? Math.min(1, progress.frames_done / progress.frames_total) : null;
}

/** What is known of an input: 320 × 180 · 0:10 · 25 frames/s · H.264 · 1.2 MiB */
export function source(of) {
  const facts = [size(of)];
  if (of.duration !== null) {
    facts.push(clock(of.duration));
  }
  if (of.fps !== null) {
    facts.push(`${Number(of.fps.toFixed(3))} frames/s`);
  }
  facts.push(CODECS[of.codec] ?? of.codec, bytes(of.bytes));
  return facts.join(" · ");
}

function ordinal(number) {
  const endings = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${number}${endings[new Intl.PluralRules("en", { type: "ordinal" }).select(number)]}`;
}

export function queuePlace(position) {
  if (position === null) {
    return "Waiting";
  }
  return position === 1 ? "Next in the queue" : `${ordinal(position)} in the queue`;
}

/** A job's state for the list. */
export function state(job) {
  const done = share(job.progress);
  const soFar = done === null ? "" : ` · ${percent(done)}`;
  const words = {
    planning: "Measuring",
    planned: "Ready to start",
    refused: "Not possible",
    queued: queuePlace(job.queue_position),
    running: `Running${soFar}`,
    cancelled: `Cancelled${soFar}`,
    failed: "Failed",
    done: "Done",
  };
  return words[job.state] ?? job.state;
}
