// The model, its detail, denoise and the size that a new job begins with: those chosen last in this browser.

const KEY = "tcnet.choice";

export function rememberChoice({ model, detail, denoise, scale, height }) {
  localStorage.setItem(KEY, JSON.stringify({ model, detail, denoise, scale, height }));
}

/** What the server is asked for; nothing where nothing was chosen, or it is offered no more. */
export function recallChoice(server) {
  const { model, detail, denoise, scale, height } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  const choice = {};
  const known = server.models.find(({ name }) => name === model);
  if (known) {
    choice.model = model;
  }
  if (known && known.detail !== null && detail >= 0 && detail <= 1) {
    choice.detail = detail;
  }
  if (denoise >= 0 && denoise <= 1) {
    choice.denoise = denoise;
  }
  if (server.sizes.includes(`x${scale}`)) {
    choice.scale = scale;
  } else if (height >= server.heights.min && height <= server.heights.max) {
    choice.height = height;
  }
  return choice;
}
