import { expect, test } from 'vitest';
import { Fate, Sent } from '../../../connectors/client/sent.ts';

const acknowledged = { id: '00', offsets: [7] };

test('the handler of a failed batch is called once for each message, whoever looks at it', async () => {
  const fate = new Fate();
  const errors: unknown[] = [];
  const caught = [0, 1, 2].map((place) =>
    new Sent(fate, place).catch((error) => {
      errors.push([place, error]);
      return place;
    }),
  );
  const early = caught[1]!.then((value) => value);
  fate.reject('lost');
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors.toSorted()).toEqual([0, 1, 2].map((place) => [place, 'lost']));
  expect(await Promise.all([...caught, early])).toEqual([0, 1, 2, 1]);
  expect(errors).toHaveLength(3);
});

test('a handler given after the failure is called, too', async () => {
  const fate = new Fate();
  fate.known.catch(() => undefined);
  fate.reject('lost');
  let error: unknown;
  new Sent(fate, 0).catch((reason) => {
    error = reason;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(error).toBe('lost');
});

test('of an acknowledged batch no handler is called, and each message has its receipt', async () => {
  const fate = new Fate();
  const fail = () => expect.unreachable();
  const before = new Sent(fate, 1).catch(fail);
  fate.resolve(acknowledged);
  const after = new Sent(fate, 1).catch(fail);
  const { messageId } = await new Sent(fate, 1);
  expect(await before).toMatchObject({ messageId, offset: 8 });
  expect(await after).toMatchObject({ messageId });
  expect((await new Sent(fate, 2)).messageId).not.toBe(messageId);
});

test('what a handler throws is the error of what catch gave', async () => {
  const fate = new Fate();
  const caught = new Sent(fate, 0).catch(() => {
    throw new Error('another');
  });
  let isDone = false;
  const seen = expect(caught.finally(() => (isDone = true))).rejects.toThrow('another');
  fate.reject('lost');
  await seen;
  expect(isDone).toBe(true);
  await expect(caught.catch((error: Error) => error.message)).resolves.toBe('another');
});
