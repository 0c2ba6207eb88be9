// Reproducible random numbers, shapes and values for the tests of gradient rules.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T;
  }

  flag(): boolean {
    return this.next() < 0.5;
  }

  shape(rank = this.int(1, 3), largest = 3): readonly number[] {
    return Array.from({ length: rank }, () => this.int(1, largest));
  }

  /** A shape that broadcasts to `full`: some sizes become 1, some leading axes go. */
  broadcastable(full: readonly number[]): readonly number[] {
    return full.slice(this.int(0, full.length)).map((size) => (this.next() < 0.3 ? 1 : size));
  }

  permutation(count: number): readonly number[] {
    const order = Array.from({ length: count }, (_, index) => index);
    for (let index = count - 1; index > 0; index--) {
      const other = this.int(0, index);
      [order[index], order[other]] = [order[other] as number, order[index] as number];
    }
    return order;
  }
}
