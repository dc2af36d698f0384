import { MillraceError } from '../../platform/errors.ts';

/**
 * Offsets from UTC, east positive, in seconds. Named zones come from the ICU data in Node (Intl);
 * abbreviations and POSIX offsets are PostgreSQL's (documentation 8.5.3 and appendix B).
 */
const hour = 3600;

/** Fixed offsets, as PostgreSQL's Default set has them. */
const abbreviations: Readonly<Record<string, number>> = {
  z: 0,
  zulu: 0,
  ut: 0,
  utc: 0,
  uct: 0,
  gmt: 0,
  wet: 0,
  bst: hour,
  west: hour,
  cet: hour,
  met: hour,
  cest: 2 * hour,
  mest: 2 * hour,
  eet: 2 * hour,
  sast: 2 * hour,
  eest: 3 * hour,
  msk: 3 * hour,
  pkt: 5 * hour,
  ist: 2 * hour,
  jst: 9 * hour,
  kst: 9 * hour,
  awst: 8 * hour,
  acst: 9.5 * hour,
  acdt: 10.5 * hour,
  aest: 10 * hour,
  aedt: 11 * hour,
  nzst: 12 * hour,
  nzdt: 13 * hour,
  nst: -3.5 * hour,
  ndt: -2.5 * hour,
  ast: -4 * hour,
  adt: -3 * hour,
  est: -5 * hour,
  edt: -4 * hour,
  cst: -6 * hour,
  cdt: -5 * hour,
  mst: -7 * hour,
  mdt: -6 * hour,
  pst: -8 * hour,
  pdt: -7 * hour,
  akst: -9 * hour,
  akdt: -8 * hour,
  hst: -10 * hour,
};

export interface TimeZone {
  /** Offset in seconds at a moment, microseconds since 1970 UTC. */
  offsetAt(micros: bigint): number;
}

const zones = new Map<string, TimeZone | undefined>();

/** Throws SQL_RUNTIME 22023 for a zone that nobody knows. */
export function timeZone(name: string): TimeZone {
  const zone = findTimeZone(name);
  if (zone !== undefined) return zone;
  throw new MillraceError('SQL_RUNTIME', `time zone "${name}" not recognized`, {
    sqlState: '22023',
  });
}

export function findTimeZone(name: string): TimeZone | undefined {
  const key = name.trim().toLowerCase();
  if (!zones.has(key)) {
    // Names come from rows: the map must not grow without bound.
    if (zones.size > 2000) zones.clear();
    zones.set(key, abbreviation(key) ?? named(key) ?? posix(key));
  }
  return zones.get(key);
}

function fixed(seconds: number): TimeZone {
  return { offsetAt: () => seconds };
}

function abbreviation(key: string): TimeZone | undefined {
  return Object.hasOwn(abbreviations, key) ? fixed(abbreviations[key]!) : undefined;
}

/** `+3`, `UTC+3`, `<X>-2:30`: positive is west of Greenwich, as POSIX has it. */
function posix(key: string): TimeZone | undefined {
  const match = /^(?:[a-z]{3,}|<[a-z0-9+-]+>)?([+-]?)(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?$/.exec(
    key,
  );
  if (match === null) return undefined;
  const [, sign, hours, minutes = '0', seconds = '0'] = match;
  const offset = Number(hours) * hour + Number(minutes) * 60 + Number(seconds);
  if (offset > 168 * hour) return undefined;
  return fixed(sign === '-' ? offset : -offset);
}

function named(key: string): TimeZone | undefined {
  if (!/^[a-z][a-z0-9_+/-]*$/.test(key)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: key,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
  return new NamedZone(format);
}

const secondsPerDay = 86_400;
/** What a JavaScript date can say; outside of it a zone is as at its ends. */
const lastSecond = 8_640_000_000_000;

/** Offsets are asked of Intl once per quarter of an hour, and kept. */
class NamedZone implements TimeZone {
  readonly #format: Intl.DateTimeFormat;
  readonly #known = new Map<number, number>();

  constructor(format: Intl.DateTimeFormat) {
    this.#format = format;
  }

  offsetAt(micros: bigint): number {
    const seconds = Math.floor(Number(micros) / 1e6);
    const clamped = Math.min(
      Math.max(seconds, -lastSecond + secondsPerDay),
      lastSecond - secondsPerDay,
    );
    const slot = Math.floor(clamped / 900);
    let offset = this.#known.get(slot);
    if (offset === undefined) {
      offset = this.#ask(slot * 900);
      if (this.#known.size > 10_000) this.#known.clear();
      this.#known.set(slot, offset);
    }
    return offset;
  }

  #ask(seconds: number): number {
    const parts = new Map<string, string>();
    for (const { type, value } of this.#format.formatToParts(seconds * 1000))
      parts.set(type, value);
    const part = (name: string) => Number(parts.get(name));
    const year = parts.get('era') === 'BC' ? 1 - part('year') : part('year');
    const date = new Date(0);
    date.setUTCFullYear(year, part('month') - 1, part('day'));
    date.setUTCHours(part('hour'), part('minute'), part('second'));
    return date.getTime() / 1000 - seconds;
  }
}

const dayMicros = 86_400_000_000n;
const micros = (seconds: number) => BigInt(seconds) * 1_000_000n;

/**
 * The moment at which clocks in the zone show `local`. In the gap of a change the time before it
 * goes on; of two moments in an overlap it is the second (PostgreSQL's DetermineTimeZoneOffset).
 */
export function localToUtc(zone: TimeZone, local: bigint): bigint {
  const before = zone.offsetAt(local - dayMicros);
  const after = zone.offsetAt(local + dayMicros);
  const early = local - micros(before);
  const late = local - micros(after);
  if (before === after && zone.offsetAt(early) === before) return early;
  if (zone.offsetAt(late) === after) return late;
  return early;
}

export function utcToLocal(zone: TimeZone, moment: bigint): bigint {
  return moment + micros(zone.offsetAt(moment));
}
