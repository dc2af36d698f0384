import { afterEach, expect, test, vi } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { createLogger } from '../../platform/logger.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function lineOf(error: unknown): string {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  createLogger('warn').log('error', 'it failed', { error });
  return String(write.mock.calls.at(-1)![0]);
}

test("an error of the world is its message; a bug has its stack, also under a user's message", () => {
  const bug = new TypeError('x is no function');
  expect(lineOf(new MillraceError('DISK_FULL', 'full'))).toMatch(/ error it failed error=full\n$/);
  expect(lineOf(bug)).toMatch(/error="TypeError: x is no function\\n +at .*logger\.test\.ts/);
  const told = new MillraceError('INTERNAL', 'view stopped', { cause: bug });
  expect(lineOf(told)).toMatch(/error="view stopped\\ncaused by TypeError.*logger\.test\.ts/);
});
