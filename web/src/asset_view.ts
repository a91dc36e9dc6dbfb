// SPDX-License-Identifier: Apache-2.0
// One asset: its picture (zoomed deeply through IIIF where a picture can be made), and beside it
// everything that is known of it, in sections that are loaded when they are opened.
import { apiKey, call, has, Problem, problemOf, request, signed, target } from "./api";
import { append, button, copyable, el, iconButton, icons, replace, toast } from "./dom";
import { confirmed, openDialog, type Opened } from "./dialog";
import { openFocalPoint, pointText } from "./focal_view";
import { mapOf, positionOf } from "./map";
import { metadataList } from "./metadata";
import { type AssetJson, entryOf, type Library } from "./model";
import { placeholderUrl } from "./placeholder";
import { openRecipe } from "./recipe_view";
import { go } from "./route";
import { bytesText, countText, isUnderway, stateWord, timeText, typeText } from "./words";

interface Viewer {
  destroy(): void;
}

class AssetView {
  private readonly stage = el("div", { class: "stage" });
  private readonly side = el("div", { class: "side" });
  private readonly dialog: Opened;
  private viewer: Viewer | null = null;
  private unlisten: () => void = () => undefined;
  private state = "";
  private told = "";
  private objectUrl = "";
  private over = false;
  /** Its place in the list, or the last that it had. */
  private at = -1;

  constructor(private readonly id: string, private readonly library: Library) {
    const entry = library.find(id);
    this.dialog = openDialog(entry?.name || "Picture", "asset",
      el("div", { class: "asset-body" }, this.stage, this.side));
    this.dialog.element.addEventListener("keydown", (event) => this.pressed(event));
    const header = this.dialog.element.querySelector("header")!;
    header.insertBefore(this.steps(), header.lastChild);
    this.at = library.place(id);
    this.unlisten = library.listen((_, read) => {
      const at = library.place(id);
      if (at >= 0) this.at = at;
      if (read.has(id)) void this.load();
    });
    void this.load();
  }

  get closed(): Promise<void> {
    return this.dialog.closed;
  }

  end(): void {
    this.over = true;
    this.unlisten();
    this.viewer?.destroy();
    this.viewer = null;
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
    this.dialog.close();
  }

  private steps(): HTMLElement {
    return el("span", { class: "steps" },
      iconButton(icons.left, "The picture before", () => this.step(-1)),
      iconButton(icons.right, "The next picture", () => this.step(1)));
  }

  private step(by: number): void {
    const { entries } = this.library;
    const here = this.library.place(this.id);
    // Where it was in the list that has it no more, the next one is now.
    const place = here >= 0 || by < 0 ? this.at + by : this.at + by - 1;
    const entry = this.at < 0 ? undefined : entries[place];
    if (entry) go("asset", entry.id);
    if (place > entries.length - 20) void this.library.more();
  }

  private pressed(event: KeyboardEvent): void {
    const { target } = event;
    const busy = target instanceof HTMLInputElement || target instanceof HTMLSelectElement ||
      target instanceof HTMLTextAreaElement;
    if (busy || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private async load(): Promise<void> {
    try {
      const asset = await call<AssetJson>("GET", `/v1/assets/${encodeURIComponent(this.id)}`);
      if (this.over) return;
      const told = JSON.stringify(asset);
      if (told === this.told) return;
      this.told = told;
      const first = this.state !== asset.state;
      this.state = asset.state;
      const name = entryOf(asset).name || "Without a name";
      this.dialog.element.querySelector("h2")!.textContent = name;
      document.title = `${name} · Calotype`;
      this.drawSide(asset);
      if (first) void this.drawStage(asset);
    } catch (error) {
      replace(this.side, el("p", { class: "wrong", attrs: { role: "alert" } },
        error instanceof Problem ? error.message : String(error)));
    }
  }

  // ---- the picture ------------------------------------------------------------------------------

  private async drawStage(asset: AssetJson): Promise<void> {
    this.viewer?.destroy();
    this.viewer = null;
    const entry = entryOf(asset);
    if (!asset.renderable || !entry.urls.thumb) {
      replace(this.stage, this.noPicture(asset));
      return;
    }
    const soft = placeholderUrl(entry.placeholder);
    this.stage.style.backgroundImage = soft ? `url("${soft}")` : "";
    const still = this.still(asset);
    replace(this.stage, still);
    const base = await signed(`/iiif/3/${encodeURIComponent(asset.id)}`).catch(() => null);
    if (base === null) return;
    const answer = await request("GET", `${base}/info.json`).catch(() => null);
    if (!answer?.ok || this.over) return;
    // By the address that the page came from, whatever public address the server gives its pictures.
    const source = { ...await answer.json() as object, id: base };
    await this.zoom(source, still, entry.name);
  }

  private still(asset: AssetJson): HTMLImageElement {
    const { thumb, mobile } = asset.urls ?? {};
    const image = el("img", { class: "still", attrs: { alt: entryOf(asset).name || "Without a name",
      src: mobile ?? thumb!, width: asset.width, height: asset.height } });
    image.addEventListener("error", () => void this.rescue(asset, image), { once: true });
    return image;
  }

  /** Where the variant cannot be had: the original, fetched with the key. */
  private async rescue(asset: AssetJson, image: HTMLImageElement): Promise<void> {
    const answer = await request("GET", `/v1/assets/${encodeURIComponent(asset.id)}/original`)
      .catch(() => null);
    if (!answer?.ok || this.over) return;
    this.objectUrl = URL.createObjectURL(await answer.blob());
    image.src = this.objectUrl;
  }

  private async zoom(source: object, still: HTMLElement, name: string): Promise<void> {
    const { default: OpenSeadragon } = await import("openseadragon");
    if (this.over) return;
    keepStyleToFiles();
    const mount = el("div", { class: "zoom", attrs: { role: "application",
      "aria-label": `${name}, zoomed with plus, minus and zero, moved by dragging` } });
    this.stage.append(mount);
    const viewer = OpenSeadragon({ element: mount, tileSources: source, showNavigationControl: false,
      drawer: "canvas", maxZoomPixelRatio: 2, visibilityRatio: 0.6, minZoomImageRatio: 0.9,
      animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.6,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true } });
    viewer.addHandler("tile-drawn", () => still.classList.add("under"));
    viewer.addHandler("canvas-key", (event) => {
      const { key } = event.originalEvent as KeyboardEvent;
      if (key === "ArrowLeft" || key === "ArrowRight") event.preventDefaultAction = true;
    });
    // The viewer's own stops for Tab, which have no names.
    mount.querySelectorAll<HTMLElement>("[tabindex]").forEach((part) =>
      part.setAttribute("aria-label", `${name}, the picture`));
    this.viewer = viewer;
    const controls = el("div", { class: "zoom-buttons" },
      button("−", () => viewer.viewport.zoomBy(0.7), { attrs: { "aria-label": "Further" } }),
      button("Whole", () => viewer.viewport.goHome()),
      button("1:1", () => viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(1))),
      button("+", () => viewer.viewport.zoomBy(1.4), { attrs: { "aria-label": "Nearer" } }));
    this.stage.append(controls);
  }

  private noPicture(asset: AssetJson): HTMLElement {
    const box = el("div", { class: "no-picture" }, el("h3", {}, stateWord(asset.state)));
    if (isUnderway(asset.state))
      append(box, el("p", {}, "The picture shows as soon as the file has been looked at."));
    if (asset.failure) append(box,
      el("p", {}, asset.failure.message), el("p", { class: "faint" }, asset.failure.code),
      button("Look at it again", () => void this.again(asset), { class: "primary" }));
    else if (!isUnderway(asset.state))
      append(box, el("p", {}, "No picture can be made of this kind of file."));
    return box;
  }

  private async again(asset: AssetJson): Promise<void> {
    try {
      await call("POST", `/v1/assets/${encodeURIComponent(asset.id)}/retry`);
      toast("It is looked at again");
      this.library.touch(asset.id);
      void this.load();
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
    }
  }

  // ---- what is known ----------------------------------------------------------------------------

  private drawSide(asset: AssetJson): void {
    const facts = el("dl", { class: "facts" });
    const fact = (label: string, value: string | undefined) => {
      if (value) facts.append(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
    };
    fact("State", stateWord(asset.state));
    fact("Type", asset.media_type && typeText(asset.media_type));
    fact("Size", asset.width ? `${asset.width} × ${asset.height}` : "");
    fact("File", bytesText(asset.bytes));
    fact("Pages", (asset.pages ?? 1) > 1 ? String(asset.pages) : "");
    fact("Colour", [asset.color_space, asset.icc_profile].filter(Boolean).join(", "));
    fact("Also", [asset.has_alpha && "transparency", asset.has_gain_map && "gain map"]
      .filter(Boolean).join(", "));
    fact("Focal point", asset.focal_point ? pointText(asset.focal_point) : "");
    fact("Collection", entryOf(asset).collection);
    fact("Added", timeText(asset.created_at));
    const tags = asset.tags ?? [];
    const tagList = el("ul", { class: "tags", attrs: { "aria-label": "Tags" } });
    append(tagList, ...tags.map((tag) => el("li", {}, el("a", { attrs: { href: target("/", { tag }),
      title: "All with this tag" } }, tag))));
    const position = positionOf(asset.metadata);
    const goOn = whereItWas(this.side);
    replace(this.side, this.acts(asset), facts, tags.length ? tagList : null,
      position && mapOf(position), metadataList(asset.metadata),
      this.section("Variants and URLs", () => this.variants(asset)),
      this.section("History", () => this.history(asset)), this.uploads(asset),
      el("details", {}, el("summary", {}, "Identity"), copyable(asset.id, "Id"),
        asset.sha256 ? copyable(asset.sha256, "SHA-256") : null));
    // Some buttons come a moment later.
    setTimeout(goOn);
  }

  private acts(asset: AssetJson): HTMLElement {
    const row = el("div", { class: "asset-acts" });
    const changed = () => this.library.touch(asset.id);
    if (asset.renderable) append(row, button("Make a variant", () => openRecipe(asset, changed),
      { class: "primary" }), button("Focal point", () => openFocalPoint(asset, changed)));
    append(row, button("Download", () => void download(asset)),
      button("Delete", () => void this.remove(asset), { class: "danger" }));
    void has("/v1/search").then((there) => {
      if (there && asset.renderable) row.insertBefore(button("Find similar",
        () => go("duplicates", asset.id)), row.lastChild);
    });
    void has("/v1/takedowns", "post").then((there) => {
      if (there) row.append(button("Take down", () => void import("./takedowns_view")
        .then((module) => module.openTakedown(asset.id, (gone) => {
          this.library.drop(gone);
          go("");
        })), { class: "danger" }));
    });
    return row;
  }

  private async remove(asset: AssetJson): Promise<void> {
    const name = entryOf(asset).name || asset.id;
    if (!await confirmed("Delete this picture?",
      `“${name}” and all its variants go from this server. This cannot be undone.`, "Delete"))
      return;
    try {
      await call("DELETE", `/v1/assets/${encodeURIComponent(asset.id)}`);
      toast("Deleted");
      go("");
      this.library.drop([asset.id]);
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
    }
  }

  private section(title: string, fill: () => Promise<HTMLElement>): HTMLElement {
    const details = el("details", {}, el("summary", {}, title));
    details.addEventListener("toggle", () => {
      if (!details.open || details.children.length > 1) return;
      void fill().catch((error: unknown) => el("p", { class: "wrong" },
        error instanceof Problem ? error.message : String(error)))
        .then((content) => details.append(content));
    });
    return details;
  }

  private async variants(asset: AssetJson): Promise<HTMLElement> {
    interface Variant { recipe: string; bytes: number; width: number; height: number;
      media_type: string; url: string | null; accesses: number }
    const said = await call<{ variants: Variant[] }>("GET",
      `/v1/assets/${encodeURIComponent(asset.id)}/variants`);
    const box = el("div", { class: "variants" });
    for (const [name, url] of Object.entries(asset.urls ?? {}))
      append(box, el("h4", {}, name), copyable(new URL(url, location.origin).href,
        `URL of ${name}`));
    const { thumb, mobile } = asset.urls ?? {};
    if (thumb && mobile) append(box, el("h4", {}, "For a web page"),
      copyable(srcsetTag(asset), "img element"));
    if (said.variants.length) box.append(el("h4", {}, `${countText(said.variants.length,
      "variant", "variants")} stored`));
    for (const one of said.variants)
      append(box, el("p", { class: "faint" }, `${one.width} × ${one.height}, ` +
        `${typeText(one.media_type)}, ${bytesText(one.bytes)}, asked for about ` +
        `${countText(one.accesses, "time", "times")}`),
      one.url ? copyable(new URL(one.url, location.origin).href, `URL of ${one.recipe}`) :
        el("code", {}, one.recipe));
    return box;
  }

  private async history(asset: AssetJson): Promise<HTMLElement> {
    interface Event { from: string | null; to: string; because: string; at: string }
    const said = await call<{ events: Event[] }>("GET",
      `/v1/assets/${encodeURIComponent(asset.id)}/events`);
    const list = el("ol", { class: "history" });
    for (const event of said.events)
      list.append(el("li", {}, el("strong", {}, stateWord(event.to)),
        event.because ? ` ${event.because}` : null, el("time", {
          attrs: { datetime: event.at } }, timeText(event.at))));
    return list;
  }

  private uploads(asset: AssetJson): HTMLElement | null {
    const { uploads = [] } = asset;
    if (!uploads.length) return null;
    const list = el("ul", { class: "history" });
    for (const upload of uploads)
      append(list, el("li", {}, el("strong", {}, upload.file_name || "Without a name"),
        upload.uploader ? ` by ${upload.uploader}` : null,
        el("time", { attrs: { datetime: upload.created_at } }, timeText(upload.created_at))));
    return el("details", {}, el("summary", {}, countText(uploads.length, "upload", "uploads")),
      list);
  }
}

/** What is drawn anew while somebody reads it keeps its open sections, its place and the focus. */
function whereItWas(side: HTMLElement): () => void {
  const nameOf = (one: Element) => one.getAttribute("aria-label") ?? one.textContent ?? "";
  const opened = [...side.querySelectorAll("details[open] > summary")].map(nameOf);
  const { activeElement } = document;
  const focused = activeElement && side.contains(activeElement) ? nameOf(activeElement) : null;
  const { scrollTop } = side;
  return () => {
    for (const summary of side.querySelectorAll("details > summary"))
      if (opened.includes(nameOf(summary))) (summary.parentElement as HTMLDetailsElement).open = true;
    side.scrollTop = scrollTop;
    if (focused !== null) [...side.querySelectorAll<HTMLElement>("button, summary, a, [tabindex]")]
      .find((one) => nameOf(one) === focused)?.focus({ preventScroll: true });
  };
}

/** The viewer adds a rule to the document by an inline style, which the page's policy forbids, unless
    it finds its mark there. The mark is of no HTML, so it is no style; the rule is in style.css. */
function keepStyleToFiles(): void {
  const mark = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${mark}]`)) return;
  const element = document.createElementNS("mark", "style");
  element.setAttribute(mark, "");
  document.head.append(element);
}

function srcsetTag(asset: AssetJson): string {
  const url = (name: string) => new URL(asset.urls![name]!, location.origin).href;
  const alt = entryOf(asset).name.replaceAll(/[&"<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  return `<img src="${url("mobile")}" srcset="${url("thumb")} 300w, ${url("mobile")} 1200w" ` +
    `sizes="100vw" width="${asset.width}" height="${asset.height}" alt="${alt}" loading="lazy">`;
}

async function download(asset: AssetJson): Promise<void> {
  const path = `/v1/assets/${encodeURIComponent(asset.id)}/original`;
  const save = (url: string) => el("a", { attrs: { href: url, download: entryOf(asset).name ||
    asset.id } }).click();
  try {
    // Only what takes a key to read goes through memory, whatever its size.
    const answer = await request(apiKey() ? "GET" : "HEAD", path);
    if (!answer.ok) throw await problemOf(answer);
    if (!apiKey()) {
      save(path);
      return;
    }
    const url = URL.createObjectURL(await answer.blob());
    save(url);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    toast(error instanceof Problem ? error.message : "The file cannot be read", "bad");
  }
}

/** Opens the view; the function that is given back closes it. */
export function openAsset(
  id: string, library: Library, back: (id: string) => void,
): () => void {
  const view = new AssetView(id, library);
  let left = false;
  void view.closed.then(() => {
    if (left) return;
    left = true;
    view.end();
    go("");
    back(id);
  });
  return () => {
    if (left) return;
    left = true;
    view.end();
  };
}
