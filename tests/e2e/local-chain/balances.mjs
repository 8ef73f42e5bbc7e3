// SPDX-License-Identifier: Apache-2.0
// ./node balances.mjs: what everybody here has on the chain, in test dollars.
import fs from 'node:fs';
import { createPublicClient, erc20Abi, formatUnits, http } from 'viem';

const { rpc_url: url, token, accounts } = JSON.parse(fs.readFileSync(new URL('chain.json', import.meta.url), 'utf8'));
const chain = createPublicClient({ transport: http(url) });
for (const [name, address] of Object.entries(accounts)) {
  const balance = await chain.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [address] });
  console.log(name.padEnd(8), address, formatUnits(balance, 6).padStart(12));
}
