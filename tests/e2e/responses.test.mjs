// SPDX-License-Identifier: Apache-2.0
// The official `openai` package, unmodified, speaking Responses with the gateway: to a
// provider that speaks them too (the short way) and to one that knows chat only (each event
// is made here). Every answer costs what the provider knows that it used.
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { createOpenAI } from '@ai-sdk/openai';
import { stepCountIs, streamText, tool as chainTool } from 'ai';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { nano } from './lib.mjs';
import { plain, png, price, seesPng, toolSchema, world } from './models-lab.mjs';
import { thought } from './providers/script.mjs';

const place = { city: 'Paris', count: 2.5 };
const names = ['openai', 'vllm', 'anthropic', 'gemini', 'bedrock', 'cohere'];
// A model that its vendor serves by this face only.
const codex = { targets: [{ provider: 'openai', model: 'gpt-5-codex' }], price };
const w = world(names, { shred: 11, config: { models: { codex } } });
const client = () => new OpenAI({ apiKey: w.key, baseURL: `${w.url}/v1`, maxRetries: 0 });
const tool = { type: 'function', name: 'weather', description: 'The weather', parameters: toolSchema, strict: true };

async function each(what) {
  for (const name of names) {
    await what(`${name}-model`, name);
    await w.paid(`of ${name}`);
  }
}

/** Calls that the mock has refused, as it should. */
const forget = () => Object.values(w.mocks).forEach((mock) => mock.calls.splice(0));

const dearly = (r) => assert.ok(nano(r.usage.cost) > 0n, 'the answer tells what it cost');

test('create: the answer, its usage and its cost', () => each(async (model, name) => {
  const r = await client().responses.create({ model, input: 'Hello' });
  assert.equal(r.output_text, plain, name);
  assert.equal(r.status, 'completed');
  assert.match(r.id, /^resp_/);
  assert.equal(r.usage.total_tokens, r.usage.input_tokens + r.usage.output_tokens);
  if (name !== 'openai') dearly(r); // a whole answer passes as it came: its cost is a header
}));

test('stream: every event adds up to the final response, as the helper checks', () => each(async (model, name) => {
  const types = new Set();
  let text = '';
  const s = client().responses.stream({ model, input: '#long', instructions: 'Count.' });
  s.on('event', (e) => types.add(e.type));
  s.on('response.output_text.delta', (e) => { text = e.snapshot; });
  const r = await s.finalResponse();
  assert.equal(r.output_text, Array.from({ length: 40 }, (_, i) => `wagon ${i}`).join(', '), name);
  assert.equal(text, r.output_text);
  for (const t of ['created', 'in_progress', 'output_item.added', 'content_part.added', 'output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done', 'completed']) assert.ok(types.has(`response.${t}`), `${name}: ${t}`);
  dearly(r);
}));

test('tools: calls stream in fragments and their outputs are taken', () => each(async (model, name) => {
  const input = [{ role: 'user', content: '#parallel' }];
  const first = await client().responses.stream({ model, input, tools: [tool], store: false }).finalResponse();
  const calls = first.output.filter((o) => o.type === 'function_call');
  assert.deepEqual(calls.map((c) => JSON.parse(c.arguments).city), ['Paris', 'Rome'], name);
  for (const c of calls) input.push(c);
  for (const c of calls) input.push({ type: 'function_call_output', call_id: c.call_id, output: `sun in ${JSON.parse(c.arguments).city}` });
  const second = await client().responses.create({ model, input, tools: [tool], store: false });
  assert.equal(second.output_text, 'weather said sun in Paris; weather said sun in Rome', name);
}));

test('parse: an answer by a schema is an object', () => each(async (model, name) => {
  const text = { format: zodTextFormat(z.object({ city: z.string(), count: z.number() }), 'place') };
  const r = await client().responses.parse({ model, input: '#schema', text });
  assert.deepEqual(r.output_parsed, place, name);
  const s = await client().responses.stream({ model, input: '#schema', text }).finalResponse();
  assert.deepEqual(s.output_parsed, place, name);
}));

test('images arrive', () => each(async (model, name) => {
  const url = `data:image/png;base64,${png.toString('base64')}`;
  const r = await client().responses.create({ model: `${name}-eyes`, input: [{ role: 'user', content: [{ type: 'input_text', text: '#image' }, { type: 'input_image', image_url: url, detail: 'auto' }] }] });
  assert.equal(r.output_text, seesPng, name);
}));

test('reasoning is shown, and goes back with the history of a tool loop', async () => {
  for (const name of names) {
    const model = `${name}-thinker`;
    const more = { model, tools: [tool], store: false, reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
    const input = [{ role: 'user', content: '#reason' }];
    const first = await client().responses.stream({ ...more, input }).finalResponse();
    // What Gemini signs is its call: the signature stands behind it, in an item of its own.
    assert.deepEqual(first.output.map((o) => o.type), ['reasoning', 'function_call', ...(name === 'gemini' ? ['reasoning'] : [])], name);
    assert.ok(first.output[0].summary[0].text.endsWith(thought), name); // Cohere tells its plan before
    input.push(...first.output, { type: 'function_call_output', call_id: first.output[1].call_id, output: 'rain' });
    assert.equal((await client().responses.stream({ ...more, input }).finalResponse()).output_text, 'weather said rain', name);
    await w.paid(`of ${name}`);
  }
});

test('the ai package: tools in a loop, and what it does not send again is found', async () => {
  for (const name of names) {
    const provider = createOpenAI({ apiKey: w.key, baseURL: `${w.url}/v1` });
    for (const store of [undefined, false]) {
      const result = streamText({
        model: provider.responses(`${name}-thinker`), prompt: '#reason', stopWhen: stepCountIs(3), maxRetries: 0, onError: () => {},
        tools: { weather: chainTool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `sun in ${city}` }) },
        providerOptions: { openai: { store, reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true, ...(store === false && { include: ['reasoning.encrypted_content'] }) } },
      });
      assert.equal(await result.text, 'weather said sun in Paris', `${name} ${store}`);
      assert.ok((await result.steps)[0].reasoningText?.endsWith(thought), name);
    }
    await w.paid(`of ${name}`);
  }
});

test('clients of chat and of messages reach a model that is served by Responses only', async () => {
  const user = (content) => [{ role: 'user', content }];
  const weather = { name: 'weather', description: 'The weather', parameters: toolSchema };
  const c = await client().chat.completions.create({ model: 'codex', messages: [{ role: 'system', content: 'Be brief.' }, ...user('#echo')] });
  assert.equal(c.choices[0].message.content, 'Be brief.');
  assert.equal(w.last('openai').path, '/v1/responses');
  const tools = [{ type: 'function', function: { ...weather, parse: JSON.parse, function: ({ city }) => `sun in ${city}` } }];
  assert.equal(await client().chat.completions.runTools({ stream: true, model: 'codex', messages: user('#parallel'), tools }).finalContent(), 'weather said sun in Paris; weather said sun in Rome');
  await w.paid('of chat');
  const claude = new Anthropic({ apiKey: w.key, baseURL: w.url, maxRetries: 0 });
  const more = { model: 'codex', max_tokens: 4096, thinking: { type: 'enabled', budget_tokens: 2048 }, tools: [{ name: 'weather', input_schema: toolSchema }] };
  const messages = user('#reason');
  const first = await claude.messages.stream({ ...more, messages }).finalMessage();
  assert.deepEqual(first.content.map((b) => b.type), ['thinking', 'tool_use']);
  messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: first.content[1].id, content: 'rain' }] });
  assert.equal((await claude.messages.stream({ ...more, messages }).finalMessage()).content.at(-1).text, 'weather said rain');
  await w.paid('of messages');
});

test('an answer that is cut short by its bound says so', () => each(async (model, name) => {
  const r = await client().responses.stream({ model, input: '#length', max_output_tokens: 16 }).finalResponse();
  assert.equal(r.status, 'incomplete', name);
  assert.equal(r.incomplete_details.reason, 'max_output_tokens');
}));

test('an upstream that fails in a stream is an error, and no answer', async () => {
  for (const name of names) for (const word of ['#inerror', '#cut', '#short']) await assert.rejects(client().responses.stream({ model: `${name}-model`, input: word }).finalResponse(), (e) => e instanceof OpenAI.OpenAIError, `${name} ${word}`);
  forget();
  await w.spent();
});

test('bad input names the field', async () => {
  const model = 'vllm-model';
  const bad = [
    [{ input: 7 }, 'input'], [{ input: [] }, 'input'], [{ input: [{ role: 'boss', content: 'x' }] }, 'input[0].role'], [{ input: [{ role: 'user', content: 7 }] }, 'input[0].content'],
    [{ input: [{ role: 'user', content: [{ type: 'smell' }] }] }, 'input[0].content[0].type'], [{ input: [{ type: 'function_call_output', call_id: 'c', output: '' }] }, 'input[0].call_id'],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0]'], [{ input: 'x', previous_response_id: 'resp_1' }, 'previous_response_id'], [{ input: 'x', conversation: 'conv_1' }, 'conversation'],
    [{ input: 'x', background: true }, 'background'], [{ input: 'x', max_output_tokens: 0 }, 'max_output_tokens'], [{ input: 'x', tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }, 'tools[0].type'],
    [{ input: 'x', text: { format: { type: 'xml' } } }, 'text.format.type'], [{ input: 'x', reasoning: { effort: 'some' } }, 'reasoning.effort'], [{ input: 'x', stream: 'yes' }, 'stream'], [{ input: 'x', instructions: 1 }, 'instructions'],
  ];
  const unread = [[{ input: 'x', text: { format: { type: 'xml' } } }, 'text.format.type'], [{ input: 'x', reasoning: { effort: 'some' } }, 'reasoning.effort']];
  for (const [body, param] of names.length > 1 ? [...bad, ...unread] : bad) {
    await assert.rejects(client().responses.create({ model, ...body }), (e) => {
      assert.equal(e.status, 400, param);
      assert.equal(e.param, param);
      return true;
    });
  }
  await assert.rejects(client().responses.create({ model: 'nobody', input: 'x' }), OpenAI.NotFoundError);
  await assert.rejects(client().responses.retrieve('resp_1'), OpenAI.NotFoundError);
  forget();
  await w.paid('of nothing');
});

test('the books balance', () => w.laws());
