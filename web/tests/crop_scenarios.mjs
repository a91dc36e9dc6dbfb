// SPDX-License-Identifier: Apache-2.0
// What crops keep: the focal point, set by mouse, finger and keys, and faces where the server finds
// them. tests/e2e/test_page_crops.py puts in what a scenario expects to find.
import assert from "node:assert/strict";
import { everythingHasAName, noSidewaysScroll, tabStops, until } from "./stage.mjs";

async function text(page, selector) {
  return (await page.locator(selector).first().innerText()).trim();
}

/** What the server keeps, once it is about this; null where it is to keep nothing. */
async function kept(page, id, wanted, headers = {}) {
  let now;
  await until(`${JSON.stringify(wanted)} is kept`, async () => {
    now = (await (await page.request.get(`/v1/assets/${id}`, { headers })).json()).focal_point;
    return wanted ? now && Math.abs(now.x - wanted.x) < 0.011 && Math.abs(now.y - wanted.y) < 0.011 :
      now === null;
  }).catch((error) => {
    throw new Error(`${error.message}, but ${JSON.stringify(now)}`);
  });
  return now;
}

/** The pixels of a picture that the page shows or could show. */
async function pixels(page, source) {
  return page.evaluate(async (src) => {
    const image = new Image();
    image.src = src;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const drawn = canvas.getContext("2d");
    drawn.drawImage(image, 0, 0);
    return drawn.getImageData(0, 0, canvas.width, canvas.height).data.join();
  }, source);
}

/** The crops are those of that point, and the square one is what a crop of the asset is now. */
async function cropsFollow(page, id, point) {
  const of = point ? `${point.x}:${point.y}` : "0.5:0.5";
  await page.locator(`.focal-crops[data-of="${of}"]:not(.busy)`).waitFor();
  const shown = await page.locator(".focal-crops img").first().getAttribute("src");
  const served = await page.evaluate(async (target) => (await (await fetch(
    `/v1/sign?target=${encodeURIComponent(target)}`)).json()).url,
  `/v/${id}/w=200,h=200,fit=cover.webp?${Math.random()}`);
  assert.equal(await pixels(page, shown), await pixels(page, served),
    "the crop that is shown is the crop that is served");
}

async function clickAt(page, x, y) {
  const box = await page.locator(".focal-frame img").boundingBox();
  await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
}

async function openIt(page, name = "Focal point") {
  await page.getByRole("button", { name, exact: true }).click();
  await page.locator("dialog.focal").waitFor();
  await until("the picture", () => page.locator(".focal-frame img").evaluate((one) =>
    one.complete && one.naturalWidth > 0));
}

export const scenarios = {
  async focal(stage, { id }) {
    const page = await stage.open(`/#/asset/${id}`, { baseURL: stage.url });
    await openIt(page);
    assert.equal(await text(page, "dialog.focal .verdict"), "None: crops keep the middle");
    assert.ok(await page.getByRole("button", { name: "Remove" }).isDisabled());
    await clickAt(page, 0.1, 0.5);
    const clicked = await kept(page, id, { x: 0.1, y: 0.5 });
    assert.match(await text(page, "dialog.focal .verdict"), /from the left, .*from the top/);
    await cropsFollow(page, id, clicked);
    await stage.shot(page, "focal");
    await everythingHasAName(page, "focal point");

    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Focal point");
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowDown"])
      await page.keyboard.press(key);
    const moved = await kept(page, id, { x: clicked.x + 0.03, y: clicked.y + 0.1 });
    assert.equal(await page.getByRole("slider", { name: "Focal point" }).getAttribute(
      "aria-valuetext"), await text(page, "dialog.focal .verdict"));
    await cropsFollow(page, id, moved);
    for (let time = 0; time < 12; time += 1) await page.keyboard.press("Shift+ArrowLeft");
    await kept(page, id, { x: 0, y: moved.y });
    await page.locator("dialog.focal h2").focus();
    const stops = (await tabStops(page)).map(({ name }) => name);
    for (const name of ["Focal point", "Remove", "Done", "Close"])
      assert.ok(stops.includes(name), `Tab reaches ${name}: ${stops}`);

    const box = await page.locator(".focal-frame img").boundingBox();
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width + 200, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    const dragged = await kept(page, id, { x: 1, y: 0.5 });
    await cropsFollow(page, id, dragged);
    await page.getByRole("button", { name: "Done" }).click();
    await page.locator(".facts dd", { hasText: "100 % from the left" }).waitFor();
    await page.locator(".focal").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.innerText), "Focal point",
      "the focus is where it was");

    await openIt(page);
    await page.getByRole("button", { name: "Remove" }).press("Enter");
    await kept(page, id, null);
    await cropsFollow(page, id, null);
    assert.equal(await text(page, "dialog.focal .verdict"), "None: crops keep the middle");
    await page.keyboard.press("Escape");
    await until("it is told no more", async () =>
      !(await page.locator(".facts dt", { hasText: "Focal point" }).count()));
  },

  /** From the recipe editor: the crop that is shown there follows. */
  async focalInEditor(stage, { id }) {
    stage.expected = [/ERR_FILE_NOT_FOUND/];  // a preview that was exchanged while it was read
    const page = await stage.open(`/#/asset/${id}`, { baseURL: stage.url });
    await page.getByRole("button", { name: "Make a variant" }).click();
    await page.locator("#recipe-w").fill("200");
    await page.locator("#recipe-h").fill("200");
    await page.locator("#recipe-fit").selectOption("cover");
    await until("the square", async () => (await text(page, ".verdict")).startsWith("200 × 200,"));
    const shown = async () => pixels(page,
      await page.locator(".preview img").getAttribute("src")).catch(() => before);
    let before = "";
    before = await shown();
    await openIt(page, "Focal point…");
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Shift+ArrowLeft");
    await kept(page, id, { x: 0.2, y: 0.5 });
    await page.getByRole("button", { name: "Done" }).click();
    await until("the crop follows", async () => (await shown()) !== before);
    await stage.shot(page, "focal-editor");
    const offered = await page.locator("#recipe-g option").allInnerTexts();
    assert.ok(!offered.includes("faces"), "nobody finds faces here");
  },

  /** Whoever may not is told so, and the point stays where it is. */
  async focalRefused(stage, { id, read, point }) {
    stage.expected = [/status of 40[13]/];
    const page = await stage.open("/", { baseURL: stage.url });
    await page.locator("#key-field").fill(read);
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.locator(".tile").first().click();
    await openIt(page);
    await clickAt(page, 0.1, 0.1);
    await until("the refusal", () => page.locator("dialog.focal .verdict .wrong").count());
    assert.match(await text(page, "dialog.focal .verdict"), /75 % from the left.*key/);
    await stage.shot(page, "focal-refused");
    await kept(page, id, point, { Authorization: `Bearer ${read}` });
  },

  async focalNarrow(stage, { id }) {
    const page = await stage.open(`/#/asset/${id}`, { baseURL: stage.url, hasTouch: true,
      isMobile: true, viewport: { width: 360, height: 740 }, deviceScaleFactor: 2,
      colorScheme: "dark" });
    await openIt(page);
    const box = await page.locator(".focal-frame img").boundingBox();
    await page.touchscreen.tap(box.x + box.width * 0.8, box.y + box.height * 0.3);
    await cropsFollow(page, id, await kept(page, id, { x: 0.8, y: 0.3 }));
    await noSidewaysScroll(page);
    await stage.shot(page, "narrow-focal");
  },

  /** Where the server has a detector the editor offers faces. */
  async faces(stage, { id }) {
    const page = await stage.open(`/#/asset/${id}`);
    await page.getByRole("button", { name: "Make a variant" }).click();
    await page.locator("#recipe-w").fill("150");
    await page.locator("#recipe-h").fill("150");
    await page.locator("#recipe-fit").selectOption("cover");
    await page.locator("#recipe-g").selectOption("faces");
    await until("its URL", async () => (await text(page, ".address code")).includes("g=faces"));
    await until("the square", async () => (await text(page, ".verdict")).startsWith("150 × 150,"));
    await stage.shot(page, "faces");
  },
};
