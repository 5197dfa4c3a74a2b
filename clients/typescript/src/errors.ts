import type { ServerCode } from './generated/rest.js';

/** The body of an error answer and of the socket's `error` frames (RFC 9457). */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly trace_id?: string;
  readonly errors?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Codes of the client itself, beside the server's:
 * `network` (no answer), `bad_answer` (no answer of this API), `signed_out`, `cancelled` (a message taken back),
 * `closed` (the client was closed), `overrun` (a reader of events is too slow), `outbox_full`, `frame_too_large`,
 * `link_unproven` (a device link was
 * approved without its code), `link_refused`, `link_expired`, `no_websocket`, `upload_stuck`.
 */
export type ClientCode =
  | 'network'
  | 'bad_answer'
  | 'signed_out'
  | 'cancelled'
  | 'closed'
  | 'overrun'
  | 'outbox_full'
  | 'frame_too_large'
  | 'link_unproven'
  | 'link_refused'
  | 'link_expired'
  | 'no_websocket'
  | 'upload_stuck';

/** A code of the server or of the client. New codes may come: treat an unknown one by its `status`. */
export type ErrorCode = ServerCode | ClientCode | (string & {});

export interface ChatErrorFields {
  readonly status?: number;
  readonly traceId?: string | undefined;
  /** Milliseconds. */
  readonly retryAfter?: number | undefined;
  readonly errors?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly cause?: unknown;
}

/** What every refusal and failure is thrown as. Aborts are not: they stay the signal's reason (`AbortError`). */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  readonly code: ErrorCode;
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** One sentence for a person. */
  readonly detail: string;
  /** The trace in the server's logs. */
  readonly traceId: string | undefined;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter: number | undefined;
  /** For `invalid`: messages by field. */
  readonly errors: Readonly<Record<string, readonly string[]>> | undefined;

  constructor(code: ErrorCode, detail: string, fields: ChatErrorFields = {}) {
    super(`${code}: ${detail}`, { cause: fields.cause });
    this.code = code;
    this.detail = detail;
    this.status = fields.status ?? 0;
    this.traceId = fields.traceId;
    this.retryAfter = fields.retryAfter;
    this.errors = fields.errors;
  }

  /** Whether the same request may succeed later: no answer, 408, 429 or 5xx. */
  get retryable(): boolean {
    return this.code === 'network' || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** @param retryAfter the header `Retry-After`: seconds. */
  static of(problem: Problem, retryAfter?: string | null): ChatError {
    const seconds = retryAfter ? Number(retryAfter) : NaN;
    return new ChatError(problem.code, problem.detail ?? problem.title ?? '', {
      status: problem.status,
      traceId: problem.trace_id,
      errors: problem.errors,
      retryAfter: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    });
  }
}
