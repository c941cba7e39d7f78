// Artillery's main thread reads the test from this file, and cannot pass functions on; those who work read them from it.
const { isMainThread } = require('node:worker_threads');

const test = __TEST__;

// `API_URL` names another server with the same rows. `API_TOKENS` holds an access token for each account, in the order
// in which they stand above, with commas between them.
const tokens = (process.env.API_TOKENS || '').split(',');
test.accounts.forEach((account, index) => {
  if (account.login && !tokens[index]) throw new Error(`API_TOKENS has no token for ${account.login}`);
});

const begun = Date.now();
let arrived = 0;

/** How many users there are now. */
function users() {
  let before = 0;
  let at = (Date.now() - begun) / 1000;
  for (const { seconds, users } of test.stages) {
    if (at < seconds) return before + Math.ceil(((users - before) * at) / seconds);
    at -= seconds;
    before = users;
  }
  return 0;
}

/** A user comes: one more than there were. Artillery ends it where a request is not answered. */
function arrive(context, events, done) {
  const index = arrived++ % test.accounts.length;
  Object.assign(context.vars, { index, number: Math.max(1, users()), turns: 0, waiting: [] });
  done();
}

/** Wait, then take the next request of a turn. */
function next(context, events, done) {
  const { vars } = context;
  if (!vars.waiting.length) {
    const { first, later } = test.accounts[vars.index];
    vars.waiting = [...(vars.turns++ ? later[Math.floor(Math.random() * later.length)] : first)];
  }
  vars.sent = vars.waiting.shift();
  setTimeout(done, -Math.log(1 - Math.random()) * test.pause * 1000);
}

function ask(request, context, events, done) {
  const { index, sent } = context.vars;
  const [name, url, body] = sent;
  request.name = name;
  request.method = name.split(' ')[0];
  request.url = url;
  request.headers = { 'content-type': 'application/json' };
  if (body !== undefined) request.body = JSON.stringify(body);
  if (test.accounts[index].login) request.headers.authorization = `Bearer ${tokens[index]}`;
  events.emit('counter', 'bench.sent', 1);
  events.emit('counter', 'bench.timely', users() ? 1 : 0);
  events.emit('counter', 'bench.errors', 0); // so that the figure is there without any
  events.emit('counter', 'bench.timeouts', 0);
  done();
}

function answered(request, response, context, events, done) {
  if (response.statusCode >= 400) events.emit('counter', 'bench.errors', 1);
  const told = /\bdb;dur=([\d.]+)/.exec(response.headers['server-timing'] || '');
  if (told) events.emit('histogram', 'bench.database', Number(told[1]));
  done();
}

function lost(error, request, context, events, done) {
  events.emit('counter', error.code === 'ETIMEDOUT' ? 'bench.timeouts' : 'bench.errors', 1);
  done();
}

/** A user goes when there are fewer than when it came, its turn being over. */
function stays(context, done) {
  done(context.vars.waiting.length > 0 || users() >= context.vars.number);
}

const config = {
  target: process.env.API_URL || test.url,
  phases: test.phases,
  processor: __filename,
  http: { timeout: test.timeout },
  plugins: {
    ensure: { conditions: test.conditions.map((expression) => ({ expression })) },
    'metrics-by-endpoint': { useOnlyRequestNames: true },
  },
};
const scenario = {
  name: test.profile,
  flow: [
    { function: 'arrive' },
    {
      loop: [{ function: 'next' }, { get: { url: '/' } }],
      whileTrue: 'stays',
    },
  ],
  beforeRequest: 'ask',
  afterResponse: 'answered',
  onError: 'lost',
};

module.exports = isMainThread
  ? { config, scenarios: [scenario] }
  : { arrive, next, ask, answered, lost, stays };
