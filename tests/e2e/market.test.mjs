// SPDX-License-Identifier: Apache-2.0
// The market as its publishers and its operator have it. First docs/publishing.md, word by
// word: every command of it is run as it stands on packaging/local-chain, and what moved is
// looked at on the chain and in the books. Then what an operator does when things go wrong:
// refunds, suspensions, frauds, payouts by hand; to the nano-dollar.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { validateDiscoveryExtension, withBazaar } from '@x402/extensions/bazaar';
import { Gateway, json, nano, octroi, request, sleep, startUpstream, usd } from './lib.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const source = process.env.SOURCE ?? path.join(here, '../..');

describe('the first hour', () => {
  const doc = fs.readFileSync(path.join(source, 'docs/publishing.md'), 'utf8');
  const steps = doc.split(/^## /m).slice(1).map((text) => ({ title: text.split('\n')[0], blocks: [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map((m) => m[1]) }));
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-first-hour-'));
  let lab;

  before(async () => {
    lab = spawn(path.join(source, 'packaging/local-chain'), ['--dir', dir, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, OCTROI: octroi, LAB: here } });
    process.once('exit', () => lab.kill('SIGKILL'));
    let [printed, said] = ['', ''];
    lab.stderr.on('data', (d) => (said += d));
    lab.exited = new Promise((done) => lab.on('close', done));
    await new Promise((resolve, reject) => {
      lab.stdout.on('data', (d) => (printed += d) && printed.includes('Ctrl-C') && resolve());
      lab.exited.then((code) => reject(new Error(`it ended with ${code}:\n${said}`)));
    });
  });

  after(async () => {
    lab.kill('SIGKILL');
    await lab.exited;
    fs.rmSync(dir, { recursive: true, force: true });
  });

  /** Not spawnSync(): the tables are served by the lab, which is another process, but so is all else. */
  function shell(block) {
    const run = spawnSync('sh', ['-ec', block], { cwd: dir, encoding: 'utf8', timeout: 60000, env: { ...process.env, OCTROI_CONFIG: 'octroi.yaml' } });
    assert.equal(run.status, 0, `${block}\n${run.stderr}${run.stdout}`);
    return run.stdout;
  }

  function step(words) {
    const found = steps.find((s) => s.title.includes(words));
    assert.ok(found, `no step '${words}'`);
    assert.ok(found.blocks.length > 0, `nothing to do in '${words}'`);
    return found.blocks;
  }

  const told = (line) => JSON.parse(shell(`./octroi ${line} --json`));
  const agents = () => nano(told('wallet list').items.find((w) => w.name === 'agents').balance);

  test('a publisher registers', () => {
    for (const block of step('Register')) shell(block);
    const p = told('publisher show acme');
    assert.equal(p.display, 'Acme Tools');
    assert.equal(p.network, 'eip155:84532');
    assert.equal(fs.readFileSync(path.join(dir, 'acme.key.pub'), 'utf8'), `ed25519 ${p.key}\n`);
    assert.equal(p.earnings.earned, '0.000000000');
  });

  test('publishes, signed, and is let in by the operator', () => {
    const [publish, approve] = step('Publish');
    assert.match(shell(publish), /^state +pending$/m);
    shell(approve);
    const s = told('skill show acme/pdf-tables');
    assert.equal(s.state, 'listed');
    assert.equal(s.latest, '1.0.0');
    assert.equal(s.versions[0].signed, true);
  });

  test('prices it', () => {
    for (const block of step('Price')) shell(block);
    const { offer } = told('skill show acme/pdf-tables');
    assert.equal(offer.per_install, '1.500000000');
    assert.equal(offer.base_url, fs.readFileSync(path.join(dir, 'tables.url'), 'utf8'));
  });

  test('sells it to an agent, who pays its price and nothing else', () => {
    const before = agents();
    const [find, install, call] = step('Sell');
    assert.match(shell(find), /pdf-tables[^]*"resource":/);
    shell(install);
    const zip = (name) => fs.readFileSync(path.join(dir, name));
    assert.equal(zip('pdf-tables.zip').subarray(0, 2).toString(), 'PK');
    assert.deepEqual(zip('pdf-tables-again.zip'), zip('pdf-tables.zip'));
    assert.equal(usd(before - agents()), '1.500000000'); // once
    assert.match(shell(call), /"page":"1".*"page":"2"/s);
    assert.equal(usd(before - agents()), '1.540000000');
  });

  test('sees what it earned: nine tenths', () => {
    const [block] = step('See what it earned');
    assert.match(shell(block), /^seq,time,kind,.*\r\n[^]*acme\/pdf-tables,1\.0\.0,,in,0\.020000000,0\.018000000,200,/m);
    const { earnings } = told('publisher show acme');
    assert.equal(earnings.earned, '1.386000000');
    assert.equal(earnings.ready, '1.386000000');
  });

  test('is paid on the chain, once, and the books are in order', async () => {
    const [pay, look, books] = step('Be paid');
    shell(pay);
    let seen = '';
    for (let i = 0; i < 120 && !/ paid /.test(seen); i++) {
      seen = shell(look);
      await sleep(500);
    }
    assert.match(seen, /1\.386 +paid/);
    assert.match(shell(look), /^publisher +0x\w+ +1\.386$/m);
    const { earnings } = told('publisher show acme');
    assert.equal(earnings.paid, '1.386000000');
    assert.equal(earnings.due, '0.000000000');
    const [payout] = told('publisher payouts acme').items;
    assert.equal(payout.state, 'paid');
    assert.match(payout.reference, /^0x[0-9a-f]{64}$/);
    assert.match(shell(books), /in order[^]*in order/);
  });
});

describe('what an operator does', () => {
  const SHARE = 125000n; // millionths that the platform keeps
  const PRICE = 1000001n; // nano-dollars of a call
  const house = (PRICE * SHARE) / 1000000n;
  const theirs = PRICE - house;
  let host, gateway, buyer;

  before(async () => {
    host = await startUpstream();
    host.handle = (req, res) => json(res, req.url.includes('broken') ? 500 : 200, { url: req.url });
    gateway = new Gateway({ skills: { platform_share: '12.5%', payout_delay: '0s', review: 'findings', allow_private: true } });
    await gateway.start();
    buyer = gateway.wallet('agent', '1');
    gateway.run('wallet', 'create', 'acme');
    gateway.run('publisher', 'create', 'acme', '--wallet', 'acme');
    for (const name of ['tables', 'charts']) {
      const dir = path.join(gateway.dir, name);
      fs.mkdirSync(dir);
      fs.writeFileSync(path.join(dir, 'SKILL.md'), `---\nname: ${name}\ndescription: Makes ${name} of whatever is given to it.\n---\nCall it.\n`);
      const takes = '{type: object, properties: {what: {type: string}, size: {type: integer}}, required: [what]}';
      fs.writeFileSync(path.join(gateway.dir, `${name}.yaml`), `base_url: "${host.url}"\nendpoints:\n  - {method: GET, path: "/${name}/{what}", input: ${takes}, example: {what: a, size: 2}}\n`);
      assert.equal(gateway.run('skill', 'publish', dir, '--publisher', 'acme', '--version', '1.0.0').state, 'listed');
      gateway.run('skill', 'offer', `acme/${name}`, '--per-call', usd(PRICE), '--endpoints', path.join(gateway.dir, `${name}.yaml`));
    }
  });

  after(async () => {
    await gateway?.close();
    await host?.close();
  });

  const call = (name, what = 'x', key = buyer.key) => request(`${gateway.url}/v1/skills/acme/${name}/${name}/${what}`, { headers: key ? { authorization: `Bearer ${key}` } : {} });
  const earnings = () => gateway.run('publisher', 'show', 'acme').earnings;
  let start;

  test('a use pays both parts, to the nano-dollar, and nothing when the host fails', async () => {
    start = gateway.balance(buyer).balance;
    const a = await call('tables');
    assert.equal(a.status, 200, String(a.body));
    assert.equal(a.headers['x-octroi-cost'], usd(PRICE));
    assert.equal((await call('tables', 'broken')).status, 500);
    assert.equal((await call('charts')).status, 200);
    await gateway.settled(buyer, start - 2n * PRICE);
    assert.equal(earnings().earned, usd(2n * theirs));
    assert.equal(gateway.run('ledger', 'stats').house.revenue, usd(2n * house));
  });

  test('the host is sent a token that only this gateway has for this skill', () => {
    const { token } = gateway.run('skill', 'token', 'acme/tables');
    assert.equal(host.calls.find((c) => c.url.startsWith('/tables/')).headers.authorization, `Bearer ${token}`);
    assert.notEqual(gateway.run('skill', 'token', 'acme/charts').token, token);
    assert.ok(!gateway.logs.includes(token));
  });

  test('usage goes by skill, earnings by day, skill and version, and as CSV', () => {
    assert.deepEqual(gateway.run('usage', '--by', 'skill').items.map((i) => [i.skill, i.calls, i.amount]), [['acme/charts', 1, usd(PRICE)], ['acme/tables', 2, usd(PRICE)]]);
    const by = (what) => gateway.run('publisher', 'earnings', 'acme', '--by', what).items;
    assert.equal(by('day')[0].share, usd(2n * theirs));
    assert.deepEqual(by('version').map((i) => [i.version, i.price, i.share]), [['acme/charts@1.0.0', usd(PRICE), usd(theirs)], ['acme/tables@1.0.0', usd(PRICE), usd(theirs)]]);
    const csv = gateway.cli('publisher', 'earnings', 'acme', '--csv').stdout.trim().split('\r\n');
    assert.equal(csv[0].split(',').length, csv[1].split(',').length);
    assert.ok(csv[1].includes(`,acme/tables,1.0.0,,in,${usd(PRICE)},${usd(theirs)},200,`));
  });

  test('a refund takes each part back from where it went', async () => {
    const a = await call('tables');
    const before = gateway.run('ledger', 'stats').house.revenue;
    gateway.run('wallet', 'refund', a.headers['x-request-id']);
    await gateway.settled(buyer, start - 2n * PRICE);
    assert.equal(earnings().earned, usd(2n * theirs));
    assert.equal(gateway.run('ledger', 'stats').house.revenue, usd(nano(before) - house));
    assert.notEqual(gateway.cli('wallet', 'refund', a.headers['x-request-id']).status, 0);
  });

  test('a payout by hand takes what is due, once, and not a nano-dollar more', () => {
    assert.equal(gateway.cli('publisher', 'pay', 'acme', '--amount', usd(2n * theirs + 1n), '--ref', 'bank 1').status, 4);
    assert.equal(gateway.cli('publisher', 'pay', 'acme').status, 2); // it has no address
    const paid = gateway.run('publisher', 'pay', 'acme', '--amount', usd(theirs), '--ref', 'bank 1, "first"');
    assert.equal(paid.state, 'paid');
    assert.equal(earnings().paid, usd(theirs));
    assert.equal(earnings().due, usd(theirs));
    const { items } = gateway.run('publisher', 'payouts', 'acme');
    assert.deepEqual(items.map((i) => [i.amount, i.state, i.reference]), [[usd(theirs), 'paid', 'bank 1, "first"']]);
    assert.match(gateway.cli('publisher', 'payouts', 'acme').stderr, /^due 0\.000875001, ready 0, waiting 0$/m);
    gateway.laws();
  });

  test('a clawback gives buyers back what is still there', async () => {
    await call('charts');
    const done = gateway.run('publisher', 'clawback', 'acme', '--skill', 'charts', '--since', '2020-01-01T00:00:00Z');
    assert.equal(done.uses, 2);
    assert.equal(done.given_back, usd(2n * PRICE)); // one part was due, one earned today
    assert.equal(done.left, '0.000000000');
    const rest = gateway.run('publisher', 'clawback', 'acme', '--since', '2020-01-01T00:00:00Z');
    assert.equal(nano(rest.given_back) + nano(rest.left), PRICE); // what was paid out is gone
    assert.equal(nano(rest.left), theirs);
    await gateway.settled(buyer, start - theirs);
    const e = earnings();
    assert.equal(e.earned, e.paid);
    assert.equal(e.due, '0.000000000');
    gateway.laws();
  });

  test('who is suspended is neither found, called, nor paid; and again, when that is over', async () => {
    const found = async () => JSON.parse((await request(`${gateway.url}/discovery/resources?query=tables`)).body).pagination.total;
    assert.equal(await found(), 1);
    await call('tables');
    gateway.run('publisher', 'suspend', 'acme');
    assert.equal((await call('tables')).status, 404);
    assert.equal(await found(), 0);
    assert.deepEqual(gateway.run('skill', 'list', '--search', 'tables').items, []);
    assert.equal(gateway.cli('publisher', 'pay', 'acme', '--ref', 'bank 2').status, 7);
    gateway.run('publisher', 'unsuspend', 'acme');
    assert.equal((await call('tables')).status, 200);
    assert.equal(await found(), 1);
    gateway.run('publisher', 'pay', 'acme', '--ref', 'bank 2');
    assert.equal(earnings().due, '0.000000000');
  });

  test('what is withdrawn or quarantined is not called', async () => {
    gateway.run('skill', 'withdraw', 'acme/tables');
    assert.equal((await call('tables')).status, 404);
    gateway.run('skill', 'approve', 'acme/tables');
    assert.equal((await call('tables')).status, 200);
    gateway.run('skill', 'quarantine', 'acme/tables');
    assert.equal((await call('tables')).status, 404);
    assert.equal(gateway.cli('skill', 'offer', 'acme/tables', '--free').status, 7);
  });

  test('without a key a call tells its price, and documents tell the same', async () => {
    const a = await call('charts', 'x', null);
    assert.equal(a.status, 402);
    const openapi = JSON.parse((await request(`${gateway.url}/openapi.json`)).body);
    assert.ok(openapi.paths['/v1/skills/acme/charts/charts/{what}'].get);
    const llms = String((await request(`${gateway.url}/llms.txt`)).body);
    assert.match(llms, /- GET \/v1\/skills\/acme\/charts\/charts\/\{what\}: 0\.001000001\n/);
  });

  test('an unmodified discovery client of x402 lists and finds it, and what it takes is valid', async () => {
    const client = withBazaar(new HTTPFacilitatorClient({ url: `${gateway.url}/facilitator` })).extensions.bazaar;
    const { items } = await client.listResources({ type: 'http', limit: 10 });
    assert.deepEqual(items.map((i) => i.resource), [`${gateway.url}/v1/skills/acme/charts/charts/{what}`]);
    assert.equal(items[0].metadata.price, '0.001000001');
    const { valid, errors } = validateDiscoveryExtension(items[0].extensions.bazaar);
    assert.ok(valid, String(errors));
    const { resources, pagination } = await client.search({ query: 'charts' });
    assert.equal(resources.length, 1);
    assert.equal(pagination.cursor, null);
    assert.deepEqual((await client.search({ query: 'nothinglikeit' })).resources, []);
  });

  test('what was published is installed as it was, and never over something', () => {
    const out = path.join(gateway.dir, 'out');
    const installed = gateway.run('skill', 'install', 'acme/charts', out);
    assert.deepEqual(installed, { skill: 'acme/charts', version: '1.0.0', path: `${out}/charts`, files: 1 });
    assert.equal(fs.readFileSync(path.join(out, 'charts/SKILL.md'), 'utf8'), fs.readFileSync(path.join(gateway.dir, 'charts/SKILL.md'), 'utf8'));
    assert.equal(gateway.cli('skill', 'install', 'acme/charts', out).status, 5);
  });

  test('the books are in order', () => gateway.laws());
});
