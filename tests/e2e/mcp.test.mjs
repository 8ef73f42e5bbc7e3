// SPDX-License-Identifier: Apache-2.0
// MCP with the clients that others wrote: tools are listed, called and paid by key, by x402
// and by MPP on a local chain, and what they cost is right to the nano-dollar. Then the
// attacks: arguments that want to be more, bodies that are read in two ways, payments used
// twice or elsewhere, pages of another origin.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { Credential } from 'mppx';
import { clientV2, mppxFetch } from './clients.mjs';
import { cost, json, nano, request, usd } from './lib.mjs';
import { evm, kinds, payAgents, payByModel, payMpp, payX402, receiptOf, rpc, tempo, v1, v2 } from './mcp.mjs';
import { agree, base64, calm, closeWorld, front, funded, openWorld, paid, price, restart, seller, until, upstream, whole } from './paying.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const wholeCost = cost(whole.usage, price);
const Q = { name: 'd_any_q', arguments: { query: { x: '1' } } };
const CHAT = { name: 'chat', arguments: { model: 'm', prompt: 'Say this', max_tokens: 50 } };
let g, bare;

before(async () => {
  await openWorld();
  g = await seller({ mpp: { secret }, skills: { allow_private: true } });
  const apis = (url) => ({
    shop: {
      base_url: url,
      allow_private: true,
      endpoints: [
        { method: 'GET', path: '/items/{id}', price: '0.001', description: 'Tells of one item.' },
        { method: 'GET', path: '/files/{rest*}', price: '0.001' },
        { method: 'POST', path: '/orders', price: '0.25', input: { type: 'object', properties: { item: { type: 'string' }, count: { type: 'integer' } }, required: ['item'], additionalProperties: false } },
        { method: 'GET', path: '/find', price: '0.002', input: { type: 'object', properties: { q: { type: 'string' }, sort: { type: 'string', enum: ['new', 'old'] } }, required: ['q'] } },
        { method: 'GET', path: '/a/b', price: '0.001' },
        { method: 'GET', path: '/a_b', price: '0.001' },
        { method: 'GET', path: `/${'long/'.repeat(20)}end`, price: '0.001' },
        { method: 'GET', path: '/free', price: '0' },
      ],
    },
  });
  bare = await seller({ data_apis: apis(upstream.url), payments: undefined });
});
after(closeWorld);
afterEach(calm);

const say = (r) => r.content[0].text;

async function each(fn, options) {
  for (const [name, connect] of Object.entries(kinds)) {
    const client = await connect(g, options);
    await fn(client, name);
    await client.close();
  }
}

// ---- Talking ---------------------------------------------------------------------------

test('every client lists the same tools, with schemas and prices', async () => {
  const lists = [];
  await each(async (client) => {
    const { tools } = await client.listTools();
    lists.push(tools.map((t) => t.name));
    const q = tools.find((t) => t.name === 'd_any_q');
    assert.match(q.description, /0\.005 USD a call/);
    assert.equal(q._meta['octroi/price'].call, '0.005000000');
    assert.equal(q.inputSchema.type, 'object');
    assert.equal(q.inputSchema.additionalProperties, true, 'arguments may be flat where none are declared');
    for (const t of tools) assert.match(t.name, /^[a-zA-Z0-9_-]{1,64}$/);
  });
  assert.deepEqual(lists[0], ['chat', 'embeddings', 'models', 'skills_search', 'wallet_balance', 'wallet_statement', 'wallet_topup', 'wallet_quote', 'd_any_q', 'd_any_other', 'd_get_dear', 'd_get_after']);
  assert.deepEqual(lists[1], lists[0]);
  assert.deepEqual(lists[2], lists[0]);
});

test('each client speaks the newest version that it knows', async () => {
  const versions = [];
  await each(async (client, name) => {
    versions.push(client.getNegotiatedProtocolVersion?.() ?? client.transport?.protocolVersion ?? name);
    if (!name.includes('2026')) await client.ping();
    assert.equal(client.getServerVersion()?.name, 'octroi');
    assert.match(client.getInstructions(), /octroi\/receipt/);
    assert.deepEqual(client.getServerCapabilities().experimental.payment.methods.evm, { intents: ['charge'] });
  });
  assert.deepEqual(versions, ['2025-11-25', '2025-11-25', '2026-07-28']);
});

test('GET is refused, DELETE ends nothing, and there is never a session', async () => {
  const get = await fetch(`${g.url}/mcp`, { headers: { accept: 'text/event-stream' } });
  assert.equal(get.status, 405);
  assert.equal((await get.json()).jsonrpc, '2.0');
  const gone = await fetch(`${g.url}/mcp`, { method: 'DELETE' });
  assert.equal(gone.status, 200);
  const modern = await fetch(`${g.url}/mcp`, { method: 'DELETE', headers: { 'mcp-protocol-version': '2026-07-28' } });
  assert.equal(modern.status, 405);
  const first = await rpc(g, 'initialize', { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'x', version: '1' } });
  assert.equal(first.headers.get('mcp-session-id'), null);
  assert.equal(first.body.result.protocolVersion, '2025-03-26');
  const told = await rpc(g, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
  assert.equal(told.status, 202);
  assert.equal(told.text, '');
});

test('a restart between two calls is not noticed', async () => {
  const w = g.wallet('restarted', '1');
  const clients = await Promise.all(Object.values(kinds).map((connect) => connect(g, { key: w.key })));
  for (const c of clients) await c.callTool(Q);
  await restart(g);
  for (const c of clients) assert.deepEqual((await c.callTool(Q)).structuredContent, { url: '/q?x=1', body: '' });
  await g.settled(w, nano('0.97'));
  for (const c of clients) await c.close();
});

// ---- By key ----------------------------------------------------------------------------

test('a key pays in silence, to the nano-dollar', async () => {
  const w = g.wallet('silent', '1');
  let left = nano('1');
  await each(
    async (client) => {
      const r = await client.callTool(Q);
      left -= nano('0.005');
      assert.equal(r.isError, false);
      assert.deepEqual(JSON.parse(say(r)), { url: '/q?x=1', body: '' });
      assert.deepEqual([receiptOf(r).cost, receiptOf(r).balance], ['0.005000000', usd(left)]);
      const said = await client.callTool(CHAT);
      left -= wholeCost;
      assert.equal(say(said), 'three tokens here');
      assert.equal(said.structuredContent.usage.completion_tokens, 3);
      assert.deepEqual([receiptOf(said).cost, receiptOf(said).balance], [usd(wholeCost), usd(left)]);
      const shown = await client.callTool({ name: 'wallet_balance' });
      assert.equal(shown.structuredContent.balance, usd(left));
    },
    { key: w.key },
  );
  await g.settled(w, left);
  const rows = g.statement(w).filter((row) => row.kind === 'data' || row.kind === 'chat');
  assert.equal(rows.length, 6, 'a call by MCP stands in the statement like any other');
});

test('what costs nothing needs no money', async () => {
  const client = await v1(g);
  const models = await client.callTool({ name: 'models' });
  assert.equal(models.structuredContent.data[0].id, 'm');
  const quote = await client.callTool({ name: 'wallet_quote', arguments: { tool: 'd_any_q', arguments: {} } });
  assert.equal(quote.structuredContent.most, '0.005000000');
  const dear = await client.callTool({ name: 'wallet_quote', arguments: { tool: 'chat', arguments: CHAT.arguments } });
  assert.ok(nano(dear.structuredContent.most) > wholeCost);
  assert.equal(upstream.calls.length, 0);
  const balance = await client.callTool({ name: 'wallet_balance' });
  assert.equal(balance.isError, true);
  assert.equal(balance.structuredContent.code, 'invalid_api_key');
});

test('a wallet without the money is told so, and nothing is called', async () => {
  const w = g.wallet('poor', '0.004');
  const client = await v2(g, { key: w.key, mode: 'auto' });
  const r = await client.callTool(Q);
  assert.equal(r.isError, true);
  assert.match(r.structuredContent.error, /insufficient_funds: .*0\.005.*0\.004/);
  assert.equal(upstream.calls.length, 0);
  await g.settled(w, nano('0.004'));
});

test('a limit of a key holds here as well', async () => {
  const w = g.wallet('limited', '1', ['--limit-per-day', '0.007']);
  const client = await v1(g, { key: w.key });
  assert.equal((await client.callTool(Q)).isError, false);
  const r = await client.callTool(Q);
  assert.equal(r.isError, true);
  assert.equal(r.structuredContent.code, 'limit_exceeded');
  await g.settled(w, nano('0.995'));
});

test('a wrong key is refused before anything is read', async () => {
  const r = await rpc(g, 'tools/list', {}, { authorization: 'Bearer sk-oct-nobody' });
  assert.equal(r.status, 401);
  assert.equal(r.body.error.data.code, 'invalid_api_key');
});

test('twenty calls at once with money for one', async () => {
  const w = g.wallet('one', '0.005');
  const client = await v1(g, { key: w.key });
  const all = await Promise.all(Array.from({ length: 20 }, () => client.callTool(Q)));
  assert.equal(all.filter((r) => !r.isError).length, 1);
  assert.equal(upstream.calls.length, 1);
  await g.settled(w, 0n);
});

test('an idempotency key makes a repeat free, between MCP and HTTP too', async () => {
  const w = g.wallet('again', '1');
  const client = await v1(g, { key: w.key });
  const call = { ...Q, _meta: { 'octroi/idempotency-key': 'once-1' } };
  const first = await client.callTool(call);
  const second = await client.callTool(call);
  assert.deepEqual(second.structuredContent, first.structuredContent);
  assert.equal(receiptOf(second).repeat_of, receiptOf(first).request_id);
  assert.equal(upstream.calls.length, 1);
  const other = await client.callTool({ ...call, arguments: { query: { x: '2' } } });
  assert.equal(other.structuredContent.code, 'idempotency_mismatch');
  const http = await fetch(`${g.url}/v1/data/d/q?x=1`, { headers: { authorization: `Bearer ${w.key}`, 'idempotency-key': 'once-1' } });
  assert.equal(http.headers.get('idempotent-replayed'), 'true');
  await g.settled(w, nano('0.995'));
});

test('what fails costs nothing, and is a result with its code', async () => {
  const w = g.wallet('unlucky', '1');
  const client = await v2(g, { key: w.key });
  upstream.handle = (req, res) => res.destroy();
  const cut = await client.callTool(Q);
  assert.equal(cut.isError, true);
  assert.equal(cut.structuredContent.code, 'upstream_error');
  upstream.handle = (req, res) => json(res, 404, { error: 'no such thing' });
  const missing = await client.callTool(Q);
  assert.equal(missing.isError, true);
  assert.deepEqual(missing.structuredContent, { error: 'no such thing' });
  assert.equal(missing._meta['octroi/status'], 404);
  upstream.handle = (req, res) => {
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.write('half of it');
    setTimeout(() => res.destroy(), 400);
  };
  const half = await client.callTool(Q);
  assert.equal(half.structuredContent.code, 'upstream_error', 'a part is not shown for the whole');
  upstream.handle = (req, res) => {
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.end('x'.repeat(1200000));
  };
  const long = await client.callTool(Q);
  assert.match(long.structuredContent.detail, /longer than 1048576 bytes/);
  await g.settled(w, nano('1'));
});

test('slow, long, foreign and binary answers arrive whole', async () => {
  const w = g.wallet('many', '1');
  const client = await v1(g, { key: w.key });
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/csv' });
    for (let i = 0; i < 4; i++) {
      res.write(`${'ä,'.repeat(30000)}\n`);
      await new Promise((done) => setTimeout(done, 120));
    }
    res.end();
  };
  assert.equal(say(await client.callTool(Q)), `${'ä,'.repeat(30000)}\n`.repeat(4));
  const bytes = Buffer.from(Array.from({ length: 999 }, (_, i) => i % 256));
  const types = { 'image/png': 'image', 'audio/wav': 'audio', 'application/octet-stream': 'resource', 'text/plain': 'resource' };
  for (const [type, kind] of Object.entries(types)) {
    upstream.handle = (req, res) => {
      res.writeHead(200, { 'content-type': type });
      res.end(bytes);
    };
    const [part] = (await client.callTool(Q)).content;
    assert.equal(part.type, kind);
    assert.deepEqual(Buffer.from(part.data ?? part.resource.blob, 'base64'), bytes);
  }
  upstream.handle = (req, res) => json(res, 200, Buffer.from('{"a":1,"a":2}'));
  const twice = await client.callTool(Q);
  assert.equal(twice.structuredContent, undefined, 'what two could read differently is text');
  assert.equal(say(twice), '{"a":1,"a":2}');
  await g.settled(w, nano('0.97'));
});

// ---- x402 ------------------------------------------------------------------------------

test('x402: an unpaid call says what it costs, and the paid one is settled', async () => {
  await each(async (client, name) => {
    const account = await funded();
    const unpaid = await client.callTool(Q);
    assert.equal(unpaid.isError, true, name);
    assert.equal(unpaid.structuredContent.x402Version, 2);
    assert.equal(unpaid.structuredContent.resource.url, 'mcp://tool/d_any_q');
    assert.equal(unpaid.structuredContent.accepts[0].amount, '5000');
    assert.ok(unpaid._meta['org.paymentauth/payment-required'].challenges.length > 0, 'MPP in the same answer');
    const r = await payX402(client, account)(Q);
    assert.equal(r.isError, false, say(r));
    assert.deepEqual(r.structuredContent, { url: '/q?x=1', body: '' });
    const response = r._meta['x402/payment-response'];
    assert.equal(response.success, true);
    assert.match(response.transaction, /^0x[0-9a-f]{64}$/);
    assert.equal(response.payer.toLowerCase(), account.address.toLowerCase());
    await paid(g, account, 5000n);
  });
});

test('x402: a model call is settled, and what it did not use is credited', async () => {
  const account = await funded();
  const client = await v2(g, { mode: 'auto' });
  const r = await payX402(client, account)(CHAT);
  assert.equal(say(r), 'three tokens here');
  const spent = nano(r._meta['octroi/receipt'].cost);
  assert.equal(spent, wholeCost);
  const settled = BigInt(r._meta['x402/payment-response'].amount);
  await paid(g, account, settled, settled * 1000n - wholeCost);
});

test('x402: a payment settled after the call says so too', async () => {
  const account = await funded();
  const client = await v1(g);
  const r = await payX402(client, account)({ name: 'd_get_after' });
  assert.equal(r.isError, false, say(r));
  assert.equal(r._meta['x402/payment-response'].success, true);
  await paid(g, account, 7000n);
});

test('x402: a payment is used once, by the call it was made for', async () => {
  const account = await funded();
  const client = await v1(g);
  let payment;
  const r = await payX402(client, account, { sign: (p) => (payment = p) })(Q);
  assert.equal(r.isError, false);
  const again = await client.callTool({ ...Q, _meta: { 'x402/payment': payment } });
  assert.deepEqual(again.structuredContent, r.structuredContent, 'the same call is told again');
  assert.equal(upstream.calls.length, 1);
  const other = await client.callTool({ ...Q, arguments: { query: { x: '2' } }, _meta: { 'x402/payment': payment } });
  assert.equal(other.isError, true);
  assert.equal(other.structuredContent.error, 'invalid_exact_evm_nonce_already_used');
  await assert.rejects(client.callTool({ name: 'd_any_other', arguments: {}, _meta: { 'x402/payment': payment } }), /names another tool/);
  const lying = { ...payment, resource: { ...payment.resource, url: 'mcp://tool/d_any_other' } };
  const elsewhere = await client.callTool({ name: 'd_any_other', arguments: {}, _meta: { 'x402/payment': lying } });
  assert.equal(elsewhere.isError, true);
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
});

test('x402: a forged payment is refused in words, and buys nothing', async () => {
  const account = await funded();
  const client = await v1(g);
  const forge = (p) => ({ ...p, payload: { ...p.payload, authorization: { ...p.payload.authorization, value: '1' } } });
  const r = await payX402(client, account, { sign: forge })(Q);
  assert.equal(r.isError, true);
  assert.match(r.structuredContent.error, /^invalid_/);
  const broken = await client.callTool({ ...Q, _meta: { 'x402/payment': { x402Version: 2 } } });
  assert.equal(broken.isError, true);
  assert.equal(broken.structuredContent.error, 'invalid_payload');
  for (const text of ['text', '', base64('{'), base64('[]'), base64('{"x402Version":2,"x402Version":1}'), 'A'.repeat(9000), 7, null, []]) await assert.rejects(client.callTool({ ...Q, _meta: { 'x402/payment': text } }), /must be an object/);
  const both = { 'x402/payment': { x402Version: 2 }, 'x402.payment': base64({ x402Version: 1 }) };
  await assert.rejects(client.callTool({ ...Q, _meta: both }), /one payment/);
  assert.equal(upstream.calls.length, 0);
  await paid(g, account, 0n);
});

test('x402: one unpaid answer serves the clients of both versions', async () => {
  const unpaid = await (await v1(g)).callTool(Q);
  assert.equal(unpaid.content.length, 2);
  assert.deepEqual(JSON.parse(say(unpaid)), unpaid.structuredContent, 'first what version 2 is specified to find');
  const old = JSON.parse(unpaid.content[1].text);
  assert.deepEqual(Object.keys(old), ['x402Version', 'error', 'accepts']);
  assert.equal(old.x402Version, 1);
  assert.deepEqual([old.accepts[0].network, old.accepts[0].maxAmountRequired, old.accepts[0].resource], ['base-sepolia', '5000', 'mcp://tool/d_any_q']);
  const all = unpaid._meta['x402/error'];
  assert.equal(all.x402Version, 2);
  assert.deepEqual(all.accepts, [...old.accepts, ...unpaid.structuredContent.accepts]);
  assert.deepEqual(all.resource, unpaid.structuredContent.resource);
  assert.equal(all.error, unpaid.structuredContent.error);
});

test('x402: what Cloudflare wraps pays, with every client', async () => {
  await each(async (client, name) => {
    const account = await funded();
    const call = payAgents(client, account, { network: 'base-sepolia' });
    const r = await call(Q);
    assert.equal(r.isError, false, `${name}: ${say(r)}`);
    assert.deepEqual(r.structuredContent, { url: '/q?x=1', body: '' });
    assert.equal(r._meta['x402/payment-response'].success, true);
    assert.match(r._meta['x402/payment-response'].transaction, /^0x[0-9a-f]{64}$/);
    await paid(g, account, 5000n);
  });
  const [poor, careful] = [await funded(4999n), await funded()];
  const refused = await payAgents(await v1(g), poor)(Q);
  assert.equal(refused.isError, true);
  assert.equal(refused._meta['x402/error'].error, 'invalid_exact_evm_insufficient_balance');
  const capped = await payAgents(await v1(g), careful, { maxPaymentValue: 4999n })(Q);
  assert.match(say(capped), /exceeds client cap: 5000 > 4999/);
  await paid(g, careful, 0n);
});

test('x402: a model pays by itself through x402-mcp, version 1, once', async () => {
  const account = await funded();
  const client = await payByModel(g, account);
  const { result, payment } = await client.call(Q.name, Q.arguments);
  assert.equal(result.isError, false, say(result));
  assert.deepEqual(result.structuredContent, { url: '/q?x=1', body: '' });
  const told = result._meta['x402.payment-response'];
  assert.deepEqual([told.success, told.network, told.payer.toLowerCase()], [true, 'base-sepolia', account.address.toLowerCase()]);
  assert.match(told.transaction, /^0x[0-9a-f]{64}$/);
  assert.equal(result._meta['x402/payment-response'], undefined);
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
  const again = await client.call(Q.name, Q.arguments, payment);
  assert.deepEqual(again.result.structuredContent, result.structuredContent, 'the same call is told again');
  const other = await client.call(Q.name, { query: { x: '2' } }, payment);
  assert.equal(other.result.isError, true);
  assert.equal(JSON.parse(other.result.content[1].text).error, 'invalid_exact_evm_nonce_already_used');
  assert.equal(upstream.calls.length, 1);
  await paid(g, account, 5000n);
  const careful = await payByModel(g, account, { maxPaymentValue: 4999n });
  assert.match(String((await careful.call(Q.name, Q.arguments)).last.error), /exceed user configured max/);
  const forged = JSON.parse(Buffer.from(payment, 'base64').toString());
  forged.payload.authorization.nonce = `0x${'5'.repeat(64)}`;
  const lie = await client.call(Q.name, Q.arguments, base64(forged));
  assert.equal(lie.result.isError, true);
  assert.match(lie.result.structuredContent.error, /^invalid_.*signature/);
  await paid(g, account, 5000n);
  await client.close();
  await careful.close();
});

test('x402: a payment is taken in either form, of either version, under either key', async () => {
  const client = await v1(g);
  const offers = (await client.callTool(Q))._meta['x402/error'];
  const forms = { object: (p) => p, base64: (p) => base64(p) };
  for (const [form, make] of Object.entries(forms)) {
    for (const version of [1, 2]) {
      for (const key of ['x402/payment', 'x402.payment']) {
        const account = await funded();
        const accepts = offers.accepts.filter((a) => ('maxAmountRequired' in a) === (version === 1));
        const payment = await clientV2(account).createPaymentPayload({ ...offers, x402Version: version, accepts });
        assert.equal(payment.x402Version, version);
        const r = await client.callTool({ ...Q, _meta: { [key]: make(payment) } });
        assert.equal(r.isError, false, `${form} ${version} ${key}: ${say(r)}`);
        const told = r._meta[`${key}-response`];
        assert.deepEqual([told.success, told.network], [true, version === 1 ? 'base-sepolia' : 'eip155:84532']);
        await paid(g, account, 5000n);
      }
    }
  }
});

test('x402: who pays for a call that fails has the money to its credit', async () => {
  const account = await funded();
  const client = await v1(g);
  upstream.handle = (req, res) => res.destroy();
  const r = await payX402(client, account)(Q);
  assert.equal(r.isError, true);
  assert.equal(r.structuredContent.code, 'upstream_error');
  await paid(g, account, 5000n, nano('0.005'));
});

// ---- MPP -------------------------------------------------------------------------------

test('MPP: mppx wraps each client and pays', async () => {
  await each(async (client, name) => {
    const account = await funded();
    payMpp(client, evm(account));
    const r = await client.callTool(Q);
    assert.equal(r.isError, false, `${name}: ${say(r)}`);
    assert.equal(r.receipt.method, 'evm');
    assert.equal(r.receipt.amount, '0.005000000');
    assert.ok(r.receipt.challengeId);
    await paid(g, account, 5000n);
  });
});

test('MPP: the fetch of mppx pays beneath any client', async () => {
  for (const connect of Object.values(kinds)) {
    const account = await funded();
    const client = await connect(g, { fetch: mppxFetch(account, { methods: [evm(account)] }) });
    const r = await client.callTool(Q);
    assert.equal(r.isError, false, say(r));
    assert.equal(r._meta['org.paymentauth/receipt'].method, 'evm');
    await paid(g, account, 5000n);
    await client.close();
  }
});

test('MPP: who announced it gets the error, and pays on it', async () => {
  const account = await funded();
  const client = await v2(g, { mode: 'auto', capabilities: { experimental: { payment: { methods: { evm: { intents: ['charge'] } } } } } });
  const error = await client.callTool(Q).then(() => assert.fail('it was served'), (e) => e);
  assert.equal(error.code, -32042);
  assert.equal(error.data.httpStatus, 402);
  assert.equal(error.data.challenges[0].request.amount, '5000', 'plain JSON');
  assert.equal(error.data.problem.type, 'https://paymentauth.org/problems/payment-required');
  payMpp(client, evm(account));
  const r = await client.callTool(Q);
  assert.equal(r.receipt.method, 'evm');
  await paid(g, account, 5000n);
});

test('MPP: a challenge is for one tool and its arguments, and used once', async () => {
  const account = await funded();
  const client = await v1(g);
  const { challenges } = (await client.callTool(Q))._meta['org.paymentauth/payment-required'];
  const challenge = challenges.find((c) => c.method === 'evm');
  const credential = Credential.deserialize(await evm(account).createCredential({ challenge }));
  const pay = (call) => client.callTool({ ...call, _meta: { 'org.paymentauth/credential': credential } });
  for (const other of [{ name: 'd_any_other' }, { ...Q, arguments: { query: { x: '2' } } }]) {
    const error = await pay(other).then(() => assert.fail('it was served'), (e) => e);
    assert.equal(error.code, -32043);
    assert.equal(error.data.failure.reason, 'invalid_challenge');
    assert.ok(error.data.challenges.length > 0, 'a fresh one is there');
  }
  const r = await pay(Q);
  assert.equal(r.isError, false);
  assert.equal(r._meta['org.paymentauth/receipt'].challengeId, challenge.id);
  const again = await pay(Q);
  assert.deepEqual(again.structuredContent, r.structuredContent);
  assert.equal(upstream.calls.length, 1);
  await assert.rejects(client.callTool({ ...Q, _meta: { 'org.paymentauth/credential': { challenge: 1 } } }), (e) => e.code === -32602);
  await paid(g, account, 5000n);
});

test('MPP: what a payment left is spent by a proof of amount zero', async () => {
  const account = await funded();
  const client = payMpp(await v1(g), evm(account));
  upstream.handle = (req, res) => res.destroy();
  assert.equal((await client.callTool({ name: 'd_get_dear' })).isError, true);
  await paid(g, account, 10000n, nano('0.01'));
  calm();
  const fetching = await v1(g, { fetch: mppxFetch(account, { methods: [tempo(account)] }) });
  const r = await fetching.callTool(Q);
  assert.equal(r.isError, false, say(r));
  assert.equal(r._meta['org.paymentauth/receipt'].method, 'tempo');
  await paid(g, account, 10000n, nano('0.005'));
});

test('MPP: while nobody can settle, a payment is neither taken nor refused', async () => {
  const account = await funded();
  const client = await v1(g);
  const { challenges } = (await client.callTool(Q))._meta['org.paymentauth/payment-required'];
  const credential = Credential.deserialize(await evm(account).createCredential({ challenge: challenges.find((c) => c.method === 'evm') }));
  const call = { ...Q, _meta: { 'org.paymentauth/credential': credential } };
  front.answer = () => 503;
  const error = await client.callTool(call).then(() => assert.fail('it was served'), (e) => e);
  assert.equal(error.code, -32603);
  assert.equal(error.data.httpStatus, 503);
  assert.equal(error.data.problem.code, 'settlement_unavailable');
  assert.equal(upstream.calls.length, 0);
  front.answer = null;
  const r = await client.callTool(call);
  assert.equal(r.isError, false, say(r));
  await paid(g, account, 5000n);
});

test('MPP: a payment beside the key of a poor wallet', async () => {
  const account = await funded();
  const w = g.wallet('beside', '0.001');
  const client = payMpp(await v1(g, { key: w.key }), evm(account));
  const r = await client.callTool(Q);
  assert.equal(r.isError, false, say(r));
  assert.equal(r.receipt.method, 'evm');
  await g.settled(w, nano('0.001'));
  await paid(g, account, 5000n);
});

test('a wallet is topped up by a payment beside its key', async () => {
  const w = g.wallet('topped', '1');
  const account = await funded();
  const client = await v1(g, { key: w.key });
  const topup = { name: 'wallet_topup', arguments: { amount: '0.25' } };
  const r = await payX402(client, account)(topup);
  assert.equal(r.isError, false, say(r));
  assert.equal(r._meta['x402/payment-response'].success, true);
  await g.settled(w, nano('1.25'));
  payMpp(client, evm(account));
  assert.equal((await client.callTool(topup)).isError, false);
  await g.settled(w, nano('1.5'));
  await paid(g, account, 500000n);
  await assert.rejects(client.callTool({ name: 'wallet_topup' }), /'amount' is missing/);
});

// ---- Skills ----------------------------------------------------------------------------

/** A skill with two endpoints, listed. */
function listSkill(publisher, slug) {
  const dir = path.join(g.dir, slug);
  const file = path.join(g.dir, `${slug}.json`);
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'SKILL.md'), `---\nname: ${slug}\ndescription: Tells the weather of tomorrow.\n---\nAsk it.\n`);
  fs.writeFileSync(file, JSON.stringify({ base_url: upstream.url, endpoints: [{ method: 'GET', path: '/forecast/{city}', price: '0.01', description: 'The forecast of a city.' }, { method: 'POST', path: '/ask' }] }));
  for (const words of [['publisher', 'create', publisher], ['skill', 'publish', dir, '--publisher', publisher, '--version', '1.0.0'], ['skill', 'offer', `${publisher}/${slug}`, '--per-call', '0.002', '--endpoints', file]]) {
    const done = g.cli(...words);
    assert.equal(done.status, 0, done.stderr);
  }
}

test('endpoints of a skill are tools, and its publisher earns by them', async () => {
  listSkill('alice', 'weather');
  const w = g.wallet('traveller', '1');
  const client = await v2(g, { key: w.key, mode: 'auto' });
  // A moment after its offer has changed it has not been read yet.
  const listed = async () => (await rpc(g, 'tools/list')).body.result.tools.find((t) => t.name === 'alice--weather_get_forecast_city');
  await until('the skill among the tools', listed);
  const tool = await listed();
  assert.match(tool.description, /The forecast of a city\. The skill alice\/weather: Tells the weather of tomorrow\. Costs 0\.01 USD a call\./);
  assert.deepEqual(tool.inputSchema.required, ['city']);
  const r = await client.callTool({ name: tool.name, arguments: { city: 'São Paulo' } });
  assert.deepEqual(r.structuredContent, { url: '/forecast/S%C3%A3o%20Paulo', body: '' });
  assert.equal(receiptOf(r).cost, '0.010000000');
  const found = await client.callTool({ name: 'skills_search', arguments: { q: 'weather', limit: 3 } });
  assert.equal(found.structuredContent.results[0].slug, 'weather');
  const long = 'a-name-that-is-as-long-as-the-open-format-lets-a-skill-have-it';
  listSkill('carol-of-the-long-handle', long);
  const isLong = (t) => t.name.startsWith('carol-of-the-long-handle--');
  await until('the long one among the tools', async () => (await rpc(g, 'tools/list')).body.result.tools.some(isLong));
  const cut = (await rpc(g, 'tools/list')).body.result.tools.filter(isLong);
  assert.deepEqual(cut.map((t) => t.name.length), [64, 64]);
  assert.equal((await client.callTool({ name: cut[0].name, arguments: { city: 'Rome' } })).structuredContent.url, '/forecast/Rome');
  const account = await funded();
  const bought = await payX402(await v1(g), account)({ name: 'alice--weather_post_ask', arguments: { body: { a: 1 } } });
  assert.equal(bought.isError, false, say(bought));
  await assert.rejects(client.callTool({ name: 'alice--weather_get_nothing' }), /There is no tool/);
  await assert.rejects(client.callTool({ name: 'bob--weather_get_forecast_city' }), /There is no tool/);
  const shown = g.run('publisher', 'show', 'alice');
  assert.equal(nano(shown.earnings.earned), nano('0.0108'), 'nine tenths of 0.012');
  g.cli('skill', 'withdraw', 'alice/weather');
  await assert.rejects(client.callTool({ name: tool.name, arguments: { city: 'x' } }), /There is no tool/);
  await g.settled(w, nano('0.98'));
  await paid(g, account, 2000n);
});

// ---- Arguments -------------------------------------------------------------------------

const bareCall = (key, name, args) => rpc(bare, 'tools/call', { name, arguments: args }, { authorization: `Bearer ${key}` });

test('names are unique, stay, and are short enough', async () => {
  const names = (await (await v1(bare)).listTools()).tools.map((t) => t.name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('shop_get_a_b'));
  assert.equal(names.filter((n) => /^shop_get_a_b_[0-9a-f]{8}$/.test(n)).length, 1);
  assert.equal(names.filter((n) => n.length === 64).length, 1);
});

test('arguments go where the schema and the path say', async () => {
  const w = bare.wallet('args', '10');
  const where = async (name, args) => {
    const r = await bareCall(w.key, name, args);
    assert.equal(r.body.result?.isError, false, r.text);
    return r.body.result.structuredContent;
  };
  assert.deepEqual(await where('shop_get_items_id', { id: 'a b?c=1#d&e%2f', query: { q: ['1', 2, true], n: null } }), { url: '/items/a%20b%3Fc%3D1%23d%26e%252f?q=1&q=2&q=true', body: '' });
  assert.deepEqual(await where('shop_get_items_id', { id: 'a', q: 'toll & co', page: 2 }), { url: '/items/a?q=toll%20%26%20co&page=2', body: '' });
  assert.deepEqual(await where('shop_get_items_id', { id: 42 }), { url: '/items/42', body: '' });
  assert.deepEqual(await where('shop_get_files_rest', { rest: 'a/b c/ä' }), { url: '/files/a/b%20c/%C3%A4', body: '' });
  assert.deepEqual(await where('shop_post_orders', { item: 'x"y', count: 2 }), { url: '/orders', body: '{"item":"x\\"y","count":2}' });
  assert.deepEqual(await where('shop_get_find', { q: 'a&b', sort: 'new', more: 1 }), { url: '/find?q=a%26b&sort=new&more=1', body: '' });
  assert.deepEqual(await where('shop_get_free', {}), { url: '/free', body: '' });
  await bare.settled(w, nano('10') - nano('0.001') * 4n - nano('0.25') - nano('0.002'));
});

test('arguments that want to be more than they are call nothing', async () => {
  const w = bare.wallet('attacks', '10');
  const bad = [
    ['shop_get_items_id', {}],
    ['shop_get_items_id', { id: '' }],
    ['shop_get_items_id', { id: '..' }],
    ['shop_get_items_id', { id: '.' }],
    ['shop_get_items_id', { id: '../../v1/wallet' }],
    ['shop_get_items_id', { id: 'a/b' }],
    ['shop_get_items_id', { id: 'a\\b' }],
    ['shop_get_items_id', { id: 'a\r\nX-Evil: 1' }],
    ['shop_get_items_id', { id: { $ne: 1 } }],
    ['shop_get_items_id', { id: ['a'] }],
    ['shop_get_items_id', { id: 'x'.repeat(9000) }],
    ['shop_get_items_id', { id: 'a', other: { $ne: 1 } }],
    ['shop_get_items_id', { id: 'a', query: 'q=1' }],
    ['shop_get_items_id', { id: 'a', query: { q: { x: 1 } } }],
    ['shop_get_items_id', { id: 'a', body: 'x' }],
    ['shop_get_files_rest', { rest: 'a/../b' }],
    ['shop_get_files_rest', { rest: '/a' }],
    ['shop_post_orders', {}],
    ['shop_post_orders', { item: 1 }],
    ['shop_post_orders', { item: 'a', count: 1.5 }],
    ['shop_post_orders', { item: 'a', evil: 1 }],
    ['shop_get_find', { q: 'a', sort: 'any' }],
    ['shop_get_find', Object.fromEntries([['q', 'a'], ...Array.from({ length: 300 }, (_, i) => [`a${i}`, 1])])],
    ['shop_get_find', { q: Array.from({ length: 5000 }, () => 'abc') }],
    ['no_such_tool', {}],
    ['chat', { model: 'm' }],
    ['chat', { prompt: 'x' }],
    ['chat', { model: 'm', prompt: 'x', stream: true }],
    ['chat', { model: 'm', prompt: 'x', messages: [] }],
    ['wallet_quote', { tool: 'wallet_quote', arguments: {} }],
  ];
  for (const [name, args] of bad) {
    const r = await bareCall(w.key, name, args);
    assert.equal(r.status, 200);
    assert.equal(r.body.error?.code, -32602, `${name} ${JSON.stringify(args).slice(0, 80)}: ${r.text.slice(0, 200)}`);
    assert.equal(r.body.id, 7);
  }
  // Encoded ones mean themselves, and are one segment wherever they arrive.
  const encoded = await bareCall(w.key, 'shop_get_items_id', { id: '%2e%2e%2f' });
  assert.equal(encoded.body.result.structuredContent.url, '/items/%252e%252e%252f');
  const keyed = await bareCall(w.key, 'shop_get_items_id', { id: 'a', query: { k: w.key } });
  assert.equal(keyed.body.result.structuredContent.code, 'invalid_api_key', 'a key in a URL is not sent on');
  assert.equal(upstream.calls.length, 1);
  await bare.settled(w, nano('9.999'));
});

// ---- Messages --------------------------------------------------------------------------

test('messages that are none are refused with the code that says so', async () => {
  const deep = `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`;
  const cases = [
    ['{', 400, -32700, null],
    ['', 400, -32700, null],
    ['[]', 400, -32600, null],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600, null],
    ['"ping"', 400, -32600, null],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32700, null],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}', 400, -32700, null],
    [deep, 400, -32700, null],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600, 1],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600, null],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600, null],
    ['{"jsonrpc":"2.0","id":1,"method":5}', 400, -32600, 1],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 400, -32600, 1],
    ['{"jsonrpc":"2.0","id":"a\\"b","method":"resources/list"}', 200, -32601, 'a"b'],
    ['{"jsonrpc":"2.0","id":1.50,"method":"tools/list","params":{"cursor":"x"}}', 200, -32602, 1.5],
    ['{"jsonrpc":"2.0","id":1,"method":"server/discover"}', 200, -32601, 1],
  ];
  for (const [body, status, code, id] of cases) {
    const r = await rpc(g, body);
    assert.equal(r.status, status, `${body.slice(0, 80)}: ${r.text}`);
    assert.equal(r.body.error.code, code, `${body.slice(0, 80)}: ${r.text}`);
    assert.equal(r.body.id, id);
  }
  assert.match((await rpc(g, '{"jsonrpc":"2.0","id":1.50,"method":"ping"}')).text, /"id":1\.50,/, 'the token as it came');
  const huge = await rpc(g, `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'y'.repeat(1 << 20)}"}}`).catch((e) => e);
  assert.ok(huge instanceof Error || huge.status === 413, 'a stranger sends no more than 1 MiB');
  const form = await fetch(`${g.url}/mcp`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' });
  assert.equal(form.status, 415);
});

test('2026-07-28: headers and body must say the same', async () => {
  const io = 'io.modelcontextprotocol/';
  const meta = { [`${io}protocolVersion`]: '2026-07-28', [`${io}clientInfo`]: { name: 'x', version: '1' }, [`${io}clientCapabilities`]: {} };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
  const list = (m = meta, h = headers, method = 'tools/list', more = {}) => rpc(g, method, { ...(m && { _meta: m }), ...more }, h);
  const good = await list();
  assert.equal(good.body.result.resultType, 'complete');
  assert.ok(Number.isInteger(good.body.result.ttlMs));
  assert.equal(good.body.result.cacheScope, 'public');
  const cases = [
    [await list(null), 400, -32602],
    [await list({ ...meta, [`${io}clientInfo`]: undefined }), 400, -32602],
    [await list(meta, { 'mcp-method': 'tools/list' }), 400, -32020],
    [await list(meta, { ...headers, 'mcp-protocol-version': '2025-11-25' }), 400, -32020],
    [await list(meta, { ...headers, 'mcp-method': 'tools/call' }), 400, -32020],
    [await list(meta, { 'mcp-protocol-version': '2026-07-28' }), 400, -32020],
    [await list({ ...meta, [`${io}protocolVersion`]: '2027-01-01' }, { ...headers, 'mcp-protocol-version': '2027-01-01' }), 400, -32022],
    [await list(meta, { ...headers, 'mcp-method': 'initialize' }, 'initialize'), 404, -32601],
    [await list(meta, { ...headers, 'mcp-method': 'tools/call' }, 'tools/call', { name: 'd_any_q' }), 400, -32020],
    [await list(meta, { ...headers, 'mcp-method': 'tools/call', 'mcp-name': 'd_any_other' }, 'tools/call', { name: 'd_any_q' }), 400, -32020],
    [await rpc(g, 'initialize', { protocolVersion: '2025-11-25' }, { 'mcp-protocol-version': '2026-07-28' }), 400, -32020],
    [await list(meta, { ...headers, 'mcp-method': 'ping' }, 'ping'), 404, -32601],
    [await rpc(g, 'ping', {}, { 'mcp-protocol-version': '1999-01-01' }), 400, -32022],
  ];
  cases.forEach(([r, status, code], i) => {
    assert.equal(r.status, status, `${i}: ${r.text}`);
    assert.equal(r.body.error.code, code, `${i}: ${r.text}`);
  });
  const unknown = cases[6][0].body.error.data;
  assert.ok(unknown.supported.includes('2026-07-28') && unknown.requested === '2027-01-01');
});

test('pages of another origin are refused, though their name leads here', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const ask = (headers) => request(`${g.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  const port = g.port;
  for (const headers of [{ origin: 'http://evil.example' }, { origin: `http://evil.example:${port}`, host: `evil.example:${port}` }, { origin: 'null' }, { origin: `http://127.0.0.1.evil.example:${port}` }, { origin: `http://localhost:${port}`, host: 'evil.example' }]) {
    const r = await ask(headers);
    assert.equal(r.status, 403, JSON.stringify(headers));
    assert.equal(JSON.parse(r.body).error.data.code, 'forbidden');
  }
  for (const headers of [{}, { origin: `http://127.0.0.1:${port}` }, { origin: 'http://localhost:6274', host: `localhost:${port}` }]) assert.equal((await ask(headers)).status, 200, JSON.stringify(headers));
});

test('the books agree at the end', async () => {
  await agree(g);
  bare.laws();
});
