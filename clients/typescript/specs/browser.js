// node specs/browser.js URL: the contract in Chromium, from a page of another origin, against the server at
// URL (Development, no rate limits). Prints a line for each spec; ends with 1 unless each has passed once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { specs } from './contract.js';

/** How long all of them may take, in milliseconds. */
const deadline = 150_000;

const url = process.argv[2];
const { outputFiles: [script] } = await build({
  entryPoints: [fileURLToPath(new URL('page.js', import.meta.url))],
  bundle: true, format: 'esm', target: 'es2022', write: false, logLevel: 'error',
});

const passed = new Set();
const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const { name, error, isAll } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    if (!isAll) console.log(error === undefined ? `ok ${name}` : `not ok ${name}\n${error}`);
    if (name !== undefined && error === undefined) passed.add(name);
    response.writeHead(204).end();
    if (isAll) server.emit('all');
  } else if (request.url === '/page.js') {
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script.contents);
  } else {
    const page = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>';
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
  }
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const profile = mkdtempSync(join(tmpdir(), 'chatcqrs-chromium-'));
const page = `http://127.0.0.1:${server.address().port}/?server=${encodeURIComponent(url)}`;
const browser = spawn('chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', `--user-data-dir=${profile}`, page,
], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
let said = '';
browser.stderr.on('data', (bytes) => (said = (said + bytes).slice(-10_000)));
const ended = once(browser, 'exit');
try {
  const signal = AbortSignal.timeout(deadline);
  await Promise.race([
    once(server, 'all', { signal }),
    ended.then(([code]) => Promise.reject(new Error(`Chromium ended with ${code}.`))),
  ]);
} catch (error) {
  console.error(`${error}\n${said}`);
} finally {
  if (browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL'); // With the processes that it has started.
  await ended;
  rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  server.closeAllConnections();
  server.close();
}
const count = Object.keys(specs).length;
console.log(`${passed.size} of ${count} passed`);
process.exitCode = count > 0 && passed.size === count ? 0 : 1;
