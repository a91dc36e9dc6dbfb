// SPDX-License-Identifier: Apache-2.0
// Changes as they happen: the stream of GET /v1/events, read by fetch because an EventSource cannot
// carry a key. Where the server has no such stream, what is under way is asked for now and then.
import { apiKey, authorization, has } from "./api";
import type { Library } from "./model";

export type LinkState = "live" | "asking" | "gone";

export class Events {
  onState: (state: LinkState) => void = () => undefined;
  /** Something may have been missed: the list has to be read again. */
  onGap: () => void = () => undefined;
  /** From here on everything is told; what happened before may not have been. */
  onBegun: () => void = () => undefined;
  private last = "";
  private state: LinkState | "" = "";
  private stop = new AbortController();

  constructor(private readonly library: Library) {}

  start(): void {
    void this.run();
  }

  /** After another key was given. */
  again(): void {
    this.stop.abort();
    this.stop = new AbortController();
    void this.run();
  }

  private say(state: LinkState): void {
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    this.onState(state);
    if (before === "gone") this.onGap();
    else if (state === "live") this.onBegun();
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    let wait = 500;
    while (!signal.aborted) {
      try {
        if (await has("/v1/events")) await this.read(signal, () => (wait = 500));
        else await this.ask();
      } catch {
        if (signal.aborted) return;
        this.say("gone");
      }
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, 5000);
    }
  }

  /** Without a stream: is the server there, and what became of what was under way? */
  private async ask(): Promise<void> {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (!answer.ok && answer.status !== 503) throw new Error("gone");
    this.say("asking");
    this.library.underway().slice(0, 48).forEach((id) => this.library.touch(id));
  }

  private async read(signal: AbortSignal, opened: () => void): Promise<void> {
    const headers: Record<string, string> = { Accept: "text/event-stream", ...authorization() };
    if (this.last) headers["Last-Event-ID"] = this.last;
    const answer = await fetch("/v1/events", { headers, signal, cache: "no-store" });
    if (answer.status === 401 && !apiKey()) {
      await new Promise((done) => setTimeout(done, 3000));
      return;
    }
    if (!answer.ok || !answer.body) {
      await this.ask();
      return;
    }
    this.say("live");
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let kept = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      kept += value.replaceAll("\r\n", "\n");
      const parts = kept.split("\n\n");
      kept = parts.pop() ?? "";
      parts.forEach((part) => this.take(part));
    }
  }

  private take(part: string): void {
    let data = "";
    let name = "message";
    for (const line of part.split("\n")) {
      if (line.startsWith("data:")) data += line.slice(5).trim();
      else if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("id:")) this.last = line.slice(3).trim();
    }
    if (name === "gap") this.onGap();
    if (name === "state" || name === "changed")
      this.library.touch((JSON.parse(data) as { asset: string }).asset);
  }
}
