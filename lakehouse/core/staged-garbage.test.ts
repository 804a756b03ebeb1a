import { describe, expect, it } from 'vitest'
import { defaultGarbageEveryMs, garbageBelowFence, garbageWhenAlone, type StagedFacts } from './staged-garbage.ts'

const facts = (staged: readonly string[], pending: readonly string[], leases = true): StagedFacts => ({
  stagedNames: async () => staged,
  pendingNames: async () => new Set(pending),
  holdsEveryLease: async () => leases,
})
const file = (job: string, fence: number, attempt = 1, table = 'hits') =>
  `staged/${table}/${job}-${fence}-${String(attempt).padStart(10, '0')}.parquet`

describe('garbage of a process that is alone', () => {
  it('is what no commit names, and is looked for at the start only', async () => {
    expect(await garbageWhenAlone.find(facts(['a', 'b', 'c'], ['b']))).toEqual(['a', 'c'])
    expect(garbageWhenAlone.everyMs).toBeNull()
  })

  it('is nothing while another has a lease', async () => {
    expect(await garbageWhenAlone.find(facts(['a'], [], false))).toEqual([])
  })
})

describe('garbage among many processes', () => {
  const lowest = new Map([
    ['hits-warehouse', 7],
    ['hits-rollups', 3],
  ])
  const rule = garbageBelowFence({ lowestFence: async (job) => lowest.get(job) })

  it('is what was staged under a fence that no partition has any more, and not committed', async () => {
    const dead = file('hits-warehouse', 6)
    const committed = file('hits-warehouse', 6, 2)
    const live = file('hits-warehouse', 7)
    const newer = file('hits-warehouse', 12, 3, 'failed_hits')
    const otherJobs = file('hits-rollups', 6, 1, 'hourly')
    const staged = [dead, committed, live, newer, otherJobs]
    expect(await rule.find(facts(staged, [committed]))).toEqual([dead])
  })

  it('is never a file of a job unknown here, nor one whose name says nothing', async () => {
    expect(await rule.find(facts([file('other', 1), 'staged/hits/odd.parquet', 'staged/x'], []))).toEqual([])
  })

  it('has the further files of an epoch that was too large for one, whose number is no fence', async () => {
    const second = (fence: number) => file('hits-warehouse', fence).replace('.parquet', '-1.parquet')
    expect(await rule.find(facts([second(6), second(7)], []))).toEqual([second(6)])
  })

  it('is looked for after the commits of old fences ended: pending files are asked for last', async () => {
    const order: string[] = []
    const asked = garbageBelowFence({
      lowestFence: async () => {
        order.push('fence')
        return 7
      },
    })
    await asked.find({
      ...facts([file('j', 1)], []),
      pendingNames: async () => {
        order.push('pending')
        return new Set()
      },
    })
    expect(order).toEqual(['fence', 'pending'])
    expect(asked.everyMs).toBe(defaultGarbageEveryMs)
  })
})
