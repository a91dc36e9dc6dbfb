// SPDX-License-Identifier: Apache-2.0
// Elements, made without ever parsing a text as markup: file names, EXIF and tags are hostile, and
// here they can become nothing but text nodes and attributes of a fixed name.

export type Child = Node | string | number | null | undefined | false;
type Handlers = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
export interface Props {
  class?: string;
  /** Attributes; undefined and false leave one away, true writes it empty. */
  attrs?: Record<string, string | number | boolean | undefined>;
  on?: Handlers;
}

function assign(element: Element, props: Props): void {
  if (props.class) element.setAttribute("class", props.class);
  for (const [name, value] of Object.entries(props.attrs ?? {})) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, handler] of Object.entries(props.on ?? {}))
    element.addEventListener(name, handler as EventListener);
}

export function append(parent: Node, ...children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, props: Props = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, props);
  append(element, ...children);
  return element;
}

export function svg(tag: string, attrs: Record<string, string | number>, ...children: Node[]) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attrs)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A line icon on a grid of 24; `path` is one of the constants below. */
export function icon(path: string): SVGElement {
  const shape = svg("path", { d: path });
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, shape) as
    SVGElement;
}

export const icons = {
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  filter: "M4 6h16M7 12h10M10 18h4",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  key: "M14 10a4 4 0 1 0-4 4c1 0 2-.4 2.700-1L14 14h2v2h2v2h3v-3z",
  help: "M9.500 9a2.500 2.500 0 1 1 3.600 2.200c-.8.5-1.100 1-1.100 1.800M12 17h.01",
};

export function button(label: string, onclick: () => void, props: Props = {}): HTMLButtonElement {
  const on = { ...props.on, click: onclick };
  const attrs = { type: "button", ...props.attrs };
  return el("button", { ...props, attrs, on }, label);
}

export function iconButton(
  path: string, label: string, onclick: () => void, props: Props = {},
): HTMLButtonElement {
  const attrs = { type: "button", "aria-label": label, title: label, ...props.attrs };
  const made = el("button", { ...props, class: `quiet icon-only ${props.class ?? ""}`, attrs,
    on: { click: onclick } });
  made.append(icon(path));
  return made;
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, ...children);
}

/** Where something shows above all else: what is behind an open dialog is neither seen nor read. */
export function foreground(): HTMLElement {
  return [...document.querySelectorAll<HTMLElement>("dialog[open]")].at(-1) ?? document.body;
}

let announcer: HTMLElement | null = null;
/** Says a sentence to a screen reader, politely. */
export function announce(text: string): void {
  announcer ??= el("div", { class: "unseen", attrs: { role: "status", "aria-live": "polite" } });
  if (announcer.parentElement !== foreground()) {
    announcer.textContent = "";
    foreground().append(announcer);
  }
  // In a turn of its own: a region that comes with its text is not read.
  setTimeout(() => (announcer!.textContent = text), 50);
}

/** Shows a sentence for some seconds, and announces it. */
export function toast(text: string, kind: "good" | "bad" = "good"): void {
  announce(text);
  document.querySelectorAll(".toast").forEach((old) => old.remove());
  const shown = el("div", { class: `toast ${kind}`, attrs: { "aria-hidden": true } }, text);
  foreground().append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 9000 : 3500);
}

export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    const area = el("textarea", { class: "unseen" });
    area.value = text;
    foreground().append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    toast(copied ? `${what} copied` : "The browser did not let the page copy", copied ?
      "good" : "bad");
  }
}

/** A text in a box of fixed pitch with a button that copies it. */
export function copyable(text: string, what: string): HTMLElement {
  return el("div", { class: "copyable" },
    el("code", { attrs: { tabindex: 0, "aria-label": what } }, text),
    iconButton(icons.copy, `Copy ${what}`, () => void copyText(text, what)));
}
