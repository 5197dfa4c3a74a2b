import { ChatError } from './errors.js';
import { retried, type Http } from './http.js';
import { backoff } from './backoff.js';
import type { Clock } from './clock.js';
import type { Client } from './parts.js';
import type { NewDevice, TokenAnswer } from './wire.js';

/** How long the server may take to answer a poll, in milliseconds: it waits up to 25 s. */
const pollWithin = 40_000;
/** Tries to reach the server while a link is pending: more than its lifetime of five minutes needs. */
const triesMax = 30;

/** A sign-in that another device of the same person approves. */
export interface DeviceLink<T> {
  /** To be shown as a QR code, and as text. */
  readonly uri: string;
  readonly expiresAt: string;
  /** Rejects with `link_refused`, `link_expired`, or `link_unproven` where somebody approved without the code. */
  readonly approved: Promise<T>;
}

/** What the new device tells of itself; show it to the person before approving. */
export interface LinkRequest {
  readonly device: NewDevice;
  /** Where the request came from; null where the server does not know. */
  readonly address: string | null;
  readonly requested_at: string;
  approve(): Promise<void>;
  refuse(): Promise<void>;
}

interface Created {
  readonly link_id: string;
  readonly secret: string;
  readonly expires_at: string;
}

type Polled = { readonly status: string; readonly proof?: string } & TokenAnswer;

export async function beginLink<T>(
  http: Http, url: string, clock: Clock, random: () => number, device: NewDevice,
  signIn: (answer: TokenAnswer) => Promise<T>, signal?: AbortSignal,
): Promise<DeviceLink<T>> {
  const code = crypto.getRandomValues(new Uint8Array(32));
  const { link_id, secret, expires_at } =
    await http.json<Created>('POST', '/v1/device-links', { body: { device }, signal });
  const wait = async (): Promise<T> => {
    for (;;) {
      const polled = await retried(triesMax, clock, (attempt) => backoff(attempt, random), signal, () =>
        http.json<Polled>('GET', `/v1/device-links/${link_id}`, {
          headers: { Authorization: `Link ${secret}` }, within: pollWithin, signal,
        }),
      );
      if (polled.status === 'pending') continue;
      if (polled.status !== 'approved')
        throw new ChatError(`link_${polled.status}`, `The link was not approved: ${polled.status}.`);
      if (polled.proof !== (await proofOf(link_id, code)))
        throw new ChatError('link_unproven', 'Somebody approved this link without its code.');
      return signIn(polled);
    }
  };
  const approved = wait();
  approved.catch(() => undefined); // Whoever shows the code waits for it.
  const uri = `chatcqrs:link?server=${encodeURIComponent(url)}&id=${link_id}&code=${base64url(code)}`;
  return { uri, expiresAt: expires_at, approved };
}

/** Reads a scanned code. */
export async function readLink(client: Client, uri: string, signal?: AbortSignal): Promise<LinkRequest> {
  const query = new URLSearchParams(uri.slice(uri.indexOf('?') + 1));
  const id = query.get('id');
  const code = bytesOf(query.get('code') ?? '');
  if (!uri.startsWith('chatcqrs:link?') || !id || code.length !== 32)
    throw new ChatError('bad_answer', 'This is no code of a device to be linked.');
  const path = `/v1/device-links/${encodeURIComponent(id)}`;
  const request = await client.json<LinkRequest>('GET', `${path}/request`, { signal });
  const settle = async (body: object) => void (await client.call('POST', `${path}/approval`, { body, signal }));
  return {
    ...request,
    approve: async () => settle({ proof: await proofOf(id, code) }),
    refuse: () => settle({ refuse: true }),
  };
}

/** SHA-256 over the 36 characters of the link's id and the 32 bytes of the code, in base64. */
async function proofOf(id: string, code: Uint8Array): Promise<string> {
  const bytes = new Uint8Array([...new TextEncoder().encode(id), ...code]);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function bytesOf(text: string): Uint8Array {
  if (!/^[\w-]{43}$/.test(text)) return new Uint8Array();
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}
