// SPDX-License-Identifier: Apache-2.0
// tus-js-client, unchanged, in Node: node tus_js_client.mjs ENDPOINT CASE FILE. The last line that
// it prints is a JSON object: what the last answer said, and the requests that were made.

import { createRequire } from "node:module";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { Readable } from "node:stream";

const tus = createRequire(new URL("../../web/", import.meta.url))("tus-js-client");
const [endpoint, name, path] = process.argv.slice(2);
const bytes = readFileSync(path);
const requests = [];
let last = {};

/** Of unknown length, in pieces that are no chunks. */
function stream() {
  let at = 0;
  return new Readable({
    read() {
      const piece = bytes.subarray(at, at + 10_007);
      at += piece.length;
      this.push(piece.length === 0 ? null : piece);
    },
  });
}

const chunkSize = 250_000;
const cases = {
  whole: [bytes, {}],
  chunks: [bytes, { chunkSize }],
  with_creation: [bytes, { chunkSize, uploadDataDuringCreation: true }],
  post_instead_of_patch: [bytes, { chunkSize, overridePatchMethod: true }],
  stream_of_known_size: [stream(), { chunkSize, uploadSize: bytes.length }],
  stream_of_unknown_size: [stream(), { chunkSize, uploadLengthDeferred: true }],
  unknown_size_with_creation: [
    stream(), { chunkSize, uploadLengthDeferred: true, uploadDataDuringCreation: true }],
  in_parallel: [createReadStream(path), { parallelUploads: 3 }],
  in_parallel_with_metadata: [createReadStream(path), {
    parallelUploads: 2, overridePatchMethod: true,
    metadataForPartialUploads: { filename: "part" } }],
  gone_on_with: [bytes, { chunkSize }],
};
const [source, options] = cases[name];

function upload(more) {
  return new Promise((resolve, reject) => {
    const one = new tus.Upload(source, {
      endpoint, retryDelays: null, removeFingerprintOnSuccess: true,
      metadata: { filename: "été.bin", filetype: "", own: "ü" }, ...options,
      onBeforeRequest: (request) => { requests.push(request.getMethod()); },
      onAfterResponse: (_, answer) => { last = {
        status: answer.getStatus(), asset: answer.getHeader("Calotype-Asset")}; },
      onError: reject, onSuccess: () => resolve(one), ...more(() => one, resolve),
    });
    one.start();
  });
}

if (name === "gone_on_with") {
  const broken = await upload((one, resolve) => ({
    onChunkComplete: () => { one().abort(); resolve(one()); } }));
  await upload(() => ({ uploadUrl: broken.url }));
} else {
  await upload(() => ({}));
}
console.log(JSON.stringify({ ...last, requests, bytes: statSync(path).size }));
