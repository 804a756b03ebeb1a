/** Releases whose sources differ from these: their plans, as a build makes them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BundledPlan, bundlePlan } from '../../../infra/build/bundle-plan.mjs'
import { planVersion } from '../../plan/canonical.ts'
import type { BuiltPlan } from '../../runtime/plans/plan-record.ts'

export const sources = fileURLToPath(new URL('../../..', import.meta.url))
export const hitsEntry = 'pipelines/runtime/plans/hits-entry.ts'

export interface SourceChange {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface ChangedSources {
  /** Where they lie. */
  readonly root: string
  /** The plan `hits` of a release that has these changes, and no others. @throws Error where there is nothing to change */
  bundle(changes: readonly SourceChange[]): Promise<BundledPlan>
  remove(): void
}

/** A copy of all that plans are built of. */
export function changedSources(): ChangedSources {
  const root = mkdtempSync(join(tmpdir(), 'hitlake-sources-'))
  for (const folder of ['core', 'schemas', 'pipelines']) {
    cpSync(join(sources, folder), join(root, folder), { recursive: true })
  }
  cpSync(join(sources, 'package.json'), join(root, 'package.json'))
  symlinkSync(join(sources, 'node_modules'), join(root, 'node_modules'))
  return {
    root,
    async bundle(changes) {
      const kept = changes.map(({ file }) => [file, readFileSync(join(root, file), 'utf8')] as const)
      try {
        for (const { file, from, to } of changes) {
          const text = readFileSync(join(root, file), 'utf8')
          if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
          writeFileSync(join(root, file), text.replace(from, to))
        }
        return await bundlePlan({ entry: hitsEntry, root })
      } finally {
        for (const [file, text] of kept) writeFileSync(join(root, file), text)
      }
    },
    remove: () => rmSync(root, { recursive: true }),
  }
}

/** What the manifest of a build says, and the file. */
export function builtPlan({ bundle, dataSets: inside, ...facts }: BundledPlan, pipeline = 'hits'): BuiltPlan {
  const version = planVersion(facts.text, facts.code)
  return { ...facts, pipeline, version, inside, bundle: Buffer.from(bundle) }
}
