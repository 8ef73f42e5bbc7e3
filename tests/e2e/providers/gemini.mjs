// SPDX-License-Identifier: Apache-2.0
// Gemini (AI Studio): generateContent, streamGenerateContent with and without alt=sse,
// countTokens, models. Field names in camelCase or snake_case, as protobuf's JSON allows.
import { arr, any, bad, bool, image, int, lit, map, num, obj, open, range, str, text } from './strict.mjs';
import { fresh, pieces, script, sign } from './script.mjs';
import { CUT, Refusal, keyed, serve, upTo } from './server.mjs';
import { refuseScripted } from './openai.mjs';

const camel = (k) => k.replace(/_([a-z])/g, (_, c) => c.toUpperCase());

/** What the caller wrote is left alone: schemas and arguments. */
const opaque = new Set(['args', 'response', 'parametersJsonSchema', 'responseJsonSchema', 'responseSchema', 'parameters', 'partialArgs']);
function camelized(v, name) {
  if (Array.isArray(v)) return v.map((x) => camelized(x));
  if (typeof v !== 'object' || v === null || opaque.has(name)) return v;
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [camel(k), camelized(x, camel(k))]));
}

// ---- Shapes ----------------------------------------------------------------------------

/** The subset of OpenAPI that `parameters` and `responseSchema` know. */
const schemaFields = {
  type: any, format: str, title: str, description: str, nullable: bool, enum: arr(str), items: (v, p) => schema(v, p), maxItems: any, minItems: any, properties: (v, p) => map(schema)(v, p), required: arr(str), propertyOrdering: arr(str),
  anyOf: (v, p) => arr(schema)(v, p), default: any, minimum: num, maximum: num, minLength: any, maxLength: any, pattern: str, example: any, minProperties: any, maxProperties: any,
};
const formats = { STRING: ['enum', 'date-time'], NUMBER: ['float', 'double'], INTEGER: ['int32', 'int64'] };
function schema(v, path) {
  obj(schemaFields)(v, path);
  if (v.type === undefined) return;
  lit('STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL')(typeof v.type === 'string' ? v.type.toUpperCase() : v.type, [...path, 'type']);
  const type = v.type.toUpperCase();
  if (v.format && !formats[type]?.includes(v.format)) bad([...path, 'format'], `only ${formats[type] ?? 'no'} formats are supported for ${type} type`);
  if (type === 'ARRAY' && !v.items) bad([...path, 'items'], 'missing field', 'missing');
  if (v.enum && type !== 'STRING') bad([...path, 'enum'], 'only allowed for STRING type');
  for (const r of v.required ?? []) if (!v.properties?.[r]) bad([...path, 'required'], `property is not defined: ${r}`);
}

const part = obj({
  text: str, thought: bool, thoughtSignature: str, inlineData: obj({ mimeType: str, data: str, displayName: str }, ['mimeType', 'data']), fileData: obj({ mimeType: str, fileUri: str, displayName: str }, ['fileUri']),
  functionCall: obj({ id: str, name: text(1, 64), args: open, partialArgs: any, willContinue: bool }, ['name']), functionResponse: obj({ id: str, name: text(1, 64), response: open, parts: any, willContinue: bool, scheduling: str }, ['name', 'response']),
  executableCode: open, codeExecutionResult: open, videoMetadata: open, mediaResolution: any,
});
const content = obj({ role: lit('user', 'model', 'function'), parts: arr(part) });
const declaration = obj({ name: (v, p) => { if (!/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/.test(v)) bad(p, 'invalid function name'); }, description: str, parameters: schema, parametersJsonSchema: open, response: schema, responseJsonSchema: any, behavior: str }, ['name']);
const shape = obj({
  contents: arr(content, 1), systemInstruction: obj({ role: str, parts: arr(part) }),
  tools: arr(obj({ functionDeclarations: arr(declaration), googleSearch: open, codeExecution: open, urlContext: open, googleSearchRetrieval: open })),
  toolConfig: obj({ functionCallingConfig: obj({ mode: lit('MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'), allowedFunctionNames: arr(str), streamFunctionCallArguments: bool }), retrievalConfig: any, includeServerSideToolInvocations: any }),
  safetySettings: arr(obj({ category: str, threshold: str, method: str })), cachedContent: str, serviceTier: str, store: bool,
  generationConfig: obj({
    temperature: range(0, 2), topP: range(0, 1), topK: num, candidateCount: range(1, 8, int), maxOutputTokens: range(1, 1e6, int), stopSequences: arr(str, 0, 5), seed: int, presencePenalty: range(-2, 2), frequencyPenalty: range(-2, 2), responseLogprobs: bool, logprobs: range(0, 20, int),
    responseMimeType: lit('text/plain', 'application/json', 'text/x.enum'), responseSchema: schema, responseJsonSchema: open, responseFormat: any, responseModalities: arr(str), speechConfig: any, mediaResolution: str, imageConfig: any, enableEnhancedCivicAnswers: bool,
    thinkingConfig: obj({ includeThoughts: bool, thinkingBudget: range(-1, 32768, int), thinkingLevel: lit('THINKING_LEVEL_UNSPECIFIED', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH', 'minimal', 'low', 'medium', 'high') }),
  }),
}, ['contents']);

const has = (c, what) => (c.parts ?? []).filter((p) => p[what]);

/** Neighbours of one role are one turn: a stream's pieces come back one by one. */
function merged(contents) {
  const out = [];
  for (const c of contents) {
    const last = out.at(-1);
    if (last && (last.role ?? 'user') === (c.role ?? 'user') && c.role === 'model') last.parts = [...last.parts, ...(c.parts ?? [])];
    else out.push({ ...c });
  }
  return out;
}

function checkTurns(b, model) {
  let calls = 0;
  const lastText = b.contents.findLastIndex((c) => c.role !== 'model' && has(c, 'text').length);
  b.contents.forEach((c, i) => {
    const path = ['contents', i];
    if (!c.parts?.length) bad([...path, 'parts'], 'must include at least one parts field');
    c.parts.forEach((p, k) => {
      const data = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult'].filter((x) => p[x] !== undefined);
      if (data.length !== 1) bad([...path, 'parts', k, 'data'], "required oneof field 'data' must have one initialized field");
      if (p.thoughtSignature && p.thought === undefined && p.functionCall && p.thoughtSignature !== skip && p.thoughtSignature !== sign(p.functionCall.name, 'gemini')) bad([...path, 'parts', k], 'thought signature is not valid');
    });
    if (calls && has(c, 'functionResponse').length !== calls) bad(path, 'please ensure that the number of function response parts is equal to the number of function call parts of the function call turn');
    if (!calls && has(c, 'functionResponse').length) bad(path, 'please ensure that function response turn comes immediately after a function call turn');
    calls = has(c, 'functionCall').length;
    if (calls && c.role !== 'model') bad(path, 'function call parts must be in a turn of the role model');
    if (calls && i > 0 && b.contents[i - 1].role === 'model') bad(path, 'please ensure that function call turn comes immediately after a user turn or after a function response turn');
    if (calls && /gemini-3/.test(model) && i > lastText && !has(c, 'functionCall')[0].thoughtSignature) bad(path, `function call \`${has(c, 'functionCall')[0].functionCall.name}\` is missing a thought_signature in functionCall parts. This is required for tools to work correctly`);
  });
  if (calls) bad(['contents'], 'a function call turn must be answered by function responses');
}

/** What Google's own documents give for calls that another model made. */
const skip = 'skip_thought_signature_validator';

function check(b, model) {
  checkTurns(b, model);
  const g = b.generationConfig ?? {};
  const json = g.responseMimeType === 'application/json';
  if ((g.responseSchema || g.responseJsonSchema) && !json && g.responseMimeType !== 'text/x.enum') bad(['generation_config', 'response_schema'], 'is only allowed with response_mime_type application/json');
  if (g.responseSchema && g.responseJsonSchema) bad(['generation_config'], 'only one of response_schema and response_json_schema may be set');
  const declared = (b.tools ?? []).flatMap((t) => t.functionDeclarations ?? []);
  for (const d of declared) if (d.parameters && d.parametersJsonSchema) bad(['tools'], 'only one of parameters and parameters_json_schema may be set');
  if (json && declared.length && !/gemini-3/.test(model)) bad(['generation_config'], "function calling with a response mime type: 'application/json' is unsupported");
  const f = b.toolConfig?.functionCallingConfig;
  if (f?.allowedFunctionNames?.length && !['ANY', 'VALIDATED'].includes(f.mode)) bad(['tool_config'], 'function calling mode must be ANY when allowed_function_names is set');
  for (const n of f?.allowedFunctionNames ?? []) if (!declared.some((d) => d.name === n)) bad(['tool_config'], `allowed function ${n} is not declared`);
  if (f?.mode === 'ANY' && !declared.length) bad(['tool_config'], 'function calling config is set without function_declarations');
  const t = g.thinkingConfig;
  if (t?.thinkingLevel !== undefined && !/gemini-3/.test(model)) bad(['generation_config', 'thinking_config'], 'thinking level is not supported for this model');
  if (t?.thinkingLevel !== undefined && t.thinkingBudget !== undefined) bad(['generation_config', 'thinking_config'], 'thinking_level and thinking_budget cannot both be set');
  if (g.logprobs !== undefined && !g.responseLogprobs) bad(['generation_config', 'logprobs'], 'response_logprobs must be true');
}

// ---- What it says ----------------------------------------------------------------------

const written = (r) => (typeof r.output === 'string' ? r.output : typeof r.result === 'string' ? r.result : typeof r.error === 'string' ? r.error : JSON.stringify(r.output ?? r.result ?? r));

function see(b, model, stream) {
  const turns = b.contents.map((c, i) => ({
    role: c.role === 'model' ? 'assistant' : 'user', texts: has(c, 'text').filter((p) => !p.thought).map((p) => p.text),
    images: c.parts.flatMap((p, k) => (p.inlineData && /^image/.test(p.inlineData.mimeType) ? [image(p.inlineData.mimeType, p.inlineData.data, ['contents', i, 'parts', k, 'inlineData'])] : p.fileData && /^image/.test(p.fileData.mimeType ?? 'image') ? [{ url: p.fileData.fileUri }] : [])),
    files: has(c, 'fileData'), calls: has(c, 'functionCall').map((p) => p.functionCall), results: has(c, 'functionResponse').map((p) => ({ id: p.functionResponse.id, name: p.functionResponse.name, text: written(p.functionResponse.response), failed: p.functionResponse.response.error !== undefined })),
    thoughts: c.parts.filter((p) => p.thoughtSignature).map((p) => ({ text: p.text ?? '', signature: p.thoughtSignature })),
  }));
  const g = b.generationConfig ?? {};
  const f = b.toolConfig?.functionCallingConfig;
  const t = g.thinkingConfig;
  return {
    model, stream, turns, system: (b.systemInstruction?.parts ?? []).map((p) => p.text).join('\n'),
    tools: (b.tools ?? []).flatMap((x) => x.functionDeclarations ?? []).map((d) => ({ name: d.name, description: d.description, schema: d.parametersJsonSchema ?? d.parameters })),
    choice: f?.allowedFunctionNames?.length === 1 ? { name: f.allowedFunctionNames[0] } : { ANY: 'required', NONE: 'none' }[f?.mode] ?? 'auto',
    format: g.responseMimeType === 'application/json' ? { schema: g.responseJsonSchema ?? g.responseSchema } : null, max: g.maxOutputTokens, n: g.candidateCount ?? 1, stop: g.stopSequences ?? [], temperature: g.temperature,
    think: t?.includeThoughts === true, budget: t?.thinkingBudget, level: t?.thinkingLevel,
  };
}

const finish = { stop: 'STOP', sequence: 'STOP', calls: 'STOP', length: 'MAX_TOKENS', filter: 'SAFETY' };

const usageOf = (u) => ({
  promptTokenCount: u.fresh + u.read + u.write, ...(u.read && { cachedContentTokenCount: u.read }), candidatesTokenCount: u.text, ...(u.reasoning && { thoughtsTokenCount: u.reasoning }), totalTokenCount: u.fresh + u.read + u.write + u.text + u.reasoning,
  promptTokensDetails: [{ modality: 'TEXT', tokenCount: u.fresh + u.read + u.write }],
});

const callPart = (p, first, model) => ({ functionCall: { name: p.call.name, args: p.call.args }, ...(first && /gemini-3/.test(model) && { thoughtSignature: sign(p.call.name, 'gemini') }) });

function parts(call) {
  let first = true;
  return call.reply.parts.map((p) => {
    if (p.thought) return { text: p.thought, thought: true };
    if (p.text) return { text: p.text, ...(call.usage.reasoning && { thoughtSignature: sign(p.text, 'gemini') }) };
    const out = callPart(p, first, call.seen.model);
    first = false;
    return out;
  });
}

const whole = (call) => ({
  candidates: Array.from({ length: call.seen.n }, (_, index) => ({ content: { parts: parts(call), role: 'model' }, finishReason: finish[call.reply.end] ?? 'STOP', index })),
  usageMetadata: usageOf(call.usage), modelVersion: call.seen.model, responseId: call.id,
});

/** Counts of the prompt wander while it streams: only the last ones are right. */
function* chunks(call) {
  const { end } = call.reply;
  const u = call.usage;
  const tail = { modelVersion: call.seen.model, responseId: call.id };
  const early = { promptTokenCount: u.fresh + u.read + u.write + 2, totalTokenCount: u.fresh + u.read + u.write + 3, candidatesTokenCount: 1 };
  const one = (list) => ({ candidates: Array.from({ length: call.seen.n }, (_, index) => ({ content: { parts: list, role: 'model' }, index })), usageMetadata: early, ...tail });
  let first = true;
  for (const p of call.reply.parts) {
    if (p.thought) for (const t of pieces(p.thought)) yield one([{ text: t, thought: true }]);
    if (p.text) for (const t of upTo(end, pieces(p.text))) yield one([{ text: t }]);
    if (p.call) yield one([callPart(p, first, call.seen.model)]);
    if (p.call) first = false;
  }
  if (['inerror', 'cut', 'short'].includes(end)) return;
  const last = { text: '', ...(u.reasoning && !call.reply.parts.some((p) => p.call) && { thoughtSignature: sign('', 'gemini') }) };
  yield { candidates: Array.from({ length: call.seen.n }, (_, index) => ({ content: { parts: [last], role: 'model' }, finishReason: finish[end] ?? 'STOP', index })), usageMetadata: usageOf(u), ...tail };
}

const inStream = { error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' } };

function* frames(call) {
  for (const c of chunks(call)) yield `data: ${JSON.stringify(c)}\r\n\r\n`;
  if (call.reply.end === 'inerror') yield `data: ${JSON.stringify(inStream)}\r\n\r\n`;
  if (call.reply.end === 'cut') yield CUT;
}

const statuses = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED' };
const snake = (k) => (typeof k === 'string' ? k.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) : k);
const fieldOf = (path) => path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i ? `.${snake(p)}` : snake(p))).join('');

function refuse(out, e) {
  const path = e.path && fieldOf(e.path);
  const message = !path ? e.message : e.kind === 'unknown' ? `Invalid JSON payload received. Unknown name "${snake(e.path.at(-1))}" at '${fieldOf(e.path.slice(0, -1))}': Cannot find field.` : `* GenerateContentRequest.${path}: ${e.message}`;
  const details = e.code === 'key' ? [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' }]
    : e.status === 429 ? [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }] : path ? [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: path, description: message }] }] : undefined;
  out.json(e.status, { error: { code: e.status, message, status: statuses[e.status] ?? 'INTERNAL', ...(details && { details }) } });
}

export const geminis = ['gemini-2.5-flash', 'gemini-3-pro-preview'];
const modelOf = (id) => ({ name: `models/${id}`, version: '001', displayName: id, inputTokenLimit: 1048576, outputTokenLimit: 65536, supportedGenerationMethods: ['generateContent', 'countTokens'], thinking: true, temperature: 1, topP: 0.95, topK: 64 });

export const startGemini = (options = {}) => {
  const key = options.key ?? 'AIzaMock0123456789-gemini';
  const mock = {
    kind: 'gemini', base: '', key, model: 'gemini-2.5-flash', thinker: 'gemini-3-pro-preview', refuse,
    config: (url) => ({ kind: 'gemini', base_url: url, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      // A wrong key is a bad request here.
      if (call.headers['x-goog-api-key'] !== key) throw new Refusal(400, 'key', 'API key not valid. Please pass a valid API key.');
      if (call.query.has('key')) throw new Refusal(400, 'key', 'keys belong in the header');
      if (call.method === 'GET' && /^\/v1(beta)?\/models$/.test(call.path)) return out.json(200, { models: geminis.map(modelOf) });
      const m = /^\/v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent|countTokens)$/.exec(decodeURIComponent(call.path));
      if (!m || call.method !== 'POST') throw new Refusal(404, 'path', 'Not Found');
      if (!/^gemini-/.test(m[1])) throw new Refusal(404, 'model', `models/${m[1]} is not found for API version v1beta, or is not supported for ${m[2]}.`);
      const b = camelized(call.body);
      shape(b, []);
      b.contents = merged(b.contents);
      check(b, m[1]);
      call.seen = see(b, m[1], m[2] === 'streamGenerateContent');
      call.reply = script(call.seen, { signKey: 'gemini' });
      if (m[2] === 'countTokens') return out.json(200, { totalTokens: call.reply.usage.fresh });
      refuseScripted(call.reply);
      call.id = fresh('');
      call.usage = call.reply.usage;
      if (m[2] === 'generateContent') return out.json(200, whole(call));
      if (call.query.get('alt') === 'sse') return out.stream('text/event-stream', frames(call), { slow: call.reply.slow });
      return out.json(200, [...chunks(call)]);
    },
  };
  return serve(mock, options);
};
