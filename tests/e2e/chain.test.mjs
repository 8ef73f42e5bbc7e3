// SPDX-License-Identifier: Apache-2.0
// The lab itself: the local chain does what a payment needs of it, and the clients and
// servers of others, unmodified, pay each other on it without Octroi. What fails here is
// the lab's fault, not the gateway's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { hashDomain, keccak256, parseAbi } from 'viem';
import { x402ExactPermit2ProxyABI, x402UptoPermit2ProxyABI } from '@x402/evm';
import { setSettlementOverrides } from '@x402/express';
import { createSIWxResourceServerExtension, declareSIWxExtension, InMemorySIWxStorage } from '@x402/extensions/sign-in-with-x';
import { accounts, authorize, CHAIN_ID, EXACT_PROXY, NETWORK, newAccount, PERMIT2, startChain, startRpcFront, UPTO_PROXY, USDC, usdcAbi } from './chain.mjs';
import { clientV2, expressServer, headerJson, jsFacilitator, mppx, mppxFetch, mppxServer, mppxValidate, offer, payAxiosV2, payFetchV1, payFetchV2, receiptOf, siwxFetch, v1Server } from './clients.mjs';
import { sleep } from './lib.mjs';

const [payer, seller, settler, stranger] = accounts;
const START = 5000000n;
let chain, facilitator, server;

before(async () => {
  chain = await startChain();
  await chain.mint(payer.address, START);
  await chain.approve(payer.address);
  facilitator = await jsFacilitator({ chain, account: settler });
  const payTo = seller.address;
  server = await expressServer({
    facilitator: facilitator.url,
    routes: {
      'GET /exact': { accepts: offer({ payTo, price: '$0.01' }) },
      'POST /exact': { accepts: offer({ payTo, price: '$0.01' }) },
      'GET /upfront': { accepts: offer({ payTo, price: '$0.01', extra: { paymentFlow: 'upfront' } }) },
      'GET /permit2': { accepts: offer({ payTo, price: { asset: USDC, amount: '20000', extra: { assetTransferMethod: 'permit2' } } }) },
      'GET /upto': {
        accepts: offer({ payTo, price: '$0.10', scheme: 'upto' }),
        handler: (req, res) => {
          setSettlementOverrides(res, { amount: '2350' });
          res.json({ message: 'metered' });
        },
      },
      'GET /broken': { accepts: offer({ payTo, price: '$0.01' }), handler: (req, res) => res.status(500).json({ error: 'no' }) },
    },
  });
});

after(async () => {
  await server?.close();
  await facilitator?.close();
  await chain?.stop();
});

/** Runs `work` and gives what the payer and the seller have more than before. */
async function moved(work, to = seller.address) {
  const [p, s] = await Promise.all([chain.balanceOf(payer.address), chain.balanceOf(to)]);
  const result = await work();
  return { result, payer: (await chain.balanceOf(payer.address)) - p, seller: (await chain.balanceOf(to)) - s };
}

const settle = (a) => chain.wallet(settler).writeContract({ address: USDC, abi: usdcAbi, functionName: 'transferWithAuthorization', args: [a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, a.signature] });

test('the token has the domain that clients sign for Base Sepolia', async () => {
  const separator = await chain.public.readContract({ address: USDC, abi: parseAbi(['function DOMAIN_SEPARATOR() view returns (bytes32)']), functionName: 'DOMAIN_SEPARATOR' });
  assert.equal(separator, '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818');
});

test('a signed authorization settles once, its log tells of it, and a copy reverts', async () => {
  const signed = await authorize(payer, { to: seller.address, value: 1234n });
  const m = await moved(async () => chain.receipt(await settle(signed)));
  assert.equal(m.result.status, 'success');
  assert.deepEqual([m.payer, m.seller], [-1234n, 1234n]);
  assert.equal(await chain.authorizationState(payer.address, signed.nonce), true);
  const log = (await chain.transfers({ from: payer.address })).at(-1);
  assert.deepEqual([log.to, log.value, log.hash], [seller.address, 1234n, m.result.transactionHash]);
  await assert.rejects(settle(signed), /revert/);
});

test('a cancelled authorization, a strange signer and a late one revert', async () => {
  const cancelled = await authorize(payer, { to: seller.address, value: 1n });
  await chain.cancelAuthorization(payer, cancelled.nonce);
  await assert.rejects(settle(cancelled), /revert/);
  const forged = await authorize(stranger, { to: seller.address, value: 1n });
  await assert.rejects(settle({ ...forged, from: payer.address }), /revert/);
  await assert.rejects(settle(await authorize(payer, { to: seller.address, value: 1n, validBefore: 1n })), /revert/);
});

test('Permit2 on this chain computes the domain of this chain', async () => {
  const separator = await chain.public.readContract({ address: PERMIT2, abi: parseAbi(['function DOMAIN_SEPARATOR() view returns (bytes32)']), functionName: 'DOMAIN_SEPARATOR' });
  const domain = { name: 'Permit2', chainId: CHAIN_ID, verifyingContract: PERMIT2 };
  const types = { EIP712Domain: [{ name: 'name', type: 'string' }, { name: 'chainId', type: 'uint256' }, { name: 'verifyingContract', type: 'address' }] };
  assert.equal(separator, hashDomain({ domain, types }));
});

/** What the unmodified client signs for a requirement. */
async function signedBy(account, requirements) {
  const client = clientV2(account, { schemes: ['exact', 'upto'] });
  const { payload } = await client.createPaymentPayload({ x402Version: 2, resource: { url: 'http://127.0.0.1/' }, accepts: [requirements] });
  const a = payload.permit2Authorization;
  const permit = { permitted: { token: a.permitted.token, amount: BigInt(a.permitted.amount) }, nonce: BigInt(a.nonce), deadline: BigInt(a.deadline) };
  const witness = { ...a.witness, validAfter: BigInt(a.witness.validAfter) };
  return { permit, witness, owner: a.from, signature: payload.signature };
}

const requirements = (scheme, amount, extra) => ({ scheme, network: NETWORK, amount, asset: USDC, payTo: seller.address, maxTimeoutSeconds: 300, extra: { name: 'USDC', version: '2', ...extra } });

test('the exact proxy moves what the client signed for Permit2, once', async () => {
  const s = await signedBy(payer, requirements('exact', '777', { assetTransferMethod: 'permit2' }));
  const call = () => chain.wallet(stranger).writeContract({ address: EXACT_PROXY, abi: x402ExactPermit2ProxyABI, functionName: 'settle', args: [s.permit, s.owner, s.witness, s.signature] });
  const m = await moved(async () => chain.receipt(await call()));
  assert.deepEqual([m.payer, m.seller], [-777n, 777n]);
  await assert.rejects(call(), /revert/);
});

test('the exact proxy refuses another recipient, an early call and an owner without allowance', async () => {
  const s = await signedBy(payer, requirements('exact', '777', { assetTransferMethod: 'permit2' }));
  const call = (owner, witness) => chain.wallet(stranger).writeContract({ address: EXACT_PROXY, abi: x402ExactPermit2ProxyABI, functionName: 'settle', args: [s.permit, owner, witness, s.signature] });
  await assert.rejects(call(s.owner, { ...s.witness, to: stranger.address }), /revert/);
  await assert.rejects(call(s.owner, { ...s.witness, validAfter: 2n ** 40n }), /PaymentTooEarly/);
  const poor = newAccount();
  await chain.mint(poor.address, 1000n);
  const p = await signedBy(poor, requirements('exact', '777', { assetTransferMethod: 'permit2' }));
  await assert.rejects(chain.wallet(stranger).writeContract({ address: EXACT_PROXY, abi: x402ExactPermit2ProxyABI, functionName: 'settle', args: [p.permit, p.owner, p.witness, p.signature] }), /TRANSFER_FROM_FAILED|revert/);
});

test('the upto proxy obeys only the facilitator that was signed, up to the cap, once', async () => {
  const s = await signedBy(payer, requirements('upto', '1000', { facilitatorAddress: settler.address }));
  const call = (from, amount) => chain.wallet(from).writeContract({ address: UPTO_PROXY, abi: x402UptoPermit2ProxyABI, functionName: 'settle', args: [s.permit, amount, s.owner, s.witness, s.signature] });
  await assert.rejects(call(stranger, 400n), /UnauthorizedFacilitator/);
  await assert.rejects(call(settler, 1001n), /AmountExceedsPermitted/);
  const m = await moved(async () => chain.receipt(await call(settler, 400n)));
  assert.deepEqual([m.payer, m.seller], [-400n, 400n]);
  await assert.rejects(call(settler, 400n), /revert/);
});

test('a contract wallet answers for its owner', async () => {
  const wallet = newAccount().address;
  await chain.placeWallet1271(wallet, payer.address);
  const hash = keccak256('0x01');
  const valid = (signature) => chain.public.readContract({ address: wallet, abi: parseAbi(['function isValidSignature(bytes32,bytes) view returns (bytes4)']), functionName: 'isValidSignature', args: [hash, signature] });
  assert.equal(await valid(await payer.sign({ hash })), '0x1626ba7e');
  assert.notEqual(await valid(await stranger.sign({ hash })).catch(() => 'refused'), '0x1626ba7e');
});

// ---- Clients and servers of others -----------------------------------------------------

test('@x402/fetch pays @x402/express through the reference facilitator', async () => {
  const m = await moved(() => payFetchV2(payer)(`${server.url}/exact?a=1`));
  assert.equal(m.result.status, 200);
  assert.deepEqual((await m.result.json()).query, { a: '1' });
  const receipt = receiptOf(m.result.headers);
  assert.equal(receipt.success, true);
  assert.equal(receipt.network, NETWORK);
  assert.deepEqual([m.payer, m.seller], [-10000n, 10000n]);
  assert.equal((await chain.transfers({ from: payer.address })).at(-1).hash, receipt.transaction);
});

test('a paid header sent again is refused, and nobody pays twice', async () => {
  let header;
  const noting = (input, init) => {
    header = new Request(input, init).headers.get('payment-signature') ?? header;
    return fetch(input, init);
  };
  const { wrapFetchWithPayment } = await import('@x402/fetch');
  assert.equal((await wrapFetchWithPayment(noting, clientV2(payer))(`${server.url}/exact`)).status, 200);
  const m = await moved(() => fetch(`${server.url}/exact`, { headers: { 'payment-signature': header } }));
  assert.equal(m.result.status, 402);
  assert.equal(headerJson(m.result.headers, 'payment-required').error, 'invalid_exact_evm_nonce_already_used');
  assert.equal(m.payer, 0n);
});

test('@x402/axios pays, and its body goes with the payment', async () => {
  const m = await moved(() => payAxiosV2(payer).post(`${server.url}/exact`, { q: 'ü' }));
  assert.equal(m.result.status, 200);
  assert.deepEqual(m.result.data.body, { q: 'ü' });
  assert.equal(receiptOf(m.result.headers).success, true);
  assert.deepEqual([m.payer, m.seller], [-10000n, 10000n]);
});

test('the upfront flow settles before the handler', async () => {
  const m = await moved(() => payFetchV2(payer)(`${server.url}/upfront`));
  assert.equal(m.result.status, 200);
  assert.deepEqual([m.payer, m.seller], [-10000n, 10000n]);
});

test('a handler that fails is not paid', async () => {
  const m = await moved(() => payFetchV2(payer)(`${server.url}/broken`));
  assert.equal(m.result.status, 500);
  assert.equal(m.payer, 0n);
});

test('Permit2 exact is paid through the double of its proxy', async () => {
  const m = await moved(() => payFetchV2(payer)(`${server.url}/permit2`));
  assert.equal(m.result.status, 200, JSON.stringify(headerJson(m.result.headers, 'payment-required')));
  assert.deepEqual([m.payer, m.seller], [-20000n, 20000n]);
});

test('upto is paid by what was used', async () => {
  const m = await moved(() => payFetchV2(payer, { schemes: ['exact', 'upto'] })(`${server.url}/upto`));
  assert.equal(m.result.status, 200, JSON.stringify(headerJson(m.result.headers, 'payment-required')));
  assert.equal(receiptOf(m.result.headers).amount, '2350');
  assert.deepEqual([m.payer, m.seller], [-2350n, 2350n]);
});

test('Permit2 without an allowance is a 412', async () => {
  const poor = newAccount();
  await chain.mint(poor.address, 100000n);
  const r = await payFetchV2(poor)(`${server.url}/permit2`);
  assert.equal(r.status, 412);
  assert.equal(await chain.balanceOf(poor.address), 100000n);
});

test('who has paid comes back with a sign-in, once per sign-in', async () => {
  const storage = new InMemorySIWxStorage();
  const own = await expressServer({
    facilitator,
    routes: { 'GET /again': { accepts: offer({ payTo: seller.address, price: '$0.01' }), extensions: declareSIWxExtension() } },
    extensions: (origin) => [createSIWxResourceServerExtension({ storage, origin })],
  });
  try {
    assert.equal((await siwxFetch(payer)(`${own.url}/again`)).status, 402);
    assert.equal((await payFetchV2(payer)(`${own.url}/again`)).status, 200);
    const m = await moved(() => siwxFetch(payer)(`${own.url}/again`));
    assert.equal(m.result.status, 200);
    assert.equal(m.payer, 0n);
    assert.equal((await siwxFetch(stranger)(`${own.url}/again`)).status, 402);
  } finally {
    await own.close();
  }
});

test('x402-fetch pays a version 1 seller, up to its own cap', async () => {
  const cheap = await v1Server({ facilitator, payTo: seller.address, amount: 30000n });
  const dear = await v1Server({ facilitator, payTo: seller.address, amount: 200000n });
  try {
    const m = await moved(() => payFetchV1(payer)(`${cheap.url}/x`));
    assert.equal(m.result.status, 200);
    assert.equal(receiptOf(m.result.headers).success, true);
    assert.deepEqual([m.payer, m.seller], [-30000n, 30000n]);
    await assert.rejects(payFetchV1(payer)(`${dear.url}/x`), /exceeds maximum/);
    assert.equal((await payFetchV1(payer, 200000n)(`${dear.url}/x`)).status, 200);
  } finally {
    await cheap.close();
    await dear.close();
  }
});

test('mppx pays an mppx server, as a library and from the command line', async () => {
  const mpp = await mppxServer({ chain, account: settler, payTo: seller.address, routes: { 'GET /paid': { amount: '0.02' } } });
  try {
    const m = await moved(() => mppxFetch(payer)(`${mpp.url}/paid`));
    assert.equal(m.result.status, 200);
    assert.ok(m.result.headers.get('payment-receipt'));
    assert.deepEqual([m.payer, m.seller], [-20000n, 20000n]);
    const c = await moved(() => mppx(payer, `${mpp.url}/paid`, '-i', '-v'));
    assert.equal(c.result.status, 0, c.result.stdout + c.result.stderr);
    assert.match(c.result.stdout, /"message":\s*"paid"/);
    assert.deepEqual([c.payer, c.seller], [-20000n, 20000n]);
    const v = await moved(() => mppxValidate(payer, mpp.url, '-e', 'GET:/paid'));
    assert.deepEqual(v.result.failed.map((f) => f.split(':')[0]), ['Document found']); // it has no /openapi.json
    assert.equal(v.payer, -20000n);
  } finally {
    await mpp.close();
  }
});

test('a facilitator that lies, breaks off or answers 503 is one line of a test', async () => {
  const honest = (path, body, answer) => answer();
  try {
    facilitator.answer = (path, body, answer) => (path === '/settle' ? { success: false, errorReason: 'insufficient_funds', transaction: '', network: NETWORK } : answer());
    assert.equal((await payFetchV2(payer)(`${server.url}/exact`)).status, 402);
    facilitator.answer = (path, body, answer) => (path === '/verify' ? null : answer());
    assert.notEqual((await payFetchV2(payer)(`${server.url}/exact`)).status, 200);
    facilitator.answer = (path, body, answer) => (path === '/verify' ? 503 : answer());
    assert.notEqual((await payFetchV2(payer)(`${server.url}/exact`)).status, 200);
  } finally {
    facilitator.answer = honest;
  }
  assert.equal((await payFetchV2(payer)(`${server.url}/exact`)).status, 200);
});

// ---- What a test can do to the chain ---------------------------------------------------

test('blocks made by hand keep a transfer waiting; a dropped one never happens', async () => {
  await chain.setAutomine(false);
  try {
    const a = await settle(await authorize(payer, { to: seller.address, value: 10n }));
    const b = await settle(await authorize(payer, { to: seller.address, value: 20n }));
    assert.deepEqual(new Set(await chain.pending()), new Set([a, b]));
    await chain.drop(b);
    const m = await moved(() => chain.mine());
    assert.deepEqual([m.payer, m.seller], [-10n, 10n]);
    await assert.rejects(chain.public.getTransactionReceipt({ hash: b }), /not be found|could not/);
  } finally {
    await chain.setAutomine(true);
  }
});

test('a reorganisation takes a settled transfer back', async () => {
  const signed = await authorize(payer, { to: seller.address, value: 55n });
  const before = await chain.balanceOf(seller.address);
  const receipt = await chain.receipt(await settle(signed));
  assert.equal(await chain.balanceOf(seller.address), before + 55n);
  await chain.reorg(1);
  assert.equal(await chain.balanceOf(seller.address), before);
  assert.equal(await chain.authorizationState(payer.address, signed.nonce), false);
  await assert.rejects(chain.public.getTransactionReceipt({ hash: receipt.transactionHash }), /not be found|could not/);
  assert.equal((await chain.receipt(await settle(signed))).status, 'success');
});

test('a snapshot comes back, and a balance moves away between two calls', async () => {
  const id = await chain.snapshot();
  const had = await chain.balanceOf(payer.address);
  await chain.transfer(payer.address, stranger.address, had);
  assert.equal(await chain.balanceOf(payer.address), 0n);
  await chain.revert(id);
  assert.equal(await chain.balanceOf(payer.address), had);
});

test('the front of a node passes calls, lies and vanishes', async () => {
  const front = await startRpcFront(chain);
  const ask = async (method) => (await fetch(front.url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: [] }) })).json();
  try {
    assert.equal(Number((await ask('eth_chainId')).result), CHAIN_ID);
    front.answer = async (call, honest) => (call.method === 'eth_chainId' ? { jsonrpc: '2.0', id: call.id, result: '0x1' } : honest());
    assert.equal((await ask('eth_chainId')).result, '0x1');
    assert.equal(Number((await ask('net_version')).result), CHAIN_ID);
    front.answer = async () => null;
    await assert.rejects(ask('eth_chainId'));
    assert.deepEqual(front.calls.map((c) => c.method), ['eth_chainId', 'eth_chainId', 'net_version', 'eth_chainId']);
  } finally {
    await front.close();
  }
});

test('a chain that is stopped leaves no process, and a second one does not see the first', async () => {
  const other = await startChain({ automine: false });
  const { pid } = other.child;
  assert.equal(await other.balanceOf(payer.address), 0n);
  const hash = await other.wallet(payer).sendTransaction({ to: seller.address, value: 1n });
  assert.equal((await other.receipt(hash)).status, 'success');
  await other.stop();
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('a chain dies with the test that started it, even one that is killed', async () => {
  const code = `import { startChain } from ${JSON.stringify(new URL('chain.mjs', import.meta.url).href)}; console.log((await startChain()).child.pid); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise((done) => child.stdout.once('data', done)));
  assert.doesNotThrow(() => process.kill(pid, 0));
  child.kill('SIGKILL');
  await new Promise((done) => child.once('close', done));
  for (let i = 0; i < 200; i++) {
    const stat = `/proc/${pid}/stat`; // a zombie is dead, if nobody's child any more
    if (!fs.existsSync(stat) || / Z /.test(fs.readFileSync(stat, 'utf8'))) return;
    await sleep(25);
  }
  assert.fail('the chain outlived its test');
});
