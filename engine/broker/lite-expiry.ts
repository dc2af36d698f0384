import type { Clock, Timer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Store } from '../../storage/store.ts';
import type { Consumers } from './consumers.ts';
import { liteOf } from './lite-topics.ts';
import type { Topics } from './topics.ts';

export interface LiteExpiryOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly consumers: Consumers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Drops lite topics that are empty, that no client has subscribed to, and that nobody has sent
 * anything to for a while. One that has messages stays: its topic's retention says how long, and
 * without any retention for ever.
 */
export class LiteExpiry {
  readonly #options: LiteExpiryOptions;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: LiteExpiryOptions) {
    this.#options = options;
    this.#later();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** One pass. Throws as Store.range and Store.append. */
  async run(): Promise<void> {
    const { store, topics, consumers } = this.#options;
    for (const { topicId, name } of topics.idleLites()) {
      const parent = topics.parentOf(topicId);
      if (this.#isClosed || parent === undefined) continue;
      const isIdle = () => !consumers.lites.hasSubscriber(parent.name, liteOf(name));
      if (!isIdle()) continue;
      const { minOffset, maxOffset } = await store.range(topicId, 0);
      if (minOffset === maxOffset) await topics.expireLite(topicId, isIdle);
    }
  }

  #later(): void {
    const pass = () => {
      this.run()
        .catch((error) => {
          if (this.#isClosed) return;
          const message = 'idle lite topics could not be dropped and will be tried again';
          this.#options.logger.log('warn', message, { error });
        })
        .then(() => {
          if (!this.#isClosed) this.#later();
        });
    };
    this.#timer = this.#options.clock.after(limits.liteExpiryPassMs, pass, { background: true });
  }
}
