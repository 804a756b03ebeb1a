import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { CollectorReport } from '../../core/ports/cluster-store.ts'
import type { VersionChanges } from '../../core/ports/control-store.ts'
import { createClusterFreshness } from './cluster-freshness.ts'
import { createVersions, defaultPollMs } from './versions.ts'

const merchant = 'shop' as MerchantId
const live = (log: string, visibleThrough: number): CollectorReport => ({ log, visibleThrough, state: 'live' })
const retired = (log: string, visibleThrough: number): CollectorReport => ({ log, visibleThrough, state: 'retired' })

/** A store of reports and of one day's version, which can be silent, and whose answers a test can hold. */
function setUp(...first: readonly CollectorReport[]) {
  const clock = new ManualClock(1_000_000)
  const state = {
    reports: first as readonly CollectorReport[],
    commit: 0,
    silent: new Set<'collectors' | 'versions'>(),
    asked: [] as string[],
    /** Runs when one of the two was read and before the other is. */
    between: () => {},
  }
  const store = {
    async collectors() {
      state.asked.push('collectors')
      if (state.silent.has('collectors')) throw new Error('the store is away')
      const answer = state.reports
      state.between()
      return answer
    },
    async versionsSince(since: number): Promise<VersionChanges> {
      state.asked.push('versions')
      if (state.silent.has('versions')) throw new Error('the store is away')
      const { commit } = state
      state.between()
      const changes = commit > since ? [{ merchant, day: 1, version: commit }] : []
      return { commit, changes, reset: false, positions: [], generations: [] }
    },
  }
  const versions = createVersions({ store, timers: clock })
  const freshness = createClusterFreshness({ store, versions, clock, timers: clock })
  return { clock, state, versions, freshness }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve()
}

describe('freshness of a cluster', () => {
  it('is what the slowest live collector says is visible', async () => {
    const { freshness } = setUp(live('a', 5_000), live('b', 3_000), retired('c', 1_000))
    await freshness.refresh()
    expect(freshness.read()).toBe(3_000)
  })

  it('is 0 before any collector has reported', async () => {
    const { freshness } = setUp()
    expect(freshness.read()).toBe(0)
    await freshness.refresh()
    expect(freshness.read()).toBe(0)
  })

  it('is the time of the last answer where all collectors are retired', async () => {
    const { freshness, clock, state } = setUp(retired('a', 5_000))
    await freshness.refresh()
    expect(freshness.read()).toBe(1_000_000)
    clock.advance(700)
    expect(freshness.read()).toBe(1_000_000)
    state.silent.add('collectors')
    await freshness.refresh()
    expect(freshness.read()).toBe(1_000_000)
  })

  it('asks again each second, and stands still while the store does not answer', async () => {
    const { freshness, clock, state } = setUp(live('a', 1_000))
    await freshness.start()
    state.reports = [live('a', 2_000)]
    clock.advance(defaultPollMs)
    await turns()
    expect(freshness.read()).toBe(2_000)
    state.reports = [live('a', 3_000)]
    state.silent.add('collectors')
    clock.advance(defaultPollMs)
    await turns()
    expect(freshness.read()).toBe(2_000)
    state.silent.clear()
    clock.advance(defaultPollMs)
    await turns()
    expect(freshness.read()).toBe(3_000)
    freshness.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not move while versions are not known: old numbers would pass for new ones', async () => {
    const { freshness, state } = setUp(live('a', 1_000))
    await freshness.refresh()
    state.reports = [live('a', 2_000)]
    state.silent.add('versions')
    await freshness.refresh()
    expect(freshness.read()).toBe(1_000)
  })

  it('does not run back when a collector begins that has nothing to show yet', async () => {
    const { freshness, state } = setUp(live('a', 5_000))
    await freshness.refresh()
    state.reports = [live('a', 6_000), live('new', 0)]
    await freshness.refresh()
    expect(freshness.read()).toBe(5_000)
  })

  it('promises nothing whose version is not known yet, though it was published while it asked', async () => {
    const { freshness, versions, state } = setUp(live('a', 1_000))
    await freshness.refresh()
    const before = versions.versionOf(merchant, 1, 1)
    state.between = () => {
      // A publication, and the collector says so at once.
      state.commit = 1
      state.reports = [live('a', 9_000)]
      state.between = () => {}
    }
    await freshness.refresh()
    expect(freshness.read()).toBe(1_000)
    await freshness.refresh()
    expect(freshness.read()).toBe(9_000)
    // Known no later than `asOf`: an answer of before is not given as one of now.
    expect(versions.versionOf(merchant, 1, 1)).toBeGreaterThan(before)
  })

  it('waits for a question of the versions that was asked after the reports were read', async () => {
    const { freshness, versions, state } = setUp(live('a', 1_000))
    const earlier = versions.refresh()
    await Promise.all([earlier, freshness.refresh()])
    expect(state.asked.lastIndexOf('versions')).toBeGreaterThan(state.asked.indexOf('collectors'))
    expect(freshness.read()).toBe(1_000)
  })
})
