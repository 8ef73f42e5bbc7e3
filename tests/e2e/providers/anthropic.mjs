// SPDX-License-Identifier: Apache-2.0
// Anthropic: messages in both API versions, count_tokens, models; threads, when the beta
// is named. Signatures of thoughts are checked when they come back.
import { arr, any, bad, bool, dotted, either, image, int, lit, map, matching, nullable, num, obj, open, range, str, tagged, text } from './strict.mjs';
import { fresh, pieces, script, sign } from './script.mjs';
import { CUT, Refusal, event, serve, upTo } from './server.mjs';
import { refuseScripted } from './openai.mjs';

const cache = nullable(obj({ type: lit('ephemeral'), ttl: lit('5m', '1h') }, ['type']));
const some = text(1, Infinity);
const toolId = matching(/^[a-zA-Z0-9_-]+$/);
const caller = tagged('type', { direct: obj({ type: str }), code_execution_20250825: open, code_execution_20260120: open });
const source = tagged('type', {
  base64: obj({ type: str, media_type: str, data: str }, ['media_type', 'data']),
  url: obj({ type: str, url: str }, ['url']),
  file: obj({ type: str, file_id: str }, ['file_id']),
  text: obj({ type: str, media_type: lit('text/plain'), data: str }, ['media_type', 'data']),
  content: obj({ type: str, content: any }, ['content']),
});
const blocks = {
  text: obj({ type: str, text: some, cache_control: cache, citations: nullable(arr(any)) }, ['text']),
  image: obj({ type: str, source, cache_control: cache }, ['source']),
  document: obj({ type: str, source, title: nullable(str), context: nullable(str), citations: nullable(obj({ enabled: bool })), cache_control: cache }, ['source']),
  search_result: open,
  thinking: obj({ type: str, thinking: str, signature: str }, ['thinking', 'signature']),
  redacted_thinking: obj({ type: str, data: str }, ['data']),
  tool_use: obj({ type: str, id: toolId, name: text(1, 200), input: open, cache_control: cache, caller, toolset_name: any }, ['id', 'name', 'input']),
  tool_result: obj({ type: str, tool_use_id: toolId, is_error: bool, cache_control: cache, content: (v, path) => inResult(v, path) }, ['tool_use_id']),
  server_tool_use: open, web_search_tool_result: open, web_fetch_tool_result: open, code_execution_tool_result: open,
};
const pick = (...names) => arr(tagged('type', Object.fromEntries(names.map((n) => [n, blocks[n]]))));
const inResult = either({ string: str, array: pick('text', 'image', 'document', 'search_result') });
const user = either({ string: some, array: pick('text', 'image', 'document', 'search_result', 'tool_result') });
const assistant = either({ string: str, array: pick('text', 'thinking', 'redacted_thinking', 'tool_use', 'document', 'server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', 'code_execution_tool_result') });
const message = tagged('role', {
  user: obj({ role: str, content: user }, ['content']),
  assistant: obj({ role: str, content: assistant }, ['content']),
  system: obj({ role: str, content: either({ string: some, array: pick('text') }) }, ['content']),
});
const tool = (v, path) => {
  open(v, path);
  if (v.type !== undefined && v.type !== 'custom') return; // a tool of Anthropic's own
  obj({ type: nullable(lit('custom')), name: matching(/^[a-zA-Z0-9_-]{1,128}$/), description: str, input_schema: open, cache_control: cache, strict: bool, eager_input_streaming: nullable(bool), defer_loading: bool, allowed_callers: any, input_examples: any }, ['name', 'input_schema'])(v, path);
  if (v.input_schema.type !== 'object') bad([...path, 'custom', 'input_schema', 'type'], "input should be 'object'");
};

const common = {
  model: some, messages: arr(message, 1), system: either({ string: str, array: arr(tagged('type', { text: blocks.text })) }), tools: arr(tool),
  tool_choice: tagged('type', { auto: obj({ type: str, disable_parallel_tool_use: bool }), any: obj({ type: str, disable_parallel_tool_use: bool }), none: obj({ type: str }), tool: obj({ type: str, name: str, disable_parallel_tool_use: bool }, ['name']) }),
  thinking: tagged('type', { enabled: obj({ type: str, budget_tokens: range(1024, 1e6, int), display: nullable(str) }, ['budget_tokens']), adaptive: obj({ type: str, display: nullable(lit('summarized', 'omitted')) }), disabled: obj({ type: str }) }),
  output_config: obj({ effort: nullable(lit('low', 'medium', 'high', 'xhigh', 'max')), format: nullable(tagged('type', { json_schema: obj({ type: str, schema: open }, ['schema']) })), task_budget: any }),
  cache_control: cache,
};
const messagesShape = obj({
  ...common, max_tokens: range(1, 1e6, int), stop_sequences: arr(matching(/\S/)), stream: bool, temperature: range(0, 1), top_k: range(0, 1e6, int), top_p: range(0, 1), metadata: obj({ user_id: nullable(text(1, 256)) }), service_tier: lit('auto', 'standard_only'),
  container: any, inference_geo: any, diagnostics: any, speed: any, user_profile_id: any, context_management: any, mcp_servers: any, thread: tagged('type', { create: obj({ type: str }), continue: obj({ type: str, previous_message_id: str }, ['previous_message_id']) }),
}, ['model', 'messages', 'max_tokens']);
const countShape = obj({ ...common, context_management: any, mcp_servers: any }, ['model', 'messages']);

const versions = ['2023-06-01', '2026-10-21'];
const noSampling = /opus-(4-[78]|5)|sonnet-5|fable-5/;
const asBlocks = (c) => (typeof c === 'string' ? [{ type: 'text', text: c }] : c);

// ---- What no shape can say -------------------------------------------------------------

function checkTurns(messages) {
  let expected = 'user';
  let calls = [];
  messages.forEach((m, i) => {
    if (m.role === 'system') return;
    if (m.role !== expected) bad(['messages', i, 'role'], `roles must alternate between "user" and "assistant"; expected ${expected}`);
    expected = expected === 'user' ? 'assistant' : 'user';
    const all = asBlocks(m.content);
    if (m.role === 'user') {
      const results = all.filter((b) => b.type === 'tool_result').map((b) => b.tool_use_id);
      const late = all.findIndex((b, k) => b.type === 'tool_result' && k >= results.length);
      for (const id of results) if (!calls.includes(id)) bad(['messages', i, 'content'], `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message`);
      if (new Set(results).size !== results.length) bad(['messages', i, 'content'], 'each tool_use must have a single result');
      for (const id of calls) if (!results.includes(id)) bad(['messages', i], `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${id}`);
      if (late >= 0) bad(['messages', i, 'content', late], '`tool_result` blocks must come first in the content of a user message');
      calls = [];
      return;
    }
    if (m.content.length === 0 && i < messages.length - 1) bad(['messages', i], 'all messages must have non-empty content except for the optional final assistant message');
    calls = all.filter((b) => b.type === 'tool_use').map((b) => b.id);
    if (new Set(calls).size !== calls.length) bad(['messages', i, 'content'], '`tool_use` ids must be unique');
    if (i === messages.length - 1 && /\s$/.test(all.at(-1)?.text ?? '')) bad(['messages', i, 'content'], 'final assistant content cannot end with trailing whitespace');
  });
  if (calls.length) bad(['messages', messages.length - 1], `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${calls}`);
}

function checkThoughts(b) {
  b.messages.forEach((m, i) => {
    if (m.role !== 'assistant') return;
    asBlocks(m.content).forEach((x, k) => {
      if (x.type === 'thinking' && x.signature !== sign(x.thinking)) bad(['messages', i, 'content', k], 'invalid `signature` in `thinking` block');
    });
    const last = b.messages.slice(i + 1).every((n) => n.role === 'user' && asBlocks(n.content).some((x) => x.type === 'tool_result'));
    const [head] = asBlocks(m.content);
    if (b.thinking?.type === 'enabled' && last && head && !['thinking', 'redacted_thinking'].includes(head.type) && asBlocks(m.content).some((x) => x.type === 'tool_use')) bad(['messages', i, 'content', 0, 'type'], `expected \`thinking\` or \`redacted_thinking\`, but found \`${head.type}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block`);
  });
}

function checkThinking(b) {
  const kind = b.thinking?.type;
  const sampling = ['temperature', 'top_p', 'top_k'].filter((k) => b[k] !== undefined);
  if (kind === 'enabled' && noSampling.test(b.model)) bad(['thinking', 'type'], `thinking.type "enabled" is not supported for ${b.model}; use "adaptive" and output_config.effort`);
  if (kind === 'adaptive' && /claude-(3|(haiku|sonnet|opus)-4-[15]|(sonnet|opus)-4-2025)/.test(b.model)) bad(['thinking', 'type'], `adaptive thinking is not supported on ${b.model}`);
  if (b.output_config?.effort && /haiku-4-5|sonnet-4-[05]|claude-3/.test(b.model)) bad(['output_config', 'effort'], `this model does not support the effort parameter`);
  if (noSampling.test(b.model) && sampling.length) bad([sampling[0]], `${sampling[0]} is not supported on ${b.model}`);
  if (!kind || kind === 'disabled') return;
  if (kind === 'enabled' && b.max_tokens !== undefined && b.thinking.budget_tokens >= b.max_tokens) bad(['max_tokens'], '`max_tokens` must be greater than `thinking.budget_tokens`');
  if (b.temperature !== undefined && b.temperature !== 1) bad(['temperature'], '`temperature` may only be set to 1 when thinking is enabled');
  if (b.top_k !== undefined) bad(['top_k'], '`top_k` must be unset when thinking is enabled');
  if (b.top_p !== undefined && b.top_p < 0.95) bad(['top_p'], '`top_p` must be at least 0.95 when thinking is enabled');
  if (['any', 'tool'].includes(b.tool_choice?.type)) bad(['tool_choice', 'type'], 'thinking may not be enabled when tool_choice forces tool use');
}

function check(b, version) {
  if (version === '2026-10-21') {
    for (const k of ['temperature', 'top_p', 'top_k']) if (b[k] !== undefined) bad([k], 'extra inputs are not permitted', 'unknown');
    b.messages.forEach((m, i) => asBlocks(m.content).forEach((x, k) => {
      if (m.role === 'assistant' && x.type === 'document') bad(['messages', i, 'content', k, 'type'], 'document blocks are not permitted in assistant messages');
      if (m.role === 'user' && x.type === 'text' && x.citations !== undefined) bad(['messages', i, 'content', k, 'citations'], 'extra inputs are not permitted', 'unknown');
    }));
  }
  if (b.temperature !== undefined && b.top_p !== undefined && /-4-[1-9]/.test(b.model)) bad(['temperature'], '`temperature` and `top_p` cannot both be specified for this model');
  checkTurns(b.messages);
  checkThoughts(b);
  checkThinking(b);
  const marks = JSON.stringify(b).split('"cache_control":{').length - 1;
  if (marks > 4) bad(['cache_control'], `a maximum of 4 blocks with cache_control may be provided; found ${marks}`);
  const names = (b.tools ?? []).map((t) => t.name);
  if (new Set(names).size !== names.length) bad(['tools'], 'tool names must be unique');
  if (b.tool_choice && !b.tools?.length) bad(['tool_choice'], 'tool_choice may only be specified while providing tools');
  if (b.tool_choice?.name && !names.includes(b.tool_choice.name)) bad(['tool_choice', 'name'], `tool '${b.tool_choice.name}' not found in provided tools`);
  if (b.messages.some((m) => asBlocks(m.content).some((x) => x.type === 'tool_use')) && !b.tools) bad(['tools'], 'requests which include `tool_use` or `tool_result` blocks must define tools', 'missing');
  const s = b.output_config?.format?.schema;
  if (s) checkClosed(s, ['output_config', 'format', 'schema']);
  b.tools?.forEach((t, i) => t.strict && checkClosed(t.input_schema, ['tools', i, 'custom', 'input_schema']));
}

/** Its structured output wants every object closed, and knows no bounds. */
function checkClosed(schema, path) {
  if (typeof schema !== 'object' || schema === null) return;
  if (schema.type === 'object' && schema.additionalProperties !== false) bad(path, "for 'object' type, 'additionalProperties' must be explicitly set to false");
  for (const k of ['minimum', 'maximum', 'minLength', 'maxLength', 'multipleOf']) if (schema[k] !== undefined) bad([...path, k], `for '${schema.type}' type, property '${k}' is not supported`);
  for (const [k, s] of Object.entries(schema.properties ?? {})) checkClosed(s, [...path, k]);
  checkClosed(schema.items, [...path, 'items']);
  for (const s of schema.anyOf ?? []) checkClosed(s, [...path, 'anyOf']);
}

// ---- What it says ----------------------------------------------------------------------

function imageOf(b, path) {
  if (b.source.type === 'url') return { url: b.source.url };
  return image(b.source.media_type, b.source.data, [...path, 'source']);
}

const said = (c) => (c === undefined ? '' : asBlocks(c).filter((b) => b.type === 'text').map((b) => b.text).join(''));

function see(b) {
  const named = {};
  const turns = b.messages.filter((m) => m.role !== 'system').map((m, i) => {
    const all = asBlocks(m.content);
    const of = (type) => all.filter((x) => x.type === type);
    for (const x of of('tool_use')) named[x.id] = x.name;
    return {
      role: m.role, texts: of('text').map((x) => x.text),
      images: [...of('image'), ...of('tool_result').flatMap((r) => (Array.isArray(r.content) ? r.content.filter((x) => x.type === 'image') : []))].map((x) => imageOf(x, ['messages', i, 'content', Math.max(0, all.indexOf(x))])),
      files: of('document'),
      calls: of('tool_use').map((x) => ({ id: x.id, name: x.name, args: x.input })),
      results: of('tool_result').map((x) => ({ id: x.tool_use_id, name: named[x.tool_use_id], text: said(x.content), failed: x.is_error })),
      thoughts: of('thinking').map((x) => ({ text: x.thinking, signature: x.signature })),
    };
  });
  const choice = b.tool_choice?.type;
  return {
    model: b.model, stream: b.stream === true, turns, system: [b.system === undefined ? '' : said(b.system), ...b.messages.filter((m) => m.role === 'system').map((m) => said(m.content))].filter(Boolean).join('\n'),
    tools: (b.tools ?? []).filter((t) => t.input_schema).map((t) => ({ name: t.name, description: t.description, schema: t.input_schema })),
    choice: choice === 'tool' ? { name: b.tool_choice.name } : choice === 'any' ? 'required' : choice, parallel: !b.tool_choice?.disable_parallel_tool_use,
    format: b.output_config?.format ? { schema: b.output_config.format.schema } : null, max: b.max_tokens, n: 1, stop: b.stop_sequences ?? [], temperature: b.temperature,
    think: ['enabled', 'adaptive'].includes(b.thinking?.type), marks: JSON.stringify(b).includes('"cache_control":{'),
  };
}

const reasons = { stop: 'end_turn', sequence: 'stop_sequence', length: 'max_tokens', filter: 'refusal', calls: 'tool_use' };

const usageOf = (u) => ({
  input_tokens: u.fresh, cache_creation_input_tokens: u.write, cache_read_input_tokens: u.read, cache_creation: { ephemeral_5m_input_tokens: u.write, ephemeral_1h_input_tokens: 0 },
  output_tokens: u.text + u.reasoning, output_tokens_details: { thinking_tokens: u.reasoning }, service_tier: 'standard', inference_geo: 'not_available', server_tool_use: null,
});

function content(call) {
  const newer = call.headers['anthropic-version'] === '2026-10-21';
  return call.reply.parts.map((p) => {
    if (p.thought) return { type: 'thinking', thinking: p.thought, signature: p.signature };
    if (p.text) return { type: 'text', text: p.text };
    return { type: 'tool_use', id: p.call.id, name: p.call.name, input: p.call.args, ...(newer && { caller: { type: 'direct' } }) };
  });
}

const stops = (call) => ({
  stop_reason: reasons[call.reply.end] ?? 'end_turn', stop_sequence: call.reply.end === 'sequence' ? call.seen.stop[0] ?? null : null,
  ...(call.reply.end === 'filter' && { stop_details: { type: 'refusal', category: 'cyber', explanation: 'No.' } }),
});

const head = (call, more) => ({ id: call.id, type: 'message', role: 'assistant', model: call.seen.model, content: [], stop_reason: null, stop_sequence: null, ...more });

function* blockEvents(block, index, end) {
  const say = (type, more) => event({ type, index, ...more }, type);
  const delta = (d) => say('content_block_delta', { delta: d });
  if (block.type === 'thinking') {
    yield say('content_block_start', { content_block: { type: 'thinking', thinking: '', signature: '' } });
    for (const p of pieces(block.thinking)) yield delta({ type: 'thinking_delta', thinking: p });
    yield delta({ type: 'signature_delta', signature: block.signature });
  } else if (block.type === 'text') {
    yield say('content_block_start', { content_block: { type: 'text', text: '' } });
    for (const p of upTo(end, pieces(block.text))) yield delta({ type: 'text_delta', text: p });
    if (['inerror', 'cut', 'short'].includes(end)) return;
  } else {
    yield say('content_block_start', { content_block: { ...block, input: {} } });
    yield delta({ type: 'input_json_delta', partial_json: '' });
    for (const p of pieces(JSON.stringify(block.input), 4)) yield delta({ type: 'input_json_delta', partial_json: p });
  }
  yield say('content_block_stop');
}

function* frames(call) {
  const { end } = call.reply;
  const usage = usageOf(call.usage);
  yield event({ type: 'message_start', message: head(call, { usage: { ...usage, output_tokens: 1, output_tokens_details: undefined } }) }, 'message_start');
  yield event({ type: 'ping' }, 'ping');
  for (const [i, block] of content(call).entries()) yield* blockEvents(block, i, end);
  if (end === 'inerror') yield event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'error');
  if (end === 'cut') yield CUT;
  if (['inerror', 'cut', 'short'].includes(end)) return;
  yield event({ type: 'message_delta', delta: stops(call), usage: { input_tokens: usage.input_tokens, cache_creation_input_tokens: usage.cache_creation_input_tokens, cache_read_input_tokens: usage.cache_read_input_tokens, output_tokens: usage.output_tokens, output_tokens_details: usage.output_tokens_details } }, 'message_delta');
  yield event({ type: 'message_stop' }, 'message_stop');
}

const kinds = { 400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 413: 'request_too_large', 429: 'rate_limit_error', 500: 'api_error', 503: 'api_error', 504: 'timeout_error', 529: 'overloaded_error' };

function refuse(out, e) {
  const message = e.path ? `${dotted(e.path)}: ${e.kind === 'unknown' ? 'Extra inputs are not permitted' : e.message}` : e.message;
  out.json(e.status, { type: 'error', error: { type: kinds[e.status] ?? 'api_error', message, ...(e.details && { details: e.details }) }, request_id: 'req_mock' }, { 'request-id': 'req_mock', ...(e.retryAfter && { 'retry-after': String(e.retryAfter) }) });
}

export const claudes = ['claude-haiku-4-5', 'claude-sonnet-4-6', 'claude-opus-5'];
const modelOf = (id) => ({ type: 'model', id, display_name: id, created_at: '2026-02-04T00:00:00Z', max_input_tokens: 200000, max_tokens: 64000, capabilities: { image_input: { supported: true }, structured_outputs: { supported: true }, thinking: { supported: true } } });

/** The conversation that a thread holds, with what this turn adds. */
function join(b, threads, betas) {
  if (!b.thread) return b;
  if (!betas.includes('message-threads-2026-08-12')) bad(['thread'], 'extra inputs are not permitted', 'unknown');
  if (b.thread.type === 'create') return b;
  const held = threads.get(b.thread.previous_message_id);
  if (!held) throw new Refusal(404, 'thread', 'the thread was not found', { details: { error_code: 'thread_not_found' } });
  return { ...held, ...b, messages: [...held.messages, ...b.messages] };
}

export const startAnthropic = (options = {}) => {
  const key = options.key ?? 'sk-ant-mock-0123456789';
  const threads = new Map();
  const mock = {
    kind: 'anthropic', base: '', key, model: 'claude-sonnet-4-6', thinker: 'claude-sonnet-4-6', refuse, threads,
    config: (url) => ({ kind: 'anthropic', base_url: url, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      if (call.headers['x-api-key'] !== key && call.headers.authorization !== `Bearer ${key}`) throw new Refusal(401, 'key', 'invalid x-api-key');
      const version = call.headers['anthropic-version'];
      if (!versions.includes(version)) throw new Refusal(400, 'version', 'anthropic-version: header is required');
      const at = `${call.method} ${call.path}`;
      const betas = (call.headers['anthropic-beta'] ?? '').split(',').map((x) => x.trim());
      if (at === 'GET /v1/models') return out.json(200, { data: claudes.map(modelOf), has_more: false, first_id: claudes[0], last_id: claudes.at(-1) });
      if (at === 'POST /v1/messages/count_tokens') {
        countShape(call.body, []);
        check(call.body, version);
        call.seen = see(call.body);
        return out.json(200, { input_tokens: script(call.seen).usage.fresh });
      }
      if (at !== 'POST /v1/messages') throw new Refusal(404, 'path', 'Not Found');
      messagesShape(call.body, []);
      const b = join(call.body, threads, betas);
      check(b, version);
      call.seen = see(b);
      if (!/^claude-/.test(b.model)) throw new Refusal(404, 'model', `model: ${b.model}`);
      call.id = fresh('msg_');
      call.reply = script(call.seen, { idKind: 'toolu_' });
      refuseScripted(call.reply, call.reply.error === 400 ? { message: 'prompt is too long: 200001 tokens > 200000 maximum' } : {});
      call.usage = call.reply.usage;
      if (b.thread) threads.set(call.id, { tools: b.tools, system: b.system, messages: [...b.messages, { role: 'assistant', content: content(call) }] });
      const headers = { 'request-id': 'req_mock', 'anthropic-ratelimit-requests-remaining': '49' };
      if (b.stream) return out.stream('text/event-stream; charset=utf-8', frames(call), { slow: call.reply.slow, headers });
      return out.json(200, head(call, { content: content(call), ...stops(call), usage: usageOf(call.usage) }), headers);
    },
  };
  return serve(mock, options);
};

