/**
 * What checking a data directory finds. `damage` means that stored bytes are not what was written,
 * or are missing: nothing cures it but a copy or `repair`. A `note` is an ordinary trace of a crash
 * or a lag that the next start of the server cures by itself.
 */
export const findingKinds = {
  /** A header, table or footer that is damaged, foreign or does not fit; a file that is no segment. */
  segment: 'damage',
  /** Bytes between two segments that no file has. */
  missing: 'damage',
  /** Bytes inside a segment that are no entry, with synced entries behind them. */
  entries: 'damage',
  /** Offsets of a queue that are not dense, or come twice. */
  offsets: 'damage',
  /** Group-commit numbers that go backwards. */
  order: 'damage',
  /** The index does not say what the log says, or cannot be read. */
  index: 'damage',
  identity: 'damage',
  /** The last commit before a crash, not acknowledged; the next start cuts it. */
  'torn-tail': 'note',
  /** What an interrupted creation or cleaning of a segment left; the next start removes it. */
  'interrupted-segment': 'note',
  /** A segment that was to get its footer, or whose footer is damaged; a server that runs writes it. */
  unsealed: 'note',
  /** Entries that the index does not have yet; the next start adds them. */
  'index-behind': 'note',
} as const;
export type FindingKind = keyof typeof findingKinds;

export interface Finding {
  readonly kind: FindingKind;
  /** File or database. */
  readonly path: string;
  /** One sentence without a full stop. */
  readonly text: string;
  /** Where in the partition's stream, when it is bytes of the stream; `to` is exclusive. */
  readonly range?: PositionRange;
}

export interface PositionRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export function isDamage({ kind }: Finding): boolean {
  return findingKinds[kind] === 'damage';
}

/** `p0:1024-2048`: how a range is written on the command line. */
export function rangeText({ partition, from, to }: PositionRange): string {
  return `p${partition}:${from}-${to}`;
}

export function parseRange(text: string): PositionRange | undefined {
  const match = /^p(\d{1,5}):(\d{1,16})-(\d{1,16})$/.exec(text);
  if (match === null) return undefined;
  const [partition, from, to] = match.slice(1).map(Number) as [number, number, number];
  return from < to && Number.isSafeInteger(to) ? { partition, from, to } : undefined;
}
