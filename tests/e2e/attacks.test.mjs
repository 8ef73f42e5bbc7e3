// SPDX-License-Identifier: Apache-2.0
// What the hostile internet, a paying client turned hostile and a broken upstream try; a
// title begins with the number of its threat. After all of it: the books are right, the
// process is the one that was started, its memory and descriptors are back, and no secret
// is anywhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dns from 'node:dns/promises';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import zlib from 'node:zlib';
import { Gateway, json, line, nano, recorded, request, sleep, sse, startUpstream, wire } from './lib.mjs';

const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const messages = [{ role: 'user', content: 'Say this is a test' }];
const providerKey = 'sk-canary-provider-5f2c9a71d3';
const dataKey = 'canary-data-credential-88e1b0';
const adminToken = 'canary-admin-token-73ad5510c2';
const whole = recorded('en-chat-basic.response.json');

let upstream, gateway, other, small, ours, theirs, base;
const said = []; // everything that clients were told, for the search at the end
const slow = {}; // what takes its time: begun first, looked at last

// ---- Tools -----------------------------------------------------------------------------

const say = (...texts) => said.push(...texts.map(String));

async function send(url, options = {}) {
  const r = await request(url, options);
  say(r.status, JSON.stringify(r.rawHeaders), r.body);
  return r;
}

async function raw(bytes, options = {}) {
  const r = await wire(options.port ?? gateway.port, bytes, options);
  say(r.text);
  return r;
}

const chat = (body, headers = {}, where = gateway) =>
  send(`${where.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ours.key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
const data = (rest, options = {}) =>
  send(`${gateway.url}/v1/data/d${rest}`, { ...options, headers: { authorization: `Bearer ${ours.key}`, ...options.headers } });
const admin = (rest, options = {}) =>
  send(`http://127.0.0.1:${gateway.adminPort}${rest}`, { ...options, headers: { authorization: `Bearer ${adminToken}`, ...options.headers } });

/** A head as a strict client writes it. */
const head = (first, ...lines) => `${first}\r\nHost: octroi.test\r\nAuthorization: Bearer ${ours.key}\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
const post = (...lines) => head('POST /v1/chat/completions HTTP/1.1', 'Content-Type: application/json', ...lines);
const body = JSON.stringify({ model: 'm', messages });
const chunked = (text) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
let second; // a request that must never be handled

/** Answered with one of these statuses; then the connection is closed; no upstream call.
 * (libmicrohttpd 0.9.75 writes the head of its own refusals twice.) */
async function refused(bytes, statuses, what) {
  const before = upstream.calls.length;
  const r = await raw(bytes);
  assert.equal(new Set(r.statuses).size, 1, `${what}: ${r.text.slice(0, 300)}`);
  assert.ok([statuses].flat().includes(r.statuses[0]), `${what}: ${r.text.slice(0, 300)}`);
  assert.ok(r.closed, `${what}: the connection stayed open`);
  assert.ok(!r.text.includes('"balance"'), what);
  assert.equal(upstream.calls.length, before, `${what}: the upstream was called`);
  return r;
}

/** The body is refused as input, and costs nothing. */
async function badBody(text, what, where = chat) {
  const before = upstream.calls.length;
  const r = await where(text);
  assert.equal(r.status, 400, `${what}: ${r.status} ${r.body.toString().slice(0, 300)}`);
  const error = JSON.parse(r.body).error;
  assert.match(error.code, /^invalid_(json|request)$/, what);
  assert.equal(upstream.calls.length, before, `${what}: the upstream was called`);
  return error;
}

const unchanged = async (work) => {
  const was = gateway.balance(ours).balance;
  await work();
  await gateway.settled(ours, was);
};

const usageAnswer = (usage) => ({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'four words of text' }, finish_reason: 'stop' }], usage });
const chunk = (content, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

/** An upstream below HTTP: it answers every request with these bytes. */
async function rawUpstream(answer) {
  const sockets = new Set();
  const server = net.createServer((s) => {
    sockets.add(s);
    s.on('error', () => {});
    s.on('close', () => sockets.delete(s));
    s.once('data', () => answer(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    set answer(f) { answer = f; },
    close: () => {
      for (const s of sockets) s.destroy();
      return new Promise((done) => server.close(done));
    },
  };
}

// ---- Before and after ------------------------------------------------------------------

let lowLevel, nowhere, tlsServer;

function selfSigned(dir) {
  const key = path.join(dir, 'tls.key');
  const cert = path.join(dir, 'tls.pem');
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost']);
  return made.status === 0 ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : null;
}

before(async () => {
  upstream = await startUpstream();
  upstream.handle = (req, res) => json(res, 200, whole);
  nowhere = await startUpstream();
  nowhere.handle = (req, res) => json(res, 200, {});
  lowLevel = await rawUpstream((s) => s.end());
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-tls-'));
  const pair = selfSigned(dir);
  fs.rmSync(dir, { recursive: true });
  if (pair) {
    tlsServer = https.createServer(pair, (req, res) => json(res, 200, whole));
    await new Promise((done) => tlsServer.listen(0, '127.0.0.1', done));
  }
  const tlsPort = tlsServer?.address().port ?? 1;
  const provider = (base_url, more = {}) => ({ kind: 'compatible', base_url, allow_private: true, api_keys: [providerKey], first_byte_timeout: '1s', idle_timeout: '1s', ...more });
  const target = (name) => ({ targets: [{ provider: name, model: 'real' }], price });
  gateway = new Gateway({
    server: { admin_token: adminToken },
    providers: {
      up: { ...provider(`${upstream.url}/v1`), kind: 'openai' },
      low: provider(`${lowLevel.url}/v1`),
      'self-signed': provider(`https://localhost:${tlsPort}/v1`),
      'not-tls': provider(`https://localhost:${upstream.port}/v1`),
      'no-name': provider('https://no-such-host.invalid/v1'),
      'own-name': provider(`http://${os.hostname()}:${upstream.port}/v1`, { allow_private: false }),
    },
    models: {
      m: target('up'),
      low: target('low'),
      'self-signed': target('self-signed'),
      'not-tls': target('not-tls'),
      'no-name': target('no-name'),
      'own-name': target('own-name'),
      dear: { targets: [{ provider: 'up', model: 'real' }], price: { input: '1', output: '18000000000' } },
    },
    data_apis: {
      d: {
        base_url: upstream.url,
        allow_private: true,
        auth: { header: 'X-Credential', value: dataKey },
        endpoints: [{ method: 'GET', path: '/get/{x}', price: '0.001', pass_headers: ['x-tenant'] }, { method: 'ANY', path: '/any/{rest*}', price: '0.001' }],
        first_byte_timeout: '2s',
        idle_timeout: '2s',
      },
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0, auth_failures_per_minute: 0, concurrent: 0, call_timeout: '20s', connections: 4000, connections_per_address: 0 },
  });
  await gateway.start();
  // One with tight limits, and one behind a proxy.
  const tight = { providers: { up: provider(`${upstream.url}/v1`, { idle_timeout: '20s' }) }, models: { m: target('up') } };
  small = new Gateway({ ...tight, limits: { connections_per_address: 20, call_timeout: '2s', max_response_bytes: 65536 } });
  await small.start();
  other = new Gateway({ ...tight, server: { trusted_proxies: ['127.0.0.1'], loops: 1 }, limits: { connections: 60, connections_per_address: 0 } });
  await other.start();
  ours = gateway.wallet('ours', '50');
  theirs = gateway.wallet('theirs', '50');
  await chat({ model: 'm', messages });
  base = gateway.usage();
  second = head('GET /v1/wallet HTTP/1.1');

  slow.head = dribble(head('GET /v1/wallet HTTP/1.1', 'X-Long: ' + 'a'.repeat(60)));
  slow.body = dribble(post('Content-Length: 1000'), 1000);
  slow.chunk = raw(`${post('Transfer-Encoding: chunked')}FFFFFFFFFFFFFFFF\r\n${body}\r\n0\r\n\r\n${second}`, { ms: 60000 });
});

after(async () => {
  for (const g of [gateway, small, other]) await g?.close();
  for (const u of [upstream, nowhere, lowLevel]) await u?.close();
  if (tlsServer) {
    tlsServer.closeAllConnections();
    await new Promise((done) => tlsServer.close(done));
  }
});

/** Sends a head byte by byte; or, with `len`, at once, and a body of that length byte by
 * byte. Never in silence for longer than a second. */
function dribble(text, len = 0) {
  const begun = Date.now();
  const rest = len > 0 ? Buffer.alloc(len, 0x20) : Buffer.from(text);
  let at = 0;
  return new Promise((done) => {
    let answer = '';
    const socket = net.connect(gateway.port, '127.0.0.1', () => {
      if (len > 0) socket.write(text);
    });
    const timer = setInterval(() => socket.write(rest.subarray(at, ++at)), 500);
    socket.on('data', (d) => (answer += d));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      say(answer);
      done({ answer, ms: Date.now() - begun });
    });
  });
}

// ---- A. The front ----------------------------------------------------------------------

test('A1 Content-Length beside Transfer-Encoding is refused, what hides behind is not handled', () =>
  unchanged(async () => {
    for (const lines of [
      ['Content-Length: 4', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 4'],
      [`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'],
    ])
      await refused(`${post(...lines)}0\r\n\r\n${second}`, 400, lines.join());
  }));

test('A2 two Content-Lengths, the same or not, are refused', () =>
  unchanged(async () => {
    await refused(post(`Content-Length: ${body.length}`, 'Content-Length: 0') + body + second, 400, 'different');
    await refused(post(`Content-Length: ${body.length}`, `Content-Length: ${body.length}`) + body + second, 400, 'equal');
    await refused(post(`Content-Length: ${body.length}, ${body.length}`) + body + second, 400, 'a list');
  }));

test('A3 a Transfer-Encoding other than one "chunked" is refused', async () => {
  await unchanged(async () => {
    for (const lines of [
      ['Transfer-Encoding: gzip, chunked'],
      ['Transfer-Encoding: xchunked'],
      ['Transfer-Encoding: chunked, chunked'],
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
      ['Transfer-Encoding: identity'],
      ['Transfer-Encoding: '],
      ['Transfer-Encoding: "chunked"'],
    ])
      await refused(post(...lines) + chunked(body) + second, [400, 501], lines.join());
  });
  const r = await raw(post('Transfer-Encoding: Chunked', 'Connection: close') + chunked(body));
  assert.deepEqual(r.statuses, [200], 'the one that is allowed');
});

test('A4 Transfer-Encoding in HTTP/1.0 is refused', () =>
  unchanged(() => refused(head('POST /v1/chat/completions HTTP/1.0', 'Transfer-Encoding: chunked') + chunked(body) + second, 400, '1.0')));

test('A5 folded lines, control bytes and spaces in header names are refused', async () => {
  for (const field of ['X-A: b\r\n folded', 'X-A: b\r\n\tfolded', 'X A: b', 'X-A : b', ' X-A: b', 'X\x01: b', 'X\x7f: b', 'X\x80: b', 'X(: b', ': b', 'no-colon-at-all', 'Content-Length : 3'])
    await refused(Buffer.from(head('GET /v1/wallet HTTP/1.1', field), 'latin1'), 400, JSON.stringify(field));
});

test('A6 bare LF, bare CR and NUL in the head are refused; nothing of them reaches an upstream', () =>
  unchanged(async () => {
    for (const field of ['X-Tenant: a\nX-Injected: 1', 'X-Tenant: a\rX-Injected: 1', 'X-Tenant: a\x00b', 'X-Tenant: a\x0bb', 'X-Tenant: \x1b[31m', 'X-Tenant: a\x7f'])
      await refused(Buffer.from(head('GET /v1/data/d/get/1 HTTP/1.1', field), 'latin1'), 400, JSON.stringify(field));
    await refused(head('GET /v1/data/d/get/1 HTTP/1.1').replaceAll('\r\n', '\n'), 400, 'LF alone');
  }));

test('A7 there is exactly one Host, and it is a host', async () => {
  const get = (...lines) => `GET /healthz HTTP/1.1\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
  for (const lines of [[], ['Host: a', 'Host: b'], ['Host: a', 'Host: a'], ['Host: a?b'], ['Host: a#b'], ['Host: u@a'], ['Host: a/b'], ['Host: '], ['Host: a b'], ['Host: a:99999'], ['Host: a:b'], ['Host: %61'], ['Host: [::1'], ['Host: a\\b']])
    await refused(get(...lines), 400, lines.join());
  for (const host of ['a', 'a.example:8402', '[::1]:8402', '127.0.0.1'])
    assert.deepEqual((await raw(get(`Host: ${host}`, 'Connection: close'))).statuses, [200], host);
});

test('A8 what is pipelined behind a refused request is never handled', () =>
  unchanged(async () => {
    const good = post(`Content-Length: ${body.length}`) + body;
    await refused(head('GET /v1/wallet HTTP/1.1', 'X A: b') + good + second, 400, 'a bad name');
    await refused(head('BREW /v1/wallet HTTP/1.1') + good + second, [400, 405], 'a bad method');
    await refused(post('Content-Length: x') + good + second, 400, 'a bad length');
  }));

test('A9 malformed chunk sizes end the connection', () =>
  unchanged(async () => {
    for (const size of ['-1', 'FFFFFFFFFFFFFFFFF', '0x10', 'g', '', ' 10', '1 0', '+1', '7fffffffffffffff1']) {
      const before = upstream.calls.length;
      const r = await raw(`${post('Transfer-Encoding: chunked')}${size}\r\n${body}\r\n0\r\n\r\n${second}`);
      assert.ok(r.closed, `${size}: the connection stayed open`);
      assert.ok(r.statuses.length <= 1 && !r.statuses.includes(200), `${size}: ${r.text.slice(0, 200)}`);
      for (const status of r.statuses) assert.ok([400, 413].includes(status), `${size}: ${status}`);
      assert.equal(upstream.calls.length, before, size);
    }
  }));

test('A10 lengths that no number holds are refused at once', () =>
  unchanged(async () => {
    for (const length of ['18446744073709551616', '18446744073709551615', '9223372036854775808', '99999999999999999999999'])
      await refused(post(`Content-Length: ${length}`), [400, 413], length);
    for (const length of ['-1', '+5', '5 5', '0x5', '5,5', '5;', 'five', '1e3', '5.0'])
      await refused(post(`Content-Length: ${length}`) + second, 400, length);
  }));

test('A11 long targets, many headers and large heads are refused with their own status', async () => {
  await refused(head(`GET /v1/models/${'a'.repeat(9000)} HTTP/1.1`), 414, 'target');
  await refused(head('GET /healthz HTTP/1.1', ...Array.from({ length: 101 }, (_, i) => `X-${i}: 1`)), 431, '101 headers');
  await refused(head('GET /healthz HTTP/1.1', `X-Long: ${'a'.repeat(16400)}`), 431, '16 KiB');
  await refused(head('GET /healthz HTTP/1.1', `X-Long: ${'a'.repeat(200000)}`), 431, '200 KB');
  await refused(head(`GET /${'a'.repeat(200000)} HTTP/1.1`), [414, 431], 'target of 200 KB');
});

test('A12 a body over the limit is refused: announced, unread; chunked, at the limit', () =>
  unchanged(async () => {
    await refused(post('Content-Length: 8388609'), 413, 'announced');
    const big = `{"model":"m","messages":[{"role":"user","content":"${'a'.repeat(9 << 20)}"}]}`;
    const before = upstream.calls.length;
    const r = await raw(post('Transfer-Encoding: chunked') + chunked(big), { ms: 20000 });
    assert.deepEqual(r.statuses, [413]);
    assert.equal(upstream.calls.length, before);
  }));

test('A13 Expect is 100-continue or refused', async () => {
  await refused(head('GET /healthz HTTP/1.1', 'Expect: the-unexpected'), 417, 'junk');
  const r = await raw(post('Expect: 100-continue', 'Connection: close', `Content-Length: ${body.length}`) + body);
  assert.equal(r.statuses.at(-1), 200);
});

test('A14 unknown methods, lower case, TRACE, CONNECT and proxy requests are refused', async () => {
  for (const method of ['BREW', 'get', 'Get', 'TRACE', 'CONNECT', 'PROPFIND', 'a'.repeat(300), 'G(T'])
    await refused(head(`${method} /v1/wallet HTTP/1.1`), [400, 405, 501], method);
  for (const target of ['http://octroi.test/v1/wallet', 'http://evil.example/', 'evil.example:443', '*', 'v1/wallet', ''])
    await refused(head(`GET ${target} HTTP/1.1`), 400, target);
  await refused(head('OPTIONS * HTTP/1.1'), 400, 'OPTIONS *');
});

test('A15 a path has one spelling', async () => {
  for (const target of ['/v1/../v1/wallet', '/v1/./wallet', '//v1/wallet', '/v1//wallet', '/v1/%2e%2e/v1/wallet', '/v1/%77allet', '/v1/wallet%00', '/v1/wallet%0d%0aX:%20y', '/v1/wallet%0a', '/v1/wallet%c0%af', '/v1/wallet%', '/v1/wallet%zz', '/v1\\wallet', '/V1/wallet', '/v1/wallet/', '/v1/wallet;x=1', '/v1/..;/v1/wallet', '/v1/wallet#x', '/v1/data/d/any/..%2f..%2fget/1', '/v1/data/d/any/%2e%2e/get/1', '/v1/data/d/any/a\\..\\b', '/v1/data/d/any/%5c', '/v1/data/d/any/a%00b', '/v1/data/d/any/a%0d%0ab', '/v1/data/d/any//a', '/v1/data/d/any/./a']) {
    const before = upstream.calls.length;
    const r = await raw(head(`GET ${target} HTTP/1.1`, 'Connection: close'));
    assert.equal(r.statuses.length, 1, target);
    assert.ok([400, 404].includes(r.statuses[0]), `${target}: ${r.statuses}`);
    assert.equal(upstream.calls.length, before, target);
  }
});

test('A18 a reader that does not read is not buffered for, and gets every byte later', async () => {
  const size = 48 << 20;
  const piece = Buffer.alloc(1 << 20, 'abcdefgh');
  let taken = 0;
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
    for (let i = 0; i < size / piece.length && !res.destroyed; i++) {
      if (!res.write(piece)) await new Promise((done) => { res.once('drain', done); res.once('close', done); });
      taken += piece.length;
    }
    res.end();
  };
  const memory = gateway.usage().rssKb;
  let got = 0;
  const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(head('GET /v1/data/d/get/1 HTTP/1.1', 'Connection: close')));
  const closed = new Promise((done) => socket.on('close', done));
  socket.pause();
  await sleep(1500);
  const then = taken;
  await sleep(300);
  assert.equal(taken, then, 'the upstream was not paused');
  assert.ok(taken < 24 << 20, `${taken} bytes were taken for a reader that does not read`);
  assert.ok(gateway.usage().rssKb - memory < 16 << 10, 'they are in memory');
  socket.on('data', (d) => (got += d.length));
  socket.resume();
  await closed;
  assert.ok(got > size, `${got} of ${size} bytes`);
  upstream.handle = (req, res) => json(res, 200, whole);
});

/** Opens n connections that say nothing; those that are still open are in the set. */
async function crowd(n, port) {
  const open = new Set();
  await Promise.all(Array.from({ length: n }, () => new Promise((done) => {
    const s = net.connect(port, '127.0.0.1', () => {
      open.add(s);
      done();
    });
    s.on('error', done);
    s.on('close', () => open.delete(s));
  })));
  return open;
}

async function disperse(open) {
  const all = [...open];
  for (const s of all) s.destroy();
  await sleep(100);
}

test('A19 calls go on beside 2,000 idle connections', async () => {
  const memory = gateway.usage().rssKb;
  const open = await crowd(2000, gateway.port);
  await sleep(200);
  assert.equal(open.size, 2000);
  for (let i = 0; i < 20; i++) assert.equal((await chat({ model: 'm', messages })).status, 200);
  assert.ok(gateway.usage().rssKb - memory < 200 << 10, `${gateway.usage().rssKb - memory} kB`);
  await disperse(open);
});

test('A20 above the limit the oldest idle connection goes, and the log stays quiet', async () => {
  const wallet = other.wallet('crowded', '1');
  const log = other.logs.length;
  const open = await crowd(200, other.port);
  for (let i = 0; i < 50 && open.size > 60; i++) await sleep(20);
  assert.ok(open.size <= 60, `${open.size} connections`);
  for (let i = 0; i < 10; i++) assert.equal((await send(`${other.url}/v1/wallet`, { headers: { authorization: `Bearer ${wallet.key}` } })).status, 200);
  assert.ok(other.logs.length - log < 100000, 'the log grew');
  await disperse(open);
});

test('A20 without descriptors left it serves on and does not spin', async (t) => {
  const few = new Gateway({ providers: other.config.providers, models: other.config.models, server: { loops: 1 }, limits: { connections_per_address: 0 } });
  t.after(() => few.close());
  await few.start({ files: 200 });
  const wallet = few.wallet('few', '1');
  const open = await crowd(300, few.port);
  const cpu = () => fs.readFileSync(`/proc/${few.child.pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);
  await sleep(300);
  const ticks = cpu();
  await sleep(1000);
  assert.ok(cpu() - ticks < 50, `${cpu() - ticks} ticks of processor time in a second of nothing`);
  for (let i = 0; i < 5; i++) assert.equal((await send(`${few.url}/v1/wallet`, { headers: { authorization: `Bearer ${wallet.key}` } })).status, 200);
  assert.ok(few.logs.length < 200000, `${few.logs.length} bytes of log`);
  await disperse(open);
});

test('A21 one address has no more than its connections; X-Forwarded-For counts from a proxy only', async () => {
  const open = await crowd(60, small.port);
  await sleep(200);
  assert.ok(open.size <= 20, `${open.size} connections`);
  await disperse(open);
  const wallet = small.wallet('a21', '1');
  for (const xff of ['', ',', '::', 'a'.repeat(8000), '1.2.3.4', '1.2.3.4, junk', '999.1.1.1', '[::1]:1', 'unknown', '1.2.3.4:80', ', , ,', '\t'])
    for (const g of [small, other]) {
      const r = await send(`${g.url}/v1/models`, { headers: { 'x-forwarded-for': xff, forwarded: 'for=1.1.1.1' } });
      assert.equal(r.status, 200, `${g === small ? 'direct' : 'proxied'}: ${xff.slice(0, 20)}`);
    }
  assert.equal((await send(`${small.url}/v1/wallet`, { headers: { authorization: `Bearer ${wallet.key}` } })).status, 200);
});

test('A22 encoded bodies are refused', () =>
  unchanged(async () => {
    for (const coding of ['gzip', 'br', 'deflate', 'gzip, identity', 'x'])
      assert.equal((await chat(zlib.gzipSync(body), { 'content-encoding': coding })).status, 415, coding);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp'])
      assert.equal((await chat(body, { 'content-type': type })).status, 415, type);
  }));

test('A23 an upstream cannot split our answers', async (t) => {
  const api = new Gateway({ data_apis: { low: { base_url: lowLevel.url, allow_private: true, endpoints: [{ method: 'GET', path: '/{x*}', price: '0' }] } } });
  t.after(() => api.close());
  await api.start();
  const w = api.wallet('w', '1');
  for (const evil of ['X-Evil: a\rSet-Cookie: b=c', 'X-Evil: a\x00b', 'X-Evil: a\r\n Set-Cookie: folded', 'X Evil: b', 'X-Evil : b', 'Connection: close, x-kept\r\nX-Kept: no', 'Content-Length: 3\r\nContent-Length: 3000', 'Transfer-Encoding: chunked\r\nContent-Length: 2', 'X-Evil: ' + 'a'.repeat(70000)]) {
    lowLevel.answer = (s) => s.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${/content-length/i.test(evil) ? '' : 'Content-Length: 2\r\n'}${evil}\r\n\r\nok`, 'latin1');
    const r = await raw(`GET /v1/data/low/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${w.key}\r\nConnection: close\r\n\r\n`, { port: api.port });
    assert.ok(r.statuses.length <= 1, evil);
    const answer = r.text.split('\r\n\r\n')[0];
    assert.doesNotMatch(answer, /\r(?!\n)|\x00|(?<!\r)\n/, JSON.stringify(evil));
    assert.doesNotMatch(answer, /^set-cookie/im, JSON.stringify(evil));
    assert.doesNotMatch(answer, /^x-kept/im);
  }
});

test('A24 an unread body is never taken for a request', () =>
  unchanged(async () => {
    const hidden = post(`Content-Length: ${body.length}`) + body;
    const lines = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: ${hidden.length}\r\n\r\n`;
    const r = await raw(lines + hidden, { ms: 3000 });
    assert.deepEqual(r.statuses, [401]);
    const unknown = `POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n`;
    assert.deepEqual((await raw(unknown + hidden, { ms: 3000 })).statuses, [404]);
  }));

test('A25 other protocols are refused', async () => {
  await refused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505], 'HTTP/2');
  await refused('GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n', [400, 505], '0.9');
  await refused('GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n', [400, 505], '3.0');
  for (const bytes of [Buffer.from('16030100c4010000c003034f6374726f690d0a0d0a', 'hex'), 'GET /healthz\r\n\r\n', 'SSH-2.0-x\r\n\r\n', '\r\n'.repeat(3000), '\0'.repeat(70000)]) {
    const r = await raw(bytes, { ms: 15000 });
    assert.ok(!r.statuses.includes(200), r.text.slice(0, 100));
    assert.ok(r.closed);
  }
});

// ---- B. JSON and text ------------------------------------------------------------------

const withField = (field) => `{"model":"m","messages":[{"role":"user","content":"x"}],${field}}`;

test('B1 nesting beyond 32 is refused', () =>
  unchanged(async () => {
    await badBody(withField(`"x":${'['.repeat(33)}${']'.repeat(33)}`), '34 deep');
    await badBody(withField(`"x":${'{"a":'.repeat(100000)}1${'}'.repeat(100000)}`), '100,000 deep');
    await badBody('['.repeat(1 << 20), 'unclosed');
  }));

test('B2 B11 bodies that are all containers or all keys are refused and cost no memory', () =>
  unchanged(async () => {
    const memory = gateway.usage().rssKb;
    await badBody(withField(`"x":[${Array(10001).fill('{}').join()}]`), '10,001 objects');
    await badBody(withField(`"x":[${Array(2000000).fill('{}').join()}]`), '6 MB of objects');
    await badBody(withField(`"x":{${Array.from({ length: 200000 }, (_, i) => `"k${i}":1`).join()}}`), '200,000 keys');
    assert.ok(gateway.usage().rssKb - memory < 64 << 10, `${gateway.usage().rssKb - memory} kB more`);
  }));

test('B3 a key that comes twice is refused, however it is written', () =>
  unchanged(async () => {
    await badBody(withField('"model":"dear"'), 'model');
    await badBody(withField('"mod\\u0065l":"dear"'), 'model, escaped');
    await badBody(withField('"max_tokens":1,"max_tokens":100000'), 'max_tokens');
    await badBody(withField('"x":[{"a":1,"\\u0061":2}]'), 'deep');
  }));

test('B4 NaN, Infinity and what no number holds are refused', () =>
  unchanged(async () => {
    for (const number of ['NaN', 'Infinity', '-Infinity', '1e400', '-1e400', '01', '1.', '.5', '+1', '0x10', '1e', '--1', '1'.repeat(2000)]) await badBody(withField(`"temperature":${number}`), number);
  }));

test('B5 B13 counts that are no counts are refused', () =>
  unchanged(async () => {
    for (const value of ['9223372036854775808', '18446744073709551616', '18446744073686646784', '-1', '-9223372036854775809', '1.5', '"12"', '1e2', '0', 'true', '[1]', '{}', '1.0', '-0'])
      for (const name of ['n', 'max_tokens', 'max_completion_tokens']) {
        const error = await badBody(withField(`"${name}":${value}`), `${name}: ${value}`);
        assert.equal(error.param, name);
      }
    for (const value of ['"yes"', '1', '0', '"true"', '{}']) await badBody(withField(`"stream":${value}`), `stream: ${value}`);
  }));

test('B6 a NUL in a key or a name is refused', () =>
  unchanged(async () => {
    await badBody(withField('"model\\u0000x":"dear"'), 'key');
    await badBody('{"model":"m\\u0000x","messages":[{"role":"user","content":"x"}]}', 'model');
    await badBody(withField('"user":"a\\u0000b"'), 'user');
    await badBody(Buffer.from(withField('"x":"a\0b"')), 'raw');
  }));

test('B7 what is not UTF-8 is refused', () =>
  unchanged(async () => {
    for (const bytes of [[0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xff], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80]])
      await badBody(Buffer.concat([Buffer.from('{"model":"m","messages":[{"role":"user","content":"'), Buffer.from(bytes), Buffer.from('"}]}')]), Buffer.from(bytes).toString('hex'));
    for (const escape of ['\\ud800', '\\udc00', '\\ud800\\ud800', '\\ud800x', '\\u12', '\\x41', '\\']) await badBody(withField(`"x":"${escape}"`), escape);
    await badBody(Buffer.from(`\uFEFF${body}`), 'a byte order mark');
  }));

test('B8 B9 B10 only one whole JSON object is a body', () =>
  unchanged(async () => {
    for (const text of ['', ' ', `${body}x`, `${body}${body}`, `${body}//x`, `/**/${body}`, body.replaceAll('"', "'"), body.slice(0, -1), body.slice(0, 20), '[]', 'null', '"x"', '1', `${body.slice(0, -1)},}`, '{"model":"m",}', '{model:"m"}', '\x00', `${body}\x00`])
      await badBody(text, JSON.stringify(text.slice(0, 40)));
    await badBody('{}', 'no model');
    await badBody('{"model":"m"}', 'no messages');
    await badBody('{"model":"m","messages":[]}', 'empty messages');
    await badBody('{"model":"m","messages":[1]}', 'a message that is none');
    await badBody('{"model":1,"messages":[{"role":"user"}]}', 'a model that is none');
  }));

test('B12 keys that are made to collide cost no more than others', () =>
  unchanged(async () => {
    // The same sums under every unkeyed additive or multiplicative hash: permuted blocks.
    const keys = Array.from({ length: 50000 }, (_, i) => `"${i.toString(2).padStart(16, '0').replaceAll('0', 'Aa').replaceAll('1', 'BB')}":1`);
    const begun = process.hrtime.bigint();
    await badBody(withField(`"x":{${keys.join()}},"n":0`), 'colliding');
    const collided = process.hrtime.bigint() - begun;
    assert.ok(collided < 3000000000n, `${collided} ns`);
  }));

test('B14 fields that would send us elsewhere are refused, and headers are not looked at', async () => {
  await unchanged(async () => {
    for (const name of ['api_base', 'base_url', 'custom_host', 'callbacks', 'command']) {
      const error = await badBody(withField(`"${name}":"${nowhere.url}"`), name);
      assert.equal(error.param, name);
    }
  });
  for (const header of ['x-base-url', 'helicone-target-url', 'x-portkey-custom-host', 'api-base', 'x-forwarded-host']) assert.equal((await chat(body, { [header]: nowhere.url })).status, 200);
  assert.equal(nowhere.calls.length, 0);
  for (const header of Object.keys(upstream.calls.at(-1).headers)) assert.ok(!/target|base|custom|forward/.test(header), header);
});

test('B15 a user name of a megabyte is refused', () => unchanged(() => badBody(withField(`"user":"${'u'.repeat(1 << 20)}"`), 'user')));

test('B16 numbers that we do not read pass byte for byte', async () => {
  const odd = '"seed":12345678901234567890123,"metadata":{"a":1.0000000000000000000001,"b":1E5,"c":-0.0,"d":0.10}';
  await chat(withField(odd));
  assert.ok(upstream.calls.at(-1).body.includes(odd));
});

// ---- C. Keys, admin --------------------------------------------------------------------

test('C1 C2 keys that are none, or nearly one, all get the same answer', async () => {
  const flip = (key, at) => key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
  const bodies = new Set();
  for (const value of ['', 'Bearer', 'Bearer ', 'Basic dTpw', ours.key.slice(0, -1), `Bearer ${flip(ours.key, 60)}`, `Bearer ${flip(ours.key, 20)}`, `Bearer ${flip(ours.key, 10)}`, `Bearer ${ours.key}x`, `Bearer ${ours.key.toUpperCase()}`, `Bearer ${ours.key} ${ours.key}`, 'Bearer sk-oct-0000000000-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'Bearer sk-oct-', 'Bearer null', `Bearer ${'a'.repeat(8000)}`]) {
    for (const url of ['/v1/wallet', '/v1/models']) {
      const r = await send(gateway.url + url, { headers: { authorization: value } });
      assert.equal(r.status, 401, `${JSON.stringify(value.slice(0, 80))} on ${url}`);
      if (url === '/v1/models') bodies.add(r.body.toString().replace(/req_[0-9a-f]{32}/, ''));
    }
    assert.equal((await chat({ model: 'm', messages }, { authorization: value })).status, 401);
  }
  assert.equal(bodies.size, 1, [...bodies].join('\n'));
  assert.equal((await send(`${gateway.url}/v1/wallet`)).status, 401, 'none');
  const two = await send(`${gateway.url}/v1/wallet`, { headers: { authorization: `Bearer ${ours.key}`, 'x-api-key': theirs.key } });
  assert.equal(two.status, 401, 'two different ones');
});

test('C3 who guesses keys is told to wait; a right key passes, and so do others', async () => {
  const wallet = other.wallet('c3', '1');
  const ask = (from, key) => send(`${other.url}/v1/wallet`, { headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': from } });
  const statuses = [];
  for (let i = 0; i < 15; i++) statuses.push((await ask('203.0.113.5', 'sk-oct-wrong')).status);
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(401));
  assert.deepEqual(statuses.slice(12), Array(3).fill(429));
  const barred = await ask('203.0.113.5', 'sk-oct-wrong');
  assert.equal(barred.status, 429);
  assert.ok(Number(barred.headers['retry-after']) >= 1);
  assert.equal((await ask('203.0.113.5', wallet.key)).status, 200, 'the address may be shared');
  assert.equal((await ask('203.0.113.6', 'sk-oct-wrong')).status, 401, 'the neighbour');
  const memory = other.usage().rssKb;
  for (let i = 0; i < 3000; i++) await ask(`198.51.${i >> 8}.${i & 255}`, 'sk-oct-wrong');
  assert.ok(other.usage().rssKb - memory < 16 << 10, 'the table grows');
});

test('C4 a key in the URL is refused, and the URL is not logged with it', async () => {
  for (const query of [`api_key=${theirs.key}`, `key=${theirs.key}`, `a=b&access_token=${theirs.key}`])
    for (const target of ['/v1/wallet', '/v1/models', '/v1/data/d/get/1'])
      assert.equal((await send(`${gateway.url}${target}?${query}`)).status, 401, target);
});

test('C6 revoked, rotated and expired keys end at once', async () => {
  const status = async (key) => (await send(`${gateway.url}/v1/wallet`, { headers: { authorization: `Bearer ${key}` } })).status;
  const w = gateway.wallet('c6', '1');
  assert.equal(await status(w.key), 200);
  const rotated = gateway.run('key', 'rotate', w.keyId);
  assert.equal(await status(w.key), 401);
  assert.equal(await status(rotated.key), 200);
  gateway.run('key', 'revoke', w.keyId);
  assert.equal(await status(rotated.key), 401);
  assert.notEqual(gateway.cli('key', 'rotate', w.keyId).status, 0, 'a revoked key came back');
  const brief = gateway.run('key', 'create', w.id, '--expires', '2s');
  assert.equal(await status(brief.key), 200);
  for (let i = 0; i < 100 && (await status(brief.key)) === 200; i++) await sleep(50);
  assert.equal(await status(brief.key), 401);
});

test("C7 another's calls do not exist", async () => {
  const auth = (w) => ({ headers: { authorization: `Bearer ${w.key}` } });
  const r = await chat({ model: 'm', messages });
  const id = r.headers['x-request-id'];
  const mine = await send(`${gateway.url}/v1/wallet/statement?request_id=${id}`, auth(ours));
  assert.equal(JSON.parse(mine.body).items.length, 1);
  const alien = await send(`${gateway.url}/v1/wallet/statement?request_id=${id}`, auth(theirs));
  assert.ok(alien.status === 404 || JSON.parse(alien.body).items.length === 0, alien.body.toString());
  for (const extra of [`?wallet=${ours.id}`, `?id=${ours.id}`, `/${ours.id}`]) {
    const seen = await send(`${gateway.url}/v1/wallet${extra}`, auth(theirs));
    assert.ok([400, 404].includes(seen.status) || JSON.parse(seen.body).id === theirs.id, extra);
  }
  // An idempotency key of theirs is none of ours.
  const key = { 'idempotency-key': 'c7' };
  assert.equal((await chat({ model: 'm', messages }, key)).status, 200);
  const again = await chat({ model: 'm', messages }, { ...key, authorization: `Bearer ${theirs.key}` });
  assert.equal(again.status, 200);
  assert.equal(again.headers['idempotent-replayed'], undefined);
});

test('C8 nobody raises a limit of his own', async () => {
  const limited = gateway.run('key', 'create', ours.id, '--limit-per-day', '0.001');
  const headers = { authorization: `Bearer ${limited.key}`, 'content-type': 'application/json' };
  for (const [method, url] of [['PUT', '/v1/wallet'], ['PATCH', '/v1/wallet'], ['POST', '/v1/wallet'], ['POST', '/v1/wallet/limits'], ['PUT', '/v1/wallet/limits/day'], ['POST', '/v1/keys'], ['POST', '/v1/wallet/topup?amount=5'], ['PUT', `/admin/v1/keys/${limited.id}/limits/day`]]) {
    const r = await send(gateway.url + url, { method, headers, body: '{"limit_per_day":"100","amount":"100","balance":"100"}' });
    assert.ok([401, 402, 404, 405].includes(r.status), `${method} ${url}: ${r.status}`);
  }
  const r = await chat({ model: 'm', messages, max_tokens: 20000, limit_per_day: '100', wallet: theirs.id, metadata: { limit: '100' } }, { authorization: `Bearer ${limited.key}`, 'x-octroi-limit': '100', 'x-wallet': theirs.id });
  assert.equal(r.status, 402);
  assert.equal(JSON.parse(r.body).error.code, 'limit_exceeded');
});

test('C10 the public listener has no admin API, dashboard or metrics, however it is spelled', async () => {
  const tricks = { authorization: `Bearer ${adminToken}`, 'x-original-url': '/admin/v1/wallets', 'x-rewrite-url': '/admin/v1/wallets', 'x-forwarded-prefix': '/admin', 'x-forwarded-for': '127.0.0.1', host: 'localhost' };
  for (const target of ['/admin/v1/wallets', '/admin', '/admin/', '/dashboard/', '/dashboard', '/metrics', '/v1/..;/admin/v1/wallets', '/v1/../admin/v1/wallets', '/v1/%2e%2e/admin/v1/wallets', '/%61dmin/v1/wallets', '//admin/v1/wallets', '/ADMIN/v1/wallets', '/debug/pprof', '/.env', '/v1/admin/v1/wallets']) {
    const r = await raw(`GET ${target} HTTP/1.1\r\n${Object.entries(tricks).map(([k, v]) => `${k}: ${v}\r\n`).join('')}Connection: close\r\n\r\n`);
    assert.ok([400, 404].includes(r.statuses[0]), `${target}: ${r.statuses}`);
    assert.ok(!r.text.includes('"items"'), target);
  }
  const socket = fs.statSync(path.join(gateway.dir, 'var/admin.sock'));
  assert.equal(socket.mode & 0o777, 0o600);
});

test('C3 C10 C12 the admin listener takes the token and nothing else, and not too many tries', async () => {
  const url = `http://127.0.0.1:${small.adminPort}`;
  const attempts = [{}, { authorization: 'Bearer ' }, { authorization: `Bearer ${adminToken}x` }, { authorization: `Basic ${Buffer.from(`admin:${adminToken}`).toString('base64')}` }, { cookie: `admin_token=${adminToken}; session=${adminToken}` }, { 'x-api-key': adminToken }, { authorization: `Bearer ${ours.key}` }];
  for (const headers of attempts) assert.equal((await send(`${url}/admin/v1/wallets`, { headers })).status, 401, JSON.stringify(headers));
  assert.equal((await send(`${url}/admin/v1/wallets?token=${adminToken}`)).status, 401);
  const forged = await send(`${url}/admin/v1/wallets/a21/freeze`, { method: 'POST', headers: { cookie: `token=${adminToken}`, origin: 'https://evil.example', 'content-type': 'text/plain' } });
  assert.ok([401, 403, 429].includes(forged.status), String(forged.status));
  assert.equal(small.run('wallet', 'show', 'a21').frozen, false);
  let r;
  for (let i = 0; i < 10; i++) r = await send(`${url}/admin/v1/wallets`, { headers: { authorization: 'Bearer guess' } });
  assert.equal(r.status, 429);
  assert.ok(Number(r.headers['retry-after']) > 0);
  assert.equal(small.cli('wallet', 'list').status, 0, 'the socket is not barred');
});

test('C12 reading never changes anything', async () => {
  const was = gateway.run('wallet', 'show', 'theirs');
  for (const rest of ['freeze', 'topup?amount=5', 'unfreeze', 'limits/day?amount=1'])
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const r = await admin(`/admin/v1/wallets/theirs/${rest}`, { method });
      assert.ok([404, 405, 429].includes(r.status), `${method} ${rest}: ${r.status}`);
    }
  assert.deepEqual(gateway.run('wallet', 'show', 'theirs'), was);
});

test('C15 no origin is ever allowed', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  for (const [url, options] of [[`${gateway.url}/v1/models`, {}], [`${gateway.url}/v1/chat/completions`, { method: 'OPTIONS' }], [`${gateway.url}/v1/wallet`, {}], [`http://127.0.0.1:${gateway.adminPort}/admin/v1/wallets`, { method: 'OPTIONS' }]]) {
    const r = await send(url, { ...options, headers });
    for (const name of Object.keys(r.headers)) assert.ok(!name.startsWith('access-control-'), `${url}: ${name}`);
  }
});

test('C17 the admin listener answers to its own name only', async () => {
  for (const host of ['evil.example', `evil.example:${gateway.adminPort}`, 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1']) {
    const r = await raw(`GET /admin/v1/wallets HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${adminToken}\r\nConnection: close\r\n\r\n`, { port: gateway.adminPort });
    assert.ok([400, 403, 421].includes(r.statuses[0]), `${host}: ${r.statuses}`);
  }
});

test('C13 C18 hostile names are refused or harmless, and every log line is JSON', async () => {
  for (const name of ['<script>alert(1)</script>', '"onx=1', 'javascript:x', 'a\r\nlevel=error', 'a\x1b[31m', 'a\u2028b', '../../etc/passwd', '${jndi:x}', '%s%n%n', "'; drop table wallets; --"]) {
    const made = await admin('/admin/v1/wallets', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) });
    if (made.status >= 400) {
      assert.equal(made.status, 400, `${JSON.stringify(name)}: ${made.status} ${made.body}`);
      continue;
    }
    assert.equal(JSON.parse(made.body).name, name);
    assert.equal(made.headers['content-type'], 'application/json');
  }
  for (const name of ['a\r\n{"msg":"forged"}', 'b\x1b]0;x\x07', '\u2028', '<script>'])
    assert.equal((await chat({ model: name, messages })).status, 404);
  await raw(head('GET /v1/models/%0d%0aforged HTTP/1.1', 'User-Agent: x" msg="forged', 'Connection: close'));
  const listed = gateway.cli('wallet', 'list');
  assert.equal(listed.status, 0);
  assert.doesNotMatch(listed.stdout, /\x1b|\r/);
  await sleep(100);
  for (const text of gateway.logs.split('\n').filter(Boolean)) {
    const entry = JSON.parse(text);
    assert.notEqual(entry.msg, 'forged');
  }
});

test('C19 metrics need the token and name no key and no wallet', async () => {
  assert.equal((await send(`http://127.0.0.1:${gateway.adminPort}/metrics`)).status, 401);
  const r = await admin('/metrics');
  assert.equal(r.status, 200);
  for (const secret of [ours.keyId, ours.id, 'ours', theirs.keyId]) assert.ok(!r.body.includes(secret), secret);
});

test("C20 an upstream's error that names our key is not passed on", async () => {
  for (const [status, answer] of [
    [400, { error: { message: `Incorrect API key provided: ${providerKey}`, code: providerKey, param: providerKey, type: providerKey } }],
    [400, { error: `bad key ${providerKey}` }],
    [422, { error: { message: `key ${providerKey.slice(0, 14)}****` } }],
    [400, { message: `bad key ${providerKey}` }],
    [401, { error: { message: providerKey } }],
    [500, { error: { message: providerKey } }],
    [200, { error: { message: providerKey } }],
    [429, { error: { message: providerKey } }],
  ]) {
    upstream.handle = (req, res) => json(res, status, answer, { 'x-debug-key': providerKey, 'retry-after': '1' });
    const r = await chat({ model: 'm', messages });
    assert.notEqual(r.status, 200);
    assert.ok(!`${r.body}${JSON.stringify(r.rawHeaders)}`.includes('sk-canary'), `${status}: ${r.body}`);
  }
  upstream.handle = (req, res) => sse(res, `${chunk('hi')}data: {"error":{"message":"${providerKey}"}}\n\n`);
  assert.ok(!(await chat({ model: 'm', messages, stream: true })).body.includes('sk-canary'));
  upstream.handle = (req, res) => json(res, 200, whole);
});

// ---- D. The other side -----------------------------------------------------------------

test('D1 D2 addresses of this machine and network are not called, however they are written', async (t) => {
  const probe = new Gateway({}, { init: false });
  t.after(() => probe.close());
  const hosts = ['127.0.0.1', '127.1', '127.9.9.9', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '0.0.0.0', '0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '169.254.169.254', '224.0.0.1', '255.255.255.255', '[::1]', '[::]', '[fc00::1]', '[fd12:3456::1]', '[fe80::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[64:ff9b::a00:1]', '[ff02::1]', 'localhost', 'LOCALHOST', 'a.localhost'];
  probe.config.limits = { requests_per_minute: 0, tokens_per_minute: 0 };
  probe.config.providers = Object.fromEntries(hosts.map((host, i) => [`p${i}`, { kind: 'compatible', base_url: `http://${host}:${upstream.port}/v1`, api_keys: [providerKey] }]));
  probe.config.models = Object.fromEntries(hosts.map((host, i) => [`m${i}`, { targets: [{ provider: `p${i}`, model: 'x' }], price }]));
  probe.writeConfig();
  assert.equal(probe.cli('init').status, 0);
  await probe.start();
  const wallet = probe.wallet('w', '1');
  const before = upstream.calls.length;
  for (const [i, host] of hosts.entries()) {
    const r = await chat({ model: `m${i}`, messages }, { authorization: `Bearer ${wallet.key}` }, probe);
    assert.equal(r.status, 502, `${host}: ${r.body}`);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_blocked', host);
  }
  assert.equal(upstream.calls.length, before);
  await probe.settled(wallet, nano('1'));
  for (const url of ['file:///etc/passwd', 'gopher://x.example/', 'ftp://x.example/', 'http://u:p@x.example/', 'http://user@127.0.0.1/', 'http://x.example/?q', 'http://x.example/#f', 'http://x.example/../y', 'http://', 'x.example', 'http://x\\@127.0.0.1/', 'http://x.example/a b', 'HTTP+UNIX://x']) {
    probe.config = { ...probe.config, providers: { p: { kind: 'compatible', base_url: url } } };
    probe.writeConfig();
    assert.equal(probe.cli('serve', '--check-config').status, 8, url);
  }
});

test('D1 D3 a name that leads to this machine is refused when it is connected to', async (t) => {
  const name = os.hostname();
  const found = await dns.lookup(name).catch(() => null);
  if (!found || !/^(127|10|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)\./.test(found.address)) {
    t.skip(`${name} does not lead to a private address`);
    return;
  }
  await unchanged(async () => {
    const before = upstream.calls.length;
    const r = await chat({ model: 'own-name', messages });
    assert.equal(r.status, 502);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_blocked');
    assert.equal(upstream.calls.length, before);
  });
});

test('D4 redirects are not followed, and no credential goes along', () =>
  unchanged(async () => {
    for (const status of [301, 302, 303, 307, 308])
      for (const location of [nowhere.url, 'file:///etc/passwd', 'gopher://127.0.0.1:1/x', '//evil.example/', '/v1/elsewhere']) {
        upstream.handle = (req, res) => json(res, status, {}, { location });
        const calls = upstream.calls.length;
        const r = await chat({ model: 'm', messages });
        assert.equal(r.status, 502, `${status} ${location}`);
        assert.equal(r.headers.location, undefined);
        assert.equal(upstream.calls.length, calls + 1);
        assert.equal((await data('/get/1')).status, 502);
      }
    assert.equal(nowhere.calls.length, 0);
    upstream.handle = (req, res) => json(res, 200, whole);
  }));

test('D6 D7 hop headers end here, and nobody strips ours', async () => {
  upstream.handle = (req, res) => json(res, 200, {});
  await data('/get/1', { headers: { connection: 'x-tenant, x-credential, authorization, host', 'x-tenant': 't', 'x-credential': 'mine', te: 'trailers', 'proxy-authorization': 'Basic x', 'proxy-connection': 'keep-alive', 'keep-alive': 'x', upgrade: 'websocket', via: 'x', cookie: 'a=b', referer: 'x', origin: 'x', 'x-real-ip': '1' } });
  const seen = upstream.calls.at(-1);
  assert.equal(seen.headers['x-credential'], dataKey);
  for (const name of Object.keys(seen.headers)) assert.ok(['x-credential', 'x-tenant', 'host', 'accept', 'user-agent', 'connection'].includes(name), name);
  assert.equal(seen.headers.host, `127.0.0.1:${upstream.port}`);
  await data('/any/a%20b?x=%0d%0aY:%20z');
  assert.equal(upstream.calls.at(-1).url, '/any/a%20b?x=%0d%0aY:%20z');
  upstream.handle = (req, res) => json(res, 200, whole);
});

test('D8 D9 upstreams that hang or drip end at a deadline and are free', () =>
  unchanged(async () => {
    upstream.handle = async (req, res) => { while (!res.destroyed) await sleep(20); };
    let r = await chat({ model: 'm', messages });
    assert.equal(r.status, 504);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_timeout');
    const wallet = small.wallet('drip', '1');
    upstream.handle = async (req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      while (!res.destroyed) { res.write(' '); await sleep(100); }
    };
    r = await chat({ model: 'm', messages }, { authorization: `Bearer ${wallet.key}` }, small);
    assert.equal(r.status, 504);
    await small.settled(wallet, nano('1'));
    upstream.handle = (req, res) => json(res, 200, whole);
  }));

test('D10 D11 answers beyond the cap are 502, a gzip bomb too, and neither is kept in memory', async () => {
  const wallet = small.wallet('bomb', '1');
  const ask = () => chat({ model: 'm', messages }, { authorization: `Bearer ${wallet.key}` }, small);
  upstream.handle = (req, res) => json(res, 200, usageAnswer({ note: 'x'.repeat(100000) }));
  let r = await ask();
  assert.equal(r.status, 502);
  const bomb = zlib.gzipSync(Buffer.alloc(256 << 20));
  const memory = small.usage().rssKb;
  upstream.handle = (req, res) => json(res, 200, bomb, { 'content-encoding': 'gzip' });
  r = await ask();
  assert.equal(r.status, 502);
  assert.ok(small.usage().rssKb - memory < 16 << 10, `${small.usage().rssKb - memory} kB more`);
  await small.settled(wallet, nano('1'));
  upstream.handle = (req, res) => json(res, 200, whole);
});

test('D12 D19 heads without end, and framing that lies', () =>
  unchanged(async () => {
    const answers = {
      'a head without end': (s) => { s.write('HTTP/1.1 200 OK\r\n'); const t = setInterval(() => s.write(`X-A: ${'a'.repeat(60000)}\r\n`), 1); s.on('close', () => clearInterval(t)); },
      'no HTTP': (s) => s.end('SSH-2.0-x\r\n'),
      nothing: (s) => s.end(),
      'half a status': (s) => s.end('HTTP/1.1 2'),
      'a negative length': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}'),
      'two lengths': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}'),
      'a length too long': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}'),
      'bad chunks': (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n'),
      'cut chunks': (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'),
      '100 for ever': (s) => { const t = setInterval(() => s.write('HTTP/1.1 100 Continue\r\n\r\n'), 1); s.on('close', () => clearInterval(t)); },
      '101': (s) => s.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      'status 99': (s) => s.end('HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\n{}'),
      'status 999': (s) => s.end('HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\n{}'),
      '204': (s) => s.end('HTTP/1.1 204 No Content\r\n\r\n'),
    };
    for (const [what, answer] of Object.entries(answers)) {
      lowLevel.answer = answer;
      const r = await chat({ model: 'low', messages });
      assert.ok([502, 504].includes(r.status), `${what}: ${r.status} ${r.body}`);
      assert.equal(r.headers['x-octroi-cost'], '0.000000000', what);
    }
  }));

test('D13 event streams that are none end cleanly, and never cost more than the hold', async () => {
  const done = 'data: [DONE]\n\n';
  const streams = {
    'no blank line': chunk('a').trimEnd(),
    'CR only': (chunk('a') + done).replaceAll('\n', '\r'),
    'CRLF': (chunk('a') + done).replaceAll('\n', '\r\n'),
    'a line of 10 MB': `data: {"x":"${'a'.repeat(10 << 20)}"}\n\n${done}`,
    'events after the end': chunk('a') + done + chunk('b'),
    'NUL': `data: {"choices":[]}\0\n\n${done}`,
    'half JSON': `data: {"choices":[{"delta":\n\n${done}`,
    'not UTF-8': Buffer.concat([Buffer.from('data: {"choices":[{"delta":{"content":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}}]}\n\n')]),
    'nothing': '',
    'comments only': ': ping\n\n: ping\n\n',
    'fields without end': 'event: x\n'.repeat(100000),
    'an array': `data: []\n\n${done}`,
    'a number': `data: 12\n\n${done}`,
    'deep': `data: {"choices":${'['.repeat(5000)}\n\n${done}`,
    'a wrong type of choices': `data: {"choices":{"a":1}}\n\n${chunk('x')}${done}`,
  };
  const was = gateway.balance(ours).balance;
  let spent = 0n;
  for (const [what, stream] of Object.entries(streams)) {
    upstream.handle = (req, res) => sse(res, stream);
    const r = await chat({ model: 'm', messages, stream: true, max_tokens: 100 });
    const text = r.body.toString();
    if (r.status === 200) {
      assert.ok(text.endsWith('data: [DONE]\n\n') || text.includes('upstream_error'), `${what}: ${text.slice(-200)}`);
      const row = gateway.statement(ours).at(-1);
      assert.equal(row.request_id, r.headers['x-request-id'], what);
      assert.ok(nano(row.amount) <= nano(r.headers['x-octroi-hold']), what);
      spent += nano(row.amount);
    } else {
      assert.equal(r.status, 502, `${what}: ${text}`);
    }
  }
  await gateway.settled(ours, was - spent);
  upstream.handle = (req, res) => json(res, 200, whole);
});

test('D14 usage that cannot be is an estimate within the hold', async () => {
  const was = gateway.balance(ours).balance;
  let spent = 0n;
  for (const usage of [undefined, null, {}, 'many', [], { prompt_tokens: -5, completion_tokens: 5 }, { prompt_tokens: 5, completion_tokens: -5 }, { prompt_tokens: 1.5, completion_tokens: 1 }, { prompt_tokens: '5', completion_tokens: '5' }, { prompt_tokens: 9007199254740992, completion_tokens: 1 }, { prompt_tokens: 5, completion_tokens: 5, total_tokens: 3, prompt_tokens_details: { cached_tokens: 50 } }, { completion_tokens: 7 }]) {
    upstream.handle = (req, res) => json(res, 200, usageAnswer(usage));
    const r = await chat({ model: 'm', messages, max_tokens: 50 });
    if (r.status !== 200) {
      assert.equal(r.status, 502, JSON.stringify(usage));
      continue;
    }
    const row = gateway.statement(ours).at(-1);
    assert.equal(row.request_id, r.headers['x-request-id']);
    assert.equal(row.estimated, true, JSON.stringify(usage));
    assert.ok(nano(row.amount) > 0n && nano(row.amount) <= line(8192 + 200, '1.5625') + line(50, '10'), JSON.stringify([usage, row]));
    spent += nano(row.amount);
  }
  await gateway.settled(ours, was - spent);
  upstream.handle = (req, res) => json(res, 200, whole);
});

test('D17 TLS that does not prove itself is refused', (t) =>
  unchanged(async () => {
    if (!tlsServer) t.diagnostic('no openssl command: without the self-signed certificate');
    for (const model of ['not-tls', ...(tlsServer ? ['self-signed'] : [])]) {
      const r = await chat({ model, messages });
      assert.equal(r.status, 502, model);
      assert.equal(JSON.parse(r.body).error.code, 'upstream_error');
    }
  }));

test('D18 a name that does not resolve is an error, and holds up nobody', () =>
  unchanged(async () => {
    const lost = Promise.all(Array.from({ length: 10 }, () => chat({ model: 'no-name', messages })));
    for (let i = 0; i < 10; i++) assert.equal((await send(`${gateway.url}/v1/wallet`, { headers: { authorization: `Bearer ${ours.key}` } })).status, 200);
    for (const r of await lost) assert.ok([502, 504].includes(r.status), String(r.status));
  }));

test('D20 HTML from a data API is not shown as a page', async () => {
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-type': 'text/html', 'content-disposition': 'inline' }); res.end('<script>'); };
  const r = await data('/get/1');
  assert.equal(r.headers['x-content-type-options'], 'nosniff');
  assert.match(r.headers['content-disposition'], /^attachment/);
  upstream.handle = (req, res) => json(res, 200, whole);
});

// ---- E. Charging -----------------------------------------------------------------------

test('E11 prices that are none are refused when they are loaded', () => {
  const probe = new Gateway({}, { init: false });
  for (const bad of ['-1', 'NaN', 'Infinity', '1e-30', '0.0000000001', '9223372036854775808', '18446744073709551616', '1e9', '', ' ', '1,5', '0x1', '--1', true, null, {}, []]) {
    probe.config.data_apis = { a: { base_url: 'https://a.example', endpoints: [{ method: 'GET', path: '/x', price: bad }] } };
    probe.writeConfig();
    const api = probe.cli('serve', '--check-config');
    if (bad !== null) assert.equal(api.status, 8, `${JSON.stringify(bad)}: ${api.stdout}${api.stderr}`);
    probe.config.data_apis = {};
    probe.config.providers = { p: { kind: 'compatible', base_url: 'https://p.example/v1' } };
    probe.config.models = { m: { targets: [{ provider: 'p', model: 'x' }], price: { input: '1', output: bad } } };
    probe.writeConfig();
    const model = probe.cli('serve', '--check-config');
    if (bad !== null) assert.equal(model.status, 8, `${JSON.stringify(bad)}: ${model.stdout}${model.stderr}`);
    probe.config.models = {};
  }
  fs.rmSync(probe.dir, { recursive: true });
});

test('E12 a worst case beyond all amounts is refused and has no effect', () =>
  unchanged(async () => {
    const before = upstream.calls.length;
    for (const more of [{ max_tokens: 100000000, n: 128 }, { max_tokens: 100000000 }]) {
      const r = await chat({ model: 'dear', messages, ...more });
      assert.equal(r.status, 400, r.body.toString());
      assert.equal(JSON.parse(r.body).error.code, 'amount_overflow');
    }
    const r = await chat({ model: 'dear', messages, max_tokens: 1000 });
    assert.equal(r.status, 402);
    assert.equal(upstream.calls.length, before);
  }));

test('E16 100 calls under one idempotency key are one', async () => {
  let runs = 0;
  upstream.handle = async (req, res) => { runs++; await sleep(200); json(res, 200, whole); };
  const was = gateway.balance(ours).balance;
  const all = await Promise.all(Array.from({ length: 100 }, () => chat({ model: 'm', messages }, { 'idempotency-key': 'e16' })));
  assert.equal(runs, 1);
  assert.equal(all.filter((r) => r.status === 200).length, 1);
  assert.equal(all.filter((r) => r.status === 409).length, 99);
  const cost = nano(all.find((r) => r.status === 200).headers['x-octroi-cost']);
  await gateway.settled(ours, was - cost);
  for (const key of ['', 'a'.repeat(256), 'a\tb']) assert.equal((await chat({ model: 'm', messages }, { 'idempotency-key': key })).status, 400, JSON.stringify(key));
  await gateway.settled(ours, was - cost);
  upstream.handle = (req, res) => json(res, 200, whole);
});

// ---- G. What the process bears ---------------------------------------------------------

test('G11 SIGHUP again and again, SIGPIPE, SIGSTOP and SIGCONT leave it serving', async () => {
  for (let i = 0; i < 300; i++) gateway.child.kill('SIGHUP');
  gateway.child.kill('SIGPIPE');
  const running = chat({ model: 'm', messages });
  gateway.child.kill('SIGSTOP');
  await sleep(500);
  gateway.child.kill('SIGCONT');
  assert.equal((await running).status, 200);
  assert.equal((await chat({ model: 'm', messages })).status, 200);
});

test('G15 a log that nobody reads holds up nobody', async () => {
  other.child.stderr.pause();
  const wallet = other.wallet('g15', '5');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 300; i++) {
      const r = await request(`${other.url}/v1/chat/completions`, { method: 'POST', agent, headers: { authorization: `Bearer ${wallet.key}`, 'content-type': 'application/json' }, body });
      if (r.status === 429) break; // its own limit of calls per minute
      assert.equal(r.status, 200);
    }
  }));
  for (let i = 0; i < 1000; i++) await request(`${other.url}/v1/nowhere`, { agent });
  agent.destroy();
  assert.equal((await request(`${other.url}/healthz`)).status, 200);
  other.child.stderr.resume();
});

// ---- The end ---------------------------------------------------------------------------

test('A16 a head that dribbles is cut off at its deadline', async () => {
  const { answer, ms } = await slow.head;
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.ok(ms > 8000 && ms < 20000, `${ms} ms`);
});

test('A17 a body that dribbles is cut off at its deadline, and nothing was held', async () => {
  const { answer, ms } = await slow.body;
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.ok(ms > 25000 && ms < 60000, `${ms} ms`);
});

test('A9 a chunk of 2^64 - 1 bytes is waited for no longer than any body', async () => {
  const { statuses, closed } = await slow.chunk;
  assert.deepEqual([statuses, closed], [[408], true]);
});

test('I9 the process is the one that was started, with its memory and descriptors', async () => {
  assert.equal(gateway.child.exitCode, null);
  let now = gateway.usage();
  for (let i = 0; i < 200 && now.files > base.files + 40; i++) {
    await sleep(50);
    now = gateway.usage();
  }
  assert.ok(now.files <= base.files + 40, `${base.files} descriptors, then ${now.files}`);
  assert.ok(now.rssKb - base.rssKb < 256 << 10, `${base.rssKb} kB, then ${now.rssKb}`);
  for (const w of [ours, theirs]) await gateway.settled(w);
});

/** A secret as it could have been written. */
const spellings = (secret) => {
  const b = Buffer.isBuffer(secret) ? secret : Buffer.from(secret);
  const all = [b, Buffer.from(b.toString('base64').replace(/=+$/, '')), Buffer.from(b.toString('base64url')), Buffer.from(b.toString('hex'))];
  return Buffer.isBuffer(secret) ? all : [b, all[1], all[2]];
};

test('I8 C5 no secret in any log, answer, metric, export, file or header to an upstream', async () => {
  const master = fs.readFileSync(path.join(gateway.dir, 'var/master.key'));
  const secretOf = (key) => key.slice(18); // the id before it may be told
  const clientKeys = [ours, theirs].map((w) => secretOf(w.key));
  const everything = { 'provider key': providerKey, 'data credential': dataKey, 'admin token': adminToken, 'master key': master, 'key of ours': clientKeys[0], 'key of theirs': clientKeys[1] };
  for (const g of [small, other]) everything[`master key of ${g.dir}`] = fs.readFileSync(path.join(g.dir, 'var/master.key'));

  const places = { logs: gateway.logs + small.logs + other.logs, 'what clients were told': said.join('\n') };
  places.metrics = (await admin('/metrics')).body;
  for (const words of [['ledger', 'export'], ['config', 'show', '--effective'], ['key', 'list'], ['wallet', 'list'], ['wallet', 'show', 'ours'], ['wallet', 'statement', 'ours'], ['model', 'list'], ['price', 'list'], ['usage'], ['doctor'], ['ledger', 'stats']])
    for (const as of [[], ['--json']]) {
      const r = gateway.cli(...words, ...as);
      places[[...words, ...as].join(' ')] = r.stdout + r.stderr;
    }
  for (const name of fs.readdirSync(path.join(gateway.dir, 'var')))
    if (!['master.key', 'admin.sock'].includes(name)) places[`var/${name}`] = fs.readFileSync(path.join(gateway.dir, 'var', name));
  places['the command line'] = fs.readFileSync(`/proc/${gateway.child.pid}/cmdline`);
  for (const [where, text] of Object.entries(places))
    for (const [what, secret] of Object.entries(everything))
      for (const s of spellings(secret)) assert.ok(!text.includes(s), `${what} is in ${where}`);

  // An upstream sees its own credential, in its own header, and no other secret.
  for (const u of [upstream, nowhere])
    for (const call of u.calls) {
      const text = Buffer.concat([Buffer.from(JSON.stringify([call.url, call.rawHeaders])), call.body ?? Buffer.alloc(0)]);
      for (const [what, secret] of Object.entries(everything)) {
        const due = (what === 'provider key' && call.headers.authorization === `Bearer ${providerKey}`) || (what === 'data credential' && call.headers['x-credential'] === dataKey);
        if (due) assert.equal(text.toString('latin1').split(secret).length, 2, `${what} more than once`);
        else for (const s of spellings(secret)) assert.ok(!text.includes(s), `${what} went to ${call.url}`);
      }
    }
  const limits = fs.readFileSync(`/proc/${gateway.child.pid}/limits`, 'utf8');
  assert.match(limits, /Max core file size +0 +0/);
});
