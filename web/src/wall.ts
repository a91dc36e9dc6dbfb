// SPDX-License-Identifier: Apache-2.0
// The wall: only the rows near the window are in the document, so that scrolling through 100,000
// pictures costs what scrolling through forty does. What flies by is a plain tile of the picture's
// colour; it is dressed (picture, caption, mark) when the wall is slow enough to be looked at, some
// a frame, so that no frame is late. A list box with many choices: one tile is reached by Tab,
// arrows go on from it, Enter opens, Space selects.
import { append, el, icon, icons } from "./dom";
import type { Change, Entry, Library } from "./model";
import { placeholderColor, placeholderUrl } from "./placeholder";
import { shapeOf, WallLayout } from "./wall_layout";
import { isUnderway, stateWord, typeText } from "./words";

interface Tile {
  element: HTMLElement;
  entry: Entry;
  top: number;
  width: number;
  dressed: boolean;
}

interface Looked {
  id: string;
  y: number;
}

function labelOf(entry: Entry): string {
  return [entry.name || "Without a name", typeText(entry.type),
    entry.width ? `${entry.width} by ${entry.height}` : "", stateWord(entry.state)]
    .filter(Boolean).join(", ");
}

/** All of an entry that can be seen on the wall. A state is seen where there is no picture. */
function looksOf({ name, width, height, placeholder, urls, state, failure }: Entry): string {
  return [name, width, height, placeholder, urls.thumb ?? `${state} ${failure}`, urls.mobile]
    .join("\n");
}

/** Parts of the window's height in one frame: what is faster cannot be looked at. */
const flying = 0.25;
const dressedInAFrame = 16;
/** What the page's head covers, and a little more. */
const headPx = () => (document.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0) + 20;
const restMs = 90;

export class Wall {
  readonly element: HTMLElement;
  readonly selected = new Set<string>();
  onOpen: (entry: Entry) => void = () => undefined;
  onSelection: () => void = () => undefined;
  private layout = new WallLayout(1, 1, 1);
  private readonly tiles = new Map<number, Tile>();
  /** While places change: tiles that may go on elsewhere, by their assets. */
  private readonly spare = new Map<string, Tile>();
  private current = 0;
  private currentId = "";
  /** Where a row of selected ones begins. */
  private anchorId = "";
  private frame = 0;
  private dressing = 0;
  private resting = 0;
  /** Of the wall, above the window, when it was drawn. */
  private drawn = 0;
  private looked: Looked | null = null;
  private stale = false;
  private reported = false;

  constructor(private readonly library: Library) {
    this.element = el("div", { class: "wall",
      attrs: { role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures" } });
    this.element.addEventListener("click", (event) => this.clicked(event));
    this.element.addEventListener("keydown", (event) => this.pressed(event));
    this.element.addEventListener("focusin", (event) => {
      const place = this.placeOf(event.target);
      if (place >= 0 && place !== this.current) this.move(place, false);
    });
    window.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(this.element);
    library.listen((change, mended) => this.changed(change, mended));
  }

  private changed(change: Change, mended: ReadonlySet<string>): void {
    if (change === "more") this.extend();
    else if (change === "mended") this.mend(mended);
    else if (change === "moved") this.rearrange();
    else if (change === "reset") {
      this.clear();
      this.relay(true);
    }
  }

  private clear(): void {
    for (const tile of this.tiles.values()) tile.element.remove();
    this.tiles.clear();
    this.current = 0;
    this.currentId = "";
    this.selected.clear();
    this.onSelection();
  }

  /** The same places, other entries. */
  private mend(ids: ReadonlySet<string>): void {
    for (const [place, tile] of this.tiles) {
      const entry = this.library.entries[place]!;
      if (!ids.has(tile.entry.id) || this.adopts(tile, entry)) continue;
      const focused = tile.element === document.activeElement;
      const made = this.made(entry, place, tile.top, tile.width);
      const { transform, width, height } = tile.element.style;
      Object.assign(made.element.style, { transform, width, height });
      tile.element.replaceWith(made.element);
      this.tiles.set(place, made);
      if (focused) made.element.focus({ preventScroll: true });
    }
    this.dress();
  }

  /** Entries came before others or went: who looks at the wall keeps what is looked at. */
  private rearrange(): void {
    const kept = this.lookedAt();
    const focused = this.element.contains(document.activeElement);
    const { entries } = this.library;
    const place = this.library.place(this.currentId);
    // Of what has gone, the next in its place.
    this.current = place < 0 ? Math.max(0, Math.min(this.current, entries.length - 1)) : place;
    if (this.currentId) this.currentId = entries[this.current]?.id ?? "";
    const gone = [...this.selected].filter((id) => this.library.place(id) < 0);
    gone.forEach((id) => this.selected.delete(id));
    this.relay(true);
    if (kept) this.standStill(kept);
    if (focused && !this.element.contains(document.activeElement)) {
      // Where it is, which may be far from what is looked at.
      if (!this.tiles.has(this.current) && this.layout.rows.length)
        this.drawRow(this.layout.rowOf(this.current), new Set());
      this.tiles.get(this.current)?.element.focus({ preventScroll: true });
    }
    if (gone.length) this.mark();
  }

  private get above(): number {
    return -this.element.getBoundingClientRect().top;
  }

  /** What shall stand still, and how far below the window's top: the first that is seen whole; as
   *  long as nobody scrolls the same one, for others may leave its row. Nothing at the very top. */
  private lookedAt(): Looked | null {
    const { above } = this;
    if (above <= 0) return null;
    const tops = new Map([...this.tiles.values()].map(({ entry: { id }, top }) => [id, top]));
    const isLeft = (id: string) => this.library.place(id) >= 0;
    const before = this.looked;
    const top = before && isLeft(before.id) ? tops.get(before.id) : undefined;
    if (before && top !== undefined && Math.abs(top - above - before.y) < 2) return before;
    const head = headPx();
    const [, first] = [...this.tiles].sort(([a], [b]) => a - b).find(([, tile]) =>
      tile.top >= above + head && isLeft(tile.entry.id)) ?? [];
    return first ? { id: first.entry.id, y: first.top - above } : null;
  }

  private standStill(kept: Looked): void {
    const row = this.layout.rows[this.layout.rowOf(this.library.place(kept.id))]!;
    window.scrollBy({ top: row.top - this.above - kept.y, behavior: "instant" });
    this.looked = { id: kept.id, y: row.top - this.above };
    this.draw();
  }

  private resized(): void {
    const focused = this.element.contains(document.activeElement);
    this.relay();
    if (focused && !this.element.contains(document.activeElement)) this.focusCurrent();
  }

  private relay(always = false): void {
    const width = Math.floor(this.element.clientWidth);
    this.stale ||= always;  // also where nobody sees it at the moment
    if (!width || (!this.stale && width === this.layout.width)) return;
    this.stale = false;
    const narrow = width < 600;
    this.layout = new WallLayout(width, narrow ? 132 : 216, narrow ? 4 : 10);
    for (const tile of this.tiles.values()) this.spare.set(tile.entry.id, tile);
    this.tiles.clear();
    this.extend();
    for (const tile of this.spare.values()) tile.element.remove();
    this.spare.clear();
  }

  private extend(): void {
    this.layout.extend(this.library.entries);
    for (const [place, tile] of this.tiles) {
      if (place < (this.layout.rows.at(-2)?.end ?? 0)) continue;
      tile.element.remove();
      this.tiles.delete(place);
    }
    this.element.style.height = `${Math.ceil(this.layout.height)}px`;
    this.draw();
  }

  private later(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Puts what is near the window into the document, and takes what is far out of it. */
  draw(): void {
    if (!this.element.isConnected || this.element.offsetParent === null) return;
    const { above } = this;
    const reach = window.innerHeight;
    const flies = this.reported && Math.abs(above - this.drawn) > reach * flying;
    this.drawn = above;
    const from = this.layout.rowAt(above - reach * 0.6);
    const wanted = new Set<number>();
    for (let at = from; at < this.layout.rows.length; at += 1) {
      const row = this.layout.rows[at]!;
      if (row.top > above + reach * 1.6) break;
      this.drawRow(at, wanted);
    }
    for (const [place, tile] of this.tiles) {
      if (wanted.has(place) || tile.element === document.activeElement) continue;
      tile.element.remove();
      this.tiles.delete(place);
    }
    clearTimeout(this.resting);
    cancelAnimationFrame(this.dressing);
    this.dressing = 0;
    if (flies) this.resting = window.setTimeout(() => this.dress(), restMs);
    else this.dress();
    if (this.layout.height - above < reach * 6) void this.library.more();
    if (!this.reported && this.tiles.size) {
      this.reported = true;
      performance.mark("calotype-wall");
    }
  }

  private drawRow(at: number, wanted: Set<number>): void {
    const row = this.layout.rows[at]!;
    let left = 0;
    for (let place = row.first; place < row.end; place += 1) {
      const entry = this.library.entries[place]!;
      const width = shapeOf(entry) * row.height;
      wanted.add(place);
      if (!this.tiles.has(place)) {
        const { element } = this.put(place, entry, row.top, width);
        element.style.transform = `translate(${left.toFixed(1)}px, ${row.top.toFixed(1)}px)`;
        element.style.width = `${width.toFixed(1)}px`;
        element.style.height = `${row.height.toFixed(1)}px`;
      }
      left += width + this.layout.gap;
    }
  }

  private put(place: number, entry: Entry, top: number, width: number): Tile {
    let tile = this.spare.get(entry.id);
    if (tile && this.adopts(tile, entry)) {
      this.spare.delete(entry.id);
      Object.assign(tile, { top, width });
      this.number(tile.element, place);
    } else {
      tile = this.made(entry, place, top, width);
    }
    this.tiles.set(place, tile);
    // In the document as on the wall, for who reads by the document's order.
    const before = this.tiles.get(place - 1)?.element;
    const next = before ? before.nextElementSibling : [...this.element.children].find((child) =>
      Number((child as HTMLElement).dataset.place) > place) ?? null;
    if (next !== tile.element) this.element.insertBefore(tile.element, next);
    return tile;
  }

  private number(element: HTMLElement, place: number): void {
    element.dataset.place = String(place);
    element.setAttribute("aria-posinset", String(place + 1));
    element.setAttribute("aria-setsize",
      String(this.library.complete ? this.library.entries.length : -1));
    element.tabIndex = place === this.current ? 0 : -1;
  }

  /** Whether a tile can show the entry as it is; a picture that is there does not flicker. */
  private adopts(tile: Tile, entry: Entry): boolean {
    if (tile.entry === entry) return true;
    if (looksOf(tile.entry) !== looksOf(entry)) return false;
    tile.entry = entry;
    tile.element.dataset.state = entry.state;
    tile.element.setAttribute("aria-label", labelOf(entry));
    return true;
  }

  private made(entry: Entry, place: number, top: number, width: number): Tile {
    const element = el("div", { class: "tile", attrs: {
      role: "option", id: `tile-${entry.id}`, "data-state": entry.state,
      "aria-selected": String(this.selected.has(entry.id)), "aria-label": labelOf(entry) } });
    this.number(element, place);
    const color = placeholderColor(entry.placeholder);
    if (color) element.style.backgroundColor = color;
    return { element, entry, top, width, dressed: false };
  }

  /** What can be seen first, a few a frame. */
  private dress(): void {
    const bare = [...this.tiles.values()].filter((tile) => !tile.dressed);
    const isSeen = (tile: Tile) => tile.top > this.drawn - this.layout.goal * 1.6 &&
      tile.top < this.drawn + window.innerHeight;
    const order = [...bare.filter(isSeen), ...bare.filter((tile) => !isSeen(tile))];
    for (const tile of order.slice(0, dressedInAFrame)) this.dressOne(tile);
    if (order.length <= dressedInAFrame) return;
    cancelAnimationFrame(this.dressing);
    this.dressing = requestAnimationFrame(() => this.dress());
  }

  private dressOne(tile: Tile): void {
    const { element, entry, width } = tile;
    tile.dressed = true;
    if (entry.urls.thumb) this.picture(element, entry, width);
    else element.append(this.without(entry));
    const mark = el("span", { class: "mark", attrs: { "aria-hidden": "true" } });
    mark.append(icon(icons.check));
    element.append(mark, el("span", { class: "caption", attrs: { "aria-hidden": "true" } },
      entry.name));
  }

  private picture(element: HTMLElement, entry: Entry, width: number): void {
    const soft = placeholderUrl(entry.placeholder);
    if (soft) element.style.backgroundImage = `url("${soft}")`;
    const { thumb, mobile } = entry.urls;
    const large = mobile && entry.width > 300 ? `, ${mobile} 1200w` : "";
    const image = el("img", { attrs: { alt: "", decoding: "async", draggable: "false",
      sizes: `${Math.ceil(width)}px`, srcset: `${thumb} 300w${large}`, src: thumb! } });
    image.addEventListener("load", () => element.classList.add("shown"), { once: true });
    image.addEventListener("error", () => element.classList.add("broken"), { once: true });
    if (image.complete && image.naturalWidth) element.classList.add("shown");
    element.append(image);
  }

  private without(entry: Entry): HTMLElement {
    const box = el("span", { class: `without ${isUnderway(entry.state) ? "underway" : ""}`,
      attrs: { "aria-hidden": "true" } });
    const isFile = !isUnderway(entry.state) && !entry.failure;
    append(box, el("strong", {}, isFile ? typeText(entry.type) : stateWord(entry.state)),
      entry.failure ? el("small", {}, entry.failure.toLowerCase().replaceAll("_", " ")) : null);
    return box;
  }

  // ---- choosing --------------------------------------------------------------------------------

  private placeOf(target: EventTarget | null): number {
    const tile = (target as Element | null)?.closest<HTMLElement>(".tile");
    return tile ? Number(tile.dataset.place) : -1;
  }

  private clicked(event: MouseEvent): void {
    const place = this.placeOf(event.target);
    const entry = this.library.entries[place];
    if (!entry) return;
    this.move(place, false);
    const onMark = Boolean((event.target as Element).closest(".mark"));
    if (event.shiftKey) this.range(place);
    else if (onMark || event.ctrlKey || event.metaKey || this.selected.size) this.toggle(place);
    else this.onOpen(entry);
  }

  private range(place: number): void {
    const anchor = Math.max(0, this.library.place(this.anchorId));
    const [from, to] = [Math.min(anchor, place), Math.max(anchor, place)];
    for (const entry of this.library.entries.slice(from, to + 1)) this.selected.add(entry.id);
    this.mark();
  }

  private toggle(place: number): void {
    const { id } = this.library.entries[place]!;
    if (!this.selected.delete(id)) this.selected.add(id);
    this.anchorId = id;
    this.mark();
  }

  selectAll(): void {
    for (const entry of this.library.entries) this.selected.add(entry.id);
    this.mark();
  }

  clearSelection(): void {
    this.selected.clear();
    this.mark();
  }

  private mark(): void {
    for (const { element, entry } of this.tiles.values())
      element.setAttribute("aria-selected", String(this.selected.has(entry.id)));
    this.element.classList.toggle("choosing", this.selected.size > 0);
    this.onSelection();
  }

  // ---- the keyboard ----------------------------------------------------------------------------

  private pressed(event: KeyboardEvent): void {
    const entries = this.library.entries;
    const goal = this.goal(event.key);
    if (goal !== null) {
      const place = Math.max(0, Math.min(entries.length - 1, goal));
      this.move(place, true);
      if (event.shiftKey) this.range(place);
      else this.anchorId = this.currentId;
    } else if (event.key === "Enter") {
      if (entries[this.current]) this.onOpen(entries[this.current]!);
    } else if (event.key === " ") {
      if (entries[this.current]) this.toggle(this.current);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.selectAll();
    } else return;
    event.preventDefault();
  }

  private goal(key: string): number | null {
    const { entries } = this.library;
    const row = this.layout.rowOf(this.current);
    const vertical = (rows: number): number => {
      const to = Math.max(0, Math.min(this.layout.rows.length - 1, row + rows));
      if (!this.layout.rows.length) return 0;
      return this.layout.nearest(to, this.layout.middleOf(this.current, entries), entries);
    };
    switch (key) {
      case "ArrowLeft": return this.current - 1;
      case "ArrowRight": return this.current + 1;
      case "ArrowUp": return vertical(-1);
      case "ArrowDown": return vertical(1);
      case "PageUp": return vertical(-3);
      case "PageDown": return vertical(3);
      case "Home": return 0;
      case "End": return entries.length - 1;
      default: return null;
    }
  }

  private move(place: number, focus: boolean): void {
    this.tiles.get(this.current)?.element.setAttribute("tabindex", "-1");
    this.current = place;
    this.currentId = this.library.entries[place]?.id ?? "";
    this.tiles.get(place)?.element.setAttribute("tabindex", "0");
    if (focus) this.focusCurrent();
  }

  /** Brings the current tile into view and gives it the focus. */
  focusCurrent(id?: string): void {
    if (id !== undefined && this.library.place(id) >= 0) this.move(this.library.place(id), false);
    const row = this.layout.rows[this.layout.rowOf(this.current)];
    if (!row) return;
    const top = this.element.getBoundingClientRect().top + row.top;
    const head = headPx();
    if (top < head) window.scrollBy({ top: top - head, behavior: "instant" });
    const below = top + row.height - window.innerHeight + 20;
    if (below > 0) window.scrollBy({ top: below, behavior: "instant" });
    this.draw();
    this.tiles.get(this.current)?.element.focus({ preventScroll: true });
  }
}
