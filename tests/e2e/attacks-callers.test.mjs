// SPDX-License-Identifier: Apache-2.0
// What a paying client turned hostile tries: bodies that parsers read differently, keys that
// are not its own, the admin API, prices and costs beyond all numbers. A title begins with
// the number of its threat.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import {
  admin, adminToken, another, answerWell, badBody, bearer, body, chat, closeWorld, free, gateway, head, messages, nowhere,
  openWorld, ours, raw, searchAtTheEnd, send, theirs, upstream, whole,
} from './hostile.mjs';
import { Gateway, json, nano, sleep } from './lib.mjs';

before(() =>
  openWorld(() => ({
    models: { dear: { targets: [{ provider: 'up', model: 'real' }], price: { input: '1', output: '18000000000' } } },
  })),
);

after(closeWorld);

// ---- B. JSON and text ------------------------------------------------------------------

const withField = (field) => `{"model":"m","messages":[{"role":"user","content":"x"}],${field}}`;

test('B1 nesting beyond 32 is refused', () =>
  free(async () => {
    await badBody(withField(`"x":${'['.repeat(33)}${']'.repeat(33)}`), '34 deep');
    await badBody(withField(`"x":${'{"a":'.repeat(100000)}1${'}'.repeat(100000)}`), '100,000 deep');
    await badBody('['.repeat(1 << 20), 'unclosed');
  }));

test('B2 B11 bodies that are all containers or all keys are refused and cost no memory', () =>
  free(async () => {
    const memory = gateway.usage().rssKb;
    await badBody(withField(`"x":[${Array(10001).fill('{}').join()}]`), '10,001 objects');
    await badBody(withField(`"x":[${Array(2000000).fill('{}').join()}]`), '6 MB of objects');
    await badBody(withField(`"x":{${Array.from({ length: 200000 }, (_, i) => `"k${i}":1`).join()}}`), '200,000 keys');
    assert.ok(gateway.usage().rssKb - memory < 64 << 10, `${gateway.usage().rssKb - memory} kB more`);
  }));

test('B3 a key that comes twice is refused, however it is written', () =>
  free(async () => {
    await badBody(withField('"model":"dear"'), 'model');
    await badBody(withField('"mod\\u0065l":"dear"'), 'model, escaped');
    await badBody(withField('"max_tokens":1,"max_tokens":100000'), 'max_tokens');
    await badBody(withField('"x":[{"a":1,"\\u0061":2}]'), 'deep');
  }));

test('B4 NaN, Infinity and what no number holds are refused', () =>
  free(async () => {
    for (const number of [
      'NaN', 'Infinity', '-Infinity', '1e400', '-1e400', '01', '1.', '.5', '+1', '0x10', '1e', '--1', '1'.repeat(2000),
    ]) await badBody(withField(`"temperature":${number}`), number);
  }));

test('B5 B13 counts that are no counts are refused', () =>
  free(async () => {
    for (const value of [
      '9223372036854775808', '18446744073709551616', '18446744073686646784', '-1', '-9223372036854775809', '1.5',
      '"12"', '1e2', '0', 'true', '[1]', '{}', '1.0', '-0',
    ])
      for (const name of ['n', 'max_tokens', 'max_completion_tokens']) {
        const error = await badBody(withField(`"${name}":${value}`), `${name}: ${value}`);
        assert.equal(error.param, name);
      }
    for (const value of ['"yes"', '1', '0', '"true"', '{}']) await badBody(withField(`"stream":${value}`), `stream: ${value}`);
  }));

test('B6 a NUL in a key or a name is refused', () =>
  free(async () => {
    await badBody(withField('"model\\u0000x":"dear"'), 'key');
    await badBody('{"model":"m\\u0000x","messages":[{"role":"user","content":"x"}]}', 'model');
    await badBody(withField('"user":"a\\u0000b"'), 'user');
    await badBody(Buffer.from(withField('"x":"a\0b"')), 'raw');
  }));

test('B7 what is not UTF-8 is refused', () =>
  free(async () => {
    const before = Buffer.from('{"model":"m","messages":[{"role":"user","content":"');
    for (const bytes of [[0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xff], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80]])
      await badBody(Buffer.concat([before, Buffer.from(bytes), Buffer.from('"}]}')]), Buffer.from(bytes).toString('hex'));
    for (const escape of [
      '\\ud800', '\\udc00', '\\ud800\\ud800', '\\ud800x', '\\u12', '\\x41', '\\',
    ]) await badBody(withField(`"x":"${escape}"`), escape);
    await badBody(Buffer.from(`\uFEFF${body}`), 'a byte order mark');
  }));

test('B8 B9 B10 only one whole JSON object is a body', () =>
  free(async () => {
    for (const text of [
      '', ' ', `${body}x`, `${body}${body}`, `${body}//x`, `/**/${body}`, body.replaceAll('"', "'"), body.slice(0, -1),
      body.slice(0, 20), '[]', 'null', '"x"', '1', `${body.slice(0, -1)},}`, '{"model":"m",}', '{model:"m"}', '\x00',
      `${body}\x00`,
    ])
      await badBody(text, JSON.stringify(text.slice(0, 40)));
    await badBody('{}', 'no model');
    await badBody('{"model":"m"}', 'no messages');
    await badBody('{"model":"m","messages":[]}', 'empty messages');
    await badBody('{"model":"m","messages":[1]}', 'a message that is none');
    await badBody('{"model":1,"messages":[{"role":"user"}]}', 'a model that is none');
  }));

test('B12 keys that are made to collide cost no more than others', () =>
  free(async () => {
    // The same sums under every unkeyed additive or multiplicative hash: permuted blocks.
    const keys = Array.from({ length: 50000 }, (_, i) => `"${i.toString(2).padStart(16, '0').replaceAll('0', 'Aa').replaceAll('1', 'BB')}":1`);
    const begun = process.hrtime.bigint();
    await badBody(withField(`"x":{${keys.join()}},"n":0`), 'colliding');
    const collided = process.hrtime.bigint() - begun;
    assert.ok(collided < 3000000000n, `${collided} ns`);
  }));

test('B14 fields that would send us elsewhere are refused, and headers are not looked at', async () => {
  await free(async () => {
    for (const name of ['api_base', 'base_url', 'custom_host', 'callbacks', 'command']) {
      const error = await badBody(withField(`"${name}":"${nowhere.url}"`), name);
      assert.equal(error.param, name);
    }
  });
  for (const header of [
    'x-base-url', 'helicone-target-url', 'x-portkey-custom-host', 'api-base', 'x-forwarded-host',
  ]) assert.equal((await chat(body, { [header]: nowhere.url })).status, 200);
  assert.equal(nowhere.calls.length, 0);
  for (const header of Object.keys(upstream.calls.at(-1).headers)) assert.ok(!/target|base|custom|forward/.test(header), header);
});

test('B15 a user name of a megabyte is refused', () => free(() => badBody(withField(`"user":"${'u'.repeat(1 << 20)}"`), 'user')));

test('B16 numbers that we do not read pass byte for byte', async () => {
  const odd = '"seed":12345678901234567890123,"metadata":{"a":1.0000000000000000000001,"b":1E5,"c":-0.0,"d":0.10}';
  await chat(withField(odd));
  assert.ok(upstream.calls.at(-1).body.includes(odd));
});

// ---- C. Keys and the admin API ---------------------------------------------------------

test('C1 C2 keys that are none, or nearly one, all get the same answer', async () => {
  const flip = (key, at) => key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
  const bodies = new Set();
  for (const value of [
    '', 'Bearer', 'Bearer ', 'Basic dTpw', ours.key.slice(0, -1), `Bearer ${flip(ours.key, 60)}`,
    `Bearer ${flip(ours.key, 20)}`, `Bearer ${flip(ours.key, 10)}`, `Bearer ${ours.key}x`,
    `Bearer ${ours.key.toUpperCase()}`, `Bearer ${ours.key} ${ours.key}`,
    'Bearer sk-oct-0000000000-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'Bearer sk-oct-', 'Bearer null',
    `Bearer ${'a'.repeat(8000)}`,
  ]) {
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

test('C3 who guesses keys is told to wait; right keys, and other addresses, are not', async (t) => {
  const other = await another(t, { server: { trusted_proxies: ['127.0.0.1'] }, limits: { auth_failures_per_minute: 10 } });
  const wallet = other.wallet('c3', '1');
  const ask = (from, key) => send(`${other.url}/v1/wallet`, { headers: { ...bearer(key), 'x-forwarded-for': from } });
  const statuses = [];
  for (let i = 0; i < 15; i++) statuses.push((await ask('203.0.113.5', 'sk-oct-wrong')).status);
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(401));
  assert.deepEqual(statuses.slice(12), Array(3).fill(429));
  const barred = await ask('203.0.113.5', 'sk-oct-wrong');
  assert.equal(barred.status, 429);
  assert.ok(Number(barred.headers['retry-after']) >= 1);
  assert.equal((await ask('203.0.113.5', wallet.key)).status, 200, 'who shares the address');
  assert.equal((await ask('203.0.113.6', 'sk-oct-wrong')).status, 401, 'the neighbour');
  for (let i = 0; i < 3000; i++) assert.equal((await ask(`198.51.${i >> 8}.${i & 255}`, 'sk-oct-wrong')).status, 401);
});

test('C4 a key in the URL is refused, and the URL is not logged with it', async () => {
  for (const query of [`api_key=${theirs.key}`, `key=${theirs.key}`, `a=b&access_token=${theirs.key}`])
    for (const target of ['/v1/wallet', '/v1/models', '/v1/data/d/get/1'])
      assert.equal((await send(`${gateway.url}${target}?${query}`)).status, 401, target);
});

test('C6 revoked, rotated and expired keys end at once', async () => {
  const status = async (key) => (await send(`${gateway.url}/v1/wallet`, { headers: bearer(key) })).status;
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
  const auth = (w) => ({ headers: bearer(w.key) });
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
  for (const [method, url] of [
    ['PUT', '/v1/wallet'], ['PATCH', '/v1/wallet'], ['POST', '/v1/wallet'], ['POST', '/v1/wallet/limits'],
    ['PUT', '/v1/wallet/limits/day'], ['POST', '/v1/keys'], ['POST', '/v1/wallet/topup?amount=5'],
    ['PUT', `/admin/v1/keys/${limited.id}/limits/day`],
  ]) {
    const r = await send(gateway.url + url, { method, headers, body: '{"limit_per_day":"100","amount":"100","balance":"100"}' });
    assert.ok([401, 402, 404, 405].includes(r.status), `${method} ${url}: ${r.status}`);
  }
  const wishes = { limit_per_day: '100', wallet: theirs.id, metadata: { limit: '100' } };
  const r = await chat({ model: 'm', messages, max_tokens: 20000, ...wishes }, { ...bearer(limited.key), 'x-octroi-limit': '100', 'x-wallet': theirs.id });
  assert.equal(r.status, 402);
  assert.equal(JSON.parse(r.body).error.code, 'limit_exceeded');
});

test('C10 the public listener has no admin API, dashboard or metrics, however it is spelled', async () => {
  const tricks = {
    ...bearer(adminToken),
    'x-original-url': '/admin/v1/wallets',
    'x-rewrite-url': '/admin/v1/wallets',
    'x-forwarded-prefix': '/admin',
    'x-forwarded-for': '127.0.0.1',
    host: 'localhost',
  };
  for (const target of [
    '/admin/v1/wallets', '/admin', '/admin/', '/dashboard/', '/dashboard', '/metrics', '/v1/..;/admin/v1/wallets',
    '/v1/../admin/v1/wallets', '/v1/%2e%2e/admin/v1/wallets', '/%61dmin/v1/wallets', '//admin/v1/wallets',
    '/ADMIN/v1/wallets', '/debug/pprof', '/.env', '/v1/admin/v1/wallets',
  ]) {
    const r = await raw(`GET ${target} HTTP/1.1\r\n${Object.entries(tricks).map(([k, v]) => `${k}: ${v}\r\n`).join('')}Connection: close\r\n\r\n`);
    assert.ok([400, 404].includes(r.statuses[0]), `${target}: ${r.statuses}`);
    assert.ok(!r.text.includes('"items"'), target);
  }
  const socket = fs.statSync(path.join(gateway.dir, 'var/admin.sock'));
  assert.equal(socket.mode & 0o777, 0o600);
});

test('C3 C10 C12 the admin listener takes the token and nothing else, and not too many tries', async (t) => {
  const other = await another(t);
  other.run('wallet', 'create', 'w');
  const url = `http://127.0.0.1:${other.adminPort}`;
  const attempts = [
    {}, { authorization: 'Bearer ' }, { authorization: `Bearer ${adminToken}x` },
    { authorization: `Basic ${Buffer.from(`admin:${adminToken}`).toString('base64')}` },
    { cookie: `admin_token=${adminToken}; session=${adminToken}` }, { 'x-api-key': adminToken }, bearer(ours.key),
  ];
  for (const headers of attempts) assert.equal((await send(`${url}/admin/v1/wallets`, { headers })).status, 401, JSON.stringify(headers));
  assert.equal((await send(`${url}/admin/v1/wallets?token=${adminToken}`)).status, 401);
  const headers = { cookie: `token=${adminToken}`, origin: 'https://evil.example', 'content-type': 'text/plain' };
  const forged = await send(`${url}/admin/v1/wallets/w/freeze`, { method: 'POST', headers });
  assert.ok([401, 403, 429].includes(forged.status), String(forged.status));
  assert.equal(other.run('wallet', 'show', 'w').frozen, false);
  let r;
  for (let i = 0; i < 10; i++) r = await send(`${url}/admin/v1/wallets`, { headers: { authorization: 'Bearer guess' } });
  assert.equal(r.status, 429);
  assert.ok(Number(r.headers['retry-after']) > 0);
  assert.equal(other.cli('wallet', 'list').status, 0, 'the socket is not barred');
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

test('C13 C18 hostile names are refused or harmless, and every log line is JSON', async () => {
  for (const name of [
    '<script>alert(1)</script>', '"onx=1', 'javascript:x', 'a\r\nlevel=error', 'a\x1b[31m', 'a\u2028b',
    '../../etc/passwd', '${jndi:x}', '%s%n%n', "'; drop table wallets; --",
  ]) {
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

test('C15 no origin is ever allowed', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  for (const [url, options] of [
    [`${gateway.url}/v1/models`, {}], [`${gateway.url}/v1/chat/completions`, { method: 'OPTIONS' }],
    [`${gateway.url}/v1/wallet`, {}],
    [`http://127.0.0.1:${gateway.adminPort}/admin/v1/wallets`, { method: 'OPTIONS' }],
  ]) {
    const r = await send(url, { ...options, headers });
    for (const name of Object.keys(r.headers)) assert.ok(!name.startsWith('access-control-'), `${url}: ${name}`);
  }
});

test('C17 the admin listener answers to its own name only', async () => {
  for (const host of ['evil.example', `evil.example:${gateway.adminPort}`, 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1']) {
    const bytes = `GET /admin/v1/wallets HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${adminToken}\r\nConnection: close\r\n\r\n`;
    const r = await raw(bytes, { port: gateway.adminPort });
    assert.ok([400, 403, 421].includes(r.statuses[0]), `${host}: ${r.statuses}`);
  }
});

test('C19 metrics need the token and name no key and no wallet', async () => {
  assert.equal((await send(`http://127.0.0.1:${gateway.adminPort}/metrics`)).status, 401);
  const r = await admin('/metrics');
  assert.equal(r.status, 200);
  for (const secret of [ours.keyId, ours.id, 'ours', theirs.keyId]) assert.ok(!r.body.includes(secret), secret);
});

// ---- E. Charging -----------------------------------------------------------------------

test('E11 prices that are none are refused when they are loaded', (t) => {
  const probe = new Gateway({}, { init: false });
  t.after(() => probe.close());
  const check = (config, bad) => {
    Object.assign(probe.config, { providers: {}, models: {}, data_apis: {} }, config);
    probe.writeConfig();
    const r = probe.cli('serve', '--check-config');
    assert.equal(r.status, 8, `${JSON.stringify(bad)}: ${r.stdout}${r.stderr}`);
  };
  for (const bad of [
    '-1', 'NaN', 'Infinity', '1e-30', '0.0000000001', '9223372036854775808', '18446744073709551616', '1e9', '', ' ',
    '1,5', '0x1', '--1', true, {}, [],
  ]) {
    check({ data_apis: { a: { base_url: 'https://a.example', endpoints: [{ method: 'GET', path: '/x', price: bad }] } } }, bad);
    const models = { m: { targets: [{ provider: 'p', model: 'x' }], price: { input: '1', output: bad } } };
    check({ providers: { p: { kind: 'compatible', base_url: 'https://p.example/v1' } }, models }, bad);
  }
});

test('E12 a worst case beyond all amounts is refused and has no effect', () =>
  free(async () => {
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
  for (const key of [
    '', 'a'.repeat(256), 'a\tb',
  ]) assert.equal((await chat({ model: 'm', messages }, { 'idempotency-key': key })).status, 400, JSON.stringify(key));
  await gateway.settled(ours, was - cost);
  upstream.handle = answerWell;
});

searchAtTheEnd();
