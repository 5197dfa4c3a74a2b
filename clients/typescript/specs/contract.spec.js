// node --test specs: the contract in Node.js, against the server at CHATCQRS_URL (Development, no rate limits).
import { test } from 'node:test';
import WebSocket from 'ws';
import { specs } from './contract.js';
import { People } from './people.js';

const url = process.env.CHATCQRS_URL;
if (!url) throw new Error('CHATCQRS_URL names no server.');

test('contract', { concurrency: 4 }, async (list) => {
  await Promise.all(Object.entries(specs).map(([name, run]) =>
    list.test(name, { timeout: 60_000 }, async () => {
      const people = new People(url, { WebSocket });
      try {
        await run({ people, url });
      } finally {
        await people.end();
      }
    })));
});
