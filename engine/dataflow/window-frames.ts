import type { FrameBound, WindowFrame } from '../../sql/plan/physical.ts';
import { rangeBounds } from './range-bounds.ts';
import type { Partition } from './window-partition.ts';

/**
 * The frame of each row as places [from, to), empty when to <= from. Both never go back from one
 * row to the next, which lets aggregates slide.
 */
export interface Frames {
  readonly from: Int32Array;
  readonly to: Int32Array;
}

export function framesOf(partition: Partition, frame: WindowFrame): Frames {
  const { rowCount } = partition;
  const from = boundPlaces(partition, frame, frame.start, false);
  const to = boundPlaces(partition, frame, frame.end, true);
  for (let place = 0; place < rowCount; place++) {
    if (to[place]! < from[place]!) to[place] = from[place]!;
  }
  return { from, to };
}

/** Per row the first place of the frame, or with `isEnd` the place after its last. */
function boundPlaces(
  partition: Partition,
  { mode }: WindowFrame,
  bound: FrameBound,
  isEnd: boolean,
): Int32Array {
  const { rowCount, peerStarts, peerGroup } = partition;
  const places = new Int32Array(rowCount);
  if (bound.kind === 'unbounded preceding') return places;
  if (bound.kind === 'unbounded following') return places.fill(rowCount);
  if (mode === 'range' && bound.offset !== undefined) return rangeBounds(partition, bound, isEnd);
  const size = bound.offset === undefined ? 0 : (bound.offset.value as number);
  const by = bound.kind === 'preceding' ? -size : size;
  const step = isEnd ? 1 : 0;
  const groups = peerStarts.length - 1;
  for (let place = 0; place < rowCount; place++) {
    places[place] =
      mode === 'rows'
        ? clamped(place + by + step, rowCount)
        : peerStarts[clamped(peerGroup[place]! + by + step, groups)]!;
  }
  return places;
}

function clamped(value: number, largest: number): number {
  return Math.max(0, Math.min(value, largest));
}

/** The parts of a row's frame that EXCLUDE leaves, in order: pairs of places [from, to). */
export function partsOf(
  partition: Partition,
  { from, to }: Frames,
  exclude: WindowFrame['exclude'],
  place: number,
): readonly (readonly [number, number])[] {
  const start = from[place]!;
  const end = to[place]!;
  if (exclude === 'none') return start < end ? [[start, end]] : [];
  const isRow = exclude === 'current row';
  const gapFrom = isRow ? place : partition.peersFrom(place);
  const gapTo = isRow ? place + 1 : partition.peersTo(place);
  const parts: [number, number][] = [[start, Math.min(end, gapFrom)]];
  if (exclude === 'ties' && start <= place && place < end) parts.push([place, place + 1]);
  parts.push([Math.max(start, gapTo), end]);
  return parts.filter(([first, last]) => first < last);
}
