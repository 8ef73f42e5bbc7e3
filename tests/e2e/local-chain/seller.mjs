// SPDX-License-Identifier: Apache-2.0
// Somebody else's shop: an unmodified @x402/express server, whose facilitator is Octroi.
import http from 'node:http';
import express from 'express';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { registerExactEvmScheme } from '@x402/evm/exact/server';
import { paymentMiddleware, x402ResourceServer } from '@x402/express';

/** Listens, so that it has an address; open() begins to sell. */
export async function startSeller() {
  let app = (req, res) => res.writeHead(503).end();
  const server = http.createServer((req, res) => app(req, res));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    open: ({ facilitator, network, payTo, price }) => {
      const seller = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator }));
      registerExactEvmScheme(seller, { networks: [network] });
      app = express();
      app.use(paymentMiddleware({ 'GET /weather': { accepts: { scheme: 'exact', network, payTo, price } } }, seller));
      app.get('/weather', (req, res) => res.json({ city: req.query.city ?? 'Rome', sky: 'clear', celsius: 21 }));
    },
  };
}
