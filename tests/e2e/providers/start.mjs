// SPDX-License-Identifier: Apache-2.0
// Starts any of the mocks: start('anthropic'), start('deepseek'), start('bedrock', {shred: 7}).
import { startAnthropic } from './anthropic.mjs';
import { startAzure } from './azure.mjs';
import { startBedrock } from './bedrock.mjs';
import { startCohere } from './cohere.mjs';
import { startCompatible, vendors } from './compatible.mjs';
import { startGemini } from './gemini.mjs';
import { startOpenai } from './openai.mjs';

const kinds = { openai: startOpenai, anthropic: startAnthropic, gemini: startGemini, bedrock: startBedrock, azure: startAzure, cohere: startCohere };

export const providerNames = [...Object.keys(kinds), ...Object.keys(vendors)];

export async function start(name, options = {}) {
  const mock = await (kinds[name] ? kinds[name](options) : startCompatible({ ...options, vendor: name }));
  mock.name = name;
  mock.provider = mock.config(mock.url);
  return mock;
}
