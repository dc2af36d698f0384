import { type Context, complain } from '../../sql/analyze/context.ts';
import type { AlterTopic, CreateTopic, Drop } from '../../sql/syntax/statement-ast.ts';
import { checkOptions } from './definitions.ts';
import { noTopic } from './show.ts';
import type { SqlEngine } from './sql-engine.ts';
import { retentionOf, retentionOptions } from './topic-options.ts';

/** CREATE, ALTER and DROP TOPIC. All throw SQL_SEMANTIC, and what the broker says. */
type Engine = Pick<SqlEngine, 'catalogue' | 'client'>;

export async function createTopic(
  { client }: Engine,
  context: Context,
  node: CreateTopic,
): Promise<void> {
  checkOptions(context, node.options, ['queues', 'type', ...retentionOptions]);
  const given = (option: string) => node.options.find(({ name }) => name === option)?.value;
  await client.propose({
    op: 'create-topic',
    name: node.name.name,
    queues: Number(given('queues') ?? 4),
    messageType: String(given('type') ?? 'mixed').toUpperCase(),
    ifNotExists: node.ifNotExists,
    retention: retentionOf(context, node.options, {}),
  });
}

export async function alterTopic(
  { catalogue, client }: Engine,
  context: Context,
  node: AlterTopic,
): Promise<void> {
  const { name } = node.name;
  const topic = catalogue.topics.get(name);
  if (topic === undefined) throw noTopic(context, name, node.name.span, catalogue);
  if ('options' in node.change) {
    const { options } = node.change;
    checkOptions(context, options, ['queues', ...retentionOptions]);
    const queues = options.find((option) => option.name === 'queues');
    if (queues !== undefined) {
      await client.propose({ op: 'grow-topic', name, queues: Number(queues.value) });
    }
    if (options.length > (queues === undefined ? 0 : 1)) {
      const retention = retentionOf(context, options, topic);
      await client.propose({ op: 'alter-topic', topicId: topic.topicId, retention });
    }
    return;
  }
  const { queue, partition } = node.change;
  const number = /^p(\d{1,5})$/.exec(partition.name)?.[1];
  if (number === undefined) {
    const message = `"${partition.name}" is not a partition`;
    throw complain(context, partition.span, message, {
      sqlState: '42602',
      hint: 'Partitions are called p0, p1 and so on.',
    });
  }
  const place = { queueId: Number(queue), partition: Number(number) };
  await client.propose({ op: 'move-queue', name, ...place });
}

export async function dropTopics(
  { catalogue, client }: Engine,
  context: Context,
  node: Drop,
): Promise<void> {
  for (const { parts, span } of node.names) {
    const name = parts[0]!.name;
    const topic = catalogue.topics.get(name);
    if (topic === undefined && node.ifExists) continue;
    if (topic === undefined) throw noTopic(context, name, span, catalogue);
    const reader = [...catalogue.nodes.values()].find(
      (item) => item.topicId === topic.topicId || item.targetTopicId === topic.topicId,
    );
    if (reader !== undefined) {
      throw complain(
        context,
        span,
        `cannot drop topic "${name}" because "${reader.relation.name}" depends on it`,
        { code: 'DEPENDENCY', sqlState: '2BP01', hint: `Drop "${reader.relation.name}" first.` },
      );
    }
    await client.propose({ op: 'drop-topic', topicId: topic.topicId });
  }
}
