/**
 * Parameters of the Nexmark generator, with the names and defaults of nexmark/nexmark
 * (NexmarkConfiguration.java), as far as the event stream depends on them.
 */
export interface NexmarkConfig {
  /** Any integer from 0 to 2^53 - 1. Two generators with one seed make the same events. */
  readonly seed: number;
  /** Event time of event 0, ms since 1970. */
  readonly baseTimeMs: number;
  /** Events per second of event time; has nothing to do with how fast they are sent. */
  readonly firstEventRate: number;
  /** Event numbers are permuted inside groups of this size; 1 = strictly in order. */
  readonly outOfOrderGroupSize: number;
}

/** 2015-07-15 00:00:00 UTC, the base time of the published data sets. */
export const defaultNexmarkConfig: NexmarkConfig = {
  seed: 1,
  baseTimeMs: 1_436_918_400_000,
  firstEventRate: 10_000,
  outOfOrderGroupSize: 1,
};

/** Of every 50 consecutive event ids: 0 is a person, 1 to 3 are auctions, the rest bids. */
export const personProportion = 1;
export const auctionProportion = 3;
export const bidProportion = 46;
export const totalProportion = personProportion + auctionProportion + bidProportion;

/** Event time of event `id` in whole ms. */
export function timestampOf(config: NexmarkConfig, id: number): number {
  const delayMicros = 1_000_000 / config.firstEventRate;
  return config.baseTimeMs + Math.floor(Math.trunc(id * delayMicros) / 1000);
}
