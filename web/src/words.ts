// SPDX-License-Identifier: Apache-2.0
// The server's codes, states, sizes and times in plain words.

const sentences: Record<string, string> = {
  SERVER_GONE: "The server does not answer. The page tries again by itself.",
  UNAUTHORIZED: "This server asks for a key.",
  KEY_UNKNOWN: "The server does not know this key. It is mistyped, or was revoked.",
  MISSING_UPLOAD: "Nothing arrived: the file is empty or the connection broke.",
  TOO_LARGE: "The file is larger than this server accepts.",
  INSUFFICIENT_STORAGE: "The server's disk is full. Nothing was stored.",
  DIGEST_MISMATCH: "What arrived is not what was sent. Please send it again.",
  CHECKSUM_MISMATCH: "A part arrived damaged. Please send it again.",
  OFFSET_MISMATCH: "The server has another part of the file than expected. Try again.",
  UPLOAD_LOCKED: "Another window is sending this file at the moment.",
  UPLOAD_GONE: "The half-sent file has expired. Send it again from its beginning.",
  ASSET_BARRED: "This picture was taken down and may not come back.",
  UNSUPPORTED_MEDIA_TYPE: "The server does not take this kind of file.",
  BODY_INCOMPLETE: "The connection broke before the whole file had arrived.",
  OVERLOADED: "The server is busy. Try again in a moment.",
  NOT_RENDERABLE: "No picture can be made of this file.",
  LIMIT_EXCEEDED: "The picture is larger than this server's limits allow.",
  ASSET_NOT_FOUND: "This asset is not here (any more).",
  ASSET_PROCESSING: "The file is still being looked at.",
  RENDERER_LOST: "The renderer stopped while making the picture. Try again.",
  BLOB_CORRUPT: "The stored file is damaged, so it is not shown.",
  BLOB_QUARANTINED: "The stored file was found damaged and put aside.",
  JOB_NOT_RETRYABLE: "This job cannot be started again.",
};

/** Of these the server's own detail says the same to a program. */
const complete = ["SERVER_GONE", "UNAUTHORIZED", "KEY_UNKNOWN"];

/** A sentence for a person: what happened, and the server's own detail where it adds something. */
export function explain(status: number, code: string, said: string): string {
  const detail = said.replaceAll(/\b(\d{4,}) bytes\b/g, (_, bytes) => bytesText(Number(bytes)));
  if (code === "FORBIDDEN") return detail || "Your key does not allow this.";
  const sentence = sentences[code];
  if (!sentence) return detail || (status ? `The server refused (${status}).` : "It failed.");
  return detail && !complete.includes(code) ? `${sentence} ${detail}` : sentence;
}

export const stateWords: Record<string, string> = {
  INGESTED: "Waiting",
  DEDUP_CHECK: "Being looked at",
  METADATA_READY: "Ready",
  VARIANTS_READY: "Ready, with variants",
  METADATA_FAILED: "No picture",
  DELETED: "Deleted",
};

export function stateWord(state: string): string {
  return stateWords[state] ?? state.toLowerCase().replaceAll("_", " ");
}

export function isUnderway(state: string): boolean {
  return !["METADATA_READY", "VARIANTS_READY", "METADATA_FAILED", "DELETED"].includes(state);
}

export function bytesText(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

const numbers = new Intl.NumberFormat("en");
export function countText(count: number, one: string, many: string): string {
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}
export function numberText(value: number): string {
  return numbers.format(value);
}

const times = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
export function timeText(rfc3339: string): string {
  const time = new Date(rfc3339);
  return Number.isNaN(time.getTime()) ? rfc3339 : times.format(time);
}

/** "image/jpeg" → "JPEG". */
export function typeText(mediaType: string): string {
  const known: Record<string, string> = { "image/svg+xml": "SVG", "image/jp2": "JPEG 2000",
    "image/jxl": "JPEG XL", "text/plain": "Text", "application/octet-stream": "File", "image/vnd.adobe.photoshop": "PSD", "image/x-icon": "ICO" };
  return known[mediaType] ?? (mediaType.split("/")[1] ?? mediaType).toUpperCase();
}
