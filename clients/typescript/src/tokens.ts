import type { Clock } from './clock.js';
import { ChatError } from './errors.js';
import type { Http, Request } from './http.js';
import type { Locks } from './locks.js';
import type { Logger } from './logger.js';
import type { ChatStorage } from './storage.js';
import type { ServerCode } from './generated/rest.js';
import type { TokenAnswer } from './wire.js';

/** Who is signed in on this device. */
export interface Session {
  readonly user_id: string;
  readonly device_id: string;
}

interface Tokens extends Session {
  readonly access_token: string;
  readonly refresh_token: string;
  /** Milliseconds since 1970, by this device's clock. */
  readonly expires_at: number;
  /** Milliseconds from its issue to its end. */
  readonly lifetime?: number;
}

/** An access token is refreshed when less than this, or half of its lifetime, is left of it, in milliseconds. */
export const refreshBefore = 60_000;

/** The codes that sign a device out. Any other 401 may be a proxy's or a captive portal's. */
const signedOutCodes: readonly ServerCode[] = ['refresh_token_invalid', 'refresh_token_reused', 'device_signed_out'];

/**
 * The tokens of this device. One refresh runs at a time over all clients of a storage, and looks first whether
 * another one has refreshed already. A new token is stored before it is used: the server repeats its answer to an
 * old refresh token only until then.
 */
export class TokenSource {
  readonly #storage: ChatStorage;
  readonly #http: Http;
  readonly #locks: Locks;
  readonly #clock: Clock;
  readonly #lockName: string;
  readonly #logger: Logger;
  #refused: string | undefined;
  #running: Promise<Tokens> | undefined;

  /** Called when the server refuses this device for good. */
  onSignedOut: () => void = () => undefined;

  constructor(
    storage: ChatStorage, http: Http, locks: Locks, clock: Clock, lockName: string, logger: Logger,
  ) {
    this.#storage = storage;
    this.#http = http;
    this.#locks = locks;
    this.#clock = clock;
    this.#lockName = lockName;
    this.#logger = logger;
  }

  async session(): Promise<Session | undefined> {
    const tokens = await this.#read();
    return tokens && { user_id: tokens.user_id, device_id: tokens.device_id };
  }

  /** The `user_id` of whom the entries of the storage are, also after the server has signed the device out. */
  async owner(): Promise<string | undefined> {
    return ((await this.#storage.get('user')) as string | undefined) ?? (await this.#read())?.user_id;
  }

  async signIn(answer: TokenAnswer): Promise<Session> {
    const tokens = this.#tokensOf(answer);
    await this.#locks.run(this.#lockName, () => this.#storage.set({ tokens, user: tokens.user_id }));
    return { user_id: tokens.user_id, device_id: tokens.device_id };
  }

  /** Empties the storage; a refresh that is under way ends before. */
  empty(): Promise<void> {
    return this.#locks.run(this.#lockName, async () => {
      const entries = await this.#storage.list('');
      await this.#storage.set(Object.fromEntries(entries.map(([key]) => [key, undefined])));
    });
  }

  /**
   * An access token that is good for a while, and when it is to be renewed (milliseconds since 1970).
   * @throws ChatError `signed_out`, or one to try again after.
   */
  async access(): Promise<{ token: string; renewAt: number }> {
    let tokens = await this.#read();
    if (!tokens) throw new ChatError('signed_out', 'Nobody is signed in on this device.');
    if (!this.#isGood(tokens)) {
      this.#running ??= this.#refresh().finally(() => (this.#running = undefined));
      tokens = await this.#running;
    }
    return { token: tokens.access_token, renewAt: renewalOf(tokens) };
  }

  /** The server did not take this access token: the next call of `access` refreshes it. */
  refuse(token: string): void {
    this.#refused = token;
  }

  /** REST with the access token; refreshes once where the server does not take it. */
  async send<T>(run: (http: Http, request: Request) => Promise<T>, request: Request = {}): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const { token } = await this.access();
      request.signal?.throwIfAborted();
      const headers = { ...request.headers, Authorization: `Bearer ${token}` };
      try {
        return await run(this.#http, { ...request, headers });
      } catch (error) {
        if (!(error instanceof ChatError) || error.status !== 401 || attempt > 0) throw error;
        this.refuse(token);
      }
    }
  }

  #isGood(tokens: Tokens): boolean {
    return tokens.access_token !== this.#refused && this.#clock.now() <= renewalOf(tokens);
  }

  #refresh(): Promise<Tokens> {
    return this.#locks.run(this.#lockName, async () => {
      const stored = await this.#read();
      if (!stored) throw new ChatError('signed_out', 'Nobody is signed in on this device.');
      if (this.#isGood(stored)) return stored; // Another tab was faster.
      try {
        const tokens = this.#tokensOf(
          await this.#http.json<TokenAnswer>('POST', '/v1/tokens/refresh', {
            body: { refresh_token: stored.refresh_token },
          }),
        );
        await this.#storage.set({ tokens });
        return tokens;
      } catch (error) {
        if (!(error instanceof ChatError) || !(signedOutCodes as string[]).includes(error.code)) throw error;
        return this.#afterRefusal(stored, error);
      }
    });
  }

  async #afterRefusal(sent: Tokens, cause: ChatError): Promise<Tokens> {
    const stored = await this.#read();
    if (stored && stored.refresh_token !== sent.refresh_token) return stored; // A process without our lock was faster.
    this.#logger.warn?.(`This device was signed out: ${cause.code}`);
    await this.#storage.set({ tokens: undefined, user: sent.user_id });
    this.onSignedOut();
    throw new ChatError('signed_out', cause.detail, { status: 401, traceId: cause.traceId, cause });
  }

  async #read(): Promise<Tokens | undefined> {
    return (await this.#storage.get('tokens')) as Tokens | undefined;
  }

  #tokensOf(answer: TokenAnswer): Tokens {
    const given: Partial<TokenAnswer> | null | undefined = answer; // Of a proxy perhaps.
    const { user_id, device_id, access_token, refresh_token, expires_in } = (given ?? {}) as TokenAnswer;
    const isComplete = [user_id, device_id, access_token, refresh_token].every((member) => typeof member === 'string');
    const lifetime = expires_in * 1000;
    if (!isComplete || !(lifetime > 0)) throw new ChatError('bad_answer', 'The answer has no tokens.');
    const expires_at = this.#clock.now() + lifetime;
    return { user_id, device_id, access_token, refresh_token, expires_at, lifetime };
  }
}

function renewalOf({ expires_at, lifetime = Infinity }: Tokens): number {
  return expires_at - Math.min(refreshBefore, lifetime / 2);
}
