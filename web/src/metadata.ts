// SPDX-License-Identifier: Apache-2.0
// EXIF as a photographer reads it first, then everything that the file carries, field by field.
import { append, el } from "./dom";

type Group = Record<string, unknown>;

function group(parent: unknown, name: string): Group {
  const value = (parent as Group | undefined)?.[name];
  return value && typeof value === "object" && !Array.isArray(value) ? (value as Group) : {};
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(", ");
  if (value && typeof value === "object") return JSON.stringify(value);
  return typeof value === "number" ? String(Number(value.toPrecision(7))) : String(value ?? "");
}

export function exposureText(seconds: unknown): string {
  if (typeof seconds !== "number" || seconds <= 0) return "";
  return seconds < 0.4 ? `1/${Math.round(1 / seconds)} s` : `${Number(seconds.toPrecision(3))} s`;
}

/** "2012:08:26 15:53:03" → "26 Aug 2012, 15:53". */
export function takenText(exif: unknown): string {
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d)/.exec(String(exif ?? ""));
  if (!parts) return "";
  const [, year, month, day, hour, minute] = parts.map(Number);
  const time = new Date(Date.UTC(year!, month! - 1, day!, hour!, minute!));
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short",
    timeZone: "UTC" }).format(time);
}

function highlights(metadata: Group): [string, string][] {
  const exif = group(metadata, "exif");
  const image = group(exif, "Image");
  const photo = group(exif, "Photo");
  const [make, model] = [text(image.Make).trim(), text(image.Model).trim()];
  const camera = model.startsWith(make) ? model : `${make} ${model}`.trim();
  const number = (value: unknown, around: (digits: string) => string) =>
    typeof value === "number" && value > 0 ? around(String(Number(value.toPrecision(3)))) : "";
  const all: [string, string][] = [
    ["Camera", camera], ["Lens", text(photo.LensModel)],
    ["Taken", takenText(photo.DateTimeOriginal ?? image.DateTime)],
    ["Exposure", [exposureText(photo.ExposureTime), number(photo.FNumber, (f) => `f/${f}`),
      number(photo.ISOSpeedRatings, (iso) => `ISO ${iso}`),
      number(photo.FocalLength, (length) => `${length} mm`)].filter(Boolean).join("  ")],
    ["By", text(image.Artist)], ["Rights", text(image.Copyright)],
    ["Describes", text(image.ImageDescription)]];
  return all.filter(([, value]) => value.trim());
}

function rows(list: HTMLElement, value: Group, path: string): void {
  for (const [name, inner] of Object.entries(value)) {
    const here = path ? `${path} ${name}` : name;
    if (inner && typeof inner === "object" && !Array.isArray(inner))
      rows(list, inner as Group, here);
    else append(list, el("div", {}, el("dt", {}, here), el("dd", {}, text(inner).slice(0, 600))));
  }
}

export function metadataList(metadata: Group | undefined): HTMLElement | null {
  if (!metadata || !Object.keys(metadata).length) return null;
  const box = el("section", { class: "metadata", attrs: { "aria-label": "Photograph" } });
  const first = el("dl", { class: "facts" });
  for (const [label, value] of highlights(metadata))
    append(first, el("div", {}, el("dt", {}, label), el("dd", {}, value)));
  if (first.children.length) box.append(first);
  const all = el("dl", { class: "all-metadata" });
  rows(all, metadata, "");
  box.append(el("details", {}, el("summary", {}, `All metadata (${all.children.length})`), all));
  return box;
}
