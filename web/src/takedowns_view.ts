// SPDX-License-Identifier: Apache-2.0
// Taking a picture down: it goes, it may not come back, and every URL that caches may still hold is
// listed so that they can be purged.
import { call, has, Problem } from "./api";
import { append, button, copyText, el, replace, toast } from "./dom";
import { confirmed, openDialog } from "./dialog";
import { countText, timeText } from "./words";

interface Takedown {
  id?: string;
  reason?: string;
  created_at?: string;
  digests?: string[];
  assets?: unknown[];
  urls?: string[];
  variants?: { url?: string | null }[];
}

/** Every text in the answer that is a URL or a path of this server, in order, once each. */
export function urlsIn(said: unknown, found = new Set<string>()): Set<string> {
  if (typeof said === "string") {
    if (/^(https?:\/)?\/\S+$/.test(said)) found.add(said);
  } else if (said && typeof said === "object") {
    for (const value of Object.values(said)) urlsIn(value, found);
  }
  return found;
}

export function openTakedown(asset: string, done: () => void): void {
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
  openDialog("Take down", "takedown", form, result);
  reason.focus();

  async function take(): Promise<void> {
    try {
      const said = await call<Takedown>("POST", "/v1/takedowns", { body: { asset,
        cluster: cluster.checked, reason: reason.value } });
      form.remove();
      append(result, urlList(said));
      done();
    } catch (error) {
      replace(result, el("p", { class: "wrong" }, error instanceof Problem ? error.message :
        String(error)));
    }
  }
}

function urlList(said: Takedown): HTMLElement {
  const urls = [...urlsIn(said)].map((url) => new URL(url, location.origin).href);
  const text = urls.join("\n");
  return el("div", { class: "purge" }, el("h3", {}, `${countText(urls.length, "URL",
    "URLs")} to purge`), urls.length ? el("pre", { attrs: { tabindex: 0 } }, text) :
    el("p", {}, "No variant was ever made, so no cache holds one."),
  urls.length ? button("Copy all", () => void copyText(text, "The list")) : null);
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
      const said = await call<{ takedowns?: Takedown[] }>("GET", "/v1/takedowns");
      const all = said.takedowns ?? [];
      const rows = el("ul");
      append(rows, ...all.map(row));
      replace(list, all.length ? rows : el("p", { class: "calm" }, "Nothing was taken down."));
    } catch (error) {
      replace(list, el("p", { class: "wrong", attrs: { role: "alert" } },
        error instanceof Problem ? error.message : String(error)));
    }
  }

  function row(one: Takedown): HTMLElement {
    const path = `/v1/takedowns/${encodeURIComponent(one.id ?? "")}`;
    const details = el("div");
    return el("li", {}, el("strong", {}, one.reason || "Without a reason"),
      el("span", { class: "faint" }, timeText(one.created_at ?? "")), details,
      el("span", { class: "acts" }, button("URLs", () => void call<Takedown>("GET", path)
        .then((said) => replace(details, urlList(said)))
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
