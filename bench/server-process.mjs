import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/connectors/cli/main.js', import.meta.url));

/** A server of this build in a process of its own; `more`: arguments behind `server --data`. */
export function startServer(directory, more = []) {
  return startProcess([main, 'server', '--data', directory, '--port', '0', ...more]);
}

/**
 * A Node process that says `listens on <host>:<port>`, or `listens on <port>`. Client and server share
 * the machine's cores. `end` takes the signal that ends it; memory is the resident set (Linux).
 */
export async function startProcess(args) {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (bytes) => {
      output += bytes;
      const match = /listens on (?:\S+:)?(\d+)/.exec(output);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return {
    endpoint: `127.0.0.1:${port}`,
    startMs: performance.now() - began,
    async residentBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
    },
    async end(signal = 'SIGINT') {
      child.removeAllListeners('exit');
      child.kill(signal);
      await once(child, 'exit');
    },
  };
}
