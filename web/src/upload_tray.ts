// SPDX-License-Identifier: Apache-2.0
// The tray at the lower right: what is being sent, how far, what was refused and why. It lists the
// last hundred; the sum above counts all.
import { announce, append, button, el, iconButton, icons, replace } from "./dom";
import { Upload, Uploads } from "./uploads";
import { bytesText, countText } from "./words";

const shownMax = 100;
const order = { sending: 0, failed: 1, paused: 2, waiting: 3, done: 4, here: 4 };

export class UploadTray {
  readonly element = el("section", { class: "tray", attrs: { "aria-label": "Uploads", hidden: true } });
  onOpen: (asset: string) => void = () => undefined;
  private frame = 0;
  private folded = false;
  private said = "";

  constructor(private readonly uploads: Uploads) {
    uploads.onChange = () => {
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    };
  }

  private sentence(): string {
    const { all, unfinished } = this.uploads;
    const failed = all.filter((one) => one.state === "failed").length;
    const refused = failed ? `, ${failed} refused` : "";
    if (unfinished) return `${countText(all.length - unfinished, "file", "files")} of ` +
      `${all.length} sent${refused}`;
    const here = all.filter((one) => one.state === "here").length;
    const done = all.filter((one) => one.state === "done").length;
    const known = here ? `, ${here} already here` : "";
    const added = done ? countText(done, "file", "files") : "Nothing";
    return `${added} added${known}${refused}`;
  }

  private draw(): void {
    const { all, unfinished } = this.uploads;
    this.element.hidden = !all.length;
    if (!all.length) return;
    const total = all.reduce((sum, one) => sum + one.bytes, 0);
    const sent = all.reduce((sum, one) => sum + Math.min(one.sent, one.bytes), 0);
    const sentence = this.sentence();
    if (!unfinished && sentence !== this.said) announce(sentence);
    this.said = sentence;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.key;
    const list = el("ul", { class: "uploads" });
    if (!this.folded) {
      const sorted = [...all].sort((a, b) => order[a.state] - order[b.state]);
      append(list, ...sorted.slice(0, shownMax).map((one) => this.row(one)));
    }
    replace(this.element, this.head(sentence),
      unfinished ? el("progress", { attrs: { max: Math.max(1, total), value: sent,
        "aria-label": "All uploads" } }) : null, list);
    if (focused) this.element.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  private head(sentence: string): HTMLElement {
    const fold = button(this.folded ? "Show" : "Hide", () => {
      this.folded = !this.folded;
      this.draw();
    }, { class: "quiet", attrs: { "aria-expanded": String(!this.folded), "data-key": "fold" } });
    return el("header", {}, el("h2", {}, sentence), fold,
      this.uploads.unfinished ? null : iconButton(icons.close, "Close the list of uploads", () => {
        this.uploads.all.splice(0);
        this.draw();
      }));
  }

  private row(upload: Upload): HTMLElement {
    const { named, state } = upload;
    const words = { waiting: "Waiting", sending: upload.reason || `${bytesText(upload.sent)} of ` +
      bytesText(upload.bytes), paused: "Paused", done: "Added", here: "Already here",
      failed: upload.reason };
    const row = el("li", { class: state }, el("span", { class: "name" }, named.path),
      el("span", { class: "said" }, words[state]));
    if (state === "sending")
      row.append(el("progress", { attrs: { max: Math.max(1, upload.bytes), value: upload.sent,
        "aria-label": `Upload of ${named.file.name}` } }));
    const act = el("span", { class: "acts" });
    const key = { attrs: { "data-key": `${state}-${named.path.replaceAll(/[^\w]/g, "_")}` } };
    if (state === "sending")
      act.append(button("Pause", () => this.uploads.pause(upload), { class: "quiet", ...key }));
    if (state === "paused" || state === "failed")
      act.append(button(state === "paused" ? "Go on" : "Try again",
        () => this.uploads.retry(upload), { class: "quiet", ...key }));
    if (upload.asset) act.append(button("Open", () => this.onOpen(upload.asset),
      { class: "quiet" }));
    if (!["done", "here"].includes(state))
      act.append(iconButton(icons.close, `Give up ${named.file.name}`,
        () => this.uploads.forget(upload)));
    row.append(act);
    return row;
  }
}
