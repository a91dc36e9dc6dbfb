// SPDX-License-Identifier: Apache-2.0
// Dialogs: the browser's own, so that focus stays inside, Escape closes, and focus goes back to
// where it was.
import { append, button, type Child, el, foreground, iconButton, icons } from "./dom";

export interface Opened {
  element: HTMLDialogElement;
  close: () => void;
  closed: Promise<void>;
}

function nameOf(element: Element): string {
  return element.getAttribute("aria-label") ?? element.textContent ?? "";
}

/** The element, or what stands in its place where it was drawn anew meanwhile. */
function sameNow(element: HTMLElement | null): HTMLElement | undefined {
  if (!element || element.isConnected) return element ?? undefined;
  return [...foreground().querySelectorAll<HTMLElement>(element.tagName)]
    .find((one) => nameOf(one) === nameOf(element));
}

export function openDialog(title: string, kind: string, ...children: Child[]): Opened {
  const before = document.activeElement as HTMLElement | null;
  const heading = el("h2", { attrs: { id: `dialog-${kind}`, tabindex: -1 } }, title);
  const element = el("dialog", { class: kind, attrs: { "aria-labelledby": `dialog-${kind}` } });
  const close = () => element.close();
  append(element, el("header", {}, heading, iconButton(icons.close, "Close", close)), ...children);
  document.body.append(element);
  const closed = new Promise<void>((resolve) => element.addEventListener("close", () => {
    element.remove();
    foreground().append(...element.querySelectorAll(":scope > .toast"));
    sameNow(before)?.focus({ preventScroll: true });
    resolve();
  }));
  element.addEventListener("click", (event) => {
    if (event.target === element) close();
  });
  element.showModal();
  raiseKey(element);
  return { element, close, closed };
}

/** Without the key that is asked for nothing else goes on, so nothing covers that dialog. A modal
 *  one comes to the top when it is shown, and leaves without an event when it is removed. */
function raiseKey(opened: HTMLDialogElement): void {
  const asking = document.querySelector<HTMLDialogElement>("dialog.key[open]");
  if (!asking || asking === opened) return;
  asking.remove();
  asking.open = false;
  document.body.append(asking);
  asking.showModal();
  asking.querySelector("input")?.focus();
}

/** Asks before something that cannot be taken back. */
export async function confirmed(title: string, text: string, act: string): Promise<boolean> {
  let yes = false;
  const go = button(act, () => {
    yes = true;
    dialog.close();
  }, { class: "danger" });
  const dialog = openDialog(title, "confirm", el("p", {}, text),
    el("footer", {}, button("Cancel", () => dialog.close(), { class: "quiet" }), go));
  go.focus();
  await dialog.closed;
  return yes;
}
