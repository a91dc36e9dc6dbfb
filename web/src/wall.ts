// SPDX-License-Identifier: Apache-2.0
// The wall: only the rows near the window are in the document, so that scrolling through 100,000
// pictures costs what scrolling through forty does. A list box with many choices: one tile is
// reached by Tab, arrows go on from it, Enter opens, Space selects.
import { append, el, icon, icons } from "./dom";
import type { Entry, Library } from "./model";
import { placeholderUrl } from "./placeholder";
import { shapeOf, WallLayout } from "./wall_layout";
import { isUnderway, stateWord, typeText } from "./words";

interface Tile {
  element: HTMLElement;
  entry: Entry;
}

export class Wall {
  readonly element: HTMLElement;
  readonly selected = new Set<string>();
  onOpen: (entry: Entry) => void = () => undefined;
  onSelection: () => void = () => undefined;
  private layout = new WallLayout(1, 1, 1);
  private readonly tiles = new Map<number, Tile>();
  private current = 0;
  private anchor = 0;
  private frame = 0;
  private reported = false;

  constructor(private readonly library: Library) {
    this.element = el("div", { class: "wall",
      attrs: { role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures" } });
    this.element.addEventListener("click", (event) => this.clicked(event));
    this.element.addEventListener("keydown", (event) => this.pressed(event));
    window.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.relay()).observe(this.element);
    library.listen((change) => {
      if (change === "reset") this.clear();
      if (change === "more") this.extend();
      else if (change !== "failed") this.relay(true);
    });
  }

  private clear(): void {
    this.drop();
    this.current = 0;
    this.selected.clear();
    this.onSelection();
  }

  private drop(): void {
    for (const tile of this.tiles.values()) tile.element.remove();
    this.tiles.clear();
  }

  private relay(always = false): void {
    const width = Math.floor(this.element.clientWidth);
    if (!width || (!always && width === this.layout.width)) return;
    const narrow = width < 600;
    this.layout = new WallLayout(width, narrow ? 132 : 216, narrow ? 4 : 10);
    const focused = this.element.contains(document.activeElement);
    this.drop();
    this.extend();
    if (focused) this.focusCurrent();
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
    const above = -this.element.getBoundingClientRect().top;
    const reach = window.innerHeight;
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
      if (!this.tiles.has(place)) this.put(place, entry, left, row.top, width, row.height);
      left += width + this.layout.gap;
    }
  }

  private put(
    place: number, entry: Entry, left: number, top: number, width: number, height: number,
  ): void {
    const element = this.tile(entry, width, place);
    element.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px)`;
    element.style.width = `${width.toFixed(1)}px`;
    element.style.height = `${height.toFixed(1)}px`;
    this.tiles.set(place, { element, entry });
    // In the document as on the wall, for who reads by the document's order.
    let next: Element | null = null;
    for (const child of this.element.children)
      if (Number((child as HTMLElement).dataset.place) > place) {
        next = child;
        break;
      }
    this.element.insertBefore(element, next);
  }

  private tile(entry: Entry, width: number, place: number): HTMLElement {
    const chosen = this.selected.has(entry.id);
    const label = [entry.name || "Without a name", typeText(entry.type),
      entry.width ? `${entry.width} by ${entry.height}` : "", stateWord(entry.state)];
    const element = el("div", { class: "tile", attrs: {
      role: "option", id: `tile-${entry.id}`, "data-place": place, "data-state": entry.state,
      "aria-selected": chosen ? "true" : "false",
      "aria-label": label.filter(Boolean).join(", "),
      "aria-posinset": place + 1,
      "aria-setsize": this.library.complete ? this.library.entries.length : -1,
      tabindex: place === this.current ? 0 : -1 } });
    if (entry.urls.thumb) this.picture(element, entry, width);
    else element.append(this.without(entry));
    const mark = el("span", { class: "mark", attrs: { "aria-hidden": "true" } });
    mark.append(icon(icons.check));
    element.append(mark, el("span", { class: "caption", attrs: { "aria-hidden": "true" } },
      entry.name));
    return element;
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
    append(box, el("strong", {}, stateWord(entry.state)),
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
    const [from, to] = [Math.min(this.anchor, place), Math.max(this.anchor, place)];
    for (const entry of this.library.entries.slice(from, to + 1)) this.selected.add(entry.id);
    this.mark();
  }

  private toggle(place: number): void {
    const { id } = this.library.entries[place]!;
    if (!this.selected.delete(id)) this.selected.add(id);
    this.anchor = place;
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
      else this.anchor = place;
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
    this.tiles.get(place)?.element.setAttribute("tabindex", "0");
    if (focus) this.focusCurrent();
  }

  /** Brings the current tile into view and gives it the focus. */
  focusCurrent(id?: string): void {
    if (id !== undefined && this.library.place(id) >= 0) this.move(this.library.place(id), false);
    const row = this.layout.rows[this.layout.rowOf(this.current)];
    if (!row) return;
    const top = this.element.getBoundingClientRect().top + row.top;
    const head = 90;
    if (top < head) window.scrollBy({ top: top - head, behavior: "instant" });
    const below = top + row.height - window.innerHeight + 20;
    if (below > 0) window.scrollBy({ top: below, behavior: "instant" });
    this.draw();
    this.tiles.get(this.current)?.element.focus({ preventScroll: true });
  }
}
