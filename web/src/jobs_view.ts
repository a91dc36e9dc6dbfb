// SPDX-License-Identifier: Apache-2.0
// What waits, what runs, and what has died; the dead can be started again.
import { call, Problem } from "./api";
import { append, button, el, replace, toast } from "./dom";
import { go } from "./route";
import { countText, timeText } from "./words";

interface Job {
  id: string;
  kind: string;
  lane: string;
  asset_id: string | null;
  state: string;
  attempts: number;
  run_after: string;
  last_error: string | null;
  created_at: string;
}

const tabs: [string, string][] = [["dead", "Dead letters"], ["running", "Running"],
  ["ready", "Waiting"]];

class Jobs {
  private state = "dead";
  private readonly list = el("div", { class: "jobs", attrs: { id: "jobs-list",
    role: "tabpanel" } });
  private readonly tabs = el("div", { class: "tabs", attrs: { role: "tablist",
    "aria-label": "Jobs" } });
  private timer = 0;

  constructor(private readonly view: HTMLElement) {
    replace(view, el("h1", { attrs: { tabindex: -1 } }, "Jobs"),
      el("p", { class: "faint" }, "The server's own work: looking at files, making variants, " +
        "tidying up. What failed too often waits here for a person."), this.tabs, this.list);
    this.tabs.addEventListener("keydown", (event) => this.pressed(event));
    this.drawTabs();
    void this.load();
    this.timer = window.setInterval(() => void this.load(), 4000);
  }

  end(): void {
    clearInterval(this.timer);
    replace(this.view);
  }

  private drawTabs(): void {
    replace(this.tabs, ...tabs.map(([state, label]) => button(label, () => {
      this.choose(state);
    }, { attrs: { role: "tab", "aria-selected": String(state === this.state),
      "aria-controls": "jobs-list", tabindex: state === this.state ? 0 : -1 } })));
  }

  private choose(state: string): void {
    this.state = state;
    this.drawTabs();
    this.tabs.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
    void this.load();
  }

  /** Arrows go round the tabs; Tab goes on into what they show. */
  private pressed(event: KeyboardEvent): void {
    const by = { ArrowLeft: tabs.length - 1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const here = tabs.findIndex(([state]) => state === this.state);
    this.choose(tabs[(here + by) % tabs.length]![0]);
    event.preventDefault();
  }

  private async load(): Promise<void> {
    const { state } = this;
    try {
      const said = await call<{ jobs: Job[]; next: string | null }>("GET", "/v1/jobs",
        { query: { state, limit: 200 } });
      if (state === this.state && !this.list.contains(document.activeElement))
        this.draw(said.jobs, Boolean(said.next));
    } catch (error) {
      replace(this.list, el("p", { class: "wrong", attrs: { role: "alert" } },
        error instanceof Problem ? error.message : String(error)));
    }
  }

  private draw(jobs: Job[], more: boolean): void {
    if (!jobs.length) {
      const calm = { dead: "Nothing has died.", running: "Nothing runs at the moment.",
        ready: "Nothing waits." }[this.state];
      replace(this.list, el("p", { class: "calm" }, calm));
      return;
    }
    const list = el("ul");
    append(list, ...jobs.map((job) => this.row(job)));
    replace(this.list, el("p", { class: "faint" }, countText(jobs.length, "job", "jobs") +
      (more ? ", and more" : "")), this.state === "dead" && jobs.length > 1 &&
      button("Start all of these again", () => void this.retry(jobs)), list);
  }

  private row(job: Job): HTMLElement {
    const row = el("li", {}, el("strong", {}, job.kind.replaceAll("_", " ")),
      el("span", { class: "faint" }, `${job.lane} lane, ${countText(job.attempts, "attempt",
        "attempts")}, since ${timeText(job.created_at)}`),
      job.last_error ? el("code", { class: "wrong" }, job.last_error) : null);
    const acts = el("span", { class: "acts" });
    if (job.asset_id) acts.append(button("Its picture", () => go("asset", job.asset_id!),
      { class: "quiet" }));
    if (job.state === "dead") acts.append(button("Start again", () => void this.retry([job])));
    row.append(acts);
    return row;
  }

  private async retry(jobs: Job[]): Promise<void> {
    try {
      for (const job of jobs) await call("POST", `/v1/jobs/${encodeURIComponent(job.id)}/retry`);
      toast(`${countText(jobs.length, "job starts", "jobs start")} again`);
    } catch (error) {
      toast(error instanceof Problem ? error.message : String(error), "bad");
    }
    this.view.querySelector<HTMLElement>("h1")?.focus();
    await this.load();
  }
}

export function showJobs(view: HTMLElement): () => void {
  const jobs = new Jobs(view);
  return () => jobs.end();
}
