import type { Identifier } from './ast.ts';
import { parseOptionList } from './options.ts';
import type { AlterTopic } from './statement-ast.ts';
import { parseTopicName } from './statements.ts';
import type { TokenStream } from './token-stream.ts';

/** `ALTER TOPIC name SET (option = value, ...)` or `MOVE QUEUE number TO partition`. */
export function parseAlterTopic(stream: TokenStream): AlterTopic {
  const mark = stream.mark();
  stream.expectWord('alter');
  stream.expectWord('topic');
  const name = parseTopicName(stream);
  const change = stream.acceptWord('set')
    ? { options: parseOptionList(stream) }
    : parseMove(stream);
  return { kind: 'alter-topic', name, change, span: stream.span(mark) };
}

function parseMove(stream: TokenStream): { queue: string; partition: Identifier } {
  if (!stream.acceptWord('move')) throw stream.expected('SET or MOVE QUEUE');
  stream.expectWord('queue');
  if (stream.peek().kind !== 'integer') throw stream.expected('the number of a queue');
  const queue = stream.next().text;
  stream.expectWord('to');
  return { queue, partition: stream.identifier('a partition') };
}
