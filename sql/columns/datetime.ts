/**
 * Calendar arithmetic in the proleptic Gregorian calendar, as PostgreSQL. Days count from
 * 1970-01-01, times in microseconds. Day numbers by Howard Hinnant's civil-date algorithms.
 */
export const microsPerDay = 86_400_000_000n;

export interface CivilDate {
  /** Astronomical: 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export function daysFromCivil({ year, month, day }: CivilDate): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function civilFromDays(days: number): CivilDate {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Beyond every date and timestamp. */
export const dateInfinity = 2_147_483_647;
export const minusDateInfinity = -2_147_483_648;
export const timestampInfinity = 2n ** 63n - 1n;
export const minusTimestampInfinity = -(2n ** 63n);

export function isInfiniteDate(days: number): boolean {
  return days === dateInfinity || days === minusDateInfinity;
}

export function isInfiniteTimestamp(micros: bigint): boolean {
  return micros === timestampInfinity || micros === minusTimestampInfinity;
}

const two = (n: number) => String(n).padStart(2, '0');

export function dateToText(days: number): string {
  if (isInfiniteDate(days)) return days > 0 ? 'infinity' : '-infinity';
  const { year, month, day } = civilFromDays(days);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(month)}-${two(day)}${year > 0 ? '' : ' BC'}`;
}

/** `HH:MM:SS[.ffffff]`, trailing zeros of the fraction cut. */
export function timeToText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const fraction = Number(micros % 1_000_000n);
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (fraction === 0) return text;
  return `${text}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

export function splitTimestamp(micros: bigint): { days: number; time: bigint } {
  let days = micros / microsPerDay;
  if (days * microsPerDay > micros) days -= 1n;
  return { days: Number(days), time: micros - days * microsPerDay };
}

export function timestampToText(micros: bigint): string {
  if (isInfiniteTimestamp(micros)) return micros > 0n ? 'infinity' : '-infinity';
  const { days, time } = splitTimestamp(micros);
  const date = dateToText(days);
  if (date.endsWith(' BC')) return `${date.slice(0, -3)} ${timeToText(time)} BC`;
  return `${date} ${timeToText(time)}`;
}

/** In UTC, the only session time zone for now. */
export function timestamptzToText(micros: bigint): string {
  const text = timestampToText(micros);
  if (isInfiniteTimestamp(micros)) return text;
  return text.endsWith(' BC') ? `${text.slice(0, -3)}+00 BC` : `${text}+00`;
}
