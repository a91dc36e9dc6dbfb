// SPDX-License-Identifier: Apache-2.0
// ThumbHash placeholders as data URLs, decoded when a picture first comes into view and then kept.
import { thumbHashToDataURL } from "thumbhash";

const kept = new Map<string, string>();
const keptMax = 2000;

/** Base64 (or base64url) of a ThumbHash → a PNG as a data URL; "" for what is no ThumbHash. */
export function placeholderUrl(hash: string): string {
  if (!hash) return "";
  const known = kept.get(hash);
  if (known !== undefined) return known;
  let url = "";
  try {
    const text = atob(hash.replaceAll("-", "+").replaceAll("_", "/"));
    url = thumbHashToDataURL(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  } catch {
    url = "";
  }
  if (kept.size >= keptMax) kept.delete(kept.keys().next().value!);
  kept.set(hash, url);
  return url;
}
