// SPDX-License-Identifier: Apache-2.0
// What a hostile or broken upstream does, and where nobody may make us call. A title begins
// with the number of its threat.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dns from 'node:dns/promises';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import zlib from 'node:zlib';
import {
  another, answerWell, answerWith, bearer, chat, chunk, closeWorld, data, dataKey, free, gateway, messages, model, nowhere, openWorld,
  ours, provider, providerKey, raw, rawUpstream, searchAtTheEnd, send, upstream,
} from './hostile.mjs';
import { Gateway, json, line, nano, sleep, sse } from './lib.mjs';

let lowLevel; // below HTTP
let tls; // an upstream whose certificate nobody vouches for; null without openssl

function selfSigned() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-tls-'));
  const [key, cert] = ['tls.key', 'tls.pem'].map((name) => path.join(dir, name));
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost']);
  const pair = made.status === 0 ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : null;
  fs.rmSync(dir, { recursive: true });
  return pair;
}

before(async () => {
  lowLevel = await rawUpstream();
  const pair = selfSigned();
  if (pair) {
    tls = https.createServer(pair, answerWell);
    await new Promise((done) => tls.listen(0, '127.0.0.1', done));
  }
  await openWorld(() => ({
    providers: {
      low: provider(`${lowLevel.url}/v1`),
      'self-signed': provider(`https://localhost:${tls?.address().port ?? 1}/v1`),
      'not-tls': provider(`https://localhost:${upstream.port}/v1`),
      'no-name': provider('https://no-such-host.invalid/v1'),
      'own-name': provider(`http://${os.hostname()}:${upstream.port}/v1`, { allow_private: false }),
    },
    models: Object.fromEntries(['low', 'self-signed', 'not-tls', 'no-name', 'own-name'].map((name) => [name, model(name)])),
    limits: { call_timeout: '20s' },
  }));
});

after(async () => {
  await closeWorld();
  await lowLevel?.close();
  tls?.closeAllConnections();
  tls?.close();
});

// ---- Where it may not call -------------------------------------------------------------

test('D1 D2 addresses of this machine and network are not called, however they are written', async (t) => {
  const hosts = [
    '127.0.0.1', '127.1', '127.9.9.9', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '0.0.0.0', '0', '10.0.0.1',
    '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '169.254.169.254', '224.0.0.1', '255.255.255.255',
    '[::1]', '[::]', '[fc00::1]', '[fd12:3456::1]', '[fe80::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]', '[64:ff9b::a00:1]', '[ff02::1]', 'localhost', 'LOCALHOST', 'a.localhost',
  ];
  const name = (i) => `host-${i}`;
  const probe = await another(t, {
    providers: Object.fromEntries(hosts.map((host, i) => [name(i), provider(`http://${host}:${upstream.port}/v1`, { allow_private: false })])),
    models: Object.fromEntries(hosts.map((host, i) => [name(i), model(name(i))])),
  });
  const wallet = probe.wallet('w', '1');
  const before = upstream.calls.length;
  for (const [i, host] of hosts.entries()) {
    const r = await chat({ model: name(i), messages }, bearer(wallet.key), probe);
    assert.equal(r.status, 502, `${host}: ${r.body}`);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_blocked', host);
  }
  assert.equal(upstream.calls.length, before);
  await probe.settled(wallet, nano('1'));
});

test('D1 D2 a base_url that is no plain one is refused when it is loaded', (t) => {
  const probe = new Gateway({}, { init: false });
  t.after(() => probe.close());
  for (const url of [
    'file:///etc/passwd', 'gopher://x.example/', 'ftp://x.example/', 'http://u:p@x.example/', 'http://user@127.0.0.1/',
    'http://x.example/?q', 'http://x.example/#f', 'http://x.example/../y', 'http://', 'x.example',
    'http://x\\@127.0.0.1/', 'http://x.example/a b', 'HTTP+UNIX://x',
  ]) {
    probe.config.providers = { p: { kind: 'compatible', base_url: url } };
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
  await free(async () => {
    const before = upstream.calls.length;
    const r = await chat({ model: 'own-name', messages });
    assert.equal(r.status, 502);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_blocked');
    assert.equal(upstream.calls.length, before);
  });
});

test('D4 redirects are not followed, and no credential goes along', () =>
  free(async () => {
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
    upstream.handle = answerWell;
  }));

test('D6 D7 hop headers end here, and nobody strips ours', async () => {
  upstream.handle = (req, res) => json(res, 200, {});
  const hop = { te: 'trailers', 'proxy-authorization': 'Basic x', 'proxy-connection': 'keep-alive', 'keep-alive': 'x', upgrade: 'websocket' };
  const own = { via: 'x', cookie: 'a=b', referer: 'x', origin: 'x', 'x-real-ip': '1', 'x-tenant': 't', 'x-credential': 'mine' };
  await data('/get/1', { headers: { ...hop, ...own, connection: 'x-tenant, x-credential, authorization, host' } });
  const seen = upstream.calls.at(-1);
  assert.equal(seen.headers['x-credential'], dataKey);
  for (const name of Object.keys(seen.headers)) assert.ok(['x-credential', 'x-tenant', 'host', 'accept', 'user-agent', 'connection'].includes(name), name);
  assert.equal(seen.headers.host, `127.0.0.1:${upstream.port}`);
  await data('/any/a%20b?x=%0d%0aY:%20z');
  assert.equal(upstream.calls.at(-1).url, '/any/a%20b?x=%0d%0aY:%20z');
  upstream.handle = answerWell;
});

// ---- What it answers -------------------------------------------------------------------

test('D8 D9 upstreams that hang or drip end at a deadline and are free', async (t) => {
  await free(async () => {
    upstream.handle = async (req, res) => {
      while (!res.destroyed) await sleep(20);
    };
    const r = await chat({ model: 'm', messages });
    assert.equal(r.status, 504);
    assert.equal(JSON.parse(r.body).error.code, 'upstream_timeout');
  });
  const hasty = await another(t, { limits: { call_timeout: '1s' } });
  const wallet = hasty.wallet('w', '1');
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    while (!res.destroyed) {
      res.write(' ');
      await sleep(100);
    }
  };
  assert.equal((await chat({ model: 'm', messages }, bearer(wallet.key), hasty)).status, 504);
  await hasty.settled(wallet, nano('1'));
  upstream.handle = answerWell;
});

test('D10 D11 answers beyond the cap are 502, a gzip bomb too, and neither is kept in memory', async (t) => {
  const small = await another(t, { limits: { max_response_bytes: 65536 } });
  const wallet = small.wallet('w', '1');
  const ask = () => chat({ model: 'm', messages }, bearer(wallet.key), small);
  upstream.handle = (req, res) => json(res, 200, answerWith({ prompt_tokens: 1, completion_tokens: 1 }, 'x'.repeat(100000)));
  assert.equal((await ask()).status, 502);
  const bomb = zlib.gzipSync(Buffer.alloc(256 << 20));
  const memory = small.usage().rssKb;
  upstream.handle = (req, res) => json(res, 200, bomb, { 'content-encoding': 'gzip' });
  assert.equal((await ask()).status, 502);
  assert.ok(small.usage().rssKb - memory < 16 << 10, `${small.usage().rssKb - memory} kB more`);
  await small.settled(wallet, nano('1'));
  upstream.handle = answerWell;
});

/** Writes the first text, then the second until the other side has enough. */
function forEver(socket, first, again) {
  socket.write(first);
  const timer = setInterval(() => socket.write(again), 1);
  socket.on('close', () => clearInterval(timer));
}

test('D12 D19 heads without end, and framing that lies', () =>
  free(async () => {
    const answers = {
      'a head without end': (s) => forEver(s, 'HTTP/1.1 200 OK\r\n', `X-A: ${'a'.repeat(60000)}\r\n`),
      'no HTTP': (s) => s.end('SSH-2.0-x\r\n'),
      nothing: (s) => s.end(),
      'half a status': (s) => s.end('HTTP/1.1 2'),
      'a negative length': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}'),
      'two lengths': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}'),
      'a length too long': (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}'),
      'bad chunks': (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n'),
      'cut chunks': (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'),
      '100 for ever': (s) => forEver(s, '', 'HTTP/1.1 100 Continue\r\n\r\n'),
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
  upstream.handle = answerWell;
});

test('D14 usage that cannot be is an estimate within the hold', async () => {
  const was = gateway.balance(ours).balance;
  let spent = 0n;
  for (const usage of [
    undefined, null, {}, 'many', [], { prompt_tokens: -5, completion_tokens: 5 },
    { prompt_tokens: 5, completion_tokens: -5 }, { prompt_tokens: 1.5, completion_tokens: 1 },
    { prompt_tokens: '5', completion_tokens: '5' }, { prompt_tokens: 9007199254740992, completion_tokens: 1 },
    { prompt_tokens: 5, completion_tokens: 5, total_tokens: 3, prompt_tokens_details: { cached_tokens: 50 } },
    { completion_tokens: 7 },
  ]) {
    upstream.handle = (req, res) => json(res, 200, answerWith(usage));
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
  upstream.handle = answerWell;
});

test('A23 an upstream cannot split our answers', async (t) => {
  const api = await another(t, { data_apis: { low: { base_url: lowLevel.url, allow_private: true, endpoints: [{ method: 'GET', path: '/{x*}', price: '0' }] } } });
  const w = api.wallet('w', '1');
  for (const evil of [
    'X-Evil: a\rSet-Cookie: b=c', 'X-Evil: a\x00b', 'X-Evil: a\r\n Set-Cookie: folded', 'X Evil: b', 'X-Evil : b',
    'Connection: close, x-kept\r\nX-Kept: no', 'Content-Length: 3\r\nContent-Length: 3000',
    'Transfer-Encoding: chunked\r\nContent-Length: 2', 'X-Evil: ' + 'a'.repeat(70000),
  ]) {
    const length = /content-length/i.test(evil) ? '' : 'Content-Length: 2\r\n';
    lowLevel.answer = (s) => s.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${length}${evil}\r\n\r\nok`, 'latin1');
    const r = await raw(`GET /v1/data/low/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${w.key}\r\nConnection: close\r\n\r\n`, { port: api.port });
    assert.ok(r.statuses.length <= 1, evil);
    const answer = r.text.split('\r\n\r\n')[0];
    assert.doesNotMatch(answer, /\r(?!\n)|\x00|(?<!\r)\n/, JSON.stringify(evil));
    assert.doesNotMatch(answer, /^set-cookie/im, JSON.stringify(evil));
    assert.doesNotMatch(answer, /^x-kept/im);
  }
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
  upstream.handle = answerWell;
});

test('D17 TLS that does not prove itself is refused', (t) =>
  free(async () => {
    if (!tls) t.diagnostic('no openssl command: without the self-signed certificate');
    for (const model of ['not-tls', ...(tls ? ['self-signed'] : [])]) {
      const r = await chat({ model, messages });
      assert.equal(r.status, 502, model);
      assert.equal(JSON.parse(r.body).error.code, 'upstream_error');
    }
  }));

test('D18 a name that does not resolve is an error, and holds up nobody', () =>
  free(async () => {
    const lost = Promise.all(Array.from({ length: 10 }, () => chat({ model: 'no-name', messages })));
    for (let i = 0; i < 10; i++) assert.equal((await send(`${gateway.url}/v1/wallet`, { headers: bearer(ours.key) })).status, 200);
    for (const r of await lost) assert.ok([502, 504].includes(r.status), String(r.status));
  }));

test('D20 HTML from a data API is not shown as a page', async () => {
  upstream.handle = (req, res) => json(res, 200, Buffer.from('<script>'), { 'content-type': 'text/html', 'content-disposition': 'inline' });
  const r = await data('/get/1');
  assert.equal(r.headers['x-content-type-options'], 'nosniff');
  assert.equal(r.headers['content-disposition'], 'attachment');
  upstream.handle = answerWell;
});

searchAtTheEnd();
