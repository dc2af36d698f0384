import type { Segment } from './segment.ts';

/** A sealed segment and what retention leaves of it. */
export interface Judged {
  readonly segment: Segment;
  /** Of its entries, those that stay. */
  readonly liveBytes: number;
  /** It holds something that must not stay, however little (compaction/compactor.ts). */
  readonly mustGo: boolean;
}

/** Files are not made smaller than they were for less than this share of their bytes. */
const worthShare = 0.5;
/** A segment that holds less than this part of a full one is joined with its neighbours. */
const smallPart = 8;
/** So many small neighbours are joined even when nothing of them is gone. */
const joinedMin = 8;

/**
 * Chooses which segments are written anew, as runs of neighbours that become one file each. Half
 * of a file must be gone, so that what is kept is copied at most once for as much that was freed;
 * small neighbours go along, so that there are never many of them.
 */
export function runsToClean(
  judged: readonly Judged[],
  segmentBytes: number,
): readonly (readonly Segment[])[] {
  const runs: Segment[][] = [];
  let run: Judged[] = [];
  const finish = () => {
    const isWorth = run.some((one) => isWorthCleaning(one)) || run.length >= joinedMin;
    if (isWorth) runs.push(run.map(({ segment }) => segment));
    run = [];
  };
  for (const one of judged) {
    const isCandidate = isWorthCleaning(one) || one.liveBytes <= segmentBytes / smallPart;
    const bytes = run.reduce((sum, { liveBytes }) => sum + liveBytes, 0) + one.liveBytes;
    const before = run.at(-1);
    const isNext = before === undefined || before.segment.end === one.segment.start;
    if (!isCandidate || !isNext || bytes > segmentBytes) finish();
    if (isCandidate) run.push(one);
  }
  finish();
  return runs;
}

function isWorthCleaning({ segment, liveBytes, mustGo }: Judged): boolean {
  const { entryBytes } = segment;
  return mustGo || (liveBytes < entryBytes && liveBytes <= entryBytes * worthShare);
}
