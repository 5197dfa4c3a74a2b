import { delay, type Clock } from './clock.js';
import { ChatError, type Problem } from './errors.js';
import type { Logger } from './logger.js';
import type { ChatStorage } from './storage.js';

/** How long an answer may take, in milliseconds. */
export const answerWithin = 30_000;

export interface Request {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Bytes to send instead of JSON. */
  readonly bytes?: Blob | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole answer; `answerWithin` by default. */
  readonly within?: number;
  /** The deadline is for the answer's headers alone: the body may be large, and only `signal` ends it. */
  readonly isLarge?: boolean;
}

/** REST without tokens: JSON, problems, `Chat-Position`. */
export class Http {
  readonly #url: string;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  readonly #storage: ChatStorage;
  readonly #logger: Logger;
  #position: string | undefined;
  /** Counts the times that the position was forgotten: answers to what was asked before do not bring it back. */
  #epoch = 0;
  #loaded: Promise<void> | undefined;

  constructor(url: string, fetcher: typeof fetch, clock: Clock, storage: ChatStorage, logger: Logger) {
    this.#url = url;
    this.#fetch = fetcher;
    this.#clock = clock;
    this.#storage = storage;
    this.#logger = logger;
  }

  /** Sends a request and returns the answer with a status below 400. */
  async send(method: string, path: string, request: Request = {}): Promise<Response> {
    await (this.#loaded ??= this.#load());
    try {
      return await this.#once(method, path, request, this.#position);
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'position_unknown') throw error;
      await this.forgetPosition(); // The log lost the entry that the position names.
      return this.#once(method, path, request, undefined);
    }
  }

  async json<T>(method: string, path: string, request?: Request): Promise<T> {
    const answer = await this.send(method, path, request);
    if (answer.status === 204 || answer.status === 202 && answer.headers.get('Content-Length') === '0')
      return undefined as T;
    try {
      return (await answer.json()) as T;
    } catch (cause) {
      request?.signal?.throwIfAborted();
      throw new ChatError('network', 'The answer broke off.', { cause });
    }
  }

  forgetPosition(): Promise<void> {
    this.#epoch++;
    return this.#keepPosition(undefined);
  }

  async #load(): Promise<void> {
    const epoch = this.#epoch;
    try {
      const position = (await this.#storage.get('position')) as string | undefined;
      if (epoch === this.#epoch) this.#position ??= position;
    } catch (cause) {
      this.#loaded = undefined; // The next call tries again.
      this.#logger.warn?.('The position cannot be read', cause);
    }
  }

  /** A storage that fails fails no call: the server has carried it out. */
  async #keepPosition(position: string | undefined): Promise<void> {
    this.#position = position;
    try {
      await this.#storage.set({ position });
    } catch (cause) {
      this.#logger.warn?.('The position is not stored', cause);
    }
  }

  async #once(method: string, path: string, request: Request, position: string | undefined): Promise<Response> {
    const headers: Record<string, string> = { ...request.headers };
    if (request.body !== undefined) headers['Content-Type'] = 'application/json';
    if (position && method === 'GET') headers['Chat-Min-Position'] = position;
    const answer = await this.#answer(this.#url + path, method, headers, request);
    if (answer.status < 400) return answer;
    throw ChatError.of(await problemOf(answer), answer.headers.get('Retry-After'));
  }

  async #answer(
    url: string, method: string, headers: Record<string, string>, request: Request,
  ): Promise<Response> {
    const { signal, within = answerWithin } = request;
    const epoch = this.#epoch;
    signal?.throwIfAborted();
    const ending = new AbortController();
    const abort = () => ending.abort(signal!.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const cancel = this.#clock.after(within, () => ending.abort(new ChatError('network', 'There was no answer.')));
    const body = request.bytes ?? (request.body === undefined ? null : JSON.stringify(request.body));
    const init: RequestInit = { method, headers, body, signal: ending.signal, redirect: 'error', credentials: 'omit' };
    try {
      const answer = await (0, this.#fetch)(url, init);
      if (request.isLarge) cancel();
      const reached = answer.headers.get('Chat-Position');
      if (reached && reached !== this.#position && epoch === this.#epoch) await this.#keepPosition(reached);
      return await buffered(answer, ending.signal);
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof ChatError) throw cause;
      throw new ChatError('network', 'The server cannot be reached.', { cause });
    } finally {
      cancel();
      signal?.removeEventListener('abort', abort);
    }
  }
}

/** Runs `run` until it succeeds or fails for good; at most `tries` times. */
export async function retried<T>(
  tries: number, clock: Clock, wait: (attempt: number) => number, signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ChatError) || !error.retryable || attempt + 1 >= tries) throw error;
      await delay(clock, Math.max(error.retryAfter ?? 0, wait(attempt)), signal);
    }
  }
}

/** Reads the body, so that a deadline and an abort hold until its end. */
async function buffered(answer: Response, signal: AbortSignal): Promise<Response> {
  const { status, statusText, headers } = answer;
  let body: ArrayBuffer | null;
  try {
    body = await answer.arrayBuffer();
  } catch (cause) {
    signal.throwIfAborted();
    if (status < 400) throw new ChatError('network', 'The answer broke off.', { cause });
    body = null; // The status says enough.
  }
  return new Response(body?.byteLength ? body : null, { status, statusText, headers });
}

async function problemOf(answer: Response): Promise<Problem> {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === 'string') return { ...problem, status: answer.status };
  } catch {
    // Not of this API: a proxy's page, for example.
  }
  return { status: answer.status, code: 'bad_answer', detail: `The answer ${answer.status} is none of this API.` };
}
