// SPDX-License-Identifier: Apache-2.0
// How calls go when things go wrong: fallback, cut streams, limits, idempotency, reload,
// drain. After each, the wallet is right to the nano-dollar.
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before } from 'node:test';
import OpenAI from 'openai';
import { Gateway, cost, json, line, nano, recorded, request, sleep, sse, startUpstream, usd } from './lib.mjs';

const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const messages = [{ role: 'user', content: 'Say this is a test' }];
const whole = recorded('en-chat-basic.response.json');
const wholeCost = cost(JSON.parse(whole).usage, price);
let first, second, gateway, wallet, client, left;

const config = () => ({
  providers: {
    a: { kind: 'openai', base_url: `${first.url}/v1`, api_keys: ['sk-first-secret-abcdef'], allow_private: true, first_byte_timeout: '1s', idle_timeout: '1s' },
    b: { kind: 'compatible', base_url: `${second.url}/v1`, api_keys: ['sk-second-secret-abcdef'], allow_private: true },
    dead: { kind: 'compatible', base_url: 'http://127.0.0.1:9/v1', allow_private: true },
    blocked: { kind: 'compatible', base_url: `${second.url}/v1` },
  },
  models: {
    chain: { targets: [{ provider: 'a', model: 'one' }, { provider: 'b', model: 'two' }], price },
    alone: { targets: [{ provider: 'a', model: 'one' }], price },
    dead: { targets: [{ provider: 'dead', model: 'x' }], price },
    blocked: { targets: [{ provider: 'blocked', model: 'x' }], price },
    strict: { targets: [{ provider: 'b', model: 'two' }], price, strict_hold: true, hold_output_tokens: 77 },
  },
  limits: { requests_per_minute: 0, tokens_per_minute: 0 },
});

before(async () => {
  first = await startUpstream();
  second = await startUpstream();
  gateway = new Gateway(config());
  await gateway.start();
  wallet = gateway.wallet('agent', '25');
  left = nano('25');
  client = new OpenAI({ apiKey: wallet.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});

after(async () => {
  await gateway?.close();
  await first?.close();
  await second?.close();
});

const post = (body, headers = {}, key = wallet.key) =>
  request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });

const chunk = (text, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: text }, finish_reason: finish }] })}\n\n`;

test('a try that fails before the first byte goes to the next target under the same hold', async () => {
  const faults = {
    503: (req, res) => json(res, 503, { error: { message: 'no' } }),
    429: (req, res) => json(res, 429, { error: { message: 'no' } }),
    408: (req, res) => json(res, 408, { error: { message: 'no' } }),
    401: (req, res) => json(res, 401, { error: { message: 'no' } }),
    reset: (req, res) => res.destroy(),
    slow: async (req, res) => { for (let i = 0; i < 60 && !res.destroyed; i++) await sleep(50); },
    garbage: (req, res) => json(res, 200, Buffer.from('not json')),
    'an error with 200': (req, res) => json(res, 200, { error: { message: 'hidden' } }),
  };
  for (const [what, fault] of Object.entries(faults)) {
    first.handle = fault;
    second.handle = (req, res) => json(res, 200, whole);
    const data = await client.chat.completions.create({ model: 'chain', messages });
    assert.equal(JSON.parse(second.calls.at(-1).body).model, 'two', what);
    left -= cost(data.usage, price);
    await gateway.settled(wallet, left);
  }
});

test('a stream whose first event is an error falls over too; later it is said in-band', async () => {
  first.handle = (req, res) => sse(res, 'data: {"error":{"message":"overloaded"}}\n\n');
  second.handle = (req, res) => sse(res, recorded('en-chat-streaming-detailed-usage.response.sse'));
  const stream = await client.chat.completions.create({ model: 'chain', messages, stream: true });
  let count = 0;
  for await (const c of stream) count += c.choices.length;
  assert.equal(count, 2);
  left -= line(12, '1.25') + line(100, '10');
  await gateway.settled(wallet, left);

  first.handle = (req, res) => sse(res, recorded('pa-openrouter_stream_error.response.sse'));
  await assert.rejects(async () => {
    const broken = await client.chat.completions.create({ model: 'alone', messages, stream: true });
    for await (const c of broken) assert.ok(c);
  }, OpenAI.APIError);
  for (let i = 0; i < 100 && gateway.balance(wallet).held > 0n; i++) await sleep(20);
  const row = gateway.statement(wallet).at(-1);
  left -= nano(row.amount);
  await gateway.settled(wallet, left);
});

test('when all targets fail the last error comes, and nothing is charged', async () => {
  first.handle = (req, res) => json(res, 500, {});
  second.handle = (req, res) => json(res, 429, {}, { 'retry-after': '9' });
  let r = await post({ model: 'chain', messages });
  assert.equal(r.status, 429);
  assert.equal(r.headers['retry-after'], '9');
  assert.equal(r.headers['x-octroi-cost'], '0.000000000');
  r = await post({ model: 'dead', messages });
  assert.equal(r.status, 502);
  assert.equal(JSON.parse(r.body).error.code, 'upstream_error');
  r = await post({ model: 'blocked', messages });
  assert.equal(r.status, 502);
  assert.equal(JSON.parse(r.body).error.code, 'upstream_blocked');
  first.handle = async (req, res) => { for (let i = 0; i < 60 && !res.destroyed; i++) await sleep(50); };
  r = await post({ model: 'alone', messages });
  assert.equal(r.status, 504);
  assert.equal(JSON.parse(r.body).error.code, 'upstream_timeout');
  await gateway.settled(wallet, left);
});

test('a stream that is cut ends with an error in-band; what was delivered is charged', async () => {
  first.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 5; i++) { res.write(chunk(`word${i} `)); await sleep(10); }
    res.destroy();
  };
  const r = await post({ model: 'alone', messages, stream: true });
  const events = r.body.toString().split('\n\n').filter(Boolean);
  assert.equal(events.length, 6);
  assert.equal(JSON.parse(events[5].slice(6)).error.code, 'upstream_error');
  assert.ok(!r.body.includes('[DONE]'));
  const row = gateway.statement(wallet).at(-1);
  assert.equal(row.estimated, true);
  assert.ok(row.completion_tokens >= 5 && row.completion_tokens <= 15);
  left -= nano(row.amount);
  await gateway.settled(wallet, left);
});

test('an end without [DONE] is a cut too', async () => {
  first.handle = (req, res) => sse(res, chunk('hello', 'stop'));
  const r = await post({ model: 'alone', messages, stream: true });
  assert.ok(!r.body.includes('[DONE]'));
  assert.ok(r.body.includes('upstream_error'));
  left -= nano(gateway.statement(wallet).at(-1).amount);
  await gateway.settled(wallet, left);
});

test('streams survive every split of their bytes, and pass byte for byte', async () => {
  const text = recorded('tl-chat_streaming_legacy.response.sse');
  for (const size of [1, 7, 1000]) {
    first.handle = async (req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const end = size === 1 ? 3000 : text.length;
      for (let i = 0; i < end; i += size) res.write(text.subarray(i, Math.min(i + size, end)));
      res.end(text.subarray(end));
    };
    const r = await post({ model: 'alone', messages, stream: true, stream_options: { include_usage: true } });
    const normal = (b) => b.toString().replace(/,"cost":"[0-9.]+"/, '').trim();
    assert.equal(normal(r.body), normal(text), `pieces of ${size}`);
    left -= nano(gateway.statement(wallet).at(-1).amount);
  }
  await gateway.settled(wallet, left);
});

test('usage above the hold is taken from what is there, the rest is the house\'s', async () => {
  const tight = gateway.wallet('tight', '0.001');
  first.handle = (req, res) => json(res, 200, { id: 'x', object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }], usage: { prompt_tokens: 10, completion_tokens: 1000, total_tokens: 1010 } });
  const r = await post({ model: 'alone', messages, max_tokens: 5 }, {}, tight.key);
  assert.equal(r.status, 200);
  assert.equal(r.headers['x-octroi-cost'], '0.001000000');
  assert.equal(r.headers['x-octroi-balance'], '0.000000000');
  const row = gateway.statement(tight).at(-1);
  assert.equal(nano(row.shortfall), line(10, '1.25') + line(1000, '10') - nano('0.001'));
  await gateway.settled(tight, 0n);
});

test('strict_hold splices the output bound; the hold is the formula of law 7', async () => {
  second.handle = (req, res) => json(res, 200, whole);
  await client.chat.completions.create({ model: 'strict', messages });
  assert.equal(JSON.parse(second.calls.at(-1).body).max_tokens, 77);
  left -= wholeCost;
  first.handle = (req, res) => sse(res, recorded('en-chat-streaming-detailed-usage.response.sse'));
  const body = JSON.stringify({ model: 'alone', messages, stream: true, max_tokens: 100, n: 3 });
  const r = await post(body);
  assert.equal(nano(r.headers['x-octroi-hold']), line(Math.ceil(body.length / 2), '1.5625') + line(300, '10'));
  left -= line(12, '1.25') + line(100, '10');
  await gateway.settled(wallet, left);
});

test('1,000 parallel calls on a balance for 10: exactly 10 pass', async () => {
  const body = JSON.stringify({ model: 'alone', messages, max_tokens: 100 });
  const worst = line(Math.ceil(body.length / 2), '1.5625') + line(100, '10');
  const ten = gateway.wallet('ten', usd(worst * 10n));
  first.handle = async (req, res) => {
    await sleep(1500); // all holds are made before the first capture frees anything
    json(res, 200, { id: 'x', object: 'chat.completion', choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
  };
  const slow = gateway.config.providers.a.first_byte_timeout;
  gateway.config.providers.a.first_byte_timeout = '20s';
  gateway.config.limits.concurrent = 0;
  gateway.writeConfig();
  gateway.run('config', 'reload');
  const answers = [];
  await Promise.all(Array.from({ length: 50 }, async () => {
    for (let i = 0; i < 20; i++) answers.push((await post(body, {}, ten.key)).status);
  }).slice(0, 50));
  const counts = {};
  for (const s of answers) counts[s] = (counts[s] ?? 0) + 1;
  assert.equal(answers.length, 1000);
  const passed = counts[200];
  assert.equal(counts[402], 1000 - passed);
  // Ten are held at once; each that ends cheaply lets others in, so count by money.
  const spent = BigInt(passed) * (line(1, '1.25') + line(1, '10'));
  await gateway.settled(ten, worst * 10n - spent);
  gateway.config.providers.a.first_byte_timeout = slow;
  gateway.writeConfig();
  gateway.run('config', 'reload');
});

test('limits: of a key, a wallet and its parents, all in one hold', async () => {
  second.handle = (req, res) => json(res, 200, whole);
  first.handle = second.handle;
  const parent = gateway.wallet('parent', '5');
  const child = gateway.run('wallet', 'create', 'child', '--parent', 'parent');
  const key = gateway.run('key', 'create', 'child', '--limit-per-day', '0.2');
  gateway.run('wallet', 'limit', 'child', '--per', 'month', '--amount', '0.5');
  gateway.run('wallet', 'limit', 'parent', '--per', 'call', '--amount', '0.1');
  let r = await post({ model: 'alone', messages, max_tokens: 20000 }, {}, key.key);
  assert.equal(r.status, 402);
  let e = JSON.parse(r.body).error;
  assert.equal(e.code, 'limit_exceeded');
  assert.equal(e.limit.per, 'call');
  assert.equal(e.limit.scope, 'parent');
  r = await post({ model: 'alone', messages, max_tokens: 9000 }, {}, key.key);
  assert.equal(r.status, 200, r.body.toString());
  r = await request(`${gateway.url}/v1/wallet`, { headers: { authorization: `Bearer ${key.key}` } });
  const w = JSON.parse(r.body);
  assert.equal(nano(w.balance), nano('0.2') - wholeCost);
  assert.equal(w.name, 'child');
  const day = w.limits.find((l) => l.per === 'day');
  assert.equal(nano(day.used), wholeCost);
  assert.equal(day.scope, 'key');
  assert.ok(Date.parse(day.resets_at) > Date.now());
  gateway.run('wallet', 'limit', 'child', '--per', 'month', '--amount', usd(wholeCost + 5n));
  r = await post({ model: 'alone', messages, max_tokens: 10 }, {}, key.key);
  e = JSON.parse(r.body).error;
  assert.equal(e.code, 'limit_exceeded');
  assert.equal(e.limit.per, 'month');
  assert.equal(e.limit.scope, 'wallet');
  await gateway.settled(parent, nano('5') - wholeCost);
  assert.equal(gateway.cli('wallet', 'topup', 'child', '1').status === 0, false);
  gateway.run('wallet', 'freeze', 'parent');
  r = await post({ model: 'alone', messages, max_tokens: 10 }, {}, key.key);
  assert.equal(r.status, 403);
});

test('an Idempotency-Key runs once, answers again, and refuses another body', async () => {
  let runs = 0;
  first.handle = async (req, res) => { runs++; await sleep(300); json(res, 200, whole); };
  const body = { model: 'alone', messages };
  const headers = { 'idempotency-key': 'order-1' };
  const all = await Promise.all(Array.from({ length: 20 }, () => post(body, headers)));
  assert.equal(runs, 1);
  assert.deepEqual(all.map((r) => r.status).sort(), [200, ...Array(19).fill(409)]);
  for (const r of all) if (r.status === 409) assert.equal(JSON.parse(r.body).error.code, 'idempotency_in_flight');
  left -= wholeCost;
  const again = await post(body, headers);
  assert.equal(again.status, 200);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.ok(again.body.equals(whole));
  assert.equal(again.headers['x-octroi-cost'], usd(wholeCost));
  const other = await post({ ...body, seed: 1 }, headers);
  assert.equal(other.status, 422);
  assert.equal(JSON.parse(other.body).error.code, 'idempotency_mismatch');
  assert.equal(other.headers['x-should-retry'], 'false');
  assert.equal(runs, 1);
  await gateway.settled(wallet, left);

  // Another wallet has its own keys; a failure before any work frees the key.
  first.handle = (req, res) => json(res, 429, {});
  assert.equal((await post(body, { 'idempotency-key': 'order-2' })).status, 429);
  first.handle = (req, res) => json(res, 200, whole);
  assert.equal((await post(body, { 'idempotency-key': 'order-2' })).status, 200);
  left -= wholeCost;
  await gateway.settled(wallet, left);
});

test('the usage chunk stays one sound event, whatever the upstream put into it', async () => {
  const counts = { prompt_tokens: 9, completion_tokens: 2 };
  const odd = {
    'its own cost': JSON.stringify({ ...counts, cost: 0.5, cost_details: { upstream: 1 } }),
    'several lines': '{"prompt_tokens":9,\ndata: "completion_tokens":2}',
    nothing: '{ }',
  };
  for (const [what, usage] of Object.entries(odd)) {
    first.handle = (req, res) => sse(res, `${chunk('a', 'stop')}data: {"id":"c","choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`);
    const r = await post({ model: 'alone', messages, stream: true, stream_options: { include_usage: true } });
    const events = String(r.body).split('\n\n');
    assert.equal(events.at(-2), 'data: [DONE]', what);
    const text = events.at(-3).split('\n').map((l) => l.replace(/^data: /, '')).join('\n');
    assert.equal(text.split('"cost":').length, 2, what);
    assert.equal(typeof JSON.parse(text).usage.cost, 'string', what);
    left -= nano(JSON.parse(text).usage.cost);
    await gateway.settled(wallet, left);
  }
});

test('an upstream that does not hang up behind [DONE] holds up nobody', async () => {
  first.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`${chunk('a', 'stop')}data: [DONE]\n\n`);
    await sleep(3000);
    res.end();
  };
  const began = Date.now();
  const r = await post({ model: 'alone', messages, stream: true });
  assert.match(String(r.body), /\[DONE\]/);
  assert.ok(Date.now() - began < 900, 'waited for the upstream');
  left = await gateway.settled(wallet);
});

test('a stream is answered again under its Idempotency-Key, whole, with its cost', async () => {
  const events = chunk('hel') + chunk('lo', 'stop');
  const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
  first.handle = (req, res) => sse(res, `${events}data: ${JSON.stringify({ id: 'c', choices: [], usage })}\n\ndata: [DONE]\n\n`);
  const body = { model: 'alone', messages, stream: true };
  const once = await post(body, { 'idempotency-key': 'stream-1' });
  const again = await post(body, { 'idempotency-key': 'stream-1' });
  assert.equal(again.status, 200);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal(again.headers['content-type'], 'text/event-stream');
  assert.equal(again.headers['x-octroi-cost'], usd(cost(usage, price)));
  assert.ok(again.body.equals(once.body));
  assert.equal(String(again.body), `${events}data: [DONE]\n\n`);
  left -= cost(usage, price);
  await gateway.settled(wallet, left);
});

test('who leaves while the answer is being booked gets it under the same Idempotency-Key', async () => {
  for (let i = 0; i < 60; i++) {
    const stream = i % 2 === 0;
    const body = JSON.stringify({ model: 'alone', messages, stream });
    const headers = { 'idempotency-key': `left-${i}` };
    const socket = net.connect(gateway.port, '127.0.0.1');
    const closed = new Promise((done) => socket.on('close', done));
    socket.on('error', () => {});
    first.handle = (req, res) => {
      if (stream) sse(res, `${chunk('a')}data: [DONE]\n\n`);
      else json(res, 200, whole);
      setImmediate(() => socket.destroy());
    };
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wallet.key}\r\nContent-Type: application/json\r\n` +
      `Idempotency-Key: left-${i}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await closed;
    let r;
    do r = await post(body, headers); // until the first one has ended
    while (r.status === 409 && JSON.parse(r.body).error.code === 'idempotency_in_flight');
    if (r.status === 409) assert.equal(JSON.parse(r.body).error.code, 'idempotency_answer_gone');
    else if (stream) assert.match(String(r.body), /\[DONE\]/);
    else assert.ok(r.body.equals(whole));
  }
  left = await gateway.settled(wallet);
});

test('the balances of a statement add up, also of calls that ran at once', async () => {
  const many = gateway.wallet('many', '1');
  first.handle = async (req, res) => { await sleep(200); json(res, 200, whole); };
  await Promise.all(Array.from({ length: 8 }, () => post({ model: 'alone', messages }, {}, many.key)));
  let sum = 0n;
  for (const row of gateway.statement(many)) {
    sum += row.direction === 'in' ? nano(row.amount) : -nano(row.amount);
    assert.equal(usd(nano(row.balance)), usd(sum));
  }
  assert.equal(sum, nano('1') - 8n * wholeCost);
  await gateway.settled(many, sum);
});

test('refunds: in part, to the end, and no further', async () => {
  const row = gateway.statement(wallet).at(-1);
  gateway.run('wallet', 'refund', row.transfer, usd(wholeCost - 10n));
  left += wholeCost - 10n;
  assert.equal(gateway.cli('wallet', 'refund', row.transfer, usd(11n)).status, 5);
  gateway.run('wallet', 'refund', row.transfer);
  left += 10n;
  assert.equal(gateway.cli('wallet', 'refund', row.transfer, usd(1n)).status, 5);
  await gateway.settled(wallet, left);
});

test('a reload changes prices for the next call and cuts no stream; a bad one changes nothing', async () => {
  first.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 10; i++) { res.write(chunk(`w${i} `)); await sleep(60); }
    res.end(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":10,"total_tokens":15}}\n\ndata: [DONE]\n\n`);
  };
  const running = post({ model: 'alone', messages, stream: true, stream_options: { include_usage: true } });
  await sleep(200);
  gateway.config.models.alone.price = { input: '100', output: '1000' };
  gateway.writeConfig();
  gateway.run('config', 'reload');
  const r = await running;
  assert.ok(r.body.includes('[DONE]'));
  left -= line(5, '1.25') + line(10, '10');
  await gateway.settled(wallet, left);
  first.handle = (req, res) => json(res, 200, whole);
  const usage = (await client.chat.completions.create({ model: 'alone', messages, max_tokens: 500 })).usage;
  left -= line(usage.prompt_tokens, '100') + line(usage.completion_tokens, '1000');
  await gateway.settled(wallet, left);
  const ready = JSON.parse((await request(`${gateway.url}/readyz`)).body);
  gateway.config.models.alone.prize = 1;
  gateway.writeConfig();
  assert.equal(gateway.cli('config', 'reload').status, 8);
  assert.equal(JSON.parse((await request(`${gateway.url}/readyz`)).body).config.generation, ready.config.generation);
  delete gateway.config.models.alone.prize;
  gateway.config.models.alone.price = price;
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  for (let i = 0; i < 100; i++) {
    if (JSON.parse((await request(`${gateway.url}/readyz`)).body).config.generation > ready.config.generation) return;
    await sleep(20);
  }
  assert.fail('SIGHUP did not reload');
});

test('SIGTERM drains: what runs ends well, then the process ends with 0', async () => {
  first.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 10; i++) { res.write(chunk(`w${i} `)); await sleep(60); }
    res.end('data: [DONE]\n\n');
  };
  const running = post({ model: 'alone', messages, stream: true });
  await sleep(200);
  const end = gateway.stop('SIGTERM');
  const r = await running;
  assert.ok(r.body.includes('[DONE]'));
  assert.equal((await end).code, 0);
  await gateway.start();
  left -= nano(gateway.statement(wallet).at(-1).amount);
  await gateway.settled(wallet, left);
});
