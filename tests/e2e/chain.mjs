// SPDX-License-Identifier: Apache-2.0
// A chain of its own for each test file: anvil with the id of Base Sepolia, on a free port,
// with a token at the address where clients expect USDC, Multicall3, Permit2, and the two
// x402 proxies. Amounts are bigints of the token's smallest unit (10^-6).
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createPublicClient, createTestClient, createWalletClient, erc20Abi, getAddress, http as overHttp, pad, parseAbi, parseEther, publicActions, toHex } from 'viem';
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import { createNonceManager, jsonRpc } from 'viem/nonce';

const here = path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(import.meta.url);

export const CHAIN_ID = 84532;
export const NETWORK = `eip155:${CHAIN_ID}`;
export const USDC = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
export const PERMIT2 = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
export const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11';
export const EXACT_PROXY = '0x402085c248EeA27D92E8b30b2C58ed07f9E20001';
export const UPTO_PROXY = '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002';
export const DOMAIN = { name: 'USDC', version: '2', chainId: CHAIN_ID, verifyingContract: USDC };

export const usdcAbi = [
  ...erc20Abi,
  ...parseAbi([
    'function mint(address to, uint256 value)',
    'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
    'function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)',
    'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
    'event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)',
    'event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)',
  ]),
];

/** The ten accounts that every development chain funds; `key` is the private key, which
 * the whole world knows. */
export const accounts = Array.from({ length: 10 }, (_, addressIndex) => {
  const account = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex });
  return withKey(toHex(account.getHdKey().privateKey));
});

function withKey(key) {
  return Object.assign(privateKeyToAccount(key), { key });
}

/** An account that no chain has seen. */
export function newAccount() {
  return withKey(toHex(crypto.randomBytes(32)));
}

export const randomNonce = () => toHex(crypto.randomBytes(32));

// ---- Processes -------------------------------------------------------------------------

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program that dies with this process, even with one that is killed. Resolves when what
 * it says shows `ready`, to the process with `match` and stop(). `log`: a file that keeps
 * all of it. */
export async function launch(program, args, ready, { env = {}, log } = {}) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  const exited = new Promise((done) => child.on('close', done));
  exited.then(() => running.delete(child));
  child.stop = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  let said = '';
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(), 30000);
    const fail = (error) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${program} did not start: ${error ?? ''}\n${said}`));
    };
    child.on('error', fail);
    child.on('close', () => fail());
    const kept = log && fs.createWriteStream(log, { mode: 0o600 });
    const hear = (d) => {
      kept?.write(d);
      if (child.match) return;
      said += d;
      child.match = ready.exec(said);
      if (!child.match) return;
      clearTimeout(timer);
      resolve();
    };
    child.stderr.on('data', hear);
    child.stdout.on('data', hear);
  });
  return child;
}

// ---- Contracts -------------------------------------------------------------------------

const compiled = JSON.parse(fs.readFileSync(path.join(here, 'contracts/test-usdc.json'), 'utf8')).contracts;

/** Our doubles, compiled once for each state of their sources: the outcome is kept where
 * the packages are, because a new copy of the tests leaves that folder alone. */
function proxies() {
  const sources = {};
  for (const name of ['ISignatureTransfer', 'X402ExactPermit2Proxy', 'X402UptoPermit2Proxy'])
    sources[`${name}.sol`] = { content: fs.readFileSync(path.join(here, `contracts/${name}.sol`), 'utf8') };
  const version = require('solc/package.json').version;
  const digest = crypto.createHash('sha256').update(JSON.stringify([version, sources])).digest('hex');
  const kept = path.join(here, `node_modules/.cache/octroi-contracts-${digest}.json`);
  if (fs.existsSync(kept)) return JSON.parse(fs.readFileSync(kept, 'utf8'));
  const output = JSON.parse(
    require('solc').compile(JSON.stringify({ language: 'Solidity', sources, settings: { evmVersion: 'paris', optimizer: { enabled: true }, outputSelection: { '*': { '*': ['evm.deployedBytecode.object'] } } } })),
  );
  if (output.errors?.length) throw new Error(output.errors.map((e) => e.formattedMessage).join('\n'));
  const code = (name) => `0x${output.contracts[`${name}.sol`][name].evm.deployedBytecode.object}`;
  const made = { exact: code('X402ExactPermit2Proxy'), upto: code('X402UptoPermit2Proxy') };
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  fs.writeFileSync(`${kept}.${process.pid}`, JSON.stringify(made));
  fs.renameSync(`${kept}.${process.pid}`, kept);
  return made;
}

/** Permit2 as it lies on the main chains, which its own tests carry. */
function permit2() {
  const file = path.join(here, 'node_modules/@uniswap/v4-periphery/lib/permit2/test/utils/DeployPermit2.sol');
  return `0x${/hex"([0-9a-f]+)"/.exec(fs.readFileSync(file, 'utf8'))[1]}`;
}

// ---- The chain -------------------------------------------------------------------------

function anvil() {
  const root = path.dirname(require.resolve('@foundry-rs/anvil-linux-amd64/package.json'));
  return path.join(root, 'bin/anvil');
}

/** `automine`: a block for each transaction, at once; `interval`: a block every so many
 * seconds instead. With neither, mine() makes the blocks. */
export async function startChain({ automine = true, interval, args = [] } = {}) {
  const how = interval ? ['--block-time', String(interval)] : automine ? [] : ['--no-mining'];
  const child = await launch(anvil(), ['--chain-id', String(CHAIN_ID), '--host', '127.0.0.1', '--port', '0', ...how, ...args], /Listening on 127\.0\.0\.1:(\d+)/);
  const chain = new Chain(child, Number(child.match[1]));
  try {
    const { exact, upto } = proxies();
    const placed = [
      [USDC, compiled.TestUSDC.runtime],
      [MULTICALL3, compiled.MiniMulticall3.runtime],
      [PERMIT2, permit2()],
      [EXACT_PROXY, exact],
      [UPTO_PROXY, upto],
    ];
    await Promise.all(placed.map(([address, code]) => chain.rpc('anvil_setCode', address, code)));
  } catch (error) {
    await chain.stop();
    throw error;
  }
  return chain;
}

export class Chain {
  constructor(child, port) {
    this.child = child;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.chain = { ...baseSepolia, rpcUrls: { default: { http: [this.url] } } };
    const common = { chain: this.chain, transport: overHttp(this.url, { retryCount: 0 }), pollingInterval: 20, cacheTime: 0 };
    this.public = createPublicClient(common);
    this.test = createTestClient({ ...common, mode: 'anvil' });
    this.common = common;
    this.recount();
  }

  async stop() {
    await this.child.stop('SIGKILL');
  }

  /** The node neither answers nor ends, until resume(). */
  pause() {
    this.child.kill('SIGSTOP');
  }

  resume() {
    this.child.kill('SIGCONT');
  }

  rpc(method, ...params) {
    return this.public.request({ method, params });
  }

  /** A viem wallet client that reads too. It counts its transactions itself, so many can
   * be under way. */
  wallet(account) {
    const nonceManager = Object.fromEntries(['consume', 'increment', 'get', 'reset'].map((name) => [name, (...args) => this.nonces[name](...args)]));
    return createWalletClient({ ...this.common, account: privateKeyToAccount(account.key, { nonceManager }) }).extend(publicActions);
  }

  /** The node's count of an account's transactions went back: wallets ask it again. */
  recount() {
    this.nonces = createNonceManager({ source: jsonRpc() });
  }

  /** A transaction from any address, without its key: its receipt; fails if it reverted. */
  async as(from, to, abi, functionName, args) {
    await this.test.impersonateAccount({ address: from });
    await this.fund(from);
    const hash = await createWalletClient({ ...this.common, account: from }).writeContract({ address: to, abi, functionName, args, gas: 1000000n });
    const receipt = await this.receipt(hash);
    if (receipt.status !== 'success') throw new Error(`${functionName}(${args}) reverted`);
    return receipt;
  }

  /** Waits for a receipt; with blocks made by hand, makes one. */
  async receipt(hash) {
    if (!(await this.rpc('anvil_getAutomine')) && !(await this.rpc('anvil_getIntervalMining'))) await this.mine();
    return this.public.waitForTransactionReceipt({ hash, timeout: 30000 });
  }

  read(functionName, ...args) {
    return this.public.readContract({ address: USDC, abi: usdcAbi, functionName, args });
  }

  // Tokens and ether.

  mint(address, amount) {
    return this.as(address, USDC, usdcAbi, 'mint', [address, amount]);
  }

  balanceOf(address) {
    return this.read('balanceOf', address);
  }

  /** Moves tokens by an ordinary transfer, without the owner's key. */
  transfer(from, to, amount) {
    return this.as(from, USDC, usdcAbi, 'transfer', [to, amount]);
  }

  /** Allows Permit2 (or `spender`) to take an owner's tokens. */
  approve(owner, amount = 2n ** 256n - 1n, spender = PERMIT2) {
    return this.as(owner, USDC, usdcAbi, 'approve', [spender, amount]);
  }

  allowance(owner, spender = PERMIT2) {
    return this.read('allowance', owner, spender);
  }

  authorizationState(address, nonce) {
    return this.read('authorizationState', address, nonce);
  }

  /** Spends the nonce of an EIP-3009 authorization without a transfer, signed by `account`. */
  async cancelAuthorization(account, nonce) {
    const signature = await account.signTypedData({
      domain: DOMAIN,
      types: { CancelAuthorization: [{ name: 'authorizer', type: 'address' }, { name: 'nonce', type: 'bytes32' }] },
      primaryType: 'CancelAuthorization',
      message: { authorizer: account.address, nonce },
    });
    return this.as(account.address, USDC, usdcAbi, 'cancelAuthorization', [account.address, nonce, signature]);
  }

  /** Ether for fees. */
  fund(address, ether = '100') {
    return this.test.setBalance({ address, value: parseEther(ether) });
  }

  etherOf(address) {
    return this.public.getBalance({ address });
  }

  /** The Transfer logs of the token, oldest first: [{from, to, value, hash}]. */
  async transfers({ from, to } = {}) {
    const logs = await this.public.getContractEvents({ address: USDC, abi: usdcAbi, eventName: 'Transfer', args: { from, to }, fromBlock: 0n });
    return logs.map((l) => ({ ...l.args, hash: l.transactionHash }));
  }

  // Blocks and the pool of transactions.

  mine(blocks = 1) {
    return this.test.mine({ blocks });
  }

  setAutomine(on) {
    return this.test.setAutomine(on);
  }

  /** Hashes of the transactions that wait for a block. */
  async pending() {
    const { pending, queued } = await this.rpc('txpool_content');
    return [pending, queued].flatMap((all) => Object.values(all).flatMap((one) => Object.values(one).map((t) => t.hash)));
  }

  /** Forgets a transaction that waits. */
  async drop(hash) {
    await this.test.dropTransaction({ hash });
    this.recount();
  }

  /** Replaces the last `depth` blocks by empty ones: what happened in them did not. */
  async reorg(depth) {
    await this.rpc('anvil_reorg', depth, []);
    this.recount();
  }

  setNonce(address, nonce) {
    return this.test.setNonce({ address, nonce });
  }

  nonceOf(address) {
    return this.public.getTransactionCount({ address });
  }

  snapshot() {
    return this.test.snapshot();
  }

  async revert(id) {
    await this.test.revert({ id });
    this.recount();
  }

  /** Puts a contract wallet (EIP-1271) of `owner` at `address`. */
  async placeWallet1271(address, owner) {
    await this.rpc('anvil_setCode', address, compiled.Wallet1271.runtime);
    await this.rpc('anvil_setStorageAt', address, pad('0x0'), pad(owner));
  }

}

// ---- A signed transfer -----------------------------------------------------------------

/** An EIP-3009 authorization as a payer signs it, for tests that forge or vary one. */
export async function authorize(account, { to, value, validAfter = 0n, validBefore = BigInt(Math.floor(Date.now() / 1000) + 300), nonce = randomNonce(), domain = DOMAIN }) {
  const message = { from: account.address, to: getAddress(to), value, validAfter, validBefore, nonce };
  const names = ['from', 'to', 'value', 'validAfter', 'validBefore', 'nonce'];
  const kinds = ['address', 'address', 'uint256', 'uint256', 'uint256', 'bytes32'];
  const signature = await account.signTypedData({
    domain,
    types: { TransferWithAuthorization: names.map((name, i) => ({ name, type: kinds[i] })) },
    primaryType: 'TransferWithAuthorization',
    message,
  });
  return { ...message, signature };
}

// ---- A front of the node ---------------------------------------------------------------

/** Stands before a node and passes its calls on, unless the test has it lie, wait or
 * vanish: `front.answer = async (call, ask) => ..` gets one JSON-RPC call and a function
 * that asks the node, and gives what becomes of it: a JSON-RPC answer, a string (sent as it
 * is), a number (an HTTP status), or null (the connection breaks). `front.calls` keeps
 * what came in. */
export async function startRpcFront(chain) {
  const front = { calls: [], answer: null };
  const sockets = new Set();
  const ask = async (call) => (await fetch(chain.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(call) })).json();
  const server = http.createServer(async (req, res) => {
    try {
      const pieces = [];
      for await (const piece of req) pieces.push(piece);
      const call = JSON.parse(Buffer.concat(pieces));
      front.calls.push(call);
      const given = front.answer ? await front.answer(call, () => ask(call)) : await ask(call);
      if (given === null || given === undefined) return void res.destroy();
      if (typeof given === 'number') return void res.writeHead(given).end();
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(typeof given === 'string' ? given : JSON.stringify(given));
    } catch {
      res.destroy();
    }
  });
  server.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  front.port = server.address().port;
  front.url = `http://127.0.0.1:${front.port}`;
  front.close = async () => {
    for (const s of sockets) s.destroy();
    await new Promise((done) => server.close(done));
  };
  return front;
}
