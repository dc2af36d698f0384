import { MillraceError } from '../../platform/errors.ts';

/** Partition numbers have 16 bits on disk; 0 is in the data directory itself. */
const partitionMax = 65_535;

/** The number of a physical partition called `p1`, `p2` and so on. Throws INVALID_ARGUMENT. */
export function parsePartition(name: string): number {
  const number = /^p(0|[1-9]\d{0,4})$/.test(name) ? Number(name.slice(1)) : Infinity;
  if (number <= partitionMax) return number;
  throw new MillraceError('INVALID_ARGUMENT', `"${name}" is not a partition: p0, p1, p2 and so on`);
}

/** `NAME=PATH` of `--data-dir`, added to those before it. Throws INVALID_ARGUMENT. */
export function addDataDirectory(
  text: string,
  previous: ReadonlyMap<number, string> = new Map(),
): ReadonlyMap<number, string> {
  const split = text.indexOf('=');
  const [name, path] = [text.slice(0, split), text.slice(split + 1)];
  if (split < 0 || path === '') {
    throw new MillraceError('INVALID_ARGUMENT', `"${text}" is not NAME=PATH`);
  }
  const number = parsePartition(name);
  if (number === 0) {
    throw new MillraceError('INVALID_ARGUMENT', 'p0 is in the directory of --data');
  }
  if (previous.has(number)) {
    throw new MillraceError('INVALID_ARGUMENT', `${name} is given twice`);
  }
  return new Map([...previous, [number, path]]);
}
