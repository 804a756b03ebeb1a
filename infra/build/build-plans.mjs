/**
 * Builds pipelines as one file each, for servers of this and of other releases, with a list of them (`manifest.json`).
 *
 * By itself: `npm run build:plans -- --out <folder> [--root <sources>]`. A server that is started with `HITLAKE_PLANS=<folder>`
 * takes these for its release's own: so a mended pipeline is brought in without another release. `--root`: a folder with
 * the sources (`pipelines`, `core`, `schemas`) and `node_modules`; left out, it is this one.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundlePlan } from './bundle-plan.mjs'

/** By pipeline, the module that a plan's file is made of. */
const plans = { hits: 'pipelines/runtime/plans/hits-entry.ts' }

/** The compiled modules must be there: how a version is made of its parts is theirs to say. */
export async function buildPlans({ root, out }) {
  const { planVersion } = await import('../../dist/pipelines/plan/canonical.js')
  mkdirSync(out, { recursive: true })
  const manifest = {}
  for (const [pipeline, entry] of Object.entries(plans)) {
    const { bundle, ...facts } = await bundlePlan({ entry, root })
    const file = `${pipeline}.mjs`
    writeFileSync(join(out, file), bundle)
    manifest[pipeline] = { version: planVersion(facts.text, facts.code), file, ...facts }
  }
  writeFileSync(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return manifest
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const here = fileURLToPath(new URL('../..', import.meta.url))
  const { values } = parseArgs({ options: { out: { type: 'string' }, root: { type: 'string', default: here } } })
  if (values.out === undefined) {
    console.error('say where to: npm run build:plans -- --out <folder>')
    process.exit(1)
  }
  const out = resolve(values.out)
  for (const [pipeline, { version }] of Object.entries(await buildPlans({ root: resolve(values.root), out }))) {
    console.log(`${pipeline} ${version}: start with HITLAKE_PLANS=${out}`)
  }
}
