import { MillraceError } from '../../platform/errors.ts';
import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import type { Messaging, StoredMessage } from './services.ts';
import { type TableColumn, type TableStyle, type TextRow, tableLines } from './table.ts';

export interface ShowOptions {
  readonly endpoint: Endpoint;
  /** `undefined`: `auto` on a terminal, else `tsv`. */
  readonly style: TableStyle | undefined;
  /** One JSON object per line instead of a table. */
  readonly json: boolean;
}

export interface FindOptions extends ShowOptions {
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly count: number;
}

/** `millrace topic find`: the newest messages with an id or a key, newest first. */
export function topicFind(
  context: CliContext,
  topic: string,
  options: FindOptions,
): Promise<ExitCode> {
  const { id, key, count } = options;
  return show(context, options, (messaging) => {
    if (id !== undefined) return messaging.find(topic, { id }, count);
    if (key !== undefined) return messaging.find(topic, { key }, count);
    throw new MillraceError('INVALID_ARGUMENT', 'give --id or --key');
  });
}

export interface PeekOptions extends ShowOptions {
  readonly queue: number;
  readonly offset: number | undefined;
  /** Milliseconds since 1970. */
  readonly timeMs: number | undefined;
  readonly count: number;
}

/** `millrace topic peek`: messages of one queue from an offset or a time on; nobody consumes them. */
export function topicPeek(
  context: CliContext,
  topic: string,
  options: PeekOptions,
): Promise<ExitCode> {
  const { queue, count } = options;
  return show(context, options, async (messaging) => {
    const { offset = 0, timeMs } = options;
    const from = timeMs === undefined ? offset : await messaging.offsetAtTime(topic, queue, timeMs);
    return messaging.pull(topic, queue, from, count);
  });
}

async function show(
  { services, screen }: CliContext,
  { endpoint, style, json }: ShowOptions,
  read: (messaging: Messaging) => Promise<readonly StoredMessage[]>,
): Promise<ExitCode> {
  const messaging = services.messaging(endpoint);
  try {
    const messages = await read(messaging);
    if (json) {
      for (const message of messages) await screen.out(`${JSON.stringify(asJson(message))}\n`);
      return 0;
    }
    const shape = style ?? (screen.outIsTerminal ? 'auto' : 'tsv');
    const options = { style: shape, width: screen.width(), color: screen.color };
    for await (const line of tableLines(columns, rowsOf(messages), options)) {
      await screen.out(`${line}\n`);
    }
    return 0;
  } finally {
    await messaging.close();
  }
}

const columns: readonly TableColumn[] = [
  { name: 'queue', alignRight: true },
  { name: 'offset', alignRight: true },
  { name: 'stored', alignRight: false },
  { name: 'id', alignRight: false },
  { name: 'tag', alignRight: false },
  { name: 'keys', alignRight: false },
  { name: 'body', alignRight: false },
];

async function* rowsOf(messages: readonly StoredMessage[]): AsyncGenerator<TextRow> {
  for (const message of messages) {
    yield [
      String(message.queue),
      String(message.offset),
      storedAt(message),
      message.messageId,
      message.tag ?? null,
      message.keys.join(' '),
      new TextDecoder().decode(message.body),
    ];
  }
}

function asJson(message: StoredMessage) {
  const { queue, offset, messageId, tag, keys, properties, body } = message;
  const stored = storedAt(message);
  const head = { queue, offset, stored, id: messageId, tag: tag ?? null, keys, properties };
  try {
    return { ...head, body: new TextDecoder('utf-8', { fatal: true }).decode(body) };
  } catch {
    return { ...head, bodyBase64: Buffer.from(body).toString('base64') };
  }
}

function storedAt({ storeTimeMs }: StoredMessage): string {
  return new Date(storeTimeMs).toISOString();
}
