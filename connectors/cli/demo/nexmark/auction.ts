import { type NexmarkConfig, timestampOf, totalProportion } from './config.ts';
import type { Draws } from './draws.ts';
import {
  firstAuctionId,
  firstPersonId,
  hotOf,
  lastAuction,
  lastPerson,
  nextPerson,
} from './ids.ts';
import { drawPrice } from './price.ts';
import { extraText, timestampText } from './text.ts';

const averageBytes = 500;
const hotSellersRatio = 4;
const firstCategoryId = 10;
const categories = 5;
/** An auction lasts about as long as 100 more auctions take to appear. */
const horizonEvents = Math.floor((100 * totalProportion) / 3);

/** Draw order: hot?, seller, category, initial bid, expiry, name, description, reserve, extra. */
export function auctionBody(config: NexmarkConfig, id: number, draws: Draws): string {
  const seller =
    firstPersonId +
    (draws.below(hotSellersRatio) > 0 ? hotOf(lastPerson(id)) : nextPerson(draws, id));
  const category = firstCategoryId + draws.below(categories);
  const initialBid = drawPrice(draws);
  const timeMs = timestampOf(config, id);
  const horizonMs = timestampOf(config, id + horizonEvents) - timeMs;
  const expiresMs = timeMs + 1 + draws.below(Math.max(2 * horizonMs, 1));
  const itemName = draws.text(20);
  const description = draws.text(100);
  const reserve = initialBid + drawPrice(draws);
  const extra = extraText(draws, 8 + itemName.length + description.length + 40, averageBytes);
  return (
    `{"id":${firstAuctionId + lastAuction(id)},"item_name":"${itemName}",` +
    `"description":"${description}","initial_bid":${initialBid},"reserve":${reserve},` +
    `"date_time":"${timestampText(timeMs)}","expires":"${timestampText(expiresMs)}",` +
    `"seller":${seller},"category":${category},"extra":"${extra}"}`
  );
}
