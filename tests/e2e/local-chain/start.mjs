// SPDX-License-Identifier: Apache-2.0
// The other half of packaging/local-chain: starts the chain, the upstream, the gateway and
// another seller, gives the accounts money, and says what can be done with them.
// Everything it writes is in --dir; every process that it starts dies with it.
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import http from 'node:http';
import { launch, NETWORK, newAccount, startChain, USDC } from '../chain.mjs';
import { startSeller } from './seller.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const { values: given } = parseArgs({ options: { octroi: { type: 'string' }, dir: { type: 'string' }, listen: { type: 'string' } } });
const octroi = path.resolve(given.octroi);
const file = (name) => path.join(given.dir, name);
const START = 10000000n; // ten dollars

const say = (text) => console.error(`local-chain: ${text}`);
const write = (name, text, mode = 0o600) => fs.writeFileSync(file(name), text, { mode });

function fail(text) {
  console.error(`local-chain: ${text}`);
  process.exit(1); // and with us all that chain.mjs has launched
}

// ---- The folder ------------------------------------------------------------------------

/** The chain forgets everything at its end, and books that remember it would be wrong. */
function clean() {
  for (const name of ['var', 'upstream', 'pdf-tables', 'acme.key', 'acme.key.pub']) fs.rmSync(file(name), { recursive: true, force: true });
  const link = (name, target) => {
    fs.rmSync(file(name), { force: true });
    fs.symlinkSync(target, file(name));
  };
  link('node_modules', path.join(here, '../node_modules'));
  link('node', process.execPath);
  link('octroi', octroi);
  for (const name of ['pay.mjs', 'spend.mjs', 'balances.mjs']) fs.copyFileSync(path.join(here, name), file(name));
}

function makeAccounts() {
  const accounts = {};
  for (const name of ['payer', 'shop', 'settler', 'buyer', 'seller', 'payouts', 'publisher']) accounts[name] = newAccount();
  // shop, seller and publisher only receive: nobody needs their keys.
  for (const [name, as] of [['payer', 'payer'], ['settler', 'settle'], ['buyer', 'buyer'], ['payouts', 'payout']])
    write(`${as}.key`, `${accounts[name].key.slice(2)}\n`);
  return accounts;
}

function config({ chain, upstream, seller, accounts }) {
  const [host, port] = [given.listen.replace(/:\d+$/, ''), Number(/\d+$/.exec(given.listen)?.[0] ?? 0)];
  return `# Written by packaging/local-chain at each start: copy it before you change it.
server:
  listen: "${host}:${port}"
  admin_listen: "127.0.0.1:${port === 0 ? 0 : port + 1}"
  data_dir: ./var
  admin_token: \${file:./admin.token}

# What is sold. The upstream is an \`octroi demo\`, called with a key of its own.
providers:
  mock: {kind: compatible, base_url: "${upstream.url}/v1", api_keys: ["\${file:./upstream.key}"], allow_private: true}
models:
  demo-chat:
    targets: [{provider: mock, model: demo-chat}]
    price: {input: "0.15", output: "0.60"}
    context_tokens: 128000
    max_output_tokens: 16384
    hold_output_tokens: 4096
data_apis:
  search:
    base_url: "${upstream.url}/v1/data/search"
    allow_private: true
    auth: {header: Authorization, value: "Bearer \${file:./upstream.key}"}
    endpoints:
      - {method: GET, path: /search, price: "0.005"}
      - {method: GET, path: "/markets/{id}", price: "0.001", payment_flow: after}
  weather: # costs 0.01 there, which the buyer below pays
    base_url: "${seller.url}"
    allow_private: true
    auth: {x402: {}}
    endpoints:
      - {method: GET, path: /weather, price: "0.015"}

payments:
  x402:
    networks:
      - network: "${NETWORK}"
        asset: USDC
        pay_to: "${accounts.shop.address}"
        facilitator: builtin
        rpc_url: "${chain.url}"
        allow_private: true
        settle_key: {hex_file: ./settle.key}
        schemes: [exact, permit2, upto]
    buyer:
      key: {hex_file: ./buyer.key}
      max_per_payment: "0.10"
      max_per_day: "5"
  mpp:
    secret: \${file:./mpp.secret}

# The market: publishers are paid here without delay.
skills:
  platform_share: "10%"
  payout_delay: 0s
  review: new
  allow_private: true
  payout: {network: "${NETWORK}", key: {hex_file: ./payout.key}}
`;
}

// ---- Who serves ------------------------------------------------------------------------

async function startUpstream() {
  const child = await launch(octroi, ['demo', '--json', '--dir', file('upstream'), '--listen', '127.0.0.1:0'], /^(\{"url".*\})$/m);
  const told = JSON.parse(child.match[1]);
  write('upstream.key', told.key);
  return { child, url: told.url };
}

function cli(...args) {
  const run = spawnSync(octroi, [...args, '--config', file('octroi.yaml'), '--json'], { encoding: 'utf8' });
  if (run.status !== 0) fail(`octroi ${args.join(' ')}: ${run.stderr}`);
  return JSON.parse(run.stdout);
}

async function startShop(parts) {
  write('octroi.yaml', config(parts));
  write('admin.token', crypto.randomBytes(24).toString('hex'));
  write('mpp.secret', crypto.randomBytes(32).toString('hex'));
  cli('init');
  cli('wallet', 'create', 'agents');
  cli('wallet', 'topup', 'agents', '5');
  const { key } = cli('key', 'create', 'agents');
  write('agent.key', key);
  const child = await launch(octroi, ['serve', '--config', file('octroi.yaml')], /"msg":"serving".*"port":(\d+)/, { log: file('octroi.log') });
  return { child, url: `http://127.0.0.1:${child.match[1]}`, key };
}

/** What a publisher runs: the tables of a page, for whoever calls. */
async function startTables() {
  const server = http.createServer((req, res) => {
    const page = new URL(req.url, 'http://x').searchParams.get('page') ?? '1';
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ page, tables: [[['year', 'toll'], ['1860', '54 sous']]] }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  write('tables.url', `http://127.0.0.1:${server.address().port}`);
  return server;
}

async function startAll() {
  clean();
  const accounts = makeAccounts();
  say('starting a chain');
  const chain = await startChain({ interval: 1 });
  await Promise.all([chain.fund(accounts.settler.address), ...['payer', 'buyer', 'payouts'].map((name) => chain.mint(accounts[name].address, START))]);
  for (const name of ['payer', 'buyer']) await chain.approve(accounts[name].address); // for Permit2
  write('chain.json', JSON.stringify({ rpc_url: chain.url, network: NETWORK, token: USDC, accounts: Object.fromEntries(Object.entries(accounts).map(([name, a]) => [name, a.address])) }, null, 1));
  say('starting octroi');
  const upstream = await startUpstream();
  const seller = await startSeller();
  const tables = await startTables();
  write('publisher.address', accounts.publisher.address);
  const shop = await startShop({ chain, upstream, seller, accounts });
  seller.open({ facilitator: `${shop.url}/facilitator`, network: NETWORK, payTo: accounts.seller.address, price: '$0.01' });
  write('shop.url', shop.url);
  return { chain, upstream, seller, shop, tables };
}

// ---- What it says ----------------------------------------------------------------------

const quoted = (text) => `'${text}'`;

function print({ chain, seller, shop }) {
  const search = quoted(`${shop.url}/v1/data/search/search?q=toll`);
  const chat = quoted(JSON.stringify({ model: 'demo-chat', messages: [{ role: 'user', content: 'What is an octroi?' }] }));
  console.log(`
Octroi sells on ${shop.url} and settles on a chain of its own, ${chain.url}
(id ${NETWORK.slice(7)}, with a token where Base Sepolia has USDC). Accounts, keys, books and the
configuration are in ${given.dir}.
In another terminal:

  cd ${given.dir}
  export OCTROI_CONFIG=octroi.yaml

A call without key or payment gets 402, and what it costs:
  curl -si ${search}

The same, paid by an unmodified client of x402; pay.mjs is all of it:
  ./node pay.mjs ${search}

A chat, which pays a quote for the worst case; what is not used is credited:
  ./node pay.mjs ${shop.url}/v1/chat/completions ${chat}

The credit pays calls, too: a signature says whose it is, good once:
  ./node spend.mjs ${quoted(`${shop.url}/v1/data/search/markets/eth`)}

A new wallet and its key, for a payment:
  ./node pay.mjs ${quoted(`${shop.url}/v1/wallet/topup?amount=0.50`)} '{}'

By MPP, the same as by x402: the command line of mppx, unmodified:
  MPPX_PRIVATE_KEY=0x$(cat payer.key) ./node node_modules/mppx/dist/bin.js ${search}

Who has what, on the chain and in the books:
  ./node balances.mjs
  ./octroi wallet list
  ./octroi usage
  ./octroi ledger stats

Paying another seller, an unmodified @x402/express server that settles through Octroi:
from the shell, and as a data API, whose price an agent's key or payment covers:
  ./octroi pay ${quoted(`${seller.url}/weather?city=Rome`)} --max 0.10
  curl -s ${quoted(`${shop.url}/v1/data/weather/weather?city=Rome`)} -H "Authorization: Bearer $(cat agent.key)"

Listing a skill, selling it, and being paid for it: docs/publishing.md, with these accounts.

Ctrl-C ends all of it.`);
}

// ---- Running it ------------------------------------------------------------------------

let ending = false;

/** The gateway first: it tells the chain and the upstream what there is to tell. */
async function end({ shop, upstream, chain }) {
  if (ending) return;
  ending = true;
  await shop.child.stop();
  await upstream.child.stop();
  await chain.stop();
  process.exit(shop.child.exitCode === 0 ? 0 : 1);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(0)); // while it starts
const all = await startAll().catch((error) => fail(`${error.message}${/ is in use/.test(error.message) ? 'Here: --listen ADDR:PORT' : ''}`));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal).on(signal, () => end(all));
for (const [name, child] of [['the chain', all.chain.child], ['the upstream', all.upstream.child], ['octroi', all.shop.child]])
  child.on('close', () => ending || fail(`${name} has ended`));
print(all);
