// SPDX-License-Identifier: Apache-2.0
// What people do with the page, each from a fresh browser. tests/e2e/test_page.py puts in what a
// scenario expects to find and looks at what it has left.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { drop, noSidewaysScroll, until } from "./stage.mjs";

const tile = ".tile.shown";
const dialog = "dialog[open]";

async function text(page, selector) {
  return (await page.locator(selector).first().innerText()).trim();
}

/** "rgb(21, 20, 18)" → 0 to 255. */
function brightness(color) {
  const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

async function paper(page) {
  return brightness(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
}

async function giveKey(page, key) {
  await page.locator("#key-field").fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}

export const scenarios = {
  /** An empty library takes what is dropped on it; what is there already is no failure. */
  async drops(stage, { files }) {
    const page = await stage.open();
    await page.getByRole("heading", { name: "Put the first pictures on the table" }).waitFor();
    await stage.shot(page, "empty");
    await drop(page, files);
    await until("all are added", async () =>
      (await text(page, ".tray h2")) === `${files.length} files added`);
    await until("all are shown", async () =>
      (await page.locator(tile).count()) === files.length);
    await stage.shot(page, "dropped");
    await page.getByRole("button", { name: "Close the list of uploads" }).click();
    await drop(page, files.slice(0, 1));
    await until("it is known", async () => (await text(page, ".tray h2")).includes("already here"));
  },

  /** A refusal is said in words. */
  async refusal(stage, { files }) {
    stage.expected = [/status of 413/];
    const page = await stage.open();
    await drop(page, files);
    await until("it is refused", async () => (await text(page, ".tray h2")).includes("1 refused"));
    assert.equal(await text(page, ".tray h2"), "Nothing added, 1 refused");
    assert.match(await text(page, ".uploads .failed .said"),
      /larger than this server accepts.* 102 KB/);
    await stage.shot(page, "refused");
  },

  /** A file is saved under its name, whether or not it takes a key to read it. */
  async download(stage, { id, name, bytes, key }) {
    stage.expected = key ? [/status of 401/] : [];
    const page = await stage.open(`/#/asset/${id}`);
    if (key) await giveKey(page, key);
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const file = await saved;
    assert.equal(file.suggestedFilename(), name);
    assert.equal((await stat(await file.path())).size, bytes);
    assert.equal(file.url().startsWith("blob:"), Boolean(key), file.url());
  },

  /** On a small telephone nothing lies upon what a tile without a picture says. */
  async tiles(stage, { ids }) {
    const page = await stage.open("/", { viewport: { width: 360, height: 740 }, hasTouch: true,
      isMobile: true, deviceScaleFactor: 2 });
    for (const id of ids) {
      const tile = page.locator(`#tile-${id}`);
      await tile.locator(".without strong").waitFor();
      const boxes = await tile.evaluate((one) => [".mark", ".without strong", ".caption"].map(
        (part) => {
          const range = document.createRange();
          range.selectNodeContents(one.querySelector(part));
          const box = part === ".mark" ? one.querySelector(part).getBoundingClientRect() :
            range.getBoundingClientRect();
          return [box.top, box.bottom];
        }));
      for (const place of [1, 2]) assert.ok(boxes[place][0] >= boxes[place - 1][1] - 2,
        `one below another: ${JSON.stringify(boxes)}`);
    }
    await stage.shot(page, "tiles");
  },

  /** One asset: its picture, zoomed through IIIF; what is known of it; its variants' URLs. */
  async asset(stage, { id, name }) {
    const page = await stage.open();
    await page.locator(tile).first().waitFor();
    await stage.shot(page, "wall");
    const tiles = [];
    page.on("response", (answer) => {
      if (/\/iiif\/3\/[^/]+\/[^/]+\/[^/]+\/0\/default/.test(answer.url())) tiles.push(answer);
    });
    await page.locator(`#tile-${id}`).click();
    await until("its name", async () => (await text(page, `${dialog} h2`)) === name);
    await page.locator(".zoom canvas").first().waitFor();
    await page.getByRole("button", { name: "1:1" }).click();
    await until("tiles", () => tiles.length >= 3 && tiles.every((one) => one.ok()));
    await page.getByText("Variants and URLs").click();
    assert.match(await text(page, ".variants"), /srcset="[^"]+ 300w/);
    await page.getByText("History", { exact: true }).click();
    await until("its history", async () => (await page.locator(".history time").count()) > 1);
    await page.getByRole("button", { name: "Whole" }).click();
    await page.waitForTimeout(800);
    await stage.shot(page, "asset");
    await page.keyboard.press("Escape");
    await until("closed", async () => !(await page.locator(dialog).count()));
    await until("the focus is where it was", async () =>
      (await page.evaluate(() => document.activeElement.id)) === `tile-${id}`);
  },

  /** The recipe editor shows what its URL makes. */
  async recipe(stage, { id }) {
    const page = await stage.open(`/#/asset/${id}`);
    await page.getByRole("button", { name: "Make a variant" }).click();
    const verdict = () => text(page, ".verdict");
    await until("the first preview", async () => (await verdict()).startsWith("800 ×"));
    await page.locator("#recipe-w").fill("320");
    await page.locator("#recipe-h").fill("320");
    await page.locator("#recipe-fit").selectOption("cover");
    await page.locator("#recipe-tone").selectOption("gray");
    await page.locator("#recipe-format").selectOption("jpg");
    await until("the square", async () => (await verdict()).startsWith("320 × 320,"));
    const url = await text(page, ".address code");
    assert.ok(url.endsWith(".jpg") && url.includes("w=320"), url);
    assert.ok((await page.request.get(url)).ok());
    await stage.shot(page, "recipe");
    stage.expected = [/status of 400/];
    await page.locator("#recipe-w").fill("99999999");
    await until("the refusal", () => page.locator(".verdict .wrong").count());
  },

  /** The dead letter is shown and starts again. */
  async jobs(stage) {
    const page = await stage.open("/#/jobs");
    await page.getByText("1 job", { exact: true }).waitFor();
    assert.match(await text(page, ".jobs li"), /inspect[\s\S]*metadata lane, 3 attempts/);
    await stage.shot(page, "jobs");
    await page.getByRole("button", { name: "Start again" }).click();
    await page.getByText("1 job starts again").first().waitFor();
    await page.getByRole("tab", { name: "Waiting" }).click();
    await page.getByRole("tab", { name: "Waiting", selected: true }).waitFor();
  },

  /** Everything without a mouse. */
  async keyboard(stage, { ids }) {
    const page = await stage.open();
    await page.locator(tile).nth(ids.length - 1).waitFor();
    const current = () => page.evaluate(() => document.activeElement.id.replace("tile-", ""));
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Home");
    assert.equal(await current(), ids[0]);
    await page.keyboard.press("ArrowRight");
    assert.equal(await current(), ids[1]);
    await page.keyboard.press("Enter");
    await page.locator("dialog.asset").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByRole("heading", { name: `${ids[2]}.jpg` }).waitFor();
    await page.keyboard.press("Escape");
    await until("closed", async () => !(await page.locator(dialog).count()));
    await until("the focus is where it was", async () => (await current()) === ids[2]);
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: /keyboard/i }).waitFor();
    await stage.shot(page, "help");
    await page.keyboard.press("Escape");
    const before = await paper(page);
    await page.keyboard.press("d");
    assert.ok(Math.abs(await paper(page) - before) > 150, "d goes from light to dark");
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowLeft");
    assert.match(await text(page, ".selection"), /2 pictures selected/);
    await stage.shot(page, "selection");
    await page.getByRole("button", { name: "Delete" }).press("Enter");
    await page.getByRole("button", { name: "Delete 2 pictures" }).press("Enter");
    await page.getByText("2 pictures deleted").first().waitFor();
    await until("they go", async () => (await page.locator(".tile").count()) === ids.length - 2);
  },

  /** As the machine says; the switch is remembered. */
  async dark(stage, { id }) {
    const page = await stage.open("/", { colorScheme: "dark" });
    await page.locator(tile).first().waitFor();
    assert.ok(await paper(page) < 40, "dark paper");
    await stage.shot(page, "dark");
    await page.getByRole("button", { name: "Light or dark" }).click();
    await page.reload();
    await page.locator(tile).first().waitFor();
    assert.ok(await paper(page) > 220, "light paper is remembered");
    await page.getByRole("button", { name: "Light or dark" }).click();
    await page.locator(`#tile-${id}`).click();
    await page.locator(".zoom canvas").first().waitFor();
    await page.waitForTimeout(500);
    await stage.shot(page, "dark-asset");
  },

  /** At a telephone's width, by touch. */
  async telephone(stage, { id }) {
    const page = await stage.open("/", { viewport: { width: 390, height: 844 }, hasTouch: true,
      isMobile: true, deviceScaleFactor: 2 });
    await page.locator(tile).first().waitFor();
    await noSidewaysScroll(page);
    await stage.shot(page, "telephone");
    await page.locator(`#tile-${id}`).tap();
    await page.locator(".zoom canvas").first().waitFor();
    await noSidewaysScroll(page);
    await page.waitForTimeout(500);
    await stage.shot(page, "telephone-asset");
    await page.getByRole("button", { name: "Make a variant" }).tap();
    await until("the preview", async () => (await text(page, ".verdict")).startsWith("800 ×"));
    await noSidewaysScroll(page);
    await stage.shot(page, "telephone-recipe");
  },

  /** Where keys are in force: asked for, refused in words, and no more offered than they allow. */
  async keys(stage, { read, admin, write }) {
    stage.expected = [/status of 40[13]/];
    const page = await stage.open();
    await page.locator("dialog.key").waitFor();
    assert.match(await text(page, "dialog.key"), /This server asks for a key\./);
    await stage.shot(page, "locked");
    await giveKey(page, "cal_wrong");
    await until("the refusal", async () => (await page.locator("dialog.key").count()) &&
      (await text(page, "dialog.key")).includes("does not know this key"));
    await giveKey(page, write);
    await page.getByRole("heading", { name: "Your key does not open this library" }).waitFor();
    assert.match(await text(page, ".emptiness"), /scope read/);
    await stage.shot(page, "forbidden");
    await page.getByRole("button", { name: "Enter a key" }).click();
    await giveKey(page, read);
    await page.locator(tile).first().waitFor();
    assert.equal(await page.getByRole("link", { name: "Jobs" }).count(), 0);
    await page.getByRole("button", { name: "API key" }).click();
    await giveKey(page, admin);
    await page.getByRole("link", { name: "Jobs" }).waitFor();
  },
};
