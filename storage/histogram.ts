/** Buckets double from this bound on; what is smaller is in the first. */
const leastBound = 1 / 64;
const bucketCount = 48;

/** How often values were at most `bounds[i]`, and not at most the bound before it. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
  readonly buckets: readonly { readonly atMost: number; readonly count: number }[];
}

/**
 * Counts values of any unit in buckets that double, from 1/64 on: within a factor of two of every
 * quantile, in no time and constant space. Values below 0 count as 0.
 */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount);
  #sum = 0;
  #max = 0;

  record(value: number): void {
    const bucket = value <= leastBound ? 0 : Math.ceil(Math.log2(value / leastBound));
    this.#counts[Math.min(bucket, bucketCount - 1)]!++;
    this.#sum += Math.max(0, value);
    this.#max = Math.max(this.#max, value);
  }

  /** Buckets that are empty are left out. */
  snapshot(): HistogramSnapshot {
    const buckets = [...this.#counts]
      .map((count, i) => ({ atMost: leastBound * 2 ** i, count }))
      .filter(({ count }) => count > 0);
    const count = buckets.reduce((total, bucket) => total + bucket.count, 0);
    return { count, sum: this.#sum, max: this.#max, buckets };
  }
}

/** A bound below which the fraction `q` of the values lies; 0 without any. */
export function quantile({ count, max, buckets }: HistogramSnapshot, q: number): number {
  let below = 0;
  for (const bucket of buckets) {
    below += bucket.count;
    if (below >= q * count) return Math.min(bucket.atMost, max);
  }
  return 0;
}

export function sumOfHistograms(histograms: readonly HistogramSnapshot[]): HistogramSnapshot {
  const counts = new Map<number, number>();
  for (const { buckets } of histograms) {
    for (const { atMost, count } of buckets) counts.set(atMost, (counts.get(atMost) ?? 0) + count);
  }
  return {
    count: histograms.reduce((total, { count }) => total + count, 0),
    sum: histograms.reduce((total, { sum }) => total + sum, 0),
    max: Math.max(0, ...histograms.map(({ max }) => max)),
    buckets: [...counts]
      .map(([atMost, count]) => ({ atMost, count }))
      .sort((a, b) => a.atMost - b.atMost),
  };
}
