import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Programs on foreign clients, each in its own language. Their packages go to a folder below
 * node_modules, so that a second run finds them there.
 */
const here = fileURLToPath(new URL('.', import.meta.url));
const cache = join(here, '../../node_modules/.cache/interop');
const python = `${cache}/python/bin/python`;

export interface ForeignClient {
  readonly name: string;
  /** Installs what the program needs; says what is missing if that is not to be had. */
  prepare(): Promise<string | undefined>;
  /** Runs the program; gives the lines that it printed. Rejects when it fails. */
  run(...args: string[]): Promise<readonly string[]>;
}

export const java = (program: string): ForeignClient => ({
  name: `Java: ${program}`,
  prepare: () =>
    firstFailure(
      ['java', '-version'],
      ['mvn', '--version'],
      [
        ...['mvn', '-q', '-B', '-f', `${here}java/pom.xml`],
        ...['dependency:copy-dependencies', `-DoutputDirectory=${cache}/java`],
      ],
    ),
  // Arrow reads memory in a way that Java 17 wants to be asked for.
  run: (...args) =>
    run(
      'java',
      ...['--add-opens=java.base/java.nio=ALL-UNNAMED', '-cp', `${cache}/java/*`],
      `${here}java/${program}.java`,
      ...args,
    ),
});

export const pythonProgram = (program: string): ForeignClient => ({
  name: `Python: ${program}`,
  prepare: () =>
    firstFailure(
      ['python3', '-m', 'venv', `${cache}/python`],
      [python, '-m', 'pip', 'install', '-q', '-r', `${here}python/requirements.txt`],
    ),
  run: (...args) => run(python, `${here}python/${program}.py`, ...args),
});

const manifest = ['--manifest-path', `${here}rust/Cargo.toml`];

export const rust: ForeignClient = {
  name: 'Rust',
  prepare: () => firstFailure(['cargo', '--version'], ['cargo', 'fetch', ...manifest]),
  async run(...args) {
    const target = ['--release', '--target-dir', `${cache}/rust`];
    return run('cargo', 'run', '-q', ...target, ...manifest, '--', ...args);
  },
};

async function firstFailure(
  ...commands: readonly (readonly string[])[]
): Promise<string | undefined> {
  for (const [command, ...args] of commands) {
    try {
      await run(command!, ...args);
    } catch (error) {
      return `not on this machine: ${(error as Error).message}`;
    }
  }
  return undefined;
}

function run(command: string, ...args: string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      errors += bytes.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output.split('\n').filter((line) => line !== ''));
      else {
        const said = `${output}\n${errors}`.trim().slice(-4000);
        reject(new Error(`${command} ${args.join(' ')} ended with ${code}\n${said}`));
      }
    });
  });
}
