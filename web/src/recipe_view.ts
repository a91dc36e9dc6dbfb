// SPDX-License-Identifier: Apache-2.0
// The recipe editor: what a variant is made of, with the picture it makes beside it and its URL
// below. The URL shown is the one to use: the server sends it on to the current version.
import { problemOf, signed } from "./api";
import { append, button, copyable, el, replace } from "./dom";
import { openDialog } from "./dialog";
import { openFocalPoint } from "./focal_view";
import { type AssetJson, entryOf } from "./model";
import { bytesText } from "./words";

interface Control {
  name: string;
  label: string;
  kind: "number" | "choice" | "range" | "text" | "switch";
  choices?: string[];
  /** What an empty choice stands for. */
  otherwise?: string;
  min?: number;
  max?: number;
  step?: number;
  hint?: string;
}

const groups: [string, Control[]][] = [
  ["Size", [{ name: "w", label: "Width", kind: "number", min: 1, max: 65535 },
    { name: "h", label: "Height", kind: "number", min: 1, max: 65535 },
    { name: "dpr", label: "Density", kind: "number", min: 0.1, max: 10, step: 0.1 },
    { name: "fit", label: "Fit", kind: "choice",
      choices: ["", "inside", "outside", "cover", "contain", "fill"] },
    { name: "g", label: "Keep", kind: "choice", otherwise: "focal point, or middle",
      choices: ["", "attention", "entropy", "center", "north", "northeast", "east", "southeast",
        "south", "southwest", "west", "northwest"] },
    { name: "enlarge", label: "May enlarge", kind: "switch" }]],
  ["Shape", [{ name: "rot", label: "Turn", kind: "number", min: -360, max: 360 },
    { name: "flip", label: "Mirror", kind: "choice", choices: ["", "h", "v", "hv"] },
    { name: "crop", label: "Part", kind: "text", hint: "left:top:width:height, as 10p:10p:80p:80p" },
    { name: "trim", label: "Trim", kind: "number", min: 0, max: 254 },
    { name: "radius", label: "Round corners", kind: "text", hint: "20 or max" },
    { name: "pad", label: "Padding", kind: "text", hint: "10, or top:right:bottom:left" },
    { name: "bg", label: "Background", kind: "text", hint: "fff, ffffff80 or transparent" }]],
  ["Tone", [{ name: "bri", label: "Brightness", kind: "range", min: -100, max: 100 },
    { name: "con", label: "Contrast", kind: "range", min: -100, max: 100 },
    { name: "sat", label: "Saturation", kind: "range", min: -100, max: 100 },
    { name: "tone", label: "Colours", kind: "choice", choices: ["", "gray", "bitonal"] },
    { name: "blur", label: "Blur", kind: "number", min: 0, max: 100, step: 0.5 },
    { name: "sharp", label: "Sharpen", kind: "number", min: 0, max: 10, step: 0.1 }]],
  ["File", [{ name: "q", label: "Quality", kind: "number", min: 1, max: 100 },
    { name: "max_bytes", label: "At most bytes", kind: "number", min: 1 },
    { name: "lossless", label: "Lossless", kind: "switch" },
    { name: "icc", label: "Profile", kind: "choice", choices: ["", "srgb", "p3", "keep"] },
    { name: "meta", label: "Metadata", kind: "choice", choices: ["", "strip", "keep"] }]],
];
/** Where the server has a detector. */
const faces = ["faces", "face"];
const formats = ["webp", "avif", "jpg", "png", "jxl", "gif"];

/** The native URL: /v/{id}/{parameters}.{format}; with none it is the picture as it is. */
export function recipePath(id: string, recipe: Map<string, string>, format: string): string {
  const parameters = [...recipe].map(([name, value]) =>
    `${name}=${encodeURIComponent(value).replaceAll("%3A", ":")}`).join(",");
  return `/v/${id}/${parameters || "q=85"}.${format}`;
}

class Editor {
  private readonly recipe = new Map<string, string>([["w", "800"]]);
  private format = "webp";
  private readonly preview = el("figure", { class: "preview" });
  private readonly address = el("div", { class: "address" });
  private readonly verdict = el("p", { class: "verdict", attrs: { role: "status" } });
  private timer = 0;
  private turn = new AbortController();
  private shown = "";

  constructor(private readonly asset: AssetJson, private readonly changed: () => void) {}

  open(): void {
    const form = el("form", { class: "recipe", on: { submit: (event) => event.preventDefault() } });
    for (const [title, controls] of groups)
      form.append(el("fieldset", {}, el("legend", {}, title),
        ...controls.map((control) => this.control(control)),
        title === "File" ? this.formats() : title === "Size" ? this.focalPoint() : null));
    const dialog = openDialog(`Variant of ${entryOf(this.asset).name || "this picture"}`, "editor",
      el("div", { class: "editor-body" },
        el("div", { class: "result" }, this.preview, this.verdict, this.address), form));
    void dialog.closed.then(() => {
      this.turn.abort();
      if (this.shown) URL.revokeObjectURL(this.shown);
    });
    void this.draw();
  }

  private focalPoint(): HTMLElement {
    const open = button("Focal point…", () => openFocalPoint(this.asset, (point) => {
      this.asset.focal_point = point;
      this.changed();
      this.later();
    }));
    return el("div", {}, el("span"), open);
  }

  private formats(): HTMLElement {
    const choice = el("select", { attrs: { id: "recipe-format" } });
    for (const name of formats) choice.append(el("option", { attrs: { value: name } }, name));
    choice.addEventListener("change", () => {
      this.format = choice.value;
      this.later();
    });
    return el("div", {}, el("label", { attrs: { for: "recipe-format" } }, "Format"), choice);
  }

  private set(name: string, value: string): void {
    if (value) this.recipe.set(name, value);
    else this.recipe.delete(name);
    this.later();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.draw(), 300);
  }

  private control(control: Control): HTMLElement {
    const id = `recipe-${control.name}`;
    const label = el("label", { attrs: { for: id } }, control.label);
    const value = this.recipe.get(control.name) ?? "";
    if (control.kind === "choice") {
      const choice = el("select", { attrs: { id } });
      const more = control.name === "g" && this.asset.finds_faces ? faces : [];
      for (const one of [...control.choices ?? [], ...more])
        choice.append(el("option", { attrs: { value: one } }, one || (control.otherwise ??
          "as it is")));
      choice.addEventListener("change", () => this.set(control.name, choice.value));
      return el("div", {}, label, choice);
    }
    const type = { number: "number", range: "range", text: "text", switch: "checkbox" };
    const input = el("input", { attrs: { id, type: type[control.kind], min: control.min,
      max: control.max, step: control.step, placeholder: control.hint, title: control.hint,
      value: control.kind === "range" ? 0 : control.kind === "switch" ? undefined : value } });
    input.addEventListener("input", () => {
      if (control.kind === "switch") this.set(control.name, input.checked ?
        (control.name === "lossless" ? "1" : "true") : "");
      else this.set(control.name, control.kind === "range" && input.value === "0" ? "" :
        input.value.trim());
    });
    return el("div", { class: control.kind }, label, input);
  }

  private async draw(): Promise<void> {
    this.turn.abort();
    this.turn = new AbortController();
    const { signal } = this.turn;
    const path = recipePath(this.asset.id, this.recipe, this.format);
    this.preview.classList.add("busy");
    try {
      const address = await signed(path, signal);
      replace(this.address, copyable(new URL(address, location.origin).href, "URL"));
      const answer = await fetch(address, { signal });
      if (!answer.ok) throw await problemOf(answer);
      const blob = await answer.blob();
      if (signal.aborted) return;
      await this.show(blob, answer.url);
    } catch (error) {
      if (signal.aborted) return;
      replace(this.verdict, el("span", { class: "wrong" }, (error as Error).message));
    }
    this.preview.classList.remove("busy");
  }

  private async show(blob: Blob, url: string): Promise<void> {
    if (this.shown) URL.revokeObjectURL(this.shown);
    this.shown = URL.createObjectURL(blob);
    const image = el("img", { attrs: { alt: "The variant", src: this.shown } });
    const readable = await image.decode().then(() => true, () => false);
    replace(this.preview, readable ? image : el("p", {}, "This browser cannot show the format; " +
      "the file was made."));
    const size = readable ? `${image.naturalWidth} × ${image.naturalHeight}, ` : "";
    replace(this.verdict, `${size}${bytesText(blob.size)}`);
    if (url && new URL(url).pathname !== new URL(this.addressText, location.origin).pathname)
      append(this.address, el("p", { class: "faint" }, "Current version, cached for ever:"),
        copyable(url, "Versioned URL"));
  }

  private get addressText(): string {
    return this.address.querySelector("code")?.textContent ?? "";
  }
}

/** `changed` is called when another focal point was kept meanwhile. */
export function openRecipe(asset: AssetJson, changed: () => void): void {
  new Editor({ ...asset }, changed).open();
}
