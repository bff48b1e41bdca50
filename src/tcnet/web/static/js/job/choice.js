// The model and size that a new job begins with: those chosen last in this browser.

const KEY = "tcnet.choice";

export function rememberChoice({ model, scale, height }) {
  localStorage.setItem(KEY, JSON.stringify({ model, scale, height }));
}

/** What the server is asked for; nothing where nothing was chosen, or it is offered no more. */
export function recallChoice(server) {
  const { model, scale, height } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  const choice = {};
  if (server.models.some(({ name }) => name === model)) {
    choice.model = model;
  }
  if (server.sizes.includes(`x${scale}`)) {
    choice.scale = scale;
  } else if (height >= server.heights.min && height <= server.heights.max) {
    choice.height = height;
  }
  return choice;
}
