// The page /audit in Chromium, as an auditor uses it. Knows only the wire contract and what people see.
// CHATCQRS_URL: the server, in Development.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const url = process.env.CHATCQRS_URL;
const auditor = '+12025550199';
const compliance = '+12025550198';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const chromiumPath = process.env.PATH.split(delimiter).map((folder) => join(folder, 'chromium')).find(existsSync);
const text = 'The key lies under the <b>mat</b>.';

let browser, page, ada, ben, conversation;
const problems = [];

before(async () => {
  [ada, ben] = [await register(phone(), 'Ada'), await register(phone(), 'Ben')];
  const sent = await call('POST', '/v1/messages', ada, { message_id: crypto.randomUUID(), receiver_id: ben.user_id, type: 'text', text });
  conversation = sent.conversation_id;
  await call('POST', '/v1/messages', ben, { message_id: crypto.randomUUID(), receiver_id: ada.user_id, type: 'text', text: 'I see.' });
  browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => problems.push(`error on the page: ${error.message}`));
  page.on('console', (said) => said.type() === 'error' && problems.push(`console: ${said.text()}`));
});

after(() => browser?.close());

test('an auditor signs in', async () => {
  await page.goto(`${url}/audit`);
  await isAccessible();
  await page.getByLabel('Your phone number').fill(auditor);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Find a conversation' }).waitFor();
});

test('finds a conversation by a person', async () => {
  await page.getByLabel('Person').fill(ada.user_id);
  await eventually(async () => {
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('button', { name: conversation }).waitFor({ timeout: 2_000 });
  });
  assert.match(await page.getByRole('row').filter({ hasText: conversation }).innerText(), /Ada, Ben|Ben, Ada/u);
  await isAccessible();
});

test('goes through its history, and sees no content', async () => {
  await page.getByRole('button', { name: conversation }).click();
  await stateIs(2);
  assert.equal(await page.locator('#entries li').count(), 2);
  assert.equal(await page.getByText('Sealed: it opens within an approved matter.').count(), 2);
  assert.ok(!(await page.content()).includes('The key lies'), 'Content is shown outside of a matter.');

  await page.getByRole('button', { name: 'One back' }).click();
  await stateIs(1);
  assert.equal(await page.locator('#entries li').count(), 1);
  await page.getByRole('slider').focus();
  await page.keyboard.press('Home');
  await stateIs(0);
  assert.equal(await page.locator('#entries li').count(), 0);
  await page.getByRole('button', { name: 'Newest' }).click();
  await stateIs(2);
  await isAccessible();
});

test('is told why a moment cannot be shown', async () => {
  await page.getByLabel('or a time').fill('2999-01-01T00:00:00');
  problems.length = 0;
  await page.getByRole('button', { name: 'Go to that time' }).click();
  await page.getByRole('alert').waitFor();
  problems.length = 0; // Chromium logs every answer of 400.
  await page.getByRole('button', { name: 'Newest' }).click();
  await stateIs(2);
  assert.ok(await page.getByRole('alert').isHidden());
});

test('verifies it', async () => {
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.locator('#verified').getByText('The hash chain is whole.').waitFor();
  await isAccessible();
});

test('asks for a matter, and reads once another has approved it', async () => {
  const title = `Lost key ${crypto.randomUUID()}`;
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Reason').fill('A report of theft.');
  await page.getByLabel('The matter ends').fill(new Date(Date.now() + 86_400_000).toISOString().slice(0, 19));
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('option', { name: `${title} (pending)` }).waitFor({ state: 'attached' });

  const approver = await register(compliance, 'Cleo');
  const { matters } = await call('GET', '/v1/audit/matters', await register(auditor, 'Audra'));
  const { matter_id } = matters.find((matter) => matter.title === title);
  await call('POST', `/v1/audit/matters/${matter_id}/approval`, approver, { approve: true });

  await page.getByRole('button', { name: conversation }).click();
  await page.getByRole('option', { name: `${title} (approved)` }).waitFor({ state: 'attached' });
  await page.locator('#matter').selectOption(matter_id); // Its label's text has that of the options, too.
  await page.locator('#entries').getByText(text, { exact: true }).waitFor();
  assert.equal(await page.locator('#entries b').count(), 0, 'What people wrote was read as HTML.');
  await isAccessible();
});

test('downloads an export', async () => {
  await page.getByRole('button', { name: 'Make an export' }).click();
  const file = page.getByRole('button', { name: 'Download the file' });
  await file.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), file.click()]);
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
  await isAccessible();
});

test('can use it on a telephone, and in the dark', async () => {
  await page.setViewportSize({ width: 360, height: 800 });
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await isAccessible();
});

test('signs out', async () => {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(problems, []);
});

function stateIs(seq) {
  return page.waitForFunction((wanted) => document.getElementById('moment-said').textContent.startsWith(`${wanted} of `)
    && document.getElementById('entries').childElementCount === wanted, seq);
}

/** No finding of axe, up to level AA of WCAG 2.2. */
async function isAccessible() {
  // The policy of the page forbids scripts of others: this one comes in by the debugger.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  assert.deepEqual(violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.html) })), []);
}

async function register(number, name) {
  const begun = await call('POST', '/v1/registrations', undefined, { phone: number, name });
  const device = { name: 'Test', platform: 'web' };
  return call('POST', `/v1/registrations/${begun.registration_id}/verification`, undefined, { code: begun.code, device });
}

async function call(method, path, person, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (person) headers.Authorization = `Bearer ${person.access_token}`;
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const read = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${read}`);
  return read && JSON.parse(read);
}

function phone() {
  return `+88${Array.from(crypto.getRandomValues(new Uint8Array(13)), (byte) => byte % 10).join('')}`;
}

async function eventually(attempt) {
  for (const end = Date.now() + 20_000; ;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
