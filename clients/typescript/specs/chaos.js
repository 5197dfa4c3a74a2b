// node specs/chaos.js URL EACH: two people send EACH messages to each other while their server is killed again and
// again. A line of input tells that the server is back, as a page is told of its network. Prints `ready`, then
// `acked N` after each acknowledgement, then one line of JSON: what happened.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { People, eventually } from './people.js';

const [url, each] = [process.argv[2], Number(process.argv[3])];
/** Ids in the order in which they went out, of both, with repetitions. */
const onTheWire = [];

class Socket extends WebSocket {
  send(data) {
    const frame = JSON.parse(data);
    if (frame.op === 'send') onTheWire.push(frame.message_id);
    super.send(data);
  }
}

const people = new People(url, { WebSocket: Socket });
const { ada, bob, adas, bobs } = await people.pair();
const states = { signed_out: 0, live: 0 };
for (const { client } of [ada, bob]) client.on('state', ({ name }) => void (states[name] = (states[name] ?? 0) + 1));
const back = createInterface({ input: process.stdin }).on('line', () => {
  for (const { client } of [ada, bob]) client.tryNow();
});
console.log('ready');

let acked = 0;
const sent = [adas, bobs].map((conversation, who) =>
  Array.from({ length: each }, (_, i) => conversation.send(`${who === 0 ? 'Ada' : 'Bob'} ${i}`)));
const acks = [];
for (const outgoing of sent.flat()) {
  outgoing.acked.then((ack) => {
    acks.push(ack);
    console.log(`acked ${++acked}`);
  }, (error) => console.log(`refused ${error.code}`));
}
const isEverywhere = () => [ada, bob].every(({ messages }) => messages.length >= 2 * each);
while (!(acked === 2 * each && isEverywhere())) await new Promise((resolve) => setTimeout(resolve, 100));
await eventually(() => [ada, bob].every(({ client }) => client.state.name === 'live'), 'both are live');

const entries = [];
for (let last; last !== entries.at(-1)?.seq || entries.length === 0; ) {
  last = entries.at(-1)?.seq;
  const page = await adas.timeline({ limit: 200, ...(last !== undefined && { after: last }) });
  entries.push(...page.entries);
}
const stored = entries.filter(({ kind }) => kind === 'message').map(({ message }) => message);
console.log(JSON.stringify({
  states,
  waiting: ada.client.outbox.length + bob.client.outbox.length,
  sent: sent.map((messages) => messages.map(({ id }) => id)),
  acked: acks.map(({ message_id, seq }) => ({ id: message_id, seq })),
  wire: [...new Set(onTheWire)],
  resent: onTheWire.length - new Set(onTheWire).size,
  stored: stored.map(({ message_id, seq, sender_id, text }) => ({ id: message_id, seq, by: sender_id, text })),
  received: [ada, bob].map(({ messages }) => messages.map(({ message_id, seq }) => ({ id: message_id, seq }))),
}));
back.close();
await people.end();
