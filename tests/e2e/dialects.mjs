// SPDX-License-Identifier: Apache-2.0
// The dialects that clients speak, over bare HTTP, each with a reader that holds every
// answer, stream and error to the letter: members, order of events, how it ends.
// A dialect is {path(model, stream), body(ask), read(json), stream(events), error(json)};
// ask: {model, text, system, stream, tools, schema, image, think, history}
// read and stream give {text, thought, calls: [{id, name, args}], finish, usage, turn};
// turn is the answer as the next request shows it again.
import assert from 'node:assert/strict';

/** Server-sent events: [{event, data}]; anything else in the stream is a fault. */
export function events(bytes) {
  const text = bytes.toString('utf8');
  assert.ok(!text.includes('\ufffd'), 'a character was torn');
  const out = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    if (block === '') continue;
    const e = { data: [] };
    for (const l of block.split(/\r?\n/)) {
      if (l.startsWith(':')) continue;
      const m = /^(event|data|id|retry): ?(.*)$/s.exec(l);
      assert.ok(m, `not a line of an event stream: ${JSON.stringify(l)}`);
      if (m[1] === 'data') e.data.push(m[2]);
      else if (m[1] === 'event') e.event = m[2];
    }
    if (e.data.length) out.push({ event: e.event, data: e.data.join('\n') });
  }
  return out;
}

const has = (v, ...names) => names.forEach((n) => assert.ok(Object.hasOwn(v, n), `no ${n} in ${JSON.stringify(v).slice(0, 300)}`));
const string = (v, what) => assert.equal(typeof v, 'string', `${what}: ${JSON.stringify(v)}`);
const count = (v, what) => assert.ok(Number.isSafeInteger(v) && v >= 0, `${what}: ${JSON.stringify(v)}`);
const parse = (text) => JSON.parse(text || '{}');

/** Thrown by the readers: the stream says in its own form that it failed. */
export class InBand extends Error {
  constructor(value, text) {
    super(JSON.stringify(value));
    Object.assign(this, { value, text });
  }
}

// ---- Chat completions ------------------------------------------------------------------

const openaiError = (v) => {
  has(v, 'error');
  has(v.error, 'message', 'type', 'param', 'code');
  string(v.error.message, 'error.message');
  return { message: v.error.message, param: v.error.param, code: v.error.code };
};

function chatUsage(u) {
  for (const k of ['prompt_tokens', 'completion_tokens', 'total_tokens']) count(u[k], k);
  // xAI counts its thoughts beside the rest, and its own answers pass as they are.
  const beside = u.num_sources_used !== undefined ? u.completion_tokens_details.reasoning_tokens : 0;
  assert.equal(u.total_tokens, u.prompt_tokens + u.completion_tokens + beside);
  const cached = u.prompt_tokens_details?.cached_tokens ?? 0;
  const written = u.prompt_tokens_details?.cache_write_tokens ?? 0;
  return { fresh: u.prompt_tokens - cached - written, read: cached, write: written, out: u.completion_tokens + beside, reasoning: u.completion_tokens_details?.reasoning_tokens ?? 0 };
}

const chatFinish = ['stop', 'length', 'tool_calls', 'content_filter'];

/** Mistral's thoughts stand in its content, which passes as it is. */
const partsOf = (content, type) => (Array.isArray(content) ? content : [{ type: 'text', text: content ?? '' }]).filter((p) => p.type === type).map((p) => p.text ?? p.thinking.map((t) => t.text).join('')).join('');

function chatAnswer(message, finish, usage) {
  assert.ok(chatFinish.includes(finish), `finish_reason ${finish}`);
  const calls = (message.tool_calls ?? []).map((c) => {
    assert.equal(c.type, 'function');
    string(c.id, 'tool call id');
    string(c.function.arguments, 'arguments');
    return { id: c.id, name: c.function.name, args: parse(c.function.arguments) };
  });
  assert.equal(new Set(calls.map((c) => c.id)).size, calls.length, 'ids of calls');
  return { text: partsOf(message.content, 'text'), thought: message.reasoning_content ?? message.reasoning ?? partsOf(message.content, 'thinking'), calls, finish, usage: usage && chatUsage(usage), turn: message };
}

function* chatChunks(list, object) {
  let id;
  for (const [i, e] of list.entries()) {
    if (e.event === 'error' || e.data.startsWith('{"error"')) {
      const { error } = JSON.parse(e.data);
      string(error.message, 'error.message');
      yield { fault: error };
      continue;
    }
    assert.equal(e.event, undefined, 'chunks have no event name');
    if (e.data === '[DONE]') {
      assert.equal(i, list.length - 1, 'something after [DONE]');
      yield { done: true };
      continue;
    }
    const c = JSON.parse(e.data);
    // Azure says first what it thinks of the prompt, in a chunk that is hardly one.
    if (c.prompt_filter_results && !c.choices.length && !c.object) continue;
    assert.equal(c.object, object);
    string(c.id, 'id');
    id ??= c.id || undefined;
    if (c.choices.length) assert.equal(c.id, id, 'the id changed');
    if (c.error) {
      string(c.error.message, 'error.message');
      yield { fault: c.error };
      continue;
    }
    string(c.model, 'model');
    count(c.created, 'created');
    yield c;
  }
}

function chatStream(list) {
  const m = { role: 'assistant', content: null };
  const calls = [];
  let finish, usage, done;
  for (const c of chatChunks(list, 'chat.completion.chunk')) {
    if (c.fault) throw new InBand(c.fault, m.content ?? '');
    if (c.done) {
      done = true;
      continue;
    }
    if (c.usage) usage = c.usage;
    for (const choice of c.choices) {
      assert.equal(choice.index, 0);
      has(choice, 'delta', 'finish_reason');
      assert.ok(!finish || (Object.keys(choice.delta).length === 0), 'a delta after finish_reason');
      const d = choice.delta;
      if (typeof d.content === 'string') m.content = Array.isArray(m.content) ? [...m.content, { type: 'text', text: d.content }] : (m.content ?? '') + d.content;
      if (Array.isArray(d.content)) m.content = [...(m.content || []), ...d.content];
      for (const k of ['reasoning_content', 'reasoning']) if (d[k]) m[k] = (m[k] ?? '') + d[k];
      if (d.reasoning_details) m.reasoning_details = [...(m.reasoning_details ?? []), ...d.reasoning_details];
      for (const t of d.tool_calls ?? []) {
        count(t.index, 'index of a call');
        if (!calls[t.index]) {
          assert.equal(t.index, calls.length, 'indices of calls are not in order');
          string(t.id, 'id in the first fragment');
          calls[t.index] = { id: t.id, type: t.type, function: { name: t.function.name, arguments: t.function.arguments ?? '' }, ...(t.extra_content && { extra_content: t.extra_content }) };
        } else {
          assert.ok(t.id === undefined || t.id === calls[t.index].id, 'another id later');
          calls[t.index].function.arguments += t.function?.arguments ?? '';
          if (t.extra_content) calls[t.index].extra_content = t.extra_content;
        }
      }
      if (choice.finish_reason) finish = choice.finish_reason;
    }
    if (c.usage) assert.ok(finish, 'usage before the end');
  }
  assert.ok(done, 'no [DONE], and no error either');
  assert.ok(usage, 'no usage, though it was asked for');
  if (calls.length) m.tool_calls = calls;
  return chatAnswer(m, finish, usage);
}

export const chat = {
  name: 'chat',
  headers: (key) => ({ authorization: `Bearer ${key}` }),
  path: () => '/v1/chat/completions',
  body: (a) => ({
    model: a.model,
    messages: [...(a.system ? [{ role: 'system', content: a.system }] : []), { role: 'user', content: a.image ? [{ type: 'text', text: a.text }, { type: 'image_url', image_url: { url: `data:image/png;base64,${a.image.toString('base64')}` } }] : a.text }, ...(a.history ?? [])],
    ...(a.stream && { stream: true, stream_options: { include_usage: true } }),
    ...(a.tools && { tools: a.tools.map((t) => ({ type: 'function', function: { name: t.name, description: t.description, parameters: t.schema } })) }),
    ...(a.schema && { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: a.schema } } }),
    ...(a.think && { reasoning_effort: 'low' }),
    max_completion_tokens: 8000,
  }),
  history: (answer, results) => [answer.turn, ...answer.calls.map((c, i) => ({ role: 'tool', tool_call_id: c.id, content: results[i] }))],
  read(v) {
    has(v, 'id', 'object', 'created', 'model', 'choices', 'usage');
    assert.equal(v.object, 'chat.completion');
    assert.equal(v.choices.length, 1);
    const [c] = v.choices;
    assert.equal(c.index, 0);
    assert.equal(c.message.role, 'assistant');
    has(c.message, 'content');
    return chatAnswer(c.message, c.finish_reason, v.usage);
  },
  stream: chatStream,
  error: openaiError,
};

// ---- Completions -----------------------------------------------------------------------

export const completions = {
  name: 'completions',
  headers: chat.headers,
  path: () => '/v1/completions',
  body: (a) => ({ model: a.model, prompt: a.text, max_tokens: 8000, ...(a.stream && { stream: true, stream_options: { include_usage: true } }) }),
  read(v) {
    assert.equal(v.object, 'text_completion');
    const [c] = v.choices;
    string(c.text, 'text');
    return { text: c.text, thought: '', calls: [], finish: c.finish_reason, usage: chatUsage(v.usage) };
  },
  stream(list) {
    let text = '';
    let finish, usage, done;
    for (const c of chatChunks(list, 'text_completion')) {
      if (c.fault) throw new InBand(c.fault, text);
      if (c.done) done = true;
      if (c.done) continue;
      if (c.usage) usage = c.usage;
      for (const choice of c.choices) {
        text += choice.text;
        if (choice.finish_reason) finish = choice.finish_reason;
      }
    }
    assert.ok(done, 'no [DONE], and no error either');
    assert.ok(finish && usage, 'no finish_reason or usage');
    return { text, thought: '', calls: [], finish, usage: chatUsage(usage) };
  },
  error: openaiError,
};

// ---- Responses -------------------------------------------------------------------------

function responsesUsage(u) {
  for (const k of ['input_tokens', 'output_tokens', 'total_tokens']) count(u[k], k);
  assert.equal(u.total_tokens, u.input_tokens + u.output_tokens);
  const read = u.input_tokens_details?.cached_tokens ?? 0;
  const write = u.input_tokens_details?.cache_write_tokens ?? 0;
  return { fresh: u.input_tokens - read - write, read, write, out: u.output_tokens, reasoning: u.output_tokens_details?.reasoning_tokens ?? 0 };
}

function readResponse(v) {
  has(v, 'id', 'object', 'created_at', 'status', 'model', 'output', 'usage', 'error', 'incomplete_details', 'tools', 'tool_choice', 'parallel_tool_calls', 'metadata');
  assert.equal(v.object, 'response');
  assert.ok(['completed', 'incomplete'].includes(v.status), v.status);
  const out = { text: '', thought: '', calls: [], finish: v.status === 'completed' ? 'stop' : v.incomplete_details.reason, usage: responsesUsage(v.usage), turn: v.output };
  const ids = new Set();
  for (const i of v.output) {
    string(i.id, 'id of an item');
    assert.ok(!ids.has(i.id), `two items are called ${i.id}`);
    ids.add(i.id);
    if (i.type === 'message') {
      assert.equal(i.role, 'assistant');
      assert.ok(i.status === 'completed' || (i.status === 'incomplete' && v.status === 'incomplete'), i.status);
      for (const p of i.content) {
        has(p, 'type', 'text', 'annotations');
        out.text += p.text;
      }
    } else if (i.type === 'function_call') {
      has(i, 'call_id', 'name', 'arguments');
      out.calls.push({ id: i.call_id, name: i.name, args: parse(i.arguments) });
    } else {
      assert.equal(i.type, 'reasoning');
      has(i, 'summary');
      out.thought += [...i.summary, ...(i.content ?? [])].map((s) => s.text).join('');
    }
  }
  if (out.calls.length) out.finish = 'tool_calls';
  return out;
}

/** Follows one item from `added` to `done`. */
class Items {
  constructor() {
    this.items = [];
    this.parts = new Map();
    this.text = '';
  }

  take(e) {
    const type = e.type.slice('response.'.length);
    if (type === 'output_item.added') {
      assert.equal(e.output_index, this.items.length, 'output_index');
      assert.ok(!this.open, 'an item began before the last was done');
      this.open = e.item;
      this.items.push(e.item);
      return;
    }
    assert.ok(this.open, `${e.type} outside of an item`);
    assert.equal(e.output_index, this.items.length - 1, 'output_index');
    if (type === 'output_item.done') {
      assert.equal(e.item.id, this.open.id);
      assert.equal(this.parts.size, 0, 'a part was not done');
      this.items[e.output_index] = e.item;
      this.open = null;
      return;
    }
    assert.equal(e.item_id, this.open.id, 'item_id');
    this.part(type, e);
  }

  part(type, e) {
    const at = e.content_index ?? e.summary_index ?? 'arguments';
    const m = /^(output_text|refusal|reasoning_text|reasoning_summary_text|function_call_arguments)\.(delta|done)$/.exec(type);
    if (/_part\.added$/.test(type)) {
      assert.ok(!this.parts.has(at), 'a part began twice');
      this.parts.set(at, '');
    } else if (/_part\.done$/.test(type)) {
      assert.equal(e.part.text, this.parts.get(at), 'part.done');
      this.parts.delete(at);
    } else if (m?.[2] === 'delta') {
      assert.ok(this.parts.has(at) || m[1] === 'function_call_arguments' || m[1] === 'reasoning_text', 'a delta outside of a part');
      this.parts.set(at, (this.parts.get(at) ?? '') + e.delta);
      if (m[1] === 'output_text') this.text += e.delta;
    } else if (m) {
      assert.equal(e.text ?? e.arguments ?? e.refusal, this.parts.get(at) ?? '', type);
      if (m[1] === 'function_call_arguments' || m[1] === 'reasoning_text') this.parts.delete(at);
    } else {
      assert.fail(`unknown event ${e.type}`);
    }
  }
}

function responsesStream(list) {
  const items = new Items();
  let last;
  for (const [i, raw] of list.entries()) {
    assert.ok(!last, 'something after the end');
    const e = JSON.parse(raw.data);
    assert.equal(raw.event, e.type, 'event and type');
    if (e.type === 'error' || e.type === 'response.failed') {
      string((e.error ?? e.response?.error ?? e).message, 'message of the error');
      throw new InBand(e, items.text);
    }
    assert.equal(e.sequence_number, i, 'sequence_number');
    if (i === 0) assert.equal(e.type, 'response.created');
    if (['response.created', 'response.in_progress', 'response.queued'].includes(e.type)) {
      assert.equal(e.response.object, 'response');
      assert.deepEqual(e.response.output, []);
    } else if (['response.completed', 'response.incomplete'].includes(e.type)) {
      assert.ok(!items.open, 'an item was not done');
      last = e.response;
    } else {
      items.take(e);
    }
  }
  assert.ok(last, 'no terminal event');
  assert.deepEqual(last.output, items.items, 'what was streamed is what is said at the end');
  return readResponse(last);
}

export const responses = {
  name: 'responses',
  headers: chat.headers,
  path: () => '/v1/responses',
  body: (a) => ({
    model: a.model, store: false, max_output_tokens: 8000, ...(a.system && { instructions: a.system }), ...(a.stream && { stream: true }),
    input: [{ role: 'user', content: a.image ? [{ type: 'input_text', text: a.text }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${a.image.toString('base64')}` }] : a.text }, ...(a.history ?? [])],
    ...(a.tools && { tools: a.tools.map((t) => ({ type: 'function', name: t.name, description: t.description, parameters: t.schema, strict: true })) }),
    ...(a.schema && { text: { format: { type: 'json_schema', name: 'answer', strict: true, schema: a.schema } } }),
    ...(a.think && { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] }),
  }),
  history: (answer, results) => [...answer.turn, ...answer.calls.map((c, i) => ({ type: 'function_call_output', call_id: c.id, output: results[i] }))],
  read: readResponse,
  stream: responsesStream,
  error: openaiError,
};

// ---- Messages --------------------------------------------------------------------------

function messagesUsage(u) {
  for (const k of ['input_tokens', 'output_tokens']) count(u[k], k);
  return { fresh: u.input_tokens, read: u.cache_read_input_tokens ?? 0, write: u.cache_creation_input_tokens ?? 0, out: u.output_tokens, reasoning: u.output_tokens_details?.thinking_tokens ?? 0 };
}

function readMessage(v) {
  has(v, 'id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage');
  assert.equal(v.type, 'message');
  assert.equal(v.role, 'assistant');
  assert.ok(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'refusal', 'pause_turn'].includes(v.stop_reason), v.stop_reason);
  const of = (type) => v.content.filter((b) => b.type === type);
  assert.equal(of('text').length + of('thinking').length + of('redacted_thinking').length + of('tool_use').length, v.content.length, JSON.stringify(v.content));
  for (const b of of('thinking')) has(b, 'thinking', 'signature');
  for (const b of of('tool_use')) assert.match(b.id, /^[a-zA-Z0-9_-]+$/);
  return {
    text: of('text').map((b) => b.text).join(''), thought: of('thinking').map((b) => b.thinking).join(''), calls: of('tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input })),
    finish: { end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length' }[v.stop_reason] ?? v.stop_reason, usage: messagesUsage(v.usage), turn: v.content,
  };
}

const appends = { text_delta: ['text', 'text'], thinking_delta: ['thinking', 'thinking'], signature_delta: ['thinking', 'signature'], input_json_delta: ['tool_use', 'partial_json'] };

function blockEvent(e, blocks, state) {
  const b = blocks.at(-1);
  if (e.type === 'content_block_start') {
    assert.ok(!state.open, 'a block began before the last was stopped');
    assert.equal(e.index, blocks.length, 'index');
    blocks.push({ ...e.content_block, ...(e.content_block.type === 'tool_use' && { partial_json: '' }) });
    state.open = true;
    return;
  }
  assert.ok(state.open, `${e.type} outside of a block`);
  assert.equal(e.index, blocks.length - 1, 'index');
  if (e.type === 'content_block_stop') {
    state.open = false;
    if (b.type === 'tool_use') b.input = parse(b.partial_json);
    delete b.partial_json;
    return;
  }
  assert.equal(e.type, 'content_block_delta');
  const [type, field] = appends[e.delta.type] ?? assert.fail(`unknown delta ${e.delta.type}`);
  assert.equal(b.type, type, `${e.delta.type} in a block of ${b.type}`);
  b[field] += e.delta[type === 'tool_use' ? 'partial_json' : field];
}

function messagesStream(list) {
  let m, stopped;
  const blocks = [];
  const state = { open: false, ended: false };
  for (const raw of list) {
    const e = JSON.parse(raw.data);
    assert.equal(raw.event, e.type, 'event and type');
    assert.ok(!stopped, 'something after message_stop');
    if (e.type === 'ping') continue;
    if (e.type === 'error') {
      has(e.error, 'type', 'message');
      throw new InBand(e, blocks.filter((b) => b.type === 'text').map((b) => b.text).join(''));
    }
    if (e.type === 'message_start') {
      assert.ok(!m, 'message_start twice');
      m = e.message;
      assert.deepEqual(m.content, []);
      assert.equal(m.stop_reason, null);
      messagesUsage(m.usage);
      continue;
    }
    assert.ok(m, `${e.type} before message_start`);
    if (e.type === 'message_delta') {
      assert.ok(!state.open, 'message_delta inside a block');
      Object.assign(m, e.delta);
      m.usage = { ...m.usage, ...e.usage };
      state.ended = true;
    } else if (e.type === 'message_stop') {
      assert.ok(state.ended, 'message_stop without message_delta');
      stopped = true;
    } else {
      blockEvent(e, blocks, state);
    }
  }
  assert.ok(stopped, 'no message_stop, and no error either');
  return readMessage({ ...m, content: blocks });
}

export const messages = {
  name: 'messages',
  headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  path: () => '/v1/messages',
  body: (a) => ({
    model: a.model, max_tokens: 8000, ...(a.system && { system: a.system }), ...(a.stream && { stream: true }),
    messages: [{ role: 'user', content: a.image ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: a.image.toString('base64') } }, { type: 'text', text: a.text }] : a.text }, ...(a.history ?? [])],
    ...(a.tools && { tools: a.tools.map((t) => ({ name: t.name, description: t.description, input_schema: t.schema })) }),
    ...(a.schema && { output_config: { format: { type: 'json_schema', schema: a.schema } } }),
    ...(a.think && { thinking: { type: 'enabled', budget_tokens: 2048 } }),
  }),
  history: (answer, results) => [{ role: 'assistant', content: answer.turn }, { role: 'user', content: answer.calls.map((c, i) => ({ type: 'tool_result', tool_use_id: c.id, content: results[i] })) }],
  read: readMessage,
  stream: messagesStream,
  error(v) {
    assert.equal(v.type, 'error');
    has(v.error, 'type', 'message');
    return { message: v.error.message, kind: v.error.type, param: v.error.param, code: v.error.code };
  },
};

// ---- Gemini ----------------------------------------------------------------------------

function geminiUsage(u) {
  for (const k of ['promptTokenCount', 'totalTokenCount']) count(u[k], k);
  const read = u.cachedContentTokenCount ?? 0;
  const reasoning = u.thoughtsTokenCount ?? 0;
  assert.equal(u.totalTokenCount, u.promptTokenCount + (u.candidatesTokenCount ?? 0) + reasoning + (u.toolUsePromptTokenCount ?? 0));
  return { fresh: u.promptTokenCount - read, read, write: 0, out: (u.candidatesTokenCount ?? 0) + reasoning, reasoning };
}

function readCandidate(c, usage) {
  assert.equal(c.content.role, 'model');
  const { parts } = c.content;
  for (const p of parts) assert.equal(['text', 'functionCall'].filter((k) => p[k] !== undefined).length, 1, JSON.stringify(p));
  const calls = parts.filter((p) => p.functionCall).map((p) => p.functionCall);
  for (const f of calls) assert.equal(typeof f.args, 'object');
  assert.ok(['STOP', 'MAX_TOKENS', 'SAFETY'].includes(c.finishReason), c.finishReason);
  return {
    text: parts.filter((p) => p.text !== undefined && !p.thought).map((p) => p.text).join(''), thought: parts.filter((p) => p.thought).map((p) => p.text).join(''), calls,
    finish: calls.length ? 'tool_calls' : { STOP: 'stop', MAX_TOKENS: 'length' }[c.finishReason] ?? c.finishReason, usage: geminiUsage(usage), turn: c.content,
  };
}

export const gemini = {
  name: 'gemini',
  headers: (key) => ({ 'x-goog-api-key': key }),
  path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  body: (a) => ({
    ...(a.system && { systemInstruction: { parts: [{ text: a.system }] } }),
    contents: [{ role: 'user', parts: [...(a.image ? [{ inlineData: { mimeType: 'image/png', data: a.image.toString('base64') } }] : []), { text: a.text }] }, ...(a.history ?? [])],
    ...(a.tools && { tools: [{ functionDeclarations: a.tools.map((t) => ({ name: t.name, description: t.description, parametersJsonSchema: t.schema })) }] }),
    generationConfig: { maxOutputTokens: 8000, ...(a.schema && { responseMimeType: 'application/json', responseJsonSchema: a.schema }), ...(a.think && { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } }) },
  }),
  history: (answer, results) => [answer.turn, { role: 'user', parts: answer.calls.map((c, i) => ({ functionResponse: { ...(c.id && { id: c.id }), name: c.name, response: { output: results[i] } } })) }],
  read(v) {
    has(v, 'candidates', 'usageMetadata', 'modelVersion', 'responseId');
    assert.equal(v.candidates.length, 1);
    return readCandidate(v.candidates[0], v.usageMetadata);
  },
  stream(list) {
    const parts = [];
    let finishReason, usage;
    for (const raw of list) {
      assert.equal(raw.event, undefined);
      const v = JSON.parse(raw.data);
      if (v.error) {
        gemini.error(v);
        throw new InBand(v, parts.filter((p) => p.text && !p.thought).map((p) => p.text).join(''));
      }
      assert.ok(!finishReason, 'something after finishReason');
      if (v.usageMetadata) usage = v.usageMetadata;
      for (const c of v.candidates ?? []) {
        parts.push(...(c.content?.parts ?? []));
        if (c.finishReason) ({ finishReason } = c);
      }
    }
    assert.ok(finishReason && usage, 'no finishReason or usage, and no error either');
    return readCandidate({ content: { role: 'model', parts }, finishReason }, usage);
  },
  error(v) {
    has(v.error, 'code', 'message', 'status');
    assert.match(v.error.status, /^[A-Z_]+$/);
    return { message: v.error.message, code: v.error.details?.[0]?.reason, status: v.error.status, param: JSON.stringify(v.error.details ?? null) };
  },
};

export const dialects = [chat, completions, responses, messages, gemini];
