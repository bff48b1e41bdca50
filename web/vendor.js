// Copies the parts that the page takes from others, with their licences, from node_modules into the package.
//
//   npm ci && npm run vendor    after a change of versions in package.json; the copies are committed
//   npm run check               fails where a copy is not the file of the locked version

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TARGET = join(HERE, "..", "src", "tcnet", "web", "static", "vendor");
const FILES = {
  "tus.min.js": "tus-js-client/dist/tus.min.js",
  "img-comparison-slider.js": "img-comparison-slider/dist/index.js",
};
// Whose code lies in those files: the two libraries, and what the file of tus-js-client contains.
const LICENCES = {
  "tus-js-client": "LICENSE",
  "js-base64": "LICENSE.md",
  "url-parse": "LICENSE",
  "requires-port": "LICENSE",
  "querystringify": "LICENSE",
  "buffer": "LICENSE",
  "base64-js": "LICENSE",
  "ieee754": "LICENSE",
  "img-comparison-slider": null, // its package has none; licences/ holds that of its repository
};

function licences() {
  const parts = Object.entries(LICENCES).map(([name, file]) => {
    const { version, license } = JSON.parse(readFileSync(join(HERE, "node_modules", name, "package.json"), "utf8"));
    const path = file ? join(HERE, "node_modules", name, file) : join(HERE, "licences", `${name}.txt`);
    return `${name} ${version} (${license})\n\n${readFileSync(path, "utf8").trim()}\n`;
  });
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

const copies = { "LICENCES.txt": licences() };
for (const [name, source] of Object.entries(FILES)) {
  copies[name] = readFileSync(join(HERE, "node_modules", source), "utf8");
}

const check = process.argv.includes("--check");
for (const [name, text] of Object.entries(copies)) {
  const path = join(TARGET, name);
  if (!check) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not of the locked version; run npm ci && npm run vendor`);
    process.exitCode = 1;
  }
}
