// SPDX-License-Identifier: Apache-2.0
// The other side of the payment series of `make bench`: the unmodified @x402/express
// middleware with the reference facilitator in the same process, and a chain that is not
// there: it says yes at once, so that what is measured is the middleware. Run by the node
// and with the packages of the staged end-to-end tests:
//
//   MODULES=FOLDER/node_modules node x402_peer.mjs serve [PORT]
//       prints "listening PORT"; GET /paid costs 0.01, GET /free nothing
//   .. node x402_peer.mjs node [PORT]
//       prints "listening PORT": an EVM node for a gateway under test, of chain 84532; every
//       transaction is mined at once, and its receipt has the Transfer that its call data
//       asks for (EIP-3009 or a Permit2 proxy)
//   .. node x402_peer.mjs headers COUNT URL
//       prints what an unmodified client puts in PAYMENT-SIGNATURE to pay URL, a line for
//       each of COUNT payments
//   .. node x402_peer.mjs verify SECONDS
//       prints verifications per second of CPU time
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.resolve(process.env.MODULES ?? 'node_modules', 'x402_peer.js'));
const { decodeFunctionData, encodeAbiParameters, encodeEventTopics, erc20Abi, keccak256, parseAbi, parseTransaction, recoverTypedDataAddress, toHex } = require('viem');
const { privateKeyToAccount } = require('viem/accounts');

const NETWORK = 'eip155:84532';
const USDC = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const SELLER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
// Keys of every development chain.
const payer = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const settler = privateKeyToAccount('0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a');

function transferLog({ from, to, value }) {
  return { address: USDC, topics: encodeEventTopics({ abi: erc20Abi, eventName: 'Transfer', args: { from, to } }), data: encodeAbiParameters([{ type: 'uint256' }], [value]) };
}

// ---- The middleware --------------------------------------------------------------------

/** What the reference facilitator asks of a chain, answered at once. Signatures are
 * recovered: that is its work, not the chain's. */
function absentChain() {
  const sent = new Map();
  let count = 0;
  return {
    getAddresses: () => [settler.address],
    getCode: async ({ address }) => (address.toLowerCase() === USDC.toLowerCase() ? '0x60' : undefined),
    readContract: async () => undefined,
    verifyTypedData: async ({ address, ...signed }) => (await recoverTypedDataAddress(signed)).toLowerCase() === address.toLowerCase(),
    writeContract: async ({ args: [from, to, value] }) => {
      const hash = toHex(++count, { size: 32 });
      sent.set(hash, { from, to, value });
      return hash;
    },
    sendTransaction: async () => toHex(++count, { size: 32 }),
    waitForTransactionReceipt: async ({ hash }) => {
      const transfer = sent.get(hash);
      sent.delete(hash);
      return { status: 'success', transactionHash: hash, logs: transfer ? [transferLog(transfer)] : [] };
    },
  };
}

function facilitator() {
  const { x402Facilitator } = require('@x402/core/facilitator');
  const { registerExactEvmScheme } = require('@x402/evm/exact/facilitator');
  const core = new x402Facilitator();
  registerExactEvmScheme(core, { signer: absentChain(), networks: NETWORK });
  return {
    verify: (payload, requirements) => core.verify(payload, requirements),
    settle: (payload, requirements) => core.settle(payload, requirements),
    getSupported: async () => core.getSupported(),
  };
}

function middleware() {
  const express = require('express');
  const { paymentMiddleware, x402ResourceServer } = require('@x402/express');
  const { registerExactEvmScheme } = require('@x402/evm/exact/server');
  const server = new x402ResourceServer(facilitator());
  registerExactEvmScheme(server, { networks: [NETWORK] });
  const accepts = { scheme: 'exact', network: NETWORK, payTo: SELLER, price: '$0.01', maxTimeoutSeconds: 3600 };
  const app = express();
  app.use(paymentMiddleware({ 'GET /paid': { accepts, description: 'a call', mimeType: 'application/json' } }, server));
  const body = { text: 'x'.repeat(900) };
  app.get(['/paid', '/free'], (req, res) => res.json(body));
  return app;
}

// ---- A node for a gateway under test ---------------------------------------------------

const calls = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'struct Permitted { address token; uint256 amount; }',
  'struct Permit { Permitted permitted; uint256 nonce; uint256 deadline; }',
  'struct Exact { address to; uint256 validAfter; }',
  'struct Upto { address to; address facilitator; uint256 validAfter; }',
  'function settle(Permit permit, address owner, Exact witness, bytes signature)',
  'function settle(Permit permit, uint256 amount, address owner, Upto witness, bytes signature)',
]);

function transferOf(data) {
  const { functionName, args } = decodeFunctionData({ abi: calls, data });
  if (functionName === 'transferWithAuthorization') return { from: args[0], to: args[1], value: args[2] };
  if (args.length === 4) return { from: args[1], to: args[2].to, value: args[0].permitted.amount };
  return { from: args[2], to: args[3].to, value: args[1] };
}

function absentNode() {
  const receipts = new Map();
  const zero = toHex(0, { size: 32 });
  let height = 100;
  let nonce = 0;
  const block = () => ({ number: toHex(height), hash: toHex(height, { size: 32 }), parentHash: toHex(height - 1, { size: 32 }), timestamp: toHex(Math.floor(Date.now() / 1000)), baseFeePerGas: toHex(1000000), gasLimit: toHex(30000000), gasUsed: '0x0', transactions: [] });
  const send = (raw) => {
    const tx = parseTransaction(raw);
    const hash = keccak256(raw);
    nonce = Math.max(nonce, (tx.nonce ?? 0) + 1);
    height++;
    const place = { blockHash: toHex(height, { size: 32 }), blockNumber: toHex(height), transactionHash: hash, transactionIndex: '0x0' };
    const log = { ...transferLog(transferOf(tx.data)), ...place, logIndex: '0x0', removed: false };
    // A receipt is asked for soon or never.
    if (receipts.size >= 50000) receipts.delete(receipts.keys().next().value);
    receipts.set(hash, { ...place, status: '0x1', type: '0x2', from: settler.address, to: tx.to, contractAddress: null, gasUsed: toHex(68500), cumulativeGasUsed: toHex(68500), effectiveGasPrice: toHex(1000000), logsBloom: `0x${'0'.repeat(512)}`, logs: [log] });
    return hash;
  };
  const methods = {
    eth_chainId: () => toHex(84532),
    net_version: () => '84532',
    eth_blockNumber: () => toHex(height),
    eth_getBlockByNumber: () => block(),
    eth_getBlockByHash: () => block(),
    eth_getTransactionCount: () => toHex(nonce),
    eth_gasPrice: () => toHex(1000000),
    eth_maxPriorityFeePerGas: () => toHex(1000),
    eth_feeHistory: () => ({ oldestBlock: toHex(height - 1), baseFeePerGas: [toHex(1000000), toHex(1000000)], gasUsedRatio: [0.5], reward: [[toHex(1000)]] }),
    eth_estimateGas: () => toHex(90000),
    eth_getBalance: () => toHex(10n ** 21n),
    eth_getCode: ([address]) => (address.toLowerCase() === USDC.toLowerCase() || /^0x402|^0x000000000022/i.test(address) ? '0x60' : '0x'),
    eth_call: () => zero,
    eth_sendRawTransaction: ([raw]) => send(raw),
    eth_getTransactionReceipt: ([hash]) => receipts.get(hash) ?? null,
    eth_getTransactionByHash: ([hash]) => (receipts.has(hash) ? { hash, ...receipts.get(hash) } : null),
  };
  const answer = ({ id, method, params }) => {
    const known = methods[method];
    if (!known) return { jsonrpc: '2.0', id, error: { code: -32601, message: `no ${method} here` } };
    return { jsonrpc: '2.0', id, result: known(params ?? []) };
  };
  return async (req, res) => {
    const pieces = [];
    for await (const piece of req) pieces.push(piece);
    const asked = JSON.parse(Buffer.concat(pieces));
    const text = JSON.stringify(Array.isArray(asked) ? asked.map(answer) : answer(asked));
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  };
}

// ---- Payments --------------------------------------------------------------------------

async function signer() {
  const { x402Client, x402HTTPClient } = require('@x402/core/client');
  const { registerExactEvmScheme } = require('@x402/evm/exact/client');
  const client = registerExactEvmScheme(new x402Client(), { signer: payer });
  const over = new x402HTTPClient(client);
  return async (url) => {
    const unpaid = await fetch(url);
    if (unpaid.status !== 402) throw new Error(`${url} answers ${unpaid.status}`);
    const body = await unpaid.json().catch(() => undefined);
    const required = over.getPaymentRequiredResponse((name) => unpaid.headers.get(name), body);
    return async () => {
      const payload = await over.createPaymentPayload(required);
      return { payload, header: over.encodePaymentSignatureHeader(payload)['PAYMENT-SIGNATURE'] };
    };
  };
}

async function headers(count, url) {
  const pay = await (await signer())(url);
  const lines = [];
  for (let i = 0; i < count; i++) lines.push((await pay()).header);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function verify(seconds) {
  const asked = facilitator();
  const server = http.createServer(middleware()).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const pay = await (await signer())(`http://127.0.0.1:${server.address().port}/paid`);
  const payments = await Promise.all(Array.from({ length: 64 }, async () => (await pay()).payload));
  server.close();
  const run = async (ms) => {
    const until = Date.now() + ms;
    for (let n = 0; ; n++) {
      const p = payments[n % payments.length];
      const { isValid, invalidReason } = await asked.verify(p, p.accepted);
      if (!isValid) throw new Error(invalidReason);
      if (Date.now() >= until) return n + 1;
    }
  };
  await run(1000); // let it warm up
  const before = process.cpuUsage();
  const done = await run(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  console.log(Math.round((done / (user + system)) * 1e6));
  process.exit(0);
}

function listen(handler, port = 0) {
  const server = http.createServer(handler);
  server.keepAliveTimeout = 60000;
  server.listen(Number(port), '127.0.0.1', 4096, () => console.log(`listening ${server.address().port}`));
}

const [what, ...args] = process.argv.slice(2);
if (what === 'serve') listen(middleware(), args[0]);
else if (what === 'node') listen(absentNode(), args[0]);
else if (what === 'headers') await headers(Number(args[0]), args[1]);
else if (what === 'verify') await verify(Number(args[0] ?? 3));
else {
  console.error('x402_peer: serve [PORT], node [PORT], headers COUNT URL, or verify SECONDS');
  process.exit(2);
}
