/** What a sender did, in its order of sending. */
export interface SentMessage {
  /** Unique; part of the body. */
  readonly id: string;
  /** Sends one message after the other: its messages keep their order. */
  readonly sender: string;
  readonly body: string;
  /** The send was acknowledged; what was not may be stored or not. */
  acked: boolean;
}

/** What is read back, in the order of offsets. */
export interface StoredMessage {
  readonly offset: number;
  readonly body: string;
}

/** OpenChaos's verdicts (node-craft D.1), each with the messages concerned. */
export interface Verdict {
  /** Acknowledged and not there. */
  readonly lost: readonly string[];
  /** Sent once and there twice. */
  readonly duplicated: readonly string[];
  /** There before a message that its sender sent earlier. */
  readonly reordered: readonly string[];
  /** There, and never sent so. */
  readonly corrupted: readonly string[];
}

/** Compares one queue with what was sent to it. `idOf` takes the id out of a body. */
export function judge(
  sent: readonly SentMessage[],
  stored: readonly StoredMessage[],
  idOf: (body: string) => string,
): Verdict {
  const byId = new Map(sent.map((message, order) => [message.id, { ...message, order }]));
  const found = new Set<string>();
  const lastOfSender = new Map<string, number>();
  const duplicated: string[] = [];
  const reordered: string[] = [];
  const corrupted: string[] = [];
  for (const { body, offset } of stored) {
    const id = idOf(body);
    const message = byId.get(id);
    if (message === undefined || message.body !== body) {
      corrupted.push(`offset ${offset}: ${body.slice(0, 40)}`);
      continue;
    }
    if (found.has(id)) duplicated.push(id);
    found.add(id);
    if (message.order < (lastOfSender.get(message.sender) ?? -1)) reordered.push(id);
    lastOfSender.set(
      message.sender,
      Math.max(message.order, lastOfSender.get(message.sender) ?? 0),
    );
  }
  const lost = sent.filter(({ id, acked }) => acked && !found.has(id)).map(({ id }) => id);
  return { lost, duplicated, reordered, corrupted };
}

/** One line for the log of a run. */
export function verdictText(
  { lost, duplicated, reordered, corrupted }: Verdict,
  sent: readonly SentMessage[],
): string {
  const acked = sent.filter((message) => message.acked).length;
  return (
    `sent ${sent.length}, acked ${acked}: lost ${lost.length}, duplicated ${duplicated.length}, ` +
    `reordered ${reordered.length}, corrupted ${corrupted.length}`
  );
}
