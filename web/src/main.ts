// SPDX-License-Identifier: Apache-2.0
// The page put together: the head, the wall, the selection, uploads, and the views that open over
// the wall. Views that are not needed for the first paint are loaded when they are first opened.
import "./style.css";
import { has, may } from "./api";
import { announce, append, button, el, foreground, icon, iconButton, icons, replace, toast } from
  "./dom";
import { filesOf, filesOfList, type Named } from "./dropped";
import { Events } from "./events";
import { Filters } from "./filters";
import { askForKey, watchKeys } from "./keys";
import { Library } from "./model";
import { currentRoute, go, type Route, watchRoute } from "./route";
import { SelectionBar } from "./selection";
import { applyTheme, switchTheme } from "./theme";
import { UploadTray } from "./upload_tray";
import { Uploads } from "./uploads";
import { Wall } from "./wall";
import { countText } from "./words";

applyTheme();
const library = new Library();
const wall = new Wall(library);
const uploads = new Uploads();
const tray = new UploadTray(uploads);
const events = new Events(library);
const filters = new Filters((query) => void library.show(query));
const selection = new SelectionBar(library, wall);

const link = el("span", { class: "link", attrs: { role: "status" } });
const count = el("p", { class: "count" });
const emptiness = el("div", { class: "emptiness" });
const view = el("div", { class: "view", attrs: { hidden: true } });
const wallView = el("div", { class: "wall-view" },
  el("div", { class: "bar" }, count, filters.bar), filters.panel, emptiness, wall.element);
const nav = el("nav", { attrs: { "aria-label": "Views" } });

const picker = el("input", { class: "unseen",
  attrs: { type: "file", multiple: true, tabindex: -1, "aria-hidden": "true" } });
picker.addEventListener("change", () => {
  take(filesOfList(picker.files));
  picker.value = "";
});

function take(files: Named[]): void {
  if (!files.length) return;
  const { collection } = filters.current;
  uploads.add(files, { tags: "", collection: typeof collection === "string" ? collection : "" });
  announce(`Sending ${countText(files.length, "file", "files")}`);
}

function head(): HTMLElement {
  const home = el("a", { class: "wordmark", attrs: { href: "#/" } }, "Calotype");
  const add = button("Add", () => picker.click(), { class: "primary",
    attrs: { title: "Add files (U). You can also drop or paste them anywhere." } });
  add.prepend(icon(icons.add));
  return el("header", { class: "head" }, home, nav, filters.search, el("span", { class: "space" }),
    link, iconButton(icons.key, "API key", () => void askForKey(anew)),
    iconButton(icons.help, "Keyboard shortcuts", () => void help()),
    iconButton(icons.moon, "Light or dark", switchTheme), add);
}

function anew(): void {
  events.again();
  filters.apply();
  void show(currentRoute());
}

let navTurn = 0;
async function drawNav(route: Route): Promise<void> {
  const turn = (navTurn += 1);
  const views: [string, string, boolean][] = [["", "Library", true],
    ["duplicates", "Duplicates", await has("/v1/duplicates")],
    ["takedowns", "Takedowns", await has("/v1/takedowns")],
    ["jobs", "Jobs", await may("/v1/jobs")]];
  if (turn !== navTurn) return;
  const here = route.view === "asset" ? "" : route.view;
  replace(nav, ...views.filter(([, , there]) => there).map(([name, label]) => el("a", { attrs: {
    href: `#/${name}`, "aria-current": name === here ? "page" : undefined } }, label)));
}

// ---- the wall's sentences ------------------------------------------------------------------------

function drawCount(): void {
  const loaded = library.entries.length;
  const more = library.complete ? "" : "+";
  count.textContent = library.problem ? "" :
    `${countText(loaded, "picture", "pictures").replace(" ", `${more} `)}`;
  if (!loaded && library.loading) count.textContent = "Loading…";
}

function drawEmptiness(): void {
  replace(emptiness);
  if (library.entries.length) {
    if (library.problem) emptiness.append(failure());
    return;
  }
  if (library.problem) emptiness.append(failure());
  else if (!library.complete) return;
  else if (filters.isFiltered) append(emptiness, el("h1", {}, "Nothing matches"),
    el("p", {}, "No picture of this library has all that is asked for."),
    button("Show everything", () => filters.clear(), { class: "primary" }));
  else emptiness.append(firstUse());
}

function failure(): HTMLElement {
  const { status = 0 } = library.problem ?? {};
  const key = [401, 403].includes(status);
  const heading = { 401: "This library is locked", 403: "Your key does not open this library" };
  return el("div", { attrs: { role: "alert" } },
    el("h1", {}, heading[status as 401] ?? "The library cannot be shown"),
    el("p", {}, library.problem?.message),
    key ? button("Enter a key", () => void askForKey(anew), { class: "primary" }) :
      button("Try again", () => filters.apply(), { class: "primary" }));
}

function firstUse(): HTMLElement {
  const command = "curl --data-binary @photo.jpg '" + location.origin +
    "/v1/assets?file_name=photo.jpg'";
  return el("div", { class: "first" }, el("h1", {}, "Put the first pictures on the table"),
    el("p", {}, "Drop files or whole folders anywhere on this page, paste a picture, or choose " +
      "files. Each is kept once however often it comes, looked at, and shown here."),
    button("Choose files", () => picker.click(), { class: "primary" }),
    el("p", { class: "faint" }, "Or from a terminal:"), el("code", {}, command));
}

library.listen((change) => {
  drawCount();
  drawEmptiness();
  if (change === "reset") announce(count.textContent ?? "");
  if (change === "failed" && library.entries.length) toast(library.problem!.message, "bad");
});

// ---- views ----------------------------------------------------------------------------------------

let leave: () => void = () => undefined;
/** How far the wall was scrolled when another view took its place. */
let wallTop = 0;
async function show(route: Route): Promise<void> {
  leave();
  leave = () => undefined;
  void drawNav(route);
  const overWall = route.view !== "" && route.view !== "asset";
  if (overWall && !wallView.hidden) wallTop = window.scrollY;
  const comesBack = !overWall && wallView.hidden;
  wallView.hidden = overWall;
  view.hidden = !overWall;
  document.title = "Calotype";
  if (comesBack || (overWall && wallTop)) window.scrollTo({ top: overWall ? 0 : wallTop,
    behavior: "instant" });
  if (!overWall) wall.draw();
  if (route.view === "") return;
  if (route.view === "asset") {
    const { openAsset } = await import("./asset_view");
    leave = openAsset(route.id, library, (id) => wall.focusCurrent(id));
  } else if (route.view === "jobs") {
    const { showJobs } = await import("./jobs_view");
    leave = showJobs(view);
  } else if (route.view === "duplicates") {
    const { showDuplicates } = await import("./duplicates_view");
    leave = showDuplicates(view, route.id);
  } else if (route.view === "takedowns") {
    const { showTakedowns } = await import("./takedowns_view");
    leave = showTakedowns(view);
  }
  view.querySelector<HTMLElement>("h1")?.focus();
}

async function help(): Promise<void> {
  const { openHelp } = await import("./help");
  openHelp();
}

// ---- files, keys ----------------------------------------------------------------------------------

let depth = 0;
function carriesFiles(event: DragEvent): boolean {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}
function watchDrops(): void {
  const veil = el("div", { class: "veil", attrs: { hidden: true } },
    el("p", {}, "Let go to add to the library"));
  window.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    if (veil.parentElement !== foreground()) foreground().append(veil);
    veil.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (!depth) veil.hidden = true;
  });
  window.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    depth = 0;
    veil.hidden = true;
    if (!event.dataTransfer || !carriesFiles(event)) return;
    event.preventDefault();
    void filesOf(event.dataTransfer).then(take);
  });
  window.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(filesOfList(event.clipboardData.files));
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement;
}

window.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") void help();
  else if (event.key === "u") picker.click();
  else if (event.key === "/") filters.focus();
  else if (event.key === "d") switchTheme();
  else if (event.key === "g") go("");
  else if (event.key === "Escape" && wall.selected.size) wall.clearSelection();
  else if (event.key.startsWith("Arrow") && event.target === document.body) wall.focusCurrent();
  else return;
  event.preventDefault();
});

// ---- beginning ------------------------------------------------------------------------------------

append(document.querySelector("#app")!, head(),
  el("main", { attrs: { id: "main", tabindex: -1 } }, wallView, view), selection.element,
  tray.element, picker);
watchDrops();
watchKeys(anew);
wall.onOpen = (entry) => go("asset", entry.id);
wall.onSelection = () => selection.draw();
tray.onOpen = (asset) => go("asset", asset);
uploads.onArrived = (asset) => library.touch(asset);
events.onGap = () => void library.again();
events.onBegun = () => {
  const route = currentRoute();
  void library.catchUp(route.view === "asset" ? route.id : "");
};
events.onState = (state) => {
  link.dataset.state = state;
  link.textContent = { live: "Live", asking: "", gone: "Server gone" }[state];
  link.title = { live: "Changes show as they happen", asking: "",
    gone: "The server does not answer; the page keeps trying" }[state];
};
filters.apply();
watchRoute((route) => void show(route));
requestIdleCallback(() => {
  events.start();
  void filters.learn();
}, { timeout: 1500 });
