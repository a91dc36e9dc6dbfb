// SPDX-License-Identifier: Apache-2.0
// node embed.mjs DIST OUT: makes of the built page what the program is linked with.
//
//   OUT/page.bin        every file, and behind it its gzip and Brotli form where that is smaller
//   OUT/page_files.cpp  the table of src/http/page_files.hpp, over page.bin
//
// The same page makes the same bytes.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

// Brotli's own defaults are its best quality, and a window that holds any file of ours.
const codings = [(bytes) => bytes, (bytes) => gzipSync(bytes, { level: 9 }), brotliCompressSync];
const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
/** A coded form that saves less is not worth a client's time. */
const worthwhile = 0.95;

const [dist, out] = process.argv.slice(2);
const blobs = [];
let total = 0;

function keep(bytes) {
  const place = `{page_bytes + ${total}, ${bytes.length}}`;
  blobs.push(bytes);
  total += bytes.length;
  return place;
}

function row(path) {
  const type = types[extname(path)];
  if (!type) throw new Error(`${path}: what media type is that? Name it in embed.mjs.`);
  const bytes = readFileSync(path);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const forms = codings.map((code) => code(bytes)).map((coded, place) =>
    place === 0 || coded.length < bytes.length * worthwhile ? keep(coded) : "{}");
  return `    {"${basename(path)}", "${type}",\n     "${digest}",\n     ${forms.join(", ")}},\n`;
}

const files = [join(dist, "index.html"),
  ...readdirSync(join(dist, "page")).sort().map((name) => join(dist, "page", name))];
const table = files.map(row).join("");
const bin = join(out, "page.bin");
writeFileSync(bin, Buffer.concat(blobs));
writeFileSync(join(out, "page_files.cpp"), `// Made by web/embed.mjs.
#include "http/page_files.hpp"

// Top-level assembly, because no compiler of ours has #embed yet.
asm(".pushsection .rodata\\n"
    ".globl page_bytes\\n"
    ".hidden page_bytes\\n"
    "page_bytes:\\n"
    ".incbin \\"${bin}\\"\\n"
    ".popsection\\n");
extern "C" const char page_bytes[${total}];

namespace calotype {

std::span<const PageFile> page_files() {
  static constexpr PageFile files[] = {
${table}  };
  return files;
}

}  // namespace calotype
`);
