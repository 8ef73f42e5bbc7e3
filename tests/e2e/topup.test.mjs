// SPDX-License-Identifier: Apache-2.0
// Wallets are topped up by payments in the call: by the unmodified clients of x402 version
// 1 and 2 and of MPP, into the wallet of the key beside, or into a new one, whose key is
// told once. And what such a key then buys has a receipt that anybody can check.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { evm as evmClient } from 'mppx/client';
import { newAccount } from './chain.mjs';
import { clientV2, headerJson, mppxFetch, payFetchV1, payFetchV2, receiptOf } from './clients.mjs';
import { nano, recorded, request, sse, usd } from './lib.mjs';
import { calm, chain, chat, closeWorld, funded, openWorld, restart, seller, START, upstream } from './paying.mjs';

let g, key;
const UNITS = 50000n; // 0.05 USDC
const topup = (amount = '0.05') => `${g.url}/v1/wallet/topup?amount=${amount}`;
const post = { method: 'POST' };

before(async () => {
  await openWorld();
  g = await seller({ mpp: { secret: 'a secret of thirty-two bytes, or more' } });
  g.cli('wallet', 'create', 'agent');
  key = g.cli('key', 'create', 'agent').stdout.trim();
});

after(closeWorld);

const balance = (wallet) => nano(JSON.parse(g.cli('wallet', 'show', wallet, '--json').stdout).balance);

/** The payer has paid `units`, the seller has them, and the wallet has as much more. */
async function credited(account, sold, wallet, had, units = UNITS) {
  assert.equal(await chain.balanceOf(account.address), START - units);
  assert.equal((await chain.balanceOf(g.payTo)) - sold, units);
  assert.equal(usd(balance(wallet) - had), usd(units * 1000n));
  g.laws();
}

const payers = {
  '@x402/fetch': (a) => payFetchV2(a),
  'x402-fetch': (a) => payFetchV1(a),
  mppx: (a) => mppxFetch(a, { methods: [evmClient.charge({ account: a, currencies: [evmClient.assets.baseSepolia.USDC] })] }),
};

for (const [name, pay] of Object.entries(payers)) {
  test(`${name} tops up the wallet of a key`, async () => {
    const account = await funded();
    const [had, sold] = [balance('agent'), await chain.balanceOf(g.payTo)];
    const r = await pay(account)(topup(), { ...post, headers: { 'x-api-key': key } });
    assert.equal(r.status, 200, await r.clone().text());
    const told = await r.json();
    assert.equal(told.key, undefined);
    assert.equal(told.amount, '0.050000000');
    assert.equal(told.balance, usd(had + UNITS * 1000n));
    await credited(account, sold, 'agent', had);
    const rows = JSON.parse((await request(`${g.url}/v1/wallet/statement`, { headers: { 'x-api-key': key } })).body).items;
    const row = rows.find((x) => x.transfer === told.transfer);
    assert.equal(row.direction, 'in');
    assert.equal(row.amount, '0.050000000');
    assert.equal(row.kind, name === 'mppx' ? 'mpp' : 'x402');
    assert.equal((await chain.receipt(row.ref)).status, 'success');
  });

  test(`${name} opens a wallet, whose key works`, async () => {
    const account = await funded();
    const sold = await chain.balanceOf(g.payTo);
    const r = await pay(account)(topup(), post);
    assert.equal(r.status, 200, await r.clone().text());
    const told = await r.json();
    assert.match(told.key, /^sk-oct-/);
    await credited(account, sold, told.wallet, 0n);
    const mine = await request(`${g.url}/v1/wallet`, { headers: { authorization: `Bearer ${told.key}` } });
    assert.equal(JSON.parse(mine.body).id, told.wallet);
    assert.equal(JSON.parse(mine.body).balance, '0.050000000');
    const call = await request(`${g.url}/v1/data/d/q`, { headers: { authorization: `Bearer ${told.key}` } });
    assert.equal(call.status, 200, `${call.body}`);
    assert.equal(call.headers['x-octroi-balance'], '0.045000000');
  });
}

test('without key or payment a top-up is offered, and a wrong key is told so', async () => {
  assert.equal((await request(topup(), post)).status, 402);
  assert.equal((await request(topup(), { ...post, headers: { authorization: 'Bearer sk-oct-wrong' } })).status, 401);
  const account = await funded();
  const r = await payFetchV2(account)(topup(), { ...post, headers: { 'x-api-key': 'sk-oct-wrong' } });
  assert.equal(r.status, 401);
  assert.equal(await chain.balanceOf(account.address), START);
});

test('a key is told once, also to 20 copies at once and across a restart', async () => {
  const account = await funded();
  const required = headerJson((await request(topup(), post)).headers, 'payment-required');
  const payload = await clientV2(account).createPaymentPayload(required);
  const headers = { 'payment-signature': Buffer.from(JSON.stringify(payload)).toString('base64') };
  const all = await Promise.all(Array.from({ length: 20 }, () => request(topup(), { ...post, headers })));
  const good = all.filter((r) => r.status === 200);
  assert.equal(good.length, 1);
  const told = JSON.parse(good[0].body);
  for (const r of all.filter((x) => x !== good[0])) {
    assert.equal(r.status, 409, `${r.body}`);
    assert.doesNotMatch(`${r.body}`, /sk-oct-/);
  }
  await restart(g);
  const late = await request(topup(), { ...post, headers });
  assert.equal(late.status, 409);
  assert.equal(JSON.parse(late.body).code, 'payment_credited');
  assert.equal(JSON.parse(late.body).wallet, told.wallet);
  assert.equal(await chain.balanceOf(account.address), START - UNITS);
  assert.equal(usd(balance(told.wallet)), '0.050000000');
  g.laws();
});

test('a payment is good for the amount that it was asked for', async () => {
  const account = await funded();
  const required = headerJson((await request(topup('0.01'), post)).headers, 'payment-required');
  const payload = await clientV2(account).createPaymentPayload(required);
  const headers = { 'payment-signature': Buffer.from(JSON.stringify(payload)).toString('base64') };
  assert.equal((await request(topup('0.05'), { ...post, headers })).status, 402);
  assert.equal(await chain.balanceOf(account.address), START);
});

test('who has no money opens no wallet', async () => {
  const wallets = () => JSON.parse(g.cli('wallet', 'list', '--json').stdout).items.length;
  const had = wallets();
  const r = await payFetchV2(newAccount())(topup(), post);
  assert.equal(r.status, 402);
  assert.equal(receiptOf(r.headers).success, false);
  assert.equal(wallets(), had);
});

/** As a third party checks it: with the published key and nothing else. */
async function check(jws) {
  const [head, claims, signature] = jws.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  assert.equal(header.alg, 'EdDSA');
  const set = JSON.parse((await request(`${g.url}/.well-known/octroi-receipts.json`)).body);
  const jwk = set.keys.find((k) => k.kid === header.kid);
  const good = crypto.verify(null, Buffer.from(`${head}.${claims}`), crypto.createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'));
  assert.ok(good, 'the signature');
  const forged = Buffer.from(claims, 'base64url').toString().replace(/"cost":"0/, '"cost":"9');
  assert.equal(crypto.verify(null, Buffer.from(`${head}.${Buffer.from(forged).toString('base64url')}`), crypto.createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url')), false);
  return JSON.parse(Buffer.from(claims, 'base64url'));
}

test('a call of a key has a receipt that node can check, with the answer and later', async () => {
  const auth = { authorization: `Bearer ${key}` };
  const r = await request(`${g.url}/v1/data/d/q`, { headers: { ...auth, 'x-octroi-receipt': '1' } });
  assert.equal(r.status, 200, `${r.body}`);
  const claims = await check(r.headers['x-octroi-receipt']);
  assert.equal(claims.request_id, r.headers['x-request-id']);
  assert.equal(claims.cost, '0.005000000');
  assert.equal(claims.currency, 'USD');
  assert.equal(claims.kind, 'data');
  assert.equal(claims.subject, 'd');
  const plain = await request(`${g.url}/v1/data/d/q`, { headers: auth });
  assert.equal(plain.headers['x-octroi-receipt'], undefined);
  const statement = JSON.parse((await request(`${g.url}/v1/wallet/statement?request_id=${claims.request_id}`, { headers: auth })).body);
  assert.equal(statement.receipt, r.headers['x-octroi-receipt']);
  assert.equal(statement.items[0].transfer, claims.transfer);
});

test('a stream has its receipt in the statement', async () => {
  const { method, headers, body } = chat({ stream: true });
  const auth = { authorization: `Bearer ${key}` };
  upstream.handle = (req, res) => sse(res, recorded('en-chat-streaming-detailed-usage.response.sse'));
  const r = await request(`${g.url}/v1/chat/completions`, { method, body, headers: { ...headers, ...auth, 'x-octroi-receipt': '1' } });
  calm();
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal(r.headers['x-octroi-receipt'], undefined); // its head came before the price
  const statement = JSON.parse((await request(`${g.url}/v1/wallet/statement?request_id=${r.headers['x-request-id']}`, { headers: auth })).body);
  const claims = await check(statement.receipt);
  assert.equal(claims.subject, 'm');
  assert.equal(claims.cost, statement.items[0].amount);
});

test('a call that is paid by x402 has a receipt with its transaction', async () => {
  const account = await funded();
  const r = await payFetchV2(account)(`${g.url}/v1/data/d/q`, { headers: { 'x-octroi-receipt': '1' } });
  assert.equal(r.status, 200, await r.clone().text());
  const claims = await check(r.headers.get('x-octroi-receipt'));
  assert.equal(claims.transaction, receiptOf(r.headers).transaction);
  assert.equal(claims.cost, '0.005000000');
});

test('the key of receipts is its owner’s, and outlives a restart', async () => {
  const file = path.join(g.dir, 'var', 'receipt.key');
  const before = (await request(`${g.url}/.well-known/octroi-receipts.json`)).body.toString();
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  await restart(g, 'SIGTERM');
  assert.equal((await request(`${g.url}/.well-known/octroi-receipts.json`)).body.toString(), before);
});
