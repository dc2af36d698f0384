import type { Command } from 'commander';
import { type AclFlags, aclAlter, aclCreate, aclDelete, aclList } from '../acl-commands.ts';
import type { CliContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import {
  type Exit,
  endpointOption,
  formatOption,
  jsonOption,
  type ListFlags,
  sqlOptions,
} from './options.ts';

type AclOptions = AclFlags & { readonly endpoint: Endpoint };

/** Who may do what on a server with --acl. */
export function addAclCommands(program: Command, context: CliContext, exit: Exit): void {
  const acl = program
    .command('acl')
    .description('access keys and their grants; they count on a server with --acl');
  const settings = (command: Command) =>
    command
      .argument('<access-key>')
      .option('--secret-key <secret>', 'its secret; without it, create makes one and prints it')
      .option('--admin', 'may do everything')
      .option('--no-admin', 'has its grants alone')
      .option(
        '--grant <grant>',
        'topic:NAME=publish,subscribe or group:NAME*=subscribe or sql:*=admin; repeatable, all of them together replace what was',
        (text: string, before: readonly string[] = []) => [...before, text],
      )
      .addOption(endpointOption());
  settings(acl.command('create')).action(async (key: string, options: AclOptions) => {
    const { endpoint, ...flags } = options;
    exit(await aclCreate(context, key, flags, endpoint));
  });
  settings(acl.command('alter')).action(async (key: string, options: AclOptions) => {
    const { endpoint, ...flags } = options;
    exit(await aclAlter(context, key, flags, endpoint));
  });
  acl
    .command('delete')
    .argument('<access-key>')
    .addOption(endpointOption())
    .action(async (key: string, { endpoint }: { endpoint: Endpoint }) => {
      exit(await aclDelete(context, key, endpoint));
    });
  acl
    .command('list')
    .addOption(jsonOption())
    .addOption(endpointOption())
    .addOption(formatOption())
    .action(async (options: ListFlags) => {
      exit(await aclList(context, { ...sqlOptions(options), json: options.json }));
    });
}
