// SPDX-License-Identifier: Apache-2.0
// What people do with a library that is in use: large uploads over bad lines, finding things again,
// near-duplicates, takedowns; and who uses it without eyes or hands that a mouse asks for.
// tests/e2e/test_page.py puts in what a scenario expects to find and looks at what it has left.
import assert from "node:assert/strict";
import { dropPaths, everythingHasAName, noSidewaysScroll, tabStops, until } from "./stage.mjs";

const tile = ".tile.shown";
const dialog = "dialog[open]";

async function text(page, selector) {
  return (await page.locator(selector).first().innerText()).trim();
}

/** What the clipboard holds. */
async function copied(page) {
  return page.evaluate(() => navigator.clipboard.readText());
}

/** The sentence that passes by, when it has come, and that it is above whatever is open. */
async function sentence(page, wanted) {
  const toast = page.locator(".toast", { hasText: wanted });
  await toast.waitFor();
  assert.ok(await toast.evaluate((shown) => {
    const { left, top, width, height } = shown.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2) === shown;
  }), `“${wanted}” is above all else`);
}

export const scenarios = {
  /** The server is killed in the middle of an upload, and started again: it goes on. */
  async interrupted(stage, { path, bytes }) {
    stage.expected = [/Failed to load resource/, /ERR_/];
    const page = await stage.open();
    const requests = [];
    page.on("request", (request) => {
      if (request.url().includes("/v1/tus")) requests.push(
        [request.method(), Number(request.headers()["upload-offset"] ?? -1)]);
    });
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    const line = (rate) => session.send("Network.emulateNetworkConditions", { offline: false,
      latency: 5, downloadThroughput: -1, uploadThroughput: rate });
    await line(3 * 2 ** 20);
    await dropPaths(page, [path]);
    const shown = async () => Number(await page.locator(".uploads li progress").first()
      .getAttribute("value").catch(() => 0));
    const told = [];
    await until("a good part of it is sent", async () => {
      told.push(await shown());
      return told.at(-1) > bytes * 0.4;
    });
    assert.ok(new Set(told).size > 4, `its progress moved: ${told}`);
    await stage.shot(page, "upload-under-way");
    await stage.ask("kill");
    await page.waitForTimeout(1500);
    assert.equal(await page.locator(".uploads li.failed").count(), 0, "it is not given up");
    await stage.ask("start");
    await line(-1);
    await until("it has arrived", async () => (await text(page, ".tray h2")) === "1 file added");
    const offsets = requests.filter(([method]) => method === "PATCH").map(([, offset]) => offset);
    assert.equal(requests.filter(([method]) => method === "POST").length, 1, "begun once");
    assert.equal(offsets[0], 0);
    assert.ok(offsets.at(-1) > bytes * 0.1, `it went on where it was: ${offsets}`);
    await until("it is live again", async () => (await text(page, ".link")) === "Live");
  },

  /** A pause in one visit, and the rest in the next, after the page was closed. */
  async paused(stage, { path, bytes }) {
    const page = await stage.open();
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", { offline: false, latency: 5,
      downloadThroughput: -1, uploadThroughput: 3 * 2 ** 20 });
    await dropPaths(page, [path]);
    await until("a good part of it is sent", async () => Number(await page.locator(
      ".uploads li progress").first().getAttribute("value").catch(() => 0)) > bytes * 0.4);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".uploads li.paused").waitFor();
    assert.equal(await text(page, ".uploads li .said"), "Paused");
    await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0,
      downloadThroughput: -1, uploadThroughput: -1 });
    await page.reload();
    const offsets = [];
    page.on("request", (request) => {
      if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
    });
    await dropPaths(page, [path]);
    await until("it has arrived", async () => (await text(page, ".tray h2")) === "1 file added");
    assert.ok(offsets.length && offsets[0] > bytes * 0.1, `it went on where it was: ${offsets}`);
  },

  /** A folder with folders in it; what begins with a dot is none of ours. */
  async folder(stage, { path, names }) {
    const page = await stage.open();
    await dropPaths(page, [path]);
    await until("all are added", async () =>
      (await text(page, ".tray h2")) === `${names.length} files added`);
    await stage.shot(page, "folder");
    const said = await page.locator(".uploads .name").allInnerTexts();
    assert.deepEqual(said.toSorted(), names.toSorted());
  },

  /** Each filter that is offered, alone, and two together; the address remembers them. */
  async filters(stage, { cases, all }) {
    const page = await stage.open();
    await until("all are there", async () => (await page.locator(".tile").count()) === all);
    await page.getByRole("button", { name: "Filter" }).click();
    await page.locator("#filter-tag").waitFor();
    const names = async () => (await page.locator(".tile").evaluateAll((tiles) =>
      tiles.map((one) => one.getAttribute("aria-label").split(", ")[0]))).toSorted();
    for (const { set, found } of cases) {
      for (const [name, value] of Object.entries(set)) {
        const field = page.locator(`#filter-${name}`);
        const isChoice = await field.evaluate((one) => one.tagName === "SELECT");
        if (isChoice) await field.selectOption(value);
        else await field.fill(value);
      }
      let seen = [];
      await until(`${JSON.stringify(set)} finds ${found}, not what it finds`, async () => {
        seen = await names();
        return JSON.stringify(seen) === JSON.stringify(found.toSorted());
      }).catch((error) => {
        throw new Error(`${error.message}: ${seen}`);
      });
      if (Object.keys(set).length > 1) {
        await stage.shot(page, "filters");
        await page.reload();
        await until("the address remembers", async () =>
          JSON.stringify(await names()) === JSON.stringify(found.toSorted()));
        await page.getByRole("button", { name: `${Object.keys(set).length} filters` }).click();
      }
      await page.getByRole("button", { name: "Clear" }).click();
      await until("all are back", async () => (await names()).length === all);
    }
    await page.locator("#filter-tag").fill("nowhere");
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    await stage.shot(page, "nothing-matches");
    await page.getByRole("button", { name: "Show everything" }).click();
    await until("all are back", async () => (await names()).length === all);
    await page.getByLabel("Order").selectOption("bytes.asc");
    await until("in another order", async () => page.url().includes("sort=bytes"));
    await page.getByRole("searchbox").fill("beach");
    await until("by name", async () => (await names()).every((name) => /beach/i.test(name)));
  },

  /** What others do with an asset shows in a page that is open on it, and moves nothing. */
  async live(stage, { id, other }) {
    stage.expected = [/status of 404/];  // what was deleted is asked for once more
    const wall = await stage.open();
    await wall.locator(tile).nth(1).waitFor();
    await until("it is live", async () => (await text(wall, ".link")) === "Live");
    const page = await stage.open(`/#/asset/${id}`);
    await until("it is live", async () => (await text(page, ".link")) === "Live");
    await page.getByText("Identity").click();
    await stage.ask("tag");
    await page.locator(".tags", { hasText: "fresh" }).waitFor();
    await stage.ask("upload");
    await page.getByText("2 uploads").waitFor();
    assert.ok(await page.locator("details", { hasText: "Identity" }).evaluate((one) => one.open),
      "what was open is open");
    assert.equal(await page.evaluate(() => document.activeElement.innerText), "Identity");
    await wall.locator(`#tile-${other}`).waitFor();
    await stage.ask("delete");
    await until("it goes from the wall", async () =>
      !(await wall.locator(`#tile-${other}`).count()));
  },

  /** What comes in above does not move what is looked at; back at the top it is there. */
  async steady(stage, { count }) {
    const page = await stage.open("/", { viewport: { width: 700, height: 500 } });
    await until("it is live", async () => (await text(page, ".link")) === "Live");
    await page.evaluate(() => window.scrollTo(0, 900));
    await page.waitForTimeout(500);
    const [id, top] = await page.evaluate(() => {
      const seen = [...document.querySelectorAll(".tile")].map((one) =>
        [one.id, one.getBoundingClientRect().top]).filter(([, y]) => y > 60 && y < 400);
      return seen[0];
    });
    assert.equal(await page.locator(".tile.shown").evaluateAll((all) => all.filter((one) => {
      const { top: y, bottom } = one.getBoundingClientRect();
      return bottom > 60 && y < innerHeight && one.querySelector("img").naturalWidth;
    }).length > 3), true, "what is seen is dressed");
    await stage.ask("add");
    await until("the new ones are counted", async () =>
      (await text(page, ".count")).startsWith(String(count)));
    await page.waitForTimeout(300);
    const now = await page.evaluate((name) =>
      document.getElementById(name).getBoundingClientRect().top, id);
    assert.ok(Math.abs(now - top) < 2, `it stood at ${top} and stands at ${now}`);
    await page.evaluate(() => window.scrollTo(0, 0));
    await until("the new ones are first", async () => (await page.locator(".tile").first()
      .getAttribute("aria-label")).startsWith("new-"));
  },

  /** What looks alike, side by side; one is kept, and the other's URL leads to it. */
  async duplicates(stage, { kept, other, name }) {
    const page = await stage.open("/#/duplicates");
    await page.locator(".cluster").first().waitFor();
    assert.match(await text(page, ".cluster h2"), /2 pictures.*to be saved/);
    const pictures = page.locator(".cluster img");
    await until("both pictures", async () => (await pictures.evaluateAll((all) =>
      all.filter((one) => one.complete && one.naturalWidth).length)) === 2);
    const [left, right] = await Promise.all([0, 1].map((at) => pictures.nth(at).boundingBox()));
    assert.ok(Math.abs(left.y - right.y) < 2 && right.x > left.x + left.width - 1, "side by side");
    assert.match(await text(page, ".cluster"), /of 256 bits apart/);
    assert.equal(await text(page, ".best .badge"), "Most pixels");
    await everythingHasAName(page, "duplicates");
    await stage.shot(page, "duplicates");
    await page.getByRole("button", { name: `Keep this one: ${name}` }).click();
    await page.locator("dialog.confirm").waitFor();
    await stage.shot(page, "merge");
    await page.getByRole("button", { name: "Merge" }).click();
    await sentence(page, "Merged");
    await page.getByText("No two pictures here look alike any more.").waitFor();
    const answer = await page.request.get(new URL(`/i/${other}?w=50`, stage.url).href,
      { maxRedirects: 0 });
    assert.equal(answer.status(), 308);
    assert.ok(answer.headers().location.includes(kept));
  },

  /** Taken down from its own view: what to purge is shown, and it goes from the wall. */
  async takedown(stage, { id, reason }) {
    stage.expected = [/status of 404/];
    const page = await stage.open("/", { permissions: ["clipboard-read", "clipboard-write"] });
    await page.locator(`#tile-${id}`).click();
    await page.getByRole("button", { name: "Take down" }).click();
    await page.getByLabel("Reason").fill(reason);
    await page.locator("dialog.takedown").getByRole("button", { name: "Take down" }).click();
    await page.locator(".purge").waitFor();
    const urls = (await text(page, ".purge pre")).split("\n");
    assert.ok(urls.length >= 2 && urls.every((url) => url.includes(id)), urls.join());
    assert.match(await text(page, ".purge"), /Cache tags[\s\S]*Patterns/);
    await page.locator(".purge section").first().getByRole("button", { name: "Copy" }).click();
    await sentence(page, "copied");
    assert.deepEqual((await copied(page)).split("\n"), urls);
    await everythingHasAName(page, "takedown");
    await stage.shot(page, "takedown");
    await page.keyboard.press("Escape");
    await until("it is gone", async () => !(await page.locator(`#tile-${id}`).count()) &&
      !(await page.locator(dialog).count()));
    await page.getByRole("link", { name: "Takedowns" }).click();
    await page.getByText(reason).waitFor();
    await page.getByRole("button", { name: "What to purge" }).click();
    await page.locator(".purge").waitFor();
    await stage.shot(page, "takedowns");
    await page.getByRole("button", { name: "Lift" }).click();
    await page.locator("dialog.confirm").getByRole("button", { name: "Lift" }).click();
    await page.getByText("Nothing was taken down.").waitFor();
  },

  /** Where it was taken, on the page's own map; and every copy button copies what it stands by. */
  async place(stage, { id, latitude, longitude }) {
    const page = await stage.open(`/#/asset/${id}`,
      { permissions: ["clipboard-read", "clipboard-write"] });
    const point = page.locator(".map .point");
    // What is known is drawn anew when the first variant is there.
    await page.locator(".facts dd", { hasText: "Ready, with variants" }).waitFor();
    await point.waitFor();
    assert.ok(Math.abs(Number(await point.getAttribute("cx")) - longitude) < 0.001);
    assert.ok(Math.abs(Number(await point.getAttribute("cy")) + latitude) < 0.001);
    await until("the land", async () => ((await page.locator(".map .land").getAttribute("d")) ?? "")
      .length > 5000);
    await page.locator(".place").scrollIntoViewIfNeeded();
    await stage.shot(page, "place");
    await page.locator(".place").getByRole("button", { name: "Copy" }).click();
    await sentence(page, "Position copied");
    const [north, east] = (await copied(page)).split(",").map(Number);
    assert.ok(Math.abs(north - latitude) < 0.001 && Math.abs(east - longitude) < 0.001);
    await page.getByText("Variants and URLs").click();
    await page.getByText("Identity").click();
    await page.locator(".variants .copyable").first().waitFor();
    const boxes = page.locator(".copyable");
    const count = await boxes.count();
    assert.ok(count >= 5, `${count} things to copy`);
    for (let at = 0; at < count; at += 1) {
      await boxes.nth(at).getByRole("button").click();
      const wanted = await boxes.nth(at).locator("code").textContent();
      await until("it is copied", async () => (await copied(page)) === wanted);
    }
    await everythingHasAName(page, "asset");
    await stage.shot(page, "copied");
  },

  /** Tab reaches everything that can be done, on the wall and in each dialog, and stays in them. */
  async reach(stage, { id }) {
    const page = await stage.open();
    await page.locator(tile).first().waitFor();
    await page.getByRole("link", { name: "Takedowns" }).waitFor();
    await page.getByRole("searchbox").waitFor();
    await everythingHasAName(page, "wall");
    const wall = (await tabStops(page)).map(({ name }) => name);
    for (const name of ["Skip to the pictures", "Calotype", "Library", "Duplicates", "Takedowns",
      "Jobs", "Search by name", "API key", "Keyboard shortcuts", "Light or dark", "Add", "Order",
      "Filter"]) assert.ok(wall.includes(name), `Tab reaches ${name}: ${wall}`);
    assert.ok(wall.some((name) => /, Ready/.test(name)), `Tab reaches a picture: ${wall}`);

    await page.goto(new URL(`/#/asset/${id}`, stage.url).href);
    await page.locator(".zoom canvas").first().waitFor();
    await page.getByRole("button", { name: "Find similar" }).waitFor();
    await page.getByRole("button", { name: "Take down" }).waitFor();
    const asset = await tabStops(page);
    assert.ok(asset.every(({ inDialog }) => inDialog), "the focus stays in the dialog");
    for (const name of ["Close", "The picture before", "The next picture", "Nearer", "Further",
      "Whole", "1:1", "Make a variant", "Download", "Find similar", "Delete", "Take down",
      "Variants and URLs", "History", "Identity"])
      assert.ok(asset.some((stop) => stop.name === name), `Tab reaches ${name}`);
    await everythingHasAName(page, "asset");

    await page.getByRole("button", { name: "Make a variant" }).press("Enter");
    await until("the preview", async () => (await text(page, ".verdict")).startsWith("800 ×"));
    const recipe = await tabStops(page);
    assert.ok(recipe.every(({ inDialog }) => inDialog), "the focus stays in the editor");
    for (const name of ["Width", "Height", "Fit", "Blur", "Quality", "Format", "Copy URL"])
      assert.ok(recipe.some((stop) => stop.name === name), `Tab reaches ${name}`);
    await everythingHasAName(page, "recipe");
    await page.keyboard.press("Escape");
    await page.locator("dialog.editor").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.innerText), "Make a variant");
    await page.getByRole("button", { name: "Delete" }).press("Enter");
    await page.locator("dialog.confirm").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog.confirm").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.innerText), "Delete");
    await page.keyboard.press("Escape");
    await until("the focus is on its picture", async () =>
      (await page.evaluate(() => document.activeElement.id)) === `tile-${id}`);

    await page.getByRole("link", { name: "Jobs" }).press("Enter");
    await page.getByRole("tab", { name: "Dead letters" }).press("ArrowRight");
    await page.getByRole("tab", { name: "Running", selected: true }).waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByRole("tab", { name: "Dead letters", selected: true }).waitFor();
    await everythingHasAName(page, "jobs");
  },

  /** Every view at the width of a small telephone. */
  async narrow(stage, { id }) {
    const page = await stage.open("/", { viewport: { width: 360, height: 740 }, hasTouch: true,
      isMobile: true, deviceScaleFactor: 2 });
    const looked = async (name) => {
      await page.waitForTimeout(300);
      await noSidewaysScroll(page);
      await stage.shot(page, `narrow-${name}`);
    };
    await page.locator(tile).first().waitFor();
    await page.getByRole("link", { name: "Jobs" }).waitFor();
    await looked("wall");
    await page.getByRole("button", { name: "Filter" }).tap();
    await page.locator("#filter-tag").waitFor();
    await looked("filters");
    await page.getByRole("button", { name: "Keyboard shortcuts" }).tap();
    await looked("help");
    await page.keyboard.press("Escape");
    await page.goto(new URL(`/#/asset/${id}`, stage.url).href);
    await page.locator(".zoom canvas").first().waitFor();
    await page.getByText("Variants and URLs").tap();
    await page.locator(".variants .copyable").first().waitFor();
    await looked("asset");
    const side = await page.locator(".side").evaluate((one) => one.scrollWidth - one.clientWidth);
    assert.ok(side <= 0, "what is known fits");
    await page.getByRole("button", { name: "Make a variant" }).tap();
    await until("the preview", async () => (await text(page, ".verdict")).startsWith("800 ×"));
    await looked("recipe");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Take down" }).tap();
    await looked("takedown");
    await page.keyboard.press("Escape");
    for (const view of ["duplicates", "takedowns", "jobs"]) {
      await page.goto(new URL(`/#/${view}`, stage.url).href);
      await page.locator(".view h1").waitFor();
      await looked(view);
    }
  },
};
