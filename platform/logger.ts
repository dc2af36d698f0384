import { MillraceError } from './errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line per event on standard error: time, level, message, then key=value pairs. */
export interface Logger {
  log(level: LogLevel, message: string, details?: Readonly<Record<string, unknown>>): void;
}

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function createLogger(least: LogLevel): Logger {
  return {
    log(level, message, details = {}) {
      if (order.indexOf(level) < order.indexOf(least)) return;
      const pairs = Object.entries(details).map(([key, value]) => ` ${key}=${show(value)}`);
      process.stderr.write(`${new Date().toISOString()} ${level} ${message}${pairs.join('')}\n`);
    },
  };
}

function show(value: unknown): string {
  const text = value instanceof Error ? traceOf(value) : String(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

/** What a user can act on is said by its message. A bug of ours has its stack, and those of its causes. */
function traceOf(error: Error): string {
  const { cause } = error;
  const own = error instanceof MillraceError ? error.message : (error.stack ?? String(error));
  return cause instanceof Error && !(cause instanceof MillraceError)
    ? `${own}\ncaused by ${traceOf(cause)}`
    : own;
}
