// node specs/hang.js URL: connects, prints `live`; prints how many milliseconds passed until a line of input was
// followed by a state other than live, then `live again` once it is.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { People } from './people.js';

const people = new People(process.argv[2], { WebSocket });
const ada = await people.person('Ada');
await ada.client.connect();
let hung;
ada.client.on('state', ({ name }) => {
  if (hung && name !== 'live') {
    console.log(`noticed ${Date.now() - hung}`);
    hung = undefined;
  } else if (name === 'live') {
    console.log('live again');
    people.end().then(() => process.exit(0));
  }
});
console.log('live');
createInterface({ input: process.stdin }).once('line', () => (hung = Date.now()));
