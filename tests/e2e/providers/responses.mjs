// SPDX-License-Identifier: Apache-2.0
// OpenAI's Responses: items in, items and events out. Reasoning comes back encrypted when
// the client asks for it, and is checked when it is shown again.
import { any, arr, bad, bool, dataUrl, either, image, int, lit, map, matching, nullable, num, obj, open, range, str, tagged, text } from './strict.mjs';
import { fresh, pieces, script, sign } from './script.mjs';
import { CUT, Refusal, event, upTo } from './server.mjs';
import { checkStrictSchema, refuseScripted } from './openai.mjs';

const toolName = matching(/^[a-zA-Z0-9_-]{1,128}$/);
const id = text(1, 64);
const inputPart = tagged('type', {
  input_text: obj({ type: str, text: str }, ['text']),
  output_text: obj({ type: str, text: str, annotations: arr(any), logprobs: any }, ['text']),
  refusal: obj({ type: str, refusal: str }, ['refusal']),
  input_image: obj({ type: str, image_url: nullable(str), file_id: nullable(str), detail: lit('auto', 'low', 'high', 'original') }),
  input_file: obj({ type: str, file_id: nullable(str), file_data: str, filename: str, file_url: str }),
});
const message = obj({ type: lit('message'), id: str, role: lit('user', 'assistant', 'system', 'developer'), content: either({ string: str, array: arr(inputPart) }), status: str, phase: nullable(str) }, ['role', 'content']);
const item = (v, path) => {
  open(v, path);
  const type = v.type ?? 'message';
  const known = {
    message,
    function_call: obj({ type: str, id: str, call_id: id, name: toolName, arguments: str, status: str, parsed_arguments: any, namespace: any, caller: any }, ['call_id', 'name', 'arguments']),
    function_call_output: obj({ type: str, id: nullable(str), call_id: id, output: either({ string: str, array: arr(inputPart) }), status: nullable(str) }, ['call_id', 'output']),
    reasoning: obj({ type: str, id: str, summary: arr(obj({ type: lit('summary_text'), text: str }, ['text'])), content: nullable(arr(obj({ type: lit('reasoning_text'), text: str }))), encrypted_content: nullable(str), status: nullable(str) }, ['summary']),
    item_reference: obj({ type: str, id: str }, ['id']),
  };
  if (!known[type]) bad([...path, 'type'], `invalid value ${JSON.stringify(type)}`);
  known[type](v, path);
};

export const responsesShape = obj({
  input: either({ string: str, array: arr(item, 1) }), model: str, instructions: nullable(str), include: nullable(arr(str)), max_output_tokens: nullable(range(16, 1e6, int)), max_tool_calls: nullable(int), metadata: nullable(map(text(0, 512))),
  parallel_tool_calls: nullable(bool), previous_response_id: nullable(str), conversation: any, background: nullable(bool), prompt: any, prompt_cache_key: str, prompt_cache_retention: nullable(str), prompt_cache_options: any, context_management: any, moderation: any,
  reasoning: nullable(obj({ effort: nullable(lit('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')), summary: nullable(lit('auto', 'concise', 'detailed')), generate_summary: any })), safety_identifier: str, service_tier: nullable(str), store: nullable(bool), stream: nullable(bool), stream_options: nullable(open),
  temperature: nullable(range(0, 2)), top_p: nullable(range(0, 1)), top_logprobs: nullable(int), truncation: nullable(lit('auto', 'disabled')), user: str,
  client_metadata: map(str),
  text: obj({ format: tagged('type', { text: obj({ type: str }), json_object: obj({ type: str }), json_schema: obj({ type: str, name: toolName, description: str, schema: open, strict: nullable(bool) }, ['name', 'schema']) }), verbosity: nullable(lit('low', 'medium', 'high')) }),
  tool_choice: either({ string: lit('none', 'auto', 'required'), object: tagged('type', { function: obj({ type: str, name: str }, ['name']), allowed_tools: open, custom: open }) }),
  tools: arr(tagged('type', { function: obj({ type: str, name: toolName, description: nullable(str), parameters: nullable(open), strict: nullable(bool), defer_loading: any }, ['name', 'parameters']), custom: open, web_search: open, web_search_preview: open, local_shell: open, namespace: open })),
}, []);

const texts = (c) => (typeof c === 'string' ? [c] : c.filter((p) => ['input_text', 'output_text'].includes(p.type)).map((p) => p.text));
const none = { texts: [], images: [], files: [], calls: [], results: [], thoughts: [] };

function imagesOf(c, at) {
  if (typeof c === 'string') return [];
  return c.flatMap((p, i) => {
    if (p.type !== 'input_image') return [];
    if (/^https?:/.test(p.image_url)) return [{ url: p.image_url }];
    const d = dataUrl(p.image_url, [...at, i, 'image_url']);
    return [image(d.type, d.data, [...at, i, 'image_url'])];
  });
}

/** What is kept on the server: it may be named by its id. */
const stored = new Map();

function turnsOf(input) {
  if (typeof input === 'string') return { system: [], turns: [{ ...none, role: 'user', texts: [input] }] };
  input = input.map((i, n) => (i.type === 'item_reference' ? stored.get(i.id) ?? bad(['input', n], `item with id '${i.id}' not found`) : i));
  const system = [];
  const turns = [];
  const called = {};
  const answered = new Set(input.filter((i) => i.type === 'function_call_output').map((i) => i.call_id));
  input.forEach((i, n) => {
    const type = i.type ?? 'message';
    if (type === 'message' && ['system', 'developer'].includes(i.role)) system.push(...texts(i.content));
    else if (type === 'message') turns.push({ ...none, role: i.role, texts: texts(i.content), images: imagesOf(i.content, ['input', n, 'content']) });
    if (type === 'function_call') {
      called[i.call_id] = i.name;
      if (!answered.has(i.call_id)) bad(['input'], `no tool output found for function call ${i.call_id}`);
      turns.push({ ...none, role: 'assistant', calls: [{ id: i.call_id, name: i.name, args: JSON.parse(i.arguments || '{}') }] });
    }
    if (type === 'function_call_output') {
      if (!called[i.call_id]) bad(['input'], `no tool call found for function call output with call_id ${i.call_id}`);
      turns.push({ ...none, role: 'user', results: [{ id: i.call_id, name: called[i.call_id], text: texts(i.output).join('') }] });
    }
    if (type === 'reasoning') {
      const t = i.summary.map((s) => s.text).join('');
      if (i.encrypted_content != null && i.encrypted_content !== sign(t, 'responses')) bad(['input', n, 'encrypted_content'], 'the encrypted content could not be verified');
      if (i.encrypted_content == null && !stored.has(i.id)) bad(['input', n], `item ${i.id} of type 'reasoning' not found: items are not persisted when 'store' is false`);
      turns.push({ ...none, role: 'assistant', thoughts: [{ text: t, signature: i.encrypted_content }] });
    }
  });
  return { system, turns };
}

function see(b) {
  const { system, turns } = turnsOf(b.input);
  const format = b.text?.format;
  return {
    model: b.model, stream: b.stream === true, system: [b.instructions, ...system].filter(Boolean).join('\n'), turns,
    tools: (b.tools ?? []).filter((t) => t.type === 'function').map((t) => ({ name: t.name, description: t.description, schema: t.parameters })),
    choice: b.tool_choice?.name ? b.tool_choice : b.tool_choice, parallel: b.parallel_tool_calls,
    format: format?.type === 'json_schema' ? { schema: format.schema } : format?.type === 'json_object' ? {} : null,
    max: b.max_output_tokens, n: 1, stop: [], think: b.reasoning != null && b.reasoning.effort !== 'none', temperature: b.temperature,
  };
}

function check(b) {
  for (const k of ['input', 'model']) if (b[k] === undefined) bad([k], 'field required', 'missing');
  if (/^(o\d|gpt-5)/.test(b.model)) for (const k of ['temperature', 'top_p']) if (b[k] != null && b[k] !== 1) bad([k], `unsupported parameter: '${k}' is not supported with this model`, 'unsupported');
  if (!/^(o\d|gpt-5)/.test(b.model) && b.reasoning?.effort != null) bad(['reasoning', 'effort'], `unsupported parameter: 'reasoning.effort' is not supported with ${b.model}`, 'unsupported');
  if (b.text?.format?.strict) checkStrictSchema(b.text.format.schema, ['text', 'format', 'schema']);
  b.tools?.forEach((t, i) => {
    if (t.strict) checkStrictSchema(t.parameters, ['tools', i, 'parameters']);
  });
  if (b.previous_response_id || b.conversation) bad(['previous_response_id'], `previous response with id '${b.previous_response_id}' not found`);
}

const usageOf = (u) => {
  const input = u.fresh + u.read + u.write;
  const output = u.text + u.reasoning;
  return { input_tokens: input, input_tokens_details: { cached_tokens: u.read, cache_write_tokens: u.write }, output_tokens: output, output_tokens_details: { reasoning_tokens: u.reasoning }, total_tokens: input + output };
};

function response(call, more) {
  const b = call.body;
  return {
    id: call.id, object: 'response', created_at: 1790000000, status: 'in_progress', background: false, error: null, incomplete_details: null, instructions: b.instructions ?? null, max_output_tokens: b.max_output_tokens ?? null, max_tool_calls: null,
    model: b.model, output: [], parallel_tool_calls: b.parallel_tool_calls ?? true, previous_response_id: null, prompt_cache_key: null, reasoning: { effort: b.reasoning?.effort ?? null, summary: b.reasoning?.summary ?? null }, safety_identifier: null, service_tier: 'default',
    store: b.store ?? true, temperature: b.temperature ?? 1, text: { format: b.text?.format ?? { type: 'text' }, verbosity: 'medium' }, tool_choice: b.tool_choice ?? 'auto', tools: b.tools ?? [], top_logprobs: 0, top_p: 1, truncation: 'disabled', usage: null, user: null, metadata: b.metadata ?? {}, ...more,
  };
}

/** The finished items of the answer. */
function itemOf(call, p, n) {
  if (p.thought) {
    const text = call.body.reasoning?.summary != null ? p.thought : '';
    const encrypted = call.body.include?.includes('reasoning.encrypted_content');
    return { id: `rs_${call.id}${n}`, type: 'reasoning', summary: text ? [{ type: 'summary_text', text }] : [], ...(encrypted && { encrypted_content: sign(text, 'responses') }) };
  }
  if (p.text) return { id: `msg_${call.id}${n}`, type: 'message', status: ['length', 'filter'].includes(call.reply.end) ? 'incomplete' : 'completed', content: [{ type: 'output_text', annotations: [], logprobs: [], text: p.text }], role: 'assistant' };
  return { id: `fc_${call.id}${n}`, type: 'function_call', status: 'completed', arguments: JSON.stringify(p.call.args), call_id: p.call.id, name: p.call.name };
}

function items(call) {
  const all = call.reply.parts.map((p, n) => itemOf(call, p, n));
  if (call.body.store !== false) for (const i of all) stored.set(i.id, i);
  return all;
}

function ending(call) {
  const output = items(call);
  const usage = usageOf(call.usage);
  if (call.reply.end === 'length') return response(call, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output, usage });
  if (call.reply.end === 'filter') return response(call, { status: 'incomplete', incomplete_details: { reason: 'content_filter' }, output, usage });
  return response(call, { status: 'completed', completed_at: 1790000001, output, usage });
}

function* itemEvents(item, at, say, end) {
  if (item.type === 'reasoning') {
    yield say('response.output_item.added', { output_index: at, item: { ...item, summary: [], ...(item.encrypted_content && { encrypted_content: '' }) } });
    const where = { item_id: item.id, output_index: at, summary_index: 0 };
    for (const { text: t } of item.summary) {
      yield say('response.reasoning_summary_part.added', { ...where, part: { type: 'summary_text', text: '' } });
      for (const p of pieces(t)) yield say('response.reasoning_summary_text.delta', { ...where, delta: p, obfuscation: 'abc' });
      yield say('response.reasoning_summary_text.done', { ...where, text: t });
      yield say('response.reasoning_summary_part.done', { ...where, part: { type: 'summary_text', text: t } });
    }
  } else if (item.type === 'message') {
    yield say('response.output_item.added', { output_index: at, item: { ...item, status: 'in_progress', content: [] } });
    const where = { item_id: item.id, output_index: at, content_index: 0 };
    const [part] = item.content;
    yield say('response.content_part.added', { ...where, part: { ...part, text: '' } });
    for (const p of upTo(end, pieces(part.text))) yield say('response.output_text.delta', { ...where, delta: p, logprobs: [], obfuscation: 'abc' });
    if (['inerror', 'cut', 'short'].includes(end)) return;
    yield say('response.output_text.done', { ...where, text: part.text, logprobs: [] });
    yield say('response.content_part.done', { ...where, part });
  } else {
    yield say('response.output_item.added', { output_index: at, item: { ...item, status: 'in_progress', arguments: '' } });
    const where = { item_id: item.id, output_index: at };
    for (const p of pieces(item.arguments, 4)) yield say('response.function_call_arguments.delta', { ...where, delta: p, obfuscation: 'abc' });
    yield say('response.function_call_arguments.done', { ...where, arguments: item.arguments });
  }
  yield say('response.output_item.done', { output_index: at, item });
}

function* frames(call) {
  let number = 0;
  const say = (type, more) => event({ type, sequence_number: number++, ...more }, type);
  const { end } = call.reply;
  yield say('response.created', { response: response(call) });
  yield say('response.in_progress', { response: response(call) });
  for (const [at, item] of items(call).entries()) yield* itemEvents(item, at, say, end);
  if (end === 'inerror') {
    const error = { code: 'server_error', message: 'The server had an error while processing your request.' };
    yield say('error', { error: { type: 'server_error', ...error, param: null } });
    yield say('response.failed', { response: response(call, { status: 'failed', error }) });
    return;
  }
  if (end === 'cut') yield CUT;
  if (end === 'cut' || end === 'short') return;
  const last = ending(call);
  yield say(`response.${last.status}`, { response: last });
}

export async function answerResponses(call, out, how) {
  how.shape(call.body, []);
  check(call.body);
  call.seen = see(call.body);
  call.reply = script(call.seen);
  refuseScripted(call.reply);
  if (call.reply.end === 'sequence') call.reply.end = 'stop';
  call.id = fresh('resp_');
  call.usage = call.reply.usage;
  if (!/^(gpt-|o\d)/.test(call.seen.model)) throw new Refusal(404, 'model', `The model \`${call.seen.model}\` does not exist or you do not have access to it.`);
  if (!call.body.stream) return out.json(200, ending(call), { 'x-request-id': 'req_mock' });
  return out.stream('text/event-stream; charset=utf-8', frames(call), { slow: call.reply.slow });
}
