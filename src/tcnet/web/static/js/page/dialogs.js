// Questions that need an answer before anything goes on.

import { signIn } from "../server/api.js";
import { partsOf, setProblem, setText } from "./parts.js";

/** True if the person says yes. */
export function ask({ title, text, yes, no }) {
  const dialog = document.getElementById("question");
  const parts = partsOf(dialog);
  setText(parts.title, title);
  setText(parts.text, text);
  setText(parts.yes, yes);
  setText(parts.no, no);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

let asking = null;

/** Settled when the server has taken a token. Asked once, however many requests want it. */
export function askForToken() {
  asking ??= tokenDialog().finally(() => {
    asking = null;
  });
  return asking;
}

function tokenDialog() {
  const dialog = document.getElementById("token");
  const form = dialog.querySelector("form");
  const { problem } = partsOf(dialog);
  form.reset();
  setProblem(problem, null);
  dialog.showModal();
  return new Promise((resolve) => {
    const stay = () => dialog.showModal(); // there is nothing to see without the token
    const submit = async (event) => {
      event.preventDefault();
      try {
        if (await signIn(form.elements.token.value.trim())) {
          dialog.removeEventListener("close", stay);
          form.removeEventListener("submit", submit);
          dialog.close();
          resolve();
        } else {
          setProblem(problem, "That is not the token of this server.");
          form.elements.token.select();
        }
      } catch (error) {
        setProblem(problem, error.message);
      }
    };
    dialog.addEventListener("close", stay);
    form.addEventListener("submit", submit);
  });
}
