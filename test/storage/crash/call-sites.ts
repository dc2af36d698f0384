import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryFsOperation } from '../../../platform/memory-fs.ts';

/** What a place does to the disk; `flush` makes the database durable. */
export type DiskOperation = MemoryFsOperation | 'flush';

/**
 * The places in `storage/` that change the disk. Found twice: in the source text, so that none is
 * forgotten, and at run time by the stack of the call, so that a test knows which one it met.
 */
export interface CallSite {
  /** `log/segment-writer.ts:89`: its place below `storage/`. */
  readonly place: string;
  readonly operation: DiskOperation;
  /** The line of the source, trimmed. */
  readonly line: string;
}

const storage = join(dirname(fileURLToPath(import.meta.url)), '../../../storage');
const methods: readonly (readonly [DiskOperation, RegExp])[] = [
  ['create', /\.open\([^)]*'create'\)/],
  ['write', /(?:file|draft|fs|copy|written)\??\.write\(/i],
  ['fdatasync', /\.(?:fdatasync|writeSynced)\(/],
  ['truncate', /\.truncate\(/],
  ['rename', /\.rename\(/],
  ['unlink', /\.unlink\(/],
  ['syncDirectory', /\.syncDirectory\(/],
  ['flush', /kv\.flush\(/],
];

/** Every call in the source text of `storage/`. */
export function callSites(): CallSite[] {
  const files = readdirSync(storage, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts'))
    .toSorted();
  return files.flatMap((name) =>
    readFileSync(join(storage, name), 'utf8')
      .split('\n')
      .flatMap((line, i) =>
        methods
          .filter(([, pattern]) => pattern.test(line) && !/^\s*(?:\*|\/\/)/.test(line))
          .map(([operation]) => ({ place: `${name}:${i + 1}`, operation, line: line.trim() })),
      ),
  );
}

const places = new Map<string, string>();

/**
 * The place below `storage/` that called the function `below`, which must be on the stack now;
 * `undefined` when the call comes from elsewhere.
 */
export function callingPlace(below: (...args: never[]) => unknown): string | undefined {
  const raw = rawFrame(below);
  if (raw === undefined) return undefined;
  let place = places.get(raw);
  if (place === undefined) {
    // Lines of the source: only the text of a stack has them, for tests run compiled code.
    const text = /[/\\]storage[/\\]([^\s()]+\.ts:\d+):\d+/.exec(stackText(below))?.[1];
    place = text?.replaceAll('\\', '/') ?? '';
    places.set(raw, place);
  }
  return place === '' ? undefined : place;
}

/** As `callingPlace`, of a function that is reached through the stores of `storage/kv/`. */
export function placeBeyondKv(below: (...args: never[]) => unknown): string | undefined {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  const frames = holder.stack?.replaceAll('\\', '/').matchAll(/\/storage\/([^\s()]+\.ts:\d+):\d+/g);
  return [...(frames ?? [])].map(([, place]) => place!).find((place) => !place.startsWith('kv/'));
}

/** Where the function was called in the code that runs; cheap. */
function rawFrame(below: (...args: never[]) => unknown): string | undefined {
  const holder: { stack?: readonly NodeJS.CallSite[] } = {};
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = (_, frames) => frames;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, below);
  const frame = holder.stack?.[0];
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  if (frame === undefined) return undefined;
  return `${frame.getFileName()}:${frame.getLineNumber()}:${frame.getColumnNumber()}`;
}

function stackText(below: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack?.split('\n')[1] ?? '';
}
