import { type NexmarkConfig, timestampOf } from './config.ts';
import { Draws, urlDomain } from './draws.ts';
import {
  firstAuctionId,
  firstPersonId,
  hotOf,
  lastAuction,
  lastPerson,
  nextAuction,
  nextPerson,
} from './ids.ts';
import { drawPrice } from './price.ts';
import { extraText, timestampText } from './text.ts';

const averageBytes = 100;
/** Bytes of the columns before `extra` as the reference counts them. */
const fixedBytes = 32;
const hotAuctionRatio = 2;
const hotBiddersRatio = 4;
const hotChannelsRatio = 2;
const hotChannels = ['Google', 'Facebook', 'Baidu', 'Apple'];
const coldChannels = 10_000;

/** URLs by channel: the cold ones by their number, then the hot ones. One per channel for ever. */
const urls: (string | undefined)[] = new Array(coldChannels + hotChannels.length);

function urlOf(channel: number): string {
  let url = urls[channel];
  if (url === undefined) {
    const draws = new Draws(0, urlDomain, channel);
    const path = `${draws.text(5, '_')}/${draws.text(5, '_')}/${draws.text(5, '_')}`;
    url = `https://www.nexmark.com/${path}/item.htm?query=1`;
    // Nine in ten cold channels carry their id in the URL, no hot one does.
    if (channel < coldChannels && draws.below(10) > 0) {
      url += `&channel_id=${Math.abs(reverseBits(channel))}`;
    }
    urls[channel] = url;
  }
  return url;
}

/** The 32 bits of `value` in the opposite order, as a signed integer. */
function reverseBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((value >>> bit) & 1) << (31 - bit);
  return reversed;
}

/**
 * Draw order: auction, bidder, price, channel, extra. The bidder gets the first person id once, as
 * in Beam; nexmark/nexmark adds it twice.
 */
export function bidBody(config: NexmarkConfig, id: number, draws: Draws): string {
  const auction =
    firstAuctionId +
    (draws.below(hotAuctionRatio) > 0 ? hotOf(lastAuction(id)) : nextAuction(draws, id));
  const bidder =
    firstPersonId +
    (draws.below(hotBiddersRatio) > 0 ? hotOf(lastPerson(id)) + 1 : nextPerson(draws, id));
  const price = drawPrice(draws);
  const hot = draws.below(hotChannelsRatio) > 0;
  const number = draws.below(hot ? hotChannels.length : coldChannels);
  const channel = hot ? hotChannels[number] : `channel-${number}`;
  const url = urlOf(hot ? coldChannels + number : number);
  const extra = extraText(draws, fixedBytes, averageBytes);
  const time = timestampText(timestampOf(config, id));
  return (
    `{"auction":${auction},"bidder":${bidder},"price":${price},"channel":"${channel}",` +
    `"url":"${url}","date_time":"${time}","extra":"${extra}"}`
  );
}
