// SPDX-License-Identifier: Apache-2.0
// ./node spend.mjs URL: pays a call from what was credited to the account whose key is in
// payer.key. The unmodified client of MPP signs a proof of who it is; nothing moves on the
// chain.
import fs from 'node:fs';
import { Mppx, tempo } from 'mppx/client';
import { privateKeyToAccount } from 'viem/accounts';

const key = fs.readFileSync(new URL('payer.key', import.meta.url), 'utf8').trim();
const account = privateKeyToAccount(`0x${key}`);
const client = Mppx.create({ methods: [tempo.charge({ account })], polyfill: false });

const answer = await client.fetch(process.argv[2]);
const receipt = answer.headers.get('payment-receipt');
console.error('status ', answer.status);
if (receipt) console.error('receipt', Buffer.from(receipt, 'base64url').toString());
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
