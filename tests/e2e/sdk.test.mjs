// SPDX-License-Identifier: Apache-2.0
// The official `openai` package, unmodified, against the gateway; the upstream replays
// recorded answers of the real API. After each call the wallet is right to the nano-dollar.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import OpenAI from 'openai';
import { Gateway, cost, json, nano, recorded, sleep, sse, startUpstream, usd } from './lib.mjs';

const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const embedPrice = { input: '0.02', output: '0' };
const messages = [{ role: 'user', content: 'Say this is a test' }];
let upstream, gateway, wallet, client;
let left; // what the wallet must have, kept beside it

before(async () => {
  upstream = await startUpstream();
  gateway = new Gateway({
    providers: { up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true } },
    models: {
      'gpt-5-nano': { targets: [{ provider: 'up', model: 'gpt-5-nano-2025-08-07' }], price, max_output_tokens: 128000, context_tokens: 400000 },
      'text-embedding-3-small': { targets: [{ provider: 'up', model: 'text-embedding-3-small' }], price: embedPrice },
      'no-price': { targets: [{ provider: 'up', model: 'nobody-knows-this-model' }] },
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0 },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '25');
  left = nano('25');
  client = new OpenAI({ apiKey: wallet.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

function spend(usage, p = price) {
  const c = cost(usage, p);
  left -= c;
  return c;
}

test('create: the answer arrives unchanged and is charged to the nano-dollar', async () => {
  const answer = recorded('en-chat-basic.response.json');
  upstream.handle = (req, res) => json(res, 200, answer);
  const { data, response } = await client.chat.completions.create({ model: 'gpt-5-nano', messages }).withResponse();
  assert.deepEqual(JSON.parse(JSON.stringify(data)), JSON.parse(answer));
  const c = spend(data.usage);
  assert.equal(response.headers.get('x-octroi-cost'), usd(c));
  assert.equal(response.headers.get('x-octroi-balance'), usd(left));
  assert.match(response.headers.get('x-request-id'), /^req_[0-9a-f]{32}$/);
  await gateway.settled(wallet, left);
});

test('create: the body goes upstream byte for byte but for the model; no client header does', async () => {
  upstream.handle = (req, res) => json(res, 200, recorded('en-chat-basic.response.json'));
  await client.chat.completions.create({ model: 'gpt-5-nano', messages, seed: 12345678901234567890n.toString().length, metadata: { a: 'b' } });
  const call = upstream.calls.at(-1);
  const sent = JSON.parse(call.body);
  assert.equal(sent.model, 'gpt-5-nano-2025-08-07');
  assert.deepEqual(sent.messages, messages);
  assert.equal(call.headers.authorization, 'Bearer sk-upstream-secret-0123456789');
  const names = Object.keys(call.headers).sort();
  assert.deepEqual(names, ['authorization', 'content-length', 'content-type', 'host', 'user-agent']);
  assert.ok(!JSON.stringify(call.rawHeaders).includes(wallet.key));
  spend(JSON.parse(recorded('en-chat-basic.response.json')).usage);
  await gateway.settled(wallet, left);
});

test('create: cached and written prompt tokens have their own prices', async () => {
  for (const name of ['pa-openai_chat_prompt_cache_e2e.2.response.json', 'ag-cache_write.response.json']) {
    upstream.handle = (req, res) => json(res, 200, recorded(name));
    const data = await client.chat.completions.create({ model: 'gpt-5-nano', messages });
    spend(data.usage);
    await gateway.settled(wallet, left);
  }
});

test('stream: without being asked for, the usage is billed and hidden', async () => {
  upstream.handle = (req, res) => sse(res, recorded('en-chat-streaming-detailed-usage.response.sse'));
  const stream = await client.chat.completions.create({ model: 'gpt-5-nano', messages, stream: true });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks.length, 2);
  for (const chunk of chunks) assert.equal(chunk.usage, undefined);
  assert.deepEqual(JSON.parse(upstream.calls.at(-1).body).stream_options, { include_usage: true });
  spend({ prompt_tokens: 12, completion_tokens: 100 });
  await gateway.settled(wallet, left);
});

test('stream: asked for, the usage chunk tells the cost', async () => {
  upstream.handle = (req, res) => sse(res, recorded('en-chat-streaming-detailed-usage.response.sse'));
  const { data: stream, response } = await client.chat.completions
    .create({ model: 'gpt-5-nano', messages, stream: true, stream_options: { include_usage: true } })
    .withResponse();
  assert.match(response.headers.get('x-octroi-hold'), /^\d+\.\d{9}$/);
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const usage = chunks.at(-1).usage;
  assert.equal(usage.completion_tokens, 100);
  assert.equal(usage.cost, usd(spend(usage)));
  await gateway.settled(wallet, left);
});

test('stream: tool calls arrive in fragments and are put together by the SDK', async () => {
  upstream.handle = (req, res) => sse(res, recorded('tl-chat_tools_streaming.response.sse'));
  const tools = [{ type: 'function', function: { name: 'get_current_weather', parameters: { type: 'object', properties: { location: { type: 'string' } } } } }];
  const runner = client.chat.completions.stream({ model: 'gpt-5-nano', messages, tools });
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.tool_calls[0].function.name, 'get_current_weather');
  JSON.parse(final.choices[0].message.tool_calls[0].function.arguments);
  // This recording has no usage: an estimate is charged, marked as one, within the hold.
  const row = gateway.statement(wallet).at(-1);
  assert.equal(row.estimated, true);
  assert.ok(nano(row.amount) > 0n);
  left -= nano(row.amount);
  await gateway.settled(wallet, left);
});

test('tools: parallel calls in one answer', async () => {
  upstream.handle = (req, res) => json(res, 200, recorded('en-chat-parallel-tools.response.json'));
  const data = await client.chat.completions.create({ model: 'gpt-5-nano', messages });
  assert.ok(data.choices[0].message.tool_calls.length >= 1);
  spend(data.usage);
  await gateway.settled(wallet, left);
});

test('embeddings: the SDK asks for base64 and decodes it', async () => {
  upstream.handle = (req, res, body) => {
    assert.equal(JSON.parse(body).encoding_format, 'base64');
    json(res, 200, recorded('en-embeddings-base64.response.json'));
  };
  const data = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'hello' });
  assert.ok(data.data[0].embedding.length > 100);
  spend(data.usage, embedPrice);
  await gateway.settled(wallet, left);
});

test('models: list and retrieve', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names.sort(), ['gpt-5-nano', 'no-price', 'text-embedding-3-small']);
  assert.equal((await client.models.retrieve('gpt-5-nano')).id, 'gpt-5-nano');
  await assert.rejects(client.models.retrieve('nothing'), (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
});

test('abort in mid-stream: the upstream is cancelled within a second, what was delivered is charged', async () => {
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 200 && !res.destroyed; i++) {
      res.write(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word${i} "},"finish_reason":null}]}\n\n`);
      await sleep(50);
    }
    res.end();
  };
  const stream = await client.chat.completions.create({ model: 'gpt-5-nano', messages, stream: true });
  let seen = 0;
  let aborted = 0;
  for await (const chunk of stream) {
    assert.ok(chunk.choices);
    if (++seen === 5) {
      aborted = Date.now();
      stream.controller.abort();
      break;
    }
  }
  const call = upstream.calls.at(-1);
  for (let i = 0; i < 100 && !call.closed; i++) await sleep(20);
  assert.ok(call.closed, 'the upstream went on');
  assert.ok(call.closedAt - aborted < 1000, `cancelled after ${call.closedAt - aborted} ms`);
  for (let i = 0; i < 100 && gateway.balance(wallet).held > 0n; i++) await sleep(20);
  const row = gateway.statement(wallet).at(-1);
  assert.equal(row.status, 499);
  assert.equal(row.estimated, true);
  assert.ok(row.completion_tokens >= 5 && row.completion_tokens <= 30, JSON.stringify(row));
  left -= nano(row.amount);
  await gateway.settled(wallet, left);
});

test('errors: every class that the SDK knows, and nothing is charged', async () => {
  const cases = [
    ['a bad body', () => client.chat.completions.create({ model: 'gpt-5-nano', messages: 'x' }), OpenAI.BadRequestError, 'invalid_request'],
    ['a wrong key', () => new OpenAI({ apiKey: `${wallet.key.slice(0, -2)}zz`, baseURL: `${gateway.url}/v1`, maxRetries: 0 }).chat.completions.create({ model: 'gpt-5-nano', messages }), OpenAI.AuthenticationError, 'invalid_api_key'],
    ['an unknown model', () => client.chat.completions.create({ model: 'nothing', messages }), OpenAI.NotFoundError, 'model_not_found'],
    ['a model without a price', () => client.chat.completions.create({ model: 'no-price', messages }), OpenAI.InternalServerError, 'price_missing'],
  ];
  for (const [what, call, kind, code] of cases)
    await assert.rejects(call(), (e) => {
      assert.ok(e instanceof kind, `${what}: ${e}`);
      assert.equal(e.code, code, what);
      return true;
    });
  const poor = gateway.wallet('poor', '0.000001');
  const poorClient = new OpenAI({ apiKey: poor.key, baseURL: `${gateway.url}/v1` });
  await assert.rejects(poorClient.chat.completions.create({ model: 'gpt-5-nano', messages }), (e) => e.status === 402 && e.code === 'insufficient_funds');
  const narrow = gateway.wallet('narrow', '1', ['--models', 'other-*']);
  const narrowClient = new OpenAI({ apiKey: narrow.key, baseURL: `${gateway.url}/v1` });
  await assert.rejects(narrowClient.chat.completions.create({ model: 'gpt-5-nano', messages }), (e) => e instanceof OpenAI.PermissionDeniedError && e.code === 'model_not_allowed');
  gateway.run('wallet', 'freeze', narrow.id);
  await assert.rejects(narrowClient.chat.completions.create({ model: 'gpt-5-nano', messages }), (e) => e instanceof OpenAI.PermissionDeniedError && e.code === 'wallet_frozen');
  await gateway.settled(wallet, left);
  await gateway.settled(poor, nano('0.000001'));
});

test("errors: the upstream's own 400 and 429 pass, its 401 and 500 become ours", async () => {
  const cases = [
    [400, OpenAI.BadRequestError, null],
    [401, OpenAI.InternalServerError, 'upstream_error'],
    [429, OpenAI.RateLimitError, 'rate_limited'],
    [500, OpenAI.InternalServerError, 'upstream_error'],
    [302, OpenAI.InternalServerError, 'upstream_error'],
  ];
  for (const [status, kind, code] of cases) {
    upstream.handle = (req, res) => json(res, status, recorded('en-chat-bad-request.response.json'), { 'retry-after': '7', location: 'http://127.0.0.1:1/' });
    await assert.rejects(client.chat.completions.create({ model: 'gpt-5-nano', messages }), (e) => {
      assert.ok(e instanceof kind, `${status}: ${e}`);
      if (code) assert.equal(e.code, code);
      if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
      return true;
    });
    await gateway.settled(wallet, left);
  }
});

test('retries: the SDK repeats a 5xx by itself and pays once', async () => {
  let calls = 0;
  upstream.handle = (req, res) => (++calls < 3 ? json(res, 503, { error: { message: 'busy' } }) : json(res, 200, recorded('en-chat-basic.response.json')));
  const patient = new OpenAI({ apiKey: wallet.key, baseURL: `${gateway.url}/v1`, maxRetries: 3 });
  const data = await patient.chat.completions.create({ model: 'gpt-5-nano', messages });
  assert.equal(calls, 3);
  spend(data.usage);
  await gateway.settled(wallet, left);
});

test("timeouts: a client's own timeout ends the upstream call and costs nothing", async () => {
  upstream.handle = async (req, res) => {
    for (let i = 0; i < 100 && !res.destroyed; i++) await sleep(50);
  };
  const hasty = new OpenAI({ apiKey: wallet.key, baseURL: `${gateway.url}/v1`, maxRetries: 0, timeout: 300 });
  await assert.rejects(hasty.chat.completions.create({ model: 'gpt-5-nano', messages }), OpenAI.APIConnectionTimeoutError);
  await gateway.settled(wallet, left);
});
