// SPDX-License-Identifier: Apache-2.0
// The other side of the payment series of `make bench`: the unmodified @x402/express
// middleware with the reference facilitator in the same process. Without RPC its chain is
// not there: it says yes at once, so that what is measured is the middleware. With RPC, a
// URL, it settles as octroi does: viem signs, sends, and waits for the receipt. Run by the
// node and with the packages of the staged end-to-end tests:
//
//   MODULES=FOLDER/node_modules node x402_peer.mjs serve [RPC]
//       prints "listening PORT"; GET /paid costs 0.01, GET /free nothing
//   .. node x402_peer.mjs headers COUNT URL
//       prints what an unmodified client puts in PAYMENT-SIGNATURE to pay URL, a line for
//       each of COUNT payments
//   .. node x402_peer.mjs verify SECONDS
//       prints verifications per second of CPU time
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.resolve(process.env.MODULES ?? 'node_modules', 'x402_peer.js'));
const { encodeAbiParameters, encodeEventTopics, erc20Abi, recoverTypedDataAddress, toHex } = require('viem');
const { privateKeyToAccount } = require('viem/accounts');

const NETWORK = 'eip155:84532';
const USDC = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const SELLER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
// Keys of every development chain.
const payer = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const SETTLER = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
const settler = privateKeyToAccount(SETTLER);

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

/** A node, as viem asks it when it is not told otherwise. */
function chainAt(rpc) {
  const { createWalletClient, http: over, nonceManager, publicActions } = require('viem');
  const { baseSepolia } = require('viem/chains');
  const { toFacilitatorEvmSigner } = require('@x402/evm');
  const account = privateKeyToAccount(SETTLER, { nonceManager });
  const client = createWalletClient({ account, chain: baseSepolia, transport: over(rpc) }).extend(publicActions);
  return toFacilitatorEvmSigner({ ...client, address: settler.address });
}

function facilitator(rpc) {
  const { x402Facilitator } = require('@x402/core/facilitator');
  const { registerExactEvmScheme } = require('@x402/evm/exact/facilitator');
  const core = new x402Facilitator();
  registerExactEvmScheme(core, { signer: rpc ? chainAt(rpc) : absentChain(), networks: NETWORK });
  return {
    verify: (payload, requirements) => core.verify(payload, requirements),
    settle: (payload, requirements) => core.settle(payload, requirements),
    getSupported: async () => core.getSupported(),
  };
}

function middleware(rpc) {
  const express = require('express');
  const { paymentMiddleware, x402ResourceServer } = require('@x402/express');
  const { registerExactEvmScheme } = require('@x402/evm/exact/server');
  const server = new x402ResourceServer(facilitator(rpc));
  registerExactEvmScheme(server, { networks: [NETWORK] });
  const accepts = { scheme: 'exact', network: NETWORK, payTo: SELLER, price: '$0.01', maxTimeoutSeconds: 3600 };
  const app = express();
  app.use(paymentMiddleware({ 'GET /paid': { accepts, description: 'a call', mimeType: 'application/json' } }, server));
  const body = { text: 'x'.repeat(900) };
  app.get(['/paid', '/free'], (req, res) => res.json(body));
  return app;
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

function listen(handler) {
  const server = http.createServer(handler);
  server.keepAliveTimeout = 60000;
  server.listen(0, '127.0.0.1', 4096, () => console.log(`listening ${server.address().port}`));
}

const [what, ...args] = process.argv.slice(2);
if (what === 'serve') listen(middleware(args[0]));
else if (what === 'headers') await headers(Number(args[0]), args[1]);
else if (what === 'verify') await verify(Number(args[0] ?? 3));
else {
  console.error('x402_peer: serve [RPC], headers COUNT URL, or verify SECONDS');
  process.exit(2);
}
