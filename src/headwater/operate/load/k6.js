/* global __ENV, __VU */
import http from 'k6/http';
import { sleep } from 'k6';
import { Rate, Trend } from 'k6/metrics';

const test = __TEST__;

// `API_URL` names another server with the same rows. `API_TOKENS` holds an access token for each account, in the order
// in which they stand above, with commas between them.
const base = __ENV.API_URL || test.url;
const tokens = (__ENV.API_TOKENS || '').split(',');
test.accounts.forEach((account, index) => {
  if (account.login && !tokens[index]) throw new Error(`API_TOKENS has no token for ${account.login}`);
});

const errors = new Rate('errors');
const timeouts = new Rate('timeouts');
const database = new Trend('database', true);
const TIMED_OUT = 1050; // k6's code of a request that was not answered in time

export const options = {
  scenarios: {
    [test.profile]: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: test.stages.map(({ seconds, users }) => ({ duration: `${Math.round(seconds * 1000)}ms`, target: users })),
      gracefulRampDown: `${test.patience}s`,
      gracefulStop: `${test.patience}s`,
    },
  },
  thresholds: test.thresholds,
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

let turns = 0;

export default function () {
  const index = (__VU - 1) % test.accounts.length;
  const { login, first, later } = test.accounts[index];
  const turn = turns++ ? later[Math.floor(Math.random() * later.length)] : first;
  const headers = { 'Content-Type': 'application/json' };
  if (login) headers.Authorization = `Bearer ${tokens[index]}`;
  for (const [name, url, body] of turn) {
    sleep(-Math.log(1 - Math.random()) * test.pause);
    const answer = http.request(name.split(' ')[0], base + url, body === undefined ? null : JSON.stringify(body), {
      headers,
      tags: { name },
      timeout: `${test.timeout}s`,
    });
    const late = answer.error_code === TIMED_OUT;
    timeouts.add(late);
    errors.add(!late && (answer.status === 0 || answer.status >= 400));
    const told = /\bdb;dur=([\d.]+)/.exec(answer.headers['Server-Timing'] || '');
    if (told) database.add(Number(told[1]));
  }
}
