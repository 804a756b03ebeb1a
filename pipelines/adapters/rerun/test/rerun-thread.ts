/** A thread of reruns over a lake in a folder, as the embedded process has them, with plans that misbehave. */
import { writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../../../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom } from '../../../../core/adapters/node/system.ts'
import { createHasher } from '../../../../core/sketch/hasher.ts'
import { createLocalLake } from '../../../../lakehouse/adapters/local/local-lake.ts'
import { createLocalRerunLake } from '../../../../lakehouse/adapters/local/rerun-lake.ts'
import { createHitsJob, hitsPipeline } from '../../../jobs/hits.ts'
import type { Pipeline } from '../../../plan/draft.ts'
import { createSplitRunner } from '../../../runtime/rerun/split-runner.ts'
import { serveRerunThread } from '../serve-rerun-thread.ts'

export interface TestSettings {
  readonly root: string
  readonly folder: string
  readonly location: string
  /** A file that appears as soon as a split hangs. */
  readonly hangs: string
}

serveRerunThread<TestSettings>(async ({ root, folder, location, hangs }, { store }) => {
  const objects = await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' })
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const scratch = join(root, folder, 'scratch-of-thread')
  const common = { objects, instance, scratch, random: systemRandom, location }
  const { visitorHash } = await createHasher()
  const inputs = () =>
    createHitsJob({
      ...{ store, visitorHash, country: () => 'DE', dataSets: { country: '1' } },
      userAgents: {
        read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
      },
    }).inputs
  return createSplitRunner({
    versions: { load: (version) => misbehaving(version, hangs) },
    ...{ inputs, store },
    lake: createLocalRerunLake(common),
    writer: createLocalLake({ ...common, clock: systemClock }),
  })
})

async function misbehaving(version: string, hangs: string): Promise<Pipeline> {
  if (version === 'dies') process.exit(7)
  if (version === 'hangs') {
    writeFileSync(hangs, '')
    await new Promise(() => {})
  }
  if (version === 'priority') throw new RangeError(`priority ${getPriority(0)}`)
  return hitsPipeline
}
