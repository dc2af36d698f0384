import { createHmac } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { Access } from '../../engine/broker/access.ts';
import type { UserCreated } from '../../engine/broker/catalogue-record.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { isSame, parseDateTime, parseSigned, signatureOf } from './signature.ts';

const minuteMs = 60_000;
/** A clock may be wrong by this much. */
const skewMs = 5 * minuteMs;
/** Most clients write their local time and call it UTC: zones go from UTC-12 to UTC+14. */
const zoneMsMin = -12 * 60 * minuteMs;
const zoneMsMax = 14 * 60 * minuteMs;
const zoneStepMs = 15 * minuteMs;
/** Clients run on when their clocks are set to summer time, and back. */
const summerMs = 60 * minuteMs;
const clientsMax = 100_000;
const tokenMs = 24 * 60 * minuteMs;

/**
 * Who sends a request: by the signature of RocketMQ's clients, by name and secret (Basic, for
 * drivers of Flight SQL), or by a token that was given for them (Bearer).
 *
 * A signature covers the time header alone, and that is local time in most clients (reference
 * rocketmq-v2, 1.5). So the time zone that a client's first request shows is held against its later
 * ones: a signature of more than skewMs ago is refused, also with its client id; but for one of an
 * hour ago, which cannot be told from a clock that was set to winter time. One that is used under
 * another client id within the hours of a time zone cannot be told from a new client; only TLS keeps
 * signatures from being read.
 */
export class Authenticator {
  readonly #access: Access;
  readonly #clock: Clock;
  /** By access key and client id: from UTC to the client's time. */
  readonly #zones = new Map<string, number>();

  constructor(access: Access, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  /** Throws UNAUTHENTICATED. */
  authenticate(metadata: Metadata): UserCreated {
    const header = String(metadata.get('authorization')[0] ?? '');
    if (header === '') throw refused('the request is not signed');
    if (/^Basic /i.test(header)) return this.#basic(header.slice('Basic '.length));
    if (/^Bearer /i.test(header)) return this.#bearer(header.slice('Bearer '.length));
    const signed = parseSigned(header);
    if (signed === undefined) throw refused('the authorization header is of no known form');
    const dateTime = String(metadata.get('x-mq-date-time')[0] ?? '');
    const user = this.user(signed.accessKey);
    if (!isSame(signatureOf(user.secretKey, dateTime), signed.signature)) {
      throw refused(`the signature is not that of access key "${signed.accessKey}"`);
    }
    this.#checkTime(user.accessKey, String(metadata.get('x-mq-client-id')[0] ?? ''), dateTime);
    return user;
  }

  /** For `Authorization: Bearer`, for a day. */
  tokenFor({ accessKey, secretKey }: UserCreated): string {
    const untilMs = this.#clock.nowMs() + tokenMs;
    const name = Buffer.from(accessKey).toString('base64url');
    return `${name}.${untilMs}.${tokenMac(secretKey, name, untilMs).toString('hex')}`;
  }

  /** Who has the key now. Throws UNAUTHENTICATED. */
  user(accessKey: string): UserCreated {
    const user = this.#access.find(accessKey);
    if (user === undefined) throw refused(`access key "${accessKey}" is not known`);
    return user;
  }

  #basic(encoded: string): UserCreated {
    const text = Buffer.from(encoded, 'base64').toString();
    const at = text.indexOf(':');
    const user = this.user(text.slice(0, Math.max(at, 0)));
    const given = createHmac('sha256', 'basic')
      .update(text.slice(at + 1))
      .digest();
    const expected = createHmac('sha256', 'basic').update(user.secretKey).digest();
    if (isSame(given, expected)) return user;
    throw refused(`the secret is not that of access key "${user.accessKey}"`);
  }

  #bearer(token: string): UserCreated {
    const [name = '', until = '', mac = ''] = token.split('.');
    const user = this.user(Buffer.from(name, 'base64url').toString());
    const expected = tokenMac(user.secretKey, name, Number(until));
    if (!isSame(Buffer.from(mac, 'hex'), expected)) throw refused('the token is not ours');
    if (Number(until) > this.#clock.nowMs()) return user;
    throw refused('the token has expired');
  }

  #checkTime(accessKey: string, clientId: string, dateTime: string): void {
    const time = parseDateTime(dateTime);
    if (time === undefined) throw refused(`"${dateTime}" is no time`);
    const offBy = time - this.#clock.nowMs();
    const key = `${accessKey}/${clientId}`;
    const zone = this.#zones.get(key) ?? Math.round(offBy / zoneStepMs) * zoneStepMs;
    const isZone = zone >= zoneMsMin && zone <= zoneMsMax;
    const shifts = [0, -summerMs, summerMs];
    if (!isZone || !shifts.some((shift) => Math.abs(offBy - zone - shift) <= skewMs)) {
      throw refused('the signature is too old, or the clock of the client is wrong');
    }
    this.#zones.delete(key);
    this.#zones.set(key, zone);
    if (this.#zones.size > clientsMax) this.#zones.delete(this.#zones.keys().next().value!);
  }
}

function tokenMac(secretKey: string, name: string, untilMs: number): Buffer {
  return createHmac('sha256', secretKey).update(`${name}.${untilMs}`).digest();
}

function refused(reason: string): MillraceError {
  return new MillraceError('UNAUTHENTICATED', reason);
}
