/**
 * Builds `dist/` from the sources: the compiled modules, beside them the Avro schemas they read, and in `plans/` the
 * pipelines that earlier and later releases may be asked to run, one file each.
 * `dist` is emptied first, so a file that was deleted from the sources cannot go on running. Types are not checked here, which
 * would take most of the time: `npm run types` does, and `npm test` with it.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildPlans } from './build-plans.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)

rmSync('dist', { recursive: true, force: true })
rmSync('node_modules/.cache/tsc.build.tsbuildinfo', { force: true })
mkdirSync('node_modules/.cache', { recursive: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
for (const folder of ['schemas/avro']) {
  if (existsSync(folder)) cpSync(folder, `dist/${folder}`, { recursive: true, filter: (from) => !from.endsWith('.ts') })
}

await buildPlans({ root, out: 'dist/plans' })
