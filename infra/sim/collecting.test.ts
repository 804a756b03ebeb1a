import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { KeptRecords } from './collecting.ts'
import { SimDisk } from './sim-disk.ts'

describe('what is known of a log', () => {
  it('is each record once, though it is read by several at once', async () => {
    const disk = new SimDisk()
    const log = await openSegmentLog({
      ...{ disk: disk.memory, folder: 'log', timers: new ManualClock(), random: seededRandom(1) },
    })
    for (const text of ['a', 'b', 'c']) await log.append(Buffer.from(text))
    const records = new KeptRecords(disk, 'log')
    await Promise.all([records.observe(log), records.observe(log)])
    expect(records.observed.map(({ payload }) => String(payload))).toEqual(['a', 'b', 'c'])
    await log.close()
  })
})
