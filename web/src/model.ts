// SPDX-License-Identifier: Apache-2.0
// What the page knows of the library: one list in the order the server gives it, loaded page by
// page as the wall is scrolled, and mended in place as assets change. Entries are compact: a wall
// of 100,000 of them is some tens of megabytes.
import { call, Problem, type Query } from "./api";
import { isUnderway } from "./words";

export interface Entry {
  id: string;
  state: string;
  type: string;
  width: number;
  height: number;
  placeholder: string;
  name: string;
  bytes: number;
  created: string;
  tags: string[];
  collection: string;
  urls: Record<string, string>;
  failure: string;
}

interface UploadJson {
  id: string;
  file_name?: string;
  tags?: string[];
  collection?: string;
  fields?: unknown;
  uploader?: string;
  created_at: string;
}

export interface AssetJson {
  id: string;
  sha256?: string;
  bytes: number;
  state: string;
  media_type?: string;
  renderable?: boolean;
  width?: number;
  height?: number;
  pages?: number;
  color_space?: string;
  icc_profile?: string;
  has_alpha?: boolean;
  has_gain_map?: boolean;
  metadata?: Record<string, unknown>;
  placeholder?: string;
  focal_point?: { x: number; y: number } | null;
  failure?: { code: string; message: string } | null;
  file_name?: string;
  tags?: string[];
  collection?: string;
  created_at: string;
  updated_at?: string;
  created?: string;
  uploads?: UploadJson[];
  urls?: Record<string, string>;
}

export function entryOf(asset: AssetJson): Entry {
  const upload = asset.uploads?.[0];
  return {
    id: asset.id,
    state: asset.state,
    type: asset.media_type ?? "",
    width: asset.width ?? 0,
    height: asset.height ?? 0,
    placeholder: asset.placeholder ?? "",
    name: asset.file_name ?? upload?.file_name ?? "",
    bytes: asset.bytes,
    created: asset.created_at ?? asset.created ?? "",
    tags: asset.tags ?? upload?.tags ?? [],
    collection: asset.collection ?? upload?.collection ?? "",
    urls: asset.urls ?? {},
    failure: asset.failure?.code ?? "",
  };
}

/** "mended": entries were exchanged in their places; "moved": places have changed. */
export type Change = "reset" | "more" | "mended" | "moved" | "failed";
/** `read`: the assets that were read again, whether they are in the list or not. */
type Listener = (change: Change, read: ReadonlySet<string>) => void;
const nothing: ReadonlySet<string> = new Set();
/** So few that taking a page in costs no frame of a scroll. */
const pageSize = 250;

export class Library {
  entries: Entry[] = [];
  query: Query = {};
  complete = false;
  loading = false;
  problem: Problem | null = null;
  private next = "";
  private readonly places = new Map<string, number>();
  private readonly listeners = new Set<Listener>();
  private turn = 0;
  private readonly wanted = new Set<string>();
  private timer = 0;

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(change: Change, read = nothing): void {
    for (const listener of this.listeners) listener(change, read);
  }

  find(id: string): Entry | undefined {
    const place = this.places.get(id);
    return place === undefined ? undefined : this.entries[place];
  }

  place(id: string): number {
    return this.places.get(id) ?? -1;
  }

  /** Begins anew with other filters or another order. */
  async show(query: Query): Promise<void> {
    this.query = query;
    this.turn += 1;
    this.next = "";
    this.complete = false;
    this.loading = false;
    await this.load(100, true);
  }

  /** The next page, unless one is under way or there is none. */
  async more(): Promise<void> {
    if (!this.complete && !this.loading) await this.load(pageSize, false);
  }

  private async load(limit: number, anew: boolean): Promise<void> {
    const turn = this.turn;
    this.loading = true;
    try {
      const query = { ...this.query, limit, cursor: anew ? undefined : this.next,
        metadata: false };
      const page = await call<{ assets: AssetJson[]; next: string | null }>("GET", "/v1/assets",
        { query });
      if (turn !== this.turn) return;
      this.take(page.assets, anew);
      this.next = page.next ?? "";
      this.complete = !page.next;
      this.problem = null;
      this.loading = false;
      this.tell(anew ? "reset" : "more");
    } catch (error) {
      if (turn !== this.turn) return;
      this.loading = false;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
      this.tell("failed");
    }
  }

  private take(assets: AssetJson[], anew: boolean): void {
    if (anew) {
      this.entries = [];
      this.places.clear();
    }
    for (const asset of assets) {
      if (this.places.has(asset.id)) continue;
      this.places.set(asset.id, this.entries.length);
      this.entries.push(entryOf(asset));
    }
  }

  private number(): void {
    this.places.clear();
    this.entries.forEach((entry, place) => this.places.set(entry.id, place));
  }

  /** An asset changed, here or anywhere: it is read again soon, many in one breath. */
  touch(id: string): void {
    this.wanted.add(id);
    if (!this.timer) this.timer = window.setTimeout(() => void this.refresh(), 150);
  }

  /** Everything under way that is shown, for servers without a stream of events. */
  underway(): string[] {
    return this.entries.filter((entry) => isUnderway(entry.state)).map((entry) => entry.id);
  }

  /** What may have happened between its reading and the first word of the stream of events: to the
   *  asset that is open, to what is under way, and what has come in. */
  async catchUp(open: string): Promise<void> {
    const page = await call<{ assets: AssetJson[] }>("GET", "/v1/assets",
      { query: { limit: 24, metadata: false }, quietly: true }).catch(() => ({ assets: [] }));
    const arrived = page.assets.map(({ id }) => id).filter((id) => !this.places.has(id));
    for (const id of [open, ...this.underway().slice(0, 48), ...arrived]) if (id) this.touch(id);
  }

  drop(ids: Iterable<string>): void {
    const gone = new Set(ids);
    this.entries = this.entries.filter((entry) => !gone.has(entry.id));
    this.number();
    this.tell("moved");
  }

  private isPlain(): boolean {
    const { sort, order, ...filters } = this.query;
    return (!sort || sort === "created") && (!order || order === "desc") &&
      Object.values(filters).every((value) => value === undefined || value === "");
  }

  private async refresh(): Promise<void> {
    const ids = [...this.wanted].slice(0, 24);
    ids.forEach((id) => this.wanted.delete(id));
    const read = await Promise.allSettled(ids.map((id) =>
      call<AssetJson>("GET", `/v1/assets/${encodeURIComponent(id)}`, { quietly: true })));
    const arrived: Entry[] = [];
    const gone = new Set<string>();
    let reshaped = false;
    read.forEach((result, at) => {
      const id = ids[at]!;
      const place = this.place(id);
      if (result.status === "rejected") {
        if (place >= 0 && result.reason instanceof Problem && result.reason.status === 404)
          gone.add(id);
        return;
      }
      const entry = entryOf(result.value);
      if (place >= 0) {
        const { width, height } = this.entries[place]!;
        reshaped ||= width !== entry.width || height !== entry.height;
        this.entries[place] = entry;
      } else if (this.isPlain() && entry.created >= (this.entries[0]?.created ?? "")) {
        // Only what belongs before the loaded part; older ones come with their page.
        arrived.push(entry);
      }
    });
    if (gone.size) this.entries = this.entries.filter((entry) => !gone.has(entry.id));
    if (arrived.length) {
      arrived.sort((a, b) => (a.created < b.created ? 1 : -1));
      this.entries = arrived.concat(this.entries);
    }
    if (arrived.length || gone.size) this.number();
    const moved = arrived.length || gone.size || reshaped;
    this.tell(moved ? "moved" : "mended", new Set(ids));
    this.timer = this.wanted.size ? window.setTimeout(() => void this.refresh(), 30) : 0;
  }
}
