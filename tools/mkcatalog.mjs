#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// mkcatalog.mjs FILE >gateway/catalog.def: the built-in table of models and list prices.
// mkcatalog.mjs --json FILE >catalog.json: the same as a file that `catalog` can name.
// Run by hand when the facts are renewed; the build does not need it.
//
// FILE is JSON: {"models": [{provider, model, mode, in, out, cache_read, cache_write,
// context, max_output, ..}]}, prices in USD per million tokens, with the fields of the
// LiteLLM price map under short names; `in_gt200k` is the price of a prompt of more than
// 200,000 tokens, `tiers` are prices by length of prompt, `batch_in`, `flex_in` and
// `priority_in` those of service tiers, `usd_per_web_search` is a fee.
//
// A row is left out where it could not be charged for rightly: no price, a price of zero
// (free is what an operator says, not what a table forgot), fees that no report of usage
// counts.

import { readFileSync } from "node:fs";

const modes = new Set(["chat", "embedding", "responses"]);
// Each call searches the web, at a fee that depends on how much is searched.
const feePerCall = (m) => m.provider === "perplexity" || m.model.includes("-search-preview");
// The source is surely wrong here; these are of the models.dev catalogue of 2026-07-02.
const maxOutput = {
    "deepseek/deepseek-v4-flash": 384000,
    "deepseek/deepseek-v4-pro": 384000,
};
// In the order of the bits MODEL_CAP_* and MODEL_BY_* of gateway/catalog.h.
const caps = ["tools", "parallel_tools", "tool_choice", "json_schema", "vision", "pdf", "audio_in",
    "audio_out", "video_in", "reasoning", "prompt_cache", "web_search", "computer_use", "prefill",
    "no_sampling"];
const faces = {"/v1/chat/completions": "chat", "/v1/responses": "responses",
    "/v1/completions": "completions", "/v1/embeddings": "embeddings"};
// From these families on temperature, top_p and top_k are refused, under every host.
const noSampling = /claude-(opus-(4[-.][78]|5)|sonnet-5|fable-5)(?![0-9])/;

// JSON numbers of up to 15 digits print as they were written.
function amount(value)
{
    const text = String(value);

    if (!/^[0-9]{1,6}(\.[0-9]{1,9})?$/.test(text))
        throw new Error(`no amount: ${text}`);
    return text;
}

function isChargeable(m)
{
    if (!modes.has(m.mode) || feePerCall(m))
        return false;
    if (m.tiers !== undefined)
        return m.tiers.every((tier) => tier.in > 0 && tier.out > 0);
    return m.in > 0 && (m.mode === "embedding" || m.out > 0);
}

// What is there and not zero. A zero is "nothing on top of the input price" with some
// vendors and "not known" with others; neither makes the tokens free.
function rates(pairs)
{
    return Object.fromEntries(pairs.filter(([, value]) => value > 0)
        .map(([name, value]) => [name, amount(value)]));
}

function baseRates(m)
{
    const first = m.tiers?.[0] ?? m;
    // Where audio is said to be cheaper than text, the table is older for one of the two.
    const audio = m.audio_in > 0 ? Math.max(m.audio_in, first.in) : 0;
    const base = rates([["input", first.in], ["cached_input", first.cache_read],
        ["cache_write", m.cache_write], ["cache_write_1h", m.cache_write_1h],
        ["audio_input", audio], ["image_input", m.image_token_in], ["output", first.out],
        ["reasoning_output", m.reasoning_out], ["audio_output", m.audio_out],
        ["image_output", m.image_token_out], ["web_search", m.usd_per_web_search]]);

    // Embeddings put nothing out that is counted.
    return m.mode === "embedding" ? { ...base, output: "0" } : base;
}

// Reasoning at its own rate is worth a line only where it differs.
function withoutRepeats(price)
{
    if (price.reasoning_output === price.output)
        delete price.reasoning_output;
    return price;
}

function tiersOf(m)
{
    const tiers = ["batch", "flex", "priority"]
        .map((tier) => [tier, rates([["input", m[`${tier}_in`]], ["output", m[`${tier}_out`]]])])
        .filter(([, found]) => Object.keys(found).length > 0);

    return Object.fromEntries(tiers);
}

function stepsOf(m)
{
    if (m.tiers !== undefined)
        return m.tiers.slice(1).map((tier) => ({ tokens: tier.range[0],
            ...rates([["input", tier.in], ["cached_input", tier.cache_read], ["output", tier.out]]) }));
    return Object.keys(m)
        .map((key) => /^in_gt([0-9]+)k$/.exec(key))
        .filter((match) => match !== null)
        .map((match) => Number(match[1]))
        .sort((a, b) => a - b)
        .map((k) => ({ tokens: k * 1000, ...rates([["input", m[`in_gt${k}k`]],
            ["cached_input", m[`cache_read_gt${k}k`]], ["output", m[`out_gt${k}k`]]]) }));
}

function priceOf(m)
{
    const tiers = tiersOf(m);
    const steps = stepsOf(m);
    const price = withoutRepeats(baseRates(m));

    if (Object.keys(tiers).length > 0)
        price.tiers = tiers;
    if (steps.length > 0)
        price.above = steps;
    return price;
}

function capsOf(m)
{
    return [...m.caps ?? [], ...noSampling.test(m.model) ? ["no_sampling"] : []]
        .filter((cap) => caps.includes(cap));
}

function facesOf(m)
{
    if (m.mode === "embedding")
        return ["embeddings"];
    if (m.mode === "responses")
        return ["responses"];
    return (m.endpoints ?? []).map((path) => faces[path]).filter((face) => face !== undefined);
}

function known(m)
{
    return { provider: m.provider, model: m.model, price: priceOf(m), context_tokens: m.context,
        max_output_tokens: maxOutput[`${m.provider}/${m.model}`] ?? m.max_output,
        capabilities: capsOf(m), endpoints: facesOf(m) };
}

// As the value of `price` in a configuration.
function yaml(value)
{
    if (Array.isArray(value))
        return `[${value.map(yaml).join(", ")}]`;
    if (typeof value === "object")
        return `{${Object.entries(value).map(([key, one]) => `${key}: ${yaml(one)}`).join(", ")}}`;
    return String(value);
}

function bits(names, chosen)
{
    return `0x${chosen.reduce((sum, name) => sum | 1 << names.indexOf(name), 0).toString(16)}`;
}

function defRow(m)
{
    return `MODEL("${m.provider}", "${m.model}",\n      "${yaml(m.price)}",\n      ` +
        `${m.context_tokens ?? 0}, ${m.max_output_tokens ?? 0}, ${bits(caps, m.capabilities)}, ` +
        `${bits(Object.values(faces), m.endpoints)})`;
}

function jsonRow(m)
{
    const row = { ...m };

    for (const list of ["capabilities", "endpoints"])
        if (row[list].length === 0)
            delete row[list];
    return JSON.stringify(row);
}

function order(a, b)
{
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const isJson = process.argv[2] === "--json";
const { models } = JSON.parse(readFileSync(process.argv[isJson ? 3 : 2], "utf8"));
const rows = models
    .filter(isChargeable)
    .sort((a, b) => order(a.provider, b.provider) || order(a.model, b.model))
    .map(known);

if (isJson)
    console.log(`{"models":[\n${rows.map(jsonRow).join(",\n")}\n]}`);
else
    console.log(`/* Made by tools/mkcatalog.mjs; do not edit. SPDX-License-Identifier: Apache-2.0
 *
 * List prices and limits of models as of 2026-08-01. Facts from LiteLLM's
 * model_prices_and_context_window.json (BerriAI/litellm, MIT licence), and two output
 * limits from models.dev (MIT licence, 2026-07-02). A vendor may have changed them since:
 * what the configuration says counts.
 *
 * MODEL(provider, model, price, context_tokens, max_output_tokens, caps, endpoints): see
 * gateway/catalog.h. Sorted by bytes. */
${rows.map(defRow).join("\n")}`);
