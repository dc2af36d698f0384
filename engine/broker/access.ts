import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Grant, UserCreated, UserSettings } from './catalogue-record.ts';
import type { SystemTopic } from './system-topic.ts';

export type Action = Grant['actions'][number];
export type ResourceKind = Grant['kind'];

/** What a request needs: one of the actions on the resource. */
export interface Right {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly actions: readonly Action[];
}

/**
 * Access keys and what they may do; kept from the system topic. Secrets are kept as they are: to
 * check a signature the server must know them, so whoever reads the data directory has them.
 */
export class Access {
  readonly #systemTopic: SystemTopic;
  readonly #clock: Clock;
  readonly #byKey = new Map<string, UserCreated>();

  constructor(systemTopic: SystemTopic, clock: Clock) {
    this.#systemTopic = systemTopic;
    this.#clock = clock;
    systemTopic.subscribe((record) => {
      if (record.op === 'user-created') this.#byKey.set(record.accessKey, record);
      else if (record.op === 'user-dropped') this.#byKey.delete(record.accessKey);
    });
  }

  find(accessKey: string): UserCreated | undefined {
    return this.#byKey.get(accessKey);
  }

  /** Throws NOT_FOUND. */
  get(accessKey: string): UserCreated {
    const user = this.#byKey.get(accessKey);
    if (user !== undefined) return user;
    throw new MillraceError('NOT_FOUND', `access key "${accessKey}" does not exist`);
  }

  list(): readonly UserCreated[] {
    return [...this.#byKey.values()].sort((a, b) => (a.accessKey < b.accessKey ? -1 : 1));
  }

  /** Whether somebody may administer the server. */
  hasAdmin(): boolean {
    return this.list().some(({ admin }) => admin);
  }

  /** Throws ALREADY_EXISTS, INVALID_ARGUMENT. */
  async create(accessKey: string, settings: UserSettings): Promise<void> {
    checkUser(accessKey, settings);
    await this.#systemTopic.change((): UserCreated => {
      if (this.#byKey.has(accessKey)) {
        throw new MillraceError('ALREADY_EXISTS', `access key "${accessKey}" already exists`);
      }
      return { op: 'user-created', accessKey, ...settings, timeMs: this.#clock.nowMs() };
    });
  }

  /** What is given replaces what was. Throws NOT_FOUND, INVALID_ARGUMENT. */
  async alter(accessKey: string, settings: Partial<UserSettings>): Promise<void> {
    await this.#systemTopic.change((): UserCreated => {
      const changed = { ...this.get(accessKey), ...settings };
      checkUser(accessKey, changed);
      return changed;
    });
  }

  /** Throws NOT_FOUND. */
  async drop(accessKey: string): Promise<void> {
    await this.#systemTopic.change(() => {
      this.get(accessKey);
      return { op: 'user-dropped' as const, accessKey };
    });
  }
}

/** Throws FORBIDDEN. `admin` on a resource is everything on it; an admin user may everything. */
export function authorize({ accessKey, admin, grants }: UserCreated, right: Right): void {
  if (admin) return;
  const isGranted = grants.some(
    ({ kind, name, actions }) =>
      kind === right.kind &&
      matches(name, right.name) &&
      (actions.includes('admin') || right.actions.some((action) => actions.includes(action))),
  );
  if (isGranted) return;
  const what = right.kind === 'sql' ? 'SQL' : `${right.kind} "${right.name}"`;
  throw new MillraceError(
    'FORBIDDEN',
    `access key "${accessKey}" has no grant to ${right.actions.join(' or ')} on ${what}`,
  );
}

/** A name, or the beginning of names with * behind it. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** A comma and a slash have meanings in the authorization header, a colon in that of Basic. */
function checkUser(accessKey: string, { secretKey, grants }: UserSettings): void {
  if (!/^[a-zA-Z0-9_.@-]{1,64}$/.test(accessKey)) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      'an access key has 1 to 64 letters, digits and _.@-',
    );
  }
  if (secretKey.length < 8 || secretKey.length > 256) {
    throw new MillraceError('INVALID_ARGUMENT', 'a secret key has 8 to 256 characters');
  }
  for (const { name } of grants) {
    if (name !== '' && !/[*]./.test(name)) continue;
    throw new MillraceError('INVALID_ARGUMENT', `"${name}" is no resource: a name, or a name*`);
  }
}
