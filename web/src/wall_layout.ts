// SPDX-License-Identifier: Apache-2.0
// Where each picture of the wall stands: rows of one width, each as high as its pictures' shapes
// make it (justified), laid from the first to the last. Laying goes on where it stopped when more
// entries come, so that a wall of 100,000 is laid once; what is visible is found by bisection.

export interface Shape {
  width: number;
  height: number;
}

export interface Row {
  top: number;
  height: number;
  first: number;
  /** One past the last. */
  end: number;
}

const narrowest = 0.55;
const widest = 2.6;

export function shapeOf(entry: Shape): number {
  if (!entry.width || !entry.height) return 1;
  return Math.min(widest, Math.max(narrowest, entry.width / entry.height));
}

export class WallLayout {
  rows: Row[] = [];
  private laid = 0;

  constructor(readonly width: number, readonly goal: number, readonly gap: number) {}

  get height(): number {
    const last = this.rows.at(-1);
    return last ? last.top + last.height : 0;
  }

  /** Lays `shapes` from where it stopped; the last row is laid anew, it may take more. */
  extend(shapes: readonly Shape[]): void {
    if (this.rows.length) this.laid = this.rows.pop()!.first;
    let first = this.laid;
    let sum = 0;
    for (let place = first; place < shapes.length; place += 1) {
      sum += shapeOf(shapes[place]!);
      const gaps = (place - first) * this.gap;
      if (sum * this.goal + gaps < this.width) continue;
      this.close(first, place + 1, (this.width - gaps) / sum);
      first = place + 1;
      sum = 0;
    }
    if (first < shapes.length) this.close(first, shapes.length, this.goal);
    this.laid = shapes.length;
  }

  private close(first: number, end: number, height: number): void {
    const last = this.rows.at(-1);
    const top = last ? last.top + last.height + this.gap : 0;
    this.rows.push({ top, height: Math.min(height, this.goal * 1.6), first, end });
  }

  /** The first row that ends below `y`. */
  rowAt(y: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = this.rows[middle]!;
      if (row.top + row.height < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row that holds an entry. */
  rowOf(place: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle]!.end <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The entry of a row whose middle is nearest to `x`. */
  nearest(row: number, x: number, shapes: readonly Shape[]): number {
    const { first, end, height } = this.rows[row]!;
    let left = 0;
    let best = first;
    let distance = Infinity;
    for (let place = first; place < end; place += 1) {
      const width = shapeOf(shapes[place]!) * height;
      const away = Math.abs(left + width / 2 - x);
      if (away < distance) [best, distance] = [place, away];
      left += width + this.gap;
    }
    return best;
  }

  /** The middle of an entry, from the left. */
  middleOf(place: number, shapes: readonly Shape[]): number {
    const row = this.rows[this.rowOf(place)]!;
    let left = 0;
    for (let before = row.first; before < place; before += 1)
      left += shapeOf(shapes[before]!) * row.height + this.gap;
    return left + (shapeOf(shapes[place]!) * row.height) / 2;
  }
}
