import { type NexmarkConfig, timestampOf } from './config.ts';
import type { Draws } from './draws.ts';
import { firstPersonId, lastPerson } from './ids.ts';
import { extraText, timestampText } from './text.ts';

const firstNames = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',');
const lastNames = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',');
const cities =
  'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',');
const states = 'AZ,CA,ID,OR,WA,WY'.split(',');
const averageBytes = 200;

/** Draw order: name, email, card, city, state, extra. City and state are independent. */
export function personBody(config: NexmarkConfig, id: number, draws: Draws): string {
  const name = `${draws.pick(firstNames)} ${draws.pick(lastNames)}`;
  const email = `${draws.text(7)}@${draws.text(5)}.com`;
  const card = `${digits(draws)} ${digits(draws)} ${digits(draws)} ${digits(draws)}`;
  const city = draws.pick(cities);
  const state = draws.pick(states);
  const current = 8 + name.length + email.length + card.length + city.length + state.length;
  const extra = extraText(draws, current, averageBytes);
  const time = timestampText(timestampOf(config, id));
  return (
    `{"id":${firstPersonId + lastPerson(id)},"name":"${name}","email_address":"${email}",` +
    `"credit_card":"${card}","city":"${city}","state":"${state}","date_time":"${time}",` +
    `"extra":"${extra}"}`
  );
}

function digits(draws: Draws): string {
  return String(draws.below(10_000)).padStart(4, '0');
}
