import { MillraceError } from '../../platform/errors.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export const defaultEndpoint = '127.0.0.1:8081';

/** `HOST:PORT`; an IPv6 address stands in brackets. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new MillraceError('INVALID_ARGUMENT', `not an endpoint: ${text}`, {
      hint: 'Write it as HOST:PORT, for example 127.0.0.1:8081.',
    });
  }
  return { host: (match[1] ?? match[2])!, port: parsePort(match[3]!) };
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new MillraceError('INVALID_ARGUMENT', `not a port: ${text}`);
  }
  return port;
}

export function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
