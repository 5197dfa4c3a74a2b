// Packs the package as it would be published, and checks what is in it, its exports and its types.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'chatcqrs-pack-'));
const run = (program, ...parameters) =>
  execFileSync(program, parameters, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const [packed] = JSON.parse(run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder));
  const names = packed.files.map(({ path }) => path);
  const unexpected = names.filter((path) => !/^(dist\/.*\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path));
  if (unexpected.length > 0) throw new Error(`These do not belong into the package: ${unexpected.join(', ')}`);
  for (const path of ['dist/index.js', 'dist/store/index.d.ts', 'dist/react/index.js', 'README.md', 'LICENSE'])
    if (!names.includes(path)) throw new Error(`${path} is missing in the package.`);
  console.log(`${packed.filename}: ${names.length} files, ${packed.size} bytes`);
  const archive = join(folder, packed.filename);
  console.log(run('npx', 'publint', archive, '--strict'));
  console.log(run('npx', 'attw', archive, '--profile', 'esm-only', '--format', 'table-flipped'));
} finally {
  rmSync(folder, { recursive: true });
}
