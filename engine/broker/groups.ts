import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { GroupCreated, GroupSettings } from './catalogue-record.ts';
import type { SystemTopic } from './system-topic.ts';

export const defaultGroup: GroupSettings = {
  fifo: false,
  broadcast: false,
  maxAttempts: limits.deliveryAttemptsMax,
  start: 'beginning',
};

/** Before a group's name: the group of the server that sends its dead letters back (redrive.ts). */
export const redrivePrefix = '%REDRIVE%';

/** The consumer groups; kept from the system topic. */
export class Groups {
  readonly #systemTopic: SystemTopic;
  readonly #clock: Clock;
  readonly #byName = new Map<string, GroupCreated>();
  /** When the youngest group was made that is gone. */
  #droppedMs = 0;
  /** Groups come into being when a client first uses them. */
  readonly #autoCreate: boolean;

  constructor(systemTopic: SystemTopic, clock: Clock, autoCreate = true) {
    this.#systemTopic = systemTopic;
    this.#clock = clock;
    this.#autoCreate = autoCreate;
    systemTopic.subscribe((record) => {
      if (record.op === 'group-created') this.#byName.set(record.name, record);
      else if (record.op === 'group-dropped') {
        this.#droppedMs = Math.max(this.#droppedMs, this.#byName.get(record.name)?.timeMs ?? 0);
        this.#byName.delete(record.name);
      }
    });
  }

  find(name: string): GroupCreated | undefined {
    return this.#byName.get(name);
  }

  /** Throws GROUP_NOT_FOUND. */
  get(name: string): GroupCreated {
    const group = this.#byName.get(name);
    if (group === undefined) {
      throw new MillraceError('GROUP_NOT_FOUND', `consumer group "${name}" does not exist`, {
        sqlState: '42704',
        hint: `Create it with: CREATE GROUP "${name}".`,
      });
    }
    return group;
  }

  list(): readonly GroupCreated[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The group, made now if need be. Throws GROUP_NOT_FOUND where groups are not made by use. */
  async use(name: string): Promise<GroupCreated> {
    const group = this.#byName.get(name);
    if (group !== undefined) return group;
    checkGroupName(name);
    if (!this.#autoCreate) return this.get(name);
    try {
      await this.create(name, defaultGroup, true);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'DISK_FULL') throw error;
      // Consuming goes on while the disk is full; the group is recorded when it is used later.
      return { op: 'group-created', name, ...defaultGroup, timeMs: this.#clock.nowMs() };
    }
    return this.get(name);
  }

  /** Throws ALREADY_EXISTS, INVALID_ARGUMENT. */
  async create(name: string, settings: GroupSettings, ifNotExists: boolean): Promise<void> {
    checkGroupName(name);
    checkSettings(settings);
    await this.#systemTopic.change((): GroupCreated | undefined => {
      if (!this.#byName.has(name)) {
        // Its handles tell groups of one name apart by the second in which they were made.
        const timeMs = Math.max(this.#clock.nowMs(), this.#droppedMs + 1000);
        return { op: 'group-created', name, ...settings, timeMs };
      }
      if (ifNotExists) return undefined;
      throw new MillraceError('ALREADY_EXISTS', `consumer group "${name}" already exists`, {
        sqlState: '42710',
      });
    });
  }

  /** The settings that are given replace the group's; it keeps its place. */
  async alter(name: string, settings: Partial<GroupSettings>): Promise<void> {
    await this.#systemTopic.change((): GroupCreated => {
      const changed = { ...this.get(name), ...settings };
      checkSettings(changed);
      return changed;
    });
  }

  async drop(name: string): Promise<void> {
    await this.#systemTopic.change(() => {
      this.get(name);
      return { op: 'group-dropped' as const, name };
    });
  }
}

/** RocketMQ's rule for group names, and names that it keeps to itself (reference 1.11). */
export function checkGroupName(name: string): void {
  const isReserved =
    name === 'DEFAULT_CONSUMER' ||
    name.startsWith('CID_RMQ_SYS_') ||
    name.startsWith(redrivePrefix);
  const isLegal = name.length <= limits.groupNameMax && /^[%|a-zA-Z0-9_-]+$/.test(name);
  if (isLegal && !isReserved) return;
  throw new MillraceError(
    'ILLEGAL_GROUP',
    isReserved
      ? `"${name}" is a name of the system`
      : `"${name}" is not a consumer group name: 1 to ${limits.groupNameMax} letters, digits and %|_-`,
  );
}

function checkSettings(settings: GroupSettings): void {
  const { maxAttempts, start, fifo, broadcast, liteQuota = 1 } = settings;
  const quotaMax = limits.liteTopicsOfTopicMax;
  if (!Number.isInteger(liteQuota) || liteQuota < 1 || liteQuota > quotaMax) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `a client of a group has 1 to ${quotaMax} lite topics at most, not ${liteQuota}`,
    );
  }
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > 1000) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `a group delivers a message 1 to 1000 times, not ${maxAttempts}`,
    );
  }
  if (typeof start === 'number' && !(start >= 0)) {
    throw new MillraceError('INVALID_ARGUMENT', `${start} is not a time to start at`);
  }
  if (fifo && broadcast) {
    throw new MillraceError('INVALID_ARGUMENT', 'a group is FIFO or a broadcast, not both');
  }
}
