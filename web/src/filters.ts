// SPDX-License-Identifier: Apache-2.0
// What the wall shows and in which order. Only filters that this server has are offered: its
// contract says which (openapi.json), read after the first paint.
import { call, parametersOf, type Query } from "./api";
import { button, el, icon, icons, replace } from "./dom";
import { currentRoute, go } from "./route";
import { countText, typeText } from "./words";

interface Field {
  name: string;
  label: string;
  kind: "text" | "number" | "date" | "choice";
  choices?: [string, string][];
}

const fields: Field[] = [
  { name: "state", label: "State", kind: "choice", choices: [["", "Any"],
    ["METADATA_READY", "Ready"], ["VARIANTS_READY", "Ready, with variants"],
    ["METADATA_FAILED", "No picture"], ["PENDING", "Being looked at"]] },
  { name: "type", label: "Type", kind: "choice", choices: [["", "Any"]] },
  { name: "collection", label: "Collection", kind: "text" },
  { name: "tag", label: "Tag", kind: "text" },
  { name: "camera", label: "Camera", kind: "text" },
  { name: "width_min", label: "At least this wide", kind: "number" },
  { name: "height_min", label: "At least this high", kind: "number" },
  { name: "bytes_min", label: "At least bytes", kind: "number" },
  { name: "bytes_max", label: "At most bytes", kind: "number" },
  { name: "taken_after", label: "Taken from", kind: "date" },
  { name: "taken_before", label: "Taken before", kind: "date" },
  { name: "created_after", label: "Added from", kind: "date" },
  { name: "created_before", label: "Added before", kind: "date" },
];

const sorts: [string, string][] = [["created.desc", "Newest first"], ["created.asc",
  "Oldest first"], ["taken.desc", "Taken last"], ["taken.asc", "Taken first"],
  ["bytes.desc", "Largest files"], ["bytes.asc", "Smallest files"], ["name.asc", "By name"]];

interface Named { name: string; count: number }

export class Filters {
  readonly bar = el("div", { class: "filter-bar" });
  readonly panel = el("form", { class: "filters", attrs: { hidden: true, "aria-label": "Filters" } });
  readonly search = el("div", { class: "search", attrs: { role: "search", hidden: true } });
  current: Query = {};
  private offered: Field[] = fields.slice(0, 1);
  private sortable = false;
  private readonly lists = new Map<string, string[]>();
  private timer = 0;
  private readonly searchField = el("input", { attrs: { type: "search",
    placeholder: "Search by name", "aria-label": "Search by name" } });

  constructor(private readonly show: (query: Query) => void) {
    this.panel.addEventListener("submit", (event) => event.preventDefault());
    this.searchField.addEventListener("input", () => {
      this.set("name", this.searchField.value);
      // What is found is on the wall.
      if (!["", "asset"].includes(currentRoute().view)) go("");
    });
    this.search.append(this.searchField);
    this.current = Object.fromEntries(new URLSearchParams(location.search));
    this.drawBar();
  }

  get isFiltered(): boolean {
    return Object.entries(this.current).some(([name, value]) =>
      value && name !== "sort" && name !== "order");
  }

  focus(): void {
    if (!this.search.hidden) this.searchField.focus();
    else void this.open(true);
  }

  apply(): void {
    this.show(this.current);
  }

  clear(): void {
    this.current = {};
    this.searchField.value = "";
    this.after(0);
    this.drawPanel();
  }

  /** Reads what this server can filter and sort by, its collections and its tags. */
  async learn(): Promise<void> {
    const known = await parametersOf("/v1/assets");
    this.offered = fields.filter((field) => known.has(field.name));
    this.sortable = known.has("sort");
    this.search.hidden = !known.has("name");
    this.searchField.value = String(this.current.name ?? "");
    this.drawBar();
    this.drawPanel();
  }

  /** The words there are, as they are when the panel is opened. */
  private async learnWords(): Promise<void> {
    type Summary = Record<"collections" | "tags" | "cameras" | "types", Named[]>;
    const said = await call<Summary>("GET", "/v1/library", { quietly: true }).catch(() => null);
    if (!said) return;
    const names = (list: Named[]) => list.map((one) => one.name);
    this.lists.set("collection", names(said.collections));
    this.lists.set("tag", names(said.tags));
    this.lists.set("camera", names(said.cameras));
    const types = names(said.types);
    const here = String(this.current.type ?? "");
    if (here && !types.includes(here)) types.push(here);
    fields.find((field) => field.name === "type")!.choices = [["", "Any"],
      ...types.map((type): [string, string] => [type, typeText(type)])];
    this.drawPanel();
  }

  private set(name: string, value: string): void {
    if (value) this.current[name] = value;
    else delete this.current[name];
    this.after(250);
  }

  private after(wait: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const search = new URLSearchParams(this.current as Record<string, string>).toString();
      history.replaceState(null, "", `${search ? `?${search}` : location.pathname}` +
        location.hash);
      this.drawBar();
      this.apply();
    }, wait);
  }

  private async open(focus: boolean): Promise<void> {
    this.panel.hidden = !this.panel.hidden;
    this.drawBar();
    if (!this.panel.hidden) await this.learnWords();
    if (focus && !this.panel.hidden)
      this.panel.querySelector<HTMLElement>("input, select")?.focus();
  }

  private drawBar(): void {
    const set = this.offered.filter((field) => this.current[field.name]).length;
    const { activeElement } = document;
    const focused = this.bar.contains(activeElement) && (activeElement?.tagName ?? "");
    const toggle = button(set ? countText(set, "filter", "filters") : "Filter",
      () => void this.open(true), { class: "quiet", attrs: {
        "aria-expanded": String(!this.panel.hidden) } });
    toggle.prepend(icon(icons.filter));
    replace(this.bar, this.isFiltered ? button("Clear", () => this.clear(), { class: "quiet" }) :
      null, this.sortable ? this.sorter() : null, toggle);
    if (focused) (focused === "SELECT" ? this.bar.querySelector("select")! : toggle).focus();
  }

  private sorter(): HTMLElement {
    const choice = el("select", { attrs: { "aria-label": "Order" } });
    for (const [value, label] of sorts) choice.append(el("option", { attrs: { value } }, label));
    choice.value = `${this.current.sort ?? "created"}.${this.current.order ?? "desc"}`;
    choice.addEventListener("change", () => {
      const [sort = "", order = ""] = choice.value.split(".");
      Object.assign(this.current, { sort, order });
      this.after(0);
    });
    return choice;
  }

  private drawPanel(): void {
    replace(this.panel, ...this.offered.map((field) => this.input(field)));
  }

  private input(field: Field): HTMLElement {
    const id = `filter-${field.name}`;
    const value = String(this.current[field.name] ?? "");
    const label = el("label", { attrs: { for: id } }, field.label);
    if (field.kind === "choice") {
      const choice = el("select", { attrs: { id } });
      for (const [name, text] of field.choices ?? [])
        choice.append(el("option", { attrs: { value: name } }, text));
      choice.value = value;
      choice.addEventListener("change", () => this.set(field.name, choice.value));
      return el("div", {}, label, choice);
    }
    const list = this.lists.get(field.name);
    const input = el("input", { attrs: { id, type: field.kind, min: 0, value:
      field.kind === "date" ? value.slice(0, 10) : value, list: list && `${id}-list` } });
    input.addEventListener("input", () => this.set(field.name, field.kind === "date" &&
      input.value ? `${input.value}T00:00:00Z` : input.value));
    const options = list && el("datalist", { attrs: { id: `${id}-list` } });
    list?.forEach((one) => options!.append(el("option", { attrs: { value: one } })));
    return el("div", {}, label, input, options);
  }
}
