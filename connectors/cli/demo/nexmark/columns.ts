import type { NexmarkKind } from './event.ts';

/** The columns of the three relations, in the order of the JSON keys, as SQL. */
export const nexmarkColumns: Readonly<Record<NexmarkKind, string>> = {
  person:
    'id BIGINT, name VARCHAR, email_address VARCHAR, credit_card VARCHAR, city VARCHAR, ' +
    'state VARCHAR, date_time TIMESTAMP, extra VARCHAR',
  auction:
    'id BIGINT, item_name VARCHAR, description VARCHAR, initial_bid BIGINT, reserve BIGINT, ' +
    'date_time TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR',
  bid:
    'auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, ' +
    'date_time TIMESTAMP, extra VARCHAR',
};
