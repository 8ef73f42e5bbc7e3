#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// mkcatalog.mjs FILE >gateway/catalog.def: the built-in table of models and list prices.
// Run by hand when the facts are renewed; the build does not need it.
//
// FILE is JSON: {"models": [{provider, model, mode, in, out, cache_read, cache_write,
// context, max_output, ..}]}, prices in USD per million tokens, with the fields of the
// LiteLLM price map under short names; `in_gt200k` is the price of a prompt of more than
// 200,000 tokens, `tiers` are prices by length of prompt, `reasoning_out` is the price of
// reasoning where it has one of its own.
//
// A row is left out where it could not be charged for rightly: no price, a price of zero
// (free is what an operator says, not what a table forgot), more than tokens to pay for.

import { readFileSync } from "node:fs";

const modes = new Set(["chat", "embedding", "responses"]);
// Each call searches the web, at a fee of its own.
const feePerCall = new Set(["perplexity"]);
// The source is surely wrong here; these are of the models.dev catalogue of 2026-07-02.
const maxOutput = {
    "deepseek/deepseek-v4-flash": 384000,
    "deepseek/deepseek-v4-pro": 384000,
};

// JSON numbers of up to 15 digits print as they were written.
function amount(value)
{
    const text = String(value);

    if (!/^[0-9]{1,6}(\.[0-9]{1,9})?$/.test(text))
        throw new Error(`no amount: ${text}`);
    return `"${text}"`;
}

function outputPrice(m)
{
    // Embeddings put nothing out that is counted.
    return m.mode === "embedding" ? 0 : m.out;
}

function isChargeable(m)
{
    if (!modes.has(m.mode) || feePerCall.has(m.provider))
        return false;
    if (!(m.in > 0) || (m.mode !== "embedding" && !(m.out > 0)))
        return false;
    return !(m.reasoning_out > m.out) && m.tiers === undefined;
}

// A zero is "nothing on top of the input price" with some vendors and "not known" with
// others; neither makes the tokens free.
function cachePrice(value)
{
    return value > 0 ? amount(value) : "NULL";
}

function dearerAbove(m)
{
    const bounds = Object.keys(m)
        .map((key) => /^in_gt([0-9]+)k$/.exec(key))
        .filter((match) => match !== null)
        .map((match) => Number(match[1]) * 1000)
        .filter((tokens) => m.context === undefined || tokens < m.context);

    return bounds.length === 0 ? 0 : Math.min(...bounds);
}

// In the order of the bits MODEL_CAP_* and MODEL_BY_* of gateway/catalog.h.
const caps = ["tools", "parallel_tools", "tool_choice", "json_schema", "vision", "pdf", "audio_in",
    "audio_out", "video_in", "reasoning", "prompt_cache", "web_search", "computer_use", "prefill",
    "no_sampling"];
const faces = ["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings"];
// From these families on temperature, top_p and top_k are refused, under every host.
const noSampling = /claude-(opus-(4[-.][78]|5)|sonnet-5|fable-5)(?![0-9])/;

function bits(names, chosen)
{
    let sum = 0;

    for (const name of chosen)
        if (names.includes(name))
            sum |= 1 << names.indexOf(name);
    return `0x${sum.toString(16)}`;
}

function capsOf(m)
{
    return [...m.caps ?? [], ...noSampling.test(m.model) ? ["no_sampling"] : []];
}

function facesOf(m)
{
    if (m.mode === "embedding")
        return ["/v1/embeddings"];
    return m.mode === "responses" ? ["/v1/responses"] : m.endpoints ?? [];
}

function row(m)
{
    const fields = [
        JSON.stringify(m.provider),
        JSON.stringify(m.model),
        amount(m.in),
        cachePrice(m.cache_read),
        cachePrice(m.cache_write),
        amount(outputPrice(m)),
        m.context ?? 0,
        maxOutput[`${m.provider}/${m.model}`] ?? m.max_output ?? 0,
        dearerAbove(m),
        bits(caps, capsOf(m)),
        bits(faces, facesOf(m)),
    ];

    return `MODEL(${fields.join(", ")})`;
}

function order(a, b)
{
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const { models } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const rows = models
    .filter(isChargeable)
    .sort((a, b) => order(a.provider, b.provider) || order(a.model, b.model))
    .map(row);

console.log(`/* Made by tools/mkcatalog.mjs; do not edit. SPDX-License-Identifier: Apache-2.0
 *
 * List prices and limits of models as of 2026-08-01. Facts from LiteLLM's
 * model_prices_and_context_window.json (BerriAI/litellm, MIT licence), and two output
 * limits from models.dev (MIT licence, 2026-07-02). A vendor may have changed them since:
 * what the configuration says counts.
 *
 * MODEL(provider, model, input, cached_input, cache_write, output, context_tokens,
 * max_output_tokens, dearer_above, caps, endpoints): see gateway/catalog.h. Sorted by
 * bytes. */
${rows.join("\n")}`);
