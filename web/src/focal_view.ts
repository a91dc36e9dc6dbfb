// SPDX-License-Identifier: Apache-2.0
// The point of a picture that every crop keeps: set by a click on the picture, or by arrow keys from
// where it is, and kept at once. Beside it what three crops make of it, by the server, each by the
// recipe that names the point, which is the very picture that a crop is when the point is kept.
import { call, problemOf, request, signed } from "./api";
import { append, button, el, replace } from "./dom";
import { openDialog } from "./dialog";
import { type AssetJson, entryOf } from "./model";

export interface Point {
  x: number;
  y: number;
}

/** "30 % from the left, 70 % from the top" */
export function pointText({ x, y }: Point): string {
  const share = (value: number) => `${Number((value * 100).toFixed(1))} %`;
  return `${share(x)} from the left, ${share(y)} from the top`;
}

type Told = (point: Point | null) => void;
const middle: Point = { x: 0.5, y: 0.5 };
const step = 0.01;
const largeStep = 0.1;
/** Keys come in rows; what they lead to is kept. */
const restMs = 350;
/** Twice as large as they are shown. */
const crops: [string, number, number][] = [["Square", 200, 200], ["Wide", 300, 168],
  ["Tall", 112, 200]];

const inside = (value: number) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));

class FocalPoint {
  private point: Point | null;
  /** As the server has it. */
  private kept: Point | null;
  private readonly marker: HTMLElement;
  private readonly picture: HTMLImageElement;
  private readonly frame = el("div", { class: "focal-frame" });
  private readonly said = el("p", { class: "verdict", attrs: { role: "status" } });
  private readonly crops = el("div", { class: "focal-crops" });
  private readonly forget = button("Remove", () => this.set(null, 0));
  private timer = 0;
  private saving: Promise<void> | null = null;
  private turn = new AbortController();
  private readonly shown: string[] = [];
  private dragging = false;

  constructor(private readonly asset: AssetJson, private readonly changed: Told) {
    this.point = this.kept = asset.focal_point ?? null;
    this.marker = el("div", { class: "focal-marker", attrs: { role: "slider", tabindex: 0,
      "aria-label": "Focal point", "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-describedby": "focal-how" } });
    this.picture = el("img", { attrs: { alt: entryOf(asset).name || "Without a name",
      draggable: "false" } });
    this.marker.addEventListener("keydown", (event) => this.pressed(event));
    this.frame.addEventListener("pointerdown", (event) => this.grabbed(event));
    this.frame.addEventListener("pointermove", (event) => this.dragging && this.follow(event));
    for (const end of ["pointerup", "pointercancel"] as const)
      this.frame.addEventListener(end, () => {
        if (this.dragging) this.set(this.point, 0);
        this.dragging = false;
      });
  }

  open(): void {
    const how = el("p", { class: "faint", attrs: { id: "focal-how" } }, "Point at what every crop " +
      "shall keep, or move the point with the arrow keys (Shift: further). It is kept at once.");
    this.frame.append(this.picture, this.marker);
    const dialog = openDialog("Focal point", "focal", el("div", { class: "focal-body" },
      el("div", { class: "focal-stage" }, this.frame), el("div", { class: "focal-side" }, how,
        this.said, this.crops)), el("footer", {}, this.forget,
      button("Done", () => dialog.close(), { class: "primary" })));
    void this.load();
    this.draw();
    void this.cut();
    this.marker.focus();
    void dialog.closed.then(() => {
      this.turn.abort();
      this.release();
      clearTimeout(this.timer);
      void this.save();
    });
  }

  /** The picture as a whole; where a preset cuts it, or its URL is refused, the original. */
  private async load(): Promise<void> {
    const { asset, picture } = this;
    const whole = (asset.width ?? 1) / (asset.height ?? 1);
    picture.src = asset.urls?.mobile ?? asset.urls?.thumb ?? "";
    const isThere = await picture.decode().then(() => true, () => false);
    if (isThere && Math.abs(picture.naturalWidth / picture.naturalHeight / whole - 1) < 0.03) return;
    const answer = await request("GET", `/v1/assets/${encodeURIComponent(asset.id)}/original`)
      .catch(() => null);
    if (!answer?.ok) return;
    picture.src = URL.createObjectURL(await answer.blob());
    await picture.decode().catch(() => undefined);
    URL.revokeObjectURL(picture.src);
  }

  private release(): void {
    this.shown.splice(0).forEach((url) => URL.revokeObjectURL(url));
  }

  // ---- pointing ---------------------------------------------------------------------------------

  private grabbed(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.marker.focus({ preventScroll: true });
    this.follow(event);
  }

  private follow(event: PointerEvent): void {
    const box = this.picture.getBoundingClientRect();
    if (!box.width || !box.height) return;
    this.point = { x: inside((event.clientX - box.left) / box.width),
      y: inside((event.clientY - box.top) / box.height) };
    this.draw();
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? largeStep : step;
    const [x, y] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by],
      ArrowDown: [0, by] }[event.key] ?? [0, 0];
    if (event.key === "Delete" || event.key === "Backspace") this.set(null, 0);
    else if (event.key === "Enter" || event.key === " ") this.set(this.point ?? middle, 0);
    else if (x || y) {
      const from = this.point ?? middle;
      this.set({ x: inside(from.x + x), y: inside(from.y + y) }, restMs);
    } else return;
    event.preventDefault();
  }

  private set(point: Point | null, wait: number): void {
    // Who is at the button that goes keeps a place to go on from.
    if (!point && document.activeElement === this.forget) this.marker.focus();
    this.point = point;
    this.draw();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      void this.save();
      void this.cut();
    }, wait);
  }

  private draw(): void {
    const { point } = this;
    const { x, y } = point ?? middle;
    this.marker.style.left = `${x * 100}%`;
    this.marker.style.top = `${y * 100}%`;
    this.marker.classList.toggle("unset", !point);
    const text = point ? pointText(point) : "None: crops keep the middle";
    this.marker.setAttribute("aria-valuenow", String(Math.round(x * 100)));
    this.marker.setAttribute("aria-valuetext", text);
    this.forget.disabled = !point;
    replace(this.said, text);
  }

  // ---- keeping ----------------------------------------------------------------------------------

  private isKept(): boolean {
    return this.point?.x === this.kept?.x && this.point?.y === this.kept?.y;
  }

  /** One request at a time; the last point is the one that stays. */
  private async save(): Promise<void> {
    if (this.saving) return this.saving;
    this.saving = this.saveAll();
    await this.saving;
    this.saving = null;
  }

  private async saveAll(): Promise<void> {
    const path = `/v1/assets/${encodeURIComponent(this.asset.id)}/focal-point`;
    while (!this.isKept()) {
      const { point } = this;
      try {
        await (point ? call("PUT", path, { body: point }) : call("DELETE", path));
        this.kept = point;
        this.changed(point);
      } catch (error) {
        this.point = this.kept;
        this.draw();
        append(this.said, el("span", { class: "wrong" }, ` ${(error as Error).message}`));
        void this.cut();
        return;
      }
    }
  }

  // ---- what crops make of it --------------------------------------------------------------------

  private async cut(): Promise<void> {
    this.turn.abort();
    this.turn = new AbortController();
    const { signal } = this.turn;
    const keep = this.point ? `${this.point.x}:${this.point.y}` : "0.5:0.5";
    this.crops.classList.add("busy");
    const figures = await Promise.all(crops.map(async ([name, w, h]) => {
      const path = `/v/${this.asset.id}/w=${w},h=${h},fit=cover,g=${keep}.webp`;
      try {
        const answer = await fetch(await signed(path, signal), { signal });
        if (!answer.ok) throw await problemOf(answer);
        const url = URL.createObjectURL(await answer.blob());
        this.shown.push(url);
        const image = el("img", { attrs: { alt: `${name} crop`, src: url, width: w / 2,
          height: h / 2 } });
        await image.decode().catch(() => undefined);
        return el("figure", {}, image, el("figcaption", {}, name));
      } catch (error) {
        return el("figure", {}, el("p", { class: "wrong" }, (error as Error).message),
          el("figcaption", {}, name));
      }
    }));
    if (signal.aborted) return;
    replace(this.crops, ...figures);
    this.crops.dataset.of = keep;
    this.crops.classList.remove("busy");
    this.shown.splice(0, this.shown.length - crops.length).forEach((url) =>
      URL.revokeObjectURL(url));
  }
}

/** `changed` is called whenever another point, or none, has been kept. */
export function openFocalPoint(asset: AssetJson, changed: Told): void {
  new FocalPoint(asset, changed).open();
}
