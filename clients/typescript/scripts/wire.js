// node scripts/wire.js URL [--check]: writes src/generated/rest.ts, the types of a running server's OpenAPI document and
// the codes of its errors; with --check only compares them with what is there.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const [url, check] = process.argv.slice(2);
const file = fileURLToPath(new URL('../src/generated/rest.ts', import.meta.url));
const document = await (await fetch(new URL('/swagger/v1/swagger.json', url))).json();

const codes = new Set();
const plain = cleanEach(document.components.schemas);
for (const [name, schema] of Object.entries(plain)) {
  const { code } = schema.properties ?? {};
  for (const value of code?.enum ?? []) codes.add(value);
  if (code?.enum && schema.properties.trace_id) delete plain[name]; // The problems of one operation.
}
// Only shapes, in a stable order: a changed description is no change of a type.
const schemas = Object.fromEntries(Object.entries(plain).sort(([a], [b]) => (a < b ? -1 : 1)));
const types = astToString(await openapiTS({ openapi: document.openapi, info: document.info, components: { schemas } }));
const text = [
  '// Generated from the OpenAPI document of a running server by scripts/wire.js. Do not edit.',
  '',
  '/** The codes of the errors that calls answer with. */',
  `export type ServerCode =${[...codes].sort().map((code) => `\n  | '${code}'`).join('')};`,
  '',
  `export interface Schemas ${types.match(/^ {4}schemas: (\{\n[\s\S]*?^ {4}\})/m)[1].replaceAll(/^ {4}/gm, '')
    .replaceAll('components["schemas"]', 'Schemas').replaceAll(/^( +)/gm, (spaces) => spaces.slice(spaces.length / 2))}`,
  '',
].join('\n');

if (check !== '--check') writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error(`src/generated/rest.ts is not what ${url} says. Renew it: npm run wire -- ${url}`);
  process.exitCode = 1;
}

/** A schema without its words. */
function clean(schema) {
  if (Array.isArray(schema)) return schema.map(clean);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema)
    .filter(([name]) => !['description', 'title', 'example', 'examples'].includes(name));
  return Object.fromEntries(kept.map(([name, what]) => [name, name === 'properties' ? cleanEach(what) : clean(what)]));
}

/** Schemas by name: a member may well be called `title`. */
function cleanEach(schemas) {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, clean(schema)]));
}
