import { limits } from '../../platform/limits.ts';
import { type Context, complain } from '../../sql/analyze/context.ts';
import { dialects, nativeDialect } from '../../sql/dialects/traits.ts';
import type { SetVariable } from '../../sql/syntax/statement-ast.ts';

interface Setting {
  readonly value: string;
  /** What it may be; absent: anything. */
  readonly allowed?: RegExp;
  readonly hint?: string;
}

/**
 * Settings of PostgreSQL that clients send first; those with one allowed value say what is so.
 * RisingWave's tune what Millrace does not have: they are taken, and change nothing.
 */
const settings: Readonly<Record<string, Setting>> = {
  application_name: { value: '' },
  client_encoding: { value: 'UTF8', allowed: /^utf-?8$/i },
  dialect: {
    value: nativeDialect,
    allowed: new RegExp(`^(${[nativeDialect, ...Object.keys(dialects)].join('|')})$`, 'i'),
    hint: `It is ${nativeDialect}, or ${Object.keys(dialects).join(', ')}.`,
  },
  datestyle: { value: 'ISO, MDY', allowed: /^iso\b/i },
  extra_float_digits: { value: '1', allowed: /^[0-3]$/ },
  query_memory: {
    value: bytesText(limits.queryStateBytesMax),
    allowed: /^\d+ *(B|kB|MB|GB)?$/i,
    hint: 'It is a number of bytes, or one with kB, MB or GB.',
  },
  search_path: { value: 'public', allowed: /^"?public"?$/i },
  server_version: { value: '17.0', allowed: /^(?!)/, hint: 'It cannot be changed.' },
  standard_conforming_strings: { value: 'on', allowed: /^(on|true)$/i },
  statement_timeout: {
    value: `${limits.queryTimeMs}ms`,
    allowed: /^\d+ *(ms|s|min|h)?$/i,
    hint: 'It is a number of milliseconds, or one with s, min or h; 0 sets no limit.',
  },
  timezone: { value: 'UTC', allowed: /^(utc|gmt|etc\/utc)$/i },
};

const risingWave = /^(rw_|streaming_|background_ddl$|visibility_mode$|query_mode$)/;

/** What SET sets, for as long as its owner keeps it: one text, or a client's connection. */
export class Session {
  readonly #values = new Map<string, string>();

  /** Throws SQL_SEMANTIC: 42704 for an unknown name, 22023 for a value that it cannot have. */
  set(context: Context, { name: given, value, span }: SetVariable): void {
    const name = given.toLowerCase();
    if (name === 'all' && value === undefined) {
      this.#values.clear();
      return;
    }
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined && !risingWave.test(name)) {
      throw complain(context, span, `unrecognized configuration parameter "${name}"`, {
        sqlState: '42704',
        hint: `Settings are ${Object.keys(settings).join(', ')}.`,
      });
    }
    if (value === undefined) {
      this.#values.delete(name);
      return;
    }
    if (setting?.allowed !== undefined && !setting.allowed.test(value)) {
      throw complain(context, span, `invalid value for parameter "${name}": "${value}"`, {
        sqlState: '22023',
        hint: setting.hint ?? `It is ${setting.value}.`,
      });
    }
    this.#values.set(name, value);
  }

  get(name: string): string | undefined {
    const given = this.#values.get(name);
    if (given !== undefined) return given;
    return Object.hasOwn(settings, name) ? settings[name]!.value : undefined;
  }

  /** The budget that the session gives a query. */
  get budget(): { readonly timeMs: number; readonly stateBytes: number } {
    const timeMs = parsed(this.get('statement_timeout')!, { ms: 1, s: 1e3, min: 6e4, h: 36e5 });
    const stateBytes = bytesOf(this.get('query_memory')!);
    return { timeMs: timeMs === 0 ? Infinity : timeMs, stateBytes };
  }

  /** The dialect of its statements. */
  get dialect(): string {
    return this.get('dialect')!;
  }

  all(): [string, string][] {
    const names = new Set([...Object.keys(settings), ...this.#values.keys()]);
    return [...names].sort().map((name) => [name, this.get(name) ?? '']);
  }
}

/** Of a text as `10MB`; the units are powers of 1024. */
export function bytesOf(text: string): number {
  return parsed(text, { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 });
}

function parsed(text: string, units: Readonly<Record<string, number>>): number {
  const [, digits = '0', unit = ''] = /^(\d+) *([a-z]*)$/i.exec(text) ?? [];
  return Number(digits) * (units[unit.toLowerCase()] ?? 1);
}

function bytesText(bytes: number): string {
  return `${bytes / 2 ** 20}MB`;
}
