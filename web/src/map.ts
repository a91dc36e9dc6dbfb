// SPDX-License-Identifier: Apache-2.0
// Where a picture was taken, on a small outline of the world that comes with the page: nobody else
// is asked for a map, so nobody else learns of the place. Plate carrée: x is longitude, y latitude.
import { copyText, button, el, svg } from "./dom";

export interface Position {
  latitude: number;
  longitude: number;
}

function degrees(value: unknown, reference: unknown): number {
  const parts = Array.isArray(value) ? value.map(Number) : [Number(value)];
  if (!parts.length || value === undefined) return NaN;
  const [whole = NaN, minutes = 0, seconds = 0] = parts;
  const size = Math.abs(whole) + minutes / 60 + seconds / 3600;
  return /^[SW]/i.test(String(reference ?? "")) || whole < 0 ? -size : size;
}

/** Of EXIF's GPS group; null where there is none or it is nowhere on Earth. */
export function positionOf(metadata: Record<string, unknown> | undefined): Position | null {
  const exif = metadata?.exif as Record<string, unknown> | undefined;
  const gps = (exif?.GPSInfo ?? exif?.GPS) as Record<string, unknown> | undefined;
  if (!gps) return null;
  const pick = (name: string) => gps[`GPS${name}`] ?? gps[name];
  const latitude = degrees(pick("Latitude"), pick("LatitudeRef"));
  const longitude = degrees(pick("Longitude"), pick("LongitudeRef"));
  const valid = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 &&
    (latitude !== 0 || longitude !== 0);
  return valid ? { latitude, longitude } : null;
}

interface Topology {
  transform: { scale: [number, number]; translate: [number, number] };
  arcs: [number, number][][];
  objects: { land: { geometries: { arcs: number[][][] }[] } };
}

type Point = readonly [number, number];

/** The land as on a globe, where coasts go on across the 180th meridian: on a flat map such a ring
    is drawn on both sides of it, and one round a pole is closed along the map's edge. */
function flattened(ring: Point[]): string {
  const flat: Point[] = [];
  for (const [x, y] of ring) {
    const last = flat.at(-1)?.[0] ?? x;
    flat.push([x + 360 * Math.round((last - x) / 360), y]);
  }
  const [first, last] = [flat[0]!, flat.at(-1)!];
  if (Math.abs(last[0] - first[0]) > 180) {
    const edge = last[1] > 0 ? 90 : -90;
    flat.push([last[0], edge], [first[0], edge]);
  }
  const across = flat.map(([x]) => x);
  return [-360, 0, 360].filter((by) => Math.max(...across) + by > -180 &&
    Math.min(...across) + by < 180).map((by) => flat.map(([x, y], place) =>
    `${place ? "L" : "M"}${(x + by).toFixed(1)} ${y.toFixed(1)}`).join("") + "Z").join("");
}

function outline(topology: Topology): string {
  const { scale, translate } = topology.transform;
  const arcs = topology.arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]): Point => {
      x += dx;
      y += dy;
      return [x * scale[0] + translate[0], -(y * scale[1] + translate[1])];
    });
  });
  const rings = topology.objects.land.geometries.flatMap((geometry) => geometry.arcs.flat());
  return rings.map((ring) => flattened(ring.flatMap((arc) =>
    arc >= 0 ? arcs[arc]! : [...arcs[~arc]!].reverse()))).join("");
}

function words({ latitude, longitude }: Position): string {
  return `${Math.abs(latitude).toFixed(5)}° ${latitude < 0 ? "S" : "N"}, ` +
    `${Math.abs(longitude).toFixed(5)}° ${longitude < 0 ? "W" : "E"}`;
}

export function mapOf(position: Position): HTMLElement {
  const { latitude, longitude } = position;
  let graticule = "";
  for (let x = -150; x <= 150; x += 30) graticule += `M${x} -90V90`;
  for (let y = -60; y <= 60; y += 30) graticule += `M-180 ${y}H180`;
  const land = svg("path", { class: "land", d: "" });
  const map = svg("svg", { viewBox: "-180 -90 360 180", class: "map", role: "img",
    "aria-label": `World with a point at ${words(position)}` },
  svg("path", { class: "graticule", d: graticule }), land,
  svg("path", { class: "cross", d: `M${longitude} -90V90M-180 ${-latitude}H180` }),
  svg("circle", { class: "point", cx: longitude, cy: -latitude, r: 4 }));
  void import("world-atlas/land-110m.json").then((module) =>
    land.setAttribute("d", outline(module.default as unknown as Topology)));
  const plain = `${latitude.toFixed(6)},${longitude.toFixed(6)}`;
  return el("section", { class: "place", attrs: { "aria-label": "Place" } }, map,
    el("p", {}, el("span", {}, words(position)), button("Copy", () => void copyText(plain,
      "Position"), { class: "quiet" }),
    el("a", { attrs: { href: `geo:${plain}` } }, "Open in a map")));
}
