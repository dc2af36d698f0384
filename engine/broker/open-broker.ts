import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Store } from '../../storage/store.ts';
import { Clients } from './clients.ts';
import { Consumers } from './consumers.ts';
import { Delays } from './delays.ts';
import { Duplicates } from './duplicates.ts';
import type { Groups } from './groups.ts';
import { LiteExpiry } from './lite-expiry.ts';
import type { MessageFormat } from './message-format.ts';
import { Parked } from './parked.ts';
import { Publisher } from './publisher.ts';
import { redrive } from './redrive.ts';
import type { Topics } from './topics.ts';
import { Transactions } from './transactions.ts';

export interface BrokerOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly format: MessageFormat;
}

/** Messaging as a whole; the parts know each other through their constructors. */
export interface Broker {
  readonly publisher: Publisher;
  readonly consumers: Consumers;
  readonly clients: Clients;
  readonly groups: Groups;
  readonly delays: Delays;
  readonly transactions: Transactions;
  /** See redrive.ts. */
  redrive(group: string, max: number): Promise<number>;
  /** Stops timers and long polls; the store is to be closed after it. */
  close(): void;
}

/** After `SystemTopic.open`. Throws CORRUPTION when derived state is ahead of the log. */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { store, topics, groups, clock, logger, format } = options;
  const clients = new Clients(clock);
  const consumers = new Consumers({ store, topics, groups, clients, clock, format, logger });
  await consumers.open();
  const duplicates = new Duplicates(store, format, clock);
  await duplicates.open();
  const publisher = new Publisher(store, topics, format, duplicates);
  const parked = new Parked(store, topics, format, duplicates, logger);
  const delays = new Delays({ store, parked, publisher, clock, logger });
  const transactions = new Transactions({ store, topics, parked, publisher, clock, logger });
  await parked.open();
  await delays.open();
  await transactions.open();
  const liteExpiry = new LiteExpiry({ store, topics, consumers, clock, logger });
  return {
    publisher,
    consumers,
    clients,
    groups,
    delays,
    transactions,
    redrive: (group, max) => redrive({ topics, consumers, publisher, format }, group, max),
    close() {
      liteExpiry.close();
      duplicates.close();
      delays.close();
      transactions.close();
      consumers.close();
      clients.close();
    },
  };
}
