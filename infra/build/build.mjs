/**
 * Builds `dist/` from the sources: the compiled modules, beside them the Avro schemas they read, in `plans/` the pipelines
 * that earlier and later releases may be asked to run, one file each, and in `bundle/` what processes load as they start.
 * `dist` is emptied first, so a file that was deleted from the sources cannot go on running; where it was built of the very
 * same sources it stays as it is. Types are not checked here, which would take most of the time: `npm run types` does, and
 * `npm test` with it.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPlans } from './build-plans.mjs'
import { bundleModules } from './bundle-modules.mjs'
import { sourcesHash } from './sources-hash.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)

const compiled = JSON.parse(readFileSync('tsconfig.build.json', 'utf8')).include
const builders = ['build.mjs', 'build-plans.mjs', 'bundle-modules.mjs', 'bundle-plan.mjs'].map(
  (name) => `infra/build/${name}`,
)
const sources = sourcesHash({
  root,
  folders: compiled,
  files: [...builders, 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
})
/** Written last: a build that was cut off has none. */
const builtOf = 'dist/.sources'
if (existsSync(builtOf) && readFileSync(builtOf, 'utf8') === sources) process.exit(0)

rmSync('dist', { recursive: true, force: true })
rmSync('node_modules/.cache/tsc.build.tsbuildinfo', { force: true })
mkdirSync('node_modules/.cache', { recursive: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
for (const folder of ['schemas/avro']) {
  if (existsSync(folder)) cpSync(folder, `dist/${folder}`, { recursive: true, filter: (from) => !from.endsWith('.ts') })
}

await buildPlans({ root, out: 'dist/plans' })
await bundleModules({ root, dist: join(root, 'dist') })
writeFileSync(builtOf, sources)
