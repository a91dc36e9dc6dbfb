// SPDX-License-Identifier: Apache-2.0
// Near-duplicates: clusters of pictures that look alike, side by side, with how far apart they are;
// a person says which one stays, and the others' references go to it. With an id it shows what
// looks like that one picture.
import { call, Problem } from "./api";
import { append, button, el, replace, toast } from "./dom";
import { confirmed } from "./dialog";
import { type AssetJson, type Entry, entryOf } from "./model";
import { placeholderUrl } from "./placeholder";
import { go } from "./route";
import { bytesText, countText, typeText } from "./words";

interface Likeness extends AssetJson {
  distance?: number;
}

interface ClusterJson {
  id: string;
  members: Likeness[];
  bytes_saveable: number;
}

interface Member {
  id: string;
  distance: number | null;
  entry: Entry;
}

function memberOf(said: Likeness): Member {
  return { id: said.id, distance: said.distance ?? null, entry: entryOf(said) };
}

function card(member: Member, best: boolean, keep: (() => void) | null): HTMLElement {
  const { entry } = member;
  const figure = el("figure", { class: best ? "best" : "" });
  const open = el("a", { attrs: { href: `#/asset/${encodeURIComponent(member.id)}` } });
  const url = entry.urls.mobile ?? entry.urls.thumb;
  if (url) {
    const image = el("img", { attrs: { alt: entry.name || "Without a name", src: url,
      loading: "lazy" } });
    const soft = placeholderUrl(entry.placeholder);
    if (soft) image.style.backgroundImage = `url("${soft}")`;
    open.append(image);
  } else open.append("No picture");
  figure.append(open);
  const facts = [`${entry.width} × ${entry.height}`, typeText(entry.type),
    bytesText(entry.bytes)].join(", ");
  append(figure, el("figcaption", {}, el("strong", {}, entry.name || member.id),
    el("span", { class: "faint" }, facts), member.distance !== null && el("span",
      { class: "faint" }, member.distance ? `${member.distance} of 256 bits apart` :
        "No difference to be seen"),
    best && el("span", { class: "badge" }, "Most pixels"),
    keep && button("Keep this one", keep, { attrs: {
      "aria-label": `Keep this one: ${entry.name || member.id}` } })));
  return figure;
}

function bestOf(members: Member[]): string {
  const area = ({ entry }: Member) => entry.width * entry.height;
  return [...members].sort((a, b) => area(b) - area(a) || b.entry.bytes - a.entry.bytes)[0]?.id ??
    "";
}

class Duplicates {
  private readonly list = el("div", { class: "clusters" });
  private next = "";

  constructor(private readonly view: HTMLElement, private readonly near: string) {
    const heading = near ? "Looks like this" : "Near-duplicates";
    replace(view, el("h1", { attrs: { tabindex: -1 } }, heading), el("p", { class: "faint" },
      near ? "Pictures of this library that look like the one you came from." :
        "Pictures that look the same but are different files. Keep one, and the uploads of the " +
        "others become its own."), this.list);
    void (near ? this.similar() : this.load());
  }

  private fail(error: unknown): void {
    replace(this.list, el("p", { class: "wrong", attrs: { role: "alert" } },
      error instanceof Problem ? error.message : String(error)));
  }

  private async similar(): Promise<void> {
    try {
      const [here, said] = await Promise.all([
        call<AssetJson>("GET", `/v1/assets/${encodeURIComponent(this.near)}`),
        call<{ results: Likeness[] }>("GET", "/v1/search", { query: { near: this.near } })]);
      const found = said.results.filter((one) => one.id !== this.near).map(memberOf);
      if (found.length) this.list.append(this.cluster([memberOf(here), ...found], null));
      else replace(this.list, el("p", { class: "calm" }, "Nothing here looks like it."));
    } catch (error) {
      this.fail(error);
    }
  }

  private async load(): Promise<void> {
    try {
      type Said = { clusters: ClusterJson[]; next: string | null };
      const said = await call<Said>("GET", "/v1/duplicates", { query: { cursor: this.next,
        limit: 50 } });
      if (!said.clusters.length && !this.next) {
        replace(this.list, el("p", { class: "calm" }, "No two pictures here look alike."));
        return;
      }
      for (const { members, bytes_saveable: saveable } of said.clusters)
        // The first is the one that the others are so far from.
        this.list.append(this.cluster(members.map(memberOf).map((member, place) =>
          (place ? member : { ...member, distance: null })), saveable));
      this.next = said.next ?? "";
      if (this.next) this.more();
    } catch (error) {
      this.fail(error);
    }
  }

  private more(): void {
    const next = button("More", () => {
      next.remove();
      void this.load();
    });
    this.list.append(next);
  }

  private cluster(members: Member[], saveable: number | null): HTMLElement {
    const best = bestOf(members);
    const row = el("section", { class: "cluster", attrs: { "aria-label":
      countText(members.length, "picture that looks alike", "pictures that look alike") } });
    append(row, el("h2", {}, countText(members.length, "picture", "pictures"),
      saveable !== null && el("span", { class: "faint" }, ` ${bytesText(saveable)} to be saved`)),
    el("div", { class: "side-by-side" }, ...members.map((member) => card(member,
      member.id === best && members.length > 1, () => void this.keep(member, members, row)))));
    return row;
  }

  private async keep(kept: Member, members: Member[], row: HTMLElement): Promise<void> {
    const others = members.filter((member) => member.id !== kept.id);
    const fate = others.length === 1 ?
      "The file that looks like it goes, and what referred to that" :
      `${others.length} files that look like it go, and what referred to them`;
    if (!await confirmed("Keep this one?", `“${kept.entry.name || kept.id}” stays. ${fate} leads ` +
      "to the one that stays.", "Merge")) return;
    try {
      for (const other of others)
        await call("POST", "/v1/duplicates/merge", { body: { from: other.id, into: kept.id } });
      toast("Merged");
      if (this.near) go("asset", kept.id);
      row.remove();
      if (!this.list.children.length)
        this.list.append(el("p", { class: "calm" }, "No two pictures here look alike any more."));
      this.view.querySelector<HTMLElement>("h1")?.focus();
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
    }
  }
}

export function showDuplicates(view: HTMLElement, near: string): () => void {
  void new Duplicates(view, near);
  return () => replace(view);
}
