// SPDX-License-Identifier: Apache-2.0
// What was found by running the newest clients: each finding is a claim of its own here.
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import OpenAI from 'openai';
import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { events } from './dialects.mjs';
import { png, price, seesPng, toolSchema, truth, world } from './models-lab.mjs';
import { thought } from './providers/script.mjs';
import { usd } from './lib.mjs';

const w = world(['openai', 'anthropic', 'gemini', 'bedrock', 'cohere', 'mistral', 'vllm'], {
  config: {
    models: {
      opus: { targets: [{ provider: 'anthropic', model: 'claude-opus-5' }], price },
      older: { targets: [{ provider: 'anthropic', model: 'claude-haiku-4-5' }], price },
      'bedrock-opus': { targets: [{ provider: 'bedrock', model: 'us.anthropic.claude-opus-4-8' }], price },
      picky: { targets: [{ provider: 'anthropic', model: 'claude-opus-5' }], price, require_parameters: true },
    },
  },
});

const user = (content) => [{ role: 'user', content }];
const max_tokens = 3000;
const newer = { 'anthropic-version': '2026-10-21' };
const older = { 'anthropic-version': '2023-06-01' };
const bearer = (h) => ({ ...h, authorization: `Bearer ${w.key}` });
const xKey = (h) => ({ ...h, 'x-api-key': w.key });
const messages = (body, headers = xKey(older), query = '') => w.post(`/v1/messages${query}`, { model: 'anthropic-model', max_tokens, messages: user('Hello'), ...body }, headers);
const chat = (body) => w.post('/v1/chat/completions', { model: 'anthropic-model', messages: user('Hello'), ...body });
const openai = () => new OpenAI({ apiKey: w.key, baseURL: `${w.url}/v1`, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: w.key, baseURL: w.url, maxRetries: 0 });
const tools = [{ name: 'weather', description: 'The weather', input_schema: toolSchema }];
const ok = (r) => assert.equal(r.status, 200, r.body.toString());

test('finding 1: messages takes both API versions and both key headers', async () => {
  for (const version of [older, newer]) for (const key of [bearer, xKey]) {
    const r = await messages({}, key(version));
    ok(r);
    assert.equal(w.last('anthropic').headers['anthropic-version'], version['anthropic-version']);
    assert.equal(w.last('anthropic').headers['x-api-key'], w.mocks.anthropic.key);
    assert.ok(!JSON.stringify(w.last('anthropic').rawHeaders).includes(w.key));
  }
  await w.paid();
});

test('finding 1: sampling parameters of an OpenAI client reach a Claude that takes them', async () => {
  ok(await chat({ temperature: 0.5 }));
  assert.equal(w.last('anthropic').seen.temperature, 0.5);
  assert.equal(w.last('anthropic').headers['anthropic-version'], '2023-06-01');
  await w.paid();
});

test('finding 1: a Claude that refuses sampling parameters never sees them, and the client is told', async () => {
  const r = await chat({ model: 'opus', temperature: 0.5, top_p: 0.9 });
  ok(r);
  assert.equal(w.last('anthropic').seen.temperature, undefined);
  const told = Object.entries(r.headers).filter(([k]) => /octroi/.test(k)).map(([, v]) => v).join(' ');
  assert.match(told, /temperature/);
  assert.match(told, /top_p/);
  await w.paid();
});

test('finding 1: where all parameters are required, what cannot be carried refuses the call', async () => {
  const r = await chat({ model: 'picky', temperature: 0.5 });
  assert.equal(r.status, 400, r.body.toString());
  assert.match(r.body.toString(), /temperature/);
  assert.equal(w.mocks.anthropic.calls.length, 0);
  ok(await chat({ model: 'picky' }));
  await w.paid();
});

test("finding 1: a temperature under the newer version is Anthropic's own error, unmodified", async () => {
  const r = await messages({ temperature: 1 }, bearer(newer));
  assert.equal(r.status, 400);
  const e = JSON.parse(r.body);
  assert.equal(e.error.type, 'invalid_request_error');
  assert.match(e.error.message, /temperature/);
  w.mocks.anthropic.calls.length = 0;
  assert.equal(await w.spent(), 0n);
});

test('finding 1: tool_use blocks with a caller are taken back, here and abroad', async () => {
  for (const name of ['anthropic', 'openai', 'gemini', 'bedrock']) {
    const called = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' }, caller: { type: 'direct' } }] };
    const r = await messages({ model: `${name}-model`, tools, messages: [...user('#tools'), called, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'snow' }] }] }, bearer(newer));
    ok(r);
    assert.equal(JSON.parse(r.body).content[0].text, 'weather said snow');
  }
  await w.paid();
});

test("finding 2: a thread, its beta header and the query reach Anthropic; the SDK's second turn is only the new messages", async () => {
  const tool = betaZodTool({ name: 'weather', description: 'The weather', inputSchema: z.object({ city: z.string() }), run: ({ city }) => `sun in ${city}` });
  const r = await anthropic().beta.messages.toolRunner({ model: 'anthropic-model', max_tokens, messages: user('#tools'), tools: [tool] }).runUntilDone();
  assert.equal(r.content[0].text, 'weather said sun in Paris');
  const call = w.last('anthropic');
  assert.equal(call.body.thread.type, 'continue');
  assert.equal(call.body.messages.length, 1);
  assert.match(call.headers['anthropic-beta'], /message-threads-2026-08-12/);
  assert.equal(call.seen.turns.length, 3, 'the conversation was lost');
  ok(await messages({}, { ...xKey(older), 'anthropic-beta': 'files-api-2025-04-14,context-1m-2025-08-07' }, '?beta=true'));
  assert.equal(w.last('anthropic').query.get('beta'), 'true');
  assert.equal(w.last('anthropic').headers['anthropic-beta'], 'files-api-2025-04-14,context-1m-2025-08-07');
  await w.paid();
});

test('finding 2: where there are no threads the client is told so, and goes on with its whole history', async () => {
  for (const name of ['openai', 'gemini', 'bedrock']) {
    const r = await messages({ model: `${name}-model`, thread: { type: 'create' } }, { ...bearer(newer), 'anthropic-beta': 'message-threads-2026-08-12' });
    assert.equal(r.status, 400);
    const { details } = JSON.parse(r.body).error;
    assert.equal(details.error_code, 'thread_unsupported_request');
    assert.ok(details.unsupported.length > 0);
    const tool = betaZodTool({ name: 'weather', description: 'The weather', inputSchema: z.object({ city: z.string() }), run: ({ city }) => `sun in ${city}` });
    const done = await anthropic().beta.messages.toolRunner({ model: `${name}-model`, max_tokens, messages: user('#tools'), tools: [tool] }).runUntilDone();
    assert.equal(done.content.find((b) => b.type === 'text').text, 'weather said sun in Paris');
  }
  await w.paid();
});

test('a Claude is asked to think in the way that it knows: by effort, or by a budget', async () => {
  for (const [model, kind] of [['opus', 'adaptive'], ['older', 'enabled'], ['anthropic-model', null], ['bedrock-model', 'enabled'], ['bedrock-opus', 'adaptive']]) {
    const r = await chat({ model, messages: user('#reason'), reasoning_effort: 'medium', max_completion_tokens: 9000 });
    ok(r);
    const message = JSON.parse(r.body).choices[0].message;
    assert.equal(message.reasoning_content ?? message.reasoning, thought, model);
    const { body } = w.last(/bedrock/.test(model) ? 'bedrock' : 'anthropic');
    if (kind) assert.equal((body.thinking ?? body.additionalModelRequestFields.thinking).type, kind, model);
  }
  await w.paid();
});

test('finding 3: embeddings come as base64 and as lists of tokens', async () => {
  const r = await openai().embeddings.create({ model: 'openai-embedding', input: 'x' });
  assert.equal(JSON.parse(w.last('openai').bytes).encoding_format, 'base64');
  assert.equal(r.data[0].embedding.length, 8);
  await openai().embeddings.create({ model: 'openai-embedding', input: [1, 2, 3] });
  assert.deepEqual(JSON.parse(w.last('openai').bytes).input, [1, 2, 3]);
  await w.paid();
});

test('finding 4: usage that was not asked for is billed and not shown, whoever answers', async () => {
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const r = await chat({ model: `${name}-model`, stream: true });
    ok(r);
    const list = events(r.body);
    assert.equal(list.at(-1).data, '[DONE]');
    for (const e of list.slice(0, -1)) {
      const c = JSON.parse(e.data);
      assert.ok(!c.usage && c.choices.length > 0, e.data);
    }
    assert.ok((await w.paid(name)) > 0n);
  }
});

test('finding 4: usage that was asked for tells what is billed', async () => {
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const r = await chat({ model: `${name}-model`, stream: true, stream_options: { include_usage: true } });
    const { usage } = JSON.parse(events(r.body).at(-2).data);
    assert.equal(usage.cost, usd(truth(w.last(name).usage)), name);
    await w.paid(name);
  }
});

test('finding 5: the schemas of zod 4 reach every provider in a form that it takes', async () => {
  const parameters = z.object({ city: z.string(), days: z.number().int(), when: z.enum(['now', 'later']).optional(), tags: z.array(z.string()).optional() });
  const raw = z.toJSONSchema(parameters);
  assert.ok(raw.$schema && raw.properties.days.maximum === Number.MAX_SAFE_INTEGER);
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const r = await chat({ model: `${name}-model`, messages: user('#tools'), tools: [{ type: 'function', function: { name: 'weather', parameters: raw } }] });
    ok(r);
    const args = JSON.parse(JSON.parse(r.body).choices[0].message.tool_calls[0].function.arguments);
    assert.equal(args.city, 'Paris', name);
    assert.deepEqual(Object.keys(w.last(name).seen.tools[0].schema.properties).sort(), ['city', 'days', 'tags', 'when'], name);
  }
  const strict = zodFunction({ name: 'weather', parameters: z.object({ city: z.string(), days: z.number().int() }) });
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) ok(await chat({ model: `${name}-model`, messages: user('#tools'), tools: [strict] }));
  await w.paid();
});

test('every answer has an id of its own, also where the provider gives none', async () => {
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const ids = new Set();
    for (let i = 0; i < 3; i++) ids.add(JSON.parse((await chat({ model: `${name}-model` })).body).id);
    assert.equal(ids.size, 3, name);
  }
  await w.paid();
});

test('tool results reach the provider behind the call that they answer, in any order', async () => {
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const call = (id, city) => ({ id, type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city }) } });
    const r = await chat({
      model: `${name}-model`,
      tools: [{ type: 'function', function: { name: 'weather', parameters: toolSchema } }],
      messages: [...user('#parallel'), { role: 'assistant', content: null, tool_calls: [call('call_a', 'Paris'), call('call_b', 'Rome')] }, { role: 'tool', tool_call_id: 'call_b', content: 'two' }, { role: 'tool', tool_call_id: 'call_a', content: 'one' }, ...user('And?')],
    });
    ok(r);
    const text = JSON.parse(r.body).choices[0].message.content;
    assert.match(text, /weather said one/, name);
    assert.match(text, /weather said two/, name);
  }
  await w.paid();
});

test('sampling, stop sequences and the bound reach every provider from every dialect', async () => {
  const asks = {
    chat: (name) => w.post('/v1/chat/completions', { model: `${name}-model`, messages: user('Hello'), temperature: 0.5, stop: ['END'], max_completion_tokens: 77 }),
    messages: (name) => messages({ model: `${name}-model`, temperature: 0.5, stop_sequences: ['END'], max_tokens: 77 }),
    gemini: (name) => w.post(`/v1beta/models/${name}-model:generateContent`, { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }], generationConfig: { temperature: 0.5, stopSequences: ['END'], maxOutputTokens: 77 } }),
  };
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock', 'cohere', 'mistral', 'vllm']) for (const [dialect, ask] of Object.entries(asks)) {
    ok(await ask(name));
    const { temperature, stop, max } = w.last(name).seen;
    assert.deepEqual({ temperature, stop, max }, { temperature: 0.5, stop: ['END'], max: 77 }, `${dialect} to ${name}`);
  }
  await w.paid();
});

test('several choices come from those who give them, and are charged', async () => {
  for (const name of ['openai', 'gemini', 'vllm']) {
    const r = await chat({ model: `${name}-model`, n: 2 });
    ok(r);
    const { choices } = JSON.parse(r.body);
    assert.deepEqual(choices.map((c) => c.index), [0, 1], name);
    assert.equal(choices[0].message.content, choices[1].message.content);
  }
  const r = await chat({ model: 'anthropic-model', n: 2 });
  if (r.status === 200) assert.match(r.headers['x-octroi-dropped'], /\bn\b/);
  else assert.match(r.body.toString(), /"param":"n"/);
  await w.paid();
});

test("an image in a tool's result is seen, or refused where it cannot be said", async () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png.toString('base64') } };
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock', 'cohere', 'vllm']) {
    const called = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }] };
    const r = await messages({ model: `${name}-eyes`, tools, messages: [...user('#image'), called, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'look' }, image] }] }] });
    if (name === 'cohere') {
      assert.equal(JSON.parse(r.body).error.param, 'messages[2].content[0].content[1]');
      continue;
    }
    ok(r);
    const said = JSON.parse(r.body).content.find((b) => b.type === 'text').text;
    if (said === 'I see nothing.') assert.ok(r.headers['x-octroi-dropped'], `${name} lost it silently`);
    else assert.equal(said, seesPng, name);
  }
  await w.paid();
});

test('a leading system text and a later one both reach the provider', async () => {
  for (const name of ['openai', 'anthropic', 'gemini', 'bedrock']) {
    const r = await chat({ model: `${name}-model`, messages: [{ role: 'system', content: 'One.' }, { role: 'developer', content: 'Two.' }, ...user('#echo')] });
    ok(r);
    assert.match(JSON.parse(r.body).choices[0].message.content, /One\.[\s\S]*Two\./, name);
  }
  await w.paid();
});


test('the books are right at the end', () => w.laws());
