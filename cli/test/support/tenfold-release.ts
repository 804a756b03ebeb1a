/** A release before this one, whose plan counts ten times the revenue. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { planVersion } from '../../../pipelines/plan/canonical.ts'
import { changedSources } from '../../../pipelines/test/support/built-releases.ts'
import type { Counts } from './recount.ts'

/** Its plans in a folder below `parent`, for `HITLAKE_PLANS`. */
export async function tenfoldRelease(parent: string): Promise<string> {
  const folder = join(parent, 'tenfold-plans')
  const sources = changedSources()
  try {
    const { bundle, ...facts } = await sources.bundle([
      {
        file: 'pipelines/jobs/enrich.ts',
        from: 'revenue.currency === hit.currency ? revenue.micros : 0n',
        to: 'revenue.currency === hit.currency ? revenue.micros * 10n : 0n',
      },
    ])
    mkdirSync(folder)
    writeFileSync(join(folder, 'hits.mjs'), bundle)
    const entry = { version: planVersion(facts.text, facts.code), file: 'hits.mjs', ...facts }
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ hits: entry }))
    return folder
  } finally {
    sources.remove()
  }
}

/** What its plan makes of what this release's makes these numbers of. */
export function tenfold(buckets: ReadonlyMap<string, Counts>): ReadonlyMap<string, Counts> {
  const cents = (text: string) => BigInt(text.replace('.', ''))
  const decimal = (of: bigint) => (Number(of) / 100).toFixed(2)
  return new Map(
    [...buckets].map(([start, counts]) => [start, { ...counts, revenue: decimal(10n * cents(counts.revenue)) }]),
  )
}
