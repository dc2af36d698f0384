import { InvalidArgumentError, Option } from 'commander';
import { MillraceError } from '../../../platform/errors.ts';
import { dialects } from '../../../sql/dialects/traits.ts';
import type { ExitCode } from '../context.ts';
import { defaultEndpoint, type Endpoint, parseEndpoint } from '../endpoint.ts';
import { addDataDirectory } from '../partition-name.ts';
import type { TableStyle } from '../table.ts';

/** Says how the program ends. */
export type Exit = (code: ExitCode) => void;

/** What every command has that talks to a server. */
export interface SqlFlags {
  readonly endpoint: Endpoint;
  readonly format?: TableStyle;
}

export interface ListFlags extends SqlFlags {
  readonly json: boolean;
}

export function endpointOption(): Option {
  return new Option('--endpoint <host:port>', 'server to talk to')
    .argParser(checked(parseEndpoint))
    .default(parseEndpoint(defaultEndpoint), defaultEndpoint);
}

export function formatOption(): Option {
  return new Option('--format <style>', 'auto on a terminal, else tsv').choices([
    'auto',
    'table',
    'vertical',
    'tsv',
    'json',
  ]);
}

export interface DialectFlag {
  readonly dialect?: string;
}

export function dialectOption(): Option {
  const names = Object.keys(dialects);
  return new Option('--dialect <name>', 'what the text is written in').choices(names);
}

export function jsonOption(): Option {
  return new Option('--json', 'one JSON object per line').default(false);
}

export function sqlOptions({ endpoint, format, json }: SqlFlags & { json?: boolean }): {
  endpoint: Endpoint;
  style: TableStyle | undefined;
} {
  return { endpoint, style: json === true ? 'json' : format };
}

export function dataDirOption(): Option {
  const text = 'a further physical partition, for example p1=/disk1; repeatable';
  return new Option('--data-dir <name=path>', text).argParser(checked(addDataDirectory));
}

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('not a whole number');
  }
  return number;
}

export function positive(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('not a positive whole number');
  }
  return number;
}

export function timeMs(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError('not a time: 2026-01-31T12:00:00Z, or milliseconds since 1970');
}

/** A parser whose MillraceErrors count as wrong usage. */
export function checked<T>(
  parse: (text: string, previous?: T) => T,
): (text: string, previous?: T) => T {
  return (text, previous) => {
    try {
      return parse(text, previous);
    } catch (error) {
      if (error instanceof MillraceError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}
