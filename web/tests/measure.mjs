// SPDX-License-Identifier: Apache-2.0
// node measure.mjs paint URL TIMES: how long from the address to the first pictures' places on the
// wall, of visitors without a cache.
// node measure.mjs scroll URL: through all of the library, most of a window a frame, and which tasks
// took the page longer than 50 ms meanwhile.
// Both print one line of JSON.
import { chromium } from "playwright-core";

const [what, url, times] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"] });

async function visit(prepare = async () => undefined) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await prepare(page);
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("calotype-wall").length);
  return page;
}

async function paint() {
  const said = { wall_ms: [], paint_ms: [] };
  for (let time = 0; time < Number(times); time += 1) {
    const page = await visit();
    const [wall, first] = await page.evaluate(() => ["calotype-wall", "first-contentful-paint"].map(
      (name) => performance.getEntriesByName(name)[0]?.startTime ?? 0));
    said.wall_ms.push(wall);
    said.paint_ms.push(first);
    await page.context().close();
  }
  return said;
}

/** Until the last row, as fast as the list comes. */
async function scroll() {
  const page = await visit((opened) => opened.addInitScript(() => {
    window.tasks = [];
    new PerformanceObserver((list) => list.getEntries().forEach((task) =>
      window.tasks.push(task.duration))).observe({ type: "longtask", buffered: true });
  }));
  return page.evaluate(async () => {
    const began = performance.now();
    window.tasks.length = 0;
    let frames = 0;
    let still = 0;
    while (still < 120) {
      const before = window.scrollY;
      window.scrollBy(0, window.innerHeight * 0.8);
      await new Promise((done) => requestAnimationFrame(done));
      frames += 1;
      still = window.scrollY === before ? still + 1 : 0;
    }
    const tiles = [...document.querySelectorAll(".tile")].map((tile) => Number(tile.dataset.place));
    return { reached: Math.max(...tiles) + 1, frames, seconds: (performance.now() - began) / 1000,
      long_tasks: window.tasks.length, longest_ms: Math.max(0, ...window.tasks),
      in_document: tiles.length };
  });
}

console.log(JSON.stringify(await (what === "paint" ? paint() : scroll())));
await browser.close();
