import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/connectors/cli/main.js', import.meta.url));

/** A Millrace server in a process of its own, started from the build. */
export interface ServerProcess {
  readonly port: number;
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** SIGKILL: nothing in the process gets to run any more. */
  kill(): Promise<void>;
  /** SIGINT: a clean end. Gives the exit code. */
  stop(): Promise<number | null>;
}

export function startServerProcess(
  directory: string,
  port = 0,
  environment: Readonly<Record<string, string>> = {},
  more: readonly string[] = [],
): Promise<ServerProcess> {
  const args = [main, 'server', '--data', directory, '--port', String(port), ...more];
  return startNode(args, environment);
}

/** Any script that serves and says so in the words of `millrace server`. */
export async function startNode(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const bound = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
      const match = /listens on \S+:(\d+)/.exec(stdout);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once('exit', (code) => reject(new Error(`server exited with ${code}: ${stderr}`)));
  });
  const exited = once(child, 'exit');
  return {
    port: bound,
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGINT');
      await exited;
      return child.exitCode;
    },
  };
}
