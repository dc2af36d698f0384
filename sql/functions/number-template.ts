import { runtimeError } from './function.ts';

/** A template of to_char and to_number for numbers (documentation 9.8, table 9.30), read once. */
type Part = { readonly key: string } | { readonly text: string };

export interface Template {
  readonly parts: readonly Part[];
  readonly pre: number;
  readonly post: number;
  readonly multi: number;
  readonly zeroStart: number;
  readonly zeroEnd: number;
  readonly lsign: 'none' | 'pre' | 'post';
  readonly preLsign: number;
  readonly has: ReadonlySet<string>;
}

const keys = /^(EEEE|FM|MI|PL|PR|RN|SG|SP|TH|[09.,BCDGLSV])/i;

let last: { readonly format: string; readonly template: Template } | undefined;

export function numberTemplate(format: string): Template {
  if (last?.format !== format) last = { format, template: readTemplate(format) };
  return last.template;
}

function partsOf(format: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < format.length; ) {
    if (format[at] === '"') {
      let text = '';
      for (at++; at < format.length && format[at] !== '"'; at++) {
        if (format[at] === '\\' && at + 1 < format.length) at++;
        text += format[at];
      }
      at++;
      for (const character of text) parts.push({ text: character });
      continue;
    }
    const key = keys.exec(format.slice(at, at + 4))?.[0];
    if (key === undefined) {
      if (format[at] === '\\' && format[at + 1] === '"') at++;
      const character = String.fromCodePoint(format.codePointAt(at)!);
      parts.push({ text: character });
      at += character.length;
    } else {
      // Roman numerals and ordinals keep their case.
      parts.push({ key: /^(rn|th)$/.test(key) ? key : key.toUpperCase() });
      at += key.length;
    }
  }
  return parts;
}

function invalid(what: string): Error {
  return runtimeError(what, '42601');
}

function readTemplate(format: string): Template {
  const parts = partsOf(format);
  const has = new Set<string>();
  let [pre, post, multi, zeroStart, zeroEnd, preLsign] = [0, 0, 0, 0, 0, 0];
  let lsign: Template['lsign'] = 'none';
  for (const part of parts) {
    if (!('key' in part)) continue;
    const { key } = part;
    if (has.has('EEEE') && key !== 'EEEE') throw invalid('"EEEE" must be the last pattern used');
    switch (key) {
      case '9':
        if (has.has('PR')) throw invalid('"9" must be ahead of "PR"');
        if (has.has('V')) multi++;
        else if (has.has('.')) post++;
        else pre++;
        break;
      case '0':
        if (has.has('PR')) throw invalid('"0" must be ahead of "PR"');
        if (!has.has('0') && !has.has('.')) {
          has.add('0');
          zeroStart = pre + 1;
        }
        if (has.has('.')) post++;
        else pre++;
        zeroEnd = pre + post;
        break;
      case '.':
      case 'D':
        if (has.has('.')) throw invalid('multiple decimal points');
        if (has.has('V')) throw invalid('cannot use "V" and decimal point together');
        has.add('.');
        break;
      case 'S':
        if (has.has('S')) throw invalid('cannot use "S" twice');
        if (has.has('PL') || has.has('MI') || has.has('PR')) {
          throw invalid('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
        }
        lsign = has.has('.') ? 'post' : 'pre';
        if (!has.has('.')) preLsign = pre;
        has.add('S');
        break;
      case 'MI':
      case 'PL':
        if (has.has('S')) throw invalid(`cannot use "S" and "${key}" together`);
        has.add(key);
        break;
      case 'SG':
        if (has.has('S')) throw invalid('cannot use "S" and "SG" together');
        has.add('MI').add('PL');
        break;
      case 'PR':
        if (has.has('S') || has.has('PL') || has.has('MI')) {
          throw invalid('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
        }
        has.add('PR');
        break;
      case 'V':
        if (has.has('.')) throw invalid('cannot use "V" and decimal point together');
        has.add('V');
        break;
      case 'EEEE':
        if (has.has('EEEE')) throw invalid('cannot use "EEEE" twice');
        if (['FM', 'S', 'PR', 'MI', 'PL', 'RN', 'V', 'B'].some((other) => has.has(other))) {
          throw invalid('"EEEE" is incompatible with other formats');
        }
        has.add('EEEE');
        break;
      default:
        has.add(key.toUpperCase());
    }
  }
  return { parts, pre, post, multi, zeroStart, zeroEnd, lsign, preLsign, has };
}
