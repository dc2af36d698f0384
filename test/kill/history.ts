/** What happened to messages, in the order of the machine's monotonic clock. */
export type HistoryEvent =
  /** Sent as number `n` of its message group; `acked`: the server said that it is durable. */
  | { readonly what: 'sent'; readonly atNs: bigint; readonly key: string; readonly acked: boolean }
  /** A member of the group got it. */
  | { readonly what: 'got'; readonly atNs: bigint; readonly group: string; readonly key: string }
  /** It has worked on it, and acknowledges it next; whether the server hears of it is not known. */
  | {
      readonly what: 'handled';
      readonly atNs: bigint;
      readonly group: string;
      readonly key: string;
    }
  /** The server took the acknowledgement. */
  | { readonly what: 'done'; readonly atNs: bigint; readonly group: string; readonly key: string }
  | {
      readonly what: 'server killed' | 'consumer killed' | 'consumer stopped';
      readonly atNs: bigint;
    };

export interface HistoryVerdict {
  /** Acknowledged to its sender, and never handled by the group. */
  readonly lost: readonly string[];
  /** Never acknowledged by its sender nor sent at all, and got. */
  readonly unknown: readonly string[];
  /** Got again after it was done, although no kill of the server explains it. */
  readonly duplicated: readonly string[];
  /** Got although a message before it in its message group never had been. */
  readonly reordered: readonly string[];
  readonly counts: {
    readonly sent: number;
    readonly deliveries: number;
    readonly redeliveries: number;
    readonly serverKills: number;
    readonly consumerKills: number;
    readonly consumerStops: number;
  };
}

/**
 * A crash forgets the acknowledgements of the last moments (engine/broker/cursor-store.ts): 20 ms
 * and what a loaded machine adds. What was done so shortly before a kill may come again.
 */
const forgottenNs = 2_000_000_000n;

/** `GROUP#NUMBER`, the number counting from 0. */
export function keyOf(messageGroup: string, n: number): string {
  return `${messageGroup}#${n}`;
}

/** Judges one consumer group; `isOrdered` when it is FIFO. */
export function judgeHistory(
  events: readonly HistoryEvent[],
  group: string,
  isOrdered: boolean,
): HistoryVerdict {
  const history = [...events].sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
  const kills = history.flatMap(({ what, atNs }) => (what === 'server killed' ? [atNs] : []));
  const sent = new Map<string, boolean>();
  for (const event of history) {
    if (event.what === 'sent') sent.set(event.key, event.acked);
  }
  const got = new Map<string, number>();
  const handled = new Set<string>();
  const doneNs = new Map<string, bigint>();
  const firsts = new Map<string, Set<number>>();
  const unknown: string[] = [];
  const duplicated: string[] = [];
  const reordered: string[] = [];
  for (const event of history) {
    if (!('group' in event) || event.group !== group) continue;
    const { key, atNs } = event;
    if (event.what === 'handled') {
      handled.add(key);
      continue;
    }
    if (event.what === 'done') {
      doneNs.set(key, atNs);
      continue;
    }
    if (!sent.has(key)) unknown.push(key);
    const done = doneNs.get(key);
    const isForgotten = (ns: bigint) =>
      kills.some((kill) => kill > ns - forgottenNs && kill < atNs && kill - ns < forgottenNs);
    if (done !== undefined && !isForgotten(done)) duplicated.push(key);
    got.set(key, (got.get(key) ?? 0) + 1);
    if (isOrdered && isEarly(key, firsts, sent)) reordered.push(key);
  }
  const lost = [...sent].flatMap(([key, acked]) => (acked && !handled.has(key) ? [key] : []));
  const deliveries = [...got.values()].reduce((sum, count) => sum + count, 0);
  const count = (what: HistoryEvent['what']) => history.filter((one) => one.what === what).length;
  return {
    ...{ lost, unknown, duplicated, reordered },
    counts: {
      sent: sent.size,
      deliveries,
      redeliveries: deliveries - got.size,
      serverKills: kills.length,
      consumerKills: count('consumer killed'),
      consumerStops: count('consumer stopped'),
    },
  };
}

/** Whether an earlier message of the message group, that is durable, was not got before. */
function isEarly(
  key: string,
  firsts: Map<string, Set<number>>,
  sent: ReadonlyMap<string, boolean>,
): boolean {
  const at = key.lastIndexOf('#');
  const messageGroup = key.slice(0, at);
  const n = Number(key.slice(at + 1));
  const seen = firsts.get(messageGroup) ?? new Set<number>();
  firsts.set(messageGroup, seen);
  const isFirst = !seen.has(n);
  seen.add(n);
  if (!isFirst) return false;
  for (let before = n - 1; before >= 0 && before >= n - 64; before--) {
    if (!seen.has(before) && sent.get(keyOf(messageGroup, before)) === true) return true;
  }
  return false;
}
