// SPDX-License-Identifier: Apache-2.0
// What the page knows of the library: one list in the order the server gives it, loaded page by
// page as the wall is scrolled. Of assets that change the server is asked, many in one request,
// which of them the list has now, so that what fits its filters no more goes and what begins to fit
// comes; each comes with its place in the order, so that no more than that is read again. Entries
// are compact: a wall of 100,000 of them is some tens of megabytes.
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
  /** Texts that compare as the list goes, upwards. */
  place: string;
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
  place?: string;
  finds_faces?: boolean;
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
    place: asset.place ?? "",
  };
}

/** "mended": entries were exchanged in their places; "moved": places have changed. */
export type Change = "reset" | "more" | "mended" | "moved" | "failed";
/** `read`: the assets that were read again, whether they are in the list or not. */
type Listener = (change: Change, read: ReadonlySet<string>) => void;
const nothing: ReadonlySet<string> = new Set();
/** So few that taking a page in costs no frame of a scroll. */
const pageSize = 250;
/** As many as the server says in one breath of what changed, and of all that is loaded. */
const together = 100;
const againSize = 1000;
const breathMs = 150;
const shortBreathMs = 40;
const patienceMs = 2000;

interface Page {
  assets: AssetJson[];
  next: string | null;
}

export class Library {
  entries: Entry[] = [];
  query: Query = {};
  complete = false;
  loading = false;
  problem: Problem | null = null;
  private next = "";
  /** The last place that is loaded: what belongs behind it comes with its page. Nothing: all. */
  private reach: string | null = null;
  private readonly known = new Map<string, Entry>();
  private readonly listeners = new Set<Listener>();
  private turn = 0;
  private readonly wanted = new Set<string>();
  /** Touched while a page was on its way, which may not know of it. */
  private readonly meanwhile = new Set<string>();
  private timer = 0;

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(change: Change, read = nothing): void {
    for (const listener of this.listeners) listener(change, read);
  }

  find(id: string): Entry | undefined {
    return this.known.get(id);
  }

  /** Where an asset is in the list; -1 where it is not. */
  place(id: string): number {
    const entry = this.known.get(id);
    if (!entry) return -1;
    const at = this.firstBehind(entry.place, false);
    return this.entries[at] === entry ? at : this.entries.indexOf(entry);
  }

  private behind(later: string, earlier: string): boolean {
    return this.query.order === "asc" ? later > earlier : later < earlier;
  }

  /** The first entry behind a place, or else at or behind it. */
  private firstBehind(place: string, strictly: boolean): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const here = this.entries[middle]!.place;
      const isBefore = strictly ? !this.behind(here, place) : this.behind(place, here);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private read(more: Query): Promise<Page> {
    return call<Page>("GET", "/v1/assets", { query: { ...this.query, ...more, metadata: false },
      quietly: Boolean(more.ids) });
  }

  /** Begins anew with other filters or another order. */
  async show(query: Query): Promise<void> {
    this.query = { ...query };
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
    this.meanwhile.clear();
    try {
      const page = await this.read({ limit, cursor: anew ? undefined : this.next });
      if (turn !== this.turn) return;
      if (anew) {
        this.entries = [];
        this.known.clear();
      }
      this.insert(page.assets.map(entryOf).filter(({ id }) => !this.known.has(id)));
      this.goOn(page, limit);
      this.problem = null;
      this.loading = false;
      this.tell(anew ? "reset" : "more");
      [...this.meanwhile].forEach((id) => this.touch(id));
    } catch (error) {
      if (turn !== this.turn) return;
      this.loading = false;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
      this.tell("failed");
    }
  }

  /** A short page leads past its last asset, nobody knows how far. */
  private goOn(page: Page, limit: number): void {
    this.next = page.next ?? "";
    this.complete = !page.next;
    const isFull = page.assets.length === limit;
    this.reach = page.next && isFull ? page.assets.at(-1)!.place ?? null : null;
  }

  /** Each to its place; none of them is there. One pass, and none where they come last. */
  private insert(fresh: Entry[]): void {
    for (const entry of fresh) this.known.set(entry.id, entry);
    const last = this.entries.at(-1);
    if (!last || !fresh.length || this.behind(fresh[0]!.place, last.place)) {
      for (const entry of fresh) this.entries.push(entry);
      return;
    }
    const merged: Entry[] = [];
    let at = 0;
    for (const entry of this.entries) {
      while (at < fresh.length && this.behind(entry.place, fresh[at]!.place))
        merged.push(fresh[at++]!);
      merged.push(entry);
    }
    this.entries = merged.concat(fresh.slice(at));
  }

  /** An asset changed, here or anywhere: the server is asked for it soon, many in one breath. */
  touch(id: string): void {
    this.wanted.add(id);
    if (this.loading) this.meanwhile.add(id);
    this.later(breathMs);
  }

  private later(wait: number): void {
    this.timer ||= window.setTimeout(() => void this.refresh(), wait);
  }

  /** Everything under way that is shown, for servers without a stream of events. */
  underway(): string[] {
    return this.entries.filter((entry) => isUnderway(entry.state)).map((entry) => entry.id);
  }

  /** What may have happened between its reading and the first word of the stream of events: to the
   *  asset that is open, to what is under way, and what has come in. */
  async catchUp(open: string): Promise<void> {
    const page = await call<Page>("GET", "/v1/assets",
      { query: { limit: 24, metadata: false }, quietly: true }).catch(() => ({ assets: [] }));
    const arrived = page.assets.map(({ id }) => id).filter((id) => !this.known.has(id));
    for (const id of [open, ...this.underway().slice(0, 48), ...arrived]) if (id) this.touch(id);
  }

  drop(ids: Iterable<string>): void {
    if (this.settle([...ids], []) === "moved") this.tell("moved");
  }

  /** What the list has of `asked` is `found`: goes in, comes out or is exchanged. */
  private settle(asked: string[], found: Entry[]): Change {
    const gone = new Set<Entry>();
    const fresh: Entry[] = [];
    let change: Change = "mended";
    const kept = new Map(found.map((entry) => [entry.id, entry]));
    for (const id of asked) {
      const before = this.known.get(id);
      if (before && kept.get(id)?.place !== before.place) gone.add(before);
    }
    for (const entry of found) {
      const before = this.known.get(entry.id);
      if (before && !gone.has(before)) {
        this.entries[this.place(entry.id)] = entry;
        this.known.set(entry.id, entry);
        if (before.width !== entry.width || before.height !== entry.height) change = "moved";
      } else if (this.reach === null || !this.behind(entry.place, this.reach)) fresh.push(entry);
    }
    if (gone.size) {
      for (const { id } of gone) this.known.delete(id);
      this.entries = this.entries.filter((entry) => !gone.has(entry));
    }
    this.insert(fresh);
    return gone.size || fresh.length ? "moved" : change;
  }

  private async refresh(): Promise<void> {
    const { turn } = this;
    const ids = [...this.wanted].slice(0, together);
    ids.forEach((id) => this.wanted.delete(id));
    let wait = 0;
    try {
      const page = await this.read({ ids: ids.join(",") });
      if (turn === this.turn) this.tell(this.settle(ids, page.assets.map(entryOf)), new Set(ids));
      else wait = breathMs;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.status || error.status >= 500) wait = patienceMs;
    }
    // By other filters, or of a server that was busy: once more.
    if (wait) ids.forEach((id) => this.wanted.add(id));
    this.timer = 0;
    if (this.wanted.size)
      this.later(wait || (this.wanted.size > together ? shortBreathMs : breathMs));
  }

  /** Something was missed: all that is loaded is read again, from the first to the last, and mended
   *  in its place. */
  async again(): Promise<void> {
    if (!this.entries.length) return this.show(this.query);
    const turn = (this.turn += 1);
    this.loading = true;
    this.meanwhile.clear();
    let cursor: string | undefined;
    let from: string | null = null;
    while (this.loading) {
      const page: Page | null = await this.read({ limit: againSize, cursor }).catch(() => null);
      if (turn !== this.turn) return;
      this.loading = Boolean(page);
      if (!page) return;
      from = this.takeAgain(page, from);
      cursor = page.next ?? undefined;
    }
    [...this.meanwhile].forEach((id) => this.touch(id));
  }

  /** What is loaded behind `from`, as far as the page goes, is what the page has. */
  private takeAgain(page: Page, from: string | null): string | null {
    const found = page.assets.map(entryOf);
    const to = page.next ? found.at(-1)?.place ?? from : null;
    const first = from === null ? 0 : this.firstBehind(from, true);
    const end = !page.next ? this.entries.length : to === null ? 0 : this.firstBehind(to, true);
    const read = new Set(this.entries.slice(first, end).map(({ id }) => id));
    found.forEach(({ id }) => read.add(id));
    if (this.reach !== null && (!page.next || (to !== null && this.behind(to, this.reach))))
      this.reach = to;
    const change = this.settle([...read], found);
    this.loading = Boolean(page.next) && (to === null ||
      this.firstBehind(to, true) < this.entries.length);
    if (!this.loading) {
      this.goOn(page, againSize);
      this.problem = null;
    }
    this.tell(change, read);
    return to;
  }
}
