import type { Access } from '../../engine/broker/access.ts';
import type { Grant, UserSettings } from '../../engine/broker/catalogue-record.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { WireUser } from './proto.ts';
import type { AdminHandlers } from './service.ts';

/** Access keys. Their secrets are never told. */
export function accessMethods(
  access: Access,
): Pick<AdminHandlers, 'CreateUser' | 'AlterUser' | 'DeleteUser' | 'ListUsers'> {
  return {
    CreateUser: async ({ user = {} }) => {
      const settings = { secretKey: '', admin: false, grants: [], ...settingsOf(user) };
      await access.create(user.access_key ?? '', settings);
      return {};
    },
    AlterUser: async ({ user = {} }) => {
      await access.alter(user.access_key ?? '', settingsOf(user));
      return {};
    },
    DeleteUser: async ({ access_key: accessKey = '' }) => {
      await access.drop(accessKey);
      return {};
    },
    ListUsers: () => ({
      users: access.list().map(({ accessKey, admin, grants }) => ({
        access_key: accessKey,
        admin,
        grants: { list: grants.map(grantText) },
      })),
    }),
  };
}

function settingsOf({ secret_key, admin, grants }: WireUser): Partial<UserSettings> {
  return {
    ...(secret_key === undefined ? {} : { secretKey: secret_key }),
    ...(admin === undefined ? {} : { admin }),
    ...(grants === undefined ? {} : { grants: (grants.list ?? []).map(grantOf) }),
  };
}

/** `KIND:NAME=ACTION,ACTION`; kind topic, group or sql, action publish, subscribe or admin. */
export function grantOf(text: string): Grant {
  const match = /^(topic|group|sql):([^=]+)=([a-z,]+)$/.exec(text);
  const actions = match?.[3]?.split(',') ?? [];
  if (match === null || !actions.every(isAction)) {
    throw new MillraceError('INVALID_ARGUMENT', `"${text}" is not a grant`, {
      hint: 'Write topic:NAME=publish,subscribe or group:NAME*=subscribe or sql:*=admin.',
    });
  }
  return { kind: match[1] as Grant['kind'], name: match[2]!, actions };
}

export function grantText({ kind, name, actions }: Grant): string {
  return `${kind}:${name}=${actions.join(',')}`;
}

function isAction(text: string): text is Grant['actions'][number] {
  return text === 'publish' || text === 'subscribe' || text === 'admin';
}
