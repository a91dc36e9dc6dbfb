// SPDX-License-Identifier: Apache-2.0
// A wall that others work on: what fits its filters no more goes, what begins to fit comes to its
// place, one at a time or hundreds at once, and nothing that is looked at or selected moves.
// tests/e2e/test_page_live.py puts in what a scenario expects to find, and is the others.
import assert from "node:assert/strict";
import { until } from "./stage.mjs";

async function text(page, selector) {
  return (await page.locator(selector).first().innerText()).trim();
}

/** The names on the wall, as far as they are in the document, in the document's order. */
async function names(page) {
  return page.locator(".tile").evaluateAll((tiles) => tiles.map((one) =>
    one.getAttribute("aria-label").split(", ")[0]));
}

async function live(page) {
  await until("it is live", async () => (await text(page, ".link")) === "Live");
}

async function counted(page, count) {
  await until(`${count} are counted`, async () =>
    (await text(page, ".count")) === `${count} ${count === 1 ? "picture" : "pictures"}`);
}

/** Where a tile is in the window. */
async function topOf(page, id) {
  return page.locator(`#tile-${id}`).evaluate((one) => one.getBoundingClientRect().top);
}

async function standsAt(page, id, top) {
  const now = await topOf(page, id);
  assert.ok(Math.abs(now - top) < 2, `it stood at ${top}, and stands at ${now}`);
}

/** The first tile that the head does not cover, and where it is when the wall rests. */
async function firstSeen(page) {
  let last = "";
  return until("the wall rests", async () => {
    const before = last;
    const [id, top] = await page.evaluate(() => [...document.querySelectorAll(".tile")]
      .map((one) => [one.id.replace("tile-", ""), one.getBoundingClientRect()])
      .filter(([, { y }]) => y >= document.querySelector(".head").offsetHeight + 20)
      .sort(([, a], [, b]) => a.y - b.y || a.x - b.x).map(([name, { y }]) => [name, y])[0]);
    last = `${id} ${top}`;
    return last === before && { id, top };
  });
}

/** Down the wall until a tile is in the middle of the window. */
async function scrollTo(page, id) {
  await until("it is scrolled to", async () => {
    await page.evaluate(() => window.scrollBy(0, 300));
    return page.locator(`#tile-${id}`).count();
  });
  await page.locator(`#tile-${id}`).evaluate((one) => one.scrollIntoView({ block: "center" }));
  return firstSeen(page);
}

export const scenarios = {
  /** By name, upwards, of one tag: "04" goes, "05b" comes between "05" and "06". */
  async refit(stage, { ids, count }) {
    const page = await stage.open("/?tag=sea&sort=name&order=asc");
    await counted(page, count);
    await live(page);
    const before = await names(page);
    await page.locator(`#tile-${ids["04.png"]}`).focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowRight");
    assert.match(await text(page, ".selection"), /2 pictures selected/);
    await page.keyboard.press("ArrowLeft");
    await stage.ask("untag");
    await until("it goes", async () => !(await page.locator(`#tile-${ids["04.png"]}`).count()));
    await counted(page, count - 1);
    assert.match(await text(page, ".selection"), /1 picture selected/);
    await until("the focus is on the next in its place", async () => (await page.evaluate(() =>
      document.activeElement.id)) === `tile-${ids["05.png"]}`);
    await stage.ask("tag");
    await page.locator(`#tile-${ids["05b.png"]}`).waitFor();
    await counted(page, count);
    const wanted = before.filter((name) => name !== "04.png");
    wanted.splice(wanted.indexOf("05.png") + 1, 0, "05b.png");
    const now = await names(page);
    assert.deepEqual(now, wanted.slice(0, now.length));
    assert.match(await text(page, ".selection"), /1 picture selected/);
    await page.reload();
    await counted(page, count);
    assert.deepEqual((await names(page)).slice(0, 8), now.slice(0, 8), "as a reload has it");
  },

  /** Scrolled far down: above the window many go and come, and what is looked at stands still. */
  async still(stage, { near, count, left }) {
    const page = await stage.open("/?collection=shelf&sort=name&order=asc",
      { viewport: { width: 700, height: 500 } });
    await counted(page, count);
    await live(page);
    const { id, top } = await scrollTo(page, near);
    const high = () => page.evaluate(() => document.querySelector(".wall").offsetHeight);
    const height = await high();
    await stage.ask("leave");
    await counted(page, left);
    await standsAt(page, id, top);
    assert.ok(await high() < height, "the wall is lower");
    await stage.ask("enter");
    await counted(page, count);
    await standsAt(page, id, top);
  },

  /** Hundreds at once: all come, in their order, and the server is asked for many in one breath. */
  async burst(stage, { count }) {
    const page = await stage.open("/?tag=burst&sort=name&order=asc");
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    await live(page);
    const asked = [];
    page.on("request", (request) => {
      if (new URL(request.url()).pathname.startsWith("/v1/assets")) asked.push(request.url());
    });
    await stage.ask("tag");
    await counted(page, count);
    const shown = await names(page);
    assert.deepEqual(shown, shown.toSorted());
    await page.locator(".tile").first().focus();
    await page.keyboard.press("End");
    await until("the last is there", async () => (await page.evaluate(() =>
      document.activeElement.getAttribute("aria-posinset"))) === String(count));
    await stage.ask("untag");
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    assert.ok(asked.every((url) => url.includes("ids=")), `nothing one by one: ${asked}`);
    assert.ok(asked.length < count / 4, `${asked.length} requests for ${count} assets, twice`);
  },

  /** To another view and back: the wall is where it was; who searches there is shown what is found. */
  async away(stage, { near, count, name }) {
    const page = await stage.open("/", { viewport: { width: 700, height: 500 } });
    await counted(page, count);
    await page.getByRole("link", { name: "Jobs" }).waitFor();
    const { id, top } = await scrollTo(page, near);
    await page.getByRole("link", { name: "Jobs" }).click();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    assert.equal(await page.evaluate(() => window.scrollY), 0);
    await page.goBack();
    await page.locator(`#tile-${id}`).waitFor();
    await standsAt(page, id, top);
    await page.getByRole("link", { name: "Duplicates" }).click();
    await page.getByRole("heading", { name: "Near-duplicates" }).waitFor();
    await page.getByRole("searchbox").pressSequentially(name);
    await counted(page, 1);
    await page.locator(".tile").first().waitFor();
    assert.equal(await page.getByRole("searchbox").inputValue(), name);
    assert.ok(await page.getByRole("searchbox").evaluate((one) => one === document.activeElement));
  },

  /** The server goes and comes back, and meanwhile assets have come and gone: nothing else moves. */
  async back(stage, { near, other, gone, count }) {
    stage.expected = [/Failed to load resource/, /ERR_/];
    const page = await stage.open("/", { viewport: { width: 700, height: 500 } });
    await counted(page, count);
    await live(page);
    await page.locator(`#tile-${other}`).focus();
    await page.keyboard.press("Space");
    const { id, top } = await scrollTo(page, near);
    await stage.ask("kill");
    await until("it is said", async () => (await text(page, ".link")) === "Server gone");
    await stage.shot(page, "server-gone");
    await stage.ask("start");
    await live(page);
    await until("what came is counted, and what went is not", async () =>
      (await text(page, ".count")) === `${count + 2} pictures`);
    assert.equal(await page.locator(`#tile-${gone}`).count(), 0);
    await standsAt(page, id, top);
    assert.match(await text(page, ".selection"), /1 picture selected/);
  },
};
