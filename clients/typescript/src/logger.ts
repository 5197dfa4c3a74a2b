/** Where the client tells what it does; `console` fits. It is given neither tokens nor content. */
export interface Logger {
  debug?(text: string, ...more: unknown[]): void;
  warn?(text: string, ...more: unknown[]): void;
  error?(text: string, ...more: unknown[]): void;
}
