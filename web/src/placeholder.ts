// SPDX-License-Identifier: Apache-2.0
// ThumbHash placeholders as data URLs, decoded when a picture first comes into view and then kept.
import { thumbHashToAverageRGBA, thumbHashToDataURL } from "thumbhash";

const kept = new Map<string, string>();
const keptMax = 2000;

function bytesOf(hash: string): Uint8Array {
  const text = atob(hash.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Its mean colour for CSS, at hardly any cost; "" for what is no ThumbHash. */
export function placeholderColor(hash: string): string {
  if (!hash) return "";
  try {
    const { r, g, b, a } = thumbHashToAverageRGBA(bytesOf(hash));
    return `rgb(${[r, g, b].map((share) => Math.round(255 * share)).join(" ")} / ${a.toFixed(2)})`;
  } catch {
    return "";
  }
}

/** Base64 (or base64url) of a ThumbHash → a PNG as a data URL; "" for what is no ThumbHash. */
export function placeholderUrl(hash: string): string {
  if (!hash) return "";
  const known = kept.get(hash);
  if (known !== undefined) return known;
  let url = "";
  try {
    url = thumbHashToDataURL(bytesOf(hash));
  } catch {
    url = "";
  }
  if (kept.size >= keptMax) kept.delete(kept.keys().next().value!);
  kept.set(hash, url);
  return url;
}
