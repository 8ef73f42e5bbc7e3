// SPDX-License-Identifier: Apache-2.0
// AWS Bedrock: converse and converse-stream, with the signature checked.
import { arr, any, bad, base64, bool, dotted, image, int, lit, map, matching, num, obj, open, range, str, text, union } from './strict.mjs';
import { pieces, script, sign } from './script.mjs';
import { CUT, Refusal, serve, upTo } from './server.mjs';
import { checkSignature, frame } from './eventstream.mjs';
import { refuseScripted } from './openai.mjs';

const toolId = (v, p) => {
  matching(/^[a-zA-Z0-9_-]{1,64}$/)(v, p);
};
const toolName = matching(/^[a-zA-Z0-9_-]{1,64}$/);
const cachePoint = obj({ type: lit('default'), ttl: lit('5m', '1h') }, ['type']);
const picture = obj({ format: lit('png', 'jpeg', 'gif', 'webp'), source: union({ bytes: base64, s3Location: open }) }, ['format', 'source']);
const document = obj({ format: lit('pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md'), name: matching(/^[a-zA-Z0-9 ()[\]-]{1,200}$/), source: union({ bytes: base64, text: str, s3Location: open, content: any }), context: str, citations: any }, ['name', 'source']);
const filled = (v, p) => {
  str(v, p);
  if (!v.trim()) bad(p, 'the text field in the ContentBlock object is blank. Add text to the text field, and try again');
};
const block = union({
  text: filled, image: picture, document, video: open, guardContent: open, cachePoint, citationsContent: open, searchResult: open,
  toolUse: obj({ toolUseId: toolId, name: toolName, input: open, type: str }, ['toolUseId', 'name', 'input']),
  toolResult: obj({ toolUseId: toolId, content: arr(union({ json: open, text: str, image: picture, document, video: open, searchResult: open })), status: lit('success', 'error'), type: str }, ['toolUseId', 'content']),
  reasoningContent: union({ reasoningText: obj({ text: str, signature: str }, ['text']), redactedContent: base64 }),
});
const shape = obj({
  messages: arr(obj({ role: lit('user', 'assistant'), content: arr(block, 1) }, ['role', 'content']), 1), system: arr(union({ text: text(1, Infinity), guardContent: open, cachePoint })),
  inferenceConfig: obj({ maxTokens: range(1, 1e6, int), temperature: range(0, 1), topP: range(0, 1), stopSequences: arr(text(1, 200), 0, 2500) }),
  toolConfig: obj({ tools: arr(union({ toolSpec: obj({ name: toolName, description: text(1, Infinity), inputSchema: obj({ json: open }, ['json']), strict: bool }, ['name', 'inputSchema']), cachePoint, systemTool: open }), 1), toolChoice: union({ auto: obj({}), any: obj({}), tool: obj({ name: toolName }, ['name']) }) }, ['tools']),
  outputConfig: obj({ textFormat: obj({ type: lit('json_schema'), structure: union({ jsonSchema: obj({ schema: str, name: str, description: str }, ['schema']) }) }, ['type', 'structure']), effort: any }),
  guardrailConfig: open, additionalModelRequestFields: open, additionalModelResponseFieldPaths: arr(str), performanceConfig: open, promptVariables: open, requestMetadata: map(str), serviceTier: open,
}, ['messages']);

const has = (m, what) => m.content.filter((c) => c[what]);

/** Who thinks how: newer ones by effort, older ones by a budget. */
function checkThinking(b, model) {
  const t = b.additionalModelRequestFields?.thinking;
  if (t?.type === 'adaptive' && /(haiku|sonnet|opus)-4-[0-5]|3-7/.test(model)) bad(['additionalModelRequestFields', 'thinking', 'type'], 'adaptive thinking is not supported on this model');
  if (t?.type === 'enabled' && /opus-(4-[78]|5)|sonnet-5/.test(model)) bad(['additionalModelRequestFields', 'thinking', 'type'], '"enabled" is not supported for this model');
  if (/opus-(4-[78]|5)|sonnet-5/.test(model) && (b.inferenceConfig?.temperature !== undefined || b.inferenceConfig?.topP !== undefined)) bad(['inferenceConfig'], 'temperature and topP are not supported for this model');
}

function check(b) {
  let expected = 'user';
  let calls = [];
  b.messages.forEach((m, i) => {
    if (i === 0 && m.role !== 'user') bad(['messages', i], 'a conversation must start with a user message. Try again with a conversation that starts with a user message');
    if (m.role !== expected) bad(['messages', i], 'a conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again');
    expected = expected === 'user' ? 'assistant' : 'user';
    const results = has(m, 'toolResult').map((c) => c.toolResult.toolUseId);
    for (const id of calls) if (!results.includes(id)) bad(['messages', i, 'content'], `expected toolResult blocks at messages.${i}.content for the following Ids: ${id}`);
    for (const id of results) if (!calls.includes(id)) bad(['messages', i, 'content'], `the number of toolResult blocks exceeds the number of toolUse blocks of previous turn: ${id}`);
    calls = m.role === 'assistant' ? has(m, 'toolUse').map((c) => c.toolUse.toolUseId) : [];
    has(m, 'reasoningContent').forEach((c) => {
      const t = c.reasoningContent.reasoningText;
      if (t && t.signature !== undefined && t.signature !== sign(t.text, 'bedrock')) bad(['messages', i, 'content'], 'invalid `signature` in `thinking` block');
      if (t && t.signature === undefined) bad(['messages', i, 'content'], 'the model returned the following errors: thinking.signature: Field required');
    });
    const [head] = m.content;
    const tail = b.messages.slice(i + 1);
    if (m.role === 'assistant' && calls.length && !head.reasoningContent && b.additionalModelRequestFields?.thinking?.type === 'enabled' && tail.every((x) => x.role === 'user')) bad(['messages', i, 'content', 0, 'type'], 'expected `thinking` or `redacted_thinking`, but found `tool_use`');
  });
  if (calls.length) bad(['messages'], 'toolUse blocks must be followed by toolResult blocks');
  if (b.messages.some((m) => has(m, 'toolUse').length || has(m, 'toolResult').length) && !b.toolConfig) bad(['toolConfig'], 'the toolConfig field must be defined when using toolUse and toolResult content blocks', 'missing');
  const specs = (b.toolConfig?.tools ?? []).filter((t) => t.toolSpec).map((t) => t.toolSpec);
  for (const s of specs) if (s.inputSchema.json.type !== 'object') bad(['toolConfig', 'tools'], 'the value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object');
  const extra = b.additionalModelRequestFields ?? {};
  obj({ thinking: open, top_k: int, anthropic_beta: arr(str), output_config: open, reasoning_config: open, reasoning_effort: str, reasoningConfig: open, tool_choice: open, inferenceConfig: open })(extra, ['additionalModelRequestFields']);
  if (extra.thinking?.type === 'enabled') {
    if (!(extra.thinking.budget_tokens >= 1024)) bad(['additionalModelRequestFields', 'thinking', 'budget_tokens'], 'must be at least 1024');
    if (b.inferenceConfig?.maxTokens !== undefined && extra.thinking.budget_tokens >= b.inferenceConfig.maxTokens) bad(['inferenceConfig', 'maxTokens'], '`max_tokens` must be greater than `thinking.budget_tokens`');
    if (b.inferenceConfig?.temperature !== undefined && b.inferenceConfig.temperature !== 1) bad(['inferenceConfig', 'temperature'], '`temperature` may only be set to 1 when thinking is enabled');
    if (b.toolConfig?.toolChoice?.any || b.toolConfig?.toolChoice?.tool) bad(['toolConfig', 'toolChoice'], 'thinking may not be enabled when tool_choice forces tool use');
  }
  const format = b.outputConfig?.textFormat?.structure?.jsonSchema;
  if (format) {
    try {
      JSON.parse(format.schema);
    } catch {
      bad(['outputConfig', 'textFormat', 'structure', 'jsonSchema', 'schema'], 'not a JSON document in a string');
    }
  }
}

function see(b, model, stream) {
  const named = {};
  const turns = b.messages.map((m, i) => {
    for (const c of has(m, 'toolUse')) named[c.toolUse.toolUseId] = c.toolUse.name;
    return {
      role: m.role, texts: has(m, 'text').map((c) => c.text),
      images: [...has(m, 'image').map((c) => c.image), ...has(m, 'toolResult').flatMap((c) => c.toolResult.content.filter((x) => x.image).map((x) => x.image))].map((p) => image(`image/${p.format}`, p.source.bytes, ['messages', i, 'content'])),
      files: has(m, 'document'), calls: has(m, 'toolUse').map((c) => ({ id: c.toolUse.toolUseId, name: c.toolUse.name, args: c.toolUse.input })),
      results: has(m, 'toolResult').map(({ toolResult: r }) => ({ id: r.toolUseId, name: named[r.toolUseId], text: r.content.map((x) => x.text ?? (x.json ? JSON.stringify(x.json) : '')).join(''), failed: r.status === 'error' })),
      thoughts: has(m, 'reasoningContent').map((c) => c.reasoningContent.reasoningText),
    };
  });
  const choice = b.toolConfig?.toolChoice;
  const extra = b.additionalModelRequestFields ?? {};
  const format = b.outputConfig?.textFormat?.structure?.jsonSchema;
  return {
    model, stream, turns, system: (b.system ?? []).filter((s) => s.text).map((s) => s.text).join('\n'),
    tools: (b.toolConfig?.tools ?? []).filter((t) => t.toolSpec).map(({ toolSpec: s }) => ({ name: s.name, description: s.description, schema: s.inputSchema.json })),
    choice: choice?.tool ? { name: choice.tool.name } : choice?.any ? 'required' : 'auto', parallel: extra.tool_choice?.disable_parallel_tool_use !== true,
    format: format ? { schema: JSON.parse(format.schema) } : null, max: b.inferenceConfig?.maxTokens, n: 1, stop: b.inferenceConfig?.stopSequences ?? [], temperature: b.inferenceConfig?.temperature,
    think: ['enabled', 'adaptive'].includes(extra.thinking?.type) || extra.reasoning_effort !== undefined || extra.reasoningConfig?.type === 'enabled', marks: JSON.stringify(b).includes('"cachePoint"'),
  };
}

const reasons = { stop: 'end_turn', sequence: 'stop_sequence', length: 'max_tokens', filter: 'content_filtered', calls: 'tool_use' };
const usageOf = (u) => {
  const inputTokens = u.fresh;
  const outputTokens = u.text + u.reasoning;
  return { inputTokens, outputTokens, totalTokens: u.fresh + u.read + u.write + outputTokens, cacheReadInputTokens: u.read, cacheWriteInputTokens: u.write };
};

const whole = (call) => ({
  metrics: { latencyMs: 412 }, stopReason: reasons[call.reply.end] ?? 'end_turn', usage: usageOf(call.usage),
  output: { message: { role: 'assistant', content: call.reply.parts.map((p) => (p.thought ? { reasoningContent: { reasoningText: { text: p.thought, signature: p.signature } } } : p.text ? { text: p.text } : { toolUse: { toolUseId: p.call.id, name: p.call.name, input: p.call.args } })) } },
});

const say = (type, value) => frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, JSON.stringify({ ...value, p: 'abcdefghij'.slice(0, 1 + (type.length % 9)) }));
const exception = (type, message) => frame({ ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' }, JSON.stringify({ message }));

function* frames(call) {
  const { end } = call.reply;
  yield say('messageStart', { role: 'assistant' });
  for (const [contentBlockIndex, p] of call.reply.parts.entries()) {
    const delta = (d) => say('contentBlockDelta', { contentBlockIndex, delta: d });
    if (p.thought) {
      for (const t of pieces(p.thought)) yield delta({ reasoningContent: { text: t } });
      yield delta({ reasoningContent: { signature: p.signature } });
    } else if (p.text) {
      for (const t of upTo(end, pieces(p.text))) yield delta({ text: t });
      if (end === 'inerror') yield exception('modelStreamErrorException', 'The model stream broke.');
      if (end === 'cut') yield CUT;
      if (['inerror', 'cut', 'short'].includes(end)) return;
    } else {
      yield say('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: p.call.id, name: p.call.name } } });
      for (const t of pieces(JSON.stringify(p.call.args), 4)) yield delta({ toolUse: { input: t } });
    }
    yield say('contentBlockStop', { contentBlockIndex });
  }
  yield say('messageStop', { stopReason: reasons[end] ?? 'end_turn' });
  yield say('metadata', { usage: usageOf(call.usage), metrics: { latencyMs: 412 } });
}

const kinds = { 400: 'ValidationException', 403: 'AccessDeniedException', 404: 'ResourceNotFoundException', 408: 'ModelTimeoutException', 424: 'ModelErrorException', 429: 'ThrottlingException', 500: 'InternalServerException', 503: 'ServiceUnavailableException' };

function refuse(out, e) {
  const status = e.status === 401 ? 403 : e.status;
  out.json(status, { message: e.path ? `The value at ${dotted(e.path)} is wrong: ${e.message}` : e.message }, { 'x-amzn-errortype': `${e.code === 'signature' ? 'InvalidSignatureException' : kinds[status] ?? 'InternalServerException'}:http://internal.amazon.com/coral/com.amazon.bedrock/`, 'x-amzn-requestid': 'mock' });
}

export const startBedrock = (options = {}) => {
  const keys = { accessKey: 'AKIAMOCK0123456789AB', secretKey: 'mock/secret+0123456789abcdefghijklmnopqr', region: 'us-east-1', service: 'bedrock' };
  const sessionToken = 'mock-session-token-0123456789==';
  const mock = {
    kind: 'bedrock', base: '', key: keys.secretKey, model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', thinker: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', refuse,
    config: (url) => ({ kind: 'bedrock', base_url: url, region: keys.region, access_key: keys.accessKey, secret_key: keys.secretKey, session_token: sessionToken, allow_private: true }),
    async answer(call, out) {
      const wrong = checkSignature(call, keys) ?? (call.headers['x-amz-security-token'] === sessionToken ? null : 'the session token is wrong');
      if (wrong) throw new Refusal(403, 'signature', wrong);
      const m = /^\/model\/([^/]+)\/(converse|converse-stream)$/.exec(call.path);
      if (!m || call.method !== 'POST') throw new Refusal(404, 'path', 'UnknownOperationException');
      if (m[1].includes(':')) throw new Refusal(400, 'path', 'the model id must be percent-encoded');
      const model = decodeURIComponent(m[1]);
      if (!/^(us|eu|global)?\.?(anthropic|amazon|meta)\./.test(model)) throw new Refusal(400, 'model', 'The provided model identifier is invalid.');
      shape(call.body, []);
      check(call.body);
      checkThinking(call.body, model);
      call.seen = see(call.body, model, m[2] === 'converse-stream');
      call.reply = script(call.seen, { idKind: 'tooluse_', signKey: 'bedrock' });
      refuseScripted(call.reply);
      call.usage = call.reply.usage;
      const u = usageOf(call.usage);
      const headers = { 'x-amzn-requestid': 'mock', 'x-amzn-bedrock-input-token-count': String(u.inputTokens), 'x-amzn-bedrock-output-token-count': String(u.outputTokens) };
      if (call.seen.stream) return out.stream('application/vnd.amazon.eventstream', frames(call), { slow: call.reply.slow });
      return out.json(200, whole(call), headers);
    },
  };
  return serve(mock, options);
};
