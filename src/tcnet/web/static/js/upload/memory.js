// What the browser remembers of unfinished uploads: tus-js-client keeps their addresses in its local storage.

import { ApiError, AWAY } from "../server/api.js";

const storage = () => tus.defaultOptions.urlStorage;

/** [{id, name, size, url}]: id is the fingerprint of the file. */
export async function remembered() {
  const uploads = await storage().findAllUploads();
  return uploads.map(({ urlStorageKey, metadata, size, uploadUrl }) => ({
    // The key is tus::FINGERPRINT::RANDOM.
    id: urlStorageKey.replace(/^tus::/, "").replace(/::\d+$/, ""),
    name: metadata.filename,
    size,
    url: uploadUrl,
    key: urlStorageKey,
  }));
}

/** Of the file with this fingerprint. */
export async function forget(id) {
  for (const upload of await remembered()) {
    if (upload.id === id) {
      await storage().removeUpload(upload.key);
    }
  }
}

/** How many bytes the server has; null where it knows nothing of the upload any more. Throws ApiError. */
export async function bytesThere(url) {
  let answer;
  try {
    answer = await fetch(url, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" }, cache: "no-store" });
  } catch {
    throw new ApiError(AWAY, 0);
  }
  if (answer.status === 404 || answer.status === 410 || answer.status === 403) {
    return null;
  }
  if (!answer.ok) {
    throw new ApiError(`The server answered with status ${answer.status}.`, answer.status);
  }
  return Number(answer.headers.get("Upload-Offset"));
}
