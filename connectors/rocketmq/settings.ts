import type { GroupSettings } from '../../engine/broker/catalogue-record.ts';
import { defaultGroup } from '../../engine/broker/groups.ts';
import { limits } from '../../platform/limits.ts';
import { type Fields, fromMillis } from './codec.ts';
import type { Named } from './namespace.ts';

/** A client's Settings as decoded; unknown parts are echoed. */
export interface ClientSettings extends Fields {
  readonly client_type?: string;
  readonly publishing?: Fields & { readonly topics?: readonly Named[] };
  readonly subscription?: Fields & {
    readonly group?: Named;
    readonly subscriptions?: readonly { readonly topic?: Named }[];
  };
  readonly access_point?: Fields;
  readonly client_properties?: Readonly<Record<string, string>>;
  readonly user_agent?: { readonly language?: string; readonly version?: string };
}

const retryDelaysMs = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200,
].map((seconds) => seconds * 1000);

/**
 * The server's answer to a client's settings, with what each language needs to start and to behave
 * (reference rocketmq-v2, 1.8, its table of client traps).
 */
export function answerSettings(
  settings: ClientSettings,
  group: GroupSettings = defaultGroup,
): Fields {
  const { maxAttempts, fifo, liteQuota = limits.liteSubscriptionsMax } = group;
  const { language, version } = settings.user_agent ?? {};
  const metric = needsMetric(language, version)
    ? { on: true, endpoints: settings.access_point }
    : { on: false };
  if (settings.publishing !== undefined) {
    return {
      ...settings,
      metric,
      backoff_policy: exponential(3, 10, 1000),
      publishing: {
        ...settings.publishing,
        max_body_size: limits.messageBodyBytesMax,
        validate_message_type: true,
      },
    };
  }
  return {
    ...settings,
    metric,
    // Node's client ignores the customized form, and takes the seconds of this one for ms.
    backoff_policy:
      language === 'NODE_JS'
        ? exponential(maxAttempts, 1_000_000, 7_200_000_000)
        : {
            max_attempts: maxAttempts,
            customized_backoff: { next: retryDelaysMs.map(fromMillis) },
          },
    subscription: {
      ...settings.subscription,
      fifo,
      receive_batch_size: limits.receiveBatchMax,
      // Node's push consumer waits for its long polls when it shuts down.
      long_polling_timeout: fromMillis(language === 'NODE_JS' ? 5000 : 20_000),
      lite_subscription_quota: liteQuota,
      max_lite_topic_size: limits.liteTopicBytesMax,
    },
  };
}

function exponential(attempts: number, initialMs: number, maxMs: number): Fields {
  const backoff = { initial: fromMillis(initialMs), max: fromMillis(maxMs), multiplier: 2 };
  return { max_attempts: attempts, exponential_backoff: backoff };
}

/** Python's client up to 5.1.0 hangs at start-up unless metrics are on. */
function needsMetric(language: string | undefined, version: string | undefined): boolean {
  if (language !== 'PYTHON') return false;
  const [major = 0, minor = 0, patch = 0] = (version ?? '').split('.').map(Number);
  return major < 5 || (major === 5 && (minor < 1 || (minor === 1 && patch === 0)));
}
