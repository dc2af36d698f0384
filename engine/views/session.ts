import { type Context, complain } from '../../sql/analyze/context.ts';
import type { SetVariable } from '../../sql/syntax/ast.ts';

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
  datestyle: { value: 'ISO, MDY', allowed: /^iso\b/i },
  extra_float_digits: { value: '1', allowed: /^[0-3]$/ },
  search_path: { value: 'public', allowed: /^"?public"?$/i },
  server_version: { value: '17.0', allowed: /^(?!)/, hint: 'It cannot be changed.' },
  standard_conforming_strings: { value: 'on', allowed: /^(on|true)$/i },
  timezone: { value: 'UTC', allowed: /^(utc|gmt|etc\/utc)$/i },
};

const risingWave = /^(rw_|streaming_|background_ddl$|visibility_mode$)/;

/** What SET sets, for as long as its owner keeps it: one text, or a client's connection. */
export class Session {
  readonly #values = new Map<string, string>();

  /** Throws SQL_SEMANTIC: 42704 for an unknown name, 22023 for a value that it cannot have. */
  set(context: Context, { name: given, value, span }: SetVariable): void {
    const name = given.toLowerCase();
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

  all(): [string, string][] {
    const names = new Set([...Object.keys(settings), ...this.#values.keys()]);
    return [...names].sort().map((name) => [name, this.get(name) ?? '']);
  }
}
