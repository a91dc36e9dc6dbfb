// SPDX-License-Identifier: Apache-2.0
// The sheet of shortcuts.
import { append, el } from "./dom";
import { openDialog } from "./dialog";

const shortcuts: [string, string][] = [
  ["← ↑ → ↓", "go from picture to picture"],
  ["Enter", "open the picture"],
  ["Space", "select it; Shift with an arrow selects a row of them"],
  ["Ctrl A", "select all that are loaded"],
  ["Escape", "close what is open, or forget the selection"],
  ["Home, End", "the first and the last picture"],
  ["← →", "in an open picture: the one before, the one after"],
  ["+ − 0", "in an open picture: nearer, further, whole"],
  ["/", "search"],
  ["U", "add files"],
  ["G", "back to the wall"],
  ["D", "light or dark"],
  ["?", "this sheet"],
];

export function openHelp(): void {
  const list = el("dl", { class: "shortcuts" });
  for (const [keys, meaning] of shortcuts)
    append(list, el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, meaning)));
  openDialog("Keyboard", "help", list);
}
