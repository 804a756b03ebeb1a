/**
 * Builds the plan `hits` as a release of yesterday had it, with two bugs that nobody noticed: visits from search engines
 * count as direct, and orders in euros as ten times as much. `node yesterdays-release.mjs <folder for its plans>`
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPlans } from '../../../infra/build/build-plans.mjs'

const bugs = [
  {
    file: 'pipelines/jobs/traffic-source.ts',
    was: '{ source: found.source, medium: found.medium,',
    is: "{ source: found.medium === 'organic' ? directSource : found.source, medium: found.medium,",
  },
  {
    file: 'pipelines/jobs/enrich.ts',
    was: 'revenue.currency === hit.currency ? revenue.micros : 0n',
    is: "revenue.currency === hit.currency ? revenue.micros * (hit.currency === 'EUR' ? 10n : 1n) : 0n",
  },
]

const [to] = process.argv.slice(2)
if (to === undefined) throw new Error('say where its plans shall lie')
const release = fileURLToPath(new URL('../../..', import.meta.url))
const out = resolve(to)
const root = `${out}-sources`
mkdirSync(root, { recursive: true })
for (const part of ['core', 'pipelines', 'schemas', 'package.json']) {
  cpSync(join(release, part), join(root, part), { recursive: true })
}
symlinkSync(join(release, 'node_modules'), join(root, 'node_modules'))
for (const { file, was, is } of bugs) {
  const text = readFileSync(join(root, file), 'utf8')
  if (!text.includes(was)) throw new Error(`${file} has changed: there is no ${was}`)
  writeFileSync(join(root, file), text.replace(was, is))
}
const { hits } = await buildPlans({ root, out })
rmSync(root, { recursive: true })
console.log(`yesterday's plan: ${hits.version}`)
