import { auctionBody } from './auction.ts';
import { bidBody } from './bid.ts';
import {
  auctionProportion,
  type NexmarkConfig,
  personProportion,
  totalProportion,
} from './config.ts';
import { Draws, eventDomain } from './draws.ts';
import { personBody } from './person.ts';

export type NexmarkKind = 'person' | 'auction' | 'bid';

export interface NexmarkEvent {
  readonly kind: NexmarkKind;
  /** Compact JSON, keys in the order of the columns. ASCII without escapes. */
  readonly body: string;
  /** The event number in decimal. */
  readonly key: string;
}

/**
 * Event `number` (from 0) of the Nexmark stream: the distributions of nexmark/nexmark, but a pure
 * function of (config, number), so that a sender can start anywhere. The first event is person
 * 1000, as in Beam.
 */
export function nexmarkEvent(config: NexmarkConfig, number: number): NexmarkEvent {
  const group = config.outOfOrderGroupSize;
  const id = Math.floor(number / group) * group + ((number * 953) % group);
  const draws = new Draws(config.seed, eventDomain, id);
  const kind = kindOf(id);
  const body =
    kind === 'person'
      ? personBody(config, id, draws)
      : kind === 'auction'
        ? auctionBody(config, id, draws)
        : bidBody(config, id, draws);
  return { kind, body, key: String(number) };
}

function kindOf(id: number): NexmarkKind {
  const remainder = id % totalProportion;
  if (remainder < personProportion) return 'person';
  return remainder < personProportion + auctionProportion ? 'auction' : 'bid';
}
