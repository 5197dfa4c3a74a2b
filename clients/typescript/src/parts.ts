import type { Clock } from './clock.js';
import type { Request } from './http.js';
import type { Outbox } from './outbox.js';
import type { Marks } from './receipts.js';
import type { Timeline } from './timeline.js';
import type { Uploads } from './uploads.js';

/** What conversations and the inbox use of a client. */
export interface Client {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly timeline: Timeline;
  readonly reads: Marks;
  readonly uploads: Uploads;
  send(frame: object): boolean;
  json<T>(method: string, path: string, request?: Request): Promise<T>;
  call(method: string, path: string, request?: Request): Promise<Response>;
}
