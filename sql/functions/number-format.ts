import { decimalToText, isSpecial, rescale } from '../columns/decimal.ts';
import type { Decimal } from '../columns/types.ts';
import { runtimeError } from './function.ts';
import { numberTemplate, type Template } from './number-template.ts';

/**
 * to_char of numbers. The writer follows PostgreSQL's formatting.c, whose habits with blanks, signs
 * and FM no shorter rule describes.
 */

/** A number that is to be written: its sign, and its digits with as many decimals as `post`. */
export function decimalToChar(value: Decimal, format: string): string {
  const template = numberTemplate(format);
  if (isSpecial(value)) return specialToChar(value, format, template);
  if (template.has.has('RN')) return romanToChar(Number(rescale(value, 0).unscaled), template);
  if (template.has.has('EEEE')) return decimalScientific(value, template.post);
  const scaled = rescale(
    { unscaled: value.unscaled * 10n ** BigInt(template.multi), scale: value.scale },
    template.post,
  );
  const text = decimalToText(scaled);
  return write(template, text.startsWith('-') ? '-' : '+', text.replace('-', ''));
}

/** As a double's, but there is no NaNth. */
function specialToChar(value: Decimal, format: string, template: Template): string {
  const text = decimalToText(value);
  const shown = doubleToChar(Number(text), format);
  const isOrdinal = template.parts.some((part) => !('text' in part) && /^th$/i.test(part.key));
  if (isOrdinal && value.unscaled > 0n && !template.has.has('.') && shown.includes(text)) {
    throw runtimeError(`"${text}" is not a number`, '22P02');
  }
  return shown;
}

const doubleDigits = 15;

/** As many decimals as the type surely has. */
export function doubleToChar(value: number, format: string, digits = doubleDigits): string {
  const template = numberTemplate(format);
  if (template.has.has('RN')) return romanToChar(Math.round(value), template);
  if (template.has.has('EEEE')) return scientific(value, template);
  const scaled = value * 10 ** template.multi;
  const sign = scaled < 0 || Object.is(scaled, -0) ? '-' : '+';
  // NaN fits where three digits do.
  if (!Number.isFinite(scaled)) return write(template, sign, String(Math.abs(scaled)));
  const size = Math.abs(scaled);
  const whole = fixed(size, 0).length;
  const post = whole >= digits ? 0 : Math.min(template.post, digits - whole);
  return write(template, sign, fixed(size, post));
}

/** C's %.*f. */
function fixed(value: number, decimals: number): string {
  if (value >= 1e21)
    return BigInt(value).toString() + (decimals > 0 ? `.${'0'.repeat(decimals)}` : '');
  // Ties go to the even digit there and upwards in toFixed.
  const scale = 10 ** decimals;
  const scaled = value * scale;
  const floor = Math.floor(scaled);
  const isTie = scaled - floor === 0.5 && scaled / scale === value;
  return (isTie ? (floor % 2 === 0 ? floor : floor + 1) / scale : value).toFixed(decimals);
}

/** As numeric.c's get_str_from_var_sci: 9.99 with one decimal is 10.0e+00. */
function decimalScientific({ unscaled, scale }: Decimal, post: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const power = unscaled === 0n ? 0 : digits.length - 1 - scale;
  const mantissa = decimalToText(rescale({ unscaled, scale: scale + power }, post));
  return withExponent(mantissa, power, unscaled < 0n);
}

function withExponent(mantissa: string, power: number, isNegative: boolean): string {
  const exponent = String(Math.abs(power)).padStart(2, '0');
  return `${isNegative ? '' : ' '}${mantissa}e${power < 0 ? '-' : '+'}${exponent}`;
}

function scientific(value: number, { post }: Template): string {
  if (!Number.isFinite(value)) return `${value < 0 ? '-' : ' '}#.${'#'.repeat(post)}####`;
  const [digits, exponent] = value.toExponential(Math.min(post, 100)).split('e');
  const mantissa = Object.is(value, -0) ? `-${digits}` : digits;
  return withExponent(mantissa, Number(exponent), value < 0 || Object.is(value, -0));
}

const romans: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

function romanToChar(value: number, { parts, has }: Template): string {
  let roman = '';
  let rest = value;
  if (!(value >= 1 && value <= 3999)) roman = '#'.repeat(15);
  else {
    for (const [size, letters] of romans) {
      for (; rest >= size; rest -= size) roman += letters;
    }
  }
  if (!has.has('FM')) roman = roman.padStart(15);
  return parts
    .map((part) => {
      if ('text' in part) return part.text;
      return /^rn$/i.test(part.key) ? (part.key === 'rn' ? roman.toLowerCase() : roman) : '';
    })
    .join('');
}

/** NUM_processor of formatting.c. */
function write(template: Template, sign: '+' | '-', digits: string): string {
  return new Writer(template, sign, digits).run();
}

class Writer {
  readonly #template: Template;
  readonly #sign: '+' | '-';
  readonly #isFilled: boolean;
  readonly #isBracketed: boolean;
  readonly #lsign: Template['lsign'];
  readonly #number: string;
  readonly #preSpaces: number;
  readonly #count: number;
  /** Where the last digit that FM keeps is; `undefined` when all are kept. */
  readonly #lastRelevant: number | undefined;
  #signWritten: boolean;
  #at = 0;
  #current = 0;
  #inNumber = false;
  #out = '';

  constructor(template: Template, sign: '+' | '-', digits: string) {
    const { has, pre: declared, post, multi } = template;
    const pre = declared + multi;
    this.#template = template;
    this.#sign = sign;
    this.#isFilled = has.has('FM');
    this.#isBracketed = has.has('PR') && !(sign !== '-' && this.#isFilled);
    const point = digits.indexOf('.');
    const whole = point < 0 ? digits.length : point;
    this.#number = whole > pre ? `${'#'.repeat(pre)}.${'#'.repeat(post)}` : digits;
    this.#preSpaces = Math.max(0, pre - whole);
    const hasOwnSign = has.has('MI') || has.has('PL');
    if (hasOwnSign) this.#signWritten = !(has.has('PL') && !has.has('MI'));
    else this.#signWritten = sign === '+' && this.#isFilled && !has.has('S');
    const isLast = template.lsign === 'pre' && pre === template.preLsign;
    this.#lsign = !hasOwnSign && isLast ? 'post' : template.lsign;
    this.#lastRelevant = this.#isFilled && has.has('.') ? this.#relevant() : undefined;
    this.#count = post + pre - 1 + (!this.#signWritten && this.#preSpaces === 0 ? 1 : 0);
  }

  #relevant(): number | undefined {
    const point = this.#number.indexOf('.');
    if (point < 0) return undefined;
    let relevant = point;
    for (let i = point + 1; i < this.#number.length; i++) if (this.#number[i] !== '0') relevant = i;
    const { zeroEnd } = this.#template;
    if (zeroEnd > this.#preSpaces) {
      relevant = Math.max(relevant, Math.min(this.#number.length - 1, zeroEnd - this.#preSpaces));
    }
    return relevant;
  }

  run(): string {
    for (const part of this.#template.parts) {
      if ('text' in part) this.#out += part.text;
      else this.#part(part.key);
    }
    return this.#out;
  }

  #part(key: string): void {
    switch (key) {
      case '9':
      case '0':
      case '.':
      case 'D':
        this.#digit(key);
        return;
      case ',':
      case 'G':
        if (this.#inNumber) this.#out += ',';
        else if (!this.#isFilled) this.#out += ' ';
        return;
      case 'L':
        this.#out += ' ';
        return;
      case 'TH':
      case 'th': {
        const skips =
          this.#number.startsWith('#') || this.#sign === '-' || this.#template.has.has('.');
        if (!skips)
          this.#out += key === 'TH' ? ordinal(this.#number).toUpperCase() : ordinal(this.#number);
        return;
      }
      case 'MI':
        if (this.#sign === '-') this.#out += '-';
        else if (!this.#isFilled) this.#out += ' ';
        return;
      case 'PL':
        if (this.#sign === '+') this.#out += '+';
        else if (!this.#isFilled) this.#out += ' ';
        return;
      case 'SG':
        this.#out += this.#sign;
    }
  }

  #isBlankBeforePoint(): boolean {
    const { has, post } = this.#template;
    return !has.has('0') && this.#at === 0 && this.#number[0] === '0' && post !== 0;
  }

  #endsAtPoint(): boolean {
    return this.#lastRelevant !== undefined && this.#number[this.#lastRelevant] === '.';
  }

  #digit(key: string): void {
    const { has, zeroStart } = this.#template;
    this.#inNumber = false;
    const isZeroStart = has.has('0') && zeroStart === this.#current + 1;
    const starts = this.#current >= this.#preSpaces || isZeroStart;
    if (!this.#signWritten && starts && (!this.#isBlankBeforePoint() || this.#endsAtPoint())) {
      this.#writeSign();
    }
    const isBefore = this.#current < this.#preSpaces;
    const isZero = has.has('0') && zeroStart <= this.#current + 1;
    if (isBefore && !isZero) {
      if (!this.#isFilled) this.#out += ' ';
    } else if (isBefore) {
      this.#out += '0';
      this.#inNumber = true;
    } else {
      this.#character(key);
    }
    let end = this.#count + (this.#preSpaces > 0 ? 1 : 0) + (has.has('.') ? 1 : 0);
    if (this.#lastRelevant !== undefined && this.#lastRelevant === this.#at) end = this.#current;
    if (this.#current + 1 === end) {
      if (this.#signWritten && this.#isBracketed) this.#out += this.#sign === '+' ? ' ' : '>';
      else if (has.has('S') && this.#lsign === 'post') this.#out += this.#sign;
    }
    this.#current++;
  }

  #character(key: string): void {
    const character = this.#number[this.#at];
    if (character === '.') {
      if (!this.#endsAtPoint() || this.#isFilled) this.#out += '.';
    } else if (character !== undefined) {
      const isCut =
        this.#lastRelevant !== undefined && this.#at > this.#lastRelevant && key !== '0';
      if (isCut) {
        // FM leaves out zeros at the end.
      } else if (this.#isBlankBeforePoint()) {
        if (!this.#isFilled) this.#out += ' ';
        else if (this.#endsAtPoint()) this.#out += '0';
      } else {
        this.#out += character;
        this.#inNumber = true;
      }
    }
    if (character !== undefined) this.#at++;
  }

  #writeSign(): void {
    if (this.#template.has.has('S')) {
      if (this.#lsign !== 'pre') return;
      this.#out += this.#sign;
    } else if (this.#isBracketed) this.#out += this.#sign === '+' ? ' ' : '<';
    else if (this.#sign === '-') this.#out += '-';
    else if (!this.#isFilled) this.#out += ' ';
    this.#signWritten = true;
  }
}

function ordinal(digits: string): string {
  const value = Number(digits.slice(-2));
  if (value >= 11 && value <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][value % 10] ?? 'th';
}

/** to_number: the digits, sign and point that stand where the template has them. */
export function numberFromChar(source: string, format: string): string | undefined {
  const { parts, has } = numberTemplate(format);
  if (has.has('RN')) throw runtimeError('"RN" is not supported for input', '0A000');
  let at = 0;
  let sign = '';
  let number = '';
  const skipBlanks = () => {
    while (source[at] === ' ') at++;
  };
  const readSign = () => {
    if (source[at] === '-' || source[at] === '+') sign ||= source[at++]!;
    else if (source[at] === '<') {
      sign = '-';
      at++;
    }
  };
  for (const part of parts) {
    if (at >= source.length) break;
    if ('text' in part) {
      at++;
      continue;
    }
    switch (part.key) {
      case '9':
      case '0':
        if (number === '') {
          skipBlanks();
          readSign();
          skipBlanks();
        }
        if (/\d/.test(source[at] ?? '')) number += source[at++];
        else if (source[at] === '.' && !number.includes('.') && has.has('.')) {
          // The point came sooner than the template has it.
          break;
        }
        break;
      case '.':
      case 'D':
        if (number === '') {
          skipBlanks();
          readSign();
        }
        if (source[at] === '.') {
          number += '.';
          at++;
        }
        break;
      case ',':
      case 'G':
        if (source[at] === ',') at++;
        break;
      case 'L':
        if (/[^\d.,+-]/.test(source[at] ?? '')) at++;
        break;
      case 'S':
      case 'MI':
      case 'PL':
      case 'SG':
        skipBlanks();
        readSign();
        break;
      case 'PR':
        if (source[at] === '>') at++;
    }
  }
  if (sign === '' && /^[ ]*[-]$/.test(source.slice(at))) sign = '-';
  return number === '' ? undefined : sign + number;
}
