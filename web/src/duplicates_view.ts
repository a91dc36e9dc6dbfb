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

interface MemberJson extends Partial<AssetJson> {
  asset?: string | AssetJson;
  asset_id?: string;
  distance?: number;
}

interface ClusterJson {
  id?: string;
  members?: MemberJson[];
  assets?: MemberJson[];
  bytes_saved?: number;
  bytes_saveable?: number;
  reclaimable_bytes?: number;
}

interface Member {
  id: string;
  distance: number | null;
  entry: Entry | null;
}

function memberOf(said: MemberJson | string): Member {
  if (typeof said === "string") return { id: said, distance: null, entry: null };
  const inner = typeof said.asset === "object" ? said.asset : said;
  const id = typeof said.asset === "string" ? said.asset : inner.id ?? said.asset_id ?? "";
  const whole = Boolean((inner as AssetJson).state && (inner as AssetJson).urls);
  return { id, distance: said.distance ?? null, entry: whole ? entryOf(inner as AssetJson) :
    null };
}

async function filled(member: Member): Promise<Member> {
  if (member.entry) return member;
  const asset = await call<AssetJson>("GET", `/v1/assets/${encodeURIComponent(member.id)}`,
    { quietly: true }).catch(() => null);
  return { ...member, entry: asset && entryOf(asset) };
}

function card(member: Member, best: boolean, keep: (() => void) | null): HTMLElement {
  const { entry } = member;
  const figure = el("figure", { class: best ? "best" : "" });
  const open = el("a", { attrs: { href: `#/asset/${encodeURIComponent(member.id)}` } });
  if (entry?.urls.mobile ?? entry?.urls.thumb) {
    const image = el("img", { attrs: { alt: entry!.name || "Picture",
      src: (entry!.urls.mobile ?? entry!.urls.thumb)!, loading: "lazy" } });
    const soft = placeholderUrl(entry!.placeholder);
    if (soft) image.style.backgroundImage = `url("${soft}")`;
    open.append(image);
  } else open.append("No picture");
  figure.append(open);
  const facts = entry ? [`${entry.width} × ${entry.height}`, typeText(entry.type),
    bytesText(entry.bytes)].join(", ") : "";
  append(figure, el("figcaption", {}, el("strong", {}, entry?.name || member.id),
    el("span", { class: "faint" }, facts), member.distance !== null && el("span",
      { class: "faint" }, member.distance ? `${member.distance} of 256 bits apart` : "the same"),
    best && el("span", { class: "badge" }, "Most pixels"),
    keep && button("Keep this one", keep)));
  return figure;
}

function bestOf(members: Member[]): string {
  const area = (member: Member) => (member.entry?.width ?? 0) * (member.entry?.height ?? 0);
  return [...members].sort((a, b) => area(b) - area(a) ||
    (b.entry?.bytes ?? 0) - (a.entry?.bytes ?? 0))[0]?.id ?? "";
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
      type Found = { results?: MemberJson[]; matches?: MemberJson[]; assets?: MemberJson[];
        near?: MemberJson[] };
      const said = await call<Found>("GET", "/v1/search", { query: { near: this.near } });
      const found = (said.results ?? said.matches ?? said.assets ?? said.near ?? [])
        .map(memberOf).filter((one) => one.id !== this.near);
      const here = { id: this.near, distance: 0, entry: null };
      const members = await Promise.all([here, ...found].map(filled));
      if (found.length) this.list.append(this.cluster(members, null));
      else replace(this.list, el("p", { class: "calm" }, "Nothing here looks like it."));
    } catch (error) {
      this.fail(error);
    }
  }

  private async load(): Promise<void> {
    try {
      type Said = { clusters?: ClusterJson[]; duplicates?: ClusterJson[]; next?: string | null };
      const said = await call<Said>("GET", "/v1/duplicates", { query: { cursor: this.next,
        limit: 50 } });
      const clusters = said.clusters ?? said.duplicates ?? [];
      if (!clusters.length && !this.next) {
        replace(this.list, el("p", { class: "calm" }, "No two pictures here look alike."));
        return;
      }
      for (const cluster of clusters) {
        const members = await Promise.all((cluster.members ?? cluster.assets ?? [])
          .map(memberOf).map(filled));
        this.list.append(this.cluster(members, cluster.bytes_saveable ?? cluster.bytes_saved ??
          cluster.reclaimable_bytes ?? null));
      }
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
    const name = kept.entry?.name || kept.id;
    if (!await confirmed("Keep this one?", `“${name}” stays. ${countText(others.length, "file",
      "files")} that look like it go, and what referred to them refers to it.`, "Merge")) return;
    try {
      for (const other of others)
        await call("POST", "/v1/duplicates/merge", { body: { from: other.id, into: kept.id } });
      toast("Merged");
      if (this.near) go("asset", kept.id);
      row.remove();
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
