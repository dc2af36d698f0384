import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GroupCalls } from '../../../connectors/client/group-calls.ts';
import { PushConsumer, type ReceivedMessage } from '../../../connectors/client/index.ts';
import type { Delivery } from '../../../connectors/client/message.ts';
import { Session } from '../../../connectors/client/session.ts';

/** A push consumer whose server is the test: it answers each request for messages by hand. */
class Server {
  /** Requests for messages that were not answered. */
  readonly waiting: ((answer: readonly Delivery[]) => void)[] = [];
  readonly acked: string[] = [];
  readonly givenBack: string[] = [];
  asked = 0;
  /** False: an answer that is on its way comes in spite of it. */
  endsAtAbort = true;
  isFifo = false;

  constructor() {
    vi.spyOn(Session.prototype, 'open').mockImplementation(async () => ({
      fifo: this.isFifo,
      retryMs: () => 1000,
    }));
    vi.spyOn(Session.prototype, 'close').mockImplementation(async () => undefined);
    vi.spyOn(GroupCalls.prototype, 'receive').mockImplementation(({ signal }) => {
      this.asked++;
      return new Promise((resolve) => {
        signal?.addEventListener('abort', () => this.endsAtAbort && resolve([]));
        this.waiting.push(resolve);
      });
    });
    vi.spyOn(GroupCalls.prototype, 'ack').mockImplementation(async (_, handles) => {
      this.acked.push(...handles);
      return handles.map(() => undefined);
    });
    vi.spyOn(GroupCalls.prototype, 'changeInvisible').mockImplementation(
      async (_topic, handle, ms, isGivenBack) => {
        if (ms === 0 && isGivenBack === true) this.givenBack.push(handle);
        return handle;
      },
    );
  }

  /** Answers the oldest request, with messages of these names. */
  async answer(...names: readonly string[]): Promise<void> {
    await until(() => expect(this.waiting.length).toBeGreaterThan(0));
    this.waiting.shift()!(names.map((name) => ({ messages: [message(name)], handle: undefined })));
  }
}

function message(name: string): ReceivedMessage {
  return {
    ...{ topic: 't', messageId: name, body: Buffer.from(name), tag: undefined, keys: [] },
    ...{ properties: {}, messageGroup: name.split('/')[1], liteTopic: undefined, queue: 0 },
    ...{ offset: 0, attempt: 1, bornTimeMs: 0, storeTimeMs: 0, receiptHandle: name },
  };
}

const names = (count: number, group = '') =>
  Array.from({ length: count }, (_, i) => `m${i}${group}`);

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const until = (check: () => void) => vi.waitFor(check, { interval: 1, timeout: 60_000 });

let server: Server;
let consumer: PushConsumer | undefined;
/** Ends the calls that are held, and those that still come: a test that failed leaves some. */
const releases: (() => void)[] = [];
beforeEach(() => {
  server = new Server();
});
afterEach(async () => {
  for (const release of releases.splice(0)) release();
  await consumer?.close();
  consumer = undefined;
  vi.restoreAllMocks();
});

async function started(
  listener: (message: ReceivedMessage) => void | Promise<void>,
  options: { concurrency?: number; onError?: () => void; onAcknowledged?: () => void } = {},
): Promise<PushConsumer> {
  const subscriptions = { t: '*' };
  const given = { endpoint: '127.0.0.1:1', group: 'g', subscriptions, listener, ...options };
  consumer = new PushConsumer(given);
  await consumer.start();
  return consumer;
}

/** A listener whose calls end when they are told to. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  let isOver = false;
  const listener = ({ messageId }: ReceivedMessage) => {
    begun.push(messageId);
    if (isOver) return undefined;
    return new Promise<void>((resolve) => ends.set(messageId, resolve));
  };
  const endAll = () => {
    for (const end of ends.values()) end();
    ends.clear();
  };
  releases.push(() => {
    isOver = true;
    endAll();
  });
  return { begun, listener, endAll };
}

describe('requests for messages', () => {
  test('become several while answers come full, and one is always left', async () => {
    await started(() => undefined);
    await server.answer(...names(32));
    await until(() => expect(server.waiting).toHaveLength(2));
    // Both end in the same turn.
    await Promise.all([server.answer('a'), server.answer('b')]);
    await until(() => expect(server.asked).toBe(3));
    await server.answer('c');
    await until(() => expect(server.acked).toEqual([...names(32), 'a', 'b', 'c']));
  });

  test('go on until as many calls hang as there may be', async () => {
    const { begun, listener, endAll } = held();
    await started(listener, { concurrency: 16 });
    for (const name of names(16)) await server.answer(name);
    await until(() => expect(begun).toEqual(names(16)));
    await turns();
    expect(server.waiting).toHaveLength(0);
    endAll();
    await until(() => expect(server.waiting).toHaveLength(1));
    expect(server.acked).toEqual(names(16));
  });

  test('wait while messages wait for a call of the listener', async () => {
    const { begun, listener, endAll } = held();
    await started(listener, { concurrency: 4 });
    await server.answer(...names(32));
    for (let done = 4; done <= 32; done += 4) {
      await until(() => expect(begun).toHaveLength(done));
      await turns();
      expect(server.asked).toBe(1);
      endAll();
    }
    await until(() => expect(server.asked).toBe(2));
  });
});

test('no more calls are under way than there may be, in message groups as well', async () => {
  server.isFifo = true;
  const { begun, listener, endAll } = held();
  await started(listener, { concurrency: 3 });
  await server.answer(...names(12).map((name, i) => `${name}/g${i}`));
  for (let done = 3; done <= 12; done += 3) {
    await until(() => expect(begun).toHaveLength(done));
    await turns();
    expect(begun).toHaveLength(done);
    endAll();
  }
  await until(() => expect(server.acked).toHaveLength(12));
});

describe('a consumer that closes', () => {
  test('finishes what was begun, and gives back the rest', async () => {
    const { begun, listener, endAll } = held();
    const closing = await started(listener, { concurrency: 2 });
    await server.answer(...names(32));
    await until(() => expect(begun).toHaveLength(2));
    const closed = closing.close();
    await turns();
    endAll();
    await closed;
    expect(begun).toHaveLength(2);
    expect(server.acked).toEqual(names(2));
    expect(server.givenBack).toEqual(names(32).slice(2));
  });

  test('gives back what is behind in a message group, and a batch as a whole', async () => {
    server.isFifo = true;
    server.endsAtAbort = false;
    const { begun, listener, endAll } = held();
    const closing = await started(listener);
    const [first, ...behind] = names(5, '/g');
    await server.answer(first!, ...behind);
    await until(() => expect(server.waiting).toHaveLength(1));
    const closed = closing.close();
    await turns();
    server.waiting.shift()!([{ messages: names(3, '/h').map(message), handle: 'batch' }]);
    endAll();
    await closed;
    expect(begun).toEqual([first]);
    expect(server.acked).toEqual([first]);
    expect(server.givenBack.toSorted()).toEqual(['batch', ...behind].toSorted());
  });
});

test('callbacks that throw change nothing', async () => {
  const failing = () => {
    throw new Error('a fault of the application');
  };
  const onError = vi.fn(failing);
  await started(({ messageId }) => (messageId === 'bad' ? failing() : undefined), {
    ...{ onError, onAcknowledged: failing },
  });
  await server.answer('bad', 'good');
  await until(() => expect(server.acked).toEqual(['good']));
  await server.answer('next');
  await until(() => expect(server.acked).toEqual(['good', 'next']));
  // Of the message, and of each of the acknowledgements.
  expect(onError).toHaveBeenCalledTimes(3);
});
