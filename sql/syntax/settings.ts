import { parseOptionValue } from './options.ts';
import type { Describe, SetVariable, Show } from './statement-ast.ts';
import { parseTopicName } from './statements.ts';
import type { TokenStream } from './token-stream.ts';

/** `SET name = value`, also `TO`, `SET SESSION` and `TIME ZONE`; DEFAULT is no value. */
export function parseSet(stream: TokenStream): SetVariable {
  const mark = stream.mark();
  stream.expectWord('set');
  const isScope = !stream.isOperator('=', 1) && stream.peek(1).text !== 'to';
  if (isScope && stream.isWord('local')) throw stream.unsupported('SET LOCAL');
  // A setting is one of the session, said or not.
  if (isScope && stream.acceptWord('session') && !stream.isWord('time', 'zone')) {
    const isSetting = stream.isOperator('=', 1) || stream.isOperator('.', 1);
    if (!isSetting && stream.peek(1).text !== 'to') throw stream.unsupported('this SET SESSION');
  }
  if (stream.acceptWord('time', 'zone')) {
    // LOCAL and DEFAULT are the server's, which is UTC.
    const isReset = stream.acceptWord('local') || stream.acceptWord('default');
    const value = isReset ? {} : { value: parseOptionValue(stream) };
    return { kind: 'set', form: 'time zone', name: 'timezone', ...value, span: stream.span(mark) };
  }
  let { name } = stream.label('a setting');
  while (stream.acceptOperator('.')) name += `.${stream.label('a name after "."').name}`;
  if (!stream.acceptOperator('=')) stream.expectWord('to');
  const isDefault = stream.acceptWord('default');
  const value = isDefault ? {} : { value: parseOptionValue(stream) };
  if (stream.isOperator(',')) throw stream.unsupported('a list of values');
  return { kind: 'set', name, ...value, span: stream.span(mark) };
}

/** `RESET name`, `RESET TIME ZONE`, `RESET ALL`: SET to DEFAULT. */
export function parseReset(stream: TokenStream): SetVariable {
  const mark = stream.mark();
  stream.expectWord('reset');
  if (stream.acceptWord('time', 'zone')) {
    return { kind: 'set', form: 'reset', name: 'timezone', span: stream.span(mark) };
  }
  let { name } = stream.label('a setting');
  while (stream.acceptOperator('.')) name += `.${stream.label('a name after "."').name}`;
  return { kind: 'set', form: 'reset', name, span: stream.span(mark) };
}

const showable = [
  'tables',
  'sources',
  'sinks',
  'views',
  'materialized views',
  'indexes',
  'topics',
  'relations',
  'all',
  'columns FROM name',
  'create TABLE name',
  'a setting',
];

export function parseShow(stream: TokenStream): Show {
  const mark = stream.mark();
  stream.expectWord('show');
  if (stream.isWord('columns', 'from')) {
    stream.next();
    stream.next();
    return named(stream, mark, 'columns');
  }
  const create = /^(table|source|view|sink|index|materialized)$/;
  if (stream.isWord('create') && create.test(stream.peek(1).text)) {
    stream.next();
    if (stream.next().text === 'materialized') stream.expectWord('view');
    return named(stream, mark, 'create');
  }
  let what = stream.label(`what to show: ${showable.join(', ')}`).name;
  while (stream.acceptOperator('.')) what += `.${stream.label('a name after "."').name}`;
  while (stream.peek().kind === 'word') what += ` ${stream.next().text}`;
  if (what === 'time zone') what = 'timezone';
  return { kind: 'show', what, span: stream.span(mark) };
}

function named(stream: TokenStream, mark: number, what: string): Show {
  const name = stream.qualifiedName('a name');
  return { kind: 'show', what, name, span: stream.span(mark) };
}

export function parseDescribe(stream: TokenStream): Describe {
  const mark = stream.mark();
  stream.next();
  const topic =
    stream.isWord('topic') && stream.peek(1).kind !== 'end' && !stream.isOperator(';', 1);
  if (topic) stream.next();
  const isKind = stream.isOneOf('table', 'source', 'view', 'materialized');
  if (isKind && ['word', 'quoted'].includes(stream.peek(1).kind)) {
    if (stream.next().text === 'materialized') stream.expectWord('view');
  }
  if (topic && stream.peek().kind === 'string') {
    const name = parseTopicName(stream);
    return {
      kind: 'describe',
      object: 'topic',
      name: { parts: [name], span: name.span },
      span: stream.span(mark),
    };
  }
  const name = stream.qualifiedName('a name');
  return { kind: 'describe', object: topic ? 'topic' : 'relation', name, span: stream.span(mark) };
}
