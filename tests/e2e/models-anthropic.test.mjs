// SPDX-License-Identifier: Apache-2.0
// The official `@anthropic-ai/sdk`, unmodified, in the newest version and in one that still
// sends the API version 2023-06-01, with every kind of provider behind the gateway.
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import Older from 'anthropic-2023';
import { z } from 'zod';
import { cityAnswer, citySchema, kinds, plain, png, seesPng, toolSchema, world } from './models-lab.mjs';

const w = world(kinds);
const sdks = {
  '2026-10-21': () => new Anthropic({ apiKey: w.key, baseURL: w.url, maxRetries: 0 }),
  '2023-06-01': () => new Older({ apiKey: w.key, baseURL: w.url, maxRetries: 0 }),
  '2023-06-01 with a bearer': () => new Older({ apiKey: null, authToken: w.key, baseURL: w.url, maxRetries: 0 }),
};
const max_tokens = 4096;
const user = (content) => [{ role: 'user', content }];
const tools = [{ name: 'weather', description: 'The weather', input_schema: toolSchema }];
const textOf = (m) => m.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

for (const [version, make] of Object.entries(sdks)) for (const name of kinds) {
  test(`messages ${version}: ${name} answers, whole and streamed`, async () => {
    const model = `${name}-model`;
    const { data, response } = await make().messages.create({ model, max_tokens, system: 'Be brief.', messages: user('Hello') }).withResponse();
    assert.equal(textOf(data), plain);
    assert.equal(data.stop_reason, 'end_turn');
    assert.equal(data.role, 'assistant');
    assert.equal(w.last(name).seen.system, 'Be brief.');
    assert.equal(w.last(name).seen.max, max_tokens);
    assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0);
    assert.ok(response.headers.get('x-octroi-cost'));
    const events = [];
    const stream = make().messages.stream({ model, max_tokens, messages: user('Hello') });
    stream.on('streamEvent', (e) => events.push(e.type));
    const final = await stream.finalMessage();
    assert.equal(textOf(final), plain);
    assert.equal(final.stop_reason, 'end_turn');
    assert.ok(final.usage.output_tokens > 1);
    assert.deepEqual([events[0], ...events.slice(-3)], ['message_start', 'content_block_stop', 'message_delta', 'message_stop']);
    await w.paid(name);
  });
}

for (const name of kinds) {
  test(`tools: ${name} calls two at once, whole and streamed, and takes the results`, async () => {
    for (const [version, make] of Object.entries(sdks).slice(0, 2)) for (const stream of [false, true]) {
      const messages = user('#parallel');
      const ask = () => (stream ? make().messages.stream({ model: `${name}-model`, max_tokens, messages, tools }).finalMessage() : make().messages.create({ model: `${name}-model`, max_tokens, messages, tools }));
      const first = await ask();
      assert.equal(first.stop_reason, 'tool_use', version);
      const calls = first.content.filter((b) => b.type === 'tool_use');
      assert.deepEqual(calls.map((c) => c.input), [{ city: 'Paris' }, { city: 'Rome' }]);
      messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: `sun in ${c.input.city}` })) });
      assert.equal(textOf(await ask()), 'weather said sun in Paris; weather said sun in Rome');
    }
    await w.paid(name);
  });

  test(`tool runner: ${name} goes on from turn to turn; a thread is kept or is said to be none`, async () => {
    for (const stream of [false, true]) {
      const tool = betaZodTool({ name: 'weather', description: 'The weather', inputSchema: z.object({ city: z.string(), days: z.number().int() }), run: ({ city, days }) => `${days} days of sun in ${city}` });
      const runner = sdks['2026-10-21']().beta.messages.toolRunner({ model: `${name}-model`, max_tokens, messages: user('#tools'), tools: [tool], stream });
      const final = await runner.runUntilDone();
      assert.match(textOf(final), /^weather said \d+ days of sun in Paris$/, name);
    }
    await w.paid(name);
  });

  test(`thinking: ${name} thinks, and the thought comes back with its signature`, async () => {
    if (!w.mocks[name].thinker) return;
    const messages = user('#reason');
    const ask = (stream) => {
      const body = { model: `${name}-thinker`, max_tokens, messages, tools, thinking: { type: 'enabled', budget_tokens: 1024 } };
      const sdk = sdks['2023-06-01']();
      return stream ? sdk.messages.stream(body).finalMessage() : sdk.messages.create(body);
    };
    for (const stream of [false, true]) {
      messages.length = 1;
      const first = await ask(stream);
      const call = first.content.find((b) => b.type === 'tool_use');
      assert.deepEqual(call.input, { city: 'Paris' }, JSON.stringify(first));
      messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'rain' }] });
      assert.equal(textOf(await ask(stream)), 'weather said rain');
    }
    await w.paid(name);
  });

  test(`structured output and images: ${name} keeps the schema and sees the bytes`, async () => {
    const r = await sdks['2026-10-21']().messages.create({ model: `${name}-model`, max_tokens, messages: user('#schema'), output_config: { format: { type: 'json_schema', schema: citySchema } } });
    assert.deepEqual(JSON.parse(textOf(r)), cityAnswer);
    const i = await sdks['2026-10-21']().messages.create({ model: `${name}-eyes`, max_tokens, messages: user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png.toString('base64') } }, { type: 'text', text: '#image' }]) });
    assert.equal(textOf(i), seesPng);
    await w.paid(name);
  });

  test(`count_tokens: ${name} is counted, or estimated, for nothing`, async () => {
    for (const make of Object.values(sdks)) {
      const r = await make().messages.countTokens({ model: `${name}-model`, messages: user('How many tokens may this be?'), tools });
      assert.ok(r.input_tokens > 3 && r.input_tokens < 2000, `${name}: ${r.input_tokens}`);
    }
    w.due();
    assert.equal(await w.spent(), 0n);
  });
}

test('cache marks: what is written and read has its own price', async () => {
  for (const name of ['anthropic', 'bedrock']) {
    const system = [{ type: 'text', text: 'A long text.', cache_control: { type: 'ephemeral' } }];
    const r = await sdks['2026-10-21']().messages.create({ model: `${name}-model`, max_tokens, system, messages: user('#cached') });
    assert.ok(r.usage.cache_creation_input_tokens > 0 && r.usage.cache_read_input_tokens > 0);
    assert.equal(w.last(name).seen.marks, true, name);
    await w.paid(name);
  }
});

test('errors: each status is the exception of the SDK, in its own form, and free', async () => {
  const cases = { 400: Anthropic.BadRequestError, 429: Anthropic.RateLimitError, 500: Anthropic.InternalServerError, 529: Anthropic.InternalServerError };
  for (const name of kinds) for (const [status, kind] of Object.entries(cases)) {
    await assert.rejects(sdks['2026-10-21']().messages.create({ model: `${name}-model`, max_tokens, messages: user(`#error${status}`) }), (e) => {
      assert.ok(e instanceof kind, `${name} ${status}: ${e.constructor.name} ${e}`);
      assert.equal(e.error.type, 'error');
      assert.equal(typeof e.error.error.message, 'string');
      return true;
    });
  }
  await w.paid();
});

test('streams: one that is cut or fails inside is an error of the SDK, for every provider', async () => {
  for (const name of kinds) for (const word of ['#cut', '#short', '#inerror']) {
    const stream = sdks['2026-10-21']().messages.stream({ model: `${name}-model`, max_tokens, messages: user(word) });
    await assert.rejects(stream.finalMessage(), Anthropic.AnthropicError, `${name} ${word}`);
    w.due();
    assert.ok((await w.spent()) > 0n, 'what was delivered is charged');
  }
});

test('the books are right at the end', () => w.laws());
