// SPDX-License-Identifier: Apache-2.0
// Cohere v2: chat with its typed events, embed, models. What it bills is not what it counts.
import { arr, any, bad, bool, dataUrl, dotted, either, image, int, lit, nullable, num, obj, open, range, str, tagged, text } from './strict.mjs';
import { fresh, pieces, script } from './script.mjs';
import { CUT, Refusal, event, keyed, serve, upTo } from './server.mjs';
import { refuseScripted } from './openai.mjs';

const textPart = obj({ type: str, text: str }, ['text']);
const userContent = either({ string: str, array: arr(tagged('type', { text: textPart, image_url: obj({ type: str, image_url: obj({ url: str, detail: lit('auto', 'low', 'high') }, ['url']) }, ['image_url']) }), 1) });
const toolCall = obj({ id: text(1, 200), type: lit('function'), function: obj({ name: str, arguments: str }, ['name', 'arguments']) }, ['id', 'type', 'function']);
const message = tagged('role', {
  system: obj({ role: str, content: either({ string: str, array: arr(tagged('type', { text: textPart })) }) }, ['content']),
  user: obj({ role: str, content: userContent }, ['content']),
  assistant: obj({ role: str, content: either({ string: str, array: arr(tagged('type', { text: textPart, thinking: obj({ type: str, thinking: str }, ['thinking']) })) }), tool_calls: arr(toolCall, 1), tool_plan: str, citations: any }),
  tool: obj({ role: str, tool_call_id: str, content: either({ string: str, array: arr(tagged('type', { text: textPart, document: open })) }) }, ['tool_call_id', 'content']),
});
const shape = obj({
  model: str, messages: arr(message, 1), stream: bool, tools: arr(obj({ type: lit('function'), function: obj({ name: str, description: str, parameters: open }, ['name', 'parameters']) }, ['type', 'function'])), documents: any, citation_options: open, safety_mode: str,
  response_format: tagged('type', { text: obj({ type: str }), json_object: obj({ type: str, json_schema: open, schema: open }) }), max_tokens: range(0, 1e6, int), stop_sequences: arr(str, 0, 5), temperature: range(0, 2), seed: int, frequency_penalty: range(0, 1), presence_penalty: range(0, 1),
  k: range(0, 500, num), p: range(0.01, 0.99), logprobs: bool, tool_choice: lit('REQUIRED', 'NONE'), strict_tools: bool, thinking: obj({ type: lit('enabled', 'disabled'), token_budget: nullable(int) }, ['type']), priority: int, raw_prompting: bool,
}, ['model', 'messages']);

const texts = (c) => (c === undefined ? [] : typeof c === 'string' ? [c] : c.filter((p) => p.type === 'text').map((p) => p.text));

function check(b) {
  let waiting = [];
  b.messages.forEach((m, i) => {
    if (m.role === 'tool') {
      if (!waiting.includes(m.tool_call_id)) bad(['messages', i, 'tool_call_id'], `tool call id not found in previous tool calls: ${m.tool_call_id}`);
      waiting = waiting.filter((x) => x !== m.tool_call_id);
      return;
    }
    if (waiting.length) bad(['messages', i], `missing tool results for ${waiting}`);
    if (m.role === 'assistant' && !m.content?.length && !m.tool_calls && !m.tool_plan) bad(['messages', i], 'must have content or tool_calls');
    waiting = (m.tool_calls ?? []).map((c) => c.id);
  });
  if (b.tool_choice && !b.tools) bad(['tool_choice'], 'tool_choice requires tools');
  if (b.response_format?.type === 'json_object' && b.tools) bad(['response_format'], 'response_format is not supported with tools');
}

function see(b) {
  const named = {};
  for (const m of b.messages) for (const c of m.tool_calls ?? []) named[c.id] = c.function.name;
  const format = b.response_format?.type === 'json_object' ? { schema: b.response_format.json_schema ?? b.response_format.schema } : null;
  return {
    model: b.model, stream: b.stream === true, system: b.messages.filter((m) => m.role === 'system').flatMap((m) => texts(m.content)).join('\n'),
    turns: b.messages.filter((m) => m.role !== 'system').map((m, i) => ({
      role: m.role === 'tool' ? 'user' : m.role, texts: m.role === 'tool' ? [] : texts(m.content), files: [], thoughts: [],
      images: (Array.isArray(m.content) ? m.content : []).filter((p) => p.type === 'image_url').map((p) => {
        if (/^https?:/.test(p.image_url.url)) return { url: p.image_url.url };
        const d = dataUrl(p.image_url.url, ['messages', i]);
        return image(d.type, d.data, ['messages', i]);
      }),
      calls: (m.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })),
      results: m.role === 'tool' ? [{ id: m.tool_call_id, name: named[m.tool_call_id], text: typeof m.content === 'string' ? m.content : m.content.map((p) => p.text ?? JSON.stringify(p.document.data ?? p.document)).join('') }] : [],
    })),
    tools: (b.tools ?? []).map((t) => ({ name: t.function.name, description: t.function.description, schema: t.function.parameters })), choice: { REQUIRED: 'required', NONE: 'none' }[b.tool_choice] ?? 'auto',
    format, max: b.max_tokens, n: 1, stop: b.stop_sequences ?? [], temperature: b.temperature, think: b.thinking?.type === 'enabled',
  };
}

const reasons = { stop: 'COMPLETE', sequence: 'STOP_SEQUENCE', length: 'MAX_TOKENS', filter: 'ERROR', calls: 'TOOL_CALL' };
/** The template's own tokens are counted, and not billed. */
const usageOf = (u) => ({ billed_units: { input_tokens: u.fresh, output_tokens: u.text + u.reasoning }, tokens: { input_tokens: u.fresh + 489, output_tokens: u.text + u.reasoning + 3 }, cached_tokens: 0 });
const wire = (c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.args) } });

function whole(call) {
  const calls = call.reply.parts.filter((p) => p.call).map((p) => wire(p.call));
  const content = call.reply.parts.filter((p) => !p.call).map((p) => (p.thought ? { type: 'thinking', thinking: p.thought } : { type: 'text', text: p.text }));
  return { id: call.id, message: { role: 'assistant', ...(content.length && { content }), ...(calls.length && { tool_plan: 'I will ask the tool.', tool_calls: calls }) }, finish_reason: reasons[call.reply.end] ?? 'COMPLETE', usage: usageOf(call.usage) };
}

function* frames(call) {
  const { end } = call.reply;
  const say = (type, more) => event({ type, ...more }, type);
  const delta = (message) => ({ delta: { message } });
  yield say('message-start', { id: call.id, ...delta({ role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }) });
  let index = 0;
  if (end === 'calls') for (const p of pieces('I will ask the tool.')) yield say('tool-plan-delta', delta({ tool_plan: p }));
  for (const p of call.reply.parts) {
    if (p.call) {
      const c = wire(p.call);
      yield say('tool-call-start', { index, ...delta({ tool_calls: { ...c, function: { ...c.function, arguments: '' } } }) });
      for (const t of pieces(c.function.arguments, 4)) yield say('tool-call-delta', { index, ...delta({ tool_calls: { function: { arguments: t } } }) });
      yield say('tool-call-end', { index });
    } else {
      const kind = p.thought ? 'thinking' : 'text';
      yield say('content-start', { index, ...delta({ content: { type: kind, [kind]: '' } }) });
      for (const t of upTo(end, pieces(p[p.thought ? 'thought' : 'text']))) yield say('content-delta', { index, ...delta({ content: { [kind]: t } }) });
      if (end === 'cut') yield CUT;
      if (end === 'inerror') yield say('message-end', { delta: { error: 'internal server error', finish_reason: 'ERROR' } });
      if (['inerror', 'cut', 'short'].includes(end)) return;
      yield say('content-end', { index });
    }
    index++;
  }
  yield say('message-end', { delta: { finish_reason: reasons[end] ?? 'COMPLETE', usage: usageOf(call.usage) } });
  yield 'data: [DONE]\n\n';
}

const embedShape = obj({ model: str, texts: arr(str, 1, 96), images: any, inputs: any, input_type: lit('search_document', 'search_query', 'classification', 'clustering', 'image'), embedding_types: arr(lit('float', 'int8', 'uint8', 'binary', 'ubinary', 'base64')), output_dimension: int, max_tokens: int, truncate: lit('NONE', 'START', 'END') }, ['model', 'input_type']);

export const startCohere = (options = {}) => {
  const key = options.key ?? 'cohere-mock-0123456789';
  return serve({
    kind: 'cohere', base: '', key, model: 'command-a-03-2025', thinker: 'command-a-reasoning-08-2025', eyes: 'command-a-vision-07-2025',
    refuse: (out, e) => out.json(e.kind === 'unknown' ? 422 : e.status, { id: 'mock-error', message: e.path ? `invalid request: ${dotted(e.path)}: ${e.message}` : e.message }, e.retryAfter ? { 'retry-after': String(e.retryAfter) } : {}),
    config: (url) => ({ kind: 'cohere', base_url: url, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      keyed(call, 'authorization', key, 'Bearer ');
      const at = `${call.method} ${call.path}`;
      if (at === 'GET /v1/models') return out.json(200, { models: [{ name: 'command-a-03-2025', endpoints: ['chat'], finetuned: false, context_length: 256000, features: ['tools', 'json_schema'] }] });
      if (at === 'POST /v2/embed') {
        embedShape(call.body, []);
        const many = call.body.texts;
        call.usage = { fresh: many.reduce((n, t) => n + 1 + Math.floor(t.length / 4), 0), read: 0, write: 0, text: 0, reasoning: 0 };
        return out.json(200, { id: 'mock', embeddings: { float: many.map((_, i) => [0.5, 0.25, i]) }, texts: many, meta: { api_version: { version: '2' }, billed_units: { input_tokens: call.usage.fresh } }, response_type: 'embeddings_by_type' });
      }
      if (at !== 'POST /v2/chat') throw new Refusal(404, 'path', 'not found');
      shape(call.body, []);
      check(call.body);
      call.seen = see(call.body);
      if (!/^command/.test(call.seen.model)) throw new Refusal(404, 'model', `model '${call.seen.model}' not found, make sure the correct model ID was used and that you have access to the model.`);
      call.reply = script(call.seen, { idKind: 'w_' });
      refuseScripted(call.reply);
      Object.assign(call.reply.usage, { fresh: call.reply.usage.fresh + call.reply.usage.read + call.reply.usage.write, read: 0, write: 0 });
      call.id = fresh('c0ffee00-');
      call.usage = call.reply.usage;
      if (call.seen.stream) return out.stream('text/event-stream', frames(call), { slow: call.reply.slow });
      return out.json(200, whole(call));
    },
  }, options);
};
