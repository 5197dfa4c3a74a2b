import { defineConfig } from 'vitest/config';

// Clocks are fake; the timeout only ends what hangs, also where the machine is busy.
export default defineConfig({ test: { include: ['test/**/*.test.ts'], testTimeout: 30_000 } });
