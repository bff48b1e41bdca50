// Files dropped anywhere on the page.

/** take: called with the list of files. */
export function acceptDrops(take) {
  const sign = document.getElementById("dropping");
  let depth = 0; // elements entered and not left
  const withFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = () => {
    sign.hidden = depth === 0;
  };

  window.addEventListener("dragenter", (event) => {
    if (withFiles(event)) {
      depth += 1;
      show();
    }
  });
  window.addEventListener("dragleave", (event) => {
    if (withFiles(event)) {
      depth = Math.max(0, depth - 1);
      show();
    }
  });
  window.addEventListener("dragover", (event) => {
    if (withFiles(event)) {
      event.preventDefault(); // or the browser opens the file in place of the page
    }
  });
  window.addEventListener("drop", (event) => {
    if (withFiles(event)) {
      event.preventDefault();
      depth = 0;
      show();
      take([...event.dataTransfer.files]);
    }
  });
}
