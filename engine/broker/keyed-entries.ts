import type { MillraceError } from '../../platform/errors.ts';
import { type Entry, entryKinds, type KeyedFormat } from '../../storage/store.ts';
import { keyedRows } from '../formats/keyed-rows.ts';
import { keyedParked } from './parked-entries.ts';
import { isUnreadable } from './unreadable.ts';

/** What the connector that takes messages in knows of its entries. */
export interface MessageKeys {
  readonly messages: KeyedFormat;
  readonly packed: KeyedFormat;
}

/** Told of an entry that cannot be read: it stays as it is, and compaction goes on. */
export type OnUnreadable = (entry: Entry, error: MillraceError) => void;

/** All entries of topics that are compacted. */
export function keyedEntries(
  { messages, packed }: MessageKeys,
  onUnreadable: OnUnreadable = () => undefined,
): KeyedFormat {
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
      default:
        return undefined;
    }
  };
  return {
    *messages(entry, policy) {
      try {
        yield* formatOf(entry.kind)?.messages(entry, policy) ?? [];
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        onUnreadable(entry, error);
      }
    },
    async without(entry, isKept, policy, turns) {
      try {
        return (await formatOf(entry.kind)?.without(entry, isKept, policy, turns)) ?? entry.body;
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        return entry.body;
      }
    },
  };
}
