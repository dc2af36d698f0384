/**
 * Rows of the consume-queue index as columns in one transferable buffer. Doubles hold every
 * number exactly (offsets and positions stay below 2^53).
 *
 * | column      | meaning                                                        |
 * |-------------|----------------------------------------------------------------|
 * | topicId     | topic                                                          |
 * | queueId     | logical queue                                                  |
 * | baseOffset  | offset of the entry's first message                            |
 * | count       | messages in the entry                                          |
 * | partition   | physical partition                                             |
 * | position    | byte position of the entry's header in the partition           |
 * | length      | bytes, header and body                                         |
 * | storeTimeMs | store time; may have a fraction (storage/log/store-times.ts)   |
 * | tagHash     | shared tag's hash, `tagNone` or `tagMixed` (storage/store.ts)  |
 */
export const indexColumns = [
  'topicId',
  'queueId',
  'baseOffset',
  'count',
  'partition',
  'position',
  'length',
  'storeTimeMs',
  'tagHash',
] as const;

/** Row-major: row r, column c is at `values[r * indexColumns.length + c]`. */
export interface IndexRows {
  readonly rowCount: number;
  readonly values: Float64Array;
}

export const indexRowWidth = indexColumns.length;

/** Column numbers, for use as `values[row * indexRowWidth + col.position]`. */
export const col = {
  topicId: 0,
  queueId: 1,
  baseOffset: 2,
  count: 3,
  partition: 4,
  position: 5,
  length: 6,
  storeTimeMs: 7,
  tagHash: 8,
} as const;

/** What a row is made of. */
export interface RowFields {
  readonly topicId: number;
  readonly queueId: number;
  readonly baseOffset: number;
  readonly count: number;
  readonly partition: number;
  readonly position: number;
  readonly length: number;
  readonly storeTimeMs: number;
  readonly tagHash: number;
}

/** A row in the order of `indexColumns`. */
export function indexRow(row: RowFields): readonly number[] {
  const { topicId, queueId, baseOffset, count, partition, position, length } = row;
  const { storeTimeMs, tagHash } = row;
  const place = [partition, position, length, storeTimeMs];
  return [topicId, queueId, baseOffset, count, ...place, tagHash >>> 0];
}
