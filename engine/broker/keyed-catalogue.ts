import { entryKinds, type KeyedFormat } from '../../storage/store.ts';
import { decodeRecord, encodeRecord, trimmedOffset } from './catalogue-record.ts';

/**
 * Entries of the system topic as compaction sees them. The key of a record is its offset, and the
 * `records-trimmed` one that names that offset deletes it. That one has a message for each record
 * that it names, and one more for the free ids in it, of which the newest stays.
 */
export const keyedCatalogue: KeyedFormat = {
  *messages({ kind, body, baseOffset }) {
    if (kind !== entryKinds.catalogue) return;
    const record = decodeRecord(body, baseOffset);
    if (record.op !== 'records-trimmed') {
      yield { key: keyOf(baseOffset), isTombstone: false };
      return;
    }
    for (const place of record.places) {
      const offset = trimmedOffset(place);
      yield offset === undefined ? undefined : { key: keyOf(offset), isTombstone: true };
    }
    yield { key: keyOfIds, isTombstone: false };
  },

  without({ body, baseOffset }, isKept) {
    const record = decodeRecord(body, baseOffset);
    if (record.op !== 'records-trimmed') return body;
    const places = record.places.map((place, i) => (isKept[i] === 0 ? 0 : place));
    return encodeRecord({ ...record, places });
  },
};

const keyOfIds = Buffer.from('ids');

function keyOf(offset: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeDoubleBE(offset);
  return key;
}
