// SPDX-License-Identifier: Apache-2.0
// What is done with many pictures at once: delete, add and remove tags, move into a collection.
// One request where the server has it; deleting goes one by one where it has not.
import { call, has, Problem } from "./api";
import { button, el, iconButton, icons, replace, toast } from "./dom";
import { confirmed, openDialog } from "./dialog";
import type { Library } from "./model";
import type { Wall } from "./wall";
import { countText } from "./words";

const bulkPath = "/v1/assets/bulk";
const together = 500;

export class SelectionBar {
  readonly element = el("section", { class: "selection",
    attrs: { "aria-label": "Selection", hidden: true } });
  private bulk = false;

  constructor(private readonly library: Library, private readonly wall: Wall) {}

  draw(): void {
    const { size } = this.wall.selected;
    const appears = this.element.hidden && size > 0;
    this.element.hidden = !size;
    if (!size) return;
    if (appears) void has(bulkPath, "post").then((there) => {
      this.bulk = there;
      this.draw();
    });
    replace(this.element,
      el("strong", { attrs: { role: "status" } }, `${countText(size, "picture", "pictures")} ` +
        "selected"),
      button("All", () => this.wall.selectAll(), { class: "quiet" }),
      this.bulk && button("Tags", () => this.retag(), { class: "quiet" }),
      this.bulk && button("Collection", () => this.collect(), { class: "quiet" }),
      button("Delete", () => void this.remove(), { class: "quiet danger" }),
      iconButton(icons.close, "Forget the selection", () => this.wall.clearSelection()));
  }

  private get ids(): string[] {
    return [...this.wall.selected];
  }

  private async remove(): Promise<void> {
    const { ids } = this;
    const what = countText(ids.length, "picture", "pictures");
    if (!await confirmed(`Delete ${what}?`,
      "The files and all their variants go from this server. This cannot be undone.",
      `Delete ${what}`)) return;
    try {
      if (this.bulk) await this.inParts(ids, { delete: true });
      else for (const id of ids) await call("DELETE", `/v1/assets/${encodeURIComponent(id)}`);
      this.library.drop(ids);
      toast(`${what} deleted`);
      this.wall.clearSelection();
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
      ids.forEach((id) => this.library.touch(id));
    }
  }

  private async inParts(ids: string[], order: Record<string, unknown>): Promise<void> {
    for (let at = 0; at < ids.length; at += together)
      await call("POST", bulkPath, { body: { ids: ids.slice(at, at + together), ...order } });
  }

  private async order(order: Record<string, unknown>, said: string): Promise<void> {
    const { ids } = this;
    try {
      await this.inParts(ids, order);
      ids.forEach((id) => this.library.touch(id));
      toast(said);
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
    }
  }

  private retag(): void {
    const add = el("input", { attrs: { id: "tags-add", placeholder: "holiday, sea" } });
    const remove = el("input", { attrs: { id: "tags-remove" } });
    this.ask("Tags", "Change the tags", [["tags-add", "Add (with commas between)", add],
      ["tags-remove", "Remove", remove]], () => this.order({ add_tags: words(add.value),
      remove_tags: words(remove.value) }, "The tags are changed"));
  }

  private collect(): void {
    const field = el("input", { attrs: { id: "into" } });
    this.ask("Collection", "Move", [["into", "Into the collection (empty: into none)", field]],
      () => this.order({ collection: field.value.trim() }, "The pictures are moved"));
  }

  private ask(
    title: string, act: string, inputs: [string, string, HTMLInputElement][],
    then: () => Promise<void>,
  ): void {
    const form = el("form", { on: { submit: (event) => {
      event.preventDefault();
      void then().then(() => dialog.close());
    } } }, ...inputs.flatMap(([id, label, input]) =>
      [el("label", { attrs: { for: id } }, label), input]),
    el("footer", {}, el("button", { class: "primary", attrs: { type: "submit" } }, act)));
    const dialog = openDialog(title, "bulk", form);
    inputs[0]![2].focus();
  }
}

function words(text: string): string[] {
  return text.split(",").map((word) => word.trim()).filter(Boolean);
}
