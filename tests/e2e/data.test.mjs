// SPDX-License-Identifier: Apache-2.0
// Data APIs at flat prices, with a plain HTTP client.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import test, { after, before } from 'node:test';
import zlib from 'node:zlib';
import { Gateway, json, nano, request, sleep, startUpstream, usd } from './lib.mjs';

let upstream, gateway, wallet, auth, left;

before(async () => {
  upstream = await startUpstream();
  gateway = new Gateway({
    data_apis: {
      search: {
        base_url: `${upstream.url}/base`,
        allow_private: true,
        auth: { header: 'X-Api-Secret', value: 'data-secret-0123456789' },
        endpoints: [
          { method: 'GET', path: '/search', price: '0.005' },
          { method: 'GET', path: '/markets/{id}', price: '0.001', pass_headers: ['x-tenant'] },
          { method: 'POST', path: '/post', price: '0.25', charge: 'always' },
          { method: 'ANY', path: '/files/{rest*}', price: '0.000000001' },
          { method: 'GET', path: '/free', price: '0' },
          { method: 'GET', path: '/unpriced' },
        ],
      },
    },
    limits: { requests_per_minute: 0, max_response_bytes: 4194304 },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '5');
  auth = { authorization: `Bearer ${wallet.key}` };
  left = nano('5');
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

const call = (path, options = {}) => request(`${gateway.url}/v1/data${path}`, { ...options, headers: { ...auth, ...options.headers } });

test('a call passes status, body and headers, costs its price, and says so', async () => {
  upstream.handle = (req, res) => json(res, 200, { results: [1, 2] }, { 'x-extra': 'kept', 'set-cookie': 'a=b', etag: '"1"', 'x-octroi-cost': '999', connection: 'x-hop', 'x-hop': '1' });
  const r = await call('/search/search?q=a%20b&x=%2F..');
  assert.equal(r.status, 200);
  assert.deepEqual(JSON.parse(r.body), { results: [1, 2] });
  assert.equal(r.headers['x-extra'], 'kept');
  assert.equal(r.headers.etag, '"1"');
  assert.equal(r.headers['set-cookie'], undefined);
  assert.equal(r.headers['x-hop'], undefined);
  left -= nano('0.005');
  assert.equal(r.headers['x-octroi-cost'], '0.005000000');
  assert.equal(r.headers['x-octroi-balance'], usd(left));
  const seen = upstream.calls.at(-1);
  assert.equal(seen.url, '/base/search?q=a%20b&x=%2F..');
  assert.equal(seen.headers['x-api-secret'], 'data-secret-0123456789');
  await gateway.settled(wallet, left);
});

test('only allowed headers go upstream, and never a key or a cookie', async () => {
  upstream.handle = (req, res) => json(res, 200, {});
  await call('/search/markets/42', {
    headers: { cookie: 'c=1', 'x-tenant': 't1', 'x-other': 'no', accept: 'text/plain', 'x-api-secret': 'mine', 'x-forwarded-for': '9.9.9.9', te: 'trailers', 'accept-language': 'de', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-goog-api-key': wallet.key },
  });
  const seen = upstream.calls.at(-1);
  assert.deepEqual(Object.keys(seen.headers).sort(), ['accept', 'accept-language', 'host', 'traceparent', 'user-agent', 'x-api-secret', 'x-tenant']);
  assert.equal(seen.headers['x-api-secret'], 'data-secret-0123456789');
  assert.ok(!JSON.stringify(seen.rawHeaders).includes('sk-oct-'));
  left -= nano('0.001');
  await gateway.settled(wallet, left);
});

test('what is not 2xx passes and is free, unless the endpoint always charges', async () => {
  for (const status of [400, 404, 410, 429, 500, 503]) {
    upstream.handle = (req, res) => json(res, status, { nope: status });
    const r = await call('/search/search');
    assert.equal(r.status, status);
    assert.deepEqual(JSON.parse(r.body), { nope: status });
    assert.equal(r.headers['x-octroi-cost'], '0.000000000');
  }
  await gateway.settled(wallet, left);
  upstream.handle = (req, res) => json(res, 500, {});
  assert.equal((await call('/search/post', { method: 'POST', body: 'x' })).status, 500);
  left -= nano('0.25');
  await gateway.settled(wallet, left);
});

test('a redirect and a refusal of our own credential are 502 and free', async () => {
  for (const status of [301, 302, 307, 401]) {
    upstream.handle = (req, res) => json(res, status, {}, { location: 'http://127.0.0.1/', 'www-authenticate': 'Basic' });
    const r = await call('/search/search');
    assert.equal(r.status, 502);
    assert.equal(r.headers.location, undefined);
    assert.equal(JSON.parse(r.body).code, 'upstream_error');
    assert.equal(r.headers['content-type'], 'application/problem+json');
  }
  upstream.handle = (req, res) => { res.writeHead(304, { etag: '"1"' }); res.end(); };
  const r = await call('/search/search', { headers: { 'if-none-match': '"1"' } });
  assert.equal(r.status, 304);
  assert.equal(upstream.calls.at(-1).headers['if-none-match'], '"1"');
  await gateway.settled(wallet, left);
});

test('methods, bodies and HEAD arrive as they were sent', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const body = method === 'GET' || method === 'OPTIONS' ? undefined : Buffer.from([0, 1, 2, 255]);
    upstream.handle = (req, res, got) => json(res, 200, { method: req.method, got: got.toString('hex'), type: req.headers['content-type'] ?? null });
    const r = await call('/search/files/a/b', { method, body, headers: body ? { 'content-type': 'application/octet-stream' } : {} });
    assert.deepEqual(JSON.parse(r.body), { method, got: body ? '000102ff' : '', type: body ? 'application/octet-stream' : null });
    left -= 1n;
  }
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-length': '12345', 'content-type': 'text/plain' }); res.end(); };
  const r = await call('/search/search', { method: 'HEAD' });
  assert.equal(r.status, 200);
  assert.equal(r.headers['content-length'], '12345');
  assert.equal(r.body.length, 0);
  left -= nano('0.005');
  await gateway.settled(wallet, left);
});

test('large answers stream through and keep their bytes, encoded ones too', async () => {
  const big = Buffer.alloc(3 << 20, 'abcdefghij');
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-type': 'text/csv' }); res.end(big); };
  let r;
  for (let i = 0; i < 100; i++) { // all on one connection, which is paused again and again
    r = await call('/search/search');
    assert.ok(r.complete && r.body.equals(big));
    left -= nano('0.005');
  }
  const zipped = zlib.gzipSync(big);
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length }); res.end(zipped); };
  r = await call('/search/search', { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(r.headers['content-encoding'], 'gzip');
  assert.ok(r.body.equals(zipped));
  left -= nano('0.005');
  await gateway.settled(wallet, left);
});

test('a slow stream arrives piece by piece', async () => {
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 5; i++) { res.write(`data: ${i}\n\n`); await sleep(120); }
    res.end();
  };
  const times = [];
  await new Promise((done) => {
    const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(`GET /v1/data/search/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wallet.key}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (d) => { for (const m of String(d).matchAll(/data: \d/g)) times.push([m[0], Date.now()]); });
    socket.on('close', done);
  });
  assert.equal(times.length, 5);
  assert.ok(times[4][1] - times[0][1] > 300, 'all pieces came together');
  left -= nano('0.005');
  await gateway.settled(wallet, left);
});

test('paths without canonical form are 400, unknown ones 404, other methods 405, unpriced 503', async () => {
  const raw = (path) => new Promise((done) => {
    let text = '';
    const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wallet.key}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (d) => (text += d));
    socket.on('close', () => done(Number(text.split(' ')[1])));
  });
  const before = upstream.calls.length;
  for (const path of ['/v1/data/search/files/../search', '/v1/data/search/files/%2e%2e/search', '/v1/data/search//search', '/v1/data/search/files/a%2fb', '/v1/data/search/files/a%5cb', '/v1/data/search/files/a%00b'])
    assert.equal(await raw(path), 400, path);
  assert.equal(await raw('/v1/data/nothing/search'), 404);
  assert.equal(await raw('/v1/data/search/nothing'), 404);
  assert.equal((await call('/search/search', { method: 'DELETE' })).status, 405);
  const r = await call('/search/unpriced');
  assert.equal(r.status, 503);
  assert.equal(JSON.parse(r.body).code, 'price_missing');
  assert.equal(upstream.calls.length, before);
  upstream.handle = (req, res) => json(res, 200, {});
  assert.equal((await call('/search/free')).headers['x-octroi-cost'], '0.000000000');
  await gateway.settled(wallet, left);
});

test('without a key a priced path is 402, with a wrong one 401', async () => {
  const r = await request(`${gateway.url}/v1/data/search/search`);
  assert.equal(r.status, 402);
  assert.equal(JSON.parse(r.body).code, 'payment_required');
  assert.equal(r.headers['x-should-retry'], 'false');
  const wrong = await request(`${gateway.url}/v1/data/search/search`, { headers: { authorization: 'Bearer sk-oct-aaaaaaaaaa-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } });
  assert.equal(wrong.status, 401);
  const inUrl = await request(`${gateway.url}/v1/data/search/search?key=${wallet.key}`, { headers: auth });
  assert.equal(inUrl.status, 401);
  await gateway.settled(wallet, left);
});

test('an upstream that breaks off costs nothing and is not taken for whole', async () => {
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-length': 200000 }); res.write(Buffer.alloc(100000)); setTimeout(() => res.destroy(), 50); };
  const r = await call('/search/search');
  assert.equal(r.complete, false);
  await gateway.settled(wallet, left);
  upstream.handle = (req, res) => res.destroy();
  assert.equal((await call('/search/search')).status, 502);
  upstream.handle = (req, res) => { res.writeHead(200); const t = setInterval(() => res.write(Buffer.alloc(65536)), 1); res.on('close', () => clearInterval(t)); };
  const endless = await call('/search/search');
  assert.equal(endless.complete, false);
  assert.ok(endless.body.length <= 4194304);
  await gateway.settled(wallet, left);
});

test('a caller who leaves pays the price; the upstream is cancelled', async () => {
  upstream.handle = async (req, res) => { for (let i = 0; i < 100 && !res.destroyed; i++) await sleep(50); };
  const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(`GET /v1/data/search/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wallet.key}\r\n\r\n`));
  const count = upstream.calls.length;
  while (upstream.calls.length === count) await sleep(10);
  const seen = upstream.calls.at(-1);
  const leftAt = Date.now();
  socket.destroy();
  for (let i = 0; i < 100 && !seen.closed; i++) await sleep(20);
  assert.ok(seen.closed && seen.closedAt - leftAt < 1000);
  left -= nano('0.005');
  await gateway.settled(wallet, left);
});

test('a caller who leaves before anything was sent pays nothing', async (t) => {
  // Nobody takes connections from the queue of this one, and the queue is full.
  const full = spawn('python3', ['-c', `import socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)
keep = [socket.socket() for _ in range(4)]
for c in keep: c.setblocking(False); c.connect_ex(s.getsockname())
print(s.getsockname()[1], flush=True); time.sleep(60)`]);
  t.after(() => full.kill());
  const port = String(await new Promise((done) => full.stdout.once('data', done))).trim();
  gateway.config.data_apis.deaf = { base_url: `http://127.0.0.1:${port}`, allow_private: true, endpoints: [{ method: 'GET', path: '/x', price: '0.5' }] };
  gateway.writeConfig();
  gateway.run('config', 'reload');
  const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(`GET /v1/data/deaf/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wallet.key}\r\n\r\n`));
  await sleep(300);
  assert.equal(gateway.balance(wallet).held, nano('0.5'));
  socket.destroy();
  await gateway.settled(wallet, left);
});

test('what may not be repeated is sent once, even if the kept connection dies under it', async () => {
  for (const [method, sent] of [['PUT', 2], ['POST', 1]]) {
    upstream.handle = (req, res) => json(res, 200, {});
    assert.equal((await call('/search/files/x', { method, body: 'a' })).status, 200);
    left -= 1n;
    await sleep(100); // the connection is kept a moment after the answer
    const before = upstream.calls.length;
    upstream.handle = (req, res) => res.socket.destroy();
    assert.equal((await call('/search/files/x', { method, body: 'b' })).status, 502);
    assert.equal(upstream.calls.length - before, sent, method);
  }
  await gateway.settled(wallet, left);
});

test('a short answer of bytes tells its cost, a HEAD with a body is refused', async () => {
  upstream.handle = (req, res) => { res.writeHead(200, { 'content-type': 'application/octet-stream' }); res.end('bytes'); };
  assert.equal((await call('/search/files/x')).headers['x-octroi-cost'], '0.000000001');
  left -= 1n;
  assert.equal((await call('/search/files/x', { method: 'HEAD', body: 'x' })).status, 400);
  await gateway.settled(wallet, left);
});

test('the statement names every call, and adds up', async () => {
  const items = gateway.statement(wallet);
  let sum = 0n;
  for (const row of items) {
    const amount = nano(row.amount);
    sum += row.kind === 'topup' ? amount : -amount;
    assert.equal(nano(row.balance), sum);
    if (row.kind === 'topup') continue;
    assert.equal(row.kind, 'data');
    assert.equal(row.api, 'search');
    assert.equal(row.key, wallet.keyId);
    assert.match(row.request_id, /^req_/);
  }
  assert.equal(sum, left);
  const one = await request(`${gateway.url}/v1/wallet/statement?request_id=${items.at(-1).request_id}`, { headers: auth });
  assert.equal(JSON.parse(one.body).items[0].request_id, items.at(-1).request_id);
});
