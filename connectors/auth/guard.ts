import type { Metadata } from '@grpc/grpc-js';
import { type Action, authorize, type Right } from '../../engine/broker/access.ts';
import type { UserCreated } from '../../engine/broker/catalogue-record.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Authenticator } from './authenticator.ts';

/** Says of each request whether it may pass. */
export interface Guard {
  /** Who sends it; `undefined` where nobody is asked. Throws UNAUTHENTICATED. */
  identify(metadata: Metadata): string | undefined;
  /** What may be done by who was identified before. Throws UNAUTHENTICATED, FORBIDDEN. */
  authorize(accessKey: string | undefined, rights: () => readonly Right[]): void;
  /** Both. Throws UNAUTHENTICATED, FORBIDDEN. */
  check(metadata: Metadata, rights: () => readonly Right[]): void;
  /** Only for who may do everything. Throws as `check`. */
  checkAdmin(metadata: Metadata): void;
  /** How much of SQL the sender may do. Throws as `check`. */
  sqlLevel(metadata: Metadata): SqlLevel;
  /** For the password or token that a driver logs in with; `undefined`: everybody may. */
  login(metadata: Metadata): string | undefined;
}

/** `read`: queries; `write`: changes of rows, too; `admin`: everything. */
export type SqlLevel = 'read' | 'write' | 'admin';

/** Without access control. */
export const openGuard: Guard = {
  identify: () => undefined,
  authorize: () => undefined,
  check: () => undefined,
  checkAdmin: () => undefined,
  sqlLevel: () => 'admin',
  login: () => undefined,
};

/** With it. */
export class AccessGuard implements Guard {
  readonly #authenticator: Authenticator;

  constructor(authenticator: Authenticator) {
    this.#authenticator = authenticator;
  }

  identify(metadata: Metadata): string {
    return this.#authenticator.authenticate(metadata).accessKey;
  }

  authorize(accessKey: string, rights: () => readonly Right[]): void {
    const user = this.#authenticator.user(accessKey);
    if (user.admin) return;
    for (const right of rights()) authorize(user, right);
  }

  check(metadata: Metadata, rights: () => readonly Right[]): void {
    this.authorize(this.identify(metadata), rights);
  }

  checkAdmin(metadata: Metadata): void {
    const { admin, accessKey } = this.#authenticator.authenticate(metadata);
    if (admin) return;
    throw new MillraceError('FORBIDDEN', `access key "${accessKey}" is not an admin`);
  }

  sqlLevel(metadata: Metadata): SqlLevel {
    const user = this.#authenticator.authenticate(metadata);
    if (mayUseSql(user, 'admin')) return 'admin';
    if (mayUseSql(user, 'publish')) return 'write';
    authorize(user, { kind: 'sql', name: '*', actions: ['subscribe'] });
    return 'read';
  }

  login(metadata: Metadata): string {
    return this.#authenticator.tokenFor(this.#authenticator.authenticate(metadata));
  }
}

function mayUseSql(user: UserCreated, action: Action): boolean {
  try {
    authorize(user, { kind: 'sql', name: '*', actions: [action] });
    return true;
  } catch {
    return false;
  }
}
