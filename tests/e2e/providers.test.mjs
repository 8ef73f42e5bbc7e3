// SPDX-License-Identifier: Apache-2.0
// The mocks themselves, without the gateway: the official clients work with them, and what
// a real provider refuses they refuse, naming the field.
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { createAgent, tool as chainTool } from 'langchain';
import OpenAI from 'openai';
import { z } from 'zod';
import { request } from './lib.mjs';
import { plain, thought } from './providers/script.mjs';
import { start } from './providers/start.mjs';
import { toolSchema } from './models-lab.mjs';

async function mock(t, name) {
  const m = await start(name, { shred: 13 });
  t.after(() => m.close());
  return m;
}

const user = (content) => [{ role: 'user', content }];
const answer = 'weather said sun in Paris; weather said sun in Rome';
const chatTool = { type: 'function', function: { name: 'weather', description: 'The weather', parameters: toolSchema } };

test('OpenAI and each compatible vendor: the openai package chats, streams and calls tools', async (t) => {
  for (const name of ['openai', 'deepseek', 'dashscope', 'moonshot', 'zai', 'mistral', 'groq', 'together', 'fireworks', 'xai', 'perplexity', 'cerebras', 'openrouter', 'vllm', 'llama.cpp']) {
    const m = await mock(t, name);
    const client = new OpenAI({ apiKey: m.key, baseURL: m.url, maxRetries: 0 });
    const r = await client.chat.completions.create({ model: m.model, messages: user('Hello') });
    assert.equal(r.choices[0].message.content, plain, name);
    const tools = [{ ...chatTool, function: { ...chatTool.function, parse: JSON.parse, function: ({ city }) => `sun in ${city}` } }];
    assert.equal(await client.chat.completions.runTools({ stream: true, model: m.model, messages: user('#parallel'), tools }).finalContent(), answer, name);
    await assert.rejects(async () => {
      for await (const c of await client.chat.completions.create({ model: m.model, messages: user('#inerror'), stream: true })) assert.ok(c);
    }, OpenAI.APIError, name);
  }
});

test('OpenAI: responses stream, and encrypted reasoning is checked when it is shown again', async (t) => {
  const m = await mock(t, 'openai');
  const client = new OpenAI({ apiKey: m.key, baseURL: m.url, maxRetries: 0 });
  const ask = (input) => client.responses.stream({ model: m.thinker, input, store: false, reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'], tools: [{ type: 'function', ...chatTool.function, strict: true }] }).finalResponse();
  const input = user('#reason');
  const first = await ask(input);
  assert.deepEqual(first.output.map((o) => o.type), ['reasoning', 'function_call']);
  assert.equal(first.output[0].summary[0].text, thought);
  input.push(...first.output, { type: 'function_call_output', call_id: first.output[1].call_id, output: 'rain' });
  assert.equal((await ask(input)).output_text, 'weather said rain');
  input[1] = { ...input[1], encrypted_content: 'forged' };
  await assert.rejects(ask(input), OpenAI.BadRequestError);
});

test('Anthropic: its SDK streams, thinks, counts, and keeps a thread', async (t) => {
  const m = await mock(t, 'anthropic');
  const client = new Anthropic({ apiKey: m.key, baseURL: m.url, maxRetries: 0 });
  const body = { model: m.model, max_tokens: 4000 };
  const r = await client.messages.stream({ ...body, thinking: { type: 'adaptive' }, messages: user('#reason') }).finalMessage();
  assert.deepEqual(r.content.map((b) => b.type), ['thinking', 'text']);
  assert.ok((await client.messages.countTokens({ model: m.model, messages: user('x') })).input_tokens > 0);
  const thread = client.beta.messages.thread({ ...body });
  await thread.send({ role: 'user', content: 'Hello' });
  await thread.send({ role: 'user', content: 'And again' });
  assert.equal(m.last().seen.turns.length, 3);
  assert.equal(m.last().body.messages.length, 1);
});

test('Gemini: its SDK streams and calls tools, and Gemini 3 wants its signatures back', async (t) => {
  const m = await mock(t, 'gemini');
  const client = new GoogleGenAI({ apiKey: m.key, httpOptions: { baseUrl: m.origin } });
  for (const model of [m.model, m.thinker]) {
    const chat = client.chats.create({ model, config: { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: toolSchema }] }] } });
    const first = await chat.sendMessage({ message: '#parallel' });
    const r = await chat.sendMessage({ message: first.functionCalls.map((c) => ({ functionResponse: { name: c.name, response: { output: `sun in ${c.args.city}` } } })) });
    assert.equal(r.text, answer);
  }
});

test('the Vercel AI SDK: openai chat and responses, openai-compatible, anthropic, openrouter', async (t) => {
  const o = await mock(t, 'openai');
  const a = await mock(t, 'anthropic');
  const r = await mock(t, 'openrouter');
  const v = await mock(t, 'vllm');
  const openai = createOpenAI({ apiKey: o.key, baseURL: o.url });
  const models = {
    chat: openai.chat(o.model),
    responses: openai.responses(o.model),
    compatible: createOpenAICompatible({ name: 'x', apiKey: v.key, baseURL: v.url, includeUsage: true })(v.model),
    anthropic: createAnthropic({ apiKey: a.key, baseURL: `${a.url}/v1` })(a.model),
    openrouter: createOpenRouter({ apiKey: r.key, baseURL: r.url })(r.model),
  };
  const tools = { weather: tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `sun in ${city}` }) };
  for (const [what, model] of Object.entries(models)) {
    assert.equal((await generateText({ model, prompt: 'Hello', maxRetries: 0 })).text, plain, what);
    const s = streamText({ model, prompt: '#parallel', tools, stopWhen: stepCountIs(3), maxRetries: 0 });
    assert.equal(await s.text, answer, what);
  }
});

test('LangChain: an agent uses its tool', async (t) => {
  const m = await mock(t, 'openai');
  const agent = createAgent({ model: new ChatOpenAI({ model: m.model, apiKey: m.key, configuration: { baseURL: m.url }, maxRetries: 0 }), tools: [chainTool(async ({ city }) => `sun in ${city}`, { name: 'weather', description: 'The weather', schema: z.object({ city: z.string() }) })] });
  const r = await agent.invoke({ messages: user('#tools') });
  assert.equal(r.messages.at(-1).content, 'weather said sun in Paris');
});

// ---- What they refuse ------------------------------------------------------------------

const claude = { model: 'claude-sonnet-4-6', max_tokens: 100, messages: user('x') };
const called = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} }] };
const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }] };
const tools = [{ name: 'weather', input_schema: { type: 'object' } }];
const gem = { contents: [{ role: 'user', parts: [{ text: 'x' }] }] };
const withSchema = (parameters) => ({ ...gem, tools: [{ functionDeclarations: [{ name: 'f', parameters }] }] });

const refusals = {
  openai: [
    [{ model: 'gpt-4.1-mini', messages: user('x'), top_k: 3 }, /top_k/],
    [{ model: 'gpt-4.1-mini', messages: [{ role: 'assistant', content: 'x', reasoning_content: 'y' }] }, /reasoning_content/],
    [{ model: 'gpt-4.1-mini', messages: [{ role: 'tool', tool_call_id: 'a', content: 'x' }] }, /preceding message/],
    [{ model: 'gpt-5.4', messages: user('x'), max_tokens: 5 }, /max_tokens/],
    [{ model: 'gpt-5.4', messages: user('x'), temperature: 0.5 }, /temperature/],
    [{ model: 'gpt-4.1-mini', messages: user('x'), stop: ['a', 'b', 'c', 'd', 'e'] }, /stop/],
  ],
  anthropic: [
    [{ ...claude, max_tokens: undefined }, /max_tokens/],
    [{ ...claude, frequency_penalty: 1 }, /frequency_penalty: Extra inputs/],
    [{ ...claude, messages: [...user('x'), ...user('y')] }, /alternate/],
    [{ ...claude, tools, messages: [...user('x'), called, ...user('y')] }, /tool_result/],
    [{ ...claude, tools, messages: [...user('x'), called, { role: 'user', content: [{ type: 'text', text: 'y' }, ...result.content] }] }, /come first/],
    [{ ...claude, messages: [...user('x'), called, result] }, /define tools/],
    [{ ...claude, messages: user([{ type: 'text', text: '' }]) }, /text/],
    [{ ...claude, model: 'claude-opus-5', temperature: 1 }, /temperature/],
    [{ ...claude, model: 'claude-opus-5', thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 4000 }, /thinking/],
    [{ ...claude, tools, messages: [...user('x'), { role: 'assistant', content: [{ type: 'thinking', thinking: 'a', signature: 'b' }, ...called.content] }, result] }, /signature/],
    [{ ...claude, temperature: 1 }, /temperature/, { 'anthropic-version': '2026-10-21' }],
    [claude, /anthropic-version/, { 'anthropic-version': '2020-01-01' }],
    [{ ...claude, thread: { type: 'create' } }, /thread/],
  ],
  gemini: [
    [withSchema({ type: 'object', $schema: 'x' }), /\$schema/],
    [withSchema({ type: 'object', additionalProperties: false }), /additional_properties/],
    [{ ...gem, generationConfig: { seed: 'x' } }, /seed/],
    [{ ...gem, contents: [...gem.contents, { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] }, { role: 'user', parts: [{ functionResponse: { name: 'f', response: {} } }] }] }, /thought_signature/, {}, 'gemini-3-pro-preview'],
    [{ ...gem, contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, /role/],
  ],
  cohere: [[{ model: 'command-a-03-2025', messages: user('x'), top_p: 0.5 }, /top_p/]],
  mistral: [[{ model: 'mistral-medium-latest', messages: user('x'), seed: 1 }, /seed/], [{ model: 'mistral-medium-latest', messages: user('x'), tools: [chatTool], tool_choice: 'required' }, /tool_choice/]],
};

const faces = {
  openai: () => ['/chat/completions', (key) => ({ authorization: `Bearer ${key}` })],
  mistral: () => ['/chat/completions', (key) => ({ authorization: `Bearer ${key}` })],
  anthropic: () => ['/v1/messages', (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' })],
  gemini: (model = 'gemini-2.5-flash') => [`/v1beta/models/${model}:generateContent`, (key) => ({ 'x-goog-api-key': key })],
  cohere: () => ['/v2/chat', (key) => ({ authorization: `Bearer ${key}` })],
};

test('what a real provider refuses the mock refuses, and names it', async (t) => {
  for (const [name, cases] of Object.entries(refusals)) {
    const m = await mock(t, name);
    for (const [body, says, headers, model] of cases) {
      const [path, auth] = faces[name](model);
      const r = await request(m.url + path, { method: 'POST', headers: { ...auth(m.key), ...headers }, body: JSON.stringify(body) });
      assert.ok(r.status === 400 || r.status === 422, `${name} took ${JSON.stringify(body)}`);
      assert.match(r.body.toString(), says, name);
    }
    const [path] = faces[name]();
    const r = await request(m.url + path, { method: 'POST', body: '{}' });
    assert.ok(r.status >= 400, `${name} wants a key`);
  }
  const bedrock = await mock(t, 'bedrock');
  const r = await request(`${bedrock.url}/model/anthropic.claude-3/converse`, { method: 'POST', headers: { authorization: 'AWS4-HMAC-SHA256 x' }, body: '{}' });
  assert.equal(r.status, 403);
});
