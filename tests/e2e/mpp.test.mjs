// SPDX-License-Identifier: Apache-2.0
// MPP as seller, on a local chain: the unmodified library and command line of mppx buy data
// calls, model calls, streams and top-ups, its validator finds no fault, and what a payment
// left behind is spent by a zero-amount proof and by sign-in-with-x.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, afterEach, before } from 'node:test';
import { Challenge, Credential, Receipt } from 'mppx';
import { evm as evmClient, Mppx, tempo as tempoClient } from 'mppx/client';
import { newAccount } from './chain.mjs';
import { headerJson, mppx, mppxFetch, mppxValidate, siwxFetch } from './clients.mjs';
import { cost, nano, recorded, request, sse, usd } from './lib.mjs';
import { agree, calm, chat, closeWorld, funded, openWorld, paid, price, restart, seller, upstream, whole } from './paying.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const stream = recorded('en-chat-streaming-detailed-usage.response.sse');
const wholeCost = cost(whole.usage, price);
const DATA = '/v1/data/d/q';
let g;

before(async () => {
  await openWorld();
  g = await seller({ mpp: { secret } });
});
after(closeWorld);
afterEach(calm);

const evmOnly = (account) => mppxFetch(account, { methods: [evmClient.charge({ account, currencies: [evmClient.assets.baseSepolia.USDC] })] });
const tempoOnly = (account) => mppxFetch(account, { methods: [tempoClient.charge({ account })] });

/** The challenges of an unpaid call. */
async function challenges(where, { headers = {}, ...options } = {}) {
  const r = await fetch(g.url + where, { ...options, headers: { 'accept-payment': '*/*', ...headers } });
  assert.equal(r.status, 402, await r.clone().text());
  return Challenge.fromResponseList(r);
}

/** A payment of 0.01 for what then fails: all of it is to the payer's credit. */
async function withCredit() {
  const account = await funded();
  upstream.handle = (req, res) => res.destroy();
  const r = await evmOnly(account)(`${g.url}/v1/data/d/dear`);
  assert.equal(r.status, 502);
  assert.equal(r.headers.get('payment-receipt'), null, 'receipts are for what went well');
  await paid(g, account, 10000n, nano('0.01'));
  calm();
  return account;
}

test('an unpaid call carries challenges beside the offers of x402', async () => {
  const r = await fetch(g.url + DATA, { headers: { 'accept-payment': '*/*' } });
  assert.equal(r.headers.get('content-type'), 'application/problem+json');
  assert.equal(r.headers.get('cache-control'), 'no-store');
  assert.ok(r.headers.get('payment-required'), 'x402 on the same URL');
  const problem = await r.json();
  assert.equal(problem.type, 'https://paymentauth.org/problems/payment-required');
  assert.equal(problem.title, 'Payment Required');
  const list = Challenge.fromResponseList(r);
  assert.deepEqual(list.map((c) => `${c.method}/${c.intent}`), ['evm/charge', 'tempo/charge', 'ledger/charge']);
  for (const c of list) {
    assert.equal(c.realm, '127.0.0.1');
    assert.ok(Challenge.verify(c, { secretKey: secret }), 'mppx makes the same id');
  }
  const body = chat();
  const [dear] = await challenges('/v1/chat/completions', body);
  assert.equal(dear.digest, `sha-256=:${crypto.createHash('sha256').update(body.body).digest('base64')}:`);
});

test('mppx pays a data call', async () => {
  const account = await funded();
  const r = await evmOnly(account)(`${g.url}${DATA}?x=1`);
  assert.equal(r.status, 200, await r.clone().text());
  assert.deepEqual(await r.json(), { url: '/q?x=1', body: '' });
  assert.equal(r.headers.get('cache-control'), 'private');
  const receipt = Receipt.fromResponse(r);
  assert.equal(receipt.method, 'evm');
  assert.equal(receipt.amount, '0.005000000');
  assert.match(receipt.reference, /^0x[0-9a-f]{64}$/);
  await paid(g, account, 5000n);
});

test('mppx pays a model call, and what it did not use is credited', async () => {
  const account = await funded();
  const r = await evmOnly(account)(`${g.url}/v1/chat/completions`, chat());
  assert.equal(r.status, 200, await r.clone().text());
  const receipt = Receipt.fromResponse(r);
  assert.equal(r.headers.get('x-octroi-cost'), usd(wholeCost));
  assert.equal(nano(receipt.balance), nano(receipt.amount) - wholeCost);
  await paid(g, account, nano(receipt.amount) / 1000n, nano(receipt.balance));
});

test('mppx pays a stream, which has its receipt in the head', async () => {
  const account = await funded();
  upstream.handle = (req, res) => sse(res, stream);
  const r = await evmOnly(account)(`${g.url}/v1/chat/completions`, chat({ stream: true }));
  assert.equal(r.status, 200, await r.clone().text());
  assert.equal(Receipt.fromResponse(r).method, 'evm');
  assert.match(await r.text(), /\[DONE\]/);
  await agree(g);
});

test('mppx pays a top-up of the wallet of an API key, beside the key', async () => {
  const account = await funded();
  const w = g.wallet('topped', '1');
  const r = await evmOnly(account)(`${g.url}/v1/wallet/topup?amount=0.25`, { method: 'POST', headers: { authorization: `Bearer ${w.key}` } });
  assert.equal(r.status, 200, await r.clone().text());
  assert.ok(Receipt.fromResponse(r).reference);
  await g.settled(w, nano('1.25'));
  await paid(g, account, 250000n);
});

test('the command line of mppx pays data calls and model calls', async () => {
  const account = await funded();
  const data = await mppx(account, `${g.url}${DATA}?x=1`, '-i', '-v');
  assert.equal(data.status, 0, data.stdout + data.stderr);
  assert.match(data.stdout, /"url":"\/q\?x=1"/);
  const model = await mppx(account, `${g.url}/v1/chat/completions`, '-J', chat().body);
  assert.equal(model.status, 0, model.stdout + model.stderr);
  assert.match(model.stdout, /three tokens here/);
  await agree(g);
});

test('mppx validate finds no fault', async () => {
  const account = await funded();
  const report = await mppxValidate(account, g.url);
  assert.deepEqual(report.failed, []);
  assert.equal(report.status, 0, JSON.stringify(report.summary));
  assert.ok(report.summary.passed > 20, JSON.stringify(report.summary));
  await agree(g);
});

test('a zero-amount proof spends the credit, once', async () => {
  const account = await withCredit();
  const r = await tempoOnly(account)(g.url + DATA);
  assert.equal(r.status, 200, await r.clone().text());
  const receipt = Receipt.fromResponse(r);
  assert.equal(receipt.method, 'tempo');
  assert.equal(receipt.balance, '0.005000000');
  await paid(g, account, 10000n, nano('0.005'));
});

test('a proof without credit is refused once, and a payer with both then pays', async () => {
  const account = await funded();
  let calls = 0;
  const counting = (...args) => (calls++, fetch(...args));
  const r = await mppxFetch(account, { methods: [tempoClient.charge({ account })], fetch: counting })(g.url + DATA);
  assert.equal(r.status, 402);
  assert.equal((await r.json()).type, 'https://paymentauth.org/problems/payment-insufficient');
  assert.equal(calls, 2, 'it signed once');
  const both = await mppxFetch(account, { acceptPayment: undefined })(g.url + DATA, { headers: { 'accept-payment': 'tempo/charge, evm/charge;q=0.5' } });
  assert.equal(both.status, 200, await both.clone().text());
  assert.equal(Receipt.fromResponse(both).method, 'evm');
  await paid(g, account, 5000n);
});

test('sign-in-with-x spends the credit, once', async () => {
  const account = await withCredit();
  let sent;
  const keeping = (input, init) => ((sent = new Request(input, init).clone()), fetch(input, init));
  const r = await siwxFetch(account, keeping)(g.url + DATA);
  assert.equal(r.status, 200, await r.clone().text());
  assert.equal(r.headers.get('x-octroi-balance'), '0.005000000');
  const header = sent.headers.get('sign-in-with-x');
  assert.ok(header);
  const again = await request(g.url + DATA, { headers: { 'sign-in-with-x': header } });
  assert.equal(again.headers['idempotent-replayed'], 'true');
  const elsewhere = await request(`${g.url}/v1/data/d/other`, { headers: { 'sign-in-with-x': header } });
  assert.equal(elsewhere.status, 402);
  const stranger = await siwxFetch(newAccount())(g.url + DATA);
  assert.equal(stranger.status, 402);
  assert.equal(headerJson(stranger.headers, 'payment-required').extensions?.['sign-in-with-x'], undefined, 'and it is not asked again');
  await paid(g, account, 10000n, nano('0.005'));
});

test('a key pays by a MAC, without being shown', async () => {
  const w = g.wallet('maced', '1');
  const c = (await challenges(DATA)).find((x) => x.method === 'ledger');
  const mac = crypto.createHmac('sha256', w.key).update(c.id).digest('hex');
  const authorization = Credential.serialize({ challenge: c, payload: { account: w.keyId, mac } });
  const r = await request(g.url + DATA, { headers: { authorization } });
  assert.equal(r.status, 200, String(r.body));
  assert.equal(Receipt.deserialize(r.headers['payment-receipt']).amount, '0.005000000');
  await g.settled(w, nano('0.995'));
});

test('twenty copies of one credential buy one call', async () => {
  const account = await funded();
  const client = Mppx.create({ methods: [evmClient.charge({ account, currencies: [evmClient.assets.baseSepolia.USDC] })], polyfill: false });
  const authorization = await client.createCredential(await fetch(g.url + DATA));
  const all = await Promise.all(Array.from({ length: 20 }, () => request(g.url + DATA, { headers: { authorization } })));
  const served = all.filter((r) => r.status === 200 && !r.headers['idempotent-replayed']);
  assert.equal(served.length, 1, JSON.stringify(all.map((r) => r.status)));
  assert.equal(upstream.calls.length, 1);
  const elsewhere = await request(`${g.url}/v1/data/d/other`, { headers: { authorization } });
  assert.equal(elsewhere.status, 402);
  assert.equal(JSON.parse(elsewhere.body).type, 'https://paymentauth.org/problems/invalid-challenge');
  await paid(g, account, 5000n);
});

test('what was used stays used after a kill', async () => {
  const other = await seller({ mpp: { secret } });
  const account = await funded();
  const client = (method) => Mppx.create({ methods: [method], polyfill: false });
  const buyer = client(evmClient.charge({ account, currencies: [evmClient.assets.baseSepolia.USDC] }));
  const prover = client(tempoClient.charge({ account }));
  const ask = (where) => fetch(other.url + where, { headers: { 'accept-payment': '*/*' } });
  const spend = (where, authorization) => request(other.url + where, { headers: { authorization } });
  upstream.handle = (req, res) => res.destroy();
  assert.equal((await spend('/v1/data/d/dear', await buyer.createCredential(await ask('/v1/data/d/dear')))).status, 502);
  calm();
  const payment = await buyer.createCredential(await ask(DATA));
  const proof = await prover.createCredential(await ask(DATA));
  const unused = await prover.createCredential(await ask(DATA));
  for (const authorization of [payment, proof]) assert.equal((await spend(DATA, authorization)).status, 200);
  await restart(other);
  upstream.calls.length = 0;
  for (const authorization of [payment, proof]) {
    const again = await spend(DATA, authorization);
    assert.ok([402, 409].includes(again.status), `${again.status} ${again.body}`);
  }
  assert.equal(upstream.calls.length, 0, 'neither was served again');
  assert.equal((await spend(DATA, unused)).status, 200, 'challenges outlive the process');
  await paid(other, account, 15000n, 0n);
});
