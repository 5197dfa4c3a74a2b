// The contract within a page, whose address names the server: every client keeps its entries in IndexedDB. Tells the
// server of the page what came out of each spec, then that these were all.
import { IndexedDbStorage } from '@chatcqrs/client/store';
import { specs } from './contract.js';
import { People } from './people.js';

/** How many specs run at a time. */
const lanes = 4;
/** How long one may take, in milliseconds. */
const deadline = 60_000;

const url = new URLSearchParams(location.search).get('server');
const tell = (what) => fetch('/', { method: 'POST', body: JSON.stringify(what) });
let storages = 0;

async function outcomeOf(name, run) {
  const people = new People(url, {}, () => new IndexedDbStorage(`spec-${storages++}`));
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('It takes too long.')), deadline));
  try {
    await Promise.race([run({ people, url }), late]);
    return { name };
  } catch (error) {
    return { name, error: `${error?.stack ?? error}` };
  } finally {
    await people.end();
  }
}

const waiting = Object.entries(specs);
await Promise.all(Array.from({ length: lanes }, async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) await tell(await outcomeOf(...next));
}));
await tell({ isAll: true });
