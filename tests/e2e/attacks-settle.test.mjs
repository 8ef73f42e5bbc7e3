// SPDX-License-Identifier: Apache-2.0
// Attacks while a payment is settled on a chain of our own: between the look and the
// transfer, before us and beside us, with a node that lies, lags or is gone, with blocks
// that are taken back. Group F of the threats. Nobody pays twice, nothing is served for
// nothing but what `after` risks, and after each case chain and books agree.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { encodeEventTopics, encodeFunctionData, keccak256, pad, parseAbi } from 'viem';
import { accounts, authorize, MULTICALL3, newAccount, startRpcFront, USDC, usdcAbi } from './chain.mjs';
import { clientV2, receiptOf } from './clients.mjs';
import { dataFiles, json, request, sleep } from './lib.mjs';
import { agree, asks, base64, buy, calm, chain, chat, closeWorld, credit, endpoints, errorOf, front, funded, hex, house, lie, openWorld, paid, pay, payment, refused, required, restart, seller, START, until, upstream, walletOf, whole } from './paying.mjs';

let g, second;

before(async () => {
  await openWorld();
  second = await startRpcFront(chain);
  g = await seller();
});
afterEach(async () => {
  calm();
  second.answer = null;
  await chain.setAutomine(true);
});
after(async () => {
  await closeWorld();
  await second?.close();
});

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

test('F4 shown to two machines of one pay_to by a payer who sends it in himself, faster than both: neither serves', { timeout: 60000 }, async () => {
  const payTo = newAccount().address;
  const settlers = [newAccount(), newAccount()];
  const data_apis = { d: { base_url: upstream.url, allow_private: true, endpoints: endpoints.filter((e) => !e.payment_flow) } };
  const hosts = [];
  for (const settler of settlers) hosts.push(await seller({ data_apis, network: { peers: settlers.map((s) => s.address) } }, { payTo, settler }));
  const account = await funded();
  const p = await payment(account, await required(hosts[0], '/v1/data/d/q?s=both'));
  let came = 0;
  let release;
  const both = new Promise((done) => (release = done));
  front.answer = async (sent, ask) => {
    if (asks(sent, 'eth_sendRawTransaction')) {
      if (++came === 2) release(await sendIn(newAccount(), [signedOf(p)]));
      await both;
    }
    return ask();
  };
  const all = await Promise.all(hosts.map((h) => pay(h, '/v1/data/d/q?s=both', p)));
  assert.deepEqual(all.map((r) => r.status), [402, 402], all.map((r) => r.body).join('\n'));
  assert.equal(upstream.calls.length, 0);
  for (const h of hosts) {
    assert.equal(house(h).chain, 0n);
    assert.equal(house(h).receivable, 0n);
    h.laws();
  }
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

test('F18 bad debt has an end: at max_debt nothing is served before it is paid, all else is', async () => {
  const own = await seller({ payments: { max_debt: '0.007' } });
  const [bad, good] = [await funded(), await funded()];
  const p = await payment(bad, await required(own, '/v1/data/d/after'));
  upstream.handle = async (req, res) => {
    await chain.transfer(bad.address, accounts[7].address, START);
    json(res, 200, {});
  };
  assert.equal((await pay(own, '/v1/data/d/after', p)).status, 402);
  await agree(own);
  assert.equal(house(own).bad_debt, 7000000n);
  calm();
  const late = await payment(good, await required(own, '/v1/data/d/after'));
  await refused(own, await pay(own, '/v1/data/d/after', late), 503);
  assert.equal((await buy(own, good, '/v1/data/d/q')).status, 200);
  await paid(own, good, 5000n);
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

test('F19 F20 what is settled and not delivered is credited: 3xx, 5xx, cut off; not who leaves', async () => {
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
  await paid(g, account, 5000n); // who leaves a call of a flat price has bought it
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

// ---- A node that lies, lags or is gone -------------------------------------------------

const shift = (seconds) => (a) => {
  if (a.result?.timestamp) a.result.timestamp = hex(BigInt(a.result.timestamp) + BigInt(seconds));
  return a;
};

/** While the node is like this every payment is refused before any work, no call with a
 * key is, and when it is well again payments are taken. */
async function isDownWith(what, own, answer) {
  const w = own.wallet(`key-${what.replace(/\W/g, '-')}`, '5');
  const account = await funded();
  const [first, second] = [await payment(account, await required(own, '/v1/data/d/q')), await payment(account, await required(own, '/v1/data/d/after'))];
  upstream.calls.length = 0;
  answer();
  await refused(own, await pay(own, '/v1/data/d/q', first), 503, 'settlement_unavailable', what);
  const r = await pay(own, '/v1/data/d/after', second);
  await refused(own, r, 503, 'settlement_unavailable', what);
  assert.ok(r.headers['retry-after'], what);
  assert.equal(r.headers['payment-required'], undefined, `${what}: no new offer, or it would sign again`);
  const keyed = await request(`${own.url}/v1/data/d/q`, { headers: { authorization: `Bearer ${w.key}` } });
  assert.equal(keyed.status, 200, `${what}: with a key`);
  calm();
  await chain.fund(own.settler.address);
  await until(`${what}: it is well again`, async () => (await pay(own, '/v1/data/d/q', first)).status === 200);
  await paid(own, account, 5000n);
}

test('F27 who owes is refused before he gets a number of ours, and holds up nobody', async () => {
  const own = await seller();
  const [debtor, honest] = [await funded(), await funded()];
  const late = await payment(debtor, await required(own, '/v1/data/d/after'));
  upstream.handle = async (req, res) => {
    await chain.cancelAuthorization(debtor, late.payload.authorization.nonce);
    json(res, 200, {});
  };
  assert.equal((await pay(own, '/v1/data/d/after', late)).status, 402);
  calm();
  const asked = await required(own, '/v1/data/d/q');
  const all = await Promise.all([debtor, debtor, debtor, debtor, honest].map((account) => payment(account, asked)));
  let held = true; // so that the node hears of all at once
  front.answer = async (sent, ask) => {
    while (held && asks(sent, 'eth_estimateGas')) await sleep(5);
    return ask();
  };
  const answers = [];
  for (const p of all) {
    answers.push(pay(own, '/v1/data/d/q', p));
    await sleep(2);
  }
  await sleep(100);
  held = false;
  const [paidFor, ...owing] = (await Promise.all(answers)).reverse();
  for (const r of owing) assert.equal(errorOf(r).code, 'payer_owes');
  assert.equal(paidFor.status, 200, `${paidFor.body}`);
  assert.equal(upstream.calls.length, 1);
  await agree(own);
});

test('F9 F21 F23 a node that is stale, ahead, of another chain, gone or mad takes no payment', async () => {
  const lies = {
    'an old head': () => lie('eth_getBlockByNumber', shift(-120)),
    'a head from the future': () => lie('eth_getBlockByNumber', shift(120)),
    gone: () => (front.answer = async () => null),
    'an error page': () => (front.answer = async () => 502),
    'no JSON': () => (front.answer = async () => '<html>'),
    'no list': () => (front.answer = async () => ({ jsonrpc: '2.0', id: 1, result: '0x1' })),
    'foreign ids': () => (front.answer = async (sent, ask) => JSON.stringify((await ask()).map((a) => ({ ...a, id: a.id + 1000000 })))),
    'errors only': () => (front.answer = async (sent) => [sent].flat().map((c) => ({ jsonrpc: '2.0', id: c.id, error: { code: -32000, message: 'no' } }))),
  };
  const own = await seller();
  for (const [what, answer] of Object.entries(lies)) await isDownWith(what, own, answer);
});

test('F28 an empty gas account takes no payment', async () => {
  const own = await seller({}, { funds: '0' });
  await isDownWith('no gas', own, () => {});
});

test('F22 F23 a node that lies about receipts: other token, payer, recipient, value, none, failed', async () => {
  const other = newAccount().address.toLowerCase().slice(2).padStart(64, '0');
  const transfer = (change) => (a) => {
    for (const log of a.result?.logs ?? []) if (log.topics.length === 3 && log.data !== '0x') change(log);
    return a;
  };
  const lies = {
    token: transfer((log) => (log.address = accounts[9].address)),
    payer: transfer((log) => (log.topics[1] = `0x${other}`)),
    recipient: transfer((log) => (log.topics[2] = `0x${other}`)),
    value: transfer((log) => (log.data = hex(4999n).replace('0x', '0x'.padEnd(2 + 64 - 4, '0')))),
    none: (a) => ((a.result && (a.result.logs = [])), a),
    hash: (a) => ((a.result && (a.result.transactionHash = `0x${'1'.repeat(64)}`)), a),
  };
  const own = await seller();
  const running = Object.entries(lies).map(async ([what]) => ({ what, account: await funded() }));
  for (const { what, account } of await Promise.all(running)) {
    const p = await payment(account, await required(own, '/v1/data/d/q'));
    lie('eth_getTransactionReceipt', lies[what]);
    const controller = new AbortController();
    const told = fetch(`${own.url}/v1/data/d/q`, { signal: controller.signal, headers: { 'payment-signature': base64(p) } }).then((r) => r.status, () => 'waits');
    const status = await Promise.race([told, sleep(2500).then(() => 'waits')]);
    assert.ok(['waits', 402, 503].includes(status), `${what}: ${status}`);
    assert.equal(upstream.calls.length, 0, `${what}: served on a lie`);
    controller.abort();
    await told;
    calm();
  }
  own.laws();
});

// ---- What is not known yet -------------------------------------------------------------

test('F17 a settlement that nobody sees: no new offer, no second payment, and the same header ends it', { timeout: 240000 }, async () => {
  const own = await seller();
  const [account, modeller, leaver] = [await funded(), await funded(), await funded()];
  const p = await payment(account, await required(own, '/v1/data/d/q?u=1'));
  const m = await payment(modeller, await required(own, '/v1/chat/completions', chat()));
  const l = await payment(leaver, await required(own, '/v1/data/d/q?u=2'));
  await chain.setAutomine(false);
  const controller = new AbortController();
  const left = fetch(`${own.url}/v1/data/d/q?u=2`, { signal: controller.signal, headers: { 'payment-signature': base64(l) } }).catch(() => 'left');
  const first = pay(own, '/v1/data/d/q?u=1', p);
  const model = pay(own, '/v1/chat/completions', m, chat());
  await until('three transactions', async () => (await chain.pending()).length === 3);
  const copy = await pay(own, '/v1/data/d/q?u=1', p);
  assert.ok([409, 503].includes(copy.status), `${copy.status}`);
  controller.abort();
  assert.equal(await left, 'left');
  for (const r of await Promise.all([first, model])) {
    assert.equal(r.status, 503, `${r.body}`);
    assert.equal(errorOf(r).code, 'settlement_pending');
    assert.match(errorOf(r).detail ?? errorOf(r).message, /0x[0-9a-f]{64}/, 'it names the transaction');
    assert.ok(r.headers['retry-after']);
    assert.equal(r.headers['payment-required'], undefined, 'it would sign again');
    assert.equal(JSON.parse(r.body).accepts, undefined);
    assert.equal(receiptOf(r.headers).errorReason, 'settlement_pending');
  }
  assert.equal(upstream.calls.length, 0);
  const transactions = new Set(await chain.pending());
  assert.equal(transactions.size, 3, 'one for each payment, whatever was resent');
  await chain.mine();
  await chain.setAutomine(true);
  await until('the call', async () => (await pay(own, '/v1/data/d/q?u=1', p)).status === 200);
  await until('the model', async () => (await pay(own, '/v1/chat/completions', m, chat())).status === 200);
  assert.equal(upstream.calls.length, 2);
  assert.equal(START - (await chain.balanceOf(leaver.address)), 5000n, 'who left has paid');
  assert.equal((await pay(own, '/v1/data/d/q?u=2', l)).status, 200, 'and gets it with the same header');
  await agree(own);
  for (const a of [account, modeller, leaver]) assert.equal((await chain.transfers({ from: a.address, to: own.payTo })).length, 1);
});

test('F17 shut down and started again while a settlement is under way: paid once, served once', async () => {
  const own = await seller();
  const account = await funded();
  const p = await payment(account, await required(own, '/v1/data/d/q?u=3'));
  await chain.setAutomine(false);
  const first = pay(own, '/v1/data/d/q?u=3', p).catch(() => ({ status: 0 }));
  await until('a transaction', async () => (await chain.pending()).length === 1);
  await restart(own, 'SIGTERM');
  assert.ok([0, 503].includes((await first).status));
  await chain.mine();
  await chain.setAutomine(true);
  await until('the call', async () => (await pay(own, '/v1/data/d/q?u=3', p)).status === 200);
  assert.equal(upstream.calls.length, 1);
  await paid(own, account, 5000n);
});

test('F17 killed while a paid call is at work: not served again, and told that it is credited', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q?s=killed'));
  let working;
  const at = new Promise((done) => (working = done));
  upstream.handle = () => working();
  const cut = pay(g, '/v1/data/d/q?s=killed', p).catch((e) => e);
  await at;
  // The next process hears of the chain when the payer is back already.
  let away = true;
  front.answer = async (sent, ask) => {
    while (away) await sleep(5);
    return ask();
  };
  await restart(g);
  assert.ok((await cut) instanceof Error);
  const again = pay(g, '/v1/data/d/q?s=killed', p);
  await sleep(100);
  away = false;
  const r = await again;
  assert.deepEqual([r.status, errorOf(r).code], [409, 'payment_credited'], `${r.body}`);
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n, 5000000n);
});

test('F27 a transaction that is lost is sent again, and one that is stuck gets a higher fee', { timeout: 180000 }, async () => {
  const own = await seller();
  const [one, two] = [await funded(), await funded()];
  await chain.setAutomine(false);
  const lost = pay(own, '/v1/data/d/q?u=4', await payment(one, await required(own, '/v1/data/d/q?u=4')));
  await until('a transaction', async () => (await chain.pending()).length === 1);
  const [dropped] = await chain.pending();
  await chain.drop(dropped);
  await until('it again', async () => (await chain.pending()).includes(dropped));
  await chain.mine();
  assert.equal((await lost).status, 200);
  // The next block costs more than was offered.
  const stuck = pay(own, '/v1/data/d/q?u=5', await payment(two, await required(own, '/v1/data/d/q?u=5')));
  await until('another', async () => (await chain.pending()).length === 1);
  const [low] = await chain.pending();
  const { maxFeePerGas } = await chain.rpc('eth_getTransactionByHash', low);
  await chain.rpc('anvil_setNextBlockBaseFeePerGas', hex(BigInt(maxFeePerGas) * 2n));
  await chain.mine();
  assert.equal(await chain.nonceOf(own.settler.address), 1, 'it was not taken');
  await until('a higher fee', async () => {
    const waiting = await chain.pending();
    return waiting.length === 1 && waiting[0] !== low;
  });
  await chain.mine();
  await chain.setAutomine(true);
  const r = await stuck;
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal(await chain.nonceOf(own.settler.address), 2, 'one number for each payment');
  await paid(own, two, 5000n);
  await paid(own, one, 5000n);
});

test('F24 blocks are taken back: the credit is reverted, the wallet frozen, the rest bad debt', { timeout: 120000 }, async () => {
  const own = await seller();
  const account = await funded();
  upstream.handle = (req, res) => json(res, 500, {});
  const r = await buy(own, account, '/v1/data/d/dear');
  assert.equal(r.status, 500);
  await paid(own, account, 10000n, 10000000n);
  calm();
  assert.equal((await buy(own, account, '/v1/data/d/q')).status, 200);
  await paid(own, account, 15000n, 10000000n);
  await chain.reorg(2);
  assert.equal(await chain.balanceOf(own.payTo), 0n, 'both are gone');
  await until('the credit is taken back', () => credit(own, account) === 0n && walletOf(own, account).frozen);
  await until('both', () => house(own).chain === 0n);
  await agree(own);
  assert.equal(house(own).bad_debt, 5000000n, 'the call that was served');
  upstream.calls.length = 0;
  await refused(own, await pay(own, '/v1/data/d/dear', r.payment), 403, 'wallet_frozen', 'the same header');
  await refused(own, await pay(own, '/v1/data/d/q', await payment(account, await required(own, '/v1/data/d/q'))), 403, 'wallet_frozen', 'a new one');
  await agree(own);
});

// ---- Two nodes, and blocks by value ----------------------------------------------------

/** A seller to whom 0.01 and more counts only when `second`, the other node, agrees. */
const witnessed = (network = {}) => seller({ network: { witness: { rpc_url: second.url, from: '0.01' }, ...network } });

/** What a call that waits is answered, or 'waits' after `ms`. */
const within = (ms, call) => Promise.race([call.then((r) => r.status), sleep(ms).then(() => 'waits')]);

test('F23 F24 one node alone takes nothing back; when both have lost it, it is', { timeout: 180000 }, async (t) => {
  const liar = await startRpcFront(chain); // the other sellers have no witness
  t.after(() => liar.close());
  const own = await witnessed({ rpc_url: liar.url });
  const account = await funded();
  upstream.handle = (req, res) => json(res, 500, {});
  assert.equal((await buy(own, account, '/v1/data/d/dear')).status, 500);
  await paid(own, account, 10000n, 10000000n);
  let denied = 0;
  const unused = encodeFunctionData({ abi: usdcAbi, functionName: 'authorizationState', args: [account.address, `0x${'0'.repeat(64)}`] }).slice(0, 10);
  liar.answer = async (sent, ask) => {
    const answers = await ask();
    for (const a of [answers].flat()) {
      const call = [sent].flat().find((c) => c.id === a.id);
      if (/^eth_getTransaction(Receipt|ByHash)$/.test(call?.method)) a.result = null;
      if (call?.method === 'eth_call' && call.params[0].data.startsWith(unused)) (a.result = `0x${'0'.repeat(64)}`), denied++;
    }
    return answers;
  };
  await until('the node denies it, and the witness is asked', () => denied > 0 && own.logs.includes('the witness does not agree about a payment'));
  await sleep(1000);
  assert.equal(credit(own, account), 10000000n, 'on one word nothing is taken');
  assert.equal(walletOf(own, account).frozen, false);
  await agree(own);
  liar.answer = null;
  await chain.reorg(1);
  await until('it is taken back', () => credit(own, account) === 0n && walletOf(own, account).frozen, 90000);
  await agree(own);
  assert.equal(house(own).chain, 0n);
});

test('F23 a witness that is gone, that lags, or is of another time: it waits, and small ones go on', { timeout: 240000 }, async () => {
  const own = await witnessed();
  const account = await funded();
  const ways = {
    gone: () => (second.answer = async () => null),
    lags: () => lie('eth_getTransactionReceipt', (a) => ({ ...a, result: null }), second),
    'an old head': () => lie('eth_getBlockByNumber', shift(-120), second),
    'another block': () => lie('eth_getTransactionReceipt', (a) => ((a.result && (a.result.blockHash = `0x${'1'.repeat(64)}`)), a), second),
    'another value': () => lie('eth_getTransactionReceipt', (a) => ((a.result && a.result.logs.forEach((log) => log.data !== '0x' && (log.data = hex(9999n).replace('0x', '0x'.padEnd(2 + 64 - 4, '0'))))), a), second),
  };
  let spent = 0n;
  for (const [what, answer] of Object.entries(ways)) {
    const p = await payment(account, await required(own, '/v1/data/d/dear'));
    upstream.calls.length = 0;
    stopBroadcasts(1, answer); // from then on: what was sent waits
    const call = pay(own, '/v1/data/d/dear', p);
    assert.equal(await within(4000, call), 'waits', what);
    assert.equal(upstream.calls.length, 0, `${what}: served on one word`);
    assert.equal((await chain.transfers({ from: account.address, to: own.payTo })).length, Number(spent / 10000n) + 1, `${what}: sent once`);
    const small = await funded();
    assert.equal((await buy(own, small, '/v1/data/d/q')).status, 200, `${what}: below the limit`);
    calm();
    second.answer = null;
    await call;
    await until(`${what}: the call`, async () => (await pay(own, '/v1/data/d/dear', p)).status !== 503);
    assert.equal(upstream.calls.length, 1, what);
    spent += 10000n;
    await paid(own, account, spent);
  }
});

test('F21 F23 while the witness is known to be away nothing is sent that needs it', async () => {
  const own = await witnessed();
  const account = await funded();
  const p = await payment(account, await required(own, '/v1/data/d/dear'));
  second.answer = async () => null;
  await restart(own);
  await until('it is known', () => own.logs.includes('the witness is unreachable'));
  await refused(own, await pay(own, '/v1/data/d/dear', p), 503, 'settlement_unavailable');
  assert.equal(await chain.nonceOf(own.settler.address), 0);
  assert.equal((await buy(own, await funded(), '/v1/data/d/q')).status, 200);
  calm();
  second.answer = null;
  await until('it is back', async () => (await pay(own, '/v1/data/d/dear', p)).status === 200);
  await paid(own, account, 10000n);
});

test('F24 blocks by value: a small payment counts at once, a large one after its blocks', async () => {
  const own = await seller({ network: { confirmations: [{ from: '0', blocks: 1 }, { from: '0.01', blocks: 3 }] } });
  const [large, small] = [await funded(), await funded()];
  const p = await payment(large, await required(own, '/v1/data/d/dear'));
  const q = await payment(small, await required(own, '/v1/data/d/q'));
  await chain.setAutomine(false);
  const dear = pay(own, '/v1/data/d/dear', p);
  const cheap = pay(own, '/v1/data/d/q', q);
  await until('two transactions', async () => (await chain.pending()).length === 2);
  await chain.mine();
  assert.equal((await cheap).status, 200);
  assert.equal(upstream.calls.length, 1);
  await chain.mine();
  assert.equal(await within(3000, dear), 'waits');
  assert.equal(house(own).chain, 5000000n, 'it does not count yet');
  await chain.mine();
  assert.equal((await dear).status, 200);
  await chain.setAutomine(true);
  await paid(own, large, 10000n);
  await paid(own, small, 5000n);
});

/** The first node keeps transactions to itself, and says that they have made these
 * payments, one each, in its last block. Returns the hashes. */
function forge(payments) {
  const forged = [];
  const receipt = async (hash) => {
    const { from, to, value, nonce } = payments[forged.indexOf(hash)].payload.authorization;
    const { number, hash: blockHash } = await chain.rpc('eth_getBlockByNumber', 'latest', false);
    const logs = [
      { topics: encodeEventTopics({ abi: usdcAbi, eventName: 'AuthorizationUsed', args: { authorizer: from, nonce } }), data: '0x' },
      { topics: encodeEventTopics({ abi: usdcAbi, eventName: 'Transfer', args: { from, to } }), data: pad(hex(BigInt(value))) },
    ].map((log) => ({ ...log, address: USDC.toLowerCase(), transactionHash: hash, blockHash, blockNumber: number, removed: false }));
    return { transactionHash: hash, status: '0x1', blockNumber: number, blockHash, gasUsed: '0x1', effectiveGasPrice: '0x1', logs };
  };
  const answerOf = async ({ id, method, params }) => {
    if (method === 'eth_sendRawTransaction') {
      const hash = keccak256(params[0]);
      if (!forged.includes(hash)) forged.push(hash);
      return { jsonrpc: '2.0', id, result: hash };
    }
    if (method === 'eth_getTransactionReceipt' && forged.includes(params[0])) return { jsonrpc: '2.0', id, result: await receipt(params[0]) };
    return { jsonrpc: '2.0', id, result: await chain.rpc(method, ...params) };
  };
  front.answer = async (sent) => (Array.isArray(sent) ? Promise.all(sent.map(answerOf)) : answerOf(sent));
  return forged;
}

test('F23 a forged receipt: at the limit nothing is served or credited on one node’s word, below it is', { timeout: 180000 }, async () => {
  const [own, other] = [await witnessed(), await witnessed()];
  const [large, small] = [await funded(), await funded()];
  const p = await payment(large, await required(own, '/v1/data/d/dear'));
  const q = await payment(small, await required(other, '/v1/data/d/q'));
  const forged = forge([p, q]);
  const first = await pay(own, '/v1/data/d/dear', p);
  await refused(own, first, 503, 'settlement_pending');
  assert.equal(forged.length, 1);
  assert.equal(first.headers['payment-required'], undefined, 'it would sign again');
  assert.equal(walletOf(own, large), undefined, 'nothing is credited');
  assert.equal(house(own).chain, 0n);
  assert.match(own.logs, /the witness does not agree about a payment/);
  assert.equal(own.logs.match(/the witness does not agree about a payment/g).length, 1, 'told once');
  assert.equal((await pay(other, '/v1/data/d/q', q)).status, 200, 'below it one word is enough');
  // The lie ends: the large one is sent again, and the small one turns out to be nothing.
  calm();
  await until('the call', async () => (await pay(own, '/v1/data/d/dear', p)).status === 200);
  assert.equal(upstream.calls.length, 1);
  await paid(own, large, 10000n);
  await until('the small one is taken back', () => house(other).chain === 0n);
  await agree(other);
  assert.equal(house(other).bad_debt, 5000000n, 'what one node’s word has cost');
});

test('F34 the settling key is in no log, answer, export, command line or environment', async () => {
  const account = await funded();
  assert.equal((await buy(g, account, '/v1/data/d/q?key')).status, 200);
  const places = { logs: g.logs, cmdline: fs.readFileSync(`/proc/${g.child.pid}/cmdline`, 'latin1'), environ: fs.readFileSync(`/proc/${g.child.pid}/environ`, 'latin1') };
  for (const words of ['ledger export', 'config show --effective', 'doctor', 'ledger stats']) places[words] = Object.values(g.cli(...words.split(' '))).join('\n');
  for (const name of dataFiles(g)) places[name] = fs.readFileSync(path.join(g.dir, 'var', name), 'latin1');
  const bytes = Buffer.from(g.settler.key.slice(2), 'hex');
  const spelled = [g.settler.key.slice(2), g.settler.key.slice(2).toUpperCase(), bytes.toString('latin1'), bytes.toString('base64').slice(0, 40)];
  assert.ok(places.logs.length > 0 && places['ledger export'].length > 0, 'the search looks at nothing');
  for (const [where, text] of Object.entries(places)) for (const key of spelled) assert.ok(!text.includes(key), `the key is in ${where}`);
  assert.match(fs.readFileSync(`/proc/${g.child.pid}/limits`, 'utf8'), /Max core file size +0 +0/);
  await paid(g, account, 5000n);
});
