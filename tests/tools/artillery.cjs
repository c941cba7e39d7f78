// Runs a script for Artillery under Node: users who all come at once, with real requests. As Artillery does, it reads the
// test in one thread, from which nothing but data goes on, and the functions in another. Prints what came of it.
//
//   node artillery.cjs SCRIPT USERS
const { resolve } = require('node:path');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

async function live(flow, hooks, functions, target, emit) {
  const context = { vars: {} };
  const events = { emit };
  const step = (name, ...given) =>
    new Promise((done, fail) => functions[name](...given, (error) => (error ? fail(error) : done())));
  const [first, { loop, whileTrue }] = flow;
  await step(first.function, context, events);
  do {
    for (const one of loop) {
      if (one.function) {
        await step(one.function, context, events);
        continue;
      }
      const request = { method: 'GET', ...one.get };
      await step(hooks.beforeRequest, request, context, events);
      try {
        const answer = await fetch(target + request.url, request);
        await answer.arrayBuffer();
        const response = { statusCode: answer.status, headers: Object.fromEntries(answer.headers) };
        emit('request', request.name, answer.status);
        await step(hooks.afterResponse, request, response, context, events);
      } catch (error) {
        await step(hooks.onError, error, request, context, events);
        return;
      }
    }
  } while (await new Promise((done) => functions[whileTrue](context, done)));
}

async function work({ config, scenarios, users }) {
  const functions = require(config.processor);
  const counters = {};
  const histograms = {};
  const requests = [];
  const emit = (kind, name, value) => {
    if (kind === 'counter') counters[name] = (counters[name] ?? 0) + value;
    else if (kind === 'histogram') (histograms[name] ??= []).push(value);
    else requests.push({ name, status: value });
  };
  const [{ flow, ...hooks }] = scenarios;
  await Promise.all(Array.from({ length: users }, () => live(flow, hooks, functions, config.target, emit)));
  parentPort.postMessage({ config, requests, counters, histograms });
}

if (isMainThread) {
  const [script, users] = process.argv.slice(2);
  const worker = new Worker(__filename, { workerData: { ...require(resolve(script)), users: Number(users) } });
  worker.on('message', (found) => console.log(JSON.stringify(found)));
} else {
  work(workerData);
}
