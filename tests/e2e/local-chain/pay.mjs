// SPDX-License-Identifier: Apache-2.0
// ./node pay.mjs URL [JSON]: calls a URL as anybody would and pays if it asks for that, by
// the unmodified client of x402 version 2, from the account whose key is in payer.key.
import fs from 'node:fs';
import { registerExactEvmScheme } from '@x402/evm/exact/client';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';

const [url, body] = process.argv.slice(2);
const key = fs.readFileSync(new URL('payer.key', import.meta.url), 'utf8').trim();
const client = new x402Client();
registerExactEvmScheme(client, { signer: privateKeyToAccount(`0x${key}`) });
const pay = wrapFetchWithPayment(fetch, client);

const answer = await pay(url, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const receipt = answer.headers.get('payment-response');
console.error('status ', answer.status);
if (receipt) console.error('receipt', Buffer.from(receipt, 'base64').toString());
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
