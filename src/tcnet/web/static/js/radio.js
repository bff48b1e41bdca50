// A choice of a group, as a button or a card.

let made = 0;

/** An <label> with its radio button. text: a line below the label. */
export function radio({ name, value, label, text }) {
  made += 1;
  const root = document.createElement("label");
  root.className = "choice";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name, value, id: `choice-${made}` });
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
  return root;
}
