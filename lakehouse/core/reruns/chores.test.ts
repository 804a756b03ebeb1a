import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { createChores } from './chores.ts'
import type { RerunDriverOptions } from './driver-options.ts'
import { rerunGarbageGraceMs } from './limits.ts'

describe('files of a rerun that is over', () => {
  it('stay as long as a reader may hold a view that has them, and go then', async () => {
    const clock = new ManualClock(1_000_000)
    const store = createMemoryControlStore()
    const lake = createMemoryLake({ random: seededRandom(1), clock, state: new MemoryLakeState() })
    await lake.stage('hits', 'staged/hits/rerun-7-backfill-x1-0.parquet', [hitRow({})])
    await lake.stage('hits', 'staged/hits/hits-1-0000000001.parquet', [hitRow({})])
    // Of a lake chores use what it has staged, and no more.
    const chores = createChores({ store, clock, lake: lake as unknown as RerunDriverOptions['lake'] })
    await chores.round([])
    clock.advance(rerunGarbageGraceMs - 1)
    await chores.round([])
    expect(await lake.stagedNames()).toHaveLength(2)
    clock.advance(1)
    await chores.round([])
    expect(await lake.stagedNames()).toEqual(['staged/hits/hits-1-0000000001.parquet'])
  })
})
