// SPDX-License-Identifier: Apache-2.0
// The market as its publishers and its operator have it. First docs/publishing.md, word by
// word: every command of it is run as it stands on packaging/local-chain, and what moved is
// looked at on the chain and in the books. Then what an operator does when things go wrong:
// refunds, suspensions, frauds, payouts by hand; to the nano-dollar.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Gateway, nano, octroi, request, sleep, usd } from './lib.mjs';

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

  const json = (line) => JSON.parse(shell(`./octroi ${line} --json`));
  const agents = () => nano(json('wallet list').items.find((w) => w.name === 'agents').balance);

  test('a publisher registers', () => {
    for (const block of step('Register')) shell(block);
    const p = json('publisher show acme');
    assert.equal(p.display, 'Acme Tools');
    assert.equal(p.network, 'eip155:84532');
    assert.equal(fs.readFileSync(path.join(dir, 'acme.key.pub'), 'utf8'), `ed25519 ${p.key}\n`);
    assert.equal(p.earnings.earned, '0.000000000');
  });

  test('publishes, signed, and is let in by the operator', () => {
    const [publish, approve] = step('Publish');
    assert.match(shell(publish), /^state +pending$/m);
    shell(approve);
    const s = json('skill show acme/pdf-tables');
    assert.equal(s.state, 'listed');
    assert.equal(s.latest, '1.0.0');
    assert.equal(s.versions[0].signed, true);
  });

  test('prices it', () => {
    for (const block of step('Price')) shell(block);
    const { offer } = json('skill show acme/pdf-tables');
    assert.equal(offer.per_install, '1.500000000');
    assert.equal(offer.base_url, fs.readFileSync(path.join(dir, 'tables.url'), 'utf8'));
  });

  test('sells it to an agent, who pays its price and nothing else', () => {
    const before = agents();
    const [find, call] = step('Sell');
    assert.match(shell(find), /pdf-tables/);
    assert.match(shell(call), /"page":"1".*"page":"2"/s);
    assert.equal(usd(before - agents()), '0.040000000');
  });

  test('sees what it earned: nine tenths', () => {
    const [block] = step('See what it earned');
    assert.match(shell(block), /^seq,time,kind,.*\r\n[^]*acme\/pdf-tables,1\.0\.0,,in,0\.020000000,0\.018000000,200,/m);
    const { earnings } = json('publisher show acme');
    assert.equal(earnings.earned, '0.036000000');
    assert.equal(earnings.ready, '0.036000000');
  });

  test('is paid on the chain, once, and the books are in order', async () => {
    const [pay, look, books] = step('Be paid');
    shell(pay);
    let seen = '';
    for (let i = 0; i < 120 && !/ paid /.test(seen); i++) {
      seen = shell(look);
      await sleep(500);
    }
    assert.match(seen, /0\.036 +paid/);
    assert.match(shell(look), /^publisher +0x\w+ +0\.036$/m);
    const { earnings } = json('publisher show acme');
    assert.equal(earnings.paid, '0.036000000');
    assert.equal(earnings.due, '0.000000000');
    const [payout] = json('publisher payouts acme').items;
    assert.equal(payout.state, 'paid');
    assert.match(payout.reference, /^0x[0-9a-f]{64}$/);
    assert.match(shell(books), /in order[^]*in order/);
  });
});
