/** The longest wait between two tries, in milliseconds. */
export const backoffMax = 30_000;

/** Full jitter: a random time up to `min(30 s, 0.5 s * 2^attempt)`, in milliseconds. `attempt` counts from 0. */
export const backoff = (attempt: number, random: () => number): number =>
  random() * Math.min(backoffMax, 500 * 2 ** Math.min(attempt, 16));
