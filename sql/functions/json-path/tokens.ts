import { runtimeError } from '../function.ts';

/** A piece of a path; `text` of a string and of a variable is what it stands for. */
export interface PathToken {
  readonly kind: 'sign' | 'word' | 'string' | 'variable' | 'number' | 'end';
  readonly text: string;
}

const sign = /\.\*\*|&&|\|\||==|<>|!=|<=|>=|[$@.,*[\](){}?!<>+\-/%]/y;
const space = /(?:\s|\/\*[\s\S]*?\*\/)+/y;
const number =
  /0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[oO][0-7]+(?:_[0-7]+)*|0[bB][01]+(?:_[01]+)*|(?:(?:0|[1-9]\d*(?:_\d+)*)(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?/y;
/** What is no sign and no space; a backslash takes what comes behind it. */
const word = /(?:\\[\s\S]|[^\s?%$.[\]{}()|&!=<>@#,*:\-+/\\"])+/y;
const quoted = /"((?:\\[\s\S]|[^"\\])*)"/y;

/** Throws SQL_RUNTIME 42601. */
export function pathTokens(text: string): readonly PathToken[] {
  const tokens: PathToken[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return undefined;
    at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    if (match(space) !== undefined) continue;
    // After a name a point begins a step: `$.a.5` is none, `.5` alone a number.
    const last = tokens.at(-1);
    const isStep = last !== undefined && text[at] === '.' && endsValue(last);
    const digits = isStep ? undefined : match(number);
    if (digits !== undefined) {
      tokens.push({ kind: 'number', text: plainNumber(digits[0]) });
      match(word);
      if (text.slice(at - 1, at) !== digits[0].at(-1)) throw junk(text);
      continue;
    }
    const string = match(quoted);
    if (string !== undefined) {
      tokens.push({ kind: 'string', text: unescaped(string[1]!) });
      continue;
    }
    if (text[at] === '$') {
      at++;
      const name = match(quoted);
      const bare = name === undefined ? match(word) : undefined;
      if (name !== undefined) tokens.push({ kind: 'variable', text: unescaped(name[1]!) });
      else if (bare !== undefined) tokens.push({ kind: 'variable', text: unescaped(bare[0]) });
      else tokens.push({ kind: 'sign', text: '$' });
      continue;
    }
    const found = match(sign);
    if (found !== undefined) {
      tokens.push({ kind: 'sign', text: found[0] });
      continue;
    }
    const name = match(word);
    if (name === undefined) throw junk(text.slice(at));
    tokens.push({ kind: 'word', text: unescaped(name[0]) });
  }
  return [...tokens, { kind: 'end', text: '' }];
}

function endsValue({ kind, text }: PathToken): boolean {
  return kind === 'sign' ? /^[$@*)\]}]$/.test(text) || text === '.**' : true;
}

function junk(text: string): Error {
  return runtimeError(`syntax error at or near "${text.slice(0, 20)}" of jsonpath input`, '42601');
}

/** As JSON has numbers: decimal, digits on both sides of the point. */
function plainNumber(text: string): string {
  const plain = text.replaceAll('_', '');
  if (/^0[xob]/i.test(plain)) return String(BigInt(plain));
  return plain.replace(/^\./, '0.').replace(/\.(?!\d)/, '');
}

const letters: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** JSON's escapes, and JavaScript's \xHH, \u{H...} and \v. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_, braced?: string, four?: string, two?: string, one?: string) => {
      const code = braced ?? four ?? two;
      if (code === undefined) {
        if (one === 'u' || one === 'x') throw junk(text);
        return letters[one!] ?? one!;
      }
      const point = Number.parseInt(code, 16);
      if (point === 0) throw runtimeError('unsupported Unicode escape sequence', '22P05');
      if (point > 0x10ffff) throw junk(text);
      return String.fromCodePoint(point);
    },
  );
}
