// SPDX-License-Identifier: Apache-2.0
// Every method of the `openai` package whose resource Octroi serves, with only what is
// required and with everything that it can take: what reaches the provider is what was
// given, and what comes back is what it answered. Methods of what Octroi does not keep
// (stored answers) are not found, in OpenAI's form. The count is in the output.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { plain, toolSchema, world } from './models-lab.mjs';

const w = world(['openai']);
const client = () => new OpenAI({ apiKey: w.key, baseURL: `${w.url}/v1`, maxRetries: 0 });
let methods = 0;

/** What was given, as it must arrive: only the model's name is another. */
function arrived(given, but = {}) {
  const got = JSON.parse(w.last('openai').bytes);
  const { model, ...rest } = { ...given, ...but };
  assert.deepEqual(got, { ...rest, model: got.model });
  assert.notEqual(got.model, model);
  methods++;
}

const tool = { type: 'function', function: { name: 'weather', description: 'The weather', parameters: toolSchema, strict: true } };
const chat = { model: 'openai-model', messages: [{ role: 'developer', content: 'Be brief.' }] };
const fullChat = {
  ...chat,
  messages: [{ role: 'developer', content: [{ type: 'text', text: 'Be brief.' }], name: 'op' }, { role: 'user', content: [{ type: 'text', text: 'Hello' }], name: 'me' }, { role: 'assistant', content: 'Hi', refusal: null }, { role: 'user', content: 'And?' }],
  frequency_penalty: -2, presence_penalty: -2, logit_bias: { 50256: -100 }, logprobs: true, top_logprobs: 2, max_completion_tokens: 128, metadata: { foo: 'string' }, modalities: ['text'], n: 1, parallel_tool_calls: true,
  prediction: { type: 'content', content: 'string' }, prompt_cache_key: 'prompt-cache-key-1234', prompt_cache_retention: 'in_memory', response_format: { type: 'text' }, safety_identifier: 'safety-identifier-1234', seed: -9007199254740991, service_tier: 'auto', stop: '\n', store: true,
  temperature: 1, tool_choice: 'none', tools: [tool], top_p: 1, user: 'user-1234', verbosity: 'low',
};
const completion = { model: 'openai-model', prompt: 'This is a test.' };
const fullCompletion = { ...completion, best_of: 0, echo: true, frequency_penalty: -2, logit_bias: { foo: 0 }, logprobs: 0, max_tokens: 16, n: 1, presence_penalty: -2, seed: 7, stop: '\n', suffix: 'test.', temperature: 1, top_p: 1, user: 'user-1234' };
const embedding = { model: 'openai-embedding', input: 'The quick brown fox jumped over the lazy dog' };
const response = { model: 'openai-model', input: 'Hello' };
const fullResponse = {
  ...response, input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }], background: false, include: ['message.output_text.logprobs'], instructions: 'Be brief.', max_output_tokens: 128, max_tool_calls: 3, metadata: { foo: 'string' }, parallel_tool_calls: true,
  prompt_cache_key: 'k', safety_identifier: 's', service_tier: 'auto', store: true, stream_options: { include_obfuscation: true }, temperature: 1, text: { format: { type: 'text' }, verbosity: 'low' }, tool_choice: 'auto', tools: [{ type: 'function', name: 'weather', parameters: toolSchema, strict: true }], top_logprobs: 0, top_p: 1, truncation: 'auto', user: 'user-1234',
};

test('chat.completions.create, required and everything, whole and streamed', async () => {
  for (const body of [chat, fullChat]) {
    const r = await client().chat.completions.create(body);
    assert.equal(r.choices[0].message.content, plain);
    arrived(body);
    let text = '';
    for await (const c of await client().chat.completions.create({ ...body, stream: true })) text += c.choices[0]?.delta.content ?? '';
    assert.equal(text, plain);
    arrived(body, { stream: true, stream_options: { include_usage: true } });
  }
  await w.paid();
});

test('completions.create, required and everything, whole and streamed', async () => {
  for (const body of [completion, fullCompletion]) {
    // What OpenAI takes for granted is said, so that the hold covers it.
    const bound = { max_tokens: 16 };
    assert.equal((await client().completions.create(body)).choices[0].text, plain);
    arrived({ ...bound, ...body });
    let text = '';
    for await (const c of await client().completions.create({ ...body, stream: true })) text += c.choices[0]?.text ?? '';
    assert.equal(text, plain);
    arrived({ ...bound, ...body }, { stream: true, stream_options: { include_usage: true } });
  }
  await w.paid();
});

test('embeddings.create, required and everything', async () => {
  for (const body of [embedding, { ...embedding, dimensions: 4, encoding_format: 'float', user: 'user-1234' }]) {
    const r = await client().embeddings.create(body);
    assert.equal(r.data[0].embedding.length, body.dimensions ?? 8);
    arrived({ encoding_format: 'base64', ...body });
  }
  await w.paid();
});

test('responses.create, required and everything, whole and streamed', async () => {
  for (const body of [response, fullResponse]) {
    const { stream_options, ...whole } = body;
    assert.equal((await client().responses.create(whole)).output_text, plain);
    arrived(whole);
    let last;
    for await (const e of await client().responses.create({ ...body, stream: true })) last = e;
    assert.equal(last.type, 'response.completed');
    assert.equal(last.response.output[0].content[0].text, plain);
    arrived(body, { stream: true, ...(stream_options && { stream_options }) });
  }
  await w.paid();
});

test('models.list and models.retrieve', async () => {
  const { data } = await client().models.list();
  const listed = data.find((m) => m.id === 'openai-model');
  assert.equal(listed.object, 'model');
  assert.ok(Number.isInteger(listed.created));
  assert.equal(typeof listed.owned_by, 'string');
  assert.deepEqual(await client().models.retrieve('openai-model'), listed);
  await assert.rejects(client().models.retrieve('no-such-model'), OpenAI.NotFoundError);
  methods += 2;
});

test('what is not kept is not found, in the form of OpenAI', async () => {
  const c = client();
  const absent = {
    'chat.completions.retrieve': () => c.chat.completions.retrieve('x'),
    'chat.completions.list': () => c.chat.completions.list(),
    'chat.completions.update': () => c.chat.completions.update('x', { metadata: {} }),
    'chat.completions.delete': () => c.chat.completions.delete('x'),
    'responses.retrieve': () => c.responses.retrieve('resp_x'),
    'responses.delete': () => c.responses.delete('resp_x'),
    'responses.cancel': () => c.responses.cancel('resp_x'),
    'files.list': () => c.files.list(),
    'models.delete': () => c.models.delete('openai-model'),
  };
  for (const [name, ask] of Object.entries(absent)) {
    await assert.rejects(ask(), (e) => {
      assert.ok(e instanceof OpenAI.APIError && [404, 405].includes(e.status), `${name}: ${e}`);
      assert.equal(typeof e.error?.message, 'string', name);
      return true;
    });
  }
  w.mocks.openai.calls.length = 0;
  assert.equal(await w.spent(), 0n);
});

test('the count of the calls that were compared', (t) => {
  t.diagnostic(`${methods} calls of the openai package arrived as they were made`);
  assert.ok(methods >= 16, `${methods}`);
});

test('the books are right at the end', () => w.laws());
