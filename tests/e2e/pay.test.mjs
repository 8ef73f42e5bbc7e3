// SPDX-License-Identifier: Apache-2.0
// Agents without a key pay in the call: the unmodified clients of x402 version 1 and 2 buy
// data calls, model calls and streams on a local chain. After each, the chain and the
// books agree to the last unit.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { appendPaymentIdentifierToExtensions, generatePaymentId } from '@x402/extensions/payment-identifier';
import { accounts, newAccount, startChain, USDC } from './chain.mjs';
import { clientV2, headerJson, payAxiosV2, payFetchV1, payFetchV2, receiptOf } from './clients.mjs';
import { Gateway, cost, json, nano, recorded, request, sleep, sse, startUpstream, usd } from './lib.mjs';

const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const [, seller, settler] = accounts;
const START = 50000000n; // 50 USDC
const whole = recorded('en-chat-basic.response.json');
const wholeCost = cost(JSON.parse(whole).usage, price);
const stream = recorded('en-chat-streaming-detailed-usage.response.sse');
let chain, upstream, gateway;

before(async () => {
  chain = await startChain();
  upstream = await startUpstream();
  upstream.handle = (req, res, body) => {
    if (req.url.startsWith('/data/broken')) return json(res, 500, { error: 'no' });
    if (req.url.startsWith('/data')) return json(res, 200, { url: req.url, body: body.toString() });
    if (JSON.parse(body).stream) return sse(res, stream);
    return json(res, 200, whole);
  };
  gateway = new Gateway({
    providers: { a: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-first-secret-abcdef'], allow_private: true } },
    models: {
      small: { targets: [{ provider: 'a', model: 'one' }], price, hold_output_tokens: 500 },
      dear: { targets: [{ provider: 'a', model: 'two' }], price: { input: '1.25', output: '100' }, hold_output_tokens: 100000, max_output_tokens: 128000, context_tokens: 400000 },
    },
    data_apis: {
      search: {
        base_url: `${upstream.url}/data`,
        allow_private: true,
        endpoints: [
          { method: 'ANY', path: '/q', price: '0.005' },
          { method: 'GET', path: '/after', price: '0.007', payment_flow: 'after' },
          { method: 'GET', path: '/broken', price: '0.01' },
          { method: 'GET', path: '/broken-after', price: '0.01', payment_flow: 'after' },
          { method: 'GET', path: '/fine/{x}', price: '0.0001234' },
        ],
      },
    },
    payments: {
      x402: {
        networks: [
          {
            network: 'eip155:84532', asset: 'USDC', pay_to: seller.address, facilitator: 'builtin', rpc_url: chain.url, allow_private: true,
            settle_key: { hex_file: './settle.key' }, schemes: ['exact', 'permit2', 'upto'],
          },
        ],
      },
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0 },
  }, { init: false });
  fs.writeFileSync(path.join(gateway.dir, 'settle.key'), settler.key, { mode: 0o600 });
  const made = gateway.cli('init');
  assert.equal(made.status, 0, made.stderr);
  await gateway.start();
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
  await chain?.stop();
});

const chat = (model, more = {}) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say this is a test' }], ...more }) });

async function funded() {
  const account = newAccount();
  await chain.mint(account.address, START);
  return account;
}

/** What a payer's wallet in the gateway has, in nano-USD; 0 if there is none. */
function credit(account) {
  const shown = gateway.cli('wallet', 'show', `payer-${account.address.toLowerCase()}`, '--json');
  return shown.status === 0 ? nano(JSON.parse(shown.stdout).balance) : 0n;
}

/** The payer has spent `units` on the chain, the seller got them, and of that `cost`
 * (nano-USD) was taken for the call: the rest is the payer's credit. */
async function settled(account, units, taken) {
  assert.equal(START - (await chain.balanceOf(account.address)), units, 'on the chain');
  for (let i = 0; i < 100 && credit(account) !== units * 1000n - taken; i++) await sleep(20);
  assert.equal(usd(credit(account)), usd(units * 1000n - taken), 'credited');
  gateway.laws();
}

test('an unpaid call is told every way to pay, for both versions at once', async () => {
  const r = await request(`${gateway.url}/v1/data/search/q?x=1`);
  assert.equal(r.status, 402);
  assert.equal(r.headers['cache-control'], 'no-store');
  const body = JSON.parse(r.body);
  assert.equal(body.code, 'payment_required');
  assert.equal(body.x402Version, 1);
  assert.equal(body.accepts[0].maxAmountRequired, '5000');
  assert.equal(body.accepts[0].payTo, seller.address);
  assert.equal(body.accepts[0].asset, USDC);
  const v2 = headerJson(r.headers, 'payment-required');
  assert.equal(v2.x402Version, 2);
  assert.equal(v2.resource.url, `${gateway.url}/v1/data/search/q?x=1`);
  assert.equal(v2.accepts[0].amount, '5000');
  assert.deepEqual(v2.accepts.map((a) => [a.scheme, a.extra.assetTransferMethod]), [['exact', undefined], ['exact', 'permit2']]);
  assert.equal(upstream.calls.length, 0);
});

test('an unpaid model call is told its worst case, bounded where it is dear', async () => {
  const small = await request(`${gateway.url}/v1/chat/completions`, chat('small'));
  assert.equal(small.status, 402);
  assert.equal(JSON.parse(small.body).error.code, 'payment_required');
  const offers = headerJson(small.headers, 'payment-required').accepts;
  assert.ok(offers.some((o) => o.scheme === 'upto' && o.amount === offers[0].amount));
  const dear = await request(`${gateway.url}/v1/chat/completions`, chat('dear'));
  const bounded = headerJson(dear.headers, 'payment-required');
  assert.equal(bounded.accepts[0].amount, '100000');
  assert.match(bounded.resource.description, /at most 99\d tokens of output/);
  assert.ok(BigInt(bounded.accepts.find((o) => o.scheme === 'upto').amount) > 10000000n);
  assert.equal(upstream.calls.length, 0);
});

for (const [name, pay] of Object.entries({
  '@x402/fetch': (a) => payFetchV2(a),
  '@x402/axios': (a) => async (url, init = {}) => {
    const r = await payAxiosV2(a)({ url, method: init.method ?? 'GET', headers: init.headers, data: init.body, responseType: 'text', transformResponse: (x) => x });
    return new Response(r.data, { status: r.status, headers: Object.entries(r.headers).map(([k, v]) => [k, String(v)]) });
  },
  'x402-fetch': (a) => payFetchV1(a),
})) {
  test(`${name} pays a data call`, async () => {
    const account = await funded();
    const r = await pay(account)(`${gateway.url}/v1/data/search/q?x=1`);
    assert.equal(r.status, 200, await r.clone().text());
    assert.deepEqual(await r.json(), { url: '/data/q?x=1', body: '' });
    const receipt = receiptOf(r.headers);
    assert.equal(receipt.success, true);
    assert.equal((await chain.receipt(receipt.transaction)).status, 'success');
    assert.equal(r.headers.get('x-octroi-cost'), '0.005000000');
    await settled(account, 5000n, 5000000n);
  });

  test(`${name} pays a model call, and what it did not use is credited`, async () => {
    const account = await funded();
    const r = await pay(account)(`${gateway.url}/v1/chat/completions`, chat('small'));
    assert.equal(r.status, 200, await r.clone().text());
    assert.deepEqual(await r.json(), JSON.parse(whole));
    const paid = START - (await chain.balanceOf(account.address));
    assert.ok(paid > 0n && paid <= 100000n);
    assert.equal(receiptOf(r.headers).success, true);
    await settled(account, paid, wholeCost);
  });

  test(`${name} pays a stream`, async () => {
    const account = await funded();
    const r = await pay(account)(`${gateway.url}/v1/chat/completions`, chat('small', { stream: true, stream_options: { include_usage: true } }));
    assert.equal(r.status, 200);
    const text = await r.text();
    assert.match(text, /data: \[DONE\]/);
    const usage = text.split('\n').filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6))).find((c) => c.usage)?.usage;
    const paid = START - (await chain.balanceOf(account.address));
    assert.equal(receiptOf(r.headers)?.success, true);
    await settled(account, paid, cost(usage, price));
  });
}

test('a POST is paid with its body', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/q`, { method: 'POST', body: 'hello' });
  assert.deepEqual(await r.json(), { url: '/data/q', body: 'hello' });
  await settled(account, 5000n, 5000000n);
});

test('the dear call runs with the output that was paid for', async () => {
  const account = await funded();
  upstream.calls.length = 0;
  const r = await payFetchV2(account)(`${gateway.url}/v1/chat/completions`, chat('dear', { max_tokens: 100000 }));
  assert.equal(r.status, 200, await r.clone().text());
  const sent = JSON.parse(upstream.calls[0].body);
  assert.ok(sent.max_tokens > 900 && sent.max_tokens < 1000, `max_tokens ${sent.max_tokens}`);
  await settled(account, 100000n, cost(JSON.parse(whole).usage, { input: '1.25', output: '100' }));
});

test('upto settles what the call cost', async () => {
  const account = await funded();
  await chain.fund(account.address);
  await chain.approve(account.address);
  const r = await payFetchV2(account, { schemes: ['upto'], spend: false })(`${gateway.url}/v1/chat/completions`, chat('small'));
  assert.equal(r.status, 200, await r.clone().text());
  const units = (wholeCost + 999n) / 1000n;
  const receipt = receiptOf(r.headers);
  assert.equal(receipt.amount, String(units));
  await settled(account, units, wholeCost);
});

test('upto without an allowance is told so, before any work', async () => {
  const account = await funded();
  upstream.calls.length = 0;
  const r = await payFetchV2(account, { schemes: ['upto'], spend: false })(`${gateway.url}/v1/chat/completions`, chat('small'));
  assert.equal(r.status, 412, await r.clone().text());
  assert.equal(upstream.calls.length, 0);
  await settled(account, 0n, 0n);
});

test('upto streams, and the receipt comes with the end', async () => {
  const account = await funded();
  await chain.fund(account.address);
  await chain.approve(account.address);
  const r = await payFetchV2(account, { schemes: ['upto'], spend: false })(`${gateway.url}/v1/chat/completions`, chat('small', { stream: true, stream_options: { include_usage: true } }));
  assert.equal(r.status, 200);
  const text = await r.text();
  const told = /^: PAYMENT-RESPONSE: (\S+)$/m.exec(text);
  assert.ok(told, text.slice(-600));
  const receipt = JSON.parse(Buffer.from(told[1], 'base64'));
  assert.equal(receipt.success, true);
  const usage = text.split('\n').filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6))).find((c) => c.usage).usage;
  const taken = cost(usage, price);
  await settled(account, (taken + 999n) / 1000n, taken);
});

test('a route may be settled after it was served', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/after`);
  assert.equal(r.status, 200, await r.clone().text());
  assert.equal(receiptOf(r.headers).success, true);
  await settled(account, 7000n, 7000000n);
});

test('an upstream that fails costs nothing: what was settled is credited', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/broken`);
  assert.equal(r.status, 500);
  assert.equal(receiptOf(r.headers).success, true);
  await settled(account, 10000n, 0n);
});

test('an upstream that fails before settlement is never paid for', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/broken-after`);
  assert.equal(r.status, 500);
  await settled(account, 0n, 0n);
});

test('a price below the smallest coin is rounded up once, and the rest is credited', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/fine/1`);
  assert.equal(r.status, 200, await r.clone().text());
  await settled(account, 124n, 123400n);
  const csv = gateway.cli('wallet', 'statement', `payer-${account.address.toLowerCase()}`, '--csv').stdout;
  const [titles, ...rows] = csv.trim().split('\r\n').map((text) => text.split(','));
  const told = rows.map((row) => Object.fromEntries(titles.map((title, i) => [title, row[i]])));
  assert.deepEqual(told.map((row) => [row.direction, row.amount, row.by_payment]), [['out', '0.000123400', 'true'], ['in', '0.000000600', '']]);
});

test('100 copies of one payment buy one call', async () => {
  const account = await funded();
  upstream.calls.length = 0;
  const url = `${gateway.url}/v1/data/search/q?copies`;
  const required = headerJson((await request(url)).headers, 'payment-required');
  const payload = await clientV2(account).createPaymentPayload(required);
  const header = { 'payment-signature': Buffer.from(JSON.stringify(payload)).toString('base64') };
  const all = await Promise.all(Array.from({ length: 100 }, () => request(url, { headers: header })));
  assert.equal(upstream.calls.length, 1);
  const ok = all.filter((r) => r.status === 200);
  assert.ok(ok.length >= 1);
  assert.equal(new Set(ok.map((r) => r.body.toString())).size, 1);
  for (const r of all) assert.ok([200, 402, 409].includes(r.status), `${r.status} ${r.body}`);
  // A repeat of the same call gets the same answer; another call gets nothing.
  const again = await request(url, { headers: header });
  assert.equal(again.status, 200);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  const other = await request(`${gateway.url}/v1/data/search/q?other`, { headers: header });
  assert.equal(other.status, 402);
  assert.equal(upstream.calls.length, 1);
  await settled(account, 5000n, 5000000n);
});

test('a payment identifier spares the second payment', async () => {
  const account = await funded();
  upstream.calls.length = 0;
  const id = generatePaymentId();
  const send = async (url) => {
    const required = headerJson((await request(url)).headers, 'payment-required');
    appendPaymentIdentifierToExtensions(required.extensions, id);
    const payload = await clientV2(account).createPaymentPayload(required);
    return request(url, { headers: { 'payment-signature': Buffer.from(JSON.stringify(payload)).toString('base64') } });
  };
  const first = await send(`${gateway.url}/v1/data/search/q?named`);
  assert.equal(first.status, 200, String(first.body));
  const again = await send(`${gateway.url}/v1/data/search/q?named`);
  assert.equal(again.status, 200, String(again.body));
  assert.equal(again.headers['idempotent-replayed'], 'true');
  const other = await send(`${gateway.url}/v1/data/search/q?other-call`);
  assert.equal(other.status, 409);
  assert.equal(upstream.calls.length, 1);
  await settled(account, 5000n, 5000000n);
});

test('a payment for one route buys no other, and a tampered one nothing', async () => {
  const account = await funded();
  upstream.calls.length = 0;
  const required = headerJson((await request(`${gateway.url}/v1/data/search/q?x`)).headers, 'payment-required');
  const payload = await clientV2(account).createPaymentPayload(required);
  const send = (p, url = `${gateway.url}/v1/data/search/q?x`) => request(url, { headers: { 'payment-signature': Buffer.from(JSON.stringify(p)).toString('base64') } });
  const dearer = await send(payload, `${gateway.url}/v1/data/search/broken`);
  assert.equal(dearer.status, 402);
  const authorization = payload.payload.authorization;
  for (const [field, value] of Object.entries({ value: '4999', to: accounts[5].address, from: accounts[6].address, validAfter: '1', validBefore: String(Number(authorization.validBefore) - 1), nonce: `0x${'1'.repeat(64)}` })) {
    const r = await send({ ...payload, payload: { ...payload.payload, authorization: { ...authorization, [field]: value } } });
    assert.equal(r.status, 402, `${field}: ${r.body}`);
  }
  assert.equal(upstream.calls.length, 0);
  await settled(account, 0n, 0n);
  assert.equal((await send(payload)).status, 200);
  await settled(account, 5000n, 5000000n);
});

test('what a payer has no money for is refused before any work', async () => {
  const account = newAccount();
  upstream.calls.length = 0;
  const r = await payFetchV2(account)(`${gateway.url}/v1/data/search/q?poor`);
  assert.equal(r.status, 402);
  assert.equal(receiptOf(r.headers).success, false);
  assert.equal(upstream.calls.length, 0);
  gateway.laws();
});
