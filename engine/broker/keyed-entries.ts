import { entryKinds, type KeyedFormat } from '../../storage/store.ts';
import { keyedRows } from '../formats/keyed-rows.ts';
import { keyedCatalogue } from './keyed-catalogue.ts';
import { keyedParked } from './parked-entries.ts';

/** What the connector that takes messages in knows of its entries. */
export interface MessageKeys {
  readonly messages: KeyedFormat;
  readonly packed: KeyedFormat;
}

/** All entries of topics that are compacted. */
export function keyedEntries({ messages, packed }: MessageKeys): KeyedFormat {
  const formatOf = (kind: number): KeyedFormat | undefined => {
    switch (kind) {
      case entryKinds.messages:
        return messages;
      case entryKinds.packed:
        return packed;
      case entryKinds.rows:
        return keyedRows;
      case entryKinds.parked:
      case entryKinds.settled:
        return keyedParked;
      case entryKinds.catalogue:
        return keyedCatalogue;
      default:
        return undefined;
    }
  };
  return {
    messages: (entry, policy) => formatOf(entry.kind)?.messages(entry, policy) ?? [],
    without: (entry, isKept, policy, turns) =>
      formatOf(entry.kind)?.without(entry, isKept, policy, turns) ?? entry.body,
  };
}
