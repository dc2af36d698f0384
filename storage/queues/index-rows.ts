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
 * | storeTimeMs | wall clock at append                                           |
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
