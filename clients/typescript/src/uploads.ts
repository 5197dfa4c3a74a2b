import { backoff } from './backoff.js';
import { delay, type Clock } from './clock.js';
import { ChatError } from './errors.js';
import type { Http, Request } from './http.js';
import type { ChatStorage } from './storage.js';
import type { TokenSource } from './tokens.js';

export type FileType = 'image' | 'video' | 'audio' | 'document' | 'encrypted';

export interface UploadOptions {
  /** By default after the file's media type. */
  readonly fileType?: FileType;
  /** By default the file's name. */
  readonly name?: string;
  /**
   * Under which an interrupted upload is found again, also after a reload. By default name, size and time of change
   * where the file has them; a file without goes on only within the same call.
   */
  readonly key?: string;
  readonly onProgress?: (sent: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Bytes of one request: how much is sent again at most after an interruption. */
export const chunkBytes = 1024 * 1024;
/** How many tries without progress end an upload. */
export const triesMax = 10;
/** How long one request may take, in milliseconds. */
const chunkWithin = 120_000;

const tus = { 'Tus-Resumable': '1.0.0' };

/** Resumable uploads: the part of tus 1.0 (https://tus.io/protocols/resumable-upload) that is needed for them. */
export class Uploads {
  readonly #tokens: TokenSource;
  readonly #storage: ChatStorage;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #url: string;

  constructor(tokens: TokenSource, storage: ChatStorage, clock: Clock, random: () => number, url: string) {
    this.#tokens = tokens;
    this.#storage = storage;
    this.#clock = clock;
    this.#random = random;
    this.#url = url;
  }

  /** @returns the `file_id` */
  async upload(file: Blob, options: UploadOptions): Promise<string> {
    const { signal, onProgress } = options;
    const given = file as Blob & { name?: string; lastModified?: number };
    const name = options.name ?? given.name ?? 'file';
    const found = given.name === undefined ? undefined : `${given.name}/${file.size}/${given.lastModified}`;
    const print = options.key ?? found;
    const key = print === undefined ? undefined : `upload/${print}`;
    let path = key && ((await this.#storage.get(key)) as string | undefined);
    let offset = path ? undefined : 0;
    for (let failures = 0, best = 0; ; ) {
      try {
        let answer: Response;
        if (!path) {
          path = await this.#create(file, name, options);
          // Whoever signed out meanwhile leaves nothing behind.
          if (key && (await this.#tokens.session())) await this.#storage.set({ [key]: path });
          offset = 0;
        }
        if (offset === undefined) answer = await this.#send('HEAD', path, { headers: tus, signal });
        else answer = await this.#patch(path, file.slice(offset, offset + chunkBytes), offset, signal);
        offset = Number(answer.headers.get('Upload-Offset'));
        if (offset > best) failures = 0;
        best = Math.max(best, offset);
        onProgress?.(offset, file.size);
        const id = answer.headers.get('Chat-File-Id');
        if (!id) continue;
        if (key) await this.#storage.set({ [key]: undefined });
        return id;
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        const isGone = path !== undefined && (error.status === 404 || error.status === 410);
        const isBehind = error.code === 'upload_offset_mismatch' || error.status === 423;
        if (!error.retryable && !isGone && !isBehind) throw error;
        if (++failures >= triesMax) throw new ChatError('upload_stuck', error.detail, { cause: error });
        if (isGone) path = undefined; // It ended meanwhile: begin anew.
        offset = undefined;
        await delay(this.#clock, Math.max(error.retryAfter ?? 0, backoff(failures, this.#random)), signal);
      }
    }
  }

  async #create(file: Blob, name: string, options: UploadOptions): Promise<string> {
    const answer = await this.#send('POST', '/v1/media/uploads', {
      headers: {
        ...tus,
        'Upload-Length': String(file.size),
        'Upload-Metadata': `file_type ${base64(options.fileType ?? kindOf(file.type))},filename ${base64(name)}`,
      },
      signal: options.signal,
    });
    const location = new URL(answer.headers.get('Location') ?? '', `${this.#url}/v1/media/uploads`);
    return location.pathname.slice(new URL(this.#url).pathname.replace(/\/$/, '').length) + location.search;
  }

  #patch(path: string, bytes: Blob, offset: number, signal: AbortSignal | undefined): Promise<Response> {
    const headers = {
      ...tus, 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream',
    };
    return this.#send('PATCH', path, { headers, bytes, signal, within: chunkWithin });
  }

  #send(method: string, path: string, request: Request): Promise<Response> {
    return this.#tokens.send((http: Http, authorized) => http.send(method, path, authorized), request);
  }
}

function kindOf(type: string): FileType {
  const kind = type.split('/')[0]!;
  return kind === 'image' || kind === 'video' || kind === 'audio' ? kind : 'document';
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
