/** What a page tells about the network and its visibility. */
export interface Surroundings {
  online(): boolean;
  visible(): boolean;
  /** Calls back on every change, and on focus. Returns a function that ends it. */
  watch(changed: () => void): () => void;
}

interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** A browser's page; elsewhere always online and visible. */
export function pageSurroundings(): Surroundings {
  const page = globalThis as Target & { document?: Target & { visibilityState?: string } };
  const watched: [Target | undefined, string][] = [
    [page, 'online'],
    [page, 'offline'],
    [page, 'focus'],
    [page.document, 'visibilitychange'],
  ];
  return {
    online: () => (globalThis.navigator as { onLine?: boolean } | undefined)?.onLine !== false,
    visible: () => page.document?.visibilityState !== 'hidden',
    watch(changed) {
      for (const [target, type] of watched) target?.addEventListener?.(type, changed);
      return () => {
        for (const [target, type] of watched) target?.removeEventListener?.(type, changed);
      };
    },
  };
}
