import type { Clock } from './clock.js';
import { ChatError } from './errors.js';
import type { Http, Request } from './http.js';
import type { Locks } from './locks.js';
import type { Logger } from './logger.js';
import type { ChatStorage } from './storage.js';
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
}

/** An access token is refreshed when less than this is left of it, in milliseconds. */
export const refreshBefore = 60_000;

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

  async signIn(answer: TokenAnswer): Promise<Session> {
    await this.#locks.run(this.#lockName, () => this.#storage.set({ tokens: this.#tokensOf(answer) }));
    return { user_id: answer.user_id, device_id: answer.device_id };
  }

  signOut(): Promise<void> {
    return this.#locks.run(this.#lockName, () => this.#storage.set({ tokens: undefined }));
  }

  /**
   * A token with at least `refreshBefore` left, unless `atLeast` says otherwise.
   * @throws ChatError `signed_out`, or a retryable one.
   */
  async access(atLeast = refreshBefore): Promise<{ token: string; expiresAt: number }> {
    let tokens = await this.#read();
    if (!tokens) throw new ChatError('signed_out', 'Nobody is signed in on this device.');
    if (!this.#isGood(tokens, atLeast)) {
      this.#running ??= this.#refresh(atLeast).finally(() => (this.#running = undefined));
      tokens = await this.#running;
    }
    return { token: tokens.access_token, expiresAt: tokens.expires_at };
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

  #isGood(tokens: Tokens, atLeast: number): boolean {
    return tokens.access_token !== this.#refused && tokens.expires_at - this.#clock.now() >= atLeast;
  }

  #refresh(atLeast: number): Promise<Tokens> {
    return this.#locks.run(this.#lockName, async () => {
      const stored = await this.#read();
      if (!stored) throw new ChatError('signed_out', 'Nobody is signed in on this device.');
      if (this.#isGood(stored, atLeast)) return stored; // Another tab was faster.
      try {
        const tokens = this.#tokensOf(
          await this.#http.json<TokenAnswer>('POST', '/v1/tokens/refresh', {
            body: { refresh_token: stored.refresh_token },
          }),
        );
        await this.#storage.set({ tokens });
        return tokens;
      } catch (error) {
        if (!(error instanceof ChatError) || error.status !== 401) throw error;
        return this.#afterRefusal(stored, error);
      }
    });
  }

  async #afterRefusal(sent: Tokens, cause: ChatError): Promise<Tokens> {
    const stored = await this.#read();
    if (stored && stored.refresh_token !== sent.refresh_token) return stored; // A process without our lock was faster.
    this.#logger.warn?.(`This device was signed out: ${cause.code}`);
    await this.#storage.set({ tokens: undefined });
    this.onSignedOut();
    throw new ChatError('signed_out', cause.detail, { status: 401, traceId: cause.traceId, cause });
  }

  async #read(): Promise<Tokens | undefined> {
    return (await this.#storage.get('tokens')) as Tokens | undefined;
  }

  #tokensOf(answer: TokenAnswer): Tokens {
    const { user_id, device_id, access_token, refresh_token, expires_in } = answer;
    return { user_id, device_id, access_token, refresh_token, expires_at: this.#clock.now() + expires_in * 1000 };
  }
}
