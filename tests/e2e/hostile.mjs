// SPDX-License-Identifier: Apache-2.0
// What the tests of attacks share: a gateway with canary secrets in every place, two of its
// callers, an upstream, and one that nobody may ever reach. All that anybody is told is
// kept, so that the last test can search it for secrets.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { dataFiles, Gateway, json, recorded, request, sleep, startUpstream, wire } from './lib.mjs';

export const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
export const messages = [{ role: 'user', content: 'Say this is a test' }];
export const body = JSON.stringify({ model: 'm', messages });
export const whole = recorded('en-chat-basic.response.json');
export const providerKey = 'sk-canary-provider-5f2c9a71d3';
export const dataKey = 'canary-data-credential-88e1b0';
export const adminToken = 'canary-admin-token-73ad5510c2';
export const unlimited = { requests_per_minute: 0, tokens_per_minute: 0, auth_failures_per_minute: 0, concurrent: 0, connections_per_address: 0 };

export let upstream, nowhere, gateway, ours, theirs;
let atFirst; // what the process used
const gateways = []; // every one there was
const secrets = {}; // by what they are
const said = []; // what clients were told

export const answerWell = (req, res) => json(res, 200, whole);

// ---- Gateways --------------------------------------------------------------------------

export const provider = (base_url, more = {}) => ({ kind: 'compatible', base_url, allow_private: true, api_keys: [providerKey], first_byte_timeout: '1s', idle_timeout: '1s', ...more });
export const model = (name) => ({ targets: [{ provider: name, model: 'real' }], price });

async function start(g, options) {
  gateways.push(g);
  secrets[`the master key of ${g.dir}`] = fs.readFileSync(path.join(g.dir, 'var/master.key'));
  return g.start(options);
}

function make(config) {
  return new Gateway({
    ...config,
    server: { admin_token: adminToken, ...config.server },
    providers: { up: provider(`${upstream.url}/v1`), ...config.providers },
    models: { m: model('up'), ...config.models },
    limits: { ...unlimited, ...config.limits },
  });
}

/** Another gateway, for one test; `files`: its limit of open files. */
export async function another(t, config = {}, options = {}) {
  const g = make(config);
  t.after(() => g.close());
  return start(g, options);
}

export async function openWorld(config = () => ({})) {
  upstream = await startUpstream();
  upstream.handle = answerWell;
  nowhere = await startUpstream();
  nowhere.handle = (req, res) => json(res, 200, {});
  gateway = make({
    data_apis: {
      d: {
        base_url: upstream.url,
        allow_private: true,
        auth: { header: 'X-Credential', value: dataKey },
        endpoints: [
          { method: 'GET', path: '/get/{x}', price: '0.001', pass_headers: ['x-tenant'] },
          { method: 'ANY', path: '/any/{rest*}', price: '0.001' },
        ],
        first_byte_timeout: '2s',
        idle_timeout: '2s',
      },
    },
    ...config(),
  });
  await start(gateway);
  ours = gateway.wallet('ours', '50');
  theirs = gateway.wallet('theirs', '50');
  Object.assign(secrets, { 'the provider key': providerKey, 'the data credential': dataKey, 'the admin token': adminToken });
  // The id in front of a key's secret may be told.
  for (const w of [ours, theirs]) secrets[`the key of ${w.name}`] = w.key.slice('sk-oct-'.length + w.keyId.length + 1);
  await chat({ model: 'm', messages });
  atFirst = gateway.usage();
}

export async function closeWorld() {
  await gateway?.close();
  await upstream?.close();
  await nowhere?.close();
}

// ---- Asking ----------------------------------------------------------------------------

export async function send(url, options = {}) {
  const r = await request(url, options);
  said.push(JSON.stringify(r.rawHeaders), r.body.toString());
  return r;
}

/** Bytes as they are; see wire(). */
export async function raw(bytes, options = {}) {
  const r = await wire(options.port ?? gateway.port, bytes, options);
  said.push(r.text);
  return r;
}

export const bearer = (key) => ({ authorization: `Bearer ${key}` });

export const chat = (content, headers = {}, where = gateway) =>
  send(`${where.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...bearer(ours.key), 'content-type': 'application/json', ...headers },
    body: typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  });

export const data = (rest, options = {}) => send(`${gateway.url}/v1/data/d${rest}`, { ...options, headers: { ...bearer(ours.key), ...options.headers } });

export const admin = (rest, options = {}, where = gateway) =>
  send(`http://127.0.0.1:${where.adminPort}${rest}`, { ...options, headers: { ...bearer(adminToken), ...options.headers } });

/** A head as a strict client writes it. */
export const head = (first, ...lines) => `${first}\r\nHost: octroi.test\r\nAuthorization: Bearer ${ours.key}\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
export const post = (...lines) => head('POST /v1/chat/completions HTTP/1.1', 'Content-Type: application/json', ...lines);
/** A request that tells at once that it was handled. */
export const second = () => head('GET /v1/wallet HTTP/1.1');
export const chunked = (text) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

// ---- Claims ----------------------------------------------------------------------------

/** Answered with one of these statuses; then the connection is closed; no upstream call.
 * (libmicrohttpd 0.9.75 writes the head of its own refusals twice.) */
export async function refused(bytes, statuses, what) {
  const before = upstream.calls.length;
  const r = await raw(bytes);
  assert.equal(new Set(r.statuses).size, 1, `${what}: ${r.text.slice(0, 300)}`);
  assert.ok([statuses].flat().includes(r.statuses[0]), `${what}: ${r.text.slice(0, 300)}`);
  assert.ok(r.closed, `${what}: the connection stayed open`);
  assert.ok(!r.text.includes('"balance"'), `${what}: what came behind it was handled`);
  assert.equal(upstream.calls.length, before, `${what}: the upstream was called`);
  return r;
}

/** The body is refused as input; gives the error. */
export async function badBody(text, what) {
  const before = upstream.calls.length;
  const r = await chat(text);
  assert.equal(r.status, 400, `${what}: ${r.status} ${r.body.toString().slice(0, 300)}`);
  const { error } = JSON.parse(r.body);
  assert.match(error.code, /^invalid_(json|request)$/, what);
  assert.equal(upstream.calls.length, before, `${what}: the upstream was called`);
  return error;
}

/** The work costs nothing, and leaves nothing on hold. */
export async function free(work) {
  const { balance } = gateway.balance(ours);
  await work();
  await gateway.settled(ours, balance);
}

// ---- The other side --------------------------------------------------------------------

export const chunk = (content, finish = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

export const answerWith = (usage, content = 'four words of text') => ({
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage,
});

/** An upstream below HTTP: `u.answer = (socket) => ..` for every connection that asks. */
export async function rawUpstream() {
  const u = { answer: (s) => s.end() };
  const sockets = new Set();
  const server = net.createServer((s) => {
    sockets.add(s);
    s.on('error', () => {});
    s.on('close', () => sockets.delete(s));
    s.once('data', () => u.answer(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  u.url = `http://127.0.0.1:${server.address().port}`;
  u.close = () => {
    for (const s of sockets) s.destroy();
    return new Promise((done) => server.close(done));
  };
  return u;
}

// ---- The end ---------------------------------------------------------------------------

/** As it could have been written; a text that is long enough to be no accident. */
function spellings(secret) {
  const bytes = Buffer.from(secret);
  const all = [bytes, ...['base64', 'base64url', 'hex'].map((as) => Buffer.from(bytes.toString(as).replace(/=+$/, '')))];
  assert.ok(bytes.length >= 20);
  return all;
}

function places() {
  const all = { 'what clients were told': said.join('\n'), 'the logs': gateways.map((g) => g.logs).join('\n') };
  for (const words of ['ledger export', 'config show --effective', 'key list', 'wallet list', 'wallet show ours', 'wallet statement ours', 'model list', 'price list', 'usage', 'doctor', 'ledger stats'])
    for (const as of [[], ['--json']]) {
      const r = gateway.cli(...words.split(' '), ...as);
      all[`octroi ${words} ${as}`] = r.stdout + r.stderr;
    }
  for (const name of dataFiles(gateway)) if (name !== 'master.key') all[`var/${name}`] = fs.readFileSync(path.join(gateway.dir, 'var', name));
  all['the command line'] = fs.readFileSync(`/proc/${gateway.child.pid}/cmdline`);
  return all;
}

/** An upstream sees its own credential, once, in its own header, and no other secret. */
function searchCall(call, what, secret) {
  const text = Buffer.concat([Buffer.from(JSON.stringify([call.url, call.rawHeaders])), call.body ?? Buffer.alloc(0)]);
  const own = call.headers.authorization === `Bearer ${secret}` || call.headers['x-credential'] === secret;
  if (own) assert.equal(text.indexOf(secret), text.lastIndexOf(secret), `${what} went twice to ${call.url}`);
  else for (const s of spellings(secret)) assert.ok(!text.includes(s), `${what} went to ${call.url}`);
}

/** The last tests of a file of attacks. */
export function searchAtTheEnd() {
  test('I9 the process is the one that was started, with its memory and descriptors', async () => {
    assert.equal(gateway.child.exitCode, null);
    let now = gateway.usage();
    for (let i = 0; i < 200 && now.files > atFirst.files + 40; i++) {
      await sleep(50);
      now = gateway.usage();
    }
    assert.ok(now.files <= atFirst.files + 40, `${atFirst.files} descriptors, then ${now.files}`);
    assert.ok(now.rssKb - atFirst.rssKb < 256 << 10, `${atFirst.rssKb} kB, then ${now.rssKb}`);
    for (const w of [ours, theirs]) await gateway.settled(w);
  });

  test('I8 C5 no secret is in any log, answer, metric, export, file or header to an upstream', async () => {
    const all = { ...places(), 'the metrics': (await admin('/metrics')).body };
    assert.ok(all['the logs'].includes(ours.keyId) && all['octroi wallet show ours '].includes('ours'), 'the search looks at nothing');
    for (const [where, text] of Object.entries(all)) {
      const bytes = Buffer.from(text);
      for (const [what, secret] of Object.entries(secrets)) for (const s of spellings(secret)) assert.ok(!bytes.includes(s), `${what} is in ${where}`);
    }
    assert.equal(nowhere.calls.length, 0, 'somebody reached what nobody may reach');
    for (const call of upstream.calls) for (const [what, secret] of Object.entries(secrets)) searchCall(call, what, secret);
    assert.match(fs.readFileSync(`/proc/${gateway.child.pid}/limits`, 'utf8'), /Max core file size +0 +0/);
  });
}
