// SPDX-License-Identifier: Apache-2.0
// Octroi as the facilitator of an unmodified @x402/express server: unmodified clients pay
// it, nothing is sent twice, and no money of it is in our books.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { authorize, newAccount, NETWORK, UPTO_PROXY, USDC } from './chain.mjs';
import { expressServer, clientV2, headerJson, offer, payFetchV1, payFetchV2, receiptOf, v1Server } from './clients.mjs';
import { request, sleep } from './lib.mjs';
import { chain, closeWorld, funded, openWorld, seller, START } from './paying.mjs';

let octroi, express, payTo, runs;

before(async () => {
  await openWorld();
  payTo = newAccount().address;
  octroi = await seller({ network: { schemes: ['exact', 'permit2', 'upto'] } });
  express = await expressServer({
    facilitator: `${octroi.url}/facilitator`,
    routes: {
      'GET /paid': { accepts: offer({ payTo, price: '$0.01' }), description: 'paid', mimeType: 'application/json' },
      'GET /metered': {
        accepts: offer({ payTo, price: '$0.05', scheme: 'upto' }),
        handler: (req, res) => res.set('Settlement-Overrides', JSON.stringify({ amount: '2350' })).json({ message: 'metered' }),
      },
      'GET /slow': { accepts: offer({ payTo, price: '$0.01' }), handler: async (req, res) => (await sleep(100 * ++runs), res.json({ message: 'slow' })) },
    },
  });
});

after(async () => {
  await express?.close();
  await closeWorld();
});

const ask = async (what, body) => {
  const r = await request(`${octroi.url}/facilitator/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: r.status, ...JSON.parse(r.body) };
};

/** A payment of version 2 and its requirements, by hand. */
async function question(account, { amount = '10000', asset = USDC, name = 'USDC', to = payTo, terms = {} } = {}) {
  const paymentRequirements = { scheme: 'exact', network: NETWORK, amount, asset, payTo: to, maxTimeoutSeconds: 300, extra: { name, version: '2' } };
  const { signature, ...m } = await authorize(account, { to, value: BigInt(amount), ...terms });
  const authorization = { ...m, value: String(m.value), validAfter: String(m.validAfter), validBefore: String(m.validBefore) };
  return { x402Version: 2, paymentPayload: { x402Version: 2, resource: { url: 'http://shop.example/a' }, accepted: paymentRequirements, payload: { signature, authorization } }, paymentRequirements };
}

test('what is supported is what the reference server asks for', async () => {
  const r = await request(`${octroi.url}/facilitator/supported`);
  assert.equal(r.status, 200);
  assert.deepEqual(JSON.parse(r.body), {
    kinds: [
      { x402Version: 2, scheme: 'exact', network: NETWORK },
      { x402Version: 1, scheme: 'exact', network: 'base-sepolia' },
      { x402Version: 2, scheme: 'upto', network: NETWORK, extra: { facilitatorAddress: octroi.settler.address } },
    ],
    extensions: [],
    signers: { 'eip155:*': [octroi.settler.address] },
  });
});

test('@x402/fetch pays an @x402/express server through it', async () => {
  const account = await funded();
  const had = await chain.balanceOf(payTo);
  const r = await payFetchV2(account)(`${express.url}/paid?x=1`);
  assert.equal(r.status, 200, await r.clone().text());
  assert.equal((await r.json()).message, 'paid');
  const receipt = receiptOf(r.headers);
  assert.equal(receipt.success, true);
  assert.equal((await chain.receipt(receipt.transaction)).status, 'success');
  assert.equal(await chain.balanceOf(account.address), START - 10000n);
  assert.equal((await chain.balanceOf(payTo)) - had, 10000n);
  octroi.laws();
});

test('x402-fetch pays a server of version 1 through it', async () => {
  const account = await funded();
  const settle = (paymentPayload, paymentRequirements) => ask('settle', { x402Version: 1, paymentPayload, paymentRequirements });
  const server = await v1Server({ facilitator: { settle }, payTo, amount: 20000n });
  const r = await payFetchV1(account)(`${server.url}/paid`);
  assert.equal(r.status, 200, await r.clone().text());
  const receipt = headerJson(r.headers, 'x-payment-response');
  assert.equal(receipt.success, true);
  assert.equal(receipt.network, 'base-sepolia');
  assert.equal(await chain.balanceOf(account.address), START - 20000n);
  await server.close();
});

test('upto is settled for what the server says was used', async () => {
  const account = await funded();
  await chain.fund(account.address);
  await chain.approve(account.address);
  const r = await payFetchV2(account, { schemes: ['upto'], spend: false })(`${express.url}/metered`);
  assert.equal(r.status, 200, await r.clone().text());
  assert.equal(receiptOf(r.headers).amount, '2350');
  assert.equal(await chain.balanceOf(account.address), START - 2350n);
});

test('who has no money is refused before any work', async () => {
  const served = express.served;
  const r = await payFetchV2(newAccount())(`${express.url}/paid`);
  assert.equal(r.status, 402);
  assert.equal(express.served, served);
});

test('a payment is verified, settled once, and spent', async () => {
  const account = await funded();
  const q = await question(account);
  assert.deepEqual(await ask('verify', q), { status: 200, isValid: true, payer: account.address });
  const first = await ask('settle', q);
  assert.equal(first.success, true, JSON.stringify(first));
  assert.equal(first.payer, account.address);
  assert.equal(first.network, NETWORK);
  const again = await ask('settle', q);
  assert.deepEqual([again.success, again.errorReason, again.transaction], [false, 'duplicate_settlement', first.transaction]);
  const verdict = await ask('verify', q);
  assert.equal(verdict.isValid, false);
  assert.equal(await chain.balanceOf(account.address), START - 10000n);
  octroi.laws();
});

test('20 copies at once are one transfer', async () => {
  const account = await funded();
  const q = await question(account);
  const all = await Promise.all(Array.from({ length: 20 }, () => ask('settle', q)));
  const good = all.filter((a) => a.success);
  assert.equal(good.length, 1, JSON.stringify(all));
  for (const a of all.filter((x) => !x.success)) assert.match(a.errorReason, /duplicate_settlement|nonce_already_used/);
  assert.equal(await chain.balanceOf(account.address), START - 10000n);
});

test('20 copies of one header to an express server buy one answer, however long each takes', async () => {
  const account = await funded();
  const url = `${express.url}/slow`;
  runs = 0;
  const required = headerJson((await request(url)).headers, 'payment-required');
  const payload = await clientV2(account).createPaymentPayload(required);
  const header = { 'payment-signature': Buffer.from(JSON.stringify(payload)).toString('base64') };
  const all = await Promise.all(Array.from({ length: 20 }, () => request(url, { headers: header })));
  const ok = all.filter((r) => r.status === 200).length;
  assert.equal(ok, 1);
  assert.equal(await chain.balanceOf(account.address), START - 10000n);
});

test('bad payments are answered with a reason, and nothing moves', async () => {
  const account = await funded();
  const good = await question(account);
  const cases = {
    invalid_exact_evm_recipient_mismatch: { ...good, paymentRequirements: { ...good.paymentRequirements, payTo: newAccount().address } },
    invalid_exact_evm_payload_authorization_value_mismatch: { ...good, paymentRequirements: { ...good.paymentRequirements, amount: '9999' } },
    invalid_exact_evm_token_name_mismatch: await question(account, { name: 'USD Coin' }),
    invalid_network: await question(account, { asset: UPTO_PROXY }),
    invalid_exact_evm_payload_authorization_valid_before: await question(account, { terms: { validBefore: BigInt(Math.floor(Date.now() / 1000)) } }),
    invalid_exact_evm_signature: { ...good, paymentPayload: { ...good.paymentPayload, payload: { ...good.paymentPayload.payload, signature: `0x${'11'.repeat(64)}1b` } } },
    invalid_payload: { ...good, paymentPayload: {} },
    invalid_x402_version: { ...good, x402Version: 7 },
  };
  for (const [reason, q] of Object.entries(cases)) {
    const verdict = await ask('verify', q);
    assert.deepEqual([verdict.status, verdict.isValid, verdict.invalidReason], [200, false, reason]);
    const settled = await ask('settle', q);
    assert.deepEqual([settled.status, settled.success, settled.errorReason, settled.transaction], [200, false, reason, '']);
  }
  assert.equal(await chain.balanceOf(account.address), START);
});

test('a settlement that was sent by a process that died is told by the next', async () => {
  const account = await funded();
  const q = await question(account);
  const first = await ask('settle', q);
  assert.equal(first.success, true, JSON.stringify(first));
  octroi.child.kill('SIGKILL');
  await octroi.exited;
  octroi.config.server.listen = `127.0.0.1:${octroi.port}`;
  octroi.writeConfig();
  await octroi.start();
  assert.equal((await ask('settle', q)).transaction, first.transaction);
  assert.equal(await chain.balanceOf(account.address), START - 10000n);
  octroi.laws();
});
