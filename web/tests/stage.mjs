// SPDX-License-Identifier: Apache-2.0
// A browser in front of a server, and what must hold whatever a scenario does with it: no request
// leaves the server, nothing is logged as an error, nothing breaks the content security policy.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

export class Stage {
  #browser;
  #last;
  #complaints = [];
  /** Errors in the log that a scenario brings about itself: refusals by the server. */
  expected = [];

  /** `folder` is where screenshots go; `line` gives the next line that the caller has written. */
  constructor(url, folder, line) {
    this.url = url;
    this.folder = folder;
    this.line = line;
  }

  /** Has the caller do what only it can, and goes on when that is done. */
  async ask(what) {
    console.log(what);
    return this.line();
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
    if (this.#complaints.length) throw new Error(this.complaints);
  }

  /** What was wrong on any page until now, a line each. */
  get complaints() {
    return this.#complaints.join("\n");
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

/** Drops real files and folders on the page: their paths. */
export async function dropPaths(page, paths) {
  // A page that was never drawn is not dropped on.
  await page.locator(".count").waitFor({ state: "attached" });
  await page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
  }));
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"])
    await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await session.detach();
}

export async function noSidewaysScroll(page) {
  const [wide, window] = await page.evaluate(() =>
    [document.scrollingElement.scrollWidth, window.innerWidth]);
  assert.ok(wide <= window, `the page is ${wide} wide in a window of ${window}`);
}

const named = ["button", "link", "image", "textbox", "searchbox", "combobox", "checkbox", "slider",
  "spinbutton", "option", "tab", "dialog", "listbox", "application", "Date", "progressbar"];

/** What a screen reader is told of the page: nothing that can be used, and no picture, without a
    name. */
export async function everythingHasAName(page, where) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const seen = nodes.filter((node) => !node.ignored && named.includes(node.role?.value));
  assert.ok(seen.length > 1, `${where}: the tree was read`);
  const unnamed = seen.filter((node) => !node.name?.value?.trim());
  assert.deepEqual(unnamed.map((node) => [node.role.value, node.backendDOMNodeId]), [], where);
}

/** The names of what Tab reaches, once round, from where the focus is; every stop can be seen to
    have the focus, and is in the window. Inside a dialog that is all that there is. */
export async function tabStops(page, most = 80) {
  const stops = [];
  for (let at = 0; at < most; at += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const here = document.activeElement;
      if (!here || here === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(here);
      const box = here.getBoundingClientRect();
      return { name: here.getAttribute("aria-label") ?? here.labels?.[0]?.innerText ??
        here.innerText ?? here.tagName, inDialog: Boolean(here.closest("dialog")),
      ringed: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1,
      inside: box.bottom > 0 && box.top < innerHeight && box.width > 0 };
    });
    if (!stop) break;
    assert.ok(stop.ringed, `the focus on “${stop.name}” can be seen`);
    assert.ok(stop.inside, `“${stop.name}” is in the window when it has the focus`);
    const name = stop.name.trim();
    if (stops.length && stops[0].name === name && stops.length > 2) break;
    stops.push({ ...stop, name });
  }
  return stops;
}
