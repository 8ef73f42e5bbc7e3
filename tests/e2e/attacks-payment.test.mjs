// SPDX-License-Identifier: Apache-2.0
// Attacks on payments that come with a call: copies, substitutions, forgeries, and what is
// no payment at all. Group F of the threats, and the published attacks on x402. Nothing
// that is refused moves money or reaches the upstream, and after each case the chain and
// the books agree.
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { headerJson } from './clients.mjs';
import { accounts, authorize, DOMAIN, newAccount, randomNonce } from './chain.mjs';
import { json, request } from './lib.mjs';
import { agree, base64, buy, calm, chain, chat, closeWorld, credit, endpoints, errorOf, front, funded, house, now, openWorld, paid, pay, payment, refused, required, restart, seller, START, upstream } from './paying.mjs';

const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
let g;

before(async () => {
  await openWorld();
  g = await seller();
});
afterEach(calm);
after(closeWorld);

const word = (n) => n.toString(16).padStart(64, '0');
const parts = (s) => ({ r: BigInt(s.slice(0, 66)), s: BigInt(`0x${s.slice(66, 130)}`), v: parseInt(s.slice(130), 16) });
const join = ({ r, s, v }) => `0x${word(r)}${word(s)}${v === undefined ? '' : v.toString(16).padStart(2, '0')}`;

// ---- Copies ----------------------------------------------------------------------------

test('F1 F5 100 copies of one payment at once buy one call, and one answer', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q?n=1'));
  const all = await Promise.all(Array.from({ length: 100 }, () => pay(g, '/v1/data/d/q?n=1', p)));
  assert.equal(upstream.calls.length, 1);
  const codes = new Set(all.filter((r) => r.status !== 200).map((r) => `${r.status} ${errorOf(r).code}`));
  assert.deepEqual([...codes].filter((c) => c !== '409 idempotency_in_flight'), []);
  const again = await pay(g, '/v1/data/d/q?n=1', p);
  assert.deepEqual([again.status, again.headers['idempotent-replayed']], [200, 'true']);
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
});

test('F1 copies that differ in what is not signed are the same payment', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q?n=2');
  const p = await payment(account, asked);
  const from = p.payload.authorization.from;
  const spelled = (text) => ({ ...p, payload: { ...p.payload, authorization: { ...p.payload.authorization, from: text } } });
  const v1 = { x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: p.payload };
  const copies = [spelled(from.toLowerCase()), { ...p, extensions: { note: 'another' } }, { ...p, resource: undefined }];
  const all = await Promise.all([...copies.map((c) => pay(g, '/v1/data/d/q?n=2', c)), request(`${g.url}/v1/data/d/q?n=2`, { headers: { 'x-payment': base64(v1) } })]);
  assert.equal(upstream.calls.length, 1, JSON.stringify(all.map((r) => [r.status, r.body.toString().slice(0, 200)])));
  for (const c of copies) {
    const r = await pay(g, '/v1/data/d/q?n=3', c);
    assert.deepEqual([r.status, errorOf(r).code], [402, 'nonce_used']);
  }
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
});

test('F2 a payment is spent after a restart too', async () => {
  const account = await funded();
  const first = await buy(g, account, '/v1/data/d/q?n=4');
  assert.equal(first.status, 200, `${first.body}`);
  await restart(g);
  upstream.calls.length = 0;
  const same = await pay(g, '/v1/data/d/q?n=4', first.payment);
  assert.ok([200, 409].includes(same.status) && (same.status === 409 || same.headers['idempotent-replayed'] === 'true'), `${same.status} ${same.body}`);
  await refused(g, await pay(g, '/v1/data/d/q?n=5', first.payment), 402, 'nonce_used');
  await paid(g, account, 5000n);
});

test('F4 of two machines with one pay_to one serves for a payment', { timeout: 60000 }, async () => {
  const payTo = newAccount().address;
  const settlers = [newAccount(), newAccount()];
  const data_apis = { d: { base_url: upstream.url, allow_private: true, endpoints: endpoints.filter((e) => !e.payment_flow) } };
  const hosts = [];
  for (const settler of settlers) hosts.push(await seller({ data_apis, network: { peers: settlers.map((s) => s.address) } }, { payTo, settler }));
  for (let i = 0; i < 6; i++) {
    upstream.calls.length = 0;
    const account = await funded();
    const p = await payment(account, await required(hosts[i % 2], `/v1/data/d/q?h=${i}`));
    const all = await Promise.all(hosts.map((h) => pay(h, `/v1/data/d/q?h=${i}`, p)));
    const told = JSON.stringify(all.map((r) => [r.status, r.body.toString().slice(0, 300)]));
    assert.deepEqual(all.map((r) => r.status).sort(), [200, 402], told);
    assert.equal(upstream.calls.length, 1, told);
    const loser = hosts[all.findIndex((r) => r.status === 402)];
    assert.equal((await pay(loser, `/v1/data/d/q?h=${i}`, p)).status, 402);
    assert.equal(upstream.calls.length, 1);
    assert.equal(await chain.balanceOf(account.address), START - 5000n);
  }
  assert.equal(await chain.balanceOf(payTo), 30000n);
  assert.equal(house(hosts[0]).chain + house(hosts[1]).chain, 30000000n);
  for (const h of hosts) assert.equal(h.cli('ledger', 'verify').status, 0);
});

test('F3 a second process on the same data folder does not start', async () => {
  const port = g.port;
  const run = g.cli('serve');
  assert.notEqual(run.status, 0);
  assert.match(run.stderr + run.stdout, /in use|another|lock/i);
  assert.equal((await request(`http://127.0.0.1:${port}/v1/data/d/q`)).status, 402);
});

// ---- Substitution ----------------------------------------------------------------------

test('a payment that bought one call buys no other: route, query, method, body, api', async () => {
  const account = await funded();
  const first = await buy(g, account, '/v1/data/d/q?n=6', { method: 'POST', body: 'one' });
  assert.equal(first.status, 200, `${first.body}`);
  upstream.calls.length = 0;
  const others = [['/v1/data/d/other?n=6', { method: 'POST', body: 'one' }], ['/v1/data/d/q?n=7', { method: 'POST', body: 'one' }], ['/v1/data/d/q?n=6', { method: 'PUT', body: 'one' }], ['/v1/data/d/q?n=6', { method: 'POST', body: 'two' }], ['/v1/data/d/q?n=6', { method: 'POST' }]];
  for (const [where, options] of others) await refused(g, await pay(g, where, first.payment, options), 402, 'nonce_used', where);
  for (const where of ['/v1/data/d/dear', '/v1/chat/completions']) {
    const r = await pay(g, where, first.payment, where.startsWith('/v1/chat') ? chat() : {});
    await refused(g, r, 402, undefined, where);
  }
  await paid(g, account, 5000n);
});

test('a payment for a cheap route buys no dearer one, and never more than its value', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const dear = await required(g, '/v1/data/d/dear');
  await refused(g, await pay(g, '/v1/data/d/dear', await payment(account, asked)), 402, 'no_matching_offer');
  await refused(g, await pay(g, '/v1/data/d/dear', await payment(account, dear, { terms: { value: 5000n } })), 402, 'payment_invalid');
  await paid(g, account, 0n);
});

test('a quote is of its route, body and time: forged or foreign, the price of now counts', async () => {
  const account = await funded();
  const a = await required(g, '/v1/chat/completions', chat());
  const b = await required(g, '/v1/chat/completions', chat({ max_tokens: 50 }));
  assert.notEqual(a.accepts[0].amount, b.accepts[0].amount);
  // The quote of the cheap body for the dear one; the cheap one's amount with it.
  await refused(g, await pay(g, '/v1/chat/completions', await payment(account, b), chat()), 402, 'no_matching_offer');
  const { quote } = b.accepts[0].extra;
  const [expires, bound, mac] = quote.split('.');
  const forged = [`${BigInt(expires) + 1000n}.${bound}.${mac}`, `${expires}.9999.${mac}`, `${expires}.${bound}.${'0'.repeat(32)}`, `${expires}.${bound}`, '', '.', `${expires}.${bound}.${mac}.`, 'x'.repeat(500), `0${expires}.${bound}.${mac.toUpperCase()}x`];
  for (const q of forged) {
    const low = await payment(account, { ...b, accepts: [{ ...b.accepts[0], amount: '10', extra: { ...b.accepts[0].extra, quote: q } }] });
    await refused(g, await pay(g, '/v1/chat/completions', low, chat({ max_tokens: 50 })), 402, undefined, `quote ${q}`);
  }
  // A flat route's quote on another of the same price is worth what no quote is.
  const flat = await required(g, '/v1/data/d/q');
  const r = await pay(g, '/v1/data/d/other', await payment(account, flat));
  assert.equal(r.status, 200, `${r.body}`);
  await paid(g, account, 5000n);
});

test('a quote outlives a change of prices, and no payment without it does', async () => {
  const account = await funded();
  const old = await required(g, '/v1/data/d/q?n=8');
  const [bound, unbound] = [await payment(account, old), await payment(account, old, { accepted: { extra: { ...old.accepts[0].extra, quote: 'none' } } })];
  const { endpoints } = g.config.data_apis.d;
  const before = endpoints[0].price;
  endpoints[0].price = '0.009';
  g.writeConfig();
  g.run('config', 'reload');
  try {
    await refused(g, await pay(g, '/v1/data/d/q?n=8', unbound), 402, 'no_matching_offer');
    const r = await pay(g, '/v1/data/d/q?n=8', bound);
    assert.equal(r.status, 200, `${r.body}`);
    await paid(g, account, 5000n);
  } finally {
    endpoints[0].price = before;
    g.writeConfig();
    g.run('config', 'reload');
  }
});

// ---- Forgeries -------------------------------------------------------------------------

test('F6 every signed member that is changed after signing', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const far = String(now() + 200n);
  const changed = { value: ['4999', '5001', '0'], to: [accounts[5].address], from: [accounts[6].address], validAfter: ['1'], validBefore: [far], nonce: [randomNonce()] };
  for (const [name, values] of Object.entries(changed))
    for (const value of values) await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { wrong: { [name]: value } })), 402, ['value', 'to'].includes(name) ? undefined : 'invalid_signature', `${name} ${value}`);
  await paid(g, account, 0n);
});

test('F6 F14 another domain: name, version, chain, contract; another type', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  for (const domain of [{ name: 'USD Coin' }, { version: '1' }, { chainId: 8453 }, { chainId: 1 }, { verifyingContract: accounts[3].address }])
    await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { terms: { domain: { ...DOMAIN, ...domain } } })), 402, 'invalid_signature', JSON.stringify(domain));
  const message = await payment(account, asked);
  const { authorization } = message.payload;
  const kinds = { from: 'address', to: 'address', value: 'uint256', validAfter: 'uint256', validBefore: 'uint256', nonce: 'bytes32' };
  const signature = await account.signTypedData({ domain: DOMAIN, primaryType: 'ReceiveWithAuthorization', types: { ReceiveWithAuthorization: Object.entries(kinds).map(([name, type]) => ({ name, type })) }, message: authorization });
  await refused(g, await pay(g, '/v1/data/d/q', { ...message, payload: { authorization, signature } }), 402, 'invalid_signature', 'ReceiveWithAuthorization');
  await paid(g, account, 0n);
});

test('F7 what is echoed and not signed must be ours, and what counts is what is signed', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const echoes = { amount: ['1', '5001'], payTo: [accounts[5].address], asset: [accounts[5].address], network: ['eip155:8453', 'eip155:1', 'solana:x'], scheme: ['upto', 'deferred'], maxTimeoutSeconds: [1000000] };
  for (const [name, values] of Object.entries(echoes))
    for (const value of values) await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { accepted: { [name]: value } })), 402, undefined, `echo ${name} ${value}`);
  // elizaOS #10116: the echo says the right amount, the signature another one.
  await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { terms: { value: 1n } })), 402, 'payment_invalid', 'signed 1');
  await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { terms: { to: account.address } })), 402, 'payment_invalid', 'signed for the payer');
  await paid(g, account, 0n);
});

test('F8 the value is the price: lower and higher are refused', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  for (const value of [0n, 1n, 4999n, 5001n, 500000n]) {
    const p = await payment(account, asked, { terms: { value } });
    await refused(g, await pay(g, '/v1/data/d/q', p), 402, undefined, `${value}`);
    await refused(g, await pay(g, '/v1/data/d/q', { ...p, accepted: { ...p.accepted, amount: String(value) } }), 402, undefined, `${value}, echoed`);
  }
  await paid(g, account, 0n);
});

test('F9 F10 the window: past, by a second, too near, not yet, too far, for ever', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const cases = [[{ validBefore: now() - 1n }, 'expired'], [{ validBefore: now() }, 'expired'], [{ validBefore: now() + 4n }, 'expired'], [{ validBefore: 0n }, 'expired'], [{ validAfter: now() + 30n }, 'not_yet_valid'], [{ validBefore: now() + 3600n }, 'expired'], [{ validBefore: 2n ** 256n - 1n }, 'expired'], [{ validBefore: 2n ** 64n + now() + 60n }, 'expired'], [{ validAfter: 2n ** 256n - 1n }, 'not_yet_valid']];
  for (const [terms, code] of cases) await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { terms })), 402, code, JSON.stringify(terms, (k, v) => String(v)));
  await paid(g, account, 0n);
});

test('F11 F12 signatures: the high twin, zeros, the order, every v, every length, no hex', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const twin = (s) => join({ ...parts(s), s: N - parts(s).s, v: parts(s).v === 27 ? 28 : 27 });
  const compact = (s) => join({ r: parts(s).r, s: parts(s).s + (parts(s).v === 28 ? 1n << 255n : 0n) });
  const forms = { 'high s': twin, 'high s, same v': (s) => join({ ...parts(s), s: N - parts(s).s }), 'r 0': (s) => join({ ...parts(s), r: 0n }), 's 0': (s) => join({ ...parts(s), s: 0n }), 'r n': (s) => join({ ...parts(s), r: N }), 's n': (s) => join({ ...parts(s), s: N }), 'all f': (s) => join({ r: 2n ** 256n - 1n, s: 2n ** 256n - 1n, v: 27 }), 'EIP-2098': compact, '64 bytes': (s) => s.slice(0, 130), '66 bytes': (s) => `${s}00`, '63 bytes': (s) => s.slice(0, 128), empty: () => '0x', none: () => '', 'half a byte': (s) => s.slice(0, -1), 'no hex': (s) => `0x${'zz'.repeat(65)}`, 'no 0x': (s) => s.slice(2), 'a space': (s) => `${s} `, '4096 bytes': (s) => `0x${'11'.repeat(3000)}` };
  for (const v of [0, 1, 2, 3, 4, 26, 29, 30, 31, 35, 36, 37, 255]) forms[`v ${v}`] = (s) => join({ ...parts(s), v });
  for (const [what, sign] of Object.entries(forms)) await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { sign })), 402, undefined, what);
  await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { sign: (s) => join({ ...parts(s), v: 55 - parts(s).v }) })), 402, 'invalid_signature', 'the other v');
  await refused(g, await pay(g, '/v1/data/d/q', await payment(account, asked, { sign: (s) => join({ ...parts(s), v: parts(s).v - 27 }) })), 402, 'invalid_signature', 'its own v, as 0 or 1');
  await paid(g, account, 0n);
});

test('F13 contract wallets are refused, and no factory is called for one', async () => {
  const owner = newAccount();
  const wallet = newAccount();
  await chain.mint(wallet.address, START);
  await chain.placeWallet1271(wallet.address, owner.address);
  const asked = await required(g, '/v1/data/d/q');
  const offer = asked.accepts[0];
  // The owner signs for the wallet (EIP-1271); the wallet's own key still exists (EIP-7702).
  const made = await authorize({ address: wallet.address, signTypedData: (x) => owner.signTypedData(x) }, { to: offer.payTo, value: BigInt(offer.amount) });
  const { signature, ...message } = made;
  const authorization = JSON.parse(JSON.stringify(message, (k, v) => (typeof v === 'bigint' ? String(v) : v)));
  const base = { x402Version: 2, resource: asked.resource, accepted: offer };
  const calls = front.calls.length;
  await refused(g, await pay(g, '/v1/data/d/q', { ...base, payload: { authorization, signature } }), 402, 'invalid_signature', 'EIP-1271');
  const magic = '6492'.repeat(16);
  const factory = newAccount().address.slice(2).toLowerCase();
  const wrapped = `0x${word(BigInt(`0x${factory}`))}${word(96n)}${word(160n)}${word(4n)}deadbeef${'00'.repeat(28)}${word(65n)}${signature.slice(2)}${'00'.repeat(31)}${magic}`;
  await refused(g, await pay(g, '/v1/data/d/q', { ...base, payload: { authorization, signature: wrapped } }), 402, 'unsupported_signer', 'ERC-6492');
  const none = newAccount(); // a wallet that nobody has deployed
  await refused(g, await pay(g, '/v1/data/d/q', { ...base, payload: { authorization: { ...authorization, from: none.address }, signature: wrapped } }), 402, 'unsupported_signer', 'ERC-6492');
  assert.equal(front.calls.length, calls, 'the node was asked about a stranger\'s wallet');
  await refused(g, await pay(g, '/v1/data/d/q', await payment(wallet, asked)), 402, 'invalid_signature', 'its own key, with code at it');
  assert.equal(JSON.stringify(front.calls).toLowerCase().includes(factory), false);
  assert.equal(await chain.balanceOf(wallet.address), START);
  await agree(g);
});

// ---- What is no payment ----------------------------------------------------------------

test('F14 wrong version, scheme, network, and both headers at once', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const p = await payment(account, asked);
  for (const top of [{ x402Version: 3 }, { x402Version: 1 }, { x402Version: '2' }, { x402Version: 2.5 }, { x402Version: null }, { x402Version: undefined }]) await refused(g, await pay(g, '/v1/data/d/q', { ...p, ...top }), 402, undefined, JSON.stringify(top));
  const v1 = { x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: p.payload };
  for (const top of [{ scheme: 'upto' }, { scheme: 'x' }, { network: 'base' }, { network: 'solana' }, { network: 'eip155:8453' }, { x402Version: 2 }]) {
    const r = await request(`${g.url}/v1/data/d/q`, { headers: { 'x-payment': base64({ ...v1, ...top }) } });
    await refused(g, r, 402, undefined, JSON.stringify(top));
    assert.ok(headerJson(r.headers, 'payment-required').accepts.length > 0, 'what we take is told');
  }
  const both = await request(`${g.url}/v1/data/d/q`, { headers: { 'payment-signature': base64(p), 'x-payment': base64(v1) } });
  await refused(g, both, 400, undefined, 'both headers');
  const twice = await request(`${g.url}/v1/data/d/q`, { headers: { 'payment-signature': [base64(p), base64(p)] } });
  assert.notEqual(twice.status, 200);
  assert.equal(upstream.calls.length, 0);
  await paid(g, account, 0n);
});

test('F15 headers of more than 8 KiB, other base64, other JSON', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  const p = await payment(account, asked);
  const good = base64(p);
  const raw = { 'over 8 KiB': base64({ ...p, extensions: { pad: 'x'.repeat(7000) } }), 'over 16 KiB': 'A'.repeat(17000), 'a space': `${good.slice(0, 20)} ${good.slice(20)}`, 'a tab': `${good.slice(0, 20)}\t${good.slice(20)}`, 'three pads': `${good.replace(/=+$/, '')}===`, 'a pad inside': `${good.slice(0, 8)}=${good.slice(8)}`, 'one letter more': `${good.replace(/=+$/, '')}A`.padEnd(good.length + 1, 'A').slice(0, Math.ceil(good.length / 4) * 4 + 1), 'no base64': '!!!!', 'not JSON': base64('hello'), null: base64('null'), list: base64([p]), text: base64('"x"'), number: base64('1e400'), empty: base64('{}'), 'two values': base64(`${JSON.stringify(p)}{}`), deep: base64('['.repeat(5000)), NUL: base64(JSON.stringify(p).replace('"exact"', '"exact\\u0000"')), twice: base64(JSON.stringify(p).replace('"payload":', '"payload":{},"payload":')), 'bad UTF-8': Buffer.from(JSON.stringify({ ...p, extensions: { a: 'X' } }).replace('X', '\xc0\xaf'), 'latin1').toString('base64') };
  for (const [what, header] of Object.entries(raw)) {
    const r = await pay(g, '/v1/data/d/q', header).catch((error) => ({ status: 431, body: JSON.stringify({ code: error.code }) }));
    assert.ok([400, 402, 431].includes(r.status), `${what}: ${r.status} ${r.body}`);
    assert.equal(upstream.calls.length, 0, what);
  }
  const { authorization } = p.payload;
  const confused = { 'value a number': { value: 5000 }, 'value hex': { value: '0x1388' }, 'value with sign': { value: '+5000' }, 'value with zeros': { value: '05000' }, 'value with space': { value: ' 5000' }, 'value with a point': { value: '5000.0' }, 'value in exponents': { value: '5e3' }, 'value minus': { value: '-5000' }, 'value null': { value: null }, 'value list': { value: ['5000'] }, 'value true': { value: true }, 'value gone': { value: undefined }, 'value 2^256+5000': { value: String(2n ** 256n + 5000n) }, 'value of 100 digits': { value: '5'.repeat(100) }, 'from short': { from: authorization.from.slice(0, -1) }, 'from without 0x': { from: authorization.from.slice(2) }, 'from a number': { from: 5 }, 'nonce short': { nonce: '0x11' }, 'nonce long': { nonce: `${authorization.nonce}00` }, 'nonce null': { nonce: null }, 'validBefore a number': { validBefore: Number(authorization.validBefore) }, 'validBefore negative': { validBefore: '-1' }, 'to twice': { to: [authorization.to] } };
  for (const [what, wrong] of Object.entries(confused)) await refused(g, await pay(g, '/v1/data/d/q', { ...p, payload: { ...p.payload, authorization: { ...authorization, ...wrong } } }), 402, undefined, what);
  for (const top of [{ payload: null }, { payload: [] }, { payload: 'x' }, { accepted: null }, { accepted: [] }, { accepted: 'exact' }, { payload: { ...p.payload, signature: 5 } }, { payload: { ...p.payload, authorization: [] } }, { payload: { ...p.payload, permit2Authorization: {} } }]) {
    const r = await pay(g, '/v1/data/d/other', { ...p, ...top });
    await refused(g, r, 402, undefined, JSON.stringify(top).slice(0, 80));
  }
  await paid(g, account, 0n);
});

test('F29 amounts beyond what can be booked are refused, in every place', async () => {
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q');
  for (const value of [2n ** 64n, 2n ** 63n, 2n ** 128n, 2n ** 256n - 1n, 2n ** 64n + 5000n, 10n ** 18n]) {
    const p = await payment(account, asked, { terms: { value } });
    for (const amount of ['5000', String(value)]) await refused(g, await pay(g, '/v1/data/d/q', { ...p, accepted: { ...p.accepted, amount } }), 402, undefined, `${value} ${amount}`);
  }
  await paid(g, account, 0n);
});

test('F31 a payment on a route that costs nothing is not looked at, and not taken', async () => {
  const account = await funded();
  const p = await payment(account, await required(g, '/v1/data/d/q'));
  for (const where of ['/v1/models', '/healthz', '/v1/data', '/nothing']) {
    const with_ = await pay(g, where, p);
    const without = await request(g.url + where);
    assert.equal(with_.status, without.status, where);
    assert.equal(with_.headers['payment-response'], undefined);
  }
  await paid(g, account, 0n);
  const r = await pay(g, '/v1/data/d/q', p);
  assert.equal(r.status, 200, `it is good yet: ${r.body}`);
  await paid(g, account, 5000n);
});

// ---- Who pays --------------------------------------------------------------------------

test('a payment header never spends what its payer has to his credit', async () => {
  const account = await funded();
  // 10000 units come in, nothing is delivered: all of it is the payer's credit.
  upstream.handle = (req, res) => json(res, 500, { error: 'no' });
  const failed = await buy(g, account, '/v1/data/d/dear');
  assert.equal(failed.status, 500);
  await paid(g, account, 10000n, 10000000n);
  calm();
  // The used header again, on every route; then one that has no money behind it.
  for (const where of ['/v1/data/d/dear', '/v1/data/d/q', '/v1/data/d/dear?x']) {
    const r = await pay(g, where, failed.payment);
    if (where === '/v1/data/d/dear') assert.deepEqual([r.status, r.headers['idempotent-replayed']], [500, 'true']);
    else assert.equal(r.status, 402, `${where} ${r.status} ${r.body}`);
    assert.equal(upstream.calls.length, 0);
  }
  await chain.transfer(account.address, accounts[7].address, START - 10000n);
  const poor = await buy(g, account, '/v1/data/d/dear');
  await refused(g, poor, 402, 'payer_without_funds');
  assert.equal(upstream.calls.length, 0);
  assert.equal(credit(g, account), 10000000n);
  await agree(g);
});

test('a payer in capitals is the same payer', async () => {
  const account = await funded();
  upstream.handle = (req, res) => json(res, 500, { error: 'no' });
  const asked = await required(g, '/v1/data/d/q');
  for (const spell of [(a) => a, (a) => a.toLowerCase(), (a) => `0x${a.slice(2).toUpperCase()}`]) {
    const p = await payment(account, asked);
    p.payload.authorization.from = spell(p.payload.authorization.from);
    const r = await pay(g, '/v1/data/d/q', p);
    assert.ok([500, 402].includes(r.status), `${r.status} ${r.body}`);
    if (r.status === 402) assert.match(errorOf(r).code, /malformed|invalid/);
  }
  const gone = START - (await chain.balanceOf(account.address));
  assert.ok(gone >= 10000n);
  await paid(g, account, gone, gone * 1000n);
});

test('the key of another beside a payment pays nothing, and its wallet is not touched', async () => {
  const other = g.wallet('other', '5');
  const account = await funded();
  const asked = await required(g, '/v1/data/d/q?n=20');
  const r = await pay(g, '/v1/data/d/q?n=20', await payment(account, asked), { headers: { authorization: `Bearer ${other.key}` } });
  assert.equal(r.status, 200, `${r.body}`);
  await paid(g, account, 5000n);
  assert.equal(g.balance(other).balance, 5000000000n);
  upstream.calls.length = 0;
  const bad = await pay(g, '/v1/data/d/q?n=21', await payment(account, asked), { headers: { authorization: `Bearer ${other.key.slice(0, -1)}x` } });
  await refused(g, bad, 401);
  const broken = await pay(g, '/v1/data/d/q?n=22', await payment(account, asked, { terms: { value: 1n } }), { headers: { authorization: `Bearer ${other.key}` } });
  await refused(g, broken, 402);
  assert.equal(g.balance(other).balance, 5000000000n, 'a bad payment does not fall back to the key');
  await paid(g, account, 5000n);
});

test('calls with a key beside their payment do not use up the concurrency of the key', async () => {
  const own = await seller({ limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 2 } });
  const w = own.wallet('w', '5');
  const account = await funded();
  for (let i = 0; i < 4; i++) {
    const where = `/v1/data/d/q?n=${i}`;
    const r = await pay(own, where, await payment(account, await required(own, where)), { headers: { authorization: `Bearer ${w.key}` } });
    assert.equal(r.status, 200, `call ${i}: ${r.body}`);
  }
  const r = await request(`${own.url}/v1/data/d/q`, { headers: { authorization: `Bearer ${w.key}` } });
  assert.equal(r.status, 200, `${r.body}`);
  await paid(own, account, 20000n);
});

test('a replayed answer is not given to another payer with the same payment-identifier', async () => {
  const [one, two] = [await funded(), await funded()];
  const asked = await required(g, '/v1/data/d/q?n=30');
  const named = { extensions: { 'payment-identifier': { info: { required: false, id: 'pay_0123456789abcdef0123' } } } };
  const first = await pay(g, '/v1/data/d/q?n=30', await payment(one, asked, { top: named }));
  assert.equal(first.status, 200, `${first.body}`);
  const second = await pay(g, '/v1/data/d/q?n=30', await payment(two, asked, { top: named }));
  assert.equal(second.status, 200, `${second.body}`);
  assert.equal(upstream.calls.length, 2);
  // The same payer is told the same answer, and does not pay twice.
  const third = await pay(g, '/v1/data/d/q?n=30', await payment(one, asked, { top: named }));
  assert.deepEqual([third.status, third.headers['idempotent-replayed']], [200, 'true']);
  await paid(g, one, 5000n);
  await paid(g, two, 5000n);
});
