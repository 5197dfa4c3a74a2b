// node specs/reset.js URL: two people write, the server loses what was written after `backup`, and they go on. Prints
// `backup` when the loss is to begin, `lose` when everything is written; a line of input answers each. Prints JSON.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { People, eventCame, eventually, textCame } from './people.js';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const people = new People(process.argv[2], { WebSocket });
const { ada, bob, adas, bobs } = await people.pair();
await adas.send('kept').acked;
await textCame(bob, 'kept');
console.log('backup');
await lines.next();
const lost = await adas.send('lost').acked;
await textCame(bob, 'lost');
await eventually(async () => (await ada.storage.get(`seq/${adas.id}`)) === lost.seq, 'its seq is stored');
console.log('lose');
await lines.next();
const reset = await eventCame(bob, 'reset');
await eventCame(ada, 'reset');
await bobs.send('after').acked;
const after = await textCame(ada, 'after');
await textCame(bob, 'after');
const { entries } = await adas.timeline();
console.log(JSON.stringify({
  lost: lost.seq, reset: reset.last_seq, after: after.seq,
  states: [ada.client.state.name, bob.client.state.name],
  stored: entries.flatMap(({ message }) => (message ? [message.text] : [])),
  adas: ada.messages.map(({ text }) => text), bobs: bob.messages.map(({ text }) => text),
}));
await people.end();
process.exit(0);
