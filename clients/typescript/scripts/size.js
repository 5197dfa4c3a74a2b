// Prints what the built package weighs, minified and compressed. Fails where the core weighs more than it may.
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bytes of the core, minified, gzip level 9. */
const coreMax = 15 * 1024;

async function sizeOf(entry) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../dist/${entry}`, import.meta.url))],
    bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, logLevel: 'error',
  });
  const { contents } = outputFiles[0];
  return { minified: contents.length, gzip: gzipSync(contents, { level: 9 }).length };
}

for (const entry of ['index.js', 'store/index.js', 'react/index.js']) {
  const { minified, gzip } = await sizeOf(entry);
  console.log(`${entry.padEnd(16)} ${minified} bytes minified, ${gzip} bytes gzip`);
  if (entry === 'index.js' && gzip > coreMax) {
    console.error(`The core may weigh at most ${coreMax} bytes.`);
    process.exitCode = 1;
  }
}
