// SPDX-License-Identifier: Apache-2.0
// Uploads: three at a time, each resumable by the tus protocol where the server speaks it (and
// plain otherwise), with what has really arrived as its progress. A file that the server has
// already ends as "already here", which is no failure.
import type { Upload as TusUpload } from "tus-js-client";
import { authorization, has, Problem, target } from "./api";
import type { Named } from "./dropped";
import { explain } from "./words";

export type UploadState = "waiting" | "sending" | "paused" | "done" | "here" | "failed";

export interface UploadMeta {
  tags: string;
  collection: string;
}

export class Upload {
  state: UploadState = "waiting";
  sent = 0;
  reason = "";
  asset = "";
  stop: () => void = () => undefined;
  constructor(readonly named: Named, readonly meta: UploadMeta) {}
  get bytes(): number {
    return this.named.file.size;
  }
}

const atOnce = 3;
/** What a server that is killed may cost: an acknowledged part is kept. */
const partBytes = 8 * 1024 * 1024;
/** A server that is restarted, or one whose uploads another takes over, is back within minutes. */
const retryDelays = [0, 500, 1500, 3000, ...Array<number>(60).fill(5000)];
const tusPath = "/v1/tus/";

interface Recorded {
  id?: string;
  status?: string;
}

export class Uploads {
  readonly all: Upload[] = [];
  onChange: () => void = () => undefined;
  onArrived: (asset: string) => void = () => undefined;

  add(files: Named[], meta: UploadMeta): void {
    for (const named of files) this.all.push(new Upload(named, meta));
    this.onChange();
    this.pump();
  }

  get unfinished(): number {
    return this.all.filter((one) => ["waiting", "sending"].includes(one.state)).length;
  }

  retry(upload: Upload): void {
    upload.state = "waiting";
    upload.reason = "";
    this.onChange();
    this.pump();
  }

  pause(upload: Upload): void {
    upload.stop();
    upload.state = "paused";
    this.onChange();
    this.pump();
  }

  forget(upload: Upload): void {
    if (upload.state === "sending") upload.stop();
    this.all.splice(this.all.indexOf(upload), 1);
    this.onChange();
    this.pump();
  }

  clear(): void {
    const kept = this.all.filter((one) => !["done", "here"].includes(one.state));
    this.all.splice(0, this.all.length, ...kept);
    this.onChange();
  }

  private pump(): void {
    const sending = this.all.filter((one) => one.state === "sending").length;
    for (const upload of this.all.filter((one) => one.state === "waiting").slice(0,
      Math.max(0, atOnce - sending))) void this.send(upload);
  }

  private async send(upload: Upload): Promise<void> {
    upload.state = "sending";
    upload.reason = "";
    this.onChange();
    try {
      const resumable = await has(tusPath, "post") || await has("/v1/tus", "post");
      const recorded = await (resumable ? this.byTus(upload) : this.plainly(upload));
      upload.asset = recorded.id ?? "";
      upload.state = recorded.status === "EXISTING" ? "here" : "done";
      upload.sent = upload.bytes;
      if (upload.asset) this.onArrived(upload.asset);
    } catch (error) {
      // The other end of pause() and forget() comes here too.
      if ((upload.state as UploadState) === "sending") {
        upload.state = "failed";
        upload.reason = error instanceof Error ? error.message : String(error);
      }
    }
    this.onChange();
    this.pump();
  }

  private plainly(upload: Upload): Promise<Recorded> {
    return new Promise((resolve, reject) => {
      const sender = new XMLHttpRequest();
      upload.stop = () => sender.abort();
      sender.open("POST", target("/v1/assets", { file_name: upload.named.file.name,
        tags: upload.meta.tags, collection: upload.meta.collection || undefined }));
      const { Authorization } = authorization();
      if (Authorization) sender.setRequestHeader("Authorization", Authorization);
      sender.setRequestHeader("Content-Type", "application/octet-stream");
      sender.upload.onprogress = (event) => this.progress(upload, event.loaded);
      sender.onerror = () => reject(new Problem(0, "SERVER_GONE", ""));
      sender.onabort = () => reject(new Error("Stopped"));
      sender.onload = () => {
        const said = parsed(sender.responseText);
        if (sender.status < 300) resolve(said as Recorded);
        else reject(new Problem(sender.status, String(said.code ?? ""), String(said.detail ?? "")));
      };
      sender.send(upload.named.file);
    });
  }

  /** What is refused for good is not asked for again. */
  private tryAgain(upload: Upload, error: unknown): boolean {
    const status = statusOf(error);
    if (status === 507 || (status && status < 500 && ![409, 423, 429].includes(status)))
      return false;
    upload.reason = status === 423 ? "The server has not let go of it yet. Trying again." :
      "The server does not answer. Trying again.";
    this.onChange();
    return true;
  }

  private progress(upload: Upload, sent: number): void {
    upload.sent = sent;
    upload.reason = "";
    this.onChange();
  }

  private async byTus(upload: Upload): Promise<Recorded> {
    const tus = await import("tus-js-client");
    const { file } = upload.named;
    const metadata: Record<string, string> = { filename: file.name };
    if (upload.meta.tags) metadata.tags = upload.meta.tags;
    if (upload.meta.collection) metadata.collection = upload.meta.collection;
    return new Promise<Recorded>((resolve, reject) => {
      const sender: TusUpload = new tus.Upload(file, {
        endpoint: tusPath,
        metadata,
        // The last answer is then the asset's document, and not tus's 204.
        headers: { ...authorization(), Accept: "application/json" },
        chunkSize: partBytes,
        retryDelays,
        removeFingerprintOnSuccess: true,
        onShouldRetry: (error) => this.tryAgain(upload, error),
        onProgress: (sent) => this.progress(upload, sent),
        onSuccess: ({ lastResponse }) => {
          const said = parsed(lastResponse.getBody() ?? "") as Recorded;
          const asset = said.id ?? assetOf(lastResponse.getHeader("Calotype-Asset") ??
            lastResponse.getHeader("Content-Location") ?? "");
          resolve({ ...said, id: asset });
        },
        onError: (error) => reject(tusProblem(error)),
      });
      upload.stop = () => {
        void sender.abort();
        reject(new Error("Stopped"));
      };
      void sender.findPreviousUploads().then((earlier) => {
        if (earlier[0]) sender.resumeFromPreviousUpload(earlier[0]);
        sender.start();
      });
    });
  }
}

function assetOf(place: string): string {
  return place.split("/").pop() ?? "";
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

interface TusError {
  originalResponse?: { getStatus(): number; getBody(): string } | null;
}

/** 0 where there was no answer. */
function statusOf(error: unknown): number {
  return (error as TusError).originalResponse?.getStatus() ?? 0;
}

function tusProblem(error: unknown): Error {
  const answer = (error as TusError).originalResponse;
  if (!answer) return new Error(explain(0, "SERVER_GONE", ""));
  const said = parsed(answer.getBody());
  return new Problem(answer.getStatus(), String(said.code ?? ""), String(said.detail ?? ""));
}
