// SPDX-License-Identifier: Apache-2.0
// What is wrong with a request is said in the dialect that it was written in, with the name
// of the field, whoever notices it: the gateway, or the provider behind it. It costs nothing.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chat, completions, gemini, messages, responses } from './dialects.mjs';
import { kinds, price, toolSchema, world } from './models-lab.mjs';

const w = world(kinds, {
  config: {
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0, max_body_bytes: 300000 },
    models: {
      blind: { targets: [{ provider: 'openai', model: 'gpt-4.1-mini' }], price, capabilities: ['tools'] },
      'blind-abroad': { targets: [{ provider: 'anthropic', model: 'claude-sonnet-4-6' }], price, capabilities: ['tools'] },
    },
  },
});

const say = (d, more = {}) => ({ ...d.body({ model: '$', text: 'Hello' }), ...more });
const user = (content) => ({ role: 'user', content });
const image = (data) => `data:image/png;base64,${data}`;
const big = 'A'.repeat(400000);
const contents = (...parts) => [{ role: 'user', parts }];

/** [what, the body ($ stands for the model), the field that must be named, statuses] */
const cases = {
  chat: [
    ['messages is no list', say(chat, { messages: 'Hello' }), /messages/],
    ['messages is empty', say(chat, { messages: [] }), /messages/],
    ['messages is missing', say(chat, { messages: undefined }), /messages/],
    ['a message is no object', say(chat, { messages: ['Hello'] }), /messages\[0\]/],
    ['an unknown role', say(chat, { messages: [{ role: 'wizard', content: 'x' }] }), /messages\[0\]\.role/],
    ['content is a number', say(chat, { messages: [user(7)] }), /messages\[0\]\.content/],
    ['an unknown part', say(chat, { messages: [user([{ type: 'hologram', hologram: 'x' }])] }), /messages\[0\]\.content\[0\]/],
    ['a tool result without a call', say(chat, { messages: [user('x'), { role: 'tool', tool_call_id: 'call_1', content: 'y' }] }), /messages\[1\]/],
    ['arguments that are no JSON', say(chat, { messages: [user('x'), { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: 7 } }] }, { role: 'tool', tool_call_id: 'call_1', content: 'y' }] }), /messages\[1\]\.tool_calls/],
    ['an image that is no base64', say(chat, { messages: [user([{ type: 'image_url', image_url: { url: image('!!!!') } }])] }), /messages(\[0\]|\.0)\.content(\[0\]|\.0)/],
    ['temperature is a text', say(chat, { temperature: 'warm' }), /temperature/],
    ['n beyond reason', say(chat, { n: 1000000 }), /(^|\b)n\b/],
    ['n is a text', say(chat, { n: 'two' }), /(^|\b)n\b/],
    ['a bound below one', say(chat, { max_completion_tokens: -5 }), /max_completion_tokens/],
    ['a bound beyond reason', say(chat, { max_completion_tokens: 1e15 }), /max_completion_tokens/],
    ['a bound that is a text', say(chat, { max_completion_tokens: 'many' }), /max_completion_tokens/],
    ['stream is a text', say(chat, { stream: 'yes' }), /stream/],
    ['a tool without a name', say(chat, { tools: [{ type: 'function', function: { parameters: toolSchema } }] }), /tools\[0\]/],
    ['an unknown tool_choice', say(chat, { tools: [{ type: 'function', function: { name: 'f', parameters: toolSchema } }], tool_choice: 'perhaps' }), /tool_choice/],
    ['a schema that is no object', say(chat, { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: 7 } } }), /response_format/],
    ['model is a number', say(chat, { model: 7 }), /model/],
  ],
  completions: [
    ['prompt is missing', say(completions, { prompt: undefined }), /prompt/],
    ['prompt is an object', say(completions, { prompt: { a: 1 } }), /prompt/],
    ['a bound that is a text', say(completions, { max_tokens: 'many' }), /max_tokens/],
  ],
  responses: [
    ['input is a number', say(responses, { input: 7 }), /input/],
    ['input is missing', say(responses, { input: undefined }), /input/],
    ['an unknown role', say(responses, { input: [{ role: 'wizard', content: 'x' }] }), /input\[0\]\.role/],
    ['an unknown item', say(responses, { input: [{ type: 'hologram' }] }), /input\[0\]/],
    ['a tool result without a call', say(responses, { input: [user('x'), { type: 'function_call_output', call_id: 'call_1', output: 'y' }] }), /input|call_1/],
    ['a bound that is a text', say(responses, { max_output_tokens: 'many' }), /max_output_tokens/],
    ['a bound beyond reason', say(responses, { max_output_tokens: 1e15 }), /max_output_tokens/],
    ['a tool without a name', say(responses, { tools: [{ type: 'function', parameters: toolSchema }] }), /tools\[0\]/],
  ],
  messages: [
    ['messages is no list', say(messages, { messages: 'Hello' }), /messages/],
    ['max_tokens is missing', say(messages, { max_tokens: undefined }), /max_tokens/],
    ['max_tokens is a text', say(messages, { max_tokens: 'many' }), /max_tokens/],
    ['max_tokens beyond reason', say(messages, { max_tokens: 1e15 }), /max_tokens/],
    ['an unknown role', say(messages, { messages: [{ role: 'wizard', content: 'x' }] }), /messages(\[0\]|\.0)\.role/],
    ['an unknown block', say(messages, { messages: [user([{ type: 'hologram' }])] }), /messages(\[0\]|\.0)\.content(\[0\]|\.0)/],
    ['a tool result without a call', say(messages, { messages: [user([{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'y' }])] }), /messages(\[0\]|\.0)/],
    ['an image that is no base64', say(messages, { messages: [user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '!!!!' } }])] }), /messages(\[0\]|\.0)\.content(\[0\]|\.0)/],
    ['system is a number', say(messages, { system: 7 }), /system/],
    ['a tool without a schema', say(messages, { tools: [{ name: 'f' }] }), /tools(\[0\]|\.0)/],
  ],
  gemini: [
    ['contents is a number', say(gemini, { contents: 7 }), /contents/],
    ['contents is missing', say(gemini, { contents: undefined }), /contents/],
    ['an unknown role', say(gemini, { contents: [{ role: 'wizard', parts: [{ text: 'x' }] }] }), /contents\[0\]\.role/],
    ['a part of nothing', say(gemini, { contents: contents({}) }), /contents\[0\]\.parts\[0\]/],
    ['a tool result without a call', say(gemini, { contents: contents({ functionResponse: { name: 'f', response: {} } }) }), /contents\[0\]/],
    ['an image that is no base64', say(gemini, { contents: contents({ inlineData: { mimeType: 'image/png', data: '!!!!' } }) }), /contents\[0\]\.parts\[0\]/],
    ['a bound that is a text', say(gemini, { generationConfig: { maxOutputTokens: 'many' } }), /max_?output_?tokens/i],
    ['a bound beyond reason', say(gemini, { generationConfig: { maxOutputTokens: 1e15 } }), /max_?output_?tokens/i],
    ['candidateCount beyond reason', say(gemini, { generationConfig: { candidateCount: 1000000 } }), /candidate_?count/i],
  ],
};
const all = { chat, completions, responses, messages, gemini };
const own = { chat: 'openai', completions: 'openai', responses: 'openai', messages: 'anthropic', gemini: 'gemini' };
const abroad = { chat: 'anthropic', completions: 'anthropic', responses: 'bedrock', messages: 'openai', gemini: 'cohere' };

async function refused(d, model, body, field, statuses = [400]) {
  const sent = JSON.parse(JSON.stringify(body));
  if (sent.model === '$') sent.model = model;
  if (d.name === 'gemini') delete sent.model;
  const r = await w.post(d.path(model, false), sent, d.headers(w.key));
  assert.ok(statuses.includes(r.status), `${r.status} ${r.body.toString().slice(0, 400)}`);
  assert.equal(r.headers['content-type'].split(';')[0], 'application/json');
  const e = d.error(JSON.parse(r.body));
  if (field) assert.match(`${e.param ?? ''} ${e.message}`, field);
  return e;
}

for (const [name, list] of Object.entries(cases)) for (const where of [own, abroad]) {
  const d = all[name];
  const model = `${where[name]}-model`;
  test(`${name}, before ${where[name]}: what is wrong is refused with the field's name`, async () => {
    const faults = [];
    for (const [what, body, field] of list) {
      await refused(d, model, body, field).catch((e) => faults.push(`${what}: ${e.message.split('\n')[0]}`));
    }
    assert.deepEqual(faults, []);
    for (const mock of Object.values(w.mocks)) mock.calls.length = 0; // it may have been they who refused
    assert.equal(await w.spent(), 0n);
  });
}

test('an unknown model is not found, in every dialect', async () => {
  for (const d of Object.values(all)) {
    const e = await refused(d, 'no-such-model', say(d), /no-such-model|model/, [404]);
    if (d.name === 'messages') assert.equal(e.kind, 'not_found_error');
    if (d.name === 'gemini') assert.equal(e.status, 'NOT_FOUND');
    if (['chat', 'responses'].includes(d.name)) assert.equal(e.code, 'model_not_found');
  }
});

test('a body beyond the limit is 413, in every dialect', async () => {
  const bodies = {
    chat: say(chat, { messages: [user([{ type: 'image_url', image_url: { url: image(big) } }])] }),
    responses: say(responses, { input: [user([{ type: 'input_image', detail: 'auto', image_url: image(big) }])] }),
    messages: say(messages, { messages: [user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: big } }])] }),
    gemini: say(gemini, { contents: contents({ inlineData: { mimeType: 'image/png', data: big } }) }),
  };
  for (const [name, body] of Object.entries(bodies)) await refused(all[name], 'openai-model', body, null, [413]);
});

test('an image for a model without eyes is refused, in every dialect', async () => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const bodies = {
    chat: [say(chat, { messages: [user([{ type: 'text', text: 'x' }, { type: 'image_url', image_url: { url: image(png) } }])] }), /messages\[0\]\.content\[1\]/],
    responses: [say(responses, { input: [user([{ type: 'input_image', detail: 'auto', image_url: image(png) }])] }), /input\[0\]\.content\[0\]/],
    messages: [say(messages, { messages: [user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }])] }), /messages(\[0\]|\.0)\.content(\[0\]|\.0)/],
    gemini: [say(gemini, { contents: contents({ text: 'x' }, { inlineData: { mimeType: 'image/png', data: png } }) }), /contents\[0\]\.parts\[1\]/],
  };
  for (const model of ['blind', 'blind-abroad']) for (const [name, [body, field]] of Object.entries(bodies)) await refused(all[name], model, body, field);
  assert.equal(w.due(), 0n);
  assert.equal(await w.spent(), 0n);
});

test('a body that is no JSON, or no object, is 400 in every dialect', async () => {
  for (const d of Object.values(all)) for (const body of ['{"model":', '[1]', '"x"', 'null', '{"model":"openai-model","model":"vllm-model"}']) {
    const r = await w.post(d.path('openai-model', false), body, d.headers(w.key));
    assert.equal(r.status, 400, `${d.name} ${body}`);
    d.error(JSON.parse(r.body));
  }
  assert.equal(await w.spent(), 0n);
});

test('a wrong key is 401 and an empty wallet 402, in every dialect', async () => {
  const poor = w.gateway.wallet('poor', '0.000001');
  for (const d of Object.values(all)) {
    const body = { ...say(d), ...(d.name !== 'gemini' && { model: 'openai-model' }) };
    if (d.name === 'gemini') delete body.model;
    const bare = (r) => d.error(JSON.parse(r.body));
    const wrong = await w.post(d.path('openai-model', false), body, d.headers('sk-oct-aaaaaaaaaa-wrong'));
    assert.equal(wrong.status, 401, d.name);
    bare(wrong);
    const broke = await w.post(d.path('openai-model', false), body, { authorization: `Bearer ${poor.key}` });
    assert.equal(broke.status, 402, `${d.name} ${broke.body}`);
    bare(broke);
  }
});

test('the books are right at the end', () => w.laws());
