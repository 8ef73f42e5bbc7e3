// SPDX-License-Identifier: Apache-2.0
// Models that providers publish: read on a timer and on demand, callable without a
// restart, never free by accident, kept over a restart, and never worth a broken call.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, json, nano, octroi, recorded, request, sleep, startUpstream, usd } from './lib.mjs';

const answer = JSON.parse(recorded('en-chat-basic.response.json'));
const messages = [{ role: 'user', content: 'Say this is a test' }];
let router, plain, gateway, wallet;

// What the two vendors say; the tests change it.
const lists = { router: [], plain: [] };
const priced = (id, more = {}) => ({
  id,
  context_length: 200000,
  architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
  supported_parameters: ['tools', 'tool_choice', 'structured_outputs'],
  top_provider: { context_length: 160000, max_completion_tokens: 32000 },
  pricing: { prompt: '0.00000125', completion: '0.00001', request: '0', input_cache_read: '0.000000125' },
  ...more,
});

function vendor(name) {
  return async (req, res, body) => {
    if (req.method === 'GET' && req.url === '/v1/models') return json(res, 200, lists[name] instanceof Function ? lists[name](res) : { object: 'list', data: lists[name] });
    if (req.method !== 'POST') return json(res, 404, {});
    return json(res, 200, { ...answer, model: JSON.parse(body).model });
  };
}

before(async () => {
  router = await startUpstream();
  plain = await startUpstream();
  router.handle = vendor('router');
  plain.handle = vendor('plain');
  lists.router = [priced('lab/one')];
  lists.plain = [{ id: 'bare-1', object: 'model', created: 1, owned_by: 'lab' }];
  gateway = new Gateway({
    providers: {
      router: { kind: 'compatible', vendor: 'openrouter', base_url: `${router.url}/v1`, api_keys: ['sk-router-0123456789'], allow_private: true, discover: 'manual' },
      plain: { kind: 'compatible', base_url: `${plain.url}/v1`, api_keys: ['sk-plain-0123456789'], allow_private: true, discover: 'manual' },
      silent: { kind: 'compatible', base_url: `${plain.url}/v1`, api_keys: ['sk-plain-0123456789'], allow_private: true },
    },
    models: { 'lab/fixed': { targets: [{ provider: 'router', model: 'lab/fixed' }], price: { input: '7', output: '7' } } },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '5');
});

after(async () => {
  await gateway?.close();
  await router?.close();
  await plain?.close();
});

const post = (model, extra = {}) =>
  request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${wallet.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages, ...extra }) });
const list = async () => JSON.parse((await request(`${gateway.url}/v1/models`)).body).data;
const named = async (id) => {
  const a = await request(`${gateway.url}/v1/models/${id}`);
  return a.status === 200 ? JSON.parse(a.body) : undefined;
};
// Not gateway.cli(): the vendors are in this process and must answer meanwhile.
const refresh = (...args) =>
  new Promise((done) => {
    const child = spawn(octroi, ['model', 'refresh', ...args, '--json', '--config', gateway.file]);
    let out = '', words = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (words += d));
    child.on('close', (code) => done({ code, words, ...(out ? JSON.parse(out) : {}) }));
  });

test('before anybody was asked there is what the file says', async () => {
  assert.deepEqual((await list()).map((m) => m.id), ['lab/fixed']);
  assert.equal((await post('lab/one')).status, 404);
});

test('a refresh tells what is new, and it can be called at once at the price that the vendor told', async () => {
  const r = await refresh();
  assert.equal(r.code, 0, r.words);
  assert.deepEqual(r.items.map((i) => [i.provider, i.ok, i.models, i.added, i.gone]), [
    ['router', true, 1, ['lab/one'], []],
    ['plain', true, 1, ['bare-1'], []],
  ]);
  assert.equal(r.reloaded, true);
  assert.deepEqual((await list()).map((m) => m.id), ['bare-1', 'lab/fixed', 'lab/one']);
  const before = gateway.balance(wallet).balance;
  const a = await post('lab/one');
  assert.equal(a.status, 200, a.body);
  const { usage } = JSON.parse(a.body);
  const cost = (BigInt(usage.prompt_tokens) * nano('1.25') + 999999n) / 1000000n + (BigInt(usage.completion_tokens) * nano('10') + 999999n) / 1000000n;
  assert.equal(a.headers['x-octroi-cost'], usd(cost));
  await gateway.settled(wallet, before - cost);
  assert.equal(router.calls.at(-1).headers.authorization, 'Bearer sk-router-0123456789');
});

test('limits and capabilities are the vendor\'s', async () => {
  const m = await named('router/lab/one');
  assert.equal(m.context_length, 160000, 'the lesser of what the router and its host say');
  assert.equal(m.max_output_tokens, 32000);
  assert.equal(m.pricing.input, '1.25');
  assert.deepEqual(m.capabilities, ['tools', 'tool_choice', 'json_schema', 'vision']);
});

test('who may use the long name only is shown that one', async () => {
  const k = gateway.run('key', 'create', wallet.id, '--models', 'router/*');
  const a = await request(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${k.key}` } });
  assert.deepEqual(JSON.parse(a.body).data.map((m) => m.id), ['router/lab/one']);
});

test('each kind of client reads the list in its own form', async () => {
  const get = async (path, headers = {}) => JSON.parse((await request(`${gateway.url}${path}`, { headers })).body);
  const claude = await get('/v1/models?limit=1000', { 'anthropic-version': '2023-06-01', 'x-api-key': wallet.key });
  assert.equal(claude.has_more, false);
  assert.equal(claude.first_id, 'bare-1');
  assert.equal(claude.last_id, 'lab/one');
  const one = claude.data.find((m) => m.id === 'lab/one');
  assert.deepEqual([one.type, one.max_input_tokens, one.max_tokens, one.capabilities.image_input], ['model', 160000, 32000, { supported: true }]);
  assert.equal(claude.data[0].capabilities, null);
  assert.equal((await get('/v1/models/lab/one', { 'anthropic-version': '2023-06-01' })).type, 'model');
  const gemini = (await get('/v1beta/models')).models.find((m) => m.name === 'models/lab/one');
  assert.deepEqual([gemini.inputTokenLimit, gemini.outputTokenLimit, gemini.supportedGenerationMethods[0]], [160000, 32000, 'generateContent']);
  assert.equal((await get('/v1beta/models/lab/one')).name, 'models/lab/one');
  assert.deepEqual((await get('/v1/models', { 'x-goog-api-key': wallet.key })).models, (await get('/v1beta/models')).models);
  const router = (await get('/api/v1/models')).data.find((m) => m.id === 'lab/one');
  assert.equal(router.pricing.prompt, '0.00000125');
  assert.equal(router.pricing.completion, '0.00001');
  assert.equal(router.pricing.input_cache_read, '0.000000125');
  assert.equal(router.pricing.request, '0');
  assert.deepEqual(router.architecture.input_modalities, ['text', 'image']);
  assert.ok(router.supported_parameters.includes('tools'));
  assert.deepEqual(router.top_provider, { context_length: 160000, max_completion_tokens: 32000, is_moderated: false });
  assert.equal((await get('/api/v1/models')).data.find((m) => m.id === 'bare-1').pricing.prompt, '-1');
});

test('an OpenRouter client reads its credits, its key and a generation', async () => {
  const k = gateway.run('key', 'create', wallet.id, '--limit-per-day', '2');
  const get = async (path, key = k.key) => {
    const a = await request(`${gateway.url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
    return { status: a.status, ...JSON.parse(a.body) };
  };
  const before = await get('/credits', wallet.key);
  const a = await request(`${gateway.url}/api/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${k.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'lab/one', messages }) });
  assert.equal(a.status, 200, a.body);
  const cost = Number(a.headers['x-octroi-cost']);
  await gateway.settled(wallet);
  const { data } = await get('/credits', wallet.key);
  assert.equal((await get('/credits')).data.total_usage, data.total_usage);
  assert.equal((data.total_usage - before.data.total_usage).toFixed(9), cost.toFixed(9));
  assert.equal(usd(gateway.balance(wallet).balance), (data.total_credits - data.total_usage).toFixed(9));
  const key = (await get('/key')).data;
  assert.deepEqual([key.limit, key.limit_reset, key.is_free_tier], [2, 'daily', false]);
  assert.equal(key.usage_daily, cost);
  assert.equal(key.limit_remaining.toFixed(9), (2 - cost).toFixed(9));
  assert.deepEqual((await get('/auth/key')).data, key);
  const row = (await get(`/generation?id=${a.headers['x-request-id']}`)).data;
  assert.equal(row.total_cost, cost);
  assert.equal(row.model, 'lab/one');
  assert.equal(row.provider_name, 'router');
  assert.equal(row.native_tokens_prompt, JSON.parse(a.body).usage.prompt_tokens);
  assert.equal((await get('/generation?id=gen-1')).status, 404);
  const stranger = gateway.wallet('stranger', '1');
  assert.equal((await get(`/generation?id=${a.headers['x-request-id']}`, stranger.key)).status, 404);
  assert.equal((await get('/credits', 'sk-oct-nothing')).status, 401);
});

test('a model without a price is listed, and refused', async () => {
  const m = await named('bare-1');
  assert.equal(m.priced, false);
  const a = await post('bare-1');
  assert.equal(a.status, 503);
  assert.equal(JSON.parse(a.body).error.code, 'price_missing');
});

test('with a price that the operator sets it is sold, under the name that he has named', async () => {
  assert.equal(gateway.cli('price', 'set', 'bare-1', '--input', '1', '--output', '2').status, 0);
  const a = await post('bare-1');
  assert.equal(a.status, 200, a.body);
  assert.equal((await post('plain/bare-1')).status, 503);
});

test('a nought, a negative price and a fee that cannot be read are no price', async () => {
  lists.router = [
    priced('lab/one'),
    priced('lab/free', { pricing: { prompt: '0', completion: '0' } }),
    priced('lab/auto', { pricing: { prompt: '-1', completion: '-1' } }),
    priced('lab/fee', { pricing: { prompt: '0.000001', completion: '0.000001', request: 'some' } }),
    priced('lab/half', { pricing: { prompt: '0.000001' } }),
    priced('lab/dear', { pricing: { prompt: '1e9', completion: '1e9' } }),
  ];
  assert.equal((await refresh('router')).code, 0);
  for (const id of ['lab/free', 'lab/auto', 'lab/fee', 'lab/half', 'lab/dear']) {
    assert.equal((await named(id))?.priced, false, id);
    assert.equal((await post(id)).status, 503, id);
  }
});

test('what is gone is gone, and what is changed is told', async () => {
  lists.router = [priced('lab/two'), priced('lab/one', { pricing: { prompt: '0.000002', completion: '0.00001' } })];
  const r = await refresh('router');
  assert.deepEqual(r.items[0].added, ['lab/two']);
  assert.deepEqual(r.items[0].changed, ['lab/one']);
  assert.equal(r.items[0].gone.length, 5);
  assert.equal((await named('lab/one')).pricing.input, '2');
  assert.equal((await post('lab/free')).status, 404);
  assert.equal((await refresh('router')).reloaded, false, 'nothing new, no new snapshot');
});

test('the file stands over the list, and a name that two have belongs to neither', async () => {
  lists.router = [priced('lab/two'), priced('lab/fixed'), priced('shared')];
  lists.plain = [{ id: 'shared' }, { id: 'lab/two' }];
  assert.equal((await refresh()).code, 0);
  assert.equal((await named('lab/fixed')).pricing.input, '7');
  assert.equal(await named('shared'), undefined);
  assert.equal(await named('lab/two'), undefined);
  assert.ok(await named('router/shared'));
  assert.ok(await named('plain/shared'));
  const a = await post('router/shared');
  assert.equal(a.status, 200);
  assert.equal(JSON.parse(router.calls.at(-1).body).model, 'shared');
});

test('a vendor that fails keeps its last good list, and says so', async () => {
  const good = lists.router;
  const before = (await list()).map((m) => m.id);
  const failures = {
    '500': (res) => (res.statusCode = 500) && {},
    'not json': 'x',
    'another shape': () => ({ models: 'none' }),
    'an empty list': () => ({ data: [] }),
    'names that are none': () => ({ data: [{ id: '../../etc' }, { id: 'a b' }, { id: '' }, { id: 7 }, {}, null, 'x', { id: 'a'.repeat(129) }, { id: 'x\u0000y' }, { id: '"' }] }),
  };
  for (const [what, body] of Object.entries(failures)) {
    router.handle = (req, res) => {
      if (what === '500') return json(res, 500, {});
      if (what === 'not json') return json(res, 200, Buffer.from('{"data":[{"id":'));
      return json(res, 200, body(res));
    };
    const r = await refresh('router');
    assert.equal(r.code, 1, what);
    assert.equal(r.items[0].ok, false, what);
    assert.ok(r.items[0].error.length > 0);
    assert.deepEqual((await list()).map((m) => m.id), before, what);
  }
  router.handle = (req, res) => res.destroy();
  assert.equal((await refresh('router')).code, 1);
  assert.deepEqual((await list()).map((m) => m.id), before);
  router.handle = vendor('router');
  lists.router = good;
  assert.equal((await refresh('router')).code, 0);
});

test('a list without end is cut, and the rest goes on', async () => {
  const good = lists.router;
  lists.router = Array.from({ length: 5000 }, (_, i) => priced(`lab/many-${i}`));
  const r = await refresh('router');
  assert.equal(r.code, 0, r.words);
  assert.equal(r.items[0].models, 2000);
  assert.equal(r.items[0].skipped, 3000);
  assert.equal((await post('lab/many-7')).status, 200);
  router.handle = (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.write('{"data":[');
    const fill = Buffer.alloc(65536, 0x20);
    const more = () => {
      while (!res.destroyed && res.write(fill));
      if (!res.destroyed) res.once('drain', more);
    };
    more();
  };
  assert.match((await refresh('router')).items[0].error, /too large|cut off/);
  assert.equal((await post('plain/shared')).status, 503);
  router.handle = vendor('router');
  lists.router = good;
  assert.equal((await refresh('router')).code, 0);
});

test('beside a faulty configuration the old models stay, and it is said', async () => {
  const good = lists.router;
  const text = fs.readFileSync(gateway.file, 'utf8');
  lists.router = [...good, priced('lab/later')];
  fs.writeFileSync(gateway.file, text.replace('"discover": "manual"', '"discover": "sometimes"'));
  const r = await refresh('router');
  fs.writeFileSync(gateway.file, text);
  assert.equal(r.code, 1);
  assert.equal(r.reloaded, false);
  assert.match(r.error, /faults/);
  assert.equal((await post('lab/later')).status, 404);
  assert.equal((await post('router/shared')).status, 200);
  gateway.run('config', 'reload');
  assert.equal((await post('lab/later')).status, 200);
  lists.router = good;
  assert.equal((await refresh('router')).code, 0);
});

test('who cannot be asked is refused with a reason', () => {
  assert.equal(gateway.cli('model', 'refresh', 'nobody').status, 3);
  const r = gateway.cli('model', 'refresh', 'silent');
  assert.equal(r.status, 3);
  assert.match(r.stderr, /discover/);
});

test('lists in pages are read to their end, with the key that is taken', async (t) => {
  const pages = await startUpstream();
  const seen = [];
  pages.handle = (req, res) => {
    const url = new URL(req.url, pages.url);
    seen.push(req.url);
    if (url.pathname === '/v1/models') {
      if (req.headers['x-api-key'] !== 'sk-good-0123456789') return json(res, 401, {});
      assert.equal(req.headers['anthropic-version'], '2023-06-01');
      const after = url.searchParams.get('after_id');
      return after === null
        ? json(res, 200, { data: [{ type: 'model', id: 'claude-a', max_input_tokens: 1000000, max_tokens: 64000, capabilities: { thinking: { supported: true } } }], has_more: true, last_id: 'claude-a' })
        : json(res, 200, { data: [{ type: 'model', id: 'claude-b' }], has_more: false, last_id: 'claude-b' });
    }
    assert.equal(req.headers['x-goog-api-key'], 'sk-google-0123456789');
    const token = url.searchParams.get('pageToken');
    const model = (id) => ({ name: `models/${id}`, inputTokenLimit: 1000, outputTokenLimit: 100, supportedGenerationMethods: ['generateContent'] });
    if (token === 'a/+ =&x=1') return json(res, 200, { models: [model('gem-2')], nextPageToken: 'again' });
    return json(res, 200, { models: [model('gem-1')], nextPageToken: token === 'again' ? 'again' : 'a/+ =&x=1' });
  };
  const g = new Gateway({
    providers: {
      claude: { kind: 'anthropic', base_url: pages.url, api_keys: ['sk-bad-0123456789', 'sk-good-0123456789'], allow_private: true, discover: 'manual' },
      gem: { kind: 'gemini', base_url: pages.url, api_keys: ['sk-google-0123456789'], allow_private: true, discover: 'manual' },
    },
  });
  t.after(async () => {
    await g.close();
    await pages.close();
  });
  await g.start();
  const was = gateway;
  gateway = g;
  const r = await refresh('claude');
  const endless = await refresh('gem');
  gateway = was;
  assert.equal(r.code, 0, JSON.stringify(r));
  assert.deepEqual(r.items[0].added, ['claude-a', 'claude-b']);
  const m = JSON.parse((await request(`${g.url}/v1/models/claude-a`)).body);
  assert.deepEqual([m.context_length, m.max_output_tokens, m.capabilities], [1000000, 64000, ['reasoning']]);
  assert.match(endless.items[0].error, /too many pages/);
  assert.equal(endless.code, 1);
  assert.ok(seen.includes('/v1beta/models?pageSize=1000&pageToken=a%2F%2B%20%3D%26x%3D1'), seen.join());
});

test('refreshes disturb no call', async () => {
  let turn = 0;
  lists.router = () => ({ data: [priced('lab/two'), priced(`lab/turn-${turn}`)] });
  const calls = [];
  for (let i = 0; i < 10; i++) {
    turn = i;
    for (let k = 0; k < 6; k++) calls.push(post('router/lab/two')); // together fewer than a key may have
    const r = JSON.parse((await request(`http://127.0.0.1:${gateway.adminPort}/admin/v1/models/refresh`, { method: 'POST', headers: { authorization: 'Bearer admin-token-for-tests', 'content-type': 'application/json' }, body: '{"provider":"router"}' })).body);
    assert.equal(r.items?.[0]?.ok, true, JSON.stringify(r));
  }
  for (const a of await Promise.all(calls)) assert.equal(a.status, 200, a.body);
  await gateway.settled(wallet);
});

test('a restart keeps the lists; a damaged file loses them and no more', async () => {
  lists.router = [priced('lab/kept')];
  assert.equal((await refresh('router')).code, 0);
  const asked = router.calls.length;
  await gateway.stop();
  await gateway.start();
  assert.equal((await post('lab/kept')).status, 200);
  assert.equal(router.calls.filter((c, i) => i >= asked && c.method === 'GET').length, 0);
  await gateway.stop();
  const file = path.join(gateway.dir, 'var', 'models.json');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace('"input":"1.250000000"', '"input":"-1"'));
  await gateway.start();
  assert.equal((await post('lab/kept')).status, 404);
  assert.match(gateway.cli('config', 'show', '--effective').stderr, /models\.json/);
  assert.equal((await refresh()).code, 0);
  assert.equal((await post('lab/kept')).status, 200);
  assert.equal(gateway.cli('model', 'list').status, 0);
});

test('on a timer nobody has to ask', async () => {
  gateway.config.providers.router.discover = '1s';
  gateway.writeConfig();
  gateway.run('config', 'reload');
  lists.router = [priced('lab/kept'), priced('lab/by-timer')];
  for (let i = 0; i < 200 && !(await named('lab/by-timer')); i++) await sleep(50);
  assert.equal((await post('lab/by-timer')).status, 200);
});

test('a provider that discovers no more loses what was found', async () => {
  delete gateway.config.providers.router.discover;
  gateway.writeConfig();
  gateway.run('config', 'reload');
  assert.equal((await post('lab/kept')).status, 404);
  assert.equal((await post('lab/fixed')).status, 200);
  assert.equal((await refresh('plain')).code, 0);
  assert.doesNotMatch(fs.readFileSync(path.join(gateway.dir, 'var', 'models.json'), 'utf8'), /by-timer/);
  await gateway.settled(wallet);
});
