// SPDX-License-Identifier: Apache-2.0
// Attacks while a payment is settled on a chain of our own: between the look and the
// transfer, before us and beside us, with a node that lies, lags or is gone, with blocks
// that are taken back. Group F of the threats. Nobody pays twice, nothing is served for
// nothing but what `after` risks, and after each case chain and books agree.
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { encodeFunctionData, parseAbi } from 'viem';
import { accounts, authorize, MULTICALL3, newAccount, USDC, usdcAbi } from './chain.mjs';
import { clientV2, headerJson, receiptOf } from './clients.mjs';
import { json, request, sleep, usd } from './lib.mjs';
import { agree, asks, base64, buy, calm, chain, chat, closeWorld, credit, errorOf, front, funded, house, lie, now, openWorld, paid, pay, payment, refused, required, restart, seller, START, until, upstream, walletOf } from './paying.mjs';

let g;

before(async () => {
  await openWorld();
  g = await seller();
});
afterEach(async () => {
  calm();
  await chain.setAutomine(true);
});
after(closeWorld);

const use = (p) => ['transferWithAuthorization', [p.from, p.to, BigInt(p.value), BigInt(p.validAfter), BigInt(p.validBefore), p.nonce, p.signature]];
/** A stranger sends payments in, in one transaction. */
async function sendIn(stranger, all) {
  await chain.fund(stranger.address);
  const calls = all.map((p) => [USDC, encodeFunctionData({ abi: usdcAbi, functionName: use(p)[0], args: use(p)[1] })]);
  const abi = parseAbi(['function tryAggregate(bool requireSuccess, (address target, bytes callData)[] calls) returns ((bool success, bytes returnData)[])']);
  const hash = await chain.wallet(stranger).writeContract({ address: MULTICALL3, abi, functionName: 'tryAggregate', args: [true, calls.map(([target, callData]) => ({ target, callData }))], gas: 5000000n });
  assert.equal((await chain.receipt(hash)).status, 'success');
}
const signedOf = (p) => ({ ...p.payload.authorization, signature: p.payload.signature });

/** The node takes no transaction of ours until the test lets it: resolves to how many
 * came, calls `then` once there are `count`. */
function stopBroadcasts(count, then) {
  let came = 0;
  front.answer = async (sent, ask) => {
    if (asks(sent, 'eth_sendRawTransaction') && ++came === count) await then();
    return ask();
  };
}

// ---- Before us and beside us -----------------------------------------------------------

test('what a stranger had sent in before we saw it buys nothing, of any seller', async () => {
  const own = await seller();
  const account = await funded();
  const p = await payment(account, await required(own, '/v1/data/d/q?s=1'));
  await sendIn(newAccount(), [signedOf(p)]);
  await refused(own, await pay(own, '/v1/data/d/q?s=1', p), 402, 'nonce_used');
  await refused(own, await pay(own, '/v1/data/d/after', await payment(account, await required(own, '/v1/data/d/after'), { terms: { nonce: p.payload.authorization.nonce } })), 402, 'nonce_used');
  assert.equal(house(own).chain, 0n);
  own.laws();
});

test('a stranger is faster with the same authorization: it is paid once, and served once', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q?s=2'));
  stopBroadcasts(1, () => sendIn(newAccount(), [signedOf(p)]));
  const r = await pay(g, '/v1/data/d/q?s=2', p);
  assert.equal(r.status, 200, `${r.body}`);
  const [sent] = await chain.transfers({ from: account.address, to: g.payTo });
  assert.equal(receiptOf(r.headers).transaction, sent.hash);
  assert.equal((await pay(g, '/v1/data/d/q?s=3', p)).status, 402);
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
});

test('a stranger sends it in while the call is served: it is paid once', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/after?s=1'));
  upstream.handle = async (req, res) => {
    await sendIn(newAccount(), [signedOf(p)]);
    json(res, 200, {});
  };
  const r = await pay(g, '/v1/data/d/after?s=1', p);
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal(receiptOf(r.headers).success, true);
  await paid(g, account, 7000n);
});

test('one transaction uses many nonces up and pays for one: the others are not paid', async () => {
  const own = await seller();
  const account = await funded();
  const asked = await required(own, '/v1/data/d/after?s=2');
  const good = await Promise.all(Array.from({ length: 5 }, () => payment(account, asked)));
  // The nonces of the others go to transfers to the payer himself.
  const decoys = await Promise.all(good.slice(1).map((p) => authorize(account, { to: account.address, value: 7000n, nonce: p.payload.authorization.nonce })));
  let waiting = [];
  upstream.handle = async (req, res) => {
    waiting.push(res);
    if (waiting.length < good.length) return;
    await sendIn(newAccount(), [...decoys.slice(0, 2), signedOf(good[0]), ...decoys.slice(2)]);
    for (const r of waiting) json(r, 200, { secret: 'goods' });
  };
  const all = await Promise.all(good.map((p) => pay(own, '/v1/data/d/after?s=2', p)));
  assert.deepEqual(all.map((r) => r.status), [200, 402, 402, 402, 402], all.map((r) => r.body).join('\n'));
  for (const r of all.slice(1)) assert.ok(!r.body.includes('goods'), 'the answer is withheld');
  await agree(own);
  assert.equal(house(own).bad_debt, 28000000n, 'what the four calls cost is bad debt');
  const more = await payment(account, await required(own, '/v1/data/d/q'));
  upstream.calls.length = 0;
  await refused(own, await pay(own, '/v1/data/d/q', more), 403, undefined, 'who owes buys no more');
});

test('one transaction of a stranger makes many payments: each is served once', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/after?s=3');
  const good = await Promise.all(Array.from({ length: 4 }, () => payment(account, asked)));
  let waiting = [];
  upstream.handle = async (req, res) => {
    waiting.push(res);
    if (waiting.length < good.length) return;
    await sendIn(newAccount(), good.map(signedOf));
    for (const r of waiting) json(r, 200, {});
  };
  const all = await Promise.all(good.map((p) => pay(g, '/v1/data/d/after?s=3', p)));
  assert.deepEqual(all.map((r) => r.status), [200, 200, 200, 200]);
  await paid(g, account, 28000n);
});
