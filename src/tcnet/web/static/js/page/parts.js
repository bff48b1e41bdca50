// Pieces of the page: made from the templates in index.html, found by data-part. Text goes in as text, never as markup.

export function fromTemplate(id) {
  // Imported, not cloned: a custom element becomes one at once, and its properties are its own from the first.
  return document.importNode(document.getElementById(id).content.firstElementChild, true);
}

/** The elements of `root` by their data-part. */
export function partsOf(root) {
  const parts = {};
  for (const element of root.querySelectorAll("[data-part]")) {
    parts[element.dataset.part] = element;
  }
  return parts;
}

/** Unchanged text is left alone, so that selections and screen readers are. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** One line under another; hidden where there are none. */
export function setLines(list, lines) {
  list.hidden = lines.length === 0;
  if (list.dataset.lines === lines.join("\n")) {
    return;
  }
  list.dataset.lines = lines.join("\n");
  list.replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }),
  );
}

/** Shows a problem, or hides its line where there is none. */
export function setProblem(element, text) {
  setText(element, text ?? "");
  element.hidden = !text;
}

/** A <progress> at `share` of 0 to 1, or moving where that is not known. */
export function setBar(bar, share) {
  if (share === null) {
    bar.removeAttribute("value");
  } else {
    bar.value = share;
  }
}

/** A choice of a group, as a button or a card: a <label> with its radio button. text: a line below the label.
 * time: whether it has room for one, found by data-time. */
export function radio({ name, value, label, text, time }) {
  const root = document.createElement("label");
  root.className = "choice";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name, value });
  const title = document.createElement("span");
  title.className = "choice-label";
  title.textContent = label;
  root.append(input, title);
  if (text) {
    const more = document.createElement("span");
    more.className = "choice-text";
    more.textContent = text;
    root.append(more);
  }
  if (time) {
    const room = document.createElement("span");
    room.className = "choice-time";
    room.dataset.time = value;
    root.append(room);
  }
  return root;
}
