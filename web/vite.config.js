// SPDX-License-Identifier: Apache-2.0
// The page is built into dist/: index.html, and beside it page/ with every script, style and font
// under a name that carries its content's hash, so that the server can call them immutable.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  // Packages are shared between clones; nothing is written beside them.
  cacheDir: "dist/.vite",
  build: {
    outDir: process.env.CALOTYPE_PAGE_OUT ?? "dist",
    emptyOutDir: true,
    assetsDir: "page",
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/v/", "/i/", "/iiif", "/asset/", "/openapi.json", "/healthz", "/readyz"].map(
        (path) => [path, process.env.CALOTYPE_URL ?? "http://127.0.0.1:8080"],
      ),
    ),
  },
});
