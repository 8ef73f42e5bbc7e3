// SPDX-License-Identifier: Apache-2.0
// Endpoints of skills paid in the call, by x402 on the local chain: the price that was told,
// the share, and what a payer gets back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { json, nano, usd } from './lib.mjs';
import { agree, calm, closeWorld, credit, funded, openWorld, pay, payment, required, seller, until, upstream } from './paying.mjs';

let g;
const where = '/v1/skills/weather-lab/rain-maps/rain';

before(async () => {
  await openWorld();
  g = await seller({ skills: { platform_share: '10%', review: 'findings', allow_private: true } });
  const folder = path.join(g.dir, 'rain-maps');
  g.run('publisher', 'create', 'weather-lab');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'SKILL.md'), '---\nname: rain-maps\ndescription: Where it rains.\n---\nAsk for /rain.\n');
  g.run('skill', 'publish', folder, '--publisher', 'weather-lab', '--version', '1.0.0');
});

after(closeWorld);

function offer(endpoint) {
  const file = path.join(g.dir, 'endpoints.yaml');
  fs.writeFileSync(file, JSON.stringify({ base_url: upstream.url, endpoints: [{ method: 'GET', path: '/rain', ...endpoint }] }));
  const set = g.run('skill', 'offer', 'weather-lab/rain-maps', '--endpoints', file);
  if (set.pending) g.run('skill', 'offer', 'weather-lab/rain-maps', '--accept');
}

const earned = () => nano(g.run('publisher', 'show', 'weather-lab').earnings.earned);

test('D26: who was told a price pays it, though it has changed since', async () => {
  calm();
  const payer = await funded();
  offer({ price: '0.01' });
  const told = await required(g, where);
  assert.equal(told.accepts[0].amount, '10000');
  offer({ price: '0.30' });
  const r = await pay(g, where, await payment(payer, told));
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal(r.headers['x-octroi-cost'], '0.010000000');
  await until('the share', () => earned() === nano('0.009'));
  await agree(g);
  // And one who comes now is told the lower one, for the life of a quote.
  assert.equal((await required(g, where)).accepts[0].amount, '10000');
});

test('a price that fell is what is taken: the rest is the payer\'s', async () => {
  calm();
  const payer = await funded();
  const before = earned();
  offer({ price: '0.01' });
  const told = await required(g, where);
  offer({ price: '0.004' });
  const r = await pay(g, where, await payment(payer, told));
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal(r.headers['x-octroi-cost'], '0.004000000');
  await until('the credit', () => credit(g, payer) === nano('0.006'));
  assert.equal(usd(earned() - before), usd(nano('0.0036')));
  await agree(g);
});

test('units that were not used are credited, and a failed call wholly', async () => {
  calm();
  const payer = await funded();
  const before = earned();
  offer({ price: '0.001', unit: { of: 'rows', price: '0.001', max: 3 } });
  const told = await required(g, where);
  assert.equal(told.accepts[0].amount, '4000');
  upstream.handle = (req, res) => json(res, 200, [1]);
  const r = await pay(g, where, await payment(payer, told));
  assert.equal(r.headers['x-octroi-cost'], '0.002000000');
  await until('the credit', () => credit(g, payer) === nano('0.002'));
  upstream.handle = (req, res) => json(res, 500, {});
  assert.equal((await pay(g, where, await payment(payer, await required(g, where)))).status, 500);
  await until('all of it', () => credit(g, payer) === nano('0.006'));
  assert.equal(usd(earned() - before), usd(nano('0.0018')));
  await agree(g);
});
