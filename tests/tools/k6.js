// Runs a script for k6 under Node: users who each do some iterations, one after the other, with real requests and no
// pauses. Prints what the script asks k6 for, and what came of it. The modules of k6 are in `node_modules`, from here.
//
//   node k6.js SCRIPT USERS ITERATIONS
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';

const [script, users, iterations] = process.argv.slice(2);
const found = { requests: [], pauses: [], metrics: {} };

const modules = {
  index: 'export const { sleep } = globalThis.k6;',
  http: 'export default { request: globalThis.k6.request };',
  metrics: 'export const { Rate, Trend } = globalThis.k6;',
};
const folder = join(dirname(resolve(script)), 'node_modules', 'k6');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(modules)) writeFileSync(join(folder, `${name}.js`), text);
const exports = { '.': './index.js', './http': './http.js', './metrics': './metrics.js' };
writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'k6', type: 'module', exports }));

// k6's requests do not return before they are answered: a thread makes them, and this one waits for it.
const flag = new Int32Array(new SharedArrayBuffer(4));
const { port1, port2 } = new MessageChannel();
const thread = new Worker(
  `const { workerData: { flag, port } } = require('node:worker_threads');
   port.on('message', async ({ method, url, body, headers }) => {
     let answer = { status: 0, error_code: 1212, headers: {} };
     try {
       const got = await fetch(url, { method, body, headers });
       await got.arrayBuffer();
       const named = [...got.headers].map(([name, value]) =>
         [name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()), value]);
       answer = { status: got.status, error_code: 0, headers: Object.fromEntries(named) };
     } catch {}
     port.postMessage(answer);
     Atomics.store(flag, 0, 1);
     Atomics.notify(flag, 0);
   });`,
  { eval: true, workerData: { flag, port: port2 }, transferList: [port2] },
);

class Metric {
  constructor(name) {
    this.samples = found.metrics[name] ??= [];
  }
  add(value) {
    this.samples.push(Number(value));
  }
}

globalThis.__ENV = process.env;
globalThis.k6 = {
  Rate: Metric,
  Trend: Metric,
  sleep: (seconds) => found.pauses.push(seconds),
  request(method, url, body, { headers, tags, timeout }) {
    Atomics.store(flag, 0, 0);
    port1.postMessage({ method, url, body, headers });
    Atomics.wait(flag, 0, 0);
    const answer = receiveMessageOnPort(port1).message;
    found.requests.push({ name: tags.name, status: answer.status, timeout });
    return answer;
  },
};

let options;
for (let user = 1; user <= Number(users); user++) {
  globalThis.__VU = user;
  const own = await import(`${pathToFileURL(resolve(script))}?${user}`); // each user has the script to itself
  const iterate = own.default;
  options = own.options;
  for (let turn = 0; turn < Number(iterations); turn++) iterate();
}
await thread.terminate();
console.log(JSON.stringify({ options, ...found }));
