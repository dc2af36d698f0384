import type { WireUser } from '../admin/proto.ts';
import { administer, column, type ListOptions, show } from './administer.ts';
import type { CliContext, ExitCode } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import type { TextRow } from './table.ts';

/** What a command line says of an access key; what it does not say stays as it is. */
export interface AclFlags {
  readonly secretKey?: string;
  readonly admin?: boolean;
  readonly grant?: readonly string[];
}

const secretBytes = 24;

export function aclCreate(
  context: CliContext,
  key: string,
  flags: AclFlags,
  endpoint: Endpoint,
): Promise<ExitCode> {
  const made = Buffer.from(context.random.bytes(secretBytes)).toString('base64url');
  const secretKey = flags.secretKey ?? made;
  return administer(context, endpoint, async (admin) => {
    await admin.call('CreateUser', { user: wireUser(key, { ...flags, secretKey }) });
    if (flags.secretKey === undefined) await context.screen.out(`secret key: ${secretKey}\n`);
    await context.screen.out('CREATE ACCESS KEY\n');
  });
}

export function aclAlter(
  context: CliContext,
  key: string,
  flags: AclFlags,
  endpoint: Endpoint,
): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    await admin.call('AlterUser', { user: wireUser(key, flags) });
    await context.screen.out('ALTER ACCESS KEY\n');
  });
}

export function aclDelete(context: CliContext, key: string, endpoint: Endpoint): Promise<ExitCode> {
  return administer(context, endpoint, async (admin) => {
    await admin.call('DeleteUser', { access_key: key });
    await context.screen.out('DELETE ACCESS KEY\n');
  });
}

/** Keys and grants; secrets are told to nobody. */
export function aclList(context: CliContext, options: ListOptions): Promise<ExitCode> {
  return administer(context, options.endpoint, async (admin) => {
    const { users = [] } = await admin.call('ListUsers', {});
    const rows = users.map(({ access_key, admin: isAdmin, grants }) => ({
      access_key: access_key ?? '',
      admin: isAdmin === true,
      grants: grants?.list ?? [],
    }));
    await show(context, options, columns, rows, rowOf);
  });
}

const columns = ['access_key', 'admin', 'grants'].map((name) => column(name));

interface UserRow {
  readonly access_key: string;
  readonly admin: boolean;
  readonly grants: readonly string[];
}

function rowOf({ access_key, admin, grants }: UserRow): TextRow {
  return [access_key, String(admin), grants.join(' ')];
}

function wireUser(key: string, { secretKey, admin, grant }: AclFlags): WireUser {
  return {
    access_key: key,
    ...(secretKey === undefined ? {} : { secret_key: secretKey }),
    ...(admin === undefined ? {} : { admin }),
    ...(grant === undefined ? {} : { grants: { list: grant } }),
  };
}
