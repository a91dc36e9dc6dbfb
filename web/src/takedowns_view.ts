// SPDX-License-Identifier: Apache-2.0
// Taking a picture down: it goes, it may not come back, and every URL that caches may still hold is
// listed so that they can be purged.
import { call, has, Problem } from "./api";
import { append, button, copyText, el, replace, toast } from "./dom";
import { confirmed, openDialog } from "./dialog";
import { countText, timeText } from "./words";

interface Takedown {
  id: string;
  reason: string;
  created_at: string;
  assets: string[];
  cache_tags?: string[];
  variants?: { recipe: string; url: string | null }[];
  urls?: string[];
  patterns?: string[];
}

/** `done` is told what has gone, when the person has read what is to be purged. */
export function openTakedown(asset: string, done: (assets: string[]) => void): void {
  const reason = el("input", { attrs: { id: "takedown-reason", required: true } });
  const cluster = el("input", { attrs: { id: "takedown-cluster", type: "checkbox" } });
  const result = el("div", { attrs: { role: "status" } });
  const form = el("form", { on: { submit: (event) => {
    event.preventDefault();
    void take();
  } } }, el("p", {}, "The picture and all its variants go, and the same file may not come back."),
  el("label", { attrs: { for: "takedown-reason" } }, "Reason"), reason);
  void has("/v1/duplicates").then((there) => {
    if (there) form.insertBefore(el("label", { class: "check" }, cluster,
      "Also every picture that looks like it"), form.lastChild);
  });
  form.append(el("footer", {}, el("button", { class: "danger", attrs: { type: "submit" } },
    "Take down")));
  let gone: string[] = [];
  const dialog = openDialog("Take down", "takedown", form, result);
  void dialog.closed.then(() => {
    if (gone.length) done(gone);
  });
  reason.focus();

  async function take(): Promise<void> {
    try {
      const said = await call<Takedown>("POST", "/v1/takedowns", { body: { asset,
        cluster: cluster.checked, reason: reason.value } });
      form.remove();
      result.tabIndex = -1;
      result.focus();
      replace(result, purgeList(said));
      gone = said.assets;
    } catch (error) {
      replace(result, el("p", { class: "wrong" }, error instanceof Problem ? error.message :
        String(error)));
    }
  }
}

function listOf(title: string, lines: string[], hint: string): HTMLElement | null {
  if (!lines.length) return null;
  const text = lines.join("\n");
  return el("section", { attrs: { "aria-label": title } }, el("h3", {}, title), el("p", { class:
    "faint" }, hint), el("pre", { attrs: { tabindex: 0, "aria-label": title } }, text),
  button(lines.length > 1 ? "Copy all" : "Copy", () => void copyText(text, title)));
}

/** What caches may still hold, the exact ones first (docs/takedown.md). */
function purgeList(said: Takedown): HTMLElement {
  const whole = (url: string) => new URL(url, location.origin).href;
  const urls = new Set([...(said.variants ?? []).flatMap(({ url }) => url ?? []),
    ...(said.urls ?? [])].map(whole));
  const gone = countText(said.assets.length, "picture is", "pictures are");
  return el("div", { class: "purge" }, el("p", {}, `${gone} gone and may not come back.`),
    listOf(countText(urls.size, "URL to purge", "URLs to purge"), [...urls],
      "Of every variant that was stored, by each of its names."),
    urls.size ? null : el("p", {}, "No variant was ever stored, so no URL is known to be cached."),
    listOf("Cache tags", said.cache_tags ?? [], "For a cache that purges by the header " +
      "Cache-Tag: nothing else is needed then."),
    listOf("Patterns", (said.patterns ?? []).map((one) => location.origin + one),
      "Every other spelling that somebody may have asked for; * stands for anything."));
}

export function showTakedowns(view: HTMLElement): () => void {
  const list = el("div", { class: "jobs" });
  replace(view, el("h1", { attrs: { tabindex: -1 } }, "Takedowns"), el("p", { class: "faint" },
    "What was taken down and may not come back. Lifting one lets the file in again; it does not " +
    "bring it back."), list);
  void load();
  return () => replace(view);

  async function load(): Promise<void> {
    try {
      const said = await call<{ takedowns: Takedown[] }>("GET", "/v1/takedowns",
        { query: { limit: 1000 } });
      const all = said.takedowns;
      const rows = el("ul");
      append(rows, ...all.map(row));
      replace(list, all.length ? rows : el("p", { class: "calm" }, "Nothing was taken down."));
    } catch (error) {
      replace(list, el("p", { class: "wrong", attrs: { role: "alert" } },
        error instanceof Problem ? error.message : String(error)));
    }
  }

  function row(one: Takedown): HTMLElement {
    const path = `/v1/takedowns/${encodeURIComponent(one.id)}`;
    const details = el("div");
    return el("li", {}, el("strong", {}, one.reason || "Without a reason"),
      el("span", { class: "faint" }, timeText(one.created_at)), details,
      el("span", { class: "acts" }, button("What to purge", () => void call<Takedown>("GET", path)
        .then((said) => replace(details, purgeList(said)))
        .catch((error: Error) => toast(error.message, "bad")), { class: "quiet" }),
      button("Lift", () => void lift(path), { class: "quiet" })));
  }

  async function lift(path: string): Promise<void> {
    if (!await confirmed("Let it in again?", "The file may be uploaded again after this.",
      "Lift")) return;
    await call("DELETE", path).then(() => toast("Lifted"), (error: Error) =>
      toast(error.message, "bad"));
    await load();
  }
}
