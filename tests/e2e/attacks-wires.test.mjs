// SPDX-License-Identifier: Apache-2.0
// What a hostile provider of any wire does to a client of any dialect: every event of a
// stream left out, doubled, displaced, cut, of another type, with numbers that cannot be,
// or of another vendor. Nothing may crash, every answer has an end, and the books are right.
// ATTACK_ROUNDS: how many of each pair.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { dialects } from './dialects.mjs';
import { Gateway, nano, sleep, startUpstream } from './lib.mjs';
import { frame } from './providers/eventstream.mjs';

const rounds = Number(process.env.ATTACK_ROUNDS ?? 12);
const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const secrets = ['canary-key-of-a-vendor-51c0ffee', 'canary/secret+of+bedrock/0123456789abcde'];

// ---- Good streams, in each wire --------------------------------------------------------

const chunk = (delta, more = {}) => ({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: null, ...more }] });
const chatEvents = [
  chunk({ role: 'assistant', content: '' }), chunk({ reasoning_content: 'hm' }),
  chunk({ reasoning_details: [{ type: 'reasoning.text', text: 'a', signature: 'c2ln', format: 'anthropic-claude-v1', id: 'r1', index: 0 }] }), chunk({ content: 'The ' }), chunk({ content: 'gate' }),
  chunk({ tool_calls: [{ index: 0, id: 'k1', type: 'function', function: { name: 'weather', arguments: '' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Paris"}' } }] }),
  chunk({ tool_calls: [{ index: 1, id: 'k2', type: 'function', function: { name: 'time', arguments: '{}' } }] }),
  chunk({}, { finish_reason: 'tool_calls', logprobs: null }),
  { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 9, completion_tokens: 7, total_tokens: 16, prompt_tokens_details: { cached_tokens: 2 } } },
  '[DONE]',
];

const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'The gate', annotations: [], logprobs: [] }] };
const called = { id: 'fc_1', type: 'function_call', status: 'completed', arguments: '{"city":"Paris"}', call_id: 'k1', name: 'weather' };
const where = { item_id: 'msg_1', output_index: 0, content_index: 0 };
const responsesEvents = [
  { type: 'response.created', response: { id: 'resp_1', object: 'response', status: 'in_progress', model: 'm', output: [], usage: null } },
  { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [] } },
  { type: 'response.content_part.added', ...where, part: { type: 'output_text', text: '', annotations: [] } },
  { type: 'response.output_text.delta', ...where, delta: 'The ' },
  { type: 'response.output_text.delta', ...where, delta: 'gate' },
  { type: 'response.output_text.done', ...where, text: 'The gate' },
  { type: 'response.content_part.done', ...where, part: item.content[0] },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'response.output_item.added', output_index: 1, item: { ...called, arguments: '' } },
  { type: 'response.function_call_arguments.delta', item_id: 'fc_1', output_index: 1, delta: '{"city":"Paris"}' },
  { type: 'response.function_call_arguments.done', item_id: 'fc_1', output_index: 1, arguments: called.arguments },
  { type: 'response.output_item.done', output_index: 1, item: called },
  { type: 'response.completed', response: { id: 'resp_1', object: 'response', status: 'completed', model: 'm', output: [item, called], usage: { input_tokens: 9, input_tokens_details: { cached_tokens: 2 }, output_tokens: 7, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 16 } } },
];

const messagesEvents = [
  { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 7, cache_read_input_tokens: 2, output_tokens: 1 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'c2ln' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'The gate' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 'k1', name: 'weather', input: {} } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"city":"Paris"}' } },
  { type: 'content_block_stop', index: 2 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 7 } },
  { type: 'message_stop' },
];

const candidate = (parts, more = {}) => ({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }], usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 7, thoughtsTokenCount: 1, cachedContentTokenCount: 2, totalTokenCount: 17 }, modelVersion: 'm', responseId: 'r1' });
const geminiEvents = [
  candidate([{ text: 'hm', thought: true }]), candidate([{ text: 'The ' }]), candidate([{ text: 'gate', thoughtSignature: 'c2ln' }]),
  candidate([{ functionCall: { name: 'weather', args: { city: 'Paris' } }, thoughtSignature: 'c2ln' }]),
  candidate([{ inlineData: { mimeType: 'image/png', data: 'iVBORw0K' } }]), candidate([{ text: '' }], { finishReason: 'STOP' }),
];

const bedrockEvents = [
  ['messageStart', { role: 'assistant' }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'hm' } } }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'c2ln' } } }],
  ['contentBlockStop', { contentBlockIndex: 0 }],
  ['contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'The gate' } }],
  ['contentBlockStop', { contentBlockIndex: 1 }],
  ['contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 'k1', name: 'weather' } } }],
  ['contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"city":"Paris"}' } } }],
  ['contentBlockStop', { contentBlockIndex: 2 }],
  ['messageStop', { stopReason: 'tool_use' }],
  ['metadata', { usage: { inputTokens: 7, outputTokens: 7, totalTokens: 16, cacheReadInputTokens: 2 }, metrics: { latencyMs: 4 } }],
].map(([name, value]) => ({ ...value, ':name': name }));

const cohereEvents = [
  { type: 'message-start', id: 'c1', delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } } },
  { type: 'tool-plan-delta', delta: { message: { tool_plan: 'I will.' } } },
  { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
  { type: 'content-delta', index: 0, delta: { message: { content: { text: 'The gate' } } } },
  { type: 'citation-start', index: 0, delta: { message: { citations: { start: 0, end: 3, text: 'The', sources: [{ type: 'document', id: 'd', document: { title: 't' } }] } } } },
  { type: 'citation-end', index: 0 },
  { type: 'content-end', index: 0 },
  { type: 'tool-call-start', index: 1, delta: { message: { tool_calls: { id: 'k1', type: 'function', function: { name: 'weather', arguments: '' } } } } },
  { type: 'tool-call-delta', index: 1, delta: { message: { tool_calls: { function: { arguments: '{"city":"Paris"}' } } } } },
  { type: 'tool-call-end', index: 1 },
  { type: 'message-end', delta: { finish_reason: 'TOOL_CALL', usage: { billed_units: { input_tokens: 9, output_tokens: 7 }, tokens: { input_tokens: 9, output_tokens: 7 } } } },
  '[DONE]',
];

const text = (e) => (typeof e === 'string' ? e : JSON.stringify(e));
const bySse = (named) => (e) => `${named && e?.type ? `event: ${e.type}\n` : ''}data: ${text(e)}\n\n`;
const byFrames = (e) => {
  const { ':name': name, ...value } = typeof e === 'object' && e !== null ? e : { ':name': 'contentBlockDelta' };
  const kind = /Exception$/.test(name) ? 'exception' : 'event';
  return frame({ [`:${kind}-type`]: String(name), ':content-type': 'application/json', ':message-type': kind }, typeof e === 'string' ? e : JSON.stringify(value));
};

const wires = {
  chat: { events: chatEvents, put: bySse(false), error: { error: { message: 'broken', code: 500 } } },
  responses: { events: responsesEvents, put: bySse(true), error: { type: 'response.failed', response: { id: 'resp_1', status: 'failed', error: { code: 'server_error', message: 'x' } } } },
  messages: { events: messagesEvents, put: bySse(true), error: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } },
  gemini: { events: geminiEvents, put: bySse(false), error: { error: { code: 503, message: 'x', status: 'UNAVAILABLE' } } },
  bedrock: { events: bedrockEvents, put: byFrames, error: { ':name': 'modelStreamErrorException', message: 'x' } },
  cohere: { events: cohereEvents, put: bySse(true), error: { type: 'message-end', delta: { error: 'x', finish_reason: 'ERROR' } } },
};
const type = (name) => (name === 'bedrock' ? 'application/vnd.amazon.eventstream' : 'text/event-stream');
const names = Object.keys(wires);

// ---- Chance, the same in every run -----------------------------------------------------

let seed = Number(process.env.ATTACK_SEED ?? 1);
function chance(n) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 4294967296) * n);
}
const one = (list) => list[chance(list.length)];
const evil = '","x":"y"}]}\n\nevent: evil\ndata: {"evil":1}\n\n';

const odd = () => one([-1, 0, 1, 0.5, 1e9, 4294967295, 4294967296, 9007199254740993, 1.7e308, 300, 65536, null, true, false, '', 'x', 'x'.repeat(3000), evil, evil, '\u{1F6AA}"\\\n', [], {}, [[]], { a: 1 }, [1, 2], 'STOP', 'tool_use']);

/** Every place in a value: [holder, key]. */
function places(value, list = []) {
  if (value === null || typeof value !== 'object') return list;
  for (const k of Object.keys(value)) {
    list.push([value, k]);
    places(value[k], list);
  }
  return list;
}

const copy = (v) => JSON.parse(JSON.stringify(v));

function spoil(e) {
  if (typeof e === 'string') return odd();
  const v = copy(e);
  if (places(v).length === 0) return odd();
  const [holder, key] = one(places(v));
  const how = chance(4);
  if (how === 0) delete holder[key];
  else if (how === 1 && Array.isArray(holder[key])) holder[key] = Array.from({ length: one([2, 9, 200]) }, () => copy(holder[key][0] ?? {}));
  else if (how === 2 && typeof holder[key] === 'number') holder[key] += one([1, 2, 7, 100, -1]);
  else holder[key] = odd();
  return v;
}

/** A stream that is wrong in one to four ways. */
function hostile(name) {
  let list = [...wires[name].events];
  for (let n = 1 + chance(4); n > 0; n--) {
    const at = chance(list.length);
    const how = chance(10);
    if (how === 0) list.splice(at, 1);
    else if (how === 1) list.splice(at, 0, ...Array.from({ length: one([1, 2, 300]) }, () => list[at]));
    else if (how === 2) list.push(...list.splice(at, 1));
    else if (how === 3) list.splice(at, 0, wires[name].error);
    else if (how === 4) list.splice(at, 0, one(wires[one(names)].events));
    else if (how === 5) list = list.slice(0, at);
    else if (how === 6) list.splice(at, 0, list[chance(list.length)]);
    else list[at] = spoil(list[at] ?? {});
    if (list.length === 0) break;
  }
  const other = chance(12) === 0 ? one(names) : name; // another wire's framing
  let bytes = Buffer.concat(list.map((e) => Buffer.from(wires[other].put(e))));
  const how = chance(10);
  if (how === 0) bytes = bytes.subarray(0, chance(bytes.length + 1));
  if (how === 1 && bytes.length) bytes[chance(bytes.length)] ^= 1 << chance(8);
  return { bytes, list, type: type(other) };
}

// ---- The world -------------------------------------------------------------------------

let upstream, gateway, wallet;
const agent = new http.Agent({ keepAlive: true });
const plan = {}; // what each provider answers next

async function answer(req, res) {
  const name = req.url.split('/')[1];
  const a = plan[name];
  if (a === undefined) return res.writeHead(503).end('{}');
  res.writeHead(a.status ?? 200, { 'content-type': a.type, ...a.headers });
  for (const piece of a.pieces ?? [a.bytes]) {
    if (res.destroyed) return;
    res.write(piece);
    if (a.pause) await sleep(a.pause);
  }
  if (a.cut) setTimeout(() => res.destroy(), 5);
  else res.end();
}

before(async () => {
  upstream = await startUpstream();
  upstream.handle = answer;
  const more = { allow_private: true, first_byte_timeout: '5s', idle_timeout: '5s' };
  const keyed = { ...more, api_keys: [secrets[0]] };
  const at = (name) => `${upstream.url}/${name}`;
  const target = (provider, model) => ({ targets: [{ provider, model }], price });
  const real = { chat: 'm', responses: 'gpt-5-pro', messages: 'claude-sonnet-4-6', gemini: 'gemini-2.5-flash', bedrock: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', cohere: 'command-a-03-2025' };
  gateway = new Gateway({
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0, connections_per_address: 0, call_timeout: '30s' },
    providers: {
      chat: { kind: 'compatible', base_url: at('chat/v1'), ...keyed },
      responses: { kind: 'openai', base_url: at('responses/v1'), ...keyed },
      messages: { kind: 'anthropic', base_url: at('messages'), ...keyed },
      gemini: { kind: 'gemini', base_url: at('gemini'), ...keyed },
      bedrock: { kind: 'bedrock', base_url: at('bedrock'), region: 'us-east-1', access_key: 'AKIACANARY0123456789', secret_key: secrets[1], ...more },
      cohere: { kind: 'cohere', base_url: at('cohere'), ...keyed },
    },
    models: {
      ...Object.fromEntries(names.map((n) => [n, target(n, real[n])])),
      chain: { targets: names.map((n) => ({ provider: n, model: real[n] })), price },
    },
  });
  await gateway.start();
  wallet = gateway.wallet('w', '100000');
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
  agent.destroy();
});

const said = [];

/** What was said to the client is JSON, every event of it. */
function wellFormed(what, r) {
  if (/^text\/event-stream/.test(r.headers['content-type'])) {
    for (const line of r.body.split('\n')) {
      assert.match(line, /^(data: .*|event: [a-z_.]+|: .*|)\r?$/, what);
      if (line.startsWith('data: ') && line.trim() !== 'data: [DONE]') assert.doesNotThrow(() => JSON.parse(line.slice(6)), `${what}: ${line.slice(0, 300)}`);
    }
  } else assert.doesNotThrow(() => JSON.parse(r.body), `${what}: ${r.body.slice(0, 300)}`);
}

/** Asks; leaves after so many bytes. */
function ask(d, model, { stream = true, array = false, leave, extra = {} } = {}) {
  return new Promise((done, failed) => {
    const body = JSON.stringify({ ...d.body({ model, text: 'x', stream }), ...extra });
    let path = d.path(model, stream);
    if (array) path = path.replace('?alt=sse', '');
    const req = http.request(gateway.url + path, { method: 'POST', agent: leave === undefined ? agent : false, headers: { ...d.headers(wallet.key), 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (res) => {
      const pieces = [];
      let seen = 0;
      const end = (left) => done({ status: res.statusCode, headers: res.headers, body: Buffer.concat(pieces).toString(), left, complete: res.complete });
      res.on('data', (p) => {
        pieces.push(p);
        seen += p.length;
        if (leave !== undefined && seen >= leave) {
          req.destroy();
          end(true);
        }
      });
      res.on('end', () => end(false));
      res.on('error', () => end(true));
    });
    req.on('error', (e) => (leave === undefined ? failed(e) : done({ status: 0, left: true, headers: {}, body: '' })));
    if (leave === 0) req.on('finish', () => setTimeout(() => req.destroy(), chance(20)));
    req.end(body);
  });
}

function judge(what, r, short) {
  assert.equal(gateway.child.exitCode, null, `it is dead after ${what}\n${gateway.log.slice(-6000)}`);
  if (r.left) return;
  assert.ok([200, 400, 429, 500, 502, 503].includes(r.status), `${what}: ${r.status} ${r.body.slice(0, 300)}`);
  assert.notEqual(r.status, 500, `${what}: ${r.body.slice(0, 300)}`);
  assert.ok(r.complete, `${what}: the answer is not framed to its end: ${r.body.slice(-200)}`);
  if (!short) wellFormed(what, r);
  for (const s of secrets) assert.ok(!r.body.includes(s) && !JSON.stringify(r.headers).includes(s), what);
  said.push({ what, id: r.headers['x-request-id'], status: r.status, hold: r.headers['x-octroi-hold'] });
}

/** Of every call since the last time: nothing for nothing, and never more than was held
 * unless the vendor's own count says so. */
let read; // of the statement
async function settle() {
  await gateway.settled(wallet);
  const rows = new Map();
  const all = [];
  for (let page; page === undefined || page.next !== null; ) {
    page = gateway.run('wallet', 'statement', wallet.id, ...(read ? ['--after', String(read)] : []));
    all.push(...page.items);
    if (page.next !== null) read = page.next;
  }
  for (const row of all) {
    if (!row.request_id || row.kind === 'topup') continue;
    assert.ok(!rows.has(row.request_id), `charged twice: ${row.request_id}`);
    rows.set(row.request_id, row);
  }
  for (const s of said.splice(0)) {
    const row = rows.get(s.id);
    const amount = row ? nano(row.amount) : 0n;
    if (s.status !== 200) assert.equal(amount, 0n, `${s.what}: charged for ${s.status}`);
    if (row?.estimated && s.hold) assert.ok(amount <= nano(s.hold), `${s.what}: ${row.amount} of ${s.hold}`);
  }
}

for (const name of names)
  for (const d of dialects)
    test(`${name} is hostile to ${d.name}`, async () => {
      for (let i = 0; i < rounds; i++) {
        const from = seed;
        const stream = chance(6) > 0;
        const bad = hostile(name);
        plan[name] = stream ? bad : { ...bad, type: 'application/json', bytes: Buffer.from(text(one(bad.list) ?? {})) };
        if (chance(5) === 0) plan[name].cut = true;
        if (chance(4) === 0) plan[name].pieces = [plan[name].bytes.subarray(0, 40), plan[name].bytes.subarray(40)];
        const leave = chance(5) === 0 ? chance(3) * chance(400) : undefined;
        judge(`${d.name} to ${name}, seed ${from}: ${plan[name].bytes.toString('latin1').slice(0, 1500)}`, await ask(d, name, { stream, array: d.name === 'gemini' && chance(3) === 0, leave }), name === d.name || (name === 'chat' && d.name === 'completions'));
      }
      delete plan[name];
      await settle();
    });

test('no vendor writes events or members of its own into an answer', async () => {
  const smuggled = {
    gemini: [[candidate([{ inlineData: { mimeType: `image/png${evil}`, data: 'AAAA' } }])], [candidate([{ inlineData: { mimeType: 'image/png', data: evil } }])]],
    responses: [[responsesEvents[0], { type: 'response.output_item.done', output_index: 0, item: { id: 'ig_1', type: 'image_generation_call', status: 'completed', result: evil } }]],
    chat: [
      [chunk({ reasoning_details: [{ type: 'reasoning.text', text: 'a', signature: 'c2ln', format: evil, id: evil, index: 0 }] })],
      [chunk({ audio: { transcript: 'x', data: evil, expires_at: 1 } })],
      [chunk({ tool_calls: [{ index: 0, id: evil, type: 'function', function: { name: evil, arguments: '{}' }, extra_content: { google: { thought_signature: 'c2ln' } } }] })],
    ],
    bedrock: [[...bedrockEvents.slice(0, 6), { ...bedrockEvents[6], start: { toolUse: { toolUseId: evil, name: evil } } }]],
  };
  for (const [name, streams] of Object.entries(smuggled))
    for (const list of streams)
      for (const d of dialects) {
        if (d.name === name || (name === 'chat' && d.name === 'completions')) continue;
        const events = [...list, ...wires[name].events.slice(name === 'chat' ? 7 : -1)];
        plan[name] = { type: type(name), bytes: Buffer.concat(events.map((e) => Buffer.from(wires[name].put(e)))) };
        const what = `${d.name} to ${name}: ${plan[name].bytes.toString('latin1').slice(0, 500)}`;
        const r = await ask(d, name, { extra: d.name === 'messages' ? { thinking: { type: 'enabled', budget_tokens: 1024 } } : {} });
        judge(what, r);
        assert.doesNotMatch(r.body, /^event: evil|^data: \{"evil"/m, what);
        delete plan[name];
      }
  await settle();
});

const streamOf = (name, list) => ({ type: type(name), bytes: Buffer.concat(list.map((e) => Buffer.from(wires[name].put(e)))) });

test('events with megabytes in them arrive whole', async () => {
  const picture = 'iVBORw0K'.repeat(400000); // 3.2 MB, as Gemini draws them
  const long = 'word '.repeat(500000);
  const big = {
    gemini: [[candidate([{ inlineData: { mimeType: 'image/png', data: picture } }]), ...geminiEvents.slice(-1)], picture],
    responses: [[...responsesEvents.slice(0, -1), { ...responsesEvents.at(-1), response: { ...responsesEvents.at(-1).response, instructions: long } }], long],
    chat: [[chunk({ content: long }), ...chatEvents.slice(-3)], long],
  };
  for (const [name, [list, what]] of Object.entries(big))
    for (const d of dialects)
      for (const array of d.name === 'gemini' ? [false, true] : [false]) {
        if (name === 'responses' && d.name === 'completions') continue; // OpenAI has these itself
        plan[name] = streamOf(name, list);
        const r = await ask(d, name, { array });
        judge(`${d.name} to ${name}, megabytes`, r, name === d.name && !array);
        assert.equal(r.status, 200);
        assert.doesNotMatch(r.body.slice(-2000), /upstream_error|"error":\{/, `${d.name} to ${name}`);
        const shown = { gemini: ['chat', 'gemini', 'responses'], responses: ['responses'], chat: ['chat', 'completions', 'messages', 'gemini', 'responses'] }[name].includes(d.name);
        assert.equal(r.body.includes(what), shown, `${d.name} to ${name}: ${r.body.length} bytes`);
        if (name === 'responses' && d.name === 'responses') assert.match(r.body, /"cost":"/);
      }
  for (const n of names) delete plan[n];
  await settle();
});

test('very many parts: all of them, or an error, and never a quiet loss', async () => {
  const count = 6000;
  const many = {
    messages: [messagesEvents[0], ...Array.from({ length: count }, (_, i) => [
      { type: 'content_block_start', index: i, content_block: { type: 'tool_use', id: `toolu_0123456789_${i}`, name: 'weather', input: {} } },
      { type: 'content_block_stop', index: i },
    ]).flat(), ...messagesEvents.slice(-2)],
    bedrock: [bedrockEvents[0], ...Array.from({ length: count }, (_, i) => [
      { ':name': 'contentBlockStart', contentBlockIndex: i, start: { toolUse: { toolUseId: `toolu_0123456789_${i}`, name: 'weather' } } },
      { ':name': 'contentBlockStop', contentBlockIndex: i },
    ]).flat(), ...bedrockEvents.slice(-2)],
    chat: [chunk({ role: 'assistant', content: '' }), ...Array.from({ length: count }, (_, i) => chunk({ tool_calls: [{ index: i, id: `toolu_0123456789_${i}`, type: 'function', function: { name: 'weather', arguments: '{}' } }] })), ...chatEvents.slice(-3)],
  };
  for (const [name, list] of Object.entries(many)) {
    plan[name] = streamOf(name, list);
    for (const d of dialects) {
      if (d.name === name || d.name === 'completions') continue;
      const r = await ask(d, name);
      judge(`${d.name} to ${name}, many parts`, r);
      if (r.status !== 200 || /event: response.failed|upstream_error/.test(r.body)) continue;
      if (d.name === 'gemini') assert.equal(r.body.match(/"functionCall"/g).length, count, `${d.name} to ${name}`);
      else for (let i = 0; i < count; i += 97) assert.ok(r.body.includes(`"toolu_0123456789_${i}"`), `${d.name} to ${name}: call ${i} is missing`);
    }
    delete plan[name];
  }
  await settle();
});

test('a stream without end takes no more and more memory', async () => {
  const loops = {
    chat: [[chunk({ content: 'x' })], [{ choices: [], usage: chatEvents[8].usage }], [chunk({ reasoning_content: 'a' }), chunk({ content: 'b' })]],
    messages: [[{ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x' } }, { type: 'content_block_stop', index: 0 }], [{ type: 'ping' }]],
    bedrock: [[bedrockEvents[1], bedrockEvents[2], bedrockEvents[3], bedrockEvents[4], bedrockEvents[5]]],
    gemini: [[candidate([{ text: 'x' }])]],
    cohere: [[cohereEvents[3]]],
  };
  for (const [name, kinds] of Object.entries(loops))
    for (const again of kinds)
      for (const d of dialects) {
        if (d.name === 'responses') continue; // its last event repeats the whole answer
        const piece = Buffer.concat(Array.from({ length: 100 }, () => again).flat().map((e) => Buffer.from(wires[name].put(e))));
        plan[name] = { type: type(name), pieces: [Buffer.concat(wires[name].events.slice(0, 1).map((e) => Buffer.from(wires[name].put(e)))), ...Array.from({ length: 200 }, () => piece)] };
        const before = gateway.usage().rssKb;
        judge(`${d.name} to ${name} without end`, await ask(d, name), true);
        const more = gateway.usage().rssKb - before;
        if (process.env.ATTACK_SHOW) console.log(`# ${d.name} to ${name}: ${more} kB`);
        assert.ok(more < 96 << 10, `${d.name} to ${name}: ${more} kB more`);
        delete plan[name];
      }
  await settle();
});

test('a chain of wires, each of which breaks before its content', async () => {
  const good = (n) => ({ type: type(n), bytes: Buffer.concat(wires[n].events.map((e) => Buffer.from(wires[n].put(e)))) });
  for (const d of dialects)
    for (let i = 0; i < rounds; i++) {
      const last = chance(names.length + 1);
      names.forEach((n, at) => {
        if (at === last) plan[n] = good(n);
        else if (chance(3) === 0) plan[n] = { status: one([429, 500, 503, 529]), type: 'application/json', bytes: Buffer.from('{}') };
        else plan[n] = { type: type(n), bytes: Buffer.concat([wires[n].events[0], wires[n].error].slice(0, 1 + chance(2)).map((e) => Buffer.from(wires[n].put(e)))), cut: chance(2) === 0 };
      });
      const r = await ask(d, 'chain', { stream: chance(4) > 0, leave: chance(6) === 0 ? chance(2) * chance(400) : undefined });
      judge(`${d.name} to a chain that ends at ${last}`, r, names[last] === d.name);
    }
  for (const n of names) delete plan[n];
  await settle();
});

test('errors that name our keys do not pass, in any words', async () => {
  for (const name of names)
    for (const d of dialects)
      for (const status of [400, 401, 422, 429, 500])
        for (const message of [`Incorrect key ${secrets[name === 'bedrock' ? 1 : 0].slice(0, 20)}***`, `x${'é'.repeat(3000)}`, `xx${'\u{1F6AA}'.repeat(3000)}`]) {
          const error = { message, code: message, type: message, param: message, status: message, details: [{ reason: message }] };
          plan[name] = { status, type: 'application/json', headers: { 'x-amzn-errortype': 'x', 'x-request-id': secrets[0] }, bytes: Buffer.from(JSON.stringify({ type: 'error', error, message, detail: message })) };
          const r = await ask(d, name, { stream: chance(2) > 0 });
          judge(`${d.name} to ${name}: ${status}`, { ...r, status: r.status === status ? 400 : r.status });
          for (const s of secrets) assert.ok(!r.body.includes(s.slice(0, 14)), `${d.name} to ${name} ${status}: ${r.body}`);
          JSON.parse(r.body);
        }
  for (const n of names) delete plan[n];
  await settle();
});

test('bodies as large and odd as they may be are written anew, or refused, at once and in little memory', async () => {
  const fields = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`x-${i}-"\r\nset-cookie: a=b`, i]));
  const nested = (n) => JSON.parse(`${'{"type":"object","properties":{"a":'.repeat(n)}{}${'}}'.repeat(n)}`);
  const pair = { role: 'user', content: 'x' };
  const bodies = {
    '9,000 strange fields': fields,
    'a name of a megabyte': { ['y'.repeat(1 << 20)]: 1, seed: 1 },
    '9,000 messages': { messages: Array.from({ length: 4500 }, () => [pair, { role: 'assistant', content: 'y' }]).flat() },
    '3,000 tools': { tools: Array.from({ length: 3000 }, (_, i) => ({ type: 'function', function: { name: `f${i}`, parameters: { type: 'object', properties: {} } } })) },
    'a deep schema': { tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: nested(13) } }] },
    '1,500 calls and their results': { messages: [pair, ...Array.from({ length: 1500 }, (_, i) => [{ role: 'assistant', content: null, tool_calls: [{ id: `c${i}`, type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] }, { role: 'tool', tool_call_id: `c${i}`, content: 'r' }]).flat()] },
    'a picture of 7 MB': { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'AAAA'.repeat(1750000)}` } }] }] },
  };
  const before = gateway.usage().rssKb;
  for (const [what, extra] of Object.entries(bodies))
    for (const name of names) {
      plan[name] = streamOf(name, wires[name].events);
      const began = Date.now();
      const r = await ask(dialects[0], name, { extra });
      judge(`${what} to ${name}`, r, true);
      if (process.env.ATTACK_SHOW) console.log(`# ${what} to ${name}: ${r.status} ${Date.now() - began} ms ${r.headers['x-octroi-dropped']?.slice(0, 60)}`);
      assert.equal(r.headers['set-cookie'], undefined);
      if (/field|name/.test(what) && r.status === 200 && !['chat', 'responses'].includes(name)) assert.ok(r.headers['x-octroi-dropped']?.length > 3, `${what} to ${name}: nothing was told`);
    }
  assert.ok(gateway.usage().rssKb - before < 512 << 10);
  for (const n of names) delete plan[n];
  await settle();
});

test('a kill in the midst of translated streams leaves no hold, and nothing is charged twice', async () => {
  for (let i = 0; i < 3; i++) {
    for (const n of names) plan[n] = { type: type(n), pieces: wires[n].events.map((e) => Buffer.from(wires[n].put(e))), pause: 40 };
    const all = dialects.flatMap((d) => names.map((n) => ask(d, n).catch(() => null)));
    await sleep(150 + 100 * i);
    await gateway.stop('SIGKILL');
    await Promise.all(all);
    await gateway.start();
    await settle();
  }
  for (const n of names) delete plan[n];
});

test('the books are right, and no key was told to anybody', async () => {
  await gateway.settled(wallet);
  for (const s of secrets) assert.ok(!gateway.logs.includes(s), 'a secret is in the log');
});
