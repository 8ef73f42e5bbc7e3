// SPDX-License-Identifier: Apache-2.0
// Where prices come from: the built-in catalogue, a file, the operator's own, the
// configuration; by the daemon and without it; and what each costs a call.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, json, line, nano, request, startUpstream } from './lib.mjs';

const messages = [{ role: 'user', content: 'How much?' }];
const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
let upstream, gateway, wallet, reply, waiting;

const answer = (more = {}) => ({ id: 'c', object: 'chat.completion', created: 1, model: 'x', choices: [{ index: 0, message: { role: 'assistant', content: 'This much.' }, finish_reason: 'stop' }], usage, ...more });
const prices = (name) => gateway.run('price', 'list').items.find((i) => i.name === name);
const chat = (model, more = {}) =>
  request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${wallet.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages, max_tokens: 200, ...more }) });

async function costs(model, expected, more) {
  const r = await chat(model, more);
  assert.equal(r.status, 200, r.body.toString());
  assert.equal(nano(r.headers['x-octroi-cost']), expected);
  assert.ok(nano(r.headers['x-octroi-cost']) <= nano(r.headers['x-octroi-hold'] ?? '1000'));
}

function fails(r, code, ...words) {
  assert.equal(r.status, code, `${r.status}: ${r.stdout}${r.stderr}`);
  for (const w of words) assert.match(r.stderr, w);
}

before(async () => {
  upstream = await startUpstream();
  upstream.handle = async (req, res) => {
    await waiting;
    json(res, 200, reply ?? answer());
  };
  gateway = new Gateway({
    providers: {
      openai: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true },
      other: { kind: 'compatible', vendor: 'other', base_url: `${upstream.url}/v1`, allow_private: true },
    },
    models: {
      'gpt-4.1': { targets: [{ provider: 'openai', model: 'gpt-4.1' }] },
      'org/new': { targets: [{ provider: 'other', model: 'new' }] },
      own: { targets: [{ provider: 'openai', model: 'gpt-4.1' }], price: { input: '1', output: '2' } },
      marked: { targets: [{ provider: 'openai', model: 'gpt-4.1' }], markup: '10%' },
    },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '50');
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

test('a list says whose word each price is', () => {
  assert.equal(prices('gpt-4.1').source, 'builtin');
  assert.equal(prices('gpt-4.1').input, '2.000000000');
  assert.equal(prices('gpt-4.1').tiers.priority.input, '3.500000000');
  assert.equal(prices('own').source, 'config');
  assert.equal(prices('org/new').priced, false);
  assert.match(gateway.cli('price', 'list').stdout, /SOURCE/);
});

test('a price that is set counts from the next call on, names its version, and goes with --clear', async () => {
  await costs('gpt-4.1', line(1000, '2') + line(100, '8'));
  const set = gateway.run('price', 'set', 'gpt-4.1', '--input', '4', '--output', '20.5');
  assert.equal(set.source, 'override');
  await costs('gpt-4.1', line(1000, '4') + line(100, '20.5'));
  const row = gateway.statement(wallet)[0];
  const calls = gateway.statement(wallet).filter((r) => r.kind === 'chat');
  assert.ok(calls.some((r) => r.price_version === set.version), JSON.stringify(row));
  assert.ok(calls.some((r) => r.price_version !== set.version));
  await costs('marked', line(1000, '2.2') + line(100, '8.8'));
  assert.equal(gateway.run('price', 'set', 'gpt-4.1', '--clear').source, 'builtin');
  await costs('gpt-4.1', line(1000, '2') + line(100, '8'));
});

test('a call ends under the price with which it began', async () => {
  let go;
  waiting = new Promise((done) => (go = done));
  const call = chat('gpt-4.1');
  for (const calls = upstream.calls.length; upstream.calls.length === calls; ) await new Promise((done) => setTimeout(done, 5));
  gateway.run('price', 'set', 'gpt-4.1', '--input', '9', '--output', '9');
  go();
  waiting = undefined;
  assert.equal(nano((await call).headers['x-octroi-cost']), line(1000, '2') + line(100, '8'));
  await costs('gpt-4.1', line(1000, '9') + line(100, '9'));
  gateway.run('price', 'set', 'gpt-4.1', '--clear');
});

test('a model without a price gets one, and one of tomorrow waits', async () => {
  assert.equal((await chat('org/new')).status, 503);
  const set = gateway.run('price', 'set', 'org/new', '--input', '1', '--output', '1', '--from', '2999-01-01T00:00:00Z');
  assert.equal(set.priced, false);
  assert.equal(set.upcoming[0].from, '2999-01-01T00:00:00.000000Z');
  assert.equal((await chat('org/new')).status, 503);
  gateway.run('price', 'set', 'org/new', '--input', '3', '--output', '5', '--request', '0.001');
  await costs('org/new', line(1000, '3') + line(100, '5') + nano('0.001'));
  assert.equal(prices('org/new').upcoming.length, 1);
});

test('the tier of the reply is charged, and a dearer one without rates is refused', async () => {
  assert.equal((await chat('org/new', { service_tier: 'priority' })).status, 400);
  const price = { input: '3', output: '5', tiers: { priority: { input: '6', output: '10' } }, above: [{ tokens: 999, input: '30' }] };
  gateway.run('price', 'set', 'org/new', '--price', JSON.stringify(price));
  reply = answer({ service_tier: 'priority' });
  await costs('org/new', line(1000, '30') + line(100, '10'), { service_tier: 'priority' });
  reply = answer({ service_tier: 'priority', usage: { prompt_tokens: 999, completion_tokens: 100, total_tokens: 1099 } });
  await costs('org/new', line(999, '6') + line(100, '10'), { service_tier: 'priority' });
  reply = answer({ service_tier: 'default', usage: { prompt_tokens: 999, completion_tokens: 100, total_tokens: 1099 } });
  await costs('org/new', line(999, '3') + line(100, '5'));
  reply = undefined;
});

test('a stream that breaks off is charged by the tier that was asked for', async () => {
  const usual = upstream.handle;
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 20; i++) res.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'x', choices: [{ index: 0, delta: { content: 'twenty pieces ' } }] })}\n\n`);
    await new Promise((done) => setTimeout(done, 200));
    res.destroy();
  };
  await chat('org/new', { stream: true, service_tier: 'priority' }).catch(() => {});
  upstream.handle = usual;
  await gateway.settled(wallet);
  const row = gateway.statement(wallet).findLast((r) => r.kind === 'chat');
  assert.equal(row.estimated, true);
  assert.equal(nano(row.amount), line(row.prompt_tokens, '6') + line(row.completion_tokens, '10'));
});

test('what cannot be set is refused in words, and nothing changes', () => {
  const file = path.join(gateway.dir, 'var/prices.json');
  const before = fs.readFileSync(file, 'utf8');
  fails(gateway.cli('price', 'set', 'own', '--input', '1', '--output', '1'), 5, /configuration/);
  fails(gateway.cli('price', 'set', 'nobody', '--input', '1', '--output', '1'), 3, /nobody/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--clear'), 3, /gpt-4\.1/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '1'), 2, /--output/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '-1', '--output', '1'), 2, /-1/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '1', '--output', '1', '--from', 'soon'), 2, /--from/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '1', '--output', '1', '--clear'), 2, /--clear/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--price', '{"input":"1","output":"1","tires":{}}'), 2, /tires.*tiers/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--price', '[1]'), 2, /--price/);
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '18446744073', '--output', '1'), 8, /more than an amount/);
  assert.equal(fs.readFileSync(file, 'utf8'), before);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.equal(prices('gpt-4.1').source, 'builtin');
});

test('a catalogue file counts after a reload, under what is set, and a faulty one not at all', async () => {
  const file = path.join(gateway.dir, 'catalog.json');
  const row = (input) => ({ provider: 'openai', model: 'gpt-4.1', price: { input, output: '1' } });
  fs.writeFileSync(file, JSON.stringify({ models: [row('5')] }));
  gateway.config.catalog = './catalog.json';
  gateway.writeConfig();
  assert.equal(gateway.cli('config', 'reload').status, 0);
  assert.equal(prices('gpt-4.1').source, 'catalog');
  await costs('gpt-4.1', line(1000, '5') + line(100, '1'));
  fs.writeFileSync(file, JSON.stringify({ models: [row('0x5')] }));
  fails(gateway.cli('config', 'reload'), 8, /catalog\.json:1:\d+.*0x5/);
  await costs('gpt-4.1', line(1000, '5') + line(100, '1'));
  fs.writeFileSync(file, JSON.stringify({ models: [row('5')] }));
});

test('a diff tells what another catalogue would change', () => {
  const file = path.join(gateway.dir, 'other.json');
  const write = (models, more = {}) => fs.writeFileSync(file, JSON.stringify({ models, ...more }));
  write([
    { provider: 'openai', model: 'gpt-4.1', price: { input: '6', output: '0.5', tiers: { flex: { input: '7' } } } },
    { provider: 'other', model: 'new', price: { input: '1', output: '2' } },
    { provider: 'openai', model: 'gpt-4.1-mini', from: '2999-01-01T00:00:00Z', price: { input: '100', output: '100' } },
  ]);
  const { items } = gateway.run('price', 'diff', file);
  const told = items.map((i) => `${i.model} ${i.change} ${i.rate ?? ''} ${i.tier ?? ''}`.trim());
  assert.deepEqual(told.sort(), ['gpt-4.1 cheaper output flex', 'gpt-4.1 cheaper output standard', 'gpt-4.1 dearer input flex', 'gpt-4.1 dearer input standard', 'new added']);
  assert.deepEqual(items.find((i) => i.rate === 'input' && i.tier === 'standard'), { provider: 'openai', model: 'gpt-4.1', change: 'dearer', rate: 'input', tier: 'standard', above_tokens: 0, old: '5.000000000', new: '6.000000000' });
  assert.ok(gateway.run('price', 'diff', file, '--at', '2999-01-02T00:00:00Z').items.some((i) => i.model === 'gpt-4.1-mini' && i.change === 'dearer'));
  assert.match(gateway.cli('price', 'diff', file).stdout, /gpt-4\.1 +dearer +input, flex +5 +7/);
  write([], { replace_builtin: true });
  assert.ok(gateway.run('price', 'diff', file).items.every((i) => i.change === 'removed'));
  assert.deepEqual(gateway.run('price', 'diff', path.join(gateway.dir, 'catalog.json')).items, []);
  fails(gateway.cli('price', 'diff', path.join(gateway.dir, 'none.json')), 3, /none\.json/);
  fs.writeFileSync(file, '{"models": [\n{"provider": "p"},\n{"modle": 1}]}');
  fails(gateway.cli('price', 'diff', file), 2, /:2:1: a row without 'model'/, /:3:2: unknown key 'modle'/);
});

test('what the vendor says that it charges stands beside what was charged', async () => {
  gateway.run('price', 'set', 'org/new', '--input', '3', '--output', '5');
  reply = answer({ usage: { ...usage, cost: 0.0015 } });
  await costs('org/new', line(1000, '3') + line(100, '5'));
  reply = undefined;
  const row = gateway.statement(wallet).find((r) => r.reported_cost !== undefined);
  assert.equal(row.reported_cost, '0.001500000');
  const sum = gateway.run('usage', '--by', 'model').items.find((i) => i.model === 'org/new');
  assert.deepEqual([sum.reported_calls, sum.reported_cost, sum.reported_amount], [1, '0.001500000', '0.003500000']);
  assert.match(gateway.cli('usage', '--by', 'model').stdout, /org\/new .*\+0\.002\b/);
  const own = await request(`${gateway.url}/v1/wallet/statement`, { headers: { authorization: `Bearer ${wallet.key}` } });
  assert.doesNotMatch(own.body.toString(), /reported/);
});

test('without the daemon the folder is changed directly, and it counts after a start', async () => {
  await gateway.settled(wallet);
  await gateway.stop();
  assert.equal(gateway.run('price', 'set', 'gpt-4.1', '--input', '7', '--output', '7').source, 'override');
  await gateway.start();
  await costs('gpt-4.1', line(1000, '7') + line(100, '7'));
  const copy = path.join(gateway.dir, 'copy');
  gateway.run('ledger', 'backup', copy);
  assert.equal(fs.readFileSync(path.join(copy, 'prices.json'), 'utf8'), fs.readFileSync(path.join(gateway.dir, 'var/prices.json'), 'utf8'));
  gateway.run('price', 'set', 'gpt-4.1', '--clear');
  assert.equal(prices('gpt-4.1').source, 'catalog');
});

test('a price of a model that is gone can be dropped', async () => {
  gateway.run('price', 'set', 'marked', '--input', '7', '--output', '7');
  const { marked } = gateway.config.models;
  delete gateway.config.models.marked;
  gateway.writeConfig();
  assert.equal(gateway.cli('config', 'reload').status, 0);
  fails(gateway.cli('price', 'set', 'marked', '--input', '7', '--output', '7'), 3, /marked/);
  assert.equal(gateway.run('price', 'set', 'marked', '--clear').priced, false);
  fails(gateway.cli('price', 'set', 'marked', '--clear'), 3, /marked/);
  gateway.config.models.marked = marked;
  gateway.writeConfig();
  assert.equal(gateway.cli('config', 'reload').status, 0);
  assert.equal(prices('marked').source, 'catalog');
});

test('a file that somebody has edited is left to him', async () => {
  const file = path.join(gateway.dir, 'var/prices.json');
  fs.writeFileSync(file, 'models: [{model: gpt-4.1, price: {input: 3, output: 4}}]\n');
  assert.equal(gateway.cli('config', 'reload').status, 0);
  await costs('gpt-4.1', line(1000, '3') + line(100, '4'));
  fails(gateway.cli('price', 'set', 'gpt-4.1', '--input', '7', '--output', '7'), 5, /by hand/);
  fs.rmSync(file);
  await gateway.settled(wallet);
});
