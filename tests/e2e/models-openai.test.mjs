// SPDX-License-Identifier: Apache-2.0
// The official `openai` package, unmodified, with every provider behind the gateway: chat,
// streaming helpers, tool runner, parse, responses, embeddings. Balances to the nano-dollar.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat, zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { cityAnswer, kinds, plain, png, seesPng, toolSchema, vendors, world } from './models-lab.mjs';

const w = world([...kinds, ...vendors]);
const City = z.object({ city: z.string(), count: z.number().int() });
const client = () => new OpenAI({ apiKey: w.key, baseURL: `${w.url}/v1`, maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const weather = (said) => ({ type: 'function', function: { name: 'weather', description: 'The weather', parameters: toolSchema, parse: JSON.parse, function: ({ city }) => said(city) } });
const sunny = (city) => `sun in ${city}`;

for (const name of [...kinds, ...vendors]) {
  test(`chat: ${name} answers, whole and streamed, and costs what it used`, async () => {
    const { data, response } = await client().chat.completions.create({ model: `${name}-model`, messages: [{ role: 'system', content: 'Be brief.' }, ...user('Hello')], max_completion_tokens: 500 }).withResponse();
    assert.equal(data.choices[0].message.content, plain);
    assert.equal(data.choices[0].finish_reason, name === 'together' ? 'eos' : 'stop'); // its own word passes
    assert.ok(data.usage.total_tokens >= data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.equal(w.last(name).seen.system, 'Be brief.');
    const cost = await w.paid(name);
    assert.equal(response.headers.get('x-octroi-cost').replace('.', '').replace(/^0+/, ''), String(cost));

    const stream = client().chat.completions.stream({ model: `${name}-model`, messages: user('Hello again'), stream_options: { include_usage: true } });
    const whole = await stream.finalChatCompletion();
    assert.equal(whole.choices[0].message.content, plain);
    assert.ok(whole.usage.prompt_tokens > 0 && whole.usage.completion_tokens > 0);
    await w.paid(name);
  });

  test(`chat: a usage chunk that nobody asked for does not reach the client of ${name}`, async () => {
    const stream = await client().chat.completions.create({ model: `${name}-model`, messages: user('#long'), stream: true });
    let text = '';
    for await (const chunk of stream) {
      assert.ok(!chunk.usage, JSON.stringify(chunk));
      text += chunk.choices[0]?.delta.content ?? '';
    }
    assert.match(text, /^wagon 0, .* wagon 39$/);
    await w.paid(name);
  });

  test(`runTools: ${name} calls tools, one and two at once, whole and streamed`, async () => {
    for (const stream of [false, true]) {
      const one = client().chat.completions.runTools({ stream, model: `${name}-model`, messages: user('#tools'), tools: [weather(sunny)] });
      assert.equal(await one.finalContent(), 'weather said sun in Paris');
      const two = client().chat.completions.runTools({ stream, model: `${name}-model`, messages: user('#parallel'), tools: [weather(sunny)] });
      assert.equal(await two.finalContent(), 'weather said sun in Paris; weather said sun in Rome');
    }
    await w.paid(name);
  });

  test(`parse: ${name} answers in the schema of zod`, async () => {
    if (w.mocks[name].noSchemas) {
      await assert.rejects(client().chat.completions.parse({ model: `${name}-model`, messages: user('#schema'), response_format: zodResponseFormat(City, 'city') }), (e) => e.param?.startsWith('response_format'));
      return;
    }
    const r = await client().chat.completions.parse({ model: `${name}-model`, messages: user('#schema'), response_format: zodResponseFormat(City, 'city') });
    assert.deepEqual(r.choices[0].message.parsed, cityAnswer);
    const s = await client().chat.completions.stream({ model: `${name}-model`, messages: user('#schema'), response_format: zodResponseFormat(City, 'city') }).finalChatCompletion();
    assert.deepEqual(s.choices[0].message.parsed, cityAnswer);
    await w.paid(name);
  });
}

for (const name of kinds) {
  test(`responses: ${name} answers, whole and streamed, with tools and parsed`, async () => {
    const model = `${name}-model`;
    const whole = await client().responses.create({ model, input: 'Hello', instructions: 'Be brief.', store: false });
    assert.equal(whole.output_text, plain);
    assert.equal(whole.status, 'completed');
    assert.equal(w.last(name).seen.system, 'Be brief.');
    const streamed = client().responses.stream({ model, input: 'Hello', store: false });
    let text = '';
    streamed.on('response.output_text.delta', (e) => (text += e.delta));
    assert.equal((await streamed.finalResponse()).output_text, plain);
    assert.equal(text, plain);
    const parsed = await client().responses.parse({ model, input: '#schema', text: { format: zodTextFormat(City, 'city') }, store: false });
    assert.deepEqual(parsed.output_parsed, cityAnswer);

    const tools = [{ type: 'function', name: 'weather', description: 'The weather', parameters: toolSchema, strict: true }];
    for (const stream of [false, true]) {
      const input = [{ role: 'user', content: '#parallel' }];
      const ask = async () => (stream ? client().responses.stream({ model, input, tools, store: false }).finalResponse() : client().responses.create({ model, input, tools, store: false }));
      const first = await ask();
      const calls = first.output.filter((i) => i.type === 'function_call');
      assert.deepEqual(calls.map((c) => JSON.parse(c.arguments)), [{ city: 'Paris' }, { city: 'Rome' }]);
      input.push(...first.output, ...calls.map((c) => ({ type: 'function_call_output', call_id: c.call_id, output: sunny(JSON.parse(c.arguments).city) })));
      assert.equal((await ask()).output_text, 'weather said sun in Paris; weather said sun in Rome');
    }
    await w.paid(name);
  });

  test(`images: ${name} sees the bytes that chat and responses send`, async () => {
    const url = `data:image/png;base64,${png.toString('base64')}`;
    const chat = await client().chat.completions.create({ model: `${name}-eyes`, messages: user([{ type: 'text', text: '#image' }, { type: 'image_url', image_url: { url } }]) });
    assert.equal(chat.choices[0].message.content, seesPng);
    const other = await client().responses.create({ model: `${name}-eyes`, store: false, input: [{ role: 'user', content: [{ type: 'input_text', text: '#image' }, { type: 'input_image', image_url: url, detail: 'auto' }] }] });
    assert.equal(other.output_text, seesPng);
    await w.paid(name);
  });
}

test('runTools: a tool that zod describes goes to every kind of provider', async () => {
  for (const name of kinds) {
    const tool = zodFunction({ name: 'weather', parameters: z.object({ city: z.string(), days: z.number().int() }), function: ({ city, days }) => `${days} days of sun in ${city}` });
    const r = client().chat.completions.runTools({ model: `${name}-model`, messages: user('#tools'), tools: [tool] });
    assert.match(await r.finalContent(), /^weather said \d+ days of sun in Paris$/, name);
  }
  await w.paid();
});

test('embeddings: base64, which the SDK asks for by itself, and lists of tokens pass', async () => {
  for (const name of ['openai', 'azure', 'vllm']) {
    const r = await client().embeddings.create({ model: `${name}-embedding`, input: ['one', 'two'] });
    assert.equal(r.data.length, 2);
    assert.ok(Math.abs(r.data[0].embedding[1] - 1 / 3) < 1e-6, name);
    assert.equal(JSON.parse(w.last(name).bytes).encoding_format, 'base64');
    const t = await client().embeddings.create({ model: `${name}-embedding`, input: [[1, 2, 3], [4]], encoding_format: 'float', dimensions: 4 });
    assert.equal(t.data[1].embedding.length, 4);
  }
  await w.paid();
});

test('models: every model is listed with its price', async () => {
  const list = [];
  for await (const m of client().models.list()) list.push(m);
  for (const name of kinds) assert.ok(list.some((m) => m.id === `${name}-model`), name);
  assert.equal((await client().models.retrieve('gemini-model')).id, 'gemini-model');
});

test('errors: each status of a provider is the exception of the SDK, and free', async () => {
  const cases = { 400: OpenAI.BadRequestError, 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError, 503: OpenAI.InternalServerError };
  for (const name of kinds) for (const [status, kind] of Object.entries(cases)) {
    await assert.rejects(client().chat.completions.create({ model: `${name}-model`, messages: user(`#error${status}`) }), (e) => {
      assert.ok(e instanceof kind, `${name} ${status}: ${e.constructor.name} ${e}`);
      assert.equal(typeof e.error.message, 'string');
      if (status === '429') assert.ok(Number(e.headers.get('retry-after')) > 0, name);
      return true;
    });
  }
  await w.paid();
});

test('streams: one that is cut or fails inside is an exception of the SDK, for every provider', async () => {
  for (const name of kinds) for (const word of ['#cut', '#short', '#inerror']) {
    let text = '';
    await assert.rejects(async () => {
      const stream = await client().chat.completions.create({ model: `${name}-model`, messages: user(word), stream: true });
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    }, OpenAI.APIError, `${name} ${word}`);
    assert.ok(text.length > 5 && plain.startsWith(text), `${name} ${word}: ${text}`);
    w.due();
    assert.ok((await w.spent()) > 0n, 'what was delivered is charged');
  }
});

test('the books are right at the end', () => w.laws());
