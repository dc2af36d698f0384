import { auctionProportion, personProportion, totalProportion } from './config.ts';
import type { Draws } from './draws.ts';

/**
 * Which people and auctions exist at an event id, and how later events choose among them. Ids here
 * count from 0; the columns add `firstPersonId` and `firstAuctionId`. A chosen id may lie up to
 * `idLead` ahead of the last one made: such a row comes first and finds its partner later.
 */
export const firstPersonId = 1000;
export const firstAuctionId = 1000;
const idLead = 10;
const activePeopleMax = 1000;
const inFlightAuctionsMax = 100;
/** One hot person and one hot auction for every 100. */
const hotEvery = 100;

/** The last person made at or before event `id`. */
export function lastPerson(id: number): number {
  const epoch = Math.floor(id / totalProportion);
  return epoch * personProportion + Math.min(id % totalProportion, personProportion - 1);
}

/** The last auction made at or before event `id`; -1 at event 0. */
export function lastAuction(id: number): number {
  let epoch = Math.floor(id / totalProportion);
  let offset = id % totalProportion;
  if (offset < personProportion) {
    epoch -= 1;
    offset = auctionProportion - 1;
  } else if (offset >= personProportion + auctionProportion) {
    offset = auctionProportion - 1;
  } else {
    offset -= personProportion;
  }
  return epoch * auctionProportion + offset;
}

export function hotOf(last: number): number {
  return Math.floor(last / hotEvery) * hotEvery;
}

/** One of the last 1,000 people or of the next 10. */
export function nextPerson(draws: Draws, id: number): number {
  const people = lastPerson(id) + 1;
  const active = Math.min(people, activePeopleMax);
  return people - active + draws.below(active + idLead);
}

/** One of the last 100 auctions or of the next 10. */
export function nextAuction(draws: Draws, id: number): number {
  const last = lastAuction(id);
  const least = Math.max(last - inFlightAuctionsMax, 0);
  return least + draws.below(last - least + 1 + idLead);
}
