// SPDX-License-Identifier: Apache-2.0
// Agents as people build them, unmodified, with every kind of provider behind the gateway:
// the Vercel AI SDK with five of its providers, and LangChain.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { createAgent, tool as chainTool } from 'langchain';
import { z } from 'zod';
import { cityAnswer, kinds, plain, png, seesPng, world } from './models-lab.mjs';

const w = world([...kinds, 'deepseek', 'openrouter']);
const backs = [...kinds, 'deepseek', 'openrouter'];
const base = () => ({ apiKey: w.key, baseURL: `${w.url}/v1` });
const faces = {
  'openai chat': (model) => createOpenAI(base()).chat(model),
  'openai responses': (model) => createOpenAI(base()).responses(model),
  'openai-compatible': (model) => createOpenAICompatible({ name: 'octroi', includeUsage: true, supportsStructuredOutputs: true, ...base() })(model),
  anthropic: (model) => createAnthropic(base())(model),
  openrouter: (model) => createOpenRouter({ ...base(), baseURL: `${w.url}/api/v1` })(model),
};
/** Only who keeps answers can be asked by their names, which this face does unless told. */
const alone = (face, name) => (face === 'openai responses' && !['openai', 'azure'].includes(name) ? { providerOptions: { openai: { store: false } } } : {});
const City = z.object({ city: z.string(), count: z.number().int() });
const tools = { weather: tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `sun in ${city}` }) };
const both = 'weather said sun in Paris; weather said sun in Rome';

for (const [face, make] of Object.entries(faces)) for (const name of backs) {
  test(`ai, ${face}: ${name} answers, streams, calls tools and keeps a schema`, async () => {
    const model = make(`${name}-model`);
    const common = { model, maxRetries: 0, maxOutputTokens: 3000, ...alone(face, name) };
    const r = await generateText({ ...common, instructions: 'Be brief.', prompt: 'Hello' });
    assert.equal(r.text, plain);
    assert.equal(r.finishReason, 'stop');
    assert.ok(r.usage.inputTokens > 0 && r.usage.outputTokens > 0);
    const errors = [];
    const s = streamText({ ...common, prompt: '#parallel', tools, stopWhen: stepCountIs(3), onError: ({ error }) => errors.push(error) });
    assert.equal(await s.text, both, String(errors));
    const g = await generateText({ ...common, prompt: '#tools', tools, stopWhen: stepCountIs(3) });
    assert.equal(g.text, 'weather said sun in Paris');
    if (w.mocks[name].noSchemas) return void (await w.paid(`${face} ${name}`));
    const o = await generateText({ ...common, prompt: '#schema', output: Output.object({ schema: City }) });
    assert.deepEqual(o.output, cityAnswer);
    await w.paid(`${face} ${name}`);
  });

  if (name !== 'deepseek') test(`ai, ${face}: ${name} sees an image`, async () => {
    const r = await generateText({ model: make(`${name}-eyes`), maxRetries: 0, maxOutputTokens: 3000, messages: [{ role: 'user', content: [{ type: 'text', text: '#image' }, { type: 'file', data: png, mediaType: 'image/png' }] }] });
    assert.equal(r.text, seesPng);
    await w.paid(`${face} ${name}`);
  });
}

for (const name of backs) {
  test(`langchain: an agent uses its tool and streams with ${name}`, async () => {
    const model = new ChatOpenAI({ model: `${name}-model`, apiKey: w.key, configuration: { baseURL: `${w.url}/v1` }, maxRetries: 0 });
    const weather = chainTool(async ({ city }) => `sun in ${city}`, { name: 'weather', description: 'The weather', schema: z.object({ city: z.string() }) });
    const agent = createAgent({ model, tools: [weather], systemPrompt: 'Be brief.' });
    const ask = { messages: [{ role: 'user', content: '#parallel' }] };
    const r = await agent.invoke(ask);
    assert.equal(r.messages.at(-1).content, both);
    assert.ok(r.messages.at(-1).usage_metadata.output_tokens > 0);
    let text = '';
    for await (const [piece] of await agent.stream(ask, { streamMode: 'messages' })) if (piece.constructor.name === 'AIMessageChunk' && typeof piece.content === 'string') text += piece.content;
    assert.equal(text, both);
    await w.paid(name);
  });
}

test('the books are right at the end', () => w.laws());
