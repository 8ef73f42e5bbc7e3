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
import { agree, asks, base64, buy, calm, chain, chat, closeWorld, credit, errorOf, front, funded, house, lie, now, openWorld, paid, pay, payment, refused, required, restart, seller, START, until, upstream, walletOf, whole } from './paying.mjs';

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

// ---- Between the look and the money ----------------------------------------------------

test('F16 allowance and balance overdraft: what covers one call is not served ten times', async () => {
  for (const kind of ['balance', 'allowance']) {
    const own = await seller();
    const account = await funded(kind === 'balance' ? 7000n : START);
    let send;
    if (kind === 'balance') {
      const asked = await required(own, '/v1/data/d/after');
      const all = await Promise.all(Array.from({ length: 10 }, () => payment(account, asked)));
      send = (i) => pay(own, '/v1/data/d/after', all[i]);
    } else {
      const asked = await required(own, '/v1/chat/completions', chat());
      const worst = BigInt(asked.accepts.find((o) => o.scheme === 'upto').amount);
      await chain.fund(account.address);
      await chain.approve(account.address, worst);
      const client = clientV2(account, { schemes: ['upto'], spend: false });
      const all = await Promise.all(Array.from({ length: 10 }, () => client.createPaymentPayload(asked)));
      send = (i) => pay(own, '/v1/chat/completions', all[i], chat());
    }
    upstream.calls.length = 0;
    upstream.handle = async (req, res) => {
      await sleep(300);
      json(res, 200, whole);
    };
    const all = await Promise.all(Array.from({ length: 10 }, (_, i) => send(i)));
    assert.equal(upstream.calls.length, 1, `${kind}: ${all.map((r) => r.status)}`);
    const told = all.filter((r) => r.status !== 200).map((r) => errorOf(r).code);
    assert.deepEqual([...new Set(told)], [kind === 'balance' ? 'payer_without_funds' : 'allowance_required']);
    assert.equal(all.filter((r) => r.status === 200).length, 1, 'and that one is paid for');
    await agree(own);
    assert.equal(house(own).bad_debt, 0n);
  }
});

test('F16 F18 F25 cancelled, moved or revoked while it is served: withheld, bad debt, no more calls', async () => {
  const tricks = {
    cancelled: (account, p) => chain.cancelAuthorization(account, p.payload.authorization.nonce),
    moved: (account) => chain.transfer(account.address, accounts[7].address, START),
    'used up': async (account, p) => sendIn(newAccount(), [await authorize(account, { to: account.address, value: 1n, nonce: p.payload.authorization.nonce })]),
  };
  for (const [what, trick] of Object.entries(tricks)) {
    const own = await seller();
    const account = await funded();
    await chain.fund(account.address);
    const p = await payment(account, await required(own, '/v1/data/d/after'));
    upstream.handle = async (req, res) => {
      await trick(account, p);
      json(res, 200, { secret: 'goods' });
    };
    const r = await pay(own, '/v1/data/d/after', p);
    assert.equal(r.status, 402, `${what}: ${r.status} ${r.body}`);
    assert.ok(!r.body.includes('goods'), what);
    assert.equal(receiptOf(r.headers)?.success, false, what);
    await agree(own);
    assert.equal(house(own).bad_debt, 7000000n, what);
    calm();
    await chain.mint(account.address, START);
    for (const where of ['/v1/data/d/after', '/v1/data/d/q']) await refused(own, await pay(own, where, await payment(account, await required(own, where))), 403, 'payer_owes', what);
    await agree(own);
  }
});

test('F16 upto: the allowance is taken back while the model works', async () => {
  const own = await seller();
  const account = await funded();
  await chain.fund(account.address);
  await chain.approve(account.address);
  const asked = await required(own, '/v1/chat/completions', chat());
  const p = await clientV2(account, { schemes: ['upto'], spend: false }).createPaymentPayload(asked);
  upstream.handle = async (req, res) => {
    await chain.approve(account.address, 0n);
    json(res, 200, whole);
  };
  const r = await pay(own, '/v1/chat/completions', p, chat());
  assert.equal(r.status, 412, `${r.body}`);
  assert.ok(!r.body.includes('three tokens'));
  await agree(own);
  assert.equal(house(own).bad_debt, 38750n, '7 tokens in and 3 out');
});

test('F16 F25 upfront: cancelled or moved just before it is sent: a definite no, and no debt', async () => {
  for (const what of ['cancelled', 'moved']) {
    const account = await funded();
    await chain.fund(account.address);
    const p = await payment(account, await required(g, '/v1/data/d/q'));
    stopBroadcasts(1, () => (what === 'cancelled' ? chain.cancelAuthorization(account, p.payload.authorization.nonce) : chain.transfer(account.address, accounts[7].address, START)));
    const r = await pay(g, '/v1/data/d/q', p);
    await refused(g, r, 402, undefined, what);
    assert.equal(receiptOf(r.headers).success, false);
    calm();
    await refused(g, await pay(g, '/v1/data/d/q', p), 402, undefined, `${what}, again`);
    await agree(g);
    assert.equal(house(g).bad_debt, 0n);
  }
});

test('F30 upto never takes more than was authorized, whatever the upstream says it cost', async () => {
  const account = await funded();
  await chain.fund(account.address);
  await chain.approve(account.address);
  const asked = await required(g, '/v1/chat/completions', chat());
  const p = await clientV2(account, { schemes: ['upto'], spend: false }).createPaymentPayload(asked);
  upstream.handle = (req, res) => json(res, 200, { ...whole, usage: { prompt_tokens: 900000, completion_tokens: 900000 } });
  const r = await pay(g, '/v1/chat/completions', p, chat());
  assert.equal(r.status, 200, `${r.body}`);
  const taken = START - (await chain.balanceOf(account.address));
  assert.equal(taken, BigInt(p.accepted.amount));
  await paid(g, account, taken);
});

test('F19 F20 what is settled and not delivered is credited: 3xx, 5xx, cut off, a caller who leaves', async () => {
  const answers = { 304: (res) => res.writeHead(304).end(), 302: (res) => res.writeHead(302, { location: '/x' }).end(), 503: (res) => json(res, 503, {}), cut: (res) => res.destroy() };
  for (const [what, answer] of Object.entries(answers)) {
    const account = await funded();
    upstream.handle = (req, res) => answer(res);
    const r = await buy(g, account, `/v1/data/d/q?w=${what}`);
    assert.ok(r.status >= 300, `${what}: ${r.status}`);
    await paid(g, account, 5000n, 5000000n);
  }
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q?leaver'));
  const controller = new AbortController();
  upstream.handle = () => controller.abort();
  await assert.rejects(fetch(`${g.url}/v1/data/d/q?leaver`, { signal: controller.signal, headers: { 'payment-signature': base64(p) } }));
  await paid(g, account, 5000n, 5000000n);
});

// ---- A token, and many at once ---------------------------------------------------------

test('F26 a token that takes a used nonce without a word: no transfer, no service', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q'));
  const code = await chain.rpc('eth_getCode', USDC, 'latest');
  front.answer = async (sent, ask) => {
    if (!asks(sent, 'eth_sendRawTransaction')) return ask();
    await chain.rpc('anvil_setCode', USDC, '0x00'); // it stops, and all is well
    const answer = await ask();
    await chain.rpc('anvil_setCode', USDC, code);
    return answer;
  };
  const r = await pay(g, '/v1/data/d/q', p);
  await refused(g, r, 402);
  assert.equal(receiptOf(r.headers).success, false);
  await paid(g, account, 0n);
});

test('F27 100 settlements at once from one account: 100 numbers, none twice', async () => {
  const own = await seller();
  const payers = [];
  for (let i = 0; i < 100; i++) payers.push(await funded());
  const asked = await required(own, '/v1/data/d/q');
  const signed = await Promise.all(payers.map((account) => payment(account, asked)));
  const all = await Promise.all(signed.map((p) => pay(own, '/v1/data/d/q', p)));
  assert.deepEqual(all.filter((r) => r.status !== 200).map((r) => `${r.status} ${r.body}`), []);
  assert.equal(upstream.calls.length, 100);
  assert.equal(await chain.nonceOf(own.settler.address), 100);
  assert.equal(new Set(all.map((r) => receiptOf(r.headers).transaction)).size, 100);
  assert.equal(await chain.balanceOf(own.payTo), 500000n);
  await agree(own);
});
