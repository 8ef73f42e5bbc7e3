// SPDX-License-Identifier: Apache-2.0
// OpenAI: chat, completions, embeddings, models; Responses are in responses.mjs. What the
// compatible vendors do otherwise is in `how` (compatible.mjs).
import { arr, any, bad, base64, bool, bracketed, dataUrl, either, image, int, lit, map, matching, nul, nullable, num, obj, open, range, str, tagged, text } from './strict.mjs';
import { fresh, pieces, script } from './script.mjs';
import { CUT, Refusal, event, keyed, serve, upTo } from './server.mjs';
import { answerResponses, responsesShape } from './responses.mjs';

const list = (of, min, max) => arr(of, min, max);
const toolName = matching(/^[a-zA-Z0-9_-]{1,64}$/);

// ---- What a chat request may hold ------------------------------------------------------

const parts = {
  text: obj({ type: str, text: str, prompt_cache_breakpoint: open }, ['text']),
  image_url: obj({ type: str, image_url: obj({ url: str, detail: lit('auto', 'low', 'high', 'original') }, ['url']) }, ['image_url']),
  input_audio: obj({ type: str, input_audio: obj({ data: base64, format: lit('wav', 'mp3') }, ['data', 'format']) }, ['input_audio']),
  file: obj({ type: str, file: obj({ file_id: str, file_data: str, filename: str }) }, ['file']),
  refusal: obj({ type: str, refusal: str }, ['refusal']),
};
const content = (...kinds) => either({ string: str, array: list(tagged('type', Object.fromEntries(kinds.map((k) => [k, parts[k]]))), 1) });
const call = tagged('type', {
  function: obj({ id: text(1, 40), type: str, function: obj({ name: toolName, arguments: str }, ['name', 'arguments']) }, ['id', 'function']),
  custom: obj({ id: text(1, 40), type: str, custom: obj({ name: toolName, input: str }, ['name', 'input']) }, ['id', 'custom']),
});
const message = (more = {}) => tagged('role', {
  developer: obj({ role: str, content: content('text'), name: str }, ['content']),
  system: obj({ role: str, content: content('text'), name: str }, ['content']),
  user: obj({ role: str, content: content('text', 'image_url', 'input_audio', 'file'), name: str }, ['content']),
  assistant: obj({ role: str, content: nullable(content('text', 'refusal')), name: str, refusal: nullable(str), annotations: arr(any), audio: nullable(open), tool_calls: list(call, 1, 128), function_call: nullable(open), ...more }),
  tool: obj({ role: str, content: content('text'), tool_call_id: text(1, 40), name: str }, ['content', 'tool_call_id']),
});
const tool = tagged('type', {
  function: obj({ type: str, function: obj({ name: toolName, description: str, parameters: open, strict: nullable(bool) }, ['name']) }, ['function']),
  custom: obj({ type: str, custom: open }, ['custom']),
});

export const chatShape = (more = {}, assistant = {}) => obj({
  messages: list(message(assistant), 1, 2048), model: str, audio: nullable(open), frequency_penalty: nullable(range(-2, 2)), function_call: any, functions: any,
  logit_bias: nullable(map(range(-100, 100))), logprobs: nullable(bool), max_completion_tokens: nullable(range(1, 1e6, int)), max_tokens: nullable(range(1, 1e6, int)), metadata: nullable(map(text(0, 512))),
  modalities: nullable(list(lit('text', 'audio'))), moderation: any, n: nullable(range(1, 128, int)), parallel_tool_calls: bool, prediction: nullable(open), presence_penalty: nullable(range(-2, 2)),
  prompt_cache_key: str, prompt_cache_options: open, prompt_cache_retention: nullable(str), reasoning_effort: nullable(lit('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
  response_format: tagged('type', {
    text: obj({ type: str }),
    json_object: obj({ type: str }),
    json_schema: obj({ type: str, json_schema: obj({ name: toolName, description: str, schema: open, strict: nullable(bool) }, ['name']) }, ['json_schema']),
  }),
  safety_identifier: str, seed: nullable(int), service_tier: nullable(lit('auto', 'default', 'flex', 'scale', 'priority', 'fast')), stop: nullable(either({ string: str, array: list(str, 1, 4) })),
  store: nullable(bool), stream: nullable(bool), stream_options: nullable(obj({ include_usage: bool, include_obfuscation: bool })), temperature: nullable(range(0, 2)),
  tool_choice: either({ string: lit('none', 'auto', 'required'), object: tagged('type', { function: obj({ type: str, function: obj({ name: str }, ['name']) }, ['function']), custom: open, allowed_tools: open }) }),
  tools: list(tool, 1, 128), top_logprobs: nullable(range(0, 20, int)), top_p: nullable(range(0, 1)), user: str, verbosity: nullable(lit('low', 'medium', 'high')), web_search_options: open,
  ...more,
}, ['messages', 'model']);

/** Every call is answered, by the next messages; every result has its call. */
function checkTools(messages) {
  let waiting = [];
  messages.forEach((m, i) => {
    if (m.role === 'tool') {
      if (!waiting.includes(m.tool_call_id)) bad(['messages', i, 'role'], "messages with role 'tool' must be a response to a preceding message with 'tool_calls'");
      waiting = waiting.filter((x) => x !== m.tool_call_id);
      return;
    }
    if (waiting.length) bad(['messages', i], `an assistant message with 'tool_calls' must be followed by tool messages for each 'tool_call_id': ${waiting}`);
    if (m.role === 'assistant') {
      if (m.content == null && !m.tool_calls && !m.refusal && !m.audio) bad(['messages', i, 'content'], "expected a string or 'tool_calls'", 'type');
      waiting = (m.tool_calls ?? []).map((c) => c.id);
    }
  });
  if (waiting.length) bad(['messages', messages.length - 1, 'tool_calls'], `no tool messages for ${waiting}`);
}

/** Where it says strict: all properties required and no other allowed. */
export function checkStrictSchema(schema, path) {
  if (typeof schema !== 'object' || schema === null) return;
  const types = [schema.type].flat();
  if (types.includes('object')) {
    if (schema.additionalProperties !== false) bad(path, "in a strict schema 'additionalProperties' is required to be supplied and to be false");
    const names = Object.keys(schema.properties ?? {});
    for (const n of names) if (!(schema.required ?? []).includes(n)) bad(path, `in a strict schema 'required' has to include every key in properties: ${n}`);
    for (const n of names) checkStrictSchema(schema.properties[n], [...path, n]);
  }
  checkStrictSchema(schema.items, [...path, 'items']);
  for (const k of ['anyOf', 'allOf']) for (const s of schema[k] ?? []) checkStrictSchema(s, [...path, k]);
  for (const s of Object.values(schema.$defs ?? {})) checkStrictSchema(s, [...path, '$defs']);
}

const thinks = (model) => /^(o\d|gpt-5)/.test(model);

function checkModel(b) {
  if (!thinks(b.model)) {
    if (b.reasoning_effort) bad(['reasoning_effort'], `unsupported parameter for ${b.model}`, 'unsupported');
    return;
  }
  if (b.max_tokens != null) bad(['max_tokens'], "unsupported parameter: 'max_tokens' is not supported with this model; use 'max_completion_tokens'", 'unsupported');
  for (const k of ['temperature', 'top_p']) if (b[k] != null && b[k] !== 1) bad([k], `unsupported value: only the default of ${k} is supported with this model`, 'unsupported');
  for (const k of ['presence_penalty', 'frequency_penalty', 'logit_bias', 'logprobs', 'stop']) if (b[k] != null && b[k] !== 0 && b[k] !== false) bad([k], `unsupported parameter: ${k} is not supported with this model`, 'unsupported');
}

function checkChat(b) {
  checkTools(b.messages);
  const names = (b.tools ?? []).map((t) => t.function?.name ?? t.custom?.name);
  if (b.tool_choice !== undefined && !b.tools) bad(['tool_choice'], "'tool_choice' is only allowed when 'tools' are specified");
  if (b.parallel_tool_calls !== undefined && !b.tools) bad(['parallel_tool_calls'], "'parallel_tool_calls' is only allowed when 'tools' are specified");
  if (b.tool_choice?.function && !names.includes(b.tool_choice.function.name)) bad(['tool_choice', 'function', 'name'], 'tool not found');
  if (new Set(names).size !== names.length) bad(['tools'], 'tool names must be unique');
  b.tools?.forEach((t, i) => {
    const p = t.function?.parameters;
    if (p && Object.keys(p).length && p.type !== 'object') bad(['tools', i, 'function', 'parameters'], 'schema must be of type object');
    if (t.function?.strict) checkStrictSchema(p ?? {}, ['tools', i, 'function', 'parameters']);
  });
  if (b.response_format?.type === 'json_object' && !/json/i.test(JSON.stringify(b.messages))) bad(['messages'], "'messages' must contain the word 'json' in some form");
  if (b.response_format?.json_schema?.strict) checkStrictSchema(b.response_format.json_schema.schema, ['response_format', 'json_schema', 'schema']);
  if (b.stream_options && !b.stream) bad(['stream_options'], "'stream_options' is only allowed when 'stream' is enabled");
  if (b.top_logprobs != null && !b.logprobs) bad(['top_logprobs'], "'logprobs' must be true");
  if (b.max_tokens != null && b.max_completion_tokens != null) bad(['max_tokens'], 'not both max_tokens and max_completion_tokens');
}

// ---- What it says, without OpenAI's words ----------------------------------------------

const texts = (c) => (typeof c === 'string' ? [c] : (c ?? []).filter((p) => p.type === 'text').map((p) => p.text));

function imagesOf(c, at) {
  if (!Array.isArray(c)) return [];
  return c.flatMap((p, i) => {
    if (p.type !== 'image_url') return [];
    if (/^https?:/.test(p.image_url.url)) return [{ url: p.image_url.url }];
    const path = [...at, i, 'image_url', 'url'];
    const d = dataUrl(p.image_url.url, path);
    return [image(d.type, d.data, path)];
  });
}

export function seeChat(b) {
  const named = {};
  for (const m of b.messages) for (const c of m.tool_calls ?? []) named[c.id] = c.function?.name;
  const turns = b.messages.flatMap((m, i) => {
    if (['system', 'developer'].includes(m.role)) return [];
    const is = m.role === 'tool';
    return [{
      role: is ? 'user' : m.role,
      texts: is ? [] : texts(m.content),
      images: imagesOf(m.content, ['messages', i, 'content']),
      files: Array.isArray(m.content) ? m.content.filter((p) => p.type === 'file') : [],
      calls: (m.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments || '{}') })),
      results: is ? [{ id: m.tool_call_id, name: named[m.tool_call_id], text: texts(m.content).join('') }] : [],
      thoughts: m.reasoning_content ? [{ text: m.reasoning_content }] : [],
    }];
  });
  const format = b.response_format?.type;
  return {
    model: b.model, stream: b.stream === true, turns,
    system: b.messages.filter((m) => ['system', 'developer'].includes(m.role)).flatMap((m) => texts(m.content)).join('\n'),
    tools: (b.tools ?? []).filter((t) => t.type === 'function').map((t) => ({ name: t.function.name, description: t.function.description, schema: t.function.parameters })),
    choice: b.tool_choice?.function ?? b.tool_choice, parallel: b.parallel_tool_calls,
    format: format === 'json_schema' ? { schema: b.response_format.json_schema.schema } : format === 'json_object' ? {} : null,
    max: b.max_completion_tokens ?? b.max_tokens, n: b.n ?? 1, stop: [b.stop ?? []].flat(), temperature: b.temperature,
    think: b.reasoning_effort !== undefined && b.reasoning_effort !== 'none',
  };
}

// ---- The answer ------------------------------------------------------------------------

const finish = { stop: 'stop', sequence: 'stop', length: 'length', filter: 'content_filter', calls: 'tool_calls' };

export function chatUsage(u) {
  const prompt = u.fresh + u.read + u.write;
  const completion = u.text + u.reasoning;
  return {
    prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: u.read, cache_write_tokens: u.write, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: u.reasoning, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

const wireCall = (c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.args) } });

/** The message of one choice; `how.reasoning` puts a thought where the vendor has it. */
export function chatMessage(reply, how) {
  const said = reply.parts.find((p) => p.text);
  const calls = reply.parts.filter((p) => p.call).map((p) => wireCall(p.call));
  const thought = reply.parts.find((p) => p.thought);
  return {
    role: 'assistant', content: said?.text ?? null, ...(how.plain ? {} : { refusal: null, annotations: [] }),
    ...(calls.length && { tool_calls: calls }), ...(thought && how.reasoning?.(thought.thought, 'message', said?.text)),
  };
}

const logprobs = (b, text) => (b.logprobs ? { content: pieces(text).map((t) => ({ token: t, logprob: -0.25, bytes: [...Buffer.from(t)], top_logprobs: Array.from({ length: b.top_logprobs ?? 0 }, (_, i) => ({ token: t, logprob: -0.25 - i, bytes: [...Buffer.from(t)] })) })), refusal: null } : null);

function whole(call, reply, how) {
  const b = call.body;
  const head = { id: call.id, object: 'chat.completion', created: 1790000000, model: how.answeredModel?.(call) ?? b.model };
  const body = {
    ...head,
    choices: Array.from({ length: b.n ?? 1 }, (_, index) => ({ index, message: chatMessage(reply, how), logprobs: logprobs(b, reply.parts.find((p) => p.text)?.text ?? ''), finish_reason: how.finish?.[reply.end] ?? finish[reply.end] ?? 'stop', ...how.choice })),
    usage: (how.usage ?? chatUsage)(call.usage, call), service_tier: 'default', system_fingerprint: 'fp_mock', ...how.tail?.(call),
  };
  return how.reshape?.(body, reply) ?? body;
}

/** Everything of a stream up to its last choice, and how it breaks off. */
function* deltas(call, reply, how) {
  const padded = how.plain ? {} : { obfuscation: 'x'.repeat(8) };
  const head = { id: call.id, object: 'chat.completion.chunk', created: 1790000000, model: how.answeredModel?.(call) ?? call.body.model, system_fingerprint: 'fp_mock', ...how.head };
  const asked = call.body.stream_options?.include_usage === true;
  const rest = how.lastUsage ? {} : asked ? { usage: null } : {};
  const chunk = (index, delta, end = null, more = {}) => event({ ...head, choices: [{ index, delta, logprobs: null, finish_reason: end, ...how.choice }], ...rest, ...padded, ...more });
  const broken = ['inerror', 'cut', 'short'].includes(reply.end);
  yield* how.prologue?.(call) ?? [];
  const n = call.body.n ?? 1;
  for (let i = 0; i < n; i++) yield chunk(i, { role: 'assistant', content: '', ...(how.plain ? {} : { refusal: null }) });
  for (const part of reply.parts) {
    if (part.thought) for (const p of pieces(part.thought)) for (let i = 0; i < n && how.reasoning; i++) yield chunk(i, how.reasoning(p, 'delta'));
    if (part.text) for (const p of upTo(reply.end, pieces(part.text))) {
      for (let i = 0; i < n; i++) yield chunk(i, { content: p });
      if (how.comment) yield how.comment;
    }
  }
  const calls = reply.parts.filter((p) => p.call).map((p) => wireCall(p.call));
  for (const [index, c] of calls.entries()) {
    if (how.wholeCalls) {
      yield chunk(0, { tool_calls: [{ ...c, index }] });
      continue;
    }
    yield chunk(0, { tool_calls: [{ index, id: c.id, type: 'function', function: { name: c.function.name, arguments: '' } }] });
    for (const p of pieces(c.function.arguments, 4)) yield chunk(0, { tool_calls: [{ index, function: { arguments: p } }] });
  }
  if (broken) return;
  const last = how.finish?.[reply.end] ?? finish[reply.end] ?? 'stop';
  for (let i = 0; i < n; i++) yield chunk(i, {}, last, i === n - 1 ? { ...how.lastUsage?.(call), ...how.always?.(call) } : {});
  if (asked && !how.lastUsage) yield event({ ...head, choices: [], usage: (how.usage ?? chatUsage)(call.usage, call), ...padded, ...how.tail?.(call) });
  yield event('[DONE]');
}

const inStream = { error: { message: 'The server had an error while processing your request.', type: 'server_error', param: null, code: 'server_error' } };

function* frames(call, reply, how) {
  yield* deltas(call, reply, how);
  if (reply.end === 'inerror') yield how.inerror?.(call) ?? event(inStream);
  if (reply.end === 'cut') yield CUT;
}

export function refuseScripted(reply, vendor = {}) {
  if (!reply.error) return;
  const quota = reply.error === 'quota';
  const status = quota ? 429 : reply.error;
  throw new Refusal(status, quota ? 'quota' : 'scripted', vendor.message ?? `scripted ${status}`, { retryAfter: status === 429 || status === 503 || status === 529 ? 7 : undefined });
}

export async function answerChat(call, out, how) {
  how.before?.(call.body);
  (how.shape ?? shape)(call.body, []);
  (how.check ?? checkModel)(call.body);
  checkChat(call.body);
  call.seen = seeChat(call.body);
  if (how.think) call.seen.think = how.think(call.body);
  how.see?.(call.seen, call.body);
  if (how.models && !how.models.test(call.seen.model)) throw new Refusal(404, 'model', `The model \`${call.seen.model}\` does not exist or you do not have access to it.`);
  call.reply = script(call.seen, how);
  how.rename?.(call.reply);
  refuseScripted(call.reply);
  call.id = fresh('chatcmpl-');
  call.usage = call.reply.usage;
  how.arithmetic?.(call.usage);
  if (how.streamOnly?.(call.body) && !call.body.stream) throw new Refusal(400, 'InvalidParameter', 'This model only support stream mode, please enable the stream parameter to access the model.');
  if (!call.body.stream) return out.json(200, whole(call, call.reply, how), how.headers);
  return out.stream('text/event-stream; charset=utf-8', frames(call, call.reply, how), { slow: call.reply.slow, headers: how.headers });
}

const shape = chatShape();

// ---- The other faces -------------------------------------------------------------------

const completionShape = obj({
  model: str, prompt: either({ string: str, array: arr(either({ string: str, number: int, array: arr(int) }), 1) }), best_of: nullable(int), echo: nullable(bool), frequency_penalty: nullable(num), logit_bias: nullable(map(num)), logprobs: nullable(int),
  max_tokens: nullable(range(0, 1e6, int)), n: nullable(range(1, 128, int)), presence_penalty: nullable(num), seed: nullable(int), stop: nullable(either({ string: str, array: arr(str, 1, 4) })), stream: nullable(bool), stream_options: nullable(obj({ include_usage: bool, include_obfuscation: bool })),
  suffix: nullable(str), temperature: nullable(range(0, 2)), top_p: nullable(range(0, 1)), user: str,
}, ['model', 'prompt']);

function* completionFrames(call, text) {
  const head = { id: call.id, object: 'text_completion', created: 1790000000, model: call.body.model };
  for (const p of upTo(call.reply.end, pieces(text))) yield event({ ...head, choices: [{ text: p, index: 0, logprobs: null, finish_reason: null }] });
  if (call.reply.end === 'inerror') yield event(inStream);
  if (call.reply.end === 'cut') yield CUT;
  if (['inerror', 'cut', 'short'].includes(call.reply.end)) return;
  yield event({ ...head, choices: [{ text: '', index: 0, logprobs: null, finish_reason: finish[call.reply.end] ?? 'stop' }] });
  if (call.body.stream_options?.include_usage) yield event({ ...head, choices: [], usage: chatUsage(call.usage) });
  yield event('[DONE]');
}

export function answerCompletions(call, out) {
  const b = call.body;
  completionShape(b, []);
  const prompts = typeof b.prompt === 'string' ? [b.prompt] : Array.isArray(b.prompt[0]) || typeof b.prompt[0] === 'number' ? ['tokens'] : b.prompt;
  call.seen = { model: b.model, stream: b.stream === true, system: '', turns: prompts.map((p) => ({ role: 'user', texts: [p], images: [], files: [], calls: [], results: [], thoughts: [] })), tools: [], max: b.max_tokens, n: b.n ?? 1, stop: [b.stop ?? []].flat() };
  call.reply = script(call.seen);
  refuseScripted(call.reply);
  call.id = fresh('cmpl-');
  call.usage = call.reply.usage;
  const text = call.reply.parts.find((p) => p.text)?.text ?? '';
  if (b.stream) return out.stream('text/event-stream', completionFrames(call, text), { slow: call.reply.slow });
  return out.json(200, {
    id: call.id, object: 'text_completion', created: 1790000000, model: b.model,
    choices: Array.from({ length: prompts.length * (b.n ?? 1) }, (_, index) => ({ text, index, logprobs: null, finish_reason: finish[call.reply.end] ?? 'stop' })), usage: chatUsage(call.usage),
  });
}

const embeddingShape = obj({ input: either({ string: text(1, Infinity), array: arr(either({ string: text(1, Infinity), number: int, array: arr(int, 1) }), 1, 2048) }), model: str, dimensions: int, encoding_format: lit('float', 'base64'), user: str }, ['input', 'model']);

export function answerEmbeddings(call, out) {
  const b = call.body;
  embeddingShape(b, []);
  const many = Array.isArray(b.input) && typeof b.input[0] !== 'number' ? b.input : [b.input];
  const size = b.dimensions ?? 8;
  call.usage = { fresh: many.reduce((n, x) => n + (typeof x === 'string' ? 1 + Math.floor(x.length / 4) : x.length), 0), read: 0, write: 0, text: 0, reasoning: 0 };
  const vector = (i) => Float32Array.from({ length: size }, (_, k) => (i + 1) / (k + 2));
  const data = many.map((_, index) => ({ object: 'embedding', index, embedding: b.encoding_format === 'base64' ? Buffer.from(vector(index).buffer).toString('base64') : [...vector(index)] }));
  out.json(200, { object: 'list', data, model: b.model, usage: { prompt_tokens: call.usage.fresh, total_tokens: call.usage.fresh } });
}

export const models = ['gpt-4.1-mini', 'gpt-5.4', 'text-embedding-3-small'];
const modelOf = (id) => ({ id, object: 'model', created: 1790000000, owned_by: 'system' });

const errors = { 400: 'invalid_request_error', 401: 'invalid_request_error', 403: 'invalid_request_error', 404: 'invalid_request_error', 429: 'requests', 500: 'server_error', 503: 'server_error' };
const codes = { key: 'invalid_api_key', model: 'model_not_found', quota: 'insufficient_quota' };

export function refuseOpenai(out, e) {
  const headers = e.retryAfter ? { 'retry-after': String(e.retryAfter) } : {};
  const kinds = { unknown: 'unknown_parameter', missing: 'missing_required_parameter', type: 'invalid_type', unsupported: 'unsupported_parameter', value: 'invalid_value' };
  const code = codes[e.code] ?? (e.code === 'bad' ? kinds[e.kind] : e.status === 429 ? 'rate_limit_exceeded' : e.status === 400 ? 'context_length_exceeded' : e.code === 'scripted' ? null : e.code);
  out.json(e.status, { error: { message: e.path ? `${bracketed(e.path)}: ${e.message}` : e.message, type: e.code === 'quota' ? 'insufficient_quota' : errors[e.status] ?? 'server_error', param: e.path ? bracketed(e.path) : null, code } }, headers);
}

export const startOpenai = (options = {}) => {
  const key = options.key ?? 'sk-openai-mock-0123456789';
  const how = { headers: { 'x-request-id': 'req_mock', 'openai-processing-ms': '5', 'x-ratelimit-remaining-requests': '59' }, models: /^(gpt-|o\d|text-embedding)/, ...options.how };
  return serve({
    kind: 'openai', base: '/v1', key, model: 'gpt-4.1-mini', thinker: 'gpt-5.4', refuse: refuseOpenai,
    config: (url) => ({ kind: 'openai', base_url: url, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      keyed(call, 'authorization', key, 'Bearer ');
      const at = `${call.method} ${call.path}`;
      if (at === 'POST /v1/chat/completions') return answerChat(call, out, how);
      if (at === 'POST /v1/completions') return answerCompletions(call, out);
      if (at === 'POST /v1/responses') return answerResponses(call, out, { shape: responsesShape });
      if (at === 'POST /v1/embeddings') return answerEmbeddings(call, out);
      if (at === 'GET /v1/models') return out.json(200, { object: 'list', data: models.map(modelOf) });
      const one = /^GET \/v1\/models\/(.+)$/.exec(at);
      if (one && models.includes(one[1])) return out.json(200, modelOf(one[1]));
      throw new Refusal(404, null, `Invalid URL (${at})`);
    },
  }, options);
};
