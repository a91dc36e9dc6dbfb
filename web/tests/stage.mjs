// SPDX-License-Identifier: Apache-2.0
// A browser in front of a server, and what must hold whatever a scenario does with it: no request
// leaves the server, nothing is logged as an error, nothing breaks the content security policy.
import { join } from "node:path";
import { chromium } from "playwright-core";

export class Stage {
  #browser;
  #last;
  #complaints = [];
  /** Errors in the log that a scenario brings about itself: refusals by the server. */
  expected = [];

  /** `folder` is where screenshots go. */
  constructor(url, folder) {
    this.url = url;
    this.folder = folder;
  }

  async begin() {
    // The sandbox wants to be no root, which the suite may be; scrollbars are part of the page.
    this.#browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"], ignoreDefaultArgs: ["--hide-scrollbars"] });
  }

  async end() {
    await this.#browser?.close();
  }

  /** A tab of a visitor of its own, on the page or a place in it. */
  async open(place = "/", options = {}) {
    const context = await this.#browser.newContext({
      viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    this.#last = page;
    page.setDefaultTimeout(20_000);
    page.on("console", (message) => {
      if (message.type() === "error") this.#complain(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#complain(`exception: ${error.stack ?? error}`));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== new URL(this.url).origin && !["data:", "blob:"].includes(protocol))
        this.#complain(`request to elsewhere: ${request.url()}`);
    });
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`)));
    await page.goto(new URL(place, this.url).href);
    return page;
  }

  #complain(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.#complaints.push(text);
  }

  /** Throws what was wrong on any page until now. */
  judge() {
    if (this.#complaints.length) throw new Error(this.#complaints.join("\n"));
  }

  shot(page, name) {
    return page.screenshot({ path: join(this.folder, `${name}.png`) });
  }

  async shotOfLast(name) {
    await this.shot(this.#last, name);
  }
}

/** What the condition says, as soon as it is true. */
export async function until(what, condition, waitMs = 20_000) {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`not within ${waitMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Drops files on the page as a file manager would: [{name, base64}]. */
export async function drop(page, files) {
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    for (const { name, base64 } of list)
      data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))],
        name));
    return data;
  }, files);
  for (const type of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("body", type, { dataTransfer: transfer });
}
