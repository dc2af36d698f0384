import type { CliContext, ExitCode } from './context.ts';
import { endpointText } from './endpoint.ts';
import type { ServerOptions } from './services.ts';

/** Serves until Ctrl-C or SIGTERM, then stops cleanly. */
export async function serverCommand(
  { services, screen, interrupted }: CliContext,
  options: ServerOptions,
): Promise<ExitCode> {
  const server = await services.startServer(options);
  const endpoint = endpointText({ host: options.host, port: server.port });
  const { restored, filled, replayed } = server.state;
  if (restored + filled > 0) {
    const parts = [
      ...(restored > 0 ? [`${restored} restored from the checkpoint`] : []),
      ...(filled > 0 ? [`${filled} built from the log`] : []),
      `${replayed} log entries replayed`,
    ];
    await screen.out(`Relations: ${parts.join(', ')}\n`);
  }
  await screen.out(`Millrace listens on ${endpoint}, data in ${options.dataDirectory}\n`);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener('abort', () => resolve());
  });
  await server.stop();
  return 0;
}
