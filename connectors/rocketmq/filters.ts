import type { MessageFilter } from '../../engine/broker/message-format.ts';
import { tagHashOf } from '../../engine/broker/publisher.ts';
import { compileFilter } from '../../engine/broker/sql92.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { messagesOf } from './message-format.ts';
import { propertiesOf } from './scan.ts';

export interface FilterExpression {
  readonly type?: string;
  readonly expression?: string;
}

/** `undefined` passes every message. Throws ILLEGAL_FILTER (reference rocketmq-v2, 1.18). */
export function filterOf(filter: FilterExpression | undefined): MessageFilter | undefined {
  const expression = filter?.expression?.trim() ?? '';
  if (filter?.type === 'SQL') return sqlFilter(expression);
  if (expression === '' || expression === '*') return undefined;
  if (expression.length > limits.filterLengthMax) {
    throw new MillraceError(
      'ILLEGAL_FILTER',
      `a filter has ${limits.filterLengthMax} characters at most, not ${expression.length}`,
    );
  }
  const tags = new Set(expression.split('||').map((tag) => tag.trim()));
  if ([...tags].some((tag) => tag === '' || tag.includes('|'))) {
    throw new MillraceError('ILLEGAL_FILTER', `not tags joined by ||: "${expression}"`);
  }
  if (tags.has('*')) return undefined;
  return {
    tagHashes: new Set([...tags].map(tagHashOf)),
    passes(entry, index) {
      const { tag } = messagesOf(entry).messages[index]!;
      return tag !== undefined && tags.has(tag);
    },
  };
}

function sqlFilter(expression: string): MessageFilter {
  const passes = compileFilter(expression);
  return {
    tagHashes: undefined,
    passes(entry, index) {
      const { bytes, messages } = messagesOf(entry);
      const message = messages[index]!;
      const properties = propertiesOf(bytes, message);
      return passes((name) => (name === 'TAGS' ? message.tag : properties.get(name)));
    },
  };
}
